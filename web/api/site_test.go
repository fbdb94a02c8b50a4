package api_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"todosync/web/api"
)

// A site is an API behind a real server.
type site struct {
	t   *testing.T
	b   *backend
	srv *httptest.Server
	log *strings.Builder
}

func newSite(t *testing.T) *site {
	t.Helper()
	b := newBackend()
	var log strings.Builder
	a, err := api.New(api.Config{
		Auth: tokens{api.AdminToken(adminToken), b}, Now: b.now, Version: "test", Log: slog.New(slog.NewTextHandler(&lockedWriter{w: &log}, nil)),
		Records: b, ByHand: b, Events: b, Publisher: b, Settings: b, Connections: b, Bindings: b, Importer: b, Rejects: b, Digests: &b.digests, Secrets: b, Tokens: b, Users: &b.users, SignOns: b, Stats: b,
		Health: func(context.Context) []api.Part { return b.parts },
		Try:    b.try, Recent: b.recent,
	})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = api.NewServer(a, a)
	srv.Start()
	t.Cleanup(srv.Close)
	return &site{t: t, b: b, srv: srv, log: &log}
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// on is the same site for a subtest.
func (s *site) on(t *testing.T) *site {
	c := *s
	c.t = t
	return &c
}

// An ask is one request; token is the admin's unless it says otherwise, none for "-".
type ask struct {
	method, path, body, token string
	header                    map[string]string
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (s *site) do(a ask) answer {
	s.t.Helper()
	method := a.method
	if method == "" {
		method = http.MethodGet
	}
	path := api.Prefix + a.path
	if rest, ok := strings.CutPrefix(a.path, "root:"); ok {
		path = rest
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.srv.URL+path, strings.NewReader(a.body))
	if err != nil {
		s.t.Fatal(err)
	}
	switch a.token {
	case "":
		req.Header.Set("Authorization", "Bearer "+adminToken)
	case "-":
	default:
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	for name, v := range a.header {
		req.Header.Set(name, v)
	}
	res, err := s.srv.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{status: res.StatusCode, header: res.Header, body: string(b)}
}

// problem checks that an answer is an RFC 9457 problem of the status.
func (s *site) problem(a answer, status int) api.Problem {
	s.t.Helper()
	var p api.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		s.t.Fatalf("want a problem, got %d %s", a.status, a.body)
	}
	if a.status != status || p.Status != status || p.Title != http.StatusText(status) || p.Type != "about:blank" || p.Detail == "" ||
		a.header.Get("Content-Type") != "application/problem+json" {
		s.t.Fatalf("want a problem of status %d, got %d %s %s", status, a.status, a.header.Get("Content-Type"), a.body)
	}
	return p
}

// decode reads the JSON of an answer that must be well.
func decode[T any](s *site, a answer) T {
	s.t.Helper()
	var v T
	if a.status/100 != 2 {
		s.t.Fatalf("want 2xx, got %d %s", a.status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		s.t.Fatalf("%v in %s", err, a.body)
	}
	return v
}
