package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"todosync/connector"
	"todosync/internal/identity"
)

// personToken is that of vera as she is logged in.
const personToken = "person-vera"

func withUsers(t *testing.T) *site {
	s := newSite(t)
	s.b.users.all = []identity.User{
		{ID: "u1", Name: "root", Role: identity.Admin, HasPassword: true},
		{ID: "u2", Name: "vera", Role: identity.Viewer, Tenants: []string{"t1"}},
		{ID: "u3", Name: "zoe", Role: identity.Operator, Tenants: []string{"t1", "t2"}},
	}
	return s
}

func TestUsers(t *testing.T) {
	t.Parallel()
	s := withUsers(t)
	const no = http.StatusNotFound
	for name, c := range map[string]struct {
		method, path, body, token string
		status                    int
		part                      string
	}{
		"a stranger lists":         {"GET", "/users", "", "nobody's", 401, "token"},
		"a viewer lists":           {"GET", "/users", "", viewerToken, 403, "right"},
		"a stranger creates":       {"POST", "/users", `{"name":"x","role":"viewer"}`, "nobody's", 401, "token"},
		"a viewer creates":         {"POST", "/users", `{"name":"x","role":"viewer"}`, viewerToken, 403, "right"},
		"a viewer reads":           {"GET", "/users/u2", "", viewerToken, 403, "right"},
		"a stranger reads":         {"GET", "/users/u2", "", "nobody's", 401, "token"},
		"a viewer changes":         {"PUT", "/users/u2", `{"role":"admin"}`, viewerToken, 403, "right"},
		"a stranger changes":       {"PUT", "/users/u2", `{"role":"admin"}`, "nobody's", 401, "token"},
		"a viewer removes":         {"DELETE", "/users/u2", "", viewerToken, 403, "right"},
		"a stranger removes":       {"DELETE", "/users/u2", "", "nobody's", 401, "token"},
		"a viewer unlocks":         {"POST", "/users/u2/unlock", "", viewerToken, 403, "right"},
		"a stranger unlocks":       {"POST", "/users/u2/unlock", "", "nobody's", 401, "token"},
		"a viewer reads sessions":  {"GET", "/users/u2/sessions", "", viewerToken, 403, "right"},
		"a stranger's sessions":    {"GET", "/users/u2/sessions", "", "nobody's", 401, "token"},
		"a viewer ends sessions":   {"DELETE", "/users/u2/sessions", "", viewerToken, 403, "right"},
		"a stranger ends sessions": {"DELETE", "/users/u2/sessions", "", "nobody's", 401, "token"},
		"another's user":           {"GET", "/users/u3", "", "all-of-t1", no, "u3"},
		"change another's user":    {"PUT", "/users/u3", `{"disabled":true}`, "all-of-t1", no, "u3"},
		"remove another's user":    {"DELETE", "/users/root", "", "all-of-t1", no, "root"},
		"unlock another's user":    {"POST", "/users/u3/unlock", "", "all-of-t1", no, "u3"},
		"another's sessions":       {"GET", "/users/u3/sessions", "", "all-of-t1", no, "u3"},
		"end another's sessions":   {"DELETE", "/users/u3/sessions", "", "all-of-t1", no, "u3"},
		"no name":                  {"POST", "/users", `{"role":"viewer"}`, "", 422, "name"},
		"no role":                  {"POST", "/users", `{"name":"x"}`, "", 422, "role"},
		"a role":                   {"POST", "/users", `{"name":"x","role":"veiwer"}`, "", 422, "did you mean viewer"},
		"two roles":                {"POST", "/users", `{"name":"x","role":"viewer,admin"}`, "", 422, "one role"},
		"empty password":           {"PUT", "/users/u2", `{"password":""}`, "", 422, "password"},
		"half a subject":           {"PUT", "/users/u2", `{"subject":"7"}`, "", 422, "issuer"},
		"an unknown member":        {"PUT", "/users/u2", `{"roles":"viewer"}`, "", 422, "roles"},
		"broken":                   {"PUT", "/users/u2", `{"role":`, "", 400, ""},
		"wrong kind":               {"PUT", "/users/u2", `{"tenants":"t1"}`, "", 422, "tenants"},
		"a wrong role as a filter": {"GET", "/users?role=boss", "", "", 422, "role"},
		"nobody":                   {"GET", "/users/u9", "", "", no, "u9"},
		"no such session":          {"DELETE", "/users/u2/sessions?session=s9", "", "", no, "s9"},
		"one":                      {"GET", "/users/vera", "", "all-of-t1", 200, `"id":"u2"`},
		"sessions":                 {"GET", "/users/u2/sessions", "", "", 200, `"address":"10.0.0.1"`},
		"end a session":            {"DELETE", "/users/u2/sessions?session=s1", "", "", 204, ""},
		"unlock":                   {"POST", "/users/vera/unlock", "", "", 204, ""},
		"remove":                   {"DELETE", "/users/vera", "", "", 204, ""},
	} {
		if got := s.do(ask{method: c.method, path: c.path, body: c.body, token: c.token}); got.status != c.status || !strings.Contains(got.body, c.part) {
			t.Errorf("%s: want %d with %q, got %d %s", name, c.status, c.part, got.status, got.body)
		} else if c.status >= 400 {
			s.problem(got, c.status)
		}
	}
	whole, own, none := s.do(ask{path: "/users"}), s.do(ask{path: "/users?tenant=t1,t2", token: "all-of-t1"}), s.do(ask{path: "/users?tenant=t2", token: "all-of-t1"})
	if strings.Count(whole.body, `"id"`) != 3 || strings.Count(own.body, `"id"`) != 1 || !strings.Contains(own.body, "vera") || strings.Contains(none.body, `"id"`) {
		t.Errorf("all %s\nof t1 %s\nof t2 %s", whole.body, own.body, none.body)
	}
	made := s.do(ask{method: "POST", path: "/users", body: `{"name":"li.wei","role":"operator","tenants":["t1"],"password":"correct horse 7","language":"zh"}`, token: "all-of-t1"})
	if made.status != http.StatusCreated || !strings.Contains(made.body, `"hasPassword":true`) || strings.Contains(made.body, "horse") {
		t.Errorf("made: %d %s", made.status, made.body)
	}
	role, password := identity.Operator, "correct horse 7"
	want := identity.Change{Name: new("li.wei"), Role: &role, Tenants: &[]string{"t1"}, Password: &password, Language: new(connector.Chinese)}
	if diff := cmp.Diff(want, s.b.users.changes[len(s.b.users.changes)-1]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(identity.By{Who: "tom", Tenants: []string{"t1"}}, s.b.users.bys[len(s.b.users.bys)-1]); diff != "" {
		t.Error(diff)
	}
	s.b.users.refuse = &connector.Error{Kind: connector.Conflict, Msg: "the last admin", Hint: "make another"}
	for method, body := range map[string]string{"PUT": `{"disabled":true}`, "DELETE": ""} {
		if p := s.problem(s.do(ask{method: method, path: "/users/u1", body: body}), http.StatusConflict); p.Hint != "make another" {
			t.Errorf("%s: %+v", method, p)
		}
	}
}

// TestMe lets everybody who is known know who he is, and people look after their own account.
func TestMe(t *testing.T) {
	t.Parallel()
	s := withUsers(t)
	for name, c := range map[string]struct {
		method, path, body, token string
		status                    int
		part                      string
	}{
		"a stranger":             {"GET", "/me", "", "nobody's", 401, "token"},
		"a stranger's change":    {"PUT", "/me", `{}`, "nobody's", 401, "token"},
		"a stranger's password":  {"PUT", "/me/password", `{"old":"x","password":"y"}`, "nobody's", 401, "token"},
		"a stranger's sessions":  {"GET", "/me/sessions", "", "nobody's", 401, "token"},
		"a stranger's log-out":   {"DELETE", "/me/sessions", "", "nobody's", 401, "token"},
		"a token of scopes":      {"GET", "/me", "", writerToken, 200, `"scopes":["events:write"],"tenants":["t1"]`},
		"the admin's":            {"GET", "/me", "", "", 200, `"role":"admin"`},
		"a token's language":     {"PUT", "/me", `{"language":"zh"}`, "", 403, "not a person"},
		"a token's password":     {"PUT", "/me/password", `{"old":"x","password":"y"}`, "", 403, "not a person"},
		"a token's sessions":     {"GET", "/me/sessions", "", "", 403, "not a person"},
		"a token's log-out":      {"DELETE", "/me/sessions", "", "", 403, "not a person"},
		"a person":               {"GET", "/me", "", personToken, 200, `"user":{"id":"u2"`},
		"her sessions":           {"GET", "/me/sessions", "", personToken, 200, `"current":true`},
		"her language":           {"PUT", "/me", `{"language":"zh"}`, personToken, 200, `"name":"vera"`},
		"more rights":            {"PUT", "/me", `{"role":"admin"}`, personToken, 422, "role"},
		"another password":       {"PUT", "/me/password", `{"old":"old password","password":"new password"}`, personToken, 204, ""},
		"guesses":                {"PUT", "/me/password", `{"old":"x","password":"new password"}`, personToken, 429, "30s"},
		"without the old":        {"PUT", "/me/password", `{"password":"new password"}`, personToken, 422, "old"},
		"her log-out":            {"DELETE", "/me/sessions?session=s1", "", personToken, 204, ""},
		"another's session":      {"DELETE", "/me/sessions?session=s7", "", personToken, 404, "s7"},
		"other users are secret": {"GET", "/users/u1", "", personToken, 403, "right"},
	} {
		if got := s.do(ask{method: c.method, path: c.path, body: c.body, token: c.token}); got.status != c.status || !strings.Contains(got.body, c.part) {
			t.Errorf("%s: want %d with %q, got %d %s", name, c.status, c.part, got.status, got.body)
		}
	}
	for _, by := range s.b.users.bys {
		if by.Who != "vera" && by.Who != "10.0.0.1" {
			t.Errorf("changed by %q", by.Who)
		}
	}
	for _, c := range s.b.users.changes {
		if c.Role != nil || c.Tenants != nil || c.Disabled != nil || c.Password != nil {
			t.Errorf("she changed %+v", c)
		}
	}
}

// TestMaskedBodies shows viewers no bodies where the tenant says so, and everybody else all.
func TestMaskedBodies(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.b.records = []connector.Record{{ID: "r1", Tenant: "t1", Attempts: []connector.RecordAttempt{{
		Number: 1, Request: connector.SentRequest{Method: "POST", Address: "http://oa/x", Body: "private-todo"}, Response: connector.ReceivedAnswer{Status: 200, Body: "private-answer"},
		Named: connector.SentRequest{Method: "POST", Address: "http://oa/x", Body: "private-todo"},
	}}}}
	s.b.rejects = []connector.RejectedEvent{{ID: "x1", Tenant: "t1", Payload: "private-event", Base64: "private64"}}
	shows := func(token string, want bool) {
		t.Helper()
		for _, path := range []string{"/records/r1", "/records/r1/curl", "/rejected/x1"} {
			got := s.do(ask{path: path, token: token})
			if got.status != http.StatusOK || strings.Contains(got.body, "private") != want {
				t.Errorf("%s as %s: want bodies %v, got %d %s", path, token, want, got.status, got.body)
			}
		}
	}
	shows(viewerToken, true)
	s.do(ask{method: "PUT", path: "/tenants/t1", body: "apiVersion: todosync/v1\nkind: Tenant\ntenant: t1\nmaskBodies: true\n"})
	shows(viewerToken, false)
	shows("all-of-t1", true)
}
