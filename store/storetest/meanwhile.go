package storetest

import (
	"slices"
	"testing"

	"todosync/connector"
	"todosync/mapping"
	"todosync/retry"
)

// testMeanwhile changes bindings while the todo's create is on its way: the todo must not stay in the old account's inbox.
func testMeanwhile(t *testing.T, e Engine) {
	tests := map[string]struct {
		list   bool
		behind []Todo // accepted before the binding changes
		change func(p *player)
		end    func(w *connector.Work) connector.Change
		want   []string // what goes then: scene, receiver, account that has it, account of today
	}{
		"another account": {
			change: func(p *player) { p.bind("a", "new") },
			want:   []string{"delete a oa-a new", "create a  new"},
		},
		"changed twice": {
			change: func(p *player) { p.bind("a", "mid"); p.bind("a", "new") },
			want:   []string{"delete a oa-a new", "create a  new"},
		},
		"back again": {change: func(p *player) { p.bind("a", "new"); p.bind("a", "oa-a") }},
		"removed":    {change: func(p *player) { p.unbind("a") }, want: []string{"delete a oa-a "}},
		"another's":  {change: func(p *player) { p.bind("b", "new") }},
		"behind what waits": {
			behind: []Todo{{Action: connector.ActionEdit, Receivers: []string{"a"}}},
			change: func(p *player) { p.bind("a", "new") },
			want:   []string{"edit a oa-a new", "delete a oa-a new", "create a  new"},
		},
		"over": {
			behind: []Todo{{Action: connector.ActionDelete}},
			change: func(p *player) { p.bind("a", "new") },
			want:   []string{"delete a oa-a new"},
		},
		"failed": {
			change: func(p *player) { p.bind("a", "new") },
			end:    func(w *connector.Work) connector.Change { return outcome(w, connector.Failed, retry.Business) },
		},
		"one of several": {
			list:   true,
			change: func(p *player) { p.bind("b", "new") },
			want:   []string{"delete b oa-b new", "create b  new"},
		},
		"one who parts": {
			list:   true,
			change: func(p *player) { p.bind("b", "new") },
			end:    func(w *connector.Work) connector.Change { return parting(w, "b") },
			want:   []string{"create b  new"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			who := []string{"a"}
			p := play(t, e, func(c *connector.Connection) {
				if tt.list {
					c.Receivers.As = mapping.List
				}
			})
			if tt.list {
				who = []string{"a", "b"}
			}
			p.accept(Todo{Receivers: who})
			create := p.one()
			if len(tt.behind) > 0 {
				p.accept(tt.behind...)
			}
			tt.change(p)
			end := succeed
			if tt.end != nil {
				end = tt.end
			}
			var got []string
			for work := p.turn(10, end(&create)).Work; len(work) > 0; {
				w := work[0]
				has := w.LaneNow.Account
				if w.Lane == "" {
					has = w.LaneNow.People[idsOf(&w)].Account
				}
				got = append(got, string(w.Scene)+" "+idsOf(&w)+" "+has+" "+w.Bindings[idsOf(&w)].Account)
				c := succeed(&w)
				if w.Lane != "" {
					switch w.Scene {
					case connector.SceneCreate:
						c.Lane.Account = w.Bindings[w.Lane].Account
					case connector.SceneDelete:
						c.Lane.Account = ""
					default:
						c.Lane.Account = w.LaneNow.Account
					}
				}
				work = p.turn(10, c).Work
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("then %q, want %q", got, tt.want)
			}
		})
	}
}

// testKilledMeanwhile has the worker die between the request of a create and the commit of what came of it, while the receiver's binding changes:
// whoever takes over sends the same request to the same account again, and then moves the todo.
func testKilledMeanwhile(t *testing.T, e Engine) {
	for name, list := range map[string]bool{"each": false, "list": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := play(t, e, func(c *connector.Connection) {
				if list {
					c.Receivers.As = mapping.List
				}
			})
			p.bind("a", "first") // planned and claimed under it
			p.accept(Todo{Receivers: []string{"a"}})
			p.bind("a", "second")
			if create := p.one(); create.Bound() != "second" {
				t.Fatalf("the create goes to %q", create.Bound())
			}
			p.bind("a", "third")
			if _, err := p.db.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
			var got []string
			for work := p.claim(); len(work) > 0; {
				w := work[0]
				got = append(got, string(w.Scene)+" "+w.Bound()+" has "+w.LaneNow.AccountOf("a"))
				c := succeed(&w)
				if account := w.Bound(); w.Scene == connector.SceneCreate && !list {
					c.Lane.Account = account
				} else if w.Scene == connector.SceneCreate {
					c.Lane.People["a"] = connector.Holder{Account: account}
				} else if !list {
					c.Lane.Account = ""
				}
				work = p.turn(10, c).Work
			}
			want := []string{"create second has second", "delete third has second", "create third has "}
			if !slices.Equal(got, want) {
				t.Errorf("then %q, want %q", got, want)
			}
		})
	}
}

func (p *player) bind(user, account string) {
	p.t.Helper()
	if _, err := p.db.SetBinding(p.t.Context(), "T", binding(user, account), "me"); err != nil {
		p.t.Fatal(err)
	}
}

func (p *player) unbind(user string) {
	p.t.Helper()
	if _, err := p.db.RemoveBinding(p.t.Context(), connector.ConnectionKey{Tenant: "T", Name: "oa"}, user, "me"); err != nil {
		p.t.Fatal(err)
	}
}
