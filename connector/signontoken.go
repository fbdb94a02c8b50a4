package connector

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"todosync/mapping"
	"todosync/retry"
)

// A signOnToken is the token with which sign-ons ask a connection's OA. It is that of the deliveries where one is kept and young enough,
// else one of this worker's own: another worker may serve the connection.
type signOnToken struct {
	cache tokenCache

	mu      sync.Mutex // guards what follows
	mark    string     // of the settings and secrets that the cache's token was fetched with
	refused time.Time  // when the OA first gave none; zero: it did
}

// signOnToken gives a connection's, emptied where other settings count now, or where an OA that gave no token may be asked again.
func (w *Worker) signOnToken(conn int64, mark string, now time.Time) *signOnToken {
	w.mu.Lock()
	t := w.signOns[conn]
	if t == nil {
		t = &signOnToken{}
		w.signOns[conn] = t
	}
	w.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mark != mark {
		t.mark, t.refused = mark, time.Time{}
		t.cache.clear()
	}
	if !t.refused.IsZero() && !now.Before(nextAsk(t.refused, t.refused)) {
		t.refused = time.Time{}
		t.cache.clear()
	}
	return t
}

// AskAsApp sends one request of a sign-on as AskOA does, with the connection's token. A token that the OA no longer takes is replaced, once;
// an OA that gives none is not asked for one more often than deliveries ask it. bearing is the token where the answer is to an unbroken try.
func (w *Worker) AskAsApp(ctx context.Context, conn int64, r retry.Request) (retry.Receipt, error) {
	p, err := w.cfg.Registry.Program(ctx, conn)
	if err != nil {
		return retry.Receipt{}, err
	}
	if p.token == nil {
		return retry.Receipt{}, &Error{Kind: Invalid, Op: "sign on", Msg: "the connection has no token settings, and its OA wants a token"}
	}
	sender, err := w.open(p.Settings)
	if err != nil {
		return retry.Receipt{}, err
	}
	defer sender.Close()
	now := w.cfg.Now()
	mark := p.mark(ctx, w.cfg.Registry)
	t := w.signOnToken(conn, mark, now)
	for again := false; ; again = true {
		value, terr := t.value(ctx, w, p, sender, mark)
		if terr != nil {
			return retry.Receipt{}, &retry.Error{Class: terr.class, Msg: p.secrets(ctx, w.cfg.Registry).mask(terr.msg)}
		}
		made := rendering{wire: r}
		made.wire.Headers = append([]retry.Header(nil), r.Headers...)
		p.token.place(&made, value)
		got, err := sender.Post(ctx, made.wire)
		code, _ := mapping.ReadValue(headerOf(got.Headers, "Content-Type"), got.Body, cmp.Or(p.Settings.Result.CodeName, "code"))
		if again || !p.token.stale(got.Status, &verdict{code: code}) || !t.cache.drop(value, now) {
			return got, err
		}
		t.cache.doubt(now) // of the next one, which is used all the same
	}
}

// value is a token to ask with.
func (t *signOnToken) value(ctx context.Context, w *Worker, p *Program, sender Sender, mark string) (string, *tokenError) {
	now := w.cfg.Now()
	if t.cache.blank() && mark != "" {
		if kept, err := w.cfg.Registry.Token(ctx, p.Conn); err == nil && kept.Value != "" && kept.For == mark {
			t.cache.recall(kept) // one that cannot be read is as none
		}
	}
	if refused := p.Condition.TokenRefused; !refused.IsZero() && t.cache.blank() {
		return "", &tokenError{class: retry.TokenRefused, msg: "the OA gives no token: " + p.Condition.Message}
	}
	value, terr := t.cache.get(ctx, now, p.token.ttl, func() (fetchedToken, *tokenError) {
		s := p.scope(&Delivery{Key: p.Key}, "", &StoredEvent{}, nothing(), &Lane{}, nil)
		s.TryTime, s.UUID = now, uuid.NewString
		s.Secret = func(name string) (string, error) { return w.cfg.Registry.Secret(ctx, p.Key.Tenant, name) }
		return p.token.fetch(ctx, caller{sender: sender, slots: w.scripts}, s)
	})
	if terr != nil && terr.class == retry.TokenRefused {
		t.mu.Lock()
		if t.refused.IsZero() {
			t.refused = now
		}
		t.mu.Unlock()
	}
	return value, terr
}
