package storetest

import (
	"slices"
	"strings"
	"testing"

	"todosync/connector"
	"todosync/mapping"
	"todosync/retry"
	"todosync/store"
)

// parting is an outcome of which some receivers are left out: they go their own way.
func parting(w *connector.Work, users ...string) connector.Change {
	c := succeed(w)
	for _, r := range w.Recipients {
		if !slices.Contains(users, r.ID) {
			continue
		}
		lane := w.LaneNow
		lane.Receiver, lane.People, lane.Left = r.ID, nil, true
		lane.Presence, lane.Has, lane.Account = connector.Absent, 0, ""
		if h, has := w.LaneNow.People[r.ID]; has {
			lane.Presence, lane.Has, lane.Account = connector.Present, w.LaneNow.Has, h.Account
		}
		c.Splits = append(c.Splits, connector.Split{Recipient: r, Lane: lane})
		if c.Lane != nil {
			delete(c.Lane.People, r.ID)
		}
	}
	return c
}

// testSplit lets an OA take a list for some of its receivers while more waits behind it.
func testSplit(t *testing.T, e Engine) {
	place := e.Place(t)
	p := playAt(t, e.Open(t, place, nil), func(c *connector.Connection) { c.Receivers.As = mapping.List })
	p.accept(Todo{Receivers: []string{"a", "b", "c"}})
	create := p.one()
	p.accept(
		Todo{Action: connector.ActionEdit, Receivers: []string{"a", "b", "c"}},
		Todo{Action: connector.ActionEdit, Receivers: []string{"b"}}, // a and c are gone, b stays
	)
	if len(create.Recipients) != 3 || create.Lane != "" {
		t.Fatalf("claimed %+v", create.Delivery)
	}
	got := p.turn(10, parting(&create, "b"))
	// The others go on in the common lane, b begins in his own with the same create.
	if len(got.Work) != 2 {
		t.Fatalf("claimed %v", scenes(got.Work))
	}
	slices.SortFunc(got.Work, func(a, b connector.Work) int { return len(b.Recipients) - len(a.Recipients) })
	edit, alone := got.Work[0], got.Work[1]
	if edit.Scene != connector.SceneEdit || edit.Lane != "" || idsOf(&edit) != "a,c" {
		t.Errorf("the others: %s in lane %q for %s", edit.Scene, edit.Lane, idsOf(&edit))
	}
	if alone.Scene != connector.SceneCreate || alone.Lane != "b" || idsOf(&alone) != "b" || alone.SplitFrom != create.ID || alone.ID == create.ID ||
		alone.Tries != 0 || alone.EventID != create.EventID || alone.LaneNow.Presence != connector.Absent || !alone.LaneNow.Left {
		t.Errorf("the one who left: %+v, lane %+v", alone.Delivery, alone.LaneNow)
	}
	one := func(id string) connector.Record {
		t.Helper()
		r, err := p.db.Record(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := one(create.ID); r.State != connector.Succeeded || r.Receiver != "a,c" {
		t.Errorf("the record of the first: %s for %s", r.State, r.Receiver)
	}
	if live := p.records(connector.RecordFilter{Receivers: []string{"b"}, States: []string{"pending", "sending"}}); len(live) != 3 {
		t.Errorf("b has %d deliveries to come, want his own three", len(live))
	}
	// A kill here changes nothing: all of it was one commit.
	if err := p.db.Close(); err != nil {
		t.Fatal(err)
	}
	p.db = e.Open(t, place, func(*store.Config) {})
	if n, err := p.db.Recover(t.Context()); err != nil || n != 2 {
		t.Fatalf("recovered %d, %v", n, err)
	}
	// He is alone from now on, and in order.
	p.accept(Todo{Action: connector.ActionEdit, Status: "done", Receivers: []string{"b"}})
	var his, common []connector.Scene
	for _, w := range p.drain() {
		switch {
		case w.Lane == "b":
			his = append(his, w.Scene)
		case w.Lane == "" && !w.Names("b"):
			common = append(common, w.Scene)
		default:
			t.Errorf("%s went to %s in lane %q", w.Scene, idsOf(&w), w.Lane)
		}
	}
	if want := []connector.Scene{connector.SceneCreate, connector.SceneEdit, connector.SceneEdit, connector.SceneDone}; !slices.Equal(his, want) {
		t.Errorf("b got %v, want %v", his, want)
	}
	if want := []connector.Scene{connector.SceneEdit, connector.SceneDelete}; !slices.Equal(common, want) {
		t.Errorf("the others got %v, want %v", common, want)
	}
}

// testSplitWhole lets all receivers leave before anything was sent: nobody is left in the common lane.
func testSplitWhole(t *testing.T, e Engine) {
	p := play(t, e, func(c *connector.Connection) { c.Receivers.As = mapping.List })
	p.accept(Todo{Receivers: []string{"a", "b"}}, Todo{Action: connector.ActionEdit, Receivers: []string{"a", "b"}})
	create := p.one()
	c := parting(&create, "a", "b")
	c.To, c.Class, c.Attempts = connector.Superseded, retry.OK, nil
	work := p.turn(10, c).Work
	if len(work) != 2 || work[0].SplitFrom != create.ID || work[1].SplitFrom != create.ID || work[0].ID == work[1].ID {
		t.Fatalf("claimed %+v", work)
	}
	r, err := p.db.Record(t.Context(), create.ID)
	if err != nil || r.State != connector.Superseded || r.SupersededBy != min(work[0].ID, work[1].ID) {
		t.Errorf("the record of the first: %s by %q, %v", r.State, r.SupersededBy, err)
	}
	sent := append(work, p.turn(10, succeed(&work[0]), succeed(&work[1])).Work...)
	for i, want := range []connector.Scene{connector.SceneCreate, connector.SceneCreate, connector.SceneEdit, connector.SceneEdit} {
		if len(sent) != 4 || sent[i].Scene != want {
			t.Fatalf("sent %v", scenes(sent))
		}
	}
}

// testPeople keeps who of a common lane has the todo.
func testPeople(t *testing.T, e Engine) {
	p := play(t, e, func(c *connector.Connection) { c.Receivers.As = mapping.List })
	p.accept(Todo{Receivers: []string{"a", "b"}})
	create := p.one()
	p.turn(0, succeed(&create))
	p.accept(Todo{Action: connector.ActionEdit, Receivers: []string{"a", "b", "c"}})
	edit := p.one()
	if got := edit.LaneNow.People; len(got) != 2 || got["b"].Account != "oa-b" || edit.LaneNow.Presence != connector.Present {
		t.Errorf("after the create %+v", edit.LaneNow)
	}
	// b's account changes: he leaves the old inbox for the new one, in the common lane and behind what is on its way.
	if _, err := p.db.SetBinding(t.Context(), "T", connector.Binding{Connection: "oa", User: "b", Account: "new"}, "me"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for work := p.turn(10, succeed(&edit)).Work; len(work) == 1; {
		w := work[0]
		got = append(got, string(w.Scene)+" "+idsOf(&w)+" "+w.LaneNow.People["b"].Account+" "+w.Bindings["b"].Account)
		work = p.turn(10, succeed(&w)).Work
	}
	want := []string{"create c oa-b ", "delete b oa-b new", "create b  new"}
	if !slices.Equal(got, want) {
		t.Errorf("after the binding %q, want %q", got, want)
	}
}

func idsOf(w *connector.Work) string {
	ids := make([]string, len(w.Recipients))
	for i, r := range w.Recipients {
		ids[i] = r.ID
	}
	return strings.Join(ids, ",")
}
