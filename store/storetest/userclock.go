package storetest

import (
	"fmt"
	"testing"
	"time"

	"todosync/connector"
	"todosync/internal/identity"
	"todosync/store"
)

// testClockAndPeople puts the clock back and forward: nobody is shut out for longer than 15 minutes by it, and no session becomes older than
// it may be.
func testClockAndPeople(t *testing.T, e Engine) {
	p := newPorch(t, e)
	ctx := t.Context()
	p.create("root", identity.Admin)
	vera := p.create("vera", identity.Viewer)
	wrong := func(address string) time.Duration {
		t.Helper()
		_, err := p.LogIn(ctx, identity.Attempt{Name: "vera", Password: "a wrong password", Address: address})
		r, ok := isRefusal(err)
		if !ok {
			t.Fatal(err)
		}
		return r.Wait
	}
	for i := range 12 {
		wrong(fmt.Sprintf("10.1.0.%d", i))
	}
	p.pass(-30 * 24 * time.Hour)
	if wait := wrong("10.2.0.1"); wait > 15*time.Minute {
		t.Errorf("after the clock was put back a name waits %s", wait)
	}
	if u, err := p.User(ctx, "vera", nil); err != nil || u.Locked.Sub(p.clock()) > 15*time.Minute {
		t.Errorf("locked until %s, at %s, %v", u.Locked, p.clock(), err)
	}
	if err := p.UnlockUser(ctx, "vera", identity.By{}); err != nil {
		t.Fatal(err)
	}
	in := p.enter("vera")
	p.pass(-10 * time.Minute)
	if !p.live(in) {
		t.Error("a clock that was put right by minutes logs people out")
	}
	p.pass(-24 * time.Hour)
	if p.live(in) {
		t.Error("a session of tomorrow is good, and lives a day longer than it may")
	}
	if all, err := p.Sessions(ctx, vera.ID); err != nil || len(all) != 0 {
		t.Errorf("it is listed: %+v, %v", all, err)
	}
	in = p.enter("vera")
	p.pass(8 * 24 * time.Hour)
	if p.live(in) {
		t.Error("a session lives over a week that the clock has leapt")
	}
}

// testRefused sums failed log-ins by hour and address, in a bounded number of rows.
func testRefused(t *testing.T, e Engine) {
	p := newPorch(t, e)
	ctx := t.Context()
	p.create("root", identity.Admin)
	guess := func(name, address string, times int) {
		t.Helper()
		for range times {
			if _, err := p.LogIn(ctx, identity.Attempt{Name: name, Password: "a wrong password", Address: address}); err == nil {
				t.Fatal("let in")
			}
		}
	}
	is := func(what string, want ...string) []identity.Refused {
		t.Helper()
		all, err := p.LogInsRefused(ctx, Start.Add(-time.Hour), 1000)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range all {
			if i < len(want) && fmt.Sprintf("%s %d %d", r.Address, r.Tries, r.Waits) != want[i] {
				t.Errorf("%s: %+v, want %s", what, r, want[i])
			}
		}
		if len(all) < len(want) || len(want) == 0 && len(all) > 0 {
			t.Errorf("%s: %+v, want %s", what, all, want)
		}
		return all
	}
	p.enter("root")
	is("a log-in that is none")
	guess("vera", "2001:db8::7", 3)
	is("three", "2001:db8::/64 3 0")
	if _, err := p.LogIn(ctx, identity.Attempt{Name: "root", Password: goodPassword, Address: "2001:db8::7"}); err != nil {
		t.Fatal(err)
	}
	is("a log-in among them", "2001:db8::/64 3 0")
	guess("vera", "10.0.0.7", 12)
	is("those that have to wait", "10.0.0.7 7 5", "2001:db8::/64 3 0") // three under the name were from elsewhere
	p.pass(time.Hour)
	guess("zoe", "10.0.0.7", 1)
	is("the next hour", "10.0.0.7 1 0", "10.0.0.7 7 5")
	for i := range 70 {
		guess(fmt.Sprintf("name%d", i), fmt.Sprintf("10.7.0.%d", i), 1)
	}
	if all := is("many addresses", "others 21 0"); len(all) != 2+51 {
		t.Errorf("%d rows", len(all))
	}
	p.pass(40 * 24 * time.Hour)
	sweep := connector.Sweep{Chore: connector.ChoreSessions, Size: 500, Now: p.clock(), Retention: connector.Retention{Keep: time.Hour, KeepFailed: time.Hour}}
	for range 5 {
		if _, err := p.db.Sweep(ctx, sweep); err != nil {
			t.Fatal(err)
		}
	}
	is("after a month")
}

// testByRule takes who is changed by hand out of the provider's rules, and says in the audit from where it was.
func testByRule(t *testing.T, e Engine) {
	p := newPorch(t, e)
	ctx := identity.WithFrom(t.Context(), identity.From{Address: "10.0.0.9", Way: "cli"})
	p.create("root", identity.Admin)
	provider := identity.By{Who: "oidc", Provider: true}
	name, role, yes := "vera", identity.Operator, true
	if _, err := p.CreateUser(ctx, identity.Change{Name: &name, Role: &role, ByRule: &yes, Subject: &identity.Subject{Issuer: "i", ID: "s"}}, provider); err != nil {
		t.Fatal(err)
	}
	change := func(by identity.By, c identity.Change) identity.User {
		t.Helper()
		u, err := p.ChangeUser(ctx, "vera", c, by)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	ada, other, mail := identity.By{Who: "ada"}, identity.Admin, "v@example.com"
	if u := change(provider, identity.Change{Role: &other}); !u.ByRule || u.Role != other {
		t.Errorf("by the provider: %+v", u)
	}
	if u := change(ada, identity.Change{Email: &mail, Role: &other, Tenants: &[]string{}, Disabled: new(false)}); !u.ByRule {
		t.Errorf("what stays as it is is no word of an admin's: %+v", u)
	}
	for what, c := range map[string]identity.Change{"role": {Role: &role}, "tenants": {Tenants: &[]string{"T"}}, "disabled": {Disabled: &yes}} {
		change(provider, identity.Change{Role: &other, Tenants: &[]string{}, Disabled: new(false)})
		if u := change(ada, identity.Change{ByRule: &yes}); !u.ByRule {
			t.Errorf("back under the rules: %+v", u)
		}
		if u := change(ada, c); u.ByRule {
			t.Errorf("%s by hand: %+v", what, u)
		}
	}
	page, err := p.db.Audit(ctx, store.AuditFilter{Address: []string{"10.0.0.9"}}, connector.PageOf{Limit: 1})
	if err != nil || len(page.Items) != 1 || page.Items[0].Address != "10.0.0.9" || page.Items[0].Way != "cli" || page.Items[0].Who != "ada" {
		t.Errorf("the audit: %+v, %v", page, err)
	}
	if page, err := p.db.Audit(ctx, store.AuditFilter{Address: []string{"10.0.0.8"}}, connector.PageOf{}); err != nil || len(page.Items) != 0 {
		t.Errorf("from elsewhere: %+v, %v", page, err)
	}
}

// testInvitations has users set their passwords by links: once, in time, and nobody else's.
func testInvitations(t *testing.T, e Engine) {
	p := newPorch(t, e)
	ctx := t.Context()
	p.create("root", identity.Admin)
	name, role := "zoe", identity.Viewer
	if _, err := p.CreateUser(ctx, identity.Change{Name: &name, Role: &role, Tenants: &[]string{"T"}}, identity.By{Who: "root"}); err != nil {
		t.Fatal(err)
	}
	invite := func() identity.Invitation {
		t.Helper()
		i, err := p.Invite(ctx, "Zoe", identity.By{Who: "root", Tenants: []string{"T"}})
		if err != nil || i.User.Name != "zoe" || len(i.Token) < 43 {
			t.Fatalf("invited %+v, %v", i, err)
		}
		return i
	}
	good := func(i identity.Invitation) bool {
		t.Helper()
		_, ok, err := p.Invited(ctx, i.Token)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	_, err := p.Invite(ctx, "root", identity.By{Tenants: []string{"T"}})
	wantKind(t, err, connector.NotFound)
	first, second := invite(), invite()
	if good(first) || !good(second) {
		t.Error("the earlier link is good still, or the later one is not")
	}
	accept := func(i identity.Invitation, password string) (identity.Entry, error) {
		return p.AcceptInvitation(ctx, i.Token, identity.Attempt{Password: password, Address: "10.0.0.5"})
	}
	_, err = accept(second, "short")
	wantKind(t, err, connector.Invalid)
	_, err = accept(first, goodPassword)
	wantKind(t, err, connector.Forbidden)
	in, err := accept(second, goodPassword)
	if err != nil || !p.live(in) {
		t.Fatalf("not let in: %v", err)
	}
	_, err = accept(second, "another horse 8")
	wantKind(t, err, connector.Forbidden)
	again := p.enter("zoe")
	if in, err = accept(invite(), "another horse 8"); err != nil || p.live(again) || !p.live(in) {
		t.Errorf("a new password leaves the sessions of the old one: %v", err)
	}
	late := invite()
	p.pass(73 * time.Hour)
	if good(late) {
		t.Error("a link is good after three days")
	}
	_, err = accept(late, goodPassword)
	wantKind(t, err, connector.Forbidden)
	out := invite()
	p.change("zoe", identity.Change{Disabled: new(true)})
	if good(out) {
		t.Error("who is disabled sets a password")
	}
	_, err = p.Invite(ctx, "zoe", identity.By{})
	wantKind(t, err, connector.Conflict)
	p.change("zoe", identity.Change{Disabled: new(false)})
	if good(out) {
		t.Error("a link outlives that its user was disabled")
	}
	for _, f := range []identity.UserFilter{{Query: "OE"}, {State: identity.StateActive, Names: []string{"zoe"}}, {Query: "z", Tenants: []string{"T"}}} {
		if page, err := p.Users(ctx, f, connector.PageOf{}); err != nil || len(page.Items) != 1 || page.Items[0].Name != "zoe" {
			t.Errorf("%+v finds %+v, %v", f, page.Items, err)
		}
	}
	for _, f := range []identity.UserFilter{{Query: "%"}, {Query: "z_e"}, {State: identity.StateDisabled}, {State: identity.StateWaiting}} {
		if page, err := p.Users(ctx, f, connector.PageOf{}); err != nil || len(page.Items) != 0 {
			t.Errorf("%+v finds %+v, %v", f, page.Items, err)
		}
	}
	page, err := p.Users(ctx, identity.UserFilter{}, connector.PageOf{Limit: 1})
	if err != nil || len(page.Items) != 1 || page.Items[0].Name != "root" || page.Next == "" {
		t.Errorf("one by one: %+v, %v", page, err)
	}
	if page, err = p.Users(ctx, identity.UserFilter{}, connector.PageOf{Limit: 1, Cursor: page.Next}); err != nil || len(page.Items) != 1 || page.Items[0].Name != "zoe" || page.Next != "" {
		t.Errorf("the next: %+v, %v", page, err)
	}
}
