package main

import (
	"context"
	"encoding/json"
	"fmt"

	"todosync/connector/file"
	"todosync/mapping"
	"todosync/store"
)

// applyPaths stores the files of `serve --apply`. What people changed in another way since is left alone, unless force is set.
func (a *app) applyPaths(ctx context.Context, paths []string, force bool) error {
	if len(paths) == 0 {
		return nil
	}
	docs, problems := file.ReadFiles(paths, file.Options{
		Env: a.env(), CheckPublicURL: true, PublicURL: a.cfg.publicURL,
		EmptyFolders: true, // a container begins with the folder that it is given; settings may come later, or over the API
		TenantFields: func(tenant string) map[string]mapping.Field { return a.tenantFields(ctx, tenant) },
	})
	if err := problems.Err(); err != nil {
		return problems
	}
	for _, w := range problems.Warnings() {
		a.log.Warn("settings file", "problem", w.String())
	}
	if len(docs) == 0 {
		return nil
	}
	items := make([]store.SaveItem, len(docs))
	for i, d := range docs {
		var settings any = d.Connection
		items[i] = store.SaveItem{Kind: store.SaveKind(d.Kind), Source: d.Source}
		if d.Tenant != nil {
			settings = d.Tenant
			items[i].Tenant = d.Tenant.Tenant
		} else {
			items[i].Tenant, items[i].Name = d.Connection.Tenant, d.Connection.Name
		}
		var err error
		if items[i].Settings, err = json.Marshal(settings); err != nil {
			return fmt.Errorf("apply %s: %w", d.File, err)
		}
	}
	results, err := a.store.Save(ctx, items, store.By{Who: "serve --apply", How: store.ByServe, Force: force})
	if err != nil {
		return err
	}
	for i, r := range results {
		if r.Warning != "" {
			a.log.Warn("settings file", "tenant", items[i].Tenant, "connection", items[i].Name, "warning", r.Warning)
		}
		if r.Changed {
			a.log.Info("settings applied", "tenant", items[i].Tenant, "connection", items[i].Name, "revision", r.Revision)
		}
	}
	return nil
}

// tenantFields are the codes that a stored tenant defines for all its connections.
func (a *app) tenantFields(ctx context.Context, name string) map[string]mapping.Field {
	t, _, err := a.store.Tenant(ctx, name)
	if err != nil {
		return nil // a tenant that is not known yet has none
	}
	return t.Fields
}
