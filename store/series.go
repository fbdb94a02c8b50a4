package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"todosync/connector"
	"todosync/retry"
)

// A SeriesFilter chooses numbers over time.
type SeriesFilter struct {
	Tenants     []string // none: all
	Connections []string // by name; none: all, and what came for no connection
	From, To    time.Time
	Step        time.Duration // whole minutes
}

// A Series is numbers over time.
type Series struct {
	Points      []Point // each of a step in which there is anything, oldest first
	Connections []ConnectionTally
	Causes      []Cause // of what failed for good, the most frequent first
}

// A Point is what happened in one step.
type Point struct {
	At         time.Time
	Accepted   int64 // events
	Duplicates int64
	Rejected   int64
	Ends       map[connector.State]int64 // deliveries by how they ended
	Tries      map[retry.Class]int64     // tries that were in vain
	Within     []int64                   // of those that succeeded by delay, see Delays; the last is the rest
	Waiting    int64                     // the most that waited; negative: nobody looked
}

// A ConnectionTally is what happened at one connection in all of a Series.
type ConnectionTally struct {
	Key    connector.ConnectionKey
	Ends   map[connector.State]int64
	Within []int64
}

// A Cause is why deliveries failed.
type Cause struct {
	Class retry.Class
	Code  string
	Count int64
}

// causesMost is how many causes a Series tells.
const causesMost = 20

// FinestStep is the shortest step in which numbers from a time on are kept.
func FinestStep(from, now time.Time) time.Duration {
	switch age := now.Sub(from); {
	case age <= tallyCoarse:
		return TallySpan
	case age <= tallyHourly:
		return 10 * TallySpan
	}
	return time.Hour
}

// Series gives what happened between two times. With thousands of connections what it gives of the last seconds may be missing.
func (d *DB) Series(ctx context.Context, f SeriesFilter) (Series, error) {
	const op = "read statistics"
	if f.Step < TallySpan || f.Step%TallySpan != 0 || !f.From.Before(f.To) {
		return Series{}, &connector.Error{Kind: connector.Invalid, Op: op, Msg: "want a span, in steps of whole minutes"}
	}
	if len(d.registry.current.Load().byNumber) < keptFrom {
		return d.seriesNow(ctx, op, &f)
	}
	key := fmt.Sprintf("%q %q %d %s", f.Tenants, f.Connections, millis(f.From), f.Step)
	return d.series.get(key, f.To, func() (Series, error) { return d.seriesNow(ctx, op, &f) })
}

func (d *DB) seriesNow(ctx context.Context, op string, f *SeriesFilter) (Series, error) {
	s := series{filter: *f, step: f.Step.Milliseconds(), points: map[int64]*Point{}}
	var out Series
	err := d.reading(ctx, op, func(q *reader) error {
		clear(s.points)
		for _, read := range []func(*reader, *Series) error{s.ends, s.tries, s.queues, s.arrivals, s.connections, s.causes} {
			if err := read(q, &out); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Series{}, err
	}
	out.Points = make([]Point, 0, len(s.points))
	for _, p := range s.points {
		out.Points = append(out.Points, *p)
	}
	slices.SortFunc(out.Points, func(a, b Point) int { return a.At.Compare(b.At) })
	return out, nil
}

type series struct {
	filter SeriesFilter
	step   int64
	points map[int64]*Point
}

func (s *series) point(at int64) *Point {
	p := s.points[at]
	if p == nil {
		p = &Point{
			At: instant(at), Ends: map[connector.State]int64{}, Tries: map[retry.Class]int64{}, Within: make([]int64, delaySorts+1), Waiting: -1,
		}
		s.points[at] = p
	}
	return p
}

// from is the source of what is counted by connection.
func (s *series) from(table string) (string, []any) {
	w := where{}
	w.in(`c.tenant`, s.filter.Tenants)
	w.in(`c.name`, s.filter.Connections)
	w.add(`t.at_ms >= ?`, millis(s.filter.From))
	w.add(`t.at_ms < ?`, millis(s.filter.To))
	return ` FROM connections c CROSS JOIN ` + table + ` t ON t.conn = c.n ` + w.text(), w.args
}

// at is the beginning of the step that a row belongs to.
func (s *series) at() string { return fmt.Sprintf(`(t.at_ms - t.at_ms %% %d)`, s.step) }

// delaySums are the sums of all delays, and of how many there are.
func delaySums() string {
	var b strings.Builder
	b.WriteString(`CAST(SUM(t.count) AS BIGINT) AS count`)
	for _, c := range delayColumns() {
		fmt.Fprintf(&b, `, CAST(SUM(t.%[1]s) AS BIGINT) AS %[1]s`, c.name)
	}
	return b.String()
}

// A sorted is a row of such sums.
type sorted struct {
	At     int64  `db:"at_ms"`
	Tenant string `db:"tenant"`
	Name   string `db:"name"`
	What   string `db:"what"`
	Count  int64  `db:"count"`

	In10ms  int64 `db:"in_10ms"`
	In25ms  int64 `db:"in_25ms"`
	In50ms  int64 `db:"in_50ms"`
	In100ms int64 `db:"in_100ms"`
	In250ms int64 `db:"in_250ms"`
	In500ms int64 `db:"in_500ms"`
	In1s    int64 `db:"in_1s"`
	In2s    int64 `db:"in_2s"`
	In5s    int64 `db:"in_5s"`
	In10s   int64 `db:"in_10s"`
	In30s   int64 `db:"in_30s"`
	In1m    int64 `db:"in_1m"`
	In5m    int64 `db:"in_5m"`
	In30m   int64 `db:"in_30m"`
	In2h    int64 `db:"in_2h"`
	In12h   int64 `db:"in_12h"`
}

// within gives the sums with the rest behind them.
func (r *sorted) within() []int64 {
	w := []int64{
		r.In10ms, r.In25ms, r.In50ms, r.In100ms, r.In250ms, r.In500ms, r.In1s, r.In2s, r.In5s, r.In10s, r.In30s, r.In1m, r.In5m, r.In30m, r.In2h, r.In12h,
	}
	rest := r.Count
	for _, n := range w {
		rest -= n
	}
	return append(w, max(rest, 0))
}

func (s *series) ends(q *reader, _ *Series) error {
	from, args := s.from("tallies")
	var rows []sorted
	err := q.Select(&rows, `SELECT `+s.at()+` AS at_ms, t.what, `+delaySums()+from+` GROUP BY `+s.at()+`, t.what`, args...)
	for i := range rows {
		p := s.point(rows[i].At)
		p.Ends[connector.State(rows[i].What)] = rows[i].Count
		if rows[i].What == string(connector.Succeeded) {
			p.Within = rows[i].within()
		}
	}
	return err
}

func (s *series) connections(q *reader, out *Series) error {
	from, args := s.from("tallies")
	var rows []sorted
	err := q.Select(&rows, `SELECT c.tenant, c.name, t.what, `+delaySums()+from+` GROUP BY c.tenant, c.name, t.what ORDER BY c.tenant, c.name`, args...)
	out.Connections = nil
	for i := range rows {
		key := connector.ConnectionKey{Tenant: rows[i].Tenant, Name: rows[i].Name}
		if n := len(out.Connections); n == 0 || out.Connections[n-1].Key != key {
			out.Connections = append(out.Connections, ConnectionTally{Key: key, Ends: map[connector.State]int64{}, Within: make([]int64, delaySorts+1)})
		}
		c := &out.Connections[len(out.Connections)-1]
		c.Ends[connector.State(rows[i].What)] = rows[i].Count
		if rows[i].What == string(connector.Succeeded) {
			c.Within = rows[i].within()
		}
	}
	return err
}

func (s *series) tries(q *reader, _ *Series) error {
	from, args := s.from("causes")
	var rows []struct {
		At    int64  `db:"at_ms"`
		Class string `db:"class"`
		Count int64  `db:"count"`
	}
	err := q.Select(&rows, `SELECT `+s.at()+` AS at_ms, t.class, CAST(SUM(t.count) AS BIGINT) AS count`+from+` AND t.what = 'try' GROUP BY `+s.at()+`, t.class`, args...)
	for _, r := range rows {
		s.point(r.At).Tries[retry.Class(r.Class)] = r.Count
	}
	return err
}

func (s *series) causes(q *reader, out *Series) error {
	from, args := s.from("causes")
	var rows []struct {
		Class string `db:"class"`
		Code  string `db:"code"`
		Count int64  `db:"count"`
	}
	err := q.Select(&rows, `SELECT t.class, t.code, CAST(SUM(t.count) AS BIGINT) AS count`+from+` AND t.what = 'failed' GROUP BY t.class, t.code
		ORDER BY SUM(t.count) DESC, t.class, t.code LIMIT ?`, append(args, causesMost)...)
	out.Causes = make([]Cause, len(rows))
	for i, r := range rows {
		out.Causes[i] = Cause{Class: retry.Class(r.Class), Code: r.Code, Count: r.Count}
	}
	return err
}

// queues takes the greatest of each connection in a step, and adds them up. Where somebody looked and found nothing it is 0.
func (s *series) queues(q *reader, _ *Series) error {
	from, args := s.from("queues")
	type line struct {
		At    int64 `db:"at_ms"`
		Count int64 `db:"count"`
	}
	var looks, rows []line
	err := q.Select(&looks, `SELECT `+s.at()+` AS at_ms, MAX(t.count) AS count FROM queues t WHERE t.conn = 0 AND t.at_ms >= ? AND t.at_ms < ? GROUP BY `+s.at(),
		millis(s.filter.From), millis(s.filter.To))
	if err != nil {
		return err
	}
	all := len(s.filter.Tenants)+len(s.filter.Connections) == 0
	for _, l := range looks {
		if s.point(l.At).Waiting = 0; all {
			s.point(l.At).Waiting = l.Count
		}
	}
	if all {
		return nil
	}
	err = q.Select(&rows, `SELECT at_ms, CAST(SUM(count) AS BIGINT) AS count FROM (
		SELECT `+s.at()+` AS at_ms, MAX(t.count) AS count`+from+` GROUP BY t.conn, `+s.at()+`) AS most GROUP BY at_ms`, args...)
	for _, l := range rows {
		s.point(l.At).Waiting = l.Count
	}
	return err
}

func (s *series) arrivals(q *reader, _ *Series) error {
	if len(s.filter.Connections) > 0 && len(s.filter.Tenants) == 0 {
		return nil
	}
	w := where{}
	w.in(`t.tenant`, s.filter.Tenants)
	w.add(`t.at_ms >= ?`, millis(s.filter.From))
	w.add(`t.at_ms < ?`, millis(s.filter.To))
	var rows []struct {
		At    int64  `db:"at_ms"`
		What  string `db:"what"`
		Count int64  `db:"count"`
	}
	names := `(SELECT name FROM tenants UNION ALL SELECT '') n`
	err := q.Select(&rows, `SELECT `+s.at()+` AS at_ms, t.what, CAST(SUM(t.count) AS BIGINT) AS count FROM `+names+`
		CROSS JOIN arrivals t ON t.tenant = n.name `+w.text()+` GROUP BY `+s.at()+`, t.what`, w.args...)
	for _, r := range rows {
		switch p := s.point(r.At); r.What {
		case arrivalAccepted:
			p.Accepted = r.Count
		case arrivalDuplicate:
			p.Duplicates = r.Count
		case arrivalRejected:
			p.Rejected = r.Count
		}
	}
	return err
}

// Quantile says within which delay a share of what was sorted by Delays lies, 0 where nothing was. Within one sort it is taken to be spread
// evenly; what took longer than the longest counts as that.
func Quantile(within []int64, share float64) time.Duration {
	var all int64
	for _, n := range within {
		all += n
	}
	if all == 0 {
		return 0
	}
	want := share * float64(all)
	below, before := int64(0), time.Duration(0)
	for i, most := range Delays() {
		n := within[i]
		if n > 0 && float64(below+n) >= want {
			return before + time.Duration(float64(most-before)*(want-float64(below))/float64(n))
		}
		below, before = below+n, most
	}
	return before
}
