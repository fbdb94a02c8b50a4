package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"todosync/connector"
)

// todo is an event as POST /events takes it.
func todo(tenant, action, members string) string {
	return fmt.Sprintf(`{"tenant":%q,"kind":"todo","action":%q,"id":"e-1","todo":{"id":"67",%s}}`, tenant, action, members)
}

const good = `"title":"待审批","receivers":[{"id":"1002"}]`

func TestPublish(t *testing.T) {
	t.Parallel()
	sized := func(size int) string {
		head, tail := `{"tenant":"t1","kind":"todo","action":"create","todo":{"id":"67",`+good+`,"content":"`, `"}}`
		return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
	}
	for name, c := range map[string]struct {
		body   string
		header map[string]string
		status int
		want   string // in the answer
	}{
		"good":               {body: todo("t1", "create", good), status: 202, want: `{"sequence":1,"duplicate":false}`},
		"no JSON":            {body: `{"tenant":"t1",`, status: 422, want: "JSON"},
		"empty":              {body: ``, status: 422, want: "JSON"},
		"invalid UTF-8":      {body: todo("t1", "create", "\"title\":\"\xff\",\"receivers\":[{\"id\":\"1\"}]"), status: 422, want: "UTF-8"},
		"nested too deep":    {body: todo("t1", "create", good+`,"ext":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)), status: 422, want: "100"},
		"no tenant":          {body: `{"kind":"todo","action":"create","todo":{"id":"67",` + good + `}}`, status: 422, want: `"path":"tenant"`},
		"tenant is a number": {body: `{"tenant":7,"kind":"todo","action":"create","todo":{}}`, status: 422, want: `"path":"tenant"`},
		"bad tenant":         {body: todo("a.b", "create", good), status: 422, want: `"path":"tenant"`},
		"wild tenant":        {body: todo("*", "create", good), status: 422, want: "A-Z a-z"},
		"unknown action":     {body: todo("t1", "remove", good), status: 422, want: `"path":"action","message":"\"remove\" is none of create, edit, delete"`},
		"dotted action":      {body: todo("t1", "create.x", good), status: 422, want: `"path":"action"`},
		"unknown kind":       {body: `{"tenant":"t1","kind":"note","action":"create","todo":{"id":"67",` + good + `}}`, status: 422, want: `"path":"kind"`},
		"a list":             {body: `[` + todo("t1", "create", good) + `]`, status: 422, want: "todosync publish"},
		"compressed":         {body: "\x1f\x8b", header: map[string]string{"Content-Encoding": "gzip"}, status: 415, want: "without compression"},
		"no title":           {body: todo("t1", "create", `"receivers":[{"id":"1"}]`), status: 422, want: `"path":"todo.title"`},
		"no receivers":       {body: todo("t1", "create", `"title":"x"`), status: 422, want: `"path":"todo.receivers"`},
		"bad status":         {body: todo("t1", "create", good+`,"status":"open"`), status: 422, want: "open"},
		"exactly 1 MiB":      {body: sized(connector.MaxPayload), status: 202},
		"a byte more":        {body: sized(connector.MaxPayload + 1), status: 413, want: "1048576"},
		"CloudEvent": {
			body:   `{"specversion":"1.0","id":"ce-1","source":"/crm","type":"x","data":{"tenant":"t1","kind":"todo","action":"create","todo":{"id":"67",` + good + `}}}`,
			header: map[string]string{"Content-Type": "application/cloudevents+json"}, status: 202,
		},
		"CloudEvent in base64": {
			body:   `{"specversion":"1.0","id":"ce-1","tenant":"t1","kind":"todo","action":"create","data_base64":"e30="}`,
			header: map[string]string{"Content-Type": "application/cloudevents+json"}, status: 422, want: "data_base64",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			got := s.do(ask{method: "POST", path: "/events", body: c.body, header: c.header})
			if got.status != c.status || !strings.Contains(got.body, c.want) {
				t.Fatalf("want %d with %q, got %d %s", c.status, c.want, got.status, got.body)
			}
			if c.status != http.StatusAccepted {
				s.problem(got, c.status)
				if len(s.b.published) > 0 {
					t.Error("it was published all the same")
				}
				return
			}
			if len(s.b.published) != 1 || string(s.b.published[0].Data) != c.body || s.b.published[0].Subject != "crm.t1.todo.create" {
				t.Errorf("want the event as it came, got %+v", s.b.published)
			}
		})
	}
}

// The headers of a message: its id once per tenant, and those that belong to the event.
func TestPublishedHeaders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body   string
		header map[string]string
		want   map[string][]string
	}{
		"own id": {
			body: todo("t1", "create", good),
			want: map[string][]string{"Nats-Msg-Id": {"t1/e-1"}},
		},
		"no id": {
			body: `{"tenant":"t1","kind":"todo","action":"create","todo":{"id":"67",` + good + `}}`,
			want: map[string][]string{},
		},
		"no other headers": {
			body:   todo("t1", "create", good),
			header: map[string]string{"Nats-Msg-Id": "t2/stolen", "Nats-Rollup": "all", "Cookie": "x", "Traceparent": "00-1-2-01"},
			want:   map[string][]string{"Nats-Msg-Id": {"t1/e-1"}, "Traceparent": {"00-1-2-01"}},
		},
		"binary CloudEvent": {
			body:   `{"tenant":"t1","kind":"todo","action":"create","todo":{"id":"67",` + good + `}}`,
			header: map[string]string{"ce-specversion": "1.0", "ce-id": "a%2Fb", "ce-time": "2024-11-05T09:30:00Z"},
			want: map[string][]string{
				"ce-specversion": {"1.0"}, "ce-id": {"a%2Fb"}, "ce-time": {"2024-11-05T09:30:00Z"}, "Nats-Msg-Id": {"t1/a/b"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			if got := s.do(ask{method: "POST", path: "/events", body: c.body, header: c.header, token: writerToken}); got.status != 202 {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			if diff := cmp.Diff(c.want, s.b.published[0].Header); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPublishWithoutNATS(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.b.publish = &connector.Error{Kind: connector.Unavailable, Msg: "stream CRM is full", Hint: "see /readyz"}
	p := s.problem(s.do(ask{method: "POST", path: "/events", body: todo("t1", "create", good)}), 503)
	if p.Hint == "" {
		t.Errorf("want a hint, got %+v", p)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	got := s.do(ask{path: "/events?tenant=t1&todo=&limit=1"})
	want := `{"items":[{"id":"e","tenant":"t1","kind":"","action":"","todo":"","sequence":0,"duplicates":0,` +
		`"connections":[{"connection":"oa","outcome":"","deliveries":[]}],"receivedAt":null}],"next":""}`
	if strings.TrimSpace(got.body) != want {
		t.Errorf("want %s\ngot  %s", want, got.body)
	}
}

func TestOneEvent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if got := s.do(ask{path: "/tenants/t1/events/e"}); !strings.Contains(got.body, `"payload":{"id":"e9","todo"`) || !strings.Contains(got.body, `"connection":"oa"`) {
		t.Errorf("want the story and the payload, got %s", got.body)
	}
	// A tenant may keep bodies from viewers.
	s.do(ask{method: "PUT", path: "/tenants/t1", body: "apiVersion: todosync/v1\nkind: Tenant\ntenant: t1\nmaskBodies: true\n"})
	if got := s.do(ask{path: "/tenants/t1/events/e", token: viewerToken}); got.status != 200 || !strings.Contains(got.body, `"payload":null`) {
		t.Errorf("want no payload for a viewer, got %s", got.body)
	}
	if got := s.do(ask{path: "/tenants/t1/events/e", token: "all-of-t1"}); !strings.Contains(got.body, `"payload":{`) {
		t.Errorf("want the payload, got %s", got.body)
	}
	s.problem(s.do(ask{path: "/tenants/a.b/events/e"}), http.StatusUnprocessableEntity)
	s.problem(s.do(ask{path: "/tenants/t1/events/e", token: "nobody"}), http.StatusUnauthorized)
}

// What was sent at a revision is shown with that revision, and only what went to one receiver.
func TestRenderOfAnEvent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, body := range []string{`old #F001`, `new #F001`} {
		s.do(ask{method: "PUT", path: "/tenants/t1/connections/oa", body: `{"apiVersion":"todosync/v1","kind":"Connection","tenant":"t1","name":"oa","scenes":{"create":{"address":"http://oa.example.com","body":"{\"to\":\"` + body + `\"}","receivers":"each"}}}`})
	}
	ask := ask{method: "POST", path: "/render", body: `{"tenant":"t1","name":"oa","scene":"create","eventId":"e9","revision":1,"receiver":"2","explain":true,"bindings":[{"connection":"oa","crm_user_id":"2","crm_user_name":"B","oa_account":"bob","oa_user_name":""}]}`}
	got := s.do(ask)
	if strings.Count(got.body, `"method"`) != 1 || !strings.Contains(got.body, `old bob`) || !strings.Contains(got.body, `"placeholder":"#F001"`) {
		t.Errorf("want one request to 2 as of revision 1, got %s", got.body)
	}
	ask.body = strings.Replace(ask.body, `"revision":1`, `"revision":9`, 1)
	s.problem(s.do(ask), http.StatusNotFound)
}

func TestFindRejected(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.b.rejects = []connector.RejectedEvent{
		{ID: "x1", Tenant: "t1", Reason: "missing", Payload: `{"todo":{"id":"8847"}}`},
		{ID: "x2", Tenant: "t1", Reason: "the todo 8847 is unknown", Payload: `{}`},
		{ID: "x3", Tenant: "t2", Reason: "8847"},
	}
	found := func(path, token string, ids ...string) {
		t.Helper()
		got := s.do(ask{path: path, token: token})
		if got.status != http.StatusOK || strings.Count(got.body, `"id":`) != len(ids) || strings.Contains(got.body, `"searchedTo"`) {
			t.Errorf("%s of %s: want %v, got %d %s", path, token, ids, got.status, got.body)
		}
		for _, id := range ids {
			if !strings.Contains(got.body, `"id":"`+id+`"`) {
				t.Errorf("%s of %s: want %s in %s", path, token, id, got.body)
			}
		}
	}
	found("/rejected?q=8847", "all-of-t1", "x1", "x2")
	found("/rejected?q=8847&tenant=t2", "all-of-t1")
	found("/rejected?q=884", "all-of-t1")
	found("/rejected?q=+", "all-of-t1", "x1", "x2")
	s.problem(s.do(ask{path: "/rejected?q=" + strings.Repeat("8", 201)}), http.StatusUnprocessableEntity)
	// What a viewer may not read he cannot find either.
	found("/rejected?q=8847&tenant=t1", viewerToken, "x1", "x2")
	s.do(ask{method: "PUT", path: "/tenants/t1", body: "apiVersion: todosync/v1\nkind: Tenant\ntenant: t1\nmaskBodies: true\n"})
	found("/rejected?q=8847&tenant=t1", viewerToken, "x2")
	found("/rejected?q=8847", "all-of-t1", "x1", "x2")
}
