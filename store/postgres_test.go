package store_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"todosync/internal/pgtest"
	"todosync/store"
	"todosync/store/storetest"
)

func postgresEngine() storetest.Engine {
	config := func(place string, change func(*store.Config)) store.Config {
		c := store.Config{
			Address: place, Key: []byte(strings.Repeat("k", 32)), Log: slog.New(slog.DiscardHandler),
			Now: func() time.Time { return storetest.Start },
		}
		if change != nil {
			change(&c)
		}
		return c
	}
	return storetest.Engine{
		Histories: 15,
		Place:     func(t testing.TB) string { return pgtest.Database(t) },
		Open: func(t testing.TB, place string, change func(*store.Config)) *store.DB {
			t.Helper()
			return open(t, func(c *store.Config) { *c = config(place, change) })
		},
		TryOpen: func(t testing.TB, place string, change func(*store.Config)) (*store.DB, error) {
			return store.Open(t.Context(), config(place, change))
		},
		Elapse: func(t testing.TB, place string, by time.Duration) {
			t.Helper()
			execute(t, place, `UPDATE workers SET until_ms = until_ms - $1`, by.Milliseconds())
		},
	}
}

// execute runs a statement beside the store.
func execute(t testing.TB, place, query string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	storetest.Run(t, postgresEngine())
}

func TestPostgreSQLShared(t *testing.T) {
	t.Parallel()
	storetest.RunShared(t, postgresEngine())
}

// TestDialectsAgree compares the tables and columns that both engines' migrations end with.
func TestDialectsAgree(t *testing.T) {
	t.Parallel()
	lite := open(t, nil)
	e := postgresEngine()
	post := e.Open(t, e.Place(t), nil)
	want, err := lite.Columns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := post.Columns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(want) < 100 {
		t.Errorf("only %d columns are compared", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns differ (-SQLite +PostgreSQL):\n%s", diff)
	}
}
