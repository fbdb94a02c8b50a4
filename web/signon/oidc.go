package signon

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"todosync/connector"
	"todosync/retry"
)

// providerFresh is how long what a provider says of itself is kept.
const providerFresh = time.Hour

// A provider is an OpenID provider as it has described itself.
type provider struct {
	*oidc.Provider
	read   time.Time
	places string // the settings that it was read with
	issues bool   // it names itself when it hands the browser back
	client *http.Client
}

// providers keeps them by connection.
type providers struct {
	mu   sync.Mutex // guards what follows
	kept map[int64]*provider
}

// errElsewhere says that a provider wants to be asked at an address which the settings do not name.
var errElsewhere = errors.New("the provider is to be asked at an address that signOn.base does not name")

// An oaTransport sends requests as the connection does, to its hosts alone.
type oaTransport struct {
	oa      OA
	conn    int64
	allowed func(*url.URL) bool
}

// RoundTrip implements http.RoundTripper.
func (t oaTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.allowed(r.URL) {
		return nil, fmt.Errorf("%w: %s://%s", errElsewhere, r.URL.Scheme, r.URL.Host)
	}
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	out := retry.Request{Method: r.Method, Address: r.URL.String(), Body: body}
	for name, values := range r.Header {
		for _, value := range values {
			out.Headers = append(out.Headers, retry.Header{Name: name, Value: value})
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), askLimit) // keys are fetched without a limit of their own
	defer cancel()
	got, err := t.oa.AskOA(ctx, t.conn, out)
	if got.Status == 0 {
		if err == nil {
			err = errors.New("no answer")
		}
		return nil, err
	}
	if err != nil && (got.Status >= 500 || got.Status == http.StatusTooManyRequests || got.Status/100 == 3) {
		return nil, err
	}
	resp := &http.Response{
		StatusCode: got.Status, Status: http.StatusText(got.Status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(got.Body)), ContentLength: int64(len(got.Body)), Request: r,
	}
	for _, h := range got.Headers {
		resp.Header.Add(h.Name, h.Value)
	}
	return resp, nil
}

// provider gives the connection's, as it described itself within the last hour.
func (v *visit) provider(ctx context.Context) (*provider, error) {
	places := strings.Join(v.place.Base, " ")
	all := &v.oidcs
	all.mu.Lock()
	p := all.kept[v.place.Conn]
	all.mu.Unlock()
	if age := v.entry.At.Sub(timeOf(p)); p != nil && p.places == places && age < providerFresh && age >= 0 {
		return p, nil
	}
	p = &provider{read: v.entry.At, places: places}
	p.client = &http.Client{
		Transport:     oaTransport{v.cfg.OA, v.place.Conn, v.allowed},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), v.place.Base[0])
	if err != nil {
		return nil, err
	}
	var more struct {
		Issues bool `json:"authorization_response_iss_parameter_supported"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, err
	}
	p.Provider, p.issues = found, more.Issues
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.kept == nil {
		all.kept = map[int64]*provider{}
	}
	all.kept[v.place.Conn] = p
	return p, nil
}

func timeOf(p *provider) time.Time {
	if p == nil {
		return time.Time{}
	}
	return p.read
}

// client is what the provider knows us as.
func (v *visit) oauth(p *provider) *oauth2.Config {
	scopes := strings.Fields(v.place.Settings.Scope)
	if len(scopes) == 0 {
		scopes = []string{oidc.ScopeOpenID, "profile"}
	}
	return &oauth2.Config{
		ClientID: v.place.Client.ID, ClientSecret: v.place.Client.Secret, Endpoint: p.Endpoint(), RedirectURL: v.callbackAddress(), Scopes: scopes,
	}
}

// oidc proves by an OpenID provider's code flow: with PKCE, with state and nonce bound to the browser.
func (v *visit) oidc(ctx context.Context) (done bool, refused *refusal) {
	if len(v.place.Base) == 0 || v.place.Client.ID == "" || v.issuer() == "" {
		return false, &refusal{outcome: NotSetUp, why: "the connection has no signOn.base or signOn.clientId, or the server no --public-url"}
	}
	var f flow
	if v.callback {
		if f, refused = v.resume(ctx); refused != nil {
			return false, refused
		}
	}
	asking, cancel := context.WithTimeout(ctx, 2*askLimit)
	defer cancel()
	p, err := v.provider(asking)
	if err != nil {
		return false, v.unheard(err)
	}
	if !v.callback {
		f = flow{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier()}
		to, err := url.Parse(v.oauth(p).AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)))
		if err != nil {
			return false, v.unheard(err)
		}
		return true, v.leave(ctx, to, f)
	}
	bad := func(why string) (bool, *refusal) { return false, &refusal{outcome: BadProof, why: why} }
	switch issuer, code := v.query.Get("iss"), v.query.Get("code"); {
	case v.query.Has("iss") && issuer != v.place.Base[0] || p.issues && !v.query.Has("iss"):
		return bad("another provider hands the browser back")
	case v.query.Has("error"):
		return bad("the provider says " + plainWord(v.query.Get("error")))
	case code == "":
		return bad("the provider hands no code back")
	}
	return v.redeemCode(asking, p, f)
}

// redeemCode exchanges a code, once, and reads who it stands for.
func (v *visit) redeemCode(ctx context.Context, p *provider, f flow) (done bool, refused *refusal) {
	bad := func(why string) (bool, *refusal) {
		return false, v.guessed(v.place.Key, &refusal{outcome: BadProof, why: why})
	}
	code := v.query.Get("code")
	mark := sha256.Sum256([]byte("code " + code))
	fresh, err := v.cfg.Desk.UseProof(ctx, v.place.Conn, mark[:], v.entry.At.Add(proofKept))
	switch {
	case err != nil:
		return false, unavailable(err)
	case !fresh:
		return false, &refusal{outcome: Used, why: "the same code came before"}
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := v.oauth(p).Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return bad("the provider does not take the code: " + plainWord(e.ErrorCode))
	}
	if err != nil {
		return false, v.unheard(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return bad("the provider gives no ID token")
	}
	id, err := p.Verifier(&oidc.Config{ClientID: v.place.Client.ID, Now: v.cfg.Now}).Verify(ctx, raw)
	if err != nil {
		return bad("the ID token is not good: " + v.safe(err))
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(f.Nonce)) != 1 {
		return bad("the ID token is of another log-in")
	}
	v.entry.Skew = v.entry.At.Sub(id.IssuedAt)
	account, why := v.claimed(ctx, p, id, token)
	if why != "" {
		return bad(why)
	}
	v.proof = proof{account: account}
	return false, nil
}

// claimed reads the claim that is the account: of the ID token, else of what the provider says of the user beside it.
func (v *visit) claimed(ctx context.Context, p *provider, id *oidc.IDToken, token *oauth2.Token) (account, why string) {
	claim := v.place.Settings.AccountClaim
	if claim == "" {
		claim = "sub"
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return "", "the ID token cannot be read"
	}
	if _, there := claims[claim]; !there && p.UserInfoEndpoint() != "" {
		info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil || info.Subject != id.Subject {
			return "", "the ID token has no claim " + claim + ", and the provider says nothing else of the user"
		}
		claims = nil
		if err := info.Claims(&claims); err != nil {
			return "", "what the provider says of the user cannot be read"
		}
	}
	if verified, told := claims["email_verified"].(bool); claim == "email" && told && !verified {
		return "", "the provider has not verified the user's e-mail address"
	}
	switch value := claims[claim].(type) {
	case string:
		account = soundAccount(value)
	case float64:
		account = fmt.Sprintf("%.0f", value)
	}
	if account == "" {
		return "", "the provider names no " + claim
	}
	return account, ""
}

// unheard is a refusal because a provider could not be asked, or said nothing that can be used.
func (v *visit) unheard(err error) *refusal {
	if _, ok := errors.AsType[*retry.Error](err); ok || errors.Is(err, context.DeadlineExceeded) {
		return unasked(err)
	}
	if connector.KindOf(err) == connector.Invalid {
		return &refusal{outcome: NotSetUp, why: v.safe(err)}
	}
	return &refusal{outcome: Unreachable, why: "the provider's answer cannot be used: " + v.safe(err), status: http.StatusBadGateway}
}

// safe is an error's text without what a browser or the provider wrote at length.
func (v *visit) safe(err error) string {
	text := err.Error()
	for _, secret := range []string{v.query.Get("code"), v.query.Get("state"), v.place.Client.Secret} {
		if len(secret) >= connector.MinSecret {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text[:min(len(text), 300)])
}
