package main

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-sqlite3"
)

// rowSize is the size of a row of the loops: a request, its answer, and what is told of them.
const rowSize = 2 << 10

// A table takes rows of 2 KB, each commit synced to disk.
type table interface {
	io.Closer
	commit(ctx context.Context, rows []row) error
}

// openTable makes a table in a file of SQLite, or in a database of PostgreSQL.
func openTable(ctx context.Context, store string) (table, error) {
	if strings.HasPrefix(store, "postgres") {
		return openPostgres(ctx, store)
	}
	return openSQLite(store)
}

// A sqliteTable is a table in SQLite, driven without database/sql in between.
type sqliteTable struct {
	conn   driver.Conn
	insert driver.Stmt
	begin  driver.Stmt
	end    driver.Stmt
	n      int64
}

func openSQLite(name string) (*sqliteTable, error) {
	conn, err := (&sqlite3.SQLiteDriver{}).Open("file:" + name + "?_journal_mode=WAL&_synchronous=FULL&_mutex=no")
	if err != nil {
		return nil, err
	}
	t := &sqliteTable{conn: conn}
	create, err := conn.Prepare(`CREATE TABLE rows (n INTEGER PRIMARY KEY, serial TEXT NOT NULL, at_ms BIGINT NOT NULL, body BLOB NOT NULL, rest TEXT NOT NULL)`)
	if err == nil {
		_, err = create.Exec(nil) //nolint:staticcheck // the driver without database/sql: no context is needed in a loop
		err = errors.Join(err, create.Close())
	}
	for statement, text := range map[*driver.Stmt]string{
		&t.insert: `INSERT INTO rows (n, serial, at_ms, body, rest) VALUES (?, ?, ?, ?, ?)`, &t.begin: `BEGIN IMMEDIATE`, &t.end: `COMMIT`,
	} {
		if err == nil {
			*statement, err = conn.Prepare(text)
		}
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return t, nil
}

func (t *sqliteTable) commit(_ context.Context, rows []row) error {
	if _, err := t.begin.Exec(nil); err != nil { //nolint:staticcheck // as above
		return err
	}
	now := time.Now().UnixMilli()
	for i := range rows {
		t.n++
		args := []driver.Value{t.n, rows[i].serial, now, rows[i].body, filler(len(rows[i].body))}
		if _, err := t.insert.Exec(args); err != nil { //nolint:staticcheck // as above
			return err
		}
	}
	_, err := t.end.Exec(nil) //nolint:staticcheck // as above
	return err
}

// Close closes the database.
func (t *sqliteTable) Close() error {
	return errors.Join(t.insert.Close(), t.begin.Close(), t.end.Close(), t.conn.Close())
}

// filler is the rest of a row whose body has n bytes.
func filler(n int) string { return rowFiller()[:max(0, rowSize-n-40)] }

var rowFiller = sync.OnceValue(func() string { return strings.Repeat("x", rowSize) })

// A rowsPlan says how many rows a commit has.
type rowsPlan struct {
	Store     string  `json:"store"`
	PerCommit int     `json:"perCommit"`
	Seconds   float64 `json:"seconds"`
}

// A rowsReport says how it went.
type rowsReport struct {
	Rows    int     `json:"rows"`
	Seconds float64 `json:"seconds"`
}

// runRows is the process that writes rows, one commit after another.
func runRows(ctx context.Context, plan rowsPlan, say func(any) error) error {
	t, err := openTable(ctx, plan.Store)
	if err != nil {
		return err
	}
	batch := make([]row, plan.PerCommit)
	for i := range batch {
		batch[i] = row{serial: fmt.Sprint(i), body: plainBody(i)}
	}
	start, n := time.Now(), 0
	for time.Since(start).Seconds() < plan.Seconds && ctx.Err() == nil {
		if err := t.commit(ctx, batch); err != nil {
			return errors.Join(err, t.Close())
		}
		n += len(batch)
	}
	seconds := time.Since(start).Seconds()
	if err := t.Close(); err != nil {
		return err
	}
	return say(rowsReport{Rows: n, Seconds: seconds})
}
