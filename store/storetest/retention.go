package storetest

import (
	"fmt"
	"testing"
	"time"

	"todosync/connector"
	"todosync/retry"
	"todosync/store"
)

const day = 24 * time.Hour

// tidy does every chore to its end and says what was taken away.
func (p *player) tidy() map[connector.Chore]int {
	p.t.Helper()
	out := map[connector.Chore]int{}
	for _, c := range connector.Chores() {
		s := connector.Sweep{
			Chore: c, Size: 3, Now: p.now, Retention: connector.Retention{Keep: 90 * day, KeepFailed: 180 * day, Remember: 8 * day},
		}
		for steps := 0; ; steps++ {
			got, err := p.db.Sweep(p.t.Context(), s)
			if err != nil {
				p.t.Fatalf("sweep %s: %v", c, err)
			}
			if got.Removed > s.Size {
				p.t.Errorf("%s: a step took %d away, %d were the most", c, got.Removed, s.Size)
			}
			if got.Removed > 0 {
				out[c] += got.Removed
			}
			if s.After = got.Next; s.After == "" {
				break
			}
			if steps > 1000 {
				p.t.Fatalf("%s does not end", c)
			}
		}
	}
	return out
}

func testRetention(t *testing.T, e Engine) {
	db := e.fresh(t)
	p := playAt(t, db, nil)
	ctx := t.Context()
	// What is over, what is open, what failed, what waits, what is rejected, a reminder.
	for i := range 10 {
		todo := fmt.Sprint("over", i)
		p.accept(Todo{Todo: todo, Receivers: []string{"a", "b"}}, Todo{Todo: todo, Action: connector.ActionEdit, Receivers: []string{"a", "b"}})
	}
	p.drain()
	for i := range 10 {
		p.accept(Todo{Todo: fmt.Sprint("over", i), Action: connector.ActionEdit, Status: "done"})
	}
	p.drain()
	p.accept(Todo{Todo: "open", Receivers: []string{"a"}}, Todo{Todo: "open", Action: connector.ActionEdit, Receivers: []string{"a"}})
	p.drain()
	p.accept(Todo{Todo: "failed", Receivers: []string{"a"}})
	w := p.one()
	p.turn(0, outcome(&w, connector.Failed, retry.Business))
	p.accept(Todo{Todo: "unbound", Receivers: []string{"x"}}, Todo{Todo: "r", Kind: connector.KindReminder, Receivers: []string{"a"}})
	p.drain()
	p.accept(Todo{Todo: "waits", Receivers: []string{"a"}})
	p.take(Message(p.seq+1, "crm.T.todo.create", []byte("no JSON")))
	records, events := len(p.records(connector.RecordFilter{})), int(p.seq)-1

	p.now = Start.Add(29 * day)
	if got := p.tidy(); len(got) > 0 {
		t.Errorf("after 29 days %v", got)
	}
	p.now = Start.Add(31 * day)
	if got := p.tidy(); len(got) != 1 || got[connector.ChoreRejects] != 1 {
		t.Errorf("after 31 days %v", got)
	}
	p.now = Start.Add(91 * day)
	got := p.tidy()
	// 10 todos had 3 events with 2 records each, the open one 2, the reminder 1. The newest event of what is open stays, and so do
	// those of the failed record and of the waiting one; the unbound one fails.
	want := map[connector.Chore]int{
		connector.ChoreRecords: 63, connector.ChoreTodos: 10, connector.ChoreEvents: 32, connector.ChoreUnbound: 1, connector.ChoreTallies: got[connector.ChoreTallies],
	}
	for c, n := range want {
		if got[c] != n {
			t.Errorf("%s: took %d away, want %d (all: %v)", c, got[c], n, got)
		}
	}
	left := p.records(connector.RecordFilter{})
	if len(left) != records-63 {
		t.Errorf("%d of %d records are left", len(left), records)
	}
	if n, _, err := db.Remembered(ctx); err != nil || int(n) != events-32 {
		t.Errorf("%d events are remembered, %v", n, err)
	}
	for _, r := range left {
		one, err := db.Record(ctx, r.ID)
		if err != nil || one.State == connector.Failed && one.Class == retry.Business && len(one.Attempts) != 1 {
			t.Errorf("record %+v, %v", one, err)
		}
		if r.Todo == "unbound" && r.State != connector.Failed {
			t.Errorf("unbound for 91 days: %s", r.State)
		}
	}
	// What is open can be pushed, and goes on as before; numbers are not given twice.
	if _, err := db.Push(ctx, store.PushRequest{Key: connector.ConnectionKey{Tenant: "T", Name: "oa"}, Todo: "open"}); err != nil {
		t.Errorf("push: %v", err)
	}
	p.accept(Todo{Todo: "open", Action: connector.ActionEdit, Receivers: []string{"a"}})
	sent := p.drain()
	if len(sent) != 3 || sent[0].Todo != "waits" {
		t.Errorf("sent %v", scenes(sent))
	}
	for _, w := range sent[1:] {
		if w.Scene != connector.SceneEdit || w.Todo != "open" {
			t.Errorf("sent %s of %s", w.Scene, w.Todo)
		}
	}
	p.now = Start.Add(272 * day)
	got = p.tidy()
	if got[connector.ChoreRecords] != len(left)+1 { // the newest number stays: all of these, and two new ones less it
		t.Errorf("after 272 days %v, %d were left", got, len(left))
	}
	if rest := p.records(connector.RecordFilter{}); len(rest) != 1 {
		t.Errorf("left are %+v", rest)
	}
	p.accept(Todo{Todo: "open", Action: connector.ActionDelete})
	if got := p.drain(); len(got) != 1 || got[0].Scene != connector.SceneDelete {
		t.Errorf("the open todo is deleted by %v", scenes(got))
	}
}

// testRejectedMost bounds the sum of what was rejected.
func testRejectedMost(t *testing.T, e Engine) {
	db := e.Open(t, e.Place(t), func(c *store.Config) { c.RejectedMost = 2500 })
	p := playAt(t, db, nil)
	for range 5 {
		p.take(Message(p.seq+1, "crm.T.todo.create", make([]byte, 1000)))
	}
	first, err := db.Rejected(t.Context(), store.RejectFilter{}, connector.PageOf{})
	if err != nil || len(first.Items) != 5 {
		t.Fatalf("rejected %d, %v", len(first.Items), err)
	}
	if err := db.RemoveRejected(t.Context(), first.Items[0].ID, "me"); err != nil {
		t.Fatal(err)
	}
	p.tidy()
	left, err := db.Rejected(t.Context(), store.RejectFilter{}, connector.PageOf{})
	if err != nil || len(left.Items) != 2 || left.Items[0].ID != first.Items[1].ID {
		t.Errorf("left %+v, %v", left.Items, err)
	}
}
