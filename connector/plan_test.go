package connector

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"todosync/mapping"
)

// planned writes what an event led to: the outcome, then each delivery as scene, receiver, state, and what else is told.
func planned(o ConnectionOutcome) []string {
	out := []string{string(o.Outcome)}
	for _, d := range o.Deliveries {
		s := fmt.Sprintf("%s %s %s", d.Scene, strings.Join(idsOf(d.Recipients), ","), d.State)
		if d.Class != "" {
			s += " " + string(d.Class)
		}
		if d.External > 1 {
			s += fmt.Sprintf(" _%d", d.External)
		}
		if !d.Due.IsZero() {
			s += " due"
		}
		out = append(out, s)
	}
	return out
}

// A plannerTest plays events at connection 1 of tenant T; connection 2 of the same tenant exists for its bindings alone.
type plannerTest struct {
	known   *Known
	program *Program
	seq     uint64
	ids     int
}

func newPlannerTest(change func(*Connection)) *plannerTest {
	c := Defaults()
	c.Tenant, c.Name = "T", "c"
	c.Scenes = map[Scene]*SceneSettings{}
	for _, s := range []Scene{SceneCreate, SceneEdit, SceneDone, SceneDelete, SceneRemind} {
		c.Scenes[s] = &SceneSettings{Enabled: true}
	}
	if change != nil {
		change(&c)
	}
	p := &Program{Conn: 1, Key: c.Key(), Settings: &c, scenes: map[Scene]*sceneProgram{}}
	for s, set := range c.Scenes {
		if set.Enabled {
			p.scenes[s] = &sceneProgram{mode: c.Receivers, accounts: true}
		}
	}
	other := Defaults()
	other.Tenant, other.Name = "T", "other"
	q := &Program{Conn: 2, Key: other.Key(), Settings: &other}
	return &plannerTest{program: p, known: &Known{
		Programs: map[string][]*Program{"T": {p, q}},
		Todos:    map[TodoKey]*Todo{},
		Bindings: map[UserKey]Binding{
			{1, "a"}: {Account: "oa-a"}, {1, "b"}: {Account: "oa-b"}, {1, "c"}: {Account: "oa-c"}, {2, "x"}: {Account: "oa-x"},
		},
	}}
}

// play plans one event. receivers are ids; a trailing ! says that this one's own status is finished.
func (p *plannerTest) play(action Action, change func(*Event), receivers ...string) ConnectionOutcome {
	p.seq++
	e := &Event{
		Sequence: p.seq, Tenant: "T", Kind: KindTodo, Action: action, ID: "e" + strconv.FormatUint(p.seq, 10),
		Object: Object{ID: "t", Title: "title"},
	}
	for _, r := range receivers {
		id, done := strings.CutSuffix(r, "!")
		e.Object.Receivers = append(e.Object.Receivers, Receiver{ID: id, Finished: done})
	}
	if change != nil {
		change(e)
	}
	out := PlanEvent(p.known, e, time.Unix(int64(p.seq), 0), func() string { p.ids++; return "d" + strconv.Itoa(p.ids) })
	return out.Outcomes[0]
}

func (p *plannerTest) lane(receiver string) *Lane {
	return p.known.Todos[TodoKey{1, KindTodo, "t"}].Lanes[receiver]
}

// arrived makes all that waits in a lane succeeded, as if the OA had taken it.
func (p *plannerTest) arrived(receivers ...string) {
	for _, r := range receivers {
		l := p.lane(r)
		l.Waiting, l.Left, l.Presence, l.Has, l.Account = nil, true, Present, l.External, "oa-"+r
	}
}

func finished(e *Event) { e.Object.Finished = true }

func version(n int64) func(*Event) {
	return func(e *Event) { e.Object.Version, e.Object.Versioned = n, true }
}

func TestPlan(t *testing.T) {
	t.Parallel()
	type steps func(p *plannerTest) [][]string
	tests := map[string]struct {
		settings func(*Connection)
		play     steps
		want     [][]string
	}{
		"a todo's life": {
			play: func(p *plannerTest) [][]string {
				one := planned(p.play(ActionCreate, nil, "a"))
				p.arrived("a")
				two := planned(p.play(ActionEdit, nil, "a"))
				p.arrived("a")
				three := planned(p.play(ActionEdit, finished, "a"))
				p.arrived("a")
				return [][]string{one, two, three, planned(p.play(ActionDelete, nil))}
			},
			want: [][]string{
				{"planned", "create a pending due"},
				{"planned", "edit a pending due"},
				{"planned", "done a pending due"},
				{"planned", "delete a pending due"},
			},
		},
		"what waits holds back what follows, in its own lane alone": {
			play: func(p *plannerTest) [][]string {
				return [][]string{
					planned(p.play(ActionCreate, nil, "a", "b")),
					planned(p.play(ActionEdit, nil, "a", "c")),
				}
			},
			want: [][]string{
				{"planned", "create a pending due", "create b pending due"},
				{"planned", "delete b superseded", "edit a pending", "create c pending due"},
			},
		},
		"receivers that change: gone, staying, new": {
			play: func(p *plannerTest) [][]string {
				p.play(ActionCreate, nil, "a", "b")
				p.arrived("a", "b")
				return [][]string{planned(p.play(ActionEdit, nil, "b", "c"))}
			},
			want: [][]string{{"planned", "delete a pending due", "edit b pending due", "create c pending due"}},
		},
		"with edit off transfers still go": {
			settings: func(c *Connection) { c.Scenes[SceneEdit].Enabled = false },
			play: func(p *plannerTest) [][]string {
				p.play(ActionCreate, nil, "a")
				p.arrived("a")
				return [][]string{planned(p.play(ActionEdit, nil, "a")), planned(p.play(ActionEdit, nil, "b"))}
			},
			want: [][]string{{"scene_off"}, {"planned", "delete a pending due", "create b pending due"}},
		},
		"countersigning: each ends on his own, once": {
			play: func(p *plannerTest) [][]string {
				p.play(ActionCreate, nil, "a", "b")
				p.arrived("a", "b")
				one := planned(p.play(ActionEdit, nil, "a!", "b"))
				p.arrived("a", "b")
				two := planned(p.play(ActionEdit, nil, "a!", "b"))
				p.arrived("a", "b")
				return [][]string{one, two, planned(p.play(ActionEdit, finished, "a!", "b!"))}
			},
			want: [][]string{
				{"planned", "done a pending due", "edit b pending due"},
				{"planned", "edit b pending due"},
				{"planned", "done a pending due", "done b pending due"},
			},
		},
		"a finished edit that names nobody ends it for all": {
			play: func(p *plannerTest) [][]string {
				p.play(ActionCreate, nil, "a", "b")
				p.arrived("a", "b")
				return [][]string{planned(p.play(ActionEdit, finished))}
			},
			want: [][]string{{"planned", "done a pending due", "done b pending due"}},
		},
		"a finished edit is an edit where done is off": {
			settings: func(c *Connection) { c.Scenes[SceneDone].Enabled = false },
			play: func(p *plannerTest) [][]string {
				p.play(ActionCreate, nil, "a")
				p.arrived("a")
				return [][]string{planned(p.play(ActionEdit, finished, "a"))}
			},
			want: [][]string{{"planned", "edit a pending due"}},
		},
		"pending after finished is a re-opening": {
			play: func(p *plannerTest) [][]string {
				p.play(ActionCreate, nil, "a")
				p.play(ActionEdit, finished, "a")
				p.arrived("a")
				return [][]string{planned(p.play(ActionEdit, nil, "a"))}
			},
			want: [][]string{{"planned", "create a pending due"}},
		},
		"re-opening under a new id": {
			settings: func(c *Connection) { c.Reopen = ReopenNewID },
			play: func(p *plannerTest) [][]string {
				p.play(ActionCreate, nil, "a")
				p.arrived("a")
				p.play(ActionEdit, finished, "a")
				p.arrived("a")
				one := planned(p.play(ActionEdit, nil, "a"))
				p.arrived("a")
				return [][]string{one, planned(p.play(ActionEdit, nil, "a"))}
			},
			want: [][]string{{"planned", "create a pending _2 due"}, {"planned", "edit a pending _2 due"}},
		},
		"re-opening under a new id while others of the list have it open": {
			settings: func(c *Connection) { c.Receivers.As, c.Reopen = mapping.List, ReopenNewID },
			play: func(p *plannerTest) [][]string {
				p.play(ActionCreate, nil, "a", "b")
				common := p.lane("")
				common.Waiting, common.Left, common.Presence, common.Has = nil, true, Present, 1
				common.People = map[string]Holder{"a": {Account: "oa-a", As: 1}, "b": {Account: "oa-b", As: 1}}
				gone := planned(p.play(ActionEdit, nil, "a"))
				waits := planned(p.play(ActionEdit, nil, "a", "b")) // b's delete still waits: he leaves behind it
				common.takeOut("b")
				common.Waiting = nil
				again := planned(p.play(ActionDelete, nil, "b"))
				common.Waiting = nil
				return [][]string{gone, waits, again, planned(p.play(ActionEdit, nil, "a", "b"))}
			},
			want: [][]string{
				{"planned", "delete b pending due", "edit a pending"},
				{"planned", "edit a pending", "create b pending _2"},
				{"planned", "delete b pending due"},
				{"planned", "edit a pending due", "create b pending _2 due"},
			},
		},
		"an edit as a re-creation": {
			settings: func(c *Connection) { c.EditAs = EditAsRecreate; delete(c.Scenes, SceneEdit) },
			play: func(p *plannerTest) [][]string {
				p.play(ActionCreate, nil, "a")
				p.arrived("a")
				return [][]string{planned(p.play(ActionEdit, nil, "a"))}
			},
			want: [][]string{{"planned", "delete a pending due", "create a pending"}},
		},
		"a re-creation under a new id creates first": {
			settings: func(c *Connection) {
				c.EditAs, c.Reopen = EditAsRecreate, ReopenNewID
				delete(c.Scenes, SceneEdit)
			},
			play: func(p *plannerTest) [][]string {
				p.play(ActionCreate, nil, "a")
				p.arrived("a")
				return [][]string{planned(p.play(ActionEdit, nil, "a"))}
			},
			want: [][]string{{"planned", "create a pending _2 due", "delete a pending"}},
		},
		"never sent, then ended: nothing is sent": {
			play: func(p *plannerTest) [][]string {
				p.play(ActionCreate, nil, "a")
				p.play(ActionEdit, nil, "a")
				waiting := p.lane("a").Waiting
				one := planned(p.play(ActionDelete, nil))
				var after []string
				for _, d := range waiting {
					after = append(after, string(d.Scene)+" "+string(d.State)+" by "+d.SupersededBy)
				}
				return [][]string{one, after}
			},
			want: [][]string{{"planned", "delete a superseded"}, {"create superseded by d3", "edit superseded by d3"}},
		},
		"tried and never left, then ended: nothing is sent": {
			play: func(p *plannerTest) [][]string {
				p.play(ActionCreate, nil, "a")
				w := p.lane("a").Waiting[0]
				w.State, w.Attempts, w.Tries = Retrying, 3, 3 // the OA's port was closed
				return [][]string{planned(p.play(ActionDelete, nil)), {string(w.State)}}
			},
			want: [][]string{{"planned", "delete a superseded"}, {"superseded"}},
		},
		"sent without an answer, then ended: the end is sent": {
			play: func(p *plannerTest) [][]string {
				p.play(ActionCreate, nil, "a")
				w := p.lane("a").Waiting[0]
				w.State, w.Attempts, w.Unanswered = Retrying, 1, true
				return [][]string{planned(p.play(ActionDelete, nil))}
			},
			want: [][]string{{"planned", "delete a pending"}},
		},
		"sent and refused, then ended: nothing is there": {
			play: func(p *plannerTest) [][]string {
				p.play(ActionCreate, nil, "a")
				l := p.lane("a")
				l.Waiting, l.Left = nil, true
				return [][]string{planned(p.play(ActionEdit, finished, "a"))}
			},
			want: [][]string{{"planned", "done a pending due"}},
		},
		"an end of what was never there": {
			play: func(p *plannerTest) [][]string {
				return [][]string{planned(p.play(ActionDelete, nil)), planned(p.play(ActionDelete, nil, "a"))}
			},
			want: [][]string{{"no_receiver"}, {"planned", "delete a skipped nothing_there"}},
		},
		"created again: who stays gets the edit": {
			play: func(p *plannerTest) [][]string {
				p.play(ActionCreate, nil, "a")
				p.arrived("a")
				return [][]string{planned(p.play(ActionCreate, nil, "a", "b"))}
			},
			want: [][]string{{"planned", "edit a pending due", "create b pending due"}},
		},
		"what is being sent is not superseded": {
			play: func(p *plannerTest) [][]string {
				p.play(ActionCreate, nil, "a")
				p.lane("a").Waiting[0].State = Sending
				return [][]string{planned(p.play(ActionDelete, nil))}
			},
			want: [][]string{{"planned", "delete a pending"}},
		},
		"unbound is held, and what follows waits behind it": {
			play: func(p *plannerTest) [][]string {
				return [][]string{planned(p.play(ActionCreate, nil, "n")), planned(p.play(ActionEdit, nil, "n"))}
			},
			want: [][]string{{"planned", "create n held unbound"}, {"planned", "edit n held unbound"}},
		},
		"unbound fails or is skipped where the connection says so": {
			settings: func(c *Connection) { c.Unbound = UnboundSkip },
			play: func(p *plannerTest) [][]string {
				one := planned(p.play(ActionCreate, nil, "n"))
				p.program.Settings.Unbound = UnboundFail
				return [][]string{one, planned(p.play(ActionEdit, nil, "n"))}
			},
			want: [][]string{{"planned", "create n skipped unbound"}, {"planned", "edit n failed unbound"}},
		},
		"bound elsewhere is not this connection's": {
			play: func(p *plannerTest) [][]string {
				return [][]string{planned(p.play(ActionCreate, nil, "x")), planned(p.play(ActionEdit, nil, "x", "a"))}
			},
			want: [][]string{{"filtered"}, {"planned", "create a pending due"}},
		},
		"old versions are stale, no version never is": {
			play: func(p *plannerTest) [][]string {
				return [][]string{
					planned(p.play(ActionCreate, version(3), "a")), planned(p.play(ActionEdit, version(3), "a")),
					planned(p.play(ActionEdit, version(2), "b")), planned(p.play(ActionEdit, nil, "a")),
					planned(p.play(ActionEdit, version(4), "a")),
				}
			},
			want: [][]string{
				{"planned", "create a pending due"},
				{"stale"},
				{"stale"},
				{"planned", "edit a pending"},
				{"planned", "edit a pending"},
			},
		},
		"a delete goes to exactly those whom it names": {
			play: func(p *plannerTest) [][]string {
				p.play(ActionCreate, nil, "a", "b")
				p.arrived("a", "b")
				one := planned(p.play(ActionDelete, nil, "b"))
				p.arrived("b")
				return [][]string{one, planned(p.play(ActionDelete, nil))}
			},
			want: [][]string{{"planned", "delete b pending due"}, {"planned", "delete a pending due"}},
		},
		"coalesce keeps the newest edit": {
			settings: func(c *Connection) { c.Coalesce = true },
			play: func(p *plannerTest) [][]string {
				p.play(ActionCreate, nil, "a")
				p.play(ActionEdit, nil, "a")
				p.play(ActionEdit, nil, "a")
				var left []string
				for _, d := range p.lane("a").Waiting {
					left = append(left, d.EventID+" "+string(d.Scene))
				}
				return [][]string{left}
			},
			want: [][]string{{"e1 create", "e3 edit"}},
		},
		"a list is one delivery, the unbound apart": {
			settings: func(c *Connection) { c.Receivers.As = mapping.List },
			play: func(p *plannerTest) [][]string {
				one := planned(p.play(ActionCreate, nil, "a", "b", "n"))
				p.arrived("")
				return [][]string{one, planned(p.play(ActionEdit, nil, "b", "c"))}
			},
			want: [][]string{
				{"planned", "create n held unbound", "create a,b pending due"},
				{"planned", "delete n superseded", "delete a pending due", "edit b pending", "create c pending"},
			},
		},
		"when chooses events and takes back what is no longer chosen": {
			settings: func(c *Connection) { c.When.Types = []string{"approval"} },
			play: func(p *plannerTest) [][]string {
				typed := func(s string) func(*Event) { return func(e *Event) { e.Object.Type = s } }
				one := planned(p.play(ActionCreate, typed("notice"), "a"))
				two := planned(p.play(ActionCreate, typed("approval"), "a"))
				p.arrived("a")
				three := planned(p.play(ActionEdit, typed("notice"), "a"))
				p.arrived("a")
				return [][]string{one, two, three}
			},
			want: [][]string{{"filtered"}, {"planned", "create a pending due"}, {"planned", "delete a pending due"}},
		},
		"a reminder is told once to each and remembered by nobody": {
			play: func(p *plannerTest) [][]string {
				remind := func(e *Event) { e.Kind = KindReminder }
				return [][]string{planned(p.play(ActionCreate, remind, "a", "b"))}
			},
			want: [][]string{{"planned", "remind a pending due", "remind b pending due"}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := tt.play(newPlannerTest(tt.settings))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlanWithoutConnection(t *testing.T) {
	t.Parallel()
	k := &Known{Programs: map[string][]*Program{}, Todos: map[TodoKey]*Todo{}, Bindings: map[UserKey]Binding{}}
	got := PlanEvent(k, &Event{Tenant: "nobody"}, time.Unix(0, 0), nil)
	if got.Outcome != OutcomeNoConnection || len(got.Outcomes) != 0 {
		t.Errorf("PlanEvent = %+v, want no_connection alone", got)
	}
}

func BenchmarkPlan(b *testing.B) {
	p := newPlannerTest(nil)
	e := &Event{Tenant: "T", Kind: KindTodo, Action: ActionCreate, Object: Object{ID: "t", Title: "x", Receivers: []Receiver{{ID: "a"}}}}
	now := time.Unix(1, 0)
	for b.Loop() {
		clear(p.known.Todos)
		PlanEvent(p.known, e, now, func() string { return "d" })
	}
}
