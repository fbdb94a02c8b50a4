package connector

import (
	"context"
	"time"

	"todosync/retry"
)

// restoreBreaker makes the breaker of the current settings, down where the store says so.
func (r *runner) restoreBreaker() {
	if r.program.Settings.Down.After <= 0 && !r.condition.DownSince.IsZero() {
		r.condition.DownSince, r.condition.Message, r.unstored = time.Time{}, "", true
	}
	if r.memory.breaker != nil && r.memory.breaker.Down() == !r.condition.DownSince.IsZero() {
		return
	}
	r.memory.breaker = newBreaker(&r.program.Settings.Down)
	if !r.condition.DownSince.IsZero() {
		r.memory.breaker.SetDown(r.condition.DownSince)
	}
}

func newBreaker(down *DownSettings) *retry.Breaker {
	probe := make([]time.Duration, len(down.Probe))
	for i, d := range down.Probe {
		probe[i] = time.Duration(d)
	}
	return retry.NewBreaker(down.After, probe)
}

// take books an ended attempt: its outcome waits for the next turn, the OA's health is noted.
func (r *runner) take(o outcome) {
	now := r.worker.cfg.Now()
	if len(r.settling) == 0 {
		r.settleBy = now.Add(gatherTime)
	}
	r.settling = append(r.settling, o)
	r.hold(o.hint, now)
	if o.change.Class == retry.TokenRefused || o.verdict.class == retry.TokenRefused {
		r.refuse(o.verdict.message, now)
		return
	}
	if o.sent == "" || o.verdict.released && o.verdict.class != retry.OK {
		return
	}
	turned := r.memory.breaker.Note(o.work.Todo, o.verdict.class, now)
	switch turned {
	case retry.WentDown:
		r.condition.DownSince, r.condition.Message, r.unstored = r.memory.breaker.Since(), o.verdict.message, true
	case retry.CameUp:
		r.condition.DownSince, r.condition.Message, r.unstored = time.Time{}, "", true
		r.look = true
		r.memory.slow, r.memory.eased = 2, 0 // the probe was the first
	case retry.Stayed:
		r.ease(o.verdict.class)
		// A probe that fails, or what was in flight when the OA went down, uses up no try.
		if r.memory.breaker.Down() && downClass(o.verdict.class) {
			spare(&r.settling[len(r.settling)-1], r.program, now)
		}
	}
}

// overEvery is how often deliveries whose time is over are looked for while the OA is down, or gives no token: only probes go then.
const overEvery = time.Minute

// over says what is to be given up in this turn. What goes by itself finds out when it goes.
func (r *runner) over(now time.Time) Over {
	switch r.condition.Reason() {
	case ReasonDown, ReasonTokenRefused:
	default:
		r.overAt = time.Time{}
		return Over{}
	}
	if r.program == nil || now.Before(r.overAt) {
		return Over{}
	}
	return Over{Before: r.program.over(&r.condition, now), Why: r.program.overWhy()}
}

// overOr is the earlier of when to look for what is over and another time.
func (r *runner) overOr(at, now time.Time) time.Time {
	switch {
	case r.program.policy.GiveUpAfter <= 0, at.Before(r.overAt):
		return at
	case r.overAt.IsZero():
		return now
	}
	return r.overAt
}

// rewind forgets times that a clock which has been put back puts off.
func (r *runner) rewind() {
	r.retryAt, r.settleBy, r.overAt, r.askAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	r.memory.mended, r.look = false, true
	if refused := r.condition.TokenRefused; !refused.IsZero() {
		r.askAt = nextAsk(refused, r.worker.cfg.Now())
	}
}

// longest is how long a delivery can wait for its next try.
func (p *Program) longest() time.Duration {
	longest := longestHold
	for _, d := range p.policy.Schedule {
		longest = max(longest, d+d/10)
	}
	return longest
}

// hold keeps to what the OA asked for: nothing is sent for that long, by whichever worker.
func (r *runner) hold(hint time.Duration, now time.Time) {
	until := now.Add(hint)
	if hint <= 0 || !until.After(r.memory.holdUntil) {
		return
	}
	r.memory.holdUntil = until
	// A row for each of many answers that name the same second would be too much.
	if until.Sub(r.condition.HoldUntil) >= time.Second {
		r.condition.HoldUntil, r.unstored = until, true
	}
}

// downClass reports whether a class speaks for an OA that is down.
func downClass(c retry.Class) bool {
	switch c {
	case retry.Network, retry.Timeout, retry.HTTP5xx, retry.Token:
		return true
	}
	return false
}

// ease lets more go at once with every row of answers after the OA was down: 1, 2, 4, until the limits allow no more. What has just come
// back is not hit by all that has waited.
func (r *runner) ease(class retry.Class) {
	m := r.memory
	switch {
	case m.slow == 0:
	case downClass(class):
		m.slow, m.eased = max(1, m.slow/2), 0
	default:
		if m.eased++; m.eased >= m.slow {
			m.slow, m.eased = 2*m.slow, 0
		}
		if m.slow >= r.program.Settings.Limits.Concurrency {
			m.slow = 0
		}
	}
}

// places is how many requests may be under way at once.
func (r *runner) places() int {
	n := max(1, r.program.Settings.Limits.Concurrency)
	if slow := r.memory.slow; slow > 0 {
		n = min(n, slow)
	}
	return n
}

// spare gives a try back: the OA is down, and the delivery waits for it at the end of the row. Only the time since its first
// try ends it.
func spare(o *outcome, p *Program, now time.Time) {
	c := &o.change
	if c.To == Held || c.FirstTry.Before(p.over(&p.Condition, now)) {
		return
	}
	c.To, c.Due, c.Tries, c.SkipFollows = Retrying, now, o.work.Tries, ""
	if c.Tries == 0 {
		c.To = Pending
	}
}

// nextAsk is when a token that was first refused at a time is asked for again: after 1 minute, 5 more, 15 more, then every
// 40. That keeps the log-ins of the first hour to four, so that a wrong password does not lock the account, and it depends
// on nothing but the clock, so that a pause or a restart asks no sooner.
func nextAsk(refused, now time.Time) time.Time {
	at := refused
	if at.After(now) {
		at = now // the clock was put back
	}
	for _, wait := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute} {
		if at = at.Add(wait); at.After(now) {
			return at
		}
	}
	const then = 40 * time.Minute
	return at.Add((now.Sub(at)/then + 1) * then)
}

// refuse stores that the OA gives no token; the whole connection waits.
func (r *runner) refuse(message string, now time.Time) {
	if !r.condition.TokenRefused.IsZero() {
		return
	}
	r.condition.TokenRefused, r.condition.Message, r.unstored = now, message, true
	r.askAt = nextAsk(now, now)
}

// askToken asks for a token again when it is time.
func (r *runner) askToken(ctx context.Context) {
	now := r.worker.cfg.Now()
	if r.condition.Reason() != ReasonTokenRefused || r.asking || now.Before(r.askAt) || r.program.token == nil {
		if r.condition.Reason() == ReasonTokenRefused && r.program.token == nil {
			r.condition.TokenRefused, r.condition.Message, r.unstored = time.Time{}, "", true
		}
		return
	}
	r.asking = true
	a := r.attempter(r.worker.share.pass())
	go func() { r.asked <- a.tryToken(ctx) }()
}

// answered books the answer to askToken.
func (r *runner) answered(ctx context.Context, err *tokenError) {
	r.asking = false
	if err == nil {
		r.condition.TokenRefused, r.condition.Message, r.unstored = time.Time{}, "", true
		r.look = true
		return
	}
	r.worker.cfg.Log.WarnContext(ctx, "token still refused", "connection", r.program.Key.String(), "message", err.msg)
	r.askAt = nextAsk(r.condition.TokenRefused, r.worker.cfg.Now())
}
