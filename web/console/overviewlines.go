package console

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"

	"todosync/connector"
	"todosync/web/api"
)

// sums are how many connections there are, as the API tells them.
type sums struct {
	Connections int                   `json:"connections"`
	Health      map[string]int        `json:"health"`
	Tenants     []string              `json:"tenants"`
	Names       []string              `json:"names"`
	Worst       []api.ConnectionState `json:"worst"`
}

// tell finds the connections that need somebody first, then those where most failed or waits, however many there are: the API counts them,
// and only those few that are shown are read.
func (o *overview) tell(v *visit, narrowed url.Values) error {
	var all sums
	ask := url.Values{"worst": {strconv.Itoa(overviewLines)}}
	choose(ask, narrowed)
	if err := v.api.get(v.ctx(), "/connections/summary", ask, &all); err != nil {
		return err
	}
	o.Health, o.Tenants, o.Names, o.Fresh = all.Health, all.Tenants, all.Names, all.Connections == 0
	if len(narrowed) > 0 { // the tenants to choose among are all of them
		var whole sums
		if err := v.api.get(v.ctx(), "/connections/summary", url.Values{"worst": {"0"}}, &whole); err != nil {
			return err
		}
		o.Tenants, o.Fresh = whole.Tenants, whole.Connections == 0
	}
	if all.Connections == 0 {
		return nil
	}
	told, err := o.candidates(v, narrowed, all.Worst)
	if err != nil {
		return err
	}
	numbers := map[connector.ConnectionKey]api.ConnectionNumbers{}
	for _, n := range o.Stats.Series.Connections {
		numbers[connector.ConnectionKey{Tenant: n.Tenant, Name: n.Connection}] = n
	}
	for i := range told {
		o.Connections = append(o.Connections, overviewLine{ConnectionState: told[i], Numbers: numbers[keyOf(&told[i])]})
	}
	slices.SortStableFunc(o.Connections, func(a, b overviewLine) int {
		return cmp.Or(api.Urgency(a.HeldFor)-api.Urgency(b.HeldFor), cmp.Compare(b.Numbers.States[connector.Failed], a.Numbers.States[connector.Failed]), cmp.Compare(b.Waiting, a.Waiting))
	})
	o.Connections = o.Connections[:min(len(o.Connections), overviewLines)]
	o.Others = all.Connections - len(o.Connections)
	for i := range o.Connections {
		if held := o.Connections[i].HeldFor; held != "" && held != "disabled" {
			o.Silent = append(o.Silent, o.Connections[i])
		}
	}
	return nil
}

// choose narrows what is asked for as the page is.
func choose(ask, narrowed url.Values) {
	for name := range narrowed {
		ask.Set(name, narrowed.Get(name))
	}
}

// candidates are the connections among which are those that the overview tells: the worst, those where most failed or waits, and the first.
func (o *overview) candidates(v *visit, narrowed url.Values, worst []api.ConnectionState) ([]api.ConnectionState, error) {
	out := slices.Clone(worst)
	known := map[connector.ConnectionKey]bool{}
	for i := range worst {
		known[keyOf(&worst[i])] = true
	}
	wanted, tenants, names := map[connector.ConnectionKey]bool{}, map[string]bool{}, map[string]bool{}
	want := func(tenant, name string) {
		if k := (connector.ConnectionKey{Tenant: tenant, Name: name}); !known[k] {
			wanted[k], tenants[tenant], names[name] = true, true, true
		}
	}
	for _, n := range o.Stats.Series.Connections {
		want(n.Tenant, n.Connection)
	}
	for _, n := range o.Stats.Connections {
		want(n.Tenant, n.Connection)
	}
	add := func(ask url.Values, wants func(*api.ConnectionState) bool) error {
		var page list[api.ConnectionState]
		if err := v.api.get(v.ctx(), "/connections", ask, &page); err != nil {
			return err
		}
		for i := range page.Items {
			if s := &page.Items[i]; !known[keyOf(s)] && wants(s) {
				known[keyOf(s)], out = true, append(out, *s)
			}
		}
		return nil
	}
	if len(tenants) > 0 {
		ask := url.Values{"tenant": {commas(keysOf(tenants))}, "connection": {commas(keysOf(names))}, "limit": {"1000"}}
		if err := add(ask, func(s *api.ConnectionState) bool { return wanted[keyOf(s)] }); err != nil {
			return nil, err
		}
	}
	if len(out) >= overviewLines {
		return out, nil
	}
	first := url.Values{"limit": {strconv.Itoa(overviewLines)}}
	choose(first, narrowed)
	return out, add(first, func(*api.ConnectionState) bool { return len(out) < overviewLines })
}

// keysOf are the members of a set in their order.
func keysOf(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for name := range set {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
