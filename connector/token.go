package connector

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"todosync/mapping"
	"todosync/retry"
)

// The names of the token and of the HTTP Basic credentials among the marks of a kept request.
const (
	tokenMark = "token"
	basicMark = "basic"
)

// A tokenProgram fetches and places a connection's token.
type tokenProgram struct {
	request requestProgram
	value   string
	refuse  []string
	send    TokenSend
	ttl     time.Duration
	status  []int
	codes   []string
	words   []string // parts of messages
}

func (k *compiler) token(t *TokenSettings) *tokenProgram {
	return &tokenProgram{
		request: k.request("token.request", t.Request, mapping.Each),
		value:   t.Value, refuse: t.Refuse.Strings(), send: t.Send, ttl: time.Duration(t.TTL),
		status: t.RefreshOn.Status, codes: t.RefreshOn.Codes.Strings(),
		words: t.RefreshOn.Messages.Strings(),
	}
}

// place puts the token into a request.
func (t *tokenProgram) place(r *rendering, token string) {
	switch {
	case t.send.Header != "":
		r.add(t.send.Header, token, mapping.Mark(tokenMark))
	case t.send.Query != "":
		r.addQuery(t.send.Query, token, mapping.MarkQuery(tokenMark))
	case t.send.Bearer:
		r.add("Authorization", "Bearer "+token, "Bearer "+mapping.Mark(tokenMark))
	}
}

// stale reports whether an answer says that the token is no longer good.
func (t *tokenProgram) stale(status int, v *verdict) bool {
	if slices.Contains(t.status, status) || v.code != "" && slices.Contains(t.codes, v.code) {
		return true
	}
	return v.class != retry.OK && slices.ContainsFunc(t.words, func(w string) bool { return w != "" && strings.Contains(v.message, w) })
}

// A tokenError says that no token could be had, with the exchange that shows it.
type tokenError struct {
	class   retry.Class
	msg     string
	hint    time.Duration
	attempt Attempt
}

func (e *tokenError) Error() string { return e.msg }

// fetch asks the token's address once. The answer's body is never kept: it may hold a token in any shape.
func (t *tokenProgram) fetch(ctx context.Context, s Sender, scope *mapping.Scope, may func() error) (string, *tokenError) {
	r, err := t.request.render(scope)
	if err != nil {
		return "", &tokenError{class: retry.Mapping, msg: "the token's request: " + err.Error()}
	}
	r.wire.May = may
	receipt, err := s.Post(ctx, r.wire)
	kept := Attempt{
		Started: receipt.Started, Duration: receipt.Duration, Request: r.stored,
		Response: ReceivedAnswer{Status: receipt.Status, Body: "***"},
	}
	fail := func(c retry.Class, msg string, hint time.Duration) (string, *tokenError) {
		kept.Class, kept.Message = c, msg
		return "", &tokenError{class: c, msg: msg, hint: hint, attempt: kept}
	}
	if err != nil {
		e := retryError(err)
		switch e.Status {
		case 400, 401, 403:
			return fail(retry.TokenRefused, fmt.Sprintf("the OA refuses a token: HTTP status %d; look at the user and password of the token's request", e.Status), 0)
		}
		switch e.Class {
		case retry.Network, retry.Timeout, retry.HTTP5xx, retry.HTTP429:
			return fail(retry.Token, "the token's address: "+e.Error(), e.RetryAfter)
		case retry.TLS, retry.Mapping:
			return fail(e.Class, "the token's address: "+e.Error(), 0)
		default:
			return fail(retry.TokenRefused, "the token's address: "+e.Error(), 0)
		}
	}
	contentType := headerOf(receipt.Headers, "Content-Type")
	value, ok := mapping.ReadValue(contentType, receipt.Body, t.value)
	if !ok && t.value != "text" && plainToken(contentType, receipt.Body) {
		value, ok = mapping.ReadValue(contentType, receipt.Body, "text")
	}
	switch {
	case !ok || value == "":
		return fail(retry.TokenRefused, "the OA's answer holds no token at "+t.value, 0)
	case !usableToken(value):
		return fail(retry.TokenRefused, "the OA's answer holds no token at "+t.value+" but something else, perhaps a page", 0)
	case slices.Contains(t.refuse, value):
		return fail(retry.TokenRefused, "the OA refuses a token: it answered "+value+"; look at the user and password of the token's request", 0)
	}
	return value, nil
}

// usableToken reports whether a value can be a token: not a page, an object or a text that no header could bear.
func usableToken(s string) bool {
	const most = 8 << 10
	return len(s) <= most && !strings.HasPrefix(s, "<") && !strings.HasPrefix(s, "{") && !strings.HasPrefix(s, "[") &&
		!strings.ContainsFunc(s, unicode.IsControl)
}

// plainToken reports whether an answer is the bare token: Seeyon answers so when it does not see the Accept header.
func plainToken(contentType string, body []byte) bool {
	s := strings.TrimSpace(string(body))
	return strings.HasPrefix(contentType, "text/plain") && s != "" && len(s) <= 256 && !strings.ContainsAny(s, " <>{}\"\n")
}

// A tokenCache holds one connection's token and lets one caller at a time fetch it.
type tokenCache struct {
	mu      sync.Mutex // guards all below
	value   string
	fetched time.Time
	flight  *tokenFlight
	refused *tokenError // the OA said no; nobody asks again until clear
	doubted time.Time   // until then a token that the OA does not take is not replaced: a fresh one was not taken either
}

// A tokenFlight is a fetch under way that others wait for.
type tokenFlight struct {
	done  chan struct{}
	value string
	err   *tokenError
}

// get gives the token, fetching it where it is missing or older than ttl. Of many callers one fetches; all get its result.
// A refusal is remembered: an account that is asked for once a delivery is soon a locked one.
func (c *tokenCache) get(ctx context.Context, now time.Time, ttl time.Duration, fetch func() (string, *tokenError)) (string, *tokenError) {
	c.mu.Lock()
	if age := now.Sub(c.fetched); c.value != "" && (ttl <= 0 || age < ttl && age > -ttl) { // the clock may have been put back
		defer c.mu.Unlock()
		return c.value, nil
	}
	if c.refused != nil {
		defer c.mu.Unlock()
		return "", c.refused
	}
	if f := c.flight; f != nil {
		c.mu.Unlock()
		select {
		case <-f.done:
			return f.value, f.err
		case <-ctx.Done():
			return "", &tokenError{class: retry.Token, msg: "the worker stopped before the token came"}
		}
	}
	f := &tokenFlight{done: make(chan struct{})}
	c.flight = f
	c.mu.Unlock()

	f.value, f.err = fetch()

	c.mu.Lock()
	c.flight = nil
	if f.err == nil {
		c.value, c.fetched = f.value, now
	} else if f.err.class == retry.TokenRefused {
		c.refused = f.err
	}
	c.mu.Unlock()
	close(f.done)
	return f.value, f.err
}

// drop forgets a token that the OA no longer takes, unless a newer one stands there already. It reports false when fetching
// another is of no use now.
func (c *tokenCache) drop(value string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Before(c.doubted) {
		return false
	}
	if c.value == value {
		c.value = ""
	}
	return true
}

// doubt notes that the OA did not take a token that had just been fetched: for a minute no other is fetched.
func (c *tokenCache) doubt(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doubted = now.Add(time.Minute)
}

// recall takes a token that was fetched earlier, unless a newer one is there.
func (c *tokenCache) recall(t KeptToken) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.value == "" || c.fetched.Before(t.Fetched) {
		c.value, c.fetched = t.Value, t.Fetched
	}
}

// blank reports whether nothing is known.
func (c *tokenCache) blank() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value == "" && c.refused == nil && c.flight == nil
}

// clear forgets the token and a refusal.
func (c *tokenCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.value, c.refused, c.doubted = "", nil, time.Time{}
}

func headerOf(hs []retry.Header, name string) string {
	for _, h := range hs {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}
