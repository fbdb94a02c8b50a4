package connector

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"todosync/retry"
)

// How often the parts of a share look after things.
const (
	// Twice as often as needed, so that a worker that is gone is missed within 20 s: its lease, and this.
	lookEvery = LeaseRenew / 2
	// How long what is in flight may take while a connection is handed to another worker; with what goes before and after, it is
	// there within a minute.
	handOver = 45 * time.Second
	// Wake-ups travel without a receipt: what waits is looked for as often as this, in one query for all connections.
	netEvery = 30 * time.Second
	takeMost = 1000 // seats a Take
)

// errNotOurs keeps a request from leaving when another worker may serve its connection by now.
var errNotOurs = errors.New("the lease of this worker may have run out")

// A share is a worker's part of the seats that it shares with others. Two goroutines keep it: one renews the lease and nothing
// else, so that nothing else can make it late; the other takes seats, gives them away and lets runners know.
//
// A connection belongs to the living worker that rendezvous hashing names: all workers name the same without a word between them, and one
// that comes or goes moves no more than its own part. The seats that are no connection stay with who has them.
type share struct {
	worker  *Worker
	sharing Sharing
	id      string
	base    time.Time    // what until counts from; only its monotonic clock is used
	until   atomic.Int64 // how long after base the worker believes in its lease, in nanoseconds
	span    atomic.Int64 // grows whenever the lease may have run out in between
	look    chan struct{}

	// All below is guarded by worker.mu.
	alive   []string
	fences  map[Seat]int64 // what is ours
	wanted  map[Seat]bool  // what should be
	leaving map[Seat]bool  // what was ours and has not been released yet; true: others are told of it
	holds   map[Seat]*hold
	lapsed  bool          // flights were cut off and nothing is sent
	proven  bool          // the store has confirmed fences since
	stale   bool          // what waits must be looked for
	ended   bool          // the worker is about to leave
	changed chan struct{} // closed, and made anew, when a seat may have come
}

// A hold is a function that runs while this worker has a seat.
type hold struct {
	cancel context.CancelFunc // of the run under way; nil: none is
}

func newShare(w *Worker, id string) *share {
	return &share{
		worker: w, sharing: w.cfg.Sharing, id: id, base: time.Now(), look: make(chan struct{}, 1),
		fences: map[Seat]int64{}, wanted: map[Seat]bool{}, leaving: map[Seat]bool{}, holds: map[Seat]*hold{},
		lapsed: true, changed: make(chan struct{}),
	}
}

// sure reports whether nobody else can have taken over what is ours.
func (s *share) sure() bool { return int64(time.Since(s.base)) < s.until.Load() }

// pass gives the check that requests are sent under: it fails as soon as the lease may have run out since pass was called, also when it
// has been renewed after that. A nil share lets everything pass.
func (s *share) pass() func() error {
	if s == nil {
		return nil
	}
	span := s.span.Load()
	return func() error {
		if !s.sure() || s.span.Load() != span {
			return errNotOurs
		}
		return nil
	}
}

// mine reports whether a connection is this worker's share. The caller has the lock.
func (s *share) mine(conn int64) bool { return ownerOf(conn, s.alive) == s.id }

// ownerOf is the worker among those alive that a connection falls to; empty when there is none.
func ownerOf(conn int64, alive []string) string {
	owner, best := "", -1.0
	for _, id := range alive {
		if x := retry.Jitter(id, int(conn)); x > best {
			owner, best = id, x
		}
	}
	return owner
}

// renew prolongs the lease until ctx is done.
func (s *share) renew(ctx context.Context) {
	lapse := time.AfterFunc(time.Hour, s.lapse)
	defer lapse.Stop()
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		began := time.Now()
		asking, cancel := context.WithTimeout(ctx, LeaseRenew)
		alive, err := s.sharing.Renew(asking, s.id)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.worker.cfg.Log.ErrorContext(ctx, "the lease could not be renewed", "error", err)
			next.Reset(lookEvery / 2)
		default:
			s.renewed(ctx, began, alive)
			lapse.Reset(LeaseTrust - time.Since(began))
			next.Reset(lookEvery)
		}
	}
}

// renewed books a Renew that succeeded. Where the lease may have run out before, whatever was under way then is over, however
// quickly the new one came: the process may have stood still for an hour.
func (s *share) renewed(ctx context.Context, began time.Time, alive []string) {
	w := s.worker
	w.mu.Lock()
	defer w.mu.Unlock()
	if !s.sure() {
		s.stop()
	}
	s.until.Store(int64(began.Sub(s.base) + LeaseTrust))
	if s.lapsed {
		s.lapsed, s.stale = false, true
		for _, r := range w.running {
			r.poked = true
			poke(r.wake)
		}
	}
	if !slices.Equal(s.alive, alive) {
		s.alive, s.stale = slices.Clone(alive), true
		w.cfg.Log.InfoContext(ctx, "workers", "worker", s.id, "alive", s.alive)
	}
	if s.stale || !s.proven || len(s.wanted) > 0 || len(s.leaving) > 0 || len(s.alive) > 1 {
		poke(s.look)
	}
}

// lapse is called when the lease could not be renewed in time.
func (s *share) lapse() {
	s.worker.mu.Lock()
	defer s.worker.mu.Unlock()
	if !s.sure() {
		s.stop()
	}
}

// stop cuts off all that this worker does for its seats. The caller has the lock.
func (s *share) stop() {
	if s.lapsed {
		return
	}
	s.lapsed, s.proven = true, false
	s.span.Add(1)
	s.worker.cfg.Log.Warn("the lease may have run out: nothing is sent until it is renewed", "worker", s.id)
	for _, r := range s.worker.running {
		r.cutOff()
	}
	for _, h := range s.holds {
		h.end()
	}
}

func (h *hold) end() {
	if h.cancel != nil {
		h.cancel()
		h.cancel = nil
	}
}

// keep takes and gives seats until ctx is done.
func (s *share) keep(ctx context.Context) {
	net := time.NewTicker(netEvery)
	defer net.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.look:
		case <-net.C:
			s.worker.mu.Lock()
			s.stale = true
			s.worker.mu.Unlock()
		}
		if !s.sure() {
			continue // renewed calls again
		}
		for _, step := range []func(context.Context) error{s.find, s.give, s.take} {
			if err := step(ctx); err != nil && ctx.Err() == nil {
				s.worker.cfg.Log.ErrorContext(ctx, "seats could not be looked after", "error", err)
			}
		}
	}
}

// find looks for connections that have something to do.
func (s *share) find(ctx context.Context) error {
	w := s.worker
	w.mu.Lock()
	stale := s.stale
	s.stale = false
	w.mu.Unlock()
	if !stale {
		return nil
	}
	conns, err := w.cfg.Ledger.Waiting(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		s.stale = true
		return err
	}
	for _, c := range conns {
		if s.mine(c) {
			s.want(c)
		}
	}
	return nil
}

// want sees to it that a connection of ours is served. The caller has the lock.
func (s *share) want(conn int64) {
	if _, ok := s.fences[Seat(conn)]; ok {
		s.worker.wanted[conn] = true
		poke(s.worker.signal)
		return
	}
	s.wanted[Seat(conn)] = true
	poke(s.look)
}

// give hands connections that are another's share to him: their runners end first.
func (s *share) give(ctx context.Context) error {
	w := s.worker
	var seats []Seat
	var tell []int64
	w.mu.Lock()
	for seat := range s.fences {
		conn := int64(seat)
		if conn <= 0 {
			continue
		}
		r, mine := w.running[conn], s.mine(conn)
		switch {
		case mine && r != nil && !r.given.IsZero():
			r.given = time.Time{} // he to whom it was to go is gone
			r.giving.Store(false)
			delete(s.leaving, seat)
			poke(r.wake)
		case mine:
		case r == nil:
			delete(s.fences, seat)
			s.leaving[seat] = s.leaving[seat] || w.wanted[conn]
			delete(w.wanted, conn)
		case r.given.IsZero():
			r.given = time.Now()
			r.giving.Store(true)
			s.leaving[seat] = true
			poke(r.wake)
		case time.Since(r.given) > handOver:
			r.cutOff()
		}
	}
	for seat, told := range s.leaving {
		if _, still := s.fences[seat]; still {
			continue
		}
		seats = append(seats, seat)
		if told && seat > 0 {
			tell = append(tell, int64(seat))
		}
	}
	w.mu.Unlock()
	if len(seats) == 0 {
		return nil
	}
	if err := s.sharing.Release(ctx, s.id, seats); err != nil {
		return err
	}
	w.mu.Lock()
	for _, seat := range seats {
		delete(s.leaving, seat)
	}
	w.mu.Unlock()
	if w.cfg.Tell != nil && len(tell) > 0 {
		w.cfg.Tell(tell)
	}
	return nil
}

// take asks the store for what should be ours, and after the lease may have run out for what was.
func (s *share) take(ctx context.Context) error {
	w := s.worker
	var seats []Seat
	w.mu.Lock()
	proven := s.proven
	for seat := range s.wanted {
		switch _, held := s.fences[seat]; {
		case held, seat > 0 && !s.mine(int64(seat)):
			delete(s.wanted, seat)
		case !s.leaving[seat]:
			seats = append(seats, seat)
		}
	}
	for seat := range s.holds {
		if _, held := s.fences[seat]; !held {
			seats = append(seats, seat)
		}
	}
	if !proven {
		for seat := range s.fences {
			seats = append(seats, seat)
		}
	}
	span := s.span.Load()
	w.mu.Unlock()
	for part := range slices.Chunk(seats, takeMost) {
		fences, recovered, err := s.sharing.Take(ctx, s.id, part)
		if err != nil {
			return err
		}
		if recovered > 0 {
			w.cfg.Log.InfoContext(ctx, "deliveries without an answer recovered", "deliveries", recovered)
		}
		s.took(part, fences)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.span.Load() == span {
		s.proven = true
	}
	s.tell()
	return nil
}

// took books the answer to a Take of seats.
func (s *share) took(seats []Seat, fences map[Seat]int64) {
	w := s.worker
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, seat := range seats {
		before, had := s.fences[seat]
		fence, has := fences[seat]
		if had && (!has || fence != before) {
			s.lost(seat)
		}
		if !has {
			continue
		}
		s.fences[seat] = fence
		delete(s.wanted, seat)
		if seat > 0 && (!had || fence != before) {
			w.wanted[int64(seat)] = true
			poke(w.signal)
		}
	}
}

// lost ends what is done for a seat that is another's now, and asks for it again where it should be ours. The caller has the lock.
func (s *share) lost(seat Seat) {
	delete(s.fences, seat)
	if r := s.worker.running[int64(seat)]; r != nil && seat > 0 {
		r.drop()
	}
	if h := s.holds[seat]; h != nil {
		h.end()
	}
	if seat > 0 && s.mine(int64(seat)) {
		s.wanted[seat] = true
	}
}

// conflict is called by a runner whose fencing number the store no longer takes.
func (s *share) conflict(r *runner) {
	w := s.worker
	w.mu.Lock()
	defer w.mu.Unlock()
	r.drop()
	if s.fences[Seat(r.conn)] == r.fence {
		s.lost(Seat(r.conn))
		poke(s.look)
	}
}

// leave gives everything up, after the last commit.
func (s *share) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.sharing.Leave(ctx, s.id); err != nil {
		s.worker.cfg.Log.WarnContext(ctx, "the lease could not be given up: others wait until it has run out", "error", err)
	}
}

// end lets every Hold return and waits for them until ctx is done.
func (s *share) end(ctx context.Context) {
	w := s.worker
	w.mu.Lock()
	s.ended = true
	for _, h := range s.holds {
		h.end()
	}
	s.tell()
	for len(s.holds) > 0 && ctx.Err() == nil {
		s.wait(ctx)
	}
	w.mu.Unlock()
}

// tell lets those go on who wait for a change of the seats. The caller has the lock.
func (s *share) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// wait gives the caller's lock away until seats have changed or ctx is done.
func (s *share) wait(ctx context.Context) {
	changed := s.changed
	s.worker.mu.Unlock()
	select {
	case <-changed:
	case <-ctx.Done():
	}
	s.worker.mu.Lock()
}
