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
	"testing/synctest"
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
	time.Sleep(before) // it is on its way
	err := m.pass()
	m.mu.Lock()
	slow := m.slow
	m.mu.Unlock()
	time.Sleep(slow)
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

func TestFleetSharesConnections(t *testing.T) {
	t.Parallel()
	const conns = 40
	edits := func(f *fleet, lost bool) {
		for n := int64(1); n <= conns; n++ {
			f.owe(n, "t", lost, SceneCreate, SceneEdit, SceneEdit)
		}
	}
	served := func(f *fleet, from int) map[string]int {
		f.oaMu.Lock()
		defer f.oaMu.Unlock()
		out := map[string]int{}
		for _, a := range f.arrived[from:] {
			out[a.worker[:1]]++
		}
		return out
	}
	count := func(f *fleet) int { f.oaMu.Lock(); defer f.oaMu.Unlock(); return len(f.arrived) }

	t.Run("each has its part, and one that joins gets his within a minute", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, conns, nil)
			f.reply = func(int64) (time.Duration, error) { return 3 * time.Second, nil }
			f.join("a")
			f.join("b")
			time.Sleep(10 * time.Second)
			edits(f, false)
			time.Sleep(5 * time.Second)
			f.join("c") // while requests are under way
			time.Sleep(55 * time.Second)
			from := count(f)
			edits(f, false)
			time.Sleep(10 * time.Second)
			for _, name := range []string{"a", "b", "c"} {
				if n := served(f, from)[name]; n < conns/2 {
					t.Errorf("worker %s served %d of %d after a minute, want a third or so", name, n, 3*conns)
				}
			}
			f.end()
			f.inOrder()
			if n := len(f.arrived); n != 6*conns {
				t.Errorf("%d requests, want %d: to join repeats nothing", n, 6*conns)
			}
		})
	})
	t.Run("what a killed worker served goes on within 20 s", func(t *testing.T) {
		t.Parallel()
		for phase := range 10 {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, conns, nil)
				f.join("a")
				b := f.join("b")
				time.Sleep(20*time.Second + time.Duration(phase)*277*time.Millisecond)
				b.kill()
				edits(f, false)
				killed := time.Now()
				time.Sleep(20 * time.Second)
				if n := count(f); n != 3*conns {
					t.Errorf("%d of %d requests %s after the kill", n, 3*conns, time.Since(killed))
				}
				f.end()
				f.inOrder()
			})
		}
	})
	t.Run("one that leaves is followed at once", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, conns, nil)
			f.join("a")
			b := f.join("b")
			time.Sleep(20 * time.Second)
			b.stop()
			edits(f, false)
			time.Sleep(LeaseRenew)
			if n := count(f); n != 3*conns {
				t.Errorf("%d of %d requests %s after a worker left in order", n, 3*conns, LeaseRenew)
			}
			f.end()
			f.inOrder()
		})
	})
	t.Run("a wake-up that is lost costs half a minute", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, conns, nil)
			f.join("a")
			f.join("b")
			time.Sleep(20 * time.Second)
			edits(f, true)
			time.Sleep(netEvery + time.Second)
			f.end()
			f.inOrder()
		})
	})
	t.Run("a worker that stood still sends nothing more for what it lost", func(t *testing.T) {
		t.Parallel()
		for _, slow := range []time.Duration{0, time.Second} { // its lease is renewed before its senders wake
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, conns, nil)
				f.reply = func(int64) (time.Duration, error) { return 3 * time.Second, nil }
				f.join("a")
				b := f.join("b")
				b.slow = slow
				time.Sleep(20 * time.Second)
				edits(f, false)
				time.Sleep(500 * time.Millisecond) // its first requests are made, and have not left
				b.pause()
				time.Sleep(time.Minute)
				if n := count(f); n != 3*conns {
					t.Errorf("%d of %d requests a minute after a worker stopped", n, 3*conns)
				}
				b.resume()
				time.Sleep(time.Minute)
				if n := count(f); n != 3*conns {
					t.Errorf("%d requests after it woke, want %d as before", n, 3*conns)
				}
				edits(f, false)
				time.Sleep(30 * time.Second)
				if n := served(f, 3*conns)["b"]; n == 0 {
					t.Error("the worker that woke serves nothing, want its share")
				}
				f.end()
				f.inOrder()
			})
		}
	})
	t.Run("a store that is away for longer than the lease", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, conns, nil)
			f.reply = func(int64) (time.Duration, error) { return 30 * time.Second, nil }
			a := f.join("a")
			b := f.join("b")
			time.Sleep(20 * time.Second)
			edits(f, false)
			time.Sleep(time.Second)
			a.mu.Lock()
			a.dead = true
			a.mu.Unlock()
			b.mu.Lock()
			b.dead = true
			b.mu.Unlock()
			time.Sleep(LeaseTrust)
			sent := count(f)
			time.Sleep(time.Hour)
			if n := count(f); n != sent {
				t.Errorf("%d requests left without a lease", n-sent)
			}
			for _, m := range []*member{a, b} {
				m.mu.Lock()
				m.dead = false
				m.mu.Unlock()
			}
			time.Sleep(5 * time.Minute)
			f.end()
			f.inOrder()
		})
	})
}

// TestFleetHistories plays random histories of workers that are killed, stopped, paused and started, of a store whose clock jumps and of
// wake-ups that are lost, and holds what the OAs got against the order of each todo.
func TestFleetHistories(t *testing.T) {
	t.Parallel()
	first, last := uint64(1), uint64(*fleetSeeds) //nolint:gosec // a small count
	if *fleetSeed != 0 {
		first, last = *fleetSeed, *fleetSeed
	}
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { playFleet(t, seed) })
		})
	}
}

func playFleet(t *testing.T, seed uint64) {
	f := newFleet(t, 8, func(c *Connection) {
		c.Retry.Schedule = slices.Repeat([]Duration{seconds(1)}, 500)
	})
	r := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // a test's dice
	f.reply = func(int64) (time.Duration, error) {
		wait := time.Duration(r.IntN(3000)) * time.Millisecond
		switch r.IntN(12) {
		case 0:
			return wait, &retry.Error{Class: retry.Timeout, Unanswered: true, Msg: "no answer in time"}
		case 1:
			return wait, &retry.Error{Class: retry.HTTP5xx, Status: 503, Msg: "HTTP status 503"}
		case 2:
			return 20 * time.Second, nil
		}
		return wait, nil
	}
	var living []*member
	add := func() { living = append(living, f.join(fmt.Sprintf("w%d", len(f.workers)))) }
	add()
	add()
	for range 60 {
		for range 1 + r.IntN(3) {
			conn, todo := 1+r.Int64N(8), fmt.Sprintf("t%d", r.IntN(3))
			f.owe(conn, todo, r.IntN(5) == 0, []Scene{SceneCreate, SceneEdit, SceneEdit}[:1+r.IntN(3)]...)
		}
		time.Sleep(time.Duration(r.IntN(12_000)) * time.Millisecond)
		m := living[r.IntN(len(living))]
		switch r.IntN(9) {
		case 0:
			m.kill()
			living = slices.DeleteFunc(living, func(o *member) bool { return o == m })
		case 1:
			m.stop()
			living = slices.DeleteFunc(living, func(o *member) bool { return o == m })
		case 2, 3:
			m.slow = time.Duration(r.IntN(1000)) * time.Millisecond
			m.pause()
			time.AfterFunc(time.Duration(r.IntN(60_000))*time.Millisecond, m.resume)
		case 4:
			f.mu.Lock()
			f.skew = max(f.skew-time.Duration(r.IntN(3600))*time.Second, 0)
			f.mu.Unlock()
		case 5:
			if len(living) < 4 {
				add()
			}
		}
		if len(living) == 0 {
			add()
		}
	}
	f.oaMu.Lock()
	f.reply = func(int64) (time.Duration, error) { return time.Second, nil }
	f.oaMu.Unlock()
	time.Sleep(3 * time.Hour)
	f.end()
	f.inOrder()
}

// TestPass wakes a process whose lease was renewed before anything else in it ran: what was claimed before it stood still stays.
func TestPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, nil)
		w, err := NewWorker(WorkerConfig{Ledger: &member{fleet: f}, Registry: &member{fleet: f}, Sharing: &member{fleet: f}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		s := w.share
		if s.pass()() == nil {
			t.Error("a worker without a lease may send")
		}
		renew := func() { s.renewed(t.Context(), time.Now(), []string{s.id}) }
		renew()
		early := s.pass()
		time.Sleep(LeaseTrust - time.Second)
		renew()
		if err := early(); err != nil {
			t.Errorf("renewed in time: %v, want no error", err)
		}
		time.Sleep(LeaseTrust)
		if early() == nil {
			t.Error("ten seconds after the last renewal a request may leave")
		}
		renew()
		if early() == nil {
			t.Error("what was claimed under a lease that may have run out may leave under the next")
		}
		if err := s.pass()(); err != nil {
			t.Errorf("after the renewal: %v, want no error", err)
		}
	})
}

func TestHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, nil)
		var mu sync.Mutex
		running, most := map[string]bool{}, 0
		hold := func(m *member, name string) (stop func()) {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				err := m.worker.Hold(ctx, SeatReader, func(ctx context.Context) error {
					mu.Lock()
					running[name] = true
					most = max(most, len(running))
					mu.Unlock()
					<-ctx.Done()
					mu.Lock()
					delete(running, name)
					mu.Unlock()
					return ctx.Err()
				})
				if err != nil && ctx.Err() == nil {
					t.Errorf("Hold = %v", err)
				}
			}()
			return func() { cancel(); <-ended }
		}
		holder := func() string {
			mu.Lock()
			defer mu.Unlock()
			for name := range running {
				return name
			}
			return ""
		}
		a, b := f.join("a"), f.join("b")
		stopA := hold(a, "a")
		time.Sleep(5 * time.Second)
		stopB := hold(b, "b")
		time.Sleep(time.Minute)
		if got := holder(); got != "a" {
			t.Errorf("after a minute %q reads, want a: who has a seat keeps it", got)
		}
		a.kill()
		time.Sleep(20 * time.Second)
		if got := holder(); got != "b" {
			t.Errorf("20 s after the kill %q reads, want b", got)
		}
		stopA()
		c := f.join("c")
		stopC := hold(c, "c")
		time.Sleep(time.Minute)
		stopB()
		time.Sleep(LeaseRenew)
		if got := holder(); got != "c" {
			t.Errorf("after b gave the seat up %q reads, want c", got)
		}
		f.end()
		stopC()
		if most != 1 {
			t.Errorf("%d read at once, want one", most)
		}
	})
}
