package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mattn/go-sqlite3"
)

// In statements that run for each delivery and have an ORDER BY, a LIMIT or a MIN, parameters stand as +?: for a plain ? SQLite
// would compile the statement again whenever another value is bound.

// A sqliteSession is the writer's connection to SQLite, with its prepared statements. It speaks to the driver itself: database/sql would
// cost as much again as SQLite does, and this is where a delivery spends most of its time in the store. Only the
// goroutine that holds the connection uses it.
type sqliteSession struct {
	held       *sql.Conn
	conn       *sqlite3.SQLiteConn
	statements map[string]*statement
	args       []driver.NamedValue
}

type statement struct {
	query driver.StmtQueryContext
	close func() error
	dest  []driver.Value
	busy  bool
}

func newSQLiteSession(ctx context.Context, db *sql.DB) (*sqliteSession, error) {
	held, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	s := &sqliteSession{held: held, statements: map[string]*statement{}}
	err = held.Raw(func(dc any) error {
		c, ok := dc.(*sqlite3.SQLiteConn)
		if !ok {
			return fmt.Errorf("the driver gives a %T", dc)
		}
		s.conn = c // it is ours as long as held is
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, held.Close())
	}
	return s, nil
}

// unending is the context of statements within a write: one that has begun is not cut off.
type unending struct{}

func (unending) Deadline() (time.Time, bool) { return time.Time{}, false }
func (unending) Done() <-chan struct{}       { return nil }
func (unending) Err() error                  { return nil }
func (unending) Value(any) any               { return nil }

func (s *sqliteSession) prepare(query string) (*statement, error) {
	if st := s.statements[query]; st != nil {
		return st, nil
	}
	ds, err := s.conn.PrepareContext(unending{}, query)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", query, err)
	}
	st := &statement{query: ds.(driver.StmtQueryContext), close: ds.Close}
	s.statements[query] = st
	return st, nil
}

func (s *sqliteSession) close() error {
	for _, st := range s.statements {
		_ = st.close()
	}
	clear(s.statements)
	return s.held.Close()
}

// begin implements session. SQLite has one writer, so reach says nothing new.
func (s *sqliteSession) begin(reach) error { return s.rows(`BEGIN IMMEDIATE`, nil, nil) }

func (s *sqliteSession) commit() error {
	err := s.rows(`COMMIT`, nil, nil)
	if err != nil {
		s.rollback()
	}
	return err
}

func (s *sqliteSession) rollback() {
	_ = s.rows(`ROLLBACK`, nil, nil) // SQLite may have rolled back by itself
}

// later implements session: within a process there is nothing to wait for.
func (s *sqliteSession) later(query string, args []any, each func(r row) error) error {
	return s.rows(query, args, each)
}

func (s *sqliteSession) spread(query string, args []any, each func(r row) error) error {
	return s.later(query, args, each)
}

func (s *sqliteSession) seal() error { return nil }

func (s *sqliteSession) flush() error { return nil }

// spoilt implements session: in SQLite a failed statement leaves the others of its transaction as they are.
func (s *sqliteSession) spoilt() bool { return false }

// rows runs a statement and gives its rows one by one; what is in a row is good until the next.
func (s *sqliteSession) rows(query string, args []any, each func(r row) error) error {
	st, err := s.prepare(query)
	if err != nil {
		return err
	}
	if st.busy {
		return errors.New("statement used within itself: " + query)
	}
	st.busy = true
	defer func() { st.busy = false }()
	s.args = s.args[:0]
	for i, a := range args {
		v, err := bindable(a)
		if err != nil {
			return fmt.Errorf("%w in %q", err, query)
		}
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	rows, err := st.query.QueryContext(unending{}, s.args)
	if err != nil {
		return err
	}
	if n := len(rows.Columns()); len(st.dest) != n {
		st.dest = make([]driver.Value, n)
	}
	for err == nil {
		if err = rows.Next(st.dest); err == nil && each != nil {
			err = each(row(st.dest))
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, rows.Close())
}
