package connector

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"todosync/connector/script"
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
	ask    func(*mapping.Scope) (rendering, error) // the request
	script *scriptProgram                          // fetches the token in its place; nil: none
	value  string                                  // the token's path in the answer
	life   string                                  // the path of the seconds that it is good for; empty: the answer does not say
	refuse []string
	send   TokenSend
	ttl    time.Duration
	status []int
	codes  []string
	words  []string // parts of messages
}

// A fetchedToken is a token as its server gave it.
type fetchedToken struct {
	value string
	life  time.Duration // for which it is good; zero: the server did not say
}

func (k *compiler) token(t *TokenSettings) *tokenProgram {
	request := k.request("token.request", t.Request, mapping.Each)
	out := &tokenProgram{
		ask: request.render, value: t.Value, refuse: t.Refuse.Strings(), send: t.Send, ttl: time.Duration(t.TTL),
		status: t.RefreshOn.Status, codes: t.RefreshOn.Codes.Strings(),
		words: t.RefreshOn.Messages.Strings(),
	}
	if t.Script != "" {
		out.script = k.script("token.script", t.Script, script.Token, mapping.Each)
	}
	return out
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
func (t *tokenProgram) fetch(ctx context.Context, c caller, scope *mapping.Scope) (fetchedToken, *tokenError) {
	if t.script != nil {
		return t.byScript(ctx, c, scope)
	}
	r, err := t.ask(scope)
	if err != nil {
		return fetchedToken{}, &tokenError{class: retry.Mapping, msg: "the token's request: " + err.Error()}
	}
	r.wire.May = c.may
	receipt, err := c.sender.Post(ctx, r.wire)
	kept := Attempt{
		Started: receipt.Started, Duration: receipt.Duration, Request: r.stored,
		Response: ReceivedAnswer{Status: receipt.Status, Body: "***"},
	}
	fail := func(c retry.Class, msg string, hint time.Duration) (fetchedToken, *tokenError) {
		kept.Class, kept.Message = c, msg
		return fetchedToken{}, &tokenError{class: c, msg: msg, hint: hint, attempt: kept}
	}
	if err != nil {
		e := retryError(err)
		switch e.Status {
		case 400, 401, 403:
			return fail(retry.TokenRefused, fmt.Sprintf("the OA refuses a token: HTTP status %d; look at the user and password of the token's request", e.Status), 0)
		}
		return fail(tokenClass(e), "the token's address: "+e.Error(), e.RetryAfter)
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
	return fetchedToken{value: value, life: t.lifeOf(contentType, receipt.Body)}, nil
}

// tokenClass is what the failure of a token's request means for the delivery.
func tokenClass(e *retry.Error) retry.Class {
	switch e.Class {
	case retry.Network, retry.Timeout, retry.HTTP5xx, retry.HTTP429:
		return retry.Token
	case retry.TLS, retry.Mapping:
		return e.Class
	default:
		return retry.TokenRefused
	}
}

// lifeOf reads for how long a token is good, less a tenth, a minute at most: it must not end on its way.
func (t *tokenProgram) lifeOf(contentType string, body []byte) time.Duration {
	if t.life == "" {
		return 0
	}
	text, _ := mapping.ReadValue(contentType, body, t.life)
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || seconds <= 0 || seconds > 10*365*24*60*60 {
		return 0
	}
	life := time.Duration(seconds * float64(time.Second))
	return life - min(life/10, time.Minute)
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
	life    time.Duration // as the server said; zero: it did not
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

// get gives the token, fetching it where it is missing or older than the server said, else than ttl. Of many callers one fetches; all get its result.
// A refusal is remembered: an account that is asked for once a delivery is soon a locked one.
func (c *tokenCache) get(ctx context.Context, now time.Time, ttl time.Duration, fetch func() (fetchedToken, *tokenError)) (string, *tokenError) {
	c.mu.Lock()
	if c.life > 0 {
		ttl = c.life
	}
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

	got, err := fetch()
	f.value, f.err = got.value, err

	c.mu.Lock()
	c.flight = nil
	if f.err == nil {
		c.value, c.fetched, c.life = got.value, now, got.life
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
		c.value, c.fetched, c.life = t.Value, t.Fetched, t.Life
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
