package connector

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A runner serves one connection: it claims what is due, lets it be sent, up to the connection's concurrency at once, and
// settles the outcomes. One goroutine runs it; attempts have goroutines of their own and report over done.
type runner struct {
	worker  *Worker
	conn    int64
	fence   int64 // the number of the connection's seat
	memory  *memory
	wake    chan struct{}
	done    chan outcome
	poked   bool        // guarded by worker.mu
	given   time.Time   // since when the connection is another's share; zero: it is not; guarded by worker.mu
	giving  atomic.Bool // given is not zero: claim nothing more, and end
	dropped atomic.Bool // the connection is another's: nothing of it may be written any more
	rewound atomic.Bool // the clock was put back

	cutMu sync.Mutex         // guards cut
	cut   context.CancelFunc // ends all requests under way

	program *Program

	crew      crew
	inFlight  int
	settling  []outcome // ended, their outcomes not committed yet; they keep their places till then
	settleBy  time.Time // until when more outcomes may join the first of settling, see gathers
	look      bool      // something may be claimable
	next      time.Time // when the next delivery is due; zero: none is
	trouble   backoff
	retryAt   time.Time // the store did not answer: not before this
	condition Condition // as we last stored or read it
	unstored  bool      // condition is newer than what is stored

	overAt time.Time // while nothing is sent: when to look for deliveries whose time is over
	askAt  time.Time // while the token is refused: when it is asked for again
	asking bool
	asked  chan *tokenError
}

// An outcome is an ended attempt, or a delivery that ended without one.
type outcome struct {
	work     Work
	change   Change
	sent     Scene
	duration time.Duration
	hint     time.Duration // what the OA asked us to wait
	verdict  verdict
}

func newRunner(w *Worker, conn int64, m *memory) *runner {
	return &runner{
		worker: w, conn: conn, memory: m, look: true,
		crew: crew{tasks: make(chan task, crewQueue)}, wake: make(chan struct{}, 1), done: make(chan outcome), asked: make(chan *tokenError, 1),
	}
}

// run serves the connection until nothing is left to wait for, it is another worker's, or ctx is done and all in flight is settled. sends
// is the context of requests and of commits.
func (r *runner) run(ctx, sends context.Context) {
	defer r.cutOff()
	defer close(r.crew.tasks)
	flights := r.flight(sends)
	for {
		if flights.Err() != nil && sends.Err() == nil { // they were cut off, which those that follow are not
			flights = r.flight(sends)
		}
		now := r.worker.cfg.Now()
		stopping := ctx.Err() != nil || r.giving.Load()
		if r.rewound.Swap(false) {
			r.rewind()
		}
		if r.dropped.Load() {
			r.inFlight -= len(r.settling)
			r.settling, r.retryAt, r.unstored, stopping = nil, time.Time{}, false, true
		}
		if !stopping && !r.refresh(ctx, now) {
			r.worker.leave(r, true)
			return
		}
		if !now.Before(r.retryAt) && !r.dropped.Load() && (stopping || !r.gathers(now)) {
			r.retryAt = time.Time{}
			c := r.turn(sends, now, stopping)
			if len(c.work) > 0 {
				r.refresh(ctx, now) // with the claim the store may have taken over what another process has changed
			}
			r.send(flights, c)
		}
		if stopping && r.inFlight == 0 && len(r.settling) == 0 {
			r.worker.leave(r, true)
			return
		}
		if !stopping && r.idle() && r.worker.leave(r, false) {
			return
		}
		r.await(ctx, flights, stopping)
	}
}

// flight is the context of requests from now on, until they are cut off.
func (r *runner) flight(sends context.Context) context.Context {
	r.cutMu.Lock()
	defer r.cutMu.Unlock()
	flights, cut := context.WithCancel(sends)
	r.cut = cut
	return flights
}

// cutOff ends all requests under way. They end as attempts without an answer.
func (r *runner) cutOff() {
	r.cutMu.Lock()
	defer r.cutMu.Unlock()
	if r.cut != nil {
		r.cut()
	}
}

// drop ends the runner without another word to the store: the connection is another worker's.
func (r *runner) drop() {
	r.dropped.Store(true)
	r.cutOff()
	poke(r.wake)
}

// gatherTime is how long the first of several outcomes waits for others to be committed with.
const gatherTime = 3 * time.Millisecond

// gathers reports whether outcomes wait a moment for those of the requests that still are under way: a turn costs the same for one as for
// eight. It does so only while no place is free, since otherwise a turn has something to claim for.
func (r *runner) gathers(now time.Time) bool {
	return len(r.settling) > 0 && len(r.settling) < r.inFlight && now.Before(r.settleBy) && !r.unstored &&
		r.program != nil && r.inFlight >= r.program.Settings.Limits.Concurrency
}

// idle reports whether nothing will happen here unless somebody wakes us.
func (r *runner) idle() bool {
	return r.inFlight == 0 && len(r.settling) == 0 && !r.look && r.next.IsZero() && !r.unstored && !r.asking &&
		r.retryAt.IsZero()
}

// refresh takes the connection's current revision. It reports false when the connection is gone, or can't be used until it
// is saved again: then somebody wakes us.
func (r *runner) refresh(ctx context.Context, now time.Time) bool {
	p, err := r.worker.cfg.Registry.Program(ctx, r.conn)
	if err != nil {
		if k := KindOf(err); k == NotFound || k == Invalid { // deleted, or not usable as this server was started
			return r.inFlight > 0 || len(r.settling) > 0
		}
		r.stumble(ctx, "read connection", err, now)
		return true
	}
	if p == r.program {
		return true
	}
	m, first, changed := r.memory, r.program == nil, false
	r.program = p
	if !r.unstored {
		r.condition = p.Condition
	} else {
		c := &p.Condition
		r.condition.Paused, r.condition.Disabled, r.condition.HeldFor, r.condition.HeldSince = c.Paused, c.Disabled, c.HeldFor, c.HeldSince
	}
	if m.opened != p.Settings || m.sender == nil {
		changed = m.open(ctx, r.worker, p)
	}
	if first {
		m.recall(ctx, r)
	}
	if first || m.breaker == nil {
		r.restoreBreaker()
	}
	if refused := r.condition.TokenRefused; !refused.IsZero() {
		switch {
		case changed: // the connection or its secrets: ask at once
			r.askAt = now
		case r.askAt.IsZero():
			r.askAt = nextAsk(refused, now)
		}
	}
	r.look = true
	return true
}

// room says how many deliveries may be claimed now, and whether as a probe.
func (r *runner) room(now time.Time) (want int, probe bool) {
	if s := r.worker.share; r.program == nil || s != nil && !s.sure() {
		return 0, false
	}
	b := r.memory.breaker
	switch reason := r.condition.Reason(); {
	case now.Before(r.memory.held(now)):
		return 0, false
	case reason == ReasonDown || reason == "" && b.Down():
		if r.inFlight > 0 || now.Before(b.ProbeDue(now)) {
			return 0, false
		}
		return 1, true
	case reason != "":
		return 0, false
	}
	want = r.places() - r.inFlight
	if r.memory.limiter != nil {
		want = min(want, int(r.memory.limiter.TokensAt(now)))
	}
	return max(want, 0), false
}

// turn settles what has ended and claims what may go.
func (r *runner) turn(ctx context.Context, now time.Time, stopping bool) claim {
	if r.unstored {
		if err := r.worker.cfg.Ledger.SetCondition(ctx, r.conn, r.fence, r.condition); err != nil {
			r.refused(ctx, "store condition", err, now)
			return claim{}
		}
		r.unstored = false
	}
	// The places of what is settled become free in the commit that claims for them.
	r.inFlight -= len(r.settling)
	want, probe := 0, false
	if !stopping {
		want, probe = r.room(now)
	}
	r.inFlight += len(r.settling)
	if !r.look && (r.next.IsZero() || now.Before(r.next)) && !probe {
		want = 0
	}
	var over Over
	if !stopping {
		over = r.over(now)
	}
	mend := !r.memory.mended && !stopping
	if len(r.settling) == 0 && want == 0 && over.Before.IsZero() && !mend {
		return claim{}
	}
	may := r.worker.share.pass() // from before the claim: what comes of it leaves only while the lease has lasted since
	t := Turn{
		Conn: r.conn, Fence: r.fence, Want: want, Now: now, Probe: probe, Changes: make([]Change, len(r.settling)), Over: over,
	}
	if mend {
		t.Longest = r.program.longest()
	}
	for i := range r.settling {
		t.Changes[i] = r.settling[i].change
	}
	got, err := r.commit(ctx, t)
	if err != nil {
		r.refused(ctx, "settle and claim", err, now)
		if ctx.Err() != nil {
			// The drain is over and the store is away: the next start finds these as attempts without an answer.
			r.inFlight -= len(r.settling)
			r.settling, r.retryAt = nil, time.Time{}
		}
		return claim{}
	}
	r.trouble = backoff{}
	if len(got.Lost) > 0 {
		r.worker.cfg.Log.WarnContext(ctx, "outcomes came too late", "connection", r.program.Key.String(), "deliveries", len(got.Lost))
	}
	r.observe(ctx)
	r.observeOver(ctx, got.Over)
	r.memory.mended = r.memory.mended || mend && !got.More
	if !over.Before.IsZero() && !got.More {
		r.overAt = now.Add(overEvery)
	}
	r.inFlight -= len(r.settling)
	r.settling = r.settling[:0]
	r.next = got.Next
	r.look = !got.Next.IsZero() && !got.Next.After(now) || got.More
	if r.memory.limiter != nil {
		r.memory.limiter.ReserveN(now, len(got.Work))
	}
	return claim{work: got.Work, may: may}
}

// commit gives a turn to the store. Outcomes are stored even when the drain has cut their requests off.
func (r *runner) commit(ctx context.Context, t Turn) (Turned, error) {
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
	}
	return r.worker.cfg.Ledger.Turn(ctx, t)
}

// A claim is what a turn has claimed, and the check that it is sent under.
type claim struct {
	work []Work
	may  func() error
}

// send starts an attempt for each claimed delivery.
func (r *runner) send(ctx context.Context, c claim) {
	if len(c.work) == 0 {
		return
	}
	a := r.attempter(c.may)
	for i := range c.work {
		r.crew.give(task{ctx: ctx, attempter: a, work: c.work[i]}, r.inFlight, r.done)
		r.inFlight++
	}
}

func (r *runner) attempter(may func() error) *attempter {
	m := r.memory
	return &attempter{
		worker: r.worker, memory: m, program: r.program, sender: m.sender, secrets: m.secrets, mark: m.mark, fence: r.fence, may: may,
	}
}

// await waits until there is something to do.
func (r *runner) await(ctx, flights context.Context, stopping bool) {
	if r.inFlight == len(r.settling) && stopping && r.retryAt.IsZero() {
		return
	}
	now := r.worker.cfg.Now()
	var timer <-chan time.Time
	if at := r.wakeAt(now, stopping); !at.IsZero() {
		t := time.NewTimer(max(at.Sub(now), 0))
		defer t.Stop()
		timer = t.C
	}
	stop := ctx.Done()
	if ctx.Err() != nil {
		stop = nil
	}
	select {
	case o := <-r.done:
		for more := true; more; {
			if r.dropped.Load() {
				r.inFlight--
			} else {
				r.take(o)
			}
			select {
			case o = <-r.done:
			default:
				more = false
			}
		}
	case <-r.wake:
		r.worker.mu.Lock()
		r.poked = false
		r.worker.mu.Unlock()
		r.look = true
	case err := <-r.asked:
		r.answered(flights, err)
	case <-timer:
		r.askToken(flights)
	case <-stop:
	}
}

// wakeAt is when something is due by itself; zero: nothing is.
func (r *runner) wakeAt(now time.Time, stopping bool) time.Time {
	if !r.retryAt.IsZero() {
		return r.retryAt
	}
	if stopping {
		return time.Time{}
	}
	if r.gathers(now) {
		return r.settleBy
	}
	if r.unstored {
		return now
	}
	if s := r.worker.share; s != nil && !s.sure() {
		return time.Time{} // a lease that is renewed wakes us
	}
	free := r.program != nil && r.inFlight < r.places()
	waiting := r.look || !r.next.IsZero()
	switch reason := r.condition.Reason(); {
	case reason == ReasonTokenRefused && !r.asking:
		return r.overOr(r.askAt, now)
	case reason == ReasonDown && waiting && r.inFlight == 0:
		return r.overOr(later(r.memory.breaker.ProbeDue(now), r.memory.held(now)), now)
	case reason != "" || !waiting || !free:
		return time.Time{}
	}
	at := r.next
	if r.look {
		at = now
	}
	at = later(at, r.memory.held(now))
	if r.memory.limiter != nil && r.memory.limiter.TokensAt(now) < 1 {
		per := time.Duration(float64(time.Second) * (1 - r.memory.limiter.TokensAt(now)) / float64(r.memory.limiter.Limit()))
		at = later(at, now.Add(per+time.Millisecond))
	}
	return at
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// refused tells trouble with the store from its word that the connection is another worker's now.
func (r *runner) refused(ctx context.Context, op string, err error, now time.Time) {
	if s := r.worker.share; s != nil && KindOf(err) == Conflict {
		r.worker.cfg.Log.WarnContext(ctx, "another worker serves the connection now", "op", op, "connection", r.conn)
		s.conflict(r)
		return
	}
	r.stumble(ctx, op, err, now)
}

// stumble waits, longer each time, after trouble with the store.
func (r *runner) stumble(ctx context.Context, op string, err error, now time.Time) {
	wait := r.trouble.next()
	r.retryAt = now.Add(wait)
	r.look = true
	r.worker.cfg.Log.ErrorContext(ctx, "store does not answer", "op", op, "wait", wait.String(), "error", err)
}
