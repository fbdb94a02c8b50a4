package console

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"todosync/connector"
	"todosync/retry"
	"todosync/web/api"
)

const recordID = "01KAMSHV5Q0000000000000001"

func aRecord() connector.Record {
	at := time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	return connector.Record{
		ID: recordID, Tenant: "t1", Connection: "oa", Scene: connector.SceneCreate, State: connector.Failed, Class: retry.Business, Code: "E<7>",
		Message: "人员不存在 <script>alert(1)</script>", Todo: "T/7", Title: "报销 <b>单</b>", Receiver: "1002", OAAccount: "li", EventID: "e 1", Revision: 3, Tries: 2,
		CreatedAt: at, UpdatedAt: at.Add(time.Minute),
		Attempts: []connector.RecordAttempt{
			{Number: 1, StartedAt: at, DurationMs: 12, Class: retry.Timeout, Request: connector.SentRequest{Method: "POST", Address: "http://oa/x"}},
			{
				Number: 2, StartedAt: at.Add(time.Second), DurationMs: 1200, Class: retry.Business, Code: "E<7>", Message: "人员不存在",
				Request:  connector.SentRequest{Method: "POST", Address: "http://oa/x?key=***", Body: `{"a":{"b":"</pre><script>"}}`, Headers: []retry.Header{{Name: "X-A", Value: "1"}}},
				Response: connector.ReceivedAnswer{Status: 200, Body: "<r><c>7</c></r>"},
			},
		},
	}
}

func page[T any](items ...T) map[string]any { return map[string]any{"items": items, "next": ""} }

func recordSite(t *testing.T) *site {
	t.Helper()
	r := aRecord()
	brief := r
	brief.Attempts = nil
	return newSite(t, map[string]any{
		"GET /records":                       page(brief),
		"GET /rejected":                      page[connector.RejectedEvent](),
		"GET /connections":                   page(api.ConnectionState{Tenant: "t1", Name: "oa", Revision: 4}),
		"GET /records/" + recordID:           r,
		"GET /records/" + recordID + "/curl": page(api.CurlView{Number: 2, Command: "curl -X 'POST' 'it'\\''s'"}),
		"GET /events": page(connector.EventStory{
			ID: "e 1", Tenant: "t1", Kind: connector.KindTodo, Action: connector.ActionCreate, Duplicates: 2,
			Connections: []connector.ConnectionStory{{Connection: "oa", Outcome: connector.OutcomePlanned, Deliveries: []string{recordID}}},
		}),
	})
}

func TestRecordsPage(t *testing.T) {
	t.Parallel()
	s := recordSite(t)
	p := s.get("/records?state=failed&tenant=t1&from=2026-11-22T10:00&q=报销&unknown=1")
	p.wants(http.StatusOK, "报销 &lt;b&gt;单&lt;/b&gt;", "人员不存在 &lt;script&gt;", "/records/"+recordID, "refused by the OA", `name="scope"`, "All that match", `<details class="fold">`, `<span class="fold-count">(4)</span>`, "scope=all&amp;state=failed")
	if want := "GET /records?from=2026-11-22T10%3A00%3A00Z&limit=50&q=%E6%8A%A5%E9%94%80&state=failed&tenant=t1"; !slices.Contains(s.asked, want) {
		t.Errorf("want %s among %v", want, s.asked)
	}
	s.get("/records", true).wants(http.StatusOK, "同步记录", "OA 拒绝").lacks("refused by")
	s.who.Role = api.View
	s.get("/records?state=failed").lacks(`name="scope"`, `type="checkbox"`)
	s.get("/records/bulk?do=retry&id=" + recordID).wants(http.StatusForbidden)
	s.says["GET /records"] = page[connector.Record]()
	s.get("/records").wants(http.StatusOK, "No records yet", "todosync publish")
	s.get("/records?todo=9").wants(http.StatusOK, "No record matches, but its event came", "/events/t1/e%201")
	s.says["GET /events"] = page[connector.EventStory]()
	s.get("/records?todo=9").wants(http.StatusOK, "No event of todo 9 has come", "crm.TENANT.todo.create", "/events?todo=9")
	s.get("/records?q=999&tenant=t1").wants(http.StatusOK, "No event of todo 999 has come", "crm.t1.todo.create", "look at all tenants", "/events?tenant=t1&amp;todo=999")
	s.get("/records?q=999&state=failed").wants(http.StatusOK, "No record matches", "/events?todo=999")
	s.get("/records?q=some+words").wants(http.StatusOK, "No record matches")
	s.says["GET /records"] = map[string]any{"items": []any{}, "next": "abc"}
	s.get("/records?q=xx").wants(http.StatusOK, "Look further back", "cursor=abc")
}

// Why a todo is not there is told where it is looked for.
func TestWhyNoRecord(t *testing.T) {
	t.Parallel()
	s := recordSite(t)
	one := connector.RejectedEvent{ID: "x1", Tenant: "t1", Reason: "want text, not <b>", Path: "todo.title", ReceivedAt: time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)}
	whole := one
	whole.Payload = `{"todo":{"id":8847}}`
	s.says["GET /rejected"], s.says["GET /rejected/x1"] = page(one), whole
	s.get("/records?q=8847").wants(http.StatusOK, "The event of todo 8847 was rejected on", "want text, not &lt;b&gt;", "/rejected/x1", "报销")
	s.get("/records?q=title").wants(http.StatusOK, "An event that mentions title was rejected on")
	s.get("/records?state=failed").lacks("was rejected on")
	s.says["GET /records"], s.says["GET /events"] = page[connector.Record](), page[connector.EventStory]()
	s.get("/records?q=8847", true).wants(http.StatusOK, "待办 8847 的事件被拒绝", "应为文本，而不是 &lt;b&gt;", "没有接收过它的事件")
	s.says["GET /rejected"] = page[connector.RejectedEvent]()
	s.says["GET /events"] = page(connector.EventStory{ID: "e", Tenant: "t1", Todo: "8847", Connections: []connector.ConnectionStory{{Connection: "oa", Outcome: connector.OutcomeFiltered}}})
	s.get("/records?q=8847").wants(http.StatusOK, "its event came", "No connection wants it: ", "oa", "/events/t1/e")
	s.says["GET /events"] = page(connector.EventStory{ID: "e", Tenant: "t1", Todo: "8847", Outcome: connector.OutcomeNoConnection})
	s.get("/records?q=8847").wants(http.StatusOK, "The tenant has no connection that takes events.")
	s.says["GET /records"] = map[string]any{"items": []any{}, "next": "abc", "searchedTo": "2026-11-20T17:03:00Z"}
	s.get("/records?q=xx").wants(http.StatusOK, "Searched back to", "2026-11-20T17:03:00Z")
	s.says["GET /records"] = map[string]any{"items": []any{aRecord()}, "next": "abc", "searchedTo": "2026-11-20T17:03:00Z"}
	s.get("/records?q=xx").wants(http.StatusOK, "Searched back to", "Look further back")
	s.says["GET /rejected"] = map[string]any{"items": []any{}, "next": "abc", "searchedTo": "2026-11-20T17:03:00Z"}
	s.get("/rejected?q=8847").wants(http.StatusOK, "Searched back to", "cursor=abc")
}

// A row of a paused connection is told of at a glance.
func TestRecordsUnderPause(t *testing.T) {
	t.Parallel()
	s := recordSite(t)
	r := aRecord()
	r.State, r.Class = connector.Held, connector.ReasonPaused
	since := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	s.says["GET /records"], s.says["GET /records/"+recordID] = page(r), r
	s.says["GET /connections"] = page(api.ConnectionState{Tenant: "t1", Name: "oa", HeldFor: "down", HeldSince: &since, Message: "connection refused"})
	s.get("/records").wants(http.StatusOK, "The OA of t1/oa does not answer", "2 h ago", "connection refused")
	s.get("/records/"+recordID, true).wants(http.StatusOK, "t1/oa 的 OA 没有应答", "连接已暂停，因此暂缓")
}

func TestFindRecord(t *testing.T) {
	t.Parallel()
	s := recordSite(t)
	for what, want := range map[string]string{
		"":                        "/records",
		recordID:                  "/records/" + recordID,
		strings.ToLower(recordID): "/records/" + recordID,
		"T/7":                     "/records?todo=T%2F7",
		"1002":                    "/records?receiver=1002",
		"e 1":                     "/records?event=e+1",
		"no such thing":           "/records?q=no+such+thing",
	} {
		s.says["GET /records"] = func(r *http.Request) any {
			if q := r.URL.Query(); q.Get("todo") == "T/7" || q.Get("receiver") == "1002" || q.Get("event") == "e 1" {
				return page(aRecord())
			}
			return page[connector.Record]()
		}
		p := s.get("/records/find?find=" + url.QueryEscape(what))
		if got := p.header.Get("Location"); p.status != http.StatusSeeOther || got != want {
			t.Errorf("%q: want %s, got %d %s", what, want, p.status, got)
		}
	}
}

func TestRecordPage(t *testing.T) {
	t.Parallel()
	s := recordSite(t)
	p := s.get("/records/" + recordID)
	p.wants(
		http.StatusOK, "What to do:", "The OA does not know the account", "  &#34;a&#34;: {", "&lt;r&gt;\n  &lt;c&gt;7&lt;/c&gt;", "Copy as curl", "it&#39;\\&#39;&#39;s",
		"None came. The OA may have got the request", "Event received: todo.create", "/events/t1/e%201", "of 4 today", "1.2 s", `action="/records/`+recordID+`/push"`,
	)
	p.lacks("<script>alert", "</pre><script>")
	s.get("/records/"+recordID, true).wants(http.StatusOK, "处理办法：", "OA 不认识该账号", "经过")
	s.who.Role = api.View
	s.get("/records/"+recordID).lacks("/retry", "/push", "/cancel")
	s.get("/records/nothing").wants(http.StatusNotFound)
}

func TestRecordStates(t *testing.T) {
	t.Parallel()
	s := recordSite(t)
	next := time.Date(2026, 11, 22, 5, 1, 30, 0, time.UTC)
	for state, wants := range map[connector.State][]string{
		connector.Succeeded:  {"The OA has taken it.", "Send again…", "R-9"},
		connector.Held:       {"nobody has said which OA account", "/bindings?connection=oa&amp;tenant=t1&amp;user=1002", "Bind the receiver", "Cancel sending…"},
		connector.Retrying:   {"tried again by itself", "Next try", `data-until="2026-11-22T05:01:30Z"`, "in 1 min", "Cancel sending…"},
		connector.Pending:    {"Cancel sending…"},
		connector.Sending:    {"on its way"},
		connector.Skipped:    {"never got the todo", "Retry…"},
		connector.Superseded: {"A later one of the same todo", "/records/other"},
		connector.Canceled:   {"A person ended it", "Retry…"},
	} {
		r := aRecord()
		r.State, r.RemoteID, r.PossiblySentTwice = state, "R-9", true
		switch state {
		case connector.Held:
			r.Class = connector.ReasonUnbound
		case connector.Skipped:
			r.Class = connector.ReasonNothingThere
		case connector.Superseded:
			r.SupersededBy = "other"
		case connector.Retrying:
			r.NextTryAt = &next
		case connector.Pending, connector.Sending, connector.Succeeded, connector.Failed, connector.Canceled:
		}
		s.says["GET /records/"+recordID] = r
		p := s.get("/records/" + recordID)
		p.wants(http.StatusOK, append(wants, "Possibly sent twice")...)
		if state == connector.Sending || state == connector.Superseded {
			p.lacks("Retry…", "Cancel sending…")
		}
	}
}

// What a superseded record says depends on what came after it.
func TestSuperseded(t *testing.T) {
	t.Parallel()
	s := recordSite(t)
	r, by := aRecord(), aRecord()
	r.State, r.SupersededBy, by.ID = connector.Superseded, "other", "other"
	for _, c := range []struct {
		scene, later connector.Scene
		state        connector.State
		want         string
	}{
		{connector.SceneCreate, connector.SceneDelete, connector.Superseded, "The CRM took the todo back before this was sent."},
		{connector.SceneDelete, connector.SceneDelete, connector.Superseded, "Nothing of this todo had been sent"},
		{connector.SceneEdit, connector.SceneDone, connector.Succeeded, "The todo was finished in the CRM"},
		{connector.SceneEdit, connector.SceneEdit, connector.Pending, "A later one of the same todo says all"},
	} {
		r.Scene, by.Scene, by.State = c.scene, c.later, c.state
		s.says["GET /records/"+recordID], s.says["GET /records"] = r, page(r, by)
		s.get("/records/"+recordID).wants(http.StatusOK, c.want, "See the ", `href="/records/other"`).lacks("What to do:")
	}
}

// Who lacks a secret is not sent to the mapping.
func TestMissingSecret(t *testing.T) {
	t.Parallel()
	s := recordSite(t)
	r := aRecord()
	r.Class, r.Message = retry.Mapping, "${secret:seeyon-user} is not set"
	s.says["GET /records/"+recordID] = r
	s.get("/records/"+recordID).wants(http.StatusOK, "Set the secret that the message names", "/settings/secrets?tenant=t1").lacks("Correct the connection")
}

func TestRetryOfARecord(t *testing.T) {
	t.Parallel()
	s := recordSite(t)
	path := "/records/" + recordID + "/retry"
	s.says["GET "+path] = connector.Rehearsal{Before: &connector.SentRequest{}, Now: &connector.SentRequest{}, Difference: []string{"  same", "- old <1>", "+ new"}}
	s.get(path).wants(http.StatusOK, "What differs", "with today&#39;s mapping", `id="retry-difference"`).lacks("refused exactly this")
	s.says["GET "+path] = connector.Rehearsal{Before: &connector.SentRequest{}, Now: &connector.SentRequest{}, Difference: []string{"  same"}}
	s.get(path).wants(http.StatusOK, "The OA has refused exactly this request", "人员不存在", "Open the connection")
	s.says["GET "+path] = connector.Rehearsal{Problem: "no #F012", Difference: []string{}}
	s.get(path).wants(http.StatusOK, "no #F012", "disabled")
	var sent string
	s.says["POST "+path] = func(r *http.Request) any {
		b := make([]byte, 200)
		n, _ := r.Body.Read(b)
		sent = string(b[:n])
		return aRecord()
	}
	p := s.post(path, url.Values{"rendering": {"old"}, "confirm": {"yes"}})
	if p.status != http.StatusSeeOther || sent != `{"confirmSucceeded":true,"rendering":"old"}` {
		t.Errorf("got %d, sent %s", p.status, sent)
	}
	s.says["POST "+path] = &api.Problem{Status: http.StatusConflict, Detail: "it is being sent"}
	if p := s.post(path, nil); p.status != http.StatusSeeOther || !strings.Contains(p.header.Get("Set-Cookie"), "%21it+is+being+sent") {
		t.Errorf("the refusal is not told: %d %s", p.status, p.header.Get("Set-Cookie"))
	}
	s.who.Role = api.View
	s.post(path, nil).wants(http.StatusForbidden)
}

func TestValues(t *testing.T) {
	t.Parallel()
	s := recordSite(t)
	s.says["POST /render"] = map[string]any{"requests": []any{map[string]any{"placeholders": []any{
		map[string]any{"placeholder": "#F012", "labelEn": "title", "labelZh": "标题", "value": "<b>", "from": "todo.title", "via": "max 20"},
	}}}}
	s.get("/records/"+recordID+"/values").wants(http.StatusOK, "#F012", "&lt;b&gt;", "todo.title", "through max 20", "title")
	s.says["POST /render"] = map[string]any{"requests": []any{map[string]any{"problem": "#F013 has no value", "placeholders": []any{
		map[string]any{"placeholder": "#F012", "value": "kept", "from": "todo.title"}, map[string]any{"placeholder": "#F013", "from": "todo.url", "error": "there is none"},
	}}}}
	s.get("/records/"+recordID+"/values").wants(http.StatusOK, "No request can be made of it", "#F013 has no value", "kept", `<span class="bad-text">there is none</span>`)
	s.says["POST /render"] = &api.Problem{Status: http.StatusNotFound, Detail: "tenant t1 has no todo event e 1"}
	s.get("/records/"+recordID+"/values").wants(http.StatusOK, "has no todo event")
}

func TestBulk(t *testing.T) {
	t.Parallel()
	s := recordSite(t)
	s.says["POST /records/retry"] = map[string]any{"id": "j1", "kind": "retry", "state": "dry_run", "total": 12345, "complete": true}
	s.get("/records/bulk?scope=all&do=retry&state=failed&tenant=t1").wants(http.StatusOK, "12,345 records match.", "Retry 12,345 records", `name="tenant" value="t1"`)
	if p := s.post("/records/bulk", url.Values{"scope": {"all"}, "do": {"retry"}, "state": {"failed"}}); p.header.Get("Location") != "/jobs/j1" {
		t.Errorf("want the job, got %d %s", p.status, p.header.Get("Location"))
	}
	other := aRecord()
	other.ID, other.State = "other", connector.Sending
	s.says["GET /records/other"] = other
	s.get("/records/bulk?do=retry&id="+recordID+"&id=other&id=gone").wants(http.StatusOK, "1 record is taken.", "1 is gone meanwhile.", "left alone")
	s.get("/records/bulk?do=retry").wants(http.StatusUnprocessableEntity, "No record is chosen")
	s.get("/records/bulk?do=drop&id=1").wants(http.StatusUnprocessableEntity)
	s.says["POST /records/"+recordID+"/cancel"] = aRecord()
	s.says["POST /records/other/cancel"] = &api.Problem{Status: http.StatusConflict, Detail: "it is being sent"}
	p := s.post("/records/bulk", url.Values{"do": {"cancel"}, "id": {recordID, "other"}, "back": {"//evil.example"}})
	if got := p.header.Get("Location"); got != "/records" || !strings.Contains(p.header.Get("Set-Cookie"), "it+is+being+sent") {
		t.Errorf("got %s %s", got, p.header.Get("Set-Cookie"))
	}
}

func TestRows(t *testing.T) {
	t.Parallel()
	s := recordSite(t)
	r := httptest.NewRequest(http.MethodGet, "/records/rows?id="+recordID+",gone", nil)
	r.Header.Set("Hx-Request", "true")
	s.ask(r).wants(http.StatusOK, `<tr data-id="`+recordID).lacks("<html")
}

func TestEventsPages(t *testing.T) {
	t.Parallel()
	s := recordSite(t)
	s.get("/events?todo=9").wants(http.StatusOK, "todo.create", ">oa<", "1 record", "repeated 2 times")
	s.says["GET /tenants/t1/events/e%201"] = map[string]any{
		"id": "e 1", "tenant": "t1", "kind": "todo", "action": "create", "todo": "T/7", "outcome": "no_connection",
		"payload": map[string]any{"title": "x\u202e"},
	}
	s.get("/events/t1/e%201").wants(http.StatusOK, "U+202E", "no connection that takes events")
	s.says["GET /events"] = page[connector.EventStory]()
	s.get("/events").wants(http.StatusOK, "No events yet")
	s.get("/events?id=1", true).wants(http.StatusOK, "没有接收过这样的事件")
}

func TestRejectedPages(t *testing.T) {
	t.Parallel()
	s := recordSite(t)
	one := connector.RejectedEvent{ID: "x1", Tenant: "t1", Subject: "crm.t1.todo.create", Reason: "missing", Path: "todo.title", Size: 3, Payload: "{\"a\":\"<b>\x1b\"}"}
	s.says["GET /rejected"], s.says["GET /rejected/x1"] = page(one), one
	s.get("/rejected").wants(http.StatusOK, "missing", "todo.title")
	s.get("/rejected/x1").wants(http.StatusOK, "&lt;b&gt;", "␛", "Replay…")
	one.Base64 = "tP2w7CD/"
	s.says["GET /rejected/x1"] = one
	s.get("/rejected/x1").wants(http.StatusOK, `\xB4`, "not UTF-8")
	one.Base64 = "tP2w7A=="
	s.says["GET /rejected/x1"] = one
	s.get("/rejected/x1").wants(http.StatusOK, "待办", "GB18030")
	s.says["POST /rejected/x1/replay"] = connector.EventStory{ID: "e1", Tenant: "t1"}
	if p := s.post("/rejected/x1/replay", nil); p.header.Get("Location") != "/events/t1/e1" {
		t.Errorf("got %s", p.header.Get("Location"))
	}
	s.says["POST /rejected/x1/replay"] = &api.Problem{Status: http.StatusUnprocessableEntity, Detail: "todo.title is missing"}
	if p := s.post("/rejected/x1/replay", nil); p.header.Get("Location") != "/rejected/x1" || !strings.Contains(p.header.Get("Set-Cookie"), "still+is+no+event") {
		t.Errorf("got %s", p.header.Get("Location"))
	}
	s.says["GET /rejected"] = page[connector.RejectedEvent]()
	s.get("/rejected").wants(http.StatusOK, "Nothing was rejected")
}

func TestJobPages(t *testing.T) {
	t.Parallel()
	s := recordSite(t)
	job := map[string]any{
		"id": "j1", "name": "mended <mapping>", "kind": "retry", "state": "running", "who": "ada", "total": 5000, "complete": true, "done": 1200, "skipped": 3,
		"reasons": map[string]int{"it is gone": 3}, "filter": map[string]any{"tenant": []string{"t1"}, "state": []string{"failed", "held"}, "from": "2026-11-01T00:00:00.000Z"},
		"createdAt": "2026-11-22T04:00:00.000Z", "endedAt": nil,
	}
	s.says["GET /jobs"], s.says["GET /jobs/j1"] = page(job), job
	s.get("/jobs").wants(http.StatusOK, "mended &lt;mapping&gt;", "running", "1,200 / 5,000")
	s.get("/jobs/j1").wants(http.StatusOK, `value="1203"`, `max="5000"`, "it is gone", "Stop…", "every 1500ms", "failed, held", "2026-11-01 00:00")
	s.says["POST /jobs/j1/stop"] = job
	if p := s.post("/jobs/j1/stop", nil); p.header.Get("Location") != "/jobs/j1" {
		t.Errorf("got %s", p.header.Get("Location"))
	}
	job["state"] = "done"
	s.get("/jobs/j1", true).wants(http.StatusOK, "已完成").lacks("hx-trigger", "停止…")
	s.says["GET /jobs"] = page[any]()
	s.get("/jobs").wants(http.StatusOK, "No jobs yet")
}
