package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestEveryRoute goes through /openapi.json, so that no route can be forgotten: nobody and a stranger's token get 401, a tenant's path gets
// who sees another tenant 404, and a parameter or body that makes no sense gets a problem that says what is wrong.
func TestEveryRoute(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var doc struct {
		Paths map[string]map[string]struct {
			Security    []map[string][]string
			RequestBody *struct {
				Content map[string]any
			}
		}
	}
	if err := json.Unmarshal([]byte(s.do(ask{path: "root:/openapi.json", token: "-"}).body), &doc); err != nil {
		t.Fatal(err)
	}
	open := []string{"get /healthz", "get /readyz"}
	routes := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			routes++
			t.Run(method+path, func(t *testing.T) {
				t.Parallel()
				s := s.on(t)
				at := func(tenant, query string) string {
					p := strings.NewReplacer("{tenant}", tenant, "{name}", "oa", "{revision}", "1", "{id}", "x", "{todo}", "x").Replace(path)
					return "root:" + p + query
				}
				if slices.Contains(open, method+" "+path) {
					if len(op.Security) > 0 {
						t.Error("it is described as closed, and is open")
					}
					return
				}
				if len(op.Security) == 0 {
					t.Fatal("it is open, and this test does not know why")
				}
				for who, token := range map[string]string{"nobody": "-", "a stranger": "todosync_nobody-has-this"} {
					if got := s.do(ask{method: strings.ToUpper(method), path: at("t1", ""), token: token}); got.status != http.StatusUnauthorized || !strings.Contains(got.body, `"hint"`) {
						t.Errorf("%s: want 401 and what to do, got %d %s", who, got.status, got.body)
					}
				}
				if strings.Contains(path, "{tenant}") {
					got := s.do(ask{method: strings.ToUpper(method), path: at("t2", ""), token: "all-of-t1"})
					if got.status != http.StatusNotFound {
						t.Errorf("who sees another tenant: want 404, got %d %s", got.status, got.body)
					}
				}
				got := s.do(ask{method: strings.ToUpper(method), path: at("t1", "?nonsense=1")})
				if got.status != http.StatusUnprocessableEntity && got.status != http.StatusBadRequest || !strings.Contains(got.body, "nonsense") {
					t.Errorf("an unknown parameter: want it named, got %d %s", got.status, got.body)
				}
				if op.RequestBody == nil {
					return
				}
				got = s.do(ask{method: strings.ToUpper(method), path: at("t1", ""), body: "{\"\x00"})
				var p struct{ Detail, Title string }
				if err := json.Unmarshal([]byte(got.body), &p); err != nil || got.status < 400 || got.status >= 500 || p.Detail == "" || p.Title == "" {
					t.Errorf("a body that is none: want a problem, got %d %s", got.status, got.body)
				}
			})
		}
	}
	if routes < 60 {
		t.Errorf("only %d routes are described", routes)
	}
}
