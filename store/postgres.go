package store

import (
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

const (
	// answerTime is how long the writer waits for the database's answer to what was sent together, locks among it. After that
	// the connection is given up: the database is away.
	answerTime = 30 * time.Second
	// connectTime is how long it waits for a connection.
	connectTime = 5 * time.Second
	// putOffMost is how many statements are put off at most before they are sent.
	putOffMost = 4000
	// Plans are kept, and those that were made while a table was small take the first index that begins well. So they are made anew, at
	// first after a moment, then every minute.
	replanFirst = 50 * time.Millisecond
	replanMost  = time.Minute
)

// Advisory locks of a database: one for all, one for who accepts, one for each connection. Two keys of 32 bits each.
const (
	lockSpace     = 0x70D0 // the first key of the shared and of the accepting lock
	lockConnSpace = 0x70D1 // the first key of the locks of connections, which are numbered up to connMost
	lockShared    = 0
	lockAccepting = 1
)

// errDoubt says that the connection broke while a transaction was being committed: it may have taken place.
var errDoubt = errors.New("the connection to the database broke during a commit")

// errStale says that what is in memory of the settings is older than the database's.
var errStale = errors.New("another process has changed the settings")

// A postgresSession is the writer's connection to PostgreSQL, with its prepared statements. It speaks the protocol itself: statements
// whose rows nobody waits for are put off and travel together with the next that somebody waits for, since a
// way to the database and back for each would take longer than all of its work.
type postgresSession struct {
	config     *pgx.ConnConfig
	changes    func() int64 // the number of the last change of settings that is known here
	conn       *pgconn.PgConn
	statements map[string]*pgconn.StatementDescription
	batch      *pgconn.Batch
	waiting    []putOff  // in the batch, in order
	spreads    []*spread // to come after them
	failed     error     // of a statement of this transaction
	dest       []driver.Value
	values     [][]byte
	numbers    []byte // the memory of values that are numbers
	planned    time.Time
	replan     time.Duration // how long plans are good for
}

// A putOff is a statement in the batch.
type putOff struct {
	statement *pgconn.StatementDescription
	each      func(r row) error
	spread    []func(r row) error // in its stead: one for each place that rows begin with
	refusal   error
}

func newPostgresSession(config *pgx.ConnConfig, changes func() int64) *postgresSession {
	return &postgresSession{
		config: config, changes: changes, statements: map[string]*pgconn.StatementDescription{}, batch: &pgconn.Batch{},
		planned: time.Now(), replan: replanFirst,
	}
}

// connected sees to a connection.
func (s *postgresSession) connected() error {
	if s.conn != nil && !s.conn.IsClosed() {
		return nil
	}
	s.drop()
	conn, err := pgconn.ConnectConfig(unending{}, &s.config.Config)
	if err != nil {
		return err
	}
	s.conn = conn
	return nil
}

// drop forgets a connection that is of no use any more, and ends what is left of it.
func (s *postgresSession) drop() {
	if s.conn != nil {
		_ = s.conn.Conn().Close()
		s.conn = nil
	}
	clear(s.statements)
	s.discard()
}

// discard forgets what was put off.
func (s *postgresSession) discard() {
	s.batch = &pgconn.Batch{}
	s.waiting, s.spreads = s.waiting[:0], s.spreads[:0]
}

// refusedCode is what PostgreSQL says of a division by zero.
const refusedCode = "22012"

// begin implements session.
func (s *postgresSession) begin(r reach) error {
	if err := s.open(r); err != nil {
		return err
	}
	// Who comes with old settings may do nothing.
	const query = `SELECT 1 / (CASE WHEN last = ? THEN 1 ELSE 0 END) FROM numbers WHERE name = 'changes'`
	return s.insist(query, []any{s.changes()}, errStale)
}

// insist puts a statement off that must not fail: if it divides by zero, the transaction ends with refusal, whatever follows in the same
// message. So what depends on it need not wait for its answer.
func (s *postgresSession) insist(query string, args []any, refusal error) error {
	if err := s.later(query, args, nil); err != nil {
		return err
	}
	s.waiting[len(s.waiting)-1].refusal = refusal
	return nil
}

// open begins a transaction for whoever comes, with settings however old. The order of the locks is the same for everybody, so
// nobody waits for one who waits for him.
func (s *postgresSession) open(r reach) error {
	if err := s.connected(); err != nil {
		return err
	}
	s.discard()
	s.failed = nil
	// Each statement must see what was committed while the one before it waited for a lock, whatever the database's default is.
	if err := s.later(`BEGIN ISOLATION LEVEL READ COMMITTED`, nil, nil); err != nil {
		return err
	}
	if time.Since(s.planned) > s.replan {
		s.planned, s.replan = time.Now(), min(2*s.replan, replanMost)
		if err := s.later(`DISCARD PLANS`, nil, nil); err != nil {
			return err
		}
	}
	return s.lock(r)
}

func (s *postgresSession) lock(r reach) error {
	if r.everything {
		return s.later(`SELECT pg_advisory_xact_lock(?, ?)`, []any{lockSpace, lockShared}, nil)
	}
	if err := s.later(`SELECT pg_advisory_xact_lock_shared(?, ?)`, []any{lockSpace, lockShared}, nil); err != nil {
		return err
	}
	if r.accepting {
		if err := s.later(`SELECT pg_advisory_xact_lock(?, ?)`, []any{lockSpace, lockAccepting}, nil); err != nil {
			return err
		}
	}
	slices.Sort(r.conns)
	conns := slices.Compact(r.conns)
	switch len(conns) {
	case 0:
		return nil
	case 1:
		return s.later(`SELECT pg_advisory_xact_lock(?, ?)`, []any{lockConnSpace, conns[0]}, nil)
	}
	// The rows of a function come in order, and each is locked before the next is asked for.
	return s.later(`SELECT pg_advisory_xact_lock(?, c::int) FROM json_array_elements_text(?::json) WITH ORDINALITY AS x (c, o)`,
		[]any{lockConnSpace, numberSet(conns)}, nil)
}

// prepare gives the prepared statement of a query, whose text for the database is given.
func (s *postgresSession) prepare(query string, text func(query string) string) (*pgconn.StatementDescription, error) {
	if st := s.statements[query]; st != nil {
		return st, nil
	}
	if s.conn == nil {
		return nil, pgconn.ErrConnClosed
	}
	s.deadline()
	st, err := s.conn.Prepare(unending{}, "s"+strconv.Itoa(len(s.statements)), text(query), nil)
	if err != nil {
		return nil, s.spoil(fmt.Errorf("prepare %q: %w", query, err))
	}
	s.statements[query] = st
	return st, nil
}

// deadline has the database answer in time.
func (s *postgresSession) deadline() {
	_ = s.conn.Conn().SetDeadline(time.Now().Add(answerTime)) // a connection that cannot be told is closed
}

// spoil notes that the transaction can only be rolled back.
func (s *postgresSession) spoil(err error) error {
	if s.failed == nil {
		s.failed = err
	}
	return err
}

func (s *postgresSession) spoilt() bool { return s.failed != nil }

func (s *postgresSession) later(query string, args []any, each func(r row) error) error {
	if s.failed != nil {
		return s.failed
	}
	if len(s.waiting) >= putOffMost {
		if err := s.flush(); err != nil {
			return err
		}
	}
	st, err := s.prepare(query, postgresText)
	if err != nil {
		return err
	}
	if err := s.seal(); err != nil {
		return err
	}
	if len(args) != len(st.ParamOIDs) {
		return s.spoil(fmt.Errorf("%d arguments for %d places in %q", len(args), len(st.ParamOIDs), query))
	}
	s.values, s.numbers = s.values[:0], s.numbers[:0]
	for i, a := range args {
		v, err := s.bound(a, st.ParamOIDs[i])
		if err != nil {
			return s.spoil(fmt.Errorf("%w in %q", err, query))
		}
		s.values = append(s.values, v)
	}
	s.batch.ExecStatement(st, s.values, binaryFormat, binaryFormat)
	s.waiting = append(s.waiting, putOff{statement: st, each: each})
	return nil
}

// binaryFormat is the format of all values both ways.
var binaryFormat = []int16{pgx.BinaryFormatCode}

// bound is a value in PostgreSQL's binary form.
func (s *postgresSession) bound(a any, oid uint32) ([]byte, error) {
	v, err := bindable(a)
	if err != nil {
		return nil, err
	}
	at := len(s.numbers)
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		if v == "" {
			return empty, nil
		}
		return []byte(v), nil
	case []byte:
		if v == nil {
			return nil, nil
		}
		return v, nil
	case bool:
		if oid == pgtype.BoolOID {
			if v {
				return []byte{1}, nil
			}
			return []byte{0}, nil
		}
	case int64:
		switch oid {
		case pgtype.Int8OID:
			s.numbers = binary.BigEndian.AppendUint64(s.numbers, uint64(v)) //nolint:gosec // the same bits
			return s.numbers[at:len(s.numbers):len(s.numbers)], nil
		case pgtype.Int4OID:
			s.numbers = binary.BigEndian.AppendUint32(s.numbers, uint32(v)) //nolint:gosec // keys of locks are small
			return s.numbers[at:len(s.numbers):len(s.numbers)], nil
		}
	}
	return nil, fmt.Errorf("a %T cannot stand where the database wants type %d", a, oid)
}

// voidOID is the type of what gives nothing.
const voidOID = 2278

// empty is the empty text, which is not NULL.
var empty = []byte{}

func (s *postgresSession) rows(query string, args []any, each func(r row) error) error {
	if err := s.later(query, args, each); err != nil {
		return err
	}
	return s.flush()
}

func (s *postgresSession) flush() error {
	_, err := s.send()
	return err
}

// send sends what was put off and hands the rows out. It says what the last statement answered.
func (s *postgresSession) send() (tag pgconn.CommandTag, err error) {
	if s.failed != nil {
		s.discard()
		return tag, s.failed
	}
	if err := s.seal(); err != nil {
		return tag, err
	}
	if len(s.waiting) == 0 {
		return tag, nil
	}
	s.deadline()
	results := s.conn.ExecBatch(unending{}, s.batch)
	var own error // of whoever takes the rows
	at := 0       // the statement whose answer comes next
	for ; results.NextResult(); at++ {
		var e error
		if tag, e = s.result(results.ResultReader(), &s.waiting[at]); e != nil && own == nil {
			own = e
		}
	}
	if err = results.Close(); err != nil {
		says, isPostgres := errors.AsType[*pgconn.PgError](err)
		if isPostgres && says.Code == refusedCode && at < len(s.waiting) && s.waiting[at].refusal != nil {
			err = s.waiting[at].refusal
		}
		s.discard()
		return tag, s.spoil(err)
	}
	s.discard()
	return tag, own
}

// result hands out the rows of one statement.
func (s *postgresSession) result(r *pgconn.ResultReader, p *putOff) (pgconn.CommandTag, error) {
	var own error
	for r.NextRow() {
		if p.each == nil && p.spread == nil || own != nil {
			continue
		}
		values := r.Values()
		s.dest = s.dest[:0]
		for i, v := range values {
			d, err := valueOf(v, p.statement.Fields[i].DataTypeOID)
			if err != nil {
				own = err
			}
			s.dest = append(s.dest, d)
		}
		if own != nil {
			continue
		}
		if p.spread == nil {
			own = p.each(row(s.dest))
		} else if each := p.spread[row(s.dest).num(0)-1]; each != nil {
			own = each(row(s.dest[1:]))
		}
	}
	tag, err := r.Close()
	if err != nil {
		return tag, nil // the batch ends with it, and tells it
	}
	return tag, own
}

// valueOf is a value out of PostgreSQL's binary form.
func valueOf(v []byte, oid uint32) (driver.Value, error) {
	if v == nil {
		return nil, nil
	}
	switch oid {
	case pgtype.Int8OID:
		return int64(binary.BigEndian.Uint64(v)), nil //nolint:gosec // the same bits
	case pgtype.Int4OID:
		return int64(int32(binary.BigEndian.Uint32(v))), nil //nolint:gosec // the same bits
	case pgtype.BoolOID:
		return v[0] != 0, nil
	case pgtype.TextOID, pgtype.VarcharOID:
		return string(v), nil
	case pgtype.ByteaOID:
		return append([]byte{}, v...), nil
	case voidOID:
		return nil, nil
	}
	return nil, fmt.Errorf("the database gives a type %d that nobody here reads", oid)
}

func (s *postgresSession) commit() error {
	if err := s.later(`COMMIT`, nil, nil); err != nil {
		s.rollback()
		return err
	}
	tag, err := s.send()
	switch {
	case err == nil && tag.String() == "COMMIT":
		return nil
	case err == nil:
		s.rollback()
		return fmt.Errorf("the database answers a commit with %s", tag)
	case s.conn.IsClosed():
		s.drop()
		return fmt.Errorf("%w: %w", errDoubt, err)
	}
	s.rollback()
	return err
}

func (s *postgresSession) rollback() {
	s.discard()
	if s.conn == nil || s.conn.IsClosed() {
		s.drop()
		return
	}
	s.deadline()
	if _, err := s.conn.Exec(unending{}, `ROLLBACK`).ReadAll(); err != nil {
		s.drop()
	}
}

func (s *postgresSession) close() error {
	if s.conn == nil {
		return nil
	}
	s.deadline()
	return s.conn.Close(unending{})
}
