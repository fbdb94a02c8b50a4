package store

import (
	"errors"
	"slices"
	"strings"

	"todosync/connector"
)

// compile makes sure that all that was saved can be used, and all connections of tenants whose own settings were saved.
func (s *saving) compile() error {
	conns := slices.Clone(s.saved)
	for tenant := range s.tenants {
		err := s.tx.read(`SELECT n FROM connections WHERE tenant = ? AND deleted_ms IS NULL`, []any{tenant}, func(r row) error {
			conns = append(conns, r.num(0))
			return nil
		})
		if err != nil {
			return err
		}
	}
	slices.Sort(conns)
	conns = slices.Compact(conns)
	var left stranded
	for _, conn := range conns {
		settings, tenant, revision, err := s.tx.settings(conn)
		if err != nil {
			return err
		}
		c, t, err := settingsOf(settings, tenant)
		if err != nil {
			return err
		}
		if _, err := connector.Compile(conn, revision, c, t, s.db.cfg.Compile); err != nil {
			if slices.Contains(s.saved, conn) {
				return err
			}
			if !s.brokenBefore(conn) { // else it is not this save's fault
				left.add(c, err)
			}
		}
	}
	if err := left.err(); err != nil {
		return err
	}
	for _, conn := range s.saved {
		// A token that was refused is asked for again at once with the new settings.
		err := s.tx.change(`UPDATE connections SET token_refused_ms = NULL WHERE n = ? RETURNING `+connectionState, []any{conn},
			func(r row) error {
				s.slots = append(s.slots, slotOf(r))
				return nil
			})
		if err != nil {
			return err
		}
	}
	s.conns = conns
	return nil
}

// stranded gathers the connections that a tenant's new settings would leave unusable.
type stranded struct {
	names   []string
	details []connector.Detail
}

func (l *stranded) add(c *connector.Connection, err error) {
	l.names = append(l.names, c.Key().String())
	path := "connections." + c.Name
	e, ok := errors.AsType[*connector.Error](err)
	if !ok || len(e.Details) == 0 {
		l.details = append(l.details, connector.Detail{Path: path, Message: err.Error()})
		return
	}
	for _, d := range e.Details {
		l.details = append(l.details, connector.Detail{Path: path + "." + d.Path, Message: d.Message})
	}
}

func (l *stranded) err() error {
	if len(l.names) == 0 {
		return nil
	}
	return &connector.Error{
		Kind: connector.Invalid, Op: "save tenant", Msg: "with these settings of the tenant, connections cannot be used: " + strings.Join(l.names, ", "),
		Hint: "leave in the tenant's file what they use, or change them together with it", Details: l.details,
	}
}

func (s *saving) brokenBefore(conn int64) bool {
	slot := s.db.registry.current.Load().byNumber[conn]
	return slot != nil && slot.state.Load().err != nil
}
