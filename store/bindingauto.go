package store

import (
	"context"
	"fmt"
	"maps"

	"todosync/connector"
)

// byEvents is who makes automatic bindings, in lists and in the audit.
const byEvents = "automatic"

// bindAutomatically binds users to the accounts that the events of a batch name for them, before the events are planned: what they lead
// to finds the bindings. It is a transaction of its own, since changed bindings reach every process; a kill between the two leaves bindings that
// the same events make again. It says why a user is not bound where an event names an account for him.
func (d *DB) bindAutomatically(ctx context.Context, b connector.Batch) (map[connector.UserKey]string, error) {
	unknown := false // a connection that was not looked at since the start is compiled within a transaction
	wanted, err := d.wantedBindings(&b, func(s *slot) (*connector.Program, error) {
		p := s.state.Load().planning
		unknown = unknown || p == nil
		return p, nil
	})
	if err != nil || len(wanted) == 0 && !unknown {
		return nil, err
	}
	const op = "bind automatically"
	a := automatic{db: d}
	// Most of what events name is bound already: to see that reaches no more than accepting does.
	err = d.writer.within(ctx, op, func() reach { return d.accepting(&b) }, func(t *tx) error {
		a.begin()
		wanted, err := d.wantedBindings(&b, func(s *slot) (*connector.Program, error) {
			st, err := d.registry.state(s, t.settings)
			if err != nil {
				return nil, err
			}
			return st.planning, nil
		})
		if err != nil {
			return err
		}
		return a.sort(t, wanted)
	})
	if err != nil || len(a.todo) == 0 {
		return a.refused, err
	}
	todo, refused := a.todo, a.refused
	err = d.writer.write(ctx, op, func(t *tx) error {
		a.begin()
		maps.Copy(a.refused, refused)
		if at, err := t.position(b.Stream); err != nil || at != b.After {
			return err // somebody else reads the stream: accepting says so
		}
		if err := a.sort(t, todo); err != nil {
			return err
		}
		for i := range a.todo {
			if err := a.bind(t, &a.todo[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		d.wake(a.wake...)
	}
	return a.refused, err
}

// A wantedBinding is what an event says of a user's account in one connection.
type wantedBinding struct {
	connector.WantedBinding
	slot *slot
}

func (d *DB) wantedBindings(b *connector.Batch, program func(s *slot) (*connector.Program, error)) ([]wantedBinding, error) {
	var out []wantedBinding
	tenants := d.registry.current.Load().byTenant
	for i := range b.Items {
		e := b.Items[i].Event
		if e == nil || b.Items[i].Reject != nil {
			continue
		}
		for _, s := range tenants[e.Tenant] {
			p, err := program(s)
			if err != nil {
				return nil, err
			}
			if p == nil {
				continue // it cannot be used: its tenant's events are rejected until it can
			}
			for _, w := range p.AutoBindings(cleanEvent(e)) {
				out = append(out, wantedBinding{w, s})
			}
		}
	}
	return out, nil
}

// An automatic binds what events want.
type automatic struct {
	db      *DB
	todo    []wantedBinding
	refused map[connector.UserKey]string
	wake    []int64
}

func (a *automatic) begin() {
	a.todo, a.wake, a.refused = nil, nil, map[connector.UserKey]string{}
}

// sort leaves in todo what is to be bound. The newest event's word counts; of two users who want one account, the first one's.
func (a *automatic) sort(t *tx, wanted []wantedBinding) error {
	place := map[connector.UserKey]int{}
	for _, w := range wanted {
		user := connector.UserKey{Conn: w.slot.conn, User: w.User}
		if i, again := place[user]; again {
			a.todo[i] = w
			continue
		}
		yes, err := a.binds(t, &w)
		if err != nil {
			return err
		}
		if yes {
			place[user] = len(a.todo)
			a.todo = append(a.todo, w)
		}
	}
	return nil
}

// binds reports whether a user is to be bound: he has no binding, or an automatic one to another account.
func (a *automatic) binds(t *tx, w *wantedBinding) (bool, error) {
	have, bound, err := a.db.binding(t, w.slot.conn, w.User)
	if err != nil || bound && have.Account == w.Account {
		return false, err
	}
	if bound {
		byHand := false
		err := t.read(`SELECT automatic FROM bindings WHERE conn = ? AND crm_user = ?`, []any{w.slot.conn, w.User},
			func(r row) error { byHand = !r.flag(0); return nil })
		if err != nil || byHand {
			return false, err
		}
	}
	if !bound && !w.Ruled {
		for _, other := range a.db.registry.current.Load().byTenant[w.slot.key.Tenant] {
			if _, elsewhere, err := a.db.binding(t, other.conn, w.User); err != nil || elsewhere {
				return false, err // he is that connection's
			}
		}
	}
	free, err := a.free(t, w)
	return free, err
}

// free reports whether the account is nobody else's, and keeps that it is not.
func (a *automatic) free(t *tx, w *wantedBinding) (bool, error) {
	k, err := a.db.binder(t, w.slot, byEvents)
	if err != nil {
		return false, err
	}
	holder, err := k.holder(w.Account)
	if err != nil || holder == "" || holder == w.User {
		return err == nil, err
	}
	a.refused[connector.UserKey{Conn: w.slot.conn, User: w.User}] = fmt.Sprintf("the account %s that the event names is bound to user %s", w.Account, holder)
	return false, nil
}

// bind binds one user, unless the account is another's.
func (a *automatic) bind(t *tx, w *wantedBinding) error {
	if free, err := a.free(t, w); err != nil || !free {
		return err // somebody of the same batch has it by now
	}
	k, err := a.db.binder(t, w.slot, byEvents)
	if err != nil {
		return err
	}
	k.automatic = true
	if _, err := k.set(w.Binding); err != nil {
		return err
	}
	moves := rebinding{user: w.User, account: w.Account}
	for more := true; more; {
		if more, err = k.rebind(&moves); err != nil {
			return err
		}
	}
	if len(k.changed) > 0 {
		a.wake = append(a.wake, w.slot.conn)
		t.done(func() { a.db.feed.publish(k.changed) })
	}
	return t.audit(k.now, byEvents, "binding set", w.slot.key.Tenant, w.slot.key.Name, w.User+" -> "+w.Account)
}
