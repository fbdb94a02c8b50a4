package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"todosync/connector"
)

func openHere(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), Config{
		Path: filepath.Join(t.TempDir(), "a b%?#.db"), Key: []byte(strings.Repeat("k", keySize)), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func putFact(name, value string) func(*tx) error {
	return func(t *tx) error { return t.run(`INSERT INTO facts (name, value) VALUES (?, ?)`, name, []byte(value)) }
}

func facts(t *testing.T, db *DB) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := db.writer.write(t.Context(), "read", func(x *tx) error {
		return x.read(`SELECT name, value FROM facts`, nil, func(r row) error { out[r.text(0)] = r.text(1); return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// occupy has the writer run an operation that lasts until the returned function is called, so that what follows is queued.
func occupy(t *testing.T, db *DB) (release func()) {
	t.Helper()
	begun, end := make(chan struct{}), make(chan struct{})
	var once sync.Once
	go func() {
		_ = db.writer.write(t.Context(), "occupy", func(*tx) error {
			once.Do(func() { close(begun) })
			<-end
			return nil
		})
	}()
	<-begun
	return func() { close(end) }
}

// queued waits until so many operations are in the writer's queue.
func queued(t *testing.T, db *DB, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		db.writer.mu.Lock()
		have := len(db.writer.queue)
		db.writer.mu.Unlock()
		if have == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d operations in the queue, want %d", have, n)
		}
		runtime.Gosched() // the queue tells nobody when it grows
	}
}

func TestWriterSharesCommits(t *testing.T) {
	t.Parallel()
	db := openHere(t)
	release := occupy(t, db)
	var wg sync.WaitGroup
	var transactions atomic.Int64
	var last atomic.Pointer[bool] // what operations of one transaction have in common
	for i := range 50 {
		wg.Go(func() {
			err := db.writer.write(t.Context(), "put", func(x *tx) error {
				if last.Swap(x.rebound) != x.rebound {
					transactions.Add(1)
				}
				return putFact(fmt.Sprintf("f%d", i), "v")(x)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	queued(t, db, 50)
	release()
	wg.Wait()
	if got := transactions.Load(); got > 5 {
		t.Errorf("50 operations that waited together took %d transactions", got)
	}
	if got := len(facts(t, db)); got != 51 { // the key's mark is one more
		t.Errorf("%d facts, want 51", got)
	}
}

func TestWriterIsolatesBadOperation(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		bad  func(*tx) error
		want func(error) bool
	}{
		"constraint": {
			bad:  func(x *tx) error { return errors.Join(putFact("bad", "1")(x), putFact("bad", "2")(x)) },
			want: func(err error) bool { return connector.KindOf(err) == connector.Invalid },
		},
		"own error after a write": {
			bad: func(x *tx) error {
				return errors.Join(putFact("bad", "1")(x), notFound("test", "something"))
			},
			want: func(err error) bool { return connector.KindOf(err) == connector.NotFound },
		},
		"own error before a write": {
			bad:  func(*tx) error { return notFound("test", "something") },
			want: func(err error) bool { return connector.KindOf(err) == connector.NotFound },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := openHere(t)
			release := occupy(t, db)
			var wg sync.WaitGroup
			after := atomic.Int64{}
			for i := range 9 {
				wg.Go(func() {
					do := putFact(fmt.Sprintf("good%d", i), "v")
					err := db.writer.write(t.Context(), "good", func(x *tx) error {
						x.done(func() { after.Add(1) })
						return do(x)
					})
					if err != nil {
						t.Errorf("good operation: %v", err)
					}
				})
			}
			wg.Go(func() {
				err := db.writer.write(t.Context(), "bad", func(x *tx) error {
					x.done(func() { t.Error("the bad operation's work after the commit was done") })
					return c.bad(x)
				})
				if !c.want(err) {
					t.Errorf("bad operation: %v", err)
				}
			})
			queued(t, db, 10)
			release()
			wg.Wait()
			got := facts(t, db)
			if _, there := got["bad"]; there || len(got) != 10 {
				t.Errorf("facts %v", got)
			}
			if after.Load() != 9 {
				t.Errorf("work after the commit was done %d times, want 9", after.Load())
			}
		})
	}
}

func TestWriterPanicIsItsCallers(t *testing.T) {
	t.Parallel()
	db := openHere(t)
	release := occupy(t, db)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := db.writer.write(t.Context(), "good", putFact("good", "v")); err != nil {
			t.Errorf("good: %v", err)
		}
	})
	wg.Go(func() {
		defer func() {
			if got := recover(); got != "boom" {
				t.Errorf("recovered %v, want boom", got)
			}
		}()
		_ = db.writer.write(t.Context(), "bad", func(x *tx) error {
			_ = putFact("bad", "v")(x)
			panic("boom")
		})
	})
	queued(t, db, 2)
	release()
	wg.Wait()
	if got := facts(t, db); got["good"] != "v" || got["bad"] != "" {
		t.Errorf("facts %v", got)
	}
}

func TestWriterWithdraws(t *testing.T) {
	t.Parallel()
	db := openHere(t)
	release := occupy(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		failed <- db.writer.write(ctx, "given up", func(*tx) error {
			t.Error("the operation that was given up has run")
			return nil
		})
	}()
	queued(t, db, 1)
	cancel()
	if err := <-failed; connector.KindOf(err) != connector.Unavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	release()
	if err := db.writer.write(t.Context(), "next", putFact("next", "v")); err != nil {
		t.Errorf("next: %v", err)
	}
}

func TestWriterClose(t *testing.T) {
	t.Parallel()
	db := openHere(t)
	release := occupy(t, db)
	done := make(chan error)
	go func() { done <- db.writer.write(t.Context(), "queued", putFact("queued", "v")) }()
	queued(t, db, 1)
	closed := make(chan error)
	go func() { closed <- db.Close() }()
	release()
	if err := <-done; err != nil && connector.KindOf(err) != connector.Unavailable {
		t.Errorf("queued: %v", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
	if err := db.writer.write(t.Context(), "late", putFact("late", "v")); connector.KindOf(err) != connector.Unavailable {
		t.Errorf("after close: %v", err)
	}
}

// TestTroubleGoesByItself takes the room or the lock away from the database and gives it back.
func TestTroubleGoesByItself(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		begin func(t *testing.T, db *DB) (end func())
		says  string
	}{
		"full disk": {
			begin: func(t *testing.T, db *DB) func() {
				pragma(t, db, `PRAGMA max_page_count = 1`) // SQLite takes the present size then
				return func() { pragma(t, db, `PRAGMA max_page_count = 1000000`) }
			},
			says: "the disk is full",
		},
		"locked": {
			begin: func(t *testing.T, db *DB) func() {
				pragma(t, db, `PRAGMA busy_timeout = 20`)
				other, err := sql.Open("sqlite3", address(db.cfg.Path, nil))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := other.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil {
					t.Fatal(err)
				}
				return func() { _ = other.Close() }
			},
			says: "locked by another program",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := openHere(t)
			end := c.begin(t, db)
			big := strings.Repeat("x", 1<<20)
			err := db.writer.write(t.Context(), "put", putFact("big", big))
			if connector.KindOf(err) != connector.Unavailable || !strings.Contains(err.Error(), c.says) {
				t.Errorf("while it lasts: %v", err)
			}
			if db.writer.trouble() == nil {
				t.Error("no trouble is kept while it lasts")
			}
			end()
			if err := db.Health(t.Context()); err != nil {
				t.Errorf("health afterwards: %v", err)
			}
			if err := db.writer.write(t.Context(), "put", putFact("big", big)); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// pragma runs a pragma on the writer's connection, also while no transaction can begin.
func pragma(t *testing.T, db *DB, text string) {
	t.Helper()
	if err := db.writer.session.rows(text, nil, nil); err != nil {
		t.Fatal(err)
	}
}

func TestPragmasAreOn(t *testing.T) {
	t.Parallel()
	db := openHere(t)
	for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		got := ""
		err := db.writer.session.rows(`PRAGMA `+name, nil, func(r row) error { got = fmt.Sprint(r[0]); return nil })
		if err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", name, got, err, want)
		}
	}
	if _, err := db.read.ExecContext(t.Context(), `DELETE FROM facts`); err == nil {
		t.Error("the readers can write")
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	db := openHere(t)
	err := db.writer.write(t.Context(), "forge", func(x *tx) error {
		return x.run(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)`)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), db.cfg)
	if connector.KindOf(err) != connector.Conflict || !strings.Contains(err.Error(), "schema 9999") {
		t.Errorf("got %v", err)
	}
}

func TestWrongKeyIsRefused(t *testing.T) {
	t.Parallel()
	db := openHere(t)
	if err := db.SetSecret(t.Context(), "T", "s", "a secret value", "w"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := db.cfg
	cfg.Key = []byte(strings.Repeat("x", keySize))
	if _, err := Open(t.Context(), cfg); connector.KindOf(err) != connector.Conflict || !strings.Contains(err.Error(), "key") {
		t.Errorf("wrong key: %v", err)
	}
	again, err := Open(t.Context(), db.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got, err := again.Secret(t.Context(), "T", "s"); got != "a secret value" {
		t.Errorf("secret %q, %v", got, err)
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "张三": "张三", "a\x00b": "a\uFFFDb", "a\xff\xfeb": "a\uFFFDb", "\xed\xa0\x80": "\uFFFD",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) is %q, want %q", in, got, want)
		}
	}
}
