package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"time"
)

// searchMeasures are how long a search for records takes with very many of them.
func searchMeasures() []measure {
	return []measure{{
		key: "search", once: true, when: func(s sizes) bool { return s.EveryRow },
		run: func(ctx context.Context, b *bench) (result, error) { return b.search(ctx) },
	}}
}

const (
	searchLooks = 15 // how often each filter is asked for, with other values
	searchDeep  = 10 // pages of one search that are read behind its first
	pairLooks   = 5  // how often each pair of filters is asked for
	slowestTold = 5
)

// search asks for records by each filter alone, with other values each time, and by each pair of filters; and it goes on to deeper pages, which
// count as much as the first: a search that stops early must not only put off what it has to do.
func (b *bench) search(ctx context.Context) (r result, err error) {
	dir, err := b.big(ctx)
	if err != nil {
		return r, err
	}
	p, err := b.serve(ctx, dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	took := map[string][]float64{}
	ask := func(name string, query url.Values, pages int) error {
		for page := range pages {
			var got struct {
				Next string `json:"next"`
			}
			start := time.Now()
			if err := p.get(ctx, "/api/v1/records?"+query.Encode(), &got); err != nil {
				return fmt.Errorf("search by %s: %w", name, err)
			}
			which := name
			if page > 0 {
				which += ", deeper"
			}
			took[which] = append(took[which], time.Since(start).Seconds()*1000)
			if got.Next == "" {
				break
			}
			query.Set("cursor", got.Next)
		}
		return nil
	}
	for _, s := range searches(b.sizes) {
		for i := range searchLooks {
			pages := 1
			if i == 0 {
				pages += searchDeep
			}
			if err := ask(s.name, s.values(), pages); err != nil {
				return r, err
			}
		}
	}
	one := filters(b.sizes)
	for i, a := range one {
		for _, c := range one[i+1:] {
			for range pairLooks {
				query := a.values()
				maps.Copy(query, c.values())
				if err := ask(a.name+" and "+c.name, query, 2); err != nil {
					return r, err
				}
			}
		}
	}
	var all []float64
	medians := map[string]float64{}
	for name, ms := range took {
		all = append(all, ms...)
		medians[name] = median(ms)
	}
	for _, s := range searches(b.sizes) {
		r.set("p50 "+s.name, medians[s.name])
	}
	slowest := slices.SortedFunc(maps.Keys(medians), func(a, c string) int { return int(1000 * (medians[c] - medians[a])) })
	r.set("searchP50", median(all))
	r.set("searchP99", percentile(all, 0.99))
	r.set("worstP50", medians[slowest[0]])
	r.set("kinds", float64(len(medians)))
	for _, name := range slowest[:min(slowestTold, len(slowest))] {
		b.say("    among the slowest: %s, %s ms at the median of %d", name, short(medians[name]), len(took[name]))
	}
	return r, nil
}

// A search is a filter of the records, or several, with other values each time.
type search struct {
	name   string
	values func() url.Values
}

// query gives parameters as pairs of name and value.
func query(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

func (s sizes) someTenant() string { return tenantName(rand.IntN(s.Connections)) } //nolint:gosec // any will do

func (s sizes) someRecord() int { return rand.IntN(s.Records) } //nolint:gosec // as above

func (s sizes) someReceiver() string { return fmt.Sprintf("user%d", s.someRecord()%usersPerTenant) }

func daysAgo(n int) string { return time.Now().AddDate(0, 0, -n).UTC().Format(time.RFC3339) }

// filters are all that a search takes, one by one, with values that many records have.
func filters(s sizes) []search {
	return []search{
		{"tenant", func() url.Values { return query("tenant", s.someTenant()) }},
		{"connection", func() url.Values { return query("connection", connectionName) }},
		{"scene", func() url.Values { return query("scene", "edit") }},
		{"state", func() url.Values { return query("state", "failed") }},
		{"class", func() url.Values { return query("class", "business") }},
		{"todo", func() url.Values { return query("todo", fmt.Sprintf("old%021d", s.someRecord())) }},
		{"receiver", func() url.Values { return query("receiver", s.someReceiver()) }},
		{"event", func() url.Values { return query("event", fmt.Sprintf("old-%08d", s.someRecord())) }},
		{"from", func() url.Values { return query("from", daysAgo(20)) }},
		{"to", func() url.Values { return query("to", daysAgo(10)) }},
		{"q", func() url.Values { return query("q", "报价单") }},
	}
}

// searches are what people look for, also what there is little or nothing of.
func searches(s sizes) []search {
	return append(filters(s),
		search{"nothing", func() url.Values { return query() }},
		search{"a tenant's connection", func() url.Values { return query("tenant", s.someTenant(), "connection", connectionName) }},
		search{"rare scene", func() url.Values { return query("scene", "delete") }},
		search{"succeeded of a tenant", func() url.Values { return query("tenant", s.someTenant(), "state", "succeeded") }},
		search{"superseded of a tenant", func() url.Values { return query("tenant", s.someTenant(), "state", "superseded") }},
		search{"retrying", func() url.Values { return query("state", "retrying") }},
		search{"rare class", func() url.Values { return query("class", "timeout") }},
		search{"receiver, failed", func() url.Values { return query("receiver", s.someReceiver(), "state", "failed") }},
		search{"a day", func() url.Values { return query("from", daysAgo(9), "to", daysAgo(8)) }},
		search{"rare text", func() url.Values { return query("q", fmt.Sprintf("Q-%d", s.someRecord())) }},
		search{"rare text of all times", func() url.Values { return query("q", fmt.Sprintf("Q-%d", s.someRecord()), "from", daysAgo(60)) }},
		search{"text that is nowhere", func() url.Values { return query("q", "没有这样的", "from", daysAgo(60)) }},
		search{"text, tenant, failed", func() url.Values { return query("q", "账号", "tenant", s.someTenant(), "state", "failed") }},
	)
}
