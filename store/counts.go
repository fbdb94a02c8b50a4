package store

import (
	"context"
	"time"

	"todosync/connector"
)

// A Count says how many deliveries of a connection stand in a state, as shown: what a condition holds is held.
type Count struct {
	Key    connector.ConnectionKey `json:"key"`
	State  connector.State         `json:"state"`
	Count  int64                   `json:"count"`
	Oldest time.Time               `json:"oldest"` // since when the oldest that waits does; zero for final states
}

// triedAgain are those of what is retried that are on their way.
const triedAgain = connector.State("tried again")

// Counts gives how many deliveries there are by connection and state, in the tenants that are given or in all.
func (d *DB) Counts(ctx context.Context, tenants []string) ([]Count, error) {
	const op = "count records"
	type state struct {
		Conn  int64  `db:"conn"`
		State string `db:"state"`
		Count int64  `db:"count"`
	}
	type name struct {
		N      int64  `db:"n"`
		Tenant string `db:"tenant"`
		Name   string `db:"name"`
	}
	w := where{}
	w.in(`tenant`, tenants)
	var names []name
	var lines []waitingLine
	var states []state
	err := d.reading(ctx, op, func(q *reader) error {
		names, states = names[:0], states[:0]
		if err := q.Select(&names, `SELECT n, tenant, name FROM connections `+w.text()+` ORDER BY tenant, name`, w.args...); err != nil {
			return err
		}
		numbers := make([]int64, len(names))
		for i := range names {
			numbers[i] = names[i].N
		}
		var only where
		only.numbers(`conn`, numbers)
		err := q.Select(&states, `SELECT conn, state, count FROM standings WHERE count > 0 AND `+only.all()+`
			UNION ALL SELECT conn, 'sending', COUNT(*) FROM sending GROUP BY conn
			UNION ALL SELECT d.conn, 'tried again', COUNT(*) FROM sending s CROSS JOIN deliveries d ON d.n = s.n WHERE d.state = 'retrying' GROUP BY d.conn`,
			only.args...)
		if err != nil {
			return err
		}
		if lines, err = waitingLines(q, numbers); err != nil {
			return err
		}
		return findOldest(q, lines)
	})
	if err != nil {
		return nil, err
	}
	by := map[int64]map[connector.State]int64{}
	for _, s := range states {
		if by[s.Conn] == nil {
			by[s.Conn] = map[connector.State]int64{}
		}
		by[s.Conn][connector.State(s.State)] = s.Count
	}
	line := map[int64]waitingLine{}
	for _, l := range lines {
		line[l.Conn] = l
	}
	out := []Count{}
	current := d.registry.current.Load()
	for _, c := range names {
		n := by[c.N]
		if n == nil {
			n = map[connector.State]int64{}
		}
		n[connector.Retrying] -= n[triedAgain]
		delete(n, triedAgain)
		n[connector.Pending] = max(0, line[c.N].Count-n[connector.Sending]-n[connector.Held]-n[connector.Retrying])
		if s := current.byNumber[c.N]; s != nil && s.state.Load().condition.Reason() != "" {
			n[connector.Held] += n[connector.Pending] + n[connector.Retrying]
			n[connector.Pending], n[connector.Retrying] = 0, 0
		}
		for _, s := range connector.States() {
			if n[s] == 0 {
				continue
			}
			count := Count{Key: connector.ConnectionKey{Tenant: c.Tenant, Name: c.Name}, State: s, Count: n[s]}
			if !s.Final() {
				count.Oldest = instant(line[c.N].OldestMs)
			}
			out = append(out, count)
		}
	}
	return out, nil
}

// Remembered gives about how many accepted and how many rejected events are kept, of all tenants.
func (d *DB) Remembered(ctx context.Context) (events, rejected int64, err error) {
	const op = "count events"
	// Events are numbered without gaps, and those taken away are counted: to count ten million of them would take a second.
	err = d.reading(ctx, op, func(q *reader) error {
		if err := q.Get(&events, `SELECT (SELECT last FROM numbers WHERE name = 'events') - (SELECT last FROM numbers WHERE name = 'events removed')`); err != nil {
			return err
		}
		return q.Get(&rejected, `SELECT COUNT(*) FROM rejected`)
	})
	return events, rejected, err
}

// rememberedMost is up to how many events of a tenant are counted one by one.
const rememberedMost = 20_000

// RememberedOf is Remembered for some tenants. Of a tenant with very many events it tells how many came while numbers are kept, which is about
// as long as events are.
func (d *DB) RememberedOf(ctx context.Context, tenants []string) (events, rejected int64, err error) {
	const came = `SELECT COALESCE(CAST(SUM(count) AS BIGINT), 0) FROM arrivals WHERE tenant = ? AND what = ?`
	err = d.reading(ctx, "count events of tenants", func(q *reader) error {
		events, rejected = 0, 0
		for _, c := range []struct {
			from, what string
			to         *int64
		}{{"events", arrivalAccepted, &events}, {"rejected", arrivalRejected, &rejected}} {
			for _, t := range tenants {
				var n, all int64
				err := q.Get(&n, `SELECT COUNT(*) FROM (SELECT 1 FROM `+c.from+` WHERE tenant = ? LIMIT ?) AS counted`, clean(t), rememberedMost)
				if err == nil && n == rememberedMost {
					err = q.Get(&all, came, clean(t), c.what)
				}
				if err != nil {
					return err
				}
				*c.to += max(n, all)
			}
		}
		return nil
	})
	return events, rejected, err
}
