package main

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"todosync/connector"
	"todosync/internal/identity"
	"todosync/store"
	"todosync/web/api"
	"todosync/web/console"
	"todosync/web/signon"
)

// signOnDesk is the store as the sign-on gateway wants to see it.
type signOnDesk struct {
	*store.DB
	env func(string) (string, bool) // for ${env:NAME} in a tenant's settings
}

// Place implements signon.Desk.
func (d signOnDesk) Place(ctx context.Context, key connector.ConnectionKey) (signon.Place, error) {
	conn, err := d.Lookup(key)
	if err != nil {
		return signon.Place{}, err
	}
	p, err := d.Program(ctx, conn)
	if err != nil {
		return signon.Place{}, err
	}
	if p.Settings.SignOn == nil {
		return signon.Place{}, &connector.Error{Kind: connector.NotFound, Op: "sign on", Msg: "connection " + key.String() + " has no signOn"}
	}
	texts, err := p.SignOn(ctx, d)
	if err != nil {
		return signon.Place{}, err
	}
	tenant := p.Tenant // of the connection's program, which is made anew when the tenant's settings change
	shared, err := d.shared(ctx, key.Tenant, tenant.SignOn.Secret)
	return signon.Place{
		Conn: conn, Key: key, Settings: *p.Settings.SignOn, Secrets: texts.Secrets, Base: texts.Base, Frames: texts.Frames,
		Client: signon.Client{ID: texts.ClientID, Secret: texts.ClientSecret}, Script: texts.Script,
		Login: tenant.SignOn.CRMLoginURL, Ticket: tenant.SignOn.Ticket, Shared: shared, Audience: tenant.SignOn.Audience, Language: tenant.Language,
	}, err
}

// Admit implements signon.Desk.
func (d signOnDesk) Admit(ctx context.Context, a signon.Admission) (bool, error) {
	return d.DB.Admit(ctx, store.Admission{
		Conn: a.Conn, Proof: a.Proof, Until: a.Until, Ticket: a.Ticket, Expires: a.Expires, Target: a.Target, Entry: store.SignOn(a.Entry),
	})
}

// NoteSignOn implements signon.Desk.
func (d signOnDesk) NoteSignOn(ctx context.Context, e signon.Entry) error {
	return d.DB.NoteSignOn(ctx, store.SignOn(e))
}

// RedeemTicket implements api.SignOns.
func (d signOnDesk) RedeemTicket(ctx context.Context, ticket string, tenants []string) (api.RedeemedTicket, bool, error) {
	t, ok, err := d.DB.RedeemTicket(ctx, signon.HashOf(ticket), tenants)
	return api.RedeemedTicket(t), ok, err
}

// SignOns implements api.SignOns.
func (d signOnDesk) SignOns(ctx context.Context, f api.SignOnFilter, p connector.PageOf) (connector.Page[api.SignOn], error) {
	found, err := d.DB.SignOns(ctx, store.SignOnFilter(f), p)
	out := connector.Page[api.SignOn]{Next: found.Next, Items: make([]api.SignOn, len(found.Items))}
	for i, e := range found.Items {
		out.Items[i] = api.SignOn(e)
	}
	return out, err
}

// signedOn counts a browser that came from an OA.
func (a *app) signedOn(v signon.Visit) { a.metrics.SignedOn(v.Key, string(v.Outcome), v.Took) }

// client is the browser's address: the connection's, or what a trusted proxy says in front of us.
func (a *app) client() func(*http.Request) string {
	var trusted []netip.Prefix
	for _, s := range a.cfg.trustedProxies {
		if p, err := netip.ParsePrefix(s); err == nil { // checked with the flags
			trusted = append(trusted, p)
		}
	}
	ours := func(s string) bool {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return false
		}
		for _, p := range trusted {
			if p.Contains(addr.Unmap()) {
				return true
			}
		}
		return false
	}
	return func(r *http.Request) string {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			host = r.RemoteAddr
		}
		// From the nearest proxy on outwards, as far as each is one of ours: what stands before those anybody may have written.
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for i := len(hops) - 1; i >= 0 && ours(host); i-- {
			hop := strings.TrimSpace(hops[i])
			if _, err := netip.ParseAddr(hop); err != nil {
				break
			}
			host = hop
		}
		return host
	}
}

// cameFrom notes from where each request comes, and by which way, for the audit.
func cameFrom(client func(*http.Request) string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := identity.From{Address: client(r), Way: "console"}
		if strings.HasPrefix(r.URL.Path, api.Prefix+"/") {
			f.Way = "api"
			if r.UserAgent() == agent {
				f.Way = "cli"
			}
		}
		next.ServeHTTP(w, r.WithContext(identity.WithFrom(r.Context(), f)))
	})
}

// front leads browsers from an OA to the gateway, people to the console, and all others to the API.
func front(gateway, register http.Handler, pages *console.Console, api *api.API) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, signon.Prefix), signon.IsOld(r.URL.Path), r.URL.Path == signon.KeysPath:
			gateway.ServeHTTP(w, r)
		case r.URL.Path == signon.RegisterPath:
			register.ServeHTTP(w, r)
		case pages.Serves(r):
			pages.ServeHTTP(w, r)
		case !api.Serves(r) && strings.Contains(r.Header.Get("Accept"), "text/html"):
			pages.Lost(w, r)
		default:
			api.ServeHTTP(w, r)
		}
	})
}
