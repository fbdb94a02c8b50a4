package store

import (
	"context"

	"todosync/connector"
)

// digests takes away failures that were told long enough ago, with what else digests leave behind.
func (w *sweeping) digests(ctx context.Context) error {
	done, err := w.failures(ctx)
	if err != nil || !done {
		return err
	}
	if err := w.oldDigests(ctx); err != nil || w.out.Removed > 0 {
		return err
	}
	return w.toldDays(ctx)
}

// failures takes away what a digest has summed up some days ago, unless it may have to be summed up once more: while the digest still waits
// for a channel it may go together with others.
func (w *sweeping) failures(ctx context.Context) (done bool, err error) {
	after, err := w.after(-1)
	if err != nil {
		return false, err
	}
	var rows []struct {
		N    int64 `db:"n"`
		AtMs int64 `db:"at_ms"`
		Told bool  `db:"told"`
	}
	const query = `SELECT f.n AS n, f.at_ms AS at_ms, EXISTS (SELECT 1 FROM digests d WHERE d.tenant = f.tenant AND d.first_n <= f.n AND d.last_n >= f.n
			AND d.content IS NOT NULL AND NOT EXISTS (SELECT 1 FROM digest_sends s WHERE s.digest = d.n AND s.state = 'waiting')) AS told
		FROM failures f WHERE f.n > ? AND f.at_ms < ? ORDER BY f.n LIMIT ?`
	if err := w.look(ctx, &rows, query, after, w.before(connector.KeepFailures), sweepLook); err != nil || len(rows) == 0 {
		return err == nil, err
	}
	looked, err := w.take(ctx, len(rows), func(t *tx, i int) (bool, error) {
		if !rows[i].Told {
			return false, nil
		}
		return true, t.run(`DELETE FROM failures WHERE n = ?`, rows[i].N)
	})
	if looked > 0 {
		w.next(rows[looked-1].N)
	}
	return false, err
}

// oldDigests takes away digests that are older than records, once nothing waits and their failures are gone.
func (w *sweeping) oldDigests(ctx context.Context) error {
	var rows []int64
	const query = `SELECT d.n FROM digests d WHERE d.closed_ms < ? AND d.content IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM digest_sends s WHERE s.digest = d.n AND s.state = 'waiting')
		AND NOT EXISTS (SELECT 1 FROM failures f WHERE f.tenant = d.tenant AND f.n <= d.last_n) ORDER BY d.n LIMIT ?`
	if err := w.look(ctx, &rows, query, w.before(w.Retention.Keep), sweepLook); err != nil {
		return err
	}
	looked, err := w.take(ctx, len(rows), func(t *tx, i int) (bool, error) {
		if err := t.run(`DELETE FROM digest_sends WHERE digest = ?`, rows[i]); err != nil {
			return false, err
		}
		return true, t.run(`DELETE FROM digests WHERE n = ?`, rows[i])
	})
	if looked > 0 {
		w.next(0)
	}
	return err
}

// toldDays takes away on which days it was told that receivers have no account. Today's and yesterday's stay, in whatever zone.
func (w *sweeping) toldDays(ctx context.Context) error {
	type told struct {
		Conn     int64  `db:"conn"`
		Receiver string `db:"receiver"`
		Day      int64  `db:"day"`
	}
	y, m, d := instant(w.before(connector.KeepFailures)).Date()
	var rows []told
	const query = `SELECT conn, receiver, day FROM unbound_told WHERE day < ? LIMIT ?`
	if err := w.look(ctx, &rows, query, int64(y)*10_000+int64(m)*100+int64(d), sweepLook); err != nil {
		return err
	}
	looked, err := w.take(ctx, len(rows), func(t *tx, i int) (bool, error) {
		// They are no digests, and not counted as such.
		return false, t.run(`DELETE FROM unbound_told WHERE conn = ? AND receiver = ? AND day = ?`, rows[i].Conn, rows[i].Receiver, rows[i].Day)
	})
	if looked > 0 {
		w.next(0)
	}
	return err
}
