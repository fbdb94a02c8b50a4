package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"todosync/connector"
	"todosync/web/api"
)

// A savedTenant is a tenant's newest settings as the API tells of them.
type savedTenant struct {
	Tenant   string    `json:"tenant"`
	Revision int64     `json:"revision"`
	SavedAt  time.Time `json:"savedAt"`
	SavedBy  string    `json:"savedBy"`
	How      string    `json:"how"`
}

// A tenantEdit is the page of a tenant: its file as it is or as somebody has just typed it, and what is wrong with that.
type tenantEdit struct {
	Tenant   string
	New      bool
	Saved    savedTenant
	Text     string
	Problems []api.ProblemDetail
	Mistake  string
}

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
			return v.redirect(tenants + "/" + url.PathEscape(name))
		}
		v.Status = http.StatusUnprocessableEntity
		f.Mistakes["tenant"] = v.T("A tenant is 1 to 64 of A-Z a-z 0-9 _ -", "租户编号由 1 到 64 个 A-Z a-z 0-9 _ - 组成")
		return v.tenantsPage(f)
	})
	c.setting("GET "+one, api.Integrate, "Tenant", "租户", func(v *visit) error { return v.tenantPage(&tenantEdit{}) })
	c.setting("POST "+one, api.Integrate, "Tenant", "租户", func(v *visit) error {
		f, err := v.form()
		if err != nil {
			return err
		}
		tenant := v.r.PathValue("tenant")
		r := request{
			method: http.MethodPut, path: segments("tenants", tenant), body: strings.NewReader(f.V("text")), contentType: "application/yaml", header: http.Header{},
		}
		if n := f.V("revision"); n != "" && n != "0" {
			r.header.Set("If-Match", `"`+n+`"`)
		}
		var saved api.SaveResult
		err = v.api.do(v.ctx(), r, &saved)
		if p, ok := errors.AsType[*api.Problem](err); ok && (p.Status == http.StatusUnprocessableEntity || p.Status == http.StatusPreconditionFailed || p.Status == http.StatusConflict) {
			v.Status = http.StatusUnprocessableEntity
			e := &tenantEdit{Text: f.V("text"), Problems: p.Errors, Mistake: strings.TrimSpace(p.Detail + " " + p.Hint)}
			if p.Status == http.StatusPreconditionFailed {
				e.Mistake = v.T("Somebody else has saved this tenant meanwhile. Copy what you need, open the page again, and change it there.", "期间有人保存了这个租户。请复制您的修改，重新打开页面后再改。")
			}
			return v.tenantPage(e)
		}
		if err != nil {
			return err
		}
		text := v.T("Saved as revision ", "已保存为修订 ") + strconv.FormatInt(saved.Revision, 10)
		if !saved.Changed {
			text = v.T("Nothing was different, so nothing was saved.", "没有变化，未保存。")
		}
		return v.done(tenants+"/"+url.PathEscape(tenant), strings.Join(append([]string{text}, saved.Warnings...), " · "))
	})
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

// tenantPage shows a tenant's file; what is in e already was typed and refused.
func (v *visit) tenantPage(e *tenantEdit) error {
	e.Tenant = v.r.PathValue("tenant")
	v.Title = e.Tenant
	err := v.api.get(v.ctx(), segments("tenants", e.Tenant), nil, &e.Saved)
	if p, ok := errors.AsType[*api.Problem](err); ok && p.Status == http.StatusNotFound && v.Who.Sees(e.Tenant) && connector.ValidTenant(e.Tenant) {
		err, e.New = nil, true
	}
	if err != nil {
		return err
	}
	if e.Text == "" {
		e.Text = tenantTemplate(e.Tenant)
		if e.Saved.Revision > 0 {
			var r revision
			if err := v.api.get(v.ctx(), segments("tenants", e.Tenant, "revisions", count(e.Saved.Revision)), nil, &r); err != nil {
				return err
			}
			e.Text = r.File
		}
	}
	return v.show(tenantPage(v, e))
}
