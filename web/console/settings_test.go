package console

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"todosync/connector"
	"todosync/web/api"
)

// bodies keeps what an API is sent.
func bodies(into *[]map[string]any, answer any) func(*http.Request) any {
	return func(r *http.Request) any {
		var b map[string]any
		_ = json.NewDecoder(r.Body).Decode(&b)
		*into = append(*into, b)
		return answer
	}
}

func TestUsersPages(t *testing.T) {
	t.Parallel()
	var sent []map[string]any
	long := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	vera := userInfo{ID: "u2", Name: "<vera>", Email: "v@x.cn", Role: "operator", Tenants: []string{"t1", "t2"}, HasPassword: true, LockedUntil: &long}
	says := map[string]any{
		"GET /users":                list[userInfo]{Items: []userInfo{vera, {ID: "u3", Name: "zoe", Role: "viewer", Disabled: true}, {ID: "u4", Name: "new", Role: "viewer"}}, Next: "more"},
		"GET /users/u2":             vera,
		"GET /users/u2/sessions":    list[login]{Items: []login{{ID: "s1", Address: "10.0.0.9", Agent: "Mozilla/5.0 (Windows NT 10.0) Firefox/130.0"}}},
		"POST /users":               bodies(&sent, userInfo{ID: "u9"}),
		"PUT /users/u2":             bodies(&sent, vera),
		"DELETE /users/u2":          &api.Problem{Status: http.StatusConflict, Detail: "this is the last admin", Hint: "make another"},
		"POST /users/u2/unlock":     struct{}{},
		"POST /users/u2/invite":     invitation{Name: "vera", Link: "/invite/a-link"},
		"POST /users/u9/invite":     invitation{Name: "li", Link: "https://todo.example.com/invite/a-link"},
		"GET /audit/log-ins":        list[refused]{Items: []refused{{Address: "10.9.9.9", Tries: 40, Waits: 2000}, {Address: "10.9.9.8", Tries: 1}, {Address: "10.9.9.9", Tries: 2}}},
		"DELETE /users/u2/sessions": struct{}{},
	}
	s := newSite(t, says)
	s.get("/settings").wants(http.StatusSeeOther)
	s.get("/settings/users").wants(http.StatusOK, "&lt;vera&gt;", "locked", "disabled", "no password yet", "cursor=more", "v@x.cn").lacks("<vera>")
	s.get("/settings/users").wants(http.StatusOK, "2043", "from 2", "10.9.9.9", `<td class="num">42</td><td class="num">2000</td>`)
	s.post("/settings/users", url.Values{"name": {"li"}, "role": {"viewer"}, "how": {"link"}, "password": {"left over"}}).wants(http.StatusOK, "https://todo.example.com/invite/a-link", "shown this once")
	if b := sent[0]; b["password"] != nil {
		t.Errorf("sent %v", b)
	}
	sent = nil
	s.post("/settings/users/u2/invite", nil).wants(http.StatusOK, "http://example.com/invite/a-link")
	s.get("/settings/users?role=admin&tenant=t1&cursor=c", true).wants(http.StatusOK, "已锁定", "回到最新")
	if got := s.asked[len(s.asked)-2]; got != "GET /users?cursor=c&limit=50&role=admin&tenant=t1" {
		t.Errorf("asked %s", got)
	}
	s.get("/settings/users/new").wants(http.StatusOK, "Make the user")
	s.post("/settings/users", url.Values{"name": {"li"}, "role": {"viewer"}, "tenants": {"t1, t2，t3"}, "how": {"password"}, "password": {"correct horse 7"}}).wants(http.StatusSeeOther)
	if b := sent[0]; b["name"] != "li" || len(b["tenants"].([]any)) != 3 || b["password"] != "correct horse 7" { //nolint:forcetypeassert // a test
		t.Errorf("sent %v", b)
	}
	s.get("/settings/users/u2").wants(http.StatusOK, "10.0.0.9", "Firefox, Windows", "Unlock", "t1, t2", "Remove", "stays in the audit")
	s.get("/settings/users/u9").wants(http.StatusNotFound)
	s.post("/settings/users/u2", url.Values{"name": {"vera"}, "role": {"viewer"}, "disabled": {"true"}}).wants(http.StatusSeeOther)
	if b := sent[1]; b["disabled"] != true || b["password"] != nil || len(b["tenants"].([]any)) != 0 { //nolint:forcetypeassert // a test
		t.Errorf("sent %v", b)
	}
	s.post("/settings/users/u2/password", url.Values{"password": {"correct horse 7"}}).wants(http.StatusSeeOther)
	if b := sent[2]; len(b) != 1 || b["password"] != "correct horse 7" {
		t.Errorf("sent %v", b)
	}
	s.post("/settings/users/u2/unlock", nil).wants(http.StatusSeeOther)
	s.post("/settings/users/u2/sessions", nil).wants(http.StatusSeeOther)
	if p := s.post("/settings/users/u2/remove", nil); !strings.Contains(p.header.Get("Set-Cookie"), "last+admin") {
		t.Errorf("the reason is lost: %v", p.header)
	}
	bad := &api.Problem{Status: 422, Detail: "password: want 10 characters", Errors: []api.ProblemDetail{{Path: "password", Message: "want 10 characters"}}}
	says["POST /users"], says["PUT /users/u2"] = bad, bad
	s.post("/settings/users", url.Values{"name": {"li wei"}, "password": {"geheim"}}).wants(422, "want 10 characters", `value="li wei"`, `aria-invalid="true"`).lacks("geheim")
	s.post("/settings/users/u2", url.Values{"name": {"changed"}}).wants(422, `value="changed"`)
	s.post("/settings/users/u2/password", url.Values{"password": {"geheim"}}).wants(422, "want 10 characters").lacks("geheim")
	says["GET /users"], says["GET /audit/log-ins"] = list[userInfo]{}, list[refused]{}
	s.get("/settings/users").wants(http.StatusOK, "No user is so")
	s.who.Role = api.Integrate
	s.get("/settings/users").wants(http.StatusForbidden, "Your role does not allow this.")
	s.get("/settings/tenants").wants(http.StatusNotFound)
}

func TestTokensPages(t *testing.T) {
	t.Parallel()
	var sent []map[string]any
	past := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	says := map[string]any{
		"GET /tokens":       list[token]{Items: []token{{ID: "k1", Name: "crm", Scopes: []string{"events:write"}, Tenants: []string{"t1"}, ExpiresAt: &past}, {ID: "k2", Name: "ops", Role: "viewer"}}},
		"POST /tokens":      bodies(&sent, token{ID: "k3", Name: "new", Token: "todosync_once"}),
		"DELETE /tokens/k1": struct{}{},
	}
	s := newSite(t, says)
	s.get("/settings/tokens").wants(http.StatusOK, "crm", "events:write", "expired", "never", "It cannot be undone")
	s.get("/settings/tokens/new", true).wants(http.StatusOK, "创建令牌")
	s.post("/settings/tokens", url.Values{"name": {"new"}, "scope": {"events:write", "import"}, "tenants": {"t1"}, "life": {"720h"}}).wants(http.StatusOK, "todosync_once", "shown this once")
	if b := sent[0]; b["expiresAt"] != "2026-12-22T05:00:00Z" || len(b["scopes"].([]any)) != 2 { //nolint:forcetypeassert // a test
		t.Errorf("sent %v", b)
	}
	s.post("/settings/tokens/k1/revoke", nil).wants(http.StatusSeeOther)
	says["POST /tokens"] = &api.Problem{Status: 422, Detail: "role: give a role", Errors: []api.ProblemDetail{{Path: "role", Message: "give a role"}}}
	s.post("/settings/tokens", url.Values{"name": {"x"}, "scope": {"import"}}).wants(422, "give a role", `value="import" checked`)
}

func TestSecretsPage(t *testing.T) {
	t.Parallel()
	var sent []map[string]any
	says := map[string]any{
		"GET /secrets": list[secret]{Items: []secret{{Tenant: "t1", Name: "oa-password", Set: true, UsedBy: []string{"hq", ofTenant}}, {Tenant: "t1", Name: "lost", UsedBy: []string{"hq"}}, {Tenant: "t2", Name: "many", Set: true}}}, "PUT /secrets": bodies(&sent, struct{}{}), "DELETE /secrets": struct{}{},
	}
	s := newSite(t, says)
	s.get("/settings/secrets?tenant=t1&name=hook").wants(http.StatusOK, "oa-password", `value="hook"`, "will fail until it is set again", `href="/connections/t1/hq"`, "It is used by: hq, the tenant&#39;s file.", "not set", "look it up")
	s.post("/settings/secrets", url.Values{"tenant": {"t1"}, "name": {"n"}, "value": {"hunter22"}}).wants(http.StatusSeeOther)
	if sent[0]["value"] != "hunter22" {
		t.Errorf("sent %v", sent)
	}
	s.post("/settings/secrets/remove", url.Values{"tenant": {"t1"}, "name": {"n"}}).wants(http.StatusSeeOther)
	if got := s.asked[len(s.asked)-1]; got != "DELETE /secrets?name=n&tenant=t1" {
		t.Errorf("asked %s", got)
	}
	says["PUT /secrets"] = &api.Problem{Status: 422, Detail: "fewer than 6 characters", Errors: []api.ProblemDetail{{Path: "value", Message: "fewer than 6 characters"}}}
	s.post("/settings/secrets", url.Values{"tenant": {"t1"}, "name": {"n"}, "value": {"abc12"}}).wants(422, "fewer than 6 characters", `value="t1"`).lacks("abc12")
	says["GET /secrets"] = list[secret]{}
	s.get("/settings/secrets", true).wants(http.StatusOK, "还没有密钥")
}

func TestTenantPages(t *testing.T) {
	t.Parallel()
	var match, body string
	says := editing()
	maps.Copy(says, map[string]any{
		"GET /tenants": list[api.TenantState]{Items: []api.TenantState{{Tenant: "t1", Title: "Example", Revision: 3, Connections: 2}, {Tenant: "t2"}}},
		"GET /tenants/t1": map[string]any{
			"tenant": "t1", "revision": 3, "savedBy": "ada", "how": "console", "file": "kind: Tenant # mine", "settings": connector.Tenant{TimeZone: "Asia/Tokyo"},
		},
		"GET /tenants/t1/revisions": list[revision]{Items: []revision{{Revision: 3, SavedBy: "ada"}}},
		"GET /connections":          list[api.ConnectionState]{Items: []api.ConnectionState{{Tenant: "t1", Name: "oa", HeldFor: "down"}}},
		"POST /tenants/t1/compare":  comparedFile{Revision: 3, Changed: []string{"notify.window"}, ComparedTexts: api.ComparedTexts{Before: "window: 10m\n", After: "window: 5m\n"}},
		"DELETE /tenants/t1":        map[string]any{"id": "j1"},
		"PUT /tenants/t1": func(r *http.Request) any {
			b := make([]byte, 1000)
			n, _ := r.Body.Read(b)
			match, body = r.Header.Get("If-Match"), string(b[:n])
			return api.SaveResult{Tenant: "t1", Changed: true, Revision: 4, Warnings: []string{"secret hook is not set"}}
		},
	})
	s := newSite(t, says)
	s.get("/settings/tenants").wants(http.StatusOK, "Example", "no settings", "/settings/tenants/t1")
	s.post("/settings/tenants", url.Values{"tenant": {"a b"}}).wants(422, "A tenant is 1 to 64")
	if p := s.post("/settings/tenants", url.Values{"tenant": {"t9"}}); p.header.Get("Location") != "/tenants/t9/edit" {
		t.Errorf("led to %v", p.header)
	}
	s.get("/tenants/t9/edit").wants(http.StatusOK, "this is a proposal", "kind: Tenant", `tenant: &#34;t9&#34;`, `name="revision" value="0"`)
	s.get("/settings/tenants/t1").wants(http.StatusOK, "Asia/Tokyo", "/tenants/t1/edit", "/tenants/t1/revisions/3", "down", "/settings/tenants/t1/erase")
	s.get("/tenants/t1/edit").wants(http.StatusOK, "kind: Tenant # mine", `name="revision" value="3"`, `data-kind="tenant"`, "Failure digests").lacks(`id="preview"`, "data-catalogue")
	form := url.Values{"tenant": {"t1"}, "content": {"kind: Tenant"}, "revision": {"3"}, "do": {"review"}}
	s.post("/connections/edit", form).wants(http.StatusOK, "Save the settings of tenant t1?", "<del>10m</del>", "Digests go the new way")
	form.Set("do", "save")
	p := s.post("/connections/edit", form)
	p.wants(http.StatusSeeOther)
	if match != `"3"` || body != "kind: Tenant" || !strings.Contains(p.header.Get("Set-Cookie"), "hook") || p.header.Get("Location") != "/tenants/t1/edit" {
		t.Errorf("If-Match %s, body %q, %v", match, body, p.header)
	}
	says["PUT /tenants/t1"] = &api.Problem{Status: 422, Detail: "the settings have mistakes"}
	form.Set("content", "wrong: text")
	s.post("/connections/edit", form).wants(422, "wrong: text", "the settings have mistakes", "#F298: no such field")
	says["PUT /tenants/t1"] = &api.Problem{Status: 412, Detail: "changed"}
	form.Set("content", "kind: Tenant # his")
	form.Set("revision", "2")
	s.post("/connections/edit", form).wants(412, "Somebody saved this meanwhile", "kind: Tenant # his", `name="overwrite" value="3"`, `href="/tenants/t1/edit"`)

	s.post("/settings/tenants/t1/erase", url.Values{"confirm": {"t2"}}).wants(422, "Nothing was erased")
	if p := s.post("/settings/tenants/t1/erase", url.Values{"confirm": {"t1"}}); p.header.Get("Location") != "/jobs/j1" {
		t.Errorf("erasing led to %v", p.header)
	}
	s.who.Role = api.Integrate
	s.get("/settings/tenants/t1").wants(http.StatusOK).lacks("erase")
	s.post("/settings/tenants/t1/erase", url.Values{"confirm": {"t1"}}).wants(http.StatusForbidden)
	s.who.Tenants = []string{"t1"}
	s.get("/settings/tenants/t2").wants(http.StatusNotFound)
	s.get("/tenants/t2/edit").wants(http.StatusNotFound)
	s.who.Role = api.View
	s.get("/settings/tenants").wants(http.StatusForbidden)
	s.get("/tenants/t1/edit").wants(http.StatusForbidden)
}

func TestChannelsPage(t *testing.T) {
	t.Parallel()
	tenant := connector.Tenant{Notify: connector.NotifySettings{Channels: []connector.NotifyChannel{
		{Type: connector.ChannelEmail, To: connector.Texts{"ops@example.com"}, Severity: connector.SeverityError},
		{Type: connector.ChannelWebhook, Address: "https://chat.example.com/${secret:hook}", Quiet: &connector.QuietHours{From: "22:00", To: "07:00"}},
	}}}
	says := map[string]any{
		"GET /tenants":                list[api.TenantState]{Items: []api.TenantState{{Tenant: "t1"}, {Tenant: "t2"}}},
		"GET /tenants/t1":             map[string]any{"settings": tenant},
		"GET /tenants/t2":             map[string]any{"settings": nil},
		"POST /digests/test":          api.ChannelTest{Channel: "email", Sent: true, TookMs: 7},
		"GET /tenants/t1/webhook-key": map[string]string{"tenant": "t1", "key": "k-e-y"},
	}
	s := newSite(t, says)
	s.get("/settings/channels").wants(http.StatusOK, "ops@example.com", "errors and worse", "${secret:hook}", "22:00–07:00", "CRM", "10 min", "Show the webhook key")
	test := url.Values{"tenant": {"t1"}, "channel": {"email"}}
	if p := s.post("/settings/channels/test", test); !strings.Contains(p.header.Get("Set-Cookie"), "%2Bemail+has+taken") {
		t.Errorf("told %v", p.header)
	}
	says["POST /digests/test"] = api.ChannelTest{Channel: "email", Error: "no such host"}
	if p := s.post("/settings/channels/test", test); !strings.Contains(p.header.Get("Set-Cookie"), "%21email+did+not+take") {
		t.Errorf("told %v", p.header)
	}
	s.post("/settings/channels/key", url.Values{"tenant": {"t1"}}).wants(http.StatusOK, "k-e-y")
	s.who.Role = api.Integrate
	s.get("/settings/channels").wants(http.StatusOK).lacks("Show the webhook key")
	s.post("/settings/channels/key", url.Values{"tenant": {"t1"}}).wants(http.StatusForbidden)
}

func TestAuditPage(t *testing.T) {
	t.Parallel()
	says := map[string]any{"GET /audit": list[deed]{Items: []deed{{Who: "a&b", What: "user created", Target: "vera"}}, Next: "n"}}
	s := newSite(t, says)
	s.get("/settings/audit?who=ada&what=user&from=2026-11-22T04:00&cursor=c").wants(http.StatusOK, "user created", "vera", "a&amp;b", "cursor=n")
	if got := s.asked[0]; got != "GET /audit?cursor=c&from=2026-11-22T04%3A00%3A00Z&limit=50&what=user&who=ada" {
		t.Errorf("asked %s", got)
	}
	s.get("/settings/audit?from=soon").wants(http.StatusOK, "This is no time.")
	s.get("/settings/audit", true).wants(http.StatusOK, "创建用户")
	says["GET /audit"] = list[deed]{}
	s.get("/settings/audit").wants(http.StatusOK, "Nobody did that")
}

func TestAccountPage(t *testing.T) {
	t.Parallel()
	var sent []map[string]any
	says := map[string]any{
		"GET /me":             map[string]any{"user": userInfo{ID: "u1", Name: "vera", Role: "viewer", Language: "zh", HasPassword: true, Tenants: []string{"t1"}}},
		"GET /me/sessions":    list[login]{Items: []login{{ID: "s1", Current: true}, {ID: "s2", Address: "10.0.0.9"}}},
		"PUT /me":             bodies(&sent, struct{}{}),
		"PUT /me/password":    bodies(&sent, struct{}{}),
		"DELETE /me/sessions": struct{}{},
	}
	s := newSite(t, says)
	s.who.Role = api.View
	s.get("/account").wants(http.StatusOK, "this browser", "10.0.0.9", `value="s2"`, "viewer · tenants t1").lacks(`value="s1"`)
	p := s.post("/account", url.Values{"language": {"en"}, "email": {"v@x.cn"}})
	p.wants(http.StatusSeeOther)
	if c := p.setCookie(languageCookie); c == nil || c.Value != "en" || sent[0]["email"] != "v@x.cn" {
		t.Errorf("cookie %+v, sent %v", c, sent)
	}
	s.post("/account/password", url.Values{"old": {"a"}, "password": {"correct horse 7"}, "again": {"correct horse 8"}}).wants(422, "not the same password")
	p = s.post("/account/password", url.Values{"old": {"a"}, "password": {"correct horse 7"}, "again": {"correct horse 7"}})
	p.wants(http.StatusSeeOther)
	if c := p.setCookie(sessionCookie); c == nil || c.Value != "new-token" || sent[1]["old"] != "a" || s.door().asked[0].Session != "s" {
		t.Errorf("no new session: %+v, sent %v", c, sent)
	}
	s.post("/account/sessions", url.Values{"session": {"s2"}}).wants(http.StatusSeeOther)
	if got := s.asked[len(s.asked)-1]; got != "DELETE /me/sessions?session=s2" {
		t.Errorf("asked %s", got)
	}
	before := len(s.asked)
	s.post("/account/sessions", nil).wants(http.StatusSeeOther)
	if len(s.asked) != before {
		t.Error("an empty session ends all")
	}
	says["PUT /me/password"] = &api.Problem{Status: 422, Detail: "it is not the password that you have now", Errors: []api.ProblemDetail{{Path: "old", Message: "it is not the password that you have now"}}}
	s.post("/account/password", url.Values{"old": {"a"}, "password": {"correct horse 7"}, "again": {"correct horse 7"}}).wants(422, "not the password that you have now")
}

// The list of secrets goes on page by page.
func TestSecretsArePaged(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]any{"GET /secrets": list[secret]{Items: []secret{{Tenant: "t1", Name: "a", Set: true}}, Next: "more"}})
	s.get("/settings/secrets").wants(http.StatusOK, "cursor=more")
	s.get("/settings/secrets?cursor=more")
	if got := s.asked[len(s.asked)-1]; !strings.Contains(got, "cursor=more") || len(s.asked) != 2 {
		t.Errorf("asked %v", s.asked)
	}
}

// What is set is cleared, and nothing else is offered to be; what a new user may do is said in words.
func TestAuditSaysWhatAUserMayDo(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]any{"GET /audit": list[deed]{Items: []deed{
		{What: "user created", Detail: "admin []"}, {What: "user created", Detail: `viewer ["t1","t2"] of https://id.example.com`},
	}}})
	s.get("/settings/audit").wants(http.StatusOK, "admin of all tenants", "viewer of t1, t2, from https://id.example.com").lacks(">Clear<")
	s.get("/settings/audit?who=ada", true).wants(http.StatusOK, "管理员，全部租户", ">清除<")
}

// A stream, and what a page asks for by itself, is no use of the session.
func TestUnattendedPagesDoNotUseTheSession(t *testing.T) {
	t.Parallel()
	s := newSite(t, overviewSays())
	door, _ := s.console.Door.(*porch)
	s.get("/")
	if door.still != 0 {
		t.Fatal("a page that its reader has opened is no use of his session")
	}
	for i, head := range [][2]string{{unattended, "1"}, {"Accept", eventStream}} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set(head[0], head[1])
		s.ask(r).wants(http.StatusOK)
		if door.still != i+1 {
			t.Errorf("%v counts as use of the session", head)
		}
	}
}
