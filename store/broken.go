package store

import (
	"context"
	"errors"
	"slices"
	"strings"

	"todosync/connector"
)

// Broken gives the connections that cannot be used as the server was started: an environment variable or the public address that
// they need is not there any more. Each connection is looked at once until something of it changes; programs of those that nobody
// uses are not kept.
func (d *DB) Broken(ctx context.Context) ([]connector.ConnectionKey, error) {
	var out []connector.ConnectionKey
	for _, s := range d.registry.current.Load().byNumber {
		problem, err := d.problem(ctx, s)
		if err != nil {
			return nil, err
		}
		if problem != "" {
			out = append(out, s.key)
		}
	}
	slices.SortFunc(out, func(a, b connector.ConnectionKey) int { return strings.Compare(a.String(), b.String()) })
	return out, nil
}

// problem says why a connection cannot be used; empty: it can.
func (d *DB) problem(ctx context.Context, s *slot) (string, error) {
	st := s.state.Load()
	if st.program == nil && st.err == nil && !st.checked {
		settings, tenant, revision, err := d.source(ctx, s.conn)
		if err != nil {
			return "", failed("read connection", err)
		}
		_, planning, why := d.registry.make(s, settings, tenant, revision)
		d.registry.change(s.conn, func(now *slotState) {
			if now.revision == revision && now.program == nil && now.err == nil {
				now.checked, now.err = true, why
				if why != nil && planning != nil {
					now.planning = planning.WithCondition(now.condition)
				}
			}
		})
		return problemText(why), nil
	}
	return problemText(st.err), nil
}

// problemText is what is wrong with a connection, for people.
func problemText(err error) string {
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*connector.Error](err)
	if !ok || len(e.Details) == 0 {
		return err.Error()
	}
	parts := make([]string, len(e.Details))
	for i, d := range e.Details {
		parts[i] = d.Path + ": " + d.Message
	}
	return strings.Join(parts, "; ")
}
