package store

import (
	"cmp"
	"context"
	"slices"

	"todosync/connector"
)

// watchStep is how many changed records are read at once.
const watchStep = 500

// A Watch follows the changes of records as they are committed. One goroutine uses it; Close ends it.
type Watch struct {
	db      *DB
	filter  connector.RecordFilter
	watcher *watcher
	pending []change
	upTo    uint64 // the place behind all that is pending
	at      uint64 // the place up to which all was given
	missed  bool
}

// Watch begins to follow the records that a filter chooses; its From, To and Text are left aside. After is the place at which somebody stopped
// watching, or from which on he has not read: changes since are given first. Empty: with what changes from now on.
func (d *DB) Watch(f connector.RecordFilter, after string) (*Watch, error) {
	if err := checkFilter("watch records", &f); err != nil {
		return nil, err
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
			err := w.db.reading(ctx, op, func(q *reader) (err error) {
				out.Records, out.Places, err = w.read(q, step)
				return err
			})
			if err != nil {
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
		select {
		case <-ctx.Done():
			return connector.RecordChanges{}, failed(op, ctx.Err())
		case <-w.watcher.signal:
			if w.pending, w.upTo, w.missed = w.db.feed.take(w.watcher); len(w.pending) == 0 {
				w.at = w.upTo
			}
		}
	}
}

// Close ends the watch.
func (w *Watch) Close() { w.db.feed.leave(w.watcher) }

// read gives those of some changed records that the filter chooses, in the order of their changes.
func (w *Watch) read(q *reader, step []change) ([]connector.Record, []string, error) {
	numbers := make([]int64, len(step))
	at := make(map[int64]uint64, len(step))
	for i, c := range step {
		numbers[i], at[c.n] = c.n, c.at
	}
	found, err := w.db.chosenAmong(q, &w.filter, numbers)
	if err != nil {
		return nil, nil, err
	}
	place := make(map[string]uint64, len(found))
	numbers = numbers[:0]
	for _, f := range found {
		numbers, place[f.ID] = append(numbers, f.N), at[f.N]
	}
	records, err := w.db.recordsByNumber(q, numbers)
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(records, func(x, y connector.Record) int { return cmp.Compare(place[x.ID], place[y.ID]) })
	places := make([]string, len(records))
	for i := range records {
		places[i] = w.db.feed.place(place[records[i].ID])
	}
	return records, places, nil
}

// A numbered is a delivery's number and id.
type numbered struct {
	N  int64  `db:"n"`
	ID string `db:"id"`
}

// chosenAmong gives those of some deliveries that a filter chooses.
func (d *DB) chosenAmong(q *reader, f *connector.RecordFilter, numbers []int64) ([]numbered, error) {
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
	var found []numbered
	err = q.Select(&found, `SELECT d.n, d.id FROM deliveries d `+w.text(), w.args...)
	return found, err
}
