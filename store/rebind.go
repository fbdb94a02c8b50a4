package store

import (
	"encoding/json"
	"fmt"

	"todosync/connector"
)

// rebindStep is how many todos of a user whose account changes one transaction plans anew.
const rebindStep = 100

// A rebinding is what a changed account leads to for a user's open todos: they leave the old account's inbox for the new one's. It goes
// in steps; to begin again does no harm.
type rebinding struct {
	user    string
	account string // from now on; empty: he has none
	after   string // the todos up to this one are done
	moved   int    // todos that have deliveries for it now
}

// rebind plans the next todos and says whether there are more.
func (k *binder) rebind(r *rebinding) (more bool, err error) {
	st, err := k.db.registry.state(k.slot, k.tx.settings)
	if err != nil || st.planning == nil {
		return false, err
	}
	keys, err := k.open(r)
	if err != nil {
		return false, err
	}
	for _, key := range keys {
		made, err := k.rebindTodo(st.planning, key, r)
		if err != nil {
			return false, fmt.Errorf("plan todo %s anew: %w", key.ID, err)
		}
		if made {
			r.moved++
		}
		r.after = key.ID
	}
	return len(keys) == rebindStep, nil
}

// open finds open todos that the OA has, or may have, under another account.
func (k *binder) open(r *rebinding) (keys []connector.TodoKey, err error) {
	const query = `SELECT DISTINCT l.kind, l.todo FROM (
			SELECT kind, todo FROM deliveries WHERE receiver = ? AND receiver <> '' AND n >= ? AND n < ?
			UNION SELECT m.kind, m.todo FROM delivery_receivers r CROSS JOIN deliveries m ON m.n = r.delivery_n
				WHERE r.receiver = ? AND r.delivery_n >= ? AND r.delivery_n < ?
		) d CROSS JOIN lanes l ON l.conn = ? AND l.kind = d.kind AND l.todo = d.todo AND (l.receiver = ? OR l.receiver = '')
		WHERE l.presence <> '' AND l.ended = '' AND l.todo > ?
		AND (l.receiver <> '' AND l.account <> '' AND l.account <> ? OR l.receiver = '' AND l.people LIKE ? ESCAPE '\')
		ORDER BY l.todo LIMIT ?`
	low, high := span(k.slot.conn)
	named, err := json.Marshal(r.user)
	if err != nil {
		return nil, err
	}
	args := []any{
		r.user, low, high, r.user, low, high, k.slot.conn, r.user, r.after, r.account, likeText(string(named) + ":"), rebindStep,
	}
	err = k.tx.read(query, args, func(row row) error {
		keys = append(keys, connector.TodoKey{Conn: k.slot.conn, Kind: connector.Kind(row.text(0)), ID: row.text(1)})
		return nil
	})
	return keys, err
}

// rebindTodo plans one todo anew.
func (k *binder) rebindTodo(p *connector.Program, key connector.TodoKey, r *rebinding) (bool, error) {
	a := acceptance{db: k.db, tx: k.tx, known: connector.Known{Todos: map[connector.TodoKey]*connector.Todo{}}}
	if known, err := a.gatherTodo(key); err != nil || !known {
		return false, err
	}
	if err := a.gatherWaiting(key); err != nil {
		return false, err
	}
	newest, err := k.newestEvent(key)
	if err != nil || newest.N == 0 {
		return false, err
	}
	now := instant(k.now)
	if err := k.db.mint(k.tx, now); err != nil {
		return false, err
	}
	todo := a.known.Todos[key]
	made := connector.PlanRebind(p, todo, r.user, r.account, &newest, now, func() string { return k.db.newID(now) })
	if len(made) == 0 {
		return false, nil
	}
	n, err := k.tx.nextNumber(key.Conn)
	if err != nil {
		return false, err
	}
	for i, d := range made {
		d.N, d.EventN = n+int64(i), newest.N
		if err := k.tx.insertDelivery(d); err != nil {
			return false, err
		}
		k.changed = append(k.changed, d.N)
	}
	if err := k.db.joinedLane(k.tx, key, made[0].Lane); err != nil {
		return false, err
	}
	return true, k.tx.planLane(key, todo.Lanes[made[0].Lane])
}

// newestEvent is the last accepted event of a todo; its N is 0 where it is not kept any more.
func (k *binder) newestEvent(key connector.TodoKey) (e connector.StoredEvent, err error) {
	const query = `SELECT e.n, e.stream_seq, e.tenant, e.kind, e.action, e.id, e.event_ms, e.received_ms, e.trace, e.payload
		FROM todos t CROSS JOIN events e ON e.n = t.newest_event WHERE t.conn = ? AND t.kind = ? AND t.todo = ?`
	err = k.tx.read(query, []any{key.Conn, string(key.Kind), key.ID}, func(r row) error {
		e = connector.StoredEvent{
			N: r.num(0), Sequence: uint64(r.num(1)), Tenant: r.text(2), Kind: connector.Kind(r.text(3)), //nolint:gosec // stored from a uint64
			Action: connector.Action(r.text(4)), ID: r.text(5), Time: r.time(6), Received: r.time(7), Trace: r.text(8), Payload: r.blob(9),
		}
		return nil
	})
	return e, err
}
