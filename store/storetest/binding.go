package storetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"todosync/connector"
	"todosync/mapping"
	"todosync/store"
)

func binding(user, account string) connector.Binding {
	return connector.Binding{Connection: "oa", User: user, Account: account}
}

// accounts gives the accounts by user.
func accounts(t testing.TB, db *store.DB) map[string]string {
	t.Helper()
	out := map[string]string{}
	for page := (connector.PageOf{Limit: 2}); ; {
		got, err := db.Bindings(t.Context(), store.BindingFilter{Tenant: "T", Connection: "oa"}, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range got.Items {
			out[b.User] = b.Account
		}
		if got.Next == "" {
			return out
		}
		page.Cursor = got.Next
	}
}

func testBindings(t *testing.T, e Engine) {
	db := e.fresh(t)
	Save(t, db, Connection("T", "oa", nil), Connection("T", "folds", func(c *connector.Connection) { c.Bindings.IgnoreCase = true }))
	key := connector.ConnectionKey{Tenant: "T", Name: "oa"}
	bind := func(b connector.Binding) error {
		_, err := db.SetBinding(t.Context(), "T", b, "me")
		return err
	}
	for _, b := range []connector.Binding{binding(" u1 ", "\tA1 "), binding("u2", "a1"), binding("u3", "A3"), binding("u3", "A33")} {
		if err := bind(b); err != nil {
			t.Fatalf("bind %v: %v", b, err)
		}
	}
	want := map[string]string{"u1": "A1", "u2": "a1", "u3": "A33"}
	if diff := cmp.Diff(want, accounts(t, db)); diff != "" {
		t.Errorf("bindings (-want +got):\n%s", diff)
	}
	wantKind(t, bind(binding("u4", "A1")), connector.Conflict)
	wantKind(t, bind(binding("", "A9")), connector.Invalid)
	wantKind(t, bind(binding("u9", " ")), connector.Invalid)
	wantKind(t, bind(connector.Binding{Connection: "none", User: "u", Account: "a"}), connector.NotFound)
	if err := bind(connector.Binding{Connection: "folds", User: "u1", Account: "Same"}); err != nil {
		t.Fatal(err)
	}
	wantKind(t, bind(connector.Binding{Connection: "folds", User: "u2", Account: "sAME"}), connector.Conflict)

	// Case that stops to count must not make two users one.
	_, err := db.Save(t.Context(), []store.SaveItem{Connection("T", "oa", func(c *connector.Connection) { c.Bindings.IgnoreCase = true })},
		store.By{Who: "me", How: store.ByAPI})
	wantKind(t, err, connector.Conflict)

	found, err := db.Bindings(t.Context(), store.BindingFilter{Tenant: "T", Text: "a3"}, connector.PageOf{})
	if err != nil || len(found.Items) != 1 || found.Items[0].User != "u3" || found.Items[0].MadeBy != "me" {
		t.Errorf("found %+v, %v", found.Items, err)
	}
	some, err := db.Bindings(t.Context(), store.BindingFilter{Tenant: "T", Connection: "oa", Users: []string{"u1", "u9"}}, connector.PageOf{})
	if err != nil || len(some.Items) != 1 {
		t.Errorf("by user %+v, %v", some.Items, err)
	}
	_, err = db.Bindings(t.Context(), store.BindingFilter{Tenant: "T"}, connector.PageOf{Cursor: "nonsense"})
	wantKind(t, err, connector.Invalid)
	if _, err := db.RemoveBinding(t.Context(), key, "u2", "me"); err != nil {
		t.Fatal(err)
	}
	_, err = db.RemoveBinding(t.Context(), key, "u2", "me")
	wantKind(t, err, connector.NotFound)
	if err := bind(binding("u4", "a1")); err != nil {
		t.Errorf("an account that is free again: %v", err)
	}
}

func testRelease(t *testing.T, e Engine) {
	var woken []int64
	p := playAt(t, e.Open(t, e.Place(t), func(c *store.Config) { c.Wake = func(conns []int64) { woken = append(woken, conns...) } }), nil)
	woken = nil
	p.accept(Todo{Receivers: []string{"x"}}, Todo{Action: connector.ActionEdit, Receivers: []string{"x"}}, Todo{Todo: "2", Receivers: []string{"x", "y"}})
	if work := p.claim(); len(work) != 0 {
		t.Fatalf("claimed %v of the unbound", scenes(work))
	}
	change, err := p.db.SetBinding(t.Context(), "T", binding("x", "oa-x"), "me")
	if err != nil || change.Released != 3 || len(woken) != 1 || woken[0] != p.conn {
		t.Errorf("released %+v, %v, woken %v", change, err, woken)
	}
	work := p.drain()
	if diff := cmp.Diff([]connector.Scene{"create", "create", "edit"}, scenes(work)); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if work[0].Bindings["x"].Account != "oa-x" {
		t.Errorf("bindings %+v", work[0].Bindings)
	}
	if work[0].Account != "" {
		t.Errorf("account %q before the first try", work[0].Account)
	}
	held := p.records(connector.RecordFilter{Classes: []string{"unbound"}})
	if len(held) != 1 || held[0].Receiver != "y" || held[0].State != connector.Held || held[0].Message == "" {
		t.Errorf("still held %+v", held)
	}
}

// testReleaseLate: a binding comes while a delivery that needs it is with the worker, which has claimed it without; and one comes for a
// delivery to several people that was held at its turn.
func testReleaseLate(t *testing.T, e Engine) {
	holds := func(w *connector.Work) connector.Change {
		c := outcome(w, connector.Held, connector.ReasonUnbound)
		c.Tries, c.Attempts = w.Tries, nil
		return c
	}
	p := play(t, e, nil)
	p.accept(Todo{Receivers: []string{"a"}})
	if _, err := p.db.RemoveBinding(t.Context(), connector.ConnectionKey{Tenant: "T", Name: "oa"}, "a", "me"); err != nil {
		t.Fatal(err)
	}
	w := p.one()
	if len(w.Bindings) != 0 {
		t.Fatalf("bindings %v", w.Bindings)
	}
	Bind(t, p.db, "T", "oa", "a")
	if got := p.turn(1, holds(&w)); len(got.Work) != 1 || got.Work[0].N != w.N || got.Work[0].Bindings["a"].Account != "oa-a" {
		t.Errorf("after the binding came %+v is claimed: it would be held, and nobody would release it", got)
	}

	p = play(t, e, func(c *connector.Connection) { c.Receivers.As = mapping.List })
	p.accept(Todo{Receivers: []string{"a", "b"}})
	if _, err := p.db.RemoveBinding(t.Context(), connector.ConnectionKey{Tenant: "T", Name: "oa"}, "b", "me"); err != nil {
		t.Fatal(err)
	}
	w = p.one()
	if got := p.turn(1, holds(&w)); len(got.Work) != 0 {
		t.Errorf("claimed %+v of what is held", got.Work)
	}
	got, err := p.db.SetBinding(t.Context(), "T", binding("b", "oa-b"), "me")
	if err != nil || got.Released != 1 {
		t.Errorf("of a delivery to two released %d, %v", got.Released, err)
	}
	if w = p.one(); len(w.Bindings) != 2 {
		t.Errorf("bindings %v", w.Bindings)
	}
}

func testImport(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(Todo{Receivers: []string{"x"}})
	before := accounts(t, p.db)
	row := func(n int, user, account string) store.BindingRow {
		return store.BindingRow{Row: n, Binding: binding(user, account)}
	}
	imports := func(dry bool, rows ...store.BindingRow) store.BindingReport {
		t.Helper()
		got, err := p.db.ImportBindings(t.Context(), store.BindingImport{Tenant: "T", Rows: rows, Who: "me", DryRun: dry})
		if err != nil {
			t.Fatalf("import: %v", err)
		}
		return got
	}

	// Of each row that is right it is told what becomes of it, where that is asked for.
	kept := store.BindingRow{Row: 2, Binding: connector.Binding{Connection: "oa", User: "c", UserName: "name of c", Account: "oa-c", AccountName: "OA c"}}
	told, err := p.db.ImportBindings(t.Context(), store.BindingImport{
		Tenant: "T", Who: "me", DryRun: true, Fates: true, Rows: []store.BindingRow{kept, row(3, "x", "oa-x"), row(4, "b", "oa-b2")},
	})
	fates := []store.RowFate{
		{Row: 2, Connection: "oa", User: "c", Account: "oa-c", Before: "oa-c", Fate: "same"},
		{Row: 3, Connection: "oa", User: "x", Account: "oa-x", Fate: "added"},
		{Row: 4, Connection: "oa", User: "b", Account: "oa-b2", Before: before["b"], Fate: "changed"},
	}
	if diff := cmp.Diff(fates, told.Fates); err != nil || diff != "" {
		t.Errorf("%v; fates (-want +got):\n%s", err, diff)
	}
	// A file without names leaves those that are known.
	told, err = p.db.ImportBindings(t.Context(), store.BindingImport{Tenant: "T", Who: "me", DryRun: true, Nameless: true, Unnamed: true, Rows: []store.BindingRow{
		{Row: 2, Binding: connector.Binding{Connection: "oa", User: "c", Account: "oa-c"}},
	}})
	if err != nil || told.Same != 1 || told.Changed != 0 {
		t.Errorf("without names: %+v, %v", told, err)
	}
	// Wrong rows are all told, and nothing changes.
	elsewhere := row(7, "z", "z")
	elsewhere.Connection = "none"
	got := imports(false, row(2, "x", "oa-x"), row(3, "y", "oa-a"), row(4, "x", "other"), row(5, "w", "oa-x"), row(6, "", "q"), elsewhere)
	var wrong []string
	for _, e := range got.Errors {
		wrong = append(wrong, fmt.Sprintf("%d %s", e.Row, e.Column))
	}
	if diff := cmp.Diff([]string{"3 oa_account", "4 crm_user_id", "5 oa_account", "6 crm_user_id", "7 connection"}, wrong); diff != "" {
		t.Errorf("wrong rows (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, accounts(t, p.db)); diff != "" {
		t.Errorf("changed all the same (-before +after):\n%s", diff)
	}

	// a and b exchange their accounts, c stays as he is, x is new.
	same := store.BindingRow{Row: 4, Binding: connector.Binding{Connection: "oa", User: "c", UserName: "name of c", Account: "oa-c", AccountName: "OA c"}}
	rows := []store.BindingRow{row(2, "a", "oa-b"), row(3, "b", "oa-a"), same, row(5, "x", "oa-x")}
	want := store.BindingReport{
		Added: 1, Changed: 2, Same: 1, Released: 1, Errors: []store.RowError{},
		Rebindings: []store.Rebinding{
			{Row: 2, Connection: "oa", User: "a", From: "oa-a", To: "oa-b"}, {Row: 3, Connection: "oa", User: "b", From: "oa-b", To: "oa-a"},
		},
	}
	if diff := cmp.Diff(want, imports(true, rows...)); diff != "" {
		t.Errorf("dry run (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, accounts(t, p.db)); diff != "" {
		t.Errorf("the dry run changed (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(want, imports(false, rows...)); diff != "" {
		t.Errorf("import (-want +got):\n%s", diff)
	}
	after := map[string]string{"a": "oa-b", "b": "oa-a", "c": "oa-c", "x": "oa-x"}
	if diff := cmp.Diff(after, accounts(t, p.db)); diff != "" {
		t.Errorf("bindings (-want +got):\n%s", diff)
	}
	if work := p.claim(); len(work) != 1 {
		t.Errorf("claimed %v after the import", scenes(work))
	}

	// More rows than a step takes; the account of the first is the last one's.
	var many []store.BindingRow
	for i := range 450 {
		many = append(many, row(i+2, fmt.Sprintf("m%d", i), fmt.Sprintf("acc%d", i)))
	}
	if got := imports(false, many...); got.Added != 450 || len(got.Errors) != 0 {
		t.Errorf("imported %+v", got)
	}
	many[0].Account, many[449].Account = many[449].Account, many[0].Account
	if got := imports(false, many...); got.Changed != 2 || got.Same != 448 || len(got.Errors) != 0 {
		t.Errorf("exchanged %+v", got)
	}
	if got := accounts(t, p.db); got["m0"] != "acc449" || got["m449"] != "acc0" {
		t.Errorf("m0 has %s, m449 %s", got["m0"], got["m449"])
	}
}

func testUnbound(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(Todo{Todo: "1", Receivers: []string{"x", "y"}}, Todo{Todo: "2", Receivers: []string{"x"}})
	key := connector.ConnectionKey{Tenant: "T", Name: "oa"}
	got, err := p.db.Unbound(t.Context(), key, connector.PageOf{Limit: 1})
	want := []store.UnboundUser{{Connection: "oa", User: "x", UserName: "name of x", Waiting: 2, Newest: Start, Since: Start}}
	if err != nil || !cmp.Equal(want, got.Items) || got.Next == "" {
		t.Fatalf("unbound %+v, %v", got, err)
	}
	got, err = p.db.Unbound(t.Context(), key, connector.PageOf{Limit: 1, Cursor: got.Next})
	if err != nil || len(got.Items) != 1 || got.Items[0].User != "y" || got.Next != "" {
		t.Errorf("second page %+v, %v", got, err)
	}
	Bind(t, p.db, "T", "oa", "x")
	if got, err = p.db.Unbound(t.Context(), key, connector.PageOf{}); err != nil || len(got.Items) != 1 {
		t.Errorf("after binding x %+v, %v", got, err)
	}
	_, err = p.db.Unbound(t.Context(), key, connector.PageOf{Cursor: "!"})
	wantKind(t, err, connector.Invalid)
}

// testRebind changes and removes the binding of a user who has open todos: they move to where he is.
func testRebind(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(Todo{Todo: "1", Receivers: []string{"a"}}, Todo{Todo: "2", Receivers: []string{"a"}}, Todo{Todo: "3", Receivers: []string{"a"}})
	p.drain()
	p.accept(Todo{Todo: "3", Action: connector.ActionDelete}, Todo{Todo: "4", Receivers: []string{"b"}})
	p.drain()
	moved := func(got store.BindingChange, err error, want int, scenes_ ...connector.Scene) {
		t.Helper()
		if err != nil || got.Moved != want {
			t.Errorf("moved %d, %v, want %d", got.Moved, err, want)
		}
		var sent []connector.Scene
		for _, w := range p.drain() {
			sent = append(sent, w.Scene)
			if len(w.Recipients) != 1 || w.Recipients[0].ID != "a" || len(w.Event.Payload) == 0 {
				t.Errorf("sent %+v", w)
			}
		}
		if diff := cmp.Diff(scenes_, sent); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
	}
	got, err := p.db.SetBinding(t.Context(), "T", binding("a", "oa-new"), "me")
	moved(got, err, 2, "delete", "delete", "create", "create")
	got, err = p.db.SetBinding(t.Context(), "T", binding("a", "oa-new"), "me")
	moved(got, err, 0)
	report, err := p.db.ImportBindings(t.Context(), store.BindingImport{
		Tenant: "T", Rows: []store.BindingRow{{Row: 2, Binding: binding("a", "oa-third")}}, Who: "me", DryRun: true,
	})
	if err != nil || report.Moved != 2 {
		t.Errorf("dry run %+v, %v", report, err)
	}
	got, err = p.db.RemoveBinding(t.Context(), connector.ConnectionKey{Tenant: "T", Name: "oa"}, "a", "me")
	moved(got, err, 2, "delete", "delete")
}
