package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"

	"todosync/connector"
	"todosync/notify"
)

// Desk is this store as a notify.Digester sees it.
func (d *DB) Desk() notify.Desk { return desk{d} }

// desk implements notify.Desk.
type desk struct{ db *DB }

// fencedDigests has the transaction fail unless the seat of digests is still whose number is given.
func (d desk) fencedDigests(t *tx, op string, fence int64) error {
	return d.db.fenced(t, op, int64(connector.SeatDigests), fence)
}

// alone is the reach of what touches digests: nothing that others plan or send. Rows of numbers keep them apart where they meet.
func alone() reach { return reach{} }

// NewDigestID makes the id of a digest.
func NewDigestID(now time.Time) string {
	return ulid.MustNew(ulid.Timestamp(now), rand.Reader).String()
}

// Failing implements notify.Desk.
func (d desk) Failing(ctx context.Context, now time.Time) ([]notify.Failing, error) {
	var rows []struct {
		Tenant   string `db:"tenant"`
		SinceMs  int64  `db:"since_ms"`
		Settings []byte `db:"settings"`
		LastMs   *int64 `db:"last_ms"`
	}
	const query = `SELECT f.tenant AS tenant, f.since_ms AS since_ms, t.settings AS settings,
		(SELECT x.to_ms FROM digests x WHERE x.tenant = f.tenant ORDER BY x.n DESC LIMIT 1) AS last_ms
		FROM failing f LEFT JOIN tenants t ON t.name = f.tenant`
	const op = "look for failures"
	err := d.db.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, query)
	})
	if err != nil {
		return nil, err
	}
	out := make([]notify.Failing, len(rows))
	for i, r := range rows {
		n, zone, err := notifyOf(r.Settings)
		if err != nil {
			return nil, failed(op, err)
		}
		w := notify.NextWindow(instant(r.SinceMs), instantOf(r.LastMs), now, time.Duration(n.Window), zone)
		out[i] = notify.Failing{Tenant: r.Tenant, Over: w.To}
	}
	return out, nil
}

// Close implements notify.Desk. The row of numbers keeps whoever writes failures down out until the commit: all that came before are the
// digest's, all that come after have a greater number, and make the tenant failing anew.
func (d desk) Close(ctx context.Context, fence int64, tenant string, now time.Time) (closed bool, err error) {
	const op = "close window"
	id := NewDigestID(now)
	err = d.db.writer.within(ctx, op, alone, func(t *tx) error {
		closed = false
		if err := d.fencedDigests(t, op, fence); err != nil {
			return err
		}
		var last int64
		err := t.change(`UPDATE numbers SET last = last + 0 WHERE name = 'failures' RETURNING last`, nil, func(r row) error { last = r.num(0); return nil })
		if err != nil {
			return err
		}
		var since, ended time.Time
		before := int64(0)
		err = t.read(`SELECT since_ms FROM failing WHERE tenant = ?`, []any{tenant}, func(r row) error { since = r.time(0); return nil })
		if err != nil || since.IsZero() {
			return err
		}
		err = t.read(`SELECT last_n, to_ms FROM digests WHERE tenant = ? ORDER BY n DESC LIMIT 1`, []any{tenant}, func(r row) error {
			before, ended = r.num(0), r.time(1)
			return nil
		})
		if err != nil {
			return err
		}
		settings, zone, err := t.notifySettings(tenant)
		if err != nil {
			return err
		}
		w := notify.NextWindow(since, ended, now, time.Duration(settings.Window), zone)
		if w.To.After(now) {
			return nil
		}
		n, err := t.numbers("digests", 1)
		if err != nil {
			return err
		}
		if err := t.run(`DELETE FROM failing WHERE tenant = ?`, tenant); err != nil {
			return err
		}
		closed = true
		return t.run(`INSERT INTO digests (n, id, tenant, from_ms, to_ms, first_n, last_n, closed_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			n, id, tenant, millis(w.From), millis(w.To), before+1, last, millis(now))
	})
	return closed && err == nil, err
}

// A storedDigest is a row of digests.
type storedDigest struct {
	N        int64   `db:"n"`
	ID       string  `db:"id"`
	Tenant   string  `db:"tenant"`
	FromMs   int64   `db:"from_ms"`
	ToMs     int64   `db:"to_ms"`
	ClosedMs int64   `db:"closed_ms"`
	Content  *string `db:"content"`
}

func (s *storedDigest) closed() notify.Closed {
	return notify.Closed{
		N: s.N, ID: s.ID, Tenant: s.Tenant, At: instant(s.ClosedMs), Window: notify.Window{From: instant(s.FromMs), To: instant(s.ToMs)},
	}
}

// closedMost is how many digests are given at a time that wait to be summed up.
const closedMost = 200

// Closed implements notify.Desk.
func (d desk) Closed(ctx context.Context) ([]notify.Closed, error) {
	var rows []storedDigest
	err := d.db.reading(ctx, "look for digests", func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT n, id, tenant, from_ms, to_ms, closed_ms FROM digests WHERE content IS NULL ORDER BY n LIMIT ?`, closedMost)
	})
	out := make([]notify.Closed, len(rows))
	for i := range rows {
		out[i] = rows[i].closed()
	}
	return out, err
}

// Keep implements notify.Desk.
func (d desk) Keep(ctx context.Context, fence int64, c notify.Closed, says notify.Digest, to []notify.Addressed) error {
	const op = "keep digest"
	content, err := json.Marshal(&says)
	if err != nil {
		return failed(op, err)
	}
	return d.db.writer.within(ctx, op, alone, func(t *tx) error {
		if err := d.fencedDigests(t, op, fence); err != nil {
			return err
		}
		fresh := false
		err := t.change(`UPDATE digests SET content = ? WHERE n = ? AND content IS NULL RETURNING n`, []any{string(content), c.N},
			func(row) error { fresh = true; return nil })
		if err != nil || !fresh {
			return err
		}
		at := millis(c.At)
		for _, a := range to {
			state := notify.ParcelWaiting
			if a.Mild {
				state = notify.ParcelSkipped
			}
			const query = `INSERT INTO digest_sends (digest, channel, tenant, state, tries, due_ms, first_ms, error, joined)
				VALUES (?, ?, ?, ?, 0, ?, ?, '', 0) ON CONFLICT DO NOTHING`
			if err := t.run(query, c.N, a.Channel, c.Tenant, string(state), at, at); err != nil {
				return err
			}
		}
		return nil
	})
}

// Tenant implements notify.Desk.
func (d desk) Tenant(ctx context.Context, name string) (settings connector.Tenant, mark string, err error) {
	const op = "read tenant"
	var rows []struct {
		Settings []byte `db:"settings"`
		Revision int64  `db:"revision"`
	}
	var secrets struct {
		Count  int64 `db:"count"`
		Newest int64 `db:"newest"`
	}
	err = d.db.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		if err := q.Select(&rows, `SELECT settings, revision FROM tenants WHERE name = ?`, name); err != nil {
			return err
		}
		return q.Get(&secrets, `SELECT COUNT(*) AS count, COALESCE(MAX(updated_ms), 0) AS newest FROM secrets WHERE tenant = ?`, name)
	})
	if err != nil {
		return settings, "", err
	}
	var stored []byte
	if len(rows) > 0 {
		stored, mark = rows[0].Settings, strconv.FormatInt(rows[0].Revision, 10)
	}
	if settings, err = tenantOfSettings(stored); err != nil {
		return settings, "", failed(op, err)
	}
	settings.Tenant = name
	return settings, fmt.Sprintf("%s/%d/%d", mark, secrets.Count, secrets.Newest), nil
}
