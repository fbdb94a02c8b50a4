package oasim

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// How long what a browser is given is good. The manuals give WeLink's and Wialon's times; of the others the shorter reading is taken.
const (
	ticketLife     = time.Minute     // Seeyon, Yunzhijia, CAS, OAuth 2 and OIDC codes
	welinkCodeLife = 2 * time.Minute // HWH5.getAuthCode
	wialonHashLife = 2 * time.Minute // core/create_auth_hash
)

// maxGrants is how many tickets are remembered before those that are over are cleared out.
const maxGrants = 100_000

// A Click is an employee's click, in the OA, on something that leads elsewhere.
type Click struct {
	Account string // whose
	Link    string // the address that was pushed with the todo, or registered as the app's
	Base    string // where browsers reach the simulator; Wialon tells it in the address
}

// A grant is what a ticket, code or hash that was handed out stands for.
type grant struct {
	account   string
	until     time.Time
	service   string // the address that it was made for: redirect_uri, CAS's service
	client    string
	nonce     string // OIDC
	challenge string // of PKCE, S256
}

// grants are the tickets that an OA has handed out, each good once. The Sim's lock guards them.
type grants struct {
	now     func() time.Time
	open    map[string]grant
	current string // who sits at the browser: the last who clicked
	private signer // OIDC
	wialon  wialonDesk
	pins    map[string]string // HelpCrunch: user_id to the security_hash that came first
}

// give makes a ticket.
func (g *grants) give(prefix string, life time.Duration, what grant) string {
	now := g.now()
	if len(g.open) >= maxGrants {
		for k, o := range g.open {
			if !now.Before(o.until) {
				delete(g.open, k)
			}
		}
	}
	if g.open == nil {
		g.open = map[string]grant{}
	}
	what.until = now.Add(life)
	ticket := prefix + randomHex(16)
	g.open[ticket] = what
	return ticket
}

// take uses a ticket up, whether or not it turns out to be good.
func (g *grants) take(ticket string) (grant, bool) {
	got, ok := g.open[ticket]
	delete(g.open, ticket)
	return got, ok && g.now().Before(got.until)
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return hex.EncodeToString(b)
}

// Click gives the address that the browser opens when an employee clicks, with what this OA sends along. Where the OA's own server visits
// the address first, as Seeyon's portal does, that has been done.
func (s *Sim) Click(ctx context.Context, c Click) (string, error) {
	link, err := url.Parse(c.Link)
	if err != nil || link.Host == "" || c.Account == "" {
		return "", errors.New("a click wants an account and a full address")
	}
	s.mu.Lock()
	add, greet := s.brought(&c, link)
	s.mu.Unlock()
	at := withQuery(c.Link, add)
	if !greet {
		return at, nil
	}
	return at, s.greet(ctx, at)
}

// withQuery appends parameters, as the OAs do: with & where the address has a query already.
func withQuery(link, add string) string {
	if add == "" {
		return link
	}
	link, fragment, _ := strings.Cut(link, "#")
	join := "?"
	if strings.Contains(link, "?") {
		join = "&"
	}
	if fragment != "" {
		fragment = "#" + fragment
	}
	return link + join + add + fragment
}

// brought is what an OA appends to an address. greet: its server visits the address before the browser does.
func (s *Sim) brought(c *Click, link *url.URL) (add string, greet bool) {
	g := &s.grants
	g.current = c.Account
	one := func(name, prefix string, life time.Duration) string {
		return name + "=" + url.QueryEscape(g.give(prefix, life, grant{account: c.Account, service: c.Link, client: s.config.User}))
	}
	switch s.vendor {
	case Seeyon:
		switch {
		case s.config.SeeyonV8:
			return one("ticket", "", ticketLife), false
		case strings.HasSuffix(link.Path, "/home") || strings.Contains(link.Path, "/login/"):
			return one("ticket", "", ticketLife), true
		}
		return one("v5ticket", "", ticketLife), false
	case Weaver:
		if s.config.SignOnSecret != "" {
			return s.signedLink(c.Account), false
		}
		return one("code", "OC-", ticketLife), false
	case Landray, CAS:
		if s.config.SignOnSecret != "" {
			return s.signedLink(c.Account), false
		}
		return one("ticket", "ST-", ticketLife), false
	case Yunzhijia, Generic:
		return one("ticket", "", ticketLife), false
	case Wialon:
		q := url.Values{"user": {c.Account}, "authHash": {g.give("", wialonHashLife, grant{account: c.Account})}}
		if c.Base != "" {
			q.Set("baseUrl", c.Base)
		}
		return q.Encode(), false
	}
	return "", false // WeLink's page asks for a code, OIDC's and CAS's server is asked by a redirect
}

// signedLink makes the parameters of a signed link.
func (s *Sim) signedLink(account string) string {
	stamp := strconv.FormatInt(s.config.Now().UnixMilli(), 10)
	sum := sha1.Sum([]byte(s.config.SignOnSecret + account + stamp))
	return url.Values{"loginid": {account}, "stamp": {stamp}, "token": {hex.EncodeToString(sum[:])}}.Encode()
}

// greet visits an address as Seeyon's portal does before it sends the browser: anything but the agreed word, a redirect too, is a failure.
func (s *Sim) greet(ctx context.Context, at string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("the portal cannot reach the other system: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || string(text) != "SSOOK" {
		return fmt.Errorf("the portal wants SSOOK and got %d %.80q", resp.StatusCode, text)
	}
	return nil
}

// Code gives what HWH5.getAuthCode gives to a page inside WeLink.
func (s *Sim) Code(account string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grants.give("", welinkCodeLife, grant{account: account})
}

// readSignOn reads the calls by which somebody asks who an employee is.
func (s *Sim) readSignOn(c *Call) (request, bool) {
	var run func() reply
	switch s.vendor {
	case Seeyon:
		run = s.seeyonSignOn(c)
	case Weaver:
		run = s.weaverSignOn(c)
	case Landray, CAS:
		run = s.casSignOn(c)
	case Yunzhijia:
		run = s.yunzhijiaSignOn(c)
	case WeLink:
		run = s.welinkSignOn(c)
	case Wialon:
		run = s.wialonSignOn(c)
	case OIDC:
		run = s.oidcSignOn(c)
	case HelpCrunch:
		run = s.helpcrunchSignOn(c)
	case Generic:
		run = s.genericSignOn(c)
	}
	if run == nil {
		return request{}, false
	}
	c.Op = OpSignOn
	return request{
		run:    run,
		refuse: func(_, message string) reply { return page(403, message) },
		fault:  func(message string) reply { return page(500, message) },
	}, true
}

// onlySignOn answers what a vendor that has no todos does not know.
func onlySignOn(*Call) request { return plainPage(404, "Not Found") }

// seeyonSignOn serves thirdpartyController.do, the older login/sso, and V8's restore.
func (s *Sim) seeyonSignOn(c *Call) func() reply {
	q, _ := url.ParseQuery(c.Query)
	ticket := ""
	switch {
	case c.Path == "/service/ctp-user/auth/restore" && s.config.SeeyonV8:
		f, err := readJSON(c.Body)
		return func() reply {
			if c.Method != http.MethodPost {
				return page(405, "Method Not Allowed")
			}
			got, ok := s.grants.take(f.text("ticket"))
			if err != nil || !ok {
				c.Effect = EffectRefused
				return asJSON(200, map[string]any{"status": 1, "code": "401", "message": "ticket无效", "data": nil})
			}
			c.Accounts = []string{got.account}
			return asJSON(200, map[string]any{"status": 0, "code": "0", "message": "", "data": map[string]any{
				"content": map[string]any{"loginName": got.account, "name": got.account, "tenantCode": "t", "type": "Member"},
			}})
		}
	case s.config.SeeyonV8:
		return nil
	case c.Path == "/seeyon/thirdpartyController.do":
		ticket = q.Get("ticket")
	case c.Path == "/seeyon/login/sso" && q.Get("from") == "m3token":
		ticket = q.Get("token")
	default:
		return nil
	}
	return func() reply {
		got, ok := s.grants.take(ticket)
		if !ok {
			c.Effect = EffectRefused
			return reply{status: 200, kind: typeText, body: []byte("error\r\n")}
		}
		c.Accounts = []string{got.account}
		return reply{
			status: 200, kind: typeText, body: []byte(url.QueryEscape(got.account) + "\r\n"),
			header: map[string]string{"LoginName": url.QueryEscape(got.account), "MemberId": "-7273032013234748168", "MemberName": url.QueryEscape(got.account)},
		}
	}
}

// weaverSignOn serves the OAuth 2 provider of the unified authentication centre. Its paths are those of CAS's OAuth; the profile's shape is
// not verified.
func (s *Sim) weaverSignOn(c *Call) func() reply {
	q, _ := url.ParseQuery(c.Query)
	form, _ := url.ParseQuery(c.Body)
	maps.Copy(q, form)
	switch c.Path {
	case "/sso/oauth2.0/authorize":
		return func() reply { return s.authorize(c, q) }
	case "/sso/oauth2.0/accessToken":
		return func() reply {
			got, ok := s.grants.take(q.Get("code"))
			switch {
			case q.Get("grant_type") != "authorization_code":
				return oauthError(c, 400, "unsupported_grant_type")
			case !s.admits(q.Get("client_id"), q.Get("client_secret")):
				return oauthError(c, 401, "invalid_client")
			case !ok || got.service != q.Get("redirect_uri"):
				return oauthError(c, 400, "invalid_grant")
			}
			token := s.tokens.issue()
			s.grants.open["profile "+token] = grant{account: got.account, until: s.config.Now().Add(ticketLife)}
			return asJSON(200, map[string]any{"access_token": token, "token_type": "bearer", "expires_in": 28800})
		}
	case "/sso/oauth2.0/profile":
		return func() reply {
			got, ok := s.grants.take("profile " + q.Get("access_token"))
			if !ok {
				return oauthError(c, 401, "expired_accessToken")
			}
			c.Accounts = []string{got.account}
			return asJSON(200, map[string]any{"id": got.account, "attributes": map[string]any{"loginid": got.account, "workcode": got.account}})
		}
	}
	return nil
}

func oauthError(c *Call, status int, code string) reply {
	c.Effect = EffectRefused
	return asJSON(status, map[string]any{"error": code})
}

// authorize is an authorization endpoint where the employee is logged in already: it sends the browser back with a code.
func (s *Sim) authorize(c *Call, q url.Values) reply {
	back, err := url.Parse(q.Get("redirect_uri"))
	account := s.visitor(c)
	switch {
	case err != nil || back.Host == "" || s.config.User != "" && q.Get("client_id") != s.config.User:
		c.Effect = EffectRefused
		return page(400, "invalid_request") // never a redirect to an address that is not known
	case q.Get("response_type") != "code":
		return s.sendBack(q, url.Values{"error": {"unsupported_response_type"}})
	case account == "" || !s.knows(account):
		return s.sendBack(q, url.Values{"error": {"access_denied"}})
	}
	challenge := ""
	if q.Get("code_challenge_method") == "S256" {
		challenge = q.Get("code_challenge")
	}
	code := s.grants.give("OC-", ticketLife, grant{
		account: account, service: q.Get("redirect_uri"), client: q.Get("client_id"), nonce: q.Get("nonce"), challenge: challenge,
	})
	c.Accounts = []string{account}
	return s.sendBack(q, url.Values{"code": {code}})
}

func (s *Sim) sendBack(q, with url.Values) reply {
	if state := q.Get("state"); state != "" {
		with.Set("state", state)
	}
	if s.vendor == OIDC {
		with.Set("iss", s.issuer())
	}
	return reply{status: 302, kind: typeText, header: map[string]string{"Location": withQuery(q.Get("redirect_uri"), with.Encode())}}
}

// visitor is who sits at the browser: whom the cookie names, else the last who clicked.
func (s *Sim) visitor(c *Call) string {
	if got, err := (&http.Request{Header: c.Header}).Cookie("sim_account"); err == nil {
		return got.Value
	}
	return s.grants.current
}

// casSignOn serves CAS 2 and 3: a ticket is tied to one service, and destroyed by the first validation, whether or not it passed.
func (s *Sim) casSignOn(c *Call) func() reply {
	q, _ := url.ParseQuery(c.Query)
	switch {
	case strings.HasSuffix(c.Path, "/serviceValidate"):
		return func() reply {
			const head, tail = `<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas">`, `</cas:serviceResponse>`
			fail := func(code, text string) reply {
				c.Effect = EffectRefused
				return reply{status: 200, kind: typeXML, body: []byte(head + `<cas:authenticationFailure code="` + code + `">` + escapeXML(text) + `</cas:authenticationFailure>` + tail)}
			}
			if q.Get("ticket") == "" || q.Get("service") == "" {
				return fail("INVALID_REQUEST", "'service' and 'ticket' parameters are both required")
			}
			got, ok := s.grants.take(q.Get("ticket"))
			switch {
			case !ok:
				return fail("INVALID_TICKET", "Ticket '"+q.Get("ticket")+"' not recognized")
			case got.service != q.Get("service"):
				return fail("INVALID_SERVICE", "ticket does not match supplied service")
			}
			c.Accounts = []string{got.account}
			return reply{status: 200, kind: typeXML, body: []byte(head + `<cas:authenticationSuccess><cas:user>` + escapeXML(got.account) + `</cas:user></cas:authenticationSuccess>` + tail)}
		}
	case strings.HasSuffix(c.Path, "/login") && c.Method == http.MethodGet:
		return func() reply {
			account := s.visitor(c)
			if q.Get("service") == "" || account == "" || !s.knows(account) {
				return page(200, "请登录")
			}
			c.Accounts = []string{account}
			ticket := s.grants.give("ST-", ticketLife, grant{account: account, service: q.Get("service")})
			return reply{status: 302, kind: typeText, header: map[string]string{"Location": withQuery(q.Get("service"), "ticket="+ticket)}}
		}
	}
	return nil
}

// yunzhijiaSignOn serves acquirecontext. That a ticket is good once is the stricter reading.
func (s *Sim) yunzhijiaSignOn(c *Call) func() reply {
	if c.Path != "/gateway/ticket/user/acquirecontext" {
		return nil
	}
	f, err := readJSON(c.Body)
	q, _ := url.ParseQuery(c.Query)
	return func() reply {
		answer := func(status int, ok bool, code int, text string, data any) reply {
			if !ok {
				c.Effect = EffectRefused
			}
			return asJSON(status, map[string]any{"success": ok, "errorCode": code, "error": text, "data": data})
		}
		switch {
		case c.Method != http.MethodPost:
			return page(405, "Method Not Allowed")
		case !s.tokens.valid(q.Get("accessToken")):
			return answer(401, false, 401, "accessToken无效或已过期", nil)
		case err != nil || f.blank("appid") || f.blank("ticket"):
			return answer(200, false, 1, "param error", nil)
		}
		got, ok := s.grants.take(f.text("ticket"))
		if !ok || s.config.User != "" && f.text("appid") != s.config.User {
			return answer(200, false, 5000, "ticket无效", nil)
		}
		c.Accounts = []string{got.account}
		return answer(200, true, 0, "", map[string]any{
			"openid": got.account, "eid": "10109", "userid": "u-" + got.account, "username": got.account, "jobNo": "", "appid": f.text("appid"),
		})
	}
}

// welinkSignOn serves the exchange of a code. The script plays the app's own HWH5 to a page in a common browser.
func (s *Sim) welinkSignOn(c *Call) func() reply {
	q, _ := url.ParseQuery(c.Query)
	switch c.Path {
	case "/api/auth/v2/userid":
		return func() reply {
			v := &welink{sim: s}
			if !s.tokens.valid(c.Header.Get("x-wlk-Authorization")) {
				return v.refuse(c, "55000", "Authentication failed.")
			}
			got, ok := s.grants.take(q.Get("code"))
			if !ok {
				return v.refuse(c, "41509", "code is invalid or expired")
			}
			c.Accounts = []string{got.account}
			return asJSON(200, map[string]any{"code": "0", "message": "ok", "userId": got.account, "tenantId": "2E1A3C5D7F"})
		}
	case "/hwh5.js":
		return func() reply {
			code, _ := json.Marshal(s.grants.give("", welinkCodeLife, grant{account: s.visitor(c)})) // text always encodes
			return reply{status: 200, kind: "text/javascript;charset=UTF-8", body: []byte(
				"window.HWH5 = {getAuthCode: function (o) { return Promise.resolve({code: " + string(code) + "}); }};\n",
			)}
		}
	}
	return nil
}

// genericSignOn answers for an OA of which nothing is known: a ticket is asked about at /sso/verify, as JSON.
func (s *Sim) genericSignOn(c *Call) func() reply {
	if c.Path != "/sso/verify" {
		return nil
	}
	q, _ := url.ParseQuery(c.Query)
	return func() reply {
		got, ok := s.grants.take(q.Get("ticket"))
		if !ok {
			c.Effect = EffectRefused
			return asJSON(200, map[string]any{"code": 1, "message": "invalid ticket"})
		}
		c.Accounts = []string{got.account}
		return asJSON(200, map[string]any{"code": 0, "message": "ok", "data": map[string]any{"account": got.account}})
	}
}
