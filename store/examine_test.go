package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"todosync/connector"
	"todosync/store"
	"todosync/store/storetest"
)

// fill gives a store some events.
func fill(t testing.TB, db *store.DB, n int) {
	t.Helper()
	storetest.Save(t, db, storetest.Connection("T", "oa", nil))
	storetest.Bind(t, db, "T", "oa", "a")
	var items []connector.Item
	for i := range n {
		items = append(items, storetest.Todo{Todo: fmt.Sprint(i), Receivers: []string{"a"}, Content: strings.Repeat("x", 500)}.Item(uint64(i)+1))
	}
	if _, err := db.Accept(context.Background(), storetest.Batch(0, storetest.Start, items...)); err != nil {
		t.Fatal(err)
	}
}

// TestExamineSQLite looks at a database that is well, and at one of which a page was overwritten.
func TestExamineSQLite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	db := open(t, func(c *store.Config) { c.Path = path })
	fill(t, db, 200)
	e, err := db.Examine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if e.Journal != "wal" || e.Synchronous != store.SyncFull || e.Schema < 1 || e.Schema != e.Newest || e.Looked < 15 || len(e.Damage)+len(e.Unread) > 0 ||
		!strings.HasPrefix(e.Engine, "SQLite 3.") || e.Clocked {
		t.Errorf("%+v", e)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	spoil(t, path)
	db = open(t, func(c *store.Config) { c.Path = path })
	if e, err = db.Examine(t.Context()); err != nil || len(e.Damage) == 0 {
		t.Errorf("the damage is not found: %+v %v", e, err)
	}
}

// spoil overwrites the page at which the table of events begins.
func spoil(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	var page, size int64
	err = db.QueryRowContext(t.Context(), `SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = 'events'`).Scan(&page)
	if err == nil {
		err = db.QueryRowContext(t.Context(), `PRAGMA page_size`).Scan(&size)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xA5}, 200), (page-1)*size); err != nil {
		t.Fatal(err)
	}
}

// TestExaminePostgreSQL looks at a server, and at how the writer's session commits.
func TestExaminePostgreSQL(t *testing.T) {
	t.Parallel()
	engine := postgresEngine()
	commits := atomic.Int64{}
	db := engine.Open(t, engine.Place(t), func(c *store.Config) {
		c.Committed = func(time.Duration, int) { commits.Add(1) }
	})
	fill(t, db, 1)
	if commits.Load() == 0 {
		t.Error("nobody was told of commits")
	}
	e, err := db.Examine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if e.Commit != "on" || e.Isolation != "read committed" || e.Schema != e.Newest || e.Connections < 1 || e.Most < e.Connections ||
		!strings.HasPrefix(e.Engine, "PostgreSQL ") || !e.Clocked || e.Ahead.Abs() > 5*time.Second {
		t.Errorf("%+v", e)
	}
}
