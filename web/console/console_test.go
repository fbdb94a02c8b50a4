package console

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"todosync/web/api"
)

func TestWhoIsNotSignedInSeesTheLogIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.who = nil
	p := s.get("/")
	p.wants(http.StatusSeeOther)
	if want, got := "/login", p.header.Get("Location"); want != got {
		t.Errorf("want %s, got %s", want, got)
	}
	if len(s.asked) > 0 {
		t.Errorf("the API was asked for somebody without a session: %v", s.asked)
	}
	s.get("/login", true).wants(http.StatusOK, "登录")
}

func TestNextPage(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]string{
		"": "/", "/records?a=b": "/records?a=b", "https://evil.example": "/", "//evil.example": "/", "/\\evil.example": "/", "/\tx": "/",
		"javascript:alert(1)": "/", "/a\r\nSet-Cookie: x": "/",
	} {
		if got := nextPage(to); want != got {
			t.Errorf("%q: want %s, got %s", to, want, got)
		}
	}
}

func TestAnotherSiteChangesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	r := httptest.NewRequest(http.MethodPost, "/logout", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	p := s.ask(r)
	p.wants(http.StatusForbidden, "another site")
	if p.header.Get("Set-Cookie") != "" {
		t.Error("it was carried out")
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	p := newSite(t, nil).get("/login")
	csp := p.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self' 'nonce-", "frame-ancestors 'none'", "form-action 'self'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("%q is not in %q", want, csp)
		}
	}
	if strings.Contains(csp, "unsafe") {
		t.Errorf("unsafe: %q", csp)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "same-origin"} {
		if got := p.header.Get(name); got != want {
			t.Errorf("%s: want %q, got %q", name, want, got)
		}
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]any{"GET /stats": &api.Problem{Status: http.StatusServiceUnavailable, Detail: "the store <is> away", Hint: "look at /readyz"}})
	s.get("/", true).wants(http.StatusServiceUnavailable, "暂时不可用", "the store &lt;is&gt; away", "look at /readyz").lacks("<is>")
}

func TestALostBrowserIsTold(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for path, cookie := range map[string]string{"/nowhere": "s", "/records/x/y/z": ""} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept-Language", "zh-CN")
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: cookie})
		w := httptest.NewRecorder()
		s.console.Lost(w, r)
		p := &shown{t: t, status: w.Code, header: w.Header(), body: w.Body.String()}
		p.sound()
		p.wants(http.StatusNotFound, "<h1>找不到</h1>", "这个地址没有页面")
		if cookie == "" {
			p.lacks("/logout")
		}
	}
}

func TestALongPageIsPacked(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]any{"GET /stats": &api.Problem{Status: http.StatusServiceUnavailable, Detail: strings.Repeat("long ", 2000)}})
	plain := s.get("/")
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept-Language", "en")
	r.Header.Set("Accept-Encoding", "gzip, br")
	r.AddCookie(&http.Cookie{Name: sessionCookie, Value: "s"})
	w := httptest.NewRecorder()
	s.console.ServeHTTP(w, r)
	if w.Header().Get("Content-Encoding") != "gzip" || w.Body.Len() > len(plain.body)/2 {
		t.Fatalf("%d bytes of %d, encoding %q", w.Body.Len(), len(plain.body), w.Header().Get("Content-Encoding"))
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil || !strings.Contains(string(b), "long long") || !strings.HasSuffix(strings.TrimSpace(string(b)), "</html>") {
		t.Errorf("unpacked it is %d bytes, %v", len(b), err)
	}
}

// Whose session ends while he works loses nothing: a part of a page says so and leaves the page, a form leads to the log-in and back to where
// it stands.
func TestASessionEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.who = nil
	ask := func(method, path string, headers map[string]string) *shown {
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("Accept-Language", "en")
		for k, v := range headers {
			r.Header.Set(k, v)
		}
		return s.ask(r)
	}
	p := ask(http.MethodGet, "/?span=1h", map[string]string{"Hx-Request": "true"})
	p.wants(http.StatusUnauthorized, "Your session is over", `target="_blank"`).lacks("<html")
	if p.header.Get("Hx-Redirect") != "" {
		t.Error("the page is taken from who works on it")
	}
	for from, want := range map[string]string{
		"http://example.com/bindings?tenant=t1&connection=oa": "/login?next=%2Fbindings%3Ftenant%3Dt1%26connection%3Doa",
		"http://evil.example/x":                               "/login", "http://example.com//evil.example": "/login", "": "/login", "%zz": "/login",
	} {
		p := ask(http.MethodPost, "/bindings", map[string]string{"Referer": from})
		if got := p.header.Get("Location"); p.status != http.StatusSeeOther || got != want {
			t.Errorf("from %q: %d %s, want %s", from, p.status, got, want)
		}
	}
	s.get("/login").wants(200, "data-porch")
}
