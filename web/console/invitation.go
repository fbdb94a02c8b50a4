package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"todosync/web/api"
)

// An invitation is a link by which a user sets his password, as the API gives it out once.
type invitation struct {
	Name      string    `json:"name"`
	Link      string    `json:"link"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// invite makes a link for a user and shows it, this once.
func (v *visit) invite(id string) error {
	var made invitation
	if err := v.api.post(v.ctx(), segments("users", id, "invite"), nil, &made); err != nil {
		f := formOf()
		if f.refuse(v, err) {
			v.tell(f.Mistake+" "+f.Hint, true)
			return v.redirect("/settings/users/" + url.PathEscape(id))
		}
		return err
	}
	if strings.HasPrefix(made.Link, "/") {
		scheme := "http://"
		if v.console.secure(v.r) {
			scheme = "https://"
		}
		made.Link = scheme + v.r.Host + made.Link
	}
	v.Title = v.T("A link for ", "邀请链接：") + made.Name
	return v.show(invitedPage(v, id, &made)) // it can't be shown again, so no other page follows
}

func (c *Console) invitationRoutes() {
	c.open("GET /invite/{link}", func(v *visit) error {
		title := v.T("Choose a password", "设置密码")
		if !c.guarded(v.r) {
			return v.alone(title, unguarded(v))
		}
		link := v.r.PathValue("link")
		u, ok, err := c.Door.Invited(v.ctx(), link)
		if err != nil || !ok {
			return v.deadInvitation(err)
		}
		return v.alone(title, invitationPage(v, logInForm{Name: u.Name, Link: link}))
	})
	c.open("POST /invite/{link}", func(v *visit) error {
		title := v.T("Choose a password", "设置密码")
		if !c.guarded(v.r) {
			v.Status = http.StatusForbidden
			return v.alone(title, unguarded(v))
		}
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxLogIn)
		link := v.r.PathValue("link")
		u, ok, err := c.Door.Invited(v.ctx(), link)
		if err != nil || !ok {
			return v.deadInvitation(err)
		}
		f := logInForm{Name: u.Name, Link: link, Mistakes: map[string]string{}}
		a := v.attempt()
		if a.Password = v.r.PostFormValue("password"); a.Password != v.r.PostFormValue("again") {
			f.Mistakes["again"] = v.T("This is not the same password.", "两次输入的密码不一致。")
		} else {
			in, err := c.Door.AcceptInvitation(v.ctx(), link, a)
			if err == nil {
				v.tell(v.T("Your password is set. Welcome.", "密码已设置，欢迎使用。"), false)
				return v.enter(in, "/")
			}
			p, ok := errors.AsType[*api.Problem](v.plain(err))
			if !ok || p.Status != http.StatusUnprocessableEntity {
				return v.deadInvitation(err)
			}
			for _, e := range p.Errors {
				f.Mistakes[e.Path] = e.Message
			}
		}
		v.Status = http.StatusUnprocessableEntity
		return v.alone(title, invitationPage(v, f))
	})
}

// deadInvitation says that a link is good no more, and what to do. Other trouble stays what it is.
func (v *visit) deadInvitation(err error) error {
	if p, ok := errors.AsType[*api.Problem](v.plain(err)); err != nil && (!ok || p.Status != http.StatusForbidden) {
		return v.plain(err)
	}
	v.NoFrame = true
	return &api.Problem{
		Status: http.StatusForbidden,
		Detail: v.T("This link is not good any more: it works once, and for three days.", "这个链接已失效：它只能用一次，有效期三天。"),
		Hint:   v.T("Ask an admin for a new one, or log in with your name.", "请联系管理员重新获取，或用用户名登录。"),
	}
}
