package main

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func part(v any) string {
	b, _ := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(b)
}

// TestCheck takes a good ticket once, and none that is bad in any way.
func TestCheck(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_795_000_000, 0)
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	secret := []byte(strings.Repeat("s", 32))
	type fields = map[string]any
	ticket := func(alg string, change fields) string {
		head := fields{"alg": alg, "typ": "todosync-ticket+jwt", "kid": "k1"}
		claims := fields{"iss": "https://todo", "aud": "https://crm/login", "sub": "1002", "tenant": "t1", "target": "/home", "iat": now.Unix(), "exp": now.Unix() + 60, "jti": "j1"}
		for k, v := range change {
			if _, ok := head[k]; ok {
				head[k] = v
			} else {
				claims[k] = v
			}
		}
		text := part(head) + "." + part(claims)
		var signature []byte
		switch alg {
		case "EdDSA":
			signature = ed25519.Sign(private, []byte(text))
		case "HS256":
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(text))
			signature = mac.Sum(nil)
		case "HS256 with the public key":
			mac := hmac.New(sha256.New, public)
			mac.Write([]byte(text))
			signature = mac.Sum(nil)
		}
		return text + "." + base64.RawURLEncoding.EncodeToString(signature)
	}
	asked := 0
	checker := func(secret []byte) *Checker {
		return &Checker{Issuer: "https://todo", Audience: "https://crm/login", Secret: secret, Now: func() time.Time { return now }, Keys: func() (map[string]ed25519.PublicKey, error) {
			asked++
			return map[string]ed25519.PublicKey{"k1": public}, nil
		}}
	}
	for alg, secret := range map[string][]byte{"EdDSA": nil, "HS256": secret} {
		c := checker(secret)
		if got, err := c.Check(ticket(alg, nil)); err != nil || got.User != "1002" || got.Target != "/home" || got.Tenant != "t1" {
			t.Errorf("%s: %+v %v", alg, got, err)
		}
		if _, err := c.Check(ticket(alg, nil)); !errors.Is(err, errTicket) {
			t.Errorf("%s: good twice", alg)
		}
		for name, change := range map[string]fields{
			"issuer": {"iss": "https://other"}, "audience": {"aud": "https://other"}, "run out": {"exp": now.Unix() - 6, "jti": "x"}, "from the future": {"iat": now.Unix() + 6, "jti": "x"},
			"type": {"typ": "JWT", "jti": "x"}, "no jti": {"jti": ""}, "nobody": {"sub": "", "jti": "x"}, "kid": {"kid": "k2", "jti": "x"}, "alg none": {"alg": "none", "jti": "x"},
		} {
			if alg == "HS256" && name == "kid" {
				continue // there is one key
			}
			if _, err := c.Check(ticket(alg, change)); err == nil {
				t.Errorf("%s: %s is let pass", alg, name)
			}
		}
		good := ticket(alg, fields{"jti": "y"})
		for name, bad := range map[string]string{
			"no signature": good[:strings.LastIndex(good, ".")+1], "two parts": good[:strings.LastIndex(good, ".")], "empty": "", "cut": good[:len(good)-3], "more": good + ".x", "padding": good + "=",
		} {
			if _, err := c.Check(bad); err == nil {
				t.Errorf("%s: %s is let pass", alg, name)
			}
		}
	}
	if _, err := checker(nil).Check(ticket("HS256 with the public key", fields{"alg": "HS256"})); err == nil {
		t.Error("the public key is taken for a secret")
	}
	if _, err := checker(secret).Check(ticket("EdDSA", nil)); err == nil {
		t.Error("another algorithm than the one agreed on")
	}
	asked = 0
	c := checker(nil)
	for range 50 {
		_, _ = c.Check(ticket("EdDSA", fields{"kid": "unknown"}))
	}
	if asked != 1 {
		t.Errorf("keys were asked for %d times", asked)
	}
}
