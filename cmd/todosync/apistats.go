package main

import (
	"context"
	"slices"
	"time"

	"todosync/connector"
	"todosync/retry"
	"todosync/store"
	"todosync/web/api"
)

// Stats implements api.Statistics.
func (p ports) Stats(ctx context.Context, f api.ConnectionFilter) (api.Stats, error) {
	out := api.Stats{States: map[connector.State]int64{}}
	// Events are counted before their deliveries: who reads that so many came and nothing waits may rely on it that these have ended.
	var err error
	if len(f.Tenants) > 0 {
		out.Events, out.Rejected, err = p.db.RememberedOf(ctx, f.Tenants)
	} else {
		out.Events, out.Rejected, err = p.db.Remembered(ctx)
	}
	if err != nil {
		return out, err
	}
	counts, err := p.db.Counts(ctx, f.Tenants)
	if err != nil {
		return out, err
	}
	var last connector.ConnectionKey
	for _, c := range counts { // by connection
		if len(f.Names) > 0 && !slices.Contains(f.Names, c.Key.Name) {
			continue
		}
		if c.Key != last {
			last = c.Key
			out.Connections = append(out.Connections, api.ConnectionStats{
				Tenant: c.Key.Tenant, Connection: c.Key.Name, States: map[connector.State]int64{},
			})
		}
		out.Connections[len(out.Connections)-1].States[c.State] = c.Count
		out.States[c.State] += c.Count
		if !c.State.Final() {
			out.Waiting += c.Count
			if out.Oldest == nil || c.Oldest.Before(*out.Oldest) {
				out.Oldest = &c.Oldest
			}
		}
	}
	return out, nil
}

// Series implements api.Statistics.
func (p ports) Series(ctx context.Context, f api.SeriesFilter) (api.Series, error) {
	finest := store.FinestStep(f.From, time.Now())
	step := (f.Step + finest - 1) / finest * finest
	from := f.From.UnixMilli()
	got, err := p.db.Series(ctx, store.SeriesFilter{
		Tenants: f.Tenants, Connections: f.Names, From: time.UnixMilli(from - from%step.Milliseconds()), To: f.To, Step: step,
	})
	out := api.Series{Step: step, Totals: api.Numbers{States: map[connector.State]int64{}, Tries: map[retry.Class]int64{}}}
	if err != nil {
		return out, err
	}
	within := make([]int64, len(store.Delays())+1)
	for i := range got.Points {
		n := &got.Points[i]
		b := api.Bucket{At: api.Time(n.At), Numbers: api.Numbers{
			Events: n.Accepted, Duplicates: n.Duplicates, Rejected: n.Rejected, States: n.Ends, Tries: n.Tries,
			P50: quantile(n.Within, .5), P99: quantile(n.Within, .99),
		}}
		if n.Waiting >= 0 {
			b.Waiting = &n.Waiting
		}
		out.Buckets = append(out.Buckets, b)
		t := &out.Totals
		t.Events, t.Duplicates, t.Rejected = t.Events+n.Accepted, t.Duplicates+n.Duplicates, t.Rejected+n.Rejected
		for s, count := range n.Ends {
			t.States[s] += count
		}
		for c, count := range n.Tries {
			t.Tries[c] += count
		}
		for j, count := range n.Within {
			within[j] += count
		}
	}
	out.Totals.P50, out.Totals.P99 = quantile(within, .5), quantile(within, .99)
	for _, c := range got.Connections {
		out.Connections = append(out.Connections, api.ConnectionNumbers{
			Tenant: c.Key.Tenant, Connection: c.Key.Name, States: c.Ends, P50: quantile(c.Within, .5), P99: quantile(c.Within, .99),
		})
	}
	for _, c := range got.Causes {
		out.Causes = append(out.Causes, api.FailureCause(c))
	}
	return out, nil
}

// quantile is a share of delays in milliseconds.
func quantile(within []int64, share float64) int64 {
	return store.Quantile(within, share).Milliseconds()
}
