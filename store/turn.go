package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"todosync/connector"
	"todosync/retry"
)

// Turn implements connector.Ledger.
func (d *DB) Turn(ctx context.Context, turn connector.Turn) (connector.Turned, error) {
	var out connector.Turned
	err := d.writer.write(ctx, "settle and claim", func(t *tx) error {
		m := turning{db: d, tx: t, turn: turn, now: millis(turn.Now)}
		if err := m.run(); err != nil {
			return err
		}
		out = m.out
		t.done(func() { d.feed.publish(m.changed) })
		return nil
	})
	return out, err
}

// A turning is one turn under way.
type turning struct {
	db      *DB
	tx      *tx
	turn    connector.Turn
	now     int64
	out     connector.Turned
	changed []int64
	tally   tally
}

func (m *turning) run() error {
	for i := range m.turn.Changes {
		if err := m.settle(&m.turn.Changes[i]); err != nil {
			return fmt.Errorf("settle delivery %d: %w", m.turn.Changes[i].N, err)
		}
	}
	if err := m.tally.store(m.tx, m.turn.Conn, m.now); err != nil {
		return err
	}
	if m.turn.Want > 0 {
		if err := m.claim(); err != nil {
			return fmt.Errorf("claim deliveries: %w", err)
		}
	}
	const next = `SELECT MIN(due_ms) FROM deliveries WHERE conn = +? AND due_ms IS NOT NULL`
	return m.tx.read(next, []any{m.turn.Conn}, func(r row) error {
		m.out.Next = r.time(0)
		return nil
	})
}

// settle stores the outcome of one claimed delivery, and lets the next of its lane go when it was the last of its own.
func (m *turning) settle(c *connector.Change) error {
	due := c.Due
	switch c.To {
	case connector.Pending, connector.Retrying:
		if due.IsZero() {
			due = m.turn.Now // it heads its lane: without a time it would wait for ever
		}
	case connector.Sending, connector.Held, connector.Succeeded, connector.Failed, connector.Skipped, connector.Superseded,
		connector.Canceled:
		due = time.Time{}
	}
	var key connector.TodoKey
	var lane string
	var event, step, attempts, created int64
	applied := false
	// Two searches of the row are cheaper than RETURNING, for which SQLite makes a table.
	const find = `SELECT kind, todo, lane, event_n, step, attempts, created_ms FROM deliveries WHERE n = ? AND conn = ? AND state = 'sending'`
	err := m.tx.read(find, []any{c.N, m.turn.Conn}, func(r row) error {
		applied = true
		key = connector.TodoKey{Conn: m.turn.Conn, Kind: connector.Kind(r.text(0)), ID: r.text(1)}
		lane, event, step, attempts, created = r.text(2), r.num(3), r.num(4), r.num(5), r.num(6)
		return nil
	})
	if err != nil {
		return err
	}
	if !applied {
		m.out.Lost = append(m.out.Lost, c.N)
		return nil
	}
	const query = `UPDATE deliveries SET state = ?, class = ?, code = ?, message = ?, due_ms = ?, tries = ?,
		first_try_ms = COALESCE(?, first_try_ms), account = ?, remote_id = ?, revision = ?, sent_twice = ?, unanswered = ?,
		attempts = ?, updated_ms = ? WHERE n = ?`
	err = m.tx.run(query, string(c.To), string(c.Class), c.Code, c.Message, millisOrNull(due), c.Tries, millisOrNull(c.FirstTry),
		c.Account, c.RemoteID, c.Revision, c.SentTwice, c.Unanswered, attempts+int64(len(c.Attempts)), m.now, c.N)
	if err != nil {
		return err
	}
	m.changed = append(m.changed, c.N)
	for i := range c.Attempts {
		if err := m.tx.insertAttempt(c.N, attempts+1+int64(i), &c.Attempts[i]); err != nil {
			return err
		}
	}
	if c.Lane != nil {
		l := *c.Lane
		l.Receiver = lane
		if err := m.tx.learnLane(key, &l); err != nil {
			return err
		}
	}
	if c.SkipFollows != "" {
		if err := m.skipFollowing(key, lane, event, step, c.SkipFollows); err != nil {
			return err
		}
	}
	if !c.To.Final() {
		return nil
	}
	m.tally.add(string(c.To), m.now-created)
	return m.tx.headLane(key, lane, m.now)
}

// skipFollowing ends the next step of the same event in the lane.
func (m *turning) skipFollowing(key connector.TodoKey, lane string, event, step int64, why retry.Class) error {
	const query = `UPDATE deliveries SET state = 'skipped', class = ?, message = '', due_ms = NULL, updated_ms = ?
		WHERE conn = ? AND kind = ? AND todo = ? AND lane = ? AND ` + waits + `
		AND state <> 'sending' AND event_n = ? AND step = ? RETURNING n`
	return m.tx.change(query, []any{string(why), m.now, key.Conn, string(key.Kind), key.ID, lane, event, step + 1},
		func(r row) error {
			m.changed = append(m.changed, r.num(0))
			return nil
		})
}

// claim takes deliveries that are due and makes them Sending. A probe takes one whenever it is due: what was tried last has the latest
// due time, so the order of due times is also that of "least recently tried first".
func (m *turning) claim() error {
	const query = `SELECT ` + deliveryColumns + `, ` + laneColumns + `, e.stream_seq, e.tenant, e.action, e.event_ms,
		e.received_ms, e.trace, e.sender, e.payload
		FROM deliveries d JOIN events e ON e.n = d.event_n
		LEFT JOIN lanes l ON l.conn = d.conn AND l.kind = d.kind AND l.todo = d.todo AND l.receiver = d.lane
		WHERE d.conn = +? AND d.due_ms <= +? ORDER BY d.due_ms, d.n LIMIT +?`
	want, until := m.turn.Want, m.now
	if m.turn.Probe {
		want, until = 1, endOfTime
	}
	var senders []string
	err := m.tx.read(query, []any{m.turn.Conn, until, want}, func(r row) error {
		w, sender, err := workOf(r)
		if err != nil {
			return err
		}
		m.out.Work = append(m.out.Work, w)
		senders = append(senders, sender)
		return nil
	})
	if err != nil || len(m.out.Work) == 0 {
		return err
	}
	for i := range m.out.Work {
		w := &m.out.Work[i]
		const query = `UPDATE deliveries SET state = 'sending', due_ms = NULL, updated_ms = ? WHERE n = ?`
		if err := m.tx.run(query, m.now, w.N); err != nil {
			return err
		}
		w.State, w.Due, w.Updated = connector.Sending, time.Time{}, instant(m.now)
		m.changed = append(m.changed, w.N)
	}
	return m.bind(senders)
}

// endOfTime is later than anything that is due.
const endOfTime = 1<<62 - 1

// workOf reads a row of claim, all but the bindings, and the event's sender.
func workOf(r row) (connector.Work, string, error) {
	d, err := deliveryOf(r)
	if err != nil {
		return connector.Work{}, "", err
	}
	w := connector.Work{Delivery: *d, LaneNow: connector.Lane{Receiver: d.Lane}, Bindings: map[string]connector.Binding{}}
	if l := r[deliveryWidth:]; !l.null(0) {
		if w.LaneNow, err = laneOf(l); err != nil {
			return w, "", err
		}
	}
	e := r[deliveryWidth+9:]
	w.Event = connector.StoredEvent{
		N: d.EventN, Sequence: uint64(e.num(0)), Tenant: e.text(1), Kind: d.Kind, //nolint:gosec // stored from a uint64
		Action: connector.Action(e.text(2)), ID: d.EventID, Time: e.time(3), Received: e.time(4), Trace: e.text(5), Payload: e.blob(7),
	}
	return w, e.text(6), nil
}

// bind gives the claimed deliveries the bindings of their receivers and senders, and their connection's name.
func (m *turning) bind(senders []string) error {
	var key connector.ConnectionKey
	if s := m.db.registry.current.Load().byNumber[m.turn.Conn]; s != nil {
		key = s.key
	}
	for i := range m.out.Work {
		w := &m.out.Work[i]
		w.Key = key
		for _, p := range w.Recipients {
			if err := m.bindOne(w, p.ID); err != nil {
				return err
			}
		}
		if senders[i] != "" {
			if err := m.bindOne(w, senders[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *turning) bindOne(w *connector.Work, user string) error {
	b, ok, err := m.tx.binding(m.turn.Conn, user)
	if ok {
		b.Connection = w.Key.Name
		w.Bindings[user] = b
	}
	return err
}

// attemptKey is the number of a delivery and of one of its attempts as one key.
func attemptKey(delivery, number int64) int64 { return delivery<<attemptBits | number }

// attemptBits bounds the attempts of one delivery: 1,048,575, two years of a probe a minute.
const attemptBits = 20

func (t *tx) insertAttempt(delivery, number int64, a *connector.Attempt) error {
	if number >= 1<<attemptBits {
		return nil // its outcome stands with the delivery
	}
	request, err := headers(a.Request.Headers)
	if err != nil {
		return err
	}
	response, err := headers(a.Response.Headers)
	if err != nil {
		return err
	}
	const query = `INSERT INTO attempts (at, started_ms, duration_ms, method, address, request_headers, request_body, status,
		response_headers, response_body, class, code, message, revision, worker) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	return t.run(query, attemptKey(delivery, number), millis(a.Started), a.Duration.Milliseconds(), a.Request.Method,
		a.Request.Address, request, a.Request.Body, a.Response.Status, response, a.Response.Body, string(a.Class), a.Code,
		a.Message, a.Revision, a.Worker)
}

func headers(h []retry.Header) (string, error) {
	if len(h) == 0 {
		return "[]", nil
	}
	b, err := json.Marshal(h)
	return string(b), err
}
