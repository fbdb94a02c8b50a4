package storetest

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"todosync/connector"
	"todosync/store"
)

// A movable clock stands still until a test moves it.
type movable struct{ at atomic.Int64 }

func (m *movable) now() time.Time        { return time.UnixMilli(m.at.Load()) }
func (m *movable) move(by time.Duration) { m.at.Add(by.Milliseconds()) }
func (m *movable) open(t *testing.T, e Engine) *store.DB {
	t.Helper()
	m.at.Store(Start.UnixMilli())
	return e.Open(t, e.Place(t), func(c *store.Config) { c.Now = m.now })
}

// testSignKeys makes keys, has new ones follow old ones with an overlap, and seals them as secrets are.
func testSignKeys(t *testing.T, e Engine) {
	var clock movable
	db := clock.open(t, e)
	ctx := t.Context()
	keys := func(what string, want int) []store.SignKey {
		t.Helper()
		got, err := db.SignKeys(ctx, what)
		if err != nil || len(got) != want {
			t.Fatalf("%d keys, want %d: %v", len(got), want, err)
		}
		return got
	}
	first := keys(store.TicketKeys, 1)[0]
	if len(first.Seed) != 32 || first.From.After(clock.now()) || bytes.Equal(first.Seed, keys(store.CookieKeys, 1)[0].Seed) {
		t.Errorf("the first key %+v", first)
	}
	if again := keys(store.TicketKeys, 1)[0]; !bytes.Equal(again.Seed, first.Seed) || again.ID != first.ID {
		t.Error("it is another at the second call")
	}
	if err := db.RotateSignKey(ctx, store.TicketKeys, "me", false); err != nil {
		t.Fatal(err)
	}
	two := keys(store.TicketKeys, 2)
	if two[0].ID != first.ID || !two[1].From.Equal(clock.now().Add(store.SignKeyAhead)) {
		t.Errorf("after a change: %+v", two)
	}
	clock.move(store.SignKeyAhead + store.SignKeyOverlap - time.Millisecond)
	keys(store.TicketKeys, 2)
	clock.move(time.Millisecond)
	if one := keys(store.TicketKeys, 1); one[0].ID != two[1].ID {
		t.Error("the old key is still published")
	}
	clock.move(store.SignKeyLife)
	third := keys(store.TicketKeys, 2)[1]
	if third.ID == two[1].ID {
		t.Error("nothing follows a key whose time is over")
	}
	if err := db.RotateSignKey(ctx, store.TicketKeys, "me", true); err != nil {
		t.Fatal(err)
	}
	if one := keys(store.TicketKeys, 1)[0]; one.ID == third.ID || one.From.After(clock.now()) {
		t.Error("a change at once leaves an old key good")
	}
	keys(store.CookieKeys, 1)
}

// testAsks lets no more log-ins through to a host than it takes, however many ask at once.
func testAsks(t *testing.T, e Engine) {
	var clock movable
	db := clock.open(t, e)
	ctx := t.Context()
	limit := store.AskLimit{All: 6, Failed: 3}
	var let atomic.Int64
	var all sync.WaitGroup
	ids := make(chan string, 16)
	for range 8 {
		all.Go(func() {
			id, ok, err := db.BeginAsk(ctx, "h", limit)
			if err != nil {
				t.Error(err)
			}
			if ok {
				let.Add(1)
				ids <- id
			}
		})
	}
	all.Wait()
	if let.Load() != 3 {
		t.Fatalf("%d let through, want 3", let.Load())
	}
	if _, ok, _ := db.BeginAsk(ctx, "other", limit); !ok {
		t.Error("another host is held up")
	}
	for range 3 {
		if err := db.EndAsk(ctx, "h", <-ids); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		id, ok, err := db.BeginAsk(ctx, "h", limit)
		if err != nil || ok != (i < 3) {
			t.Errorf("good one %d: %v, %v", i, ok, err)
		}
		if ok {
			err = db.EndAsk(ctx, "h", id)
		}
		if err != nil {
			t.Error(err)
		}
	}
	clock.move(time.Minute)
	if _, ok, err := db.BeginAsk(ctx, "h", limit); !ok || err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

// testWidgetUsers knows a user by the version that came first.
func testWidgetUsers(t *testing.T, e Engine) {
	p := play(t, e, nil)
	ctx := t.Context()
	for _, c := range []struct {
		tenant, user string
		newest, want int
	}{{"T", "a", 1, 1}, {"T", "a", 2, 1}, {"T", "b", 2, 2}, {"U", "a", 3, 3}, {"T", "a", 3, 1}} {
		got, err := p.db.WidgetVersion(ctx, connector.ConnectionKey{Tenant: c.tenant, Name: "oa"}, c.user, c.newest)
		if err != nil || got != c.want {
			t.Errorf("%+v: %d, %v", c, got, err)
		}
	}
}

// testBindingKinds keeps what somebody is where nothing else is said.
func testBindingKinds(t *testing.T, e Engine) {
	p := play(t, e, nil)
	ctx := t.Context()
	kind := func(want connector.BindingKind) {
		t.Helper()
		b, ok, err := p.db.UserOf(ctx, 1, "acc-k")
		if err != nil || !ok || b.Kind != want {
			t.Errorf("%+v, %v; want %s", b, err, want)
		}
		page, err := p.db.Bindings(ctx, store.BindingFilter{Tenant: "T", Users: []string{"k"}}, connector.PageOf{})
		if err != nil || len(page.Items) != 1 || page.Items[0].Kind != want {
			t.Errorf("listed %+v, %v", page.Items, err)
		}
	}
	set := func(k connector.BindingKind) {
		t.Helper()
		if _, err := p.db.SetBinding(ctx, "T", connector.Binding{Connection: "oa", User: "k", Account: "acc-k", Kind: k}, "me"); err != nil {
			t.Fatal(err)
		}
	}
	set("")
	kind(connector.KindEmployee)
	set(connector.KindContact)
	kind(connector.KindContact)
	set("")
	kind(connector.KindContact)
	imported := func(k connector.BindingKind) store.BindingReport {
		t.Helper()
		r, err := p.db.ImportBindings(ctx, store.BindingImport{Tenant: "T", Who: "me", Rows: []store.BindingRow{
			{Row: 2, Binding: connector.Binding{Connection: "oa", User: "k", Account: "acc-k", Kind: k}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := imported(""); r.Same != 1 {
		t.Errorf("a file without kinds: %+v", r)
	}
	kind(connector.KindContact)
	if r := imported(connector.KindEmployee); r.Changed != 1 || len(r.Rebindings) != 0 {
		t.Errorf("another kind: %+v", r)
	}
	kind(connector.KindEmployee)
	if r := imported("chief"); len(r.Errors) != 1 || r.Errors[0].Column != "kind" {
		t.Errorf("no kind: %+v", r)
	}
}
