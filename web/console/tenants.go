package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"todosync/connector"
	"todosync/web/api"
)

// tenantTemplate is what a new tenant begins with.
func tenantTemplate(tenant string) string {
	return "apiVersion: todosync/v1\nkind: Tenant\ntenant: " + strconv.Quote(tenant) + "\ntitle: \"\"\ntimeZone: Asia/Shanghai\nlanguage: zh\nmaskBodies: false\nnotify:\n" +
		"  window: 10m\n  channels:\n    - {type: crm, to: [crm-admins, integration-admins]}\n"
}

func (c *Console) tenantRoutes() {
	const tenants, one = "/settings/tenants", "/settings/tenants/{tenant}"
	c.setting("GET "+tenants, api.Integrate, "Tenants", "租户", func(v *visit) error { return v.tenantsPage(formOf()) })
	c.setting("POST "+tenants, api.Integrate, "Tenants", "租户", func(v *visit) error {
		f, err := v.form()
		if err != nil {
			return err
		}
		if name := strings.TrimSpace(f.V("tenant")); connector.ValidTenant(name) {
			return v.redirect(editPath(connector.ConnectionKey{Tenant: name}))
		}
		v.Status = http.StatusUnprocessableEntity
		f.Mistakes["tenant"] = v.T("A tenant is 1 to 64 of A-Z a-z 0-9 _ -", "租户编号由 1 到 64 个 A-Z a-z 0-9 _ - 组成")
		return v.tenantsPage(f)
	})
	c.setting("GET "+one, api.Integrate, "Tenant", "租户", func(v *visit) error { return v.tenantPage() })
	c.setting("POST "+one+"/erase", api.Admin, "Tenant", "租户", func(v *visit) error { return v.eraseTenant() })
}

func (v *visit) tenantsPage(f *form) error {
	q := url.Values{"limit": {"50"}}
	if at := v.r.URL.Query().Get("cursor"); at != "" {
		q.Set("cursor", at)
	}
	var all list[api.TenantState]
	if err := v.api.get(v.ctx(), "/tenants", q, &all); err != nil {
		return err
	}
	return v.show(tenantsPage(v, all, f))
}
