package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"time"

	"todosync/web/api"
)

// A userInfo is a user as the API tells of him.
type userInfo struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Email       string     `json:"email"`
	Mobile      string     `json:"mobile"`
	Role        string     `json:"role"`
	Tenants     []string   `json:"tenants"`
	Disabled    bool       `json:"disabled"`
	Language    string     `json:"language"`
	HasPassword bool       `json:"hasPassword"`
	Issuer      string     `json:"issuer"`
	Subject     string     `json:"subject"`
	ByRule      bool       `json:"byRule"`
	CreatedBy   string     `json:"createdBy"`
	CreatedAt   time.Time  `json:"createdAt"`
	LoggedInAt  *time.Time `json:"loggedInAt"`
	LockedUntil *time.Time `json:"lockedUntil"`
}

// A login is a session as the API tells of it.
type login struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"createdAt"`
	SeenAt    time.Time `json:"seenAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	Address   string    `json:"address"`
	Agent     string    `json:"agent"`
	Current   bool      `json:"current"`
}

// timeOr is a time that may be missing.
func timeOr(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

var userFields = []string{"name", "email", "mobile", "role", "tenants", "language", "password", "subject"}

// A refused is the sum of the log-ins that failed from one address within an hour.
type refused struct {
	Hour    time.Time `json:"hour"`
	Address string    `json:"address"`
	Tries   int64     `json:"tries"`
	Waits   int64     `json:"waits"`
	LastAt  time.Time `json:"lastAt"`
}

// guesses are the failed log-ins of the last day, by address, most first.
type guesses struct {
	Sum  int64
	Rows []refused
}

// guesses asks for them. That some mistype now and then is no news.
func (v *visit) guesses() (guesses, error) {
	var all list[refused]
	q := url.Values{"from": {v.Now.Add(-24 * time.Hour).UTC().Format(time.RFC3339)}, "limit": {"1000"}}
	var out guesses
	if err := v.api.get(v.ctx(), "/audit/log-ins", q, &all); err != nil {
		return out, err
	}
	at := map[string]int{}
	for _, r := range all.Items {
		i, known := at[r.Address]
		if !known {
			i, at[r.Address] = len(out.Rows), len(out.Rows)
			out.Rows = append(out.Rows, refused{Address: r.Address, LastAt: r.LastAt})
		}
		out.Rows[i].Tries += r.Tries
		out.Rows[i].Waits += r.Waits
		out.Sum += r.Tries + r.Waits
	}
	slices.SortStableFunc(out.Rows, func(a, b refused) int { return cmp.Compare(b.Tries+b.Waits, a.Tries+a.Waits) })
	return out, nil
}

// form is what a user's page begins with.
func (p *userInfo) form() *form {
	f := formOf("name", p.Name, "email", p.Email, "mobile", p.Mobile, "role", p.Role, "tenants", commas(p.Tenants), "language", p.Language)
	if p.Disabled {
		f.Values.Set("disabled", "true")
	}
	if p.ByRule {
		f.Values.Set("byRule", "true")
	}
	return f
}

// said is what a form says about a user, as the API takes it.
func (f *form) said() map[string]any {
	body := map[string]any{}
	for _, name := range []string{"name", "email", "mobile", "role", "language"} {
		body[name] = f.V(name)
	}
	body["tenants"] = append([]string{}, f.Words("tenants")...)
	return body
}

// userState says how a user stands, in a word and a colour.
func (v *visit) userState(p *userInfo) (text, colour string) {
	switch {
	case p.Disabled && p.LoggedInAt == nil && p.Subject != "" && p.CreatedBy == "oidc":
		return v.T("waits for an admin", "等待管理员批准"), "warn"
	case p.Disabled:
		return v.T("disabled", "已停用"), ""
	case timeOr(p.LockedUntil).After(v.Now):
		return v.T("locked", "已锁定"), "warn"
	case !p.HasPassword && p.Subject == "":
		return v.T("no password yet", "尚无密码"), "warn"
	}
	return v.T("active", "正常"), "good"
}

func (c *Console) userRoutes() {
	const users, one = "/settings/users", "/settings/users/{id}"
	c.setting("GET "+users, api.Admin, "Users", "用户", func(v *visit) error {
		q := url.Values{"limit": {"50"}}
		for _, name := range []string{"role", "cursor", "tenant", "state", "q"} {
			if value := v.r.URL.Query().Get(name); value != "" {
				q.Set(name, value)
			}
		}
		var all list[userInfo]
		if err := v.api.get(v.ctx(), "/users", q, &all); err != nil {
			return err
		}
		g, err := v.guesses()
		if err != nil {
			return err
		}
		return v.show(usersPage(v, all, g))
	})
	c.setting("GET /settings/users/new", api.Admin, "New user", "新建用户", func(v *visit) error {
		return v.show(newUserPage(v, formOf("role", "viewer", "how", "link")))
	})
	c.setting("POST "+users, api.Admin, "New user", "新建用户", func(v *visit) error {
		f, err := v.form()
		if err != nil {
			return err
		}
		body := f.said()
		if f.V("how") == "password" {
			body["password"] = f.V("password")
		}
		var made userInfo
		if err := v.api.post(v.ctx(), "/users", body, &made); err != nil {
			if f.refuse(v, err, userFields...) {
				return v.show(newUserPage(v, f))
			}
			return err
		}
		switch f.V("how") {
		case "link":
			return v.invite(made.ID)
		case "password":
			v.tell(v.T("The user is made. Give him his password by a safe way.", "用户已创建。请用安全的方式把密码告诉他。"), false)
		default:
			v.tell(v.T("The user is made. He has no password.", "用户已创建，没有密码。"), false)
		}
		return v.redirect(users + "/" + url.PathEscape(made.ID))
	})
	c.setting("GET "+one, api.Admin, "User", "用户", func(v *visit) error { return v.userPage(nil, nil) })
	c.setting("POST "+one, api.Admin, "User", "用户", func(v *visit) error {
		f, err := v.form()
		if err != nil {
			return err
		}
		body := f.said()
		body["disabled"] = f.V("disabled") != ""
		if f.V("had-rule") != "" { // the box is there; a changed role by itself takes him out of the rules
			if on := f.V("byRule") != ""; on != (f.V("had-rule") == "true") {
				body["byRule"] = on
			}
		}
		if err := v.changeUser(body); err != nil {
			if f.refuse(v, err, userFields...) {
				return v.userPage(f, nil)
			}
			return err
		}
		return v.done(v.r.URL.Path, v.T("Saved. Where rights changed, his sessions have ended.", "已保存。如果权限有变化，他的会话已结束。"))
	})
	c.setting("POST "+one+"/password", api.Admin, "User", "用户", func(v *visit) error {
		f, err := v.form()
		if err != nil {
			return err
		}
		if err := v.changeUser(map[string]any{"password": f.V("password")}); err != nil {
			if f.refuse(v, err, "password") {
				return v.userPage(nil, f)
			}
			return err
		}
		return v.done("/settings/users/"+url.PathEscape(v.r.PathValue("id")), v.T("The password is set, and his sessions have ended.", "密码已设置，他的会话已结束。"))
	})
	c.setting("POST "+one+"/invite", api.Admin, "User", "用户", func(v *visit) error { return v.invite(v.r.PathValue("id")) })
	for path, step := range map[string]struct {
		method, below string
		en, zh        string
	}{
		"/unlock":   {http.MethodPost, "unlock", "He can log in at once.", "他现在可以立即登录。"},
		"/sessions": {http.MethodDelete, "sessions", "He is logged out everywhere.", "他已在所有地方退出登录。"},
	} {
		c.setting("POST "+one+path, api.Admin, "User", "用户", func(v *visit) error {
			id := v.r.PathValue("id")
			if err := v.api.do(v.ctx(), request{method: step.method, path: segments("users", id, step.below)}, nil); err != nil {
				return err
			}
			return v.done(users+"/"+url.PathEscape(id), v.T(step.en, step.zh))
		})
	}
	c.setting("POST "+one+"/remove", api.Admin, "User", "用户", func(v *visit) error {
		if err := v.api.do(v.ctx(), request{method: http.MethodDelete, path: segments("users", v.r.PathValue("id"))}, nil); err != nil {
			f := formOf()
			if f.refuse(v, err) {
				v.tell(f.Mistake+" "+f.Hint, true)
				return v.redirect(users + "/" + url.PathEscape(v.r.PathValue("id")))
			}
			return err
		}
		return v.done(users, v.T("The user is removed.", "用户已删除。"))
	})
}

func (v *visit) changeUser(body map[string]any) error {
	return v.api.do(v.ctx(), request{method: http.MethodPut, path: segments("users", v.r.PathValue("id")), body: body}, nil)
}

// userPage shows one user; the forms are those that were refused, if any.
func (v *visit) userPage(about, password *form) error {
	var u userInfo
	var sessions list[login]
	id := v.r.PathValue("id")
	if err := v.api.get(v.ctx(), segments("users", id), nil, &u); err != nil {
		return err
	}
	if err := v.api.get(v.ctx(), segments("users", id, "sessions"), nil, &sessions); err != nil {
		return err
	}
	if about == nil {
		about = u.form()
	}
	if password == nil {
		password = formOf()
	}
	v.Title = u.Name
	return v.show(userPage(v, &u, sessions.Items, about, password))
}
