package store

import (
	"context"

	"todosync/connector"
)

// watchStep is how many changed records are read at once.
const watchStep = 500

// A Watch follows the changes of records as they are committed. One goroutine uses it; Close ends it.
type Watch struct {
	db      *DB
	filter  connector.RecordFilter
	watcher *watcher
	pending []int64
	missed  bool
}

// Changes are records that have changed, as they are now; one that changed twice stands there once.
type Changes struct {
	Records []connector.Record
	Missed  bool // there were more changes than a watch keeps; a new search shows them
}

// Watch begins to follow the records that a filter chooses; its From, To and Text are left aside.
func (d *DB) Watch(f connector.RecordFilter) (*Watch, error) {
	if err := checkFilter("watch records", &f); err != nil {
		return nil, err
	}
	return &Watch{db: d, filter: f, watcher: d.feed.join()}, nil
}

// Next waits for changes. It ends with ctx's error.
func (w *Watch) Next(ctx context.Context) (Changes, error) {
	const op = "watch records"
	for {
		for len(w.pending) > 0 || w.missed {
			numbers := w.pending[:min(len(w.pending), watchStep)]
			out := Changes{Missed: w.missed}
			err := w.db.reading(ctx, op, func(q *reader) (err error) {
				out.Records, err = w.db.recordsAmong(q, &w.filter, numbers)
				return err
			})
			if err != nil {
				return Changes{}, err
			}
			w.pending, w.missed = w.pending[len(numbers):], false
			if len(out.Records) > 0 || out.Missed {
				return out, nil
			}
		}
		select {
		case <-ctx.Done():
			return Changes{}, failed(op, ctx.Err())
		case <-w.watcher.signal:
			w.pending, w.missed = w.db.feed.take(w.watcher)
		}
	}
}

// Close ends the watch.
func (w *Watch) Close() { w.db.feed.leave(w.watcher) }

// recordsAmong gives those of some records that a filter chooses.
func (d *DB) recordsAmong(q *reader, f *connector.RecordFilter, numbers []int64) ([]connector.Record, error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	conns, all, err := d.filteredConnections(q, f)
	if err != nil || !all && len(conns) == 0 {
		return nil, err
	}
	r := recordQuery{}
	w := &r.residual
	w.numbers(`d.n`, numbers)
	if !all {
		w.numbers(`+d.conn`, conns)
	}
	w.in(`+d.todo`, f.Todos)
	w.in(`+d.event_id`, f.Events)
	w.receivers(f.Receivers)
	part := connector.RecordFilter{Scenes: f.Scenes, States: f.States, Classes: f.Classes}
	r.restrict(&part, d.held())
	var found []int64
	if err := q.Select(&found, `SELECT d.n FROM deliveries d `+w.text(), w.args...); err != nil {
		return nil, err
	}
	return d.recordsByNumber(q, found)
}
