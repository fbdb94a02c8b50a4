package store

import (
	"context"
	"slices"
	"time"

	"todosync/connector"
)

const (
	// watchStep is how many changed records are read at once.
	watchStep = 500
	// watchPace is how long a watch gathers before it looks again, and watchEach how much longer for each that watches: what changes several
	// times meanwhile is told once.
	watchPace = 250 * time.Millisecond
	watchEach = 2 * time.Millisecond
)

// A Watch follows the changes of records as they are committed. One goroutine uses it; Close ends it.
type Watch struct {
	db      *DB
	filter  connector.RecordFilter
	watcher *watcher
	pending []change
	upTo    uint64 // the place behind all that is pending
	at      uint64 // the place up to which all was given
	missed  bool
	took    time.Time // when it last took changes
}

// Watch begins to follow the records that a filter chooses; its From, To and Text are left aside. After is the place at which somebody stopped
// watching, or from which on he has not read: changes since are given first. Empty: with what changes from now on.
func (d *DB) Watch(f connector.RecordFilter, after string) (*Watch, error) {
	if err := checkFilter("watch records", &f); err != nil {
		return nil, err
	}
	for _, values := range []*[]string{&f.Tenants, &f.Connections, &f.Scenes, &f.States, &f.Classes, &f.Todos, &f.Receivers, &f.Events} {
		*values = slices.Clone(*values)
		for i, v := range *values {
			(*values)[i] = clean(v)
		}
	}
	w := &Watch{db: d, filter: f, watcher: d.feed.join(after)}
	w.at = w.watcher.after
	return w, nil
}

// Place is where the watch stands: up to it, all changes were given.
func (w *Watch) Place() string { return w.db.feed.place(w.at) }

// Next waits for changes. It ends with ctx's error.
func (w *Watch) Next(ctx context.Context) (connector.RecordChanges, error) {
	const op = "watch records"
	for {
		for len(w.pending) > 0 || w.missed {
			step := w.pending[:min(len(w.pending), watchStep)]
			out := connector.RecordChanges{Missed: w.missed}
			var err error
			if out.Records, out.Places, err = w.read(ctx, op, step); err != nil {
				return connector.RecordChanges{}, err
			}
			w.pending, w.missed = w.pending[len(step):], false
			if w.at = w.upTo; len(w.pending) > 0 {
				w.at = step[len(step)-1].at
			}
			if len(out.Records) > 0 || out.Missed {
				return out, nil
			}
		}
		if err := w.rest(ctx); err != nil {
			return connector.RecordChanges{}, failed(op, err)
		}
		select {
		case <-ctx.Done():
			return connector.RecordChanges{}, failed(op, ctx.Err())
		case <-w.watcher.signal:
			w.took = time.Now()
			if w.pending, w.upTo, w.missed = w.db.feed.take(w.watcher); len(w.pending) == 0 {
				w.at = w.upTo
			}
		}
	}
}

// rest waits until it is time to look again.
func (w *Watch) rest(ctx context.Context) error {
	_, watching := w.db.feed.state()
	wait := watchPace + time.Duration(watching)*watchEach - time.Since(w.took)
	if wait <= 0 {
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Close ends the watch.
func (w *Watch) Close() {
	if w.db.feed.leave(w.watcher) {
		w.db.glances.forget()
	}
}

// read gives those of some changed records that the filter chooses, in the order of their changes.
func (w *Watch) read(ctx context.Context, op string, step []change) (records []connector.Record, places []string, err error) {
	numbers := make([]int64, len(step))
	for i, c := range step {
		numbers[i] = c.n
	}
	seen, err := w.db.glance(ctx, op, numbers, w.upTo)
	if err != nil {
		return nil, nil, err
	}
	for i := range seen {
		if seen[i].chosen(&w.filter) {
			records, places = append(records, *seen[i].record), append(places, w.db.feed.place(step[i].at))
		}
	}
	return records, places, nil
}
