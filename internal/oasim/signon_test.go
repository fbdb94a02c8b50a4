package oasim

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// clicked is what a click brings.
func (c *client) clicked(account, link string) url.Values {
	c.t.Helper()
	at, err := c.sim.Click(c.t.Context(), Click{Account: account, Link: link, Base: "https://hst-api.wialon.com"})
	if err != nil {
		c.t.Fatal(err)
	}
	u, err := url.Parse(at)
	if err != nil || !strings.HasPrefix(at, link) {
		c.t.Fatalf("a click on %s leads to %s", link, at)
	}
	return u.Query()
}

const pushed = "https://todo.example.com/oa/x/t/c/todo/QuoteObj/66f?device=mobile"

// TestTickets of Seeyon, CAS and Yunzhijia are good once, for a minute, and CAS's for one service.
func TestTickets(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	clock := func() time.Time { return now }

	c := start(t, Seeyon, Config{Now: clock})
	ask := "/seeyon/thirdpartyController.do?ticket=" + c.clicked("zhangsan", pushed).Get("v5ticket")
	c.want("GET", ask, "", 200, "zhangsan\r\n")
	c.want("GET", ask, "", 200, "error\r\n")
	late := c.clicked("zhangsan", pushed).Get("v5ticket")
	now = now.Add(time.Minute)
	c.want("GET", "/seeyon/login/sso?from=m3token&token="+late, "", 200, "error\r\n")
	c.want("GET", "/seeyon/login/sso?from=m3token&token="+c.clicked("李四", pushed).Get("v5ticket"), "", 200, "%E6%9D%8E%E5%9B%9B\r\n")

	c = start(t, Seeyon, Config{Now: clock, SeeyonV8: true})
	body := `{"ticket":"` + c.clicked("zhangsan", pushed).Get("ticket") + `"}`
	if _, got := c.must("POST", "/service/ctp-user/auth/restore", body); !strings.Contains(got, `"loginName":"zhangsan"`) {
		t.Errorf("restored %s", got)
	}
	if _, got := c.must("POST", "/service/ctp-user/auth/restore", body); strings.Contains(got, "zhangsan") {
		t.Errorf("restored again %s", got)
	}
	c.must("GET", "/seeyon/thirdpartyController.do?ticket=x", "")
	if s := c.sim.Calls()[2].Status; s != 404 {
		t.Errorf("V8 answers V5's address with %d", s)
	}

	c = start(t, CAS, Config{Now: clock})
	for _, try := range []struct{ service, want string }{{pushed, "<cas:user>zhangsan</cas:user>"}, {"https://evil.example/", "INVALID_SERVICE"}} {
		at := "/cas/serviceValidate?service=" + url.QueryEscape(try.service) + "&ticket=" + c.clicked("zhangsan", pushed).Get("ticket")
		if _, got := c.must("GET", at, ""); !strings.Contains(got, try.want) {
			t.Errorf("for %s: %s", try.service, got)
		}
		if _, got := c.must("GET", at, ""); !strings.Contains(got, "INVALID_TICKET") {
			t.Errorf("for %s again: %s", try.service, got)
		}
	}
}

// TestWialonLimits counts failures, and sessions that nobody ends.
func TestWialonLimits(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := start(t, Wialon, Config{Now: func() time.Time { return now }})
	call := func(svc, params, sid string) string {
		_, got := c.must("POST", "/wialon/ajax.html", url.Values{"svc": {svc}, "params": {params}, "sid": {sid}}.Encode())
		return got
	}
	in := func() string {
		q := c.clicked("ivan", pushed)
		if q.Get("user") != "ivan" || q.Get("baseUrl") != "https://hst-api.wialon.com" {
			t.Fatalf("a click brings %v", q)
		}
		return call("core/use_auth_hash", `{"authHash":"`+q.Get("authHash")+`"}`, "")
	}
	got := in()
	if !strings.Contains(got, `"nm":"ivan"`) {
		t.Fatal(got)
	}
	_, eid, _ := strings.Cut(got, `"eid":"`)
	eid = eid[:32]
	if s := c.sim.Wialon(); s.Sessions != 1 {
		t.Errorf("%+v", s)
	}
	if got := call("core/logout", "{}", eid); got != `{"error":0}` {
		t.Errorf("logout: %s", got)
	}
	for range wialonFailures {
		if got := call("core/use_auth_hash", `{"authHash":"x"}`, ""); got != `{"error":8}` {
			t.Fatal(got)
		}
	}
	if got := in(); got != `{"error":1003}` {
		t.Errorf("after ten failures: %s", got)
	}
	now = now.Add(time.Minute)
	if got := in(); !strings.Contains(got, "ivan") || c.sim.Wialon().Blocked != 1 {
		t.Errorf("a minute later: %s, %+v", got, c.sim.Wialon())
	}
}

// TestHelpCrunchPin demands the hash that came first.
func TestHelpCrunchPin(t *testing.T) {
	t.Parallel()
	c := start(t, HelpCrunch, Config{})
	for _, try := range []struct {
		user   string
		status int
	}{
		{`{"user_id":"1"}`, 200},
		{`{"user_id":"1","security_hash":"a"}`, 200},
		{`{"user_id":"1","security_hash":"a"}`, 200},
		{`{"user_id":"1"}`, 403},
		{`{"user_id":"1","security_hash":""}`, 403},
		{`{"user_id":"1","security_hash":"b"}`, 403},
		{`{"user_id":"2"}`, 200},
		{`{"user_id":3}`, 400},
	} {
		if status, _ := c.must("POST", "/widget/init", `{"appId":"1","user":`+try.user+`}`); status != try.status {
			t.Errorf("%s: %d, want %d", try.user, status, try.status)
		}
	}
}
