package retry

import "time"

// A Change is what one attempt did to the state of a connection.
type Change uint8

// The changes.
const (
	Stayed   Change = iota // as it was
	WentDown               // the OA is now taken for down: hold its deliveries and probe
	CameUp                 // the OA answers again: let the rest go, in order and paced
)

// The defaults of a breaker's probes: the first wait, and what doubling ends at.
const (
	DefaultProbeFirst = time.Second
	DefaultProbeLast  = 60 * time.Second
)

// A Breaker knows whether the OA of one connection is down. It is pure state: the clock is passed in, it starts nothing
// and sends nothing. It is not safe for concurrent use; the connection's owner guards it.
//
// No library's breaker is inside, because the rule is another one than theirs: failures count only when at least two
// different todos had them (a single todo that the OA always fails on must end by its own schedule and stop nobody), an
// open breaker holds what waits without using up its tries, probes are the waiting todos themselves, and the state
// outlives a restart.
type Breaker struct {
	after int           // failures in a row; 0: never down
	first time.Duration // the wait before the first probe
	last  time.Duration // the longest wait between probes

	row      int       // attempts in a row that failed
	rowSince time.Time // when the first of them ended
	todo     string    // of the first of them
	mixed    bool      // another todo is among them

	down  bool
	since time.Time
	wait  time.Duration // before the next probe
	probe time.Time     // when the next probe is due
}

// NewBreaker makes a breaker that goes down after that many failures in a row; 0 or less turns it off. Probe holds the
// first and the longest wait between probes; what is missing or not positive has its default.
func NewBreaker(after int, probe []time.Duration) *Breaker {
	b := &Breaker{after: after, first: DefaultProbeFirst, last: DefaultProbeLast}
	if len(probe) > 0 && probe[0] > 0 {
		b.first = probe[0]
	}
	if len(probe) > 1 && probe[1] > 0 {
		b.last = probe[1]
	}
	b.last = max(b.first, b.last)
	return b
}

// Note takes in how an attempt ended, probes included; class is OK after a success. Attempts that the worker itself cut
// off at its stop must not be noted: they say nothing about the OA.
//
// While the OA is down, any answer brings it up. A failure counts as a probe's only when a probe was due: attempts that
// were under way when it went down fail late, and must not stretch the interval.
func (b *Breaker) Note(todo string, class Class, now time.Time) Change {
	switch {
	case b.after <= 0 && !b.down:
		return Stayed
	case class == Mapping || class == Unbound: // nothing was sent
		return Stayed
	case b.down && (unreachable(class) || class == TLS):
		if !now.Before(b.ProbeDue(now)) {
			b.wait = min(b.wait+min(b.wait, b.last), b.last)
			b.probe = now.Add(b.wait)
		}
		return Stayed
	case b.down:
		*b = *NewBreaker(b.after, []time.Duration{b.first, b.last})
		return CameUp
	case !unreachable(class):
		b.row, b.mixed = 0, false
		return Stayed
	}
	if b.row == 0 {
		b.todo, b.rowSince = todo, now
	}
	b.mixed = b.mixed || todo != b.todo
	b.row = min(b.row+1, b.after)
	if b.row < b.after || !b.mixed {
		return Stayed
	}
	b.goDown(b.rowSince, now.Add(b.first))
	return WentDown
}

// unreachable tells the classes that count towards down.
func unreachable(class Class) bool {
	switch class {
	case Network, Timeout, HTTP5xx, Token:
		return true
	case OK, TLS, HTTP429, HTTP3xx, HTTP4xx, Business, BadAnswer, TokenRefused, Mapping, Unbound:
		return false
	}
	return false
}

func (b *Breaker) goDown(since, probe time.Time) {
	b.down, b.since, b.wait, b.probe = true, since, b.first, probe
	b.row, b.mixed = 0, false
}

// Calm tells whether there is nothing to be remembered: the OA is up, and its last answer was no failure.
func (b *Breaker) Calm() bool { return !b.down && b.row == 0 }

// Down tells whether the OA is taken for down.
func (b *Breaker) Down() bool { return b.down }

// Since is when the first of the failures ended that brought it down; zero while it is up.
func (b *Breaker) Since() time.Time { return b.since }

// ProbeDue is when the next probe may go; at or before now means at once, and one at a time. While the OA is up it is
// zero. It is never further off than the longest wait, also when the clock was set back.
func (b *Breaker) ProbeDue(now time.Time) (at time.Time) {
	if !b.down {
		return time.Time{}
	}
	if latest := now.Add(b.last); b.probe.After(latest) {
		b.probe = latest
	}
	return b.probe
}

// SetDown restores what the store knows after a restart: the OA is down since then, and a probe is due at once.
func (b *Breaker) SetDown(since time.Time) { b.goDown(since, since) }
