package main

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"todosync/connector"
	"todosync/store"
	"todosync/web/api"
	"todosync/web/console"
	"todosync/web/signon"
)

// The API and the store know nothing of each other: each has its own words for what passes between them. The types of this file
// translate, and hold nothing else.

// openAPI makes the HTTP server.
func (a *app) openAPI() error {
	p := ports{db: a.store, rotate: a.rotateKey}
	desk := signOnDesk{a.store, a.env()}
	handler, err := api.New(api.Config{
		Auth: api.Authenticators{api.AdminToken(a.token), apiTokens{a.store}}, Tokens: apiTokens{a.store}, Users: a.door, SignOns: desk, SignOnKeys: a.rotateSignOnKeys, Widget: a.widget, Version: version, Log: a.log,
		Records: records{a.store}, ByHand: byHand{a.store, a.jobs}, Events: p, Publisher: a.publisher, Settings: p, Connections: p, Bindings: p, Importer: p, Rejects: p, Digests: digests{a},
		Secrets: p, Stats: p, Health: a.health,
		Try: a.try, Recent: a.store.RecentEvent,
		Note: func(ctx context.Context, e api.AuditEntry) error {
			return a.store.Note(ctx, store.AuditEntry{Who: e.Who, What: e.What, Tenant: e.Tenant, Target: e.Target, Detail: e.Detail})
		},
		Doctor: a.examine, Backups: backups{a}, Metrics: a.metrics.Handler(), MetricsOpen: a.openToAll(),
		Compile: connector.CompileOptions{Env: a.env(), PublicURL: a.cfg.publicURL},
	})
	if err != nil {
		return err
	}
	a.gateway, err = signon.New(signon.Config{Desk: desk, OA: a.worker, Log: a.log, Public: a.cfg.publicURL, Client: a.client(), Note: a.signedOn})
	if err != nil {
		return err
	}
	provider, providerName, err := a.oidc()
	if err != nil {
		return err
	}
	pages, err := console.New(console.Config{
		API: handler, Door: a.door, Client: a.client(), PublicURL: a.cfg.publicURL, Log: a.log, Version: version, OIDC: provider, Provider: providerName,
	})
	if err != nil {
		return err
	}
	register, err := signon.NewRegisterPage(registrar{a.store, api.Authenticators{api.AdminToken(a.token), apiTokens{a.store}}, pages}, a.log)
	if err != nil {
		return err
	}
	a.http = api.NewServer(handler, cameFrom(a.client(), front(a.gateway, register, pages, handler)))
	return nil
}

// try has the worker try a connection.
func (a *app) try(ctx context.Context, k connector.ConnectionKey, stored bool, t connector.Trial) (connector.TrialReport, error) {
	if stored {
		var err error
		if t.Conn, err = a.store.Lookup(k); err != nil {
			return connector.TrialReport{}, err
		}
	}
	return a.worker.Try(ctx, t)
}

// ports is the store as the API wants to see it.
type ports struct {
	db     *store.DB
	rotate func(ctx context.Context, who string) (api.KeyChange, error)
}

// Save implements api.Settings.
func (p ports) Save(ctx context.Context, docs []api.Document, by api.By) ([]api.SaveResult, error) {
	items := make([]store.SaveItem, len(docs))
	for i, d := range docs {
		items[i] = store.SaveItem{Kind: store.SaveKind(d.Kind), Tenant: d.Tenant, Name: d.Name, Source: d.Source, Settings: d.Settings}
	}
	saved, err := p.db.Save(ctx, items, store.By{Who: by.Who, How: store.SavedHow(by.How), Force: by.Force, IfMatch: by.IfMatch, Restores: by.Restores})
	if err != nil {
		return nil, err
	}
	out := make([]api.SaveResult, len(saved))
	for i, s := range saved {
		out[i] = api.SaveResult{Kind: docs[i].Kind, Tenant: docs[i].Tenant, Name: docs[i].Name, Changed: s.Changed, Revision: s.Revision}
		if s.Warning != "" {
			out[i].Warnings = []string{s.Warning}
		}
	}
	return out, nil
}

// Tenants implements api.Settings.
func (p ports) Tenants(ctx context.Context, names []string, page connector.PageOf) (connector.Page[api.TenantState], error) {
	found, err := p.db.Tenants(ctx, names)
	if err != nil {
		return connector.Page[api.TenantState]{}, err
	}
	return slice("t.", page, found, func(t store.TenantInfo) (string, api.TenantState) {
		return t.Name, api.TenantState{Tenant: t.Name, Title: t.Title, Revision: t.Revision, Connections: t.Connections}
	})
}

// Saved implements api.Settings.
func (p ports) Saved(ctx context.Context, k connector.ConnectionKey) (api.Saved, error) {
	out := api.Saved{Kind: string(store.SaveConnection), Tenant: k.Tenant, Name: k.Name}
	var r store.Revision
	var err error
	if k.Name == "" {
		out.Kind = string(store.SaveTenant)
		_, r, err = p.db.Tenant(ctx, k.Tenant)
	} else {
		_, r, err = p.db.Connection(ctx, k)
	}
	out.Revision, out.SavedAt, out.SavedBy, out.How = r.Revision, r.SavedAt, r.Who, string(r.How)
	out.Source, out.Settings = r.Source, r.Settings
	return out, err
}

// Revisions implements api.Settings.
func (p ports) Revisions(ctx context.Context, k connector.ConnectionKey, page connector.PageOf) (connector.Page[api.Revision], error) {
	var found connector.Page[store.Revision]
	var err error
	if k.Name != "" {
		found, err = p.db.Revisions(ctx, k, page)
	} else if _, _, err = p.db.Tenant(ctx, k.Tenant); err == nil {
		found, err = p.db.TenantRevisions(ctx, k.Tenant, page)
	}
	out := connector.Page[api.Revision]{Next: found.Next, Items: make([]api.Revision, 0, len(found.Items))}
	if err != nil {
		return out, err
	}
	for _, r := range found.Items {
		whole, err := p.Revision(ctx, k, r.Revision) // the list leaves the source out
		switch {
		case connector.KindOf(err) == connector.NotFound:
			continue // it has just become too old
		case err != nil:
			return out, err
		}
		out.Items = append(out.Items, whole)
	}
	return out, nil
}

// Revision implements api.Settings.
func (p ports) Revision(ctx context.Context, k connector.ConnectionKey, revision int64) (api.Revision, error) {
	var r store.Revision
	var err error
	if k.Name == "" {
		r, err = p.db.TenantRevision(ctx, k.Tenant, revision)
	} else {
		r, err = p.db.Revision(ctx, k, revision)
	}
	return api.Revision{
		Revision: r.Revision, SavedAt: r.SavedAt, SavedBy: r.Who, How: string(r.How), Source: r.Source, Settings: r.Settings,
	}, err
}

// Connections implements api.Connections.
func (p ports) Connections(ctx context.Context, f api.ConnectionFilter, page connector.PageOf) (connector.Page[api.ConnectionState], error) {
	out := connector.Page[api.ConnectionState]{Items: []api.ConnectionState{}}
	after, err := afterKey(connectionsMark, page.Cursor)
	if err != nil {
		return out, err
	}
	choice := store.ConnectionChoice{Tenants: f.Tenants, Titled: f.Text != "", Limit: page.Limit, After: func(k connector.ConnectionKey) bool {
		return page.Cursor == "" || connectionCursor(k.Tenant, k.Name) > after
	}}
	if len(f.Names)+len(f.Health) > 0 || f.Text != "" {
		choice.Chooses = func(c *store.ConnectionInfo) bool {
			s := connectionState(c)
			return (len(f.Names) == 0 || slices.Contains(f.Names, c.Key.Name)) && f.Chooses(&s)
		}
	}
	found, more, err := p.db.ConnectionPage(ctx, choice)
	if err != nil {
		return out, err
	}
	for i := range found {
		out.Items = append(out.Items, connectionState(&found[i]))
	}
	if n := len(out.Items); more && n > 0 {
		out.Next = base64.RawURLEncoding.EncodeToString([]byte(connectionsMark + connectionCursor(out.Items[n-1].Tenant, out.Items[n-1].Name)))
	}
	return out, nil
}

// connectionsMark marks the cursors of lists of connections.
const connectionsMark = "c."

// connectionCursor is the key by which a list of connections goes on.
func connectionCursor(tenant, name string) string { return tenant + "\x00" + name }

func connectionState(c *store.ConnectionInfo) api.ConnectionState {
	out := api.ConnectionState{
		Tenant: c.Key.Tenant, Name: c.Key.Name, Title: c.Title, Preset: c.Preset, Protocol: c.Protocol, Revision: c.Revision, SavedHow: string(c.SavedHow), SavedAt: c.SavedAt, SavedBy: c.SavedBy,
		Enabled: !c.Condition.Disabled, Paused: c.Condition.Paused, HeldFor: string(c.Condition.Reason()),
		Message: c.Condition.Message, Waiting: c.Waiting, Failed: c.Failed,
	}
	switch c.Condition.Reason() {
	case connector.ReasonTokenRefused:
		out.HeldSince = &c.Condition.TokenRefused
	case connector.ReasonDown:
		out.HeldSince = &c.Condition.DownSince
	}
	if c.Problem != "" {
		out.Message, out.Problem = c.Problem, c.Problem
		if c.Condition.Reason() != connector.ReasonDisabled && c.Condition.Reason() != connector.ReasonPaused {
			out.HeldFor, out.HeldSince = "broken", nil
		}
	}
	return out
}

// SetPaused implements api.Connections.
func (p ports) SetPaused(ctx context.Context, k connector.ConnectionKey, paused bool, by api.By) error {
	if paused {
		return p.db.Pause(ctx, k, by.Who)
	}
	return p.db.Resume(ctx, k, by.Who)
}

// DeleteConnection implements api.Connections.
func (p ports) DeleteConnection(ctx context.Context, k connector.ConnectionKey, o api.DeleteOptions, by api.By) error {
	return p.db.Delete(ctx, store.Deletion{Key: k, Who: by.Who, CancelWaiting: o.CancelWaiting, IfMatch: by.IfMatch})
}

// afterKey reads the key after which a list with a mark of its own goes on.
func afterKey(mark, cursor string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	after, marked := strings.CutPrefix(string(b), mark)
	if cursor != "" && (err != nil || !marked) {
		return "", &connector.Error{
			Kind: connector.Invalid, Msg: "the cursor is not one of this list's", Hint: "begin without a cursor",
			Details: []connector.Detail{{Path: "cursor", Message: "not a cursor of this list"}},
		}
	}
	return after, nil
}

// slice cuts a page out of a list that is sorted by the key that item gives beside the answer's item. The cursor is the list's own mark and
// the key of the last item before, so that it stays right whatever comes or goes.
func slice[S, T any](mark string, page connector.PageOf, all []S, item func(S) (string, T)) (connector.Page[T], error) {
	out := connector.Page[T]{Items: []T{}}
	after, err := afterKey(mark, page.Cursor)
	if err != nil {
		return out, err
	}
	last := ""
	for _, s := range all {
		key, v := item(s)
		if page.Cursor != "" && key <= after {
			continue
		}
		if page.Limit > 0 && len(out.Items) == page.Limit {
			out.Next = base64.RawURLEncoding.EncodeToString([]byte(mark + last))
			break
		}
		out.Items, last = append(out.Items, v), key
	}
	return out, nil
}
