package api_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"todosync/web/api"
)

// The metrics name tenants: without an open door only a token that is good for all of them sees any.
func TestMetrics(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		open   bool
		token  string
		status int
	}{
		"open":               {open: true, status: http.StatusOK},
		"nobody can tell":    {token: "database-away", status: http.StatusServiceUnavailable},
		"closed":             {status: http.StatusUnauthorized},
		"not a token":        {token: "nobody's", status: http.StatusUnauthorized},
		"admin":              {token: adminToken, status: http.StatusOK},
		"of one tenant":      {token: viewerToken, status: http.StatusForbidden},
		"of events, no more": {token: writerToken, status: http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend()
			a, err := api.New(api.Config{
				Auth: tokens{AdminToken: api.AdminToken(adminToken)}, Version: "test", Log: slog.New(slog.DiscardHandler),
				Records: b, ByHand: b, Events: b, Publisher: b, Settings: b, Connections: b, Bindings: b, Importer: b, Rejects: b, Digests: &b.digests, Secrets: b, Tokens: b, Users: &b.users, SignOns: b, Stats: b,
				Health:      func(context.Context) []api.Part { return nil },
				MetricsOpen: c.open,
				Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					_, _ = io.WriteString(w, "todosync_up 1\n")
				}),
			})
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			if c.token != "" {
				r.Header.Set("Authorization", "Bearer "+c.token)
			}
			w := httptest.NewRecorder()
			a.ServeHTTP(w, r)
			if shown := w.Body.String() == "todosync_up 1\n"; w.Code != c.status || shown != (c.status == http.StatusOK) {
				t.Errorf("want %d, got %d %s", c.status, w.Code, w.Body)
			}
			if c.status != http.StatusOK && w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("want a problem, got %s", w.Header())
			}
		})
	}
}
