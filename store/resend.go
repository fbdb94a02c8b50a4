package store

import (
	"context"
	"encoding/json"
	"strings"

	"todosync/connector"
	"todosync/retry"
)

// A handled delivery is one that a person does something to.
type handled struct {
	n      int64
	id     string
	state  connector.State
	class  string
	key    connector.TodoKey
	lane   string
	scene  connector.Scene
	step   int64
	event  int64
	tenant string
	name   string
	gone   bool // its connection is deleted
}

const selectHandled = `SELECT d.n, CASE WHEN ` + sends + ` THEN 'sending' ELSE d.state END, d.class, d.conn, d.kind, d.todo, d.lane,
	c.tenant, c.name, c.deleted_ms IS NOT NULL, d.scene, d.step, d.event_n, d.id FROM deliveries d JOIN connections c ON c.n = d.conn `

// handle finds a delivery by its id.
func (t *tx) handle(op, id string) (handled, error) {
	return t.handleOne(op, id, selectHandled+`WHERE d.id = ?`, id)
}

// handleNumber finds a delivery by its number.
func (t *tx) handleNumber(op string, n int64) (handled, error) {
	return t.handleOne(op, "", selectHandled+`WHERE d.n = ?`, n)
}

func (t *tx) handleOne(op, id, query string, arg any) (handled, error) {
	var h handled
	err := t.read(query, []any{arg}, func(r row) error {
		h = handled{
			n: r.num(0), state: connector.State(r.text(1)), class: r.text(2),
			key:  connector.TodoKey{Conn: r.num(3), Kind: connector.Kind(r.text(4)), ID: r.text(5)},
			lane: r.text(6), tenant: r.text(7), name: r.text(8), gone: r.flag(9),
			scene: connector.Scene(r.text(10)), step: r.num(11), event: r.num(12), id: r.text(13),
		}
		return nil
	})
	if err == nil && h.n == 0 {
		err = notFound(op, "record "+id)
	}
	return h, err
}

// A Resending says how a delivery goes again.
type Resending struct {
	connector.ResendOptions
	ID  string
	Who string
}

// A Resent says what a retry has made of a delivery: it waits to be sent, or is Superseded by a newer one that was sent already.
type Resent struct {
	State        connector.State
	SupersededBy string
}

// Retry lets a delivery go again, with its full number of tries: a final one, or one that waits for its next try or for a person.
// One whose lane has had a newer one sent ends Superseded by that: sending it would put the older state over the newer. Of a common lane
// it goes without those of its receivers who have had a newer one, or have left for lanes of their own.
func (d *DB) Retry(ctx context.Context, o Resending) (Resent, error) {
	const op = "retry record"
	var out Resent
	var conn int64
	err := d.writer.write(ctx, op, func(t *tx) error {
		h, err := t.handle(op, o.ID)
		if err != nil {
			return err
		}
		conn = h.key.Conn
		r := resend{db: d, tx: t, op: op, options: o.ResendOptions, now: millis(d.cfg.Now())}
		if out, err = r.one(&h); err != nil {
			return err
		}
		t.done(func() { d.feed.publish(r.changed) })
		detail := string(out.State)
		if out.SupersededBy != "" {
			detail += " by " + out.SupersededBy
		} else if o.AsBefore {
			detail += ", as rendered before"
		}
		if len(r.without) > 0 {
			detail += ", without " + strings.Join(r.without, ", ") // newer was sent to them, or goes in lanes of their own
		}
		return t.audit(r.now, o.Who, "record retried", h.tenant, o.ID, detail)
	})
	if err == nil && out.State == connector.Pending {
		d.wake(conn)
	}
	return out, err
}

// A resend makes deliveries go again within one transaction.
type resend struct {
	db      *DB
	tx      *tx
	op      string
	options connector.ResendOptions
	job     int64 // 0: a person, one by one
	now     int64
	changed []int64
	without []string // receivers who were left out
}

func (r *resend) conflict(msg, hint string) error {
	return &connector.Error{Kind: connector.Conflict, Op: r.op, Msg: msg, Hint: hint}
}

// one lets one delivery go again, unless something speaks against it.
func (r *resend) one(h *handled) (Resent, error) {
	switch {
	case h.gone:
		return Resent{}, r.conflict("its connection is deleted", "")
	case h.state == connector.Sending:
		return Resent{}, r.conflict("it is being sent at this moment", "look again in a moment")
	case h.state == connector.Held && h.class == string(connector.ReasonUnbound):
		return Resent{}, r.conflict("its receiver has no OA account", "bind him: then it goes by itself")
	case h.state == connector.Succeeded && !r.options.Confirmed:
		return Resent{}, r.conflict("it has succeeded already: the OA would get it again", "confirm that this is meant: confirmSucceeded, or --yes")
	}
	if r.options.AsBefore {
		before, err := r.tx.sentBefore(h.n)
		if err != nil {
			return Resent{}, err
		}
		if before == nil {
			return Resent{}, r.conflict("no earlier request of it is kept", "retry it with today's mapping")
		}
	}
	outdated := r.newer
	if h.lane == "" {
		outdated = r.common
	}
	newer, err := outdated(h)
	if err != nil {
		return Resent{}, err
	}
	r.db.hot.forget(h.n)
	if err := r.db.joinedLane(r.tx, h.key, h.lane); err != nil {
		return Resent{}, err
	}
	r.changed = append(r.changed, h.n)
	if newer != "" {
		const query = `UPDATE deliveries SET state = 'superseded', class = '', due_ms = NULL, superseded_by = ?, updated_ms = ? WHERE n = ?`
		if err := r.tx.run(query, newer, r.now, h.n); err != nil {
			return Resent{}, err
		}
		return Resent{State: connector.Superseded, SupersededBy: newer}, r.tx.headLane(h.key, h.lane, r.now)
	}
	if err := r.again(h.n); err != nil {
		return Resent{}, err
	}
	if err := r.withFollower(h); err != nil {
		return Resent{}, err
	}
	// It may stand before the one that was the head until now.
	const behind = `UPDATE deliveries SET due_ms = 9000000000000000 WHERE conn = ? AND todo = ? AND kind = ? AND lane = ? AND ` + waits + `
		AND due_ms >= 0 AND n > ?`
	if err := r.tx.run(behind, h.key.Conn, h.key.ID, string(h.key.Kind), h.lane, h.n); err != nil {
		return Resent{}, err
	}
	return Resent{State: connector.Pending}, r.tx.headLane(h.key, h.lane, r.now)
}

// newer is the id of a later delivery of the lane that makes this one out of date: one that was sent, or one that ended the todo without
// a request because the OA had nothing of it. To send this one then would put a todo into the inbox that is over.
func (r *resend) newer(h *handled) (id string, err error) {
	_, high := span(h.key.Conn)
	const query = `SELECT id FROM deliveries d WHERE todo = ? AND conn = ? AND kind = ? AND lane = ? AND n > ? AND n < ?
		AND (` + says + `) ORDER BY n DESC LIMIT 1`
	args := []any{h.key.ID, h.key.Conn, string(h.key.Kind), h.lane, h.n, high, h.event}
	err = r.tx.read(query, args, func(r row) error {
		id = r.text(0)
		return nil
	})
	return id, err
}

// says tells a later delivery after which an earlier one must not be sent: it was sent, is being sent, or has ended the todo without a
// request. It takes the number of the earlier one's event.
const says = `attempts > 0 OR ` + sends + ` OR (scene = 'done' OR scene = 'delete') AND event_n <> ? AND (state = 'skipped' OR state = 'superseded')`

// again makes one delivery wait, with its full number of tries.
func (r *resend) again(n int64) error {
	const query = `UPDATE deliveries SET state = 'pending', class = '', due_ms = 9000000000000000, tries = 0, first_try_ms = NULL,
		superseded_by = '', updated_ms = ? WHERE n = ?`
	if err := r.tx.run(query, r.now, n); err != nil {
		return err
	}
	return r.tx.noteResent(n, r.job, r.options.AsBefore)
}

// noteResent keeps that a delivery goes by a person's will.
func (t *tx) noteResent(n, job int64, asBefore bool) error {
	const query = `INSERT INTO resent (n, conn, job, as_before) VALUES (?, ?, ?, ?)
		ON CONFLICT (n) DO UPDATE SET job = excluded.job, as_before = excluded.as_before`
	return t.run(query, n, n>>placeBits, job, asBefore)
}

// withFollower lets the create of a re-creation go again with its delete, when it was skipped because that had failed.
func (r *resend) withFollower(h *handled) error {
	if h.scene != connector.SceneDelete {
		return nil
	}
	var follower int64
	const query = `SELECT n FROM deliveries WHERE todo = ? AND conn = ? AND kind = ? AND lane = ? AND n > ? AND event_n = ? AND step = ?
		AND state = 'skipped' AND class = 'delete_failed' ORDER BY n LIMIT 1`
	args := []any{h.key.ID, h.key.Conn, string(h.key.Kind), h.lane, h.n, h.event, h.step + 1}
	err := r.tx.read(query, args, func(r row) error {
		follower = r.num(0)
		return nil
	})
	if err != nil || follower == 0 {
		return err
	}
	if len(r.without) > 0 {
		left, err := r.thin(follower)
		if err != nil || left == 0 {
			return err
		}
	}
	r.changed = append(r.changed, follower)
	return r.again(follower)
}

// sentBefore is the last request of a delivery that left, or was about to; nil where none is kept.
func (t *tx) sentBefore(n int64) (out *connector.SentBefore, err error) {
	// A request to the token's address is none of the delivery's: its answer is never kept.
	const query = `SELECT method, address, request_headers, request_body, scene FROM attempts WHERE at >= +? AND at < +? AND method <> ''
		AND NOT (response_body = '***' AND (class = 'token' OR class = 'token_refused' OR class = 'tls' OR class = 'mapping'))
		ORDER BY number DESC LIMIT 1`
	err = t.read(query, []any{attemptKey(n, 0), attemptKey(n+1, 0)}, func(r row) error {
		out = &connector.SentBefore{
			Scene:   connector.Scene(r.text(4)),
			Request: connector.SentRequest{Method: r.text(0), Address: r.text(1), Body: r.text(3)},
		}
		return json.Unmarshal(r.blob(2), &out.Request.Headers)
	})
	return out, err
}

// Rehearse says what a retry of a delivery would send.
func (d *DB) Rehearse(ctx context.Context, id string) (connector.Rehearsal, error) {
	const op = "preview retry"
	var out connector.Rehearsal
	err := d.writer.write(ctx, op, func(t *tx) error {
		h, err := t.handle(op, id)
		if err != nil {
			return err
		}
		s := d.registry.current.Load().byNumber[h.key.Conn]
		if s == nil {
			return &connector.Error{Kind: connector.Conflict, Op: op, Msg: "its connection is deleted"}
		}
		st, err := d.registry.state(s, t.settings)
		switch {
		case err != nil:
			return err
		case st.program == nil:
			return &connector.Error{Kind: connector.Conflict, Op: op, Msg: brokenReason(s.key, st.err)}
		}
		var w connector.Work
		var sender string
		m := turning{db: d, tx: t, turn: connector.Turn{Conn: h.key.Conn}}
		if err := m.read(h.n, &w, &sender); err != nil {
			return err
		}
		if err := m.around(&w, sender, false); err != nil {
			return err
		}
		if w.Lane == "" {
			left, err := t.remains(&h)
			if err != nil {
				return err
			}
			if len(left.rest.Recipients) > 0 {
				w.Recipients, w.Account = left.rest.Recipients, left.rest.Account
			}
		}
		if w.Before, err = t.sentBefore(h.n); err != nil {
			return err
		}
		w.Tries, w.FirstTry, w.Class = 0, d.cfg.Now(), retry.OK
		out = st.program.Rehearse(&w, d.cfg.Now())
		return nil
	})
	return out, err
}

// Cancel ends a delivery that waits; the next of its todo goes on.
func (d *DB) Cancel(ctx context.Context, id, who string) error {
	const op = "cancel record"
	var conn int64
	err := d.writer.write(ctx, op, func(t *tx) error {
		h, err := t.handle(op, id)
		if err != nil {
			return err
		}
		conn = h.key.Conn
		now := millis(d.cfg.Now())
		if err := d.cancel(t, op, &h, now); err != nil {
			return err
		}
		t.done(func() { d.feed.publish([]int64{h.n}) })
		return t.audit(now, who, "record canceled", h.tenant, id, "")
	})
	if err == nil {
		d.wake(conn)
	}
	return err
}

// cancel ends one delivery that waits.
func (d *DB) cancel(t *tx, op string, h *handled, now int64) error {
	switch {
	case h.state == connector.Sending:
		return &connector.Error{Kind: connector.Conflict, Op: op, Msg: "it is being sent at this moment", Hint: "look again in a moment"}
	case h.state.Final():
		return &connector.Error{Kind: connector.Conflict, Op: op, Msg: "it has ended already: " + string(h.state)}
	}
	d.hot.forget(h.n)
	const query = `UPDATE deliveries SET state = 'canceled', class = '', due_ms = NULL, updated_ms = ? WHERE n = ?`
	if err := t.run(query, now, h.n); err != nil {
		return err
	}
	if err := t.countCanceled(h.key.Conn, now, 1); err != nil {
		return err
	}
	return t.headLane(h.key, h.lane, now)
}
