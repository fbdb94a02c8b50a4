package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"todosync/connector"
	"todosync/retry"
	"todosync/store"
	"todosync/store/storetest"
)

// open opens a fresh store that is closed with the test.
func open(t testing.TB, change func(*store.Config)) *store.DB {
	t.Helper()
	c := store.Config{
		Path: filepath.Join(t.TempDir(), "todosync.db"), Key: []byte(strings.Repeat("k", 32)), Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return storetest.Start },
	}
	if change != nil {
		change(&c)
	}
	db, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		// Whatever a test has done to deliveries, it was counted. A test may have closed its store, or broken it.
		if wrong, err := db.Miscounted(context.WithoutCancel(t.Context())); err == nil && len(wrong) > 0 {
			t.Errorf("miscounted: %v", wrong)
		}
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

// processor gives the processor time that this process has used.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const benchConnections = 20

// benchStore has 20 tenants with one connection and 100 bound users each.
func benchStore(b *testing.B) (*store.DB, []int64) {
	b.Helper()
	db := open(b, nil)
	conns := make([]int64, benchConnections)
	for i := range conns {
		tenant := fmt.Sprintf("T%d", i)
		storetest.Save(b, db, storetest.Connection(tenant, "oa", nil))
		conns[i] = storetest.Number(b, db, tenant, "oa")
		users := make([]string, 100)
		for u := range users {
			users[u] = fmt.Sprintf("user%d", u)
		}
		storetest.Bind(b, db, tenant, "oa", users...)
	}
	return db, conns
}

// benchBatch is a batch of creates, each of a todo of its own with one receiver and about 1 KB of payload.
func benchBatch(after uint64, size int) connector.Batch {
	pad := strings.Repeat("x", 700)
	items := make([]connector.Item, size)
	for i := range items {
		seq := after + uint64(i) + 1
		items[i] = storetest.Todo{
			Tenant: fmt.Sprintf("T%d", seq%benchConnections), Todo: fmt.Sprintf("67298f0c9b3c1a00%08d", seq), Title: "待审批:报价单 Q-2024-118", Content: pad,
			Sender: "user1", Receivers: []string{fmt.Sprintf("user%d", seq%100)},
		}.Item(seq)
	}
	return storetest.Batch(after, storetest.Start, items...)
}

// outcomes are the changes of work that succeeded at the first try.
func outcomes(work []connector.Work, answer string) []connector.Change {
	changes := make([]connector.Change, len(work))
	for i := range work {
		w := &work[i]
		lane, account := w.LaneNow, "oa-"+w.Recipients[0].ID // as storetest.Bind binds
		lane.Left, lane.Presence, lane.Has, lane.Account = true, connector.Present, w.External, account
		changes[i] = connector.Change{
			N: w.N, To: connector.Succeeded, Code: "0", Message: "ok", Tries: 1, FirstTry: storetest.Start, Account: account,
			Revision: 1, Lane: &lane,
			Attempts: []connector.Attempt{{
				Number: 1, Started: storetest.Start, Duration: time.Millisecond, Code: "0", Message: "ok", Revision: 1, Worker: "w",
				Request: connector.SentRequest{
					Method: "POST", Address: "http://oa.example.com/seeyon/rest/thirdpartyPending/receive",
					Headers: []retry.Header{{Name: "Content-Type", Value: "application/json;charset=UTF-8"}, {Name: "Idempotency-Key", Value: w.ID}},
					Body:    answer,
				},
				Response: connector.ReceivedAnswer{
					Status: 200, Headers: []retry.Header{{Name: "Content-Length", Value: "40"}, {Name: "Content-Type", Value: "application/json"}},
					Body: `{"code":"0","message":"ok"}`,
				},
			}},
		}
	}
	return changes
}

// BenchmarkAccept accepts batches of 500 events; an operation is one event.
func BenchmarkAccept(b *testing.B) {
	db, _ := benchStore(b)
	before := processor(b)
	b.ResetTimer()
	for done := 0; done < b.N; {
		n := min(500, b.N-done)
		b.StopTimer()
		parse := processor(b)
		batch := benchBatch(uint64(done), n)
		before += processor(b) - parse
		b.StartTimer()
		if _, err := db.Accept(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		done += n
	}
	b.ReportMetric(float64((processor(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// BenchmarkTurn settles and claims 8 at a time in each of 20 connections at once; an operation is one delivery.
func BenchmarkTurn(b *testing.B) {
	db, conns := benchStore(b)
	for done := 0; done < b.N; done += 500 {
		if _, err := db.Accept(b.Context(), benchBatch(uint64(done), 500)); err != nil {
			b.Fatal(err)
		}
	}
	body := strings.Repeat("b", 600)
	before := processor(b)
	b.ResetTimer()
	var wg sync.WaitGroup
	for _, conn := range conns {
		wg.Go(func() {
			var changes []connector.Change
			for {
				got, err := db.Turn(b.Context(), connector.Turn{Conn: conn, Changes: changes, Want: 8, Now: storetest.Start})
				if err != nil {
					b.Error(err)
					return
				}
				if len(got.Lost) > 0 {
					b.Errorf("lost %v", got.Lost)
					return
				}
				if len(got.Work) == 0 {
					return
				}
				changes = outcomes(got.Work, body)
			}
		})
	}
	wg.Wait()
	done := float64((b.N + 499) / 500 * 500)
	b.ReportMetric(float64((processor(b)-before).Nanoseconds())/done, "cpu-ns/op")
}
