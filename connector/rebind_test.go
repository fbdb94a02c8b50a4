package connector

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPlanRebind(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before  func(p *plannerTest)
		account string
		want    []string
	}{
		"another account": {
			before:  func(p *plannerTest) { p.play(ActionCreate, nil, "a"); p.arrived("a") },
			account: "oa-new",
			want:    []string{"delete oa-a due", "create oa-new"},
		},
		"no account any more": {
			before: func(p *plannerTest) { p.play(ActionCreate, nil, "a"); p.arrived("a") },
			want:   []string{"delete oa-a due"},
		},
		"the same account": {
			before:  func(p *plannerTest) { p.play(ActionCreate, nil, "a"); p.arrived("a") },
			account: "oa-a",
		},
		"never sent": {
			before:  func(p *plannerTest) { p.play(ActionCreate, nil, "a") },
			account: "oa-new",
		},
		"finished": {
			before: func(p *plannerTest) {
				p.play(ActionCreate, nil, "a")
				p.arrived("a")
				p.play(ActionEdit, finished, "a")
				p.arrived("a")
			},
			account: "oa-new",
		},
		"behind what waits": {
			before: func(p *plannerTest) {
				p.play(ActionCreate, nil, "a")
				p.arrived("a")
				p.play(ActionEdit, nil, "a")
			},
			account: "oa-new",
			want:    []string{"delete oa-a", "create oa-new"},
		},
		"changed twice before anything went": {
			before: func(p *plannerTest) {
				p.play(ActionCreate, nil, "a")
				p.arrived("a")
				p.rebind("a", "oa-first")
			},
			account: "oa-new",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlannerTest(nil)
			tt.before(p)
			if diff := cmp.Diff(tt.want, p.rebind("a", tt.account)); diff != "" {
				t.Errorf("rebind (-want +got):\n%s", diff)
			}
		})
	}
}

// rebind changes a binding and writes what it led to: scene, account, and whether it may go at once.
func (p *plannerTest) rebind(receiver, account string) []string {
	todo := p.known.Todos[TodoKey{1, KindTodo, "t"}]
	event := &StoredEvent{ID: "e", Kind: KindTodo, Payload: []byte(`{"todo":{"title":"x"}}`)}
	var out []string
	for _, d := range PlanRebind(p.program, todo, receiver, account, event, time.Unix(9, 0), func() string { return "d" }) {
		s := string(d.Scene) + " " + d.Account
		if !d.Due.IsZero() {
			s += " due"
		}
		out = append(out, s)
	}
	return out
}
