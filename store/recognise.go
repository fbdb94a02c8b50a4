package store

import (
	"context"

	"todosync/connector"
)

// A KnownEvent says what the store remembers under an event's tenant and id.
type KnownEvent struct {
	Found    bool   // an event with that id was accepted
	Same     bool   // and it has the same kind, action and object
	Sequence uint64 // its place in the stream
}

// Recognise looks for the accepted event that has the tenant and id of e.
func (d *DB) Recognise(ctx context.Context, e *connector.Event) (KnownEvent, error) {
	var out KnownEvent
	var rows []struct {
		Sequence int64  `db:"stream_seq"`
		Kind     string `db:"kind"`
		Action   string `db:"action"`
		Todo     string `db:"todo"`
	}
	err := d.reading(ctx, "recognise event", func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT stream_seq, kind, action, todo FROM events WHERE tenant = ? AND id = ?`, e.Tenant, clean(e.ID))
	})
	if err != nil || len(rows) == 0 {
		return out, err
	}
	r := rows[0]
	out.Found, out.Sequence = true, uint64(r.Sequence) //nolint:gosec // stored from a uint64
	out.Same = r.Kind == string(e.Kind) && r.Action == string(e.Action) && r.Todo == clean(e.Object.ID)
	return out, nil
}

// CountDuplicate counts a repeat of an accepted event that never reached the store, since it was recognised before. An event that
// is not known is not counted.
func (d *DB) CountDuplicate(ctx context.Context, e *connector.Event) error {
	return d.writer.within(ctx, "count duplicate", func() reach { return reach{} }, func(t *tx) error {
		return t.run(`UPDATE events SET duplicates = duplicates + 1 WHERE tenant = ? AND id = ?`, e.Tenant, clean(e.ID))
	})
}
