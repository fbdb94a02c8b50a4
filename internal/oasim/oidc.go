package oasim

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"strings"
)

// A signer holds the key of an OpenID provider, made when it is first needed.
type signer struct{ key *rsa.PrivateKey }

const oidcKeyID = "sim-1"

func (p *signer) get() *rsa.PrivateKey {
	if p.key == nil {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic("oasim: make a key: " + err.Error()) // the system has no randomness
		}
		p.key = key
	}
	return p.key
}

// sign makes a JWT with RS256.
func (p *signer) sign(claims map[string]any) string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic("oasim: encode a claim: " + err.Error()) // claims are texts and numbers only
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(map[string]string{"alg": "RS256", "typ": "JWT", "kid": oidcKeyID}) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, p.get(), crypto.SHA256, sum[:])
	if err != nil {
		panic("oasim: sign: " + err.Error()) // the key is ours
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// issuer is the provider's name: Config.Issuer, else where it was last reached.
func (s *Sim) issuer() string { return strings.TrimRight(s.config.Issuer, "/") }

// oidcSignOn serves an OpenID provider: discovery, the code flow with PKCE, which it demands, keys and userinfo.
func (s *Sim) oidcSignOn(c *Call) func() reply {
	q, _ := url.ParseQuery(c.Query)
	form, _ := url.ParseQuery(c.Body)
	switch c.Path {
	case "/.well-known/openid-configuration":
		return func() reply {
			is := s.issuer()
			return asJSON(200, map[string]any{
				"issuer": is, "authorization_endpoint": is + "/authorize", "token_endpoint": is + "/token", "jwks_uri": is + "/jwks",
				"userinfo_endpoint": is + "/userinfo", "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
				"id_token_signing_alg_values_supported": []string{"RS256"}, "code_challenge_methods_supported": []string{"S256"},
				"authorization_response_iss_parameter_supported": true,
			})
		}
	case "/jwks":
		return func() reply {
			pub := s.grants.private.get().PublicKey
			return asJSON(200, map[string]any{"keys": []any{map[string]any{
				"kty": "RSA", "use": "sig", "alg": "RS256", "kid": oidcKeyID,
				"n": base64.RawURLEncoding.EncodeToString(pub.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(pub.E)).Bytes()),
			}}})
		}
	case "/authorize":
		return func() reply {
			if q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" {
				return s.sendBack(q, url.Values{"error": {"invalid_request"}})
			}
			return s.authorize(c, q)
		}
	case "/token":
		return func() reply { return s.oidcToken(c, form) }
	case "/userinfo":
		return func() reply {
			token, _ := strings.CutPrefix(c.Header.Get("Authorization"), "Bearer ")
			got, ok := s.grants.take("userinfo " + token)
			if !ok {
				return oauthError(c, 401, "invalid_token")
			}
			return asJSON(200, map[string]any{"sub": "sub-" + got.account, "preferred_username": got.account, "employee_no": "E-" + got.account})
		}
	}
	return nil
}

// oidcToken exchanges a code.
func (s *Sim) oidcToken(c *Call, form url.Values) reply {
	client, secret := form.Get("client_id"), form.Get("client_secret")
	if user, password, ok := (&http.Request{Header: c.Header}).BasicAuth(); ok {
		client, _ = url.QueryUnescape(user)
		secret, _ = url.QueryUnescape(password)
	}
	got, ok := s.grants.take(form.Get("code"))
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	switch {
	case s.config.User != "" && (client != s.config.User || secret != s.config.Password):
		return oauthError(c, 401, "invalid_client")
	case form.Get("grant_type") != "authorization_code":
		return oauthError(c, 400, "unsupported_grant_type")
	case !ok || got.service != form.Get("redirect_uri") || got.client != client:
		return oauthError(c, 400, "invalid_grant")
	case got.challenge != base64.RawURLEncoding.EncodeToString(sum[:]):
		return oauthError(c, 400, "invalid_grant")
	}
	now := s.config.Now()
	claims := map[string]any{
		"iss": s.issuer(), "aud": client, "sub": "sub-" + got.account, "iat": now.Unix(), "exp": now.Add(ticketLife).Unix(), "preferred_username": got.account,
	}
	if got.nonce != "" {
		claims["nonce"] = got.nonce
	}
	maps.Copy(claims, s.config.Claims) // a provider that is wrong
	access := s.tokens.issue()
	s.grants.open["userinfo "+access] = grant{account: got.account, until: now.Add(ticketLife)}
	c.Accounts = []string{got.account}
	return asJSON(200, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 60, "id_token": s.grants.private.sign(claims)})
}
