package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"todosync/connector"
	"todosync/mapping"
	"todosync/retry"
	"todosync/store"
)

// RunShared plays what holds when several processes have one database open. The engine must have Elapse.
func RunShared(t *testing.T, e Engine) {
	t.Helper()
	tests := map[string]func(t *testing.T, e Engine){
		"leases": testLeases, "takeover": testTakeover, "release": testReleaseSeats, "settings": testSettingsSpread,
		"bindings": testBindingsSpread, "ids": testIDsSpread, "together": testTogetherShared, "recover": testRecoverShared, "one key": testOneKey,
		"readers": testTwoReaders, "seat of digests": testSeatOfDigests,
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, e)
		})
	}
}

// two opens one database twice.
func two(t testing.TB, e Engine) (place string, a, b *store.DB) {
	t.Helper()
	place = e.Place(t)
	return place, e.Open(t, place, nil), e.Open(t, place, nil)
}

// renew renews leases in turn and wants nothing to go wrong.
func renew(t testing.TB, db *store.DB, workers ...string) (alive []string) {
	t.Helper()
	for _, w := range workers {
		var err error
		if alive, err = db.Sharing().Renew(t.Context(), w); err != nil {
			t.Fatalf("renew %s: %v", w, err)
		}
	}
	return alive
}

func take(t testing.TB, db *store.DB, worker string, seats ...connector.Seat) (fences map[connector.Seat]int64, recovered int) {
	t.Helper()
	fences, recovered, err := db.Sharing().Take(t.Context(), worker, seats)
	if err != nil {
		t.Fatalf("take: %v", err)
	}
	return fences, recovered
}

func testLeases(t *testing.T, e Engine) {
	place, a, b := two(t, e)
	renew(t, a, "w2")
	if got := fmt.Sprint(renew(t, b, "w1")); got != "[w1 w2]" {
		t.Errorf("alive %s, want both in order", got)
	}
	e.Elapse(t, place, connector.LeaseLength-time.Second)
	if got := fmt.Sprint(renew(t, b, "w1")); got != "[w1 w2]" {
		t.Errorf("before the lease is over alive are %s", got)
	}
	e.Elapse(t, place, 2*time.Second)
	if got := fmt.Sprint(renew(t, b, "w1")); got != "[w1]" {
		t.Errorf("after the lease is over alive are %s", got)
	}
	if _, _, err := a.Sharing().Take(t.Context(), "w2", []connector.Seat{connector.SeatReader}); connector.KindOf(err) != connector.Conflict {
		t.Errorf("a worker without a lease takes a seat: %v", err)
	}

	// The database's clock is put back by an hour, and w2 is gone: nobody waits for an hour until its lease is over.
	renew(t, a, "w2")
	e.Elapse(t, place, -time.Hour)
	if got := fmt.Sprint(renew(t, b, "w1")); got != "[w1 w2]" {
		t.Errorf("when the clock was put back alive are %s: it may be one that lives", got)
	}
	e.Elapse(t, place, connector.LeaseLength+time.Second)
	if got := fmt.Sprint(renew(t, b, "w1")); got != "[w1]" {
		t.Errorf("a lease's length after the clock was put back alive are %s", got)
	}
}

func testTakeover(t *testing.T, e Engine) {
	place, a, b := two(t, e)
	p := playAt(t, a, nil)
	seat := connector.Seat(p.conn)
	renew(t, a, "a")
	fences, _ := take(t, a, "a", seat, connector.SeatReader)
	old := fences[seat]
	if old == 0 || fences[connector.SeatReader] == 0 {
		t.Fatalf("fences %v", fences)
	}
	p.accept(Todo{Todo: "1", Receivers: []string{"a"}}, Todo{Todo: "2", Receivers: []string{"a"}})
	turn := func(db *store.DB, fence int64, want int, changes ...connector.Change) (connector.Turned, error) {
		return db.Turn(t.Context(), connector.Turn{Conn: p.conn, Fence: fence, Want: want, Changes: changes, Now: p.now})
	}
	got, err := turn(a, old, 1)
	if err != nil || len(got.Work) != 1 {
		t.Fatalf("claimed %d, %v", len(got.Work), err)
	}
	if _, err := turn(b, 0, 1); connector.KindOf(err) != connector.Conflict {
		t.Errorf("who has no seat claims: %v", err)
	}

	renew(t, b, "b")
	if fences, _ := take(t, b, "b", seat); len(fences) != 0 {
		t.Errorf("b takes a seat that a holds: %v", fences)
	}
	e.Elapse(t, place, connector.LeaseLength+time.Second)
	if fences, recovered := take2(t, a, b, seat); fences[seat] <= old || recovered != 1 {
		t.Errorf("fences %v after %d, recovered %d", fences, old, recovered)
	}

	// What the first one still believes does no harm.
	late := succeed(&got.Work[0])
	if _, err := turn(a, old, 5, late); connector.KindOf(err) != connector.Conflict {
		t.Errorf("a late turn: %v", err)
	}
	wantKind(t, a.SetCondition(t.Context(), p.conn, old, connector.Condition{DownSince: p.now}), connector.Conflict)
	wantKind(t, a.KeepToken(t.Context(), p.conn, old, connector.KeptToken{}), connector.Conflict)

	fences, again := take(t, b, "b", seat)
	if again != 0 {
		t.Errorf("recovered %d a second time", again)
	}
	p.now = time.Now()
	next, err := turn(b, fences[seat], 5)
	if err != nil || len(next.Work) != 2 {
		t.Fatalf("b claimed %d, %v", len(next.Work), err)
	}
	for i := range next.Work {
		if w := &next.Work[i]; w.SentTwice != (w.N == late.N) || (w.Attempts == 1) != (w.N == late.N) {
			t.Errorf("delivery of todo %s: sent twice %v, attempts %d", w.Todo, w.SentTwice, w.Attempts)
		}
	}
	if _, err := turn(b, fences[seat], 0, succeed(&next.Work[0]), succeed(&next.Work[1])); err != nil {
		t.Error(err)
	}
	if _, err := turn(a, old, 5); connector.KindOf(err) != connector.Conflict {
		t.Errorf("a late claim: %v", err)
	}
}

// take2 has b, whose lease is over too, renew it and take a seat of a's.
func take2(t testing.TB, a, b *store.DB, seat connector.Seat) (map[connector.Seat]int64, int) {
	t.Helper()
	renew(t, b, "b")
	fences, recovered := take(t, b, "b", seat)
	renew(t, a, "a") // too late
	if own, _ := take(t, a, "a", seat); len(own) != 0 {
		t.Errorf("a has the seat too: %v", own)
	}
	return fences, recovered
}

func testReleaseSeats(t *testing.T, e Engine) {
	_, a, b := two(t, e)
	renew(t, a, "a", "b")
	seats := []connector.Seat{connector.SeatReader, connector.SeatJobs, 7}
	first, _ := take(t, a, "a", seats...)
	if err := a.Sharing().Release(t.Context(), "a", seats[:1]); err != nil {
		t.Fatal(err)
	}
	second, _ := take(t, b, "b", seats...)
	if len(second) != 1 || second[connector.SeatReader] <= first[connector.SeatReader] {
		t.Errorf("after a release b has %v of a's %v", second, first)
	}
	if err := b.Sharing().Release(t.Context(), "b", []connector.Seat{connector.SeatJobs}); err != nil {
		t.Fatal(err)
	}
	if own, _ := take(t, a, "a", seats...); len(own) != 2 {
		t.Errorf("a worker releases another's seat: left are %v", own)
	}
	if err := a.Sharing().Leave(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if alive := renew(t, b, "b"); len(alive) != 1 {
		t.Errorf("alive %v after one has left", alive)
	}
	if third, _ := take(t, b, "b", seats...); len(third) != 3 {
		t.Errorf("after a has left b has %v", third)
	}
}

func testSettingsSpread(t *testing.T, e Engine) {
	place := e.Place(t)
	a := e.Open(t, place, nil)
	var told []int64
	var mu sync.Mutex
	b := e.Open(t, place, func(c *store.Config) {
		c.Followed = func(conns []int64) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, conns...)
		}
	})
	Save(t, a, Connection("T", "oa", nil))
	conn := Number(t, a, "T", "oa")
	got, err := b.Accept(t.Context(), Batch(0, Start, Todo{Receivers: []string{"a"}}.Item(1)))
	if err != nil || got.Deliveries != 1 {
		t.Errorf("with a connection that another process made: %+v, %v", got, err)
	}
	mu.Lock()
	if fmt.Sprint(told) != fmt.Sprint([]int64{conn}) {
		t.Errorf("told of %v, want %d", told, conn)
	}
	mu.Unlock()
	before, err := b.Program(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	Save(t, a, Connection("T", "oa", title("another")))
	Bind(t, a, "T", "oa", "a")
	if err := a.Pause(t.Context(), connector.ConnectionKey{Tenant: "T", Name: "oa"}, "me"); err != nil {
		t.Fatal(err)
	}
	// Who has not heard of it yet claims nothing all the same.
	if got, err := b.Turn(t.Context(), connector.Turn{Conn: conn, Want: 1, Now: Start}); err != nil || len(got.Work) != 0 {
		t.Errorf("claimed %d of what another process has paused, %v", len(got.Work), err)
	}
	after, err := b.Program(t.Context(), conn)
	if err != nil || after.Revision == before.Revision || !after.Condition.Paused {
		t.Errorf("revision %d after %d, condition %+v, %v", after.Revision, before.Revision, after.Condition, err)
	}
	if err := a.SetSecret(t.Context(), "T", "s", "one-secret-value", "me"); err != nil {
		t.Fatal(err)
	}
	if v, err := b.Secret(t.Context(), "T", "s"); err != nil || v != "one-secret-value" {
		t.Errorf("secret %q, %v", v, err)
	}
	if err := a.SetSecret(t.Context(), "T", "s", "another-secret-value", "me"); err != nil {
		t.Fatal(err)
	}
	// A turn is enough to notice.
	if _, err := b.Turn(t.Context(), connector.Turn{Conn: conn, Now: Start}); err != nil {
		t.Fatal(err)
	}
	if v, err := b.Secret(t.Context(), "T", "s"); err != nil || v != "another-secret-value" {
		t.Errorf("secret %q, %v", v, err)
	}
	del := store.Deletion{Key: connector.ConnectionKey{Tenant: "T", Name: "oa"}, Who: "me", CancelWaiting: true}
	if err := a.Delete(t.Context(), del); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Accept(t.Context(), Batch(1, Start, Todo{Todo: "2", Receivers: []string{"a"}}.Item(2))); err != nil || got.Deliveries != 0 {
		t.Errorf("with a connection that another process has deleted: %+v, %v", got, err)
	}
}

func testBindingsSpread(t *testing.T, e Engine) {
	_, a, b := two(t, e)
	each := func(c *connector.Connection) { c.Receivers = connector.ReceiverMode{As: mapping.Each} }
	Save(t, a, Connection("T", "oa", each))
	conn := Number(t, a, "T", "oa")
	claim := func(seq uint64, todo string) []connector.Work {
		t.Helper()
		if _, err := b.Accept(t.Context(), Batch(seq-1, Start, Todo{Todo: todo, Receivers: []string{"a"}}.Item(seq))); err != nil {
			t.Fatal(err)
		}
		got, err := b.Turn(t.Context(), connector.Turn{Conn: conn, Want: 10, Now: Start})
		if err != nil {
			t.Fatal(err)
		}
		changes := make([]connector.Change, len(got.Work))
		for i := range got.Work {
			changes[i] = outcome(&got.Work[i], connector.Failed, retry.Business)
		}
		if _, err := b.Turn(t.Context(), connector.Turn{Conn: conn, Changes: changes, Now: Start}); err != nil {
			t.Fatal(err)
		}
		return got.Work
	}
	for _, w := range claim(1, "1") {
		if len(w.Bindings) > 0 {
			t.Errorf("before anybody is bound: %v", w.Bindings)
		}
	}
	Bind(t, a, "T", "oa", "a")
	for _, w := range claim(2, "2") {
		if w.Bindings["a"].Account != "oa-a" {
			t.Errorf("after another process has bound: %v", w.Bindings)
		}
	}
	if _, err := a.SetBinding(t.Context(), "T", connector.Binding{Connection: "oa", User: "a", Account: "new"}, "me"); err != nil {
		t.Fatal(err)
	}
	work := claim(3, "3")
	if len(work) == 0 {
		t.Error("nothing was claimed")
	}
	for _, w := range work {
		if w.Bindings["a"].Account != "new" {
			t.Errorf("after another process has bound anew: %v", w.Bindings)
		}
	}
}

// testIDsSpread has processes whose clocks differ by hours make deliveries by turns: the list is in the order of the commits.
func testIDsSpread(t *testing.T, e Engine) {
	place := e.Place(t)
	var dbs []*store.DB
	for i := range 3 {
		dbs = append(dbs, e.Open(t, place, func(c *store.Config) {
			c.Now = func() time.Time { return Start.Add(time.Duration(-i) * time.Hour) }
		}))
	}
	Save(t, dbs[0], Connection("T", "oa", nil))
	Bind(t, dbs[0], "T", "oa", "a")
	for i := range uint64(12) {
		now := Start.Add(-time.Duration(i%3) * time.Hour)
		_, err := dbs[i%3].Accept(t.Context(), Batch(i, now, Todo{Todo: fmt.Sprint(i), Receivers: []string{"a"}}.Item(i+1)))
		if err != nil {
			t.Fatal(err)
		}
	}
	records := allRecords(t, dbs[1], connector.RecordFilter{}, 5)
	if len(records) != 12 {
		t.Fatalf("%d records", len(records))
	}
	for i, r := range records {
		if want := fmt.Sprint(11 - i); r.Todo != want {
			t.Errorf("record %d is of todo %s, want %s", i, r.Todo, want)
		}
	}
}

// testTogetherShared is testTogether over processes: one accepts, others claim, persons retry and cancel at a third.
func testTogetherShared(t *testing.T, e Engine) {
	place := e.Place(t)
	reader, third := e.Open(t, place, nil), e.Open(t, place, nil)
	const steps, owners = 120, 4
	var dbs []*store.DB
	var conns []int64
	for i := range owners {
		name := fmt.Sprintf("oa%d", i)
		Save(t, third, Connection("T", name, nil))
		Bind(t, third, "T", name, "a")
		conns = append(conns, Number(t, third, "T", name))
		if i%2 == 0 {
			dbs = append(dbs, e.Open(t, place, nil))
		} else {
			dbs = append(dbs, dbs[i-1])
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range uint64(steps) {
			todo := Todo{Todo: "one", Receivers: []string{"a"}}
			if i > 0 {
				todo.Action = connector.ActionEdit
			}
			if _, err := reader.Accept(ctx, Batch(i, Start, todo.Item(i+1))); err != nil {
				t.Error(err)
				return
			}
		}
	})
	wg.Go(func() {
		for i := range 20 {
			Save(t, third, Connection("T", fmt.Sprintf("other%d", i), func(c *connector.Connection) { c.Enabled = false }))
		}
	})
	for i, conn := range conns {
		wg.Go(func() {
			settled := 0
			var changes []connector.Change
			for settled < steps {
				got, err := dbs[i].Turn(ctx, connector.Turn{Conn: conn, Changes: changes, Want: 8, Now: Start})
				if err != nil {
					t.Errorf("%d of %d deliveries of connection %d were settled; do the others wait and are never due? %v", settled, steps, conn, err)
					return
				}
				if len(got.Work) > 1 {
					t.Errorf("two deliveries of one lane at once")
				}
				settled += len(changes)
				changes = nil
				for i := range got.Work {
					changes = append(changes, succeed(&got.Work[i]))
				}
			}
		})
	}
	wg.Wait()
}

// testRecoverShared: a process that starts leaves alone what others have on its way.
func testRecoverShared(t *testing.T, e Engine) {
	place, a, b := two(t, e)
	p := playAt(t, a, nil)
	renew(t, a, "a")
	fences, _ := take(t, a, "a", connector.Seat(p.conn))
	p.accept(Todo{Todo: "1", Receivers: []string{"a"}})
	got, err := a.Turn(t.Context(), connector.Turn{Conn: p.conn, Fence: fences[connector.Seat(p.conn)], Want: 1, Now: p.now})
	if err != nil || len(got.Work) != 1 {
		t.Fatalf("claimed %d, %v", len(got.Work), err)
	}
	if n, err := b.Recover(t.Context()); err != nil || n != 0 {
		t.Errorf("recovered %d of a worker that lives, %v", n, err)
	}
	e.Elapse(t, place, connector.LeaseLength+time.Second)
	if n, err := b.Recover(t.Context()); err != nil || n != 1 {
		t.Errorf("recovered %d of a worker that is gone, %v", n, err)
	}
}

func testOneKey(t *testing.T, e Engine) {
	place := e.Place(t)
	a := e.Open(t, place, nil)
	if err := a.SetSecret(t.Context(), "T", "s", "a-secret-value", "me"); err != nil {
		t.Fatal(err)
	}
	_, err := e.TryOpen(t, place, func(c *store.Config) {
		c.Key = append([]byte{}, c.Key...)
		c.Key[0]++
	})
	wantKind(t, err, connector.Conflict)
}

// testTwoReaders has two processes accept the same stretch of the stream: one of them does.
func testTwoReaders(t *testing.T, e Engine) {
	_, a, b := two(t, e)
	Save(t, a, Connection("T", "oa", nil))
	var wg sync.WaitGroup
	for i := range uint64(10) {
		errs := make([]error, 2)
		for j, db := range []*store.DB{a, b} {
			wg.Go(func() {
				_, errs[j] = db.Accept(t.Context(), Batch(i, Start, Todo{Todo: fmt.Sprint(i), Receivers: []string{"a"}}.Item(i+1)))
			})
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("of two readers at once: %v, %v", errs[0], errs[1])
		}
		for _, err := range errs {
			if err != nil {
				wantKind(t, err, connector.Conflict)
			}
		}
	}
	if got := allRecords(t, a, connector.RecordFilter{}, 100); len(got) != 10 {
		t.Errorf("%d records of 10 events", len(got))
	}
}
