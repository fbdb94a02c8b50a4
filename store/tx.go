package store

import (
	"database/sql/driver"
	"fmt"
	"time"

	"todosync/internal/identity"
)

// A session is the writer's connection to the database. Only the goroutine that leads the writer uses it.
type session interface {
	// begin starts a transaction that may change what reach says, and nobody else meanwhile.
	begin(r reach) error
	// rows runs a statement, after all that was put off, and gives its rows one by one; what is in a row is good until the next.
	rows(query string, args []any, each func(r row) error) error
	// later runs a statement now or with the next rows, flush or commit, in order. Its error may be theirs; each may be nil.
	later(query string, args []any, each func(r row) error) error
	// spread is later for a statement that is asked for with many values. Those of one statement run together, where the first of them
	// stands; each set of values is another row's. seal ends that: what comes later comes after all that came before. So does later.
	spread(query string, args []any, each func(r row) error) error
	seal() error
	// flush runs what was put off.
	flush() error
	// commit ends the transaction; with an error it did not take place, but for one that is errDoubt.
	commit() error
	rollback()
	// spoilt reports whether a statement has failed in a way that the whole transaction can only be rolled back.
	spoilt() bool
	close() error
}

// bindable is the value as the driver takes it; text is cleaned on its way.
func bindable(a any) (driver.Value, error) {
	switch v := a.(type) {
	case nil, int64, bool, []byte:
		return a, nil
	case string:
		if c := clean(v); len(c) != len(v) || c != v {
			return c, nil
		}
		return a, nil // not v, which would be boxed once more
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
	session session
	wrote   bool     // something was written since the operation began
	rebound *bool    // bindings were written in this transaction: what is read of them may be taken back
	minted  *bool    // new ids may be made, see DB.mint
	after   []func() // run after the commit, before the operation's caller goes on
	doubt   []func() // run in its stead where nobody knows whether the transaction was committed
	pragmas []string
	from    identity.From      // for the audit
	come    map[standing]int64 // deliveries that it has inserted, by where they stand

	// While the operation runs abreast with others.
	wait func(rows bool) error // waits until all that was put off is sealed, or has been answered
	own  error                 // what the operation said of a row
	cry  any                   // its panic over a row
}

// run runs a statement whose rows are of no interest, now or with a later one; its error may be that one's.
func (t *tx) run(query string, args ...any) error {
	t.wrote = true
	return t.session.later(query, args, nil)
}

// change runs a statement that writes and returns rows.
func (t *tx) change(query string, args []any, each func(r row) error) error {
	t.wrote = true
	return t.read(query, args, each)
}

// read runs a statement that only reads.
func (t *tx) read(query string, args []any, each func(r row) error) error {
	if t.wait == nil {
		return t.session.rows(query, args, each)
	}
	if err := t.later(query, args, each); err != nil {
		return err
	}
	return t.flush()
}

// later is read for rows that are not needed at once: each is called before the next read or flush returns. Where the database is
// reached over a network, what is asked for later is asked for together.
func (t *tx) later(query string, args []any, each func(r row) error) error {
	return t.session.later(query, args, t.kept(each))
}

// spread is run for a statement that writes another row with each call. Calls with the same statement are made one where the database is
// reached over a network: nothing between them, up to the next seal, may depend on their order. Any other call seals.
func (t *tx) spread(query string, args ...any) error {
	t.wrote = true
	return t.session.spread(query, args, nil)
}

// ask is later for a statement that is asked for with many values, as spread is run. It may write, too.
func (t *tx) ask(query string, args []any, each func(r row) error) error {
	return t.session.spread(query, args, t.kept(each))
}

// seal has all that follows come after all that was put off.
func (t *tx) seal() error {
	if t.wait != nil {
		return t.wait(false)
	}
	return t.session.seal()
}

// kept keeps an error of an operation's own from the others that run abreast with it.
func (t *tx) kept(each func(r row) error) func(r row) error {
	if t.wait == nil || each == nil {
		return each
	}
	return func(r row) error {
		if t.own != nil || t.cry != nil {
			return nil
		}
		defer func() { t.cry = recover() }()
		t.own = each(r)
		return nil
	}
}

// flush sees to it that all that was put off is done.
func (t *tx) flush() error {
	if t.wait != nil {
		return t.wait(true)
	}
	return t.session.flush()
}

// outside has a pragma run after the commit: it can't be within a transaction.
func (t *tx) outside(pragma string) { t.pragmas = append(t.pragmas, pragma) }

// done has f run after the commit.
func (t *tx) done(f func()) { t.after = append(t.after, f) }

// doubted has f run where nobody knows whether the transaction was committed: the caller gets an error, and what is in memory
// must be right both ways.
func (t *tx) doubted(f func()) { t.doubt = append(t.doubt, f) }

// numbers takes count new keys of a table; the first is returned.
func (t *tx) numbers(table string, count int) (int64, error) {
	var last int64
	err := t.change(`UPDATE numbers SET last = last + ? WHERE name = ? RETURNING last`, []any{count, table}, func(r row) error {
		last = r.num(0)
		return nil
	})
	return last - int64(count) + 1, err
}
