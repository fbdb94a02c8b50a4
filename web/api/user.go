package api

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"todosync/connector"
	"todosync/internal/identity"
)

// Users keeps the people who may use the console and the API.
type Users interface {
	Users(ctx context.Context, f identity.UserFilter, p connector.PageOf) (connector.Page[identity.User], error)
	// User finds one by id or name who is within the tenants; any other is NotFound, as in all that follows.
	User(ctx context.Context, id string, tenants []string) (identity.User, error)
	CreateUser(ctx context.Context, c identity.Change, by identity.By) (identity.User, error)
	ChangeUser(ctx context.Context, id string, c identity.Change, by identity.By) (identity.User, error)
	RemoveUser(ctx context.Context, id string, by identity.By) error
	UnlockUser(ctx context.Context, id string, by identity.By) error
	// Invite makes a one-time link by which a user sets his password.
	Invite(ctx context.Context, id string, by identity.By) (identity.Invitation, error)
	// LogInsRefused gives the failed log-ins since a time, summed by hour and address, newest first.
	LogInsRefused(ctx context.Context, since time.Time, most int) ([]identity.Refused, error)
	Sessions(ctx context.Context, user string) ([]identity.Session, error)
	// EndSession ends one session of a user, or all of them where id is empty.
	EndSession(ctx context.Context, user, id string, by identity.By) error
	// ChangePassword changes a user's own password; all his sessions end. It fails with a *identity.Refusal where too many have guessed.
	ChangePassword(ctx context.Context, user, old, password, address string) error
}

// UserBody is what may be said about a user. What is left out stays as it is.
type UserBody struct {
	Name     *string   `json:"name,omitempty" doc:"what he logs in with; upper and lower case are the same"`
	Email    *string   `json:"email,omitempty"`
	Mobile   *string   `json:"mobile,omitempty"`
	Role     *string   `json:"role,omitempty" doc:"viewer, operator, integrator or admin"`
	Tenants  *[]string `json:"tenants,omitempty" doc:"whose data he may see; empty: those that you see"`
	Disabled *bool     `json:"disabled,omitempty" doc:"true: he can't log in, and his sessions end"`
	Language *string   `json:"language,omitempty" doc:"zh, en; empty: what his browser asks for"`
	Password *string   `json:"password,omitempty" doc:"10 characters or more; it can not be read back. His sessions end"`
	Issuer   *string   `json:"issuer,omitempty" doc:"of the OIDC provider at which he is subject"`
	Subject  *string   `json:"subject,omitempty" doc:"who he is at the OIDC provider: the claim sub"`
	ByRule   *bool     `json:"byRule,omitempty" doc:"true: role and tenants follow the OIDC provider at each log-in; another role, other tenants or disabling by hand end that"`
}

type createUser struct{ Body UserBody }

type changeUser struct {
	RecordPath
	Body UserBody
}

type userQuery struct {
	Paging
	Name   string `query:"name" doc:"several with commas"`
	Role   string `query:"role" doc:"several with commas"`
	Tenant string `query:"tenant" doc:"several with commas: those who see nothing but these"`
	State  string `query:"state" doc:"active, disabled or waiting: came from the OIDC provider, and no admin has allowed him yet"`
	Query  string `query:"q" doc:"part of the name or the e-mail address"`
}

type userView struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Email       string   `json:"email"`
	Mobile      string   `json:"mobile"`
	Role        string   `json:"role"`
	Tenants     []string `json:"tenants" doc:"empty: all"`
	Disabled    bool     `json:"disabled"`
	Language    string   `json:"language"`
	HasPassword bool     `json:"hasPassword"`
	Issuer      string   `json:"issuer"`
	Subject     string   `json:"subject"`
	ByRule      bool     `json:"byRule" doc:"role and tenants come from the OIDC provider at each log-in"`
	CreatedBy   string   `json:"createdBy"`
	CreatedAt   Time     `json:"createdAt"`
	UpdatedAt   Time     `json:"updatedAt"`
	LoggedInAt  Time     `json:"loggedInAt"`
	LockedUntil Time     `json:"lockedUntil" doc:"his log-ins wait until then, because somebody guessed"`
}

type invitationView struct {
	Name      string `json:"name" doc:"of the user"`
	Link      string `json:"link" doc:"for him alone; below this server where --public-url does not say where that is"`
	ExpiresAt Time   `json:"expiresAt"`
}

func viewUser(u identity.User) userView {
	return userView{
		ID: u.ID, Name: u.Name, Email: u.Email, Mobile: u.Mobile, Role: string(u.Role), Tenants: append([]string{}, u.Tenants...), Disabled: u.Disabled,
		Language: string(u.Language), HasPassword: u.HasPassword, Issuer: u.Subject.Issuer, Subject: u.Subject.ID, ByRule: u.ByRule, CreatedBy: u.Who,
		CreatedAt: Time(u.Created), UpdatedAt: Time(u.Updated), LoggedInAt: Time(u.LoggedIn), LockedUntil: Time(u.Locked),
	}
}

type sessionView struct {
	ID        string `json:"id"`
	CreatedAt Time   `json:"createdAt"`
	SeenAt    Time   `json:"seenAt" doc:"to within a minute"`
	ExpiresAt Time   `json:"expiresAt"`
	Address   string `json:"address"`
	Agent     string `json:"agent" doc:"the browser, as it calls itself"`
	Current   bool   `json:"current" doc:"the one that asks"`
}

func viewSessions(ctx context.Context, p WholePaging, all []identity.Session) (*list[sessionView], error) {
	var out []sessionView
	for _, s := range all {
		out = append(out, sessionView{
			ID: s.ID, CreatedAt: Time(s.Created), SeenAt: Time(s.Seen), ExpiresAt: Time(s.Expires), Address: s.Address, Agent: s.Agent,
			Current: s.ID != "" && s.ID == principal(ctx).Session,
		})
	}
	return cutList(p, out, func(s sessionView) string { return s.ID })
}

type userSessions struct {
	RecordPath
	WholePaging
}

type userSession struct {
	RecordPath
	Session string `query:"session" doc:"one of them; empty: all"`
}

// manager says who changes users, and whose he may change.
func manager(ctx context.Context) identity.By {
	return identity.By{Who: principal(ctx).Name, Tenants: principal(ctx).Tenants}
}

// change reads what is said about a user.
func (b *UserBody) change() (identity.Change, error) {
	c := identity.Change{
		Name: b.Name, Email: b.Email, Mobile: b.Mobile, Role: (*identity.Role)(b.Role), Tenants: b.Tenants, Disabled: b.Disabled,
		Language: (*connector.Language)(b.Language), Password: b.Password, ByRule: b.ByRule,
	}
	if b.Role != nil {
		known := slices.Sorted(maps.Keys(Roles()))
		if _, ok := Roles()[*b.Role]; !ok {
			_, err := oneOf("role", *b.Role, known)
			return c, cmp.Or(err, invalid("role", "want one role: viewer, operator, integrator or admin"))
		}
	}
	if b.Password != nil && *b.Password == "" {
		return c, identity.CheckPassword("", "")
	}
	if (b.Issuer == nil) != (b.Subject == nil) {
		return c, invalid("subject", "issuer and subject go together")
	}
	if b.Subject != nil {
		c.Subject = &identity.Subject{Issuer: *b.Issuer, ID: *b.Subject}
	}
	return c, nil
}

func (a *API) userRoutes() {
	const users, user, sessions = "/users", "/users/{id}", "/users/{id}/sessions"
	handle(a, route{
		method: http.MethodGet, path: users, id: "listUsers", summary: "People who may use the console and the API, by their names", need: Admin,
	}, func(ctx context.Context, in *userQuery) (*list[userView], error) {
		f := identity.UserFilter{Names: words(in.Name), State: identity.UserState(in.State), Query: in.Query}
		if !slices.Contains([]identity.UserState{"", identity.StateActive, identity.StateDisabled, identity.StateWaiting}, f.State) {
			return nil, invalid("state", "want active, disabled or waiting")
		}
		var err error
		if f.Roles, err = oneOf("role", in.Role, slices.Sorted(maps.Keys(Roles()))); err != nil {
			return nil, err
		}
		var some bool
		if f.Tenants, some = narrow(ctx, words(in.Tenant)); !some {
			return listOf(connector.Page[identity.User]{}, viewUser), nil
		}
		page, err := a.Users.Users(ctx, f, in.page())
		return listOf(page, viewUser), err
	})
	handle(a, route{
		method: http.MethodPost, path: users, id: "createUser", summary: "Make a user", need: Admin, status: http.StatusCreated,
	}, func(ctx context.Context, in *createUser) (*one[userView], error) {
		if in.Body.Name == nil {
			return nil, invalid("name", "a user needs a name to log in with")
		}
		if in.Body.Role == nil {
			return nil, invalid("role", "say what he may do: viewer, operator, integrator or admin")
		}
		c, err := in.Body.change()
		if err != nil {
			return nil, err
		}
		u, err := a.Users.CreateUser(ctx, c, manager(ctx))
		return &one[userView]{Body: viewUser(u)}, err
	})
	handle(a, route{
		method: http.MethodGet, path: user, id: "getUser", summary: "One user, by id or name", need: Admin,
	}, func(ctx context.Context, in *RecordPath) (*one[userView], error) {
		u, err := a.Users.User(ctx, in.ID, principal(ctx).Tenants)
		return &one[userView]{Body: viewUser(u)}, err
	})
	handle(a, route{
		method: http.MethodPut, path: user, id: "changeUser", summary: "Change a user; what is left out stays", need: Admin,
	}, func(ctx context.Context, in *changeUser) (*one[userView], error) {
		c, err := in.Body.change()
		if err != nil {
			return nil, err
		}
		u, err := a.Users.ChangeUser(ctx, in.ID, c, manager(ctx))
		return &one[userView]{Body: viewUser(u)}, err
	})
	handle(a, route{
		method: http.MethodDelete, path: user, id: "removeUser", summary: "Take a user away, with his sessions", need: Admin, status: http.StatusNoContent,
	}, func(ctx context.Context, in *RecordPath) (*struct{}, error) {
		return nil, a.Users.RemoveUser(ctx, in.ID, manager(ctx))
	})
	handle(a, route{
		method: http.MethodPost, path: user + "/unlock", id: "unlockUser", need: Admin, status: http.StatusNoContent,
		summary: "Let a user log in at once, after somebody guessed",
	}, func(ctx context.Context, in *RecordPath) (*struct{}, error) {
		return nil, a.Users.UnlockUser(ctx, in.ID, manager(ctx))
	})
	handle(a, route{
		method: http.MethodPost, path: user + "/invite", id: "inviteUser", need: Admin, status: http.StatusCreated,
		summary: "Make a link by which a user sets his password, once; it is shown this once",
	}, func(ctx context.Context, in *RecordPath) (*one[invitationView], error) {
		i, err := a.Users.Invite(ctx, in.ID, manager(ctx))
		link := strings.TrimSuffix(a.Compile.PublicURL, "/") + "/invite/" + i.Token
		return &one[invitationView]{Body: invitationView{Name: i.User.Name, Link: link, ExpiresAt: Time(i.Expires)}}, err
	})
	handle(a, route{
		method: http.MethodGet, path: sessions, id: "listUserSessions", summary: "Where a user is logged in", need: Admin,
	}, func(ctx context.Context, in *userSessions) (*list[sessionView], error) {
		u, err := a.Users.User(ctx, in.ID, principal(ctx).Tenants)
		if err != nil {
			return nil, err
		}
		all, err := a.Users.Sessions(ctx, u.ID)
		if err != nil {
			return nil, err
		}
		return viewSessions(ctx, in.WholePaging, all)
	})
	handle(a, route{
		method: http.MethodDelete, path: sessions, id: "endUserSessions", summary: "End sessions of a user", need: Admin, status: http.StatusNoContent,
	}, func(ctx context.Context, in *userSession) (*struct{}, error) {
		return nil, a.Users.EndSession(ctx, in.ID, in.Session, manager(ctx))
	})
}
