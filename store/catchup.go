package store

import (
	"context"
	"slices"
	"sync/atomic"
)

// What changes of a tenant, as the table changes keeps it.
const (
	changedConnections = "connections" // their settings, conditions, or that they are there at all
	changedTenant      = "tenant"      // its own settings
	changedSecrets     = "secrets"
	changedBindings    = "bindings"
)

// A freshness says how far what is in memory has followed the changes that processes make to the settings. A transaction in which
// it is behind does nothing but catch up: so no event is planned and no delivery claimed with an old revision.
type freshness struct {
	number atomic.Int64
}

// changed notes that what other processes keep of a tenant in memory is old from this commit on. The operation must reach everything. In
// SQLite there are no other processes.
func (d *DB) changed(t *tx, tenant, what string) error {
	if !d.postgres() {
		return nil
	}
	var number int64
	const next = `UPDATE numbers SET last = last + 1 WHERE name = 'changes' RETURNING last`
	err := t.later(next, nil, func(r row) error { number = r.num(0); return nil })
	if err != nil {
		return err
	}
	t.done(func() { d.fresh.number.Store(number) })
	return t.run(`INSERT INTO changes (tenant, what, number) SELECT ?, ?, last FROM numbers WHERE name = 'changes'
		ON CONFLICT (tenant, what) DO UPDATE SET number = excluded.number`, tenant, what)
}

// Refresh takes over what other processes have changed. Every write does so by itself; whoever hears that something has
// changed calls it to have it at once.
func (d *DB) Refresh(ctx context.Context) error {
	if !d.postgres() {
		return nil
	}
	return d.writer.within(ctx, "take over changes", func() reach { return reach{} }, func(*tx) error { return nil })
}

// catchUp reads what has changed since, in a transaction of its own. The leader of the writer calls it.
func (d *DB) catchUp(s *postgresSession) error {
	known := d.fresh.number.Load()
	var last int64
	type change struct{ tenant, what string }
	var changes []change
	bySlot := map[string][]*slot{}
	err := s.open(reach{})
	if err == nil {
		err = s.later(`SELECT last FROM numbers WHERE name = 'changes'`, nil, func(r row) error { last = r.num(0); return nil })
	}
	if err == nil {
		err = s.rows(`SELECT tenant, what FROM changes WHERE number > ?`, []any{known}, func(r row) error {
			tenant := r.text(0)
			if r.text(1) == changedErased {
				tenant = d.registry.erased(tenant)
			}
			changes = append(changes, change{tenant, r.text(1)})
			bySlot[tenant] = nil
			return nil
		})
	}
	for tenant := range bySlot {
		if err != nil {
			break
		}
		err = s.later(`SELECT `+connectionState+` FROM connections WHERE tenant = ? AND deleted_ms IS NULL`, []any{tenant},
			func(r row) error {
				bySlot[tenant] = append(bySlot[tenant], slotOf(r))
				return nil
			})
	}
	if err != nil {
		s.rollback()
		return err
	}
	if err := s.commit(); err != nil {
		return err
	}
	var wake []int64
	for tenant, slots := range bySlot {
		wake = append(wake, d.registry.follow(tenant, slots)...)
	}
	for _, c := range changes {
		switch c.what {
		case changedErased:
			d.secrets.forget()
		case changedSecrets:
			d.secrets.forget()
			d.registry.renew(c.tenant)
		case changedTenant:
			d.registry.renew(c.tenant)
		case changedBindings:
			clear(d.hot.bindings)
			d.hot.rebinds++
		}
	}
	d.fresh.number.Store(last)
	if tell := d.cfg.Followed; tell != nil && len(wake) > 0 {
		slices.Sort(wake)
		tell(slices.Compact(wake))
	}
	return nil
}

// erased is the tenant, of those whose connections are known here, whom the name of an erased one stands for.
func (r *registry) erased(name string) string {
	for tenant := range r.current.Load().byTenant {
		if erasedName(tenant) == name {
			return tenant
		}
	}
	return name
}

// follow makes the slots of a tenant those that are given, as they were read, and names all that are or were there.
func (r *registry) follow(tenant string, slots []*slot) []int64 {
	var all, gone []int64
	now := r.current.Load()
	var fresh []*slot
	for _, s := range slots {
		all = append(all, s.conn)
		have := now.byNumber[s.conn]
		read := s.state.Load()
		if have == nil || have.key != s.key || have.state.Load().revision != read.revision {
			fresh = append(fresh, s)
			continue
		}
		r.change(s.conn, func(s *slotState) { s.condition = read.condition })
	}
	for _, s := range now.byTenant[tenant] {
		if !slices.Contains(all, s.conn) {
			gone = append(gone, s.conn)
		}
	}
	if len(fresh)+len(gone) > 0 {
		r.put(fresh, gone)
	}
	return append(all, gone...)
}
