package store

import (
	"slices"
	"strings"

	"todosync/connector"
	"todosync/retry"
)

// A recordQuery is a filter as the database understands it.
type recordQuery struct {
	sources  []recordSource // each an index to go down; what is wanted is in their union
	residual where          // what rows must be beside that
	sparse   bool           // rows that fit may be far apart, so that a search must be able to stop early
	none     bool           // nothing can fit
	held     conditioned    // the connections that a condition holds
}

// A recordSource is a run of rows that one index gives newest first.
type recordSource struct {
	from  string // gives d
	conn  int64  // whose rows they are, by number; 0: those of all connections, by id
	few   bool   // there are so few that they are looked at together
	exact bool   // its index gives little else than what is wanted, so that it need not stop early
	where where
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

// manyConnections is from how many connections on rows are searched among those of all instead of connection by connection.
const manyConnections = 40

// recordQuery makes a query of a filter. Conditions of connections are shown on what waits there, so they are part of what
// the filters for state and class mean.
func (d *DB) recordQuery(q *reader, f *connector.RecordFilter) (recordQuery, error) {
	out := recordQuery{held: d.held()}
	conns, all, err := d.filteredConnections(q, f)
	if err != nil {
		return out, err
	}
	if !all && len(conns) == 0 {
		out.none = true
		return out, nil
	}
	if err := out.chooseSources(q, f, conns, all); err != nil || out.none {
		return out, err
	}
	if !all && len(conns) > manyConnections {
		out.residual.numbers(`+d.conn`, conns)
		out.sparse = true
	}
	out.restrict(f, out.held)
	return out, nil
}

// restrict adds what the filter wants of a row, but for what the sources see to. A + keeps SQLite from an index of its own choice.
func (r *recordQuery) restrict(f *connector.RecordFilter, held conditioned) {
	w := &r.residual
	w.in(`+d.scene`, f.Scenes)
	r.states(f.States, held)
	r.classes(f.Classes, held)
	if !f.From.IsZero() {
		w.add(`d.created_ms >= ?`, millis(f.From))
	}
	if !f.To.IsZero() {
		w.add(`d.created_ms < ?`, millis(f.To))
	}
	if f.Text != "" {
		like := likeText(f.Text)
		w.add(`(d.title LIKE ? ESCAPE '\' OR d.message LIKE ? ESCAPE '\')`, like, like)
	}
	r.sparse = r.sparse || f.Text != "" || len(f.Scenes)+len(f.States)+len(f.Classes) > 0
}

// filteredConnections gives the connections, deleted ones too, that tenants and names of a filter allow; all where it names none.
func (d *DB) filteredConnections(q *reader, f *connector.RecordFilter) (conns []int64, all bool, err error) {
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
func (r *recordQuery) chooseSources(q *reader, f *connector.RecordFilter, conns []int64, all bool) error {
	switch {
	case len(f.Events) > 0:
		return r.byEvent(q, f, conns, all)
	case len(f.Todos) > 0 || len(f.Receivers) > 0:
		return r.byTodoOrReceiver(q, f, conns, all)
	}
	waiting, final := splitStates(f)
	stored, shown := splitClasses(f)
	done, err := false, error(nil)
	switch {
	case len(f.States) > 0 && len(final) == 0:
		if done, err = r.byWaiting(q, conns, all); !done && err == nil {
			done = r.byStoredWait(waiting, conns, all)
		}
	case len(f.States) > 0 && len(waiting) == 0 && !slices.Contains(final, string(connector.Succeeded)):
		r.byColumn(`state`, final, `d.state <> 'pending' AND d.state <> 'succeeded'`, conns, all)
		done = true
	case len(f.Classes) > 0 && !slices.Contains(f.Classes, ""):
		// A class that a connection's condition shows may be stored too.
		if done = true; shown {
			if done, err = r.byWaiting(q, conns, all); !done && err == nil {
				done = r.byHolder(r.held.because(f.Classes), conns, all)
			}
		}
		if done {
			r.byColumn(`class`, stored, `d.class <> ''`, conns, all)
		}
	}
	if done || err != nil {
		return err
	}
	if !all && len(conns) <= manyConnections {
		for _, c := range conns {
			r.add(recordSource{conn: c})
		}
		return nil
	}
	r.add(recordSource{})
	return nil
}

// add adds a source with conditions, given as column = value.
func (r *recordQuery) add(s recordSource, equal ...any) {
	if s.from == "" {
		s.from = `deliveries d`
	}
	for i := 0; i+1 < len(equal); i += 2 {
		s.where.add(equal[i].(string)+` = +?`, equal[i+1])
	}
	r.sources = append(r.sources, s)
}

// fewWaiting is up to how many waiting deliveries are looked at one by one. Where more wait, those that fit are close together.
const fewWaiting = 20_000

// byWaiting takes all that waits, where it is not too much.
func (r *recordQuery) byWaiting(q *reader, conns []int64, all bool) (bool, error) {
	w := where{}
	w.add(waits)
	if !all {
		w.numbers(`conn`, conns)
	}
	const from = `deliveries INDEXED BY deliveries_due `
	var count int
	err := q.Get(&count, `SELECT COUNT(*) FROM (SELECT 1 FROM `+from+w.text()+` LIMIT ?) AS few`, w.with(fewWaiting+1)...)
	if err != nil || count > fewWaiting {
		return false, err
	}
	s := recordSource{few: true, from: `(SELECT n AS waiting_n FROM ` + from + w.text() + `) w CROSS JOIN deliveries d ON d.n = w.waiting_n`}
	s.where.args = w.args
	r.sources = append(r.sources, s)
	return true, nil
}

// byStoredWait takes what waits in states that the index of states has, where too much waits to look at each. What waits to be sent is not
// among that: where much waits, it is close together.
func (r *recordQuery) byStoredWait(waiting []string, conns []int64, all bool) bool {
	held := slices.Contains(waiting, string(connector.Held))
	if slices.Contains(waiting, string(connector.Pending)) || slices.Contains(waiting, string(connector.Sending)) ||
		held && !r.byHolder(r.held.all, conns, all) {
		return false
	}
	r.byColumn(`state`, waiting, `d.state <> 'pending' AND d.state <> 'succeeded'`, conns, all)
	return true
}

// byHolder takes the connections that a condition holds, where they are not too many.
func (r *recordQuery) byHolder(held, conns []int64, all bool) bool {
	if len(held) > manyConnections {
		return false
	}
	for _, c := range held {
		if all || slices.Contains(conns, c) {
			r.add(recordSource{conn: c})
		}
	}
	return true
}

// because gives the connections that are held for one of some reasons.
func (c *conditioned) because(classes []string) []int64 {
	var out []int64
	for _, class := range classes {
		out = append(out, c.by[retry.Class(class)]...)
	}
	return out
}

// splitStates sorts the wanted states into those that wait and final ones.
func splitStates(f *connector.RecordFilter) (waiting, final []string) {
	for _, s := range f.States {
		if connector.State(s).Final() {
			final = append(final, s)
		} else {
			waiting = append(waiting, s)
		}
	}
	return waiting, final
}

// splitClasses gives the wanted classes that may be stored with deliveries, and says whether some may be shown for their connection's sake.
func splitClasses(f *connector.RecordFilter) (stored []string, shown bool) {
	for _, c := range f.Classes {
		switch retry.Class(c) {
		case connector.ReasonPaused, connector.ReasonDisabled, connector.ReasonDown:
			shown = true
		case connector.ReasonTokenRefused:
			stored, shown = append(stored, c), true
		default:
			stored = append(stored, c)
		}
	}
	return stored, shown
}

// byEvent finds the events first: their ids are unique within a tenant. Their deliveries are among those of their todos.
func (r *recordQuery) byEvent(q *reader, f *connector.RecordFilter, conns []int64, all bool) error {
	w := where{}
	w.in(`id`, f.Events)
	tenants := f.Tenants
	if len(tenants) == 0 {
		if err := q.Select(&tenants, `SELECT name FROM tenants`); err != nil {
			return err
		}
	}
	for _, tenant := range tenants {
		var events []struct {
			N    int64  `db:"n"`
			Todo string `db:"todo"`
		}
		args := append([]any{clean(tenant)}, w.args...)
		if err := q.Select(&events, `SELECT n, todo FROM events WHERE tenant = ? AND `+w.conditions[0], args...); err != nil {
			return err
		}
		if len(events) == 0 {
			continue
		}
		var its []int64
		if err := q.Select(&its, `SELECT n FROM connections WHERE tenant = ?`, clean(tenant)); err != nil {
			return err
		}
		for _, e := range events {
			for _, c := range its {
				if all || slices.Contains(conns, c) {
					r.add(recordSource{conn: c}, `d.todo`, e.Todo, `+d.event_n`, e.N)
				}
			}
		}
	}
	r.none = len(r.sources) == 0
	r.residual.in(`+d.todo`, f.Todos)
	r.residual.receivers(f.Receivers)
	return nil
}

// byTodoOrReceiver goes connection by connection: ids of todos and users may be the same in many. Where that would be very many, it goes down
// all records, among which those that fit cannot be far apart then.
func (r *recordQuery) byTodoOrReceiver(q *reader, f *connector.RecordFilter, conns []int64, all bool) error {
	if all || len(conns) > manyConnections {
		having, err := connectionsHaving(q, f)
		if err != nil {
			return err
		}
		if len(having) > manyConnections {
			r.residual.in(`+d.todo`, f.Todos)
			r.residual.receivers(f.Receivers)
			r.sparse = true
			r.add(recordSource{})
			return nil
		}
		if !all {
			having = slices.DeleteFunc(having, func(c int64) bool { return !slices.Contains(conns, c) })
		}
		conns = having
		r.none = len(conns) == 0
	}
	for _, c := range conns {
		if len(f.Todos) > 0 {
			for _, todo := range f.Todos {
				r.add(recordSource{conn: c}, `d.todo`, clean(todo))
			}
			continue
		}
		for _, receiver := range f.Receivers {
			r.alone(c, receiver, f.States)
			among := recordSource{conn: c, from: `delivery_receivers m CROSS JOIN deliveries d ON d.n = m.delivery_n`}
			r.add(among, `m.receiver`, clean(receiver))
		}
	}
	if len(f.Todos) > 0 {
		r.residual.receivers(f.Receivers)
	}
	return nil
}

// connectionsHaving gives the connections that have records of the todos, else of the receivers, that a filter names: one more than
// manyConnections where there are more. From one connection to the next it takes one step in the index.
func connectionsHaving(q *reader, f *connector.RecordFilter) ([]int64, error) {
	type source struct{ query, value string }
	var sources []source
	for _, todo := range f.Todos {
		sources = append(sources, source{`SELECT n FROM deliveries INDEXED BY deliveries_todo WHERE todo = ? AND n >= ? ORDER BY n LIMIT 1`, todo})
	}
	if len(f.Todos) == 0 {
		for _, receiver := range f.Receivers {
			sources = append(sources,
				source{`SELECT n FROM deliveries INDEXED BY deliveries_receiver WHERE receiver = ? AND receiver <> '' AND n >= ? ORDER BY n LIMIT 1`, receiver},
				source{`SELECT delivery_n FROM delivery_receivers WHERE receiver = ? AND delivery_n >= ? ORDER BY delivery_n LIMIT 1`, receiver})
		}
	}
	var out []int64
	for _, s := range sources {
		for low := int64(0); len(out) <= manyConnections; {
			var at []int64
			if err := q.Select(&at, s.query, clean(s.value), low); err != nil {
				return nil, err
			}
			if len(at) == 0 {
				break
			}
			conn := at[0] >> placeBits
			if !slices.Contains(out, conn) {
				out = append(out, conn)
			}
			_, low = span(conn)
		}
	}
	slices.Sort(out)
	return out, nil
}

// alone takes the records of a connection that are for one receiver alone.
func (r *recordQuery) alone(conn int64, receiver string, states []string) {
	one := recordSource{conn: conn}
	one.where.add(`d.receiver <> ''`)
	waiting, final := splitStates(&connector.RecordFilter{States: states})
	if len(final) == 0 || len(waiting) > 0 || slices.Contains(final, string(connector.Succeeded)) {
		r.add(one, `d.receiver`, clean(receiver))
		return
	}
	one.exact = true
	one.where.add(`d.state <> 'pending' AND d.state <> 'succeeded'`)
	for _, s := range final {
		r.add(recordSource{conn: conn, exact: true, where: one.where.clone()}, `d.receiver`, clean(receiver), `d.state`, s)
	}
}

// byColumn goes down an index that holds only some rows, by connection where the filter names a few.
func (r *recordQuery) byColumn(column string, values []string, only string, conns []int64, all bool) {
	if all || len(conns) > manyConnections {
		conns = []int64{0}
	}
	for _, c := range conns {
		for _, v := range values {
			s := recordSource{conn: c, few: c == 0}
			s.where.add(only)
			r.add(s, `d.`+column, clean(v))
		}
	}
}

// notSent is what only waits: a condition of its connection is shown on it.
const notSent = `(+d.state = 'pending' OR +d.state = 'retrying') AND NOT ` + sends

// states wants rows in one of some states, as they are shown.
func (r *recordQuery) states(states []string, held conditioned) {
	if len(states) == 0 {
		return
	}
	var either where
	for _, s := range states {
		inner := where{}
		switch connector.State(s) {
		case connector.Sending:
			inner.add(sends)
		case connector.Held:
			inner.add(`+d.state = 'held'`)
			if len(held.all) > 0 {
				shown := where{}
				shown.add(notSent)
				shown.numbers(`+d.conn`, held.all)
				either.add(shown.all(), shown.args...)
			}
		case connector.Pending, connector.Retrying:
			inner.add(`+d.state = ?`, s)
			inner.add(`NOT ` + sends)
			if len(held.all) > 0 {
				inner.notNumbers(`+d.conn`, held.all)
			}
		case connector.Succeeded, connector.Failed, connector.Skipped, connector.Superseded, connector.Canceled:
			inner.add(`+d.state = ?`, s)
		}
		either.add(inner.all(), inner.args...)
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
			inner.add(`(NOT (`+notSent+`) OR `+free.all()+`)`, free.args...)
		}
		either.add(inner.all(), inner.args...)
		if conns := held.by[retry.Class(c)]; len(conns) > 0 {
			shown := where{}
			shown.add(notSent)
			shown.numbers(`+d.conn`, conns)
			either.add(shown.all(), shown.args...)
		}
	}
	r.residual.add(either.any(), either.args...)
}

// numbers wants a column to be one of some numbers.
func (w *where) numbers(column string, values []int64) {
	w.add(column+` IN (SELECT value FROM json_each(?))`, numberSet(values))
}

// notNumbers wants a column to be none of some numbers.
func (w *where) notNumbers(column string, values []int64) {
	w.add(column+` NOT IN (SELECT value FROM json_each(?))`, numberSet(values))
}

// receivers wants a delivery to have one of some receivers.
func (w *where) receivers(values []string) {
	if len(values) == 0 {
		return
	}
	var either where
	for _, v := range values {
		either.add(`+d.receiver = ?`, clean(v))
		either.add(`+d.receiver = '' AND EXISTS (SELECT 1 FROM delivery_receivers x WHERE x.receiver = ? AND x.delivery_n = d.n)`, clean(v))
	}
	w.add(either.any(), either.args...)
}

// all is one condition that wants all of the gathered ones.
func (w *where) all() string { return "(" + strings.Join(w.conditions, " AND ") + ")" }

// any is one condition that wants one of the gathered ones.
func (w *where) any() string { return "(" + strings.Join(w.conditions, " OR ") + ")" }
