package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"todosync/connector"

	"todosync/store/storetest"
)

// TestManyWatch has very many watch the same few deliveries: each sees all of them, what others are told of costs no statement again, and who
// does not look holds nobody up.
func TestManyWatch(t *testing.T) {
	t.Parallel()
	const watching, todos = 200, 40
	db := open(t, nil)
	storetest.Save(t, db, storetest.Connection("T", "oa", nil))
	storetest.Bind(t, db, "T", "oa", "a")
	conn := storetest.Number(t, db, "T", "oa")
	asleep, err := db.Watch(connector.RecordFilter{}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer asleep.Close()
	var wg sync.WaitGroup
	for i := range watching {
		f := connector.RecordFilter{Tenants: []string{"T"}, States: []string{string(connector.Succeeded)}, Receivers: []string{"a", "b"}}
		if i%2 == 1 {
			f.Connections = []string{"oa"}
		}
		w, err := db.Watch(f, "")
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer w.Close()
			seen := map[string]bool{}
			for len(seen) < todos {
				got, err := w.Next(t.Context())
				if err != nil {
					if !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
					return
				}
				for _, r := range got.Records {
					if r.State != connector.Succeeded { // who looks between a commit and its change sees it before it is told, and is told again
						t.Errorf("record %s, %s: not what was wanted", r.ID, r.State)
					}
					seen[r.ID] = true
				}
			}
		})
	}
	before := db.Glances()
	for i := range todos {
		if _, err := db.Accept(t.Context(), storetest.Batch(uint64(i), storetest.Start, storetest.Todo{Todo: fmt.Sprint(i), Receivers: []string{"a"}}.Item(uint64(i)+1))); err != nil {
			t.Fatal(err)
		}
		got, err := db.Turn(t.Context(), connector.Turn{Conn: conn, Want: 1, Now: storetest.Start})
		if err != nil || len(got.Work) != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		if _, err := db.Turn(t.Context(), connector.Turn{Conn: conn, Changes: outcomes(got.Work, "x"), Now: storetest.Start}); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	if reads := db.Glances() - before; reads > 3*todos+20 {
		t.Errorf("%d statements for %d changes that %d watch", reads, 3*todos, watching)
	}
	got, err := asleep.Next(t.Context())
	if err != nil || len(got.Records) != todos || got.Missed {
		t.Errorf("who slept sees %d records, %v, %v", len(got.Records), got.Missed, err)
	}
}

// BenchmarkCommitsWatched is what an accepted event costs while very many watch; an operation is one event.
func BenchmarkCommitsWatched(b *testing.B) {
	for _, watching := range []int{0, 200} {
		b.Run(fmt.Sprint(watching), func(b *testing.B) {
			db, _ := benchStore(b)
			ctx, cancel := context.WithCancel(b.Context())
			var wg sync.WaitGroup
			for range watching {
				w, err := db.Watch(connector.RecordFilter{}, "")
				if err != nil {
					b.Fatal(err)
				}
				wg.Go(func() {
					defer w.Close()
					for {
						if _, err := w.Next(ctx); err != nil {
							return
						}
					}
				})
			}
			before := processor(b)
			b.ResetTimer()
			for done := 0; done < b.N; done += 10 {
				if _, err := db.Accept(ctx, benchBatch(uint64(done), 10)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((processor(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
			cancel()
			wg.Wait()
		})
	}
}
