package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPages fetches a list of three pages, one of them empty as a search that ran out of time gives it.
func TestPages(t *testing.T) {
	t.Parallel()
	pages := map[string]string{
		"":  `{"items":[1,2],"next":"b"}`,
		"b": `{"items":[],"next":"c"}`,
		"c": `{"items":[3],"next":""}`,
	}
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		fmt.Fprint(w, pages[r.URL.Query().Get("cursor")])
	}))
	defer s.Close()
	c := &cli{lang: english}
	a, err := c.connect(&server{address: s.URL, data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	q := url.Values{"tenant": {"t1"}}
	all, err := a.pages(t.Context(), path("records"), q, &paging{limit: 50, all: true})
	if err != nil || len(all) != 3 || len(q) != 1 {
		t.Errorf("got %s, %v; the query is now %v", all, err, q)
	}
	if want := "cursor=c&limit=1000&tenant=t1"; len(asked) != 3 || asked[2] != want {
		t.Errorf("asked %q, the last should be %s", asked, want)
	}
	first, err := a.pages(t.Context(), path("records"), q, &paging{limit: 2})
	if err != nil || len(first) != 2 || !strings.Contains(c.more, "--cursor b") {
		t.Errorf("got %s, %v, and then %q", first, err, c.more)
	}
}

// TestPageAgain asks a server whose list never ends.
func TestPageAgain(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"items":[1],"next":"b"}`) }))
	defer s.Close()
	a, err := (&cli{lang: english}).connect(&server{address: s.URL, data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.pages(t.Context(), path("records"), url.Values{}, &paging{limit: 50, all: true}); err == nil || !strings.Contains(err.Error(), "again and again") {
		t.Errorf("got %v", err)
	}
}

// TestPageForBrowsers asks what stands in front of a server, or is none: its pages are no export, no stream and no list.
func TestPageForBrowsers(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!DOCTYPE html><p>Log in") }))
	t.Cleanup(s.Close)
	for _, args := range [][]string{{"export"}, {"records", "export"}, {"records", "tail"}, {"records", "list"}, {"bindings", "export", "--tenant", "t", "--connection", "c"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			var out, errs strings.Builder
			c := &cli{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, lookup: func(string) (string, bool) { return "", false }, now: time.Now}
			code := c.run(t.Context(), append(args, "--server", s.URL, "--data-dir", t.TempDir()))
			if code != exitFailed || out.String() != "" || !strings.Contains(errs.String(), "page for browsers") {
				t.Errorf("got %d, %q, %q", code, out.String(), errs.String())
			}
		})
	}
}

// TestNothingApplied asks a server that is not there to apply: there is no list of what became of it.
func TestNothingApplied(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	name := filepath.Join(t.TempDir(), "t.yaml")
	write(t, name, "apiVersion: todosync/v1\nkind: Tenant\ntenant: t1\n")
	var out, errs strings.Builder
	c := &cli{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, lookup: func(string) (string, bool) { return "", false }, now: time.Now}
	if code := c.run(t.Context(), []string{"apply", "-f", name, "--server", s.URL, "--data-dir", t.TempDir()}); code != exitFailed || out.String() != "" {
		t.Errorf("got %d, %q, %q", code, out.String(), errs.String())
	}
}

// TestNoSuchHelp asks for help about, and a completion for, what there is not.
func TestNoSuchHelp(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		"help nope": exitUsage, "help records nope": exitUsage, "completion zz": exitUsage, "help": exitDone, "help records list": exitDone, "completion": exitDone, "completion fish": exitDone,
	} {
		var out, errs strings.Builder
		c := &cli{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, lookup: func(string) (string, bool) { return "", false }, now: time.Now}
		code := c.run(t.Context(), strings.Fields(line))
		if code != want || (code == exitDone) != (out.String() != "") {
			t.Errorf("%s: got %d, %.80q, %q", line, code, out.String(), errs.String())
		}
	}
}

// TestNoList asks somebody for a list who is no todosync server.
func TestNoList(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"status":"ok"}`) }))
	defer s.Close()
	var errs strings.Builder
	c := &cli{lang: english, stderr: &errs}
	a, err := c.connect(&server{address: s.URL, data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.pages(t.Context(), path("records"), url.Values{}, &paging{limit: 50})
	if code := c.tell(err); code != exitFailed || !strings.Contains(errs.String(), "Is that address a todosync server?") {
		t.Errorf("exit %d, told %s", code, errs.String())
	}
}

// TestProblemOnce checks that a server's refusal is told once where its detail is that of its only error, and ends a list as wrong usage.
func TestProblemOnce(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"status":422,"title":"x","detail":"class: \"foo\" is unknown","errors":[{"path":"class","message":"\"foo\" is unknown"}]}`)
	}))
	defer s.Close()
	var errs strings.Builder
	c := &cli{lang: english, stderr: &errs}
	a, err := c.connect(&server{address: s.URL, data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.pages(t.Context(), path("records"), url.Values{}, &paging{limit: 50})
	if code := c.tell(err); code != exitUsage || errs.String() != "todosync: class: \"foo\" is unknown\n" {
		t.Errorf("exit %d, told %s", code, errs.String())
	}
}

// TestToken checks that the token of the data folder goes to this machine only.
func TestToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, adminTokenFile), "from-the-folder\n")
	tests := map[string]struct{ server, token, want string }{
		"this machine":       {"http://127.0.0.1:8080", "", "from-the-folder"},
		"by name":            {"http://localhost:8080", "", "from-the-folder"},
		"IPv6":               {"http://[::1]:8080", "", "from-the-folder"},
		"another machine":    {"http://10.0.0.1:8080", "", ""},
		"a name that begins": {"http://localhost.example.com", "", ""},
		"given":              {"https://oa.example.com", "mine", "mine"},
		"given wins":         {"http://127.0.0.1:8080", "mine", "mine"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &cli{lang: english}
			a, err := c.connect(&server{address: tt.server, token: tt.token, data: dir})
			if err != nil || a.token != tt.want {
				t.Errorf("the token is %q, %v; want %q", a.token, err, tt.want)
			}
		})
	}
}

// TestProblem checks how a refusal of the server reads.
func TestProblem(t *testing.T) {
	t.Parallel()
	c := &cli{lang: english}
	a := &client{cli: c, base: "http://x"}
	answer := func(status int, v any) error {
		rec := httptest.NewRecorder()
		rec.WriteHeader(status)
		if err := json.NewEncoder(rec).Encode(v); err != nil {
			t.Fatal(err)
		}
		return a.problem(rec.Result())
	}
	err := answer(422, map[string]any{"status": 422, "title": "Unprocessable Entity", "detail": "the settings have mistakes", "errors": []any{
		map[string]any{"path": "tenant", "message": "is missing", "file": "a.yaml", "line": 3, "column": 1},
		map[string]any{"path": "name", "message": "is too long"},
	}})
	if want := "the settings have mistakes\na.yaml:3:1: tenant: is missing\n  name: is too long"; err.Error() != want {
		t.Errorf("got\n%s\nwant\n%s", err, want)
	}
	if err := answer(502, "<html>"); !strings.Contains(err.Error(), "http://x answered 502 Bad Gateway") {
		t.Errorf("an answer that is no problem reads %q", err)
	}
}

func TestSave(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "out.csv")
	c := &cli{stdout: os.Stdout, stderr: &lines{}, lang: english}
	if err := c.save(name, strings.NewReader("a,b\n")); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(name); err != nil || string(b) != "a,b\n" {
		t.Errorf("the file holds %q, %v", b, err)
	}
	if err := c.save(filepath.Join(name, "nowhere"), strings.NewReader("x")); err == nil {
		t.Error("a folder that is none is no error")
	}
}
