package connector

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

const streamCreated = "20261121T000000.000000000Z"

func incoming(subject, payload string, header ...string) Incoming {
	in := Incoming{Sequence: 7, Subject: subject, Data: []byte(payload), Time: time.Unix(1, 0), Header: map[string][]string{}}
	for i := 0; i+1 < len(header); i += 2 {
		in.Header[header[i]] = []string{header[i+1]}
	}
	return in
}

const minimal = `"title":"x","receivers":[{"id":"u"}]`

func TestParseEventRejects(t *testing.T) {
	t.Parallel()
	const create = "crm.T.todo.create"
	many := strings.Repeat(`{"id":"u"},`, 2001)
	tests := map[string]struct {
		subject, payload string
		header           []string
		wantPath         string
		wantReason       string
	}{
		"subject too short":        {"crm.T.todo", `{}`, nil, "", "not of the form"},
		"tenant with a bad sign":   {"crm.a b.todo.create", `{}`, nil, "", "1 to 64"},
		"unknown kind":             {"crm.T.task.create", `{}`, nil, "", `kind "task"`},
		"unknown action":           {"crm.T.todo.close", `{}`, nil, "", `action "close"`},
		"a reminder is not edited": {"crm.T.reminder.edit", `{}`, nil, "", `action "edit"`},
		"no JSON":                  {create, `hello`, nil, "", "not acceptable JSON"},
		"empty":                    {create, ``, nil, "", "not acceptable JSON"},
		"an array":                 {create, `[]`, nil, "", "not acceptable JSON"},
		"cut off":                  {create, `{"todo":{"id":"1"`, nil, "", "not acceptable JSON"},
		"two values":               {create, `{} {}`, nil, "", "not acceptable JSON"},
		"invalid UTF-8":            {create, "{\"todo\":{\"id\":\"\xff\"}}", nil, "", "not acceptable JSON"},
		"nested too deep":          {create, `{"todo":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`, nil, "", "not acceptable JSON"},
		"too large":                {create, `{"todo":{"id":"1","title":"` + strings.Repeat("x", MaxPayload) + `"}}`, nil, "", "bytes"},
		"no todo":                  {create, `{"id":"1"}`, nil, "todo", "object is needed"},
		"todo is no object":        {create, `{"todo":"x"}`, nil, "todo", "object is needed"},
		"no id":                    {create, `{"todo":{` + minimal + `}}`, nil, "todo.id", "missing"},
		"null id":                  {create, `{"todo":{"id":null,` + minimal + `}}`, nil, "todo.id", "missing"},
		"id is an object":          {create, `{"todo":{"id":{},` + minimal + `}}`, nil, "todo.id", "want text"},
		"id too long":              {create, `{"todo":{"id":"` + strings.Repeat("i", 257) + `",` + minimal + `}}`, nil, "todo.id", "257 bytes"},
		"no title":                 {create, `{"todo":{"id":"1","receivers":[{"id":"u"}]}}`, nil, "todo.title", "missing"},
		"title is a number":        {create, `{"todo":{"id":"1","title":5,"receivers":[{"id":"u"}]}}`, nil, "todo.title", "want text"},
		"no receiver":              {create, `{"todo":{"id":"1","title":"x","receivers":[]}}`, nil, "todo.receivers", "missing"},
		"receivers are text":       {create, `{"todo":{"id":"1","title":"x","receivers":"u"}}`, nil, "todo.receivers", "list"},
		"receiver without id":      {create, `{"todo":{"id":"1","title":"x","receivers":[{"id":"u"},{"name":"n"}]}}`, nil, "todo.receivers.1.id", "missing"},
		"too many receivers":       {create, `{"todo":{"id":"1","title":"x","receivers":[` + many[:len(many)-1] + `]}}`, nil, "todo.receivers", "2000"},
		"unknown status":           {create, `{"todo":{"id":"1","status":"open",` + minimal + `}}`, nil, "todo.status", "none of"},
		"version is text":          {create, `{"todo":{"id":"1","version":"3",` + minimal + `}}`, nil, "todo.version", "integer"},
		"version too large":        {create, `{"todo":{"id":"1","version":9223372036854775808,` + minimal + `}}`, nil, "todo.version", "integer"},
		"time with a short hour":   {create, `{"time":"2016-12-31T3:59:50Z","todo":{"id":"1",` + minimal + `}}`, nil, "time", "RFC 3339"},
		"time with a comma":        {create, `{"time":"2016-12-31T03:59:50,5Z","todo":{"id":"1",` + minimal + `}}`, nil, "time", "RFC 3339"},
		"another tenant in the envelope": {
			create, `{"specversion":"1.0","id":"1","tenant":"U","data":{"todo":{"id":"1",` + minimal + `}}}`, nil, "tenant", `"U"`,
		},
		"bad time":                       {create, `{"time":"yesterday","todo":{"id":"1",` + minimal + `}}`, nil, "time", "RFC 3339"},
		"another tenant":                 {create, `{"tenant":"U","todo":{"id":"1",` + minimal + `}}`, nil, "tenant", `"U"`},
		"another action":                 {create, `{"action":"edit","todo":{"id":"1",` + minimal + `}}`, nil, "action", `"edit"`},
		"pending edit without receivers": {"crm.T.todo.edit", `{"todo":{"id":"1","title":"x"}}`, nil, "todo.receivers", "missing"},
		"reminder without title":         {"crm.T.reminder.create", `{"reminder":{"id":"1","receivers":[{"id":"u"}]}}`, nil, "reminder.title", "missing"},
		"cloud event in base64":          {create, `{"specversion":"1.0","id":"1","data_base64":"e30="}`, nil, "data_base64", "not taken"},
		"cloud event without data":       {create, `{"specversion":"1.0","id":"1"}`, nil, "data", "needs an object"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, r := ParseEvent(incoming(tt.subject, tt.payload, tt.header...), streamCreated)
			if r == nil {
				t.Fatalf("accepted as %+v, want a rejection", e)
			}
			if r.Path != tt.wantPath || !strings.Contains(r.Reason, tt.wantReason) {
				t.Errorf("rejected at %q: %q, want at %q: ...%s...", r.Path, r.Reason, tt.wantPath, tt.wantReason)
			}
			if len(r.Reason) > 500 {
				t.Errorf("a reason of %d bytes, want one line for people", len(r.Reason))
			}
		})
	}
}

func TestParseEventAccepts(t *testing.T) {
	t.Parallel()
	const create = "crm.T.todo.create"
	tests := map[string]struct {
		in   Incoming
		want string // id, time, todo, finished, receivers
	}{
		"its own id":                                     {incoming(create, `{"id":"e1","time":"2024-11-05T09:30:00+08:00","todo":{"id":"1",`+minimal+`}}`), "e1 2024-11-05T01:30:00Z 1 false u"},
		"a numeric id, exact":                            {incoming(create, `{"id":12345678901234567890,"todo":{"id":98765432109876543210,`+minimal+`}}`), "12345678901234567890 - 98765432109876543210 false u"},
		"id of the message":                              {incoming(create, `{"todo":{"id":"1",`+minimal+`}}`, "Nats-Msg-Id", "T/m9"), "m9 - 1 false u"},
		"id of the place":                                {incoming(create, `{"id":"","todo":{"id":"1",`+minimal+`}}`), streamCreated + "-7 - 1 false u"},
		"blanks are a title":                             {incoming(create, `{"id":"e","todo":{"id":"1","title":"  ","receivers":[{"id":"u"}]}}`), "e - 1 false u"},
		"delete needs its id":                            {incoming("crm.T.todo.delete", `{"id":"e","todo":{"id":"1"}}`), "e - 1 false "},
		"finished needs no more":                         {incoming("crm.T.todo.edit", `{"id":"e","todo":{"id":"1","status":"approved"}}`), "e - 1 true "},
		"agreeing members":                               {incoming(create, `{"tenant":"T","kind":"todo","action":"create","id":"e","todo":{"id":"1",`+minimal+`}}`), "e - 1 false u"},
		"a byte order mark":                              {incoming(create, "\xEF\xBB\xBF"+`{"id":"e","todo":{"id":"1",`+minimal+`}}`), "e - 1 false u"},
		"U+0000 and surrogates":                          {incoming(create, `{"id":"a\u0000b\ud800","todo":{"id":"1",`+minimal+`}}`), "a\uFFFDb\uFFFD - 1 false u"},
		"structured CloudEvent":                          {incoming(create, `{"specversion":"1.0","type":"x","source":"s","id":"ce1","time":"2024-11-05T01:30:00Z","data":{"todo":{"id":"1",`+minimal+`}}}`), "ce1 2024-11-05T01:30:00Z 1 false u"},
		"binary CloudEvent":                              {incoming(create, `{"todo":{"id":"1",`+minimal+`}}`, "ce-specversion", "1.0", "ce-id", "%E4%B8%80", "ce-time", "2024-11-05T01:30:00Z"), "一 2024-11-05T01:30:00Z 1 false u"},
		"small t and z, leap second":                     {incoming(create, `{"id":"e","time":"2016-12-31t23:59:60z","todo":{"id":"1",`+minimal+`}}`), "e 2017-01-01T00:00:00Z 1 false u"},
		"binary CloudEvent with an id of the data's own": {incoming(create, `{"id":{"x":1},"todo":{"id":"1",`+minimal+`}}`, "ce-specversion", "1.0", "ce-id", "c1"), "c1 - 1 false u"},
		"a receiver's own end":                           {incoming("crm.T.todo.edit", `{"id":"e","todo":{"id":"1","title":"x","receivers":[{"id":"a","status":"done"},{"id":"b","status":"pending"}]}}`), "e - 1 false a!,b"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, r := ParseEvent(tt.in, streamCreated)
			if r != nil {
				t.Fatalf("rejected: %+v", r)
			}
			at := "-"
			if !e.Time.IsZero() {
				at = e.Time.UTC().Format(time.RFC3339)
			}
			var who []string
			for _, x := range e.Object.Receivers {
				if x.Finished {
					x.ID += "!"
				}
				who = append(who, x.ID)
			}
			fin := "false"
			if e.Object.Finished {
				fin = "true"
			}
			got := strings.Join([]string{e.ID, at, e.Object.ID, fin, strings.Join(who, ",")}, " ")
			if got != tt.want {
				t.Errorf("event = %q, want %q", got, tt.want)
			}
			if !json.Valid(e.Payload) || !strings.Contains(string(e.Payload), `"todo"`) {
				t.Errorf("payload %q does not hold the todo", e.Payload)
			}
		})
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add("crm.T.todo.create", []byte(`{"id":"e1","todo":{"id":"1",`+minimal+`}}`))
	f.Add("crm.T.message.create", []byte(`{"message":{"id":"1","text":"x","to":["https://vk.com/durov"]}}`))
	f.Add("crm.T.todo.edit", []byte(`{"specversion":"1.0","data":{"todo":{"id":"1"}}}`))
	f.Fuzz(func(t *testing.T, subject string, payload []byte) {
		e, r := ParseEvent(Incoming{Subject: subject, Data: payload, Sequence: 1}, streamCreated)
		if (e == nil) == (r == nil) {
			t.Fatalf("event %v and rejection %v: want exactly one", e, r)
		}
		if e != nil && (e.ID == "" || e.Object.ID == "" || !ValidTenant(e.Tenant)) {
			t.Fatalf("accepted without an id or tenant: %+v", e)
		}
	})
}
