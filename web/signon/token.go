package signon

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"todosync/connector"
)

// KeysPath is where the public halves of the keys stand that sign tickets.
const KeysPath = "/.well-known/jwks.json"

// ticketType is the type of a ticket that is a JWT: no other token of ours may pass for one.
const ticketType = "todosync-ticket+jwt"

// minShared is how long a secret must be that is shared with the CRM, in bytes: as long as the hash.
const minShared = 32

// keysFresh is how long keys are kept in memory. A new key is published for longer before it signs.
const keysFresh = 30 * time.Second

// A KeyKind says what a key is for.
type KeyKind string

// The kinds of keys.
const (
	TicketKey KeyKind = "ticket" // signs tickets
	CookieKey KeyKind = "cookie" // seals what a browser brings back
)

// A Key is 32 random bytes under a name.
type Key struct {
	ID   string
	Seed []byte
	From time.Time // it signs from then on
}

// A keyring keeps the keys for a while.
type keyring struct {
	mu   sync.Mutex // guards what follows
	kept map[KeyKind][]Key
	read map[KeyKind]time.Time
}

// keys gives the keys of a kind, oldest first, at least one.
func (g *Gateway) keys(ctx context.Context, kind KeyKind) ([]Key, error) {
	now := g.cfg.Now()
	r := &g.ring
	r.mu.Lock()
	kept, read := r.kept[kind], r.read[kind]
	r.mu.Unlock()
	if len(kept) > 0 && now.Sub(read) < keysFresh && !now.Before(read) {
		return kept, nil
	}
	kept, err := g.cfg.Desk.SignKeys(ctx, kind)
	if err == nil && len(kept) == 0 {
		err = &connector.Error{Kind: connector.Internal, Op: "sign on", Msg: "there is no key"}
	}
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil {
		r.kept, r.read = map[KeyKind][]Key{}, map[KeyKind]time.Time{}
	}
	r.kept[kind], r.read[kind] = kept, now
	return kept, nil
}

// ForgetKeys has keys read anew: they have changed.
func (g *Gateway) ForgetKeys() {
	g.ring.mu.Lock()
	defer g.ring.mu.Unlock()
	g.ring.kept, g.ring.read = nil, nil
}

// signing is the newest key that signs already.
func signing(keys []Key, now time.Time) Key {
	for i := len(keys) - 1; i > 0; i-- {
		if !now.Before(keys[i].From) {
			return keys[i]
		}
	}
	return keys[0]
}

// newTicket makes what the CRM gets: a number, or a JWT of the same content and life.
func (v *visit) newTicket(ctx context.Context) (string, *refusal) {
	if v.place.Ticket == connector.TicketOpaque {
		return random(), nil
	}
	login, err := url.Parse(v.place.Login)
	if err != nil {
		return "", &refusal{outcome: NotSetUp, why: "signOn.crmLoginUrl is no address"}
	}
	audience := v.place.Audience
	if audience == "" {
		login.RawQuery, login.Fragment = "", ""
		audience = login.String()
	}
	now := v.entry.At
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": v.issuer(), "aud": audience, "sub": v.entry.User, "tenant": v.entry.Tenant, "connection": v.entry.Connection, "target": v.target,
		"iat": now.Unix(), "exp": now.Add(TicketLife).Unix(), "jti": random(),
	})
	t.Header["typ"] = ticketType
	var key any = []byte(v.place.Shared)
	if v.place.Ticket == connector.TicketEdDSA {
		keys, err := v.keys(ctx, TicketKey)
		if err != nil {
			return "", unavailable(err)
		}
		with := signing(keys, now)
		t.Method, t.Header["alg"], t.Header["kid"] = jwt.SigningMethodEdDSA, jwt.SigningMethodEdDSA.Alg(), with.ID
		key = ed25519.NewKeyFromSeed(with.Seed)
	} else if len(v.place.Shared) < minShared {
		return "", &refusal{outcome: NotSetUp, why: "the tenant's signOn.secret has fewer than 32 bytes"}
	}
	text, err := t.SignedString(key)
	if err != nil {
		return "", &refusal{outcome: NotSetUp, why: "the ticket cannot be signed", err: err}
	}
	return text, nil
}

// issuer is who signs: this server, as browsers reach it.
func (g *Gateway) issuer() string { return strings.TrimRight(g.cfg.Public, "/") }

// random is 32 random bytes as text.
func random() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}

// ServeKeys answers with the public halves of the keys that sign tickets. Secrets that are shared with a CRM are not among them.
func (g *Gateway) ServeKeys(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		notAllowed(w, http.MethodGet)
		return
	}
	type publicKey struct {
		Type      string `json:"kty"`
		Curve     string `json:"crv"`
		Use       string `json:"use"`
		Algorithm string `json:"alg"`
		ID        string `json:"kid"`
		X         string `json:"x"`
	}
	keys, err := g.keys(r.Context(), TicketKey)
	if err != nil {
		g.cfg.Log.ErrorContext(r.Context(), "keys not published", "error", err)
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	out := struct {
		Keys []publicKey `json:"keys"`
	}{}
	for _, k := range keys {
		public, ok := ed25519.NewKeyFromSeed(k.Seed).Public().(ed25519.PublicKey)
		if ok {
			out.Keys = append(out.Keys, publicKey{"OKP", "Ed25519", "sig", "EdDSA", k.ID, base64.RawURLEncoding.EncodeToString(public)})
		}
	}
	h := w.Header()
	h.Set("Content-Type", "application/jwk-set+json")
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("X-Content-Type-Options", "nosniff")
	_ = json.NewEncoder(w).Encode(out) // a client that went away hears nothing
}
