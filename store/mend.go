package store

import (
	"time"

	"todosync/connector"
)

// batch is how many deliveries one turn gives up or brings forward at most.
const batch = 100

// giveUp ends deliveries whose time is over without another try.
func (m *turning) giveUp() error {
	if m.turn.Over.Before.IsZero() {
		return nil
	}
	const query = `SELECT ` + deliveryColumns + ` FROM deliveries d WHERE conn = +? AND first_try_ms IS NOT NULL AND first_try_ms < +?
		AND due_ms IS NOT NULL AND state <> 'held' AND NOT ` + sends + ` ORDER BY first_try_ms LIMIT +?`
	var over []*connector.Delivery
	err := m.tx.read(query, []any{m.turn.Conn, millis(m.turn.Over.Before), batch}, func(r row) error {
		d, err := deliveryOf(r)
		over = append(over, d)
		return err
	})
	if err != nil {
		return err
	}
	m.out.More = m.out.More || len(over) == batch
	for _, d := range over {
		if err := m.giveUpOne(d); err != nil {
			return err
		}
		m.out.Over = append(m.out.Over, *d)
	}
	return nil
}

func (m *turning) giveUpOne(d *connector.Delivery) error {
	d.State, d.Message, d.Due, d.Updated = connector.Failed, m.turn.Over.Why+d.Message, time.Time{}, instant(m.now)
	d.Class = d.LastClass()
	m.db.hot.forget(d.N)
	const query = `UPDATE deliveries SET state = 'failed', class = ?, message = ?, due_ms = NULL, updated_ms = ? WHERE n = ?`
	if err := m.tx.run(query, string(d.Class), d.Message, m.now, d.N); err != nil {
		return err
	}
	m.changed = append(m.changed, d.N)
	m.tally.failed(string(d.Class), d.Code, m.now-millis(d.Created))
	m.failed = append(m.failed, failure{subject: d.N, scene: d.Scene, class: d.Class, code: d.Code, message: d.Message, tries: d.Tries})
	key := connector.TodoKey{Conn: d.Conn, Kind: d.Kind, ID: d.Todo}
	if d.Scene == connector.SceneDelete && d.Step == 0 {
		f := flight{key: key, lane: d.Lane, event: d.EventN, step: int64(d.Step)}
		if err := m.skipFollowing(d.N, &f, connector.ReasonDeleteFailed); err != nil {
			return err
		}
	}
	return m.tx.headLane(key, d.Lane, m.now)
}

// mend brings forward what waits for a time that only a clock which has been put back explains. What waits for its turn alone was due
// when that was written. What waits for its next try waits as long as it was to, or the longest that it can.
func (m *turning) mend() error {
	if m.turn.Longest <= 0 {
		return nil
	}
	longest := m.turn.Longest.Milliseconds()
	const some = `SELECT n, state, due_ms, updated_ms FROM deliveries d WHERE conn = +? AND due_ms > +? AND due_ms < 9000000000000000
		AND (state = 'pending' OR updated_ms > ? OR due_ms > ?) AND NOT ` + sends + ` ORDER BY due_ms LIMIT +?`
	type late struct{ n, due int64 }
	var all []late
	err := m.tx.read(some, []any{m.turn.Conn, m.now, m.now, m.now + longest, batch}, func(r row) error {
		l := late{r.num(0), m.now}
		if r.text(1) != string(connector.Pending) {
			l.due += min(max(r.num(2)-r.num(3), 0), longest)
		}
		all = append(all, l)
		return nil
	})
	if err != nil {
		return err
	}
	m.out.More = m.out.More || len(all) == batch
	for _, l := range all {
		m.db.hot.forget(l.n)
		if err := m.tx.run(`UPDATE deliveries SET due_ms = ?, updated_ms = ? WHERE n = ?`, l.due, m.now, l.n); err != nil {
			return err
		}
		m.changed = append(m.changed, l.n)
	}
	return nil
}
