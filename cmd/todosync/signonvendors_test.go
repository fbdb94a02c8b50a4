package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"todosync/internal/oasim"
)

// A road is one vendor's way into the CRM, with its simulated OA.
type road struct {
	name, signOn string
	conf         oasim.Config
	sim          string
	more         string // of the connection's file
}

// TestVendors has one employee click in every OA, over real connections: he arrives at the CRM, once; who clicks in his name without the OA
// does not.
func TestVendors(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	p.start("--public-url", "http://"+p.api, "--trusted-proxies", "127.0.0.0/8")
	const secret = "a-secret-of-signed-links-32-bytes"
	roads := []road{
		{name: "seeyon", sim: oasim.Seeyon, signOn: "{vendor: seeyon, base: BASE}"},
		{name: "seeyon-old", sim: oasim.Seeyon, signOn: "{vendor: seeyon, release: v5-before-7.0sp2, base: BASE}"},
		{name: "seeyon-v8", sim: oasim.Seeyon, conf: oasim.Config{SeeyonV8: true}, signOn: "{vendor: seeyon, release: v8, base: BASE}"},
		{name: "seeyon-v8-found", sim: oasim.Seeyon, conf: oasim.Config{SeeyonV8: true}, signOn: "{vendor: seeyon, base: BASE}"},
		{name: "weaver", sim: oasim.Weaver, conf: oasim.Config{SignOnSecret: secret}, signOn: `{vendor: weaver, secret: "${secret:signon}"}`},
		{name: "weaver-turned", sim: oasim.Weaver, conf: oasim.Config{SignOnSecret: secret}, signOn: `{vendor: weaver, secret: ["${secret:other}", "${secret:signon}"]}`},
		{
			name: "weaver-oauth", sim: oasim.Weaver, conf: oasim.Config{User: "crm", Password: secret},
			signOn: `{vendor: weaver, base: BASE, clientId: crm, clientSecret: "${secret:signon}"}`,
		},
		{name: "landray", sim: oasim.Landray, signOn: "{vendor: landray, base: BASE}"},
		{name: "landray-link", sim: oasim.Landray, conf: oasim.Config{SignOnSecret: secret}, signOn: `{vendor: landray, base: BASE, secret: "${secret:signon}"}`},
		{name: "cas", sim: oasim.CAS, signOn: "{vendor: cas, base: BASE/cas}"},
		{name: "yunzhijia", sim: oasim.Yunzhijia, conf: oasim.Config{User: "500723908", Password: "a-password"}, more: "preset: yunzhijia\nvariables: {base: BASE, appId: \"500723908\", headImg: x}\n"},
		{name: "welink", sim: oasim.WeLink, conf: oasim.Config{User: "welink-client", Password: "a-password"}, more: "preset: welink\nvariables: {base: BASE, appName: CRM}\nsignOn: {script: BASE/hwh5.js}\n"},
		{name: "wialon", sim: oasim.Wialon, more: "preset: wialon\nvariables: {base: BASE}\n"},
		{
			name: "oidc", sim: oasim.OIDC, conf: oasim.Config{User: "crm", Password: secret},
			signOn: `{vendor: oidc, base: BASE, clientId: crm, clientSecret: "${secret:signon}", accountClaim: preferred_username}`,
		},
		{
			name: "oidc-userinfo", sim: oasim.OIDC, conf: oasim.Config{User: "crm", Password: secret},
			signOn: `{vendor: oidc, base: BASE, clientId: crm, clientSecret: "${secret:signon}", accountClaim: employee_no}`,
		},
		{
			name: "generic", sim: oasim.Generic,
			signOn: `{vendor: generic, verify: {url: "BASE/sso/verify?ticket={ticket}", accountFrom: "json:data.account", successWhen: {codeName: code, successCode: 0}}}`,
		},
	}
	settings := "apiVersion: todosync/v1\nkind: Tenant\ntenant: t1\nsignOn: {crmLoginUrl: \"https://crm.example.com/login\"}\n"
	sims := map[string]*oasim.Sim{}
	bases := map[string]string{}
	for _, r := range roads {
		server := httptest.NewUnstartedServer(nil)
		r.conf.Issuer = "http://" + server.Listener.Addr().String()
		sim, err := oasim.New(r.sim, r.conf)
		if err != nil {
			t.Fatal(err)
		}
		server.Config.Handler = sim
		server.Start()
		t.Cleanup(server.Close)
		t.Cleanup(sim.Close)
		sims[r.name], bases[r.name] = sim, server.URL
		text := "---\napiVersion: todosync/v1\nkind: Connection\ntenant: t1\nname: " + r.name + "\n" + r.more
		if r.signOn != "" {
			text += "signOn: " + r.signOn + "\n"
		}
		settings += strings.ReplaceAll(text, "BASE", server.URL)
	}
	file := filepath.Join(t.TempDir(), "settings.yaml")
	write(t, file, settings)
	p.cli("apply", "-f", file)
	for name, value := range map[string]string{
		"signon": secret, "other": "another-secret-of-signed-links-32", "yunzhijia-secret": "a-password", "welink-client-id": "welink-client", "welink-client-secret": "a-password",
	} {
		p.cli("secret", "set", name, "--tenant", "t1", "--value", value)
	}
	for i, r := range roads {
		account := "zhangsan"
		if r.name == "oidc-userinfo" {
			account = "E-zhangsan"
		}
		p.cli("bindings", "set", fmt.Sprint("crm-", i), account, "--tenant", "t1", "--connection", r.name, "--kind", "contact")
		v := &visitor{t: t, p: p, sim: sims[r.name], base: bases[r.name], from: fmt.Sprint("198.51.100.", i)}
		v.open()
		vendor, _, _ := strings.Cut(r.name, "-")
		link := "http://" + p.api + "/oa/" + vendor + "/t1/" + r.name + "/todo/QuoteObj/66f"
		at, err := v.sim.Click(t.Context(), oasim.Click{Account: "zhangsan", Link: link, Base: v.base})
		if err != nil {
			t.Fatal(r.name, err)
		}
		to := v.follow(at)
		if to.Host != "crm.example.com" || to.Query().Get("target") != "/todo/QuoteObj/66f" {
			t.Errorf("%s: leads to %s\n%s", r.name, to, p.cli("sign-ons", "--tenant", "t1", "--connection", r.name))
			continue
		}
		if strings.HasPrefix(r.name, "oidc") || r.name == "welink" { // there a click brings nothing: each begins anew
			continue
		}
		if to := v.follow(at); to.Host == "crm.example.com" {
			t.Errorf("%s: the same address leads there again", r.name)
		}
		v.open()
		if to := v.follow(link + "?ticket=forged0&code=forged0&authHash=forged0&v5ticket=forged0"); to.Host == "crm.example.com" {
			t.Errorf("%s: a forged ticket leads there", r.name)
		}
	}
	if s := sims["wialon"].Wialon(); s.Sessions != 0 {
		t.Errorf("%d sessions at Wialon are left open", s.Sessions)
	}
	// The portal of a Seeyon asks first; its browser comes after.
	home := "http://" + p.api + "/oa/seeyon/t1/seeyon/home"
	at, err := sims["seeyon"].Click(t.Context(), oasim.Click{Account: "zhangsan", Link: home})
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t: t, p: p, sim: sims["seeyon"], base: bases["seeyon"]}
	v.open()
	if to := v.follow(at); to.Query().Get("target") != "/home" {
		t.Errorf("from the portal: %s", to)
	}
	// An employee is no contact person.
	p.cli("bindings", "set", "crm-e", "petr", "--tenant", "t1", "--connection", "wialon", "--kind", "employee")
	at, err = sims["wialon"].Click(t.Context(), oasim.Click{Account: "petr", Link: "http://" + p.api + "/oa/wialon/t1/wialon/home"})
	if err != nil {
		t.Fatal(err)
	}
	if to := v.follow(at); to.Host == "crm.example.com" {
		t.Error("an employee is let in where contact persons alone may")
	}
	if log := p.out.String(); strings.Contains(log, secret) || strings.Contains(log, "v5ticket") || strings.Contains(log, "authHash") {
		t.Error("a secret or a ticket stands in the log")
	}
}

// A visitor is a browser.
type visitor struct {
	t    *testing.T
	p    *process
	sim  *oasim.Sim
	base string
	from string // his address, as the proxy in front of us tells it
	http *http.Client
}

// open takes a fresh browser.
func (v *visitor) open() {
	jar, err := cookiejar.New(nil)
	if err != nil {
		v.t.Fatal(err)
	}
	v.http = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

var authCode = regexp.MustCompile(`code: "([0-9a-f]+)"`)

// follow opens an address and goes where it is sent, up to the CRM or to a page. A page of WeLink's gets its code from the app.
func (v *visitor) follow(at string) *url.URL {
	v.t.Helper()
	for range 6 {
		req, err := http.NewRequest(http.MethodGet, at, nil)
		if err != nil {
			v.t.Fatal(err)
		}
		if v.from != "" {
			req.Header.Set("X-Forwarded-For", v.from)
		}
		resp, err := v.http.Do(req)
		if err != nil {
			v.t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if strings.Contains(string(body), "HWH5.getAuthCode") {
			resp, err = v.http.Get(v.base + "/hwh5.js")
			if err != nil {
				v.t.Fatal(err)
			}
			script, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			found := authCode.FindSubmatch(script)
			if found == nil {
				v.t.Fatalf("the app's script is %s", script)
			}
			if resp, err = v.http.PostForm(at, url.Values{"code": {string(found[1])}}); err != nil {
				v.t.Fatal(err)
			}
			_ = resp.Body.Close()
		}
		to, err := resp.Location()
		if err != nil {
			to, _ = url.Parse(at)
			return to
		}
		if to.Host == "crm.example.com" {
			return to
		}
		at = to.String()
	}
	v.t.Fatal("sent from address to address")
	return nil
}

// TestJWTTickets checks a ticket that is a JWT as a CRM does, by the published keys, across a change of the key; it is redeemed once.
func TestJWTTickets(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	p.start("--public-url", "http://"+p.api)
	const secret, shared = "a-secret-of-signed-links", "a-secret-shared-with-the-crm-of-32-bytes"
	file := filepath.Join(t.TempDir(), "settings.yaml")
	write(t, file, `apiVersion: todosync/v1
kind: Tenant
tenant: t1
signOn: {crmLoginUrl: "https://crm.example.com/login?x=1", ticket: EdDSA}
---
apiVersion: todosync/v1
kind: Tenant
tenant: t2
signOn: {crmLoginUrl: "https://crm.example.com/login", ticket: HS256, secret: "${secret:shared}", audience: crm-2}
---
apiVersion: todosync/v1
kind: Connection
tenant: t1
name: plant
signOn: {vendor: weaver, secret: "${secret:signon}"}
---
apiVersion: todosync/v1
kind: Connection
tenant: t2
name: plant
signOn: {vendor: weaver, secret: "${secret:signon}"}
`)
	p.cli("apply", "-f", file)
	sim, err := oasim.New(oasim.Weaver, oasim.Config{SignOnSecret: secret})
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t: t, p: p, sim: sim}
	v.open()
	for _, tenant := range []string{"t1", "t2"} {
		p.cli("secret", "set", "signon", "--tenant", tenant, "--value", secret)
		p.cli("bindings", "set", "crm-1", "0001", "--tenant", tenant, "--connection", "plant")
	}
	p.cli("secret", "set", "shared", "--tenant", "t2", "--value", shared)
	token := strings.TrimSpace(p.cli("token", "create", "crm", "--scope", "tickets:redeem"))
	ticket := func(tenant string) string {
		t.Helper()
		at, err := sim.Click(t.Context(), oasim.Click{Account: "0001", Link: "http://" + p.api + "/oa/weaver/" + tenant + "/plant/home?device=mobile"})
		if err != nil {
			t.Fatal(err)
		}
		return v.follow(at).Query().Get("ticket")
	}
	check := func(ticket string, keys any, method, audience string) jwt.MapClaims {
		t.Helper()
		claims := jwt.MapClaims{}
		_, err := jwt.NewParser(jwt.WithValidMethods([]string{method}), jwt.WithExpirationRequired(), jwt.WithAudience(audience), jwt.WithIssuer("http://"+p.api)).
			ParseWithClaims(ticket, claims, func(t *jwt.Token) (any, error) {
				if of, ok := keys.(map[string]ed25519.PublicKey); ok {
					return of[fmt.Sprint(t.Header["kid"])], nil
				}
				return keys, nil
			})
		if err != nil {
			t.Errorf("the ticket is not good: %v", err)
		}
		if claims["sub"] != "crm-1" || claims["target"] != "/home?device=mobile" || fmt.Sprint(claims["jti"]) == "" {
			t.Errorf("the ticket says %v", claims)
		}
		ends, _ := claims["exp"].(float64)
		began, _ := claims["iat"].(float64)
		if ends-began != 60 {
			t.Errorf("it is good from %v to %v", began, ends)
		}
		return claims
	}
	first := ticket("t1")
	before := publicKeys(t, p)
	check(first, before, "EdDSA", "https://crm.example.com/login")
	check(ticket("t2"), []byte(shared), "HS256", "crm-2")
	redeem := func(ticket string) int {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, "http://"+p.api+"/api/v1/tickets/redeem", strings.NewReader(`{"ticket":"`+ticket+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := v.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if a, b := redeem(first), redeem(first); a != http.StatusOK || b != http.StatusNotFound {
		t.Errorf("redeemed: %d, then %d", a, b)
	}
	parts := strings.Split(ticket("t1"), ".")
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	forged := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(payload), "crm-1", "crm-2", 1)))
	if code := redeem(parts[0] + "." + forged + "." + parts[2]); code != http.StatusNotFound {
		t.Errorf("a forged one is redeemed: %d", code)
	}
	// A new key is published before it signs, and what the old one signs stays good.
	p.cli("sign-ons", "rotate-keys")
	after := publicKeys(t, p)
	if len(before) != 1 || len(after) != 2 {
		t.Errorf("%d keys before, %d after", len(before), len(after))
	}
	check(ticket("t1"), before, "EdDSA", "https://crm.example.com/login")
	if code := p.stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
	p.start("--public-url", "http://"+p.api)
	if kept := publicKeys(t, p); len(kept) != 2 {
		t.Errorf("%d keys after another start", len(kept))
	}
	p.cli("sign-ons", "rotate-keys", "--now")
	if one := publicKeys(t, p); len(one) != 1 {
		t.Errorf("%d keys after a change at once", len(one))
	}
}

// publicKeys are those that a CRM sees. Keys are kept in memory for a while, so a fresh look is had by waiting for them.
func publicKeys(t *testing.T, p *process) map[string]ed25519.PublicKey {
	t.Helper()
	resp, err := http.Get("http://" + p.api + "/.well-known/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s: %v", resp.StatusCode, body, err)
	}
	out := map[string]ed25519.PublicKey{}
	for _, k := range set.Keys {
		x, err := base64.RawURLEncoding.DecodeString(k["x"])
		if err != nil || len(x) != ed25519.PublicKeySize || k["kty"] != "OKP" || k["crv"] != "Ed25519" || k["alg"] != "EdDSA" || len(k) != 6 {
			t.Errorf("a published key is %v", k)
		}
		out[k["kid"]] = x
	}
	return out
}
