package console

import (
	"context"
	"time"

	"todosync/connector"
	"todosync/internal/identity"
	"todosync/web/api"
)

// A porch is a Door behind which one user lives, vera with the password "right", beside whoever a site says has its session "s".
type porch struct {
	still int // how often a session was asked for without a use of it
	site  *site
	none  bool // there is no user yet; the link "first" makes one
	wait  time.Duration
	asked []identity.Attempt
	outs  []string // sessions that were ended
}

func entry(name string) identity.Entry {
	return identity.Entry{Token: "new-token", Session: identity.Session{ID: "s9", User: identity.User{ID: "u9", Name: name, Role: identity.Admin, Language: connector.Chinese}}}
}

// LogIn implements Door.
func (p *porch) LogIn(_ context.Context, a identity.Attempt) (identity.Entry, error) {
	p.asked = append(p.asked, a)
	if p.wait > 0 || a.Name != "vera" || a.Password != "right" {
		return identity.Entry{}, &identity.Refusal{Wait: p.wait}
	}
	return entry("vera"), nil
}

// FirstAdminDue implements Door.
func (p *porch) FirstAdminDue(_ context.Context, link string) (none, good bool, err error) {
	return p.none, p.none && link == "first", nil
}

// FirstAdmin implements Door.
func (p *porch) FirstAdmin(_ context.Context, link string, a identity.Attempt) (identity.Entry, error) {
	p.asked = append(p.asked, a)
	if !p.none || link != "first" {
		return identity.Entry{}, &connector.Error{Kind: connector.Forbidden, Msg: "no"}
	}
	if err := identity.CheckPassword(a.Name, a.Password); err != nil {
		return identity.Entry{}, err
	}
	return entry(a.Name), nil
}

// FollowLink implements Door.
func (p *porch) FollowLink(_ context.Context, link string, a identity.Attempt) (identity.Entry, error) {
	p.asked = append(p.asked, a)
	if link != "once" {
		return identity.Entry{}, &identity.Refusal{}
	}
	return entry("demo"), nil
}

// Invited implements Door.
func (p *porch) Invited(_ context.Context, link string) (identity.User, bool, error) {
	return identity.User{Name: "zoe"}, link == "invited", nil
}

// AcceptInvitation implements Door.
func (p *porch) AcceptInvitation(_ context.Context, link string, a identity.Attempt) (identity.Entry, error) {
	p.asked = append(p.asked, a)
	if link != "invited" {
		return identity.Entry{}, &connector.Error{Kind: connector.Forbidden, Msg: "no"}
	}
	if err := identity.CheckPassword("zoe", a.Password); err != nil {
		return identity.Entry{}, err
	}
	return entry("zoe"), nil
}

// Session implements Door.
func (p *porch) Session(_ context.Context, cookie string) (identity.Session, bool, error) {
	if cookie != "s" || p.site.who == nil {
		return identity.Session{}, false, nil
	}
	role := identity.Viewer
	for name, r := range api.Roles() {
		if r == p.site.who.Role {
			role = identity.Role(name)
		}
	}
	return identity.Session{ID: "s1", User: identity.User{ID: "u1", Name: p.site.who.Name, Role: role, Tenants: p.site.who.Tenants}}, true, nil
}

// StillSession implements Door.
func (p *porch) StillSession(ctx context.Context, cookie string) (identity.Session, bool, error) {
	p.still++
	return p.Session(ctx, cookie)
}

// Renew implements Door.
func (p *porch) Renew(_ context.Context, user string, a identity.Attempt) (identity.Entry, error) {
	p.asked = append(p.asked, a)
	return entry(user), nil
}

// LogOut implements Door.
func (p *porch) LogOut(_ context.Context, s identity.Session) error {
	p.outs = append(p.outs, s.ID)
	return nil
}
