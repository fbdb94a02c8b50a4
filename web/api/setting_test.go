package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"todosync/connector"
	"todosync/connector/file"
	"todosync/web/api"
)

const connectionFile = `apiVersion: todosync/v1
kind: Connection
tenant: t1
name: oa
headers: {X-Key: "${secret:key-of-oa}"}
fields: {F201: {path: todo.ext.amount, label: 金额}}
scenes:
  create:
    address: http://oa.example.com/todo/#F012
    body: '{"id":"#F012","to":"#F001","title":"#F055","amount":#F201}'
`

func applyBody(files ...string) string {
	type one struct {
		Name    string `json:"name"`
		Content string `json:"content"`
	}
	var body struct {
		Files []one `json:"files"`
	}
	for i, f := range files {
		body.Files = append(body.Files, one{string(rune('a'+i)) + ".yaml", f})
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestPutConnection(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const path = "/tenants/t1/connections/oa"
	s.problem(s.do(ask{path: path}), 404)
	none := s.do(ask{method: "PUT", path: path, body: connectionFile, header: map[string]string{"If-Match": "*"}})
	if s.problem(none, http.StatusPreconditionFailed); len(s.b.saved) > 0 {
		t.Error("If-Match: * made a connection")
	}
	s.b.saved[connector.ConnectionKey{Tenant: "t1"}] = api.Saved{} // a tenant that was only named
	none = s.do(ask{
		method: "PUT", path: "/tenants/t1", body: "apiVersion: todosync/v1\nkind: Tenant\ntenant: t1\n", header: map[string]string{"If-Match": "*"},
	})
	s.problem(none, http.StatusPreconditionFailed)
	put := func(body, match string) answer {
		return s.do(ask{method: "PUT", path: path, body: body, header: map[string]string{"If-Match": match, "Content-Type": "application/yaml"}})
	}
	got := put(connectionFile, "")
	if r := decode[api.SaveResult](s, got); r.Revision != 1 || !r.Changed || got.header.Get("ETag") != `"1"` || r.Warnings == nil {
		t.Errorf("want revision 1, got %+v with %s", r, got.header.Get("ETag"))
	}
	if got := put(connectionFile, `"1"`); got.status != 200 {
		t.Errorf("want the right revision to match, got %d %s", got.status, got.body)
	}
	s.problem(put(connectionFile, `"1"`), http.StatusPreconditionFailed)
	s.problem(put(connectionFile, `x`), 422)
	p := s.problem(put(strings.Replace(connectionFile, "scenes:", "scense:", 1), ""), 422)
	if len(p.Errors) == 0 || p.Errors[0].Line != 7 || p.Errors[0].Path != "scense" || !strings.Contains(p.Errors[0].Message, "scenes") {
		t.Errorf("want the line and the right name, got %+v", p.Errors)
	}
	if p := s.problem(put(strings.Replace(connectionFile, "name: oa", "name: other", 1), ""), 422); !strings.Contains(p.Detail, "t1/other") {
		t.Errorf("want both names, got %s", p.Detail)
	}
	s.problem(put(connectionFile+"---\n"+strings.Replace(connectionFile, "name: oa", "name: other", 1), ""), 422)
	s.problem(put("", ""), 422)
	s.problem(put(strings.Repeat("#", 1<<20)+connectionFile, ""), 413)

	for match, status := range map[string]int{`*`: 200, `"7", W/"9"`: 412, `"3","4" , "5"`: 200} {
		before := s.b.saved[connector.ConnectionKey{Tenant: "t1", Name: "oa"}]
		s.b.saved[connector.ConnectionKey{Tenant: "t1", Name: "oa"}] = api.Saved{Revision: 4}
		if got := put(connectionFile, match); got.status != status {
			t.Errorf("If-Match: %s: want %d, got %d %s", match, status, got.status, got.body)
		}
		s.b.saved[connector.ConnectionKey{Tenant: "t1", Name: "oa"}] = before
	}

	got = s.do(ask{path: path})
	saved := decode[struct {
		Revision          int64
		SavedBy, SavedAt  string
		Source, Settings  map[string]any
		Kind, Tenant, How string
	}](s, got)
	if saved.Revision != 2 || saved.SavedBy != "admin-token" || saved.SavedAt != "2026-01-01T19:04:05.006Z" || saved.How != "api" ||
		saved.Source["enabled"] != nil || saved.Settings["enabled"] != true || got.header.Get("ETag") != `"2"` {
		t.Errorf("want source and settings of revision 2, got %+v", saved)
	}
}

func TestApplyIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	second := strings.Replace(connectionFile, "name: oa", "name: second", 1)
	p := s.problem(s.do(ask{method: "POST", path: "/apply", body: applyBody(connectionFile, strings.Replace(second, "#F201", "#F299", 1))}), 422)
	if len(s.b.saved) > 0 {
		t.Errorf("want nothing saved, got %v", s.b.saved)
	}
	if len(p.Errors) == 0 || p.Errors[0].File != "b.yaml" || p.Errors[0].Line == 0 {
		t.Errorf("want file and line, got %+v", p.Errors)
	}
	s.problem(s.do(ask{method: "POST", path: "/apply", body: applyBody(connectionFile, connectionFile)}), 422)
	got := decode[connector.Page[api.SaveResult]](s, s.do(ask{method: "POST", path: "/apply", body: applyBody(connectionFile, second)}))
	if len(got.Items) != 2 || len(s.b.saved) != 2 || s.b.saves[0].How != "apply" {
		t.Errorf("want two connections, got %+v", got)
	}
	// Printed back, it can be applied again and is the same.
	out := s.do(ask{path: "/export?tenant=t1"})
	if out.header.Get("Content-Type") != "application/yaml" {
		t.Errorf("want YAML, got %s", out.header.Get("Content-Type"))
	}
	docs, problems := file.Parse("export", []byte(out.body), file.Options{})
	if problems.Err() != nil || len(docs) != 2 || docs[1].Connection.Name != "second" || !strings.Contains(out.body, "${secret:key-of-oa}") {
		t.Errorf("want two documents, got %v\n%s", problems, out.body)
	}
	s.problem(s.do(ask{path: "/export?tenant=t9"}), 404)
}

// A connection finds the fields of its tenant in another file, and else in the store; what would leave a stored connection without
// is told with the file that says so.
func TestFieldsOfTheTenant(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	apply := func(files ...string) answer {
		return s.do(ask{method: "POST", path: "/apply", body: applyBody(files...)})
	}
	tenant := "apiVersion: todosync/v1\nkind: Tenant\ntenant: t1\nfields: {F301: {path: todo.ext.currency}}\n"
	user := strings.Replace(connectionFile, "#F055", "#F301", 1)
	s.problem(apply(user), 422)
	if got := s.do(ask{method: "POST", path: "/validate", body: applyBody(user, tenant)}); !strings.Contains(got.body, `"valid":true`) {
		t.Errorf("got %s", got.body)
	}
	if got := apply(user, tenant); got.status != 200 {
		t.Errorf("the tenant in another file: got %d %s", got.status, got.body)
	}
	if got := apply(user); got.status != 200 {
		t.Errorf("the tenant in the store: got %d %s", got.status, got.body)
	}
	s.b.refuse = &connector.Error{
		Kind: connector.Invalid, Msg: "connections cannot be used: t1/oa",
		Details: []connector.Detail{{Path: "connections.oa.scenes.create.body", Message: "unknown code F301"}},
	}
	other := strings.Replace(connectionFile, "name: oa", "name: other", 1)
	p := s.problem(apply(other, strings.Replace(tenant, "F301", "F302", 1)), 422)
	want := api.ProblemDetail{Path: "connections.oa.scenes.create.body", Message: "unknown code F301", File: "b.yaml", Line: 4, Column: 1}
	if len(p.Errors) != 1 || p.Errors[0] != want || !strings.Contains(p.Detail, "t1/oa") {
		t.Errorf("want %+v, got %+v", want, p)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	type result struct {
		Valid    bool
		Problems []file.Problem
	}
	if got := decode[result](s, s.do(ask{method: "POST", path: "/validate", body: applyBody(connectionFile)})); !got.Valid || got.Problems == nil {
		t.Errorf("want it valid, got %+v", got)
	}
	bad := strings.Replace(connectionFile, "#F055", "#F999", 1)
	got := decode[result](s, s.do(ask{
		method: "POST", path: "/validate", body: applyBody(bad), header: map[string]string{"Accept-Language": "zh-CN,zh;q=0.9"},
	}))
	if got.Valid || len(got.Problems) == 0 || got.Problems[0].Line != 10 || len(s.b.saved) > 0 {
		t.Errorf("want a problem in line 10 and nothing saved, got %+v", got)
	}
	// A template with a sign-on address needs --public-url, which this server has not.
	signOn := strings.Replace(connectionFile, "#F055", "#F117", 1)
	if got := decode[result](s, s.do(ask{method: "POST", path: "/validate", body: applyBody(signOn)})); got.Valid {
		t.Error("want #F117 refused without --public-url")
	}
}

func TestRender(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ask1 := func(body map[string]any) answer {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		return s.do(ask{method: "POST", path: "/render", body: string(b)})
	}
	event := json.RawMessage(`{"tenant":"other","kind":"todo","action":"delete","todo":{"id":"a/b","title":"say \"hi\"",
		"receivers":[{"id":"1002"},{"id":"1003"}],"ext":{"amount":12.50}}}`)
	bindings := []connector.Binding{{User: "1002", Account: "han"}, {User: "1003", Account: "li"}}
	type result struct {
		Requests []connector.Preview
	}
	got := decode[result](s, ask1(map[string]any{"connection": connectionFile, "scene": "create", "event": event, "bindings": bindings, "explain": true}))
	if len(got.Requests) != 2 {
		t.Fatalf("want a request for each receiver, got %+v", got)
	}
	r := got.Requests[1]
	if r.Method != "POST" || r.Address != "http://oa.example.com/todo/a%2Fb" || r.Body != `{"id":"a/b","to":"li","title":"say \"hi\"","amount":12.50}` ||
		r.Receiver != "1003" || len(r.Headers) != 1 || r.Headers[0].Value != "***" || len(r.Placeholders) == 0 {
		t.Errorf("got %+v", r)
	}
	// What can't be made is refused; anyway tells why, where, and what the rest is.
	short := json.RawMessage(`{"todo":{"id":"a","title":"t","receivers":[{"id":"nobody"}]}}`)
	half := map[string]any{"connection": connectionFile, "scene": "create", "event": short, "explain": true}
	s.problem(ask1(half), 422)
	half["anyway"] = true
	got = decode[result](s, ask1(half))
	wrong, right := 0, 0
	for _, e := range got.Requests[0].Placeholders {
		if e.Error != "" {
			wrong++
		} else if e.Value != "" {
			right++
		}
	}
	if len(got.Requests) != 1 || got.Requests[0].Problem == "" || got.Requests[0].Body != "" || wrong == 0 || right == 0 {
		t.Errorf("anyway: %+v", got)
	}
	// A stored connection brings its bindings.
	s.do(ask{method: "PUT", path: "/tenants/t1/connections/oa", body: connectionFile})
	s.b.bindings = []connector.Binding{{Connection: "oa", User: "1002", Account: "stored"}, {Connection: "oa", User: "1003", Account: "stored3"}}
	got = decode[result](s, ask1(map[string]any{"tenant": "t1", "name": "oa", "scene": "create", "event": event, "bindings": bindings[:1]}))
	if len(got.Requests) != 2 || !strings.Contains(got.Requests[0].Body, `"han"`) || !strings.Contains(got.Requests[1].Body, `"stored3"`) ||
		got.Requests[0].Placeholders != nil {
		t.Errorf("got %+v", got)
	}
	s.problem(ask1(map[string]any{"connection": connectionFile, "scene": "create", "event": json.RawMessage(`{"todo":{"id":"1"}}`)}), 422)
	s.problem(ask1(map[string]any{"connection": connectionFile, "scene": "done", "event": event}), 422)
	s.problem(ask1(map[string]any{"scene": "create", "event": event}), 422)
	s.problem(ask1(map[string]any{"tenant": "t1", "name": "none", "scene": "create", "event": event}), 404)
	s.problem(ask1(map[string]any{"connection": "kind: [", "scene": "create", "event": event}), 422)
}

func TestFields(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	type field struct {
		Code, LabelZh, LabelEn, From string
		Own                          bool
	}
	got := decode[connector.Page[field]](s, s.do(ask{path: "/fields"}))
	if len(got.Items) < 37 || got.Items[0].Code != "F001" || got.Items[0].LabelZh == "" || got.Items[0].Own {
		t.Errorf("want the catalogue, got %+v", got.Items)
	}
	s.do(ask{method: "PUT", path: "/tenants/t1/connections/oa", body: connectionFile})
	own := decode[connector.Page[field]](s, s.do(ask{path: "/fields?tenant=t1&connection=oa"}))
	last := own.Items[len(own.Items)-1]
	if len(own.Items) != len(got.Items)+1 || last.Code != "F201" || !last.Own || last.LabelZh != "金额" || last.From != "todo.ext.amount" {
		t.Errorf("want the connection's own code, too, got %+v", last)
	}
	s.problem(s.do(ask{path: "/fields?connection=oa"}), 422)
}

func TestConnections(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.do(ask{method: "PUT", path: "/tenants/t1/connections/oa", body: connectionFile})
	state := decode[map[string]any](s, s.do(ask{method: "POST", path: "/tenants/t1/connections/oa/pause"}))
	if state["paused"] != true || state["heldSince"] != nil {
		t.Errorf("want it paused, got %v", state)
	}
	if list := decode[connector.Page[api.ConnectionState]](s, s.do(ask{path: "/connections?tenant=t1"})); len(list.Items) != 1 || !list.Items[0].Paused {
		t.Errorf("want one paused connection, got %+v", list)
	}
	if state := decode[map[string]any](s, s.do(ask{method: "POST", path: "/tenants/t1/connections/oa/resume"})); state["paused"] != false {
		t.Errorf("want it resumed, got %v", state)
	}
	s.problem(s.do(ask{method: "POST", path: "/tenants/t1/connections/none/pause"}), 404)
	if got := s.do(ask{method: "DELETE", path: "/tenants/t1/connections/oa?cancelWaiting=true"}); got.status != 204 || got.body != "" {
		t.Errorf("want 204, got %d %s", got.status, got.body)
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if got := s.do(ask{method: "PUT", path: "/secrets", body: `{"tenant":"t1","name":"seeyon-user","value":"hunter22"}`}); got.status != 204 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	if got := s.do(ask{path: "/secrets?tenant=t1"}); strings.TrimSpace(got.body) != `{"items":[{"tenant":"t1","name":"seeyon-user","set":true,"usedBy":[]}],"next":""}` {
		t.Errorf("want the name alone, got %s", got.body)
	}
	if got := s.do(ask{path: "/secrets?tenant=t1&named=true"}); !strings.Contains(got.body, `{"tenant":"t1","name":"lost","set":false,"usedBy":["tenant file"]},{"tenant":"t1","name":"n-t1","set":false,"usedBy":["oa"]}`) {
		t.Errorf("what files name: %s", got.body)
	}
	p := s.do(ask{method: "PUT", path: "/secrets", body: `{"tenant":"t1","name":"x","value":"hunt"}`})
	if s.problem(p, 422); strings.Contains(p.body, "hunt") {
		t.Errorf("the value came back: %s", p.body)
	}
	s.problem(s.do(ask{method: "PUT", path: "/secrets", body: `{"tenant":"a b","name":"x","value":"hunter22"}`}), 422)
	if got := s.do(ask{method: "DELETE", path: "/secrets?tenant=t1&name=seeyon-user"}); got.status != 204 || len(s.b.secrets) > 0 {
		t.Errorf("want it gone, got %d %v", got.status, s.b.secrets)
	}
	s.problem(s.do(ask{method: "DELETE", path: "/secrets?tenant=t1"}), 422)
}

func TestRejectedAndStats(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.b.rejects = []connector.RejectedEvent{{ID: "x", Tenant: "t1", Reason: "no title", Payload: "{}"}}
	if got := s.do(ask{path: "/rejected"}); !strings.Contains(got.body, `"reason":"no title"`) || !strings.Contains(got.body, `"receivedAt":null`) {
		t.Errorf("got %s", got.body)
	}
	if got := s.do(ask{method: "POST", path: "/rejected/x/replay"}); !strings.Contains(got.body, `"id":"of x"`) || !strings.Contains(got.body, `"connections":[]`) {
		t.Errorf("got %s", got.body)
	}
	s.problem(s.do(ask{method: "POST", path: "/rejected/y/replay"}), 404)
	if got := s.do(ask{path: "/stats"}); strings.TrimSpace(got.body) !=
		`{"states":{},"waiting":0,"events":0,"rejected":0,"connections":[],"oldestWaiting":null}` {
		t.Errorf("got %s", got.body)
	}
}

func TestEditAndCompare(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const file = "apiVersion: todosync/v1\nkind: Connection\ntenant: t1\nname: oa # ours\nscenes:\n  create:\n    address: http://oa.example.com/x\n    headers: {X-Key: '${secret:key-of-oa}'}\n    body: '{\"id\": \"#F012\"}'\n"
	send := func(path string, v any, token string) answer {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return s.do(ask{method: "POST", path: path, body: string(b), token: token})
	}
	type change struct {
		Path  []string `json:"path"`
		Value any      `json:"value"`
	}
	got := send("/edit", map[string]any{"content": file, "changes": []change{{[]string{"title"}, "Head"}}}, "")
	for _, want := range []string{`name: oa # ours\n`, `title: Head\n`, `"valid":true`, `"scenes.create.body":{"line":9`, `{"tenant":"t1","name":"key-of-oa","set":false}`, `"settings":{"apiVersion"`} {
		if got.status != http.StatusOK || !strings.Contains(got.body, want) {
			t.Errorf("%d, %s is not in %s", got.status, want, got.body)
		}
	}
	if got := send("/edit", map[string]any{"content": file}, viewerToken); got.status != http.StatusOK || strings.Contains(got.body, `"set"`) {
		t.Errorf("a viewer is told which secrets are set: %d %s", got.status, got.body)
	}
	if p := s.problem(send("/edit", map[string]any{"content": "a: ["}, ""), http.StatusUnprocessableEntity); len(p.Errors) != 1 || p.Errors[0].Line != 1 {
		t.Errorf("got %+v", p)
	}
	if got := send("/tenants/t1/connections/oa/compare", map[string]any{"content": file}, ""); got.status != http.StatusNotFound {
		t.Errorf("compared with what is not there: %d %s", got.status, got.body)
	}
	if got := s.do(ask{method: http.MethodPut, path: "/tenants/t1/connections/oa", body: file, header: map[string]string{"Content-Type": "application/yaml"}}); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := send("/tenants/t1/connections/oa/compare", map[string]any{"content": strings.Replace(file, "/x", "/y", 1)}, ""); got.status != http.StatusOK ||
		!strings.Contains(got.body, `-    address: http://oa.example.com/x\n+    address: http://oa.example.com/y`) || !strings.Contains(got.body, `"changed":["scenes.create.address"]`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	s.problem(send("/tenants/t1/connections/oa/compare", map[string]any{"content": strings.Replace(file, "name: oa", "name: other", 1)}, ""), http.StatusUnprocessableEntity)
	s.problem(send("/tenants/t2/connections/oa/compare", map[string]any{"content": file}, viewerToken), http.StatusNotFound)
	tenant := "apiVersion: todosync/v1\nkind: Tenant\ntenant: t1\ntitle: Example\n"
	if got := s.do(ask{method: "PUT", path: "/tenants/t1", body: tenant}); got.status != http.StatusOK {
		t.Fatalf("a tenant: %d %s", got.status, got.body)
	}
	if got := send("/tenants/t1/compare", map[string]any{"content": tenant + "language: en\n"}, ""); got.status != http.StatusOK ||
		!strings.Contains(got.body, `"changed":["language"]`) || !strings.Contains(got.body, "+language: en") || !strings.Contains(got.body, `"after":"apiVersion`) {
		t.Errorf("a tenant compared: %d %s", got.status, got.body)
	}
	s.problem(send("/tenants/t1/compare", map[string]any{"content": file}, ""), http.StatusUnprocessableEntity)
	if got := s.do(ask{path: "/schemas/tenant", token: viewerToken}); got.status != http.StatusOK || !strings.Contains(got.body, "maskBodies") || strings.Contains(got.body, "scenes") {
		t.Errorf("the schema of a tenant's file: %d %s", got.status, got.body)
	}
	s.problem(s.do(ask{path: "/schemas/nothing"}), http.StatusUnprocessableEntity)
}

func TestPresets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for path, want := range map[string]string{"/presets": `"name":"seeyon"`, "/presets/seeyon": `"readme":"# `} {
		if got := s.do(ask{path: path, token: viewerToken}); got.status != http.StatusOK || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %.300s", path, got.status, got.body)
		}
	}
	s.problem(s.do(ask{path: "/presets/nobody"}), http.StatusNotFound)
	start := func(body, token string) answer {
		return s.do(ask{method: "POST", path: "/presets/seeyon/connection", body: body, token: token})
	}
	if got := start(`{"tenant":"t1","name":"oa","variables":{"base":"http://oa.example.com","registerCode":"3004"}}`, viewerToken); got.status != http.StatusOK || !strings.Contains(got.body, `preset: seeyon\n`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	s.problem(start(`{"tenant":"t2","name":"oa"}`, viewerToken), http.StatusNotFound)
	s.problem(start(`{"tenant":"t1","name":"Not A Name"}`, ""), http.StatusUnprocessableEntity)
}
