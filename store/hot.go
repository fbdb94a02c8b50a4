package store

import (
	"todosync/connector"
)

// Bounds of what is kept in memory.
const (
	hotBindings   = 20_000   // looked-up users, a few MB
	hotDeliveries = 20_000   // deliveries that were just planned
	hotBytes      = 12 << 20 // payloads of their events
)

// hot is what the store need not read back: what it has just written and will be asked for in a moment. The database is the truth;
// whatever is not here is read there. Only write operations use it, which never overlap. What an operation learns it keeps
// after the commit alone; what it changes it forgets at once, so that an operation which is taken back does no harm.
type hot struct {
	bindings   map[connector.UserKey]boundUser
	deliveries map[int64]*hotDelivery
	events     map[int64]*hotEvent
	bytes      int
	flights    map[int64]flight
	flying     map[int64]int // how many flights each connection has
}

// A boundUser is a user's binding, or that he has none.
type boundUser struct {
	binding connector.Binding
	ok      bool
}

// A hotDelivery waits as it was planned.
type hotDelivery struct {
	delivery *connector.Delivery
	alone    bool // nothing else waits in its lane
}

// A hotEvent is an event with how many hot deliveries need it.
type hotEvent struct {
	event  connector.StoredEvent
	sender string
	users  int
}

// A flight is a delivery on its way: what settling it needs to know.
type flight struct {
	key      connector.TodoKey
	lane     string
	event    int64
	step     int64
	attempts int64
	created  int64
	alone    bool
	resent   bool // by a person's will
}

func newHot() *hot {
	return &hot{
		bindings: map[connector.UserKey]boundUser{}, deliveries: map[int64]*hotDelivery{}, events: map[int64]*hotEvent{},
		flights: map[int64]flight{}, flying: map[int64]int{},
	}
}

// full reports whether no more deliveries should be kept.
func (h *hot) full() bool { return len(h.deliveries) >= hotDeliveries || h.bytes >= hotBytes }

// keep takes a delivery and its event in, after the commit that made them.
func (h *hot) keep(d *connector.Delivery, alone bool, e *connector.Event) {
	if h.full() {
		return
	}
	ev := h.events[d.EventN]
	if ev == nil {
		ev = &hotEvent{
			event: connector.StoredEvent{
				N: d.EventN, Sequence: e.Sequence, Tenant: e.Tenant, Kind: e.Kind, Action: e.Action, ID: e.ID,
				Time: milli(e.Time), Received: milli(e.Received), Payload: e.Payload, Doc: e.Doc, Trace: e.Trace,
			},
			sender: e.Object.SenderID,
		}
		h.events[d.EventN] = ev
		h.bytes += len(e.Payload)
	}
	ev.users++
	h.deliveries[d.N] = &hotDelivery{delivery: d, alone: alone}
}

// forget drops a delivery that is changed or claimed.
func (h *hot) forget(n int64) {
	d := h.deliveries[n]
	if d == nil {
		return
	}
	delete(h.deliveries, n)
	ev := h.events[d.delivery.EventN]
	if ev.users--; ev.users == 0 {
		delete(h.events, d.delivery.EventN)
		h.bytes -= len(ev.event.Payload)
	}
}

// take notes that a delivery is on its way.
func (h *hot) take(n int64, f flight) {
	h.forget(n)
	h.flights[n] = f
	h.flying[f.key.Conn]++
}

// land notes that a delivery is no longer on its way.
func (h *hot) land(n int64) {
	f, ok := h.flights[n]
	if !ok {
		return
	}
	delete(h.flights, n)
	if h.flying[f.key.Conn]--; h.flying[f.key.Conn] == 0 {
		delete(h.flying, f.key.Conn)
	}
}

// joined notes that something more waits in the lane of a delivery: at once, and again after the commit, since an operation that
// shares it may have claimed the delivery a moment ago, and a flight is known from its commit on.
func (h *hot) joined(t *tx, n int64) {
	note := func() {
		if d := h.deliveries[n]; d != nil {
			d.alone = false
		}
		if f, ok := h.flights[n]; ok {
			f.alone = false
			h.flights[n] = f
		}
	}
	note()
	t.done(note)
}

// joinedLane is joined for all that waits in a lane.
func (d *DB) joinedLane(t *tx, key connector.TodoKey, lane string) error {
	const query = `SELECT n FROM deliveries WHERE conn = ? AND todo = ? AND kind = ? AND lane = ? AND ` + waits
	return t.read(query, []any{key.Conn, key.ID, string(key.Kind), lane}, func(r row) error {
		d.hot.joined(t, r.num(0))
		return nil
	})
}
