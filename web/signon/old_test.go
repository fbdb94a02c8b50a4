package signon_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"todosync/connector"
	"todosync/retry"
	"todosync/web/signon"
)

// old is a house whose OA knows every ticket that begins with "ok", as zhangsan, once.
func old(t *testing.T) *house {
	t.Helper()
	h := newHouse(t)
	seen := map[string]bool{}
	h.answer = func(address string) (retry.Receipt, error) {
		_, ticket, _ := strings.Cut(address, "ok")
		if _, found := strings.CutPrefix(address, "verify ok"); found {
			return retry.Receipt{Status: 200, Body: []byte(`{"code":0,"data":{"openid":"zhangsan"}}`)}, nil
		}
		if ticket == "" || seen[ticket] {
			return retry.Receipt{Status: 200, Body: []byte("error")}, nil
		}
		seen[ticket] = true
		return retry.Receipt{Status: 200, Headers: []retry.Header{{Name: "LoginName", Value: "zhangsan"}}}, nil
	}
	return h
}

// TestOldAddresses lets people in by the addresses that were registered in OAs before.
func TestOldAddresses(t *testing.T) {
	t.Parallel()
	const root = "/erp/syncdata/open/oa/"
	for _, c := range []struct{ address, target, vendor string }{
		{"authorizeWeb/SeeYon/QuoteObj/66f/t1/false?v5ticket=ok1", "/todo/QuoteObj/66f", "seeyon"},
		{"authorizeWeb/SeeYon/Quote%20Obj/a%2Fb/t1/true?v5ticket=ok2", "/todo/Quote%20Obj/a%2Fb?device=mobile", "seeyon"},
		{"authorizeWeb/SeeYon/QuoteObj/66f/t1/1?v5ticket=ok3&dataCenterId=seeyon", "/todo/QuoteObj/66f?device=mobile", "seeyon"},
		{"authorizeWeb/webhook/QuoteObj/66f/t1?tk=ok4", "/todo/QuoteObj/66f", "generic"},
		{"authorizeWeb/webhook/QuoteObj/66f/t1?tk=ok5&dataCenterId=own&device=mobile", "/todo/QuoteObj/66f?device=mobile", "generic"},
		{"authorizePortalWebhook/webhook/t1?tk=ok6", "/home", "generic"},
		{"authorizeWeb/SeeYon/login/66f/t1/false?v5ticket=ok7", "/todo/login/66f", "seeyon"}, // an object of that name
	} {
		h := old(t)
		w := h.get(root + c.address)
		to, err := url.Parse(w.Header().Get("Location"))
		if w.Code != http.StatusSeeOther || err != nil || to.Query().Get("target") != c.target || h.last().Vendor != c.vendor {
			t.Errorf("%s: %d to %s, %+v", c.address, w.Code, to, h.last())
		}
	}
	// The portal's handshake, by the address of its log-in.
	h := old(t)
	for i, want := range []struct {
		status int
		body   string
	}{{http.StatusOK, "SSOOK"}, {http.StatusSeeOther, ""}, {http.StatusOK, "SSOLogoutError"}} {
		if w := h.get(root + "authorizeWeb/SeeYon/login/t1/false?ticket=ok8"); w.Code != want.status || want.body != "" && w.Body.String() != want.body {
			t.Errorf("handshake, step %d: %d %.80q", i, w.Code, w.Body)
		}
	}
}

// TestOldAddressesRefused tries what the old addresses must not open.
func TestOldAddressesRefused(t *testing.T) {
	t.Parallel()
	const root = "/erp/syncdata/open/oa/"
	for address, outcome := range map[string]string{
		"authorizeWeb/SeeYon/QuoteObj/66f/t9/false?v5ticket=ok":                                   "unknown",
		"authorizeWeb/SeeYon/QuoteObj/66f/t2/false?v5ticket=ok":                                   "unknown", // it has a Weaver alone
		"authorizeWeb/SeeYon/QuoteObj/66f/t1/false?v5ticket=ok&dataCenterId=nothing":              "unknown",
		"authorizeWeb/SeeYon/QuoteObj/66f/t1/false?v5ticket=ok&dataCenterId=weaver":               "unknown",
		"authorizeWeb/webhook/QuoteObj/66f/t1?ticket=ok&dataCenterId=seeyon":                      "unknown",
		"authorizeWeb/SeeYon/QuoteObj/66f/t1/false?v5ticket=ok&dataCenterId=t2/weaver":            "unknown",
		"authorizeWeb/SeeYon/QuoteObj/66f/t1/false?v5ticket=wrong":                                "bad_proof",
		"authorizeWeb/SeeYon/QuoteObj/66f/t1/false":                                               "bad_proof",
		"authorizeWeb/SeeYon/QuoteObj/66f/t1":                                                     "bad_address",
		"authorizeWeb/SeeYon/QuoteObj/../t1/false":                                                "bad_address",
		"authorizeWeb/SeeYon/QuoteObj/66f/t%201/false?v5ticket=ok":                                "bad_address",
		"authorizeWeb/webhook/QuoteObj/66f":                                                       "bad_address",
		"authorizeWeb/webhook/QuoteObj/66f/t1?ticket=ok&ticket=ok2":                               "bad_address",
		"authorizeWeb/webhook/QuoteObj/66f/t1?ticket=ok&dataCenterId=own&dataCenterId=cas":        "bad_address",
		"authorize/common?code=x":                                                                 "bad_address",
		"authorizeWeb/webhook/QuoteObj/66f/t1?ticket=ok&dataCenterId=" + strings.Repeat("x", 300): "bad_address",
		"": "bad_address",
	} {
		h := old(t)
		if w := h.get(root + address); w.Code != http.StatusForbidden || len(h.admitted) > 0 || string(h.visits[0].Outcome) != outcome {
			t.Errorf("%s: %d, %+v, want %s", address, w.Code, h.visits, outcome)
		}
	}
	// Of two Seeyons the address must name one.
	h := old(t)
	second := h.places[connector.ConnectionKey{Tenant: "t1", Name: "seeyon"}]
	second.Key.Name, second.Conn = "seeyon-2", 99
	h.places[second.Key] = second
	const todo = root + "authorizeWeb/SeeYon/QuoteObj/66f/t1/false?v5ticket=ok9"
	if w := h.get(todo); w.Code != http.StatusForbidden || h.last().Outcome != "not_set_up" || !strings.Contains(h.last().Why, "seeyon, seeyon-2") {
		t.Errorf("of two: %d, %+v", w.Code, h.last())
	}
	if w := h.get(todo + "&dataCenterId=seeyon-2"); w.Code != http.StatusSeeOther || h.last().Connection != "seeyon-2" {
		t.Errorf("the second: %d, %+v", w.Code, h.last())
	}
	// Guessing is slowed here, too.
	h = old(t)
	for range 10 {
		h.get(root + "authorizeWeb/SeeYon/QuoteObj/66f/t1/false?v5ticket=wrong" + url.QueryEscape(strings.Repeat("x", len(h.visits))))
	}
	if w := h.get(todo); w.Code != http.StatusTooManyRequests {
		t.Errorf("the eleventh: %d", w.Code)
	}
}

// post sends a form.
func (h *house) post(address string, form url.Values) *httptest.ResponseRecorder {
	h.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "https://todo.example.com"+address, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.gateway.ServeHTTP(w, r)
	return w
}

// TestClick shows a page first where the settings want it; the address is used up by its form alone.
func TestClick(t *testing.T) {
	t.Parallel()
	h := old(t)
	for key, p := range h.places {
		p.Settings.Click = true
		h.places[key] = p
	}
	address, query, _ := strings.Cut(link(linkLogin, linkStamp, linkToken), "?")
	for range 3 {
		w := h.get(address+"?"+query, "Accept-Language", "en")
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `name="token" value="`+linkToken+`"`) || !strings.Contains(w.Body.String(), "Continue") {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if csp := w.Header().Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("policy %s", csp)
		}
	}
	if len(h.visits)+len(h.entries) > 0 {
		t.Errorf("looking is counted: %+v", h.visits)
	}
	form, _ := url.ParseQuery(query)
	if w := h.post(address, form); w.Code != http.StatusSeeOther || len(h.visits) != 1 {
		t.Errorf("the form: %d, %+v", w.Code, h.last())
	}
	if w := h.post(address, form); w.Code != http.StatusForbidden || h.last().Outcome != "used" {
		t.Errorf("the form again: %d, %+v", w.Code, h.last())
	}
	if w := h.get(address + `?loginid="><script>alert(1)</script>`); strings.Contains(w.Body.String(), "<script>alert") {
		t.Errorf("a parameter breaks out: %s", w.Body)
	}
	if w := h.post(address+"?loginid=2", form); w.Code != http.StatusForbidden {
		t.Errorf("a parameter twice: %d", w.Code)
	}
	if w := h.post(address, url.Values{"loginid": {strings.Repeat("x", 20<<10)}}); w.Code != http.StatusForbidden {
		t.Errorf("a long form: %d", w.Code)
	}
	// The OA's server sends no forms.
	if w := h.get("/oa/seeyon/t1/seeyon/home?ticket=ok1"); w.Body.String() != "SSOOK" {
		t.Errorf("the handshake: %d %.80s", w.Code, w.Body)
	}
}

// TestFrames lets the pages of the OA alone show ours, and nobody by default.
func TestFrames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		frames []string
		want   string
	}{
		{nil, "frame-ancestors 'none'"},
		{[]string{"https://oa.example.com/seeyon/", "https://*.example.org:8443"}, "frame-ancestors https://oa.example.com https://*.example.org:8443"},
		{[]string{"http://[2001:db8::1]:8080/x"}, "frame-ancestors http://[2001:db8::1]:8080"},
		{[]string{"*", "https://*", "https:", "javascript:alert(1)", "https://x; script-src *", "https://a b", "data:x", "https://u@x", "https://x'"}, "frame-ancestors 'none'"},
	} {
		h := newHouse(t)
		key := connector.ConnectionKey{Tenant: "t1", Name: "weaver"}
		p := h.places[key]
		p.Frames = c.frames
		h.places[key] = p
		policy := h.get(link("0002", linkStamp, linkToken)).Header().Get("Content-Security-Policy")
		if _, after, _ := strings.Cut(policy, "base-uri 'none'; "); after != c.want+"; form-action 'none'" {
			t.Errorf("%v: %s", c.frames, policy)
		}
	}
}

func TestVisits(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.get(link(linkLogin, linkStamp, linkToken))
	h.get(link(linkLogin, linkStamp, linkToken))
	h.get("/oa/weaver/made-up/weaver/home")
	want := []signon.Visit{{Key: connector.ConnectionKey{Tenant: "t1", Name: "weaver"}, Outcome: signon.SignedOn}, {Key: connector.ConnectionKey{Tenant: "t1", Name: "weaver"}, Outcome: signon.Used}, {Outcome: signon.Unknown}}
	for i, w := range want {
		if i >= len(h.visits) || h.visits[i] != w {
			t.Errorf("visit %d: %+v, want %+v", i, h.visits, w)
		}
	}
}
