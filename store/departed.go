package store

import (
	"slices"

	"todosync/connector"
)

// A remainder is what of a delivery of a common lane may go again.
type remainder struct {
	before *connector.Delivery
	rest   connector.Delivery // without those who are left out
	out    []string           // receivers who have had a newer one, or go in lanes of their own by now
	newer  string             // the id of the newest that one of them got, as far as it is kept
	busy   bool               // a later one of the lane is on its way
}

// remains leaves out of a delivery of a common lane whom it would come too late: who has had a newer one there, and who has left for a
// lane of his own. To him nothing of the common lane goes any more: in which order it would, only his own lane can say.
func (t *tx) remains(h *handled) (remainder, error) {
	var out remainder
	err := t.read(`SELECT `+deliveryColumns+` FROM deliveries d WHERE d.n = ?`, []any{h.n}, func(r row) (err error) {
		out.before, err = deliveryOf(r)
		return err
	})
	if err != nil {
		return out, err
	}
	if out.before == nil {
		return out, notFound("look at record", "record "+h.id)
	}
	_, high := span(h.key.Conn)
	newest := int64(0)
	leave := func(user string, n int64, id string) {
		if !out.before.Names(user) {
			return
		}
		if !slices.Contains(out.out, user) {
			out.out = append(out.out, user)
		}
		if n > newest {
			newest, out.newer = n, id
		}
	}
	const later = `SELECT n, id, receivers, ` + sends + ` FROM deliveries d WHERE todo = ? AND conn = ? AND kind = ? AND lane = '' AND n > ? AND n < ?
		AND (` + says + `)`
	err = t.read(later, []any{h.key.ID, h.key.Conn, string(h.key.Kind), h.n, high, h.event}, func(r row) error {
		who, err := recipientsOf(r.text(2))
		for _, p := range who {
			leave(p.ID, r.num(0), r.text(1))
		}
		out.busy = out.busy || r.flag(3)
		return err
	})
	if err != nil {
		return out, err
	}
	const lanes = `SELECT receiver, COALESCE((SELECT MAX(d.n) FROM deliveries d
			WHERE d.todo = l.todo AND d.conn = l.conn AND d.kind = l.kind AND d.lane = l.receiver AND d.n > ? AND d.n < ?), 0)
		FROM lanes l WHERE conn = ? AND kind = ? AND todo = ? AND receiver <> ''`
	own := map[string]int64{}
	err = t.read(lanes, []any{h.n, high, h.key.Conn, string(h.key.Kind), h.key.ID}, func(r row) error {
		own[r.text(0)] = r.num(1)
		return nil
	})
	if err != nil {
		return out, err
	}
	for user, n := range own {
		id := ""
		err := t.read(`SELECT id FROM deliveries WHERE n = ?`, []any{n}, func(r row) error { id = r.text(0); return nil })
		if err != nil {
			return out, err
		}
		leave(user, n, id)
	}
	slices.Sort(out.out)
	out.rest = *out.before
	out.rest.Leave(out.out...)
	return out, nil
}

// mayHaveGone reports whether an earlier request of a delivery of a common lane may have gone to somebody who has a lane of his own now:
// what is kept of it does not say to whom it went. Who had his lane already when the delivery was planned was none of its receivers.
func (t *tx) mayHaveGone(h *handled) (may bool, err error) {
	const query = `SELECT 1 FROM lanes l WHERE conn = ? AND kind = ? AND todo = ? AND receiver <> '' AND NOT EXISTS (
			SELECT 1 FROM deliveries d WHERE d.todo = l.todo AND d.conn = l.conn AND d.kind = l.kind AND d.lane = l.receiver
			AND (d.n < ? OR d.event_n = ? AND d.split_from = '' AND d.step < 10)) LIMIT 1`
	err = t.read(query, []any{h.key.Conn, string(h.key.Kind), h.key.ID, h.n, h.event}, func(row) error { may = true; return nil })
	return may, err
}

// common decides how one delivery of a common lane goes again, and takes those out of it who are left out. newer is what makes the whole
// of it out of date. Nothing is changed where it fails.
func (r *resend) common(h *handled) (newer string, err error) {
	m, err := r.tx.remains(h)
	if err != nil {
		return "", err
	}
	switch {
	case len(m.rest.Recipients) == 0 && m.newer == "":
		return "", r.conflict("all its receivers go by themselves by now, and what is newer is not kept any more", "")
	case len(m.rest.Recipients) == 0:
		return m.newer, nil
	}
	if r.options.AsBefore {
		// The earlier request is for all of them: it cannot be sent to some.
		if newer, err := r.newer(h); err != nil || newer != "" {
			return newer, err
		}
		may, err := r.tx.mayHaveGone(h)
		if err != nil {
			return "", err
		}
		if may || len(m.out) > 0 {
			return "", r.conflict("its earlier request may also have gone to receivers who go by themselves by now", "retry it with today's mapping")
		}
	}
	if m.busy {
		return "", r.conflict("a later one of its todo is being sent at this moment", "look again in a moment")
	}
	if len(m.out) > 0 {
		r.without = m.out
		return "", r.tx.narrow(m.before, &m.rest)
	}
	return "", nil
}

// thin leaves the same receivers out of the delivery that follows, and says how many it has left.
func (r *resend) thin(n int64) (left int, err error) {
	var d *connector.Delivery
	err = r.tx.read(`SELECT `+deliveryColumns+` FROM deliveries d WHERE d.n = ?`, []any{n}, func(w row) (err error) {
		d, err = deliveryOf(w)
		return err
	})
	if err != nil || d == nil {
		return 0, err
	}
	rest := *d
	if !rest.Leave(r.without...) || len(rest.Recipients) == 0 {
		return len(rest.Recipients), nil
	}
	return len(rest.Recipients), r.tx.narrow(d, &rest)
}
