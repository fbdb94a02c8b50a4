package connector

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"todosync/retry"
)

var (
	fleetSeeds = flag.Int("fleet.seeds", 8, "how many random histories TestFleetHistories plays")
	fleetSeed  = flag.Uint64("fleet.seed", 0, "play this one history of TestFleetHistories alone")
)

// A fleet is what several workers share: a store with many connections and a clock of its own, and an OA behind each connection.
type fleet struct {
	t *testing.T

	mu      sync.Mutex // guards all below
	rand    *rand.Rand
	skew    time.Duration // of the store's clock
	leases  map[string]time.Time
	seats   map[Seat]fakeSeat
	conns   map[int64]*fakeStore
	owner   map[int64]map[int64]string // connection, delivery: the worker that claimed it
	workers []*member

	oaMu    sync.Mutex // guards all below
	reply   func(conn int64) (time.Duration, error)
	arrived []arrival
	under   map[string]int // requests of a todo under way
}

type fakeSeat struct {
	worker string
	fence  int64
}

// An arrival is one request that an OA got.
type arrival struct {
	at     time.Time
	conn   int64
	todo   string
	number int // of the delivery within its connection
	worker string
	again  bool // the OA answered that it did not take it
}

func newFleet(t *testing.T, conns int64, change func(*Connection)) *fleet {
	f := &fleet{
		t: t, rand: rand.New(rand.NewPCG(1, 1)), leases: map[string]time.Time{}, seats: map[Seat]fakeSeat{}, //nolint:gosec // a test's dice
		conns: map[int64]*fakeStore{}, owner: map[int64]map[int64]string{}, under: map[string]int{},
		reply: func(int64) (time.Duration, error) { return 0, nil },
	}
	for n := int64(1); n <= conns; n++ {
		s := newFakeStore(t, restConnection(func(c *Connection) {
			c.Name = "oa" + strconv.FormatInt(n, 10)
			for _, scene := range c.Scenes {
				scene.Body = `{"todo":"#F012","delivery":"#F116"}`
			}
			if change != nil {
				change(c)
			}
		}))
		p := *s.program
		p.Conn = n
		s.program = &p
		f.conns[n], f.owner[n] = s, map[int64]string{}
	}
	return f
}

func (f *fleet) now() time.Time { return time.Now().Add(f.skew) }

// owe adds a create and its edits to a connection's todo, and wakes the workers unless that is lost on its way.
func (f *fleet) owe(conn int64, todo string, lost bool, scenes ...Scene) {
	s := f.conns[conn]
	s.mu.Lock()
	s.owe(todo, time.Now(), scenes...)
	for _, d := range s.deliveries {
		d.Conn = conn
		d.ID = fmt.Sprintf("%d/%d", conn, d.N)
	}
	s.mu.Unlock()
	if !lost {
		f.tell([]int64{conn})
	}
}

// tell wakes all workers, as a message over NATS does.
func (f *fleet) tell(conns []int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.workers {
		m.worker.Wake(conns)
	}
}

// A member is one worker of a fleet, with the store and the OAs as it sees them.
type member struct {
	fleet  *fleet
	worker *Worker
	stop   func()

	mu    sync.Mutex // guards what follows
	gate  chan struct{}
	slow  time.Duration // how much later than the rest of it its senders wake
	dead  bool
	ended bool
}

func (f *fleet) join(name string) *member {
	f.t.Helper()
	m := &member{fleet: f}
	w, err := NewWorker(WorkerConfig{
		Ledger: m, Registry: m, Sharing: m, Tell: f.tell, Name: name, Log: slog.New(slog.DiscardHandler), Drain: 5 * time.Second,
		Open: func(retry.Config) (Sender, error) { return m, nil },
	})
	if err != nil {
		f.t.Fatal(err)
	}
	m.worker = w
	ctx, stop := context.WithCancel(f.t.Context())
	ended := make(chan struct{})
	go func() { _ = w.Run(ctx); close(ended) }()
	m.stop = func() {
		m.resume()
		stop()
		<-ended
		m.mu.Lock()
		m.ended = true
		m.mu.Unlock()
	}
	f.mu.Lock()
	f.workers = append(f.workers, m)
	f.mu.Unlock()
	return m
}

// kill ends a worker for all others: nothing it does has an effect any more.
func (m *member) kill() {
	m.resume()
	m.mu.Lock()
	m.dead = true
	m.mu.Unlock()
}

// pause stops a worker as SIGSTOP does, as far as one can see from outside.
func (m *member) pause() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gate == nil {
		m.gate = make(chan struct{})
	}
}

func (m *member) resume() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gate != nil {
		close(m.gate)
		m.gate = nil
	}
}

var errAway = &Error{Kind: Unavailable, Op: "test", Msg: "this worker is dead"}

// pass waits while the worker stands still.
func (m *member) pass() error {
	for {
		m.mu.Lock()
		gate, dead := m.gate, m.dead
		m.mu.Unlock()
		if dead {
			return errAway
		}
		if gate == nil {
			return nil
		}
		<-gate
	}
}

func (m *member) Renew(_ context.Context, worker string) ([]string, error) {
	if err := m.pass(); err != nil {
		return nil, err
	}
	f := m.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leases[worker] = f.now().Add(LeaseLength)
	maps.DeleteFunc(f.leases, func(_ string, until time.Time) bool { return until.Before(f.now()) })
	return slices.Sorted(maps.Keys(f.leases)), nil
}

func (m *member) Take(_ context.Context, worker string, seats []Seat) (map[Seat]int64, int, error) {
	if err := m.pass(); err != nil {
		return nil, 0, err
	}
	f := m.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	out, recovered := map[Seat]int64{}, 0
	for _, seat := range seats {
		have := f.seats[seat]
		if have.worker != worker {
			if until, ok := f.leases[have.worker]; ok && have.worker != "" && until.After(f.now()) {
				continue
			}
			have = fakeSeat{worker: worker, fence: have.fence + 1}
			f.seats[seat] = have
			if s := f.conns[int64(seat)]; s != nil {
				recovered += s.recover()
			}
		}
		out[seat] = have.fence
	}
	return out, recovered, nil
}

// recover puts back what was being sent.
func (f *fakeStore) recover() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, d := range f.deliveries {
		if d.State == Sending {
			d.State, d.Due, d.SentTwice, d.Unanswered = Pending, time.Now(), true, true
			l := f.lanes[d.Todo]
			if l == nil {
				l = &Lane{Receiver: "u"}
				f.lanes[d.Todo] = l
			}
			l.Left = true
			if l.Presence == Absent {
				l.Presence, l.Has = Maybe, 1
			}
			n++
		}
	}
	return n
}

func (m *member) Release(_ context.Context, worker string, seats []Seat) error {
	if err := m.pass(); err != nil {
		return err
	}
	f := m.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, seat := range seats {
		if have := f.seats[seat]; have.worker == worker {
			f.seats[seat] = fakeSeat{fence: have.fence}
		}
	}
	return nil
}

func (m *member) Leave(_ context.Context, worker string) error {
	if err := m.pass(); err != nil {
		return err
	}
	f := m.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.leases, worker)
	for seat, have := range f.seats {
		if have.worker == worker {
			f.seats[seat] = fakeSeat{fence: have.fence}
		}
	}
	return nil
}

// fenced checks a number as every commit does.
func (m *member) fenced(conn, fence int64) error {
	if have := m.fleet.seats[Seat(conn)]; have.fence != fence || have.worker != m.worker.share.id {
		return &Error{Kind: Conflict, Op: "test", Msg: "another worker serves the connection"}
	}
	return nil
}

func (m *member) Turn(ctx context.Context, t Turn) (Turned, error) {
	if err := m.pass(); err != nil {
		return Turned{}, err
	}
	m.fleet.mu.Lock()
	defer m.fleet.mu.Unlock()
	if err := m.fenced(t.Conn, t.Fence); err != nil {
		return Turned{}, err
	}
	got, err := m.fleet.conns[t.Conn].Turn(ctx, t)
	for i := range got.Work {
		got.Work[i].Event.Payload = []byte(`{"todo":{"id":"` + got.Work[i].Todo + `","title":"x","receivers":[{"id":"u"}]}}`)
	}
	return got, err
}

func (m *member) Waiting(context.Context) ([]int64, error) {
	if err := m.pass(); err != nil {
		return nil, err
	}
	var out []int64
	for n, s := range m.fleet.conns {
		s.mu.Lock()
		if slices.ContainsFunc(s.deliveries, func(d *Delivery) bool { return d.Waits() }) {
			out = append(out, n)
		}
		s.mu.Unlock()
	}
	return out, nil
}

func (m *member) Recover(context.Context) (int, error) {
	m.fleet.t.Error("Recover was called beside other workers")
	return 0, nil
}

func (m *member) SetCondition(ctx context.Context, conn, fence int64, c Condition) error {
	if err := m.pass(); err != nil {
		return err
	}
	m.fleet.mu.Lock()
	defer m.fleet.mu.Unlock()
	if err := m.fenced(conn, fence); err != nil {
		return err
	}
	return m.fleet.conns[conn].SetCondition(ctx, conn, fence, c)
}

func (m *member) Program(ctx context.Context, conn int64) (*Program, error) {
	return m.fleet.conns[conn].Program(ctx, conn)
}

func (m *member) Secret(ctx context.Context, tenant, name string) (string, error) {
	return m.fleet.conns[1].Secret(ctx, tenant, name)
}

func (m *member) Token(ctx context.Context, conn int64) (KeptToken, error) {
	return m.fleet.conns[conn].Token(ctx, conn)
}

func (m *member) KeepToken(ctx context.Context, conn, fence int64, t KeptToken) error {
	return m.fleet.conns[conn].KeepToken(ctx, conn, fence, t)
}

func (m *member) Close() {}

// Post is the way of a request to the OA, and of its answer back.
func (m *member) Post(ctx context.Context, r retry.Request) (retry.Receipt, error) {
	f := m.fleet
	todo := between(string(r.Body), `"todo":"`, `"`)
	connText, numberText, _ := strings.Cut(between(string(r.Body), `"delivery":"`, `"`), "/")
	conn, _ := strconv.ParseInt(connText, 10, 64)
	number, _ := strconv.Atoi(numberText)
	f.oaMu.Lock()
	wait, answered := f.reply(conn)
	before := wait / 3
	f.oaMu.Unlock()
	<-time.After(before) // it is on its way
	err := m.pass()
	m.mu.Lock()
	slow := m.slow
	m.mu.Unlock()
	<-time.After(slow)
	if err == nil {
		err = r.May()
	}
	if err != nil {
		return retry.Receipt{}, &retry.Error{Class: retry.Network, Msg: "withheld", Err: retry.ErrWithheld}
	}
	lane := m.worker.share.id + " " + connText + " " + todo
	again := retryError(answered).Status != 0
	f.oaMu.Lock()
	f.arrived = append(f.arrived, arrival{time.Now(), conn, todo, number, m.worker.share.id, again})
	if f.under[lane]++; f.under[lane] > 1 {
		f.t.Errorf("two requests of %s at once", lane)
	}
	f.oaMu.Unlock()
	defer func() { f.oaMu.Lock(); f.under[lane]--; f.oaMu.Unlock() }()
	select {
	case <-time.After(wait - before):
	case <-ctx.Done():
		return retry.Receipt{}, &retry.Error{Class: retry.Network, Unanswered: true, Msg: "cut off"}
	}
	if err := m.pass(); err != nil {
		return retry.Receipt{}, &retry.Error{Class: retry.Network, Unanswered: true, Msg: "dead"}
	}
	if answered != nil {
		return retry.Receipt{}, answered
	}
	return answer(`{"code":0}`)
}

func between(s, before, after string) string {
	_, s, _ = strings.Cut(s, before)
	s, _, _ = strings.Cut(s, after)
	return s
}

// end stops all workers.
func (f *fleet) end() {
	f.mu.Lock()
	workers := slices.Clone(f.workers)
	f.mu.Unlock()
	for _, m := range workers {
		m.mu.Lock()
		ended := m.ended
		m.mu.Unlock()
		if !ended {
			m.stop()
		}
	}
}

// inOrder checks what the OAs got: no older request of a todo after a newer one, a second one only of what is marked, and nothing missing.
func (f *fleet) inOrder() {
	f.t.Helper()
	last, times := map[string]int{}, map[string]int{}
	for _, a := range f.arrived {
		lane := fmt.Sprintf("%d %s", a.conn, a.todo)
		if a.number < last[lane] {
			f.t.Errorf("%s: the OA of connection %d got delivery %d of %s after %d, from %s", a.at.Format("04:05.000"), a.conn, a.number, a.todo, last[lane], a.worker)
		}
		last[lane] = max(last[lane], a.number)
		if !a.again {
			times[fmt.Sprintf("%d/%d", a.conn, a.number)]++
		}
	}
	for n, s := range f.conns {
		for _, d := range s.deliveries {
			if d.State != Succeeded {
				f.t.Errorf("connection %d: delivery %s is %s %s, want succeeded", n, d.ID, d.State, d.Class)
			}
			if got := times[d.ID]; got != 1 && !d.SentTwice {
				f.t.Errorf("connection %d: the OA got delivery %s %d times, and it is not marked", n, d.ID, got)
			}
		}
	}
}
