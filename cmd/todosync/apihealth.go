package main

import (
	"cmp"
	"context"
	"slices"
	"time"

	"todosync/connector"
	"todosync/store"
	"todosync/web/api"
)

// A held is a connection that sends nothing, as it is found among very many.
type held struct {
	number int64
	key    connector.ConnectionKey
	reason string
	since  time.Time
}

// ConnectionSums implements api.Connections.
func (p ports) ConnectionSums(ctx context.Context, f api.ConnectionFilter, worst int) (api.ConnectionSums, error) {
	out := api.ConnectionSums{Health: map[string]int{}, Worst: []api.ConnectionState{}}
	names := map[string]bool{}
	var ill []held
	err := p.db.EachConnection(ctx, f.Tenants, func(c *store.ConnectionInfo) {
		if n := len(out.Tenants); n < api.NamesMost && (n == 0 || out.Tenants[n-1] != c.Key.Tenant) { // they come in their order
			out.Tenants = append(out.Tenants, c.Key.Tenant)
		}
		names[c.Key.Name] = true
		if len(f.Names) > 0 && !slices.Contains(f.Names, c.Key.Name) {
			return
		}
		s := connectionState(c)
		out.Connections++
		out.Health[cmp.Or(s.HeldFor, api.HealthUp)]++
		if s.HeldFor == "" || worst == 0 {
			return
		}
		h := held{number: c.Number, key: c.Key, reason: s.HeldFor}
		if s.HeldSince != nil {
			h.since = *s.HeldSince
		}
		ill = append(ill, h)
	})
	if err != nil {
		return out, err
	}
	out.Names = firstNames(names)
	slices.SortFunc(ill, func(a, b held) int {
		return cmp.Or(api.Urgency(a.reason)-api.Urgency(b.reason), a.since.Compare(b.since), cmp.Compare(a.key.Tenant, b.key.Tenant), cmp.Compare(a.key.Name, b.key.Name))
	})
	ill = ill[:min(len(ill), worst)]
	numbers := make([]int64, len(ill))
	for i := range ill {
		numbers[i] = ill[i].number
	}
	found, err := p.db.ConnectionsOf(ctx, numbers)
	if err != nil {
		return out, err
	}
	for _, number := range numbers { // one that was deleted meanwhile is not there
		if i := slices.IndexFunc(found, func(c store.ConnectionInfo) bool { return c.Number == number }); i >= 0 {
			out.Worst = append(out.Worst, connectionState(&found[i]))
		}
	}
	return out, nil
}

// firstNames are the first names of a set in their order; nobody chooses among more of them from a list.
func firstNames(set map[string]bool) []string {
	all := make([]string, 0, len(set))
	for name := range set {
		all = append(all, name)
	}
	slices.Sort(all)
	return all[:min(len(all), api.NamesMost)]
}
