package console

import (
	"net/http"
	"strings"

	"todosync/web/api"
)

const sessionCookie = "todosync_session"

// whose is who has the request's session; nil: nobody.
func (c *Console) whose(r *http.Request) (*api.Principal, error) {
	value := cookie(r, sessionCookie)
	if value == "" {
		return nil, nil
	}
	return c.Sessions.Session(r.Context(), value)
}

func (c *Console) sessionRoutes() {
	c.open("GET /login", func(v *visit) error {
		v.Title, v.NoFrame = v.T("Log in", "登录"), true
		return v.show(logIn(v, ""))
	})
	c.open("POST /login", func(v *visit) error {
		value := strings.TrimSpace(v.r.PostFormValue("token"))
		who, err := c.Sessions.Session(v.ctx(), value)
		if err != nil {
			return err
		}
		if who == nil {
			v.Title, v.NoFrame, v.Status = v.T("Log in", "登录"), true, http.StatusUnprocessableEntity
			return v.show(logIn(v, v.T("Nobody has this token.", "没有这个令牌。")))
		}
		http.SetCookie(v.w, &http.Cookie{Name: sessionCookie, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
		return v.redirect(nextPage(v.r.PostFormValue("next")))
	})
	c.open("POST /logout", func(v *visit) error {
		http.SetCookie(v.w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		return v.redirect("/login")
	})
	c.open("POST /tastes", func(v *visit) error {
		for field, name := range map[string]string{"lang": languageCookie, "theme": themeCookie} {
			switch value := v.r.PostFormValue(field); value {
			case "zh", "en", "light", "dark", "system":
				http.SetCookie(v.w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: 365 * 24 * 3600, SameSite: http.SameSiteLaxMode})
			}
		}
		return v.redirect(nextPage(v.r.PostFormValue("next")))
	})
}

// nextPage is a page of ours to go on with: whatever could lead elsewhere leads to the first page.
func nextPage(to string) string {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\x00\r\n\t") {
		return "/"
	}
	return to
}
