package storetest

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"todosync/connector"
	"todosync/internal/identity"
	"todosync/store"
)

// A porch is a Door on a store whose clock the test moves.
type porch struct {
	*identity.Door
	t   *testing.T
	db  *store.DB
	now time.Time
	mu  sync.Mutex // guards now
}

func (p *porch) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *porch) pass(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

func newPorch(t *testing.T, e Engine) *porch {
	t.Helper()
	p := &porch{t: t, now: Start}
	p.db = e.Open(t, e.Place(t), func(c *store.Config) { c.Now = p.clock })
	var err error
	if p.Door, err = identity.NewDoor(identity.Config{Desk: p.db, Log: slog.New(slog.DiscardHandler), Now: p.clock}); err != nil {
		t.Fatal(err)
	}
	return p
}

const goodPassword = "correct horse 7"

func (p *porch) create(name string, role identity.Role, tenants ...string) identity.User {
	p.t.Helper()
	password := goodPassword
	u, err := p.CreateUser(p.t.Context(), identity.Change{Name: &name, Role: &role, Tenants: &tenants, Password: &password}, identity.By{Who: "me"})
	if err != nil {
		p.t.Fatalf("create %s: %v", name, err)
	}
	return u
}

func (p *porch) enter(name string) identity.Entry {
	p.t.Helper()
	in, err := p.LogIn(p.t.Context(), identity.Attempt{Name: name, Password: goodPassword, Address: "10.0.0.1", Agent: "Firefox"})
	if err != nil {
		p.t.Fatalf("%s logs in: %v", name, err)
	}
	return in
}

func (p *porch) live(in identity.Entry) bool {
	p.t.Helper()
	_, ok, err := p.Session(p.t.Context(), in.Token)
	if err != nil {
		p.t.Fatal(err)
	}
	return ok
}

func (p *porch) change(user string, c identity.Change) {
	p.t.Helper()
	if _, err := p.ChangeUser(p.t.Context(), user, c, identity.By{Who: "me"}); err != nil {
		p.t.Fatalf("change %s: %v", user, err)
	}
}

func isRefusal(err error) (*identity.Refusal, bool) {
	r, ok := err.(*identity.Refusal) //nolint:errorlint // a Door returns it as it is
	return r, ok
}

// testUsers makes, finds, changes and removes users, shows nobody more than he may see, and always leaves somebody who may do everything.
func testUsers(t *testing.T, e Engine) {
	p := newPorch(t, e)
	ctx := t.Context()
	anna, bert := p.create("Anna", identity.Admin), p.create("bert", identity.Viewer, "T", "U")
	p.create("chris", identity.Admin, "T")
	if anna.ID == "" || !anna.HasPassword || anna.Who != "me" || !anna.Created.Equal(Start) || !slices.Equal(bert.Tenants, []string{"T", "U"}) {
		t.Errorf("made %+v and %+v", anna, bert)
	}
	name, role := "ANNA", identity.Viewer
	_, err := p.CreateUser(ctx, identity.Change{Name: &name, Role: &role}, identity.By{})
	wantKind(t, err, connector.Conflict)
	for _, id := range []string{anna.ID, "anna", "ANNA"} {
		if u, err := p.User(ctx, id, nil); err != nil || u.Name != "Anna" {
			t.Errorf("%s is %+v, %v", id, u, err)
		}
	}
	list := func(f identity.UserFilter, page connector.PageOf) (names []string, next string) {
		t.Helper()
		got, err := p.Users(ctx, f, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range got.Items {
			names = append(names, u.Name)
		}
		return names, got.Next
	}
	for want, f := range map[string]identity.UserFilter{
		"[Anna bert chris]": {}, "[chris]": {Tenants: []string{"T"}}, "[bert chris]": {Tenants: []string{"U", "T"}}, "[]": {Tenants: []string{"V"}},
		"[Anna chris]": {Roles: []string{"admin"}}, "[bert]": {Names: []string{"BERT", "nobody"}},
	} {
		if got, next := list(f, connector.PageOf{}); fmt.Sprint(got) != want || next != "" {
			t.Errorf("%+v: %v, want %s", f, got, want)
		}
	}
	first, next := list(identity.UserFilter{}, connector.PageOf{Limit: 2})
	p.create("aaron", identity.Viewer)
	second, end := list(identity.UserFilter{}, connector.PageOf{Limit: 2, Cursor: next})
	if fmt.Sprint(first, second) != "[Anna bert] [chris]" || end != "" {
		t.Errorf("pages %v %v, %q", first, second, end)
	}
	_, err = p.Users(ctx, identity.UserFilter{}, connector.PageOf{Cursor: "x"})
	wantKind(t, err, connector.Invalid)

	// Who sees T alone finds nobody else, and gives nobody more.
	ofT := identity.By{Who: "chris", Tenants: []string{"T"}}
	for _, id := range []string{"bert", "anna", "nobody"} {
		_, err := p.User(ctx, id, ofT.Tenants)
		wantKind(t, err, connector.NotFound)
		wantKind(t, p.RemoveUser(ctx, id, ofT), connector.NotFound)
		wantKind(t, p.UnlockUser(ctx, id, ofT), connector.NotFound)
		wantKind(t, p.EndSession(ctx, id, "", ofT), connector.NotFound)
		_, err = p.ChangeUser(ctx, id, identity.Change{Role: &role}, ofT)
		wantKind(t, err, connector.NotFound)
	}
	for _, tenants := range [][]string{{"U"}, {"T", "U"}} {
		_, err := p.ChangeUser(ctx, "chris", identity.Change{Tenants: &tenants}, ofT)
		wantKind(t, err, connector.NotFound)
	}
	dora := "dora"
	if u, err := p.CreateUser(ctx, identity.Change{Name: &dora, Role: &role}, ofT); err != nil || !slices.Equal(u.Tenants, []string{"T"}) {
		t.Errorf("dora: %+v, %v", u, err)
	}
	if u, err := p.ChangeUser(ctx, dora, identity.Change{Tenants: new([]string)}, ofT); err != nil || !slices.Equal(u.Tenants, []string{"T"}) {
		t.Errorf("dora sees all: %+v, %v", u, err)
	}

	// Anna is the last who may do everything.
	yes := true
	for what, c := range map[string]identity.Change{"role": {Role: &role}, "tenants": {Tenants: &[]string{"T"}}, "disabled": {Disabled: &yes}} {
		if _, err := p.ChangeUser(ctx, "anna", c, identity.By{}); connector.KindOf(err) != connector.Conflict {
			t.Errorf("the last admin loses by %s: %v", what, err)
		}
	}
	wantKind(t, p.RemoveUser(ctx, "anna", identity.By{}), connector.Conflict)
	p.create("eve", identity.Admin)
	if err := p.RemoveUser(ctx, "anna", identity.By{Who: "eve"}); err != nil {
		t.Fatal(err)
	}
	wantKind(t, p.RemoveUser(ctx, anna.ID, identity.By{}), connector.NotFound)

	entries, err := p.db.Audit(ctx, store.AuditFilter{What: []string{"user"}}, connector.PageOf{})
	if err != nil || len(entries.Items) != 7 || entries.Items[0].What != "user removed" || entries.Items[0].Target != "Anna" || entries.Items[0].Who != "eve" {
		t.Errorf("audit %+v, %v", entries.Items, err)
	}
	for _, entry := range entries.Items {
		if strings.Contains(entry.Detail, "argon2") || strings.Contains(entry.Detail, goodPassword) {
			t.Errorf("the audit tells a password: %s", entry.Detail)
		}
	}
}

// testSessions logs in and out: a session ends with its time, its user's rights, his password, and when he says so.
func testSessions(t *testing.T, e Engine) {
	p := newPorch(t, e)
	ctx := t.Context()
	p.create("root", identity.Admin)
	vera := p.create("vera", identity.Viewer, "T")
	in := p.enter("Vera")
	s, ok, err := p.Session(ctx, in.Token)
	if err != nil || !ok || s.User.Name != "vera" || s.ID != in.ID || s.Address != "10.0.0.1" || s.Agent != "Firefox" || !s.User.LoggedIn.Equal(Start) {
		t.Fatalf("session %+v, %v, %v", s, ok, err)
	}
	for _, wrong := range []string{"", "x", in.ID, in.Token + "A", in.Token[:42], strings.Repeat("A", 43)} {
		if _, ok, err := p.Session(ctx, wrong); ok || err != nil {
			t.Errorf("%q is a session: %v", wrong, err)
		}
	}
	// A new log-in in the same browser takes the place of the old one.
	again, err := p.LogIn(ctx, identity.Attempt{Name: "vera", Password: goodPassword, Session: in.Token})
	if err != nil || p.live(in) || !p.live(again) || again.Token == in.Token {
		t.Errorf("the old session lives on, or the new one does not: %v", err)
	}
	// Used again and again it lives, but not for ever; unused it ends.
	for range 15 {
		p.pass(11 * time.Hour)
		if !p.live(again) {
			t.Fatal("a session that is used has ended")
		}
	}
	p.pass(4 * time.Hour)
	if p.live(again) {
		t.Error("a session is older than a week")
	}
	idle := p.enter("vera")
	p.pass(12*time.Hour + 2*time.Minute)
	if p.live(idle) {
		t.Error("a session that nobody has used for 12 hours lives")
	}
	yes, no, role, email, password := true, false, identity.Operator, "v@example.com", "another horse 8"
	for what, c := range map[string]identity.Change{
		"role": {Role: &role}, "tenants": {Tenants: &[]string{"U"}}, "password": {Password: &password}, "disabled": {Disabled: &yes},
	} {
		before, _ := p.Door.User(ctx, "vera", nil)
		in := p.enter("vera")
		p.change("vera", identity.Change{Email: &email, Language: new(connector.Chinese)})
		if !p.live(in) {
			t.Error("a session ended for a change that gives or takes no right")
		}
		if p.change("vera", c); p.live(in) {
			t.Errorf("a session lives on after its user's %s has changed", what)
		}
		back := goodPassword
		p.change("vera", identity.Change{Role: &before.Role, Tenants: &before.Tenants, Password: &back, Disabled: &no})
	}
	// Disabled between the look at his password and the log-in.
	p.change("vera", identity.Change{Disabled: &yes})
	if _, err := p.LogIn(ctx, identity.Attempt{Name: "vera", Password: goodPassword}); err == nil {
		t.Error("who is disabled logs in")
	}
	_, err = p.db.OpenSession(ctx, identity.Opening{User: vera.ID, Hash: []byte("h")})
	wantKind(t, err, connector.Forbidden)
	p.change("vera", identity.Change{Disabled: &no})
	_, err = p.db.OpenSession(ctx, identity.Opening{User: vera.ID, Hash: []byte("h"), Password: "what it was"})
	wantKind(t, err, connector.Forbidden)

	// His own sessions, and his own password.
	one, two := p.enter("vera"), p.enter("vera")
	p.enter("root")
	all, err := p.Sessions(ctx, vera.ID)
	if err != nil || len(all) != 2 || all[0].ID != two.ID {
		t.Errorf("sessions %+v, %v", all, err)
	}
	wantKind(t, p.EndSession(ctx, "root", one.ID, identity.By{}), connector.NotFound)
	if err := p.EndSession(ctx, vera.ID, one.ID, identity.By{Who: "vera"}); err != nil || p.live(one) || !p.live(two) {
		t.Errorf("ended the wrong session: %v", err)
	}
	wantKind(t, p.ChangePassword(ctx, vera.ID, "not this", password, "10.0.0.1"), connector.Invalid)
	wantKind(t, p.ChangePassword(ctx, vera.ID, goodPassword, "short", "10.0.0.1"), connector.Invalid)
	if err := p.ChangePassword(ctx, vera.ID, goodPassword, password, "10.0.0.1"); err != nil || p.live(two) {
		t.Errorf("a new password leaves old sessions: %v", err)
	}
	if in, err := p.Renew(ctx, vera.ID, identity.Attempt{Session: two.Token}); err != nil || !p.live(in) {
		t.Errorf("no new session: %v", err)
	}
	for range identity.SessionsFew + 3 {
		if _, err := p.Renew(ctx, vera.ID, identity.Attempt{}); err != nil {
			t.Fatal(err)
		}
	}
	if all, _ := p.Sessions(ctx, vera.ID); len(all) != identity.SessionsFew {
		t.Errorf("%d sessions", len(all))
	}
	if err := p.RemoveUser(ctx, vera.ID, identity.By{}); err != nil {
		t.Fatal(err)
	}
	if all, _ := p.Sessions(ctx, vera.ID); len(all) != 0 {
		t.Errorf("%d sessions of nobody", len(all))
	}

	// Retention takes what is over.
	p.pass(3 * identity.SessionLife)
	sweep := connector.Sweep{Chore: connector.ChoreSessions, Size: 100, Now: p.clock(), Retention: connector.Retention{Keep: time.Hour, KeepFailed: time.Hour}}
	got, err := p.db.Sweep(ctx, sweep)
	if err != nil || got.Removed < 2 {
		t.Errorf("swept %+v, %v", got, err)
	}
}

// testGuessing makes who guesses wait, also where many guess at once, and tells nobody who exists; it never shuts anybody out for good.
func testGuessing(t *testing.T, e Engine) {
	p := newPorch(t, e)
	ctx := t.Context()
	p.create("root", identity.Admin)
	p.create("vera", identity.Viewer)
	guess := func(name, address string) time.Duration {
		t.Helper()
		_, err := p.LogIn(ctx, identity.Attempt{Name: name, Password: "a wrong password", Address: address})
		r, ok := isRefusal(err)
		if !ok {
			t.Fatalf("%s from %s: %v", name, address, err)
		}
		return r.Wait
	}
	p.enter("root") // so he is known from 10.0.0.1
	for _, name := range []string{"nobody", "root"} {
		for i := range 10 {
			if wait := guess(name, fmt.Sprintf("10.1.%d.%d", len(name), i)); wait != 0 {
				t.Errorf("%s waits %s after %d failures", name, wait, i)
			}
		}
		if wait := guess(name, "10.2.0.1"); wait != 30*time.Second {
			t.Errorf("%s waits %s after ten failures", name, wait)
		}
		p.pass(30 * time.Second)
		if wait := guess(name, "10.2.0.2"); wait != 0 {
			t.Errorf("%s still waits %s", name, wait)
		}
		if wait := guess(name, "10.2.0.3"); wait != time.Minute {
			t.Errorf("%s waits %s after eleven failures", name, wait)
		}
		for range 6 {
			p.pass(15 * time.Minute)
			guess(name, "10.2.0.4")
		}
		if wait := guess(name, "10.2.0.5"); wait != 15*time.Minute {
			t.Errorf("%s waits %s at most", name, wait)
		}
	}
	// The right password does not help who comes from elsewhere, but who was here before is let in, and an admin can end it.
	if _, err := p.LogIn(ctx, identity.Attempt{Name: "root", Password: goodPassword, Address: "10.2.0.9"}); err == nil {
		t.Error("a locked name logs in from a new address")
	}
	if u, err := p.User(ctx, "root", nil); err != nil || !u.Locked.After(p.clock()) {
		t.Errorf("locked until %s, %v", u.Locked, err)
	}
	p.enter("root")
	if u, _ := p.User(ctx, "root", nil); !u.Locked.IsZero() {
		t.Error("a log-in leaves the lock")
	}
	for i := range 11 {
		guess("vera", fmt.Sprintf("10.3.0.%d", i))
	}
	if err := p.UnlockUser(ctx, "vera", identity.By{Who: "root"}); err != nil {
		t.Fatal(err)
	}
	p.enter("vera")

	// One address and many names.
	for i := range 10 {
		if wait := guess(fmt.Sprintf("name%d", i), "2001:db8::1"); wait != 0 {
			t.Errorf("waits %s after %d names", wait, i)
		}
	}
	if guess("other", "2001:db8::2") == 0 {
		t.Error("the next machine of a network guesses on")
	}
	if wait := guess("other", "2001:db8:0:1::2"); wait != 0 {
		t.Errorf("another network waits %s", wait)
	}
	p.pass(2 * time.Hour)
	if wait := guess("more", "2001:db8::1"); wait != 0 {
		t.Errorf("an address waits %s after hours", wait)
	}

	// Many at once are not more than one after the other.
	var all sync.WaitGroup
	var mu sync.Mutex
	tried := 0
	for range 40 {
		all.Go(func() {
			wait, err := p.db.BeginLogIn(context.WithoutCancel(ctx), "crowd", identity.Guess{Account: identity.AccountKey("crowd"), Address: "address 10.9.9.9", From: "10.9.9.9"})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("begin: %v", err)
			}
			if wait == 0 {
				tried++
			}
		})
	}
	all.Wait()
	if tried != 10 {
		t.Errorf("%d of 40 guesses at once were taken, want 10", tried)
	}
}

// testAccessLinks uses one-time links: the first admin's, and one that logs in.
func testAccessLinks(t *testing.T, e Engine) {
	p := newPorch(t, e)
	ctx := t.Context()
	old, made, err := p.FirstAdminLink(ctx, "here")
	if err != nil || !made {
		t.Fatalf("no link: %v", err)
	}
	link, _, _ := p.FirstAdminLink(ctx, "here")
	other, _, _ := p.FirstAdminLink(ctx, "there")
	for token, want := range map[string]bool{old: false, link: true, other: true, "": false, "x": false, strings.Repeat("A", 43): false} {
		if none, good, err := p.FirstAdminDue(ctx, token); err != nil || !none || good != want {
			t.Errorf("link %q is %v, want %v: %v", token, good, want, err)
		}
	}
	_, err = p.FirstAdmin(ctx, link, identity.Attempt{Name: "anna", Password: "short"})
	wantKind(t, err, connector.Invalid)
	_, err = p.FirstAdmin(ctx, link, identity.Attempt{Name: "anna"})
	wantKind(t, err, connector.Invalid)
	_, err = p.FirstAdmin(ctx, old, identity.Attempt{Name: "anna", Password: goodPassword})
	wantKind(t, err, connector.Forbidden)
	var all sync.WaitGroup
	var mu sync.Mutex
	in := 0
	for i := range 4 {
		all.Go(func() {
			got, err := p.FirstAdmin(ctx, link, identity.Attempt{Name: fmt.Sprintf("anna%d", i), Password: goodPassword})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				if in++; !got.User.Whole() || !p.live(got) {
					t.Errorf("first admin %+v", got)
				}
			} else if connector.KindOf(err) != connector.Forbidden {
				t.Errorf("the second first admin: %v", err)
			}
		})
	}
	all.Wait()
	if in != 1 {
		t.Errorf("%d first admins", in)
	}
	for _, token := range []string{link, other} {
		if none, good, err := p.FirstAdminDue(ctx, token); none || good || err != nil {
			t.Errorf("the link is good after the first admin: %v", err)
		}
		_, err := p.FirstAdmin(ctx, token, identity.Attempt{Name: "mallory", Password: goodPassword})
		wantKind(t, err, connector.Forbidden)
	}
	if _, made, err := p.FirstAdminLink(ctx, "here"); made || err != nil {
		t.Errorf("a second first admin is asked for: %v", err)
	}

	bert := p.create("bert", identity.Viewer)
	logIn, err := p.LogInLink(ctx, "bert")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.FollowLink(ctx, logIn, identity.Attempt{Address: "10.0.0.1"}); err == nil {
		t.Error("a link is good on another machine")
	}
	got, err := p.FollowLink(ctx, logIn, identity.Attempt{Address: "127.0.0.1"})
	if err != nil || got.User.ID != bert.ID || !p.live(got) {
		t.Errorf("followed %+v, %v", got, err)
	}
	late, _ := p.LogInLink(ctx, "bert")
	p.pass(time.Hour)
	disabled, _ := p.LogInLink(ctx, "bert")
	p.change("bert", identity.Change{Disabled: new(true)})
	for what, token := range map[string]string{"used": logIn, "late": late, "a disabled user's": disabled, "no link": "x"} {
		if _, err := p.FollowLink(ctx, token, identity.Attempt{Address: "::1"}); err == nil {
			t.Errorf("%s: logged in", what)
		}
	}
}
