package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"todosync/connector"
	"todosync/web/api"
)

type revision struct {
	Revision           int64
	SavedBy, How       string
	SavedAt            string
	Source, Settings   map[string]any
	Changed            []string
	Kind, Tenant, Name string
	With               int64
	Diff               string
}

// saveThrice gives a connection three revisions.
func saveThrice(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	second := strings.Replace(connectionFile, `"title":"#F055",`, `"title":"#F055","note":"<b>",`, 1)
	third := strings.Replace(second, "headers: {X-Key:", "title: 三号\nheaders: {X-Other: other, X-Key:", 1)
	for _, body := range []string{connectionFile, second, third} {
		if got := s.do(ask{method: "PUT", path: "/tenants/t1/connections/oa", body: body}); got.status != http.StatusOK {
			t.Fatalf("got %d %s", got.status, got.body)
		}
	}
	return s
}

// Each save is there with who, when, how and what it changed.
func TestRevisions(t *testing.T) {
	t.Parallel()
	s := saveThrice(t)
	const path = "/tenants/t1/connections/oa/revisions"
	want := [][]string{{"headers.X-Other", "title"}, {"scenes.create.body"}, {}}
	for _, query := range []string{"", "?limit=2"} { // what the last of a page changed is told by the page after it
		all := decode[connector.Page[revision]](s, s.do(ask{path: path + query, token: viewerToken})).Items
		for i, r := range all {
			if r.Revision != int64(3-i) || !slices.Equal(r.Changed, want[i]) || r.Changed == nil || r.SavedBy != "admin-token" || r.How != "api" ||
				r.SavedAt != "2026-01-01T19:04:05.006Z" {
				t.Errorf("%s %d: %+v", query, i, r)
			}
		}
	}
	r := decode[revision](s, s.do(ask{path: path + "/2", token: viewerToken}))
	if r.Revision != 2 || r.Kind != "Connection" || r.Tenant != "t1" || r.Name != "oa" || r.Source["title"] != nil || r.Source["enabled"] != nil ||
		r.Settings["enabled"] != true || !slices.Equal(r.Changed, want[1]) {
		t.Errorf("got %+v", r)
	}
	for _, missing := range []string{"/9", "/0", "/-1", "/9/diff", "/2/diff?with=9"} {
		s.problem(s.do(ask{path: path + missing}), http.StatusNotFound)
	}
	s.problem(s.do(ask{path: path + "/x"}), http.StatusUnprocessableEntity)
	s.problem(s.do(ask{path: path + "/2/diff?with=0"}), http.StatusUnprocessableEntity)
	s.problem(s.do(ask{path: "/tenants/t1/connections/none/revisions/1"}), http.StatusNotFound)
}

// A difference reads as the files do.
func TestDiff(t *testing.T) {
	t.Parallel()
	s := saveThrice(t)
	const path = "/tenants/t1/connections/oa/revisions"
	d := decode[revision](s, s.do(ask{path: path + "/3/diff"}))
	for _, line := range []string{"--- revision 2\n+++ revision 3\n@@ ", "\n+title: 三号\n", "\n+  X-Other: other\n", "\n   X-Key: ${secret:key-of-oa}\n"} {
		if !strings.Contains(d.Diff, line) {
			t.Errorf("want %q in\n%s", line, d.Diff)
		}
	}
	if d.Revision != 3 || d.With != 2 || !slices.Equal(d.Changed, []string{"headers.X-Other", "title"}) {
		t.Errorf("got %+v", d)
	}
	if d := decode[revision](s, s.do(ask{path: path + "/1/diff?with=3"})); d.With != 3 || len(d.Changed) != 3 || !strings.Contains(d.Diff, "\n-title: 三号\n") {
		t.Errorf("backwards: %+v", d)
	}
	if d := decode[revision](s, s.do(ask{path: path + "/1/diff"})); d.With != 0 || !strings.HasPrefix(d.Diff, "--- /dev/null\n+++ revision 1\n") || d.Changed == nil {
		t.Errorf("the first: %+v", d)
	}
	if d := decode[revision](s, s.do(ask{path: path + "/2/diff?with=2"})); d.Diff != "" || len(d.Changed) != 0 {
		t.Errorf("with itself: %+v", d)
	}

	// The one before may be gone; a new release's preset may be all that differs.
	k := connector.ConnectionKey{Tenant: "t1", Name: "oa"}
	s.b.history[k] = slices.Delete(s.b.history[k], 1, 2)
	if d := decode[revision](s, s.do(ask{path: path + "/3/diff"})); d.With != 1 {
		t.Errorf("compared with revision %d, want 1: 2 is gone", d.With)
	}
	same := s.b.history[k][1]
	same.Revision, same.Settings = 4, []byte(strings.Replace(string(same.Settings), `"enabled":true`, `"enabled":false`, 1))
	s.b.history[k] = append(s.b.history[k], same)
	d = decode[revision](s, s.do(ask{path: path + "/4/diff"}))
	if !slices.Equal(d.Changed, []string{"enabled"}) || !strings.Contains(d.Diff, "revision 4 with the preset's values") || !strings.Contains(d.Diff, "\n+enabled: false\n") {
		t.Errorf("the settings alone: %+v", d)
	}
}

// A restore is a save like any other, of what was.
func TestRestore(t *testing.T) {
	t.Parallel()
	s := saveThrice(t)
	k := connector.ConnectionKey{Tenant: "t1", Name: "oa"}
	const path = "/tenants/t1/connections/oa/revisions"
	restore := func(n, match, token string) answer {
		return s.do(ask{method: "POST", path: path + "/" + n + "/restore", token: token, header: map[string]string{"If-Match": match}})
	}
	// The preset's values are those of then, whatever this release has.
	old := s.b.history[k][0].Settings
	old = []byte(strings.Replace(string(old), `"timeZone":"Asia/Shanghai"`, `"timeZone":"Asia/Urumqi"`, 1))
	s.b.history[k][0].Settings = old
	got := restore("1", `"3"`, "")
	if r := decode[api.SaveResult](s, got); r.Revision != 4 || !r.Changed || got.header.Get("ETag") != `"4"` {
		t.Errorf("got %+v, %s", r, got.header.Get("ETag"))
	}
	now := s.b.saved[k]
	if string(now.Source) != string(s.b.history[k][0].Source) || string(now.Settings) != string(old) || !strings.Contains(string(old), "Urumqi") {
		t.Errorf("restored %s\n%s", now.Source, now.Settings)
	}
	if by := s.b.saves[3]; by.How != "api" || by.Who != "admin-token" || by.Restores != 1 || by.IfMatch != 3 {
		t.Errorf("saved by %+v", by)
	}
	s.problem(restore("2", `"3"`, ""), http.StatusPreconditionFailed)
	s.problem(restore("2", "", viewerToken), http.StatusForbidden)
	s.problem(restore("9", "", ""), http.StatusNotFound)
	if s.b.saved[k].Revision != 4 {
		t.Errorf("a refused restore made revision %d", s.b.saved[k].Revision)
	}

	// What is not right any more is refused with what is wrong.
	s.b.history[k][1].Source = []byte(strings.Replace(string(s.b.history[k][1].Source), "#F201", "#F299", 1))
	p := s.problem(restore("2", "", ""), http.StatusUnprocessableEntity)
	if len(p.Errors) == 0 || p.Errors[0].File != "revision 2" || p.Errors[0].Line == 0 || !strings.Contains(p.Errors[0].Message, "F299") {
		t.Errorf("got %+v", p)
	}

	// A tenant's settings, too.
	for _, title := range []string{"one", "two"} {
		s.do(ask{method: "PUT", path: "/tenants/t1", body: "apiVersion: todosync/v1\nkind: Tenant\ntenant: t1\ntitle: " + title + "\n"})
	}
	if d := decode[revision](s, s.do(ask{path: "/tenants/t1/revisions/2/diff"})); !strings.Contains(d.Diff, "\n-title: one\n+title: two\n") {
		t.Errorf("got %+v", d)
	}
	if r := decode[api.SaveResult](s, s.do(ask{method: "POST", path: "/tenants/t1/revisions/1/restore"})); r.Revision != 3 || r.Kind != "Tenant" {
		t.Errorf("got %+v", r)
	}
	if all := decode[connector.Page[revision]](s, s.do(ask{path: "/tenants/t1/revisions"})).Items; len(all) != 3 || !slices.Equal(all[0].Changed, []string{"title"}) {
		t.Errorf("got %+v", all)
	}
	if r := decode[revision](s, s.do(ask{path: "/tenants/t1/revisions/2"})); r.Kind != "Tenant" || r.Source["title"] != "two" {
		t.Errorf("got %+v", r)
	}
}
