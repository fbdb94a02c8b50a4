package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"todosync/connector"
)

// A ConnectionCondition is what holds a connection now, as far as this process knows it.
type ConnectionCondition struct {
	Key       connector.ConnectionKey
	Condition connector.Condition
	Broken    bool // it was tried, and cannot be used as this process was started
}

// Conditions gives what holds each connection, sorted by tenant and name. It reads nothing from the database: it may be asked at any
// time, also while that is away.
func (d *DB) Conditions() []ConnectionCondition {
	current := d.registry.current.Load()
	out := make([]ConnectionCondition, 0, len(current.byNumber))
	for _, s := range current.byNumber {
		state := s.state.Load()
		out = append(out, ConnectionCondition{Key: s.key, Condition: state.condition, Broken: state.err != nil})
	}
	slices.SortFunc(out, func(a, b ConnectionCondition) int {
		if c := strings.Compare(a.Key.Tenant, b.Key.Tenant); c != 0 {
			return c
		}
		return strings.Compare(a.Key.Name, b.Key.Name)
	})
	return out
}

// SetCondition implements connector.Ledger. Whether a connection is paused or disabled, and for how long it was, is not taken from c:
// people decide that, by Pause, Resume and Save, and what a worker knows of it may be old.
func (d *DB) SetCondition(ctx context.Context, conn, fence int64, c connector.Condition) error {
	const op = "store condition"
	waiting, err := d.waitingIn(ctx, op, conn)
	if err != nil {
		return err
	}
	return d.writer.write(ctx, op, func(t *tx) error {
		if err := d.fenced(t, op, conn, fence); err != nil {
			return err
		}
		if err := d.noteCondition(t, conn, waiting, c); err != nil {
			return err
		}
		if s := d.registry.current.Load().byNumber[conn]; s != nil {
			if err := d.changed(t, s.key.Tenant, changedConnections); err != nil {
				return err
			}
		}
		t.done(func() {
			d.registry.change(conn, func(s *slotState) {
				s.condition.DownSince, s.condition.TokenRefused = milli(c.DownSince), milli(c.TokenRefused)
				s.condition.Message, s.condition.HoldUntil = c.Message, milli(c.HoldUntil)
			})
		})
		return t.run(`UPDATE connections SET down_since_ms = ?, token_refused_ms = ?, condition_message = ?, hold_until_ms = ? WHERE n = ?`,
			millisOrNull(c.DownSince), millisOrNull(c.TokenRefused), c.Message, millisOrNull(c.HoldUntil), conn)
	})
}

// heldByPeople keeps the connection's own clock, which stands still while it is paused or disabled, after one of the two was written.
func (t *tx) heldByPeople(conn, now int64, f func(held time.Duration, since time.Time)) error {
	const query = `UPDATE connections SET held_ms = CASE WHEN NOT paused AND enabled AND held_since_ms < ? THEN held_ms + ? - held_since_ms
			ELSE held_ms END,
		held_since_ms = CASE WHEN paused OR NOT enabled THEN COALESCE(held_since_ms, ?) ELSE NULL END
		WHERE n = ? RETURNING held_ms, held_since_ms`
	return t.change(query, []any{now, now, now, conn}, func(r row) error {
		f(time.Duration(r.num(0))*time.Millisecond, r.time(1))
		return nil
	})
}
