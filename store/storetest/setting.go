package storetest

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"todosync/connector"
	"todosync/mapping"
	"todosync/retry"
	"todosync/store"
)

// Tenant is a tenant's own settings.
func Tenant(name string, change func(*connector.Tenant)) store.SaveItem {
	t := connector.DefaultTenant()
	t.Tenant, t.Title = name, "tenant "+name
	if change != nil {
		change(&t)
	}
	settings, err := json.Marshal(&t)
	if err != nil {
		panic(err) // a Tenant always has a JSON form
	}
	return store.SaveItem{Kind: store.SaveTenant, Tenant: name, Source: []byte("kind: Tenant\n"), Settings: settings}
}

func title(text string) func(*connector.Connection) {
	return func(c *connector.Connection) { c.Title = text }
}

func testSave(t *testing.T, e Engine) {
	var woken []int64
	db := e.Open(t, e.Place(t), func(c *store.Config) { c.Wake = func(conns []int64) { woken = append(woken, conns...) } })
	by := store.By{Who: "me", How: store.ByConsole}
	first := []store.SaveItem{Connection("T", "one", nil), Tenant("T", nil), Connection("T", "two", nil)}
	got, err := db.Save(t.Context(), first, by)
	want := []store.SaveResult{{Changed: true, Revision: 1}, {Changed: true, Revision: 1}, {Changed: true, Revision: 1}}
	if err != nil || !cmp.Equal(want, got) {
		t.Fatalf("saved %+v, %v", got, err)
	}
	if len(woken) != 2 {
		t.Errorf("woken %v", woken)
	}
	one := Number(t, db, "T", "one")
	program, err := db.Program(t.Context(), one)
	if err != nil || program.Revision != 1 || program.Key.Name != "one" {
		t.Fatalf("program %+v, %v", program, err)
	}

	// All or none, and an unchanged one makes no revision.
	bad := Connection("T", "three", func(c *connector.Connection) { c.TimeZone = "Nowhere/Never" })
	if _, err := db.Save(t.Context(), []store.SaveItem{Connection("T", "one", title("new")), bad}, by); connector.KindOf(err) != connector.Invalid {
		t.Errorf("saved a broken connection: %v", err)
	}
	if _, err := db.Lookup(connector.ConnectionKey{Tenant: "T", Name: "three"}); err == nil {
		t.Error("a refused connection is there")
	}
	if again, err := db.Program(t.Context(), one); err != nil || again != program {
		t.Errorf("after a refused save %+v, %v", again, err)
	}
	got, err = db.Save(t.Context(), first, by)
	want = []store.SaveResult{{Revision: 1}, {Revision: 1}, {Revision: 1}}
	if err != nil || !cmp.Equal(want, got) {
		t.Errorf("saved again %+v, %v", got, err)
	}
	tried, err := db.TrySave(t.Context(), []store.SaveItem{Connection("T", "one", title("new"))}, by)
	if err != nil || !tried[0].Changed || tried[0].Revision != 2 {
		t.Errorf("tried %+v, %v", tried, err)
	}

	// If-Match.
	by.IfMatch = 7
	_, err = db.Save(t.Context(), []store.SaveItem{Connection("T", "one", title("new"))}, by)
	wantKind(t, err, connector.Conflict)
	by.IfMatch = -1
	_, err = db.Save(t.Context(), []store.SaveItem{Connection("T", "one", title("new"))}, by)
	wantKind(t, err, connector.Conflict)
	by.IfMatch = 1
	if got, err = db.Save(t.Context(), []store.SaveItem{Connection("T", "one", title("new"))}, by); err != nil || got[0].Revision != 2 {
		t.Errorf("saved %+v, %v", got, err)
	}
	now, err := db.Program(t.Context(), one)
	if err != nil || now.Revision != 2 || now.Settings.Title != "new" {
		t.Errorf("program %+v, %v", now, err)
	}

	info, revision, err := db.Connection(t.Context(), program.Key)
	if err != nil || info.Title != "new" || info.Number != one || revision.Who != "me" || revision.How != store.ByConsole || revision.Revision != 2 {
		t.Errorf("connection %+v, %+v, %v", info, revision, err)
	}
	old, err := db.Revision(t.Context(), program.Key, 1)
	if err != nil || !cmp.Equal(old.Settings, first[0].Settings) || !cmp.Equal(old.Source, first[0].Source) {
		t.Errorf("revision 1: %+v, %v", old, err)
	}
	revisions, err := db.Revisions(t.Context(), program.Key, connector.PageOf{Limit: 1})
	if err != nil || len(revisions.Items) != 1 || revisions.Items[0].Revision != 2 || revisions.Next == "" {
		t.Errorf("revisions %+v, %v", revisions, err)
	}
	all, err := db.Connections(t.Context(), []string{"T"})
	if err != nil || len(all) != 2 || all[0].Key.Name != "one" || all[1].Key.Name != "two" {
		t.Errorf("connections %+v, %v", all, err)
	}
	if none, err := db.Connections(t.Context(), []string{"U"}); err != nil || len(none) != 0 {
		t.Errorf("another tenant's connections %+v, %v", none, err)
	}
	tenant, tr, err := db.Tenant(t.Context(), "T")
	if err != nil || tenant.Title != "tenant T" || tr.Revision != 1 {
		t.Errorf("tenant %+v, %+v, %v", tenant, tr, err)
	}

	// What was comes back as a revision of its own, and the audit tells from where.
	by.IfMatch, by.Restores = 2, 1
	if got, err = db.Save(t.Context(), first[:1], by); err != nil || !cmp.Equal(got, []store.SaveResult{{Changed: true, Revision: 3}}) {
		t.Errorf("restored %+v, %v", got, err)
	}
	if again, err := db.Revision(t.Context(), program.Key, 3); err != nil || string(again.Source) != string(old.Source) {
		t.Errorf("revision 3: %+v, %v", again, err)
	}
	audit, err := db.Audit(t.Context(), store.AuditFilter{What: []string{"connection saved"}}, connector.PageOf{Limit: 1})
	if err != nil || len(audit.Items) != 1 || audit.Items[0].Detail != "revision 3 by console, restored from revision 1" {
		t.Errorf("audit %+v, %v", audit, err)
	}
}

func testWhoWins(t *testing.T, e Engine) {
	cases := map[string]struct {
		before, how store.SavedHow
		force       bool
		changed     bool
	}{
		"serve after apply":           {store.ByApply, store.ByServe, false, true},
		"serve after serve":           {store.ByServe, store.ByServe, false, true},
		"serve after console":         {store.ByConsole, store.ByServe, false, false},
		"serve after api":             {store.ByAPI, store.ByServe, false, false},
		"serve after console, forced": {store.ByConsole, store.ByServe, true, true},
		"apply after console":         {store.ByConsole, store.ByApply, false, true},
		"console after apply":         {store.ByApply, store.ByConsole, false, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := e.fresh(t)
			if _, err := db.Save(t.Context(), []store.SaveItem{Connection("T", "oa", nil)}, store.By{Who: "x", How: c.before}); err != nil {
				t.Fatal(err)
			}
			by := store.By{Who: "y", How: c.how, Force: c.force}
			got, err := db.Save(t.Context(), []store.SaveItem{Connection("T", "oa", title("changed"))}, by)
			if err != nil || got[0].Changed != c.changed || (got[0].Warning == "") != c.changed {
				t.Errorf("saved %+v, %v", got, err)
			}
			same, err := db.Save(t.Context(), []store.SaveItem{Connection("T", "new", nil)}, by)
			if err != nil || !same[0].Changed {
				t.Errorf("a missing one: %+v, %v", same, err)
			}
		})
	}
}

// testBroken opens a store whose connection needs what the server is no longer started with.
func testBroken(t *testing.T, e Engine) {
	place := e.Place(t)
	withURL := func(c *store.Config) { c.Compile.PublicURL = "https://todosync.example.com" }
	p := playAt(t, e.Open(t, place, withURL), func(c *connector.Connection) {
		c.Scenes[connector.SceneCreate].Body = `{"url":"#F117","to":"#F001"}`
	})
	if err := p.db.Close(); err != nil {
		t.Fatal(err)
	}
	p.db = e.Open(t, place, nil)
	if got, err := p.db.Broken(t.Context()); err != nil || len(got) != 1 || got[0].String() != "T/oa" {
		t.Errorf("broken before anybody asked for it: %v, %v", got, err)
	}
	if got := p.accept(Todo{Receivers: []string{"a"}}); got.Deliveries != 1 {
		t.Errorf("its events are not planned: %+v", got)
	}
	_, err := p.db.Program(t.Context(), p.conn)
	wantKind(t, err, connector.Invalid)
	info, _, err := p.db.Connection(t.Context(), connector.ConnectionKey{Tenant: "T", Name: "oa"})
	if err != nil || !strings.Contains(info.Problem, "--public-url") {
		t.Errorf("connection %+v, %v", info, err)
	}
	if err := p.db.Close(); err != nil {
		t.Fatal(err)
	}
	p.db = e.Open(t, place, withURL)
	if got, err := p.db.Broken(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("broken with the address back: %v, %v", got, err)
	}
	if _, err := p.db.Program(t.Context(), p.conn); err != nil {
		t.Errorf("with the address back: %v", err)
	}
	if got := p.drain(); len(got) != 1 {
		t.Errorf("sent %d", len(got))
	}

	// A tenant's fields are part of its connections.
	field := func(t *connector.Tenant) {
		value := "x"
		t.Fields = map[string]mapping.Field{"F201": {Value: &value}}
	}
	user := Connection("T", "user", func(c *connector.Connection) { c.Scenes[connector.SceneCreate].Body = `{"x":"#F201","to":"#F001"}` })
	by := store.By{Who: "x", How: store.ByAPI}
	if _, err := p.db.Save(t.Context(), []store.SaveItem{user, Tenant("T", field)}, by); err != nil {
		t.Fatalf("save both: %v", err)
	}
	_, err = p.db.Save(t.Context(), []store.SaveItem{Tenant("T", nil)}, by)
	wantKind(t, err, connector.Invalid)
	refusal, _ := errors.AsType[*connector.Error](err)
	if refusal == nil || !strings.Contains(refusal.Msg, "T/user") || len(refusal.Details) != 1 ||
		!strings.HasPrefix(refusal.Details[0].Path, "connections.user.scenes.create") {
		t.Errorf("a field that a connection uses was taken away: %+v", refusal)
	}
}

func testDelete(t *testing.T, e Engine) {
	p := play(t, e, nil)
	key := connector.ConnectionKey{Tenant: "T", Name: "oa"}
	p.accept(Todo{Receivers: []string{"a", "b", "nobody"}})
	sent := p.turn(2).Work
	wantKind(t, p.db.Delete(t.Context(), store.Deletion{Key: key, Who: "me"}), connector.Conflict)
	wantKind(t, p.db.Delete(t.Context(), store.Deletion{Key: key, Who: "me", CancelWaiting: true, IfMatch: 7}), connector.Conflict)
	if err := p.db.Delete(t.Context(), store.Deletion{Key: key, Who: "me", CancelWaiting: true, IfMatch: 1}); err != nil {
		t.Fatal(err)
	}
	wantKind(t, p.db.Delete(t.Context(), store.Deletion{Key: key, Who: "me"}), connector.NotFound)
	_, err := p.db.Program(t.Context(), p.conn)
	wantKind(t, err, connector.NotFound)
	// What was on its way ends as it ends, or is not tried again.
	again := outcome(&sent[1], connector.Retrying, retry.Timeout)
	again.Due = Start
	if got := p.turn(5, succeed(&sent[0]), again); len(got.Lost) != 0 || len(got.Work) != 0 {
		t.Errorf("what was on its way: %+v", got)
	}
	want := []connector.State{connector.Succeeded, connector.Canceled, connector.Canceled}
	if diff := cmp.Diff(want, p.states()); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	// The same name again is another connection; the records of the old one keep its name.
	Save(t, p.db, Connection("T", "oa", nil))
	if n := Number(t, p.db, "T", "oa"); n == p.conn {
		t.Error("the new connection has the old number")
	}
	if r := p.records(connector.RecordFilter{Tenants: []string{"T"}, Connections: []string{"oa"}}); len(r) != 3 || r[0].Connection != "oa" {
		t.Errorf("records %+v", r)
	}
}

func testExport(t *testing.T, e Engine) {
	db := e.fresh(t)
	Save(t, db, Connection("T", "b", nil), Connection("T", "a", nil), Tenant("T", nil), Connection("U", "x", nil))
	if err := db.SetSecret(t.Context(), "V", "s", "secret", "me"); err != nil {
		t.Fatal(err)
	}
	names := func(tenants ...string) []string {
		got, err := db.Export(t.Context(), tenants)
		if err != nil {
			t.Fatal(err)
		}
		out := []string{}
		for _, i := range got {
			out = append(out, string(i.Kind)+" "+i.Tenant+" "+i.Name)
			if i.Revision != 1 || len(i.Settings) == 0 || len(i.Source) == 0 {
				t.Errorf("exported %+v", i)
			}
		}
		return out
	}
	if diff := cmp.Diff([]string{"Tenant T ", "Connection T a", "Connection T b", "Connection U x"}, names()); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Connection U x"}, names("U")); diff != "" {
		t.Errorf("one tenant (-want +got):\n%s", diff)
	}
	tenants, err := db.Tenants(t.Context(), nil)
	if err != nil || len(tenants) != 3 || tenants[0].Connections != 2 || tenants[0].Title != "tenant T" || tenants[2].Revision != 0 {
		t.Errorf("tenants %+v, %v", tenants, err)
	}
}

func testSecrets(t *testing.T, e Engine) {
	place := e.Place(t)
	db := e.Open(t, place, nil)
	got, err := db.Save(t.Context(), []store.SaveItem{Connection("T", "oa", func(c *connector.Connection) {
		c.Headers = connector.Headers{"X-Key": "${secret:app-key}", "X-Other": "${secret:other|md5}"}
		c.Scenes[connector.SceneCreate].Script = "def send(r):\n  r.body = secret( \"script-key\")"
	})}, store.By{Who: "me", How: store.ByAPI})
	if err != nil || !strings.Contains(got[0].Warning, "app-key, other, script-key") {
		t.Fatalf("saved %+v, %v", got, err)
	}
	conn := Number(t, db, "T", "oa")
	before, err := db.Program(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Secret(t.Context(), "T", "app-key")
	wantKind(t, err, connector.NotFound)
	if err := db.SetCondition(t.Context(), conn, 0, connector.Condition{TokenRefused: Start, Message: "no"}); err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"first value", "second 值"} {
		if err := db.SetSecret(t.Context(), "T", "app-key", v, "me"); err != nil {
			t.Fatal(err)
		}
		if got, err := db.Secret(t.Context(), "T", "app-key"); err != nil || got != v {
			t.Errorf("secret %q, %v, want %q", got, err, v)
		}
	}
	after, err := db.Program(t.Context(), conn)
	if err != nil || after == before || !after.Condition.TokenRefused.IsZero() {
		t.Errorf("a changed secret leaves the connection as it is: %+v, %v", after, err)
	}
	_, err = db.Secret(t.Context(), "U", "app-key")
	wantKind(t, err, connector.NotFound)
	wantKind(t, db.SetSecret(t.Context(), "T", "short", "12345", "me"), connector.Invalid)
	wantKind(t, db.SetSecret(t.Context(), "T", "a b", "long enough", "me"), connector.Invalid)
	list, err := db.Secrets(t.Context(), "")
	if err != nil || len(list) != 1 || list[0].Name != "app-key" || list[0].Who != "me" {
		t.Errorf("secrets %+v, %v", list, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = e.Open(t, place, nil)
	if got, err := db.Secret(t.Context(), "T", "app-key"); err != nil || got != "second 值" {
		t.Errorf("after a restart %q, %v", got, err)
	}
	if err := db.RemoveSecret(t.Context(), "T", "app-key", "me"); err != nil {
		t.Fatal(err)
	}
	_, err = db.Secret(t.Context(), "T", "app-key")
	wantKind(t, err, connector.NotFound)
	wantKind(t, db.RemoveSecret(t.Context(), "T", "app-key", "me"), connector.NotFound)
}
