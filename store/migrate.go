package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"todosync/connector"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// migrate brings the schema up to date, forwards only, each step in a transaction. A schema that is newer than this program
// is refused.
func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect) error {
	const op = "migrate store"
	folder, options := "migrations/sqlite", []goose.ProviderOption(nil)
	if dialect == goose.DialectPostgres {
		// Several processes may start at once; whoever comes second finds it done.
		l, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return failed(op, err)
		}
		folder, options = "migrations/postgres", append(options, goose.WithSessionLocker(l))
	}
	steps, err := fs.Sub(migrations, folder)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	p, err := goose.NewProvider(dialect, db, steps, options...)
	if err != nil {
		return failed(op, err)
	}
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return failed(op, err)
	}
	sources := p.ListSources()
	if newest := sources[len(sources)-1].Version; have > newest {
		return &connector.Error{
			Kind: connector.Conflict, Op: op,
			Msg:  fmt.Sprintf("the database has schema %d and this program knows %d at most", have, newest),
			Hint: "start a release at least as new as the one that wrote it, or restore a backup made before the upgrade",
		}
	}
	if have == sources[len(sources)-1].Version {
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return failed(op, err)
	}
	return nil
}

// newestSchema is the version that this program brings a database to.
func newestSchema() (int64, error) {
	steps, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return 0, err
	}
	sources, err := fs.ReadDir(steps, ".")
	if err != nil {
		return 0, err
	}
	var newest int64
	for _, s := range sources {
		n, err := goose.NumericComponent(s.Name())
		if err != nil {
			return 0, err
		}
		newest = max(newest, n)
	}
	return newest, nil
}
