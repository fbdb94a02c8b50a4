package console

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"todosync/connector"
	"todosync/web/api"
)

func bindingSays() map[string]any {
	return map[string]any{
		"GET /connections": list[api.ConnectionState]{Items: []api.ConnectionState{{Tenant: "t1", Name: "oa", Title: "致远"}, {Tenant: "t1", Name: "plant"}}},
		"GET /tenants/t1/connections/oa/bindings": list[boundUser]{Next: "more", Items: []boundUser{
			{Binding: connector.Binding{Connection: "oa", User: "u1", UserName: "<Ada>", Account: "ada"}, MadeBy: "lin"},
			{Binding: connector.Binding{Connection: "oa", User: "u2", Account: "bo"}, Automatic: true, MadeBy: "automatic"},
		}},
		"GET /tenants/t1/connections/oa/unbound":     list[unboundUser]{Items: []unboundUser{{User: "u9", UserName: "郑雅文", Waiting: 4, Since: time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)}}},
		"PUT /tenants/t1/connections/oa/bindings":    connector.Binding{},
		"DELETE /tenants/t1/connections/oa/bindings": map[string]any{},
	}
}

func TestBindings(t *testing.T) {
	t.Parallel()
	s := newSite(t, bindingSays())
	const page = "/bindings?tenant=t1&connection=oa"
	s.says["GET /records"] = list[connector.Record]{Next: "more", Items: []connector.Record{{Tenant: "t1", Connection: "plant"}, {Tenant: "t1", Connection: "plant"}}}
	places := s.get("/bindings").wants(200, "致远", "plant", "at least 2 todos", "/bindings?connection=plant&amp;show=unbound&amp;tenant=t1")
	places.lacks("Bind somebody")
	if strings.Index(places.body, "t1 / plant") > strings.Index(places.body, "t1 / oa") {
		t.Error("where somebody is missing does not come first")
	}
	s.get("/bindings?q=PLANT").wants(200, "t1 / plant").lacks("t1 / oa")
	s.get("/bindings?at=t1/oa").wants(200, "Bindings of 致远", `selected`)
	s.get(page+"&user=u9&name=Zheng&next=/records/R1").wants(200, `value="u9"`, `value="Zheng"`, "autofocus", `name="next" value="/records/R1"`)
	s.get(page+"&next=//evil.example").wants(200, `name="next" value="/"`)
	s.get(page+"&q=ada").wants(200, "&lt;Ada&gt;", "automatic", "cursor=more", "Bind somebody", "taken out of the inbox of ada", "/records?connection=oa&amp;receiver=u1&amp;tenant=t1")
	if !slices.Contains(s.asked, "GET /tenants/t1/connections/oa/bindings?limit=50&q=ada") {
		t.Errorf("asked %v", s.asked)
	}
	s.get(page+"&show=unbound", true).wants(200, "郑雅文", "绑定到", `name="account"`)
	s.get("/bindings?tenant=t1&connection=oa&account=eve").wants(200, `value="eve"`)
	s.who = &api.Principal{Name: "vera", Role: api.View}
	s.get(page).wants(200, "&lt;Ada&gt;").lacks("Bind somebody", "/bindings/remove", "/bindings/import")
	s.get(page+"&show=unbound").wants(200, "An operator can bind him").lacks(`name="account"`)
	s.post("/bindings", url.Values{"tenant": {"t1"}, "connection": {"oa"}, "user": {"u9"}, "account": {"x"}}).wants(403)
}

// What is changed or removed can be brought back from the next page.
func TestBindingUndo(t *testing.T) {
	t.Parallel()
	says := bindingSays()
	s := newSite(t, says)
	form := url.Values{"tenant": {"t1"}, "connection": {"oa"}, "user": {"u1"}, "account": {"ada.l"}, "userName": {"Ada"}}
	p := s.post("/bindings", form)
	to := p.header.Get("Location")
	if p.status != 303 || !strings.Contains(to, "undo=u1") || !strings.Contains(to, "undoAccount=ada&") {
		t.Errorf("%d %s", p.status, to)
	}
	s.get(to).wants(200, "u1 was bound to ada.", `name="undoing"`)
	p = s.post("/bindings/remove", url.Values{"tenant": {"t1"}, "connection": {"oa"}, "user": {"u1"}})
	if to := p.header.Get("Location"); p.status != 303 || !strings.Contains(to, "undo=u1") {
		t.Errorf("%d %s", p.status, to)
	}
	if !slices.Contains(s.asked, "DELETE /tenants/t1/connections/oa/bindings?user=u1") {
		t.Errorf("asked %v", s.asked)
	}
	// Who was not bound is taken away again.
	says["GET /tenants/t1/connections/oa/bindings"] = list[boundUser]{}
	p = s.post("/bindings", form)
	if to := p.header.Get("Location"); !strings.Contains(to, "added=u1") {
		t.Errorf("%d %s", p.status, to)
	}
	s.get("/bindings?tenant=t1&connection=oa&added=u1").wants(200, "u1 was not bound before", `action="/bindings/remove"`)
	// A refused one comes back with what was written.
	says["PUT /tenants/t1/connections/oa/bindings"] = &api.Problem{Status: 409, Detail: "the account ada.l is bound to u7"}
	s.post("/bindings", form).wants(409, "the account ada.l is bound to u7", `value="ada.l"`, `value="Ada"`)
}

// upload is a form with a file.
func (s *site) upload(path, name, content string, fields map[string]string) *shown {
	s.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for k, v := range fields {
		if err := w.WriteField(k, v); err != nil {
			s.t.Fatal(err)
		}
	}
	f, err := w.CreateFormFile("file", name)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.WriteString(f, content); err != nil {
		s.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, path, &b)
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Accept-Language", "en")
	return s.ask(r)
}

func TestImportBindings(t *testing.T) {
	t.Parallel()
	says := bindingSays()
	report := api.ImportReport{
		Added: 2, Changed: 1, Released: 5, Warnings: []api.RowError{{Row: 2, Column: "oa_account", Message: "1.2E+10"}},
		Rows: []api.RowFate{{Row: 2, User: "u0", Account: "x", Fate: "added"}, {Row: 3, User: "u1", Before: "ada", Account: "ada.l", Fate: "changed"}},
	}
	var got []string
	says["POST /tenants/t1/bindings/import"] = func(r *http.Request) any {
		b, _ := io.ReadAll(r.Body)
		got = append(got, r.URL.RawQuery+" "+string(b))
		return report
	}
	s := newSite(t, says)
	s.get("/bindings/import?tenant=t1&connection=oa").wants(200, `enctype="multipart/form-data"`, "Look at it first", "Or paste rows")
	fields := map[string]string{"tenant": "t1", "connection": "oa"}
	const table = "crm_user_id,oa_account\nu1,ada.l\n"
	to := s.upload("/bindings/import", "people.csv", table, fields).wants(303).header.Get("Location")
	s.get(to).wants(200, "What people.csv would change", "1.2E+10", "ada.l", "Import 3 rows", "all rows", "download the copy")
	s.get(to+"&fate=changed").wants(200, "<del", "ada.l").lacks("u0")
	s.get(to + "&page=9").wants(200)
	_, token, _ := strings.Cut(to, "check=")
	form := url.Values{"tenant": {"t1"}, "connection": {"oa"}, "token": {token}}
	// Nobody else sees it or carries it out.
	s.who = &api.Principal{Name: "eve", Role: api.Admin}
	s.get(to).wants(422, "not here any more")
	s.post("/bindings/import", form).wants(422, "not here any more")
	s.who = &api.Principal{Name: "ada", Role: api.Admin}
	for range 2 { // pressed twice it is done once
		if p := s.post("/bindings/import", form); p.status != 303 || p.header.Get("Location") != to {
			t.Errorf("%d %s", p.status, p.header.Get("Location"))
		}
	}
	s.get(to).wants(200, "Imported: people.csv").lacks("Import 3 rows")
	// What is pasted without headings is a user and his account.
	s.post("/bindings/import", url.Values{"tenant": {"t1"}, "connection": {"oa"}, "text": {"u1\tada.l\nu2\tbo"}}).wants(303)
	want := []string{
		"connection=oa&dryRun=true&rows=true " + table, "connection=oa&dryRun=false&rows=false " + table,
		"connection=oa&dryRun=true&rows=true crm_user_id\toa_account\nu1\tada.l\nu2\tbo\n",
	}
	if !slices.Equal(want, got) {
		t.Errorf("want %q, got %q", want, got)
	}
	report = api.ImportReport{Added: 1, Errors: []api.RowError{{Row: 3, Column: "oa_account", Message: "missing"}}}
	to = s.upload("/bindings/import", "bad.csv", "crm_user_id,oa_account\nu1,x\nu2,\n=1,y\n", fields).wants(303).header.Get("Location")
	s.get(to).wants(200, "One row is wrong", "oa_account: missing", "Download these rows").lacks("name=\"token\"")
	_, token, _ = strings.Cut(to, "?")
	if p := s.get("/bindings/import/wrong?" + token); p.body != "\uFEFFcrm_user_id,oa_account,!\nu2,,oa_account: missing\n" {
		t.Errorf("wrong rows: %q", p.body)
	}
	says["POST /tenants/t1/bindings/import"] = &api.Problem{Status: 422, Detail: "the file has no column oa_account"}
	s.upload("/bindings/import", "worse.csv", "x", fields).wants(422, "the file has no column oa_account", "Look at it first")
	s.post("/bindings/import", url.Values{"tenant": {"t1"}}).wants(422, "Choose a file")
	s.who = &api.Principal{Name: "vera", Role: api.View}
	s.upload("/bindings/import", "people.csv", "x", fields).wants(403)
}

// A browser that listens hears how far it is, and where to look then.
func TestImportTellsHowFarItIs(t *testing.T) {
	t.Parallel()
	says := bindingSays()
	s := newSite(t, says)
	s.raw = map[string]string{"POST /tenants/t1/bindings/import": `{"done":1,"total":2}` + "\n" + `{"done":2,"total":2}` + "\n" + `{"report":{"added":2}}` + "\n"}
	send := func() *shown {
		r := httptest.NewRequest(http.MethodPost, "/bindings/import", strings.NewReader(url.Values{"tenant": {"t1"}, "text": {"crm_user_id\toa_account\tconnection"}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept", "application/x-ndjson")
		r.Header.Set("Accept-Language", "en")
		return s.ask(r)
	}
	p := send().wants(200, `{"done":1,"total":2}`, `{"done":2,"total":2}`, `{"to":"/bindings/import?check=`)
	if !strings.HasPrefix(p.header.Get("Content-Type"), "application/x-ndjson") {
		t.Error(p.header)
	}
	s.raw["POST /tenants/t1/bindings/import"] = `{"done":1,"total":2}` + "\n" + `{"problem":{"status":422,"detail":"no such column","errors":[{"path":"row 1","message":"x"}]}}` + "\n"
	send().wants(200, `{"problem":"no such column row 1: x"}`)
	s.raw["POST /tenants/t1/bindings/import"] = `{"done":1,"total":2}` + "\n"
	send().wants(200, `{"problem":"The import failed.`)
}

func TestUploadsAreBounded(t *testing.T) {
	t.Parallel()
	var u uploads
	now := time.Now()
	file := func(bytes int) *upload {
		return &upload{who: "ada", at: now, data: make([]byte, bytes), report: &api.ImportReport{}}
	}
	first := u.keep(file(1))
	for range uploadsMost {
		u.keep(file(1))
	}
	if u.look("ada", first, now) != nil {
		t.Error("the oldest was kept beyond the limit")
	}
	big := u.keep(file(uploadsBytesMost))
	if len(u.all) != 1 {
		t.Errorf("%d files are kept beside a big one", len(u.all)-1)
	}
	if f, _ := u.begin("ada", big, now.Add(uploadKept+time.Second)); f != nil {
		t.Error("a file was carried out long after it was looked at")
	}
	if _, begun := u.begin("ada", big, now); begun {
		t.Error("begun before anybody did")
	}
	u.end("ada", big, now, nil)
	if _, begun := u.begin("ada", big, now); begun {
		t.Error("what was refused cannot be given again")
	}
	if _, begun := u.begin("ada", big, now); !begun {
		t.Error("it was begun twice")
	}
}
