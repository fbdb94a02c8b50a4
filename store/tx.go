package store

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mattn/go-sqlite3"
)

// In statements that run for each delivery and have an ORDER BY, a LIMIT or a MIN, parameters stand as +?: for a plain ? SQLite
// would compile the statement again whenever another value is bound.

// A session is the writer's connection with its prepared statements. It speaks to the driver itself: database/sql would
// cost as much again as SQLite does, and this is where a delivery spends most of its time in the store. Only the
// goroutine that holds the connection uses it.
type session struct {
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

func newSession(conn *sqlite3.SQLiteConn) *session {
	return &session{conn: conn, statements: map[string]*statement{}}
}

// unending is the context of statements within a write: one that has begun is not cut off.
type unending struct{}

func (unending) Deadline() (time.Time, bool) { return time.Time{}, false }
func (unending) Done() <-chan struct{}       { return nil }
func (unending) Err() error                  { return nil }
func (unending) Value(any) any               { return nil }

func (s *session) prepare(query string) (*statement, error) {
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

func (s *session) close() {
	for _, st := range s.statements {
		_ = st.close()
	}
	clear(s.statements)
}

// rows runs a statement and gives its rows one by one; what is in a row is good until the next.
func (s *session) rows(query string, args []any, each func(r row) error) error {
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

// bindable is the value as the driver takes it; text is cleaned on its way.
func bindable(a any) (driver.Value, error) {
	switch v := a.(type) {
	case nil, int64, bool, []byte:
		return v, nil
	case string:
		return clean(v), nil
	case int:
		return int64(v), nil
	case uint64:
		return int64(v), nil //nolint:gosec // stream sequences stay below 2^63
	}
	return nil, fmt.Errorf("a %T cannot be stored", a)
}

// A row is one row of a result. Its methods take the column's place; NULL is the zero value.
type row []driver.Value

func (r row) text(i int) string {
	switch v := r[i].(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return ""
}

func (r row) num(i int) int64 {
	v, _ := r[i].(int64)
	return v
}

func (r row) flag(i int) bool {
	switch v := r[i].(type) {
	case bool:
		return v
	case int64:
		return v != 0
	}
	return false
}

func (r row) null(i int) bool { return r[i] == nil }

func (r row) blob(i int) []byte {
	switch v := r[i].(type) {
	case []byte:
		return v
	case string:
		return []byte(v)
	}
	return nil
}

func (r row) time(i int) time.Time {
	if r[i] == nil {
		return time.Time{}
	}
	return instant(r.num(i))
}

// A tx is a write operation's view of the transaction that it runs in, maybe with others.
type tx struct {
	session *session
	wrote   bool     // something was written since the operation began
	rebound *bool    // bindings were written in this transaction: what is read of them may be taken back
	after   []func() // run after the commit, before the operation's caller goes on
	pragmas []string
}

// run runs a statement whose rows are of no interest.
func (t *tx) run(query string, args ...any) error {
	t.wrote = true
	return t.session.rows(query, args, nil)
}

// change runs a statement that writes and returns rows.
func (t *tx) change(query string, args []any, each func(r row) error) error {
	t.wrote = true
	return t.session.rows(query, args, each)
}

// read runs a statement that only reads.
func (t *tx) read(query string, args []any, each func(r row) error) error {
	return t.session.rows(query, args, each)
}

// outside has a pragma run after the commit: it can't be within a transaction.
func (t *tx) outside(pragma string) { t.pragmas = append(t.pragmas, pragma) }

// done has f run after the commit.
func (t *tx) done(f func()) { t.after = append(t.after, f) }

// numbers takes count new keys of a table; the first is returned.
func (t *tx) numbers(table string, count int) (int64, error) {
	var last int64
	err := t.read(`SELECT last FROM numbers WHERE name = ?`, []any{table}, func(r row) error { last = r.num(0); return nil })
	if err != nil {
		return 0, err
	}
	return last + 1, t.run(`UPDATE numbers SET last = ? WHERE name = ?`, last+int64(count), table)
}
