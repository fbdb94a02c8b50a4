package identity_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"todosync/connector"
	"todosync/internal/identity"
)

// TestOIDC logs in at a provider: a stranger waits for an admin, and an answer that was not asked for in this browser, for this client and
// with this nonce lets nobody in.
func TestOIDC(t *testing.T) {
	t.Parallel()
	p := newProvider(t, identity.OIDCConfig{})
	for range 2 {
		if _, err := p.logIn(comer{}); connector.KindOf(err) != connector.Forbidden {
			t.Fatalf("a stranger: %v", err)
		}
	}
	if _, err := p.door.ChangeUser(t.Context(), "vera", identity.Change{Disabled: new(false)}, identity.By{Who: "ada"}); err != nil {
		t.Fatal(err)
	}
	if in, err := p.logIn(comer{}); err != nil || in.User.Name != "vera" {
		t.Errorf("who is allowed: %+v, %v", in, err)
	}
	now := time.Now()
	for what, c := range map[string]comer{
		"another state":   {change: func(q url.Values, _ *string) { q.Set("state", "x") }},
		"another browser": {change: func(_ url.Values, kept *string) { *kept = "" }},
		"no code":         {change: func(q url.Values, _ *string) { q.Del("code") }},
		"a wrong code":    {change: func(q url.Values, _ *string) { q.Set("code", "bad") }},
		"another nonce":   {claims: map[string]any{"nonce": "x"}},
		"no nonce":        {claims: map[string]any{"nonce": ""}},
		"another client":  {claims: map[string]any{"aud": "x"}},
		"another issuer":  {claims: map[string]any{"iss": "https://evil.example"}},
		"an old token":    {claims: map[string]any{"exp": now.Add(-2 * time.Minute).Unix()}},
		"a token to come": {claims: map[string]any{"nbf": now.Add(time.Hour).Unix()}},
		"no subject":      {claims: map[string]any{"sub": ""}},
	} {
		if _, err := p.logIn(c); !refused(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	p.unsigned = true
	if _, err := p.logIn(comer{}); !refused(err) {
		t.Errorf("alg none: %v", err)
	}
	p.unsigned = false
	if _, err := p.logIn(comer{claims: map[string]any{"exp": now.Add(-30 * time.Second).Unix(), "nbf": now.Add(30 * time.Second).Unix()}}); err != nil {
		t.Errorf("clocks half a minute apart: %v", err)
	}
}

func refused(err error) bool {
	_, ok := err.(*identity.Refusal)
	return ok
}

// TestOIDCKeysChange changes the provider's keys, under a new name and under the old one.
func TestOIDCKeysChange(t *testing.T) {
	t.Parallel()
	p := newProvider(t, identity.OIDCConfig{Rules: parse(t, "*=viewer")})
	for _, kid := range []string{"k1", "k2", "k2"} {
		p.rotate(kid)
		if _, err := p.logIn(comer{}); err != nil {
			t.Errorf("after the key is %s: %v", kid, err)
		}
	}
	old := p.key
	p.rotate("k3")
	p.key = old // whoever has a key that the provider no longer names
	if _, err := p.logIn(comer{}); !refused(err) {
		t.Errorf("a key of before: %v", err)
	}
}

// TestOIDCProviderAway begins and ends log-ins while the provider is away, and asks it anew when it is back.
func TestOIDCProviderAway(t *testing.T) {
	t.Parallel()
	p := newProvider(t, identity.OIDCConfig{Rules: parse(t, "*=viewer")})
	p.down = true
	if _, err := p.logIn(comer{}); connector.KindOf(err) != connector.Unavailable {
		t.Errorf("never reached: %v", err)
	}
	p.down = false
	if _, err := p.logIn(comer{}); err != nil {
		t.Errorf("back again: %v", err)
	}
	p.now = p.now.Add(3 * time.Hour) // what it said of itself is asked for anew, and holds while it does not answer
	p.down = true
	if _, err := p.logIn(comer{}); connector.KindOf(err) != connector.Unavailable {
		t.Errorf("gone: %v", err)
	}
	if n := p.asked["/.well-known/openid-configuration"]; n < 3 {
		t.Errorf("asked %d times", n)
	}
}

func parse(t *testing.T, texts ...string) (out identity.Rules) {
	t.Helper()
	for _, text := range texts {
		r, err := identity.ParseRule(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// TestOIDCNoTakeover logs in people of the provider who call themselves as users of ours do.
func TestOIDCNoTakeover(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	p := newProvider(t, identity.OIDCConfig{Rules: parse(t, "*=viewer")})
	role := identity.Admin
	for _, name := range []string{"vera", "vera@example.com"} {
		c := identity.Change{Name: &name, Role: &role, Password: new("quite long and odd 1")}
		if name == "vera" {
			c.Email = new("vera@example.com")
		}
		if _, err := p.door.CreateUser(ctx, c, identity.By{Who: "ada"}); err != nil {
			t.Fatal(err)
		}
	}
	in, err := p.logIn(comer{claims: map[string]any{"preferred_username": "Vera", "email": "vera@example.com", "email_verified": true}})
	if err != nil || in.User.Role != identity.Viewer || in.User.Name == "vera" || in.User.Name == "vera@example.com" {
		t.Fatalf("who calls himself vera is %+v, %v", in.User, err)
	}
	again, err := p.logIn(comer{claims: map[string]any{"preferred_username": "zoe", "email": "zoe@example.com"}})
	if err != nil || again.User.ID != in.User.ID || again.User.Name != in.User.Name {
		t.Errorf("the same subject with another mail is %+v, %v", again.User, err)
	}
	other, err := p.logIn(comer{claims: map[string]any{"sub": "8", "preferred_username": "zoe"}})
	if err != nil || other.User.ID == in.User.ID {
		t.Errorf("another subject is %+v, %v", other.User, err)
	}
}

// TestOIDCRules follows one person whose groups change, beside one whose role was given by hand.
func TestOIDCRules(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	there := func(_ context.Context, tenants []string) ([]string, error) { return tenants, nil }
	p := newProvider(t, identity.OIDCConfig{Claim: "realm_access.roles", Rules: parse(t, "oa-admins=admin", "oa-{tenant}=operator"), There: there})
	as := func(groups any) (identity.Entry, error) {
		t.Helper()
		return p.logIn(comer{claims: map[string]any{"realm_access": map[string]any{"roles": groups}, "email": "vera@example.com", "email_verified": true}})
	}
	is := func(in identity.Entry, err error, want string) {
		t.Helper()
		if got := fmt.Sprint(in.User.Role, " ", in.User.Tenants, in.User.ByRule); err != nil || got != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
	if _, err := as([]string{"other"}); connector.KindOf(err) != connector.Forbidden {
		t.Fatalf("nothing by rule: %v", err)
	}
	first, err := as([]string{"x", "oa-714439", "oa-9"}) // he has waited, and is let in without an admin
	is(first, err, "operator [714439 9] true")
	if first.User.Name != "vera" {
		t.Errorf("he is called %s", first.User.Name)
	}
	second, err := as("oa-admins")
	is(second, err, "admin [] true")
	if _, ok, _ := p.door.Session(ctx, first.Token); ok {
		t.Error("a session with the old role lives on")
	}
	third, err := as("oa-admins")
	is(third, err, "admin [] true")
	if _, ok, _ := p.door.Session(ctx, second.Token); !ok {
		t.Error("a log-in that changes nothing ends his other sessions")
	}
	if _, err := as(nil); connector.KindOf(err) != connector.Forbidden { // he is the last admin, and the provider's word counts
		t.Errorf("who lost his group: %v", err)
	}
	if _, ok, _ := p.door.Session(ctx, third.Token); ok {
		t.Error("who lost his group has a session")
	}
	u, err := p.door.User(ctx, "vera", nil)
	if err != nil || !u.Disabled || u.Role != identity.Viewer || !u.ByRule || u.Email != "vera@example.com" {
		t.Errorf("who lost his group is %+v, %v", u, err)
	}
	in, err := as("oa-7")
	is(in, err, "operator [7] true")

	// An admin's word stays.
	role := identity.Integrator
	if _, err := p.door.ChangeUser(ctx, "vera", identity.Change{Role: &role}, identity.By{Who: "ada"}); err != nil {
		t.Fatal(err)
	}
	in, err = as(nil)
	is(in, err, "integrator [7] false")
	if _, err := p.door.ChangeUser(ctx, "vera", identity.Change{Disabled: new(true)}, identity.By{Who: "ada"}); err != nil {
		t.Fatal(err)
	}
	if _, err := as("oa-admins"); connector.KindOf(err) != connector.Forbidden {
		t.Errorf("who an admin has shut out: %v", err)
	}
	if _, err := p.door.ChangeUser(ctx, "vera", identity.Change{ByRule: new(true)}, identity.By{Who: "ada"}); err != nil {
		t.Fatal(err)
	}
	in, err = as("oa-admins")
	is(in, err, "admin [] true")
}

// TestOIDCWhereGroupsAre finds groups where the provider tells them, and takes no role from anybody because it could not be asked.
func TestOIDCWhereGroupsAre(t *testing.T) {
	t.Parallel()
	p := newProvider(t, identity.OIDCConfig{Claim: "groups", Rules: parse(t, "ops=operator")})
	p.userinfo = map[string]any{"sub": "7", "groups": []string{"ops"}}
	in, err := p.logIn(comer{})
	if err != nil || in.User.Role != identity.Operator {
		t.Fatalf("told beside the token: %+v, %v", in.User, err)
	}
	p.userinfo = map[string]any{"sub": "8", "groups": []string{"ops"}}
	if _, err := p.logIn(comer{}); !refused(err) {
		t.Errorf("told of another: %v", err)
	}
	p.userinfo = map[string]any{}
	for what, claims := range map[string]map[string]any{
		"not told at all": {}, "too many to be told": {"_claim_names": map[string]any{"groups": "src1"}},
	} {
		if _, err := p.logIn(comer{claims: claims}); err == nil {
			t.Errorf("%s: let in", what)
		}
		if u, err := p.door.User(t.Context(), "vera", nil); err != nil || u.Disabled || u.Role != identity.Operator {
			t.Errorf("%s: he is %+v, %v", what, u, err)
		}
	}
	if _, ok, _ := p.door.Session(t.Context(), in.Token); !ok {
		t.Error("his session has ended because the provider could not be asked")
	}
}

// TestOIDCWaiting fills the room for those who wait for an admin.
func TestOIDCWaiting(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	p := newProvider(t, identity.OIDCConfig{})
	if _, err := p.logIn(comer{}); connector.KindOf(err) != connector.Forbidden {
		t.Fatal(err)
	}
	disabled, role, byRule := true, identity.Viewer, true
	for i := range identity.MostWaiting - 1 {
		c := identity.Change{Name: new(fmt.Sprintf("w%d", i)), Role: &role, Disabled: &disabled, ByRule: &byRule, Subject: &identity.Subject{Issuer: p.srv.URL, ID: fmt.Sprintf("w%d", i)}}
		if _, err := p.door.CreateUser(ctx, c, identity.By{Who: "oidc", Provider: true}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.logIn(comer{claims: map[string]any{"sub": "late", "preferred_username": "late"}}); connector.KindOf(err) != connector.Unavailable {
		t.Errorf("one more: %v", err)
	}
	if _, err := p.door.User(ctx, "late", nil); connector.KindOf(err) != connector.NotFound {
		t.Errorf("one more is a user: %v", err)
	}
	if _, err := p.logIn(comer{}); connector.KindOf(err) != connector.Forbidden {
		t.Errorf("who waits already: %v", err)
	}
	if err := p.door.RemoveUser(ctx, "w0", identity.By{Who: "ada"}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.logIn(comer{claims: map[string]any{"sub": "late", "preferred_username": "late"}}); connector.KindOf(err) != connector.Forbidden {
		t.Errorf("after one was removed: %v", err)
	}
	entries, err := p.db.Audit(ctx, auditOf("user"), connector.PageOf{Limit: 1})
	if err != nil || !slices.ContainsFunc(entries.Items, whoIs("oidc")) {
		t.Errorf("the audit: %+v, %v", entries, err)
	}
}

// A stream that stays open, or a page that renews itself, does not keep a session alive: it ends where nobody uses it.
func TestSessionEndsBesideAnOpenPage(t *testing.T) {
	t.Parallel()
	p := newProvider(t, identity.OIDCConfig{})
	name, role, password := "ada", identity.Admin, "a few words of mine"
	if _, err := p.door.CreateUser(t.Context(), identity.Change{Name: &name, Role: &role, Password: &password}, identity.By{Who: "test"}); err != nil {
		t.Fatal(err)
	}
	in, err := p.door.LogIn(t.Context(), identity.Attempt{Name: name, Password: password, Address: "10.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	looks := func(session func(context.Context, string) (identity.Session, bool, error)) (ok bool) {
		t.Helper()
		_, ok, err := session(t.Context(), in.Token)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	// Every hour the page asks by itself; once, after 6 hours, its reader does.
	for hour := range 24 {
		alive := looks(p.door.StillSession)
		if want := time.Duration(hour)*time.Hour < 6*time.Hour+identity.SessionIdle; alive != want {
			t.Fatalf("after %d hours: want %v, got %v", hour, want, alive)
		}
		if hour == 6 && !looks(p.door.Session) {
			t.Fatal("the session has ended while it was used")
		}
		p.now = p.now.Add(time.Hour)
	}
}
