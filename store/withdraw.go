package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"todosync/connector"
)

// A connection is withdrawn in rounds: what waits is canceled where that is wanted, then each todo that its OA has open gets a delete, paced
// like any job; then those of which a request was on its way meanwhile. From the first commit on the connection gets nothing new. When nothing
// is open there and nothing waits it is deleted, in the transaction that ends the job. Where the job ends otherwise, it stays.

// lanesFrom begins the progress of a job that has canceled what waited.
const lanesFrom = "lanes:"

// openLanes are the lanes of a connection in whose inboxes a todo is, or may be, that is not over.
const openLanes = ` FROM lanes l WHERE l.conn = ? AND l.kind = 'todo' AND l.presence <> '' AND l.ended = ''`

// beginWithdraw has a connection get nothing new, or says why it cannot be withdrawn.
func (d *DB) beginWithdraw(t *tx, op string, r *connector.JobRequest) error {
	s, err := d.connection(op, r.Key)
	if err != nil {
		return err
	}
	st, err := d.registry.state(s, t.settings)
	if err != nil {
		return err
	}
	conflict := func(msg, hint string) error {
		return &connector.Error{Kind: connector.Conflict, Op: op, Msg: msg, Hint: hint}
	}
	switch c := st.condition; {
	case st.program == nil:
		return conflict(brokenReason(s.key, st.err), "mend it before, or delete it without taking its todos out of the OA")
	case !st.program.On(connector.SceneDelete):
		return conflict("the scene delete of connection "+r.Key.String()+" is off: nothing can be taken out of the OA", "turn it on, or delete the connection alone")
	case c.Leaving:
		return conflict("connection "+r.Key.String()+" is being withdrawn already", "todosync jobs list shows how far that is")
	case c.Disabled, c.Paused:
		return conflict("connection "+r.Key.String()+" is "+string(c.Reason())+": nothing can be taken out of the OA", "let it go on before, or delete the connection alone")
	}
	if !r.Cancel {
		if err := t.nothingWaits(op, s); err != nil {
			return err
		}
	}
	return d.setLeaving(t, s, true)
}

// setLeaving says that a connection gets nothing new, or does again.
func (d *DB) setLeaving(t *tx, s *slot, leaving bool) error {
	if err := t.run(`UPDATE connections SET leaving = ? WHERE n = ?`, leaving, s.conn); err != nil {
		return err
	}
	t.done(func() { d.registry.change(s.conn, func(s *slotState) { s.condition.Leaving = leaving }) })
	return d.changed(t, s.key.Tenant, changedConnections)
}

// goesOn has a connection that is not withdrawn after all, or a tenant who is not erased, take new things again.
func (d *DB) goesOn(t *tx, j *storedJob) error {
	var q jobRequest
	if err := json.Unmarshal([]byte(j.Request), &q); err != nil {
		return err
	}
	switch connector.JobKind(j.Kind) {
	case connector.JobErase:
		return t.run(`UPDATE tenants SET erasing = FALSE WHERE name = ?`, q.Key.Tenant)
	case connector.JobRetry, connector.JobCancel, connector.JobBackfill:
		return nil
	case connector.JobWithdraw:
	}
	s, err := d.connection("end job", q.Key)
	if connector.KindOf(err) == connector.NotFound {
		return nil
	}
	return d.setLeaving(t, s, false)
}

// collectWithdraw cancels some of what waits, or adds some open todos to the job's items.
func (d *DB) collectWithdraw(ctx context.Context, op string, s *storedJob, j *connector.Job) (out connector.JobStepped, err error) {
	err = d.writer.write(ctx, op, func(t *tx) error {
		out = connector.JobStepped{}
		now, err := t.readJob(op, s.ID)
		if err != nil || now.State != s.State || now.Progress != s.Progress {
			return err // stopped meanwhile
		}
		slot, err := d.connection(op, j.Key)
		if connector.KindOf(err) == connector.NotFound {
			out.Ended = true
			return d.endJob(t, now, connector.JobDone, now.Who, "")
		}
		if err != nil {
			return err
		}
		if j.Cancel && now.Progress == "" {
			canceled, err := d.cancelSome(t, slot.conn, jobStepItems)
			if out.Moved = canceled; err != nil || canceled == jobStepItems {
				return err
			}
		}
		return d.collectOpen(t, now, slot, &out)
	})
	return out, err
}

func (d *DB) collectOpen(t *tx, j *storedJob, slot *slot, out *connector.JobStepped) error {
	const query = `SELECT x.todo, t.newest_event FROM (SELECT DISTINCT l.todo AS todo` + openLanes + ` AND l.todo > ? ORDER BY l.todo LIMIT ?) x
		JOIN todos t ON t.conn = ? AND t.kind = 'todo' AND t.todo = x.todo ORDER BY x.todo`
	var items []item
	after := strings.TrimPrefix(j.Progress, lanesFrom)
	err := t.read(query, []any{slot.conn, after, jobStepItems, slot.conn}, func(r row) error {
		items = append(items, item{Todo: r.text(0), N: r.num(1)})
		return nil
	})
	if err != nil {
		return err
	}
	for _, i := range items {
		if err := t.run(`INSERT INTO job_items (job, n, todo) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, j.N, i.N, i.Todo); err != nil {
			return err
		}
	}
	state, progress := connector.JobRunning, lanesFrom
	if len(items) == jobStepItems {
		state, progress = connector.JobCollecting, lanesFrom+items[len(items)-1].Todo
	}
	out.Moved += len(items) + 1
	return t.run(`UPDATE jobs SET progress = ?, state = ?, total = total + ? WHERE n = ?`, progress, string(state), len(items), j.N)
}

// withdraw plans the deletes of one todo.
func (r *jobRun) withdraw(conn int64, i item) error {
	slot := r.db.registry.current.Load().byNumber[conn]
	if slot == nil {
		return &connector.Error{Kind: connector.Conflict, Op: r.op, Msg: "its connection is deleted"}
	}
	st, err := r.db.registry.state(slot, r.tx.settings)
	switch {
	case err != nil:
		return err
	case st.program == nil:
		return &connector.Error{Kind: connector.Conflict, Op: r.op, Msg: brokenReason(slot.key, st.err)}
	}
	key := connector.TodoKey{Conn: conn, Kind: connector.KindTodo, ID: i.Todo}
	a := acceptance{db: r.db, tx: r.tx, known: connector.Known{Todos: map[connector.TodoKey]*connector.Todo{}}}
	known, err := a.gatherTodo(key)
	if err != nil {
		return err
	}
	k := binder{db: r.db, tx: r.tx, slot: slot, now: r.now}
	newest, err := k.newestEvent(key)
	if err != nil {
		return err
	}
	if !known || newest.N == 0 {
		return &connector.Error{Kind: connector.Conflict, Op: r.op, Msg: "the todo's newest event is not kept any more"}
	}
	if err := a.gatherWaiting(key); err != nil {
		return err
	}
	now := instant(r.now)
	if err := r.db.mint(r.tx, now); err != nil {
		return err
	}
	todo := a.known.Todos[key]
	made := connector.PlanWithdraw(st.program, todo, &newest, now, func() string { return r.db.newID(now) })
	n, err := r.tx.nextNumber(conn)
	if err != nil {
		return err
	}
	for at, d := range made {
		d.N, d.EventN = n+int64(at), newest.N
		if err := r.tx.insertDelivery(d); err != nil {
			return err
		}
		if err := r.tx.noteResent(d.N, r.stored.N, false); err != nil {
			return err
		}
		if err := r.db.joinedLane(r.tx, key, d.Lane); err != nil {
			return err
		}
		r.changed = append(r.changed, d.N)
	}
	for _, lane := range slices.Sorted(maps.Keys(todo.Lanes)) {
		if todo.Lanes[lane].Dirty {
			if err := r.tx.planLane(key, todo.Lanes[lane]); err != nil {
				return err
			}
		}
	}
	return nil
}

// withdrawn looks at what is left of a connection all of whose open todos have their deletes: it waits for their ends, begins another round,
// or deletes the connection.
func (r *jobRun) withdrawn() error {
	r.out.Moved = 0
	s, err := r.db.connection(r.op, r.job.Key)
	if connector.KindOf(err) == connector.NotFound {
		r.out.Ended = true
		return r.db.endJob(r.tx, r.stored, connector.JobDone, r.stored.Who, "")
	}
	if err != nil {
		return err
	}
	left, err := r.tx.waitCount(s.conn)
	if err != nil {
		return err
	}
	if left > 0 {
		return r.tx.run(`UPDATE jobs SET done = ?, skipped = ?, reasons = ? WHERE n = ?`, r.stored.Done, r.stored.Skipped, r.stored.Reasons, r.stored.N)
	}
	open, stuck := false, int64(0)
	if err := r.tx.read(`SELECT 1`+openLanes+` LIMIT 1`, []any{s.conn}, func(row) error { open = true; return nil }); err != nil {
		return err
	}
	if open && r.stored.Skipped == 0 {
		return r.tx.run(`UPDATE jobs SET state = ?, progress = ?, done = ? WHERE n = ?`, string(connector.JobCollecting), lanesFrom, r.stored.Done, r.stored.N)
	}
	// Of a common lane from before anybody knew who has its todo, nobody knows when it is in no inbox any more.
	const inboxes = `SELECT COUNT(DISTINCT l.todo) FROM lanes l WHERE l.conn = ? AND l.kind = 'todo' AND l.presence <> '' AND l.ended <> 'done'
		AND NOT (l.receiver = '' AND l.people = '')`
	if err := r.tx.read(inboxes, []any{s.conn}, func(row row) error { stuck = row.num(0); return nil }); err != nil {
		return err
	}
	r.out.Ended = true
	if stuck > 0 {
		return r.db.endJob(r.tx, r.stored, connector.JobFailed, r.stored.Who, fmt.Sprintf(
			"%d todos could not be taken out of the OA: the connection stays; their records say why. Delete it without withdrawing, or retry them and withdraw again", stuck))
	}
	if _, err := r.db.deleteStep(r.tx, r.op, s, Deletion{Key: s.key, Who: r.stored.Who}); err != nil {
		return err
	}
	return r.db.endJob(r.tx, r.stored, connector.JobDone, r.stored.Who, "")
}
