package console

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"todosync/connector"
	"todosync/internal/identity"
	"todosync/web/api"
)

// A Door lets people in. *identity.Door is one.
type Door interface {
	// LogIn, FirstAdmin and FollowLink refuse with a *identity.Refusal, or say what is wrong with what was given.
	LogIn(ctx context.Context, a identity.Attempt) (identity.Entry, error)
	// FirstAdminDue reports whether there is no user yet, and whether the link makes one.
	FirstAdminDue(ctx context.Context, link string) (none, good bool, err error)
	FirstAdmin(ctx context.Context, link string, a identity.Attempt) (identity.Entry, error)
	FollowLink(ctx context.Context, link string, a identity.Attempt) (identity.Entry, error)
	// Session finds whose a cookie is; ok is false where it is nobody's, or over.
	Session(ctx context.Context, cookie string) (s identity.Session, ok bool, err error)
	// StillSession is Session for what happens without anybody; it is no use of the session.
	StillSession(ctx context.Context, cookie string) (s identity.Session, ok bool, err error)
	// Renew begins a new session for who is in already.
	Renew(ctx context.Context, user string, a identity.Attempt) (identity.Entry, error)
	LogOut(ctx context.Context, s identity.Session) error
	// Invited finds whom a link is for by which a user sets his password; AcceptInvitation sets it and lets him in.
	Invited(ctx context.Context, link string) (u identity.User, ok bool, err error)
	AcceptInvitation(ctx context.Context, link string, a identity.Attempt) (identity.Entry, error)
}

// The cookie of a session. Over TLS it has the prefix with which browsers see to it that no neighbouring host and no plain connection sets it.
const (
	sessionCookie = "todosync_session"
	hostPrefix    = "__Host-"
)

// secure reports whether browsers reach the console over TLS: its own, or that of a proxy in front.
func (c *Console) secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(c.PublicURL, "https://")
}

func (c *Console) cookieName(r *http.Request) string {
	if c.secure(r) {
		return hostPrefix + sessionCookie
	}
	return sessionCookie
}

// guarded reports whether a password and a session may pass between the browser and here: over TLS, or within this machine. What came
// through a proxy that is not known did not come from this machine.
func (c *Console) guarded(r *http.Request) bool {
	if c.secure(r) {
		return true
	}
	return identity.Loopback(c.Client(r)) && r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == ""
}

// unattended is the head with which a page's script marks what it asks for by itself, without its reader: whoever sends it does less than use
// his session. A stream is opened again by the browser itself, which can send no head of ours.
const (
	unattended  = "Todosync-Unattended"
	eventStream = "text/event-stream"
)

// whose is who has the request's session; nil: nobody.
func (c *Console) whose(r *http.Request) (*api.Principal, error) {
	if r.Header.Get(unattended) != "" || r.Header.Get("Accept") == eventStream {
		return c.with(r, c.Door.StillSession)
	}
	return c.with(r, c.Door.Session)
}

// still is whose for an answer that goes on: that it does is no use of the session.
func (c *Console) still(r *http.Request) (*api.Principal, error) {
	return c.with(r, c.Door.StillSession)
}

func (c *Console) with(r *http.Request, find func(context.Context, string) (identity.Session, bool, error)) (*api.Principal, error) {
	value := cookie(r, c.cookieName(r))
	if value == "" || !c.guarded(r) {
		return nil, nil
	}
	s, ok, err := find(r.Context(), value)
	if err != nil || !ok {
		return nil, err
	}
	return &api.Principal{
		Name: s.User.Name, Role: api.Roles()[string(s.User.Role)], Tenants: s.User.Tenants, User: s.User.ID, Session: s.ID, Address: c.Client(r),
	}, nil
}

// Whose is who has the session that a request to another part of the server bears; nil: nobody.
func (c *Console) Whose(r *http.Request) (*api.Principal, error) { return c.whose(r) }

// attempt is what a browser brings besides what its reader has typed.
func (v *visit) attempt() identity.Attempt {
	return identity.Attempt{
		Address: v.console.Client(v.r), Agent: v.r.UserAgent(), Session: cookie(v.r, v.console.cookieName(v.r)),
	}
}

// enter gives the browser its session, and leads its reader on.
func (v *visit) enter(in identity.Entry, next string) error {
	http.SetCookie(v.w, &http.Cookie{
		Name: v.console.cookieName(v.r), Value: in.Token, Path: "/", MaxAge: int(identity.SessionLife.Seconds()), HttpOnly: true,
		Secure: v.console.secure(v.r), SameSite: http.SameSiteLaxMode,
	})
	v.setLanguage(in.User.Language)
	return v.redirect(nextPage(next))
}

// setLanguage has the next pages in a language; the empty one is what the browser asks for.
func (v *visit) setLanguage(l connector.Language) {
	c := &http.Cookie{Name: languageCookie, Value: string(l), Path: "/", MaxAge: 365 * 24 * 3600, SameSite: http.SameSiteLaxMode}
	if l != "" {
		http.SetCookie(v.w, c)
	}
}

// leave takes the browser's session away.
func (v *visit) leave() {
	http.SetCookie(v.w, &http.Cookie{
		Name: v.console.cookieName(v.r), Path: "/", MaxAge: -1, HttpOnly: true, Secure: v.console.secure(v.r), SameSite: http.SameSiteLaxMode,
	})
}

// logOut ends the browser's session.
func (c *Console) logOut(v *visit) error {
	s, ok, err := c.Door.Session(v.ctx(), cookie(v.r, c.cookieName(v.r)))
	if err == nil && ok {
		err = c.Door.LogOut(v.ctx(), s)
	}
	if err != nil && connector.KindOf(err) != connector.NotFound {
		return err // it lives on, and its reader should know
	}
	v.leave()
	return v.redirect("/login")
}

// origin is the console's address for browsers; empty where nobody has said it.
func origin(public string) string {
	u, err := url.Parse(public)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// nextPage is a page of ours to go on with: whatever could lead elsewhere leads to the first page.
func nextPage(to string) string {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\x00\r\n\t") {
		return "/"
	}
	return to
}
