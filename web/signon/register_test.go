package signon_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"todosync/connector"
	"todosync/web/signon"
)

// A clerk remembers what it was handed.
type clerk struct {
	session string
	got     []signon.Registration
}

func (c *clerk) Admin(*http.Request) (string, error) { return c.session, nil }

func (c *clerk) Register(_ *http.Request, token string, reg signon.Registration) (signon.Registered, error) {
	if token != "good" && c.session == "" {
		return signon.Registered{}, &connector.Error{Kind: connector.Forbidden, Msg: "only an admin confirms this"}
	}
	if reg.AppID != "500" {
		return signon.Registered{}, &connector.Error{Kind: connector.NotFound, Msg: "no connection has the app"}
	}
	c.got = append(c.got, reg)
	return signon.Registered{Tenant: "t1", Connection: "yzj", Secret: "yunzhijia-secret"}, nil
}

// TestRegister: who opens the address changes nothing, an admin's form alone does, and the secret stands in no log.
func TestRegister(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-of-the-app"
	c, log := &clerk{}, &strings.Builder{}
	page, err := signon.NewRegisterPage(c, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, address string, form url.Values, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "https://todo.example.com"+address, strings.NewReader(form.Encode()))
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		r.Header.Set("Accept-Language", "en")
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		if csp := w.Header().Get("Content-Security-Policy"); w.Body.Len() > 0 && (strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'")) {
			t.Errorf("policy %s", csp)
		}
		if w.Header().Get("Referrer-Policy") != "no-referrer" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("headers %v", w.Header())
		}
		return w
	}
	address := signon.RegisterPath + "?" + url.Values{"appId": {"500"}, "secret": {secret}, "dataCenterId": {"yzj"}}.Encode()
	w := ask(http.MethodGet, address, nil)
	if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, `value="`+secret+`"`) || !strings.Contains(body, `value="500"`) ||
		!strings.Contains(body, "history.replaceState(null") || !strings.Contains(body, `name="token"`) {
		t.Errorf("%d %s", w.Code, body)
	}
	if body := ask(http.MethodGet, signon.RegisterPath+`?appId="><script>alert(1)</script>&secret=`+strings.Repeat("x", 5000), nil).Body.String(); strings.Contains(body, "<script>alert") || strings.Contains(body, "xxxx") {
		t.Errorf("a parameter breaks out: %s", body)
	}
	ask(http.MethodHead, address, nil)
	form := func(pairs ...string) url.Values {
		f := url.Values{"appId": {"500"}, "secret": {secret}, "dataCenterId": {"yzj"}}
		for i := 0; i+1 < len(pairs); i += 2 {
			f.Set(pairs[i], pairs[i+1])
		}
		return f
	}
	for name, x := range map[string]struct {
		form    url.Values
		headers []string
		status  int
	}{
		"nobody":       {form(), nil, http.StatusForbidden},
		"a wrong one":  {form("token", "wrong"), nil, http.StatusForbidden},
		"another site": {form("token", "good"), []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		"no secret":    {form("token", "good", "secret", ""), nil, http.StatusUnprocessableEntity},
		"no such app":  {form("token", "good", "appId", "7"), nil, http.StatusNotFound},
		"too long":     {form("token", "good", "secret", strings.Repeat("x", 20<<10)), nil, http.StatusBadRequest},
	} {
		if w := ask(http.MethodPost, signon.RegisterPath, x.form, x.headers...); w.Code != x.status || len(c.got) > 0 {
			t.Errorf("%s: %d, want %d, registered %v", name, w.Code, x.status, c.got)
		} else if x.status == http.StatusForbidden && strings.Contains(w.Body.String(), secret) {
			t.Errorf("%s sees the secret", name)
		}
	}
	if w := ask(http.MethodPut, address, nil); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %d", w.Code)
	}
	if w := ask(http.MethodPost, signon.RegisterPath, form("token", "good"), "Sec-Fetch-Site", "same-origin"); w.Code != http.StatusOK || len(c.got) != 1 || c.got[0].Secret != secret ||
		strings.Contains(w.Body.String(), secret) || !strings.Contains(w.Body.String(), "yunzhijia-secret") {
		t.Errorf("the admin: %d %v %s", w.Code, c.got, w.Body)
	}
	c.session = "ada"
	if w := ask(http.MethodGet, address, nil); !strings.Contains(w.Body.String(), "ada") || strings.Contains(w.Body.String(), `name="token"`) {
		t.Errorf("an admin who is logged in: %s", w.Body)
	}
	if strings.Contains(log.String(), secret) || strings.Contains(log.String(), "good") {
		t.Errorf("the log: %s", log)
	}
}
