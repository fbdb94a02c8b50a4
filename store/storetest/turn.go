package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"todosync/connector"
	"todosync/retry"
	"todosync/store"
)

func testOrder(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(
		Todo{Receivers: []string{"a"}}, Todo{Action: connector.ActionEdit, Receivers: []string{"a"}},
		Todo{Todo: "second", Receivers: []string{"a"}},
	)
	work := p.claim()
	p.accept(Todo{Action: connector.ActionEdit, Status: "done", Receivers: []string{"a"}})
	if len(work) != 2 || work[0].Todo != "todo" || work[1].Todo != "second" {
		t.Fatalf("claimed %d deliveries, want the heads of two lanes", len(work))
	}
	// The first waits for its next try: it holds back its own todo alone.
	again := outcome(&work[0], connector.Retrying, retry.Timeout)
	again.Due = Start.Add(time.Minute)
	got := p.turn(10, again, succeed(&work[1]))
	if len(got.Work) != 0 || !got.Next.Equal(Start.Add(time.Minute)) {
		t.Fatalf("claimed %v, next at %v", scenes(got.Work), got.Next)
	}
	p.now = Start.Add(time.Minute)
	first := p.one()
	if first.EventID != "e1" || first.Tries != 1 || first.Attempts != 1 || !first.FirstTry.Equal(Start) {
		t.Errorf("claimed %+v", first.Delivery)
	}
	// It fails for good: the next of its todo goes.
	got = p.turn(10, outcome(&first, connector.Failed, retry.Timeout))
	if len(got.Work) != 1 || got.Work[0].EventID != "e2" {
		t.Fatalf("after the failure %v", scenes(got.Work))
	}
	got = p.turn(10, succeed(&got.Work[0]))
	if len(got.Work) != 1 || got.Work[0].Scene != connector.SceneDone {
		t.Fatalf("then %v", scenes(got.Work))
	}
	if got := p.turn(10, succeed(&got.Work[0])); len(got.Work) != 0 || !got.Next.IsZero() {
		t.Errorf("at the end %v, next at %v", scenes(got.Work), got.Next)
	}
}

// testLanes claims in the order of due times, no more than is wanted, never twice.
func testLanes(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(Todo{Todo: "1", Receivers: []string{"a", "b"}})
	p.now = Start.Add(time.Second)
	p.accept(Todo{Todo: "2", Receivers: []string{"a", "b"}})
	first, second := p.turn(3), p.turn(3)
	if len(first.Work) != 3 || len(second.Work) != 1 {
		t.Fatalf("claimed %d, then %d, want 3 and 1", len(first.Work), len(second.Work))
	}
	if first.Next.IsZero() || first.Next.After(p.now) {
		t.Errorf("next at %v while one is due", first.Next)
	}
	var n int64
	for _, w := range append(first.Work, second.Work...) {
		if w.N <= n {
			t.Errorf("delivery %d after %d", w.N, n)
		}
		n = w.N
	}
}

func testLost(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(Todo{Receivers: []string{"a"}})
	w := p.one()
	done := succeed(&w)
	if got := p.turn(0, done); len(got.Lost) != 0 {
		t.Errorf("lost %v", got.Lost)
	}
	late := outcome(&w, connector.Failed, retry.Timeout)
	if got := p.turn(0, late, connector.Change{N: 999, To: connector.Failed}); !cmp.Equal(got.Lost, []int64{w.N, 999}) {
		t.Errorf("lost %v, want %v and 999", got.Lost, w.N)
	}
	other := Connection("T", "other", nil)
	Save(t, p.db, other)
	got, err := p.db.Record(t.Context(), w.ID)
	if err != nil || got.State != connector.Succeeded || len(got.Attempts) != 1 {
		t.Errorf("record %+v, %v", got, err)
	}
	// Another connection's turn settles nothing of this one.
	p.accept(Todo{Todo: "next", Receivers: []string{"a"}})
	w = p.one()
	p.conn = Number(t, p.db, "T", "other")
	if got := p.turn(0, succeed(&w)); len(got.Lost) != 1 {
		t.Error("a turn of another connection settled it")
	}
}

func testDue(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(Todo{Receivers: []string{"a"}}, Todo{Action: connector.ActionEdit, Receivers: []string{"a"}})
	w := p.one()
	// Released without a time: it must not be stranded.
	free := outcome(&w, connector.Pending, retry.OK)
	free.Attempts = nil
	got := p.turn(10, free)
	if len(got.Work) != 1 || got.Work[0].N != w.N {
		t.Fatalf("a released delivery is not claimed again: %v", scenes(got.Work))
	}
	// Held: its lane stands, and nothing is due.
	held := outcome(&got.Work[0], connector.Held, retry.Timeout)
	held.Due = Start
	if got := p.turn(10, held); len(got.Work) != 0 || !got.Next.IsZero() {
		t.Errorf("after a hold %v, next at %v", scenes(got.Work), got.Next)
	}
	if conns, err := p.db.Waiting(t.Context()); err != nil || len(conns) != 0 {
		t.Errorf("waiting %v, %v", conns, err)
	}
	if state, err := p.again(w.ID); err != nil || state != connector.Pending {
		t.Errorf("retry of a held one: %v, %v", state, err)
	}
	if conns, err := p.db.Waiting(t.Context()); err != nil || len(conns) != 1 {
		t.Errorf("waiting %v, %v", conns, err)
	}
}

func testProbe(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(Todo{Todo: "1", Receivers: []string{"a"}}, Todo{Todo: "2", Receivers: []string{"a"}})
	var order []string
	for range 4 {
		got, err := p.db.Turn(t.Context(), connector.Turn{Conn: p.conn, Want: 5, Now: p.now, Probe: true})
		if err != nil || len(got.Work) != 1 {
			t.Fatalf("probe claimed %d, %v", len(got.Work), err)
		}
		order = append(order, got.Work[0].Todo)
		again := outcome(&got.Work[0], connector.Retrying, retry.Network)
		p.now = p.now.Add(time.Second)
		again.Due = p.now.Add(time.Hour)
		p.turn(0, again)
	}
	if diff := cmp.Diff([]string{"1", "2", "1", "2"}, order); diff != "" {
		t.Errorf("probed (-want +got):\n%s", diff)
	}
}

func testSkipFollows(t *testing.T, e Engine) {
	p := play(t, e, func(c *connector.Connection) { c.EditAs = connector.EditAsRecreate })
	p.accept(Todo{Receivers: []string{"a"}})
	p.drain()
	p.accept(Todo{Action: connector.ActionEdit, Receivers: []string{"a"}})
	w := p.one()
	if w.Scene != connector.SceneDelete || w.Step != 0 {
		t.Fatalf("claimed %s, step %d", w.Scene, w.Step)
	}
	c := outcome(&w, connector.Failed, retry.Business)
	c.SkipFollows = connector.ReasonDeleteFailed
	if got := p.turn(10, c); len(got.Work) != 0 {
		t.Errorf("claimed %v after the delete failed", scenes(got.Work))
	}
	r := p.records(connector.RecordFilter{})[0]
	if r.Scene != connector.SceneCreate || r.State != connector.Skipped || r.Class != connector.ReasonDeleteFailed {
		t.Errorf("the create that followed: %+v", r)
	}
}

// testHalves lets planning and an outcome change the same lane: neither may undo the other's half.
func testHalves(t *testing.T, e Engine) {
	p := play(t, e, func(c *connector.Connection) { c.Reopen = connector.ReopenNewID })
	p.accept(Todo{Receivers: []string{"a"}})
	create := p.one()
	p.accept(Todo{Action: connector.ActionEdit, Status: "done", Receivers: []string{"a"}}) // while the create is on its way
	c := succeed(&create)
	c.Lane.RemoteID, c.Lane.Frozen = "R1", map[string]string{"F055": "old"}
	got := p.turn(10, c)
	if len(got.Work) != 1 {
		t.Fatalf("claimed %v", scenes(got.Work))
	}
	want := connector.Lane{
		Receiver: "a", Account: "oa-a", Presence: connector.Present, Has: 1, Left: true, Ended: connector.SceneDone, External: 1,
		RemoteID: "R1", Frozen: map[string]string{"F055": "old"},
	}
	if diff := cmp.Diff(want, got.Work[0].LaneNow); diff != "" {
		t.Errorf("lane (-want +got):\n%s", diff)
	}
	p.accept(Todo{Action: connector.ActionEdit, Status: "pending", Receivers: []string{"a"}}) // opened again, under a new id
	done := succeed(&got.Work[0])
	done.Lane = nil // nothing new is known of the OA
	got = p.turn(10, done)
	if len(got.Work) != 1 || got.Work[0].External != 2 || got.Work[0].LaneNow.External != 2 || got.Work[0].LaneNow.Has != 1 || got.Work[0].LaneNow.Account != "oa-a" ||
		got.Work[0].LaneNow.Ended != "" {
		t.Errorf("after the re-opening %+v", got.Work)
	}
}

func testRecover(t *testing.T, e Engine) {
	cases := map[string]struct {
		rule connector.UnansweredRule
		want connector.State
	}{
		"again": {connector.UnansweredAgain, connector.Pending},
		"hold":  {connector.UnansweredHold, connector.Held},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place := e.Place(t)
			db := e.Open(t, place, nil)
			p := playAt(t, db, func(s *connector.Connection) { s.Retry.Unanswered = c.rule })
			p.accept(Todo{Receivers: []string{"a"}}, Todo{Action: connector.ActionEdit, Receivers: []string{"a"}}, Todo{Todo: "2", Receivers: []string{"b"}})
			gone := p.turn(1).Work[0]
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			p.db = e.Open(t, place, func(c *store.Config) { c.Worker = "w2" })
			if n, err := p.db.Recover(t.Context()); err != nil || n != 1 {
				t.Fatalf("recovered %d, %v", n, err)
			}
			r, err := p.db.Record(t.Context(), gone.ID)
			if err != nil || r.State != c.want || !r.PossiblySentTwice || r.Tries != 0 || len(r.Attempts) != 1 {
				t.Fatalf("record %+v, %v", r, err)
			}
			if a := r.Attempts[0]; a.Number != 1 || a.Class != retry.Network || a.Worker != "w2" || a.Message == "" {
				t.Errorf("attempt %+v", a)
			}
			if n, err := p.db.Recover(t.Context()); err != nil || n != 0 {
				t.Errorf("recovered %d more, %v", n, err)
			}
			if got := p.turn(0, succeed(&gone)); len(got.Lost) != 1 {
				t.Error("the outcome of the worker that was gone was taken")
			}
			work := p.claim()
			if c.want == connector.Held {
				if len(work) != 1 || work[0].Todo != "2" {
					t.Errorf("claimed %v", scenes(work))
				}
				return
			}
			if len(work) != 2 {
				t.Fatalf("claimed %v", scenes(work))
			}
			i := 0
			if work[1].N == gone.N {
				i = 1
			}
			w := work[i]
			if w.N != gone.N || w.ID != gone.ID || !w.Unanswered || w.Attempts != 1 || !w.LaneNow.Left || w.LaneNow.Presence != connector.Maybe {
				t.Errorf("claimed again %+v, lane %+v", w.Delivery, w.LaneNow)
			}
		})
	}
}

func testConditions(t *testing.T, e Engine) {
	p := play(t, e, nil)
	program := func() *connector.Program {
		t.Helper()
		got, err := p.db.Program(t.Context(), p.conn)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	before := program()
	if program() != before {
		t.Error("an unchanged connection is compiled again")
	}
	p.accept(Todo{Receivers: []string{"a"}})
	down := connector.Condition{DownSince: Start, Message: "connection refused"}
	if err := p.db.SetCondition(t.Context(), p.conn, 0, down); err != nil {
		t.Fatal(err)
	}
	if got := program().Condition; got.Reason() != connector.ReasonDown || !got.DownSince.Equal(Start) {
		t.Errorf("condition %+v", got)
	}
	r := p.records(connector.RecordFilter{States: []string{"held"}, Classes: []string{"down"}})
	if len(r) != 1 || r[0].State != connector.Held || r[0].Class != connector.ReasonDown || r[0].NextTryAt != nil {
		t.Errorf("records of a connection that is down: %+v", r)
	}
	if r := p.records(connector.RecordFilter{States: []string{"pending"}}); len(r) != 0 {
		t.Errorf("shown as pending: %+v", r)
	}
	if err := p.db.Pause(t.Context(), before.Key, "me"); err != nil {
		t.Fatal(err)
	}
	// What a worker stores of an OA leaves alone what a person has decided.
	if err := p.db.SetCondition(t.Context(), p.conn, 0, connector.Condition{}); err != nil {
		t.Fatal(err)
	}
	if got := program().Condition; got.Reason() != connector.ReasonPaused || !got.DownSince.IsZero() {
		t.Errorf("condition %+v", got)
	}
	if err := p.db.Resume(t.Context(), before.Key, "me"); err != nil {
		t.Fatal(err)
	}
	if got := program(); got.Condition != (connector.Condition{}) || got == before {
		t.Errorf("condition %+v", got.Condition)
	}
	_, err := p.db.Program(t.Context(), 999)
	wantKind(t, err, connector.NotFound)
	wantKind(t, p.db.Pause(t.Context(), connector.ConnectionKey{Tenant: "U", Name: "oa"}, "me"), connector.NotFound)
}
