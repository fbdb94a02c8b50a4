package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"todosync/connector"
	"todosync/store"
	"todosync/store/storetest"
)

// A backup made while events come in is the database of one moment: what waits, what is settled and the position go together.
func TestBackupWhileWriting(t *testing.T) {
	t.Parallel()
	var longest atomic.Int64
	db := open(t, func(c *store.Config) {
		c.Now = time.Now
		c.Committed = func(took time.Duration, _ int) { longest.Store(max(longest.Load(), int64(took))) }
	})
	storetest.Save(t, db, storetest.Connection("T", "oa", nil))
	storetest.Bind(t, db, "T", "oa", "a")
	seq := uint64(0)
	accept := func(n int) {
		var items []connector.Item
		for i := range n {
			e := storetest.Todo{Todo: fmt.Sprint(seq + uint64(i)), Receivers: []string{"a"}, Content: strings.Repeat("x", 2000)}
			items = append(items, e.Item(seq+uint64(i)+1))
		}
		if _, err := db.Accept(context.Background(), storetest.Batch(seq, time.Now(), items...)); err != nil {
			t.Error(err)
		}
		seq += uint64(n)
	}
	for range 60 {
		accept(100)
	}
	began := seq
	stop, done := make(chan struct{}), make(chan time.Duration)
	go func() {
		most := time.Duration(0)
		defer func() { done <- most }()
		for {
			select {
			case <-stop:
				return
			default:
			}
			at := time.Now()
			accept(1)
			most = max(most, time.Since(at))
		}
	}()
	path := filepath.Join(t.TempDir(), "copy.db")
	steps, last, all := 0, 0, 0
	c, err := db.Backup(t.Context(), path, func(done, of int) { steps, last, all = steps+1, done, of })
	close(stop)
	most := <-done
	if err != nil {
		t.Fatal(err)
	}
	position := c.Positions[storetest.Stream]
	if steps < 3 || last != all || position < began || position > seq || c.Events != int64(position) || c.Waiting != int64(position) {
		t.Errorf("%d steps, %d of %d pages, position %d between %d and %d: %+v", steps, last, all, position, began, seq, c)
	}
	t.Logf("%d pages in %d steps, %d events meanwhile, the slowest took %s", all, steps, position-began, most)
	for _, beside := range []string{"-wal", "-shm", "-journal"} {
		if _, err := os.Stat(path + beside); err == nil {
			t.Errorf("%s is left beside the copy", beside)
		}
	}
	if _, err := store.Restored(t.Context(), path, time.Now()); err != nil {
		t.Fatal(err)
	}
	again := open(t, func(c *store.Config) { c.Path = path })
	if at, err := again.Position(t.Context(), storetest.Stream); err != nil || at != position {
		t.Errorf("position %d %v, want %d", at, err, position)
	}
}

// TestBackupHoldsNobodyUp copies a database that is not small, and looks how long each of its steps kept others from writing. What a machine
// with much else to do adds to one of three copies is not the copying's.
func TestBackupHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	db := open(t, nil)
	storetest.Save(t, db, storetest.Connection("T", "oa", nil))
	storetest.Bind(t, db, "T", "oa", "a")
	const batch = 250
	for seq := uint64(0); seq < 100*batch; seq += batch {
		var items []connector.Item
		for i := range uint64(batch) {
			e := storetest.Todo{Todo: fmt.Sprint(seq + i), Receivers: []string{"a"}, Content: strings.Repeat("x", 3000)}
			items = append(items, e.Item(seq+i+1))
		}
		if _, err := db.Accept(t.Context(), storetest.Batch(seq, storetest.Start, items...)); err != nil {
			t.Fatal(err)
		}
	}
	var held []time.Duration
	for i := range 3 {
		told := 0
		c, err := db.Backup(t.Context(), filepath.Join(t.TempDir(), fmt.Sprint(i)), func(_, all int) {
			if told++; told == 1 { // a slow listener: others write meanwhile
				writing, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				if err := db.Pause(writing, connector.ConnectionKey{Tenant: "T", Name: "oa"}, "x"); err != nil {
					t.Errorf("nobody can write while the progress is told: %v", err)
				}
			}
			if all < 20_000 {
				t.Errorf("%d pages: the database is too small to tell anything", all)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c.Held)
	}
	t.Logf("the writer was held for at most %v", held)
	if least := slices.Min(held); least <= 0 || least > 50*time.Millisecond {
		t.Errorf("the writer was held for %v, want 50 ms at most", held)
	}
}

// What may have been sent between the backup and its restore is marked: what waits in it, and what is read again.
func TestRestoredMarksWhatMayHaveBeenSent(t *testing.T) {
	t.Parallel()
	db := open(t, nil)
	storetest.Save(t, db, storetest.Connection("T", "oa", nil))
	storetest.Bind(t, db, "T", "oa", "a")
	accept := func(db *store.DB, seq uint64, e storetest.Todo, received time.Time) {
		t.Helper()
		item := e.Item(seq)
		item.Event.Received = received
		if _, err := db.Accept(t.Context(), storetest.Batch(seq-1, storetest.Start, item)); err != nil {
			t.Fatal(err)
		}
	}
	accept(db, 1, storetest.Todo{Todo: "waits", Receivers: []string{"a"}}, storetest.Start)
	path := filepath.Join(t.TempDir(), "copy.db")
	if _, err := db.Backup(t.Context(), path, nil); err != nil {
		t.Fatal(err)
	}
	at := storetest.Start.Add(time.Hour)
	c, err := store.Restored(t.Context(), path, at)
	if err != nil || c.Waiting != 1 || c.Positions[storetest.Stream] != 1 || c.Schema < 1 {
		t.Fatalf("%+v %v", c, err)
	}
	again := open(t, func(c *store.Config) { c.Path = path })
	accept(again, 2, storetest.Todo{Todo: "read again", Receivers: []string{"a"}}, at.Add(-time.Second))
	accept(again, 3, storetest.Todo{Todo: "new", Receivers: []string{"a"}}, at.Add(time.Hour))
	got := map[string]bool{}
	page, err := again.Records(t.Context(), connector.RecordFilter{}, connector.PageOf{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range page.Items {
		got[r.Todo] = r.PossiblySentTwice
	}
	if len(got) != 3 || !got["waits"] || !got["read again"] || got["new"] {
		t.Errorf("marked: %v", got)
	}
	conn := storetest.Number(t, again, "T", "oa")
	turned, err := again.Turn(t.Context(), connector.Turn{Conn: conn, Want: 10, Now: at.Add(2 * time.Hour)})
	if err != nil || len(turned.Work) != 3 {
		t.Fatalf("%+v %v", turned, err)
	}
	for _, w := range turned.Work {
		maybe := w.LaneNow.Presence == connector.Maybe && w.LaneNow.Left
		if maybe != (w.Todo != "new") || w.SentTwice != maybe {
			t.Errorf("%s: the lane is %+v, sent twice %v", w.Todo, w.LaneNow, w.SentTwice)
		}
	}
}

func TestRestoredRefuses(t *testing.T) {
	t.Parallel()
	db := open(t, nil)
	storetest.Save(t, db, storetest.Connection("T", "oa", nil))
	for name, c := range map[string]struct {
		spoil func(path string) error
		kind  connector.ErrorKind
	}{
		"newer schema": {kind: connector.Conflict, spoil: func(path string) error {
			raw, err := sql.Open("sqlite3", path)
			if err != nil {
				return err
			}
			defer raw.Close()
			_, err = raw.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`)
			return err
		}},
		"damaged pages": {kind: connector.Invalid, spoil: func(path string) error {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for i := len(b) / 2; i < len(b)/2+20_000; i++ {
				b[i] ^= 0x55
			}
			return os.WriteFile(path, b, 0o600)
		}},
		"no database": {kind: connector.Invalid, spoil: func(path string) error { return os.WriteFile(path, []byte("hello, this is text"), 0o600) }},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "copy.db")
			if _, err := db.Backup(t.Context(), path, nil); err != nil {
				t.Fatal(err)
			}
			if err := c.spoil(path); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Restored(t.Context(), path, time.Now()); connector.KindOf(err) != c.kind || err == nil {
				t.Errorf("want kind %v, got %v", c.kind, err)
			}
		})
	}
}

// A backup that is given up leaves nothing, and the store goes on.
func TestBackupGivenUp(t *testing.T) {
	t.Parallel()
	db := open(t, nil)
	storetest.Save(t, db, storetest.Connection("T", "oa", nil))
	ctx, cancel := context.WithCancel(t.Context())
	path := filepath.Join(t.TempDir(), "copy.db")
	_, err := db.Backup(ctx, path, func(int, int) { cancel() })
	if connector.KindOf(err) != connector.Unavailable && err != nil {
		t.Errorf("want it given up, got %v", err)
	}
	if err != nil {
		if _, err := os.Stat(path); err == nil {
			t.Error("half a copy is left")
		}
	}
	storetest.Save(t, db, storetest.Connection("T", "oa2", nil))
}
