package store

import (
	"context"
	"slices"
	"sync"

	"todosync/connector"
)

// glancesMost is how many records are kept for watchers.
const glancesMost = 4000

// glances are records as they were when they were last read for a watcher. Hundreds may watch, and each change is read once for all of them.
type glances struct {
	mu    sync.Mutex // guards what follows; held while records are read, so that nobody else reads them meanwhile
	by    map[int64]glance
	reads int // statements so far
}

// A glance is a record as it is after all changes before a place in the feed.
type glance struct {
	record    *connector.Record // nil: it is gone
	receivers []string
	at        uint64
}

// forget lets all go.
func (g *glances) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.by = nil
}

// glance gives records by their numbers as they are after all changes before a place in the feed. Who gets them must not change them.
func (d *DB) glance(ctx context.Context, op string, numbers []int64, at uint64) ([]glance, error) {
	g := &d.glances
	g.mu.Lock()
	defer g.mu.Unlock()
	var unread []int64
	for _, n := range numbers {
		if known, ok := g.by[n]; !ok || known.at < at {
			unread = append(unread, n)
		}
	}
	if len(g.by)+len(unread) > glancesMost {
		g.by, unread = nil, numbers
	}
	if g.by == nil {
		g.by = map[int64]glance{}
	}
	if len(unread) > 0 {
		now, _ := d.feed.state() // before the read begins, which sees at least that
		var rows []storedRecord
		err := d.reading(ctx, op, func(q *reader) (err error) {
			rows, err = storedRecords(q, unread)
			return err
		})
		if err != nil {
			return nil, err
		}
		g.reads++
		for _, n := range unread {
			g.by[n] = glance{at: now}
		}
		for i := range rows {
			r, err := d.record(&rows[i])
			if err != nil {
				return nil, err
			}
			who, err := recipientsOf(rows[i].Receivers)
			if err != nil {
				return nil, err
			}
			seen := glance{record: &r, at: now}
			for _, p := range who {
				seen.receivers = append(seen.receivers, p.ID)
			}
			g.by[rows[i].N] = seen
		}
	}
	out := make([]glance, len(numbers))
	for i, n := range numbers {
		out[i] = g.by[n]
	}
	return out, nil
}

// chosen reports whether a filter chooses a record, its From, To and Text left aside. The filter's values are clean.
func (g *glance) chosen(f *connector.RecordFilter) bool {
	r := g.record
	has := func(values []string, v string) bool { return len(values) == 0 || slices.Contains(values, v) }
	return r != nil && has(f.Tenants, r.Tenant) && has(f.Connections, r.Connection) && has(f.Scenes, string(r.Scene)) && has(f.States, string(r.State)) &&
		has(f.Classes, string(r.Class)) && has(f.Todos, r.Todo) && has(f.Events, r.EventID) &&
		(len(f.Receivers) == 0 || slices.ContainsFunc(g.receivers, func(id string) bool { return slices.Contains(f.Receivers, id) }))
}
