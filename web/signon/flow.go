package signon

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// flowLife is how long somebody may take to log in at the OA's own page.
const flowLife = 10 * time.Minute

// flowPlace is what a sealed flow is bound to.
const flowPlace = "todosync sign-on flow"

// A flow is a log-in at the OA's own page under way. The browser keeps it, sealed, in a cookie, so that nobody else can end it, and nothing
// has to be written for visitors of whom nobody knows anything.
type flow struct {
	Conn     int64  `json:"c"`
	State    string `json:"s"`
	Nonce    string `json:"n,omitempty"`
	Verifier string `json:"v,omitempty"` // of PKCE
	Target   string `json:"t"`
	Until    int64  `json:"u"`
}

// cookieOf names the cookie of one flow: several may be under way in one browser.
func cookieOf(state string) string { return "todosync_flow_" + state[:min(8, len(state))] }

// callback is the address at which a provider hands the browser back: one for all todos, since providers want to know it beforehand.
func (v *visit) callbackAddress() string {
	return v.issuer() + Prefix + url.PathEscape(string(v.place.Settings.Vendor)) + "/" + url.PathEscape(v.place.Key.Tenant) + "/" +
		url.PathEscape(v.place.Key.Name) + "/callback"
}

// box seals and opens with one key.
func box(k Key) (cipher.AEAD, error) {
	b, err := aes.NewCipher(k.Seed)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(b)
}

// leave sends the browser to log in at the OA's own page. to is that page's address with all but state.
func (v *visit) leave(ctx context.Context, to *url.URL, f flow) *refusal {
	if !v.allowed(to) {
		return &refusal{outcome: NotSetUp, why: "the log-in page is at " + to.Scheme + "://" + to.Host + ", which signOn.base does not name"}
	}
	keys, err := v.keys(ctx, CookieKey)
	if err != nil {
		return unavailable(err)
	}
	f.Conn, f.Target, f.Until = v.place.Conn, v.target, v.entry.At.Add(flowLife).Unix()
	b, err := box(keys[len(keys)-1])
	if err != nil {
		return unavailable(err)
	}
	text, err := json.Marshal(f)
	if err != nil {
		return unavailable(err)
	}
	v.setCookie(cookieOf(f.State), base64.RawURLEncoding.EncodeToString(b.Seal(nil, nil, text, []byte(flowPlace))), flowLife)
	q := to.Query()
	q.Set("state", f.State)
	to.RawQuery = q.Encode()
	v.w.Header().Set("Location", to.String())
	v.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// resume finds the flow that a provider hands back, and has the cookie forgotten.
func (v *visit) resume(ctx context.Context) (flow, *refusal) {
	state := v.query.Get("state")
	refused := func(why string) (flow, *refusal) { return flow{}, &refusal{outcome: BadProof, why: why} }
	if state == "" {
		return refused("the provider hands no state back")
	}
	name := cookieOf(state)
	sealed, err := base64.RawURLEncoding.DecodeString(v.cookie(name))
	if err != nil || len(sealed) == 0 {
		return refused("the browser has no log-in under way with this state: it was begun elsewhere, took too long, or its cookies are refused")
	}
	v.setCookie(name, "", 0)
	f, err := v.open(ctx, sealed)
	switch {
	case err != nil:
		return refused("the log-in under way cannot be read")
	case subtle.ConstantTimeCompare([]byte(f.State), []byte(state)) != 1 || f.Conn != v.place.Conn:
		return refused("the log-in under way is another one")
	case v.entry.At.Unix() >= f.Until:
		return flow{}, &refusal{outcome: TooOld, why: "the log-in took longer than " + flowLife.String()}
	}
	v.target = f.Target
	return f, nil
}

// open opens a sealed flow with any of the keys.
func (v *visit) open(ctx context.Context, sealed []byte) (f flow, err error) {
	keys, err := v.keys(ctx, CookieKey)
	if err != nil {
		return f, err
	}
	for _, k := range keys {
		b, err := box(k)
		if err != nil {
			return f, err
		}
		if text, err := b.Open(nil, nil, sealed, []byte(flowPlace)); err == nil {
			return f, json.Unmarshal(text, &f)
		}
	}
	return f, errors.New("no key opens it")
}

// allowed reports whether an address is on one of the settings' hosts: scheme, host and port are equal.
func (v *visit) allowed(to *url.URL) bool {
	return to.User == nil && slices.ContainsFunc(v.place.Base, func(b string) bool {
		u, err := url.Parse(b)
		return err == nil && u.Scheme == to.Scheme && strings.EqualFold(u.Hostname(), to.Hostname()) && port(u) == port(to)
	})
}
