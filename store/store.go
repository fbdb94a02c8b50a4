package store

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jmoiron/sqlx"
	_ "github.com/mattn/go-sqlite3" // the driver of SQLite
	"github.com/oklog/ulid/v2"
	"github.com/pressly/goose/v3"

	"todosync/connector"
)

// Readers is how many reads may go on at once beside the writer.
const readers = 4

// A Config is what Open needs.
type Config struct {
	Path    string   // of SQLite's database file, made where it is missing; its folder must exist
	Address string   // of a PostgreSQL database, postgres://...; then Path is not needed
	Key     []byte   // 32 bytes: opens and seals secrets
	OldKeys [][]byte // open what they have sealed; see Rotate
	// Keys reads all keys anew, the first of them first, since another process may have been given one; optional.
	Keys    func() ([][]byte, error)
	Log     *slog.Logger             // required
	Now     func() time.Time         // time.Now by default
	Compile connector.CompileOptions // how stored connections are compiled
	// RejectedMost is how many bytes of rejected messages are kept; connector.RejectedMost by default.
	RejectedMost int64
	Worker       string // stands in attempts that Recover adds; "worker" by default
	// Wake is told, after the commit, of connections that have fresh work or have changed: a binding, a resume, a save, a
	// retry. It must not block. What Accept leads to stands in its answer instead.
	Wake func(conns []int64)
	// Followed is told of connections that another process has changed, after this one has taken that over; optional. It must not block.
	Followed func(conns []int64)
	// Changed is told, after the commit, of deliveries that have changed, so that other processes can be told; optional. It must not block.
	Changed func(numbers []int64)
	// Failing is told, after the commit, that something was written down for a digest; optional. It must not block.
	Failing func()
	// Committed is told how long each transaction took, from its begin to its commit, and how many operations shared it; optional. It
	// must not block.
	Committed func(took time.Duration, operations int)
}

func (c *Config) validate() error {
	var errs []error
	if c.Path == "" && c.Address == "" {
		errs = append(errs, errors.New("Path is needed"))
	}
	if len(c.Key) != keySize {
		errs = append(errs, fmt.Errorf("Key must have %d bytes and has %d", keySize, len(c.Key)))
	}
	if c.Log == nil {
		errs = append(errs, errors.New("Log is needed"))
	}
	if err := errors.Join(errs...); err != nil {
		return &connector.Error{Kind: connector.Invalid, Op: "open store", Msg: "incomplete settings", Err: err}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Worker == "" {
		c.Worker = "worker"
	}
	return nil
}

// A DB is the store. Its methods may be called from many goroutines.
type DB struct {
	cfg      Config
	main     *sqlx.DB        // one connection, the writer's
	read     *sqlx.DB        // read only
	pg       *pgx.ConnConfig // nil: SQLite
	side     *sqlx.DB        // with PostgreSQL: for leases, which wait for nobody
	writer   *writer
	fresh    freshness
	registry *registry
	feed     *feed
	glances  glances
	faces    faces
	series   kept[Series]
	hot      *hot
	ring     ring
	markMu   sync.Mutex // guards mark
	mark     []byte     // as it was last read: it tells which key seals
	secrets  secretCache
	closing  sync.Once
	restored time.Time // what was read before may have been sent already; zero: the store was never restored

	logged atomic.Int64 // the newest place in the sign-on log

	// What makes ids is used by write operations alone, which never overlap.
	entropy *ulid.MonotonicEntropy
	idTime  uint64 // of the newest id
}

// Open opens the database, brings its schema up to date and checks that the key opens its secrets. Only one process at a time
// may have it open; the caller sees to that.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	d := &DB{
		cfg: cfg, feed: newFeed(cfg.Changed), hot: newHot(),
		entropy: ulid.Monotonic(bufio.NewReader(rand.Reader), 0),
	}
	if err := d.ring.set(append([][]byte{cfg.Key}, cfg.OldKeys...), nil); err != nil {
		return nil, err
	}
	if err := d.open(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *DB) open(ctx context.Context) error {
	d.registry = newRegistry(d.cfg.Compile, d.cfg.Log)
	engine := d.openSQLite
	if d.cfg.Address != "" {
		engine = d.openPostgres
	}
	if err := engine(ctx); err != nil {
		return err
	}
	if err := d.checkKey(ctx); err != nil {
		return err
	}
	if err := d.lastID(ctx); err != nil {
		return err
	}
	if err := d.readRestored(ctx); err != nil {
		return err
	}
	return d.registry.load(ctx, d)
}

func (d *DB) openSQLite(ctx context.Context) error {
	residue, err := checkLog(d.cfg.Path)
	if err != nil {
		return err
	}
	if d.main, err = sqlx.Open("sqlite3", address(d.cfg.Path, writerPragmas)); err != nil {
		return failed("open store", err)
	}
	d.main.SetMaxOpenConns(1)
	if err := d.main.PingContext(ctx); err != nil {
		return failed("open store "+d.cfg.Path, err)
	}
	if residue {
		// What a power cut left of an unfinished transaction goes, so that the next look at the log does not take two of them for damage.
		if _, err := d.main.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
			return failed("open store", err)
		}
	}
	if err := migrate(ctx, d.main.DB, goose.DialectSQLite3); err != nil {
		return err
	}
	s, err := newSQLiteSession(ctx, d.main.DB)
	if err != nil {
		return failed("open store", err)
	}
	d.writer = newWriter(s, d.cfg.Now)
	d.writer.committed = d.cfg.Committed
	if d.read, err = sqlx.Open("sqlite3", address(d.cfg.Path, readerPragmas)); err != nil {
		return failed("open store", err)
	}
	d.read.SetMaxOpenConns(readers)
	d.read.SetMaxIdleConns(readers)
	return failed("open store", d.tune(ctx))
}

// The pragmas stand in the address: every connection of a pool gets them. synchronous is FULL: what is committed survives a power cut.
var (
	writerPragmas = url.Values{
		"_journal_mode": {"WAL"}, "_synchronous": {"FULL"}, "_busy_timeout": {"5000"},
		"_txlock": {"immediate"}, "_foreign_keys": {"on"}, "_cache_size": {"-24000"}, "_stmt_cache_size": {"0"}, "_mutex": {"no"},
	}
	readerPragmas = url.Values{
		"mode": {"ro"}, "_query_only": {"on"}, "_busy_timeout": {"5000"}, "_cache_size": {"-4000"}, "_stmt_cache_size": {"32"},
	}
)

// address is the database's address with its pragmas.
func address(path string, pragmas url.Values) string {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: pragmas.Encode()}
	return u.String()
}

// tune sets what no address can: how much of the log is gathered before it is copied into the database. Less would copy the
// pages that every commit touches again and again.
func (d *DB) tune(ctx context.Context) error {
	return d.writer.write(ctx, "open store", func(t *tx) error {
		t.outside(`PRAGMA wal_autocheckpoint = 12000`)
		t.outside(`PRAGMA journal_size_limit = 67108864`)
		return nil
	})
}

// Close ends the store after the write that is under way. What is called after it fails with Unavailable.
func (d *DB) Close() error {
	var errs []error
	d.closing.Do(func() {
		if d.writer != nil {
			errs = append(errs, d.writer.close())
		}
		if d.read != nil {
			errs = append(errs, d.read.Close())
		}
		if d.side != nil {
			errs = append(errs, d.side.Close())
		}
		if d.main != nil {
			errs = append(errs, d.main.Close())
		}
	})
	return errors.Join(errs...)
}

// Health is nil while the store takes writes. After a write has failed it tries one itself, so that it turns nil when the
// cause is gone also where nobody else writes.
func (d *DB) Health(ctx context.Context) error {
	if d.writer.trouble() == nil {
		return nil
	}
	return d.writer.within(ctx, "check store", func() reach { return reach{} }, func(t *tx) error {
		return t.run(`INSERT INTO facts (name, value) VALUES ('health', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
			[]byte(strconv.FormatInt(millis(d.cfg.Now()), 10)))
	})
}

// wake tells of connections after a commit.
func (d *DB) wake(conns ...int64) {
	if d.cfg.Wake != nil && len(conns) > 0 {
		d.cfg.Wake(conns)
	}
}

// mint sees to ids that newID may make in this transaction. With PostgreSQL other processes make ids too: each transaction takes a
// millisecond of its own, in the order of the commits, whatever the clocks of the machines say.
func (d *DB) mint(t *tx, now time.Time) error {
	if !d.postgres() || *t.minted {
		return nil
	}
	const query = `UPDATE numbers SET last = GREATEST(last + 1, ?) WHERE name = 'ids' RETURNING last`
	err := t.change(query, []any{millis(now)}, func(r row) error {
		d.idTime = uint64(r.num(0)) //nolint:gosec // a time after 1970
		return nil
	})
	*t.minted = err == nil
	return err
}

// newID makes the id of a delivery or a reject. Each is greater than all before it, also when the clock is put back: lists are in
// their order. Only write operations call it, after mint.
func (d *DB) newID(now time.Time) string {
	if !d.postgres() {
		d.idTime = max(d.idTime, ulid.Timestamp(now))
	}
	id, err := ulid.New(d.idTime, d.entropy)
	for err != nil {
		// The random part has overflowed within one millisecond, or the clock is past the year 10889.
		d.entropy = ulid.Monotonic(bufio.NewReader(rand.Reader), 0)
		d.idTime = min(d.idTime+1, ulid.MaxTime())
		id, err = ulid.New(d.idTime, d.entropy)
	}
	return id.String()
}

// lastID has new ids follow those that are there.
func (d *DB) lastID(ctx context.Context) error {
	if d.postgres() {
		return nil // the database keeps it
	}
	return d.writer.write(ctx, "open store", func(t *tx) error {
		return t.read(`SELECT MAX(id) FROM deliveries`, nil, func(r row) error {
			if r.null(0) {
				return nil
			}
			last, err := ulid.ParseStrict(r.text(0))
			d.idTime = last.Time() + 1
			return err
		})
	})
}

// reading runs a read in one snapshot of the database.
func (d *DB) reading(ctx context.Context, op string, f func(q *reader) error) error {
	q := &reader{postgres: d.postgres()}
	var err error
	if q.tx, err = d.read.BeginTxx(ctx, q.snapshot()); err != nil {
		return failed(op, err)
	}
	defer func() { _ = q.tx.Rollback() }()
	return failed(op, f(q))
}

// millis is how times are stored: milliseconds since 1970, UTC.
func millis(t time.Time) int64 { return t.UnixMilli() }

// millisOrNull is nil for the zero time.
func millisOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// instant is the time of stored milliseconds.
func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
