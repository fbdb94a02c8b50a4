package main

import (
	"context"

	"todosync/connector"
	"todosync/store"
	"todosync/web/api"
)

// records are sync records as the API wants to see them.
type records struct{ *store.DB }

// Watch implements api.Records.
func (r records) Watch(f connector.RecordFilter, after string) (api.Watch, error) {
	return r.DB.Watch(f, after)
}

// Events implements api.Events.
func (p ports) Events(ctx context.Context, f api.EventFilter, page connector.PageOf) (connector.Page[connector.EventStory], error) {
	return p.db.Events(ctx, store.EventFilter{Tenants: f.Tenants, Todos: f.Todos, IDs: f.IDs}, page)
}

// Recognise implements api.Events.
func (p ports) Recognise(ctx context.Context, e *connector.Event) (api.KnownEvent, error) {
	known, err := p.db.Recognise(ctx, e)
	return api.KnownEvent(known), err
}

// CountDuplicate implements api.Events.
func (p ports) CountDuplicate(ctx context.Context, e *connector.Event) error {
	return p.db.CountDuplicate(ctx, e)
}

// Position implements api.Events.
func (p ports) Position(ctx context.Context, stream string) (uint64, error) {
	return p.db.Position(ctx, stream)
}

// Rejected implements api.Rejects.
func (p ports) Rejected(ctx context.Context, f api.RejectFilter, page connector.PageOf) (connector.Page[connector.RejectedEvent], error) {
	return p.db.Rejected(ctx, store.RejectFilter(f), page)
}

// RejectedOne implements api.Rejects.
func (p ports) RejectedOne(ctx context.Context, id string) (connector.RejectedEvent, error) {
	return p.db.RejectedOne(ctx, id)
}

// Replay implements api.Rejects.
func (p ports) Replay(ctx context.Context, id string, by api.By) (connector.EventStory, error) {
	return p.db.Replay(ctx, id, by.Who)
}

// Bindings implements api.Bindings.
func (p ports) Bindings(ctx context.Context, f api.BindingFilter, page connector.PageOf) (connector.Page[api.BoundUser], error) {
	found, err := p.db.Bindings(ctx, store.BindingFilter{Tenant: f.Key.Tenant, Connection: f.Key.Name, Text: f.Text, Users: f.Users}, page)
	out := connector.Page[api.BoundUser]{Next: found.Next, Items: []api.BoundUser{}}
	for _, b := range found.Items {
		out.Items = append(out.Items, api.BoundUser{Binding: b.Binding, Automatic: b.Automatic, MadeBy: b.MadeBy, Updated: b.UpdatedAt})
	}
	return out, err
}

// SetBinding implements api.Bindings.
func (p ports) SetBinding(ctx context.Context, tenant string, b connector.Binding, by api.By) error {
	_, err := p.db.SetBinding(ctx, tenant, b, by.Who)
	return err
}

// RemoveBinding implements api.Bindings.
func (p ports) RemoveBinding(ctx context.Context, k connector.ConnectionKey, user string, by api.By) error {
	_, err := p.db.RemoveBinding(ctx, k, user, by.Who)
	return err
}

// ImportBindings implements api.Importer.
func (p ports) ImportBindings(ctx context.Context, i api.Import, by api.By) (api.ImportReport, error) {
	in := store.BindingImport{Tenant: i.Tenant, Who: by.Who, DryRun: i.DryRun, Fates: i.Fates, Nameless: i.Nameless, Unnamed: i.Unnamed, Progress: i.Progress, Rows: make([]store.BindingRow, len(i.Rows))}
	for n, r := range i.Rows {
		in.Rows[n] = store.BindingRow{Row: r.Row, Binding: r.Binding}
	}
	report, err := p.db.ImportBindings(ctx, in)
	out := api.ImportReport{
		DryRun: i.DryRun, Added: report.Added, Changed: report.Changed, Same: report.Same, Released: report.Released, Moved: report.Moved,
		Errors: []api.RowError{}, Changes: []api.BindingReplace{}, Warnings: []api.RowError{},
	}
	for _, e := range report.Errors {
		out.Errors = append(out.Errors, api.RowError{Row: e.Row, Column: e.Column, Message: e.Message})
	}
	for _, r := range report.Rebindings {
		out.Changes = append(out.Changes, api.BindingReplace{Row: r.Row, Connection: r.Connection, User: r.User, From: r.From, To: r.To})
	}
	for _, f := range report.Fates {
		out.Rows = append(out.Rows, api.RowFate(f))
	}
	return out, err
}

// Secrets implements api.Secrets.
func (p ports) Secrets(ctx context.Context, tenants []string) ([]api.SecretName, error) {
	if len(tenants) == 0 {
		tenants = []string{""} // all
	}
	var out []api.SecretName
	for _, t := range tenants {
		found, err := p.db.Secrets(ctx, t)
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			out = append(out, api.SecretName{Tenant: s.Tenant, Name: s.Name})
		}
	}
	return out, nil
}

// SecretUses implements api.Secrets.
func (p ports) SecretUses(ctx context.Context, tenants []string) ([]api.SecretUse, error) {
	found, err := p.db.SecretUses(ctx, tenants)
	out := make([]api.SecretUse, len(found))
	for i, u := range found {
		out[i] = api.SecretUse{Secret: api.SecretName{Tenant: u.Tenant, Name: u.Name}, By: u.Connection}
	}
	return out, err
}

// SetSecret implements api.Secrets.
func (p ports) SetSecret(ctx context.Context, s api.SecretName, value string, by api.By) error {
	return p.db.SetSecret(ctx, s.Tenant, s.Name, value, by.Who)
}

// RotateKey implements api.Secrets.
func (p ports) RotateKey(ctx context.Context, by api.By) (api.KeyChange, error) {
	return p.rotate(ctx, by.Who)
}

// RemoveSecret implements api.Secrets.
func (p ports) RemoveSecret(ctx context.Context, s api.SecretName, by api.By) error {
	return p.db.RemoveSecret(ctx, s.Tenant, s.Name, by.Who)
}

// Unbound implements api.Bindings.
func (p ports) Unbound(ctx context.Context, k connector.ConnectionKey, page connector.PageOf) (connector.Page[api.UnboundUser], error) {
	found, err := p.db.Unbound(ctx, k, page)
	out := connector.Page[api.UnboundUser]{Next: found.Next, Items: []api.UnboundUser{}}
	for _, u := range found.Items {
		out.Items = append(out.Items, api.UnboundUser{User: u.User, UserName: u.UserName, Waiting: u.Waiting, Newest: u.Newest, Since: u.Since})
	}
	return out, err
}
