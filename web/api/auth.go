package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"todosync/connector"
)

// A Right is what a route asks of its caller. Each role has those of the ones before it.
type Right uint8

// The rights, in the order of the roles viewer, operator, integrator, admin. A token may have the last one alone.
const (
	View           Right = iota + 1 // sync records, events, connections as they run
	Operate                         // replay, bind, pause
	Integrate                       // settings
	Admin                           // secrets, tokens, users
	WriteEvents                     // POST /events
	RedeemTickets                   // POST /tickets/redeem
	ImportMessages                  // messages of customers
	Anybody                         // who he is, and his own account: everybody who is known
)

// Roles are the names of the rights that roles give.
func Roles() map[string]Right {
	return map[string]Right{"viewer": View, "operator": Operate, "integrator": Integrate, "admin": Admin}
}

// Scopes are the names of the rights that only tokens have.
func Scopes() map[string]Right {
	return map[string]Right{"events:write": WriteEvents, "tickets:redeem": RedeemTickets, "import": ImportMessages}
}

// A Principal is who makes a request.
type Principal struct {
	Name    string   // stands in the audit
	Role    Right    // View, Operate, Integrate or Admin; 0: only what Scopes say
	Scopes  []Right  // rights beside those of the role
	Tenants []string // whose data it may see; empty: all

	// Of a person who is logged in; empty for a token.
	User    string // id
	Session string // id
	Address string // of his browser
}

// May reports whether the principal has a right at all.
func (p *Principal) May(r Right) bool {
	if r == Anybody || slices.Contains(p.Scopes, r) {
		return true
	}
	if r > Admin {
		return p.Role == Admin
	}
	return p.Role >= r
}

// Sees reports whether a tenant's data is the principal's to see.
func (p *Principal) Sees(tenant string) bool {
	return len(p.Tenants) == 0 || slices.Contains(p.Tenants, tenant)
}

// An Authenticator knows who has a token; an error of kind Unavailable says that it can't know now. nil and no error: nobody has it.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (*Principal, error)
}

// AdminToken is an Authenticator that knows one token: that of DATA/admin-token.
type AdminToken string

// Authenticate compares in a time that tells nothing about the token.
func (t AdminToken) Authenticate(_ context.Context, token string) (*Principal, error) {
	want, got := sha256.Sum256([]byte(t)), sha256.Sum256([]byte(token))
	if t == "" || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return nil, nil
	}
	return &Principal{Name: "admin-token", Role: Admin}, nil
}

// Authenticators asks one after the other until one of them knows the token.
type Authenticators []Authenticator

// Authenticate implements Authenticator.
func (as Authenticators) Authenticate(ctx context.Context, token string) (*Principal, error) {
	for _, a := range as {
		if p, err := a.Authenticate(ctx, token); p != nil || err != nil {
			return p, err
		}
	}
	return nil, nil
}

// needKey is where an operation's metadata holds the Right that it needs; without it the route is open.
const needKey = "need"

type principalKey struct{}

// WithPrincipal is a context for a request of somebody who is known already: the console hands its own requests to the API with it, and
// needs no token.
func WithPrincipal(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(context.WithValue(ctx, principalKey{}, p), consoleKey{}, true)
}

// consoleKey marks requests of the console, so that a revision and the audit say by which way something was done.
type consoleKey struct{}

// principal is who makes the request. Routes are reached only with one.
func principal(ctx context.Context) *Principal {
	if p, ok := ctx.Value(principalKey{}).(*Principal); ok {
		return p
	}
	return &Principal{}
}

// authenticate lets in who has a token with the route's right, and only to tenants of his.
func (a *API) authenticate(ctx huma.Context, next func(huma.Context)) {
	need, closed := ctx.Operation().Metadata[needKey].(Right)
	if !closed {
		next(ctx)
		return
	}
	p, known := ctx.Context().Value(principalKey{}).(*Principal)
	var err error
	if !known {
		token := bearer(ctx.Header("Authorization"))
		if token == "" {
			a.refuse(ctx, "a token is needed", "send it as Authorization: Bearer TOKEN; the server's own is in DATA/admin-token")
			return
		}
		p, err = a.Auth.Authenticate(ctx.Context(), token)
	}
	switch {
	case err != nil:
		a.answer(ctx, a.problem(ctx.Context(), "authenticate", err))
		return
	case p == nil:
		a.refuse(ctx, "the token is not known", "the server's own is in DATA/admin-token")
		return
	case !p.May(need):
		a.answer(ctx, newProblem(http.StatusForbidden, "the token has no right to do this", "ask an admin for another"))
		return
	}
	if tenant := ctx.Param("tenant"); tenant != "" {
		if !connector.ValidTenant(tenant) {
			a.answer(ctx, a.problem(ctx.Context(), "", invalid("tenant", "a tenant is 1 to 64 of A-Z a-z 0-9 _ -")))
			return
		}
		if !p.Sees(tenant) {
			a.answer(ctx, a.problem(ctx.Context(), "", notFound("tenant "+tenant)))
			return
		}
	}
	next(huma.WithValue(ctx, principalKey{}, p))
}

// bearer is the token of an Authorization header, empty where it has none.
func bearer(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// refuse answers 401.
func (a *API) refuse(ctx huma.Context, detail, hint string) {
	ctx.SetHeader("WWW-Authenticate", `Bearer realm="todosync"`)
	a.answer(ctx, newProblem(http.StatusUnauthorized, detail, hint))
}

// answer writes a problem before a handler was reached.
func (a *API) answer(ctx huma.Context, err error) {
	p, ok := err.(*Problem) //nolint:errorlint // it was made here
	if !ok {
		p = newProblem(http.StatusInternalServerError, "something went wrong here", "look at the log of the server")
	}
	ctx.SetHeader("Content-Type", problemType)
	ctx.SetStatus(p.Status)
	p, _ = inLanguage(ctx.Context(), p).(*Problem)              //nolint:errorlint // it is one
	_ = a.huma.Marshal(ctx.BodyWriter(), "application/json", p) // a client that went away hears nothing
}

// narrow limits a list of tenants that was asked for to those that the principal sees; all is false where nothing is left to show.
func narrow(ctx context.Context, asked []string) (tenants []string, some bool) {
	p := principal(ctx)
	if len(p.Tenants) == 0 {
		return asked, true
	}
	if len(asked) == 0 {
		return p.Tenants, true
	}
	for _, t := range asked {
		if p.Sees(t) {
			tenants = append(tenants, t)
		}
	}
	return tenants, len(tenants) > 0
}

// by says who saves something.
func by(ctx context.Context, how string) By {
	if console, _ := ctx.Value(consoleKey{}).(bool); console && how == "api" {
		how = "console"
	}
	return By{Who: principal(ctx).Name, How: how}
}
