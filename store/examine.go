package store

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/mattn/go-sqlite3"
)

// How long a look at the database may take: no read of it may keep the log from being copied back for long.
const (
	examineTable = 900 * time.Millisecond // one table
	examineAll   = 15 * time.Second       // all of them
)

// SyncFull is what Examination.Synchronous has to be.
const SyncFull = "FULL"

// An Examination is what the store finds when it looks at itself.
type Examination struct {
	Engine         string // SQLite or PostgreSQL, with its version
	Schema, Newest int64  // of the database, and what this program knows

	// Of SQLite: how its writer commits, and whether the tables are well.
	Journal, Synchronous string
	Looked               int      // tables that were looked through whole
	Damage               []string // what is wrong
	Unread               []string // tables that were too large for the time

	// Of PostgreSQL.
	Clocked           bool          // Ahead is known
	Ahead             time.Duration // how far its clock is ahead of ours
	Commit, Isolation string        // of the writer's session
	Connections, Most int64         // of the server: in use, and allowed
}

// Examine looks at how the database is set up and whether it is well. It holds nobody up, and takes some seconds.
func (d *DB) Examine(ctx context.Context) (e Examination, err error) {
	const op = "examine store"
	if e.Newest, err = newestSchema(); err != nil {
		return e, failed(op, err)
	}
	if err = d.read.GetContext(ctx, &e.Schema, `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied`); err != nil {
		return e, failed(op, err)
	}
	if d.postgres() {
		return e, failed(op, d.examinePostgres(ctx, &e))
	}
	return e, failed(op, d.examineSQLite(ctx, &e))
}

func (d *DB) examineSQLite(ctx context.Context, e *Examination) error {
	version, _, _ := sqlite3.Version()
	e.Engine = "SQLite " + version
	const op = "examine store"
	// The writer itself is asked: each connection has settings of its own.
	err := d.writer.write(ctx, op, func(t *tx) error {
		if err := t.read(`PRAGMA journal_mode`, nil, func(r row) error { e.Journal = r.text(0); return nil }); err != nil {
			return err
		}
		return t.read(`PRAGMA synchronous`, nil, func(r row) error {
			levels := []string{"OFF", "NORMAL", SyncFull, "EXTRA"}
			if n := r.num(0); n >= 0 && n < int64(len(levels)) {
				e.Synchronous = levels[n]
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	var tables []string
	const query = `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name`
	if err := d.read.SelectContext(ctx, &tables, query); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, examineAll)
	defer cancel()
	for _, table := range tables {
		found, whole, err := d.lookThrough(ctx, table)
		if err != nil {
			return err
		}
		e.Damage = append(e.Damage, found...)
		if whole {
			e.Looked++
		} else {
			e.Unread = append(e.Unread, table)
		}
	}
	return nil
}

// lookThrough has SQLite look at a table and its indexes. whole is false where the time was not enough.
func (d *DB) lookThrough(ctx context.Context, table string) (damage []string, whole bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, examineTable)
	defer cancel()
	var lines []string
	// No place for a parameter; the name comes from the schema.
	err = d.read.SelectContext(ctx, &lines, `PRAGMA quick_check(`+strconv.Quote(table)+`)`)
	says, coded := errors.AsType[sqlite3.Error](err)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, false, nil
	case coded && (says.Code == sqlite3.ErrCorrupt || says.Code == sqlite3.ErrNotADB):
		return []string{table + ": " + says.Error()}, true, nil
	case err != nil:
		return nil, false, err
	}
	for _, line := range lines {
		if line != "ok" {
			damage = append(damage, line)
		}
		if len(damage) == 5 {
			break
		}
	}
	return damage, true, nil
}

func (d *DB) examinePostgres(ctx context.Context, e *Examination) error {
	var has struct {
		Version     string `db:"version"`
		Connections int64  `db:"connections"`
		Most        int64  `db:"most"`
		Now         int64  `db:"now"`
	}
	began := time.Now()
	err := d.read.GetContext(ctx, &has, `SELECT current_setting('server_version') AS version, `+databaseClock+` AS now,
		(SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
		CAST(current_setting('max_connections') AS BIGINT) AS most`)
	if err != nil {
		return err
	}
	took := time.Since(began)
	e.Engine, e.Connections, e.Most = "PostgreSQL "+has.Version, has.Connections, has.Most
	e.Clocked, e.Ahead = true, instant(has.Now).Sub(began.Add(took/2))
	return d.writer.within(ctx, "examine store", func() reach { return reach{} }, func(t *tx) error {
		const query = `SELECT current_setting('synchronous_commit'), current_setting('transaction_isolation')`
		return t.read(query, nil, func(r row) error {
			e.Commit, e.Isolation = r.text(0), r.text(1)
			return nil
		})
	})
}
