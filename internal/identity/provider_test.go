package identity_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"todosync/internal/identity"
	"todosync/store"
)

// A provider is a simulated OIDC provider, with a store and a door that trust it.
type provider struct {
	t    *testing.T
	srv  *httptest.Server
	door *identity.Door
	db   *store.DB
	oidc *identity.OIDC
	now  time.Time // of this server; the provider's clock is right

	mu       sync.Mutex // guards what follows
	keys     *oidctest.Server
	key      *rsa.PrivateKey
	kid      string
	claims   map[string]any // beside those that every token has
	userinfo map[string]any
	unsigned bool
	down     bool
	verifier string
	asked    map[string]int // by path
}

func newProvider(t *testing.T, c identity.OIDCConfig) *provider {
	t.Helper()
	p := &provider{t: t, keys: &oidctest.Server{Algorithms: []string{oidc.RS256}}, asked: map[string]int{}, now: time.Now()}
	p.srv = httptest.NewServer(p)
	t.Cleanup(p.srv.Close)
	p.keys.SetIssuer(p.srv.URL)
	p.rotate("k1")
	var err error
	now := func() time.Time { return p.now }
	p.db, err = store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "x.db"), Key: make([]byte, 32), Log: slog.New(slog.DiscardHandler), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.db.Close() })
	if p.door, err = identity.NewDoor(identity.Config{Desk: p.db, Log: slog.New(slog.DiscardHandler), Now: now}); err != nil {
		t.Fatal(err)
	}
	c.Door, c.Issuer, c.ClientID, c.ClientSecret, c.Redirect = p.door, p.srv.URL, "todosync", "s", "https://todo/oidc/callback"
	p.oidc = identity.NewOIDC(c)
	return p
}

// rotate has the provider sign with a new key, and know no other.
func (p *provider) rotate(kid string) {
	p.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.kid = key, kid
	p.keys.PublicKeys = []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: kid, Algorithm: oidc.RS256}}
}

// ServeHTTP implements http.Handler.
func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[r.URL.Path]++
	w.Header().Set("Content-Type", "application/json")
	switch {
	case p.down:
		http.Error(w, "maintenance", http.StatusBadGateway)
	case r.URL.Path == "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": p.srv.URL, "authorization_endpoint": p.srv.URL + "/auth", "token_endpoint": p.srv.URL + "/token", "jwks_uri": p.srv.URL + "/keys",
			"userinfo_endpoint": p.srv.URL + "/userinfo", "id_token_signing_alg_values_supported": []string{oidc.RS256},
		})
	case r.URL.Path == "/userinfo":
		info := p.userinfo
		if info == nil {
			info = map[string]any{"sub": p.claims["sub"]}
		}
		_ = json.NewEncoder(w).Encode(info)
	case r.URL.Path != "/token":
		p.keys.ServeHTTP(w, r)
	case r.PostFormValue("code") != "good":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
	default:
		p.verifier = r.PostFormValue("code_verifier")
		raw, _ := json.Marshal(p.claims)
		token := oidctest.SignIDToken(p.key, p.kid, oidc.RS256, string(raw))
		if p.unsigned {
			b := base64.RawURLEncoding
			token = b.EncodeToString([]byte(`{"alg":"none"}`)) + "." + b.EncodeToString(raw) + "."
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": token})
	}
}

// A comer is somebody who comes back from the provider.
type comer struct {
	claims map[string]any
	change func(q url.Values, kept *string)
}

// logIn goes to the provider and comes back.
func (p *provider) logIn(c comer) (identity.Entry, error) {
	p.t.Helper()
	address, kept, err := p.oidc.Start(p.t.Context(), "/records")
	if err != nil {
		return identity.Entry{}, err
	}
	u, _ := url.Parse(address)
	if u.Query().Get("code_challenge_method") != "S256" || u.Query().Get("code_challenge") == "" {
		p.t.Errorf("no PKCE: %s", address)
	}
	p.mu.Lock()
	p.claims = map[string]any{
		"iss": p.srv.URL, "aud": "todosync", "sub": "7", "exp": time.Now().Add(time.Hour).Unix(), "nonce": u.Query().Get("nonce"), "preferred_username": "vera",
	}
	maps.Copy(p.claims, c.claims)
	p.mu.Unlock()
	q := url.Values{"state": {u.Query().Get("state")}, "code": {"good"}}
	if c.change != nil {
		c.change(q, &kept)
	}
	in, next, err := p.oidc.Finish(p.t.Context(), kept, q, identity.Attempt{Address: "127.0.0.1"})
	if err == nil && (next != "/records" || p.verifier == "") {
		p.t.Errorf("in: %+v, %s", in, next)
	}
	return in, err
}

func auditOf(what string) store.AuditFilter { return store.AuditFilter{What: []string{what}} }

func whoIs(who string) func(store.AuditEntry) bool {
	return func(e store.AuditEntry) bool { return e.Who == who }
}
