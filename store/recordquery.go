package store

import (
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"todosync/connector"
	"todosync/retry"
)

// A recordQuery is a filter as the database understands it.
type recordQuery struct {
	sources  []recordSource // each an index to go down; what is wanted is in their union
	residual where          // what rows must be beside that
	low      int64          // rows below this number are too old
	sparse   bool           // rows that fit may be far apart, so that a search must be able to stop early
	none     bool           // nothing can fit
}

// A recordSource is a run of rows that one index gives newest first.
type recordSource struct {
	from   string // gives d, in the order of number
	number string
	where  where
}

// conditioned sorts connections by what holds them.
type conditioned struct {
	all []int64
	by  map[retry.Class][]int64
}

// held gives the connections that a condition holds, by its reason.
func (d *DB) held() conditioned {
	out := conditioned{by: map[retry.Class][]int64{}}
	for n, s := range d.registry.current.Load().byNumber {
		if r := s.state.Load().condition.Reason(); r != "" {
			out.all = append(out.all, n)
			out.by[r] = append(out.by[r], n)
		}
	}
	return out
}

// manyConnections is from how many connections on rows are searched by number instead of connection by connection.
const manyConnections = 40

// recordQuery makes a query of a filter. Conditions of connections are shown on what waits there, so they are part of what
// the filters for state and class mean.
func (d *DB) recordQuery(q *sqlx.Tx, f *connector.RecordFilter) (recordQuery, error) {
	out := recordQuery{}
	conns, all, err := d.filteredConnections(q, f)
	if err != nil {
		return out, err
	}
	if !all && len(conns) == 0 {
		out.none = true
		return out, nil
	}
	held := d.held()
	if err := out.chooseSources(q, f, conns, all); err != nil || out.none {
		return out, err
	}
	// A + keeps SQLite from an index of its own choice: the sources have chosen.
	w := &out.residual
	if !all && len(conns) > manyConnections {
		w.numbers(`+d.conn`, conns)
		out.sparse = true
	}
	w.in(`+d.scene`, f.Scenes)
	out.states(f.States, held)
	out.classes(f.Classes, held)
	if len(f.Scenes)+len(f.States)+len(f.Classes) > 0 {
		out.sparse = true
	}
	if !f.From.IsZero() {
		w.add(`d.created_ms >= ?`, millis(f.From))
	}
	if !f.To.IsZero() {
		w.add(`d.created_ms < ?`, millis(f.To))
	}
	if f.Text != "" {
		like := likeText(f.Text)
		w.add(`(d.title LIKE ? ESCAPE '\' OR d.message LIKE ? ESCAPE '\')`, like, like)
		out.sparse = true
	}
	return out, nil
}

// filteredConnections gives the connections, deleted ones too, that tenants and names of a filter allow; all where it names none.
func (d *DB) filteredConnections(q *sqlx.Tx, f *connector.RecordFilter) (conns []int64, all bool, err error) {
	if len(f.Tenants) == 0 && len(f.Connections) == 0 {
		return nil, true, nil
	}
	w := where{}
	w.in(`tenant`, f.Tenants)
	w.in(`name`, f.Connections)
	err = q.Select(&conns, `SELECT n FROM connections `+w.text()+` ORDER BY n`, w.args...)
	return conns, false, err
}

// chooseSources picks the indexes that leave the fewest rows to look at.
func (r *recordQuery) chooseSources(q *sqlx.Tx, f *connector.RecordFilter, conns []int64, all bool) error {
	switch {
	case len(f.Events) > 0:
		return r.byEvent(q, f, conns, all)
	case len(f.Todos) > 0 || len(f.Receivers) > 0:
		return r.byTodoOrReceiver(q, f, conns, all)
	}
	waiting, final, classes := splitStates(f)
	switch {
	case len(f.Classes) > 0 && classes:
		r.byColumn(`class`, f.Classes, `d.class <> ''`, conns, all)
	case len(f.States) > 0 && len(waiting) == 0 && !slices.Contains(final, string(connector.Succeeded)):
		r.byColumn(`state`, final, `d.state <> 'pending' AND d.state <> 'sending' AND d.state <> 'succeeded'`, conns, all)
	case len(final) == 0 && len(waiting)+len(f.Classes) > 0:
		few, err := r.byWaiting(q, conns, all)
		if err != nil || few {
			return err
		}
	}
	if len(r.sources) > 0 {
		return nil
	}
	switch {
	case !all && len(conns) <= manyConnections:
		for _, c := range conns {
			r.source(`deliveries d`, func(w *where) { w.add(`d.conn = +?`, c) })
		}
	default:
		r.source(`deliveries d`, func(*where) {})
	}
	return nil
}

// fewWaiting is up to how many waiting deliveries are looked at one by one. Where more wait, those that fit are close together.
const fewWaiting = 20_000

// byWaiting takes all that waits, where it is not too much.
func (r *recordQuery) byWaiting(q *sqlx.Tx, conns []int64, all bool) (bool, error) {
	w := where{}
	w.add(waits)
	if !all {
		w.numbers(`conn`, conns)
	}
	var count int
	err := q.Get(&count, `SELECT COUNT(*) FROM (SELECT 1 FROM `+waiting+` `+w.text()+` LIMIT ?)`, w.with(fewWaiting+1)...)
	if err != nil || count > fewWaiting {
		return false, err
	}
	s := recordSource{number: `d.n`, from: `(SELECT n AS waiting_n FROM ` + waiting + ` ` + w.text() + `) w CROSS JOIN deliveries d ON d.n = w.waiting_n`}
	s.where.args = w.args
	r.sources = append(r.sources, s)
	return true, nil
}

// splitStates sorts the wanted states into those that wait and final ones, and says whether the wanted classes are all kept with
// deliveries, none with a connection.
func splitStates(f *connector.RecordFilter) (waiting, final []string, stored bool) {
	for _, s := range f.States {
		if connector.State(s).Final() {
			final = append(final, s)
		} else {
			waiting = append(waiting, s)
		}
	}
	for _, c := range f.Classes {
		switch retry.Class(c) {
		case "", connector.ReasonPaused, connector.ReasonDisabled, connector.ReasonDown, connector.ReasonTokenRefused:
			return waiting, final, false
		}
	}
	return waiting, final, true
}

func (r *recordQuery) source(from string, f func(w *where)) {
	s := recordSource{from: from, number: `d.n`}
	f(&s.where)
	r.sources = append(r.sources, s)
}

// byEvent finds the events first: their ids are unique within a tenant.
func (r *recordQuery) byEvent(q *sqlx.Tx, f *connector.RecordFilter, conns []int64, all bool) error {
	tenants := f.Tenants
	if len(tenants) == 0 {
		if err := q.Select(&tenants, `SELECT name FROM tenants`); err != nil {
			return err
		}
	}
	found := false
	for _, tenant := range tenants {
		for _, id := range f.Events {
			var ns []int64
			if err := q.Select(&ns, `SELECT n FROM events WHERE tenant = ? AND id = ?`, clean(tenant), clean(id)); err != nil {
				return err
			}
			for _, n := range ns {
				found = true
				r.source(`deliveries d`, func(w *where) { w.add(`d.event_n = +?`, n) })
			}
		}
	}
	r.none = !found
	if !all {
		r.residual.numbers(`+d.conn`, conns)
	}
	r.residual.in(`+d.todo`, f.Todos)
	r.residual.receivers(f.Receivers)
	return nil
}

// byTodoOrReceiver goes connection by connection: ids of todos and users may be the same in many.
func (r *recordQuery) byTodoOrReceiver(q *sqlx.Tx, f *connector.RecordFilter, conns []int64, all bool) error {
	if all {
		if err := q.Select(&conns, `SELECT n FROM connections ORDER BY n`); err != nil {
			return err
		}
	}
	for _, c := range conns {
		if len(f.Todos) > 0 {
			for _, todo := range f.Todos {
				r.source(`deliveries d`, func(w *where) { w.add(`d.conn = +?`, c); w.add(`d.todo = +?`, clean(todo)) })
			}
			continue
		}
		for _, receiver := range f.Receivers {
			r.source(`deliveries d`, func(w *where) {
				w.add(`d.conn = +?`, c)
				w.add(`d.receiver = +?`, clean(receiver))
				w.add(`d.receiver <> ''`)
			})
			r.source(`delivery_receivers m CROSS JOIN deliveries d ON d.n = m.delivery_n`, func(w *where) {
				w.add(`m.conn = +?`, c)
				w.add(`m.receiver = +?`, clean(receiver))
			})
			r.sources[len(r.sources)-1].number = `m.delivery_n`
		}
	}
	if len(f.Todos) > 0 {
		r.residual.receivers(f.Receivers)
	}
	return nil
}

// byColumn goes down an index that holds only some rows, by connection where the filter names a few.
func (r *recordQuery) byColumn(column string, values []string, only string, conns []int64, all bool) {
	byConnection := !all && len(conns) <= manyConnections
	if !byConnection {
		conns = []int64{0}
	}
	for _, c := range conns {
		for _, v := range values {
			r.source(`deliveries d`, func(w *where) {
				if byConnection {
					w.add(`d.conn = +?`, c)
				}
				w.add(`d.`+column+` = +?`, clean(v))
				w.add(only)
			})
		}
	}
}

// states wants rows in one of some states, as they are shown.
func (r *recordQuery) states(states []string, held conditioned) {
	if len(states) == 0 {
		return
	}
	var either where
	for _, s := range states {
		switch connector.State(s) {
		case connector.Held:
			either.add(`+d.state = 'held'`)
			if len(held.all) > 0 {
				inner := where{}
				inner.add(`(+d.state = 'pending' OR +d.state = 'retrying')`)
				inner.numbers(`+d.conn`, held.all)
				either.add(inner.all(), inner.args...)
			}
		case connector.Pending, connector.Retrying:
			inner := where{}
			inner.add(`+d.state = ?`, s)
			if len(held.all) > 0 {
				inner.notNumbers(`+d.conn`, held.all)
			}
			either.add(inner.all(), inner.args...)
		default:
			either.add(`+d.state = ?`, clean(s))
		}
	}
	r.residual.add(either.any(), either.args...)
}

// classes wants rows with one of some classes, as they are shown.
func (r *recordQuery) classes(classes []string, held conditioned) {
	if len(classes) == 0 {
		return
	}
	var either where
	for _, c := range classes {
		inner := where{}
		inner.add(`+d.class = ?`, clean(c))
		if len(held.all) > 0 { // there another class is shown on what waits
			free := where{}
			free.notNumbers(`+d.conn`, held.all)
			inner.add(`((+d.state <> 'pending' AND +d.state <> 'retrying') OR `+free.all()+`)`, free.args...)
		}
		either.add(inner.all(), inner.args...)
		if conns := held.by[retry.Class(c)]; len(conns) > 0 {
			inner := where{}
			inner.add(`(+d.state = 'pending' OR +d.state = 'retrying')`)
			inner.numbers(`+d.conn`, conns)
			either.add(inner.all(), inner.args...)
		}
	}
	r.residual.add(either.any(), either.args...)
}

// window finds the numbers between which rows of a span of time are. Rows are numbered as they are made, but for jumps of the
// clock, so the span is widened by an hour and rows are looked at one by one all the same.
func window(q *sqlx.Tx, from, to time.Time) (low, high int64, err error) {
	var ends struct {
		Low  *int64 `db:"low"`
		High *int64 `db:"high"`
	}
	if err := q.Get(&ends, `SELECT (SELECT MIN(n) FROM deliveries) AS low, (SELECT MAX(n) FROM deliveries) AS high`); err != nil {
		return 0, 0, err
	}
	if ends.Low == nil || ends.High == nil {
		return 0, 0, nil
	}
	low, high = *ends.Low, *ends.High+1
	if !from.IsZero() {
		if low, err = firstAfter(q, low, high, millis(from.Add(-time.Hour))); err != nil {
			return 0, 0, err
		}
	}
	if !to.IsZero() {
		high, err = firstAfter(q, low, high, millis(to.Add(time.Hour)))
	}
	return low, high, err
}

// firstAfter is the lowest number from low on whose row was made at ms or later, high when there is none.
func firstAfter(q *sqlx.Tx, low, high, ms int64) (int64, error) {
	for low < high {
		middle := low + (high-low)/2
		var row struct {
			N         int64 `db:"n"`
			CreatedMs int64 `db:"created_ms"`
		}
		err := q.Get(&row, `SELECT n, created_ms FROM deliveries WHERE n >= ? ORDER BY n LIMIT 1`, middle)
		if err != nil {
			return 0, err
		}
		if row.CreatedMs >= ms {
			high = middle
		} else {
			low = row.N + 1
		}
	}
	return low, nil
}

// numbers wants a column to be one of some numbers.
func (w *where) numbers(column string, values []int64) {
	w.conditions = append(w.conditions, column+` IN (SELECT value FROM json_each(?))`)
	w.args = append(w.args, numberSet(values))
}

// notNumbers wants a column to be none of some numbers.
func (w *where) notNumbers(column string, values []int64) {
	w.conditions = append(w.conditions, column+` NOT IN (SELECT value FROM json_each(?))`)
	w.args = append(w.args, numberSet(values))
}

// receivers wants a delivery to have one of some receivers.
func (w *where) receivers(values []string) {
	if len(values) == 0 {
		return
	}
	var either where
	for _, v := range values {
		either.add(`+d.receiver = ?`, clean(v))
		either.add(`+d.receiver = '' AND EXISTS (SELECT 1 FROM delivery_receivers x WHERE x.conn = d.conn AND x.receiver = ? AND x.delivery_n = d.n)`,
			clean(v))
	}
	w.add(either.any(), either.args...)
}

// all is one condition that wants all of the gathered ones.
func (w *where) all() string { return "(" + strings.Join(w.conditions, " AND ") + ")" }

// any is one condition that wants one of the gathered ones.
func (w *where) any() string { return "(" + strings.Join(w.conditions, " OR ") + ")" }
