package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"todosync/connector"
	"todosync/web/api"
)

// userPath is the address of something about a user.
func userPath(u *userInfo, below string) templ.SafeURL {
	return templ.SafeURL(strings.TrimSuffix("/settings/users/"+url.PathEscape(u.ID)+"/"+below, "/"))
}

// browserName is a browser in a word or two, from what it calls itself.
func browserName(v *visit, agent string) string {
	for _, b := range [][2]string{
		{"MicroMessenger", "WeChat"},
		{"DingTalk", "DingTalk"},
		{"Lark", "Feishu"},
		{"Edg", "Edge"},
		{"OPR", "Opera"},
		{"Firefox", "Firefox"},
		{"Chrome", "Chrome"},
		{"Safari", "Safari"},
		{"curl", "curl"},
	} {
		if strings.Contains(agent, b[0]) {
			for _, s := range [][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS", "macOS"}, {"Linux", "Linux"}} {
				if strings.Contains(agent, s[0]) {
					return b[1] + ", " + s[1]
				}
			}
			return b[1]
		}
	}
	return v.T("a browser", "浏览器")
}

func (c *Console) accountRoutes() {
	c.page("GET /account", api.Anybody, func(v *visit) error { return v.account(nil, nil) })
	c.page("POST /account", api.Anybody, func(v *visit) error {
		f, err := v.form()
		if err != nil {
			return err
		}
		body := map[string]string{"email": f.V("email"), "mobile": f.V("mobile"), "language": f.V("language")}
		if err := v.api.do(v.ctx(), request{method: http.MethodPut, path: "/me", body: body}, nil); err != nil {
			if f.refuse(v, err, "email", "mobile", "language") {
				return v.account(f, nil)
			}
			return err
		}
		v.setLanguage(connector.Language(f.V("language")))
		return v.done("/account", v.T("Saved.", "已保存。"))
	})
	c.page("POST /account/sessions/others", api.Anybody, func(v *visit) error { return v.endOthers() })
	c.page("POST /account/password", api.Anybody, func(v *visit) error {
		f, err := v.form()
		if err != nil {
			return err
		}
		if f.V("password") != f.V("again") {
			v.Status = http.StatusUnprocessableEntity
			f.Mistakes["again"] = v.T("This is not the same password.", "两次输入的密码不一致。")
			return v.account(nil, f)
		}
		body := map[string]string{"old": f.V("old"), "password": f.V("password")}
		if err := v.api.do(v.ctx(), request{method: http.MethodPut, path: "/me/password", body: body}, nil); err != nil {
			if f.refuse(v, err, "old", "password") {
				return v.account(nil, f)
			}
			return err
		}
		in, err := c.Door.Renew(v.ctx(), v.Who.User, v.attempt())
		if err != nil {
			return v.plain(err)
		}
		v.tell(v.T("The password is changed. You are logged out everywhere else.", "密码已修改，其他地方的登录均已退出。"), false)
		return v.enter(in, "/account")
	})
	c.page("POST /account/sessions", api.Anybody, func(v *visit) error {
		f, err := v.form()
		if err != nil {
			return err
		}
		if f.V("session") == "" {
			return v.redirect("/account") // all would be this browser's, too
		}
		if err := v.api.do(v.ctx(), request{method: http.MethodDelete, path: "/me/sessions", query: url.Values{"session": {f.V("session")}}}, nil); err != nil {
			return err
		}
		return v.done("/account", v.T("That session has ended.", "该会话已结束。"))
	})
}

// endOthers logs the reader out everywhere but here.
func (v *visit) endOthers() error {
	var all list[login]
	if err := v.api.get(v.ctx(), "/me/sessions", nil, &all); err != nil {
		return err
	}
	for _, s := range all.Items {
		if s.Current {
			continue
		}
		err := v.api.do(v.ctx(), request{method: http.MethodDelete, path: "/me/sessions", query: url.Values{"session": {s.ID}}}, nil)
		if p, ok := errors.AsType[*api.Problem](err); err != nil && (!ok || p.Status != http.StatusNotFound) { // gone meanwhile is as good
			return err
		}
	}
	return v.done("/account", v.T("You are logged out everywhere else.", "已退出其他所有会话。"))
}

// account shows the reader's own account; the forms are those that were refused, if any.
func (v *visit) account(about, password *form) error {
	var me struct {
		User *userInfo `json:"user"`
	}
	var sessions list[login]
	if err := v.api.get(v.ctx(), "/me", nil, &me); err != nil {
		return err
	}
	if err := v.api.get(v.ctx(), "/me/sessions", nil, &sessions); err != nil {
		return err
	}
	if me.User == nil {
		return &api.Problem{Status: http.StatusForbidden, Detail: v.T("This account has no page.", "这个账号没有个人页面。")}
	}
	if about == nil {
		about = me.User.form()
	}
	if password == nil {
		password = formOf()
	}
	v.Title = v.T("Your account", "我的账号")
	return v.show(accountPage(v, me.User, sessions.Items, about, password))
}
