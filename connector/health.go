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
	if o.hint > 0 {
		r.memory.holdUntil = later(r.memory.holdUntil, now.Add(o.hint))
	}
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
	case retry.Stayed:
		// A probe that fails, or what was in flight when the OA went down, uses up no try.
		if r.memory.breaker.Down() && downClass(o.verdict.class) {
			spare(&r.settling[len(r.settling)-1], r.program, now)
		}
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

// spare gives a try back: the OA is down, and the delivery waits for it at the end of the row. Only the time since its first
// try ends it.
func spare(o *outcome, p *Program, now time.Time) {
	c := &o.change
	if g := p.policy.GiveUpAfter; c.To == Held || g > 0 && now.Sub(c.FirstTry) > g {
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
