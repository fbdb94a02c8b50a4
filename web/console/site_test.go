package console

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"todosync/web/api"
)

// A site is a console before an API that says what a test tells it to say.
type site struct {
	t       *testing.T
	console *Console
	who     *api.Principal // whose session the cookie "s" is

	// says answers what pages ask, by method and path below api.Prefix: a value to be written as JSON, an *api.Problem, or a
	// func(*http.Request) any. What is not there is not found.
	says  map[string]any
	raw   map[string]string // answers that are no JSON, byte for byte
	asked []string          // method, path and query of what pages asked, in order
}

func newSite(t *testing.T, says map[string]any) *site {
	t.Helper()
	s := &site{t: t, says: says, who: &api.Principal{Name: "ada", Role: api.Admin}}
	c, err := New(Config{API: s, Door: &porch{site: s}, Client: func(*http.Request) string { return "127.0.0.1" }, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC) }})
	if err != nil {
		t.Fatal(err)
	}
	s.console = c
	return s
}

// ServeHTTP is the API.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.EscapedPath(), api.Prefix)
	ask := r.Method + " " + path
	if r.URL.RawQuery != "" {
		s.asked = append(s.asked, ask+"?"+r.URL.RawQuery)
	} else {
		s.asked = append(s.asked, ask)
	}
	if text, is := s.raw[ask]; is {
		_, _ = w.Write([]byte(text))
		return
	}
	said, ok := s.says[ask]
	if f, is := said.(func(*http.Request) any); is {
		said = f(r)
	}
	if !ok {
		said = &api.Problem{Status: http.StatusNotFound, Detail: "the test says nothing about " + ask}
	}
	if p, is := said.(*api.Problem); is {
		w.WriteHeader(p.Status)
	}
	_ = json.NewEncoder(w).Encode(said)
}

// A shown is a page as a browser got it.
type shown struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

// get opens a page with a session; zh: as somebody who reads Chinese.
func (s *site) get(path string, zh ...bool) *shown {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Language", "en")
	if len(zh) > 0 && zh[0] {
		r.Header.Set("Accept-Language", "zh-CN")
	}
	return s.ask(r)
}

// post sends a form with a session.
func (s *site) post(path string, form url.Values) *shown {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept-Language", "en")
	return s.ask(r)
}

func (s *site) ask(r *http.Request) *shown {
	s.t.Helper()
	r.AddCookie(&http.Cookie{Name: sessionCookie, Value: "s"})
	w := httptest.NewRecorder()
	s.console.ServeHTTP(w, r)
	p := &shown{t: s.t, status: w.Code, header: w.Header(), body: w.Body.String()}
	if strings.HasPrefix(p.header.Get("Content-Type"), "text/html") {
		p.sound()
	}
	return p
}

// sound looks for what no page may have: styles and scripts that the content security policy stops, addresses of other hosts, controls
// without a name.
func (p *shown) sound() {
	p.t.Helper()
	doc, err := html.Parse(strings.NewReader(p.body))
	if err != nil {
		p.t.Fatal(err)
	}
	labelled := map[string]bool{}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "label" {
			labelled[attribute(n, "for")] = true
		}
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		for _, a := range n.Attr {
			switch {
			case a.Key == "style", strings.HasPrefix(a.Key, "on"), strings.HasPrefix(a.Key, "hx-on"):
				p.t.Errorf("<%s %s=%q>: the content security policy stops it", n.Data, a.Key, a.Val)
			case (a.Key == "src" || a.Key == "action") && !strings.HasPrefix(a.Val, "/") && a.Val != "":
				p.t.Errorf("<%s %s=%q> leads elsewhere", n.Data, a.Key, a.Val)
			}
		}
		switch n.Data {
		case "script":
			if attribute(n, "src") == "" && attribute(n, "type") != "application/json" {
				p.t.Error("a script stands in the page")
			}
		case "style":
			if attribute(n, "nonce") == "" {
				p.t.Error("a style without a nonce stands in the page")
			}
		case "input", "select", "textarea":
			kind := attribute(n, "type")
			if kind != "hidden" && kind != "submit" && !labelled[attribute(n, "id")] && attribute(n, "aria-label") == "" && !within(n, "label") {
				p.t.Errorf("<%s name=%q> has no label", n.Data, attribute(n, "name"))
			}
		case "img":
			if !has(n, "alt") {
				p.t.Errorf("<img src=%q> has no alt", attribute(n, "src"))
			}
		}
	}
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

func within(n *html.Node, tag string) bool {
	for a := range n.Ancestors() {
		if a.Type == html.ElementNode && a.Data == tag {
			return true
		}
	}
	return false
}

// wants fails unless the page has the status and all of the texts.
func (p *shown) wants(status int, texts ...string) *shown {
	p.t.Helper()
	if p.status != status {
		p.t.Errorf("want status %d, got %d:\n%.2000s", status, p.status, p.body)
	}
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			p.t.Errorf("%q is not on the page:\n%.4000s", text, p.body)
		}
	}
	return p
}

// lacks fails if the page has one of the texts.
func (p *shown) lacks(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		if strings.Contains(p.body, text) {
			p.t.Errorf("%q is on the page", text)
		}
	}
}
