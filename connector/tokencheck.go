package connector

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"todosync/retry"
)

// A TokenCheck says what came of asking a connection's OA for a token.
type TokenCheck struct {
	None    bool          // the connection uses no token
	Asked   time.Time     // when the OA was asked; zero: it was not, for the reason in Problem
	Took    time.Duration // the answer
	Refused bool          // the OA says no
	Problem string        // why there is no token, without secrets; empty: there is one
	Next    time.Time     // where it was not asked now: not before this
	Dated   bool          // the answer told the OA's time
	Ahead   time.Duration // how far the OA's clock is ahead of ours
}

// A tokenDoctor remembers what checks of a connection's token have found.
type tokenDoctor struct {
	mu      sync.Mutex // guards the rest, and is held while the OA is asked: who comes meanwhile sees what that has found
	mark    string     // of the settings and secrets that were refused
	refused time.Time  // when they first were; zero: they were not
	last    TokenCheck
}

// CheckToken asks a connection's OA for a token, once and beside all deliveries: the token in use stays, and so does the connection's
// condition. An OA that has refused one is asked no more often than a held connection asks it, so that no account is locked by a look at
// it. An error says that the connection cannot be used.
func (w *Worker) CheckToken(ctx context.Context, conn int64) (TokenCheck, error) {
	p, err := w.cfg.Registry.Program(ctx, conn)
	if err != nil {
		return TokenCheck{}, err
	}
	now := w.cfg.Now()
	switch {
	case p.token == nil:
		return TokenCheck{None: true}, nil
	case !p.Condition.TokenRefused.IsZero():
		return TokenCheck{Refused: true, Problem: p.Condition.Message, Next: nextAsk(p.Condition.TokenRefused, now)}, nil
	case now.Before(p.Condition.HoldUntil):
		return TokenCheck{Problem: "the OA asked to be left alone", Next: p.Condition.HoldUntil}, nil
	}
	d := w.tokenDoctor(conn)
	d.mu.Lock()
	defer d.mu.Unlock()
	mark := p.mark(ctx, w.cfg.Registry)
	if mark != d.mark {
		d.mark, d.refused = mark, time.Time{} // another address or user may be meant now
	}
	if !d.refused.IsZero() {
		if next := nextAsk(d.refused, d.last.Asked); now.Before(next) && !now.Before(d.last.Asked) {
			known := d.last
			known.Dated, known.Next = false, next
			return known, nil
		}
	}
	d.last = w.askOnce(ctx, p, now)
	switch {
	case !d.last.Refused:
		d.refused = time.Time{}
	case d.refused.IsZero() || now.Before(d.refused):
		d.refused = now
	}
	return d.last, nil
}

func (w *Worker) tokenDoctor(conn int64) *tokenDoctor {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.doctors[conn]
	if d == nil {
		d = &tokenDoctor{}
		w.doctors[conn] = d
	}
	return d
}

// askOnce sends the token's request over a connection of its own.
func (w *Worker) askOnce(ctx context.Context, p *Program, now time.Time) TokenCheck {
	out := TokenCheck{Asked: now}
	opened, err := w.open(p.Settings)
	if err != nil {
		out.Problem = "the connection's settings cannot be used: " + err.Error()
		return out
	}
	defer opened.Close()
	s := p.scope(&Delivery{Key: p.Key}, "", &StoredEvent{}, nothing(), &Lane{}, nil)
	s.TryTime, s.UUID = now, uuid.NewString
	s.Secret = func(name string) (string, error) { return w.cfg.Registry.Secret(ctx, p.Key.Tenant, name) }
	sender := &datedSender{Sender: opened}
	_, terr := p.token.fetch(ctx, caller{sender: sender, slots: w.scripts}, s)
	out.Took = sender.receipt.Duration
	out.Ahead, out.Dated = sender.ahead()
	if terr != nil {
		out.Refused = terr.class == retry.TokenRefused
		out.Problem = p.secrets(ctx, w.cfg.Registry).mask(terr.msg)
	}
	return out
}

// A datedSender keeps what came of the last request.
type datedSender struct {
	Sender
	receipt retry.Receipt
}

// Post implements Sender.
func (d *datedSender) Post(ctx context.Context, r retry.Request) (retry.Receipt, error) {
	receipt, err := d.Sender.Post(ctx, r)
	d.receipt = receipt
	return receipt, err
}

// ahead is how far the clock of whoever answered is ahead of ours. His answer tells whole seconds, and it was written some time while we waited.
func (d *datedSender) ahead() (time.Duration, bool) {
	at, err := http.ParseTime(headerOf(d.receipt.Headers, "Date"))
	if err != nil || d.receipt.Started.IsZero() {
		return 0, false
	}
	return at.Add(time.Second / 2).Sub(d.receipt.Started.Add(d.receipt.Duration / 2)), true
}
