package store

import (
	"context"
	"time"

	"todosync/internal/identity"
)

// Failed log-ins are summed by hour and address, and of no more addresses in an hour than some: whoever guesses from thousands of addresses
// fills no disk.
const (
	refusedAddresses = 50
	otherAddresses   = "others"
	keepRefused      = 30 * 24 * time.Hour
)

// tallyRefused adds to the sum of a guess's address.
func (t *tx) tallyRefused(g identity.Guess, now, tries, waits int64) error {
	hour := now - now%time.Hour.Milliseconds()
	address := g.Network()
	known, others := false, int64(0)
	err := t.read(`SELECT address = ? FROM log_ins_refused WHERE hour_ms = ? LIMIT ?`, []any{address, hour, refusedAddresses + 1}, func(r row) error {
		known = known || r.flag(0)
		others++
		return nil
	})
	if err != nil {
		return err
	}
	if !known && others >= refusedAddresses {
		address = otherAddresses
	}
	return t.run(`INSERT INTO log_ins_refused (address, hour_ms, tries, waits, last_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT (address, hour_ms) DO UPDATE SET
		tries = log_ins_refused.tries + excluded.tries, waits = log_ins_refused.waits + excluded.waits, last_ms = excluded.last_ms`, address, hour, tries, waits, now)
}

// untallyRefused takes back one try, which was none.
func (t *tx) untallyRefused(g identity.Guess) error {
	for _, address := range []string{g.Network(), otherAddresses} {
		found := false
		err := t.change(`UPDATE log_ins_refused SET tries = tries - 1 WHERE address = ? AND tries > 0
			AND hour_ms = (SELECT MAX(hour_ms) FROM log_ins_refused WHERE address = ?) RETURNING tries`, []any{address, address}, func(row) error { found = true; return nil })
		if err != nil {
			return err
		}
		if found {
			return t.run(`DELETE FROM log_ins_refused WHERE address = ? AND tries = 0 AND waits = 0`, address)
		}
	}
	return nil
}

// LogInsRefused gives the failed log-ins since a time, summed by hour and address, newest first.
func (d *DB) LogInsRefused(ctx context.Context, since time.Time, most int) ([]identity.Refused, error) {
	type stored struct {
		Address string `db:"address"`
		HourMs  int64  `db:"hour_ms"`
		Tries   int64  `db:"tries"`
		Waits   int64  `db:"waits"`
		LastMs  int64  `db:"last_ms"`
	}
	var rows []stored
	err := d.reading(ctx, "list failed log-ins", func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT address, hour_ms, tries, waits, last_ms FROM log_ins_refused WHERE hour_ms > ? ORDER BY hour_ms DESC, tries + waits DESC, address LIMIT ?`,
			millis(since.Add(-time.Hour)), most)
	})
	out := make([]identity.Refused, len(rows))
	for i, r := range rows {
		out[i] = identity.Refused{Address: r.Address, Hour: instant(r.HourMs), Tries: r.Tries, Waits: r.Waits, Last: instant(r.LastMs)}
	}
	return out, err
}
