package store

import (
	"context"

	"todosync/connector"
)

// A handled delivery is one that a person does something to.
type handled struct {
	n      int64
	state  connector.State
	class  string
	key    connector.TodoKey
	lane   string
	tenant string
	name   string
	gone   bool // its connection is deleted
}

// handle finds a delivery by its id.
func (t *tx) handle(op, id string) (handled, error) {
	var h handled
	const query = `SELECT d.n, CASE WHEN ` + sends + ` THEN 'sending' ELSE d.state END, d.class, d.conn, d.kind, d.todo, d.lane, c.tenant, c.name, c.deleted_ms IS NOT NULL
		FROM deliveries d JOIN connections c ON c.n = d.conn WHERE d.id = ?`
	err := t.read(query, []any{id}, func(r row) error {
		h = handled{
			n: r.num(0), state: connector.State(r.text(1)), class: r.text(2),
			key:  connector.TodoKey{Conn: r.num(3), Kind: connector.Kind(r.text(4)), ID: r.text(5)},
			lane: r.text(6), tenant: r.text(7), name: r.text(8), gone: r.flag(9),
		}
		return nil
	})
	if err == nil && h.n == 0 {
		err = notFound(op, "record "+id)
	}
	return h, err
}

// Retry lets a delivery go again, with its full number of tries: a final one, or one that waits for its next try or for a person.
// One whose lane has had a newer one sent ends Superseded by that: sending it would put the older state over the newer.
// The new state is returned.
func (d *DB) Retry(ctx context.Context, id, who string) (connector.State, error) {
	const op = "retry record"
	var state connector.State
	var conn int64
	err := d.writer.write(ctx, op, func(t *tx) error {
		h, err := t.handle(op, id)
		if err != nil {
			return err
		}
		conn = h.key.Conn
		switch {
		case h.gone:
			return &connector.Error{Kind: connector.Conflict, Op: op, Msg: "its connection is deleted"}
		case h.state == connector.Sending:
			return &connector.Error{Kind: connector.Conflict, Op: op, Msg: "it is being sent at this moment", Hint: "look again in a moment"}
		case h.state == connector.Held && h.class == string(connector.ReasonUnbound):
			return &connector.Error{Kind: connector.Conflict, Op: op, Msg: "its receiver has no OA account", Hint: "bind him: then it goes by itself"}
		}
		if state, err = d.retry(t, &h); err != nil {
			return err
		}
		t.done(func() { d.feed.publish([]int64{h.n}) })
		return t.audit(millis(d.cfg.Now()), who, "record retried", h.tenant, id, string(state))
	})
	if err == nil && state == connector.Pending {
		d.wake(conn)
	}
	return state, err
}

func (d *DB) retry(t *tx, h *handled) (connector.State, error) {
	d.hot.forget(h.n)
	if err := d.joinedLane(t, h.key, h.lane); err != nil {
		return "", err
	}
	now := millis(d.cfg.Now())
	newer := ""
	_, high := span(h.key.Conn)
	const sent = `SELECT id FROM deliveries d WHERE todo = ? AND conn = ? AND kind = ? AND lane = ? AND n > ? AND n < ?
		AND (attempts > 0 OR ` + sends + `) ORDER BY n DESC LIMIT 1`
	err := t.read(sent, []any{h.key.ID, h.key.Conn, string(h.key.Kind), h.lane, h.n, high}, func(r row) error {
		newer = r.text(0)
		return nil
	})
	if err != nil {
		return "", err
	}
	if newer != "" {
		const query = `UPDATE deliveries SET state = 'superseded', class = '', due_ms = NULL, superseded_by = ?, updated_ms = ? WHERE n = ?`
		if err := t.run(query, newer, now, h.n); err != nil {
			return "", err
		}
		return connector.Superseded, t.headLane(h.key, h.lane, now)
	}
	const again = `UPDATE deliveries SET state = 'pending', class = '', due_ms = 9000000000000000, tries = 0, first_try_ms = NULL,
		superseded_by = '', updated_ms = ? WHERE n = ?`
	if err := t.run(again, now, h.n); err != nil {
		return "", err
	}
	// It may stand before the one that was the head until now.
	const behind = `UPDATE deliveries SET due_ms = 9000000000000000 WHERE conn = ? AND todo = ? AND kind = ? AND lane = ? AND ` + waits + `
		AND due_ms >= 0 AND n > ?`
	if err := t.run(behind, h.key.Conn, h.key.ID, string(h.key.Kind), h.lane, h.n); err != nil {
		return "", err
	}
	return connector.Pending, t.headLane(h.key, h.lane, now)
}

// Cancel ends a delivery that waits; the next of its todo goes on.
func (d *DB) Cancel(ctx context.Context, id, who string) error {
	const op = "cancel record"
	var conn int64
	err := d.writer.write(ctx, op, func(t *tx) error {
		h, err := t.handle(op, id)
		if err != nil {
			return err
		}
		conn = h.key.Conn
		switch {
		case h.state == connector.Sending:
			return &connector.Error{Kind: connector.Conflict, Op: op, Msg: "it is being sent at this moment", Hint: "look again in a moment"}
		case h.state.Final():
			return &connector.Error{Kind: connector.Conflict, Op: op, Msg: "it has ended already: " + string(h.state)}
		}
		now := millis(d.cfg.Now())
		d.hot.forget(h.n)
		const query = `UPDATE deliveries SET state = 'canceled', class = '', due_ms = NULL, updated_ms = ? WHERE n = ?`
		if err := t.run(query, now, h.n); err != nil {
			return err
		}
		if err := t.headLane(h.key, h.lane, now); err != nil {
			return err
		}
		t.done(func() { d.feed.publish([]int64{h.n}) })
		return t.audit(now, who, "record canceled", h.tenant, id, "")
	})
	if err == nil {
		d.wake(conn)
	}
	return err
}
