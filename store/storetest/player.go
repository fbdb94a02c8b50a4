package storetest

import (
	"maps"
	"testing"
	"time"

	"todosync/connector"
	"todosync/retry"
	"todosync/store"
)

// A player is a test's hold on a store with one connection of tenant T, oa, and users a, b, c bound in it.
type player struct {
	t    testing.TB
	db   *store.DB
	conn int64
	seq  uint64
	now  time.Time
}

func play(t testing.TB, e Engine, change func(*connector.Connection)) *player {
	t.Helper()
	return playAt(t, e.fresh(t), change)
}

func playAt(t testing.TB, db *store.DB, change func(*connector.Connection)) *player {
	t.Helper()
	Save(t, db, Connection("T", "oa", change))
	Bind(t, db, "T", "oa", "a", "b", "c")
	return &player{t: t, db: db, conn: Number(t, db, "T", "oa"), now: Start}
}

// accept accepts events that follow each other in the stream, in one batch.
func (p *player) accept(events ...Todo) connector.Accepted {
	p.t.Helper()
	items := make([]connector.Item, len(events))
	for i, e := range events {
		items[i] = e.Item(p.seq + uint64(i) + 1)
	}
	return p.take(items...)
}

// take accepts items at the next sequences.
func (p *player) take(items ...connector.Item) connector.Accepted {
	p.t.Helper()
	for i := range items {
		items[i].Sequence = p.seq + uint64(i) + 1
		if items[i].Event != nil {
			items[i].Event.Sequence = items[i].Sequence
		}
	}
	got, err := p.db.Accept(p.t.Context(), Batch(p.seq, p.now, items...))
	if err != nil {
		p.t.Fatalf("accept: %v", err)
	}
	p.seq += uint64(len(items))
	return got
}

// turn settles changes and claims up to want.
func (p *player) turn(want int, changes ...connector.Change) connector.Turned {
	p.t.Helper()
	got, err := p.db.Turn(p.t.Context(), connector.Turn{Conn: p.conn, Changes: changes, Want: want, Now: p.now})
	if err != nil {
		p.t.Fatalf("turn: %v", err)
	}
	return got
}

// claim claims what may go, up to ten.
func (p *player) claim() []connector.Work {
	p.t.Helper()
	return p.turn(10).Work
}

// one claims exactly one delivery.
func (p *player) one() connector.Work {
	p.t.Helper()
	got := p.claim()
	if len(got) != 1 {
		p.t.Fatalf("claimed %d deliveries, want 1", len(got))
	}
	return got[0]
}

// drain lets everything succeed, in turns, and gives what was sent in order.
func (p *player) drain() []connector.Work {
	p.t.Helper()
	var out []connector.Work
	for work := p.claim(); len(work) > 0; {
		out = append(out, work...)
		changes := make([]connector.Change, len(work))
		for i := range work {
			changes[i] = succeed(&work[i])
		}
		work = p.turn(10, changes...).Work
	}
	return out
}

// succeed is the outcome of a delivery that the OA took.
func succeed(w *connector.Work) connector.Change {
	c := outcome(w, connector.Succeeded, retry.OK)
	lane := w.LaneNow
	lane.Left, lane.Account = true, w.Account
	switch w.Scene {
	case connector.SceneCreate, connector.SceneEdit:
		lane.Presence, lane.Has = connector.Present, w.External
	case connector.SceneDelete:
		lane.Presence, lane.Has = connector.Absent, 0
	case connector.SceneDone, connector.SceneRemind, connector.SceneMessage:
	}
	if w.Lane == "" {
		together(w, &lane)
	}
	if w.Kind == connector.KindTodo {
		c.Lane = &lane
	}
	return c
}

// together notes who of a common lane has the todo after a delivery that the OA took.
func together(w *connector.Work, lane *connector.Lane) {
	lane.People = maps.Clone(lane.People)
	if lane.People == nil {
		lane.People = map[string]connector.Holder{}
	}
	for _, r := range w.Recipients {
		switch w.Scene {
		case connector.SceneCreate, connector.SceneEdit:
			lane.People[r.ID] = connector.Holder{Account: w.Bindings[r.ID].Account}
		case connector.SceneDelete:
			delete(lane.People, r.ID)
		case connector.SceneDone, connector.SceneRemind, connector.SceneMessage:
		}
	}
	lane.Presence = connector.Absent
	if len(lane.People) > 0 {
		lane.Presence, lane.Has = connector.Present, w.External
	}
}

// outcome is an outcome with one attempt.
func outcome(w *connector.Work, to connector.State, class retry.Class) connector.Change {
	return connector.Change{
		N: w.N, To: to, Class: class, Code: "0", Message: "message", Tries: w.Tries + 1, FirstTry: Start, Account: w.Account,
		Revision: w.Revision, SentTwice: w.SentTwice, Unanswered: w.Unanswered, RemoteID: w.RemoteID,
		Attempts: []connector.Attempt{{
			Number: w.Attempts + 1, Started: Start, Duration: 3 * time.Millisecond, Class: class, Code: "0", Message: "message",
			Revision: w.Revision, Worker: "w1",
			Request:  connector.SentRequest{Method: "POST", Address: "http://oa.example.com", Body: "{}"},
			Response: connector.ReceivedAnswer{Status: 200, Headers: []retry.Header{{Name: "A", Value: "b"}}, Body: "answer"},
		}},
	}
}

// records gives all records, newest first.
func (p *player) records(f connector.RecordFilter) []connector.Record {
	p.t.Helper()
	return allRecords(p.t, p.db, f, 1000)
}

func allRecords(t testing.TB, db *store.DB, f connector.RecordFilter, limit int) []connector.Record {
	t.Helper()
	var out []connector.Record
	for page := (connector.PageOf{Limit: limit}); ; {
		got, err := db.Records(t.Context(), f, page)
		if err != nil {
			t.Fatalf("records: %v", err)
		}
		out = append(out, got.Items...)
		if got.Next == "" {
			return out
		}
		page.Cursor = got.Next
	}
}

// states gives the states of all records, oldest first.
func (p *player) states() []connector.State {
	p.t.Helper()
	var out []connector.State
	for _, r := range p.records(connector.RecordFilter{}) {
		out = append([]connector.State{r.State}, out...)
	}
	return out
}

// scenes gives the scenes of work.
func scenes(work []connector.Work) []connector.Scene {
	out := []connector.Scene{}
	for _, w := range work {
		out = append(out, w.Scene)
	}
	return out
}

// wantKind wants an error of one kind.
func wantKind(t testing.TB, err error, kind connector.ErrorKind) {
	t.Helper()
	if err == nil || connector.KindOf(err) != kind {
		t.Errorf("error %v, want one of kind %v", err, kind)
	}
}

// again retries a record, one that has succeeded too.
func (p *player) again(id string) (connector.State, error) {
	got, err := p.db.Retry(p.t.Context(), store.Resending{ID: id, Who: "me", ResendOptions: connector.ResendOptions{Confirmed: true}})
	return got.State, err
}
