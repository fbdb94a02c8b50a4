package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"todosync/connector"
	"todosync/mapping"
)

// A waitingDelivery is a stored delivery that waits, with what planning may change of it as it was before.
type waitingDelivery struct {
	delivery *connector.Delivery
	before   connector.Delivery
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

// gather reads what planning the part needs to know, by one search of a key each. A query for a set of keys would make a table
// of the set first, which costs SQLite more than fifty such searches.
func (a *acceptance) gather() error {
	a.known = connector.Known{
		Programs: map[string][]*connector.Program{},
		Todos:    map[connector.TodoKey]*connector.Todo{},
		Bindings: map[connector.UserKey]connector.Binding{}, Refused: a.refusals,
	}
	a.stored, a.broken = map[eventKey]*stored{}, map[string]string{}
	if err := a.db.mint(a.tx, a.batch.Now); err != nil {
		return err
	}
	shares := a.shares()
	for _, s := range shares {
		if err := a.gatherEvents(s); err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		if err := a.gatherPrograms(s); err != nil {
			return err
		}
	}
	if err := a.gatherTodos(shares); err != nil {
		return fmt.Errorf("read todos: %w", err)
	}
	for _, s := range shares {
		if err := a.askBindings(s); err != nil {
			return fmt.Errorf("read bindings: %w", err)
		}
	}
	if err := a.tx.flush(); err != nil {
		return fmt.Errorf("read bindings: %w", err)
	}
	for _, s := range shares {
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
	const query = `SELECT n, kind, action, todo FROM events WHERE tenant = ? AND id = ?`
	for _, id := range s.ids {
		err := a.tx.ask(query, []any{s.tenant, id}, func(r row) error {
			a.stored[eventKey{s.tenant, id}] = &stored{
				n: r.num(0), kind: connector.Kind(r.text(1)), action: connector.Action(r.text(2)), todo: r.text(3),
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
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

// gatherTodos reads what is known of the todos, with their lanes and what waits in them, in this order.
func (a *acceptance) gatherTodos(shares []*share) error {
	var keys []connector.TodoKey
	for _, s := range shares {
		for _, conn := range s.conns {
			for _, id := range s.todos {
				keys = append(keys, connector.TodoKey{Conn: conn, Kind: s.kind, ID: id})
			}
		}
	}
	for _, ask := range []func(connector.TodoKey) error{a.askTodo, a.askLanes, a.askWaiting} {
		for _, key := range keys {
			if err := ask(key); err != nil {
				return err
			}
		}
		if err := a.tx.seal(); err != nil {
			return err
		}
	}
	return a.tx.flush()
}

// gatherTodo reads one todo with its lanes, and says whether it is known.
func (a *acceptance) gatherTodo(key connector.TodoKey) (bool, error) {
	if err := a.askTodo(key); err != nil {
		return false, err
	}
	if err := a.tx.flush(); err != nil {
		return false, err
	}
	if a.known.Todos[key] == nil {
		return false, nil
	}
	if err := a.askLanes(key); err != nil {
		return false, err
	}
	return true, a.tx.flush()
}

// askTodo asks for one todo. What has no action but that it is sent is no todo that anything is known of.
func (a *acceptance) askTodo(key connector.TodoKey) error {
	if key.Kind != connector.KindTodo {
		return nil
	}
	const query = `SELECT version, finished, deleted, newest_seq, keyed, receivers FROM todos WHERE conn = ? AND kind = ? AND todo = ?`
	return a.tx.ask(query, []any{key.Conn, string(key.Kind), key.ID}, func(r row) error {
		t := &connector.Todo{
			Key: key, Known: true, Version: r.num(0), Versioned: !r.null(0), Finished: r.flag(1), Deleted: r.flag(2),
			Newest: uint64(r.num(3)), Keyed: mapping.Receivers(r.text(4)), //nolint:gosec // stored from a uint64
			Lanes: map[string]*connector.Lane{},
		}
		a.known.Todos[key] = t
		return json.Unmarshal(r.blob(5), &t.Receivers)
	})
}

// askLanes asks for the lanes of a todo that was asked for before. On PostgreSQL its answer is not there yet, and they are asked for in
// any case.
func (a *acceptance) askLanes(key connector.TodoKey) error {
	if key.Kind != connector.KindTodo || a.known.Todos[key] == nil && !a.db.postgres() {
		return nil
	}
	const lanes = `SELECT ` + laneColumns + ` FROM lanes l WHERE conn = ? AND kind = ? AND todo = ?`
	return a.tx.ask(lanes, []any{key.Conn, string(key.Kind), key.ID}, func(r row) error {
		t := a.known.Todos[key]
		if t == nil {
			return nil // a lane does not make a todo known
		}
		lane, err := laneOf(r)
		t.Lanes[lane.Receiver] = &lane
		return err
	})
}

// gatherWaiting reads the deliveries of one todo that wait, in the order of each lane.
func (a *acceptance) gatherWaiting(key connector.TodoKey) error {
	if err := a.askWaiting(key); err != nil {
		return err
	}
	return a.tx.flush()
}

// askWaiting is gatherWaiting without the answer at once. What nothing is known of has nothing that waits.
func (a *acceptance) askWaiting(key connector.TodoKey) error {
	if key.Kind == connector.KindTodo && a.known.Todos[key] == nil && !a.db.postgres() {
		return nil
	}
	const query = `SELECT ` + deliveryColumns + `, ` + sends + ` FROM deliveries d
		WHERE conn = +? AND todo = +? AND kind = +? AND ` + waits + ` ORDER BY lane, n`
	return a.tx.ask(query, []any{key.Conn, key.ID, string(key.Kind)}, func(r row) error {
		d, err := deliveryOf(r)
		if err != nil {
			return err
		}
		if r.flag(deliveryWidth) {
			d.State, d.Due = connector.Sending, time.Time{}
		}
		t := a.todo(key)
		lane := t.Lanes[d.Lane]
		if lane == nil {
			lane = &connector.Lane{Receiver: d.Lane}
			t.Lanes[d.Lane] = lane
		}
		lane.Waiting = append(lane.Waiting, d)
		a.waiting = append(a.waiting, waitingDelivery{delivery: d, before: *d})
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

// people are all whose bindings a share may need, each once.
func (a *acceptance) people(s *share) []string {
	users := append(slices.Clone(s.users), a.earlierReceivers(s.conns)...)
	slices.Sort(users)
	return slices.Compact(users)
}

// askBindings asks for the bindings that gatherBindings takes.
func (a *acceptance) askBindings(s *share) error {
	if len(s.conns) == 0 || !a.db.postgres() {
		return nil
	}
	users := a.people(s)
	for _, conn := range s.conns {
		if err := a.db.askBindings(a.tx, conn, users); err != nil {
			return err
		}
	}
	return nil
}

func (a *acceptance) gatherBindings(s *share) error {
	if len(s.conns) == 0 {
		return nil
	}
	users := a.people(s)
	for _, conn := range s.conns {
		for _, user := range users {
			b, ok, err := a.db.binding(a.tx, conn, user)
			if err != nil {
				return err
			}
			if ok {
				a.known.Bindings[connector.UserKey{Conn: conn, User: user}] = b
			}
		}
	}
	return nil
}

// binding gives a user's binding in a connection; its Connection is left empty.
func (d *DB) binding(t *tx, conn int64, user string) (b connector.Binding, ok bool, err error) {
	key := connector.UserKey{Conn: conn, User: user}
	if !*t.rebound {
		if known, hit := d.hot.bindings[key]; hit {
			return known.binding, known.ok, nil
		}
	}
	const query = `SELECT crm_user, crm_user_name, account, account_name, kind FROM bindings WHERE conn = ? AND crm_user = ?`
	err = t.read(query, []any{conn, user}, func(r row) error {
		b, ok = bindingOf(r), true
		return nil
	})
	if err == nil && !*t.rebound {
		if len(d.hot.bindings) >= hotBindings {
			clear(d.hot.bindings)
		}
		d.hot.bindings[key] = boundUser{b, ok}
	}
	return b, ok, err
}

// askBindings asks together for bindings that binding is going to be asked for one by one, where each would be a way to the database and
// back.
func (d *DB) askBindings(t *tx, conn int64, users []string) error {
	if !d.postgres() || *t.rebound || len(users) > hotBindings/2 {
		return nil
	}
	if len(d.hot.bindings)+len(users) > hotBindings {
		clear(d.hot.bindings)
	}
	const query = `SELECT b.crm_user, b.crm_user_name, b.account, b.account_name, b.kind FROM (SELECT 1) AS one
		LEFT JOIN bindings b ON b.conn = ? AND b.crm_user = ?`
	for _, user := range users {
		key := connector.UserKey{Conn: conn, User: user}
		if _, hit := d.hot.bindings[key]; hit {
			continue
		}
		err := t.ask(query, []any{conn, user}, func(r row) error {
			d.hot.bindings[key] = boundUser{bindingOf(r), r.text(0) != ""}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// rebinding is called before bindings of a connection are written: of one user, or of all where user is empty.
func (d *DB) rebinding(t *tx, s *slot, user string) error {
	*t.rebound = true
	d.hot.rebinds++
	if user == "" {
		clear(d.hot.bindings)
	} else {
		delete(d.hot.bindings, connector.UserKey{Conn: s.conn, User: user})
	}
	return d.changed(t, s.key.Tenant, changedBindings)
}

// earlierReceivers are those who have a lane of a known todo: an event that no longer names them leads to their delete.
func (a *acceptance) earlierReceivers(conns []int64) []string {
	var out []string
	for key, t := range a.known.Todos {
		if !slices.Contains(conns, key.Conn) {
			continue
		}
		for _, r := range t.Receivers {
			out = append(out, r.ID)
		}
		for id := range t.Lanes {
			if id != "" {
				out = append(out, id)
			}
		}
	}
	return out
}

// bindingOf reads crm_user, crm_user_name, account, account_name, kind.
func bindingOf(r row) connector.Binding {
	return connector.Binding{User: r.text(0), UserName: r.text(1), Account: r.text(2), AccountName: r.text(3), Kind: connector.BindingKind(r.text(4))}
}
