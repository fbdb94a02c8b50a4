package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"todosync/connector"
	"todosync/retry"
)

type statsQuery struct {
	Tenant     string `query:"tenant"`
	Connection string `query:"connection"`
	From       string `query:"from" doc:"numbers over time from then on; a day before to where only that or a step is given"`
	To         string `query:"to" doc:"now where it is not given"`
	Step       string `query:"step" doc:"how long a bucket is: 1m, 10m, 1h, 1d; longer where so fine numbers are not kept any more. Chosen by the span where it is not given" example:"10m"`
	Most       int    `query:"most" minimum:"0" maximum:"10000" doc:"tell only so many connections: those where most waits, and in the series those where most failed; all where it is not given"`
}

type statsView struct {
	Stats
	Oldest Time        `json:"oldestWaiting"`
	Series *SeriesView `json:"series,omitempty" doc:"numbers over time, where from, to or step is given"`
}

// A SeriesView is a Series as the API tells it: with a bucket for every step.
type SeriesView struct {
	From        Time                `json:"from"`
	To          Time                `json:"to"`
	Step        string              `json:"step"`
	Totals      Numbers             `json:"totals"`
	SuccessRate *float64            `json:"successRate" doc:"share of what succeeded in what succeeded or failed, 0 to 1; null where nothing did"`
	Buckets     []Bucket            `json:"buckets"`
	Connections []ConnectionNumbers `json:"connections"`
	Causes      []FailureCause      `json:"causes" doc:"why deliveries failed for good, the 20 most frequent causes"`
}

// bucketsMost is how many buckets an answer has at most, and bucketsSome about how many where no step is asked for.
const (
	bucketsMost = 2000
	bucketsSome = 180
)

func (a *API) statsRoutes() {
	handle(a, route{
		method: http.MethodGet, path: "/stats", id: "getStats", summary: "Counts of deliveries, what waits, and numbers over time", need: View,
	}, func(ctx context.Context, in *statsQuery) (*one[statsView], error) {
		span, err := a.span(in)
		if err != nil {
			return nil, err
		}
		out := &one[statsView]{}
		tenants, some := narrow(ctx, words(in.Tenant))
		which := ConnectionFilter{Tenants: tenants, Names: words(in.Connection)}
		if some {
			s, err := a.Stats.Stats(ctx, which)
			if err != nil {
				return nil, err
			}
			if in.Most > 0 {
				s.Connections = first(s.Connections, in.Most, func(c *ConnectionStats) int64 { return waitingOf(c.States) })
			}
			out.Body = statsView{Stats: s, Oldest: timeOf(s.Oldest)}
		}
		if out.Body.States == nil {
			out.Body.States = map[connector.State]int64{}
		}
		if out.Body.Connections == nil {
			out.Body.Connections = []ConnectionStats{}
		}
		if span.Step == 0 {
			return out, nil
		}
		span.ConnectionFilter = which
		got := Series{Step: span.Step}
		if some {
			if got, err = a.Stats.Series(ctx, span); err != nil {
				return nil, err
			}
		}
		if in.Most > 0 {
			got.Connections = first(got.Connections, in.Most, func(c *ConnectionNumbers) int64 { return c.States[connector.Failed] })
		}
		out.Body.Series = seriesView(&span, &got)
		return out, nil
	})
}

// first are those of which there is most, in the order that they have where it is as much.
func first[T any](all []T, most int, of func(*T) int64) []T {
	slices.SortStableFunc(all, func(a, b T) int { return cmp.Compare(of(&b), of(&a)) })
	return all[:min(len(all), most)]
}

// waitingOf is how many deliveries are not final.
func waitingOf(states map[connector.State]int64) (n int64) {
	for s, count := range states {
		if !s.Final() {
			n += count
		}
	}
	return n
}

// span reads for which time numbers are asked. Its step is 0 where none are.
func (a *API) span(in *statsQuery) (f SeriesFilter, err error) {
	if in.From == "" && in.To == "" && in.Step == "" {
		return f, nil
	}
	if f.From, err = instant("from", in.From); err != nil {
		return f, err
	}
	if f.To, err = instant("to", in.To); err != nil {
		return f, err
	}
	if f.To.IsZero() {
		f.To = a.Now()
	}
	if f.From.IsZero() {
		f.From = f.To.Add(-24 * time.Hour)
	}
	if !f.From.Before(f.To) {
		return f, invalid("from", "want a time before to")
	}
	if f.From.Year() < 1970 {
		return f, invalid("from", "want a time from 1970 on")
	}
	f.Step, err = readStep(in.Step, f.To.Sub(f.From))
	return f, err
}

// readStep reads the length of a bucket, or chooses it by the span.
func readStep(s string, span time.Duration) (time.Duration, error) {
	if s == "" {
		steps := []time.Duration{
			time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
		}
		for _, step := range steps {
			if span <= step*bucketsSome {
				return step, nil
			}
		}
		days := span/(24*time.Hour)/bucketsSome + 1
		return days * 24 * time.Hour, nil
	}
	var step time.Duration
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 1 || n > 366 {
			return 0, invalid("step", fmt.Sprintf("%q is not a length such as 1m, 10m, 1h, 1d", s))
		}
		step = time.Duration(n) * 24 * time.Hour
	} else {
		var err error
		if step, err = time.ParseDuration(s); err != nil {
			return 0, invalid("step", fmt.Sprintf("%q is not a length such as 1m, 10m, 1h, 1d", s))
		}
	}
	switch {
	case step < time.Minute || step%time.Minute != 0:
		return 0, invalid("step", "want whole minutes, 1m or more")
	case span/step >= bucketsMost:
		return 0, invalid("step", fmt.Sprintf("that would be more than %d buckets; take a longer step or a shorter span", bucketsMost))
	}
	return step, nil
}

// seriesView fills in the steps in which nothing happened.
func seriesView(f *SeriesFilter, s *Series) *SeriesView {
	from := stepOf(f.From, s.Step)
	out := &SeriesView{
		From: Time(from), To: Time(f.To), Step: stepText(s.Step), Totals: s.Totals, Buckets: []Bucket{},
		Connections: s.Connections, Causes: s.Causes,
	}
	out.Totals.fill()
	if out.Connections == nil {
		out.Connections = []ConnectionNumbers{}
	}
	if out.Causes == nil {
		out.Causes = []FailureCause{}
	}
	good, bad := s.Totals.States[connector.Succeeded], s.Totals.States[connector.Failed]
	if good+bad > 0 {
		rate := float64(good) / float64(good+bad)
		out.SuccessRate = &rate
	}
	have := map[int64]*Bucket{}
	for i := range s.Buckets {
		have[time.Time(s.Buckets[i].At).UnixMilli()] = &s.Buckets[i]
	}
	for at := from; at.Before(f.To); at = at.Add(s.Step) {
		b := Bucket{At: Time(at)}
		if h := have[at.UnixMilli()]; h != nil {
			b = *h
		}
		b.fill()
		out.Buckets = append(out.Buckets, b)
	}
	return out
}

// stepOf is the beginning of the step that a time lies in.
func stepOf(t time.Time, step time.Duration) time.Time {
	ms := t.UnixMilli()
	return time.UnixMilli(ms - ms%step.Milliseconds()).UTC()
}

// stepText is a step as it is read.
func stepText(step time.Duration) string {
	switch {
	case step%(24*time.Hour) == 0:
		return strconv.Itoa(int(step/(24*time.Hour))) + "d"
	case step%time.Hour == 0:
		return strconv.Itoa(int(step/time.Hour)) + "h"
	}
	return strconv.Itoa(int(step/time.Minute)) + "m"
}

// fill has maps be {} and not null.
func (n *Numbers) fill() {
	if n.States == nil {
		n.States = map[connector.State]int64{}
	}
	if n.Tries == nil {
		n.Tries = map[retry.Class]int64{}
	}
}
