package store

import (
	"encoding/json"

	"todosync/connector"
	"todosync/notify"
)

// write stores what planning the part has led to.
func (a *acceptance) write() error {
	made, bySequence, err := a.writeEvents()
	if err != nil {
		return err
	}
	if err := a.writeDeliveries(made); err != nil {
		return err
	}
	if err := a.writeWaiting(); err != nil {
		return err
	}
	if err := a.writeTodos(bySequence); err != nil {
		return err
	}
	if err := a.writeDoubts(); err != nil {
		return err
	}
	if err := a.writeDuplicates(); err != nil {
		return err
	}
	a.keepHot()
	if err := a.writeRejected(); err != nil {
		return err
	}
	if err := a.countArrivals(); err != nil {
		return err
	}
	return a.writeFailures()
}

// keepHot remembers what was planned, for the turns that follow in a moment.
func (a *acceptance) keepHot() {
	h := a.db.hot
	if a.db.postgres() {
		return // another process may be the one that sends them, and change what is kept here
	}
	for _, w := range a.waiting {
		if lane := a.known.Todos[connector.TodoKey{Conn: w.delivery.Conn, Kind: w.delivery.Kind, ID: w.delivery.Todo}].Lanes[w.delivery.Lane]; len(lane.Waiting) > 1 {
			h.joined(a.tx, w.delivery.N)
		}
	}
	a.tx.done(func() {
		for _, f := range a.fresh {
			for i := range f.planned.Outcomes {
				for _, d := range f.planned.Outcomes[i].Deliveries {
					if d.State != connector.Pending || d.Due.After(a.batch.Now) {
						continue // it waits for something else than its turn
					}
					lane := a.known.Todos[connector.TodoKey{Conn: d.Conn, Kind: d.Kind, ID: d.Todo}].Lanes[d.Lane]
					h.keep(d, lane, f.event)
				}
			}
		}
		h.measure()
	})
}

// writeEvents stores the accepted events, gives their deliveries numbers of the events, and says which event number stands
// behind which sequence.
func (a *acceptance) writeEvents() (made []*connector.Delivery, bySequence map[uint64]int64, err error) {
	a.result.Events = len(a.fresh)
	bySequence = make(map[uint64]int64, len(a.fresh))
	if len(a.fresh) == 0 {
		return nil, bySequence, nil
	}
	n, err := a.tx.numbers("events", len(a.fresh))
	if err != nil {
		return nil, nil, err
	}
	const query = `INSERT INTO events (n, tenant, id, stream_seq, kind, action, todo, sender, event_ms, received_ms, trace,
		duplicates, outcome, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	for _, f := range a.fresh {
		e := f.event
		f.n = n
		n++
		bySequence[e.Sequence] = f.n
		err = a.tx.spread(query, f.n, e.Tenant, e.ID, e.Sequence, string(e.Kind), string(e.Action), e.Object.ID, e.Object.SenderID,
			millisOrNull(e.Time), millis(e.Received), e.Trace, f.known.duplicates, outcomeOf(&f.planned), e.Payload)
		if err != nil {
			return nil, nil, err
		}
		a.countEnd(e.Tenant, e.Kind, e.Action, string(f.planned.End()))
		for i := range f.planned.Outcomes {
			for _, d := range f.planned.Outcomes[i].Deliveries {
				d.EventN = f.n
				made = append(made, d)
			}
		}
	}
	return made, bySequence, nil
}

func (a *acceptance) writeDeliveries(made []*connector.Delivery) error {
	a.result.Deliveries = len(made)
	next := map[int64]int64{}
	for _, d := range made {
		next[d.Conn] = 0
	}
	if err := a.tx.nextNumbers(next); err != nil {
		return err
	}
	for _, d := range made {
		d.N = next[d.Conn]
		next[d.Conn]++
		if err := a.tx.insertDelivery(d); err != nil {
			return err
		}
		a.noteDelivery(d)
		if !d.Due.IsZero() {
			a.result.Wake = append(a.result.Wake, d.Conn)
		}
		a.countState(d)
		a.changed = append(a.changed, d.N)
	}
	return nil
}

// writeWaiting stores what planning has made of deliveries that waited before: superseded, or now at the head of their lane.
func (a *acceptance) writeWaiting() error {
	for _, w := range a.waiting {
		d := w.delivery
		narrowed := len(d.Recipients) < len(w.before.Recipients)
		if d.State == w.before.State && d.Due.IsZero() == w.before.Due.IsZero() && !narrowed {
			continue
		}
		a.db.hot.forget(d.N)
		if narrowed {
			if err := a.tx.narrow(&w.before, d); err != nil {
				return err
			}
		}
		const query = `UPDATE deliveries SET state = ?, class = ?, due_ms = ?, superseded_by = ?, updated_ms = ?
			WHERE n = ? AND state = ?`
		err := a.tx.spread(query, string(d.State), string(d.Class), dueOf(d.State, d.Due), d.SupersededBy, millis(a.batch.Now),
			d.N, string(w.before.State))
		if err != nil {
			return err
		}
		if !d.Due.IsZero() {
			a.result.Wake = append(a.result.Wake, d.Conn)
		}
		if d.State != w.before.State {
			a.countState(d)
		}
		a.changed = append(a.changed, d.N)
	}
	return nil
}

// writeTodos stores what is known of todos and of their lanes, as far as planning changed it.
func (a *acceptance) writeTodos(bySequence map[uint64]int64) error {
	const query = `INSERT INTO todos (conn, kind, todo, version, finished, deleted, newest_seq, newest_event, keyed, receivers,
		updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (conn, kind, todo) DO UPDATE SET
		version = excluded.version, finished = excluded.finished, deleted = excluded.deleted, newest_seq = excluded.newest_seq,
		newest_event = excluded.newest_event, keyed = excluded.keyed, receivers = excluded.receivers, updated_ms = excluded.updated_ms`
	for _, t := range a.known.Todos {
		if t.Dirty {
			var version any
			if t.Versioned {
				version = t.Version
			}
			err := a.tx.spread(query, t.Key.Conn, string(t.Key.Kind), t.Key.ID, version, t.Finished, t.Deleted, t.Newest,
				bySequence[t.Newest], string(t.Keyed), todoReceiversJSON(t.Receivers), millis(a.batch.Now))
			if err != nil {
				return err
			}
		}
		for _, lane := range t.Lanes {
			if !lane.Dirty {
				continue
			}
			if err := a.tx.planLane(t.Key, lane); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeDuplicates counts events that came again. Those that came again within the batch are counted with their insert.
func (a *acceptance) writeDuplicates() error {
	for _, s := range a.stored {
		if s.n == 0 || s.duplicates == 0 {
			continue
		}
		if err := a.tx.spread(`UPDATE events SET duplicates = duplicates + ? WHERE n = ?`, s.duplicates, s.n); err != nil {
			return err
		}
	}
	return nil
}

func (a *acceptance) writeRejected() error {
	a.result.Rejected = len(a.rejected)
	if len(a.rejected) == 0 {
		return nil
	}
	n, err := a.tx.numbers("rejected", len(a.rejected))
	if err != nil {
		return err
	}
	size := int64(0)
	for i, r := range a.rejected {
		tenant, kind, action := sortOf(r.item.Subject)
		a.countEnd(tenant, kind, action, connector.EndRejected)
		header := []byte("{}")
		if len(r.item.Header) > 0 {
			if header, err = json.Marshal(r.item.Header); err != nil {
				return err
			}
		}
		received := r.item.Time
		if received.IsZero() {
			received = a.batch.Now
		}
		payload := r.item.Data
		if payload == nil {
			payload = []byte{}
		}
		size += int64(len(payload))
		const query = `INSERT INTO rejected (n, id, tenant, subject, header, stream, stream_seq, reason, path, received_ms, size, payload)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
		err := a.tx.spread(query, n+int64(i), a.db.newID(a.batch.Now), tenantOf(r.item.Subject), r.item.Subject, string(header),
			a.batch.Stream, r.item.Sequence, r.reason, r.path, millis(received), len(payload), payload)
		if err != nil {
			return err
		}
		if tenant != "" {
			a.refused = append(a.refused, failure{what: notify.Rejected, tenant: tenant, subject: n + int64(i), message: r.reason})
		}
	}
	return a.tx.rejectedBytes(size)
}
