package testdata_test

import (
	"encoding/csv"
	"io/fs"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"todosync/connector"
	"todosync/connector/file"
	"todosync/internal/oasim"
	"todosync/mapping"
	"todosync/testdata"
)

// connections reads the demo's settings as `apply` does.
func connections(t *testing.T) map[connector.ConnectionKey]*connector.Connection {
	t.Helper()
	out := map[connector.ConnectionKey]*connector.Connection{}
	err := fs.WalkDir(testdata.Demo(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".yaml") {
			return err
		}
		text, err := fs.ReadFile(testdata.Demo(), name)
		if err != nil {
			return err
		}
		docs, problems := file.Parse(name, text, file.Options{CheckPublicURL: true, PublicURL: "http://127.0.0.1:8080"})
		for _, p := range problems {
			t.Error(p)
		}
		for _, doc := range docs {
			have := testdata.Secrets()[tenantOf(doc)]
			for _, secret := range doc.Secrets {
				if len(have[secret]) < 6 {
					t.Errorf("%s: secret %s is not in secrets.json, or has fewer than 6 characters", name, secret)
				}
			}
			if doc.Connection != nil {
				out[doc.Connection.Key()] = doc.Connection
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tenantOf(d file.Document) string {
	if d.Connection != nil {
		return d.Connection.Tenant
	}
	return d.Tenant.Tenant
}

func TestConnectionsAreRightAndReachASimulator(t *testing.T) {
	t.Parallel()
	listen := map[string]testdata.Simulator{}
	for _, s := range testdata.Simulators() {
		listen["http://"+s.Listen] = s
	}
	all := connections(t)
	if len(all) != 7 {
		t.Errorf("got %d connections, want 7", len(all))
	}
	for key, c := range all {
		base := string(c.Variables["base"])
		sim, ok := listen[base]
		if _, err := url.Parse(base); err != nil || !ok {
			t.Errorf("%s: no simulator listens at %s", key, base)
		}
		for _, app := range []string{"registerCode", "syscode"} {
			if v, given := c.Variables[app]; given && !slices.Contains(sim.Apps, string(v)) {
				t.Errorf("%s: %s does not know %s %s", key, sim.Name, app, v)
			}
		}
	}
}

func TestBindings(t *testing.T) {
	t.Parallel()
	all := connections(t)
	users := map[string][]string{}
	for _, s := range testdata.Simulators() {
		users["http://"+s.Listen] = s.Users
	}
	known := map[string]bool{}
	var unknown []string
	for _, tenant := range testdata.Tenants() {
		rows, err := csv.NewReader(strings.NewReader(string(testdata.Bindings(tenant)))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, row := range rows[1:] {
			c := all[connector.ConnectionKey{Tenant: tenant, Name: row[0]}]
			if c == nil || seen[row[0]+"/"+row[1]] || seen[row[0]+"/"+row[3]] {
				t.Errorf("%s: %v: no such connection, or not one to one", tenant, row)
				continue
			}
			seen[row[0]+"/"+row[1]], seen[row[0]+"/"+row[3]] = true, true
			known[tenant+"/"+row[1]] = true
			if !slices.Contains(users[string(c.Variables["base"])], row[3]) {
				unknown = append(unknown, row[3])
			}
		}
	}
	if d := cmp.Diff([]string{"qianyk"}, unknown); d != "" {
		t.Errorf("accounts that the OA does not know (-want +got):\n%s", d)
	}
	unbound := map[string]bool{}
	for _, e := range testdata.Events() {
		in := connector.Incoming{Sequence: 1, Subject: e.Subject(), Data: e.Raw}
		event, rejection := connector.ParseEvent(in, "x")
		if rejection != nil {
			continue // TestEventsAndWhatBecomesOfThem looks at these
		}
		for _, r := range event.Object.Receivers {
			if !known[e.Tenant+"/"+r.ID] {
				unbound[r.ID] = true
			}
		}
	}
	if d := cmp.Diff([]string{"1010"}, slices.Sorted(maps.Keys(unbound))); d != "" {
		t.Errorf("receivers whom nobody bound (-want +got):\n%s", d)
	}
}

func TestSimulatorsTakeTheirScripts(t *testing.T) {
	t.Parallel()
	for _, s := range testdata.Simulators() {
		sim, err := oasim.New(s.Vendor, oasim.Config{User: s.User, Password: s.Password, Apps: s.Apps, Users: s.Users})
		if err == nil && s.Script != nil {
			err = sim.ScriptJSON(s.Script)
		}
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
}

func TestEventsAndWhatBecomesOfThem(t *testing.T) {
	t.Parallel()
	all := connections(t)
	expected := testdata.Expected()
	if len(testdata.Events()) < 44 {
		t.Errorf("got %d events, want at least 44", len(testdata.Events()))
	}
	next, first := 0, map[string]string{}
	for _, e := range testdata.Events() {
		name := e.Tenant + "/" + e.ID
		if old, again := first[name]; again {
			if old != string(e.Raw) {
				t.Errorf("%s comes twice with different texts", name)
			}
			continue
		}
		first[name] = string(e.Raw)
		if next == len(expected) {
			t.Fatalf("%s: nothing is expected of it", name)
		}
		want := expected[next]
		next++
		if got := want.Tenant + "/" + want.ID; got != name {
			t.Fatalf("got expectation %s, want %s: the order is that of the events", got, name)
		}
		event, rejection := connector.ParseEvent(connector.Incoming{Sequence: 1, Subject: e.Subject(), Data: e.Raw}, "x")
		switch {
		case rejection != nil && (want.Rejected == "" || rejection.Path != want.Rejected):
			t.Errorf("%s: rejected: %s: %s, want %q", name, rejection.Path, rejection.Reason, want.Rejected)
		case rejection == nil && want.Rejected != "":
			t.Errorf("%s: accepted, want a rejection for %s", name, want.Rejected)
		case rejection == nil && (event.Object.ID != e.Todo || event.ID != e.ID):
			t.Errorf("%s: got %s of todo %s, want todo %s", name, event.ID, event.Object.ID, e.Todo)
		}
		for conn, o := range want.Connections {
			if all[connector.ConnectionKey{Tenant: want.Tenant, Name: conn}] == nil {
				t.Errorf("%s: no connection %s", name, conn)
			}
			if (o.Outcome == "planned") != (len(o.Deliveries) > 0) {
				t.Errorf("%s at %s: outcome %s with %d deliveries", name, conn, o.Outcome, len(o.Deliveries))
			}
			for _, d := range o.Deliveries {
				if !slices.Contains(connector.States(), connector.State(d.State)) || !slices.Contains(connector.Scenes(), connector.Scene(d.Scene)) {
					t.Errorf("%s at %s: no such state or scene: %+v", name, conn, d)
				}
			}
		}
	}
	if next != len(expected) {
		t.Errorf("%d expectations belong to no event", len(expected)-next)
	}
}

// rules are those of the vendors' presets.
func rules(a testdata.Answer) mapping.ResultRules {
	r := map[string]mapping.ResultRules{
		oasim.Seeyon: {CodeName: "success", MsgName: "errorMsgs", Success: []string{"true"}, GoneMessages: []string{"】不存在"}},
		oasim.Weaver: {
			CodeName: "operResult", MsgName: "message", Success: []string{"1"}, XMLJSONField: "out",
			DuplicateMessages: []string{"】已存在"}, GoneMessages: []string{"】不存在"},
		},
		oasim.Landray: {CodeName: "returnState", MsgName: "message", Success: []string{"2"}, XMLJSONField: "return"},
		oasim.Yunzhijia: {
			CodeName: "errorCode", MsgName: "error", Success: []string{"200"}, PartialCodes: []string{"501", "502", "505"}, PartialAccounts: "data",
		},
		oasim.WeLink:  {CodeName: "code", MsgName: "message", Success: []string{"0"}},
		oasim.Generic: {CodeName: "code", MsgName: "message", Success: []string{"0"}},
	}[a.Vendor()]
	r.WebService = a.Protocol == "webservice"
	if !r.WebService {
		r.XMLJSONField = ""
	}
	return r
}

func TestAnswersAreReadAsTheyMean(t *testing.T) {
	t.Parallel()
	for _, a := range testdata.Answers() {
		t.Run(a.File, func(t *testing.T) {
			t.Parallel()
			result, err := mapping.CompileResult(rules(a))
			if err != nil {
				t.Fatal(err)
			}
			got := result.Read(a.ContentType, a.Body)
			var meaning testdata.Meaning
			switch {
			case got.Fault:
				meaning = testdata.Fault
			case !got.Understood:
				meaning = testdata.Unreadable
			case got.Duplicate:
				meaning = testdata.Duplicate
			case got.Gone:
				meaning = testdata.Gone
			case got.Partial:
				meaning = testdata.Partial
			case got.Success:
				meaning = testdata.Success
			default:
				meaning = testdata.Refused
			}
			switch a.Meaning {
			case testdata.Token, testdata.TokenRefused, testdata.TokenDead, testdata.HTTPError, testdata.Other:
				return // not for these rules
			}
			if meaning != a.Meaning || got.Code != a.Code || got.Message != a.Message && a.Message != "" {
				t.Errorf("got %s %q %q (%s), want %s %q %q", meaning, got.Code, got.Message, got.Why, a.Meaning, a.Code, a.Message)
			}
			if d := cmp.Diff(a.Accounts, got.Accounts); d != "" && a.Meaning == testdata.Partial {
				t.Errorf("accounts (-want +got):\n%s", d)
			}
		})
	}
}

func TestEveryAnswerFileIsListed(t *testing.T) {
	t.Parallel()
	listed := map[string]bool{}
	for _, a := range testdata.Answers() {
		if listed[a.File] {
			t.Errorf("%s is listed twice", a.File)
		}
		listed[a.File] = true
		if !slices.Contains(oasim.Vendors(), a.Vendor()) {
			t.Errorf("%s: no such vendor", a.File)
		}
		if got := testdata.AnswerNamed(a.File); string(got.Body) != string(a.Body) {
			t.Errorf("%s: found another by its name", a.File)
		}
	}
}
