package console

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"todosync/connector"
	"todosync/web/api"
)

// A revision is one save of a connection's or a tenant's settings.
type revision struct {
	Revision int64     `json:"revision"`
	SavedAt  time.Time `json:"savedAt"`
	SavedBy  string    `json:"savedBy"`
	How      string    `json:"how"`
	Changed  []string  `json:"changed"`
	File     string    `json:"file"` // of one revision
}

// subject is what revisions are of: a connection, or a tenant.
type subject struct {
	Name     string // for people
	Page     string // its own page
	Path     string // below which its revisions are, in the console
	api      string // and in the API
	Restores bool   // the reader may restore
}

// revisionsPath is the list of a connection's or a tenant's revisions.
func revisionsPath(k connector.ConnectionKey) string {
	if isTenant(k) {
		return "/tenants" + segments(k.Tenant, "revisions")
	}
	return connectionPath(k, "revisions")
}

// revisionList is the page of all revisions.
type revisionList struct {
	subject
	list[revision]
	Newest int64
}

// A comparison is the page of one revision: what it changed.
type comparison struct {
	subject
	revision
	Newest int64
	With   int64 `json:"with"`
	Merged bool
	Diff   *difference
	Others []revision
}

func (c *Console) revisionRoutes() {
	c.page("GET /connections/{tenant}/{name}/revisions", api.View, c.revisions)
	c.page("GET /connections/{tenant}/{name}/revisions/{revision}", api.View, c.revision)
	c.page("POST /connections/{tenant}/{name}/revisions/{revision}/restore", api.Integrate, c.restore)
	c.page("GET /tenants/{tenant}/revisions", api.View, c.revisions)
	c.page("GET /tenants/{tenant}/revisions/{revision}", api.View, c.revision)
	c.page("POST /tenants/{tenant}/revisions/{revision}/restore", api.Integrate, c.restore)
}

// subject is what the page's address names.
func (v *visit) subject() subject {
	k := v.key()
	s := subject{
		Name: k.String(), Page: connectionPath(k), Path: connectionPath(k, "revisions"), api: apiConnection(k, "revisions"),
		Restores: v.Who.May(api.Integrate),
	}
	if k.Name == "" {
		s.Name, s.Page = v.T("tenant ", "租户 ")+k.Tenant, "/settings/tenants"+segments(k.Tenant)
		if !v.Who.May(api.Integrate) {
			s.Page = "/connections?tenant=" + url.QueryEscape(k.Tenant)
		}
		s.Path, s.api = revisionsPath(k), segments("tenants", k.Tenant, "revisions")
	}
	v.Active = "connections"
	if isTenant(k) {
		v.Active = "settings"
	}
	return s
}

func (c *Console) revisions(v *visit) error {
	l := revisionList{subject: v.subject()}
	v.Title = v.T("Revisions of ", "历史版本：") + l.Name
	q := url.Values{"limit": {"50"}}
	if cursor := v.r.URL.Query().Get("cursor"); cursor != "" {
		q.Set("cursor", cursor)
	}
	if err := v.api.get(v.ctx(), l.api, q, &l.list); err != nil {
		return err
	}
	if len(l.Items) > 0 && v.r.URL.Query().Get("cursor") == "" {
		l.Newest = l.Items[0].Revision
	}
	return v.show(revisionsPage(v, &l))
}

func (c *Console) revision(v *visit) error {
	s := v.subject()
	o := comparison{}
	number := v.r.PathValue("revision")
	if err := v.api.get(v.ctx(), s.api+segments(number), nil, &o.revision); err != nil {
		return err
	}
	q := url.Values{}
	if with := v.r.URL.Query().Get("with"); with != "" {
		q.Set("with", with)
	}
	var found struct {
		With    int64    `json:"with"`
		Changed []string `json:"changed"`
		api.ComparedTexts
	}
	if err := v.api.get(v.ctx(), s.api+segments(number, "diff"), q, &found); err != nil {
		return err
	}
	var all list[revision]
	if err := v.api.get(v.ctx(), s.api, url.Values{"limit": {"100"}}, &all); err != nil {
		return err
	}
	o.subject, o.With, o.Merged, o.Changed, o.Others = s, found.With, found.Merged, found.Changed, all.Items
	o.Diff = differenceOf(found.Before, found.After)
	o.Diff.Is = v.T("revision ", "版本 ") + number
	if o.Diff.Was = v.T("nothing", "无"); o.With > 0 {
		o.Diff.Was = v.T("revision ", "版本 ") + count(o.With)
	}
	if len(all.Items) > 0 {
		o.Newest = all.Items[0].Revision
	}
	v.Title = v.T("Revision ", "版本 ") + number + v.T(" of ", "：") + s.Name
	return v.show(revisionPage(v, &o))
}

func (c *Console) restore(v *visit) error {
	s := v.subject()
	var saved api.SaveResult
	r := request{method: http.MethodPost, path: s.api + segments(v.r.PathValue("revision"), "restore"), header: http.Header{}}
	if newest := v.r.PostFormValue("newest"); newest != "" {
		r.header.Set("If-Match", `"`+newest+`"`)
	}
	if err := v.api.do(v.ctx(), r, &saved); err != nil {
		return err
	}
	if !saved.Changed {
		return v.done(s.Path, v.T("Nothing to restore: it is like that already.", "无需恢复：当前内容与该版本相同。"))
	}
	return v.done(s.Path, v.T("Restored, as revision ", "已恢复，新版本为 ")+strconv.FormatInt(saved.Revision, 10)+".")
}

// older is the address of the next page of a list.
func older(v *visit, next string) string {
	if next == "" {
		return ""
	}
	return v.with("cursor", next)
}
