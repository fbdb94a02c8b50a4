package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"todosync/connector"
)

// A ConnectionInfo is a connection as a list shows it.
type ConnectionInfo struct {
	Number    int64                   `json:"-"`
	Key       connector.ConnectionKey `json:"key"`
	Title     string                  `json:"title"`
	Preset    string                  `json:"preset"`
	Protocol  connector.Protocol      `json:"protocol"`
	Revision  int64                   `json:"revision"`
	SavedHow  SavedHow                `json:"savedHow"`
	SavedAt   time.Time               `json:"savedAt"`
	SavedBy   string                  `json:"savedBy"`
	CreatedAt time.Time               `json:"createdAt"`
	Condition connector.Condition     `json:"condition"`
	Problem   string                  `json:"problem"` // why it cannot be used at all; empty: it can
	Waiting   int64                   `json:"waiting"`
	Failed    int64                   `json:"failed"`
}

// Connections lists connections by tenant and name, in the tenants that are given or in all.
func (d *DB) Connections(ctx context.Context, tenants []string) ([]ConnectionInfo, error) {
	w := where{}
	w.in(`c.tenant`, tenants)
	return d.connectionInfos(ctx, "list connections", w)
}

// Connection gives one connection with its current revision.
func (d *DB) Connection(ctx context.Context, key connector.ConnectionKey) (ConnectionInfo, Revision, error) {
	const op = "read connection"
	w := where{}
	w.add(`c.tenant = ?`, clean(key.Tenant))
	w.add(`c.name = ?`, clean(key.Name))
	infos, err := d.connectionInfos(ctx, op, w)
	if err != nil {
		return ConnectionInfo{}, Revision{}, err
	}
	if len(infos) == 0 {
		return ConnectionInfo{}, Revision{}, notFound(op, "connection "+key.String())
	}
	r, err := d.Revision(ctx, key, infos[0].Revision)
	return infos[0], r, err
}

func (d *DB) connectionInfos(ctx context.Context, op string, w where) ([]ConnectionInfo, error) {
	type stored struct {
		N          int64  `db:"n"`
		Tenant     string `db:"tenant"`
		Name       string `db:"name"`
		Enabled    bool   `db:"enabled"`
		Paused     bool   `db:"paused"`
		Leaving    bool   `db:"leaving"`
		DownMs     *int64 `db:"down_since_ms"`
		RefusedMs  *int64 `db:"token_refused_ms"`
		Message    string `db:"condition_message"`
		Revision   int64  `db:"revision"`
		SavedHow   string `db:"saved_how"`
		SavedMs    int64  `db:"saved_ms"`
		SavedBy    string `db:"who"`
		CreatedMs  int64  `db:"created_ms"`
		CountWaits int64  `db:"waiting"`
		CountFails int64  `db:"failed"`
	}
	w.add(`c.deleted_ms IS NULL`)
	query := `SELECT c.n, c.tenant, c.name, c.enabled, c.paused, c.leaving, c.down_since_ms, c.token_refused_ms, c.condition_message,
		c.revision, c.saved_how, r.saved_ms, r.who, c.created_ms,
		COALESCE((SELECT CAST(SUM(s.count) AS BIGINT) FROM standings s WHERE s.conn = c.n AND (s.state = 'pending' OR s.state = 'retrying' OR s.state = 'held')), 0) AS waiting,
		COALESCE((SELECT s.count FROM standings s WHERE s.conn = c.n AND s.state = 'failed'), 0) AS failed
		FROM connections c JOIN revisions r ON r.conn = c.n AND r.revision = c.revision ` + w.text() + ` ORDER BY c.tenant, c.name`
	var rows []stored
	var looks map[int64]face
	err := d.reading(ctx, op, func(q *reader) (err error) {
		rows = rows[:0]
		if err := q.Select(&rows, query, w.args...); err != nil {
			return err
		}
		revisions := make(map[int64]int64, len(rows))
		for i := range rows {
			revisions[rows[i].N] = rows[i].Revision
		}
		looks, err = d.faces.of(q, revisions)
		return err
	})
	out := make([]ConnectionInfo, len(rows))
	current := d.registry.current.Load()
	for i := range rows {
		r := &rows[i]
		out[i] = ConnectionInfo{
			Number: r.N, Key: connector.ConnectionKey{Tenant: r.Tenant, Name: r.Name}, Title: looks[r.N].Title, Preset: looks[r.N].Preset,
			Protocol: connector.Protocol(looks[r.N].Protocol), Revision: r.Revision, SavedHow: SavedHow(r.SavedHow), SavedAt: instant(r.SavedMs), SavedBy: r.SavedBy,
			CreatedAt: instant(r.CreatedMs), Waiting: r.CountWaits, Failed: r.CountFails,
			Condition: connector.Condition{
				Disabled: !r.Enabled, Paused: r.Paused, Leaving: r.Leaving, DownSince: instantOf(r.DownMs), TokenRefused: instantOf(r.RefusedMs),
				Message: r.Message,
			},
		}
		if s := current.byNumber[r.N]; s != nil && err == nil {
			out[i].Problem, err = d.problem(ctx, s)
		}
	}
	return out, err
}

func instantOf(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return instant(*ms)
}

// Pause holds all that waits in a connection until Resume. It writes one row, however much waits.
func (d *DB) Pause(ctx context.Context, key connector.ConnectionKey, who string) error {
	return d.pause(ctx, "pause connection", key, who, true)
}

// Resume lets a paused connection go on.
func (d *DB) Resume(ctx context.Context, key connector.ConnectionKey, who string) error {
	return d.pause(ctx, "resume connection", key, who, false)
}

func (d *DB) pause(ctx context.Context, op string, key connector.ConnectionKey, who string, paused bool) error {
	s, err := d.connection(op, key)
	if err != nil {
		return err
	}
	err = d.writer.write(ctx, op, func(t *tx) error {
		if err := t.run(`UPDATE connections SET paused = ? WHERE n = ?`, paused, s.conn); err != nil {
			return err
		}
		err := t.heldByPeople(s.conn, millis(d.cfg.Now()), func(held time.Duration, since time.Time) {
			t.done(func() {
				d.registry.change(s.conn, func(s *slotState) {
					s.condition.Paused, s.condition.HeldFor, s.condition.HeldSince = paused, held, since
				})
			})
		})
		if err != nil {
			return err
		}
		if err := d.changed(t, key.Tenant, changedConnections); err != nil {
			return err
		}
		what := "connection resumed"
		if paused {
			what = "connection paused"
		}
		return t.audit(millis(d.cfg.Now()), who, what, key.Tenant, key.Name, "")
	})
	if err == nil {
		d.wake(s.conn)
	}
	return err
}

// A Deletion is a connection to be deleted.
type Deletion struct {
	Key           connector.ConnectionKey
	Who           string
	CancelWaiting bool  // cancel what waits; else that is a conflict
	IfMatch       int64 // the revision that it must have; 0: any
}

// Delete takes a connection away. Its records stay until they are too old. What is on its way ends as it ends.
func (d *DB) Delete(ctx context.Context, del Deletion) error {
	const op = "delete connection"
	s, err := d.connection(op, del.Key)
	if err != nil {
		return err
	}
	for {
		more := false
		err := d.writer.write(ctx, op, func(t *tx) error {
			var err error
			more, err = d.deleteStep(t, op, s, del)
			return err
		})
		if err != nil {
			return err
		}
		if !more {
			d.wake(s.conn)
			return nil
		}
	}
}

// deleteStep cancels some of what waits, or else deletes the connection.
func (d *DB) deleteStep(t *tx, op string, s *slot, del Deletion) (more bool, err error) {
	now := millis(d.cfg.Now())
	if err := t.hasRevision(op, s.conn, del.IfMatch); err != nil {
		return false, err
	}
	if !del.CancelWaiting {
		if err := t.nothingWaits(op, s); err != nil {
			return false, err
		}
	} else if canceled, err := d.cancelSome(t, s.conn, 1000); err != nil || canceled == 1000 {
		return err == nil, err
	}
	if err := t.run(`UPDATE connections SET deleted_ms = ? WHERE n = ?`, now, s.conn); err != nil {
		return false, err
	}
	if err := d.rebinding(t, s, ""); err != nil {
		return false, err
	}
	if err := t.run(`DELETE FROM bindings WHERE conn = ?`, s.conn); err != nil {
		return false, err
	}
	if err := t.run(`DELETE FROM tokens WHERE conn = ?`, s.conn); err != nil {
		return false, err
	}
	if err := d.changed(t, s.key.Tenant, changedConnections); err != nil {
		return false, err
	}
	t.done(func() { d.registry.put(nil, []int64{s.conn}) })
	return false, t.audit(now, del.Who, "connection deleted", del.Key.Tenant, del.Key.Name, "")
}

// hasRevision refuses to touch a connection that was changed since a revision; 0: whichever it has.
func (t *tx) hasRevision(op string, conn, wanted int64) error {
	if wanted == 0 {
		return nil
	}
	has := int64(0)
	if err := t.read(`SELECT revision FROM connections WHERE n = ?`, []any{conn}, func(r row) error { has = r.num(0); return nil }); err != nil || has == wanted {
		return err
	}
	e := notRevision(op, has, wanted)
	e.Details = []connector.Detail{{Path: "If-Match", Message: e.Msg}}
	return e
}

// notRevision is the conflict of a change that was made for another revision than there is.
func notRevision(op string, has, wanted int64) *connector.Error {
	return &connector.Error{
		Kind: connector.Conflict, Op: op, Msg: fmt.Sprintf("it has revision %d, not %d", has, wanted),
		Hint: "somebody saved it meanwhile; read it again and repeat the change",
	}
}

// waitCount counts what waits in a connection, what is on its way among it.
func (t *tx) waitCount(conn int64) (left int64, err error) {
	err = t.read(`SELECT COUNT(*) FROM deliveries WHERE conn = ? AND `+waits, []any{conn}, func(r row) error { left = r.num(0); return nil })
	return left, err
}

// nothingWaits refuses to delete a connection in which something waits.
func (t *tx) nothingWaits(op string, s *slot) error {
	left, err := t.waitCount(s.conn)
	if err != nil || left == 0 {
		return err
	}
	return &connector.Error{
		Kind: connector.Conflict, Op: op, Msg: fmt.Sprintf("connection %s has deliveries that wait: %d", s.key, left),
		Hint: "wait until they are sent, or cancel them with cancelWaiting",
	}
}

// cancelSome cancels some of what waits in a connection and says how much. From the ends of the lanes on: if it is broken off, what heads
// them is still due.
func (d *DB) cancelSome(t *tx, conn int64, most int) (int, error) {
	var some []int64
	const query = `SELECT n FROM deliveries d WHERE conn = ? AND due_ms >= 0 AND NOT ` + sends + ` ORDER BY due_ms DESC, n DESC LIMIT ?`
	if err := t.read(query, []any{conn, most}, func(r row) error { some = append(some, r.num(0)); return nil }); err != nil {
		return 0, err
	}
	for _, n := range some {
		d.hot.forget(n)
		const query = `UPDATE deliveries SET state = 'canceled', class = '', due_ms = NULL, updated_ms = ? WHERE n = ?`
		if err := t.run(query, millis(d.cfg.Now()), n); err != nil {
			return 0, err
		}
	}
	if err := t.countCanceled(conn, millis(d.cfg.Now()), len(some)); err != nil {
		return 0, err
	}
	t.done(func() { d.feed.publish(some) })
	return len(some), nil
}

// A TenantInfo is a tenant as a list shows it.
type TenantInfo struct {
	Name        string    `json:"tenant"`
	Title       string    `json:"title"`
	Revision    int64     `json:"revision"` // 0: it has no settings of its own
	SavedHow    SavedHow  `json:"savedHow"`
	CreatedAt   time.Time `json:"createdAt"`
	UpdatedAt   time.Time `json:"updatedAt"`
	Connections int       `json:"connections"`
}

// Tenants lists tenants by name: those that are given, or all.
func (d *DB) Tenants(ctx context.Context, names []string) ([]TenantInfo, error) {
	const op = "list tenants"
	type stored struct {
		Name      string `db:"name"`
		Title     string `db:"title"`
		Revision  int64  `db:"revision"`
		SavedHow  string `db:"saved_how"`
		CreatedMs int64  `db:"created_ms"`
		UpdatedMs int64  `db:"updated_ms"`
	}
	w := where{}
	w.in(`name`, names)
	var rows []stored
	err := d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT name, COALESCE(settings ->> 'title', '') AS title, revision, saved_how, created_ms, updated_ms
			FROM tenants `+w.text()+` ORDER BY name`, w.args...)
	})
	out := make([]TenantInfo, len(rows))
	current := d.registry.current.Load()
	for i, r := range rows {
		out[i] = TenantInfo{
			Name: r.Name, Title: r.Title, Revision: r.Revision, SavedHow: SavedHow(r.SavedHow), CreatedAt: instant(r.CreatedMs),
			UpdatedAt: instant(r.UpdatedMs), Connections: len(current.byTenant[r.Name]),
		}
	}
	return out, err
}

// Tenant gives a tenant's settings, with the defaults where it has none of its own, and its current revision.
func (d *DB) Tenant(ctx context.Context, name string) (connector.Tenant, Revision, error) {
	const op = "read tenant"
	type stored struct {
		Settings *string `db:"settings"`
		Revision int64   `db:"revision"`
	}
	var rows []stored
	err := d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT settings, revision FROM tenants WHERE name = ?`, clean(name))
	})
	if err != nil {
		return connector.Tenant{}, Revision{}, err
	}
	if len(rows) == 0 {
		return connector.Tenant{}, Revision{}, notFound(op, "tenant "+name)
	}
	t := connector.DefaultTenant()
	t.Tenant = name
	if rows[0].Settings == nil {
		return t, Revision{}, nil
	}
	t = connector.Tenant{}
	if err := json.Unmarshal([]byte(*rows[0].Settings), &t); err != nil {
		return t, Revision{}, failed(op, err)
	}
	r, err := d.TenantRevision(ctx, name, rows[0].Revision)
	return t, r, err
}
