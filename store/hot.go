package store

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"todosync/connector"
)

// Bounds of what is kept in memory.
const (
	hotBindings   = 20_000   // looked-up users, a few MB
	hotDeliveries = 5_000    // deliveries that were just planned
	hotBytes      = 10 << 20 // their events, as they came and as parsed
	parsedWeight  = 3        // how many times its length an event takes with what parsing it made
)

// How far Accept runs ahead of the deliveries. What is read back from the database costs more than to wait a moment for those that are
// about to be claimed; but nobody waits for connections that do not move, and never for long.
const (
	aheadMost  = 2_500                  // deliveries of connections that move, waiting in memory
	aheadBatch = 200                    // smaller batches are no backlog, and wait for nothing
	aheadWait  = 300 * time.Millisecond // at most, each batch
	aheadLook  = 20 * time.Millisecond  // how long until it shows whether waiting is worth it
	aheadPace  = 20                     // deliveries that must have gone by then
	aheadStill = 100 * time.Millisecond // a connection that claimed nothing for so long does not move
)

// hot is what the store need not read back: what it has just written and will be asked for in a moment. The database is the truth;
// whatever is not here is read there. Only write operations use it, which never overlap. What an operation learns it keeps
// after the commit alone; what it changes it forgets at once, so that an operation which is taken back does no harm.
type hot struct {
	bindings   map[connector.UserKey]boundUser
	rebinds    int64 // counts changes of bindings, from 1 on
	deliveries map[int64]*hotDelivery
	events     map[int64]*hotEvent
	bytes      int
	queues     map[int64]*hotQueue // by connection
	flights    map[int64]flight
	flying     map[int64]int // how many flights each connection has
	// orphans are deliveries, by connection, that were claimed in a transaction of which nobody knows whether it was committed: nobody
	// sends them.
	orphans map[int64][]int64

	// Used by everybody.
	ahead atomic.Int64  // hot deliveries of connections that move
	moved chan struct{} // holds a token after some of them went
}

// A hotQueue is what is kept of one connection.
type hotQueue struct {
	count int
	moved time.Time // when it was begun, or something of it was claimed last
}

// A boundUser is a user's binding, or that he has none.
type boundUser struct {
	binding connector.Binding
	ok      bool
}

// A hotDelivery waits as it was planned.
type hotDelivery struct {
	delivery *connector.Delivery
	lane     connector.Lane // as it is while alone
	alone    bool           // nothing else waits in its lane
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
	scene    connector.Scene
	event    int64
	step     int64
	attempts int64
	created  int64
	alone    bool
	unsure   bool // its outcome may be stored already
	renewed  bool // and with it, maybe, the next claim of it
	resent   bool // by a person's will

	rebinds  int64                        // how often bindings had changed when it was claimed; 0: not known
	bindings map[string]connector.Binding // of its people then, shared with who sends it: never changed; nil: not known
}

func newHot() *hot {
	return &hot{
		rebinds: 1, bindings: map[connector.UserKey]boundUser{}, deliveries: map[int64]*hotDelivery{}, events: map[int64]*hotEvent{},
		flights: map[int64]flight{}, flying: map[int64]int{}, orphans: map[int64][]int64{}, queues: map[int64]*hotQueue{},
		moved: make(chan struct{}, 1),
	}
}

// landConnections forgets what is on its way in connections that come from another owner.
func (h *hot) landConnections(conns []int64) {
	for n := range h.flights {
		if slices.Contains(conns, n>>placeBits) {
			h.land(n)
		}
	}
	for _, c := range conns {
		delete(h.orphans, c)
	}
}

// full reports whether no more deliveries should be kept.
func (h *hot) full() bool { return len(h.deliveries) >= hotDeliveries || h.bytes >= hotBytes }

// keep takes a delivery with its lane and its event in, after the commit that made them. Where there is no room, the connection that has
// most gives some: it may be one that does not move.
func (h *hot) keep(d *connector.Delivery, lane *connector.Lane, e *connector.Event) {
	if h.full() {
		h.shorten()
	}
	q := h.queues[d.Conn]
	if q == nil {
		q = &hotQueue{moved: time.Now()}
		h.queues[d.Conn] = q
	}
	q.count++
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
		h.bytes += parsedWeight * len(e.Payload)
	}
	ev.users++
	kept := connector.Lane{Receiver: lane.Receiver}
	if d.Kind == connector.KindTodo { // others leave no trace in their lane
		kept = *lane
		kept.Waiting, kept.Dirty = nil, false
	}
	h.deliveries[d.N] = &hotDelivery{delivery: d, lane: kept, alone: len(lane.Waiting) == 1}
}

// shorten drops half of the longest queue.
func (h *hot) shorten() {
	longest, most := int64(0), 0
	for conn, q := range h.queues {
		if q.count > most {
			longest, most = conn, q.count
		}
	}
	drop := (most + 1) / 2
	for n, d := range h.deliveries {
		if drop == 0 {
			return
		}
		if d.delivery.Conn == longest {
			h.forget(n)
			drop--
		}
	}
}

// measure counts how far ahead the deliveries are of connections that move.
func (h *hot) measure() {
	ahead, now := 0, time.Now()
	for _, q := range h.queues {
		if now.Sub(q.moved) < aheadStill {
			ahead += q.count
		}
	}
	h.ahead.Store(int64(ahead))
}

// pace waits until a batch of so many events is not too far ahead, but not for long.
func (h *hot) pace(ctx context.Context, events int) {
	if events < aheadBatch || h.ahead.Load()+int64(events) <= aheadMost {
		return
	}
	until := time.Now().Add(aheadWait)
	look := time.NewTicker(aheadLook)
	defer look.Stop()
	for before := h.ahead.Load(); h.ahead.Load()+int64(events) > aheadMost; {
		select {
		case <-h.moved:
		case now := <-look.C:
			if before-h.ahead.Load() < aheadPace || now.After(until) {
				return
			}
			before = h.ahead.Load()
		case <-ctx.Done():
			return
		}
	}
}

// forget drops a delivery that is changed or claimed.
func (h *hot) forget(n int64) {
	d := h.deliveries[n]
	if d == nil {
		return
	}
	delete(h.deliveries, n)
	q := h.queues[d.delivery.Conn]
	if q.count--; q.count == 0 {
		delete(h.queues, d.delivery.Conn)
	}
	ev := h.events[d.delivery.EventN]
	if ev.users--; ev.users == 0 {
		delete(h.events, d.delivery.EventN)
		h.bytes -= parsedWeight * len(ev.event.Payload)
	}
}

// take notes that a delivery is on its way.
func (h *hot) take(n int64, f flight) {
	if q := h.queues[f.key.Conn]; q != nil && h.deliveries[n] != nil {
		q.moved = time.Now()
		h.ahead.Add(-1)
		select {
		case h.moved <- struct{}{}:
		default:
		}
	}
	h.forget(n)
	if _, known := h.flights[n]; !known {
		h.flying[f.key.Conn]++
	}
	h.flights[n] = f
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
