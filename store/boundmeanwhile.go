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
	if f.rebinds == m.db.hot.rebinds || c.Lane == nil || f.scene != connector.SceneCreate && f.scene != connector.SceneEdit {
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
		now, _, err := m.db.binding(m.tx, m.turn.Conn, user)
		if err != nil {
			return err
		}
		if f.bindings != nil && f.bindings[user].Account == now.Account {
			continue
		}
		m.movable = append(m.movable, movable{f.key, user})
	}
	return nil
}

// moveOn plans todos anew whose receivers' bindings have changed meanwhile, as the change would have if it had come a moment later.
func (m *turning) moveOn() error {
	slot := m.db.registry.current.Load().byNumber[m.turn.Conn]
	if len(m.movable) == 0 || slot == nil {
		return nil
	}
	st, err := m.db.registry.state(slot, m.tx.settings)
	if err != nil || st.planning == nil {
		return err
	}
	if err := m.tx.flush(); err != nil {
		return err
	}
	k := binder{db: m.db, tx: m.tx, slot: slot, now: m.now}
	for _, one := range m.movable {
		now, _, err := m.db.binding(m.tx, m.turn.Conn, one.user)
		if err != nil {
			return err
		}
		if _, err := k.rebindTodo(st.planning, one.key, &rebinding{user: one.user, account: now.Account}); err != nil {
			return err
		}
	}
	m.changed = append(m.changed, k.changed...)
	return nil
}
