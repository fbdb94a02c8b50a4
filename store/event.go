package store

import (
	"context"
	"encoding/json"
	"time"

	"todosync/connector"
)

// An EventFilter chooses accepted events. Empty members choose all; several values of one member are alternatives. Todos
// and IDs are found by index only beside Tenants.
type EventFilter struct {
	Tenants []string
	Todos   []string
	IDs     []string
}

// storiedMost is how many deliveries of an event a story names at most.
const storiedMost = 5000

// Events tells what became of accepted events, newest first.
func (d *DB) Events(ctx context.Context, f EventFilter, p connector.PageOf) (connector.Page[connector.EventStory], error) {
	const op = "list events"
	out := connector.Page[connector.EventStory]{Items: []connector.EventStory{}}
	before, limit, err := pageOf(op, p)
	if err != nil {
		return out, err
	}
	w := where{}
	w.add(`n >= 0`)
	s := eventSearch{where: &w, before: before, limit: limit, whole: len(f.Todos)+len(f.IDs) > 0}
	switch {
	case s.whole && len(f.Tenants) == 0:
		// Todos and ids are indexed within their tenants: so each tenant is looked into, rather than each event.
		w.add(`tenant IN (WITH RECURSIVE each (tenant) AS (SELECT MIN(tenant) FROM events UNION ALL
			SELECT (SELECT MIN(e.tenant) FROM events e WHERE e.tenant > each.tenant) FROM each WHERE each.tenant IS NOT NULL)
			SELECT tenant FROM each WHERE tenant IS NOT NULL)`)
	case s.whole:
		w.in(`tenant`, f.Tenants)
	default:
		w.in(`+tenant`, f.Tenants)
	}
	w.in(`todo`, f.Todos)
	w.in(`id`, f.IDs)
	err = d.reading(ctx, op, func(q *reader) error {
		out.Items, out.Next = out.Items[:0], ""
		rows, next, err := s.run(q)
		if err != nil {
			return err
		}
		if next > 0 {
			out.Next = cursor(next)
		}
		for i := range rows {
			r := &rows[i]
			s := connector.EventStory{
				ID: r.ID, Tenant: r.Tenant, Kind: connector.Kind(r.Kind), Action: connector.Action(r.Action), Todo: r.Todo,
				Sequence: uint64(r.Sequence), ReceivedAt: instant(r.ReceivedMs), Duplicates: r.Duplicates, //nolint:gosec // stored from a uint64
			}
			if err := storyOf(q, r.N, r.Outcome, &s); err != nil {
				return err
			}
			out.Items = append(out.Items, s)
		}
		return nil
	})
	return out, err
}

type storedEvent struct {
	N          int64  `db:"n"`
	Tenant     string `db:"tenant"`
	ID         string `db:"id"`
	Sequence   int64  `db:"stream_seq"`
	Kind       string `db:"kind"`
	Action     string `db:"action"`
	Todo       string `db:"todo"`
	ReceivedMs int64  `db:"received_ms"`
	Duplicates int    `db:"duplicates"`
	Outcome    string `db:"outcome"`
}

// An eventSearch looks for events, newest first. Where no index gives what is wanted (whole is false) it goes down all events,
// a stretch at a time, and stops when its time is over.
type eventSearch struct {
	where  *where
	before int64
	limit  int
	whole  bool
}

// run gives the found events and, where there may be more, the number below which to go on.
func (s *eventSearch) run(q *reader) (found []storedEvent, next int64, err error) {
	var ends struct {
		Low  int64 `db:"low"`
		High int64 `db:"high"`
	}
	err = q.Get(&ends, `SELECT COALESCE((SELECT MIN(n) FROM events), 0) AS low, COALESCE((SELECT MAX(n) FROM events), -1) + 1 AS high`)
	if err != nil {
		return nil, 0, err
	}
	until := time.Now().Add(searchTime)
	step := int64(searchStep)
	if s.whole {
		step = ends.High - ends.Low
	}
	for high := min(s.before, ends.High); high > ends.Low; {
		low := max(ends.Low, high-step)
		var some []storedEvent
		err := q.Select(&some, `SELECT n, tenant, id, stream_seq, kind, action, todo, received_ms, duplicates, outcome FROM events `+
			s.where.text()+` AND n >= ? AND n < ? ORDER BY n DESC LIMIT ?`, s.where.with(low, high, s.limit+1-len(found))...)
		if err != nil {
			return nil, 0, err
		}
		if found = append(found, some...); len(found) > s.limit {
			return found[:s.limit], found[s.limit-1].N, nil
		}
		if high = low; time.Now().After(until) && high > ends.Low {
			return found, high, nil
		}
		step *= 2
	}
	return found, 0, nil
}

// storyOf fills in what became of the event at each connection.
func storyOf(q *reader, event int64, outcome string, s *connector.EventStory) error {
	var o outcomeJSON
	if err := json.Unmarshal([]byte(outcome), &o); err != nil {
		return err
	}
	s.Outcome = o.Outcome
	s.Connections = make([]connector.ConnectionStory, len(o.Connections))
	if len(o.Connections) == 0 {
		return nil
	}
	conns := make([]int64, len(o.Connections))
	place := make(map[int64]int, len(o.Connections))
	for i, c := range o.Connections {
		conns[i], place[c.Conn] = c.Conn, i
		s.Connections[i] = connector.ConnectionStory{Outcome: c.Outcome, Deliveries: []string{}}
	}
	var names []struct {
		N    int64  `db:"n"`
		Name string `db:"name"`
	}
	if err := q.Select(&names, `SELECT n, name FROM connections WHERE n IN (SELECT value FROM json_each(?))`, numberSet(conns)); err != nil {
		return err
	}
	for _, c := range names {
		s.Connections[place[c.N]].Connection = c.Name
	}
	for i, c := range o.Connections {
		low, high := span(c.Conn)
		err := q.Select(&s.Connections[i].Deliveries, `SELECT id FROM deliveries WHERE todo = ? AND n >= ? AND n < ? AND +event_n = ?
			ORDER BY n LIMIT ?`, clean(s.Todo), low, high, event, storiedMost)
		if err != nil {
			return err
		}
	}
	return nil
}
