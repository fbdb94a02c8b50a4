package testdata

import (
	"bytes"
	"embed"
	"encoding/json"
	"io/fs"
	"strings"
)

//go:embed demo
var demoFiles embed.FS

// Demo is the folder demo: tenants.yaml, connections/*.yaml, bindings/TENANT.csv, and the files that the functions below read.
func Demo() fs.FS {
	sub, err := fs.Sub(demoFiles, "demo")
	if err != nil {
		panic("testdata: " + err.Error()) // the name is a constant
	}
	return sub
}

// An Event is one line of demo/events.jsonl. Raw is what POST /events takes, and what goes on the stream under the
// subject crm.Tenant.Kind.Action.
type Event struct {
	Tenant string
	Kind   string
	Action string
	ID     string
	Todo   string // id of the todo or reminder
	Raw    []byte
}

// Subject is where the CRM would have published the event.
func (e Event) Subject() string { return "crm." + e.Tenant + "." + e.Kind + "." + e.Action }

// Events are the sample events, in the order in which the CRM emits them. One comes twice; two are rejected.
func Events() []Event {
	var out []Event
	for line := range bytes.Lines(read("events.jsonl")) {
		type object struct {
			ID string `json:"id"`
		}
		var e struct {
			Tenant, Kind, Action, ID string
			Todo, Reminder           object
			Data                     struct{ Todo object }
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		decode("events.jsonl", line, &e)
		out = append(out, Event{
			Tenant: e.Tenant, Kind: e.Kind, Action: e.Action, ID: e.ID, Todo: e.Todo.ID + e.Reminder.ID + e.Data.Todo.ID, Raw: line,
		})
	}
	return out
}

// An Expectation says what becomes of one event, when all has come to rest.
type Expectation struct {
	Tenant   string `json:"tenant"`
	ID       string `json:"id"`
	Note     string `json:"note"`     // what the event is an example of
	Rejected string `json:"rejected"` // not empty: rejected, and the reason names this
	// Connections are those that the event concerns, by name. At the tenant's others there is no delivery; whether they
	// call that filtered or no_receiver is not judged.
	Connections map[string]ExpectedOutcome `json:"connections"`
}

// An ExpectedOutcome says what becomes of an event at one connection. The deliveries stand in the order of planning.
type ExpectedOutcome struct {
	Outcome    string             `json:"outcome"`
	Deliveries []ExpectedDelivery `json:"deliveries"`
}

// An ExpectedDelivery is one delivery as it rests. Members that are zero are not judged, but for Class.
type ExpectedDelivery struct {
	Scene             string `json:"scene"`
	Receiver          string `json:"receiver"`
	State             string `json:"state"`
	Class             string `json:"class"`             // empty: none
	Message           string `json:"message"`           // a part of the OA's message
	Tries             int    `json:"tries"`             // exactly
	PossiblySentTwice bool   `json:"possiblySentTwice"` // the record says so
}

// Expected gives an Expectation for every event of Events, in the same order, the one that comes twice once.
func Expected() []Expectation {
	var out []Expectation
	decode("expected.json", read("expected.json"), &out)
	return out
}

// A Simulator is one OA of the demo. Its members are those of oasim.Config; Script is for Sim.ScriptJSON.
type Simulator struct {
	Name     string          `json:"name"`
	Vendor   string          `json:"vendor"`
	Listen   string          `json:"listen"` // the address that the connections' variable base names
	User     string          `json:"user"`
	Password string          `json:"password"`
	Apps     []string        `json:"apps"`
	Users    []string        `json:"users"`
	Script   json.RawMessage `json:"script"` // nil: no bad days

	SignOnSecret string `json:"signOnSecret"` // of signed links
}

// Simulators are the OAs that the demo's connections speak to.
func Simulators() []Simulator {
	var out []Simulator
	decode("simulators.json", read("simulators.json"), &out)
	return out
}

// A SignOn is an employee who clicks one of his todos when all has come to rest, and the CRM user whom he is to arrive as.
type SignOn struct {
	OA         string `json:"oa"` // name of its Simulator
	Account    string `json:"account"`
	Tenant     string `json:"tenant"`
	Connection string `json:"connection"`
	User       string `json:"user"`
	Note       string `json:"note"` // how the OA proves who he is
}

// SignOns are the sign-ons that the demo tries.
func SignOns() []SignOn {
	var out []SignOn
	decode("signons.json", read("signons.json"), &out)
	return out
}

// CRM is where the page that plays the CRM listens, as the tenants' crmLoginUrl names it.
func CRM() string { return "127.0.0.1:18080" }

// Secrets are the secrets that the connections name: tenant to name to value.
func Secrets() map[string]map[string]string {
	var out map[string]map[string]string
	decode("secrets.json", read("secrets.json"), &out)
	return out
}

// Bindings are the bindings of a tenant as CSV; nil where it has none. One receiver of tenant 714439's events, 1010, is left
// out on purpose, and the account of another, 1011, does not exist in the OA.
func Bindings(tenant string) []byte {
	b, err := demoFiles.ReadFile("demo/bindings/" + tenant + ".csv")
	if err != nil {
		return nil
	}
	return b
}

// Tenants names the demo's tenants.
func Tenants() []string { return []string{"714439", "820016"} }

func read(name string) []byte {
	b, err := demoFiles.ReadFile("demo/" + name)
	if err != nil {
		panic("testdata: " + err.Error())
	}
	return b
}

// decode refuses members that the type lacks, but for events, whose members are the CRM's.
func decode(name string, text []byte, into any) {
	d := json.NewDecoder(bytes.NewReader(text))
	if !strings.HasSuffix(name, ".jsonl") {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(into); err != nil {
		panic("testdata: " + name + ": " + err.Error())
	}
}
