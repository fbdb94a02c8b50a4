package api

import (
	"context"
	"net/http"

	"todosync/connector"
)

// TenantPath is the parameter of every route below a tenant.
type TenantPath struct {
	Tenant string `path:"tenant"`
}

func (p *TenantPath) key() connector.ConnectionKey { return connector.ConnectionKey{Tenant: p.Tenant} }

const tenantRoute = "/tenants/{tenant}"

type putTenant struct {
	TenantPath
	PutInput
}

type deleteTenant struct {
	TenantPath
	IfMatch string `header:"If-Match" doc:"the revision that must be the newest, in quotes"`
}

type tenantQuery struct {
	Paging
	Tenant string `query:"tenant"`
}

func (a *API) tenantRoutes() {
	handle(a, route{
		method: http.MethodGet, path: "/tenants", id: "listTenants", summary: "Tenants", need: View,
	}, func(ctx context.Context, in *tenantQuery) (*list[TenantState], error) {
		tenants, some := narrow(ctx, words(in.Tenant))
		if !some {
			return listOf(connector.Page[TenantState]{}, same[TenantState]), nil
		}
		page, err := a.Settings.Tenants(ctx, tenants, in.page())
		if err != nil {
			return nil, err
		}
		return listOf(page, same), nil
	})
	handle(a, route{
		method: http.MethodGet, path: tenantRoute, id: "getTenant", summary: "The settings of a tenant", need: View,
	}, func(ctx context.Context, in *TenantPath) (*savedOutput, error) {
		saved, err := a.Settings.Saved(ctx, in.key())
		if err != nil {
			return nil, err
		}
		return viewSaved(saved), nil
	})
	handle(a, route{
		method: http.MethodPut, path: tenantRoute, id: "putTenant", summary: "Make or change a tenant", need: Integrate,
	}, func(ctx context.Context, in *putTenant) (*saveOutput, error) {
		return a.put(ctx, &in.PutInput, in.key())
	})
	handle(a, route{
		method: http.MethodDelete, path: tenantRoute, id: "deleteTenant", need: Admin, status: http.StatusAccepted,
		summary: "Erase all that is kept of a tenant, as a job; its todos stay in the OAs",
	}, func(ctx context.Context, in *deleteTenant) (*jobOutput, error) {
		if err := a.unchanged(ctx, in.IfMatch, in.key()); err != nil {
			return nil, err
		}
		return a.erase(ctx, in.key())
	})
}
