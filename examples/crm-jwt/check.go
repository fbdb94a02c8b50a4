package main

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Claims are what a ticket says.
type Claims struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	User     string `json:"sub"`
	Tenant   string `json:"tenant"`
	Target   string `json:"target"`
	Expires  int64  `json:"exp"`
	IssuedAt int64  `json:"iat"`
	ID       string `json:"jti"`
}

// A Checker checks tickets. With Secret it takes HS256 alone, without it EdDSA alone.
type Checker struct {
	Issuer, Audience string
	Secret           []byte
	Keys             func() (map[string]ed25519.PublicKey, error) // todosync's, by kid
	Now              func() time.Time

	mu    sync.Mutex // guards what follows
	keys  map[string]ed25519.PublicKey
	asked time.Time
	seen  map[string]int64 // jti to when it has run out
}

const leeway = 5 // seconds that clocks may differ

var errTicket = errors.New("the ticket is not good")

// Check gives the claims of a ticket that is good, once.
func (c *Checker) Check(ticket string) (Claims, error) {
	var head struct{ Alg, Typ, Kid string }
	var claims Claims
	parts := strings.Split(ticket, ".")
	if len(parts) != 3 || !read(parts[0], &head) || head.Typ != "todosync-ticket+jwt" || !c.signed(parts, head.Alg, head.Kid) || !read(parts[1], &claims) {
		return Claims{}, errTicket
	}
	now := c.Now().Unix()
	if claims.Issuer != c.Issuer || claims.Audience != c.Audience || claims.ID == "" || claims.User == "" || now > claims.Expires+leeway || claims.IssuedAt > now+leeway {
		return Claims{}, errTicket
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, until := range c.seen {
		if now > until {
			delete(c.seen, id)
		}
	}
	if _, used := c.seen[claims.ID]; used {
		return Claims{}, errTicket
	}
	if c.seen == nil {
		c.seen = map[string]int64{}
	}
	c.seen[claims.ID] = claims.Expires + leeway
	return claims, nil
}

// signed checks the signature with the algorithm that was agreed on.
func (c *Checker) signed(parts []string, alg, kid string) bool {
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	text := []byte(parts[0] + "." + parts[1])
	if err != nil {
		return false
	}
	if c.Secret != nil {
		mac := hmac.New(sha256.New, c.Secret)
		mac.Write(text)
		return alg == "HS256" && hmac.Equal(signature, mac.Sum(nil))
	}
	key := c.key(kid)
	return alg == "EdDSA" && len(key) == ed25519.PublicKeySize && ed25519.Verify(key, text, signature)
}

// key is todosync's key of an id. One that is not known may be new: keys are asked for again, once a minute at most.
func (c *Checker) key(kid string) ed25519.PublicKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys[kid] == nil && c.Now().Sub(c.asked) > time.Minute {
		c.asked = c.Now()
		if keys, err := c.Keys(); err == nil {
			c.keys = keys
		}
	}
	return c.keys[kid]
}

// read reads one part of a token.
func read(part string, into any) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(part)
	return err == nil && json.Unmarshal(b, into) == nil
}

// JWKS asks for the keys of a todosync.
func JWKS(address string) (map[string]ed25519.PublicKey, error) {
	client := &http.Client{Timeout: 10 * time.Second}
	resp, err := client.Get(address) //nolint:noctx // it ends by its time limit
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var set struct {
		Keys []struct{ Kty, Crv, Kid, X string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
		return nil, err
	}
	keys := map[string]ed25519.PublicKey{}
	for _, k := range set.Keys {
		if x, err := base64.RawURLEncoding.DecodeString(k.X); err == nil && k.Kty == "OKP" && k.Crv == "Ed25519" {
			keys[k.Kid] = x
		}
	}
	return keys, nil
}
