package store

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"todosync/connector"
	"todosync/retry"
)

// lostMessage is what the attempt says that a worker which is gone has left without an outcome.
const lostMessage = "the worker ended before the outcome was stored; the OA may have got this request"

// recoverStep is how many deliveries one transaction of Recover makes ready.
const recoverStep = 200

// Recover implements connector.Ledger. It must run before any worker claims, and not beside one; what other processes with a lease
// serve it leaves alone.
func (d *DB) Recover(ctx context.Context) (int, error) {
	only := ``
	if d.postgres() {
		only = `NOT EXISTS (SELECT 1 FROM seats x JOIN workers w ON w.id = x.worker WHERE x.seat = s.conn AND w.until_ms > ` + databaseClock + `)`
	}
	total := 0
	for {
		n := 0
		err := d.writer.write(ctx, "recover deliveries", func(t *tx) (err error) {
			n, err = d.recoverSome(t, only)
			return err
		})
		total += n
		if err != nil || n < recoverStep {
			return total, err
		}
	}
}

// recoverSome recovers some of what is on its way, or of that part of it which a condition on s chooses.
func (d *DB) recoverSome(t *tx, only string, args ...any) (int, error) {
	if only != "" {
		only = ` WHERE ` + only
	}
	query := `SELECT s.account, ` + deliveryColumns + `, ` + laneColumns + ` FROM sending s CROSS JOIN deliveries d ON d.n = s.n
		LEFT JOIN lanes l ON l.conn = d.conn AND l.kind = d.kind AND l.todo = d.todo AND l.receiver = d.lane` + only + ` LIMIT ?`
	type lost struct {
		delivery *connector.Delivery
		lane     connector.Lane
		known    bool
	}
	var all []lost
	err := t.read(query, append(args, recoverStep), func(r row) error {
		sent, r := r.text(0), r[1:]
		delivery, err := deliveryOf(r)
		if err != nil {
			return err
		}
		if sent != "" {
			delivery.Account = sent // the binding may have changed after it was planned
		}
		l := lost{delivery: delivery}
		if lane := r[deliveryWidth:]; !lane.null(0) {
			l.known = true
			if l.lane, err = laneOf(lane); err != nil {
				return err
			}
		}
		all = append(all, l)
		return nil
	})
	if err != nil {
		return 0, err
	}
	for i := range all {
		d.hot.land(all[i].delivery.N)
	}
	var changed []int64
	movables := map[int64][]movable{}
	for _, l := range all {
		holds := d.holdsUnanswered(t, l.delivery.Conn)
		if err := d.recoverOne(t, l.delivery, holds); err != nil {
			return 0, fmt.Errorf("recover delivery %s: %w", l.delivery.ID, err)
		}
		if l.known {
			l.lane.Doubt(l.delivery)
			if now := d.cfg.Now(); !l.lane.Told.IsZero() && l.lane.Told.Before(now) {
				l.lane.Told = now // what the lost request named as its time was not stored
			}
			key := connector.TodoKey{Conn: l.delivery.Conn, Kind: l.delivery.Kind, ID: l.delivery.Todo}
			if err := t.learnLane(key, &l.lane); err != nil {
				return 0, err
			}
			for _, r := range l.delivery.Recipients {
				if l.lane.AccountOf(r.ID) != "" {
					movables[key.Conn] = append(movables[key.Conn], movable{key, r.ID})
				}
			}
		}
		changed = append(changed, l.delivery.N)
	}
	// Bindings may have changed since these were claimed: then nobody has found their todos in the inboxes that they may be in.
	for _, conn := range slices.Sorted(maps.Keys(movables)) {
		planned, err := d.moveOn(t, conn, millis(d.cfg.Now()), movables[conn])
		if err != nil {
			return 0, fmt.Errorf("plan anew whose bindings have changed: %w", err)
		}
		changed = append(changed, planned...)
	}
	t.done(func() { d.feed.publish(changed) })
	return len(all), nil
}

// recoverOne gives a delivery the attempt that was lost and lets it wait again, in its place.
func (d *DB) recoverOne(t *tx, l *connector.Delivery, hold bool) error {
	now := d.cfg.Now()
	a := connector.Attempt{
		Started: l.Updated, Class: retry.Network, Message: lostMessage, Revision: l.Revision, Worker: d.cfg.Worker,
	}
	if err := t.insertAttempt(l.N, int64(l.Attempts)+1, &a); err != nil {
		return err
	}
	state, class, message, due := connector.Pending, retry.OK, "", any(millis(now))
	if hold {
		state, class, message, due = connector.Held, retry.Network, lostMessage, any(int64(dueLater))
	}
	if err := t.run(`DELETE FROM sending WHERE n = ?`, l.N); err != nil {
		return err
	}
	d.hot.forget(l.N)
	if d.registry.current.Load().byNumber[l.Conn] == nil {
		state, class, message, due = connector.Canceled, retry.OK, lostMessage, nil // its connection is deleted
	}
	const query = `UPDATE deliveries SET state = ?, class = ?, message = ?, due_ms = ?, account = ?, attempts = attempts + 1,
		first_try_ms = COALESCE(first_try_ms, ?), sent_twice = TRUE, unanswered = TRUE, updated_ms = ? WHERE n = ?`
	first := l.Updated
	if s := d.registry.current.Load().byNumber[l.Conn]; s != nil {
		first = s.state.Load().condition.Clock(first)
	}
	return t.run(query, string(state), string(class), message, due, l.Account, millis(first), millis(now), l.N)
}

// holdsUnanswered reports whether the connection wants a person to look after an attempt without an answer.
func (d *DB) holdsUnanswered(t *tx, conn int64) bool {
	s := d.registry.current.Load().byNumber[conn]
	if s == nil {
		return false
	}
	st, err := d.registry.state(s, t.settings)
	return err == nil && st.planning != nil && st.planning.Settings.Retry.Unanswered == connector.UnansweredHold
}
