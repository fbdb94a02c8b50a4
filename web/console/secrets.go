package console

import (
	"net/http"
	"net/url"
	"strings"

	"todosync/web/api"
)

// A secret is the name of one; values never come out.
type secret struct {
	Tenant string   `json:"tenant"`
	Name   string   `json:"name"`
	Set    bool     `json:"set"`
	UsedBy []string `json:"usedBy"` // nil: it was not looked up
}

// ofTenant is how the API names the tenant's own file among those that use a secret.
const ofTenant = "tenant file"

// used says who uses a secret.
func (v *visit) used(s secret) string {
	var out []string
	for _, u := range s.UsedBy {
		if u == ofTenant {
			u = v.T("the tenant's file", "租户设置")
		}
		out = append(out, u)
	}
	return strings.Join(out, v.T(", ", "、"))
}

// breaks says what ends with a secret.
func (v *visit) breaks(s secret) string {
	back := v.T(" Its value cannot be brought back; until it is set again, what needs it waits or fails.", "删除后无法找回它的值；重新设置之前，需要它的请求会等待或失败。")
	switch {
	case len(s.UsedBy) > 0:
		return v.T("It is used by: ", "正在使用它的有：") + v.used(s) + v.T(". Their requests will fail until it is set again.", "。它们的请求将会失败，直到重新设置。") + back
	case s.UsedBy != nil:
		return v.T("No connection names it now.", "目前没有连接使用它。") + back
	}
	return v.T("Requests of this tenant that need it will fail until it is set again.", "该租户需要它的请求将会失败，直到重新设置。") + back
}

func (c *Console) secretRoutes() {
	const secrets = "/settings/secrets"
	c.setting("GET "+secrets, api.Admin, "Secrets", "密钥", func(v *visit) error {
		q := v.r.URL.Query()
		return v.secretsPage(formOf("tenant", q.Get("tenant"), "name", q.Get("name")))
	})
	c.setting("POST "+secrets, api.Admin, "Secrets", "密钥", func(v *visit) error {
		f, err := v.form()
		if err != nil {
			return err
		}
		body := map[string]string{"tenant": f.V("tenant"), "name": f.V("name"), "value": f.V("value")}
		if err := v.api.do(v.ctx(), request{method: http.MethodPut, path: "/secrets", body: body}, nil); err != nil {
			if f.refuse(v, err, "tenant", "name", "value") {
				return v.secretsPage(f)
			}
			return err
		}
		return v.done(secrets+"?tenant="+url.QueryEscape(f.V("tenant")), v.T("The secret is set. Requests from now on use it; connections whose token was refused ask again at once.", "密钥已设置，之后的请求将使用它；令牌曾被拒绝的连接会立即重试。"))
	})
	c.setting("POST "+secrets+"/remove", api.Admin, "Secrets", "密钥", func(v *visit) error {
		f, err := v.form()
		if err != nil {
			return err
		}
		q := url.Values{"tenant": {f.V("tenant")}, "name": {f.V("name")}}
		if err := v.api.do(v.ctx(), request{method: http.MethodDelete, path: "/secrets", query: q}, nil); err != nil {
			return err
		}
		return v.done(secrets+"?tenant="+url.QueryEscape(f.V("tenant")), v.T("The secret is removed.", "密钥已删除。"))
	})
}

func (v *visit) secretsPage(f *form) error {
	q := url.Values{"named": {"true"}, "limit": {"50"}}
	for _, name := range []string{"tenant", "cursor"} {
		if value := v.r.URL.Query().Get(name); value != "" {
			q.Set(name, value)
		}
	}
	var all list[secret]
	if err := v.api.get(v.ctx(), "/secrets", q, &all); err != nil {
		return err
	}
	return v.show(secretsPage(v, all, f))
}
