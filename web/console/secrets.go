package console

import (
	"net/http"
	"net/url"

	"todosync/web/api"
)

// A secret is the name of one; values never come out.
type secret struct {
	Tenant string `json:"tenant"`
	Name   string `json:"name"`
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
		return v.done(secrets+"?tenant="+url.QueryEscape(f.V("tenant")), v.T("The secret is set. Requests from now on use it.", "密钥已设置，之后的请求将使用它。"))
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
	q := url.Values{}
	if t := v.r.URL.Query().Get("tenant"); t != "" {
		q.Set("tenant", t)
	}
	var all []secret
	for {
		var page list[secret]
		if err := v.api.get(v.ctx(), "/secrets", q, &page); err != nil {
			return err
		}
		if all = append(all, page.Items...); page.Next == "" {
			return v.show(secretsPage(v, all, f))
		}
		q.Set("cursor", page.Next)
	}
}
