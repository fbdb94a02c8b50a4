package signon_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"todosync/connector"
	"todosync/internal/oasim"
	"todosync/retry"
)

// wialonStreet has ivan for a contact person.
func wialonStreet(t *testing.T) *street {
	s := newStreet(t, oasim.Wialon, oasim.Config{}, func(_ *street, c *connector.SignOnSettings) { c.ContactsOnly = true })
	s.users["ivan"], s.kinds = "crm-ivan", map[string]connector.BindingKind{"ivan": connector.KindContact}
	return s
}

// TestWialon lets in whom Wialon names, whatever the address says, and ends the session.
func TestWialon(t *testing.T) {
	t.Parallel()
	s := wialonStreet(t)
	at := s.click("ivan")
	s.want("a click", s.open(at), http.StatusSeeOther, "signed_on")
	if s.sim.Wialon().Sessions != 0 {
		t.Error("the session is left open")
	}
	asked := len(s.asked)
	s.want("the same hash", s.open(at), http.StatusForbidden, "used")
	if len(s.asked) != asked {
		t.Error("a hash that came before is asked about again")
	}
	s.want("another name in the address", s.open(strings.Replace(s.click("ivan"), "user=ivan", "user=petr", 1)), http.StatusSeeOther, "signed_on")
	if e := s.last(); e.Account != "ivan" || e.User != "crm-ivan" || e.Why == "" {
		t.Errorf("the address counted: %+v", e)
	}
	// An employee's account is bound, and is no contact person's.
	s.want("an employee", s.open(s.click("zhangsan")), http.StatusForbidden, "no_binding")
	s.change(func(_ *street, c *connector.SignOnSettings) { c.ContactsOnly = false })
	s.want("an employee where all may", s.open(s.click("zhangsan")), http.StatusSeeOther, "signed_on")
	for _, other := range []string{"access_hash", "authHash"} {
		s.want(other, s.open(strings.Replace(s.click("ivan"), "authHash", other, 1)), http.StatusSeeOther, "signed_on")
	}
	if strings.Contains(s.log.String(), "authHash") || strings.Contains(s.log.String(), "eid") {
		t.Error("the log holds a hash or a session")
	}
	for _, address := range s.asked {
		if strings.Contains(address, "?") {
			t.Errorf("something stands in the address %s, and so in logs", address)
		}
	}
}

// TestWialonAnswers takes nothing for a log-in but a session and a name.
func TestWialonAnswers(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct {
		status  int
		outcome string
		logout  bool
	}{
		`{"error":0}`:                       {http.StatusForbidden, "bad_proof", false},
		`{"user":{"nm":"ivan"}}`:            {http.StatusForbidden, "bad_proof", false},
		`{"eid":"","user":{"nm":"ivan"}}`:   {http.StatusForbidden, "bad_proof", false},
		`{"eid":"e1","user":{"nm":""}}`:     {http.StatusForbidden, "bad_proof", true},
		`{"eid":"e1","au":"ivan"}`:          {http.StatusForbidden, "bad_proof", true},
		`{"error":1}`:                       {http.StatusForbidden, "bad_proof", false},
		`{"error":4}`:                       {http.StatusForbidden, "bad_proof", false},
		`{"error":7}`:                       {http.StatusForbidden, "bad_proof", false},
		`{"error":8}`:                       {http.StatusForbidden, "bad_proof", false},
		`{"error":6}`:                       {http.StatusBadGateway, "oa_unreachable", false},
		`{"error":9}`:                       {http.StatusBadGateway, "oa_unreachable", false},
		`{"error":10}`:                      {http.StatusBadGateway, "oa_unreachable", false},
		`{"error":1003}`:                    {http.StatusBadGateway, "oa_unreachable", false},
		`{"error":-100}`:                    {http.StatusBadGateway, "oa_unreachable", false},
		`{"error":-101}`:                    {http.StatusBadGateway, "oa_unreachable", false},
		`{"error":8,"eid":"e1"}`:            {http.StatusForbidden, "bad_proof", true},
		`<html>log in</html>`:               {http.StatusBadGateway, "oa_unreachable", false},
		`"ivan"`:                            {http.StatusBadGateway, "oa_unreachable", false},
		`{"eid":"e1","user":{"nm":"ivan"}}`: {http.StatusSeeOther, "signed_on", true},
		`{"eid":"e1","error":0,"user":{"nm":"ivan"}}`:   {http.StatusSeeOther, "signed_on", true},
		`{"eid":"e1","au":"boss","user":{"nm":"ivan"}}`: {http.StatusSeeOther, "signed_on", true},
	} {
		s := wialonStreet(t)
		var logout string
		s.send = func(_ context.Context, r retry.Request) (retry.Receipt, error) {
			form, err := url.ParseQuery(string(r.Body))
			if err != nil || r.Method != http.MethodPost {
				t.Errorf("%s %s", r.Method, r.Body)
			}
			if form.Get("svc") == "core/logout" {
				logout = form.Get("sid")
				return retry.Receipt{}, &retry.Error{Class: retry.Network, Msg: "gone"} // which is nobody's trouble
			}
			return retry.Receipt{Status: 200, Body: []byte(body)}, nil
		}
		s.want(body, s.open(s.click("ivan")), want.status, want.outcome)
		if (logout == "e1") != want.logout {
			t.Errorf("%s: logged out of %q", body, logout)
		}
	}
}

// TestWialonAddresses asks no host but those of the settings, and none about what cannot be a hash.
func TestWialonAddresses(t *testing.T) {
	t.Parallel()
	s := wialonStreet(t)
	host := strings.TrimPrefix(s.server.URL, "http://")
	for _, query := range []string{
		"baseUrl=https%3A%2F%2Fevil.example", "baseUrl=" + url.QueryEscape("https://"+host), "baseUrl=" + url.QueryEscape("http://user@"+host),
		"baseUrl=" + url.QueryEscape("http://"+host+"@evil.example"), "baseUrl=" + url.QueryEscape("http://127.0.0.1"), "baseUrl=" + url.QueryEscape("//"+host),
		"baseUrl=" + url.QueryEscape("http://127.0.0.1:99999"), "baseUrl=" + url.QueryEscape("http://evil.example#"+host), "baseUrl=" + url.QueryEscape("http://evil.example\\@"+host),
		"hostUrl=https%3A%2F%2Fevil.example",
	} {
		at := s.link() + "?authHash=8f0c1d2e3f4a5b6c&" + query
		if w := s.open(at); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", query, w.Code)
		}
		s.client = "192.0.2." + string(rune('0'+len(s.entries)%10))
	}
	for _, query := range []string{
		"", "sid=0123456789abcdef0123456789abcdef", "authHash=", "authHash=a", "authHash=" + strings.Repeat("a", 300), "authHash=" + url.QueryEscape(`"},"x":{"`),
		"authHash=abcdefgh&authHash=abcdefgi", "user=ivan",
	} {
		s.client = "198.51.100." + string(rune('0'+len(s.entries)%10))
		if w := s.open(s.link() + "?" + query); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", query, w.Code)
		}
	}
	if len(s.asked) != 0 {
		t.Errorf("asked %v", s.asked)
	}
	hash := s.click("ivan")
	s.client = "203.0.113.9"
	s.want("the settings' address", s.open(hash+"&baseUrl="+url.QueryEscape(s.server.URL+"/wsdk")), http.StatusSeeOther, "signed_on")
	s.want("by its other name", s.open(s.click("ivan")+"&hostUrl="+url.QueryEscape(s.server.URL)), http.StatusSeeOther, "signed_on")
}

// TestWialonLimits keeps what nobody may guess at away from Wialon, which else shuts everybody out.
func TestWialonLimits(t *testing.T) {
	t.Parallel()
	s := wialonStreet(t)
	for i := range 30 {
		s.client = "198.51.100." + string(rune('0'+i%10)) + string(rune('0'+i/10))
		w := s.open(s.link() + "?authHash=forged-" + strings.Repeat("x", i+1))
		want := http.StatusForbidden
		if i >= 8 {
			want = http.StatusTooManyRequests
		}
		if w.Code != want {
			t.Errorf("forged hash %d: %d, want %d", i, w.Code, want)
		}
	}
	if state := s.sim.Wialon(); state.Failed != 8 || state.Blocked != 0 {
		t.Errorf("Wialon has seen %+v", state)
	}
	at := s.click("ivan")
	s.client = "203.0.113.1"
	w := s.open(at)
	s.want("while it is asked no more", w, http.StatusTooManyRequests, "slowed")
	if w.Header().Get("Retry-After") == "" {
		t.Error("he is not told when to come back")
	}
	s.now = s.now.Add(time.Minute)
	s.want("the same hash a minute later", s.open(at), http.StatusSeeOther, "signed_on")
	for i := range 110 {
		s.client = "203.0.113.2"
		if w := s.open(s.click("ivan")); w.Code != http.StatusSeeOther && i < 99 {
			t.Fatalf("good log-in %d: %d", i, w.Code)
		}
	}
	if state := s.sim.Wialon(); state.Blocked != 0 || state.Sessions != 0 {
		t.Errorf("Wialon has seen %+v", state)
	}
}
