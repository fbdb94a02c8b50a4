package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"todosync/connector"
	"todosync/web/api"
)

func TestWhoMayComeIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, c := range map[string]struct {
		ask    ask
		status int
	}{
		"no token":             {ask{path: "/records", token: "-"}, 401},
		"another token":        {ask{path: "/records", token: "guess"}, 401},
		"another scheme":       {ask{path: "/records", token: "-", header: map[string]string{"Authorization": "Basic " + adminToken}}, 401},
		"empty token":          {ask{path: "/records", token: "-", header: map[string]string{"Authorization": "Bearer "}}, 401},
		"small letters":        {ask{path: "/records", token: "-", header: map[string]string{"Authorization": "bearer " + adminToken}}, 200},
		"admin":                {ask{path: "/records"}, 200},
		"viewer":               {ask{path: "/records", token: viewerToken}, 200},
		"viewer and secrets":   {ask{path: "/secrets", token: viewerToken}, 403},
		"viewer and events":    {ask{method: "POST", path: "/events", token: viewerToken}, 403},
		"writer and records":   {ask{path: "/records", token: writerToken}, 403},
		"nobody can tell":      {ask{path: "/records", token: "database-away"}, 503},
		"health is open":       {ask{path: "root:/healthz", token: "-"}, 200},
		"readiness is open":    {ask{path: "root:/readyz", token: "-"}, 200},
		"description is open":  {ask{path: "root:/openapi.json", token: "-"}, 200},
		"no token, wrong path": {ask{path: "/nothing", token: "-"}, 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			got := s.do(c.ask)
			if got.status != c.status {
				t.Fatalf("want %d, got %d %s", c.status, got.status, got.body)
			}
			if c.status/100 != 2 {
				s.problem(got, c.status)
			}
			if c.status == 401 && !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
				t.Error("want a challenge")
			}
			if strings.Contains(got.body, adminToken) {
				t.Error("the token came back")
			}
		})
	}
}

func TestMistakesAreToldWithAHint(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, c := range map[string]struct {
		ask    ask
		status int
		want   []string
	}{
		"no route":             {ask{path: "/recrods"}, 404, []string{"/openapi.json"}},
		"outside":              {ask{path: "root:/x"}, 404, []string{"/api/v1"}},
		"wrong method":         {ask{method: "DELETE", path: "/records"}, 405, []string{"DELETE", "GET"}},
		"unknown parameter":    {ask{path: "/records?tennant=1"}, 422, []string{"tennant", "did you mean tenant?", "cursor"}},
		"no parameters at all": {ask{path: "/rejected/x?y=1"}, 422, []string{"takes no parameters"}},
		"twice":                {ask{path: "/records?tenant=1&tenant=2"}, 422, []string{"tenant", "commas"}},
		"bad escape":           {ask{path: "/records?tenant=%zz"}, 400, []string{"percent-encode"}},
		"limit 0":              {ask{path: "/records?limit=0"}, 422, []string{"limit"}},
		"limit 1001":           {ask{path: "/records?limit=1001"}, 422, []string{"limit", "1000"}},
		"limit x":              {ask{path: "/records?limit=x"}, 422, []string{"limit"}},
		"scene":                {ask{path: "/records?scene=creat"}, 422, []string{"scene", "did you mean create?"}},
		"state":                {ask{path: "/records?state=failed,lost"}, 422, []string{"state", `\"lost\"`}},
		"class":                {ask{path: "/records?class=timeoutt"}, 422, []string{"did you mean timeout?"}},
		"time":                 {ask{path: "/records?from=yesterday"}, 422, []string{"from", "2024-11-05T09:30:00"}},
		"short text":           {ask{path: "/records?q=x"}, 422, []string{"q", "2 characters"}},
		"cursor":               {ask{path: "/records?cursor=x"}, 422, []string{"bad cursor"}},
		"not said to be JSON":  {ask{method: "PUT", path: "/secrets", body: `{}`, header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, 415, []string{"application/json"}},
		"body is no JSON":      {ask{method: "PUT", path: "/secrets", body: `{"tenant":`}, 400, nil},
		"unknown member":       {ask{method: "PUT", path: "/secrets", body: `{"tenant":"t1","name":"n","value":"hunter22","x":1}`}, 422, []string{`"x"`}},
		"missing member":       {ask{method: "PUT", path: "/secrets", body: `{"tenant":"t1","name":"n"}`}, 422, []string{"value"}},
		"secret's name":        {ask{method: "PUT", path: "/secrets", body: `{"tenant":"t1","name":"a b","value":"hunter22"}`}, 422, []string{"name"}},
		"tenant in the path":   {ask{path: "/tenants/a%20b"}, 422, []string{"A-Z a-z"}},
		"conflict":             {ask{method: "DELETE", path: "/tenants/t1/connections/oa"}, 409, []string{"3 deliveries wait", "cancelWaiting"}},
		"not there":            {ask{path: "/records/none"}, 404, []string{"none"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			got := s.do(c.ask)
			s.problem(got, c.status)
			for _, want := range c.want {
				if !strings.Contains(got.body, want) {
					t.Errorf("want %q in %s", want, got.body)
				}
			}
			if strings.Contains(got.body, "hunter22") {
				t.Errorf("a secret came back: %s", got.body)
			}
		})
	}
}

// What is not meant for people is logged and not told.
func TestInnerTroubleIsNotTold(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.b.publish = errInner{}
	p := s.problem(s.do(ask{method: "POST", path: "/events", body: todo("t1", "create", `"title":"x","receivers":[{"id":"1"}]`)}), 500)
	if strings.Contains(p.Detail, "inner") {
		t.Errorf("inner trouble was told: %+v", p)
	}
	if !strings.Contains(s.log.String(), "inner trouble") {
		t.Errorf("want the trouble in the log, got %q", s.log.String())
	}
}

// A panic in one request is answered and logged, and ends nothing else.
func TestPanic(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.b.saved = nil // writing to it panics
	p := s.problem(s.do(ask{method: "PUT", path: "/tenants/t1", body: "apiVersion: todosync/v1\nkind: Tenant\ntenant: t1\n"}), 500)
	if !strings.Contains(s.log.String(), "nil map") || strings.Contains(p.Detail, "nil map") {
		t.Errorf("want the panic in the log alone, got %+v, log %q", p, s.log.String())
	}
}

type errInner struct{}

func (errInner) Error() string { return "inner trouble" }

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Responses   map[string]any
		}
		Components struct{ Schemas map[string]any }
	}
	raw := s.do(ask{path: "root:/openapi.json", token: "-"})
	if err := json.Unmarshal([]byte(raw.body), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || doc.Components.Schemas["Problem"] == nil || doc.Components.Schemas["ErrorModel"] != nil {
		t.Errorf("want OpenAPI 3.1.0 with our own problems, got %s", doc.OpenAPI)
	}
	if strings.Contains(raw.body, "ErrorModel") {
		t.Error("something refers to huma's own errors")
	}
	const tenant = "/api/v1/tenants/{tenant}"
	const connection = tenant + "/connections/{name}"
	for route, methods := range map[string]string{
		"/api/v1/events": "get post", "/api/v1/records": "get", "/api/v1/records/{id}": "get", "/api/v1/records/stream": "get",
		"/api/v1/records/{id}/curl": "get", tenant + "/events/{id}": "get",
		"/api/v1/records/export": "get", "/api/v1/tenants": "get", "/api/v1/tenants/{tenant}": "delete get put", "/api/v1/connections": "get", "/api/v1/connections/summary": "get",
		connection: "delete get put", connection + "/pause": "post", connection + "/resume": "post", connection + "/revisions": "get",
		connection + "/revisions/{revision}": "get", connection + "/revisions/{revision}/diff": "get", connection + "/revisions/{revision}/restore": "post",
		tenant + "/revisions": "get", tenant + "/revisions/{revision}": "get", tenant + "/revisions/{revision}/diff": "get",
		tenant + "/revisions/{revision}/restore": "post",
		connection + "/bindings":                 "delete get put", connection + "/unbound": "get", "/api/v1/tenants/{tenant}/bindings/import": "post",
		"/api/v1/validate": "post", "/api/v1/draft": "post", "/api/v1/edit": "post", "/api/v1/presets": "get", "/api/v1/presets/{preset}": "get", "/api/v1/presets/{preset}/connection": "post",
		"/api/v1/tenants/{tenant}/connections/{name}/compare": "post", tenant + "/compare": "post", "/api/v1/schemas/{kind}": "get", "/api/v1/try": "post", "/api/v1/apply": "post", "/api/v1/export": "get", "/api/v1/render": "post", "/api/v1/fields": "get",
		"/api/v1/rejected": "get", "/api/v1/rejected/{id}": "get", "/api/v1/rejected/{id}/replay": "post",
		"/api/v1/records/{id}/retry": "get post", "/api/v1/records/{id}/cancel": "post", "/api/v1/records/retry": "post",
		"/api/v1/records/cancel": "post", "/api/v1/jobs": "get", "/api/v1/jobs/{id}": "get", "/api/v1/jobs/{id}/stop": "post",
		connection + "/backfill": "post", connection + "/todos/{todo}/push": "post",
		"/api/v1/tokens": "get post", "/api/v1/tokens/{id}": "delete", "/api/v1/audit": "get", "/api/v1/audit/log-ins": "get", "/api/v1/users/{id}/invite": "post",
		"/api/v1/users": "get post", "/api/v1/users/{id}": "delete get put", "/api/v1/users/{id}/unlock": "post", "/api/v1/users/{id}/sessions": "delete get",
		"/api/v1/me": "get put", "/api/v1/me/password": "put", "/api/v1/me/sessions": "delete get",
		"/api/v1/sign-ons": "get", "/api/v1/tickets/redeem": "post",
		"/api/v1/secrets": "delete get put", "/api/v1/secrets/rotate": "post", "/api/v1/stats": "get", "/healthz": "get", "/readyz": "get",
		"/api/v1/digests": "get", "/api/v1/digests/{id}": "get", "/api/v1/digests/{id}/resend": "post", "/api/v1/digests/test": "post",
		"/api/v1/tenants/{tenant}/webhook-key": "get",
	} {
		var got []string
		for m, op := range doc.Paths[route] {
			got = append(got, m)
			if op.Responses["default"] == nil {
				t.Errorf("%s %s does not describe its errors", m, route)
			}
		}
		slices.Sort(got)
		if want := strings.Fields(methods); !slices.Equal(want, got) {
			t.Errorf("%s: want %v, got %v", route, want, got)
		}
		delete(doc.Paths, route)
	}
	if len(doc.Paths) > 0 {
		t.Errorf("routes that this test does not know: %v", doc.Paths)
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.b.parts = []api.Part{{Name: "store", State: api.PartOK}, {Name: "nats", State: api.PartWarning, Detail: "80 % full"}}
	if got := s.do(ask{path: "root:/readyz", token: "-"}); got.status != 200 || !strings.Contains(got.body, "80 % full") {
		t.Errorf("want ready with a warning, got %d %s", got.status, got.body)
	}
	s.b.parts = append(s.b.parts, api.Part{Name: "disk", State: api.PartDown, Detail: "no space left"})
	got := s.do(ask{path: "root:/readyz", token: "-"})
	if got.status != 503 || !strings.Contains(got.body, `"ready":false`) || !strings.Contains(got.body, "no space left") {
		t.Errorf("want 503 and why, got %d %s", got.status, got.body)
	}
}

// Every route that names or lists what belongs to a tenant shows nothing of others, not even that they are there.
func TestTenantsSeeOnlyTheirOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, tenant := range []string{"t1", "t2"} {
		s.b.records = append(s.b.records, connector.Record{ID: "r-" + tenant, Tenant: tenant, Title: "title of " + tenant})
		s.b.rejects = append(s.b.rejects, connector.RejectedEvent{ID: "x-" + tenant, Tenant: tenant})
		s.b.secrets[api.SecretName{Tenant: tenant, Name: "n-" + tenant}] = "hunter22"
		s.do(ask{method: "PUT", path: "/tenants/" + tenant, body: "apiVersion: todosync/v1\nkind: Tenant\ntenant: " + tenant + "\n"})
		s.do(ask{method: "PUT", path: "/tenants/" + tenant + "/connections/oa", body: strings.ReplaceAll(connectionFile, "t1", tenant)})
	}
	const c2 = "/tenants/t2/connections/oa"
	for path, status := range map[string]int{
		"/records": 200, "/records?tenant=t2": 200, "/records/r-t2": 404, "/records/r-t2/curl": 404, "/records/r-t2/retry": 404, "/tenants/t2/events/e": 404, "/records/export": 200, "/records/export?tenant=t2": 200,
		"/events": 200, "/events?tenant=t2": 200, "/tenants": 200, "/tenants/t2": 404, "/connections": 200, "/connections?tenant=t2": 200,
		c2: 404, c2 + "/revisions": 404, c2 + "/revisions/1": 404, c2 + "/revisions/1/diff": 404,
		"/tenants/t2/revisions": 404, "/tenants/t2/revisions/1": 404, "/tenants/t2/revisions/1/diff": 404, c2 + "/bindings": 404, c2 + "/unbound": 404, "/rejected": 200, "/rejected?tenant=t2": 200,
		"/rejected/x-t2": 404, "/secrets": 200, "/secrets?tenant=t2": 200, "/stats?tenant=t2": 200, "/export": 200, "/export?tenant=t2": 404,
		"/fields?tenant=t2":        404,
		"POST /records/r-t2/retry": 404, "POST /records/r-t2/cancel": 404, "POST " + c2 + "/todos/67/push": 404, "POST " + c2 + "/backfill": 404,
		"POST " + c2 + "/pause": 404, "POST " + c2 + "/resume": 404, "DELETE " + c2: 404, "POST /rejected/x-t2/replay": 404,
		"DELETE /secrets?tenant=t2&name=n-t2": 404, "PUT " + c2 + "/bindings": 404, "POST /tenants/t2/bindings/import": 404,
		"POST " + c2 + "/revisions/1/restore": 404, "POST /tenants/t2/revisions/1/restore": 404,
		"PUT " + c2: 404, "PUT /tenants/t2": 404,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			a := ask{path: path, token: "all-of-t1"}
			if method, rest, ok := strings.Cut(path, " "); ok {
				a.method, a.path = method, rest
			}
			got := s.do(a)
			if got.status != status {
				t.Errorf("want %d, got %d %s", status, got.status, got.body)
			}
			if status == 200 && strings.Contains(got.body, "t2") {
				t.Errorf("another tenant's data: %s", got.body)
			}
			if own := !strings.Contains(path, "t2") && status == 200; own && !strings.Contains(got.body, "t1") {
				t.Errorf("want the own data, got %s", got.body)
			}
		})
	}
	for name, a := range map[string]ask{
		"event":  {method: "POST", path: "/events", body: todo("t2", "create", `"title":"x","receivers":[{"id":"1"}]`)},
		"apply":  {method: "POST", path: "/apply", body: applyBody(strings.ReplaceAll(connectionFile, "t1", "t2"))},
		"secret": {method: "PUT", path: "/secrets", body: `{"tenant":"t2","name":"n","value":"hunter22"}`},
		"render": {method: "POST", path: "/render", body: `{"tenant":"t2","name":"oa","scene":"create","event":{}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			a.token = "all-of-t1"
			s.problem(s.do(a), http.StatusNotFound)
		})
	}
}
