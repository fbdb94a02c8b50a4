package console

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"todosync/connector"
	"todosync/notify"
	"todosync/web/api"
)

func digestSays() map[string]any {
	at := time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	d := notify.Kept{ClosedAt: at, Channels: []notify.Outcome{
		{Channel: "ops", Type: connector.ChannelWebhook, State: notify.ParcelFailed, Tries: 9, Error: "status <500>"}, {Channel: "crm", Type: connector.ChannelCRM, State: notify.ParcelSent, Sent: &at},
	}}
	d.ID, d.Tenant, d.Title, d.Text, d.Severity = "D1", "t1", "2 todos failed", "the text", connector.SeverityError
	d.Window, d.Counts = notify.Window{From: at.Add(-time.Hour), To: at}, notify.Counts{"business": 2}
	d.Groups = []notify.Group{{Kind: notify.Failed, Connection: "oa", Scene: connector.SceneCreate, Class: "business", Count: 2, Recovered: 1, Messages: []notify.Message{{Code: "1001", Text: "no such <user>", Count: 2}}, Advice: "Bind him."}}
	d.Examples = []notify.Example{{Kind: notify.Failed, Record: "R1", Title: "报销单"}, {Kind: notify.Rejected, Record: "J1", Message: "no title"}}
	d.OAs = []notify.Outage{{Kind: notify.Down, Connection: "plant", Since: at, Message: "refused"}}
	d.Waiting = []notify.Waiting{{Connection: "plant", Count: 7, Since: at, Reason: "down"}}
	return map[string]any{
		"GET /tenants":            list[api.TenantState]{Items: []api.TenantState{{Tenant: "t1"}, {Tenant: "t2"}}},
		"GET /digests":            list[notify.Kept]{Items: []notify.Kept{d}, Next: "older"},
		"GET /digests/D1":         d,
		"GET /tenants/t1":         map[string]any{"settings": connector.Tenant{Notify: connector.NotifySettings{Channels: []connector.NotifyChannel{{Name: "ops", Type: connector.ChannelWebhook, Severity: connector.SeverityError}}}}},
		"POST /digests/D1/resend": d,
		"POST /digests/test":      api.ChannelTest{Channel: "ops", Sent: true, TookMs: 12},
	}
}

// A digest stands in a frame as a mail shows it: with no style but those of its own rules, and nothing that it could do.
func TestDigestAsMail(t *testing.T) {
	t.Parallel()
	s := newSite(t, digestSays())
	p := s.get("/digests/D1").wants(200, `<iframe`, `src="/digests/D1/mail"`)
	if !strings.Contains(p.header.Get("Content-Security-Policy"), "frame-src 'self'") {
		t.Error("the page may not show it")
	}
	p = s.get("/digests/D1/mail").wants(200, "no such &lt;user&gt;", `data-s="0"`, `[data-s="0"]{`, `<base target="_top">`)
	p.lacks(` style="`, "<script")
	policy := p.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "style-src 'nonce-", "sandbox ", "frame-ancestors 'self'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("%q is not in %q", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "allow-scripts") {
		t.Error(policy)
	}
	s.get("/digests/none/mail").wants(404)
}

func TestDigests(t *testing.T) {
	t.Parallel()
	says := digestSays()
	s := newSite(t, says)
	s.get("/digests").wants(200, "2 todos failed", "ops: given up", "crm: sent", "cursor=older").lacks("Send a sample")
	s.get("/digests?tenant=t1").wants(200, "Channels of t1", "Send a sample", "from error")
	s.get("/digests?tenant=t2").wants(200, "Nobody is told")
	s.get("/digests/D1").wants(200, "2 × refused by the OA", "1 recovered since", "no such &lt;user&gt;", "Bind him.", "/records/R1", "/rejected/J1", "status &lt;500&gt;", "the text",
		"/records?class=business&amp;connection=oa&amp;scene=create&amp;state=failed&amp;tenant=t1", "the OA was down", "OA is down", "Send this digest again?")
	s.get("/digests/D1", true).wants(200, "失败原因", "已放弃", "重新发送")
	s.get("/digests/none").wants(404)
	if p := s.post("/digests/D1/resend", url.Values{"channel": {"ops"}}); p.status != 303 || p.header.Get("Location") != "/digests/D1" {
		t.Errorf("%d %v", p.status, p.header)
	}
	if p := s.post("/digests/test", url.Values{"tenant": {"t1"}, "channel": {"ops"}}); p.status != 303 || p.header.Get("Location") != "/digests?tenant=t1" {
		t.Errorf("%d %v", p.status, p.header)
	}
	if !slices.Contains(s.asked, "POST /digests/test") || !slices.Contains(s.asked, "POST /digests/D1/resend") {
		t.Errorf("asked %v", s.asked)
	}
	s.who = &api.Principal{Name: "vera", Role: api.View}
	s.get("/digests?tenant=t1").wants(200).lacks("Send a sample")
	s.get("/digests/D1").wants(200).lacks("Send again")
	s.post("/digests/D1/resend", nil).wants(403)
	says["GET /digests"] = list[notify.Kept]{}
	s.get("/digests").wants(200, "No digest yet")
}

func TestSignOns(t *testing.T) {
	t.Parallel()
	says := map[string]any{
		"GET /tenants": list[api.TenantState]{Items: []api.TenantState{{Tenant: "t1"}}},
		"GET /sign-ons": list[signOn]{Items: []signOn{
			{Number: "ABC", Tenant: "t1", Connection: "oa", Vendor: "seeyon", Account: "eve <x>", Outcome: "no_binding", Why: "nobody is bound", SkewMs: -90_000, Address: "10.0.0.1"},
		}},
	}
	s := newSite(t, says)
	s.get("/sign-ons?outcome=no_binding&account=eve").wants(200, "eve &lt;x&gt;", "account not bound", "/sign-ons/ABC", "Clear")
	if !slices.Contains(s.asked, "GET /sign-ons?account=eve&limit=50&outcome=no_binding") {
		t.Errorf("asked %v", s.asked)
	}
	s.get("/sign-ons/ABC").wants(200, "Bind him.", "/bindings?account=eve", "1 min", "ahead of ours", "10.0.0.1")
	s.get("/sign-ons/ABC", true).wants(200, "账号未绑定", "快于本机")
	for _, o := range signOnOutcomes() {
		v := &visit{}
		if v.SignOnAdvice(o) == "" || v.SignOnName(o) == o {
			t.Errorf("%s has no words", o)
		}
	}
	says["GET /sign-ons"] = list[signOn]{}
	s.get("/sign-ons").wants(200, "Nobody has signed on yet")
	s.get("/sign-ons?number=X").wants(200, "Nothing fits the filters")
	s.get("/sign-ons/X").wants(404, "no sign-on with the number X")
	s.who = &api.Principal{Name: "vera", Role: api.View}
	s.get("/sign-ons").wants(403)
}

func TestDocs(t *testing.T) {
	t.Parallel()
	spec := map[string]any{
		"info": map[string]any{"version": "1.2"},
		"paths": map[string]any{
			"/api/v1/records": map[string]any{"get": map[string]any{
				"operationId": "listRecords", "summary": "Sync records <all>", "tags": []string{"records"},
				"parameters": []any{map[string]any{"name": "limit", "in": "query", "schema": map[string]any{"type": "integer", "minimum": 1, "maximum": 1000}}},
				"responses":  map[string]any{"200": map[string]any{"content": map[string]any{"application/json": map[string]any{"schema": map[string]any{"$ref": "#/components/schemas/List"}}}}},
			}},
			"/api/v1/events": map[string]any{"post": map[string]any{
				"operationId": "postEvent", "tags": []string{"events"}, "requestBody": map[string]any{"content": map[string]any{"application/json": map[string]any{"schema": map[string]any{"type": "object"}}}},
			}},
		},
		"components": map[string]any{"schemas": map[string]any{
			"List":   map[string]any{"required": []string{"items"}, "properties": map[string]any{"items": map[string]any{"type": []string{"array", "null"}, "items": map[string]any{"$ref": "#/components/schemas/Record"}}}},
			"Record": map[string]any{"properties": map[string]any{"state": map[string]any{"type": "string", "enum": []string{"held"}}}},
			"Unused": map[string]any{},
		}},
	}
	s := newSite(t, map[string]any{"GET /openapi.json": spec})
	s.get("/docs").wants(200, "Version 1.2", "/api/v1/records", "Sync records &lt;all&gt;", "from 1; to 1000", `href="#schema-List"`, `id="schema-Record"`, "Record[]", "one of held",
		"curl -X POST", "http://example.com/api/v1/events").lacks("schema-Unused")
	s.get("/docs?q=RECORDS+limit").wants(200, "/api/v1/records").lacks("/api/v1/events")
	s.get("/docs?q=nothing", true).wants(200, "没有找到")
	s.who = nil // without a session it is read all the same
	s.get("/docs").wants(200, "/api/v1/records", "wide-alone").lacks(`id="nav"`)
}
