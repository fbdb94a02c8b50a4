package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/mattn/go-sqlite3"

	"todosync/connector"
)

// How a copy is made beside the running writer: it is held for a few milliseconds at a time, with a rest as long between.
const (
	copyHold  = 5 * time.Millisecond // after so long nothing more is copied in a hold
	copyPages = 16                   // what is copied between two looks at the clock: a slow disk reads so much in a few milliseconds
	copySync  = 2048                 // pages that are copied before they are brought to the disk: a commit's own sync should find little to wait for
)

// A Copy says what is in a copy of the database.
type Copy struct {
	Schema    int64             `json:"schema"`    // version of its schema
	Positions map[string]uint64 `json:"positions"` // by stream: the sequence up to which it is planned
	Events    int64             `json:"events"`
	Waiting   int64             `json:"waiting"` // deliveries that were not final

	Held time.Duration `json:"-"` // the longest that the copying held the writer at a time; 0: not known
}

// Backup makes a copy of the database in a file that is not there yet, while everything goes on: it is as the database was at one moment,
// the last of the copying. progress is told how many pages are done, of how many; it may be nil. The copy is one file, of no use to
// other engines, and holds secrets as they are stored: sealed.
func (d *DB) Backup(ctx context.Context, path string, progress func(done, all int)) (c Copy, err error) {
	const op = "back up store"
	source, ok := d.writer.session.(*sqliteSession)
	if !ok {
		return c, &connector.Error{
			Kind: connector.Invalid, Op: op, Msg: "the store is in PostgreSQL",
			Hint: "back it up with that database's own means: pg_dump, or a base backup",
		}
	}
	into, err := sql.Open("sqlite3", address(path, url.Values{"_journal_mode": {"OFF"}, "_synchronous": {"OFF"}}))
	if err != nil {
		return c, failed(op, err)
	}
	defer func() {
		if into != nil {
			err = errors.Join(err, failed(op, into.Close()))
		}
		if err != nil {
			_ = os.Remove(path) // half a copy is none
		}
	}()
	held, err := into.Conn(ctx)
	if err != nil {
		return c, failed(op, err)
	}
	defer func() { _ = held.Close() }()
	var longest time.Duration
	err = held.Raw(func(dc any) (err error) {
		target, ok := dc.(*sqlite3.SQLiteConn)
		if !ok {
			return fmt.Errorf("the driver gives a %T", dc)
		}
		longest, err = d.copyAll(ctx, copying{source: source, target: target, path: path, progress: progress})
		return err
	})
	if err != nil {
		return c, failed(op, err)
	}
	err = errors.Join(held.Close(), into.Close())
	into = nil
	if err == nil {
		err = synced(path)
	}
	if err != nil {
		return c, failed(op, err)
	}
	c, err = look(ctx, path)
	c.Held = longest
	return c, err
}

// A copying is what copyAll needs.
type copying struct {
	source   *sqliteSession
	target   *sqlite3.SQLiteConn
	path     string // of the target
	progress func(done, all int)
}

// copyAll copies step by step over the writer's own connection: SQLite brings what is written meanwhile into the copy by itself,
// where another connection would have to begin anew after each commit. It says for how long it held the writer at most. Whoever is told of the
// progress is told outside of that: he may be slow.
func (d *DB) copyAll(ctx context.Context, c copying) (longest time.Duration, err error) {
	const op = "back up store"
	between := func(ctx context.Context, f func() error) (took time.Duration, err error) { // transactions, with the connection at hand
		var ferr error
		err = d.writer.write(ctx, op, func(t *tx) error {
			t.done(func() {
				began := time.Now()
				ferr = f()
				took = time.Since(began)
			})
			return nil
		})
		longest = max(longest, took)
		return took, errors.Join(err, ferr)
	}
	var b *sqlite3.SQLiteBackup
	_, err = between(ctx, func() error { b, err = c.target.Backup("main", c.source.conn, "main"); return err })
	if err != nil {
		return longest, err
	}
	defer func() {
		if b != nil {
			_, ferr := between(context.WithoutCancel(ctx), b.Finish)
			err = errors.Join(err, ferr)
		}
	}()
	for unsynced := 0; ; {
		done, left, all := false, 0, 0
		took, err := between(ctx, func() (err error) {
			for began := time.Now(); !done && err == nil && time.Since(began) < copyHold; unsynced += copyPages {
				done, err = b.Step(copyPages)
			}
			left, all = b.Remaining(), b.PageCount()
			return err
		})
		if err != nil {
			return longest, err
		}
		if c.progress != nil {
			c.progress(all-left, all)
		}
		if done {
			return longest, nil
		}
		if unsynced >= copySync {
			unsynced = 0
			if err := synced(c.path); err != nil {
				return longest, err
			}
		}
		if err := rest(ctx, took); err != nil {
			return longest, err
		}
	}
}

// rest waits.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// synced has a file on the disk.
func synced(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// look reads what is in a copy. It changes nothing, and leaves no file beside it.
func look(ctx context.Context, path string) (c Copy, err error) {
	const op = "look into a copy of the store"
	db, err := sqlx.Open("sqlite3", address(path, url.Values{"mode": {"ro"}, "immutable": {"1"}}))
	if err != nil {
		return c, failed(op, err)
	}
	defer func() { err = errors.Join(err, failed(op, db.Close())) }()
	if err := db.GetContext(ctx, &c.Schema, `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied`); err != nil {
		return c, failed(op, err)
	}
	var rows []struct {
		Stream string `db:"stream"`
		Seq    int64  `db:"seq"`
	}
	if err := db.SelectContext(ctx, &rows, `SELECT stream, seq FROM positions`); err != nil {
		return c, failed(op, err)
	}
	c.Positions = map[string]uint64{}
	for _, r := range rows {
		c.Positions[r.Stream] = uint64(r.Seq) //nolint:gosec // stored from a uint64
	}
	err = db.GetContext(ctx, &c.Events, `SELECT COALESCE((SELECT MAX(n) FROM events) - (SELECT MIN(n) FROM events) + 1, 0)`)
	if err == nil {
		err = db.GetContext(ctx, &c.Waiting, `SELECT COUNT(*) FROM deliveries INDEXED BY deliveries_due WHERE `+waits)
	}
	return c, failed(op, err)
}
