package connector

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"todosync/retry"
)

// A WorkerConfig is what a Worker needs.
type WorkerConfig struct {
	Ledger   Ledger                                // required
	Registry Registry                              // required
	Open     func(retry.Config) (Sender, error)    // makes the sender of one connection; retry.New by default
	Log      *slog.Logger                          // required
	Sharing  Sharing                               // what it shares connections with other workers through; nil: all are its own
	Tell     func(conns []int64)                   // told of connections that other workers should look at: it has given them away; optional
	Name     string                                // stands in each attempt; "worker" by default
	Drain    time.Duration                         // how long Run waits for requests in flight; 30 s by default
	Egress   *retry.Egress                         // which addresses may be called; nil: the default rules
	Now      func() time.Time                      // time.Now by default
	Observe  func(ctx context.Context, o Observed) // told of each attempt after its outcome is stored; optional
}

// Observed is one stored outcome, for metrics, logs and whoever watches.
type Observed struct {
	Work     *Work
	Change   *Change
	Sent     Scene // the scene whose request went; empty: none did
	Duration time.Duration
}

// A Worker sends what is owed. It keeps one runner per connection that has something to do; runners share nothing, so that
// no OA can delay another's.
type Worker struct {
	cfg   WorkerConfig
	share *share // nil: nothing is shared

	scripts chan struct{} // holds one for each script that computes

	mu      sync.Mutex // guards all below
	wanted  map[int64]bool
	signal  chan struct{}
	running map[int64]*runner
	memory  map[int64]*memory
	doctors map[int64]*tokenDoctor      // of the connections whose token was checked
	signOns map[int64]*signOnToken      // of the connections where somebody signed on whose OA wants a token
	trials  map[ConnectionKey]time.Time // until when a connection is not tried again; zero: a trial is under way
}

// NewWorker makes a Worker.
func NewWorker(cfg WorkerConfig) (*Worker, error) {
	var errs []error
	if cfg.Ledger == nil {
		errs = append(errs, errors.New("Ledger is needed"))
	}
	if cfg.Registry == nil {
		errs = append(errs, errors.New("Registry is needed"))
	}
	if cfg.Log == nil {
		errs = append(errs, errors.New("Log is needed"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, &Error{Kind: Invalid, Op: "new worker", Msg: "incomplete", Err: err}
	}
	if cfg.Open == nil {
		cfg.Open = func(c retry.Config) (Sender, error) { return retry.New(c) }
	}
	if cfg.Name == "" {
		cfg.Name = "worker"
	}
	if cfg.Drain <= 0 {
		cfg.Drain = 30 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	w := &Worker{
		cfg: cfg, scripts: make(chan struct{}, maxScripts), wanted: map[int64]bool{}, signal: make(chan struct{}, 1),
		running: map[int64]*runner{}, memory: map[int64]*memory{}, doctors: map[int64]*tokenDoctor{}, signOns: map[int64]*signOnToken{},
		trials: map[ConnectionKey]time.Time{},
	}
	if cfg.Sharing != nil {
		w.share = newShare(w, cfg.Name+"-"+uuid.NewString()[:8]) // a process that starts again is another worker
	}
	return w, nil
}

// Wake says that connections have fresh work or have changed. It never blocks.
func (w *Worker) Wake(conns []int64) {
	w.mu.Lock()
	for _, c := range conns {
		w.wanted[c] = true
	}
	w.mu.Unlock()
	poke(w.signal)
}

// poke leaves a signal that somebody should look; one is enough.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run sends until ctx is done. Then it claims nothing more, waits for requests in flight up to Drain, stores their
// outcomes and returns; what the drain cuts off is stored as an attempt without an answer and goes again at the next start.
func (w *Worker) Run(ctx context.Context) error {
	// Requests outlive ctx by up to Drain, and commits of their outcomes by a little more.
	sends, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	defer w.forget()
	var keepers, runners sync.WaitGroup
	if s := w.share; s != nil {
		keeping, stop := context.WithCancel(sends)
		keepers.Go(func() { s.renew(keeping) })
		keepers.Go(func() { s.keep(keeping) })
		defer func() { stop(); keepers.Wait(); s.leave(sends) }()
	} else if err := w.recover(ctx); err != nil {
		return nil //nolint:nilerr // ctx is done: there was nothing to stop
	}
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	clock := newClock(w.cfg.Now)
	for {
		select {
		case <-ctx.Done():
			w.drain(sends, cut, &runners)
			return nil
		case <-w.signal:
			w.start(ctx, sends, &runners)
		case <-tick.C:
			if back := clock.putBack(); back > 0 {
				w.cfg.Log.WarnContext(ctx, "the clock was put back", "by", back.String())
				w.rewind()
			}
			w.sweep()
		}
	}
}

// drain waits until all that is in flight is settled, and cuts it off when that takes too long.
func (w *Worker) drain(sends context.Context, cut context.CancelFunc, runners *sync.WaitGroup) {
	finished := make(chan struct{})
	go func() { runners.Wait(); close(finished) }()
	ending, cancel := context.WithTimeout(sends, w.cfg.Drain)
	defer cancel()
	if w.share != nil {
		w.share.end(ending)
	}
	select {
	case <-finished:
	case <-ending.Done():
		w.cfg.Log.WarnContext(sends, "drain over, requests cut off", "drain", w.cfg.Drain.String())
		cut()
		<-finished
	}
}

// start pokes or starts the runners of all wanted connections.
func (w *Worker) start(ctx, sends context.Context, runners *sync.WaitGroup) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for conn := range w.wanted {
		if r := w.running[conn]; r != nil {
			delete(w.wanted, conn)
			r.poked = true
			poke(r.wake)
			continue
		}
		fence, ours := w.ours(conn)
		delete(w.wanted, conn)
		if !ours {
			continue
		}
		m := w.memory[conn]
		if m == nil {
			m = &memory{}
			w.memory[conn] = m
		}
		r := newRunner(w, conn, m)
		r.fence = fence
		w.running[conn] = r
		runners.Go(func() { r.run(ctx, sends) })
	}
}

// ours gives the fencing number of a connection that this worker may serve. Where it should and may not yet, it sees to that. The caller
// has the lock.
func (w *Worker) ours(conn int64) (fence int64, ok bool) {
	s := w.share
	if s == nil {
		return 0, true
	}
	fence, held := s.fences[Seat(conn)]
	switch mine := s.mine(conn); {
	case held && mine:
		return fence, true
	case held:
		s.leaving[Seat(conn)] = true // whose it is now will be told
		poke(s.look)
	case mine:
		s.wanted[Seat(conn)] = true
		poke(s.look)
	}
	return 0, false
}

// leave ends a runner unless it was poked meanwhile.
func (w *Worker) leave(r *runner, force bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.poked && !force {
		r.poked = false
		return false
	}
	delete(w.running, r.conn)
	r.memory.used = time.Now()
	if s := w.share; s != nil && (r.giving.Load() || r.dropped.Load()) {
		if r.poked || r.dropped.Load() {
			w.wanted[r.conn] = true // for whoever serves it now
			poke(w.signal)
		}
		poke(s.look)
	}
	return true
}

// recover makes ready what an earlier worker left behind. It goes on until the store answers or ctx is done.
func (w *Worker) recover(ctx context.Context) error {
	wait := backoff{}
	for {
		n, err := w.cfg.Ledger.Recover(ctx)
		var conns []int64
		if err == nil {
			conns, err = w.cfg.Ledger.Waiting(ctx)
		}
		if err == nil {
			if n > 0 {
				w.cfg.Log.InfoContext(ctx, "deliveries without an answer recovered", "deliveries", n)
			}
			w.Wake(conns)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.cfg.Log.ErrorContext(ctx, "store does not answer", "op", "recover", "error", err)
		if !wait.sleep(ctx) {
			return ctx.Err()
		}
	}
}

// A backoff waits 50 ms, then longer each time, 5 s at most. Its zero value is ready.
type backoff struct{ last time.Duration }

func (b *backoff) next() time.Duration {
	b.last = min(max(2*b.last, 50*time.Millisecond), 5*time.Second)
	return b.last
}

func (b *backoff) sleep(ctx context.Context) bool {
	t := time.NewTimer(b.next())
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
