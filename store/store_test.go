package store_test

import (
	"path/filepath"
	"testing"

	"todosync/connector"
	"todosync/store"
	"todosync/store/storetest"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Engine{
		Place: func(t testing.TB) string {
			return filepath.Join(t.TempDir(), "todosync.db")
		},
		Open: func(t testing.TB, place string, change func(*store.Config)) *store.DB {
			return open(t, func(c *store.Config) {
				c.Path = place
				if change != nil {
					change(c)
				}
			})
		},
	})
}

// TestNothingStaysInMemory ends deliveries in every way: none may stay among those that are about to be claimed or on their way.
func TestNothingStaysInMemory(t *testing.T) {
	t.Parallel()
	db := open(t, nil)
	storetest.Save(t, db, storetest.Connection("T", "oa", nil))
	storetest.Bind(t, db, "T", "oa", "a")
	conn := storetest.Number(t, db, "T", "oa")
	seq := uint64(0)
	accept := func(e storetest.Todo) {
		t.Helper()
		if _, err := db.Accept(t.Context(), storetest.Batch(seq, storetest.Start, e.Item(seq+1))); err != nil {
			t.Fatal(err)
		}
		seq++
	}
	want := func(waiting, flying int) {
		t.Helper()
		if w, f := db.Hot(); w != waiting || f != flying {
			t.Errorf("%d waiting and %d on their way in memory, want %d and %d", w, f, waiting, flying)
		}
	}
	newest := func() string {
		t.Helper()
		page, err := db.Records(t.Context(), connector.RecordFilter{}, connector.PageOf{Limit: 1})
		if err != nil || len(page.Items) != 1 {
			t.Fatalf("records %+v, %v", page, err)
		}
		return page.Items[0].ID
	}

	accept(storetest.Todo{Todo: "1", Receivers: []string{"a"}})
	want(1, 0)
	accept(storetest.Todo{Todo: "1", Action: connector.ActionDelete})
	want(0, 0)

	accept(storetest.Todo{Todo: "2", Receivers: []string{"a"}})
	want(1, 0)
	if err := db.Cancel(t.Context(), newest(), "me"); err != nil {
		t.Fatal(err)
	}
	want(0, 0)

	accept(storetest.Todo{Todo: "3", Receivers: []string{"a"}})
	got, err := db.Turn(t.Context(), connector.Turn{Conn: conn, Want: 1, Now: storetest.Start})
	if err != nil || len(got.Work) != 1 {
		t.Fatalf("claimed %+v, %v", got, err)
	}
	want(0, 1)
	changes := outcomes(got.Work, "body")
	if _, err := db.Turn(t.Context(), connector.Turn{Conn: conn, Changes: changes, Now: storetest.Start}); err != nil {
		t.Fatal(err)
	}
	want(0, 0)

	accept(storetest.Todo{Todo: "4", Receivers: []string{"a"}})
	if _, err := db.Turn(t.Context(), connector.Turn{Conn: conn, Want: 1, Now: storetest.Start}); err != nil {
		t.Fatal(err)
	}
	want(0, 1)
	if n, err := db.Recover(t.Context()); err != nil || n != 1 {
		t.Fatalf("recovered %d, %v", n, err)
	}
	want(0, 0)

	accept(storetest.Todo{Todo: "5", Receivers: []string{"a"}})
	del := store.Deletion{Key: connector.ConnectionKey{Tenant: "T", Name: "oa"}, Who: "me", CancelWaiting: true}
	if err := db.Delete(t.Context(), del); err != nil {
		t.Fatal(err)
	}
	want(0, 0)
}
