package store

import (
	"context"

	"todosync/connector"
)

// A sweptEvent is an event that may be too old.
type sweptEvent struct {
	N          int64  `db:"n"`
	Tenant     string `db:"tenant"`
	Kind       string `db:"kind"`
	Todo       string `db:"todo"`
	ReceivedMs int64  `db:"received_ms"`
}

// events takes away old events that nothing refers to: no delivery, and no todo that is still known, which can be pushed anew with them.
func (w *sweeping) events(ctx context.Context) error {
	after, err := w.after(-1)
	if err != nil {
		return err
	}
	var rows []sweptEvent
	const query = `SELECT n, tenant, kind, todo, received_ms FROM events WHERE n > ? ORDER BY n LIMIT ?`
	if err := w.look(ctx, &rows, query, after, sweepLook); err != nil || len(rows) == 0 {
		return err
	}
	old, young := w.before(max(w.Retention.Remember, w.Retention.Keep)), false
	for i := range rows {
		if rows[i].ReceivedMs >= old {
			rows, young = rows[:i], true // they were numbered as they came: what follows is younger
			break
		}
	}
	looked, err := w.take(ctx, len(rows), func(t *tx, i int) (bool, error) {
		gone, err := w.event(t, &rows[i])
		if err != nil || !gone {
			return false, err
		}
		return true, t.run(`UPDATE numbers SET last = last + 1 WHERE name = 'events removed'`)
	})
	if looked > 0 && (looked < len(rows) || !young) {
		w.next(rows[looked-1].N)
	}
	return err
}

// event takes one event away unless something refers to it.
func (w *sweeping) event(t *tx, e *sweptEvent) (gone bool, err error) {
	needed := false
	const delivered = `SELECT 1 FROM deliveries WHERE todo = ? AND event_n = ? LIMIT 1`
	if err := t.read(delivered, []any{e.Todo, e.N}, func(row) error { needed = true; return nil }); err != nil || needed {
		return false, err
	}
	if connector.Kind(e.Kind) == connector.KindTodo {
		if needed, err = w.says(t, e); err != nil || needed {
			return false, err
		}
	}
	err = t.change(`DELETE FROM events WHERE n = ? RETURNING n`, []any{e.N}, func(row) error { gone = true; return nil })
	return gone, err
}

// says reports whether an event says how a todo stands that a connection still knows: its newest, or the newest that was no delete of a part.
func (w *sweeping) says(t *tx, e *sweptEvent) (bool, error) {
	known, newest := false, false
	for _, s := range w.db.registry.current.Load().byTenant[e.Tenant] {
		err := t.read(`SELECT newest_event FROM todos WHERE conn = ? AND kind = ? AND todo = ?`, []any{s.conn, e.Kind, e.Todo}, func(r row) error {
			known, newest = true, newest || r.num(0) == e.N
			return nil
		})
		if err != nil || newest {
			return newest, err
		}
	}
	if !known {
		return false, nil
	}
	later := false
	const query = `SELECT 1 FROM events WHERE tenant = ? AND todo = ? AND kind = ? AND action <> 'delete' AND n > ? LIMIT 1`
	err := t.read(query, []any{e.Tenant, e.Todo, e.Kind, e.N}, func(row) error { later = true; return nil })
	return !later, err
}

// jobs takes away jobs that ended long ago, what is left of stopped ones, and the notes on deliveries that have ended.
func (w *sweeping) jobs(ctx context.Context) error {
	type left struct {
		Job int64 `db:"job"`
		N   int64 `db:"n"`
	}
	var items []left
	const stopped = `SELECT i.job AS job, i.n AS n FROM jobs j JOIN job_items i ON i.job = j.n WHERE j.ended_ms IS NOT NULL ORDER BY i.job, i.n LIMIT ?`
	if err := w.look(ctx, &items, stopped, sweepLook); err != nil {
		return err
	}
	if len(items) > 0 {
		_, err := w.take(ctx, len(items), func(t *tx, i int) (bool, error) {
			return true, t.run(`DELETE FROM job_items WHERE job = ? AND n = ?`, items[i].Job, items[i].N)
		})
		w.next(0)
		return err
	}
	var notes, jobs []int64
	const ended = `SELECT r.n FROM resent r WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.n = r.n AND d.due_ms IS NOT NULL) LIMIT ?`
	if err := w.look(ctx, &notes, ended, sweepLook); err != nil {
		return err
	}
	looked, err := w.take(ctx, len(notes), func(t *tx, i int) (bool, error) {
		return true, t.run(`DELETE FROM resent WHERE n = ? AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.n = resent.n AND d.due_ms IS NOT NULL)`, notes[i])
	})
	if err != nil || looked < len(notes) {
		w.next(0)
		return err
	}
	if err := w.look(ctx, &jobs, `SELECT n FROM jobs WHERE ended_ms < ? ORDER BY n LIMIT ?`, w.before(connector.KeepJobs), sweepLook); err != nil {
		return err
	}
	looked, err = w.take(ctx, len(jobs), func(t *tx, i int) (bool, error) { return true, t.run(`DELETE FROM jobs WHERE n = ?`, jobs[i]) })
	if looked > 0 {
		w.next(0)
	}
	return err
}

// revisions takes away old revisions of connections and tenants. The current one always stays.
func (w *sweeping) revisions(ctx context.Context) error {
	type old struct {
		Conn     int64  `db:"conn"`
		Tenant   string `db:"tenant"`
		Revision int64  `db:"revision"`
	}
	const which = ` AND r.revision <= x.revision - ? AND (r.saved_ms < ? OR r.revision <= x.revision - ?) LIMIT ?`
	args := []any{connector.RevisionsFew, w.before(connector.KeepRevisions), connector.RevisionsMost, sweepLook}
	var rows, more []old
	err := w.look(ctx, &rows, `SELECT r.conn AS conn, '' AS tenant, r.revision AS revision FROM connections x JOIN revisions r ON r.conn = x.n WHERE 1 = 1`+which, args...)
	if err != nil {
		return err
	}
	err = w.look(ctx, &more, `SELECT 0 AS conn, r.tenant AS tenant, r.revision AS revision FROM tenants x JOIN tenant_revisions r ON r.tenant = x.name WHERE 1 = 1`+which, args...)
	if err != nil {
		return err
	}
	rows = append(rows, more...)
	looked, err := w.take(ctx, len(rows), func(t *tx, i int) (bool, error) {
		if rows[i].Tenant != "" {
			return true, t.run(`DELETE FROM tenant_revisions WHERE tenant = ? AND revision = ?`, rows[i].Tenant, rows[i].Revision)
		}
		return true, t.run(`DELETE FROM revisions WHERE conn = ? AND revision = ?`, rows[i].Conn, rows[i].Revision)
	})
	if looked > 0 {
		w.next(0)
	}
	return err
}

// audit takes away old entries of the audit, and the oldest while there are too many.
func (w *sweeping) audit(ctx context.Context) error {
	var rows []int64
	const query = `SELECT n FROM audit WHERE at_ms < ? AND n < (SELECT MIN(n) FROM audit) + ?
		UNION SELECT n FROM audit WHERE n <= (SELECT MAX(n) FROM audit) - ? AND n < (SELECT MIN(n) FROM audit) + ? ORDER BY n`
	if err := w.look(ctx, &rows, query, w.before(connector.KeepAudit), sweepLook, connector.AuditMost, sweepLook); err != nil {
		return err
	}
	looked, err := w.take(ctx, len(rows), func(t *tx, i int) (bool, error) { return true, t.run(`DELETE FROM audit WHERE n = ?`, rows[i]) })
	if looked > 0 {
		w.next(0)
	}
	return err
}

// connections takes away connections that were deleted so long ago that nothing refers to them.
func (w *sweeping) connections(ctx context.Context) error {
	var rows []int64
	const query = `SELECT c.n FROM connections c WHERE c.deleted_ms < ? AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.n >= c.n * 68719476736 AND d.n < (c.n + 1) * 68719476736)
		AND NOT EXISTS (SELECT 1 FROM todos t WHERE t.conn = c.n) AND NOT EXISTS (SELECT 1 FROM tallies y WHERE y.conn = c.n) ORDER BY c.n LIMIT ?`
	if err := w.look(ctx, &rows, query, w.before(max(w.Retention.Keep, w.Retention.KeepFailed)), sweepLook); err != nil {
		return err
	}
	looked, err := w.take(ctx, len(rows), func(t *tx, i int) (bool, error) {
		for _, query := range [...]string{
			`DELETE FROM revisions WHERE conn = ?`, `DELETE FROM lanes WHERE conn = ?`, `DELETE FROM bindings WHERE conn = ?`, `DELETE FROM standings WHERE conn = ?`,
			`DELETE FROM connections WHERE n = ?`,
		} {
			if err := t.run(query, rows[i]); err != nil {
				return false, err
			}
		}
		return true, nil
	})
	if looked > 0 {
		w.next(0)
	}
	return err
}
