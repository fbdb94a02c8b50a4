package store_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"todosync/connector"
	"todosync/retry"
	"todosync/store"
	"todosync/store/storetest"
)

var replayed = flag.Int("replay", 1500, "how many deliveries TestReplayLeavesLiveOnesTheirDelay replays")

// An oa takes a while for each answer, refuses all until it is mended, and notes when it got what.
type oa struct {
	mu     sync.Mutex
	mended bool
	got    map[string]time.Time // by todo
	order  []string
}

func (o *oa) Post(ctx context.Context, r retry.Request) (retry.Receipt, error) {
	o.mu.Lock()
	body, mended := string(r.Body), o.mended
	if mended {
		_, id, _ := strings.Cut(body, `"task":"`)
		id, _, _ = strings.Cut(id, `"`)
		o.got[id] = time.Now()
		o.order = append(o.order, id)
	}
	o.mu.Unlock()
	if !mended {
		return retry.Receipt{Status: 400}, &retry.Error{Class: retry.HTTP4xx, Status: 400, Msg: "HTTP status 400"}
	}
	t := time.NewTimer(20 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return retry.Receipt{Status: 200, Body: []byte(`{}`), Headers: []retry.Header{{Name: "Content-Type", Value: "application/json"}}}, nil
}

func (*oa) Close() {}

// TestReplayLeavesLiveOnesTheirDelay replays what has failed while events come, in a time that does not depend on the machine: the delay of
// the live ones stays what it was, but for the answer that a place is waited for, and the replay goes on at a good part of the OA's rate.
func TestReplayLeavesLiveOnesTheirDelay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { replay(t, dir) })
}

func replay(t *testing.T, dir string) {
	log := slog.New(slog.DiscardHandler)
	var worker *connector.Worker
	db := open(t, func(c *store.Config) {
		c.Path, c.Now = dir+"/replay.db", time.Now
		c.Wake = func(conns []int64) { worker.Wake(conns) }
	})
	target := &oa{got: map[string]time.Time{}}
	worker, err := connector.NewWorker(connector.WorkerConfig{
		Ledger: db, Registry: db, Log: log, Open: func(retry.Config) (connector.Sender, error) { return target, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := connector.NewJobWorker(connector.JobWorkerConfig{Desk: db, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Save(t, db, storetest.Connection("T", "oa", func(c *connector.Connection) { c.Limits.Concurrency = 8 }))
	storetest.Bind(t, db, "T", "oa", "a")
	seq := uint64(0)
	accept := func(todos ...string) {
		t.Helper()
		items := make([]connector.Item, len(todos))
		for i, todo := range todos {
			items[i] = storetest.Todo{Todo: todo, Receivers: []string{"a"}}.Item(seq + uint64(i) + 1)
		}
		got, err := db.Accept(t.Context(), storetest.Batch(seq, time.Now(), items...))
		if err != nil {
			t.Fatal(err)
		}
		seq += uint64(len(todos))
		worker.Wake(got.Wake)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = worker.Run(ctx) })
	running.Go(func() { _ = jobs.Run(ctx) })
	for i := 0; i < *replayed; i += 500 {
		var todos []string
		for j := i; j < min(i+500, *replayed); j++ {
			todos = append(todos, fmt.Sprint("old", j))
		}
		accept(todos...)
	}
	failed := func() int {
		n, _, err := db.CountRecords(t.Context(), connector.JobRequest{Kind: connector.JobRetry, Filter: connector.RecordFilter{States: []string{"failed"}}})
		if err != nil {
			t.Fatal(err)
		}
		return int(n)
	}
	for n := failed(); n < *replayed; n = failed() {
		time.Sleep(time.Second)
	}
	target.mu.Lock()
	target.mended = true
	target.mu.Unlock()

	// live lets an event come every 30 ms and gives the delays, sorted.
	live := func(name string, count int) []time.Duration {
		began := map[string]time.Time{}
		for i := range count {
			todo := fmt.Sprint(name, i)
			began[todo] = time.Now()
			accept(todo)
			time.Sleep(30 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		var out []time.Duration
		target.mu.Lock()
		defer target.mu.Unlock()
		for todo, at := range began {
			got, ok := target.got[todo]
			if !ok {
				t.Fatalf("%s has not come", todo)
			}
			out = append(out, got.Sub(at))
		}
		slices.Sort(out)
		return out
	}
	p99 := func(d []time.Duration) time.Duration { return d[len(d)*99/100] }
	quiet := live("quiet", 100)
	j, err := db.StartJob(t.Context(), connector.JobRequest{
		Kind: connector.JobRetry, Filter: connector.RecordFilter{States: []string{"failed"}}, Who: "me",
	})
	if err != nil {
		t.Fatal(err)
	}
	jobs.Poke()
	started := time.Now()
	busy := live("busy", 150)
	for j, err = db.Job(t.Context(), j.ID); err == nil && !j.State.Ended(); j, err = db.Job(t.Context(), j.ID) {
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil || j.State != connector.JobDone || int(j.Done) != *replayed {
		t.Errorf("job %+v, %v", j, err)
	}
	took := time.Since(started)
	t.Logf("%d replayed in %v of the OA's time; p99 of live ones %v, before %v", *replayed, took, p99(busy), p99(quiet))
	// A place is free for each of them, but for outcomes that wait a moment to be stored together.
	if p99(busy) > p99(quiet)+5*time.Millisecond {
		t.Errorf("p99 of live deliveries is %v during the replay, and was %v", p99(busy), p99(quiet))
	}
	// The OA takes 8 in 20 ms. Half of that is for the replay, less what a look every 20 ms leaves unused.
	if most := time.Duration(*replayed) * time.Second / 100; took > max(most, 6*time.Second) {
		t.Errorf("the replay took %v, want %v at most", took, most)
	}
	time.Sleep(time.Second)
	stop()
	running.Wait()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	synctest.Wait()
}
