package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"todosync/connector"
	"todosync/internal/identity"
)

// meView is who asks. A token has no more than a name and rights.
type meView struct {
	Name    string    `json:"name"`
	Role    string    `json:"role"`
	Scopes  []string  `json:"scopes"`
	Tenants []string  `json:"tenants" doc:"empty: all"`
	User    *userView `json:"user,omitempty" doc:"a person; a token has none"`
	Session string    `json:"session,omitempty"`
}

type changeMe struct {
	Body struct {
		Email    *string `json:"email,omitempty"`
		Mobile   *string `json:"mobile,omitempty"`
		Language *string `json:"language,omitempty" doc:"zh, en; empty: what the browser asks for"`
	}
}

type changePassword struct {
	Body struct {
		Old      string `json:"old" doc:"the password of now"`
		Password string `json:"password" doc:"10 characters or more"`
	}
}

type mySession struct {
	Session string `query:"session" doc:"one of them; empty: all"`
}

// person is the user who asks.
func (a *API) person(ctx context.Context) (identity.User, error) {
	p := principal(ctx)
	if p.User == "" {
		return identity.User{}, &connector.Error{
			Kind: connector.Forbidden, Op: "find the caller", Msg: "a token is not a person: it has no password, language or sessions", Hint: "log in to the console",
		}
	}
	return a.Users.User(ctx, p.User, nil)
}

// own says that a user changes himself, whatever tenants he sees.
func own(ctx context.Context) identity.By { return identity.By{Who: principal(ctx).Name} }

func (a *API) meRoutes() {
	const me, sessions = "/me", "/me/sessions"
	handle(a, route{method: http.MethodGet, path: me, id: "getMe", summary: "Who asks, and what he may do", need: Anybody}, func(ctx context.Context, _ *struct{}) (*one[meView], error) {
		p := principal(ctx)
		out := &one[meView]{Body: meView{Name: p.Name, Scopes: []string{}, Tenants: append([]string{}, p.Tenants...), Session: p.Session}}
		for name, r := range Roles() {
			if r == p.Role {
				out.Body.Role = name
			}
		}
		for name, r := range Scopes() {
			if slices.Contains(p.Scopes, r) {
				out.Body.Scopes = append(out.Body.Scopes, name)
			}
		}
		slices.Sort(out.Body.Scopes)
		if p.User == "" {
			return out, nil
		}
		u, err := a.person(ctx)
		v := viewUser(u)
		out.Body.User = &v
		return out, err
	})
	handle(a, route{method: http.MethodPut, path: me, id: "changeMe", summary: "Change what is the user's own to say", need: Anybody}, func(ctx context.Context, in *changeMe) (*one[userView], error) {
		if _, err := a.person(ctx); err != nil {
			return nil, err
		}
		c := identity.Change{Email: in.Body.Email, Mobile: in.Body.Mobile, Language: (*connector.Language)(in.Body.Language)}
		u, err := a.Users.ChangeUser(ctx, principal(ctx).User, c, own(ctx))
		return &one[userView]{Body: viewUser(u)}, err
	})
	handle(a, route{
		method: http.MethodPut, path: me + "/password", id: "changeMyPassword", need: Anybody, status: http.StatusNoContent,
		summary: "Change the user's own password; all his sessions end",
	}, func(ctx context.Context, in *changePassword) (*struct{}, error) {
		if _, err := a.person(ctx); err != nil {
			return nil, err
		}
		err := a.Users.ChangePassword(ctx, principal(ctx).User, in.Body.Old, in.Body.Password, principal(ctx).Address)
		if r, ok := errors.AsType[*identity.Refusal](err); ok {
			return nil, newProblem(http.StatusTooManyRequests, "too many wrong passwords", fmt.Sprintf("try again in %s", r.Wait.Round(time.Second)))
		}
		return nil, err
	})
	handle(a, route{method: http.MethodGet, path: sessions, id: "listMySessions", summary: "Where the user is logged in", need: Anybody}, func(ctx context.Context, in *WholePaging) (*list[sessionView], error) {
		if _, err := a.person(ctx); err != nil {
			return nil, err
		}
		all, err := a.Users.Sessions(ctx, principal(ctx).User)
		if err != nil {
			return nil, err
		}
		return viewSessions(ctx, *in, all)
	})
	handle(a, route{
		method: http.MethodDelete, path: sessions, id: "endMySessions", summary: "Log out, here or elsewhere", need: Anybody, status: http.StatusNoContent,
	}, func(ctx context.Context, in *mySession) (*struct{}, error) {
		if _, err := a.person(ctx); err != nil {
			return nil, err
		}
		return nil, a.Users.EndSession(ctx, principal(ctx).User, in.Session, own(ctx))
	})
}
