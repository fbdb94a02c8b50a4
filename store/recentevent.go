package store

import (
	"context"

	"todosync/connector"
)

// recentMost is how many of the newest events, of all tenants, are looked through for one of a tenant.
const recentMost = 100_000

// RecentEvent gives an accepted event of a tenant whole: the one with an id, else the newest of a kind. An error of kind NotFound says that
// none is kept.
func (d *DB) RecentEvent(ctx context.Context, tenant string, kind connector.Kind, id string) (connector.StoredEvent, error) {
	const op = "find event"
	var rows []struct {
		N        int64  `db:"n"`
		Sequence int64  `db:"stream_seq"`
		Kind     string `db:"kind"`
		Action   string `db:"action"`
		ID       string `db:"id"`
		EventMs  *int64 `db:"event_ms"`
		Received int64  `db:"received_ms"`
		Payload  []byte `db:"payload"`
	}
	const columns = `SELECT n, stream_seq, kind, action, id, event_ms, received_ms, payload FROM events `
	err := d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		if id != "" {
			return q.Select(&rows, columns+`WHERE tenant = ? AND id = ? AND kind = ?`, tenant, clean(id), string(kind))
		}
		return q.Select(&rows, columns+`WHERE n > (SELECT COALESCE(MAX(n), 0) FROM events) - ? AND tenant = ? AND kind = ? AND action <> 'delete' ORDER BY n DESC LIMIT 1`,
			recentMost, tenant, string(kind))
	})
	if err != nil {
		return connector.StoredEvent{}, err
	}
	if len(rows) == 0 {
		msg := "no recent " + string(kind) + " event of tenant " + tenant + " is kept"
		if id != "" {
			msg = "tenant " + tenant + " has no " + string(kind) + " event " + id
		}
		return connector.StoredEvent{}, &connector.Error{Kind: connector.NotFound, Op: op, Msg: msg, Hint: "give an event"}
	}
	r := rows[0]
	e := connector.StoredEvent{
		N: r.N, Sequence: uint64(r.Sequence), Tenant: tenant, Kind: connector.Kind(r.Kind), Action: connector.Action(r.Action), ID: r.ID, //nolint:gosec // stored from a uint64
		Received: instant(r.Received), Payload: r.Payload,
	}
	if r.EventMs != nil {
		e.Time = instant(*r.EventMs)
	}
	return e, nil
}
