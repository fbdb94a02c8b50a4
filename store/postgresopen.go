package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"

	"todosync/connector"
)

// postgres reports whether the store is PostgreSQL, which other processes may use at the same time.
func (d *DB) postgres() bool { return d.pg != nil }

// What every session sets. synchronous_commit is on: what is committed survives a crash of the database. A process that stands still
// within a transaction loses it, and its locks, after five seconds: others must go on.
func postgresSettings() map[string]string {
	return map[string]string{
		"application_name": "todosync", "client_encoding": "UTF8", "synchronous_commit": "on", "jit": "off",
		"idle_in_transaction_session_timeout": "5000", "standard_conforming_strings": "on",
		"default_transaction_isolation": "read committed",
		// Whoever waits here says himself for how long: see answerTime and connectTime.
		"statement_timeout": "0", "lock_timeout": "0",
	}
}

// The writer finds all rows by keys, in the order of an index. Plans that were made for tables that were small would read them whole when
// they have grown: with a bitmap scan, all that waits at a connection for the one row that is due first.
func writerSettings() map[string]string {
	return map[string]string{
		"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "enable_bitmapscan": "off", "enable_sort": "off",
		"enable_hashjoin": "off", "enable_mergejoin": "off", "enable_material": "off",
	}
}

// readerSettings keep a read from being in the way for long.
func readerSettings() map[string]string {
	return map[string]string{"default_transaction_read_only": "on", "statement_timeout": "20000", "random_page_cost": "1.1"}
}

// postgresConfig reads an address. Its errors never quote it: it may hold a password.
func postgresConfig(address string) (*pgx.ConnConfig, error) {
	invalid := func(err error) error {
		return &connector.Error{
			Kind: connector.Invalid, Op: "open store", Msg: "the address of the PostgreSQL database cannot be read",
			Hint: "it looks like postgres://user@host:5432/database?sslmode=verify-full", Err: err,
		}
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, invalid(nil)
	}
	c, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, invalid(errors.New("a part of it is not known to PostgreSQL"))
	}
	c.ConnectTimeout = connectTime
	maps.Copy(c.RuntimeParams, postgresSettings())
	return c, nil
}

// CheckAddress says what is wrong with the address of a PostgreSQL database, without quoting it.
func CheckAddress(address string) error {
	_, err := postgresConfig(address)
	return err
}

// with is a configuration with more settings of the session.
func with(c *pgx.ConnConfig, settings map[string]string) *pgx.ConnConfig {
	c = c.Copy()
	maps.Copy(c.RuntimeParams, settings)
	return c
}

// pool opens a pool of connections.
func pool(c *pgx.ConnConfig, most int) *sqlx.DB {
	db := sqlx.NewDb(stdlib.OpenDB(*c), "pgx")
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return db
}

func (d *DB) openPostgres(ctx context.Context) error {
	c, err := postgresConfig(d.cfg.Address)
	if err != nil {
		return err
	}
	d.pg = c
	d.side = pool(c, 2)
	if err := d.checkServer(ctx); err != nil {
		return err
	}
	if err := migrate(ctx, d.side.DB, goose.DialectPostgres); err != nil {
		return err
	}
	d.read = pool(with(c, readerSettings()), readers)
	s := newPostgresSession(with(c, writerSettings()), d.fresh.number.Load)
	d.writer = newWriter(s, d.cfg.Now)
	d.writer.committed = d.cfg.Committed
	d.writer.wide = true
	d.writer.behind = func() error { return d.catchUp(s) }
	// What is read from now on is not older than this.
	var number int64
	err = d.side.GetContext(ctx, &number, `SELECT last FROM numbers WHERE name = 'changes'`)
	d.fresh.number.Store(number)
	return failed("open store", err)
}

// checkServer refuses a server that would not keep what it was given.
func (d *DB) checkServer(ctx context.Context) error {
	const op = "open store"
	var has struct {
		Version  int    `db:"version"`
		Encoding string `db:"encoding"`
		Commit   string `db:"commit"`
		Fsync    string `db:"fsync"`
		Standby  bool   `db:"standby"`
	}
	err := d.side.GetContext(ctx, &has, `SELECT CAST(current_setting('server_version_num') AS int) AS version,
		current_setting('server_encoding') AS encoding, current_setting('synchronous_commit') AS commit,
		current_setting('fsync') AS fsync, pg_is_in_recovery() AS standby`)
	if err != nil {
		return failed(op, err)
	}
	refuse := func(msg, hint string) error {
		return &connector.Error{Kind: connector.Conflict, Op: op, Msg: msg, Hint: hint}
	}
	switch {
	case has.Version < 130000:
		return refuse(fmt.Sprintf("PostgreSQL %d is too old", has.Version/10000), "use version 13 or later")
	case has.Encoding != "UTF8":
		return refuse("the database's encoding is "+has.Encoding, "make it anew with ENCODING 'UTF8'")
	case has.Commit != "on" && !strings.HasPrefix(has.Commit, "remote"):
		return refuse("synchronous_commit is "+has.Commit+": what is committed could be lost", "set it to on for this database and user")
	case has.Standby:
		return refuse("the database is a standby that takes no writes", "give the address of the primary, or target_session_attrs=read-write")
	case has.Fsync != "on":
		d.cfg.Log.WarnContext(ctx, "PostgreSQL runs with fsync off: a power cut loses what was committed", "store", "postgres")
	}
	return nil
}
