package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"todosync/connector"
	"todosync/store"
)

// testAPITokens makes tokens, knows who has them until they run out or are taken away, and shows nobody more than he may see.
func testAPITokens(t *testing.T, e Engine) {
	p := play(t, e, nil)
	ctx := t.Context()
	create := func(want store.APIToken) (store.APIToken, string) {
		t.Helper()
		want.Who = "me"
		made, token, err := p.db.CreateAPIToken(ctx, want)
		if err != nil {
			t.Fatalf("create: %v", err)
		}
		return made, token
	}
	admin, adminToken := create(store.APIToken{Name: "all", Role: "admin"})
	crm, crmToken := create(store.APIToken{Name: "crm", Scopes: []string{"import", "events:write", "import"}, Tenants: []string{"U", "T"}, Expires: p.now.Add(time.Hour)})
	if admin.ID == crm.ID || adminToken == crmToken || !strings.HasPrefix(crmToken, "todosync_") || len(crmToken) < 40 {
		t.Errorf("tokens %q of %+v, %q of %+v", adminToken, admin, crmToken, crm)
	}
	got, ok, err := p.db.AuthenticateAPIToken(ctx, crmToken)
	if err != nil || !ok || got.ID != crm.ID || got.Role != "" || !slices.Equal(got.Scopes, []string{"events:write", "import"}) || !slices.Equal(got.Tenants, []string{"T", "U"}) {
		t.Errorf("authenticated %+v, %v, %v", got, ok, err)
	}
	for _, wrong := range []string{"", "todosync_", crmToken + "x", crmToken[:len(crmToken)-1], crm.ID, "x\x00y"} {
		if _, ok, err := p.db.AuthenticateAPIToken(ctx, wrong); ok || err != nil {
			t.Errorf("%q is somebody's: %v", wrong, err)
		}
	}
	list := func(tenants ...string) (ids []string) {
		t.Helper()
		page, err := p.db.APITokens(ctx, tenants, connector.PageOf{})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Items {
			ids = append(ids, i.ID)
		}
		return ids
	}
	if all, both, one := list(), list("T", "U"), list("T"); !slices.Equal(all, []string{crm.ID, admin.ID}) || !slices.Equal(both, []string{crm.ID}) || len(one) != 0 {
		t.Errorf("all %v, of both tenants %v, of one %v", all, both, one)
	}
	page, err := p.db.APITokens(ctx, nil, connector.PageOf{Limit: 1})
	if err != nil || len(page.Items) != 1 || page.Next == "" || !page.Items[0].LastUsed.Equal(p.now) || !page.Items[0].Expires.Equal(p.now.Add(time.Hour)) {
		t.Errorf("first page %+v, %v", page, err)
	}
	if page, err = p.db.APITokens(ctx, nil, connector.PageOf{Limit: 1, Cursor: page.Next}); err != nil || len(page.Items) != 1 || page.Items[0].ID != admin.ID || page.Next != "" {
		t.Errorf("second page %+v, %v", page, err)
	}
	over, overToken := create(store.APIToken{Name: "over", Role: "viewer", Expires: p.now})
	if _, ok, _ := p.db.AuthenticateAPIToken(ctx, overToken); ok {
		t.Error("a token that has run out is good")
	}
	if err := p.db.RevokeAPIToken(ctx, over.ID, nil, "me"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, p.db.RevokeAPIToken(ctx, crm.ID, []string{"T"}, "me"), connector.NotFound)
	wantKind(t, p.db.RevokeAPIToken(ctx, "nothing", nil, "me"), connector.NotFound)
	if err := p.db.RevokeAPIToken(ctx, admin.ID, nil, "me"); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := p.db.AuthenticateAPIToken(ctx, adminToken); ok || len(list()) != 1 {
		t.Error("a token that was taken away is good")
	}
	// The audit knows of all of it, and not what a token is.
	entries, err := p.db.Audit(ctx, store.AuditFilter{What: []string{"token"}, Who: []string{"me"}}, connector.PageOf{})
	if err != nil || len(entries.Items) != 5 || entries.Items[0].What != "token revoked" {
		t.Errorf("audit %+v, %v", entries, err)
	}
	for _, entry := range entries.Items {
		if strings.Contains(entry.Detail, adminToken) || strings.Contains(entry.Detail, crmToken) {
			t.Errorf("the audit tells a token: %s", entry.Detail)
		}
	}
	if none, err := p.db.Audit(ctx, store.AuditFilter{From: p.now.Add(time.Minute)}, connector.PageOf{}); err != nil || len(none.Items) != 0 {
		t.Errorf("audit of the future %+v, %v", none, err)
	}
}
