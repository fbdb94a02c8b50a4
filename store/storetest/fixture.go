// Package storetest holds what every engine of the store must do: the suite that Run plays against it, and the fixtures
// that other packages' tests and benchmarks use too.
package storetest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"todosync/connector"
	"todosync/store"
)

// Stream is the identity of the stream that fixtures come from.
const Stream = "CRM@test"

// Start is when fixtures begin.
var Start = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// Connection is a REST connection with all todo scenes and reminders on, whose requests use the receiver's account.
func Connection(tenant, name string, change func(*connector.Connection)) store.SaveItem {
	c := connector.Defaults()
	c.Tenant, c.Name = tenant, name
	c.Scenes = map[connector.Scene]*connector.SceneSettings{}
	for _, s := range []connector.Scene{
		connector.SceneCreate, connector.SceneEdit, connector.SceneDone, connector.SceneDelete, connector.SceneRemind,
	} {
		c.Scenes[s] = &connector.SceneSettings{
			Enabled: true, Method: "POST", Address: "http://oa.example.com/" + string(s),
			Body: `{"task":"#F012","to":"#F001","title":"#F055"}`,
		}
	}
	if change != nil {
		change(&c)
	}
	settings, err := json.Marshal(&c)
	if err != nil {
		panic(err) // a Connection always has a JSON form
	}
	return store.SaveItem{
		Kind: store.SaveConnection, Tenant: tenant, Name: name, Settings: settings,
		Source: []byte("kind: Connection\ntenant: \"" + tenant + "\"\nname: " + name + "\n"),
	}
}

// A Todo describes one event on a todo, as a test writes it.
type Todo struct {
	Tenant    string // "T" by default
	Action    connector.Action
	ID        string // of the event; by default made of the sequence
	Todo      string // "todo" by default
	Version   int64
	Status    string
	Title     string // "title" by default
	Content   string
	Sender    string
	Receivers []string
	Kind      connector.Kind // todo by default
}

// Item is the event at a sequence of the stream, as the inbox would hand it over.
func (e Todo) Item(seq uint64) connector.Item {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	def(&e.Tenant, "T")
	def(&e.ID, fmt.Sprintf("e%d", seq))
	def(&e.Todo, "todo")
	def(&e.Title, "title")
	if e.Action == "" {
		e.Action = connector.ActionCreate
	}
	if e.Kind == "" {
		e.Kind = connector.KindTodo
	}
	object := map[string]any{"id": e.Todo, "title": e.Title}
	if e.Version != 0 {
		object["version"] = e.Version
	}
	if e.Content != "" {
		object["content"] = e.Content
	}
	if e.Status != "" {
		object["status"] = e.Status
	}
	if e.Sender != "" {
		object["sender"] = map[string]any{"id": e.Sender, "name": e.Sender}
	}
	who := []any{}
	for _, r := range e.Receivers {
		who = append(who, map[string]any{"id": r, "name": "name of " + r})
	}
	object["receivers"] = who
	data, err := json.Marshal(map[string]any{"id": e.ID, string(e.Kind): object})
	if err != nil {
		panic(err) // maps of text always have a JSON form
	}
	return Message(seq, fmt.Sprintf("crm.%s.%s.%s", e.Tenant, e.Kind, e.Action), data)
}

// Message is a message of the stream, parsed as the inbox would parse it.
func Message(seq uint64, subject string, data []byte) connector.Item {
	in := connector.Incoming{Sequence: seq, Subject: subject, Data: data, Time: Start}
	e, r := connector.ParseEvent(in, "20260101T000000.000000000Z")
	return connector.Item{Incoming: in, Event: e, Reject: r}
}

// Batch puts items together that follow position after.
func Batch(after uint64, now time.Time, items ...connector.Item) connector.Batch {
	b := connector.Batch{Stream: Stream, After: after, Last: after, Items: items, Now: now}
	if len(items) > 0 {
		b.Last = items[len(items)-1].Sequence
	}
	return b
}

// Save stores items or ends the test.
func Save(t testing.TB, db *store.DB, items ...store.SaveItem) {
	t.Helper()
	if _, err := db.Save(t.Context(), items, store.By{Who: "test", How: store.ByAPI}); err != nil {
		t.Fatalf("save: %v", err)
	}
}

// Number is the store's number of a connection.
func Number(t testing.TB, db *store.DB, tenant, name string) int64 {
	t.Helper()
	n, err := db.Lookup(connector.ConnectionKey{Tenant: tenant, Name: name})
	if err != nil {
		t.Fatalf("look up %s/%s: %v", tenant, name, err)
	}
	return n
}

// Bind binds users to accounts of the same name with oa- in front.
func Bind(t testing.TB, db *store.DB, tenant, name string, users ...string) {
	t.Helper()
	in := store.BindingImport{Tenant: tenant, Who: "test"}
	for i, u := range users {
		in.Rows = append(in.Rows, store.BindingRow{Row: i + 2, Binding: connector.Binding{
			Connection: name, User: u, UserName: "name of " + u, Account: "oa-" + u, AccountName: "OA " + u,
		}})
	}
	report, err := db.ImportBindings(t.Context(), in)
	if err != nil || len(report.Errors) > 0 {
		t.Fatalf("bind %v: %v, %v", users, report.Errors, err)
	}
}
