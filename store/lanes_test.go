package store_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"todosync/connector"
	"todosync/mapping"
	"todosync/retry"
	"todosync/store"
	"todosync/store/storetest"
)

// lanesSeeds is how many random histories TestLanesMove plays on SQLite; PostgreSQL plays a tenth.
var lanesSeeds = flag.Int("lanes.seeds", 40, "random histories of TestLanesMove")

// TestLanesMove plays random histories of all that touches what waits. After each step every lane that has something waiting moves: its
// first delivery has a due time, is on its way, or is held; no other has a due time, and one at most is on its way.
func TestLanesMove(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		for seed := range uint64(*lanesSeeds) {
			playLanes(t, seed, func(t *testing.T, now *time.Time) func() *store.DB {
				path := filepath.Join(t.TempDir(), "todosync.db")
				return func() *store.DB {
					return open(t, func(c *store.Config) { c.Path, c.Now = path, func() time.Time { return *now } })
				}
			})
		}
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		for seed := range uint64((*lanesSeeds + 9) / 10) {
			playLanes(t, seed, func(t *testing.T, now *time.Time) func() *store.DB {
				e := postgresEngine()
				place := e.Place(t)
				return func() *store.DB {
					return e.Open(t, place, func(c *store.Config) { c.Now = func() time.Time { return *now } })
				}
			})
		}
	})
}

// A laneGame is one random history.
type laneGame struct {
	t    *testing.T
	rnd  *rand.Rand
	db   *store.DB
	conn int64
	seq  uint64
	now  time.Time
	sent []connector.Work
	did  []string
}

func playLanes(t *testing.T, seed uint64, place func(t *testing.T, now *time.Time) func() *store.DB) {
	t.Run(fmt.Sprint(seed), func(t *testing.T) {
		g := &laneGame{t: t, rnd: rand.New(rand.NewPCG(seed, 7)), now: storetest.Start}
		reopen := place(t, &g.now)
		g.db = reopen()
		storetest.Save(t, g.db, storetest.Connection("T", "oa", func(c *connector.Connection) {
			c.Receivers = connector.ReceiverMode{As: mapping.Each}
			c.Coalesce = g.rnd.IntN(2) == 0
			if g.rnd.IntN(2) == 0 {
				c.EditAs = connector.EditAsRecreate
			}
			if g.rnd.IntN(3) == 0 {
				c.Reopen = connector.ReopenNewID
			}
			if g.rnd.IntN(3) == 0 {
				c.Retry.Unanswered = connector.UnansweredHold
			}
		}))
		storetest.Bind(t, g.db, "T", "oa", "a", "b")
		g.conn = storetest.Number(t, g.db, "T", "oa")
		for range 60 {
			g.now = g.now.Add(time.Duration(g.rnd.IntN(90)) * time.Second)
			if g.rnd.IntN(40) == 0 {
				g.now = g.now.Add(-time.Hour)
			}
			switch g.rnd.IntN(16) {
			case 0, 1, 2, 3:
				g.accept()
			case 4, 5, 6, 7, 8:
				g.turn()
			case 9:
				g.person()
			case 10:
				g.push()
			case 11, 12:
				g.bind()
			case 13:
				g.job()
			case 14:
				if g.rnd.IntN(3) == 0 {
					g.note("restart")
					g.must(g.db.Close())
					g.db = reopen()
					_, err := g.db.Recover(t.Context())
					g.must(err)
					g.sent = nil
				}
			case 15:
				g.together()
			}
			g.check()
		}
	})
}

func (g *laneGame) note(format string, args ...any) {
	g.did = append(g.did, fmt.Sprintf(format, args...))
}

// must ends the game with an error that is more than a person's request being refused.
func (g *laneGame) must(err error) {
	g.t.Helper()
	if k := connector.KindOf(err); err != nil && k != connector.Conflict && k != connector.NotFound {
		g.t.Fatalf("%v after %v", err, g.did)
	}
}

// check looks at all lanes.
func (g *laneGame) check() {
	g.t.Helper()
	wrong, err := g.db.Standing(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	if len(wrong) > 0 {
		g.t.Fatalf("%v\nafter %v", wrong, g.did)
	}
}

func (g *laneGame) batch() connector.Batch {
	var items []connector.Item
	for range 1 + g.rnd.IntN(3) {
		e := storetest.Todo{
			Todo:   fmt.Sprint(g.rnd.IntN(2)),
			Action: []connector.Action{"create", "edit", "edit", "edit", "delete"}[g.rnd.IntN(5)],
		}
		for _, who := range []string{"a", "b", "x"} {
			if g.rnd.IntN(2) == 0 {
				e.Receivers = append(e.Receivers, who)
			}
		}
		if e.Action == connector.ActionEdit && g.rnd.IntN(4) == 0 {
			e.Status = "done"
		}
		g.note("%s %s %v %s", e.Action, e.Todo, e.Receivers, e.Status)
		items = append(items, e.Item(g.seq+uint64(len(items))+1))
	}
	b := storetest.Batch(g.seq, g.now, items...)
	g.seq = b.Last
	return b
}

func (g *laneGame) accept() {
	_, err := g.db.Accept(g.t.Context(), g.batch())
	g.must(err)
}

func (g *laneGame) next() connector.Turn {
	turn := connector.Turn{Conn: g.conn, Want: g.rnd.IntN(4), Now: g.now, Probe: g.rnd.IntN(8) == 0}
	var left []connector.Work
	for i := range g.sent {
		if g.rnd.IntN(2) == 0 {
			left = append(left, g.sent[i])
			continue
		}
		turn.Changes = append(turn.Changes, g.ending(&g.sent[i]))
	}
	g.sent = left
	if g.rnd.IntN(6) == 0 {
		turn.Over = connector.Over{Before: g.now.Add(-5 * time.Minute), Why: "its time is over: "}
	}
	if g.rnd.IntN(6) == 0 {
		turn.Longest = time.Hour
	}
	g.note("turn want %d probe %v over %v longest %v settles %d", turn.Want, turn.Probe, !turn.Over.Before.IsZero(), turn.Longest, len(turn.Changes))
	return turn
}

func (g *laneGame) turned(_ *connector.Turn, got connector.Turned, err error) {
	g.must(err)
	if len(got.Lost) > 0 {
		g.t.Fatalf("lost %v after %v", got.Lost, g.did)
	}
	for i := range got.Work {
		g.note("claimed %d", got.Work[i].N)
	}
	g.sent = append(g.sent, got.Work...)
}

func (g *laneGame) turn() {
	turn := g.next()
	got, err := g.db.Turn(g.t.Context(), turn)
	g.turned(&turn, got, err)
}

// together settles, claims and accepts at the same time, so that they may share a commit in any order.
func (g *laneGame) together() {
	turn, batch := g.next(), g.batch()
	done := make(chan error, 2)
	key := connector.ConnectionKey{Tenant: "T", Name: "oa"}
	go func() { _, err := g.db.Accept(g.t.Context(), batch); done <- err }()
	go func() {
		_, err := g.db.Push(g.t.Context(), store.PushRequest{Key: key, Todo: "0", Who: "me"})
		done <- err
	}()
	got, err := g.db.Turn(g.t.Context(), turn)
	g.turned(&turn, got, err)
	g.must(<-done)
	g.must(<-done)
}

// ending draws how an attempt ends.
func (g *laneGame) ending(w *connector.Work) connector.Change {
	c := connector.Change{
		N: w.N, To: connector.Succeeded, Tries: w.Tries + 1, FirstTry: w.FirstTry, Account: w.Account, Revision: w.Revision,
		SentTwice: w.SentTwice, Unanswered: w.Unanswered, RemoteID: w.RemoteID, Attempts: []connector.Attempt{{Started: g.now, Worker: "w"}},
	}
	if c.FirstTry.IsZero() {
		c.FirstTry = g.now
	}
	switch g.rnd.IntN(8) {
	case 0:
		c.To, c.Class = connector.Failed, retry.Business
		if w.Scene == connector.SceneDelete && w.Step == 0 {
			c.SkipFollows = connector.ReasonDeleteFailed
		}
	case 1, 2:
		c.To, c.Class, c.Due = connector.Retrying, retry.Timeout, g.now.Add(time.Duration(g.rnd.IntN(120))*time.Second)
	case 3:
		c.To, c.Tries, c.Attempts, c.FirstTry = connector.Pending, w.Tries, nil, w.FirstTry
	case 4:
		c.To, c.Class = connector.Held, retry.Network
	case 5:
		c.To, c.Class = connector.Skipped, connector.ReasonNothingThere
	default:
		lane := w.LaneNow
		lane.Left, lane.Account = true, w.Account
		switch w.Scene {
		case connector.SceneCreate, connector.SceneEdit:
			lane.Presence, lane.Has = connector.Present, w.External
		case connector.SceneDelete:
			lane.Presence, lane.Has = connector.Absent, 0
		case connector.SceneDone, connector.SceneRemind, connector.SceneMessage:
		}
		c.Lane = &lane
	}
	g.note("%d ends %s", c.N, c.To)
	return c
}

func (g *laneGame) person() {
	page, err := g.db.Records(g.t.Context(), connector.RecordFilter{}, connector.PageOf{Limit: 200})
	if err != nil {
		g.t.Fatal(err)
	}
	if len(page.Items) == 0 {
		return
	}
	r := page.Items[g.rnd.IntN(len(page.Items))]
	if g.rnd.IntN(3) == 0 {
		g.note("cancel %s", r.ID)
		g.must(g.db.Cancel(g.t.Context(), r.ID, "me"))
		return
	}
	g.note("retry %s", r.ID)
	_, err = g.db.Retry(g.t.Context(), store.Resending{ID: r.ID, Who: "me", ResendOptions: connector.ResendOptions{Confirmed: true}})
	g.must(err)
}

func (g *laneGame) push() {
	g.note("push")
	_, err := g.db.Push(g.t.Context(), store.PushRequest{
		Key: connector.ConnectionKey{Tenant: "T", Name: "oa"}, Todo: fmt.Sprint(g.rnd.IntN(2)), Who: "me",
		PushOptions: connector.PushOptions{Lost: g.rnd.IntN(3) == 0},
	})
	g.must(err)
}

func (g *laneGame) bind() {
	user := []string{"a", "b", "x"}[g.rnd.IntN(3)]
	if g.rnd.IntN(3) == 0 {
		g.note("unbind %s", user)
		_, err := g.db.RemoveBinding(g.t.Context(), connector.ConnectionKey{Tenant: "T", Name: "oa"}, user, "me")
		g.must(err)
		return
	}
	account := fmt.Sprintf("%s-%d", user, g.rnd.IntN(3))
	g.note("bind %s", account)
	_, err := g.db.SetBinding(g.t.Context(), "T", connector.Binding{Connection: "oa", User: user, Account: account}, "me")
	g.must(err)
}

// job starts one, or takes a step of each.
func (g *laneGame) job() {
	jobs, err := g.db.OpenJobs(g.t.Context())
	g.must(err)
	if len(jobs) == 0 {
		j := connector.JobRequest{Kind: connector.JobRetry, Who: "me", Options: connector.ResendOptions{Confirmed: true}}
		switch g.rnd.IntN(3) {
		case 0:
			j.Kind, j.Filter.Todos = connector.JobCancel, []string{"1"}
		case 1:
			j.Kind, j.Key = connector.JobBackfill, connector.ConnectionKey{Tenant: "T", Name: "oa"}
		default:
			j.Filter.Tenants = []string{"T"}
		}
		g.note("job %s", j.Kind)
		_, err := g.db.StartJob(g.t.Context(), j)
		g.must(err)
	}
	for range 3 {
		for _, j := range jobs {
			g.note("step of %s", j.Kind)
			_, err := g.db.StepJob(g.t.Context(), connector.JobStep{ID: j.ID, Room: func(int64, connector.Load) int { return 2 }})
			g.must(err)
		}
	}
}

// TestDeleteBrokenOff deletes a connection with much that waits and is broken off on the way: what still waits goes on.
func TestDeleteBrokenOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	armed := false
	db := open(t, func(c *store.Config) {
		c.Changed = func([]int64) {
			if armed {
				cancel()
			}
		}
	})
	storetest.Save(t, db, storetest.Connection("T", "oa", nil))
	storetest.Bind(t, db, "T", "oa", "a")
	var items []connector.Item
	for i := range uint64(1400) {
		e := storetest.Todo{Todo: fmt.Sprint(i % 700), Receivers: []string{"a"}}
		if i >= 700 {
			e.Action = connector.ActionEdit
		}
		items = append(items, e.Item(i+1))
	}
	if _, err := db.Accept(t.Context(), storetest.Batch(0, storetest.Start, items...)); err != nil {
		t.Fatal(err)
	}
	armed = true
	err := db.Delete(ctx, store.Deletion{Key: connector.ConnectionKey{Tenant: "T", Name: "oa"}, Who: "me", CancelWaiting: true})
	if err == nil {
		t.Fatal("it was not broken off")
	}
	if wrong, err := db.Standing(t.Context()); err != nil || len(wrong) > 0 {
		t.Errorf("%d lanes stand still, %v: %s", len(wrong), err, wrong[0])
	}
}
