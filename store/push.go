package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"todosync/connector"
)

// A PushRequest names a todo whose newest state a connection is to get again.
type PushRequest struct {
	connector.PushOptions
	Key  connector.ConnectionKey
	Todo string
	Who  string
}

// Push sends a todo's newest accepted state to a connection again and gives the ids of the deliveries that it leads to.
func (d *DB) Push(ctx context.Context, q PushRequest) ([]string, error) {
	const op = "push todo"
	s, err := d.connection(op, q.Key)
	if err != nil {
		return nil, err
	}
	var ids []string
	err = d.writer.write(ctx, op, func(t *tx) error {
		p := pushing{db: d, tx: t, op: op, slot: s, options: q.PushOptions}
		made, err := p.push(q.Todo)
		if err != nil {
			return err
		}
		ids = make([]string, len(made))
		for i, m := range made {
			ids[i] = m.ID
		}
		t.done(func() { d.feed.publish(p.changed) })
		return t.audit(millis(d.cfg.Now()), q.Who, "todo pushed", q.Key.Tenant, q.Key.Name, q.Todo)
	})
	if err == nil {
		d.wake(s.conn)
	}
	return ids, err
}

// A pushing pushes todos to one connection within one transaction.
type pushing struct {
	db      *DB
	tx      *tx
	op      string
	slot    *slot
	options connector.PushOptions
	job     int64
	changed []int64
}

// push plans one todo and stores what that leads to. It fails with Conflict, before anything is written, where there is nothing to push.
func (p *pushing) push(todo string) ([]*connector.Delivery, error) {
	key := connector.TodoKey{Conn: p.slot.conn, Kind: connector.KindTodo, ID: clean(todo)}
	a := acceptance{db: p.db, tx: p.tx, batch: connector.Batch{Now: p.db.cfg.Now()}, broken: map[string]string{}}
	a.known = connector.Known{
		Programs: map[string][]*connector.Program{}, Todos: map[connector.TodoKey]*connector.Todo{}, Bindings: map[connector.UserKey]connector.Binding{},
	}
	known, err := a.gatherTodo(key)
	if err != nil {
		return nil, err
	}
	e, n, err := p.newest(key, known)
	if err != nil {
		return nil, err
	}
	s := &share{tenant: p.slot.key.Tenant, kind: connector.KindTodo}
	if err := a.gatherPrograms(s); err != nil {
		return nil, err
	}
	program := programOf(a.known.Programs[s.tenant], p.slot.conn)
	if program == nil {
		return nil, &connector.Error{Kind: connector.Conflict, Op: p.op, Msg: a.broken[s.tenant]}
	}
	if known {
		if err := a.gatherWaiting(key); err != nil {
			return nil, err
		}
	}
	for i := range e.Object.Receivers {
		s.users = append(s.users, e.Object.Receivers[i].ID)
	}
	if err := a.gatherBindings(s); err != nil {
		return nil, err
	}
	if err := p.db.mint(p.tx, a.batch.Now); err != nil {
		return nil, err
	}
	made, why := connector.PlanPush(&a.known, program, e, p.options, a.batch.Now, func() string { return p.db.newID(a.batch.Now) })
	if len(made) == 0 {
		return nil, &connector.Error{Kind: connector.Conflict, Op: p.op, Msg: why}
	}
	if err := p.store(&a, key, made, n); err != nil {
		return nil, err
	}
	if !known {
		return made, p.tellEvent(n)
	}
	return made, nil
}

// store writes what planning has led to.
func (p *pushing) store(a *acceptance, key connector.TodoKey, made []*connector.Delivery, event int64) error {
	for _, d := range made {
		d.EventN = event
	}
	if err := a.writeDeliveries(made); err != nil {
		return err
	}
	if err := a.writeWaiting(); err != nil {
		return err
	}
	bySequence := map[uint64]int64{a.known.Todos[key].Newest: event}
	if err := a.writeTodos(bySequence); err != nil {
		return err
	}
	for _, d := range made {
		if err := p.db.joinedLane(p.tx, key, d.Lane); err != nil {
			return err
		}
		if d.Waits() {
			if err := p.tx.noteResent(d.N, p.job, false); err != nil {
				return err
			}
		}
	}
	p.changed = append(p.changed, a.changed...)
	return a.writeFailures()
}

func programOf(programs []*connector.Program, conn int64) *connector.Program {
	for _, p := range programs {
		if p.Conn == conn {
			return p
		}
	}
	return nil
}

const selectStoredEvent = `SELECT e.n, e.stream_seq, e.tenant, e.kind, e.action, e.id, e.event_ms, e.received_ms, e.trace, e.payload FROM `

// storedEventOf reads a row of selectStoredEvent.
func storedEventOf(r row) connector.StoredEvent {
	return connector.StoredEvent{
		N: r.num(0), Sequence: uint64(r.num(1)), Tenant: r.text(2), Kind: connector.Kind(r.text(3)), //nolint:gosec // stored from a uint64
		Action: connector.Action(r.text(4)), ID: r.text(5), Time: r.time(6), Received: r.time(7), Trace: r.text(8), Payload: r.blob(9),
	}
}

// historyMost is how many events of a todo are looked at for its newest state.
const historyMost = 100

// newest is the event that says how the todo stands: of what the connection has accepted, or where it knows nothing of the todo of what its
// tenant has.
func (p *pushing) newest(key connector.TodoKey, known bool) (*connector.Event, int64, error) {
	until := uint64(math.MaxInt64)
	if known {
		err := p.tx.read(`SELECT newest_seq FROM todos WHERE conn = ? AND kind = ? AND todo = ?`, []any{key.Conn, string(key.Kind), key.ID},
			func(r row) error { until = uint64(r.num(0)); return nil }) //nolint:gosec // stored from a uint64
		if err != nil {
			return nil, 0, err
		}
	}
	var history []*connector.Event
	const query = selectStoredEvent + `events e WHERE e.tenant = ? AND e.todo = ? AND e.kind = 'todo' AND e.stream_seq <= ? ORDER BY e.stream_seq DESC LIMIT ?`
	err := p.tx.read(query, []any{p.slot.key.Tenant, key.ID, until, historyMost}, func(r row) error {
		s := storedEventOf(r)
		s.Payload = slices.Clone(s.Payload)
		e, err := connector.Recall(&s)
		if err != nil {
			return err
		}
		e = cleanEvent(e)
		history = append(history, e)
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	if len(history) == 0 && known {
		return nil, 0, &connector.Error{Kind: connector.Conflict, Op: p.op, Msg: "the todo's newest event is not kept any more"}
	}
	if len(history) == 0 {
		return nil, 0, notFound(p.op, "todo "+key.ID)
	}
	slices.Reverse(history)
	e := connector.NewestState(history)
	if e == nil {
		return nil, 0, &connector.Error{Kind: connector.Conflict, Op: p.op, Msg: "the todo is deleted in the CRM"}
	}
	var n int64
	err = p.tx.read(`SELECT n FROM events WHERE tenant = ? AND id = ?`, []any{e.Tenant, e.ID}, func(r row) error { n = r.num(0); return nil })
	return e, n, err
}

// tellEvent adds the connection to what became of an event that came before it was made.
func (p *pushing) tellEvent(n int64) error {
	var text string
	err := p.tx.read(`SELECT outcome FROM events WHERE n = ?`, []any{n}, func(r row) error { text = r.text(0); return nil })
	if err != nil {
		return err
	}
	var o outcomeJSON
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	o.Outcome = ""
	found := false
	for i := range o.Connections {
		if o.Connections[i].Conn == p.slot.conn {
			o.Connections[i].Outcome, found = connector.OutcomePlanned, true
		}
	}
	if !found {
		o.Connections = append(o.Connections, connectionOutcome{Conn: p.slot.conn, Outcome: connector.OutcomePlanned})
	}
	b, err := json.Marshal(&o)
	if err != nil {
		return err
	}
	return p.tx.run(`UPDATE events SET outcome = ? WHERE n = ?`, string(b), n)
}

// checkBackfill refuses to fill a connection that can take nothing.
func (d *DB) checkBackfill(op string, key connector.ConnectionKey) error {
	_, err := d.connection(op, key)
	return err
}

// oneBackfill refuses a backfill of a connection while another is under way: each would push every todo.
func (t *tx) oneBackfill(op string, key connector.ConnectionKey) error {
	var running string
	var wrong error
	err := t.read(`SELECT id, request FROM jobs WHERE kind = ? AND state IN ('collecting', 'running')`, []any{string(connector.JobBackfill)}, func(r row) error {
		var q jobRequest
		if err := json.Unmarshal(r.blob(1), &q); err != nil {
			wrong = err
		} else if q.Key == key {
			running = r.text(0)
		}
		return nil
	})
	if err = errors.Join(err, wrong); err != nil || running == "" {
		return err
	}
	return &connector.Error{
		Kind: connector.Conflict, Op: op, Msg: fmt.Sprintf("the connection %s is being backfilled by the job %s", key, running),
		Hint: "wait until it has ended, or stop it: todosync jobs stop " + running,
	}
}

// todosSince finds the next todos of a backfill, by their ids: those whose newest event came since the date that it begins with.
func (d *DB) todosSince(ctx context.Context, op string, j *connector.Job, after string) (items []item, next string, err error) {
	// Todos are found by the index of the tenant's events.
	const query = `SELECT x.todo AS todo, x.n AS n, e.received_ms AS received_ms FROM (
		SELECT todo, MAX(n) AS n FROM events WHERE tenant = ? AND todo > ? AND kind = 'todo' GROUP BY todo ORDER BY todo LIMIT ?
		) x JOIN events e ON e.n = x.n ORDER BY x.todo`
	err = d.reading(ctx, op, func(q *reader) error {
		items, next = nil, ""
		var rows []struct {
			item
			ReceivedMs int64 `db:"received_ms"`
		}
		if err := q.Select(&rows, query, j.Key.Tenant, after, jobStepItems); err != nil {
			return err
		}
		for _, r := range rows {
			if j.From.IsZero() || r.ReceivedMs >= millis(j.From) {
				items = append(items, r.item)
			}
		}
		if len(rows) == jobStepItems {
			next = rows[len(rows)-1].Todo
		}
		return nil
	})
	return items, next, err
}

// backfill pushes one todo of a job.
func (r *jobRun) backfill(conn int64, i item) (why string, err error) {
	s := r.db.registry.current.Load().byNumber[conn]
	if s == nil {
		return "its connection is deleted", nil
	}
	p := pushing{db: r.db, tx: r.tx, op: r.op, slot: s, options: connector.PushOptions{Lost: r.job.Lost}, job: r.stored.N}
	_, err = p.pending(i.Todo)
	r.changed = append(r.changed, p.changed...)
	return "", err
}

// pending is push for a todo that is not over; one that is stays as it is.
func (p *pushing) pending(todo string) ([]*connector.Delivery, error) {
	finished := false
	err := p.tx.read(`SELECT finished FROM todos WHERE conn = ? AND kind = 'todo' AND todo = ?`, []any{p.slot.conn, todo}, func(r row) error {
		finished = r.flag(0)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if finished {
		return nil, &connector.Error{Kind: connector.Conflict, Op: p.op, Msg: "the todo is over"}
	}
	return p.push(todo)
}
