package console

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func (s *site) door() *porch { return s.console.Door.(*porch) } //nolint:forcetypeassert // newSite made it

// setCookie finds a cookie that an answer sets.
func (p *shown) setCookie(name string) *http.Cookie {
	for _, c := range (&http.Response{Header: p.header}).Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func TestLogIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.get("/login?next=/records").wants(http.StatusOK, `name="next" value="/records"`, `autocomplete="current-password"`)
	p := s.post("/login", url.Values{"name": {"vera"}, "password": {"wrong"}, "next": {"/records"}})
	p.wants(http.StatusUnprocessableEntity, "The name or the password is not right.", `value="vera"`, `name="next" value="/records"`, `aria-invalid="true"`).lacks("wrong")
	if p.setCookie(sessionCookie) != nil {
		t.Error("a wrong password gets a session")
	}
	p = s.post("/login", url.Values{"name": {"vera"}, "password": {"right"}, "next": {"/records?state=failed"}})
	p.wants(http.StatusSeeOther)
	if to := p.header.Get("Location"); to != "/records?state=failed" {
		t.Errorf("led to %s", to)
	}
	c := p.setCookie(sessionCookie)
	if c == nil || c.Value != "new-token" || !c.HttpOnly || c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("cookie %+v", c)
	}
	if l := p.setCookie(languageCookie); l == nil || l.Value != "zh" {
		t.Errorf("the user's language: %+v", l)
	}
	asked := s.door().asked[1]
	if asked.Session != "s" || asked.Address != "127.0.0.1" {
		t.Errorf("asked with %+v", asked)
	}
	s.post("/login", url.Values{"name": {"vera"}, "password": {"right"}, "next": {"https://evil.example"}}).wants(http.StatusSeeOther)
	s.door().wait = 90 * time.Second
	p = s.post("/login", url.Values{"name": {"nobody"}, "password": {"x"}})
	p.wants(http.StatusTooManyRequests, "Too many failed log-ins", "1 min")
	if p.header.Get("Retry-After") != "91" {
		t.Errorf("Retry-After %q", p.header.Get("Retry-After"))
	}
}

// TestSecureCookies has the session's cookie bound to the host and TLS wherever there is TLS, and nobody log in where there is none.
func TestSecureCookies(t *testing.T) {
	t.Parallel()
	form := url.Values{"name": {"vera"}, "password": {"right"}}
	s := newSite(t, nil)
	s.console.PublicURL = "https://todo.example.com"
	p := s.post("/login", form)
	p.wants(http.StatusSeeOther)
	if c := p.setCookie(hostPrefix + sessionCookie); c == nil || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" {
		t.Errorf("cookie %+v", c)
	}
	// A cookie without the prefix may come from anywhere.
	s.get("/").wants(http.StatusSeeOther)

	for what, change := range map[string]func(s *site, r *http.Request){
		"from another machine":        func(s *site, _ *http.Request) { s.console.Client = func(*http.Request) string { return "10.0.0.7" } },
		"through a proxy":             func(_ *site, r *http.Request) { r.Header.Set("X-Forwarded-For", "10.0.0.7") },
		"through another proxy":       func(_ *site, r *http.Request) { r.Header.Set("Forwarded", "for=10.0.0.7") },
		"from nobody knows where":     func(s *site, _ *http.Request) { s.console.Client = func(*http.Request) string { return "pipe" } },
		"from another machine's IPv6": func(s *site, _ *http.Request) { s.console.Client = func(*http.Request) string { return "2001:db8::1" } },
	} {
		s := newSite(t, map[string]any{"GET /stats": stats{}})
		ask := func(method, path string) *shown {
			r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			change(s, r)
			return s.ask(r)
		}
		s.door().none = true
		ask(http.MethodGet, "/login").wants(http.StatusOK, "not encrypted", "--tls-cert")
		ask(http.MethodGet, "/first-admin/first").wants(http.StatusOK, "not encrypted")
		ask(http.MethodPost, "/first-admin/first").wants(http.StatusForbidden, "not encrypted")
		ask(http.MethodGet, "/enter/once").wants(http.StatusOK, "not encrypted")
		ask(http.MethodPost, "/login").wants(http.StatusForbidden, "not encrypted")
		if p := ask(http.MethodGet, "/"); p.status != http.StatusSeeOther || len(s.asked) > 0 || len(s.door().asked) > 0 {
			t.Errorf("%s: a session is good (%d), or a password was looked at", what, p.status)
		}
	}
}

func TestFirstAdmin(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.get("/first-admin/first").wants(http.StatusForbidden, "not good any more")
	s.door().none = true
	s.get("/login").wants(http.StatusOK, "There is no user yet", "first-admin-link")
	s.get("/first-admin/other").wants(http.StatusForbidden, "not good any more")
	s.get("/first-admin/first", true).wants(http.StatusOK, "成为首位管理员", `action="/first-admin/first"`)
	s.post("/first-admin/first", url.Values{"name": {"ada"}, "password": {"correct horse 7"}, "again": {"correct horse 8"}}).
		wants(http.StatusUnprocessableEntity, "not the same", `value="ada"`).lacks("horse")
	s.post("/first-admin/first", url.Values{"name": {"ada"}, "password": {"short"}, "again": {"short"}}).wants(http.StatusUnprocessableEntity, "10 characters or more")
	p := s.post("/first-admin/first", url.Values{"name": {"ada"}, "password": {"correct horse 7"}, "again": {"correct horse 7"}})
	p.wants(http.StatusSeeOther)
	if p.setCookie(sessionCookie) == nil || p.header.Get("Location") != "/" {
		t.Error("the first admin is not in")
	}
	s.post("/first-admin/other", url.Values{"name": {"eve"}, "password": {"correct horse 7"}, "again": {"correct horse 7"}}).wants(http.StatusForbidden, "not good any more")
}

func TestLogInLink(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for _, name := range []string{"Sec-Purpose", "Purpose"} {
		r := httptest.NewRequest(http.MethodGet, "/enter/once", nil)
		r.Header.Set(name, "prefetch")
		s.ask(r).wants(http.StatusForbidden)
	}
	s.ask(httptest.NewRequest(http.MethodHead, "/enter/once", nil)).wants(http.StatusForbidden)
	if len(s.door().asked) > 0 {
		t.Error("looking ahead uses the link up")
	}
	p := s.get("/enter/once")
	p.wants(http.StatusSeeOther)
	if p.setCookie(sessionCookie) == nil || p.header.Get("Location") != "/" {
		t.Error("the link does not log in")
	}
	s.get("/enter/twice").wants(http.StatusForbidden, "works once")
}

func TestLogOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	p := s.post("/logout", nil)
	p.wants(http.StatusSeeOther)
	if c := p.setCookie(sessionCookie); c == nil || c.MaxAge >= 0 || len(s.door().outs) != 1 || s.door().outs[0] != "s1" {
		t.Errorf("cookie %+v, ended %v", c, s.door().outs)
	}
}

// TestOwnSite takes changes from the console's own address for browsers, whatever host a proxy puts there.
func TestOwnSite(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	c, err := New(Config{API: s, Door: s.console.Door, Client: s.console.Client, Log: s.console.Log, PublicURL: "https://todo.example.com/x"})
	if err != nil {
		t.Fatal(err)
	}
	s.console = c
	for origin, want := range map[string]int{"https://todo.example.com": http.StatusSeeOther, "https://evil.example.com": http.StatusForbidden, "null": http.StatusForbidden} {
		r := httptest.NewRequest(http.MethodPost, "/logout", nil)
		r.Header.Set("Origin", origin)
		s.ask(r).wants(want)
	}
}

// TestInvitation has somebody choose his password by a link.
func TestInvitation(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.who = nil
	s.get("/invite/invited").wants(http.StatusOK, "zoe", `autocomplete="new-password"`)
	s.get("/invite/gone").wants(http.StatusForbidden, "not good any more", "Ask an admin")
	s.post("/invite/gone", url.Values{"password": {"correct horse 7"}, "again": {"correct horse 7"}}).wants(http.StatusForbidden, "not good any more")
	s.post("/invite/invited", url.Values{"password": {"correct horse 7"}, "again": {"another"}}).wants(422, "not the same").lacks("correct horse")
	s.post("/invite/invited", url.Values{"password": {"short"}, "again": {"short"}}).wants(422, "10 characters")
	p := s.post("/invite/invited", url.Values{"password": {"correct horse 7"}, "again": {"correct horse 7"}})
	p.wants(http.StatusSeeOther)
	if c := p.setCookie(sessionCookie); c == nil || c.Value != "new-token" {
		t.Errorf("cookie %+v", c)
	}
	s.console.Client = func(*http.Request) string { return "10.0.0.7" }
	s.get("/invite/invited").wants(http.StatusOK, "not encrypted").lacks("zoe")
	s.post("/invite/invited", url.Values{"password": {"correct horse 7"}, "again": {"correct horse 7"}}).wants(http.StatusForbidden, "not encrypted")
}
