package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"todosync/connector"
	"todosync/retry"
	"todosync/testdata"
)

// restLimit is how long the deliveries of the sample may take to come to rest.
const restLimit = time.Minute

// A report says what came of one round of the sample.
type report struct {
	Published   int                       `json:"published"`
	Accepted    int                       `json:"accepted"`
	Duplicates  int                       `json:"duplicates"`
	Rejected    int                       `json:"rejected"`
	Deliveries  []connectionReport        `json:"deliveries"`
	Told        []connector.Record        `json:"told"` // failed and held ones
	Rejects     []connector.RejectedEvent `json:"rejects"`
	SignOns     []signOnReport            `json:"signOns"`
	Differences []string                  `json:"differences"` // from what the sample expects
	AsExpected  bool                      `json:"asExpected"`
}

// A connectionReport counts the deliveries of one connection.
type connectionReport struct {
	Tenant     string                  `json:"tenant"`
	Connection string                  `json:"connection"`
	All        int                     `json:"all"`
	States     map[connector.State]int `json:"states"`
}

// check waits until everything has come to rest, gathers it and compares it with what is expected.
func (d *demo) check(ctx context.Context, p *played) (*report, error) {
	r := &report{Published: len(p.sample.events), Duplicates: p.refused, Differences: []string{}}
	records, err := d.atRest(ctx, p)
	if err != nil {
		return nil, err
	}
	rejects, err := d.rejects(ctx)
	if err != nil {
		return nil, err
	}
	r.count(records)
	for _, w := range p.sample.want {
		if w.Rejected != "" {
			r.expectReject(w, rejects[p.sequences[[2]string{w.Tenant, w.ID}]])
			continue
		}
		var page connector.Page[connector.EventStory]
		at := call{method: http.MethodGet, path: path("events"), query: url.Values{"tenant": {w.Tenant}, "id": {w.ID}}}
		if err := d.api.do(ctx, at, &page); err != nil {
			return nil, err
		}
		r.expectEvent(w, page.Items, records[[2]string{w.Tenant, w.ID}])
	}
	if err := d.signOns(ctx, r); err != nil {
		return nil, err
	}
	r.AsExpected = len(r.Differences) == 0
	return r, nil
}

// atRest waits until no delivery of the round is under way, and gives them by tenant and event.
func (d *demo) atRest(ctx context.Context, p *played) (map[[2]string][]connector.Record, error) {
	limited, cancel := context.WithTimeout(ctx, restLimit)
	defer cancel()
	out := map[[2]string][]connector.Record{}
	err := d.until(limited, func() (bool, error) {
		clear(out)
		q := url.Values{"from": {p.began.UTC().Format("2006-01-02T15:04:05.000Z")}}
		items, err := d.api.pages(limited, path("records"), q, &paging{limit: 1000, all: true})
		if err != nil {
			return false, err
		}
		for _, raw := range slices.Backward(items) {
			var r connector.Record
			if err := json.Unmarshal(raw, &r); err != nil {
				return false, fmt.Errorf("read the record: %w", err)
			}
			if !strings.HasSuffix(r.EventID, p.run) {
				continue
			}
			if !r.State.Final() && (r.State != connector.Held || r.Class != retry.Unbound) {
				return false, nil
			}
			key := [2]string{r.Tenant, r.EventID}
			out[key] = append(out[key], r)
		}
		return true, nil
	})
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return nil, &failure{msg: fmt.Sprintf("after %s there are still deliveries under way", restLimit), hint: "The log is " + d.logFile + "."}
	}
	return out, err
}

// rejects gives what was rejected, by its place in the stream.
func (d *demo) rejects(ctx context.Context) (map[uint64]connector.RejectedEvent, error) {
	out := map[uint64]connector.RejectedEvent{}
	items, err := d.api.pages(ctx, path("rejected"), url.Values{}, &paging{limit: 1000, all: true})
	for _, raw := range items {
		var r connector.RejectedEvent
		if err := json.Unmarshal(raw, &r); err != nil {
			return nil, fmt.Errorf("read the rejected event: %w", err)
		}
		out[r.Sequence] = r
	}
	return out, err
}

// count sums the deliveries up by connection.
func (r *report) count(records map[[2]string][]connector.Record) {
	lines := map[[2]string]*connectionReport{}
	for _, list := range records {
		for _, x := range list {
			key := [2]string{x.Tenant, x.Connection}
			l := lines[key]
			if l == nil {
				l = &connectionReport{Tenant: x.Tenant, Connection: x.Connection, States: map[connector.State]int{}}
				lines[key] = l
			}
			l.All++
			l.States[x.State]++
			if x.State == connector.Failed || x.State == connector.Held {
				r.Told = append(r.Told, x)
			}
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(lines), func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }) {
		r.Deliveries = append(r.Deliveries, *lines[key])
	}
	slices.SortFunc(r.Told, func(a, b connector.Record) int { return cmp.Compare(a.ID, b.ID) })
}

// differ notes a difference from what is expected of an event.
func (r *report) differ(w testdata.Expectation, format string, a ...any) {
	r.Differences = append(r.Differences, fmt.Sprintf("%s/%s (%s): ", w.Tenant, w.ID, w.Note)+fmt.Sprintf(format, a...))
}

func (r *report) expectReject(w testdata.Expectation, got connector.RejectedEvent) {
	if got.ID == "" {
		r.differ(w, "not rejected, want it rejected for %s", w.Rejected)
		return
	}
	r.Rejected++
	r.Rejects = append(r.Rejects, got)
	if !strings.Contains(got.Path+" "+got.Reason, w.Rejected) {
		r.differ(w, "rejected for %s: %s, want %s", got.Path, got.Reason, w.Rejected)
	}
}

func (r *report) expectEvent(w testdata.Expectation, stories []connector.EventStory, records []connector.Record) {
	if len(stories) != 1 {
		r.differ(w, "known %d times, want once", len(stories))
		return
	}
	r.Accepted++
	r.Duplicates += stories[0].Duplicates
	outcomes := map[string]connector.Outcome{}
	for _, c := range stories[0].Connections {
		outcomes[c.Connection] = c.Outcome
	}
	byConnection := map[string][]connector.Record{}
	for _, x := range records {
		byConnection[x.Connection] = append(byConnection[x.Connection], x)
		if _, wanted := w.Connections[x.Connection]; !wanted {
			r.differ(w, "%s has a %s for %s, want nothing there", x.Connection, x.Scene, x.Receiver)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.Connections)) {
		want := w.Connections[name]
		if string(outcomes[name]) != want.Outcome {
			r.differ(w, "outcome at %s is %q, want %q", name, outcomes[name], want.Outcome)
		}
		r.expectDeliveries(w, name, want.Deliveries, byConnection[name])
	}
}

// expectDeliveries compares deliveries; those of different receivers may have been planned in any order.
func (r *report) expectDeliveries(w testdata.Expectation, connection string, want []testdata.ExpectedDelivery, got []connector.Record) {
	slices.SortStableFunc(want, func(a, b testdata.ExpectedDelivery) int { return cmp.Compare(a.Receiver, b.Receiver) })
	slices.SortStableFunc(got, func(a, b connector.Record) int { return cmp.Compare(a.Receiver, b.Receiver) })
	if len(got) != len(want) {
		r.differ(w, "%d deliveries at %s, want %d", len(got), connection, len(want))
		return
	}
	for i, x := range want {
		g := got[i]
		have := testdata.ExpectedDelivery{Scene: string(g.Scene), Receiver: g.Receiver, State: string(g.State), Class: string(g.Class)}
		if have.Scene != x.Scene || have.Receiver != x.Receiver || have.State != x.State || have.Class != x.Class {
			r.differ(w, "%s: %s for %s is %s %s (%s), want %s for %s %s %s", connection, have.Scene, have.Receiver, have.State, have.Class,
				g.Message, x.Scene, x.Receiver, x.State, x.Class)
			continue
		}
		if x.Tries != 0 && g.Tries != x.Tries {
			r.differ(w, "%s: %s for %s took %d tries, want %d", connection, x.Scene, x.Receiver, g.Tries, x.Tries)
		}
		if x.Message != "" && !strings.Contains(g.Message, x.Message) {
			r.differ(w, "%s: %s for %s says %q, want %q in it", connection, x.Scene, x.Receiver, g.Message, x.Message)
		}
		if x.PossiblySentTwice && !g.PossiblySentTwice {
			r.differ(w, "%s: %s for %s is not marked as possibly sent twice", connection, x.Scene, x.Receiver)
		}
	}
}
