package connector

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"todosync/retry"
)

const (
	tickEvery = 5 * time.Second
	// How long a connection that nothing waits for keeps its HTTP client and what its secrets are; a burst after that opens connections
	// anew.
	keepSender = time.Minute
	// The longest that an OA can ask to be left alone.
	longestHold = time.Hour
)

// memory is what outlives a connection's runner while the worker lives. One runner at a time uses it.
type memory struct {
	sender  Sender
	opened  *Connection // the settings that sender was opened with
	secrets *masker     // what they name, see Program.secrets
	mark    string      // of the settings and secrets, see Program.mark
	fence   int64       // under which the token was last read
	read    bool        // the token has been read

	token     tokenCache
	breaker   *retry.Breaker
	limiter   *rate.Limiter
	limit     Rate      // what limiter was made of
	holdUntil time.Time // the OA asked to wait until then
	mended    bool      // due times are as this clock explains them
	slow      int       // after the OA was down: how many may be under way; 0: as many as the limits allow
	eased     int       // how many have been answered since slow was last raised

	used time.Time // when its last runner ended; guarded by Worker.mu

	tryMu   sync.Mutex // guards lastTry: attempts share it
	lastTry time.Time
}

// open makes the sender and the limits of a new revision. Limits keep their state where they did not change. It reports whether the
// connection or its secrets have changed.
func (m *memory) open(ctx context.Context, w *Worker, p *Program) (changed bool) {
	c := p.Settings
	s, err := w.open(c)
	if err != nil {
		w.cfg.Log.ErrorContext(ctx, "connection cannot be used", "connection", p.Key.String(), "error", err)
		s = brokenSender{err: err}
	}
	m.close()
	if old := m.opened; m.breaker != nil && old != nil && (old.Down.After != c.Down.After || !slices.Equal(old.Down.Probe, c.Down.Probe)) {
		since := m.breaker
		m.breaker = newBreaker(&c.Down)
		if since.Down() {
			m.breaker.SetDown(since.Since())
		}
	}
	if m.limit != c.Limits.Rate {
		m.limit, m.limiter = c.Limits.Rate, nil
		if n, per := m.limit.N, m.limit.Per; !m.limit.IsZero() {
			m.limiter = rate.NewLimiter(rate.Every(per/time.Duration(n)), max(1, min(n, c.Limits.Concurrency)))
		}
	}
	mark := p.mark(ctx, w.cfg.Registry)
	if changed = m.opened != nil && m.opened != c && (mark == "" || mark != m.mark); changed {
		m.token.clear() // another address or user may be meant now
	}
	m.sender, m.opened, m.secrets, m.mark = s, c, p.secrets(ctx, w.cfg.Registry), mark
	return changed
}

// open makes a sender to a connection's OA.
func (w *Worker) open(c *Connection) (Sender, error) {
	return w.cfg.Open(retry.Config{
		Connect: time.Duration(c.Timeouts.Connect), Total: time.Duration(c.Timeouts.Total),
		Concurrency: c.Limits.Concurrency, Proxy: c.Proxy, Egress: w.cfg.Egress, UserAgent: "todosync",
		TLS: retry.TLSConfig{
			CAFile: c.TLS.CAFile, CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile, MinVersion: c.TLS.MinVersion,
			InsecureSkipVerify: c.TLS.InsecureSkipVerify, LegacyCiphers: c.TLS.LegacyCiphers, Pin: c.TLS.Pin,
		},
	})
}

// recall reads what an earlier owner of the connection has left: a Retry-After, and the token, which is good while nothing has changed
// that it was fetched with.
func (m *memory) recall(ctx context.Context, r *runner) {
	m.holdUntil = later(m.holdUntil, r.condition.HoldUntil)
	if r.program.token == nil || m.mark == "" || m.read && m.fence == r.fence {
		return
	}
	kept, err := r.worker.cfg.Registry.Token(ctx, r.conn)
	if err != nil {
		r.worker.cfg.Log.WarnContext(ctx, "the kept token cannot be read: another is fetched", "connection", r.program.Key.String(), "error", err)
		return
	}
	m.read, m.fence = true, r.fence
	if kept.For == m.mark && kept.Value != "" {
		m.token.recall(kept)
	}
}

// held is until when the OA wants to be left alone. It is never further off than it can have asked for, also when the clock was put back.
func (m *memory) held(now time.Time) time.Time {
	if latest := now.Add(longestHold); m.holdUntil.After(latest) {
		m.holdUntil = latest
	}
	return m.holdUntil
}

// close ends the sender's idle connections; what is under way on it goes on.
func (m *memory) close() {
	if m.sender != nil {
		m.sender.Close()
		m.sender = nil
	}
}

// blank reports whether nothing is worth being remembered.
func (m *memory) blank(now time.Time) bool {
	full := m.limiter == nil || m.limiter.TokensAt(now) >= float64(m.limiter.Burst())
	calm := m.breaker == nil || m.breaker.Calm()
	return full && calm && m.slow == 0 && !now.Before(m.held(now)) && m.token.blank()
}

// sweep lets go of what connections that nothing waits for need no more: of ten thousand connections most are idle.
func (w *Worker) sweep() {
	now := w.cfg.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for conn, m := range w.memory {
		if w.running[conn] != nil || time.Since(m.used) < keepSender {
			continue
		}
		m.close()
		m.secrets = nil
		if m.blank(now) {
			delete(w.memory, conn)
		}
	}
}

// forget closes what all connections hold, at the end of Run.
func (w *Worker) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for conn, m := range w.memory {
		m.close()
		delete(w.memory, conn)
	}
}

// tryTime is now, moved on where needed so that it grows with every call, also over restarts and with a clock that was put back: some OAs
// drop what is not newer than told, the last that they were told of this todo.
func (m *memory) tryTime(now, told time.Time) time.Time {
	m.tryMu.Lock()
	defer m.tryMu.Unlock()
	if now = now.Truncate(time.Millisecond); !now.After(told) {
		now = told.Add(time.Millisecond)
	}
	if !now.After(m.lastTry) {
		now = m.lastTry.Add(time.Millisecond)
	}
	m.lastTry = now
	return now
}

// brokenSender stands for a sender that could not be made: a certificate file that is not there, a proxy address that is
// none. Each delivery then fails with the cause.
type brokenSender struct{ err error }

func (b brokenSender) Post(context.Context, retry.Request) (retry.Receipt, error) {
	return retry.Receipt{}, &retry.Error{Class: retry.Mapping, Msg: "the connection's settings cannot be used: " + b.err.Error()}
}

func (brokenSender) Close() {}

// A clock notices that the time of day was put back.
type clock struct {
	now   func() time.Time
	wall  time.Time
	since time.Time // of wall, by the monotonic clock
}

func newClock(now func() time.Time) *clock {
	return &clock{now: now, wall: now().Round(0), since: time.Now()}
}

// putBack gives by how much the time of day was put back since the last call; 0 when it was not, or hardly.
func (c *clock) putBack() time.Duration {
	wall, since := c.now().Round(0), time.Now()
	expected := c.wall.Add(since.Sub(c.since))
	c.wall, c.since = wall, since
	if back := expected.Sub(wall); back > time.Second {
		return back
	}
	return 0
}

// rewind tells all runners that the clock was put back.
func (w *Worker) rewind() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.running {
		r.rewound.Store(true)
		poke(r.wake)
	}
}
