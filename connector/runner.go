package connector

import (
	"context"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"todosync/retry"
)

// A runner serves one connection: it claims what is due, lets it be sent, up to the connection's concurrency at once, and
// settles the outcomes. One goroutine runs it; attempts have goroutines of their own and report over done.
type runner struct {
	worker *Worker
	conn   int64
	memory *memory
	wake   chan struct{}
	done   chan outcome
	poked  bool // guarded by worker.mu

	program *Program
	sender  Sender
	opened  *Connection // the settings that sender was opened with
	secrets *masker     // what they name, see Program.secrets

	inFlight  int
	settling  []outcome // ended, their outcomes not committed yet; they keep their places till then
	look      bool      // something may be claimable
	next      time.Time // when the next delivery is due; zero: none is
	trouble   backoff
	retryAt   time.Time // the store did not answer: not before this
	condition Condition // as we last stored or read it
	unstored  bool      // condition is newer than what is stored

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
		wake: make(chan struct{}, 1), done: make(chan outcome), asked: make(chan *tokenError, 1),
	}
}

// run serves the connection until nothing is left to wait for, or ctx is done and all in flight is settled. sends is the
// context of requests and of commits.
func (r *runner) run(ctx, sends context.Context) {
	defer func() {
		if r.sender != nil {
			r.sender.Close()
		}
	}()
	for {
		now := r.worker.cfg.Now()
		stopping := ctx.Err() != nil
		if !stopping && !r.refresh(ctx, now) {
			r.worker.leave(r, true)
			return
		}
		if !now.Before(r.retryAt) {
			r.retryAt = time.Time{}
			r.turn(sends, now, stopping)
		}
		if stopping && r.inFlight == 0 && len(r.settling) == 0 {
			r.worker.leave(r, true)
			return
		}
		if !stopping && r.idle() && r.worker.leave(r, false) {
			return
		}
		r.await(ctx, sends, stopping)
	}
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
	first, changed := r.program == nil, r.opened != nil && r.opened != p.Settings
	r.program = p
	if !r.unstored {
		r.condition = p.Condition
	} else {
		r.condition.Paused, r.condition.Disabled = p.Condition.Paused, p.Condition.Disabled
	}
	if r.opened != p.Settings {
		r.open(ctx, p)
	}
	if first || r.memory.breaker == nil {
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

// open makes the sender and the limits of a new revision. Limits keep their state where they did not change.
func (r *runner) open(ctx context.Context, p *Program) {
	c := p.Settings
	s, err := r.worker.cfg.Open(retry.Config{
		Connect: time.Duration(c.Timeouts.Connect), Total: time.Duration(c.Timeouts.Total),
		Concurrency: c.Limits.Concurrency, Proxy: c.Proxy, Egress: r.worker.cfg.Egress, UserAgent: "todosync",
		TLS: retry.TLSConfig{
			CAFile: c.TLS.CAFile, CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile, MinVersion: c.TLS.MinVersion,
			InsecureSkipVerify: c.TLS.InsecureSkipVerify, LegacyCiphers: c.TLS.LegacyCiphers, Pin: c.TLS.Pin,
		},
	})
	if err != nil {
		r.worker.cfg.Log.ErrorContext(ctx, "connection cannot be used", "connection", p.Key.String(), "error", err)
		s = brokenSender{err: err}
	}
	if r.sender != nil {
		r.sender.Close()
	}
	if old := r.opened; old != nil && (old.Down.After != c.Down.After || !slices.Equal(old.Down.Probe, c.Down.Probe)) {
		since := r.memory.breaker
		r.memory.breaker = r.newBreaker()
		if since != nil && since.Down() {
			r.memory.breaker.SetDown(since.Since())
		}
	}
	if m := r.memory; m.limit != c.Limits.Rate {
		m.limit, m.limiter = c.Limits.Rate, nil
		if n, per := m.limit.N, m.limit.Per; !m.limit.IsZero() {
			m.limiter = rate.NewLimiter(rate.Every(per/time.Duration(n)), max(1, min(n, c.Limits.Concurrency)))
		}
	}
	if r.opened != nil {
		r.memory.token.clear() // another address or user may be meant now
	}
	r.sender, r.opened, r.secrets = s, c, p.secrets(ctx, r.worker.cfg.Registry)
}

// brokenSender stands for a sender that could not be made: a certificate file that is not there, a proxy address that is
// none. Each delivery then fails with the cause.
type brokenSender struct{ err error }

func (b brokenSender) Post(context.Context, retry.Request) (retry.Receipt, error) {
	return retry.Receipt{}, &retry.Error{Class: retry.Mapping, Msg: "the connection's settings cannot be used: " + b.err.Error()}
}

func (brokenSender) Close() {}

// room says how many deliveries may be claimed now, and whether as a probe.
func (r *runner) room(now time.Time) (want int, probe bool) {
	if r.program == nil || r.sender == nil {
		return 0, false
	}
	b := r.memory.breaker
	switch reason := r.condition.Reason(); {
	case now.Before(r.memory.holdUntil):
		return 0, false
	case reason == ReasonDown || reason == "" && b.Down():
		if r.inFlight > 0 || now.Before(b.ProbeDue(now)) {
			return 0, false
		}
		return 1, true
	case reason != "":
		return 0, false
	}
	want = max(1, r.program.Settings.Limits.Concurrency) - r.inFlight
	if r.memory.limiter != nil {
		want = min(want, int(r.memory.limiter.TokensAt(now)))
	}
	return max(want, 0), false
}

// turn settles what has ended and claims what may go.
func (r *runner) turn(ctx context.Context, now time.Time, stopping bool) {
	if r.unstored {
		if err := r.worker.cfg.Ledger.SetCondition(ctx, r.conn, 0, r.condition); err != nil {
			r.stumble(ctx, "store condition", err, now)
			return
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
	if len(r.settling) == 0 && want == 0 {
		return
	}
	t := Turn{Conn: r.conn, Want: want, Now: now, Probe: probe, Changes: make([]Change, len(r.settling))}
	for i := range r.settling {
		t.Changes[i] = r.settling[i].change
	}
	got, err := r.commit(ctx, t)
	if err != nil {
		r.stumble(ctx, "settle and claim", err, now)
		if ctx.Err() != nil {
			// The drain is over and the store is away: the next start finds these as attempts without an answer.
			r.inFlight -= len(r.settling)
			r.settling, r.retryAt = nil, time.Time{}
		}
		return
	}
	r.trouble = backoff{}
	if len(got.Lost) > 0 {
		r.worker.cfg.Log.WarnContext(ctx, "outcomes came too late", "connection", r.program.Key.String(), "deliveries", len(got.Lost))
	}
	r.observe(ctx)
	r.inFlight -= len(r.settling)
	r.settling = r.settling[:0]
	r.next = got.Next
	r.look = !got.Next.IsZero() && !got.Next.After(now)
	if r.memory.limiter != nil {
		r.memory.limiter.ReserveN(now, len(got.Work))
	}
	r.send(ctx, got.Work)
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

// observe tells of stored outcomes: one wide log line an attempt.
func (r *runner) observe(ctx context.Context) {
	for i := range r.settling {
		o := &r.settling[i]
		if o.sent != "" {
			r.worker.cfg.Log.DebugContext(ctx, "delivery.attempted",
				"tenant", o.work.Key.Tenant, "connection", o.work.Key.Name, "delivery", o.work.ID, "todo", o.work.Todo,
				"scene", o.work.Scene, "sent", o.sent, "state", o.change.To, "class", o.change.Class, "code", o.change.Code,
				"tries", o.change.Tries, "duration_ms", o.duration.Milliseconds(), "event", o.work.EventID)
		}
		if f := r.worker.cfg.Observe; f != nil {
			f(ctx, Observed{Work: &o.work, Change: &o.change, Sent: o.sent, Duration: o.duration})
		}
	}
}

// send starts an attempt for each claimed delivery.
func (r *runner) send(ctx context.Context, work []Work) {
	a := attempter{worker: r.worker, memory: r.memory, program: r.program, sender: r.sender, secrets: r.secrets}
	for i := range work {
		w := work[i]
		r.inFlight++
		go func() { r.done <- a.attempt(ctx, w) }()
	}
}

// await waits until there is something to do.
func (r *runner) await(ctx, sends context.Context, stopping bool) {
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
	if stopping {
		stop = nil
	}
	select {
	case o := <-r.done:
		r.take(o)
		for more := true; more; {
			select {
			case o := <-r.done:
				r.take(o)
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
		r.answered(sends, err)
	case <-timer:
		r.askToken(sends)
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
	if r.unstored {
		return now
	}
	free := r.program != nil && r.inFlight < max(1, r.program.Settings.Limits.Concurrency)
	waiting := r.look || !r.next.IsZero()
	switch reason := r.condition.Reason(); {
	case reason == ReasonTokenRefused && !r.asking:
		return r.askAt
	case reason == ReasonDown && waiting && r.inFlight == 0:
		return later(r.memory.breaker.ProbeDue(now), r.memory.holdUntil)
	case reason != "" || !waiting || !free:
		return time.Time{}
	}
	at := r.next
	if r.look {
		at = now
	}
	at = later(at, r.memory.holdUntil)
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

// stumble waits, longer each time, after trouble with the store.
func (r *runner) stumble(ctx context.Context, op string, err error, now time.Time) {
	wait := r.trouble.next()
	r.retryAt = now.Add(wait)
	r.look = true
	r.worker.cfg.Log.ErrorContext(ctx, "store does not answer", "op", op, "wait", wait, "error", err)
}
