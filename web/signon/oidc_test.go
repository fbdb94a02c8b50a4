package signon_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"todosync/connector"
	"todosync/internal/oasim"
)

func oidcStreet(t *testing.T, claims map[string]any, change func(*street, *connector.SignOnSettings)) *street {
	s := newStreet(t, oasim.OIDC, oasim.Config{User: "crm", Password: "a-client-secret", Claims: claims}, func(s *street, c *connector.SignOnSettings) {
		c.AccountClaim = "preferred_username"
		if change != nil {
			change(s, c)
		}
	})
	s.click("zhangsan") // he sits at the browser
	return s
}

// begin opens a todo, and gives the address of the provider's page.
func (s *street) begin() *url.URL {
	s.t.Helper()
	w := s.open(s.link() + "?device=mobile")
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusSeeOther {
		s.t.Fatalf("a visit: %d %v %+v", w.Code, err, s.last())
	}
	return to
}

// consent plays the provider's page: the address to which it hands the browser back.
func (s *street) consent(to *url.URL) string {
	s.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(to.String())
	if err != nil {
		s.t.Fatal(err)
	}
	_ = resp.Body.Close()
	back := resp.Header.Get("Location")
	if !strings.HasPrefix(back, "https://todo.example.com/oa/"+s.vendor+"/t1/oa/callback?") {
		s.t.Fatalf("the provider hands the browser to %s (%d)", back, resp.StatusCode)
	}
	return back
}

// TestOIDC lets in whom the provider names, in the browser that began, once.
func TestOIDC(t *testing.T) {
	t.Parallel()
	s := oidcStreet(t, nil, nil)
	to := s.begin()
	q := to.Query()
	if !strings.HasPrefix(to.String(), s.server.URL+"/authorize?") || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 ||
		len(q.Get("state")) != 43 || len(q.Get("nonce")) != 43 || q.Get("scope") != "openid profile" || q.Get("redirect_uri") != "https://todo.example.com/oa/oidc/t1/oa/callback" {
		t.Errorf("sent to %s", to)
	}
	if len(s.entries) != 0 {
		t.Error("who has done nothing yet stands in the log")
	}
	back := s.consent(to)
	w := s.open(back)
	s.want("the way back", w, http.StatusSeeOther, "signed_on")
	if at, _ := url.Parse(w.Header().Get("Location")); at.Query().Get("target") != "/todo/QuoteObj/66f?device=mobile" {
		t.Errorf("arrives at %s", at)
	}
	s.want("the way back again", s.open(back), http.StatusForbidden, "bad_proof")
	if log := s.log.String(); strings.Contains(log, q.Get("state")) || strings.Contains(log, "a-client-secret") || strings.Contains(log, "code=") {
		t.Error("the log holds a secret")
	}
}

// TestOIDCCookie is for this browser alone, and for frames only where those are named.
func TestOIDCCookie(t *testing.T) {
	t.Parallel()
	s := oidcStreet(t, nil, nil)
	cookie := s.open(s.link()).Result().Cookies()[0]
	if !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Partitioned || !strings.HasPrefix(cookie.Name, "__Host-") || cookie.MaxAge != 600 {
		t.Errorf("%+v", cookie)
	}
	key := connector.ConnectionKey{Tenant: "t1", Name: "oa"}
	place := s.places[key]
	place.Frames = []string{"https://oa.example.com"}
	s.places[key] = place
	cookie = s.open(s.link()).Result().Cookies()[0]
	if cookie.SameSite != http.SameSiteNoneMode || !cookie.Partitioned || !cookie.Secure {
		t.Errorf("in a frame: %+v", cookie)
	}
}

// TestOIDCAttacks tries to end a log-in that somebody else began, and to pass for another.
func TestOIDCAttacks(t *testing.T) {
	t.Parallel()
	alter := func(name, value string) func(*street, string) string {
		return func(_ *street, back string) string {
			u, _ := url.Parse(back)
			q := u.Query()
			if q.Del(name); value != "" {
				q.Set(name, value)
			}
			u.RawQuery = q.Encode()
			return u.String()
		}
	}
	for name, c := range map[string]struct {
		claims map[string]any
		alter  func(s *street, back string) string
		status int
	}{
		"another's browser": {alter: func(s *street, back string) string { s.jar, _ = cookiejar.New(nil); return back }},
		"no state":          {alter: alter("state", "")},
		"another state":     {alter: alter("state", strings.Repeat("A", 43))},
		"another provider":  {alter: alter("iss", "https://evil.example")},
		"no provider":       {alter: alter("iss", "")},
		"no code":           {alter: alter("code", "")},
		"a forged code":     {alter: alter("code", "OC-forged")},
		"the provider refuses": {alter: func(s *street, back string) string {
			return alter("error", "access_denied")(s, alter("code", "")(s, back))
		}},
		"an error with markup":      {alter: func(s *street, back string) string { return alter("error", "<script>")(s, alter("code", "")(s, back)) }},
		"a state given twice":       {alter: func(_ *street, back string) string { return back + "&state=x" }},
		"too late":                  {alter: func(s *street, back string) string { s.now = s.now.Add(10 * time.Minute); return back }},
		"a token of another log-in": {claims: map[string]any{"nonce": "another"}},
		"a token of no log-in":      {claims: map[string]any{"nonce": ""}},
		"for another client":        {claims: map[string]any{"aud": "another"}},
		"of another issuer":         {claims: map[string]any{"iss": "https://evil.example"}},
		"run out":                   {claims: map[string]any{"exp": 1000}},
		"nobody":                    {claims: map[string]any{"preferred_username": ""}},
		"a list of names":           {claims: map[string]any{"preferred_username": []string{"zhangsan"}}},
		"control characters":        {claims: map[string]any{"preferred_username": "zhang\nsan"}},
	} {
		s := oidcStreet(t, c.claims, nil)
		back := s.consent(s.begin())
		if c.alter != nil {
			back = c.alter(s, back)
		}
		w := s.open(back)
		if w.Code != http.StatusForbidden || len(s.admitted) > 0 || w.Header().Get("Location") != "" {
			t.Errorf("%s: %d %+v", name, w.Code, s.last())
		}
		if late := s.last().Outcome == "too_old"; late != (name == "too late") {
			t.Errorf("%s: %+v", name, s.last())
		}
		if strings.Contains(s.log.String(), "<script>") {
			t.Errorf("%s: the log holds markup", name)
		}
	}
	// The flow of one connection is of no use at another.
	s := oidcStreet(t, nil, nil)
	back := s.consent(s.begin())
	other := s.places[connector.ConnectionKey{Tenant: "t1", Name: "oa"}]
	other.Key.Name, other.Conn = "other", 77
	s.places[other.Key] = other
	s.want("at another connection", s.open(strings.Replace(back, "/oa/callback", "/other/callback", 1)), http.StatusForbidden, "bad_proof")
	if !strings.Contains(s.last().Why, "another one") {
		t.Errorf("it is refused for %s", s.last().Why)
	}
	// Nobody is handed back to a vendor that hands nobody back.
	if w := s.open("https://todo.example.com/oa/cas/t1/cas/callback?code=x&state=y"); w.Code != http.StatusForbidden {
		t.Errorf("a callback of CAS: %d", w.Code)
	}
}

// TestOIDCPlaces asks a provider at the addresses of the settings alone, whatever it says of itself, and sends browsers nowhere else.
func TestOIDCPlaces(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked elsewhere") }))
	defer elsewhere.Close()
	for _, member := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri"} {
		s := oidcStreet(t, nil, nil)
		is := s.server.URL
		text := `{"issuer":"` + is + `","authorization_endpoint":"` + is + `/authorize","token_endpoint":"` + is + `/token","jwks_uri":"` + is + `/jwks","id_token_signing_alg_values_supported":["RS256"]}`
		_, after, _ := strings.Cut(text, `"`+member+`":"`)
		old, _, _ := strings.Cut(after, `"`)
		text = strings.Replace(text, `"`+member+`":"`+old, `"`+member+`":"`+elsewhere.URL+"/x", 1)
		rule := oasim.Rule{Match: oasim.Match{Path: "openid-configuration"}, Steps: []oasim.Step{{Do: oasim.DoAnswer, Status: 200, Body: text, Header: map[string]string{"Content-Type": "application/json"}}}}
		if err := s.sim.Script(rule); err != nil {
			t.Fatal(err)
		}
		w := s.open(s.link())
		if member == "authorization_endpoint" {
			if w.Code == http.StatusSeeOther {
				t.Errorf("sent to %s", w.Header().Get("Location"))
			}
			continue
		}
		to, err := url.Parse(w.Header().Get("Location"))
		if err != nil || w.Code != http.StatusSeeOther {
			t.Fatalf("%s: %d %v", member, w.Code, s.last())
		}
		if w := s.open(s.consent(to)); w.Code == http.StatusSeeOther || len(s.admitted) > 0 {
			t.Errorf("%s elsewhere: %d", member, w.Code)
		}
	}
	// A provider that is away, and one that is no provider.
	for step, status := range map[oasim.Do]int{oasim.DoReset: http.StatusBadGateway, oasim.DoLoginPage: http.StatusBadGateway} {
		s := oidcStreet(t, nil, nil)
		if err := s.sim.Script(oasim.Rule{Match: oasim.Match{Path: "openid-configuration"}, Steps: []oasim.Step{{Do: step}}}); err != nil {
			t.Fatal(err)
		}
		if w := s.open(s.link()); w.Code != status {
			t.Errorf("%s: %d, want %d", step, w.Code, status)
		}
		if w := s.open(s.link()); w.Code != http.StatusSeeOther {
			t.Errorf("after %s: %d %+v", step, w.Code, s.last())
		}
	}
	s := oidcStreet(t, map[string]any{"email": "a@example.com", "email_verified": false}, func(_ *street, c *connector.SignOnSettings) { c.AccountClaim = "email" })
	s.users["a@example.com"] = "crm-a"
	s.want("an e-mail that nobody has verified", s.open(s.consent(s.begin())), http.StatusForbidden, "bad_proof")
}

// TestWeaverOAuth plays both ways: the OA's todo centre begins the log-in, or we do. A code is good once and for the address that it was made for.
func TestWeaverOAuth(t *testing.T) {
	t.Parallel()
	open := func() *street {
		return newStreet(t, oasim.Weaver, oasim.Config{User: "crm", Password: "a-client-secret"}, nil)
	}
	s := open()
	at := s.click("zhangsan")
	s.want("begun by the OA", s.open(at), http.StatusSeeOther, "signed_on")
	s.want("again", s.open(at), http.StatusForbidden, "used")
	s.want("for another address", s.open(strings.Replace(s.click("zhangsan"), "66f", "77a", 1)), http.StatusForbidden, "bad_proof")
	to := s.begin()
	if !strings.HasPrefix(to.String(), s.server.URL+"/sso/oauth2.0/authorize?") {
		t.Errorf("sent to %s", to)
	}
	back := s.consent(to)
	w := s.open(back)
	s.want("begun by us", w, http.StatusSeeOther, "signed_on")
	if at, _ := url.Parse(w.Header().Get("Location")); at.Query().Get("target") != "/todo/QuoteObj/66f?device=mobile" {
		t.Errorf("arrives at %s", at)
	}
	stolen := s.consent(s.begin())
	s.jar, _ = cookiejar.New(nil)
	s.want("in another's browser", s.open(stolen), http.StatusForbidden, "bad_proof")
	for answer, outcome := range map[string]string{
		"access_token=tok-1&expires=28800": "bad_proof", // the token is taken out of the text; the profile refuses it
		"{}":                               "bad_proof",
		`{"error":"invalid_grant"}`:        "bad_proof",
		"<html>log in</html>":              "oa_unreachable",
	} {
		s := open()
		if err := s.sim.Script(oasim.Rule{Match: oasim.Match{Path: "accessToken"}, Steps: []oasim.Step{{Do: oasim.DoAnswer, Status: 200, Body: answer}}}); err != nil {
			t.Fatal(err)
		}
		s.open(s.click("zhangsan"))
		if s.last().Outcome != outcome {
			t.Errorf("%s: %+v", answer, s.last())
		}
		if asked := len(s.asked); strings.HasPrefix(answer, "access_token=") != (asked == 2) {
			t.Errorf("%s: asked %v", answer, s.asked)
		}
	}
}

// TestCASLogin sends whoever brings no ticket to the settings' CAS, and takes what it sends back.
func TestCASLogin(t *testing.T) {
	t.Parallel()
	for _, vendor := range []string{oasim.CAS, oasim.Landray} {
		s := newStreet(t, vendor, oasim.Config{}, nil)
		s.click("zhangsan")
		w := s.open(s.link() + "?device=mobile&x=" + url.QueryEscape("a b&c"))
		to := w.Header().Get("Location")
		if w.Code != http.StatusSeeOther || !strings.HasPrefix(to, s.server.URL+"/login?service=https%3A%2F%2Ftodo.example.com%2Foa%2F") {
			t.Fatalf("%d to %s", w.Code, to)
		}
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := client.Get(to)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		s.want("back from CAS", s.open(resp.Header.Get("Location")), http.StatusSeeOther, "signed_on")
		if w := s.open(s.link() + "?baseUrl=https%3A%2F%2Fevil.example"); w.Code != http.StatusForbidden {
			t.Errorf("to another's CAS: %d %s", w.Code, w.Header().Get("Location"))
		}
		s.want("an empty ticket", s.open(s.link()+"?ticket="), http.StatusForbidden, "bad_proof")
	}
}
