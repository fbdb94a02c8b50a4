package store

import (
	"encoding/json"
	"fmt"
	"slices"

	"todosync/connector"
	"todosync/mapping"
)

// A waitingDelivery is a stored delivery that waits, with what planning may change of it as it was before.
type waitingDelivery struct {
	delivery *connector.Delivery
	state    connector.State
	due      bool
}

// A share is what the events of one tenant and kind in a batch ask for.
type share struct {
	tenant string
	kind   connector.Kind
	conns  []int64
	todos  []string
	users  []string
	ids    []string
}

// gather reads what planning the part needs to know: a few queries a tenant, however many events.
func (a *acceptance) gather() error {
	a.known = connector.Known{
		Programs: map[string][]*connector.Program{},
		Todos:    map[connector.TodoKey]*connector.Todo{},
		Bindings: map[connector.UserKey]connector.Binding{},
	}
	a.stored, a.broken = map[eventKey]*stored{}, map[string]string{}
	for _, s := range a.shares() {
		if err := a.gatherEvents(s); err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		if err := a.gatherPrograms(s); err != nil {
			return err
		}
		if len(s.conns) == 0 {
			continue
		}
		if err := a.gatherTodos(s); err != nil {
			return fmt.Errorf("read todos: %w", err)
		}
		if err := a.gatherBindings(s); err != nil {
			return fmt.Errorf("read bindings: %w", err)
		}
	}
	return nil
}

// shares sorts the accepted items by tenant and kind, in order of their first event.
func (a *acceptance) shares() []*share {
	var out []*share
	type key struct {
		tenant string
		kind   connector.Kind
	}
	by := map[key]*share{}
	for i := range a.batch.Items {
		e := a.batch.Items[i].Event
		if e == nil || a.batch.Items[i].Reject != nil {
			continue
		}
		k := key{e.Tenant, e.Kind}
		s := by[k]
		if s == nil {
			s = &share{tenant: e.Tenant, kind: e.Kind}
			by[k] = s
			out = append(out, s)
		}
		s.ids = append(s.ids, e.ID)
		s.todos = append(s.todos, e.Object.ID)
		if e.Object.SenderID != "" {
			s.users = append(s.users, e.Object.SenderID)
		}
		for i := range e.Object.Receivers {
			s.users = append(s.users, e.Object.Receivers[i].ID)
		}
	}
	for _, s := range out {
		for _, l := range []*[]string{&s.ids, &s.todos, &s.users} {
			slices.Sort(*l)
			*l = slices.Compact(*l)
		}
	}
	return out
}

// gatherEvents reads which ids are used already.
func (a *acceptance) gatherEvents(s *share) error {
	ids, err := set(s.ids)
	if err != nil {
		return err
	}
	const query = `SELECT n, id, kind, action, todo FROM events WHERE tenant = ? AND id IN (SELECT value FROM json_each(?))`
	return a.tx.read(query, []any{s.tenant, ids}, func(r row) error {
		a.stored[eventKey{s.tenant, r.text(1)}] = &stored{
			n: r.num(0), kind: connector.Kind(r.text(2)), action: connector.Action(r.text(3)), todo: r.text(4),
		}
		return nil
	})
}

// gatherPrograms takes the tenant's connections as they are now.
func (a *acceptance) gatherPrograms(s *share) error {
	for _, slot := range a.db.registry.current.Load().byTenant[s.tenant] {
		s.conns = append(s.conns, slot.conn)
	}
	if _, ok := a.known.Programs[s.tenant]; ok {
		return nil
	}
	programs := []*connector.Program{}
	for _, slot := range a.db.registry.current.Load().byTenant[s.tenant] {
		st, err := a.db.registry.state(slot, a.tx.settings)
		if err != nil {
			return err
		}
		if st.planning == nil {
			a.broken[s.tenant] = brokenReason(slot.key, st.err)
			continue
		}
		programs = append(programs, st.planning)
	}
	a.known.Programs[s.tenant] = programs
	return nil
}

// gatherTodos reads what is known of the todos, with their lanes and what waits in them.
func (a *acceptance) gatherTodos(s *share) error {
	conns, err := set(s.conns)
	if err != nil {
		return err
	}
	todos, err := set(s.todos)
	if err != nil {
		return err
	}
	args := []any{conns, string(s.kind), todos}
	if s.kind == connector.KindTodo {
		const query = `SELECT conn, todo, version, finished, deleted, newest_seq, keyed, receivers FROM todos
			WHERE conn IN (SELECT value FROM json_each(?)) AND kind = ? AND todo IN (SELECT value FROM json_each(?))`
		found := 0
		err := a.tx.read(query, args, func(r row) error {
			t := &connector.Todo{
				Key: connector.TodoKey{Conn: r.num(0), Kind: s.kind, ID: r.text(1)}, Known: true,
				Version: r.num(2), Versioned: !r.null(2), Finished: r.flag(3), Deleted: r.flag(4),
				Newest: uint64(r.num(5)), Keyed: mapping.Receivers(r.text(6)), //nolint:gosec // stored from a uint64
				Lanes: map[string]*connector.Lane{},
			}
			if err := json.Unmarshal(r.blob(7), &t.Receivers); err != nil {
				return err
			}
			a.known.Todos[t.Key] = t
			found++
			return nil
		})
		if err != nil || found == 0 {
			return err
		}
		if err := a.gatherLanes(args); err != nil {
			return err
		}
	}
	return a.gatherWaiting(args, s.kind)
}

func (a *acceptance) gatherLanes(args []any) error {
	const query = `SELECT conn, kind, todo, receiver, ended, external, account, presence, has, was_sent, remote_id, frozen FROM lanes
		WHERE conn IN (SELECT value FROM json_each(?)) AND kind = ? AND todo IN (SELECT value FROM json_each(?))`
	return a.tx.read(query, args, func(r row) error {
		lane, err := laneOf(r[3:])
		if err != nil {
			return err
		}
		t := a.todo(connector.TodoKey{Conn: r.num(0), Kind: connector.Kind(r.text(1)), ID: r.text(2)})
		t.Lanes[lane.Receiver] = &lane
		return nil
	})
}

// gatherWaiting reads the deliveries that wait in the lanes, in order.
func (a *acceptance) gatherWaiting(args []any, kind connector.Kind) error {
	const query = `SELECT ` + deliveryColumns + ` FROM deliveries d
		WHERE conn IN (SELECT value FROM json_each(?)) AND kind = ? AND todo IN (SELECT value FROM json_each(?))
		AND state IN ('pending', 'sending', 'retrying', 'held') ORDER BY n`
	return a.tx.read(query, args, func(r row) error {
		d, err := deliveryOf(r)
		if err != nil {
			return err
		}
		t := a.todo(connector.TodoKey{Conn: d.Conn, Kind: kind, ID: d.Todo})
		lane := t.Lanes[d.Lane]
		if lane == nil {
			lane = &connector.Lane{Receiver: d.Lane}
			t.Lanes[d.Lane] = lane
		}
		lane.Waiting = append(lane.Waiting, d)
		a.waiting = append(a.waiting, waitingDelivery{delivery: d, state: d.State, due: !d.Due.IsZero()})
		return nil
	})
}

func (a *acceptance) todo(key connector.TodoKey) *connector.Todo {
	t := a.known.Todos[key]
	if t == nil {
		t = &connector.Todo{Key: key, Lanes: map[string]*connector.Lane{}}
		a.known.Todos[key] = t
	}
	return t
}

func (a *acceptance) gatherBindings(s *share) error {
	conns, err := set(s.conns)
	if err != nil {
		return err
	}
	users, err := set(s.users)
	if err != nil {
		return err
	}
	const query = `SELECT conn, crm_user, crm_user_name, account, account_name FROM bindings
		WHERE conn IN (SELECT value FROM json_each(?)) AND crm_user IN (SELECT value FROM json_each(?))`
	return a.tx.read(query, []any{conns, users}, func(r row) error {
		a.known.Bindings[connector.UserKey{Conn: r.num(0), User: r.text(1)}] = bindingOf(r[1:])
		return nil
	})
}

// bindingOf reads crm_user, crm_user_name, account, account_name.
func bindingOf(r row) connector.Binding {
	return connector.Binding{User: r.text(0), UserName: r.text(1), Account: r.text(2), AccountName: r.text(3)}
}
