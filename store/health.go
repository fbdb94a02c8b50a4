package store

import (
	"context"
	"maps"
	"slices"
)

// EachConnection shows every connection of tenants, or of all, by tenant and name: its key, its condition and what is wrong with it. All of
// that is in memory, so that ten thousand are gone through in a moment. What must be read is not there; see ConnectionsOf.
func (d *DB) EachConnection(ctx context.Context, tenants []string, show func(c *ConnectionInfo)) error {
	current := d.registry.current.Load()
	for _, t := range slices.Sorted(maps.Keys(current.byTenant)) {
		if len(tenants) > 0 && !slices.Contains(tenants, t) {
			continue
		}
		for _, s := range current.byTenant[t] {
			c := ConnectionInfo{Number: s.conn, Key: s.key, Condition: s.state.Load().condition}
			var err error
			if c.Problem, err = d.problem(ctx, s); err != nil {
				return err
			}
			show(&c)
		}
	}
	return nil
}

// ConnectionsOf reads connections by their numbers, and gives them by tenant and name.
func (d *DB) ConnectionsOf(ctx context.Context, numbers []int64) ([]ConnectionInfo, error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	w := where{}
	w.numbers(`c.n`, numbers)
	return d.connectionInfos(ctx, "read connections", w)
}
