package store

import (
	"time"

	"todosync/connector"
)

// claimTogether is claimOne for several deliveries where each question is a way to the database and back: it asks for all of them at once,
// in two steps. Nothing of them is in memory, see acceptance.keepHot.
func (m *turning) claimTogether(numbers []int64) error {
	const resent = `SELECT as_before FROM resent WHERE n = ?`
	type claimed struct {
		sender           string
		resent, asBefore bool
	}
	all := make([]claimed, len(numbers))
	for i, n := range numbers {
		if err := m.ask(n, &m.out.Work[i], &all[i].sender); err != nil {
			return err
		}
		err := m.tx.ask(resent, []any{n}, func(r row) error {
			all[i].resent, all[i].asBefore = true, r.flag(0)
			return nil
		})
		if err != nil {
			return err
		}
	}
	if err := m.tx.flush(); err != nil {
		return err
	}
	var users []string
	for i, n := range numbers {
		w, c := &m.out.Work[i], &all[i]
		if c.asBefore {
			var err error
			if w.Before, err = m.tx.sentBefore(n); err != nil {
				return err
			}
		}
		w.LaneNow = connector.Lane{Receiver: w.Lane}
		err := m.tx.ask(selectLane, []any{w.Conn, string(w.Kind), w.Todo, w.Lane}, func(r row) (err error) {
			w.LaneNow, err = laneOf(r)
			return err
		})
		if err != nil {
			return err
		}
		for _, p := range w.Recipients {
			users = append(users, p.ID)
		}
		if c.sender != "" {
			users = append(users, c.sender)
		}
	}
	if err := m.db.askBindings(m.tx, m.turn.Conn, users); err != nil {
		return err
	}
	if err := m.tx.flush(); err != nil {
		return err
	}
	for i, n := range numbers {
		w, c := &m.out.Work[i], &all[i]
		m.changed = append(m.changed, n)
		w.State, w.Due, w.Updated = connector.Sending, time.Time{}, instant(m.now)
		if err := m.around(w, c.sender, true); err != nil {
			return err
		}
		if err := m.tx.spread(insertSending, n, m.turn.Conn, m.now, w.Bound()); err != nil {
			return err
		}
		m.flown = append(m.flown, flown{n, flight{
			key:  connector.TodoKey{Conn: w.Conn, Kind: w.Kind, ID: w.Todo},
			lane: w.Lane, scene: w.Scene, event: w.EventN, step: int64(w.Step), attempts: int64(w.Attempts), created: millis(w.Created),
			resent: c.resent, rebinds: m.db.hot.rebinds, bindings: w.Bindings,
		}})
	}
	return nil
}
