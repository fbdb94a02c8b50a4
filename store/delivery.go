package store

import (
	"encoding/json"
	"fmt"
	"time"

	"todosync/connector"
	"todosync/retry"
)

// deliveryColumns are what deliveryOf reads; the table is d.
const deliveryColumns = `d.n, d.id, d.conn, d.kind, d.todo, d.lane, d.scene, d.step, d.event_n, d.event_id, d.title, d.receivers,
	d.account, d.external, d.state, d.class, d.code, d.message, d.tries, d.attempts, d.first_try_ms, d.due_ms, d.created_ms,
	d.updated_ms, d.revision, d.sent_twice, d.unanswered, d.superseded_by, d.split_from, d.remote_id`

// deliveryWidth is the number of deliveryColumns.
const deliveryWidth = 30

// The number of a delivery is that of its connection and its place within the connection.
const (
	placeBits   = 36 // 68,719,476,735 deliveries of one connection
	attemptBits = 10 // 1,023 attempts of one delivery
	connBits    = 63 - placeBits - attemptBits
	connMost    = 1<<connBits - 1 // 131,071 connections, deleted ones among them
)

// span gives the numbers that deliveries of a connection may have: from low on and below high.
func span(conn int64) (low, high int64) { return conn << placeBits, (conn + 1) << placeBits }

// dueLater is the due time of what is held, or waits until others of its lane have gone.
const dueLater = 9_000_000_000_000_000

// Conditions on deliveries, d where they are joined with others.
const (
	waits     = `due_ms IS NOT NULL`                               // what the indexes deliveries_due and deliveries_waiting hold
	claimable = `due_ms BETWEEN 0 AND 8999999999999999`            // it heads its lane
	ended     = `state <> 'pending' AND state <> 'succeeded'`      // what the indexes by state hold, but for what is held or to be retried
	sends     = `EXISTS (SELECT 1 FROM sending s WHERE s.n = d.n)` // it is on its way
)

// dueOf is the stored due time of a delivery in a state.
func dueOf(s connector.State, due time.Time) any {
	switch {
	case s.Final():
		return nil
	case s == connector.Held || due.IsZero():
		return int64(dueLater)
	}
	return millis(due)
}

// dueTime is the time in a stored due time, zero where it holds none.
func dueTime(ms int64) time.Time {
	if ms >= dueLater {
		return time.Time{}
	}
	return instant(ms)
}

// deliveryOf reads a row that begins with deliveryColumns. The delivery's Key is left empty.
func deliveryOf(r row) (*connector.Delivery, error) {
	d := &connector.Delivery{
		N: r.num(0), ID: r.text(1), Conn: r.num(2), Kind: connector.Kind(r.text(3)), Todo: r.text(4), Lane: r.text(5),
		Scene: connector.Scene(r.text(6)), Step: int(r.num(7)), EventN: r.num(8), EventID: r.text(9), Title: r.text(10),
		Account: r.text(12), External: int(r.num(13)), State: connector.State(r.text(14)), Class: retry.Class(r.text(15)),
		Code: r.text(16), Message: r.text(17), Tries: int(r.num(18)), Attempts: int(r.num(19)), FirstTry: r.time(20),
		Created: r.time(22), Updated: r.time(23), Revision: r.num(24), SentTwice: r.flag(25),
		Unanswered: r.flag(26), SupersededBy: r.text(27), SplitFrom: r.text(28), RemoteID: r.text(29),
	}
	if !r.null(21) {
		d.Due = dueTime(r.num(21))
	}
	var err error
	if d.Recipients, err = recipientsOf(r.text(11)); err != nil {
		return nil, fmt.Errorf("read receivers of delivery %s: %w", d.ID, err)
	}
	return d, nil
}

// recipientsOf reads stored receivers.
func recipientsOf(s string) ([]connector.Recipient, error) {
	if s == "" || s == "[]" {
		return nil, nil
	}
	var out []connector.Recipient
	err := json.Unmarshal([]byte(s), &out)
	return out, err
}

// insertDelivery stores a planned delivery under its number.
func (t *tx) insertDelivery(d *connector.Delivery) error {
	receiver := ""
	if len(d.Recipients) == 1 {
		receiver = d.Recipients[0].ID
	}
	const query = `INSERT INTO deliveries (n, id, conn, kind, todo, lane, scene, step, event_n, event_id, title, receiver,
		receivers, account, external, state, class, code, message, tries, attempts, first_try_ms, due_ms, created_ms, updated_ms,
		revision, sent_twice, unanswered, superseded_by, split_from, remote_id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	err := t.spread(query, d.N, d.ID, d.Conn, string(d.Kind), d.Todo, d.Lane, string(d.Scene), d.Step, d.EventN, d.EventID, d.Title,
		receiver, recipientsJSON(d.Recipients), d.Account, d.External, string(d.State), string(d.Class), d.Code, d.Message, d.Tries, d.Attempts,
		millisOrNull(d.FirstTry), dueOf(d.State, d.Due), millis(d.Created), millis(d.Updated), d.Revision, d.SentTwice,
		d.Unanswered, d.SupersededBy, d.SplitFrom, d.RemoteID)
	t.countCome(d.Conn, string(d.State))
	if err != nil || len(d.Recipients) < 2 {
		return err
	}
	for _, r := range d.Recipients {
		const query = `INSERT INTO delivery_receivers (receiver, delivery_n) VALUES (?, ?) ON CONFLICT DO NOTHING`
		if err := t.spread(query, r.ID, d.N); err != nil {
			return err
		}
	}
	return nil
}

// laneColumns are what laneOf reads; the table is l.
const laneColumns = `l.receiver, l.ended, l.external, l.account, l.presence, l.has, l.was_sent, l.remote_id, l.frozen, l.told_ms, l.people`

// laneOf reads a row that begins with laneColumns.
func laneOf(r row) (connector.Lane, error) {
	l := connector.Lane{
		Receiver: r.text(0), Ended: connector.Scene(r.text(1)), External: int(r.num(2)), Account: r.text(3),
		Presence: connector.Presence(r.text(4)), Has: int(r.num(5)), Left: r.flag(6), RemoteID: r.text(7),
	}
	if ms := r.num(9); ms > 0 {
		l.Told = instant(ms)
	}
	if frozen := r.text(8); frozen != "" {
		if err := json.Unmarshal([]byte(frozen), &l.Frozen); err != nil {
			return l, fmt.Errorf("read frozen values: %w", err)
		}
	}
	if people := r.text(10); people != "" {
		if err := json.Unmarshal([]byte(people), &l.People); err != nil {
			return l, fmt.Errorf("read who has the todo: %w", err)
		}
	}
	return l, nil
}

// planLane stores the half of a lane that planning decides.
func (t *tx) planLane(key connector.TodoKey, l *connector.Lane) error {
	const query = `INSERT INTO lanes (conn, kind, todo, receiver, ended, external) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (conn, kind, todo, receiver) DO UPDATE SET ended = excluded.ended, external = excluded.external`
	return t.spread(query, key.Conn, string(key.Kind), key.ID, l.Receiver, string(l.Ended), l.External)
}

// learnLane stores the half of a lane that the OA's answers decide. Planning may have moved the other half on meanwhile.
func (t *tx) learnLane(key connector.TodoKey, l *connector.Lane) error {
	frozen := ""
	if len(l.Frozen) > 0 {
		b, err := json.Marshal(l.Frozen)
		if err != nil {
			return err
		}
		frozen = string(b)
	}
	people := ""
	if len(l.People) > 0 || l.People != nil && l.Presence != connector.Absent {
		b, err := json.Marshal(l.People)
		if err != nil {
			return err
		}
		people = string(b)
	}
	const query = `UPDATE lanes SET account = ?, presence = ?, has = ?, was_sent = ?, remote_id = ?, frozen = ?, told_ms = ?, people = ?
		WHERE conn = ? AND kind = ? AND todo = ? AND receiver = ?`
	told := int64(0)
	if !l.Told.IsZero() {
		told = millis(l.Told)
	}
	return t.spread(query, l.Account, string(l.Presence), l.Has, l.Left, l.RemoteID, frozen, told, people,
		key.Conn, string(key.Kind), key.ID, l.Receiver)
}

// headLane makes the first waiting delivery of a lane claimable, if it is one that only waited for its turn.
func (t *tx) headLane(key connector.TodoKey, lane string, now int64) error {
	const query = `UPDATE deliveries SET due_ms = ? WHERE due_ms = 9000000000000000 AND state <> 'held' AND n = (
		SELECT MIN(n) FROM deliveries WHERE conn = +? AND todo = +? AND kind = +? AND lane = +? AND ` + waits + `)`
	return t.spread(query, now, key.Conn, key.ID, string(key.Kind), lane)
}

// nextNumber is the number of a connection's next delivery.
func (t *tx) nextNumber(conn int64) (int64, error) {
	next := map[int64]int64{conn: 0}
	err := t.nextNumbers(next)
	return next[conn], err
}

// nextNumbers gives the numbers of the next deliveries of the connections in it.
func (t *tx) nextNumbers(next map[int64]int64) error {
	for conn := range next {
		low, high := span(conn)
		next[conn] = low
		err := t.ask(`SELECT n + 1 FROM deliveries WHERE n >= +? AND n < +? ORDER BY n DESC LIMIT 1`, []any{low, high}, func(r row) error {
			next[conn] = r.num(0)
			return nil
		})
		if err != nil {
			return err
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	for conn, n := range next {
		if _, high := span(conn); n >= high {
			return &connector.Error{
				Kind: connector.Unavailable, Op: "number deliveries", Msg: "the connection has had as many deliveries as it can number",
				Hint: "make another connection in its place",
			}
		}
	}
	return nil
}
