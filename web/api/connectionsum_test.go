package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// Sums of connections are of the tenants that one sees, and say of each health how many there are.
func TestConnectionSums(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if got := s.do(ask{method: http.MethodPut, path: "/tenants/t1/connections/oa", body: connectionFile}); got.status >= 300 {
		t.Fatalf("save: %d %s", got.status, got.body)
	}
	read := func(path, token string) (out struct {
		Connections    int
		Health         map[string]int
		Tenants, Names []string
		Worst          []struct{ Tenant, Name, HeldFor string }
	},
	) {
		t.Helper()
		got := s.do(ask{path: path, token: token})
		if got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, got.status, got.body)
		}
		if err := json.Unmarshal([]byte(got.body), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	all := read("/connections/summary", "")
	if all.Connections == 0 || all.Health["up"] != all.Connections || len(all.Health) != 6 {
		t.Fatalf("got %+v", all)
	}
	if got := s.do(ask{method: http.MethodPost, path: "/tenants/t1/connections/oa/pause"}); got.status != http.StatusOK {
		t.Fatalf("pause: %d %s", got.status, got.body)
	}
	if got := read("/connections/summary?connection=oa", ""); got.Health["paused"] == 0 || len(got.Worst) == 0 || got.Worst[0].HeldFor != "paused" {
		t.Errorf("got %+v", got)
	}
	if got := read("/connections/summary?worst=0", ""); len(got.Worst) != 0 || got.Health["paused"] == 0 {
		t.Errorf("none of the worst: got %+v", got)
	}
	if got := read("/connections/summary?tenant=t2", "all-of-t1"); got.Connections != 0 || len(got.Tenants) != 0 || got.Tenants == nil {
		t.Errorf("who sees another tenant: got %+v", got)
	}
	if got := s.do(ask{path: "/stats?most=1"}); got.status != http.StatusOK || strings.Count(got.body, `"connection":`) > 1 {
		t.Errorf("one connection of the statistics: got %d %s", got.status, got.body)
	}
}
