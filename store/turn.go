package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"todosync/connector"
	"todosync/retry"
)

// Turn implements connector.Ledger.
func (d *DB) Turn(ctx context.Context, turn connector.Turn) (connector.Turned, error) {
	var out connector.Turned
	o := &operation{
		reach: func() reach { return reach{conns: []int64{turn.Conn}} },
		conn:  turn.Conn, calm: len(turn.Changes) > 0, turn: make(chan bool, 1),
	}
	o.do = func(t *tx) error {
		m := turning{db: d, tx: t, turn: turn, now: millis(turn.Now)}
		if err := m.run(); err != nil {
			return err
		}
		t.done(func() {
			out = m.out
			m.committed()
		})
		t.doubted(m.doubted)
		return nil
	}
	err := d.writer.run(ctx, "settle and claim", o)
	return out, err
}

// committed brings what is in memory up to date.
func (m *turning) committed() {
	for _, n := range m.landed {
		m.db.hot.land(n)
	}
	for _, f := range m.flown {
		m.db.hot.take(f.n, f.flight)
	}
	delete(m.db.hot.orphans, m.turn.Conn)
	m.db.writer.expected = len(m.db.hot.flying)
	m.db.feed.publish(m.changed)
}

// doubted keeps what must be asked of the database, since nobody knows whether the turn took place.
func (m *turning) doubted() {
	for _, n := range m.landed {
		if f, ok := m.db.hot.flights[n]; ok {
			f.unsure = true
			m.db.hot.flights[n] = f
		}
	}
	for _, f := range m.flown {
		m.db.hot.orphans[m.turn.Conn] = append(m.db.hot.orphans[m.turn.Conn], f.n)
		if old, ok := m.db.hot.flights[f.n]; ok && slices.Contains(m.landed, f.n) {
			old.renewed = true
			m.db.hot.flights[f.n] = old
		}
	}
}

// unclaim takes a claim back that nobody knows of. Where the same turn was to settle the delivery and claim it again, and did neither, the
// claim is still the one before, whose outcome is about to be stored.
func (m *turning) unclaim(n int64) error {
	if f := m.db.hot.flights[n]; f.renewed {
		stored := false
		const query = `SELECT 1 FROM deliveries WHERE n = ? AND attempts > ?`
		err := m.tx.read(query, []any{n, f.attempts}, func(row) error { stored = true; return nil })
		if err != nil || !stored {
			return err // an outcome without an attempt may be stored twice
		}
	}
	return m.tx.run(`DELETE FROM sending WHERE n = ?`, n)
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
	skips   bool    // it was asked what else is skipped, which counts
	landed  []int64 // settled: no longer on their way after the commit
	flown   []flown // claimed: on their way after the commit

	released []releasedLane
	failed   []failure
	unbound  []unboundDelivery
	movable  []movable
}

type flown struct {
	n      int64
	flight flight
}

func (m *turning) run() error {
	if err := m.db.fenced(m.tx, "settle and claim", m.turn.Conn, m.turn.Fence); err != nil {
		return err
	}
	if err := m.tx.seal(); err != nil {
		return err
	}
	for _, n := range m.db.hot.orphans[m.turn.Conn] {
		if err := m.unclaim(n); err != nil {
			return err
		}
	}
	for i := range m.turn.Changes {
		if err := m.settle(&m.turn.Changes[i]); err != nil {
			return fmt.Errorf("settle delivery %d: %w", m.turn.Changes[i].N, err)
		}
	}
	if err := m.moveOn(); err != nil {
		return fmt.Errorf("plan anew whose bindings have changed: %w", err)
	}
	if err := m.release(); err != nil {
		return fmt.Errorf("let lanes go on: %w", err)
	}
	if err := m.mend(); err != nil {
		return fmt.Errorf("bring due times forward: %w", err)
	}
	if err := m.giveUp(); err != nil {
		return fmt.Errorf("give deliveries up: %w", err)
	}
	if m.skips {
		if err := m.tx.flush(); err != nil {
			return err
		}
	}
	if err := m.tally.store(m.tx, m.turn.Conn, m.now); err != nil {
		return err
	}
	if err := m.db.noteDeliveries(m.tx, m.turn.Conn, m.now, m.failed, m.unbound); err != nil {
		return fmt.Errorf("note failures: %w", err)
	}
	if m.turn.Want > 0 {
		if err := m.claim(); err != nil {
			return fmt.Errorf("claim deliveries: %w", err)
		}
	}
	const next = `SELECT due_ms FROM deliveries d WHERE conn = +? AND due_ms >= 0 AND NOT ` + sends + ` ORDER BY due_ms LIMIT 1`
	if err := m.tx.seal(); err != nil {
		return err
	}
	return m.tx.ask(next, []any{m.turn.Conn}, func(r row) error {
		m.out.Next = dueTime(r.num(0))
		return nil
	})
}

// settle stores the outcome of one claimed delivery, and lets the next of its lane go when it was the last of its own.
func (m *turning) settle(c *connector.Change) error {
	to, due := c.To, c.Due
	if !to.Final() && m.db.registry.current.Load().byNumber[m.turn.Conn] == nil {
		to = connector.Canceled // its connection was deleted while it was on its way
	}
	switch to {
	case connector.Pending, connector.Retrying:
		if due.IsZero() {
			due = m.turn.Now // it heads its lane: without a time it would wait for ever
		}
	case connector.Sending, connector.Held, connector.Succeeded, connector.Failed, connector.Skipped, connector.Superseded,
		connector.Canceled:
		due = time.Time{}
	}
	f, applied, err := m.flight(c.N)
	if err != nil {
		return err
	}
	if !applied {
		m.out.Lost = append(m.out.Lost, c.N)
		m.landed = append(m.landed, c.N)
		return nil
	}
	if err := m.tx.spread(deleteSending, c.N); err != nil {
		return err
	}
	m.landed = append(m.landed, c.N)
	class, message := c.Class, c.Message
	if to == connector.Held && class == connector.ReasonUnbound {
		// The binding may have come after the claim: then nobody would release what is held from now on.
		users, err := m.unboundOf(c.N)
		if err != nil {
			return err
		}
		if len(users) == 0 {
			to, due, class, message = connector.Pending, m.turn.Now, retry.OK, ""
		} else {
			m.unbound = append(m.unbound, unboundDelivery{n: c.N, scene: f.scene, message: message, users: users})
		}
	}
	const query = `UPDATE deliveries SET state = ?, class = ?, code = ?, message = ?, due_ms = ?, tries = ?,
		first_try_ms = COALESCE(?, first_try_ms), account = ?, remote_id = ?, revision = ?, sent_twice = ?, unanswered = ?,
		attempts = ?, updated_ms = ? WHERE n = ?`
	err = m.tx.spread(query, string(to), string(class), c.Code, message, dueOf(to, due), c.Tries, millisOrNull(c.FirstTry),
		c.Account, c.RemoteID, c.Revision, c.SentTwice, c.Unanswered, f.attempts+int64(len(c.Attempts)), m.now, c.N)
	if err != nil {
		return err
	}
	m.changed = append(m.changed, c.N)
	for i := range c.Attempts {
		if err := m.tx.insertAttempt(c.N, f.attempts+1+int64(i), &c.Attempts[i]); err != nil {
			return err
		}
	}
	if c.Lane != nil {
		l := *c.Lane
		l.Receiver = f.lane
		if err := m.tx.learnLane(f.key, &l); err != nil {
			return err
		}
	}
	if to == connector.Failed {
		m.failed = append(m.failed, failure{subject: c.N, scene: f.scene, class: class, code: c.Code, message: message, tries: c.Tries})
	}
	if len(c.Splits) > 0 {
		if err := m.split(c, &f); err != nil {
			return fmt.Errorf("part its receivers: %w", err)
		}
	}
	if err := m.boundMeanwhile(c, &f); err != nil {
		return err
	}
	for i := range c.Attempts {
		if a := &c.Attempts[i]; a.Class != retry.OK {
			m.tally.why(causeTry, string(a.Class), a.Code)
		}
	}
	if to == connector.Failed {
		m.tally.failed(string(class), c.Code, m.now-f.created)
	} else if to.Final() {
		m.tally.add(string(to), m.now-f.created)
	}
	if to.Final() {
		if f.resent {
			if err := m.tx.spread(`DELETE FROM resent WHERE n = ?`, c.N); err != nil {
				return err
			}
		}
	}
	if !f.alone && (to.Final() || c.SkipFollows != "") {
		m.released = append(m.released, releasedLane{c.N, f, c.SkipFollows, to.Final()})
	}
	return nil
}

// A releasedLane is a lane in which a delivery has just been settled while others may wait.
type releasedLane struct {
	n      int64
	flight flight
	skip   retry.Class // not empty: the next step of the same event ends with this reason
	final  bool        // the next may go
}

// release lets lanes go on after all outcomes are stored.
func (m *turning) release() error {
	if err := m.tx.seal(); err != nil {
		return err
	}
	for i := range m.released {
		l := &m.released[i]
		if l.skip == "" {
			continue
		}
		if err := m.skipFollowing(l.n, &l.flight, l.skip); err != nil {
			return err
		}
	}
	if err := m.tx.seal(); err != nil {
		return err
	}
	for i := range m.released {
		l := &m.released[i]
		if !l.final {
			continue
		}
		if err := m.tx.headLane(l.flight.key, l.flight.lane, m.now); err != nil {
			return err
		}
	}
	return m.tx.seal()
}

const deleteSending = `DELETE FROM sending WHERE n = ?`

// unboundOf gives the receivers of a delivery that have no account now.
func (m *turning) unboundOf(n int64) (users []string, err error) {
	var receivers string
	err = m.tx.read(`SELECT receivers FROM deliveries WHERE n = ?`, []any{n}, func(r row) error { receivers = r.text(0); return nil })
	if err != nil {
		return nil, err
	}
	who, err := recipientsOf(receivers)
	if err != nil {
		return nil, err
	}
	for _, p := range who {
		_, ok, err := m.db.binding(m.tx, m.turn.Conn, p.ID)
		if err != nil {
			return nil, err
		}
		if !ok {
			users = append(users, p.ID)
		}
	}
	return users, nil
}

// flight gives what is known of a claimed delivery, and whether it is still on its way.
func (m *turning) flight(n int64) (f flight, ok bool, err error) {
	if f, ok = m.db.hot.flights[n]; ok && !f.unsure {
		return f, f.key.Conn == m.turn.Conn, nil
	}
	f = flight{}
	ok = false
	const find = `SELECT d.kind, d.todo, d.lane, d.event_n, d.step, d.attempts, d.created_ms, d.scene FROM sending s
		CROSS JOIN deliveries d ON d.n = s.n WHERE s.n = +? AND d.conn = +?`
	err = m.tx.read(find, []any{n, m.turn.Conn}, func(r row) error {
		ok = true
		f = flight{
			key:  connector.TodoKey{Conn: m.turn.Conn, Kind: connector.Kind(r.text(0)), ID: r.text(1)},
			lane: r.text(2), event: r.num(3), step: r.num(4), attempts: r.num(5), created: r.num(6), scene: connector.Scene(r.text(7)),
		}
		return nil
	})
	return f, ok, err
}

// skipFollowing ends the next step of the same event in the lane. Where an event's receivers go in parts, each part has steps of its own,
// and they follow each other.
func (m *turning) skipFollowing(n int64, f *flight, why retry.Class) error {
	const which = `conn = +? AND todo = +? AND kind = +? AND lane = +? AND ` + waits + ` AND event_n = +? AND step = +? AND n > +?
		AND NOT EXISTS (SELECT 1 FROM sending s WHERE s.n = d.n)`
	args := []any{f.key.Conn, f.key.ID, string(f.key.Kind), f.lane, f.event, f.step + 1, n}
	if m.db.postgres() {
		// In one way to the database for all that a turn skips. Nothing that waits is in memory.
		const skip = `UPDATE deliveries SET state = 'skipped', class = ?, message = '', due_ms = NULL, updated_ms = ?
			WHERE n = (SELECT MIN(n) FROM deliveries d WHERE ` + which + `) RETURNING n`
		m.tx.wrote, m.skips = true, true
		return m.tx.ask(skip, append([]any{string(why), m.now}, args...), func(r row) error {
			m.changed = append(m.changed, r.num(0))
			m.tally.of(string(connector.Skipped)).count++
			return nil
		})
	}
	var next int64
	err := m.tx.read(`SELECT COALESCE(MIN(n), 0) FROM deliveries d WHERE `+which, args, func(r row) error {
		next = r.num(0)
		return nil
	})
	if err != nil || next == 0 {
		return err
	}
	m.db.hot.forget(next)
	m.changed = append(m.changed, next)
	m.tally.of(string(connector.Skipped)).count++
	const query = `UPDATE deliveries SET state = 'skipped', class = ?, message = '', due_ms = NULL, updated_ms = ? WHERE n = ?`
	return m.tx.run(query, string(why), m.now, next)
}

// claim takes deliveries that are due and makes them Sending. A probe takes one whenever it is due: what was tried last has the latest
// due time, so the order of due times is also that of "least recently tried first".
func (m *turning) claim() error {
	// A worker may not have heard yet what another process has committed.
	if s := m.db.registry.current.Load().byNumber[m.turn.Conn]; s != nil {
		if c := s.state.Load().condition; c.Paused || c.Disabled {
			return nil
		}
	}
	want, until := m.turn.Want, m.now
	if m.turn.Probe {
		want, until = 1, dueLater-1
	}
	var numbers []int64
	const query = `SELECT n FROM deliveries d WHERE conn = +? AND due_ms BETWEEN 0 AND +? AND NOT ` + sends + ` ORDER BY due_ms, n LIMIT +?`
	err := m.tx.ask(query, []any{m.turn.Conn, until, want}, func(r row) error {
		numbers = append(numbers, r.num(0))
		return nil
	})
	if err == nil {
		err = m.tx.flush()
	}
	if err != nil || len(numbers) == 0 {
		return err
	}
	m.out.Work = make([]connector.Work, len(numbers))
	if m.db.postgres() {
		return m.claimTogether(numbers)
	}
	for i, n := range numbers {
		if err := m.claimOne(n, &m.out.Work[i]); err != nil {
			return err
		}
	}
	return nil
}

// claimOne makes one delivery Sending and gathers what sending it needs.
func (m *turning) claimOne(n int64, w *connector.Work) error {
	var sender string
	alone, resent := false, false
	if h := m.db.hot.deliveries[n]; h != nil {
		e := m.db.hot.events[h.delivery.EventN]
		w.Delivery, w.Event, sender, alone = *h.delivery, e.event, e.sender, h.alone
		w.LaneNow = h.lane
	} else {
		if err := m.read(n, w, &sender); err != nil {
			return err
		}
		var err error
		if resent, err = m.resent(n, w); err != nil {
			return err
		}
	}
	f := flight{
		key:  connector.TodoKey{Conn: w.Conn, Kind: w.Kind, ID: w.Todo},
		lane: w.Lane, scene: w.Scene, event: w.EventN, step: int64(w.Step), attempts: int64(w.Attempts), created: millis(w.Created), alone: alone, resent: resent,
	}
	m.changed = append(m.changed, n)
	w.State, w.Due, w.Updated = connector.Sending, time.Time{}, instant(m.now)
	if err := m.around(w, sender, alone); err != nil {
		return err
	}
	f.rebinds, f.bindings = m.db.hot.rebinds, w.Bindings
	m.flown = append(m.flown, flown{n, f})
	return m.tx.run(insertSending, n, m.turn.Conn, m.now, w.Bound())
}

// insertSending has the accounts that a create goes to, for Recover: nothing else says where it went when nobody comes back with its outcome.
const insertSending = `INSERT INTO sending (n, conn, since_ms, account) VALUES (?, ?, ?, ?)`

// resent reports whether a delivery goes by a person's will, and gives it the request that he wants.
func (m *turning) resent(n int64, w *connector.Work) (resent bool, err error) {
	asBefore := false
	err = m.tx.read(`SELECT as_before FROM resent WHERE n = ?`, []any{n}, func(r row) error {
		resent, asBefore = true, r.flag(0)
		return nil
	})
	if err == nil && asBefore {
		w.Before, err = m.tx.sentBefore(n)
	}
	return resent, err
}

// around gives a delivery what is known around it: its lane, unless it has it, its connection's name and the bindings of its people.
func (m *turning) around(w *connector.Work, sender string, alone bool) error {
	if !alone {
		w.LaneNow = connector.Lane{Receiver: w.Lane}
		err := m.tx.read(selectLane, []any{w.Conn, string(w.Kind), w.Todo, w.Lane}, func(r row) (err error) {
			w.LaneNow, err = laneOf(r)
			return err
		})
		if err != nil {
			return err
		}
	}
	if s := m.db.registry.current.Load().byNumber[m.turn.Conn]; s != nil {
		w.Key = s.key
	}
	return m.bind(w, sender)
}

// selectLane gives one lane.
const selectLane = `SELECT ` + laneColumns + ` FROM lanes l WHERE conn = ? AND kind = ? AND todo = ? AND receiver = ?`

// read reads a delivery with its event.
func (m *turning) read(n int64, w *connector.Work, sender *string) error {
	if err := m.ask(n, w, sender); err != nil {
		return err
	}
	return m.tx.flush()
}

// ask is read without the answer at once.
func (m *turning) ask(n int64, w *connector.Work, sender *string) error {
	const query = `SELECT ` + deliveryColumns + `, e.stream_seq, e.tenant, e.action, e.event_ms, e.received_ms, e.trace, e.sender, e.payload
		FROM deliveries d JOIN events e ON e.n = d.event_n WHERE d.n = +?`
	return m.tx.ask(query, []any{n}, func(r row) error {
		d, err := deliveryOf(r)
		if err != nil {
			return err
		}
		e := r[deliveryWidth:]
		w.Delivery = *d
		w.Event = connector.StoredEvent{
			N: d.EventN, Sequence: uint64(e.num(0)), Tenant: e.text(1), Kind: d.Kind, //nolint:gosec // stored from a uint64
			Action: connector.Action(e.text(2)), ID: d.EventID, Time: e.time(3), Received: e.time(4), Trace: e.text(5), Payload: e.blob(7),
		}
		*sender = e.text(6)
		return nil
	})
}

// bind gives a claimed delivery the bindings of its receivers and of the event's sender.
func (m *turning) bind(w *connector.Work, sender string) error {
	w.Bindings = make(map[string]connector.Binding, len(w.Recipients)+1)
	for _, p := range w.Recipients {
		if err := m.bindOne(w, p.ID); err != nil {
			return err
		}
	}
	if sender == "" {
		return nil
	}
	return m.bindOne(w, sender)
}

func (m *turning) bindOne(w *connector.Work, user string) error {
	b, ok, err := m.db.binding(m.tx, m.turn.Conn, user)
	if ok {
		b.Connection = w.Key.Name
		w.Bindings[user] = b
	}
	return err
}

// attemptKey is the number of a delivery and the place of one of its attempts as one key.
func attemptKey(delivery, place int64) int64 { return delivery<<attemptBits | place }

func (t *tx) insertAttempt(delivery, number int64, a *connector.Attempt) error {
	const most = 1<<attemptBits - 1
	place := (number-1)%most + 1
	if number > most {
		if err := t.run(`DELETE FROM attempts WHERE at = ?`, attemptKey(delivery, place)); err != nil {
			return err
		}
	}
	const query = `INSERT INTO attempts (at, number, started_ms, duration_ms, method, address, request_headers, request_body, status,
		response_headers, response_body, class, code, message, revision, worker, scene) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	return t.spread(query, attemptKey(delivery, place), number, millis(a.Started), a.Duration.Milliseconds(), a.Request.Method,
		a.Request.Address, headersJSON(a.Request.Headers), a.Request.Body, a.Response.Status, headersJSON(a.Response.Headers), a.Response.Body, string(a.Class), a.Code,
		a.Message, a.Revision, a.Worker, string(a.Scene))
}
