package console

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"todosync/connector"
	"todosync/mapping"
	"todosync/web/api"
)

const editedFile = "tenant: t1\nname: oa\ntitle: Head <office>\n"

// editing is what the API says while the connection t1/oa is edited.
func editing() map[string]any {
	return map[string]any{
		"GET /tenants/t1/connections/oa": savedSettings{Revision: 4, File: editedFile},
		"POST /edit": func(r *http.Request) any {
			var in struct{ Content string }
			b, _ := io.ReadAll(r.Body)
			_ = json.Unmarshal(b, &in)
			if strings.Contains(in.Content, "[") {
				return &api.Problem{Status: 422, Detail: "this is not YAML", Errors: []api.ProblemDetail{{Line: 3, Column: 2, Message: "this is not YAML"}}}
			}
			out := checked{Content: in.Content, Valid: !strings.Contains(in.Content, "wrong"), Source: json.RawMessage(`{"tenant":"t1","name":"oa","title":"Head <office>"}`)}
			if !out.Valid {
				out.Problems = []fileProblem{{Line: 7, Column: 3, Path: "scenes.create.body", Message: "#F298: no such field"}}
			}
			return out
		},
		"POST /render": func(*http.Request) any {
			p := preview{Requests: []api.PreviewView{{
				Method: "POST", Address: "http://oa/x", Receiver: "7", Body: `{"a":"<b>"}`, Placeholders: []mapping.Explained{{Placeholder: "#F012", LabelEN: "todo id", Value: "t-1", From: "todo.id"}},
			}}}
			p.Event.ID, p.Event.Receivers, p.Unbound = "e-1", []person{{"7", "Ann"}}, []person{{"7", "Ann"}}
			return p
		},
		"GET /events": map[string]any{"items": []connector.EventStory{{ID: "e-1", Kind: "todo", Action: "create", Todo: "t-1"}}},
		"GET /fields": map[string]any{"items": []field{{Code: "F012", LabelEN: "todo id", LabelZH: "待办ID"}}},
	}
}

func TestEditor(t *testing.T) {
	t.Parallel()
	s := newSite(t, editing())
	p := s.get("/connections/t1/oa/edit?tab=create")
	p.wants(http.StatusOK, "Head &lt;office&gt;", `name="revision" value="4"`, `data-insert="#F012"`, "http://oa/x", "{\n  &#34;a&#34;: &#34;&lt;b&gt;&#34;\n}", "todo.id",
		"CRM ids stand for", "editor.js", `id="editor-data"`).lacks("<office>", "</textarea>\n<")
	if !slices.Contains(s.asked, "GET /fields?connection=oa&tenant=t1") {
		t.Errorf("own codes are not asked for: %v", s.asked)
	}
	s.get("/connections/t1/oa/edit", true).wants(http.StatusOK, "待办ID", "试运行", "预览", "保存")
	s.who = &api.Principal{Name: "otto", Role: api.Operate}
	s.get("/connections/t1/oa/edit").wants(http.StatusForbidden)
	s.post("/connections/edit", url.Values{"do": {"save"}}).wants(http.StatusForbidden)
	s.post("/connections/assist", nil).wants(http.StatusForbidden)
}

func TestSaveOfTheEditor(t *testing.T) {
	t.Parallel()
	says := editing()
	var match, sent string
	answer := any(api.SaveResult{Tenant: "t1", Name: "oa", Changed: true, Revision: 5, Warnings: []string{"the secret x is not set"}})
	says["PUT /tenants/t1/connections/oa"] = func(r *http.Request) any {
		b, _ := io.ReadAll(r.Body)
		match, sent = r.Header.Get("If-Match"), string(b)
		return answer
	}
	says["POST /tenants/t1/connections/oa/compare"] = comparedFile{Revision: 5, Changed: []string{"title"}, SavedBy: "lin", How: "console", ComparedTexts: api.ComparedTexts{Before: "title: theirs\n", After: "title: mine\n"}}
	s := newSite(t, says)
	form := url.Values{"tenant": {"t1"}, "name": {"oa"}, "revision": {"4"}, "tab": {"create"}, "content": {strings.ReplaceAll(editedFile, "\n", "\r\n")}, "do": {"save"}}
	p := s.post("/connections/edit", form)
	p.wants(http.StatusSeeOther)
	if to := p.header.Get("Location"); to != "/connections/t1/oa/edit?tab=create" || match != `"4"` || sent != editedFile {
		t.Errorf("saved with If-Match %s as %q, led to %s", match, sent, to)
	}
	if flash, _ := url.QueryUnescape(p.header.Get("Set-Cookie")); !strings.Contains(flash, "revision 5") || !strings.Contains(flash, "secret x is not set") {
		t.Errorf("the reader is told %q", flash)
	}

	says["GET /tenants/t1/connections/oa/revisions/5/diff"] = api.ComparedTexts{Before: "title: begun\n", After: "title: theirs\n"}
	answer = &api.Problem{Status: 412, Detail: "it was changed since revision 4"}
	s.post("/connections/edit", form).wants(http.StatusPreconditionFailed, "Somebody saved this meanwhile", "lin", `title: <del>theirs</del>`, "What they changed since you began", `title: <del>begun</del>`, `name="overwrite" value="5"`, `name="revision" value="4"`, "Head &lt;office&gt;")

	answer = api.SaveResult{Tenant: "t1", Name: "oa", Changed: true, Revision: 6}
	form.Set("overwrite", "5")
	form.Del("do")
	s.post("/connections/edit", form).wants(http.StatusSeeOther)
	if match != `"5"` {
		t.Errorf("what somebody saves after he has seen the difference must depend on what he saw: If-Match %s", match)
	}

	answer = &api.Problem{Status: 422, Detail: "the settings have mistakes"}
	form = url.Values{"tenant": {"t1"}, "name": {"oa"}, "revision": {"4"}, "content": {"wrong: yes\n"}, "do": {"save"}}
	s.post("/connections/edit", form).wants(http.StatusUnprocessableEntity, "the settings have mistakes", "#F298: no such field", `data-goto-line="7"`, "wrong: yes")
	form.Set("content", "a: [")
	s.post("/connections/edit", form).wants(http.StatusUnprocessableEntity, "a: [")
}

// TestReviewBeforeASave: who saves is told what changes and what becomes of what waits, and nothing is stored by asking.
func TestReviewBeforeASave(t *testing.T) {
	t.Parallel()
	says := editing()
	stored := comparedFile{Revision: 4, Changed: []string{"title"}, ComparedTexts: api.ComparedTexts{Before: "title: old\n", After: "title: fresh\n"}}
	says["POST /tenants/t1/connections/oa/compare"] = func(*http.Request) any { return stored }
	state := api.ConnectionState{Tenant: "t1", Name: "oa", Waiting: 7, Failed: 2, HeldFor: "down"}
	says["GET /connections"] = func(*http.Request) any { return list[api.ConnectionState]{Items: []api.ConnectionState{state}} }
	s := newSite(t, says)
	form := url.Values{"tenant": {"t1"}, "name": {"oa"}, "revision": {"4"}, "content": {editedFile}, "do": {"review"}}
	s.post("/connections/edit", form).wants(http.StatusOK, `<dialog id="review"`, `title: <del>old</del>`, `title: <ins>fresh</ins>`, "7 deliveries wait: they are made with this at their next try",
		"Those that failed stay so until somebody sends them again: 2", "It is down now", `name="do" value="save"`, "state=pending", "Head &lt;office&gt;")
	if slices.ContainsFunc(s.asked, func(a string) bool { return strings.HasPrefix(a, "PUT ") }) {
		t.Error("it was saved unasked")
	}
	r := httptest.NewRequest(http.MethodPost, "/connections/edit", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("HX-Request", "true")
	if p := s.ask(r); strings.Contains(p.body, "<html") || !strings.Contains(p.body, `title: <ins>fresh</ins>`) {
		t.Errorf("a script gets %s", p.body)
	}

	stored.Revision = 6
	s.post("/connections/edit", form).wants(http.StatusOK, "Somebody saved this meanwhile", `name="overwrite" value="6"`).lacks(`name="do" value="save"`)
	stored.Revision, stored.Changed = 4, nil
	s.post("/connections/edit", form).wants(http.StatusOK, "Nothing to save").lacks(`name="do" value="save"`)
	form.Set("content", "wrong: yes\n")
	s.post("/connections/edit", form).wants(http.StatusOK, "can&#39;t be saved yet", "#F298: no such field", `data-goto-line="7"`).lacks(`name="do" value="save"`)

	fresh := url.Values{"revision": {"0"}, "content": {editedFile}, "do": {"review"}}
	s.post("/connections/edit", fresh).wants(http.StatusOK, "Save the new connection t1/oa?", "Todos that are open already are not", `name="do" value="save"`)
}

func TestSaveOfANewConnection(t *testing.T) {
	t.Parallel()
	says := editing()
	puts := 0
	says["PUT /tenants/t1/connections/oa"] = func(*http.Request) any {
		puts++
		return api.SaveResult{Tenant: "t1", Name: "oa", Changed: true, Revision: 1}
	}
	s := newSite(t, says)
	form := url.Values{"revision": {"0"}, "content": {editedFile}, "do": {"save"}}
	s.post("/connections/edit", form).wants(http.StatusConflict, "There is a connection t1/oa already")
	if puts > 0 {
		t.Error("a new connection took the place of one that was there")
	}
	delete(says, "GET /tenants/t1/connections/oa")
	if p := s.post("/connections/edit", form); p.status != http.StatusSeeOther || puts != 1 || p.header.Get("Location") != "/connections/t1/oa/edit" {
		t.Errorf("%d, %d saves, led to %s", p.status, puts, p.header.Get("Location"))
	}
}

func TestAssist(t *testing.T) {
	t.Parallel()
	s := newSite(t, editing())
	ask := func(body string) assisted {
		t.Helper()
		p := s.ask(httptest.NewRequest(http.MethodPost, "/connections/assist", strings.NewReader(body)))
		p.wants(http.StatusOK)
		var out assisted
		if err := json.Unmarshal([]byte(p.body), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	out := ask(`{"content":"tenant: t1\n","changes":[{"path":["title"],"value":"x"}],"scene":"done","event":"sample","receiver":"7"}`)
	if !out.Valid || !strings.Contains(out.Preview, "http://oa/x") || out.List != "" {
		t.Errorf("got %+v", out)
	}
	if out := ask(`{"content":"wrong"}`); out.Valid || !strings.Contains(out.List, "line 7") || strings.Contains(out.Preview, "http://oa/x") {
		t.Errorf("got %+v", out)
	}
	if out := ask(`{"content":"a: ["}`); out.Error != "this is not YAML" || out.Line != 3 || out.Content != "a: [" || !strings.Contains(out.List, "line 3") {
		t.Errorf("got %+v", out)
	}
	s.ask(httptest.NewRequest(http.MethodPost, "/connections/assist", strings.NewReader("{"))).wants(http.StatusBadRequest)
}

func TestTryOfTheEditor(t *testing.T) {
	t.Parallel()
	says := editing()
	var asked map[string]any
	said := any(map[string]any{"mode": "auth", "ok": false, "steps": []connector.TrialStep{{Name: connector.TrialToken, Detail: "the OA says <no>", Hint: "check the secrets", Rule: "token.refuse"}}})
	says["POST /try"] = func(r *http.Request) any {
		asked = nil
		_ = json.NewDecoder(r.Body).Decode(&asked)
		return said
	}
	s := newSite(t, says)
	form := url.Values{"tenant": {"t1"}, "name": {"oa"}, "revision": {"4"}, "content": {editedFile}, "do": {"auth"}, "scene": {"done"}, "event": {"e-1"}, "receiver": {"7"}}
	s.post("/connections/edit", form).wants(http.StatusOK, "it does not work yet", "the OA says &lt;no&gt;", "check the secrets", "token.refuse")
	if asked["mode"] != "auth" || asked["scene"] != "done" || asked["eventId"] != "e-1" || asked["receiver"] != "7" || asked["keepId"] != false || asked["connection"] != editedFile {
		t.Errorf("tried with %v", asked)
	}
	form.Set("do", "live")
	form.Set("keepId", "true")
	said = &api.Problem{Status: 409, Detail: "another try of this connection is under way"}
	s.post("/connections/edit", form).wants(http.StatusOK, "another try of this connection is under way")
	if asked["mode"] != "live" || asked["keepId"] != true {
		t.Errorf("tried with %v", asked)
	}
}
