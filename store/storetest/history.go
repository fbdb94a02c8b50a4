package storetest

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"todosync/connector"
	"todosync/mapping"
	"todosync/retry"
	"todosync/store"
)

// A history is a random run of accepts, turns, restarts and people's doings, with what must hold after each step.
type history struct {
	e     Engine
	t     testing.TB
	place string
	p     *player
	sent  map[int64]connector.Work // claimed and not settled
	last  map[string]int64         // per lane the highest number ever claimed
	told  map[string]int64         // per todo and receiver the newest event that was claimed
	again map[string]bool          // records that a person made wait again
}

// testHistories plays random histories. Its promises: never two of a lane on their way, within a lane no delivery after a later one
// unless a person asked for it, and in the end nothing is left waiting.
func testHistories(t *testing.T, e Engine) {
	played := 0
	rapid.Check(t, func(r *rapid.T) {
		if e.Histories > 0 && played >= e.Histories {
			return
		}
		h := &history{e: e, t: t, place: e.Place(t), sent: map[int64]connector.Work{}, last: map[string]int64{}, told: map[string]int64{}, again: map[string]bool{}}
		db := e.Open(t, h.place, nil)
		h.p = playAt(t, db, func(c *connector.Connection) {
			c.Coalesce = rapid.Bool().Draw(r, "coalesce")
			if rapid.Bool().Draw(r, "recreate") {
				c.EditAs = connector.EditAsRecreate
			}
			if rapid.Bool().Draw(r, "list") {
				c.Receivers = connector.ReceiverMode{As: mapping.List, Max: rapid.IntRange(0, 2).Draw(r, "most")}
			}
		})
		steps := rapid.IntRange(5, 40).Draw(r, "steps")
		for range steps {
			switch rapid.IntRange(0, 9).Draw(r, "step") {
			case 0, 1, 2:
				h.accept(r)
			case 3, 4, 5, 6:
				h.turn(r)
			case 7:
				h.person(r)
			case 8:
				h.bind(r)
			case 9:
				h.restart(r)
			}
		}
		h.finish(r)
		if err := h.p.db.Close(); err != nil {
			r.Fatalf("close: %v", err)
		}
		played++
	})
}

func (h *history) accept(r *rapid.T) {
	var events []Todo
	for range rapid.IntRange(1, 4).Draw(r, "events") {
		e := Todo{
			Todo:      rapid.SampledFrom([]string{"1", "2"}).Draw(r, "todo"),
			Action:    rapid.SampledFrom([]connector.Action{"create", "edit", "edit", "edit", "delete"}).Draw(r, "action"),
			Receivers: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "x"}), 1, 3, rapid.ID[string]).Draw(r, "receivers"),
		}
		if e.Action == connector.ActionEdit && rapid.IntRange(0, 3).Draw(r, "finished") == 0 {
			e.Status = "done"
		}
		events = append(events, e)
	}
	got := h.p.accept(events...)
	if got.Events != len(events) {
		r.Fatalf("accepted %+v of %d events", got, len(events))
	}
}

func (h *history) turn(r *rapid.T) {
	h.p.now = h.p.now.Add(time.Duration(rapid.IntRange(0, 90).Draw(r, "seconds")) * time.Second)
	var changes []connector.Change
	for n, w := range h.sent {
		if rapid.Bool().Draw(r, "ends") {
			changes = append(changes, h.ending(r, &w))
			delete(h.sent, n)
		}
	}
	got := h.p.turn(rapid.IntRange(0, 4).Draw(r, "want"), changes...)
	if len(got.Lost) > 0 {
		r.Fatalf("lost %v", got.Lost)
	}
	h.claimed(r, got.Work)
}

// ending draws how an attempt ends.
func (h *history) ending(r *rapid.T, w *connector.Work) connector.Change {
	switch rapid.IntRange(0, 5).Draw(r, "ending") {
	case 0:
		c := outcome(w, connector.Failed, retry.Business)
		if w.Scene == connector.SceneDelete && w.Step == 0 {
			c.SkipFollows = connector.ReasonDeleteFailed
		}
		return c
	case 1:
		c := outcome(w, connector.Retrying, retry.Timeout)
		c.Due = h.p.now.Add(time.Minute)
		return c
	case 2:
		return outcome(w, connector.Pending, retry.OK)
	}
	if len(w.Recipients) > 1 && rapid.Bool().Draw(r, "parts") {
		return parting(w, rapid.SampledFrom(w.Recipients).Draw(r, "refused").ID)
	}
	return succeed(w)
}

// claimed checks what was claimed against what is on its way and what went before.
func (h *history) claimed(r *rapid.T, work []connector.Work) {
	for _, w := range work {
		lane := w.Todo + "/" + w.Lane
		for _, other := range h.sent {
			if other.Todo == w.Todo && other.Lane == w.Lane {
				r.Fatalf("%d and %d of lane %s are on their way together", other.N, w.N, lane)
			}
		}
		if w.N < h.last[lane] && !h.again[w.ID] {
			r.Fatalf("%d of lane %s goes after %d", w.N, lane, h.last[lane])
		}
		h.last[lane] = max(h.last[lane], w.N)
		for _, p := range w.Recipients {
			for _, other := range h.sent {
				if other.Todo == w.Todo && other.Names(p.ID) {
					r.Fatalf("%d and %d of %s are on their way to %s together", other.N, w.N, w.Todo, p.ID)
				}
			}
			at := w.Todo + " " + p.ID
			if w.EventN < h.told[at] { // also where a person asked for it
				r.Fatalf("event %d goes to %s after event %d", w.EventN, at, h.told[at])
			}
			h.told[at] = max(h.told[at], w.EventN)
		}
		if w.State != connector.Sending || w.Event.ID != w.EventID || len(w.Recipients) == 0 {
			r.Fatalf("claimed %+v", w)
		}
		h.sent[w.N] = w
	}
}

// person retries or cancels a record.
func (h *history) person(r *rapid.T) {
	records := h.p.records(connector.RecordFilter{})
	if len(records) == 0 {
		return
	}
	rec := rapid.SampledFrom(records).Draw(r, "record")
	if rapid.Bool().Draw(r, "cancel") {
		if err := h.p.db.Cancel(h.t.Context(), rec.ID, "me"); err != nil && connector.KindOf(err) != connector.Conflict {
			r.Fatalf("cancel: %v", err)
		}
		return
	}
	state, err := h.p.again(rec.ID)
	switch {
	case err == nil:
		h.again[rec.ID] = true
		if state != connector.Pending && state != connector.Superseded {
			r.Fatalf("retry made it %s", state)
		}
	case connector.KindOf(err) != connector.Conflict:
		r.Fatalf("retry: %v", err)
	}
}

func (h *history) bind(r *rapid.T) {
	if rapid.Bool().Draw(r, "other account") {
		h.p.bind("a", rapid.SampledFrom([]string{"oa-a", "oa-1", "oa-2"}).Draw(r, "account"))
		return
	}
	if rapid.Bool().Draw(r, "bind") {
		Bind(h.t, h.p.db, "T", "oa", "x")
		return
	}
	_, err := h.p.db.RemoveBinding(h.t.Context(), connector.ConnectionKey{Tenant: "T", Name: "oa"}, "x", "me")
	if err != nil && connector.KindOf(err) != connector.NotFound {
		r.Fatalf("remove binding: %v", err)
	}
}

// restart ends the process without a word and begins a new one.
func (h *history) restart(r *rapid.T) {
	if err := h.p.db.Close(); err != nil {
		r.Fatalf("close: %v", err)
	}
	h.p.db = h.e.Open(h.t, h.place, func(*store.Config) {})
	n, err := h.p.db.Recover(h.t.Context())
	if err != nil || n != len(h.sent) {
		r.Fatalf("recovered %d, %v, want %d", n, err, len(h.sent))
	}
	for _, w := range h.sent {
		h.again[w.ID] = true // it goes again, in its place
	}
	clear(h.sent)
}

// finish lets everything succeed. What still waits then, waits for a binding.
func (h *history) finish(r *rapid.T) {
	Bind(h.t, h.p.db, "T", "oa", "x")
	for round := 0; ; round++ {
		h.p.now = h.p.now.Add(2 * time.Minute)
		var changes []connector.Change
		for n, w := range h.sent {
			changes = append(changes, succeed(&w))
			delete(h.sent, n)
		}
		got := h.p.turn(5, changes...)
		h.claimed(r, got.Work)
		if len(h.sent) == 0 && got.Next.IsZero() {
			break
		}
		if round > 2000 {
			r.Fatal("it never ends")
		}
	}
	for _, rec := range h.p.records(connector.RecordFilter{}) {
		if !rec.State.Final() {
			r.Fatalf("left behind: %+v", rec)
		}
	}
	counts, err := h.p.db.Counts(h.t.Context(), nil)
	if err != nil {
		r.Fatalf("counts: %v", err)
	}
	for _, c := range counts {
		if !c.State.Final() {
			r.Fatalf("counted as waiting: %+v", c)
		}
	}
	for i := range h.p.seq {
		id := fmt.Sprintf("e%d", i+1)
		page, err := h.p.db.Events(h.t.Context(), store.EventFilter{Tenants: []string{"T"}, IDs: []string{id}}, connector.PageOf{})
		if err != nil || len(page.Items) != 1 || len(page.Items[0].Connections) != 1 || page.Items[0].Connections[0].Outcome == "" {
			r.Fatalf("event %s: %+v, %v", id, page.Items, err)
		}
	}
}
