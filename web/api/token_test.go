package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"todosync/web/api"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, c := range map[string]struct {
		body, token string
		status      int
		part        string
	}{
		"no name":           {`{"role":"viewer"}`, "", http.StatusUnprocessableEntity, "name"},
		"no right":          {`{"name":"x"}`, "", http.StatusUnprocessableEntity, "role"},
		"a role":            {`{"name":"x","role":"owner"}`, "", http.StatusUnprocessableEntity, "role"},
		"a scope":           {`{"name":"x","scopes":["events:wrote"]}`, "", http.StatusUnprocessableEntity, "events:write"},
		"two in one":        {`{"name":"x","scopes":["import,events:write"]}`, "", http.StatusUnprocessableEntity, "one scope an item"},
		"past":              {`{"name":"x","role":"viewer","expiresAt":"2001-01-01T00:00:00Z"}`, "", http.StatusUnprocessableEntity, "past"},
		"no time":           {`{"name":"x","role":"viewer","expiresAt":"soon"}`, "", http.StatusUnprocessableEntity, "expiresAt"},
		"another tenant":    {`{"name":"x","role":"viewer","tenants":["t2"]}`, "all-of-t1", http.StatusNotFound, "t2"},
		"not a tenant":      {`{"name":"x","role":"viewer","tenants":["a b"]}`, "", http.StatusUnprocessableEntity, "tenants"},
		"a viewer asks":     {`{"name":"x","role":"viewer"}`, viewerToken, http.StatusForbidden, "right"},
		"a stranger asks":   {`{"name":"x","role":"viewer"}`, "nobody's", http.StatusUnauthorized, "token"},
		"an unknown member": {`{"name":"x","role":"viewer","tenant":"t1"}`, "", http.StatusUnprocessableEntity, "tenant"},
	} {
		if got := s.do(ask{method: "POST", path: "/tokens", body: c.body, token: c.token}); got.status != c.status || !strings.Contains(got.body, c.part) {
			t.Errorf("%s: want %d with %q, got %d %s", name, c.status, c.part, got.status, got.body)
		}
	}
	made := s.do(ask{method: "POST", path: "/tokens", body: `{"name":" crm ","scopes":["events:write"],"expiresAt":"2999-01-01T00:00:00Z"}`})
	if made.status != http.StatusCreated || !strings.Contains(made.body, `"token":"todosync_secret-of-token-1"`) {
		t.Errorf("made: %d %s", made.status, made.body)
	}
	// Who sees one tenant makes tokens for it alone.
	s.do(ask{method: "POST", path: "/tokens", body: `{"name":"own","role":"admin"}`, token: "all-of-t1"})
	if diff := cmp.Diff([]string{"t1"}, s.b.tokens[1].Tenants); diff != "" {
		t.Error(diff)
	}
	whole, own := s.do(ask{path: "/tokens"}), s.do(ask{path: "/tokens", token: "all-of-t1"})
	if !strings.Contains(whole.body, "token-1") || strings.Contains(whole.body, "secret-of") {
		t.Errorf("all tokens: %s", whole.body)
	}
	if strings.Contains(own.body, "token-1") || !strings.Contains(own.body, "token-2") {
		t.Errorf("tokens of t1: %s", own.body)
	}
	if got := s.do(ask{method: "DELETE", path: "/tokens/token-1", token: "all-of-t1"}); got.status != http.StatusNotFound {
		t.Errorf("another's token is revoked: %d", got.status)
	}
	if got := s.do(ask{method: "DELETE", path: "/tokens/token-1"}); got.status != http.StatusNoContent {
		t.Errorf("revoked: %d %s", got.status, got.body)
	}
}

func TestAudit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if got := s.do(ask{path: "/audit?what=secret&who=vera,tom"}); got.status != http.StatusOK || !strings.Contains(got.body, `"what":"secret set"`) {
		t.Errorf("audit: %d %s", got.status, got.body)
	}
	if got := s.do(ask{path: "/audit/log-ins"}); got.status != http.StatusOK || !strings.Contains(got.body, `"address":"10.0.0.7","tries":12,"waits":30`) {
		t.Errorf("failed log-ins: %d %s", got.status, got.body)
	}
	if got := s.do(ask{path: "/audit/log-ins", token: "all-of-t1"}); got.status != http.StatusOK || strings.Contains(got.body, "10.0.0.7") {
		t.Errorf("failed log-ins, to an admin of some tenants: %d %s", got.status, got.body)
	}
	if got := s.do(ask{path: "/audit?tenant=t2", token: "all-of-t1"}); got.body == "" || strings.Contains(got.body, "secret set") {
		t.Errorf("another tenant's audit: %s", got.body)
	}
	s.do(ask{path: "/audit", token: "all-of-t1"})
	want := []api.AuditFilter{{Who: []string{"vera", "tom"}, What: []string{"secret"}}, {Tenants: []string{"t1"}}}
	if diff := cmp.Diff(want, s.b.audit); diff != "" {
		t.Error(diff)
	}
	for path, status := range map[string]int{"/audit?from=soon": http.StatusUnprocessableEntity, "/audit?limit=0": http.StatusUnprocessableEntity} {
		if got := s.do(ask{path: path}); got.status != status {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := s.do(ask{path: "/audit", token: viewerToken}); got.status != http.StatusForbidden {
		t.Errorf("a viewer reads the audit: %d", got.status)
	}
}
