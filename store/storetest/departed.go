package storetest

import (
	"testing"

	"todosync/connector"
	"todosync/mapping"
	"todosync/retry"
	"todosync/store"
)

// testDeparted retries records of a common lane some of whose receivers have left it, or have had a newer one.
func testDeparted(t *testing.T, e Engine) {
	p := play(t, e, func(c *connector.Connection) { c.Receivers.As = mapping.List })
	again := func(id string, asBefore bool) (store.Resent, error) {
		return p.db.Retry(t.Context(), store.Resending{ID: id, Who: "me", ResendOptions: connector.ResendOptions{Confirmed: true, AsBefore: asBefore}})
	}
	// unsent is an outcome of a delivery that has not been sent and loses receivers.
	unsent := func(w *connector.Work, to connector.State, users ...string) connector.Change {
		c := parting(w, users...)
		c.To, c.Due, c.Class, c.Attempts = to, p.now, retry.OK, nil
		return c
	}
	begin := func(todo string) (create, edit connector.Work) {
		t.Helper()
		p.accept(Todo{Todo: todo, Receivers: []string{"a", "b", "c"}})
		create = p.one()
		p.turn(0, outcome(&create, connector.Failed, retry.Business))
		p.accept(Todo{Todo: todo, Action: connector.ActionEdit, Receivers: []string{"a", "b", "c"}})
		return create, p.one()
	}

	// b gets the edit by himself, the others do not get it: the create may go again to them alone.
	create, edit := begin("1")
	work := p.turn(10, unsent(&edit, connector.Pending, "b")).Work
	if len(work) != 2 {
		t.Fatalf("claimed %v", scenes(work))
	}
	for i := range work {
		if work[i].Lane == "b" {
			p.turn(0, succeed(&work[i]))
			continue
		}
		p.turn(0, unsent(&work[i], connector.Pending))
	}
	if err := p.db.Cancel(t.Context(), edit.ID, "me"); err != nil {
		t.Fatal(err)
	}
	_, err := again(create.ID, true)
	wantKind(t, err, connector.Conflict) // its request was for b too
	if got, err := again(create.ID, false); err != nil || got.State != connector.Pending {
		t.Fatalf("retry of the create: %+v, %v", got, err)
	}
	if w := p.one(); w.ID != create.ID || idsOf(&w) != "a,c" || w.Before != nil {
		t.Errorf("%s went again to %s", w.Scene, idsOf(&w))
	} else {
		p.turn(0, succeed(&w))
	}
	if r, err := p.db.Record(t.Context(), create.ID); err != nil || r.Receiver != "a,c" {
		t.Errorf("the record is for %s, %v", r.Receiver, err)
	}
	_, err = again(create.ID, true)
	wantKind(t, err, connector.Conflict) // of the requests that are kept, one was for b

	// All have left, and have what is newer.
	create, edit = begin("2")
	work = p.turn(10, unsent(&edit, connector.Superseded, "a", "b", "c")).Work
	if len(work) != 3 {
		t.Fatalf("claimed %v", scenes(work))
	}
	for i := range work {
		p.turn(0, succeed(&work[i]))
	}
	if got, err := again(create.ID, false); err != nil || got.State != connector.Superseded || got.SupersededBy == "" {
		t.Errorf("retry of what nobody is left of: %+v, %v", got, err)
	}
	if rest := p.claim(); len(rest) > 0 {
		t.Errorf("claimed %v", scenes(rest))
	}
}

// testParts retries one part of an event of a common lane after another has gone, and one that loses receivers while it waits.
func testParts(t *testing.T, e Engine) {
	p := play(t, e, func(c *connector.Connection) {
		c.Receivers, c.Coalesce = connector.ReceiverMode{As: mapping.List, Max: 2}, true
	})
	p.accept(Todo{Receivers: []string{"a", "b", "c"}})
	first := p.one()
	second := p.turn(1, outcome(&first, connector.Failed, retry.Business)).Work[0]
	if idsOf(&first) != "a,b" || idsOf(&second) != "c" {
		t.Fatalf("parts for %s and %s", idsOf(&first), idsOf(&second))
	}
	_, err := p.again(first.ID)
	wantKind(t, err, connector.Conflict) // never two of a lane on their way
	p.turn(0, succeed(&second))
	if state, err := p.again(first.ID); err != nil || state != connector.Pending {
		t.Fatalf("retry of the first part: %v, %v", state, err)
	}
	if got := p.drain(); len(got) != 1 || got[0].ID != first.ID || idsOf(&got[0]) != "a,b" {
		t.Errorf("sent %v", scenes(got))
	}

	p.accept(Todo{Action: connector.ActionEdit, Receivers: []string{"a", "b"}})
	for _, w := range p.drain() {
		if w.Scene == connector.SceneEdit {
			first = w
		}
	}
	o := connector.ResendOptions{Confirmed: true, AsBefore: true}
	if got, err := p.db.Retry(t.Context(), store.Resending{ID: first.ID, Who: "me", ResendOptions: o}); err != nil || got.State != connector.Pending {
		t.Fatalf("retry as before: %+v, %v", got, err)
	}
	p.accept(Todo{Action: connector.ActionEdit, Receivers: []string{"b"}}) // takes the place of b's part of it
	w := p.one()
	if w.ID != first.ID || idsOf(&w) != "a" || w.Before != nil {
		t.Errorf("%s goes to %s, as before: %v", w.Scene, idsOf(&w), w.Before != nil)
	}
}
