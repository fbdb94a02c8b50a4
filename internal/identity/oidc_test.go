package identity_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"todosync/connector"
	"todosync/internal/identity"
	"todosync/store"
)

// TestOIDC logs in at a provider: a stranger waits for an admin, and an answer that was not asked for in this browser, for this client and
// with this nonce lets nobody in.
func TestOIDC(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys := &oidctest.Server{PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "k", Algorithm: oidc.RS256}}, Algorithms: []string{oidc.RS256}}
	var claims map[string]any
	var verifier string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/token" {
			keys.ServeHTTP(w, r)
			return
		}
		verifier = r.PostFormValue("code_verifier")
		if r.PostFormValue("code") != "good" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":"invalid_grant"}`)
			return
		}
		raw, _ := json.Marshal(claims)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": oidctest.SignIDToken(key, "k", oidc.RS256, string(raw))})
	}))
	defer srv.Close()
	keys.SetIssuer(srv.URL)
	db, err := store.Open(ctx, store.Config{Path: filepath.Join(t.TempDir(), "x.db"), Key: make([]byte, 32), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	door, err := identity.NewDoor(identity.Config{Desk: db, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	o := identity.NewOIDC(identity.OIDCConfig{Door: door, Issuer: srv.URL, ClientID: "todosync", ClientSecret: "s", Redirect: "https://todo/oidc/callback"})
	try := func(change func(q url.Values, kept *string)) error {
		t.Helper()
		address, kept, err := o.Start(ctx, "/records")
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(address)
		if u.Query().Get("code_challenge_method") != "S256" || u.Query().Get("code_challenge") == "" {
			t.Errorf("no PKCE: %s", address)
		}
		claims = map[string]any{"iss": srv.URL, "aud": "todosync", "sub": "7", "exp": time.Now().Add(time.Hour).Unix(), "nonce": u.Query().Get("nonce"), "preferred_username": "vera"}
		q := url.Values{"state": {u.Query().Get("state")}, "code": {"good"}}
		change(q, &kept)
		in, next, err := o.Finish(context.WithoutCancel(ctx), kept, q, identity.Attempt{Address: "127.0.0.1"})
		if err == nil && (in.User.Name != "vera" || next != "/records" || verifier == "") {
			t.Errorf("in: %+v, %s", in, next)
		}
		return err
	}
	as := func(url.Values, *string) {}
	for range 2 {
		if err := try(as); connector.KindOf(err) != connector.Forbidden {
			t.Fatalf("a stranger: %v", err)
		}
	}
	if _, err := door.ChangeUser(ctx, "vera", identity.Change{Disabled: new(false)}, identity.By{Who: "ada"}); err != nil {
		t.Fatal(err)
	}
	if err := try(as); err != nil {
		t.Errorf("who is allowed: %v", err)
	}
	for what, change := range map[string]func(url.Values, *string){
		"another state":   func(q url.Values, _ *string) { q.Set("state", "x") },
		"another browser": func(_ url.Values, kept *string) { *kept = "" },
		"no code":         func(q url.Values, _ *string) { q.Del("code") },
		"a wrong code":    func(q url.Values, _ *string) { q.Set("code", "bad") },
		"another nonce":   func(url.Values, *string) { claims["nonce"] = "x" },
		"another client":  func(url.Values, *string) { claims["aud"] = "x" },
		"another issuer":  func(url.Values, *string) { claims["iss"] = "https://evil.example" },
		"an old token":    func(url.Values, *string) { claims["exp"] = time.Now().Add(-time.Hour).Unix() },
		"no subject":      func(url.Values, *string) { claims["sub"] = "" },
	} {
		if _, refused := try(change).(*identity.Refusal); !refused {
			t.Errorf("%s: let in", what)
		}
	}
}
