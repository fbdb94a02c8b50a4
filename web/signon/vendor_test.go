package signon_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"todosync/connector"
	"todosync/internal/oasim"
	"todosync/retry"
)

// A street is a house with one vendor's simulated OA at its end, reached as connections reach one.
type street struct {
	*house
	sim    *oasim.Sim
	server *httptest.Server
	jar    *cookiejar.Jar
	vendor string
}

// newStreet opens a connection named oa of tenant t1.
func newStreet(t *testing.T, vendor string, conf oasim.Config, change func(*street, *connector.SignOnSettings)) *street {
	t.Helper()
	s := &street{house: newHouse(t), vendor: vendor}
	s.now = time.Now()
	s.server = httptest.NewUnstartedServer(nil)
	conf.Issuer = "http://" + s.server.Listener.Addr().String()
	conf.Now = func() time.Time { return s.now }
	var err error
	if s.sim, err = oasim.New(vendor, conf); err != nil {
		t.Fatal(err)
	}
	s.server.Config.Handler = s.sim
	s.server.Start()
	t.Cleanup(s.server.Close)
	t.Cleanup(s.sim.Close)
	if s.jar, err = cookiejar.New(nil); err != nil {
		t.Fatal(err)
	}
	sender, err := retry.New(retry.Config{Connect: time.Second, Total: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sender.Close)
	s.send, s.provider = sender.Post, s.server.URL
	place := s.places[connector.ConnectionKey{Tenant: "t1", Name: "own"}]
	place.Key, place.Base, place.Settings = connector.ConnectionKey{Tenant: "t1", Name: "oa"}, []string{s.server.URL}, connector.SignOnSettings{Vendor: connector.SignOnVendor(vendor)}
	place.Client.ID, place.Client.Secret = conf.User, conf.Password
	s.places[place.Key] = place
	s.change(change)
	return s
}

// change changes the connection's settings.
func (s *street) change(change func(*street, *connector.SignOnSettings)) {
	key := connector.ConnectionKey{Tenant: "t1", Name: "oa"}
	place := s.places[key]
	if change != nil {
		change(s, &place.Settings)
	}
	s.places[key] = place
}

// link is the address of a todo.
func (s *street) link() string {
	return "https://todo.example.com/oa/" + s.vendor + "/t1/oa/todo/QuoteObj/66f"
}

// click is the address that a click leads to.
func (s *street) click(account string) string {
	s.t.Helper()
	at, err := s.sim.Click(s.t.Context(), oasim.Click{Account: account, Link: s.link()})
	if err != nil {
		s.t.Fatal(err)
	}
	return at
}

// open visits an address of ours with the browser's cookies, and gives them back.
func (s *street) open(at string) *httptest.ResponseRecorder {
	s.t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		s.t.Fatal(err)
	}
	var headers []string
	for _, c := range s.jar.Cookies(&url.URL{Scheme: "https", Host: "todo.example.com", Path: "/"}) {
		headers = append(headers, c.String())
	}
	w := s.get(u.RequestURI(), "Cookie", strings.Join(headers, "; "))
	s.jar.SetCookies(&url.URL{Scheme: "https", Host: "todo.example.com", Path: "/"}, w.Result().Cookies())
	return w
}

// want compares what came of a visit.
func (s *street) want(what string, w *httptest.ResponseRecorder, status int, outcome string) {
	s.t.Helper()
	if w.Code != status || s.last().Outcome != outcome {
		s.t.Errorf("%s: %d %+v, want %d %s", what, w.Code, s.last(), status, outcome)
	}
	s.client = fmt.Sprint("192.0.2.", len(s.entries)%250) // else ten failures slow all that follows
}

// badDays are the ways in which an OA can fail that is asked who somebody is, and what a visitor is told.
func badDays() map[string]struct {
	step   oasim.Step
	status int
} {
	return map[string]struct {
		step   oasim.Step
		status int
	}{
		"500":            {oasim.Status(500), http.StatusBadGateway},
		"503":            {oasim.Status(503), http.StatusBadGateway},
		"429":            {oasim.Status(429), http.StatusBadGateway},
		"a log-in page":  {oasim.Step{Do: oasim.DoLoginPage}, http.StatusBadGateway},
		"a broken line":  {oasim.Step{Do: oasim.DoReset}, http.StatusBadGateway},
		"half an answer": {oasim.Step{Do: oasim.DoCut}, http.StatusBadGateway},
		"no answer":      {oasim.Step{Do: oasim.DoHang}, http.StatusGatewayTimeout},
		"a redirect":     {oasim.Step{Do: oasim.DoAnswer, Status: 302, Header: map[string]string{"Location": "http://127.0.0.1:1/"}}, http.StatusBadGateway},
		"403":            {oasim.Status(403), http.StatusForbidden},
		"empty":          {oasim.Step{Do: oasim.DoEmpty}, http.StatusForbidden},
		"garbage":        {oasim.Step{Do: oasim.DoGarbage}, http.StatusForbidden},
	}
}

// TestOAsBadDays asks every vendor on each of its bad days: nobody is let in, nobody sees a 500, and the log holds no ticket.
func TestOAsBadDays(t *testing.T) {
	t.Parallel()
	vendors := map[string]struct {
		conf   oasim.Config
		change func(*street, *connector.SignOnSettings)
		form   bool // what the click brings is sent by a page
	}{
		oasim.Seeyon:    {},
		"seeyon v8":     {conf: oasim.Config{SeeyonV8: true}, change: func(_ *street, s *connector.SignOnSettings) { s.Release = connector.SeeyonV8 }},
		oasim.Weaver:    {conf: oasim.Config{User: "crm", Password: "a-password"}},
		oasim.CAS:       {},
		oasim.Landray:   {},
		oasim.Yunzhijia: {conf: oasim.Config{User: "app", Password: "a-password"}},
		oasim.WeLink:    {conf: oasim.Config{User: "client", Password: "a-password"}, form: true},
		oasim.Wialon:    {},
	}
	for name, v := range vendors {
		for day, bad := range badDays() {
			t.Run(name+" "+day, func(t *testing.T) {
				t.Parallel()
				vendor, _, _ := strings.Cut(name, " ")
				s := newStreet(t, vendor, v.conf, v.change)
				s.asApp = func(*retry.Request) {}
				if err := s.sim.Script(oasim.Rule{Match: oasim.Match{Op: oasim.OpSignOn}, Steps: []oasim.Step{bad.step, bad.step, bad.step}}); err != nil {
					t.Fatal(err)
				}
				if bad.step.Do == oasim.DoHang { // as soon as it has arrived nothing more is waited for
					real := s.send
					s.send = func(c context.Context, r retry.Request) (retry.Receipt, error) {
						short, cancel := context.WithTimeout(c, 100*time.Millisecond)
						defer cancel()
						return real(short, r)
					}
				}
				var w *httptest.ResponseRecorder
				if v.form {
					w = s.post(url.Values{"code": {s.sim.Code("zhangsan")}})
				} else {
					w = s.open(s.click("zhangsan"))
				}
				status := bad.status
				if vendor == oasim.Wialon { // no word of Wialon's is no "no"
					status = max(status, http.StatusBadGateway)
				}
				if day == "403" && (vendor == oasim.Yunzhijia || vendor == oasim.WeLink) {
					status = http.StatusBadGateway // it is our token that is not taken
				}
				if w.Code != status || len(s.admitted) > 0 || len(s.entries) != 1 {
					t.Errorf("%d, want %d; admitted %d; %+v", w.Code, status, len(s.admitted), s.entries)
				}
				if w.Header().Get("Location") != "" {
					t.Errorf("leads to %s", w.Header().Get("Location"))
				}
				if strings.Contains(s.log.String(), "ticket=") || strings.Contains(s.log.String(), "a-password") {
					t.Error("the log holds a ticket or a password")
				}
			})
		}
	}
}

// post sends a form to a todo's address, as WeLink's page does.
func (s *street) post(form url.Values, headers ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodPost, s.link(), strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.gateway.ServeHTTP(w, r)
	return w
}

// asks makes the house's requests bear a token of the simulator's.
func (s *street) asks(path, body, from, header string) {
	s.t.Helper()
	resp, err := http.Post(s.server.URL+path, "application/json", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		s.t.Fatal(err)
	}
	if data, ok := answer["data"].(map[string]any); ok {
		answer = data
	}
	token := fmt.Sprint(answer[from])
	s.asApp = func(r *retry.Request) {
		if header == "" {
			r.Address += "?accessToken=" + token
			return
		}
		r.Headers = append(r.Headers, retry.Header{Name: header, Value: token})
	}
}

// TestExpiry tries what has been lying too long, for every vendor that makes tickets.
func TestExpiry(t *testing.T) {
	t.Parallel()
	for vendor, life := range map[string]time.Duration{
		oasim.Seeyon: time.Minute, oasim.CAS: time.Minute, oasim.Landray: time.Minute, oasim.Wialon: 2 * time.Minute,
	} {
		s := newStreet(t, vendor, oasim.Config{}, nil)
		at := s.click("zhangsan")
		s.now = s.now.Add(life)
		s.want(vendor, s.open(at), http.StatusForbidden, "bad_proof")
	}
}

// TestWrongPlace brings a ticket of one connection to another, and to another tenant's.
func TestWrongPlace(t *testing.T) {
	t.Parallel()
	s := newStreet(t, oasim.Seeyon, oasim.Config{}, nil)
	at := s.click("zhangsan")
	other := s.places[connector.ConnectionKey{Tenant: "t1", Name: "oa"}]
	other.Conn, other.Key.Tenant, other.Base = 99, "t2", []string{"http://127.0.0.1:1"}
	s.places[other.Key] = other
	if w := s.open(strings.Replace(at, "/t1/", "/t2/", 1)); w.Code == http.StatusSeeOther {
		t.Error("a ticket of one tenant's OA is good at another's")
	}
	if w := s.open(strings.Replace(at, "/oa/seeyon/", "/oa/cas/", 1)); w.Code != http.StatusForbidden {
		t.Errorf("by another vendor's address: %d", w.Code)
	}
	s.want("where it belongs", s.open(at), http.StatusSeeOther, "signed_on")
}

// TestWeLink shows a page that asks the app for a code and sends it back; a code is good once, and only from our own page.
func TestWeLink(t *testing.T) {
	t.Parallel()
	s := newStreet(t, oasim.WeLink, oasim.Config{User: "client", Password: "a-password"}, nil)
	s.asks("/api/auth/v2/tickets", `{"client_id":"client","client_secret":"a-password"}`, "access_token", "x-wlk-Authorization")
	w := s.open(s.link() + "?device=mobile")
	csp := w.Header().Get("Content-Security-Policy")
	if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, `HWH5.getAuthCode({clientId: "client"})`) || strings.Contains(body, "<script nonce=\"\"") || strings.Contains(body, "src=") {
		t.Errorf("the page: %d %s", w.Code, body)
	}
	for _, part := range []string{"default-src 'none'", "script-src 'nonce-", "connect-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, part) || strings.Contains(csp, "unsafe") {
			t.Errorf("the policy lacks %s: %s", part, csp)
		}
	}
	if len(s.entries) != 0 || len(s.admitted) != 0 {
		t.Error("to look at the page is noted")
	}
	code := url.Values{"code": {s.sim.Code("zhangsan")}}
	s.want("from another site", s.post(code, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"), http.StatusForbidden, "bad_proof")
	w = s.post(code, "Sec-Fetch-Site", "same-origin", "Accept", "application/json")
	s.want("from our page", w, http.StatusOK, "signed_on")
	var answer struct{ Location, Title, Number string }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || !strings.HasPrefix(answer.Location, "https://crm.example.com/in?x=1&") {
		t.Errorf("the page hears %s", w.Body)
	}
	w = s.post(code, "Accept", "application/json")
	s.want("again", w, http.StatusForbidden, "used")
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Title == "" || answer.Number != s.last().Number {
		t.Errorf("the page hears %s", w.Body)
	}
	s.want("without script", s.post(url.Values{"code": {s.sim.Code("zhangsan")}}), http.StatusSeeOther, "signed_on")
	late := url.Values{"code": {s.sim.Code("zhangsan")}}
	s.now = s.now.Add(2 * time.Minute)
	s.want("too late", s.post(late), http.StatusForbidden, "bad_proof")
	// A code in an address comes from anywhere: it is not taken.
	if w := s.open(s.link() + "?code=" + s.sim.Code("zhangsan")); w.Code != http.StatusOK {
		t.Errorf("a code in the address: %d", w.Code)
	}
}

// TestYunzhijia takes what the cloud says, and nothing of what is no success.
func TestYunzhijia(t *testing.T) {
	t.Parallel()
	s := newStreet(t, oasim.Yunzhijia, oasim.Config{User: "app", Password: "a-password"}, nil)
	s.asks("/gateway/oauth2/token/getAccessToken", fmt.Sprintf(`{"appId":"app","secret":"a-password","timestamp":%d,"scope":"app"}`, s.now.UnixMilli()), "accessToken", "")
	at := s.click("zhangsan")
	s.want("a click", s.open(at), http.StatusSeeOther, "signed_on")
	s.want("again", s.open(at), http.StatusForbidden, "used")
	for body, outcome := range map[string]string{
		`{"success":"true","errorCode":0,"data":{"openid":"zhangsan"}}`:   "signed_on",
		`{"success":false,"errorCode":0,"data":{"openid":"zhangsan"}}`:    "bad_proof",
		`{"success":true,"errorCode":5000,"data":{"openid":"zhangsan"}}`:  "bad_proof",
		`{"success":true,"errorCode":0,"data":{"openid":""}}`:             "bad_proof",
		`{"success":true,"errorCode":0,"data":{"openid":"zhang\nsan"}}`:   "bad_proof",
		`{"success":true,"errorCode":0,"data":{"openid":["zhangsan"]}}`:   "bad_proof",
		`{"success":true,"errorCode":0,"data":{"userid":"zhangsan"}}`:     "bad_proof",
		`{"success":true,"errorCode":0,"data":{"openid":"nobody"}}`:       "no_binding",
		`{"success":true,"errorCode":0,"data":{"openid":"zhangsan"}`:      "bad_proof",
		`[{"success":true,"errorCode":0,"data":{"openid":"zhangsan"}}]`:   "bad_proof",
		`{"openid":"zhangsan","success":true,"errorCode":0,"data":null}`:  "bad_proof",
		`{"success":true,"errorCode":"0","data":{"openid":" zhangsan "}}`: "signed_on",
	} {
		if err := s.sim.Script(oasim.Rule{Match: oasim.Match{Op: oasim.OpSignOn}, Steps: []oasim.Step{{Do: oasim.DoAnswer, Status: 200, Body: body}}}); err != nil {
			t.Fatal(err)
		}
		if s.open(s.click("zhangsan")); s.last().Outcome != outcome {
			t.Errorf("%s: %s, want %s", body, s.last().Outcome, outcome)
		}
		s.client = fmt.Sprint("192.0.2.", len(s.entries))
	}
}
