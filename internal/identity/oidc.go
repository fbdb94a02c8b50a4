package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"todosync/connector"
)

// An OIDCConfig says at which provider people may log in. All up to Redirect is required.
type OIDCConfig struct {
	Door         *Door
	Issuer       string
	ClientID     string
	ClientSecret string
	Redirect     string // where the provider sends browsers back to

	Scopes []string // beside openid; profile and email where nil
	Claim  string   // where the provider says what Rules look at; a dot goes deeper
	Rules  Rules    // empty: admins say what each may do
	// There chooses from tenants those that exist. Rules with a tenant in their value need it.
	There func(ctx context.Context, tenants []string) ([]string, error)

	Client *http.Client // the default one where nil
}

// OIDC lets people in whom a provider knows, and whom an admin has allowed.
type OIDC struct {
	OIDCConfig
	mu       sync.Mutex     // guards what follows
	provider *oidc.Provider // as it describes itself; nil: it was not asked yet
	asked    time.Time      // when it was
}

const (
	// describedFor is how long what the provider says of itself is believed; then it is asked again.
	describedFor = time.Hour
	// skew is how far the provider's clock may be behind.
	skew = time.Minute
	// MostWaiting bounds the users who wait for an admin: whoever has an account at the provider can make one of himself.
	MostWaiting = 1000
)

// NewOIDC makes one. The provider is asked when the first one logs in, so that it may be away until then.
func NewOIDC(cfg OIDCConfig) *OIDC { return &OIDC{OIDCConfig: cfg} }

// A flow is what a browser keeps between its way to the provider and back.
type flow struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	Next     string `json:"t"`
}

func (o *OIDC) context(ctx context.Context) context.Context {
	if o.Client == nil {
		return ctx
	}
	return oidc.ClientContext(ctx, o.Client)
}

// at is the provider, asked anew now and then. While it does not answer, what it said last holds.
func (o *OIDC) at(ctx context.Context) (*oidc.Provider, *oauth2.Config, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.Door.Now()
	if o.provider == nil || now.Sub(o.asked).Abs() > describedFor {
		p, err := oidc.NewProvider(o.context(ctx), o.Issuer) // checks that it calls itself so
		switch {
		case err == nil:
			o.provider, o.asked = p, now
		case o.provider == nil:
			return nil, nil, away(err)
		}
	}
	scopes := []string{oidc.ScopeOpenID, "profile", "email"}
	if o.Scopes != nil {
		scopes = append([]string{oidc.ScopeOpenID}, slices.DeleteFunc(slices.Clone(o.Scopes), func(s string) bool { return s == oidc.ScopeOpenID })...)
	}
	return o.provider, &oauth2.Config{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret, Endpoint: o.provider.Endpoint(), RedirectURL: o.Redirect, Scopes: scopes,
	}, nil
}

func away(err error) error {
	return &connector.Error{
		Kind: connector.Unavailable, Op: "log in by OIDC", Msg: "the log-in provider does not answer as it should", Hint: "try again later, or log in with a password", Err: err,
	}
}

// Start gives the provider's address that the browser is sent to, and what the browser keeps meanwhile.
func (o *OIDC) Start(ctx context.Context, next string) (address, kept string, err error) {
	_, c, err := o.at(ctx)
	if err != nil {
		return "", "", err
	}
	f := flow{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: next}
	b, err := json.Marshal(f)
	if err != nil {
		return "", "", err
	}
	return c.AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), base64.RawURLEncoding.EncodeToString(b), nil
}

// Finish lets in who comes back from the provider in the browser that went there. Who is not allowed yet becomes a user that is disabled
// until an admin allows him.
func (o *OIDC) Finish(ctx context.Context, kept string, q url.Values, a Attempt) (in Entry, next string, err error) {
	var f flow
	raw, err := base64.RawURLEncoding.DecodeString(kept)
	if err != nil || json.Unmarshal(raw, &f) != nil || f.State == "" || subtle.ConstantTimeCompare([]byte(f.State), []byte(q.Get("state"))) != 1 || q.Get("code") == "" {
		return in, "", &Refusal{}
	}
	p, c, err := o.at(ctx)
	if err != nil {
		return in, "", err
	}
	token, err := c.Exchange(o.context(ctx), q.Get("code"), oauth2.VerifierOption(f.Verifier))
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok && answer.Response.StatusCode < http.StatusInternalServerError {
		return in, "", &Refusal{}
	} else if err != nil {
		return in, "", away(err)
	}
	text, _ := token.Extra("id_token").(string)
	now := func() time.Time { return o.Door.Now().Add(-skew) }
	id, err := p.Verifier(&oidc.Config{ClientID: o.ClientID, Now: now}).Verify(o.context(ctx), text)
	if err != nil || id.Subject == "" || subtle.ConstantTimeCompare([]byte(f.Nonce), []byte(id.Nonce)) != 1 {
		o.Door.Log.WarnContext(ctx, "the log-in provider's token is not good", "error", err)
		return in, "", &Refusal{}
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return in, "", &Refusal{}
	}
	values, err := o.values(ctx, said{p, token, id.Subject}, claims)
	if err != nil {
		return in, "", err
	}
	u, err := o.admit(ctx, Subject{Issuer: id.Issuer, ID: id.Subject}, claims, values)
	switch {
	case err != nil:
		return in, "", err
	case u.Disabled:
		return in, "", &connector.Error{
			Kind: connector.Forbidden, Op: "log in by OIDC", Msg: "an admin has to allow you first", Hint: "ask an admin: you stand among the users as " + u.Name + ", disabled",
		}
	}
	in, err = o.Door.open(ctx, Opening{User: u.ID, How: "oidc", Address: a.Address, Agent: a.Agent, Replaces: replaced(a.Session)})
	return in, f.Next, err
}

// said is who speaks for whom in a log-in that is under way.
type said struct {
	provider *oidc.Provider
	token    *oauth2.Token
	subject  string
}

// values are what the provider says in the claim that rules look at: in its token, else where it tells more of a user. That it could not be
// asked is an error: nobody loses a role by it.
func (o *OIDC) values(ctx context.Context, s said, claims map[string]any) ([]string, error) {
	if len(o.Rules) == 0 {
		return nil, nil
	}
	if claim, ok := claimAt(claims, o.Claim); ok {
		return valuesOf(claim), nil
	}
	if names, _ := claims["_claim_names"].(map[string]any); names[o.Claim] != nil {
		return nil, &connector.Error{
			Kind: connector.Unavailable, Op: "log in by OIDC", Msg: "the log-in provider has left out your groups, because they are too many",
			Hint: "have the provider send only the groups of this application, or its roles",
		}
	}
	if s.provider.UserInfoEndpoint() == "" {
		return nil, nil
	}
	info, err := s.provider.UserInfo(o.context(ctx), oauth2.StaticTokenSource(s.token))
	if err != nil {
		return nil, away(err)
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil || info.Subject != s.subject {
		o.Door.Log.WarnContext(ctx, "the log-in provider tells of another user", "error", err)
		return nil, &Refusal{}
	}
	claim, _ := claimAt(more, o.Claim)
	return valuesOf(claim), nil
}

// byProvider says in the audit who changes people by rule.
func byProvider() By { return By{Who: "oidc", Provider: true} }

// admit finds who somebody is here, and has him follow the rules. Who is new and gets nothing by rule waits for an admin, disabled.
func (o *OIDC) admit(ctx context.Context, who Subject, claims map[string]any, values []string) (User, error) {
	u, known, err := o.Door.Desk.UserOfSubject(ctx, who)
	if err != nil || known && !u.ByRule || known && len(o.Rules) == 0 {
		return u, err // by hand; or the rules are gone, and what they gave last stays until an admin says otherwise
	}
	g, given, err := o.Rules.Grant(ctx, values, o.There)
	if err != nil {
		return u, err
	}
	disabled, byRule := !given, true
	if !given {
		g = Grant{Role: Viewer}
	}
	tenants := append([]string{}, g.Tenants...)
	c := Change{Role: &g.Role, Tenants: &tenants, Disabled: &disabled}
	if known {
		return o.Door.ChangeUser(ctx, u.ID, c, byProvider())
	}
	c.Subject, c.ByRule = &who, &byRule
	if mail, _ := claims["email"].(string); claims["email_verified"] == true && emailShape.MatchString(mail) && len(mail) <= maxEmail {
		c.Email = &mail
	}
	return o.propose(ctx, c, claims)
}

// propose makes a user of somebody whom the provider knows. A name that is taken is another's, whatever the provider says.
func (o *OIDC) propose(ctx context.Context, c Change, claims map[string]any) (u User, err error) {
	sum := sha256.Sum256([]byte(c.Subject.Issuer + "\x00" + c.Subject.ID))
	name, _ := claims["preferred_username"].(string)
	email, _ := claims["email"].(string)
	for _, try := range []string{name, email, "oidc-" + hex.EncodeToString(sum[:6])} {
		if try = strings.TrimSpace(try); nameProblem(try) != "" {
			continue
		}
		c.Name = &try
		if u, err = o.Door.CreateUser(ctx, c, byProvider()); connector.KindOf(err) != connector.Conflict || err == nil {
			return u, err
		}
	}
	// He logs in twice at once, and the other was first; or all names are taken.
	if u, known, again := o.Door.Desk.UserOfSubject(ctx, *c.Subject); known || again != nil {
		return u, again
	}
	return u, err
}
