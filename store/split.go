package store

import (
	"time"

	"todosync/connector"
	"todosync/retry"
)

// split carries out that receivers leave a delivery that has just been settled: each gets a lane of his own, a delivery in place of his
// part of this one, and one in place of his part of each that waits behind it.
func (m *turning) split(c *connector.Change, f *flight) error {
	s := splitting{turning: m, key: f.key}
	if err := s.gather(c.N); err != nil {
		return err
	}
	if s.from == nil {
		return nil
	}
	now := m.turn.Now
	if err := m.db.mint(m.tx, now); err != nil {
		return err
	}
	n, err := m.tx.nextNumber(m.turn.Conn)
	if err != nil {
		return err
	}
	s.next = n
	users := make([]string, len(c.Splits))
	for i := range c.Splits {
		users[i] = c.Splits[i].Recipient.ID
		if err := s.one(&c.Splits[i]); err != nil {
			return err
		}
	}
	for _, d := range append([]*connector.Delivery{s.from}, s.waiting...) {
		if err := s.leave(d, users); err != nil {
			return err
		}
	}
	return nil
}

// A splitting is one delivery whose receivers part.
type splitting struct {
	*turning
	key      connector.TodoKey
	from     *connector.Delivery
	waiting  []*connector.Delivery // behind it in the common lane
	external int                   // the common lane's newest
	next     int64                 // the number of the next delivery that is made
	first    map[int64]string      // by the number of a delivery: the id of the first that was made in its place
}

// gather reads the delivery and what waits behind it.
func (s *splitting) gather(n int64) error {
	s.first = map[int64]string{}
	read := func(r row) error {
		d, err := deliveryOf(r)
		if err != nil {
			return err
		}
		if d.N == n {
			s.from = d
		} else {
			s.waiting = append(s.waiting, d)
		}
		return nil
	}
	if err := s.tx.read(`SELECT `+deliveryColumns+` FROM deliveries d WHERE d.n = ?`, []any{n}, read); err != nil {
		return err
	}
	const behind = `SELECT ` + deliveryColumns + ` FROM deliveries d WHERE conn = +? AND todo = +? AND kind = +? AND lane = '' AND ` + waits + `
		AND n > +? AND NOT ` + sends + ` ORDER BY n`
	args := []any{s.key.Conn, s.key.ID, string(s.key.Kind), n}
	if err := s.tx.read(behind, args, read); err != nil {
		return err
	}
	const lane = `SELECT external FROM lanes WHERE conn = ? AND kind = ? AND todo = ? AND receiver = ''`
	return s.tx.read(lane, []any{s.key.Conn, string(s.key.Kind), s.key.ID}, func(r row) error {
		s.external = int(r.num(0))
		return nil
	})
}

// one gives one receiver his lane and his deliveries.
func (s *splitting) one(p *connector.Split) error {
	user := p.Recipient.ID
	lane := p.Lane
	lane.Receiver, lane.Ended = user, ""
	own := 0 // the newest external number that he has by himself
	for _, from := range append([]*connector.Delivery{s.from}, s.waiting...) {
		if !from.Names(user) {
			continue
		}
		d := s.instead(from, p)
		if from.Parts() || own > 0 && d.Scene == connector.SceneCreate && lane.Ended != "" && !d.Rebinds() {
			own = max(from.External, own+1)
		}
		d.External = max(d.External, own) // what was planned for him behind it does not know his number yet
		if err := s.tx.insertDelivery(d); err != nil {
			return err
		}
		s.changed = append(s.changed, d.N)
		if s.first[from.N] == "" {
			s.first[from.N] = d.ID
		}
		lane.Ended = ""
		if d.Scene == connector.SceneDone || d.Scene == connector.SceneDelete {
			lane.Ended = d.Scene
		}
	}
	lane.External = max(s.external, own)
	if s.key.Kind == connector.KindTodo {
		if err := s.tx.planLane(s.key, &lane); err != nil {
			return err
		}
		if err := s.tx.seal(); err != nil {
			return err
		}
		if err := s.tx.learnLane(s.key, &lane); err != nil {
			return err
		}
	}
	if err := s.tx.seal(); err != nil {
		return err
	}
	return s.tx.headLane(s.key, user, s.now)
}

// instead is the delivery that one receiver gets in place of his part of another: with its own key and all its tries.
func (s *splitting) instead(from *connector.Delivery, p *connector.Split) *connector.Delivery {
	d := *from
	d.N, d.ID, d.SplitFrom, d.SupersededBy = s.next, s.db.newID(s.turn.Now), from.ID, ""
	s.next++
	d.Lane, d.Recipients, d.Account = p.Recipient.ID, []connector.Recipient{p.Recipient}, p.Lane.Account
	d.Tries, d.Attempts, d.FirstTry, d.Due, d.SentTwice = 0, 0, time.Time{}, time.Time{}, false
	d.Created, d.Updated = s.turn.Now, s.turn.Now
	if from == s.from || from.State != connector.Held {
		d.State, d.Class, d.Code, d.Message = connector.Pending, retry.OK, "", ""
	}
	if d.Account == "" {
		here := *from
		var others []string
		for _, r := range from.Recipients {
			if r.ID != p.Recipient.ID {
				others = append(others, r.ID)
			}
		}
		here.Leave(others...)
		d.Account = here.Account
	}
	return &d
}

// leave takes receivers out of a delivery. One that is nobody's any more is superseded by the first that was made in its place.
func (s *splitting) leave(d *connector.Delivery, users []string) error {
	rest := *d
	if !rest.Leave(users...) {
		return nil
	}
	s.db.hot.forget(d.N)
	s.changed = append(s.changed, d.N)
	if len(rest.Recipients) > 0 {
		if d == s.from {
			rest.Account = d.Account // as its outcome says
		}
		return s.tx.narrow(d, &rest)
	}
	const query = `UPDATE deliveries SET state = 'superseded', class = '', message = '', due_ms = NULL, superseded_by = ?, updated_ms = ? WHERE n = ?`
	return s.tx.run(query, s.first[d.N], s.now, d.N)
}

// narrow stores that a delivery has fewer receivers. It goes with today's mapping from then on: a request as it was before is for all.
func (t *tx) narrow(before, after *connector.Delivery) error {
	receiver := ""
	if len(after.Recipients) == 1 {
		receiver = after.Recipients[0].ID
	}
	const query = `UPDATE deliveries SET receiver = ?, receivers = ?, account = ? WHERE n = ?`
	if err := t.run(query, receiver, recipientsJSON(after.Recipients), after.Account, after.N); err != nil {
		return err
	}
	if err := t.run(`UPDATE resent SET as_before = ? WHERE n = ?`, false, after.N); err != nil {
		return err
	}
	for _, r := range before.Recipients {
		if receiver == "" && after.Names(r.ID) {
			continue
		}
		if err := t.run(`DELETE FROM delivery_receivers WHERE receiver = ? AND delivery_n = ?`, r.ID, after.N); err != nil {
			return err
		}
	}
	return nil
}
