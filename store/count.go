package store

import (
	"strings"

	"todosync/connector"
)

// countEnd counts what became of a message. Neighbours of one sort share an entry: a batch is mostly of one.
func (a *acceptance) countEnd(tenant string, kind connector.Kind, action connector.Action, end string) {
	ends := a.result.Ends
	if last := len(ends) - 1; last >= 0 {
		if e := &ends[last]; e.Tenant == tenant && e.Kind == kind && e.Action == action && e.End == end {
			e.Count++
			return
		}
	}
	a.result.Ends = append(ends, connector.EventCount{Tenant: tenant, Kind: kind, Action: action, End: end, Count: 1})
}

// countState counts the state that planning gave a delivery.
func (a *acceptance) countState(d *connector.Delivery) {
	if d.State.Final() {
		if a.tallies == nil {
			a.tallies = map[int64]*tally{}
		}
		t := a.tallies[d.Conn]
		if t == nil {
			t = &tally{}
			a.tallies[d.Conn] = t
		}
		if d.State == connector.Failed {
			t.failed(string(d.Class), d.Code, 0)
		} else {
			t.of(string(d.State)).count++
		}
	}
	states := a.result.States
	if last := len(states) - 1; last >= 0 {
		if e := &states[last]; e.Key == d.Key && e.Scene == d.Scene && e.State == d.State {
			e.Count++
			return
		}
	}
	a.result.States = append(states, connector.DeliveryCount{Key: d.Key, Scene: d.Scene, State: d.State, Count: 1})
}

// sortOf reads tenant, kind and action from a subject, as far as they are what they should be.
func sortOf(subject string) (tenant string, kind connector.Kind, action connector.Action) {
	parts := strings.Split(subject, ".")
	if len(parts) != 4 || !connector.ValidTenant(parts[1]) {
		return "", "", ""
	}
	tenant = parts[1]
	switch k := connector.Kind(parts[2]); k {
	case connector.KindTodo, connector.KindReminder, connector.KindMessage:
		kind = k
	}
	switch a := connector.Action(parts[3]); a {
	case connector.ActionCreate, connector.ActionEdit, connector.ActionDelete:
		action = a
	}
	return tenant, kind, action
}
