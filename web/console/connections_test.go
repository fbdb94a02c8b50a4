package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"todosync/connector"
	"todosync/web/api"
)

func states() map[string]any {
	since := time.Date(2026, 11, 22, 4, 30, 0, 0, time.UTC)
	return map[string]any{
		"GET /tenants": map[string]any{"items": []api.TenantState{{Tenant: "t1", Title: "Example <Ltd>"}}},
		"GET /connections": map[string]any{"items": []api.ConnectionState{
			{Tenant: "t1", Name: "oa", Title: "总部 OA", Preset: "seeyon", HeldFor: "down", HeldSince: &since, Message: "dial: <refused>", Waiting: 12, Failed: 3, Revision: 2, SavedBy: "lin", SavedHow: "console"},
			{Tenant: "t1", Name: "plant", Paused: true, HeldFor: "paused", Revision: 1},
		}, "next": "n2"},
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	s := newSite(t, states())
	p := s.get("/connections?tenant=t1&health=down&q=oa")
	p.wants(http.StatusOK, "总部 OA", "for 30 min", "dial: &lt;refused&gt;", "/records?connection=oa&amp;state=failed&amp;tenant=t1", `href="/connections/t1/oa/edit"`,
		`action="/connections/t1/oa/pause"`, `action="/connections/t1/plant/resume"`, "Nothing more is sent to this OA", "cursor=n2")
	if !slices.Contains(s.asked, "GET /connections?health=down&limit=50&q=oa&tenant=t1") {
		t.Errorf("the filters did not reach the API: %v", s.asked)
	}
	s.get("/connections", true).wants(http.StatusOK, "OA 不可达", "已暂停", "新建连接")
	s.who = &api.Principal{Name: "vera", Role: api.View}
	s.get("/connections").wants(http.StatusOK, "总部 OA").lacks("/pause", "/resume", "/edit", "New connection")
}

func TestNoConnections(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]any{"GET /tenants": map[string]any{}, "GET /connections": map[string]any{"items": []any{}}})
	s.get("/connections").wants(http.StatusOK, "No connection yet", "/connections/new", "todosync apply")
	s.get("/connections?q=x").wants(http.StatusOK, "None is like that")
}

func TestAConnection(t *testing.T) {
	t.Parallel()
	says := states()
	says["GET /tenants/t1/connections/oa"] = map[string]any{
		"revision": 2, "savedBy": "lin", "file": "name: oa\n",
		"settings": map[string]any{"tenant": "t1", "name": "oa", "protocol": "rest", "scenes": map[string]any{"create": map[string]any{"enabled": true, "method": "POST", "address": "${base}/x"}, "done": map[string]any{"enabled": false, "address": "nowhere"}}},
	}
	says["GET /tenants/t1/connections/oa/revisions"] = map[string]any{"items": []revision{{Revision: 2, SavedBy: "lin", How: "console", Changed: []string{"scenes.create.body"}}}}
	says["GET /records"] = map[string]any{"items": []any{}}
	says["GET /stats"] = stats{Series: seriesOf{Totals: api.Numbers{States: map[connector.State]int64{connector.Succeeded: 1234}, P50: 80, P99: 900}}}
	says["POST /edit"] = checked{Valid: true, Secrets: []namedSecret{{"t1", "seeyon-user", false}, {"t1", "seeyon-password", true}}}
	s := newSite(t, says)
	s.get("/connections/t1/oa").wants(http.StatusOK, "The OA does not answer", "1,234 deliveries", "900 ms", "${base}/x", "/sign-ons?", "scenes.create.body",
		`name="secret" value="seeyon-user"`, "Cancel the 12 deliveries", "Backfill this connection?").lacks("nowhere", `value="seeyon-password"`)
	s.who = &api.Principal{Name: "ingo", Role: api.Integrate}
	s.get("/connections/t1/oa").wants(http.StatusOK, "todosync secret set seeyon-user --tenant t1").lacks(`type="password"`)
	s.who = &api.Principal{Name: "vera", Role: api.View}
	s.get("/connections/t1/oa").wants(http.StatusOK, "The OA does not answer").lacks("seeyon-user", "/sign-ons?", "/delete", "/pause", "/edit")
	says["GET /connections"] = map[string]any{"items": []any{}}
	s.get("/connections/t1/other", true).wants(http.StatusNotFound, "没有连接 t1/other")
}

func TestWhatIsDoneToAConnection(t *testing.T) {
	t.Parallel()
	says := states()
	done := func(*http.Request) any { return map[string]any{"id": "j1", "changed": true, "revision": 4} }
	var query, match string
	for _, route := range []string{"pause", "resume", "backfill", "revisions/2/restore"} {
		says["POST /tenants/t1/connections/oa/"+route] = func(r *http.Request) any {
			match = r.Header.Get("If-Match")
			return done(r)
		}
	}
	says["DELETE /tenants/t1/connections/oa"] = func(r *http.Request) any {
		query = r.URL.RawQuery
		return done(r)
	}
	s := newSite(t, says)
	for path, to := range map[string]string{
		"pause": "/connections/t1/oa", "resume": "/connections/t1/oa", "backfill": "/connections/t1/oa", "delete": "/connections", "revisions/2/restore": "/connections/t1/oa/revisions",
	} {
		p := s.post("/connections/t1/oa/"+path, url.Values{"withdraw": {"true"}, "newest": {"3"}})
		p.wants(http.StatusSeeOther)
		if got := p.header.Get("Location"); got != to && !strings.HasPrefix(got, "/jobs/") {
			t.Errorf("%s leads to %s, not to %s", path, got, to)
		}
		if path == "revisions/2/restore" && match != `"3"` {
			t.Errorf("a restore must not take the place of what somebody saved meanwhile: If-Match %q", match)
		}
	}
	if query != "withdraw=true" {
		t.Errorf("the delete was asked for with %q", query)
	}
	if p := s.post("/connections/t1/oa/pause", url.Values{"next": {"https://evil.example"}}); p.header.Get("Location") != "/" {
		t.Errorf("it leads to %s", p.header.Get("Location"))
	}
	s.who = &api.Principal{Name: "vera", Role: api.View}
	for _, path := range []string{"pause", "resume", "backfill", "delete", "revisions/2/restore", "secrets"} {
		s.post("/connections/t1/oa/"+path, nil).wants(http.StatusForbidden)
	}
}

func TestRevisions(t *testing.T) {
	t.Parallel()
	for path, page := range map[string]string{"/tenants/t1/connections/oa/revisions": "/connections/t1/oa/revisions", "/tenants/t1/revisions": "/tenants/t1/revisions"} {
		s := newSite(t, map[string]any{
			"GET " + path: map[string]any{"items": []revision{
				{Revision: 3, SavedBy: "lin", How: "console", Changed: []string{"title"}}, {Revision: 1, SavedBy: "admin-token", How: "apply"},
			}},
			"GET " + path + "/1":      revision{Revision: 1, SavedBy: "admin-token", How: "apply", File: "title: <old>\n"},
			"GET " + path + "/1/diff": map[string]any{"with": 3, "changed": []string{"title"}, "before": "title: new\n", "after": "title: <old>\n"},
		})
		s.get(page).wants(http.StatusOK, "in use", page+"/3?with=1", "title")
		s.get(page+"/1?with=3").wants(http.StatusOK, `title: <del>new</del>`, `title: <ins>&lt;old&gt;</ins>`, `action="`+page+`/1/restore"`, `name="newest" value="3"`)
		if !slices.Contains(s.asked, "GET "+path+"/1/diff?with=3") {
			t.Errorf("asked: %v", s.asked)
		}
		s.who = &api.Principal{Name: "vera", Role: api.View}
		s.get(page+"/1").wants(http.StatusOK, "title").lacks("/restore")
	}
}
