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
