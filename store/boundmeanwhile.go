package store

import (
	"maps"
	"slices"

	"todosync/connector"
)

// A movable is a receiver whose todo has just got into an inbox, while his binding may have changed since it was claimed.
type movable struct {
	key  connector.TodoKey
	user string
}

// boundMeanwhile notes whose bindings have changed while a create or an edit of theirs was on its way: the change found the todo in no
// inbox yet, or under the account before, and nobody would take it out of that.
func (m *turning) boundMeanwhile(c *connector.Change, f *flight) error {
	if c.Lane == nil || f.scene != connector.SceneCreate && f.scene != connector.SceneEdit {
		return nil
	}
	if f.rebinds == m.db.hot.rebinds && f.scene != connector.SceneCreate {
		return nil
	}
	users := []string{f.lane}
	if f.lane == "" {
		users = slices.Collect(maps.Keys(c.Lane.People))
		for i := range c.Splits {
			users = append(users, c.Splits[i].Recipient.ID)
		}
		slices.Sort(users)
	}
	for _, user := range slices.Compact(users) {
		moves, err := m.moves(c, f, user)
		if err != nil {
			return err
		}
		if !moves {
			continue
		}
		m.movable = append(m.movable, movable{f.key, user})
	}
	return nil
}

// moves reports whether a receiver of a flight may stand in the inbox of an account that is not his any more: his binding has changed
// since it was claimed, or the flight was a create that went again to where it went before, see connector.Work.Bound.
func (m *turning) moves(c *connector.Change, f *flight, user string) (bool, error) {
	if f.scene == connector.SceneCreate && f.bindings != nil {
		if account := c.Lane.AccountOf(user); account != "" && account != f.bindings[user].Account {
			return true, nil
		}
	}
	if f.rebinds == m.db.hot.rebinds {
		return false, nil
	}
	now, _, err := m.db.binding(m.tx, m.turn.Conn, user)
	return err == nil && (f.bindings == nil || f.bindings[user].Account != now.Account), err
}

// moveOn plans todos anew whose receivers' bindings have changed meanwhile, as the change would have if it had come a moment later.
func (m *turning) moveOn() error {
	if len(m.movable) == 0 {
		return nil
	}
	changed, err := m.db.moveOn(m.tx, m.turn.Conn, m.now, m.movable)
	m.changed = append(m.changed, changed...)
	return err
}

// moveOn plans todos of one connection anew whose receivers may stand in other inboxes than those of their accounts of today. It does nothing
// where they do not.
func (d *DB) moveOn(t *tx, conn, now int64, movable []movable) (changed []int64, err error) {
	slot := d.registry.current.Load().byNumber[conn]
	if slot == nil {
		return nil, nil
	}
	st, err := d.registry.state(slot, t.settings)
	if err != nil || st.planning == nil {
		return nil, err
	}
	if err := t.flush(); err != nil {
		return nil, err
	}
	k := binder{db: d, tx: t, slot: slot, now: now}
	for _, one := range movable {
		b, _, err := d.binding(t, conn, one.user)
		if err != nil {
			return nil, err
		}
		if _, err := k.rebindTodo(st.planning, one.key, &rebinding{user: one.user, account: b.Account}); err != nil {
			return nil, err
		}
	}
	return k.changed, nil
}
