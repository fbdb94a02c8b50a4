package store

import (
	"context"
	"time"
)

// LookAtQueues writes down how many deliveries wait at this moment, so that it can be shown over time. It is called about once a minute; of
// several looks in one minute the last one counts.
func (d *DB) LookAtQueues(ctx context.Context, now time.Time) error {
	const op = "look at what waits"
	var lines []waitingLine
	err := d.reading(ctx, op, func(q *reader) (err error) {
		lines, err = waitingLines(q, nil)
		return err
	})
	if err != nil {
		return err
	}
	all := waitingLine{}
	for _, l := range lines {
		all.Count += l.Count
	}
	at := minuteOf(millis(now))
	return d.writer.within(ctx, op, func() reach { return reach{} }, func(t *tx) error {
		if err := t.seal(); err != nil {
			return err
		}
		const query = `INSERT INTO queues (conn, at_ms, count) VALUES (?, ?, ?) ON CONFLICT (conn, at_ms) DO UPDATE SET count = excluded.count`
		for _, l := range append(lines, all) {
			if err := t.spread(query, l.Conn, at, l.Count); err != nil {
				return err
			}
		}
		return nil
	})
}
