package storetest

import (
	"fmt"
	"testing"
	"time"

	"todosync/connector"
	"todosync/retry"
	"todosync/store"
)

// testOver ends what waits for another try although its time is over, whatever it waits for, and lets the next of the lane go.
func testOver(t *testing.T, e Engine) {
	p := play(t, e, nil)
	for i := range 3 {
		p.accept(Todo{Todo: fmt.Sprint(i), Receivers: []string{"a"}}, Todo{Todo: fmt.Sprint(i), Action: connector.ActionEdit, Receivers: []string{"a"}})
	}
	var changes []connector.Change
	for i, w := range p.claim() {
		c := outcome(&w, connector.Retrying, retry.Timeout)
		c.FirstTry, c.Due = Start.Add(time.Duration(i)*time.Hour), Start.Add(1000*time.Hour)
		changes = append(changes, c)
	}
	p.turn(0, changes...)
	got, err := p.db.Turn(t.Context(), connector.Turn{
		Conn: p.conn, Now: p.now, Over: connector.Over{Before: Start.Add(2 * time.Hour), Why: "given up; "},
	})
	if err != nil || len(got.Over) != 2 || got.More {
		t.Fatalf("given up %d, more %t, %v; want 2", len(got.Over), got.More, err)
	}
	if d := got.Over[0]; d.State != connector.Failed || d.Class != retry.Timeout || d.Message != "given up; message" || d.Todo != "0" {
		t.Errorf("given up %+v", d)
	}
	failed := p.records(connector.RecordFilter{States: []string{"failed"}})
	if len(failed) != 2 || failed[0].Message != "given up; message" || failed[0].Class != retry.Timeout {
		t.Errorf("failed records %+v", failed)
	}
	if got := p.claim(); len(got) != 2 || got[0].Scene != connector.SceneEdit || got[1].Scene != connector.SceneEdit {
		t.Errorf("claimed %v, want the edits behind what was given up", scenes(got))
	}
}

// testMend puts the clock back by a day: what is pending goes at once, what waits for its next try waits no longer than it was to.
func testMend(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.now = Start.Add(24 * time.Hour)
	for i := range 3 {
		p.accept(Todo{Todo: fmt.Sprint(i), Receivers: []string{"a"}})
	}
	work := p.turn(2).Work
	short, long := outcome(&work[0], connector.Retrying, retry.Timeout), outcome(&work[1], connector.Retrying, retry.Timeout)
	short.Due, long.Due = p.now.Add(time.Minute), p.now.Add(100*time.Hour)
	p.turn(0, short, long)

	p.now = Start
	if got := p.turn(10); len(got.Work) != 0 || !got.Next.Equal(Start.Add(24*time.Hour)) {
		t.Fatalf("with the clock put back claimed %v, next %s", scenes(got.Work), got.Next)
	}
	got, err := p.db.Turn(t.Context(), connector.Turn{Conn: p.conn, Now: p.now, Want: 10, Longest: time.Hour})
	if err != nil || got.More || len(got.Work) != 1 || got.Work[0].Todo != "2" || !got.Next.Equal(Start.Add(time.Minute)) {
		t.Errorf("mended: claimed %v, next %s, more %t, %v; want what was pending, next in a minute", scenes(got.Work), got.Next, got.More, err)
	}
	p.now = Start.Add(time.Hour)
	if got := p.claim(); len(got) != 2 {
		t.Errorf("claimed %d an hour later, want both", len(got))
	}
}

func testClockOfConnection(t *testing.T, e Engine) {
	now := Start
	place := e.Place(t)
	db := e.Open(t, place, func(c *store.Config) { c.Now = func() time.Time { return now } })
	Save(t, db, Connection("T", "oa", nil))
	conn := Number(t, db, "T", "oa")
	key := connector.ConnectionKey{Tenant: "T", Name: "oa"}
	ran := func() time.Duration {
		t.Helper()
		p, err := db.Program(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		return p.Condition.Clock(now).Sub(Start)
	}
	pass := func(d time.Duration) { now = now.Add(d) }
	pass(time.Hour)
	if err := db.Pause(t.Context(), key, "me"); err != nil {
		t.Fatal(err)
	}
	pass(10 * time.Hour)
	if got := ran(); got != time.Hour {
		t.Errorf("while it is paused its clock stands at %s, want 1h", got)
	}
	Save(t, db, Connection("T", "oa", func(c *connector.Connection) { c.Enabled = false }))
	pass(10 * time.Hour)
	if err := db.Resume(t.Context(), key, "me"); err != nil {
		t.Fatal(err)
	}
	pass(10 * time.Hour)
	if got := ran(); got != time.Hour {
		t.Errorf("resumed and disabled its clock stands at %s, want 1h", got)
	}
	Save(t, db, Connection("T", "oa", nil))
	pass(time.Hour)
	if got := ran(); got != 2*time.Hour {
		t.Errorf("on again its clock is at %s, want 2h", got)
	}
	until := now.Add(30 * time.Minute)
	if err := db.SetCondition(t.Context(), conn, 0, connector.Condition{HoldUntil: until}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = e.Open(t, place, nil)
	p, err := db.Program(t.Context(), conn)
	if err != nil || !p.Condition.HoldUntil.Equal(until) || p.Condition.HeldFor != 30*time.Hour {
		t.Errorf("after a restart %+v, %v; want held until %s, and for 30h", p.Condition, err, until)
	}
}

func testToken(t *testing.T, e Engine) {
	place := e.Place(t)
	db := e.Open(t, place, nil)
	Save(t, db, Connection("T", "oa", nil))
	conn := Number(t, db, "T", "oa")
	if got, err := db.Token(t.Context(), conn); err != nil || got != (connector.KeptToken{}) {
		t.Errorf("token before any was kept: %+v, %v", got, err)
	}
	want := connector.KeptToken{Value: "abcdef-token", Fetched: Start, For: "mark"}
	for _, v := range []string{"the-first-token", want.Value} {
		k := want
		k.Value = v
		if err := db.KeepToken(t.Context(), conn, 0, k); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = e.Open(t, place, nil)
	got, err := db.Token(t.Context(), conn)
	if err != nil || got.Value != want.Value || got.For != want.For || !got.Fetched.Equal(Start) {
		t.Errorf("token after a restart %+v, %v; want %+v", got, err, want)
	}
}

// testToldTimes keeps the newest time that an OA was told as that of a call.
func testToldTimes(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(Todo{Receivers: []string{"a"}}, Todo{Action: connector.ActionEdit, Receivers: []string{"a"}})
	w := p.one()
	c := succeed(&w)
	c.Lane.Told = Start.Add(time.Hour)
	p.turn(0, c)
	if w := p.one(); !w.LaneNow.Told.Equal(Start.Add(time.Hour)) {
		t.Errorf("told %s, want %s", w.LaneNow.Told, Start.Add(time.Hour))
	}
}

// testUnboundTime does not count the time that a delivery is held for a binding towards giving it up.
func testUnboundTime(t *testing.T, e Engine) {
	now := Start
	p := playAt(t, e.Open(t, e.Place(t), func(c *store.Config) { c.Now = func() time.Time { return now } }), nil)
	p.accept(Todo{Receivers: []string{"a"}})
	if _, err := p.db.RemoveBinding(t.Context(), connector.ConnectionKey{Tenant: "T", Name: "oa"}, "a", "me"); err != nil {
		t.Fatal(err)
	}
	w := p.one()
	c := outcome(&w, connector.Held, connector.ReasonUnbound)
	c.FirstTry = Start.Add(-time.Hour)
	p.turn(0, c)
	now = Start.Add(50 * time.Hour)
	if _, err := p.db.SetBinding(t.Context(), "T", connector.Binding{Connection: "oa", User: "a", Account: "new"}, "me"); err != nil {
		t.Fatal(err)
	}
	p.now = now.Add(time.Second)
	if w := p.one(); p.now.Sub(w.FirstTry) > 2*time.Hour {
		t.Errorf("first try %s ago, want about an hour: the rest it was unbound", p.now.Sub(w.FirstTry))
	}
}
