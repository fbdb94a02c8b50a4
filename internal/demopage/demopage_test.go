package demopage_test

import (
	"context"
	"errors"
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"todosync/internal/demopage"
	"todosync/internal/oasim"
)

// seeyon is a simulated OA with one todo of zhangsan.
func seeyon(t *testing.T) *oasim.Sim {
	t.Helper()
	sim, err := oasim.New(oasim.Seeyon, oasim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	post := func(path, token, body string) string {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("token", token)
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		return w.Body.String()
	}
	token := post("/seeyon/rest/token", "", `{"userName":"u","password":"p"}`) // plain, since nothing says that JSON is accepted
	answer := post("/seeyon/rest/thirdpartyPending/receive", token, `{"registerCode":"1","taskId":"t1","title":"<b>Quote & co</b>","senderName":"Li","thirdReceiverId":"zhangsan",
		"creationDate":"2024-11-05 09:30","state":"0","url":"https://todo.example.com/oa/seeyon/t/c/todo/Q/1","h5url":"https://todo.example.com/oa/seeyon/t/c/todo/Q/1?device=mobile"}`)
	if !strings.Contains(answer, "true") {
		t.Fatal(answer)
	}
	return sim
}

func get(h http.Handler, address string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, nil))
	return w
}

func TestInbox(t *testing.T) {
	t.Parallel()
	sim := seeyon(t)
	inbox, err := demopage.NewInbox(demopage.OA{Name: "seeyon", Title: "Seeyon", Sim: sim, Names: map[string]string{"zhangsan": "张三"}})
	if err != nil {
		t.Fatal(err)
	}
	w := get(inbox, "/inbox?lang=en")
	page := w.Body.String()
	if w.Code != http.StatusOK || !strings.Contains(page, "张三") || !strings.Contains(page, "&lt;b&gt;Quote &amp; co&lt;/b&gt;") || strings.Contains(page, "<b>Quote") {
		t.Errorf("%d %s", w.Code, page)
	}
	if csp := w.Header().Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("policy %s", csp)
	}
	if zh := get(inbox, "/inbox?lang=zh").Body.String(); !strings.Contains(zh, "待办箱") || !strings.Contains(zh, `lang="zh-CN"`) {
		t.Error("the page is not Chinese")
	}
	links := regexp.MustCompile(`href="(open\?[^"]*todo=t1[^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(links) != 2 {
		t.Fatalf("links %v", links)
	}
	seen := map[string]bool{}
	for range 2 {
		for i, l := range links {
			w := get(inbox, "/"+html.UnescapeString(l[1]))
			to, err := url.Parse(w.Header().Get("Location"))
			ticket := to.Query().Get("v5ticket")
			if w.Code != http.StatusSeeOther || err != nil || to.Host != "todo.example.com" || ticket == "" || seen[ticket] || (to.Query().Get("device") == "mobile") != (i == 1) {
				t.Errorf("%d to %s", w.Code, to)
			}
			seen[ticket] = true
		}
	}
	for address, status := range map[string]int{
		"/open?account=zhangsan&app=1&todo=none": http.StatusNotFound, "/open?account=lisi&app=1&todo=t1": http.StatusNotFound, "/open": http.StatusNotFound,
		"/inbox?account=nobody&oa=nothing": http.StatusOK,
	} {
		if w := get(inbox, address); w.Code != status {
			t.Errorf("%s: %d, want %d", address, w.Code, status)
		}
	}
	empty, err := oasim.New(oasim.Weaver, oasim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if inbox, err = demopage.NewInbox(demopage.OA{Name: "w", Title: "W", Sim: empty}); err != nil || !strings.Contains(get(inbox, "/?lang=en").Body.String(), "No todo has come yet") {
		t.Errorf("an empty OA: %v", err)
	}
}

// TestCRM logs in by a ticket, once, and shows who arrived; to nobody else it shows anything.
func TestCRM(t *testing.T) {
	t.Parallel()
	tickets := map[string]demopage.Arrival{
		"good": {Tenant: "t1", User: "1002", Target: "/todo/QuoteObj/66f?device=mobile"}, "home": {Tenant: "t1", User: "1002", Target: "/home"},
		"evil": {Tenant: "t1", User: "1002", Target: "//evil.example"}, "none": {Tenant: "t1", User: "1002", Target: "/todo/QuoteObj/none"},
	}
	crm, err := demopage.NewCRM(demopage.CRMConfig{
		At: "/crm", Titles: map[string]string{"t1": "Example Ltd"},
		Redeem: func(_ context.Context, ticket string) (demopage.Arrival, bool, error) {
			if ticket == "away" {
				return demopage.Arrival{}, false, errors.New("away")
			}
			a, ok := tickets[ticket]
			delete(tickets, ticket)
			return a, ok, nil
		},
		Name: func(_, user string) string { return "Ms " + user },
		Record: func(_, _, id string) (demopage.Record, bool) {
			return demopage.Record{Kind: "Quotation", Name: "Q-1"}, id == "66f"
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(crm)
	defer server.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser, stranger := &http.Client{Jar: jar}, &http.Client{}
	visit := func(c *http.Client, address string, status int, want ...string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+address, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Language", "en")
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var b strings.Builder
		if err := resp.Write(&b); err != nil || resp.StatusCode != status {
			t.Errorf("%s: %d, want %d", address, resp.StatusCode, status)
		}
		for _, w := range want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("%s does not say %q: %s", address, w, b.String())
			}
		}
		if strings.Contains(resp.Request.URL.String(), "ticket") && status == http.StatusOK {
			t.Errorf("the ticket stays in the address: %s", resp.Request.URL)
		}
	}
	visit(browser, "/crm/todo/QuoteObj/66f", http.StatusUnauthorized, "not logged in")
	visit(browser, "/crm/login?ticket=good&target=/home", http.StatusOK, "Ms 1002", "Quotation", "Q-1", "Example Ltd (t1)", "phones")
	visit(browser, "/crm/login?ticket=good", http.StatusForbidden)
	visit(browser, "/crm/todo/QuoteObj/66f", http.StatusOK)
	visit(browser, "/crm/login?ticket=home&target=//evil.example", http.StatusOK, "Home page")
	visit(stranger, "/crm/todo/QuoteObj/66f", http.StatusUnauthorized)
	visit(stranger, "/crm/login?ticket=evil", http.StatusForbidden)
	visit(browser, "/crm/login?ticket=none", http.StatusNotFound)
	visit(browser, "/crm/login?ticket=away", http.StatusBadGateway)
	visit(browser, "/crm/nothing", http.StatusNotFound)
	resp, err := browser.Post(server.URL+"/crm/logout", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	visit(browser, "/crm/todo/QuoteObj/66f", http.StatusUnauthorized)
}
