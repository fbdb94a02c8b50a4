package main

import (
	"context"

	"todosync/connector"
	"todosync/store"
	"todosync/web/api"
)

// apiTokens are the store's tokens as the API wants to see them.
type apiTokens struct{ db *store.DB }

// Authenticate implements api.Authenticator.
func (t apiTokens) Authenticate(ctx context.Context, token string) (*api.Principal, error) {
	found, ok, err := t.db.AuthenticateAPIToken(ctx, token)
	if err != nil || !ok {
		return nil, err
	}
	p := &api.Principal{Name: "token " + found.Name, Role: api.Roles()[found.Role], Tenants: found.Tenants}
	for _, s := range found.Scopes {
		if r, ok := api.Scopes()[s]; ok {
			p.Scopes = append(p.Scopes, r)
		}
	}
	return p, nil
}

// CreateToken implements api.Tokens.
func (t apiTokens) CreateToken(ctx context.Context, want api.Token) (api.Token, string, error) {
	made, token, err := t.db.CreateAPIToken(ctx, store.APIToken(want))
	return api.Token(made), token, err
}

// Tokens implements api.Tokens.
func (t apiTokens) Tokens(ctx context.Context, tenants []string, p connector.PageOf) (connector.Page[api.Token], error) {
	found, err := t.db.APITokens(ctx, tenants, p)
	out := connector.Page[api.Token]{Next: found.Next, Items: make([]api.Token, len(found.Items))}
	for i, f := range found.Items {
		out.Items[i] = api.Token(f)
	}
	return out, err
}

// RevokeToken implements api.Tokens.
func (t apiTokens) RevokeToken(ctx context.Context, id string, tenants []string, who string) error {
	return t.db.RevokeAPIToken(ctx, id, tenants, who)
}

// Audit implements api.Tokens.
func (t apiTokens) Audit(ctx context.Context, f api.AuditFilter, p connector.PageOf) (connector.Page[api.AuditEntry], error) {
	found, err := t.db.Audit(ctx, store.AuditFilter(f), p)
	out := connector.Page[api.AuditEntry]{Next: found.Next, Items: make([]api.AuditEntry, len(found.Items))}
	for i, e := range found.Items {
		out.Items[i] = api.AuditEntry{At: api.Time(e.At), Who: e.Who, What: e.What, Tenant: e.Tenant, Target: e.Target, Detail: e.Detail, Address: e.Address, Way: e.Way}
	}
	return out, err
}
