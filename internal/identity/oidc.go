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
	"strings"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"todosync/connector"
)

// An OIDCConfig says at which provider people may log in. All of it is required but Client.
type OIDCConfig struct {
	Door         *Door
	Issuer       string
	ClientID     string
	ClientSecret string
	Redirect     string       // where the provider sends browsers back to
	Client       *http.Client // the default one where nil
}

// OIDC lets people in whom a provider knows, and whom an admin has allowed.
type OIDC struct {
	OIDCConfig
	mu       sync.Mutex     // guards provider
	provider *oidc.Provider // as it describes itself; nil: it was not asked yet
}

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

// at is the provider, asked once.
func (o *OIDC) at(ctx context.Context) (*oidc.Provider, *oauth2.Config, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.provider == nil {
		p, err := oidc.NewProvider(o.context(ctx), o.Issuer) // checks that it calls itself so
		if err != nil {
			return nil, nil, away(err)
		}
		o.provider = p
	}
	return o.provider, &oauth2.Config{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret, Endpoint: o.provider.Endpoint(), RedirectURL: o.Redirect, Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
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
	if _, refused := errors.AsType[*oauth2.RetrieveError](err); refused {
		return in, "", &Refusal{}
	} else if err != nil {
		return in, "", away(err)
	}
	text, _ := token.Extra("id_token").(string)
	id, err := p.Verifier(&oidc.Config{ClientID: o.ClientID, Now: o.Door.Now}).Verify(o.context(ctx), text)
	if err != nil || id.Subject == "" || subtle.ConstantTimeCompare([]byte(f.Nonce), []byte(id.Nonce)) != 1 {
		o.Door.Log.WarnContext(ctx, "the log-in provider's token is not good", "error", err)
		return in, "", &Refusal{}
	}
	var claims struct {
		Name  string `json:"preferred_username"`
		Email string `json:"email"`
	}
	if err := id.Claims(&claims); err != nil {
		return in, "", &Refusal{}
	}
	who := Subject{Issuer: id.Issuer, ID: id.Subject}
	u, known, err := o.Door.Desk.UserOfSubject(ctx, who)
	if err == nil && !known {
		err = o.propose(ctx, who, claims.Name, claims.Email)
	}
	switch {
	case err != nil:
		return in, "", err
	case !known, u.Disabled:
		return in, "", &connector.Error{
			Kind: connector.Forbidden, Op: "log in by OIDC", Msg: "an admin has to allow you first", Hint: "ask an admin: you stand among the users, disabled",
		}
	}
	in, err = o.Door.open(ctx, Opening{User: u.ID, How: "oidc", Address: a.Address, Agent: a.Agent, Replaces: replaced(a.Session)})
	return in, f.Next, err
}

// propose makes a disabled user of somebody whom the provider knows, for an admin to look at.
func (o *OIDC) propose(ctx context.Context, who Subject, name, email string) error {
	disabled, role := true, Viewer
	sum := sha256.Sum256([]byte(who.Issuer + "\x00" + who.ID))
	for _, try := range []string{name, email, "oidc-" + hex.EncodeToString(sum[:6])} {
		if try = strings.TrimSpace(try); nameProblem(try) != "" {
			continue
		}
		_, err := o.Door.CreateUser(ctx, Change{Name: &try, Role: &role, Disabled: &disabled, Subject: &who}, By{Who: "oidc"})
		if connector.KindOf(err) != connector.Conflict || err == nil {
			return err
		}
	}
	return nil
}
