package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"todosync/internal/pgtest"
	"todosync/store"
	"todosync/store/storetest"
)

func postgresEngine() storetest.Engine {
	return storetest.Engine{
		Place: func(t testing.TB) string { return pgtest.Database(t) },
		Open: func(t testing.TB, place string, change func(*store.Config)) *store.DB {
			return open(t, func(c *store.Config) {
				c.Path, c.Address = "", place
				if change != nil {
					change(c)
				}
			})
		},
	}
}

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	storetest.Run(t, postgresEngine())
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
