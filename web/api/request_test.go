package api_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"todosync/connector"
	"todosync/web/api"
)

// A mistake stands at the member or parameter that it is about, by the name that the caller gave it, and one that is missing at its own.
func TestMistakesNameTheirPlace(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, c := range map[string]struct {
		ask     ask
		path    string
		message string
		hint    string
	}{
		"a member that is missing":      {ask{method: "PUT", path: "/tenants/t1/connections/oa/bindings", body: `{"crm_user_id":"7"}`}, "oa_account", "missing", ""},
		"one that is missing deep down": {ask{method: "POST", path: "/validate", body: `{"files":[{"name":"a"}]}`}, "files[0].content", "missing", ""},
		"an unknown member":             {ask{method: "POST", path: "/records/r1/retry", body: `{"renderin":"old"}`}, "renderin", "unknown member; did you mean rendering?", "members of the body: confirmSucceeded, rendering"},
		"a part of the path":            {ask{path: "/tenants/t1/connections/oa/revisions/x"}, "revision", "invalid integer", ""},
		"a parameter":                   {ask{path: "/records?limit=0"}, "limit", "expected number >= 1", ""},
		"a parameter, in Chinese":       {ask{path: "/records?limit=0", header: map[string]string{"Accept-Language": "zh-CN"}}, "limit", "应不小于 1", ""},
		"no If-Match at all":            {ask{method: "PUT", path: "/tenants/t1", header: map[string]string{"If-Match": `""`}}, "If-Match", `"" is not a revision in quotes, such as "3"`, ""},
		"a token of two lines":          {ask{method: "POST", path: "/tokens", body: `{"name":"a\nb","role":"viewer"}`}, "name", "want one line, without control characters", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			p := s.problem(s.do(c.ask), http.StatusUnprocessableEntity)
			if len(p.Errors) != 1 || p.Errors[0].Path != c.path || p.Errors[0].Message != c.message || p.Hint != c.hint {
				t.Errorf("want %s: %s (%s), got %+v", c.path, c.message, c.hint, p)
			}
		})
	}
	look := ask{method: "POST", path: "/render", body: `{"connection":"kind: Connection","scene":"create"}`}
	if p := s.problem(s.do(look), http.StatusUnprocessableEntity); p.Detail != "the settings have mistakes" || len(p.Errors) == 0 || p.Errors[0].Path != "apiVersion" {
		t.Errorf("want the mistakes, and nothing said of changes, got %+v", p)
	}
	form := ask{method: "POST", path: "/tenants/t1/bindings/import", body: "--X", header: map[string]string{"Content-Type": "multipart/form-data; boundary=X"}}
	if p := s.problem(s.do(form), http.StatusUnsupportedMediaType); !strings.Contains(p.Hint, "--data-binary") {
		t.Errorf("want told how a file is sent, got %+v", p)
	}
}

// T and Z may be small, and who forgot to percent-encode a + is understood.
func TestTimesAreReadInEachForm(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, at := range []string{
		"2026-11-22T00:00:00Z", "2026-11-22t00:00:00z", "2026-11-22T00:00:00.000Z", "2026-11-22T08:00:00%2B08:00", "2026-11-22T08:00:00+08:00", "2026-11-21T19:00:00-05:00",
	} {
		if got := s.do(ask{path: "/records?from=" + at}); got.status != http.StatusOK {
			t.Errorf("%s: got %d %s", at, got.status, got.body)
			continue
		}
		if f := s.b.filters[len(s.b.filters)-1]; f.From.UTC().Format("2006-01-02T15:04:05Z") != "2026-11-22T00:00:00Z" {
			t.Errorf("%s: read as %s", at, f.From)
		}
	}
	for _, at := range []string{"2026-11-22%2000:00:00", "2026-11-22T00:00:00", "+08:00", " ", "1795334796"} {
		s.problem(s.do(ask{path: "/records?from=" + strings.ReplaceAll(at, " ", "%20")}), http.StatusUnprocessableEntity)
	}
}

// What was read may be sent back with a member changed.
func TestABindingGoesBackAsItCame(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	body := `{"connection":"oa","crm_user_id":"7","crm_user_name":"","oa_account":"han","oa_user_name":"","kind":"employee","automatic":true,"madeBy":"ada","updatedAt":"2026-11-22T00:00:00.000Z"}`
	if got := s.do(ask{method: "PUT", path: "/tenants/t1/connections/oa/bindings", body: body}); got.status != http.StatusOK {
		t.Errorf("got %d %s", got.status, got.body)
	}
	// A preview needs no more of a binding than who and whom.
	s.do(ask{method: "PUT", path: "/tenants/t1/connections/oa", body: connectionFile})
	got := s.do(ask{method: "POST", path: "/render", body: `{"tenant":"t1","name":"oa","scene":"create","event":{"todo":{"id":"1","title":"x","receivers":[{"id":"1002"}]}},"bindings":[{"crm_user_id":"1002","oa_account":"han"}]}`})
	if got.status != http.StatusOK {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

// Writes may depend on what is there.
func TestConditions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const path = "/tenants/t1/connections/oa"
	send := func(method, query, header, value string) answer {
		body := ""
		if method == "PUT" {
			body = connectionFile
		}
		return s.do(ask{method: method, path: path + query, body: body, header: map[string]string{header: value}})
	}
	if got := send("PUT", "", "If-None-Match", "*"); got.status != http.StatusOK {
		t.Fatalf("want it made, got %d %s", got.status, got.body)
	}
	s.problem(send("PUT", "", "If-None-Match", "*"), http.StatusPreconditionFailed)
	s.problem(send("PUT", "", "If-None-Match", `"1"`), http.StatusUnprocessableEntity)
	send("PUT", "", "If-Match", `"1"`)
	s.problem(send("DELETE", "?cancelWaiting=true", "If-Match", `"1"`), http.StatusPreconditionFailed)
	s.problem(send("DELETE", "?withdraw=true", "If-Match", `"1"`), http.StatusPreconditionFailed)
	s.problem(send("DELETE", "", "If-Match", `"2"`), http.StatusConflict)
	if got := send("DELETE", "?cancelWaiting=true", "If-Match", `"2"`); got.status != http.StatusNoContent {
		t.Errorf("want it gone, got %d %s", got.status, got.body)
	}
	s.b.saved[connector.ConnectionKey{Tenant: "t1"}] = api.Saved{Revision: 4}
	erase := func(match string) answer {
		return s.do(ask{method: "DELETE", path: "/tenants/t1", header: map[string]string{"If-Match": match}})
	}
	s.problem(erase(`"3"`), http.StatusPreconditionFailed)
	if got := erase(`"4"`); got.status != http.StatusAccepted {
		t.Errorf("want the job, got %d %s", got.status, got.body)
	}
}

// Who only counts needs to confirm nothing.
func TestCountingSendsNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	got := decode[api.JobView](s, s.do(ask{method: "POST", path: "/records/retry", body: `{"state":"succeeded","dryRun":true}`}))
	if got.Total != 42 || got.State != "dry_run" {
		t.Errorf("got %+v", got)
	}
}

// HEAD asks for the head alone: a stream must not go on for it.
func TestHeadEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for path, media := range map[string]string{"/records/stream": "text/event-stream", "/records/export": "application/x-ndjson", "/records": "application/json"} {
		if got := s.do(ask{method: "HEAD", path: path}); got.status != http.StatusOK || got.header.Get("Content-Type") != media || got.body != "" {
			t.Errorf("%s: got %d %v %q", path, got.status, got.header, got.body)
		}
	}
}

// Who comes back to a stream learns that he may have missed something.
func TestStreamTellsWhoComesBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.srv.URL+api.Prefix+"/records/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	req.Header.Set("Last-Event-ID", "r1")
	res, err := s.srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if line := lines.Text(); line == "event: gap" {
			return
		} else if strings.HasPrefix(line, "event:") {
			t.Fatalf("want a gap first, got %s", line)
		}
	}
	t.Error("the stream ended")
}

// Each list has pages, also one that is short by its nature: every item once, and nothing after the last.
func TestEveryListHasPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, n := range []api.SecretName{{Tenant: "t1", Name: "b"}, {Tenant: "t1", Name: "a"}, {Tenant: "t2", Name: "a"}} {
		s.b.secrets[n] = "hunter22"
	}
	for _, path := range []string{"/secrets?tenant=t2,t1", "/fields?tenant=", "/presets?limit="} {
		whole := decode[connector.Page[any]](s, s.do(ask{path: path})).Items
		path = strings.TrimSuffix(path, "limit=")
		var all []any
		for cursor := ""; ; {
			page := decode[connector.Page[any]](s, s.do(ask{path: path + "&limit=2&cursor=" + cursor}))
			if all = append(all, page.Items...); page.Next == "" || len(all) > len(whole) {
				break
			}
			cursor = page.Next
		}
		if diff := cmp.Diff(whole, all); diff != "" || len(all) < 3 {
			t.Errorf("%s: %s", path, diff)
		}
		s.problem(s.do(ask{path: path + "&limit=1001"}), http.StatusUnprocessableEntity)
		s.problem(s.do(ask{path: path + "&cursor=zz"}), http.StatusUnprocessableEntity)
	}
	// What the last item of a page was may be gone: the next one goes on after it.
	first := decode[connector.Page[api.SecretName]](s, s.do(ask{path: "/secrets?limit=1"}))
	delete(s.b.secrets, first.Items[0])
	if second := decode[connector.Page[api.SecretName]](s, s.do(ask{path: "/secrets?limit=1&cursor=" + first.Next})); second.Items[0] != (api.SecretName{Tenant: "t1", Name: "b"}) {
		t.Errorf("got %+v", second)
	}
}
