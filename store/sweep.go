package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"todosync/connector"
)

// sweepLook is how many rows one step of a chore looks at, outside of the writer, for what it may take away.
const sweepLook = 1000

// sweepTime is after how long in the writer a step takes up nothing more.
const sweepTime = 10 * time.Millisecond

// Sweep implements connector.Sweeper. What a step finds too old it looks at again in the transaction that takes it away.
func (d *DB) Sweep(ctx context.Context, s connector.Sweep) (connector.Swept, error) {
	w := sweeping{db: d, Sweep: s, op: "tidy up " + string(s.Chore), now: millis(s.Now)}
	var err error
	switch s.Chore {
	case connector.ChoreRejects:
		err = w.rejects(ctx)
	case connector.ChoreUnbound:
		err = w.unbound(ctx)
	case connector.ChoreRecords:
		err = w.records(ctx)
	case connector.ChoreTodos:
		err = w.todos(ctx)
	case connector.ChoreEvents:
		err = w.events(ctx)
	case connector.ChoreTallies:
		err = w.tallies(ctx)
	case connector.ChoreJobs:
		err = w.jobs(ctx)
	case connector.ChoreRevisions:
		err = w.revisions(ctx)
	case connector.ChoreDigests:
		err = w.digests(ctx)
	case connector.ChoreAudit:
		err = w.audit(ctx)
	case connector.ChoreSignOns:
		err = w.signOns(ctx)
	case connector.ChoreSessions:
		err = w.sessions(ctx)
	case connector.ChoreConnections:
		err = w.connections(ctx)
	default:
		err = fmt.Errorf("chore %q is not known", s.Chore)
	}
	return w.out, failed(w.op, err)
}

// A sweeping is one step of a chore under way.
type sweeping struct {
	connector.Sweep
	db  *DB
	op  string
	now int64
	out connector.Swept
}

// before is the time before which something is older than d.
func (w *sweeping) before(d time.Duration) int64 { return w.now - d.Milliseconds() }

// after reads where the step before had come to, as a number; least where it is the first.
func (w *sweeping) after(least int64) (int64, error) {
	if w.After == "" {
		return least, nil
	}
	return strconv.ParseInt(w.After, 10, 64)
}

// next is where the next step goes on.
func (w *sweeping) next(n int64) { w.out.Next = strconv.FormatInt(n, 10) }

// look reads candidates outside of the writer.
func (w *sweeping) look(ctx context.Context, dest any, query string, args ...any) error {
	return w.db.reading(ctx, w.op, func(q *reader) error { return q.Select(dest, query, args...) })
}

// take takes things away one after the other, until the step's size or its time in the writer is used up. one says whether the thing was taken. It
// gives how many were looked at.
func (w *sweeping) take(ctx context.Context, count int, one func(t *tx, i int) (taken bool, err error)) (looked int, err error) {
	if count == 0 {
		return 0, nil
	}
	var held time.Duration
	removed := 0
	err = w.db.writer.write(ctx, w.op, func(t *tx) error {
		began := time.Now()
		looked, removed = 0, 0
		for looked < count && removed < w.Size && time.Since(began) < sweepTime {
			taken, err := one(t, looked)
			if err != nil {
				return err
			}
			if looked++; taken {
				removed++
			}
		}
		held = time.Since(began)
		return nil
	})
	w.out.Held += held
	w.out.Removed += removed
	w.out.Full = removed >= w.Size
	return looked, err
}

// A sweptRecord is a delivery that may be too old.
type sweptRecord struct {
	N         int64  `db:"n"`
	State     string `db:"state"`
	CreatedMs int64  `db:"created_ms"`
	UpdatedMs int64  `db:"updated_ms"`
	Waits     bool   `db:"waits"`
	Receiver  string `db:"receiver"`
	Receivers string `db:"receivers"`
	Attempts  int64  `db:"attempts"`
}

// records takes away deliveries that ended too long ago. It goes up the numbers: within a connection they grow with time, so that it can leave
// a connection at the first young one.
func (w *sweeping) records(ctx context.Context) error {
	after, err := w.after(-1)
	if err != nil {
		return err
	}
	keep := w.before(w.Retention.Keep)
	cutoff := func(state string) int64 {
		if connector.State(state) == connector.Failed {
			return w.before(w.Retention.KeepFailed)
		}
		return keep
	}
	var rows []sweptRecord
	const query = `SELECT n, state, created_ms, updated_ms, due_ms IS NOT NULL AS waits, receiver, CASE WHEN receiver = '' THEN receivers ELSE '' END AS receivers,
		attempts FROM deliveries WHERE n > ? ORDER BY n LIMIT ?`
	if err := w.look(ctx, &rows, query, after, sweepLook); err != nil || len(rows) == 0 {
		return err
	}
	reached := rows[len(rows)-1].N
	for i := range rows {
		conn := rows[i].N >> placeBits
		if conn != rows[0].N>>placeBits || rows[i].CreatedMs > max(keep, cutoff(string(connector.Failed))) {
			// What is left of this connection is younger; the next step begins with the next connection.
			if reached = rows[i].N - 1; conn == rows[0].N>>placeBits {
				_, high := span(conn)
				reached = high - 1
			}
			rows = rows[:i]
			break
		}
	}
	newest, err := w.newestNumber(ctx, reached)
	if err != nil {
		return err
	}
	looked, err := w.take(ctx, len(rows), func(t *tx, i int) (bool, error) {
		r := &rows[i]
		if r.Waits || !connector.State(r.State).Final() || r.UpdatedMs >= cutoff(r.State) || r.N == newest {
			return false, nil
		}
		return w.record(t, r, cutoff)
	})
	if looked < len(rows) {
		reached = rows[looked].N - 1
	}
	w.next(reached)
	return err
}

// newestNumber is the highest number of a connection's deliveries. It stays while the connection does, so that numbers are never given twice.
func (w *sweeping) newestNumber(ctx context.Context, n int64) (int64, error) {
	conn := n >> placeBits
	if w.db.registry.current.Load().byNumber[conn] == nil {
		return -1, nil
	}
	low, high := span(conn)
	var numbers []int64
	err := w.look(ctx, &numbers, `SELECT n FROM deliveries WHERE n >= ? AND n < ? ORDER BY n DESC LIMIT 1`, low, high)
	if err != nil || len(numbers) == 0 {
		return -1, err
	}
	return numbers[0], nil
}

// record takes one delivery away with all that belongs to it, unless something has happened to it meanwhile.
func (w *sweeping) record(t *tx, r *sweptRecord, cutoff func(string) int64) (gone bool, err error) {
	const query = `DELETE FROM deliveries WHERE n = ? AND state = ? AND due_ms IS NULL AND updated_ms < ? RETURNING n`
	err = t.change(query, []any{r.N, r.State, cutoff(r.State)}, func(row) error { gone = true; return nil })
	if err != nil || !gone {
		return false, err
	}
	if r.Attempts > 0 {
		if err := t.run(`DELETE FROM attempts WHERE at >= ? AND at < ?`, attemptKey(r.N, 0), attemptKey(r.N+1, 0)); err != nil {
			return false, err
		}
	}
	if r.Receivers == "" {
		return true, nil
	}
	who, err := recipientsOf(r.Receivers)
	if err != nil {
		return false, err
	}
	for _, p := range who {
		if err := t.run(`DELETE FROM delivery_receivers WHERE receiver = ? AND delivery_n = ?`, p.ID, r.N); err != nil {
			return false, err
		}
	}
	return true, nil
}

// unboundMessageLong is what a delivery says that has waited too long for a binding.
const unboundMessageLong = "nobody was bound to an OA account for 90 days"

// unbound ends deliveries that have waited too long for a binding.
func (w *sweeping) unbound(ctx context.Context) error {
	after, err := w.after(-1)
	if err != nil {
		return err
	}
	var rows []struct {
		N         int64  `db:"n"`
		Conn      int64  `db:"conn"`
		Kind      string `db:"kind"`
		Todo      string `db:"todo"`
		Lane      string `db:"lane"`
		Class     string `db:"class"`
		CreatedMs int64  `db:"created_ms"`
		Scene     string `db:"scene"`
	}
	const query = `SELECT n, conn, kind, todo, lane, class, created_ms, scene FROM deliveries
		WHERE state = 'held' AND ` + ended + ` AND n > ? ORDER BY n LIMIT ?`
	if err := w.look(ctx, &rows, query, after, sweepLook); err != nil || len(rows) == 0 {
		return err
	}
	old := w.before(connector.UnboundMost)
	var changed, wake []int64
	looked, err := w.take(ctx, len(rows), func(t *tx, i int) (bool, error) {
		if i == 0 {
			changed, wake = nil, nil
		}
		r := &rows[i]
		if r.Class != string(connector.ReasonUnbound) || r.CreatedMs >= old {
			return false, nil
		}
		gone := false
		const query = `UPDATE deliveries SET state = 'failed', message = ?, due_ms = NULL, updated_ms = ?
			WHERE n = ? AND state = 'held' AND class = 'unbound' RETURNING n`
		if err := t.change(query, []any{unboundMessageLong, w.now, r.N}, func(row) error { gone = true; return nil }); err != nil || !gone {
			return false, err
		}
		w.db.hot.forget(r.N)
		var counted tally
		counted.failed(string(connector.ReasonUnbound), "", w.now-r.CreatedMs)
		if err := counted.store(t, r.Conn, w.now); err != nil {
			return false, err
		}
		over := failure{subject: r.N, scene: connector.Scene(r.Scene), class: connector.ReasonUnbound, message: unboundMessageLong}
		if err := w.db.noteDeliveries(t, r.Conn, w.now, []failure{over}, nil); err != nil {
			return false, err
		}
		changed, wake = append(changed, r.N), append(wake, r.Conn)
		return true, t.headLane(connector.TodoKey{Conn: r.Conn, Kind: connector.Kind(r.Kind), ID: r.Todo}, r.Lane, w.now)
	})
	if err == nil {
		w.db.feed.publish(changed)
		w.db.wake(wake...)
	}
	if looked > 0 {
		w.next(rows[looked-1].N)
	}
	return err
}

// rejects takes away rejected messages that are too old, and the oldest while there are too many.
func (w *sweeping) rejects(ctx context.Context) error {
	var rows []struct {
		N          int64 `db:"n"`
		Size       int64 `db:"size"`
		ReceivedMs int64 `db:"received_ms"`
	}
	after, err := w.after(-1)
	if err != nil {
		return err
	}
	if err := w.look(ctx, &rows, `SELECT n, size, received_ms FROM rejected WHERE n > ? ORDER BY n LIMIT ?`, after, sweepLook); err != nil || len(rows) == 0 {
		return err
	}
	old, most := w.before(connector.KeepRejects), w.db.rejectedMost()
	whole := int64(0)
	looked, err := w.take(ctx, len(rows), func(t *tx, i int) (bool, error) {
		if i == 0 {
			if err := t.read(`SELECT last FROM numbers WHERE name = 'rejected bytes'`, nil, func(r row) error { whole = r.num(0); return nil }); err != nil {
				return false, err
			}
		}
		if rows[i].ReceivedMs >= old && whole <= most {
			return false, nil
		}
		gone := false
		if err := t.change(`DELETE FROM rejected WHERE n = ? RETURNING n`, []any{rows[i].N}, func(row) error { gone = true; return nil }); err != nil || !gone {
			return false, err
		}
		whole -= rows[i].Size
		return true, t.rejectedBytes(-rows[i].Size)
	})
	if looked > 0 && (w.out.Removed > 0 || len(rows) == sweepLook) {
		w.next(rows[looked-1].N)
	}
	return err
}

// rejectedMost is how many bytes of rejected messages are kept.
func (d *DB) rejectedMost() int64 {
	if d.cfg.RejectedMost > 0 {
		return d.cfg.RejectedMost
	}
	return connector.RejectedMost
}

// rejectedBytes keeps the sum of the sizes of rejected messages.
func (t *tx) rejectedBytes(more int64) error {
	return t.run(`UPDATE numbers SET last = last + ? WHERE name = 'rejected bytes'`, more)
}

// A todoCursor is where the chore of todos has come to.
type todoCursor struct {
	Conn int64  `db:"conn" json:"c"`
	Kind string `db:"kind" json:"k"`
	Todo string `db:"todo" json:"t"`
}

// todos takes away what is known of todos that have been over for long, or whose connection was deleted long ago. What is open stays, and so
// does what something still waits for.
func (w *sweeping) todos(ctx context.Context) error {
	at := todoCursor{Conn: -1}
	if w.After != "" {
		if err := json.Unmarshal([]byte(w.After), &at); err != nil {
			return err
		}
	}
	type known struct {
		todoCursor
		Over      bool  `db:"over"`
		UpdatedMs int64 `db:"updated_ms"`
		DeletedMs int64 `db:"deleted_ms"`
	}
	var rows []known
	const query = `SELECT t.conn AS conn, t.kind AS kind, t.todo AS todo, (t.finished OR t.deleted) AS over, t.updated_ms AS updated_ms,
		COALESCE(c.deleted_ms, 0) AS deleted_ms FROM todos t LEFT JOIN connections c ON c.n = t.conn
		WHERE (t.conn, t.kind, t.todo) > (?, ?, ?) ORDER BY t.conn, t.kind, t.todo LIMIT ?`
	if err := w.look(ctx, &rows, query, at.Conn, at.Kind, at.Todo, sweepLook); err != nil || len(rows) == 0 {
		return err
	}
	old, gone := w.before(connector.KeepTodos), w.before(w.Retention.Keep)
	var candidates []known
	for _, r := range rows {
		if r.Over && r.UpdatedMs < old || r.DeletedMs > 0 && r.DeletedMs < gone {
			candidates = append(candidates, r)
		}
	}
	looked, err := w.take(ctx, len(candidates), func(t *tx, i int) (bool, error) {
		r := &candidates[i]
		// That the todo is over is looked at again: an event may have opened it anew.
		const query = `DELETE FROM todos WHERE conn = ? AND kind = ? AND todo = ? AND updated_ms = ?
			AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.conn = todos.conn AND d.todo = todos.todo AND d.kind = todos.kind AND d.due_ms IS NOT NULL)
			RETURNING conn`
		taken := false
		if err := t.change(query, []any{r.Conn, r.Kind, r.Todo, r.UpdatedMs}, func(row) error { taken = true; return nil }); err != nil || !taken {
			return false, err
		}
		return true, t.run(`DELETE FROM lanes WHERE conn = ? AND kind = ? AND todo = ?`, r.Conn, r.Kind, r.Todo)
	})
	last := rows[len(rows)-1].todoCursor
	if looked < len(candidates) {
		if looked == 0 {
			return err
		}
		last = candidates[looked-1].todoCursor
	}
	b, jerr := json.Marshal(&last)
	if jerr != nil {
		return jerr
	}
	w.out.Next = string(b)
	return err
}
