package store_test

import (
	"path/filepath"
	"testing"

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
