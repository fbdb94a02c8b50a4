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

// How a copy is made beside the running writer: in steps, each as long as it can be without holding anybody up, with a rest between.
const (
	copyStep  = 8 * time.Millisecond // what a step is meant to take
	copyFirst = 64                   // pages of the first
	copyMost  = 4096                 // and of any
)

// A Copy says what is in a copy of the database.
type Copy struct {
	Schema    int64             `json:"schema"`    // version of its schema
	Positions map[string]uint64 `json:"positions"` // by stream: the sequence up to which it is planned
	Events    int64             `json:"events"`
	Waiting   int64             `json:"waiting"` // deliveries that were not final
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
	err = held.Raw(func(dc any) error {
		target, ok := dc.(*sqlite3.SQLiteConn)
		if !ok {
			return fmt.Errorf("the driver gives a %T", dc)
		}
		return d.copyPages(ctx, source, target, progress)
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
	return look(ctx, path)
}

// copyPages copies step by step over the writer's own connection: SQLite brings what is written meanwhile into the copy by itself,
// where another connection would have to begin anew after each commit.
func (d *DB) copyPages(ctx context.Context, source *sqliteSession, target *sqlite3.SQLiteConn, progress func(done, all int)) (err error) {
	const op = "back up store"
	between := func(ctx context.Context, f func() error) error { // transactions, with the connection at hand
		var ferr error
		err := d.writer.write(ctx, op, func(t *tx) error {
			t.done(func() { ferr = f() })
			return nil
		})
		return errors.Join(err, ferr)
	}
	var b *sqlite3.SQLiteBackup
	err = between(ctx, func() error { b, err = target.Backup("main", source.conn, "main"); return err })
	if err != nil {
		return err
	}
	defer func() {
		if b != nil {
			err = errors.Join(err, between(context.WithoutCancel(ctx), b.Finish))
		}
	}()
	pages, done := copyFirst, false
	for !done {
		var took time.Duration
		err = between(ctx, func() error {
			began := time.Now()
			done, err = b.Step(pages)
			took = time.Since(began)
			if progress != nil {
				progress(b.PageCount()-b.Remaining(), b.PageCount())
			}
			return err
		})
		if err != nil || done {
			break
		}
		switch {
		case took < copyStep/2:
			pages = min(2*pages, copyMost)
		case took > copyStep:
			pages = max(pages/2, 1)
		}
		if err = rest(ctx, took); err != nil {
			return err
		}
	}
	return err
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
