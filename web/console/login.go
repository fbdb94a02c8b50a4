package console

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"todosync/internal/identity"
	"todosync/web/api"
)

// A logInForm is what somebody typed into the log-in, or the first admin's page, and what is wrong with it.
type logInForm struct {
	Name, Next, Link string
	Mistake, Hint    string            // of the whole
	Waits            bool              // the provider knows him; an admin has not allowed him yet
	Mistakes         map[string]string // by field
	OIDC             string            // the name of the provider; empty: there is none
}

func (c *Console) sessionRoutes() {
	c.open("GET /login", func(v *visit) error {
		v.Porch = true
		none, _, err := c.Door.FirstAdminDue(v.ctx(), "")
		switch {
		case err != nil:
			return err
		case !c.guarded(v.r):
			return v.alone(v.T("Log in", "登录"), unguarded(v))
		case none:
			return v.alone(v.T("Begin", "开始使用"), noUserYet(v))
		}
		return v.alone(v.T("Log in", "登录"), logIn(v, logInForm{Next: v.r.FormValue("next"), OIDC: c.Provider}))
	})
	c.open("POST /login", c.logIn)
	c.open("GET /first-admin/{link}", func(v *visit) error {
		if !c.guarded(v.r) {
			return v.alone(v.T("First admin", "创建首位管理员"), unguarded(v))
		}
		link := v.r.PathValue("link")
		if _, good, err := c.Door.FirstAdminDue(v.ctx(), link); err != nil || !good {
			return v.deadLink(err)
		}
		return v.alone(v.T("First admin", "创建首位管理员"), firstAdmin(v, logInForm{Link: link}))
	})
	c.open("POST /first-admin/{link}", c.makeFirstAdmin)
	c.invitationRoutes()
	c.open("GET /enter/{link}", func(v *visit) error {
		if v.r.Method != http.MethodGet || v.r.Header.Get("Sec-Purpose") != "" || v.r.Header.Get("Purpose") != "" {
			return v.deadLink(nil) // a browser that looks ahead must not use the link up
		}
		if !c.guarded(v.r) {
			return v.alone(v.T("Log in", "登录"), unguarded(v))
		}
		in, err := c.Door.FollowLink(v.ctx(), v.r.PathValue("link"), v.attempt())
		if err != nil {
			return v.deadLink(err)
		}
		return v.enter(in, "/")
	})
	if c.OIDC != nil {
		c.open("POST /oidc", c.toProvider)
		c.open("GET /oidc/callback", c.fromProvider)
	}
	c.open("POST /logout", c.logOut)
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

// maxLogIn bounds the body of a log-in.
const maxLogIn = 16 << 10

func (c *Console) logIn(v *visit) error {
	v.Porch = true
	if !c.guarded(v.r) {
		v.Status = http.StatusForbidden
		return v.alone(v.T("Log in", "登录"), unguarded(v))
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxLogIn)
	a := v.attempt()
	a.Name, a.Password = v.r.PostFormValue("name"), v.r.PostFormValue("password")
	in, err := c.Door.LogIn(v.ctx(), a)
	if err == nil {
		return v.enter(in, v.r.PostFormValue("next"))
	}
	refused, ok := errors.AsType[*identity.Refusal](err)
	if !ok {
		return v.plain(err)
	}
	f := logInForm{Name: a.Name, Next: v.r.PostFormValue("next"), OIDC: c.Provider, Mistake: v.T("The name or the password is not right.", "用户名或密码不正确。")}
	v.Status = http.StatusUnprocessableEntity
	if refused.Wait > 0 {
		v.Status = http.StatusTooManyRequests
		v.w.Header().Set("Retry-After", fmt.Sprint(int(refused.Wait.Seconds())+1))
		f.Mistake = fmt.Sprintf(v.T("Too many failed log-ins. Try again in %s; an admin can end the wait.", "登录失败次数过多。请在 %s后重试；管理员也可以解除等待。"),
			v.Span(refused.Wait.Round(time.Second)))
	}
	return v.alone(v.T("Log in", "登录"), logIn(v, f))
}

func (c *Console) makeFirstAdmin(v *visit) error {
	if !c.guarded(v.r) {
		v.Status = http.StatusForbidden
		return v.alone(v.T("First admin", "创建首位管理员"), unguarded(v))
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxLogIn)
	a := v.attempt()
	a.Name, a.Password = v.r.PostFormValue("name"), v.r.PostFormValue("password")
	f := logInForm{Name: a.Name, Link: v.r.PathValue("link"), Mistakes: map[string]string{}}
	if a.Password != v.r.PostFormValue("again") {
		f.Mistakes["again"] = v.T("This is not the same password.", "两次输入的密码不一致。")
	} else {
		in, err := c.Door.FirstAdmin(v.ctx(), f.Link, a)
		if err == nil {
			v.tell(v.T("You are the first admin. Next: connect an OA.", "您是首位管理员。下一步：连接一个 OA。"), false)
			return v.enter(in, "/")
		}
		p, ok := errors.AsType[*api.Problem](v.plain(err))
		if !ok || p.Status != http.StatusUnprocessableEntity {
			return v.deadLink(err)
		}
		for _, e := range p.Errors {
			f.Mistakes[e.Path] = e.Message
		}
	}
	v.Status = http.StatusUnprocessableEntity
	return v.alone(v.T("First admin", "创建首位管理员"), firstAdmin(v, f))
}

// plain puts what a Door says into the reader's words.
func (v *visit) plain(err error) error {
	if p := api.ProblemOf(err, v.Chinese); p != nil {
		return p
	}
	return err
}

// deadLink says that a one-time link is good no more. Other trouble stays what it is.
func (v *visit) deadLink(err error) error {
	if _, refused := errors.AsType[*identity.Refusal](err); err != nil && !refused {
		if p, ok := errors.AsType[*api.Problem](v.plain(err)); !ok || p.Status != http.StatusForbidden {
			return v.plain(err)
		}
	}
	v.NoFrame = true
	return &api.Problem{
		Status: http.StatusForbidden,
		Detail: v.T("This link is not good any more: it works once, and not for ever.", "这个链接已失效：每个链接只能用一次，且有时限。"),
		Hint:   v.T("The next start of the server prints a new one; or log in with your name.", "重新启动服务会输出新的链接；您也可以用用户名登录。"),
	}
}

// flowCookie is what the browser keeps while its reader is at the OIDC provider. Over TLS no neighbouring host can plant one.
func (v *visit) flowCookie() string {
	if v.console.secure(v.r) {
		return hostPrefix + "todosync_oidc"
	}
	return "todosync_oidc"
}

func (v *visit) keepFlow(value string, seconds int) {
	http.SetCookie(v.w, &http.Cookie{
		Name: v.flowCookie(), Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, Secure: v.console.secure(v.r), SameSite: http.SameSiteLaxMode,
	})
}

// toProvider sends the browser to the OIDC provider.
func (c *Console) toProvider(v *visit) error {
	if !c.guarded(v.r) {
		v.Status = http.StatusForbidden
		return v.alone(v.T("Log in", "登录"), unguarded(v))
	}
	next := nextPage(v.r.PostFormValue("next"))
	address, kept, err := c.OIDC.Start(v.ctx(), next)
	if err != nil {
		return v.notByProvider(err, next)
	}
	v.keepFlow(kept, 600)
	// A redirect after a form would be stopped by form-action; a link that is followed at once is not.
	v.w.Header().Set("Refresh", "0; url="+address)
	return v.alone(v.T("Log in", "登录"), onTheWay(v, address))
}

// fromProvider lets in who comes back.
func (c *Console) fromProvider(v *visit) error {
	if !c.guarded(v.r) {
		return v.alone(v.T("Log in", "登录"), unguarded(v))
	}
	in, next, err := c.OIDC.Finish(v.ctx(), cookie(v.r, v.flowCookie()), v.r.URL.Query(), v.attempt())
	v.keepFlow("", -1)
	if err != nil {
		return v.notByProvider(err, "/")
	}
	return v.enter(in, next)
}

// notByProvider says on the log-in page why somebody did not come in by the OIDC provider: a password may do meanwhile.
func (v *visit) notByProvider(err error, next string) error {
	f := logInForm{OIDC: v.console.Provider, Next: next}
	title := v.T("Log in", "登录")
	if _, refused := errors.AsType[*identity.Refusal](err); refused {
		v.Status = http.StatusForbidden
		f.Mistake = v.T("The log-in provider has not let you in, or it took too long. Try again.", "统一登录没有成功，或已超时。请重试。")
		return v.alone(title, logIn(v, f))
	}
	p, ok := errors.AsType[*api.Problem](v.plain(err))
	if !ok {
		return err
	}
	if v.Status = p.Status; p.Status == http.StatusServiceUnavailable {
		v.console.Log.WarnContext(v.ctx(), "a log-in by OIDC failed", "error", err)
	}
	f.Mistake, f.Hint, f.Waits = v.sentence(p.Detail), v.sentence(p.Hint), p.Status == http.StatusForbidden
	return v.alone(title, logIn(v, f))
}

// sentence is a text of the API as a sentence of a page.
func (v *visit) sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + v.T(".", "。")
}
