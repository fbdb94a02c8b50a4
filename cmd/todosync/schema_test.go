package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"todosync/connector"
)

// TestEventSchema holds the schema of events against what the worker takes: it refuses nothing of that, and marks whatever a
// schema can.
func TestEventSchema(t *testing.T) {
	t.Parallel()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(eventSchema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("event.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("event.json")
	if err != nil {
		t.Fatal(err)
	}
	valid := func(text string) error {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return schema.Validate(v)
	}
	const minimal = `"title":"x","receivers":[{"id":"u"}]`
	many := strings.TrimSuffix(strings.Repeat(`{"id":"u"},`, 2001), ",")
	for name, tt := range map[string]struct{ subject, payload string }{
		"a create":          {"crm.T.todo.create", `{"todo":{"id":"1",` + minimal + `}}`},
		"with its action":   {"crm.T.todo.create", `{"tenant":"T","kind":"todo","action":"create","todo":{"id":"1",` + minimal + `}}`},
		"ids as numbers":    {"crm.T.todo.create", `{"id":5,"todo":{"id":7,"title":"x","receivers":[{"id":8}],"sender":{"id":9},"object":{"dataId":1}}}`},
		"nulls":             {"crm.T.todo.create", `{"id":null,"time":null,"todo":{"id":"1","object":null,"workflow":null,"sender":null,"dueAt":"","version":null,` + minimal + `}}`},
		"a delete":          {"crm.T.todo.delete", `{"action":"delete","todo":{"id":"1"}}`},
		"unknown members":   {"crm.T.todo.create", `{"x":1,"todo":{"id":"1","y":[1],"ext":{"a":{"b":1}},` + minimal + `}}`},
		"a reminder":        {"crm.T.reminder.create", `{"reminder":{"id":"1",` + minimal + `}}`},
		"a message":         {"crm.T.message.create", `{"message":{"id":"1","text":"hi","to":["https://vk.com/id1"]}}`},
		"a CloudEvent":      {"crm.T.todo.create", `{"specversion":"1.0","id":"e","source":"crm","type":"x","data":{"todo":{"id":"1",` + minimal + `}}}`},
		"no todo":           {"crm.T.todo.create", `{"id":"1"}`},
		"no id":             {"crm.T.todo.create", `{"todo":{` + minimal + `}}`},
		"null id":           {"crm.T.todo.create", `{"todo":{"id":null,` + minimal + `}}`},
		"id is an object":   {"crm.T.todo.create", `{"todo":{"id":{},` + minimal + `}}`},
		"id too long":       {"crm.T.todo.create", `{"todo":{"id":"` + strings.Repeat("i", 257) + `",` + minimal + `}}`},
		"no title":          {"crm.T.todo.create", `{"action":"create","todo":{"id":"1","receivers":[{"id":"u"}]}}`},
		"no receivers":      {"crm.T.todo.create", `{"action":"create","todo":{"id":"1","title":"x","receivers":[]}}`},
		"title is a number": {"crm.T.todo.create", `{"todo":{"id":"1","title":5,"receivers":[{"id":"u"}]}}`},
		"receivers as text": {"crm.T.todo.create", `{"todo":{"id":"1","title":"x","receivers":"u"}}`},
		"receiver no id":    {"crm.T.todo.create", `{"todo":{"id":"1","title":"x","receivers":[{"name":"n"}]}}`},
		"many receivers":    {"crm.T.todo.create", `{"todo":{"id":"1","title":"x","receivers":[` + many + `]}}`},
		"a status":          {"crm.T.todo.create", `{"todo":{"id":"1","status":"open",` + minimal + `}}`},
		"a version":         {"crm.T.todo.create", `{"todo":{"id":"1","version":"3",` + minimal + `}}`},
		"a large version":   {"crm.T.todo.create", `{"todo":{"id":"1","version":9223372036854775808,` + minimal + `}}`},
		"no time":           {"crm.T.todo.create", `{"todo":{"id":"1","createdAt":"yesterday",` + minimal + `}}`},
		"message, no text":  {"crm.T.message.create", `{"message":{"id":"1","to":["a"]}}`},
		"message to nobody": {"crm.T.message.create", `{"message":{"id":"1","text":"x","to":[]}}`},
	} {
		rejection := rejected(tt.subject, tt.payload)
		if err := valid(tt.payload); (err == nil) != (rejection == nil) {
			t.Errorf("%s: the schema says %v, the worker %+v", name, err, rejection)
		}
	}
	src, err := os.ReadFile("../../testdata/demo/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../examples/event.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := valid(string(example)); err != nil {
		t.Errorf("the example: %v", err)
	}
	for line := range strings.Lines(string(src)) {
		var of struct{ Tenant, Kind, Action string }
		if err := json.Unmarshal([]byte(line), &of); err != nil {
			t.Fatal(err)
		}
		rejection := rejected("crm."+of.Tenant+"."+of.Kind+"."+of.Action, line)
		if err := valid(line); (err == nil) != (rejection == nil) {
			t.Errorf("%.100s: the schema says %v, the worker %+v", line, err, rejection)
		}
	}
}

func rejected(subject, payload string) *connector.Rejection {
	_, rejection := connector.ParseEvent(connector.Incoming{Sequence: 1, Subject: subject, Data: []byte(payload), Time: time.Unix(1, 0)}, "20261121T000000.000000000Z")
	return rejection
}
