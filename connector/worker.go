package connector

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"todosync/retry"
)

// A WorkerConfig is what a Worker needs.
type WorkerConfig struct {
	Ledger   Ledger                                // required
	Registry Registry                              // required
	Open     func(retry.Config) (Sender, error)    // makes the sender of one connection; retry.New by default
	Log      *slog.Logger                          // required
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
	cfg WorkerConfig

	mu      sync.Mutex // guards all below
	wanted  map[int64]bool
	signal  chan struct{}
	running map[int64]*runner
	memory  map[int64]*memory
}

// memory is what outlives a connection's runner while the worker lives. One runner at a time uses it.
type memory struct {
	token     tokenCache
	breaker   *retry.Breaker
	limiter   *rate.Limiter
	limit     Rate      // what limiter was made of
	holdUntil time.Time // the OA asked to wait until then

	tryMu   sync.Mutex // guards lastTry: attempts share it
	lastTry time.Time
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
	return &Worker{
		cfg: cfg, wanted: map[int64]bool{}, signal: make(chan struct{}, 1),
		running: map[int64]*runner{}, memory: map[int64]*memory{},
	}, nil
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
	if err := w.recover(ctx); err != nil {
		return nil //nolint:nilerr // ctx is done: there was nothing to stop
	}
	// Requests outlive ctx by up to Drain, and commits of their outcomes by a little more.
	sends, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var runners sync.WaitGroup
	for {
		select {
		case <-ctx.Done():
			finished := make(chan struct{})
			go func() { runners.Wait(); close(finished) }()
			t := time.NewTimer(w.cfg.Drain)
			defer t.Stop()
			select {
			case <-finished:
			case <-t.C:
				w.cfg.Log.WarnContext(sends, "drain over, requests cut off", "drain", w.cfg.Drain)
				cut()
				<-finished
			}
			return nil
		case <-w.signal:
			w.start(ctx, sends, &runners)
		}
	}
}

// start pokes or starts the runners of all wanted connections.
func (w *Worker) start(ctx, sends context.Context, runners *sync.WaitGroup) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for conn := range w.wanted {
		delete(w.wanted, conn)
		if r := w.running[conn]; r != nil {
			r.poked = true
			poke(r.wake)
			continue
		}
		m := w.memory[conn]
		if m == nil {
			m = &memory{}
			w.memory[conn] = m
		}
		r := newRunner(w, conn, m)
		w.running[conn] = r
		runners.Go(func() { r.run(ctx, sends) })
	}
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
