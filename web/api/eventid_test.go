package api_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"todosync/connector"
	"todosync/web/api"
)

// What JetStream takes for a repeat is one only if it is the same event, and was not rejected.
func TestPublishRepeated(t *testing.T) {
	t.Parallel()
	create := todo("t1", "create", good)
	first := func(subject, data string) connector.Incoming {
		return connector.Incoming{Subject: subject, Data: []byte(data), Header: map[string][]string{"Nats-Msg-Id": {"t1/e-1"}}}
	}
	same := first("crm.t1.todo.create", create)
	for name, c := range map[string]struct {
		earlier connector.Incoming // in the stream, at sequence 1
		planned uint64
		purged  bool
		known   api.KnownEvent
		away    error
		status  int
		want    string // in the answer
		sent    int    // messages in the stream afterwards
		counted []string
	}{
		"accepted": {
			earlier: same, planned: 1, known: api.KnownEvent{Found: true, Same: true, Sequence: 1},
			status: 202, want: `{"sequence":1,"duplicate":true}`, sent: 1, counted: []string{"e-1"},
		},
		"accepted long ago": {
			earlier: connector.Incoming{Subject: "crm.t1.todo.create"}, planned: 900,
			known:  api.KnownEvent{Found: true, Same: true, Sequence: 42},
			status: 202, want: `{"sequence":42,"duplicate":true}`, sent: 1, counted: []string{"e-1"},
		},
		"accepted as another": {
			earlier: same, planned: 1, known: api.KnownEvent{Found: true, Sequence: 1},
			status: 422, want: `"errors":[{"path":"id","message":"id used for another event"}]`, sent: 1,
		},
		"waits, the store counts it": {earlier: same, status: 202, want: `{"sequence":1,"duplicate":true}`, sent: 2},
		"another action waits": {
			earlier: first("crm.t1.todo.edit", todo("t1", "edit", good)), status: 422, want: "id used for another event", sent: 1,
		},
		"another object waits": {
			earlier: first("crm.t1.todo.create", strings.Replace(create, `"67"`, `"68"`, 1)), status: 422,
			want: "id used for another event", sent: 1,
		},
		"was rejected": {
			earlier: first("crm.t1.todo.create", `{"todo":{}}`), planned: 1, status: 202, want: `{"sequence":2,"duplicate":false}`, sent: 2,
		},
		"was rejected by the store": {earlier: same, planned: 1, status: 202, want: `{"sequence":2,"duplicate":false}`, sent: 2},
		"will be rejected": {
			earlier: first("crm.t1.todo.create", `{"todo":{}}`), status: 202, want: `{"sequence":2,"duplicate":false}`, sent: 2,
		},
		"bears the header of another": {
			earlier: first("crm.t1.todo.create", strings.Replace(create, `"e-1"`, `"e-2"`, 1)), status: 202,
			want: `{"sequence":2,"duplicate":false}`, sent: 2,
		},
		"is gone": {earlier: same, purged: true, status: 202, want: `{"sequence":2,"duplicate":false}`, sent: 2},
		"store away": {
			earlier: connector.Incoming{Subject: "crm.t1.todo.create"}, away: errors.New("no disk"),
			status: 202, want: `{"sequence":2,"duplicate":false}`, sent: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.b.published = []connector.Incoming{c.earlier}
			s.b.planned, s.b.purged, s.b.away, s.b.known = c.planned, c.purged, c.away, map[string]api.KnownEvent{"e-1": c.known}
			got := s.do(ask{method: "POST", path: "/events", body: create})
			if got.status != c.status || !strings.Contains(got.body, c.want) {
				t.Errorf("want %d with %s, got %d %s", c.status, c.want, got.status, got.body)
			}
			if len(s.b.published) != c.sent {
				t.Errorf("want %d messages in the stream, got %+v", c.sent, s.b.published)
			}
			if diff := cmp.Diff(c.counted, s.b.counted); diff != "" {
				t.Errorf("counted (-want +got):\n%s", diff)
			}
		})
	}
}
