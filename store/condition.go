package store

import (
	"slices"
	"strings"

	"todosync/connector"
)

// A ConnectionCondition is what holds a connection now, as far as this process knows it.
type ConnectionCondition struct {
	Key       connector.ConnectionKey
	Condition connector.Condition
	Broken    bool // it was tried, and cannot be used as this process was started
}

// Conditions gives what holds each connection, sorted by tenant and name. It reads nothing from the database: it may be asked at any
// time, also while that is away.
func (d *DB) Conditions() []ConnectionCondition {
	current := d.registry.current.Load()
	out := make([]ConnectionCondition, 0, len(current.byNumber))
	for _, s := range current.byNumber {
		state := s.state.Load()
		out = append(out, ConnectionCondition{Key: s.key, Condition: state.condition, Broken: state.err != nil})
	}
	slices.SortFunc(out, func(a, b ConnectionCondition) int {
		if c := strings.Compare(a.Key.Tenant, b.Key.Tenant); c != 0 {
			return c
		}
		return strings.Compare(a.Key.Name, b.Key.Name)
	})
	return out
}
