package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"todosync/connector"
)

// restoredFact is where a database that was restored keeps when: what was read before that moment may have been sent by the one that it
// takes the place of.
const restoredFact = "restored"

// restoredMargin is added to the moment, for clocks that differ between this machine and NATS's.
const restoredMargin = time.Minute

// Restored makes a copy of a database ready to take the place of the one that it was made of: it is checked whole, and what waits in
// it is marked as possibly sent, since the other one may have done so in between. No process may have it open.
func Restored(ctx context.Context, path string, now time.Time) (c Copy, err error) {
	const op = "restore store"
	if c, err = look(ctx, path); err != nil {
		return c, damaged(op, err)
	}
	newest, err := newestSchema()
	if err != nil {
		return c, failed(op, err)
	}
	if c.Schema > newest {
		return c, &connector.Error{
			Kind: connector.Conflict, Op: op, Msg: fmt.Sprintf("the backup has schema %d and this program knows %d at most", c.Schema, newest),
			Hint: "restore it with a release at least as new as the one that made it",
		}
	}
	db, err := sql.Open("sqlite3", address(path, url.Values{"_journal_mode": {"DELETE"}, "_synchronous": {"FULL"}, "_txlock": {"immediate"}}))
	if err != nil {
		return c, failed(op, err)
	}
	defer func() { err = errors.Join(err, failed(op, db.Close())) }()
	db.SetMaxOpenConns(1)
	var verdict string
	if err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict); err != nil || verdict != "ok" {
		return c, damaged(op, errors.Join(err, errors.New(verdict)))
	}
	q, err := db.BeginTx(ctx, nil)
	if err != nil {
		return c, failed(op, err)
	}
	defer func() { _ = q.Rollback() }()
	at := []byte(strconv.FormatInt(millis(now.Add(restoredMargin)), 10))
	for _, step := range []struct {
		query string
		args  []any
	}{
		{`UPDATE lanes SET was_sent = TRUE, presence = 'maybe', has = (SELECT MAX(d.external) FROM deliveries d WHERE d.conn = lanes.conn
				AND d.todo = lanes.todo AND d.kind = lanes.kind AND d.lane = lanes.receiver AND d.due_ms IS NOT NULL)
			WHERE presence = '' AND (conn, kind, todo, receiver) IN (SELECT conn, kind, todo, lane FROM deliveries
				WHERE due_ms IS NOT NULL AND (scene = 'create' OR scene = 'edit'))`, nil},
		{`UPDATE lanes SET was_sent = TRUE WHERE (conn, kind, todo, receiver) IN (SELECT conn, kind, todo, lane FROM deliveries WHERE due_ms IS NOT NULL)`, nil},
		{`UPDATE deliveries SET sent_twice = TRUE WHERE due_ms IS NOT NULL`, nil},
		{`INSERT INTO facts (name, value) VALUES ('` + restoredFact + `', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, []any{at}},
	} {
		if _, err := q.ExecContext(ctx, step.query, step.args...); err != nil {
			return c, failed(op, err)
		}
	}
	return c, failed(op, q.Commit())
}

// damaged is the error for a copy that is no sound database.
func damaged(op string, err error) error {
	return &connector.Error{
		Kind: connector.Invalid, Op: op, Msg: "what is in the backup is no sound store", Hint: "take another backup", Err: err,
	}
}

// readRestored has the store know until when events may have been sent by the database that it took the place of.
func (d *DB) readRestored(ctx context.Context) error {
	return d.writer.write(ctx, "open store", func(t *tx) error {
		return t.read(`SELECT value FROM facts WHERE name = '`+restoredFact+`'`, nil, func(r row) error {
			ms, err := strconv.ParseInt(string(r.blob(0)), 10, 64)
			if err == nil {
				d.restored = instant(ms)
			}
			return err
		})
	})
}

// doubtful reports whether an event may have been sent already by the database that this one took the place of.
func (a *acceptance) doubtful(e *connector.Event) bool {
	return !a.db.restored.IsZero() && !e.Received.IsZero() && e.Received.Before(a.db.restored)
}

// doubt marks the deliveries of an event that may have been sent already, and has their lanes know that the OA may have the todo.
func (a *acceptance) doubt(p *connector.Planned) {
	for i := range p.Outcomes {
		for _, d := range p.Outcomes[i].Deliveries {
			if d.State.Final() {
				continue
			}
			d.SentTwice = true
			key := connector.TodoKey{Conn: d.Conn, Kind: d.Kind, ID: d.Todo}
			lane := a.known.Todos[key].Lanes[d.Lane]
			lane.Doubt(d)
			a.doubts = append(a.doubts, doubtfulLane{key, lane})
		}
	}
}

// A doubtfulLane is of what may have been sent by the database that this one took the place of.
type doubtfulLane struct {
	key  connector.TodoKey
	lane *connector.Lane
}

// writeDoubts stores what doubt has made of lanes. It comes after the lanes themselves.
func (a *acceptance) writeDoubts() error {
	for _, d := range a.doubts {
		if err := a.tx.learnLane(d.key, d.lane); err != nil {
			return err
		}
	}
	return nil
}
