package main

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"todosync/connector"
	"todosync/store"
	"todosync/web/api"
	"todosync/web/console"
	"todosync/web/signon"
)

// A registrar hands the secrets of OA apps over, for who opens the old address that vendors' consoles know.
type registrar struct {
	db      *store.DB
	tokens  api.Authenticator
	console *console.Console
}

// Admin implements signon.Registrar.
func (g registrar) Admin(r *http.Request) (string, error) {
	p, err := g.console.Whose(r)
	if err != nil || p == nil || !p.May(api.Admin) {
		return "", err
	}
	return p.Name, nil
}

// who is the admin that a token is of, or without one the request's session.
func (g registrar) who(r *http.Request, token string) (p *api.Principal, err error) {
	if token != "" {
		p, err = g.tokens.Authenticate(r.Context(), token)
	} else {
		p, err = g.console.Whose(r)
	}
	if err != nil {
		return nil, err
	}
	if p == nil || !p.May(api.Admin) {
		return nil, &connector.Error{
			Kind: connector.Forbidden, Op: "register an app", Msg: "only an admin confirms this",
			Hint: "Give an admin's token, or log in to the console as an admin in this browser and come again.",
		}
	}
	return p, nil
}

// Register implements signon.Registrar.
func (g registrar) Register(r *http.Request, token string, reg signon.Registration) (signon.Registered, error) {
	who, err := g.who(r, token)
	if err != nil {
		return signon.Registered{}, err
	}
	found, err := g.find(r.Context(), who.Tenants, reg)
	if err != nil {
		return found, err
	}
	return found, g.db.SetSecret(r.Context(), found.Tenant, found.Secret, reg.Secret, who.Name)
}

// find finds the connection that has an app, and the secret that it names for it.
func (g registrar) find(ctx context.Context, tenants []string, reg signon.Registration) (signon.Registered, error) {
	const op = "register an app"
	all, err := g.db.Connections(ctx, tenants)
	if err != nil {
		return signon.Registered{}, err
	}
	var found []signon.Registered
	var names []string
	for _, c := range all {
		if reg.Connection != "" && c.Key.Name != reg.Connection {
			continue
		}
		p, err := g.db.Program(ctx, c.Number)
		if err != nil {
			if connector.KindOf(err) == connector.Unavailable {
				return signon.Registered{}, err
			}
			continue // it cannot be used as it is, and its list says so
		}
		if hasApp(p.Settings, reg.AppID) {
			found, names = append(found, signon.Registered{Tenant: c.Key.Tenant, Connection: c.Key.Name, Secret: appSecret(p.Settings)}), append(names, c.Key.String())
		}
	}
	switch {
	case len(found) == 0:
		return signon.Registered{}, &connector.Error{
			Kind: connector.NotFound, Op: op, Msg: "no connection has the app " + reg.AppID,
			Hint: "Set `variables: {appId: " + reg.AppID + "}` in the connection, or make one: todosync connections new --preset yunzhijia.",
		}
	case len(found) > 1:
		return signon.Registered{}, &connector.Error{
			Kind: connector.Conflict, Op: op, Msg: "several connections have the app " + reg.AppID + ": " + strings.Join(names, ", "), Hint: "Name one of them.",
		}
	case found[0].Secret == "":
		return signon.Registered{}, &connector.Error{
			Kind: connector.Invalid, Op: op, Msg: "connection " + names[0] + " names no secret, or several, for its app",
			Hint: "Use ${secret:NAME} in its token's request, then set it: todosync secret set NAME --tenant " + found[0].Tenant + ".",
		}
	}
	return found[0], nil
}

// hasApp reports whether a connection is of an app.
func hasApp(c *connector.Connection, app string) bool {
	if c.SignOn != nil && c.SignOn.ClientID == app {
		return true
	}
	for name, value := range c.Variables {
		if strings.EqualFold(name, "appId") && string(value) == app {
			return true
		}
	}
	return false
}

// appSecret is the secret that a connection names for its app: the only one, or the only one of several that is called so. Empty: it cannot
// be told.
func appSecret(c *connector.Connection) string {
	parts := []any{c.Token, c.OAuth2}
	if c.SignOn != nil {
		parts = append(parts, c.SignOn.ClientSecret)
	}
	text, err := json.Marshal(parts)
	if err != nil {
		return ""
	}
	var names, called []string
	for _, m := range regexp.MustCompile(`\$\{secret:([A-Za-z0-9._-]+)`).FindAllSubmatch(text, -1) {
		if name := string(m[1]); !slices.Contains(names, name) {
			names = append(names, name)
			if strings.Contains(name, "secret") {
				called = append(called, name)
			}
		}
	}
	switch {
	case len(names) == 1:
		return names[0]
	case len(called) == 1:
		return called[0]
	}
	return ""
}
