package console

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"todosync/web/api"
)

// A token is a token of the API as it tells of it.
type token struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Role       string     `json:"role"`
	Scopes     []string   `json:"scopes"`
	Tenants    []string   `json:"tenants"`
	CreatedBy  string     `json:"createdBy"`
	CreatedAt  time.Time  `json:"createdAt"`
	ExpiresAt  *time.Time `json:"expiresAt"`
	LastUsedAt *time.Time `json:"lastUsedAt"`
	Token      string     `json:"token"` // only as it is made
}

// scopes are the rights that tokens alone have.
func (v *visit) scopes() [][2]string {
	return [][2]string{
		{"events:write", v.T("send events", "发送事件")},
		{"tickets:redeem", v.T("redeem tickets of sign-ons", "兑换单点登录票据")},
		{"import", v.T("import messages of customers", "导入客户消息")},
	}
}

// lives are how long a token may be good.
func (v *visit) lives() [][2]string {
	return [][2]string{
		{"720h", v.T("30 days", "30 天")}, {"2160h", v.T("90 days", "90 天")}, {"8760h", v.T("a year", "一年")}, {"", v.T("for ever", "永久")},
	}
}

func (c *Console) tokenRoutes() {
	const tokens = "/settings/tokens"
	c.setting("GET "+tokens, api.Admin, "API tokens", "API 令牌", func(v *visit) error {
		q := url.Values{"limit": {"50"}}
		if at := v.r.URL.Query().Get("cursor"); at != "" {
			q.Set("cursor", at)
		}
		var all list[token]
		if err := v.api.get(v.ctx(), "/tokens", q, &all); err != nil {
			return err
		}
		return v.show(tokensPage(v, all))
	})
	c.setting("GET /settings/tokens/new", api.Admin, "New token", "新建令牌", func(v *visit) error {
		return v.show(newTokenPage(v, formOf("life", "2160h")))
	})
	c.setting("POST "+tokens, api.Admin, "New token", "新建令牌", func(v *visit) error {
		f, err := v.form()
		if err != nil {
			return err
		}
		body := map[string]any{"name": f.V("name"), "role": f.V("role"), "scopes": append([]string{}, f.Values["scope"]...), "tenants": append([]string{}, f.Words("tenants")...)}
		if life, err := time.ParseDuration(f.V("life")); err == nil && life > 0 {
			body["expiresAt"] = v.Now.Add(life).UTC().Format(time.RFC3339)
		}
		var made token
		if err := v.api.post(v.ctx(), "/tokens", body, &made); err != nil {
			if f.refuse(v, err, "name", "role", "tenants") {
				return v.show(newTokenPage(v, f))
			}
			return err
		}
		return v.show(madeTokenPage(v, &made)) // it can't be shown again, so no other page follows
	})
	c.setting("POST "+tokens+"/{id}/revoke", api.Admin, "API tokens", "API 令牌", func(v *visit) error {
		if err := v.api.do(v.ctx(), request{method: http.MethodDelete, path: segments("tokens", v.r.PathValue("id"))}, nil); err != nil {
			return err
		}
		return v.done(tokens, v.T("The token is good for nothing from now on.", "令牌已撤销，立即失效。"))
	})
}

// has reports whether a box of a form is ticked.
func (f *form) has(name, value string) bool {
	return slices.Contains(f.Values[name], value)
}
