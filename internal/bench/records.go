package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	_ "github.com/mattn/go-sqlite3" // the driver
)

// A recordsPlan says how many ended deliveries a store is filled with, each with its event.
type recordsPlan struct {
	Store       string `json:"store"` // file of SQLite; todosync must not run on it
	Records     int    `json:"records"`
	Connections int    `json:"connections"` // numbered from 1 on, as prepare has made them
	Days        int    `json:"days"`        // the records' age goes from this down to a day
}

const (
	recordChunk      = 10_000
	denseConnections = 20        // how many are counted at in every minute, or as many more in turn
	recordsTold      = 1_000_000 // after how many more it says how many are written
	// How many bytes of the disk a record and a waiting event take, with room to sort the indexes.
	roomPerRecord = 1_600
	roomPerEvent  = 6_000
	// placeBits is how many bits of a delivery's number are its place in its connection; see store/migrations.
	placeBits = 36
)

// room says whether the disk of a folder has so many bytes to spare. A disk that is full stops NATS and the store in the midst of it.
func room(dir string, bytes int) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return err
	}
	if free := int(st.Bavail) * int(st.Bsize); free < bytes { //nolint:gosec // no disk has so much
		return fmt.Errorf("%s has %d GB free, and this takes about %d; choose another disk by -dir, or fewer by -records and -waiting", dir, free>>30, bytes>>30+1)
	}
	return nil
}

// prepareRecords makes a data folder with connections to an OA, bindings and ended records.
func (b *bench) prepareRecords(ctx context.Context, dir, oa string, records int) error {
	if err := room(b.dir, records*roomPerRecord); err != nil {
		return err
	}
	n := b.sizes.Connections
	if err := b.prepare(ctx, dir, storeSpec{connections: n, bound: min(n, b.sizes.CrowdBusy), connectionSpec: connectionSpec{oa: oa}}); err != nil {
		return err
	}
	b.say("    writing %d records", records)
	f, err := b.start(ctx, "records", recordsPlan{Store: filepath.Join(dir, storeFile), Records: records, Connections: n, Days: 30})
	if err != nil {
		return err
	}
	for written := 0; written < records; {
		if err := f.hear(&written); err != nil {
			return errors.Join(err, f.stop())
		}
		if written < 0 {
			b.say("    sorting the indexes")
		} else {
			b.say("    %d are written", written)
		}
	}
	return f.stop()
}

// runRecords is the process that fills a store. It writes SQL of its own since the program would take an hour for what a search
// must bear; the rows are those that the program writes for a todo that was pushed at once (96 of 100), refused or superseded.
func runRecords(ctx context.Context, plan recordsPlan, say func(any) error) (err error) {
	// A crash would spoil the file, which is made anew then.
	db, err := sql.Open("sqlite3", "file:"+plan.Store+"?_journal_mode=OFF&_synchronous=OFF&_cache_size=-200000")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	indexes, err := dropIndexes(ctx, db)
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, `CREATE TEMP TABLE counted AS WITH RECURSIVE c (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < ?) SELECT i FROM c`,
		recordChunk-1); err != nil {
		return err
	}
	start := time.Now().Add(-time.Duration(plan.Days) * 24 * time.Hour)
	step := time.Duration(plan.Days-1) * 24 * time.Hour / time.Duration(max(1, plan.Records/recordChunk))
	for first := 0; first < plan.Records; first += recordChunk {
		at := start.Add(step * time.Duration(first/recordChunk))
		if err := insertRecords(ctx, db, plan, first, at); err != nil {
			return err
		}
		if done := first + recordChunk; done%recordsTold == 0 && done < plan.Records {
			if err := say(done); err != nil {
				return err
			}
		}
	}
	if err := say(-1); err != nil {
		return err
	}
	if err := insertTallies(ctx, db, plan); err != nil {
		return err
	}
	if err := insertLists(ctx, db); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, `INSERT OR REPLACE INTO standings (conn, state, count) SELECT conn, state, COUNT(*) FROM deliveries GROUP BY conn, state`); err != nil {
		return err
	}
	for _, index := range indexes {
		if _, err := db.ExecContext(ctx, index); err != nil {
			return fmt.Errorf("%s: %w", index, err)
		}
	}
	for _, statement := range []string{`UPDATE numbers SET last = (SELECT MAX(n) FROM events) WHERE name = 'events'`, `PRAGMA journal_mode = WAL`} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return say(plan.Records)
}

// dropIndexes drops the indexes of the tables that are filled and gives what makes them anew: sorted once, they are made in minutes.
func dropIndexes(ctx context.Context, db *sql.DB) ([]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('events', 'deliveries')`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names, statements []string
	for rows.Next() {
		var name, statement string
		if err := rows.Scan(&name, &statement); err != nil {
			return nil, err
		}
		names, statements = append(names, name), append(statements, statement)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil { // an open query would keep the tables as they are
		return nil, err
	}
	for _, name := range names {
		if _, err := db.ExecContext(ctx, `DROP INDEX `+name); err != nil {
			return nil, err
		}
	}
	return statements, nil
}

// insertRecords inserts a chunk of records that were made within a moment. Their numbers and ids grow together, as the program's do.
func insertRecords(ctx context.Context, db *sql.DB, plan recordsPlan, first int, at time.Time) error {
	n := min(recordChunk, plan.Records-first)
	args := []any{
		sql.Named("first", first), sql.Named("count", n), sql.Named("conns", plan.Connections), sql.Named("ms", at.UnixMilli()),
		sql.Named("id", ulidTime(at)), sql.Named("bits", placeBits), sql.Named("users", usersPerTenant),
	}
	const event = `INSERT INTO events (n, tenant, id, stream_seq, kind, action, todo, sender, event_ms, received_ms, trace, outcome, payload)
		SELECT i + 1, printf('bench%05d', i % :conns), printf('old-%08d', i), 0, 'todo', 'create', printf('old%021d', i), 'user0', :ms, :ms, '', '{}',
			printf('{"id":"old-%08d","todo":{"id":"old%021d","title":"报价单 Q-%d","receivers":[{"id":"user%d"}]}}', i, i, i, i % :users)
		FROM (SELECT i + :first AS i FROM counted WHERE i < :count)`
	const delivery = `INSERT INTO deliveries (n, id, conn, kind, todo, lane, scene, step, event_n, event_id, title, receiver, receivers, account,
			external, state, class, code, message, tries, attempts, first_try_ms, due_ms, created_ms, updated_ms, revision, sent_twice, unanswered,
			superseded_by, split_from, remote_id)
		SELECT (i % :conns + 1) * (1 << :bits) + i / :conns, :id || printf('%016d', i), i % :conns + 1, 'todo', printf('old%021d', i),
			printf('user%d', i % :users), CASE WHEN i % 10 = 3 THEN 'edit' ELSE 'create' END, 0, i + 1, printf('old-%08d', i),
			printf('待审批:报价单 Q-%d', i), printf('user%d', i % :users), printf('[{"id":"user%d","name":"韩梅梅"}]', i % :users),
			printf('account%d', i % :users), 1,
			CASE i % 50 WHEN 7 THEN 'failed' WHEN 11 THEN 'superseded' ELSE 'succeeded' END, CASE i % 50 WHEN 7 THEN 'business' ELSE '' END,
			CASE i % 50 WHEN 7 THEN '1004' ELSE '0' END, CASE i % 50 WHEN 7 THEN printf('账号不存在 %d', i) ELSE 'ok' END,
			1, 0, :ms, NULL, :ms, :ms, 1, FALSE, FALSE, '', '', ''
		FROM (SELECT i + :first AS i FROM counted WHERE i < :count)`
	for _, statement := range []string{event, delivery} {
		if _, err := db.ExecContext(ctx, statement, args...); err != nil {
			return err
		}
	}
	return nil
}

// insertTallies inserts what the program counts by the minute, the ten minutes or the hour, as dense as it keeps it: something of each sort at
// each of some twenty connections in every one of them; of more connections, at each in its turn. What the program has counted itself meanwhile
// stays.
func insertTallies(ctx context.Context, db *sql.DB, plan recordsPlan) error {
	const steps = `WITH RECURSIVE ages (age) AS (SELECT 1 UNION ALL SELECT age + CASE WHEN age < 180 THEN 1 WHEN age < 72 * 60 THEN 10 ELSE 60 END FROM ages
			WHERE age < :days * 1440),
		steps AS (SELECT (:now / 60000 - age) / CASE WHEN age < 180 THEN 1 WHEN age < 72 * 60 THEN 10 ELSE 60 END
			* CASE WHEN age < 180 THEN 1 WHEN age < 72 * 60 THEN 10 ELSE 60 END * 60000 AS at, COUNT(*) FROM ages GROUP BY 1),
		conns AS (SELECT i + 1 AS conn FROM counted WHERE i < :conns), `
	args := []any{sql.Named("now", time.Now().UnixMilli()), sql.Named("conns", plan.Connections), sql.Named("days", plan.Days), sql.Named("thin", max(1, plan.Connections/denseConnections))}
	for _, statement := range []string{
		`ends (what, share) AS (VALUES ('succeeded', 50), ('failed', 2), ('superseded', 1))
			INSERT OR IGNORE INTO tallies (conn, at_ms, what, count, in_10ms, in_50ms, in_250ms, in_1s, in_10s, in_1m)
			SELECT conn, at, what, share * 2, 0, share, share / 2, share / 2, 0, 0 FROM steps, conns, ends WHERE (at / 60000 / 10 + conn) % :thin = 0`,
		`why (what, class, code) AS (VALUES ('failed', 'business', '1004'), ('failed', 'business', '1005'), ('failed', 'http_4xx', '401'), ('try', 'network', ''))
			INSERT OR IGNORE INTO causes (conn, at_ms, what, class, code, count) SELECT conn, at, what, class, code, 1 FROM steps, conns, why WHERE (at / 60000 / 10 + conn) % :thin = 0`,
		`came (what, share) AS (VALUES ('accepted', 100), ('duplicate', 1), ('rejected', 1))
			INSERT OR IGNORE INTO arrivals (tenant, at_ms, what, count) SELECT printf('bench%05d', conn - 1), at, what, share FROM steps, conns, came WHERE (at / 60000 / 10 + conn) % :thin = 0`,
		`seen (conn) AS (SELECT conn FROM conns UNION ALL SELECT 0) INSERT OR IGNORE INTO queues (conn, at_ms, count) SELECT conn, at, conn % 3 FROM steps, seen WHERE conn = 0 OR (at / 60000 / 10 + conn) % :thin = 0`,
	} {
		if _, err := db.ExecContext(ctx, steps+statement, args...); err != nil {
			return fmt.Errorf("insert what is counted: %w", err)
		}
	}
	return nil
}

// ulidTime is the time of a ULID, its first ten characters.
func ulidTime(at time.Time) string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var b [10]byte
	ms := at.UnixMilli()
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = digits[ms&31]
		ms >>= 5
	}
	return string(b[:])
}
