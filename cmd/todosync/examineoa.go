package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"todosync/connector"
	"todosync/retry"
	"todosync/web/api"
)

// examineConnections looks at the addresses of all connections that are on, several at a time, and asks for their tokens if it may. It
// tells by how much the clocks of the OAs that answered are ahead of ours.
func (a *app) examineConnections(ctx context.Context, tokens bool) (out []api.Check, clocks []time.Duration) {
	all := a.store.Conditions()
	found := make([]connectionChecks, len(all))
	places := make(chan struct{}, probesAtOnce)
	var probes sync.WaitGroup
	for i, c := range all {
		probes.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			found[i].app, found[i].key = a, c.Key
			found[i].examine(ctx, c.Condition, tokens)
		})
	}
	probes.Wait()
	for i := range found {
		out, clocks = append(out, found[i].checks...), append(clocks, found[i].clocks...)
	}
	return out, clocks
}

// connectionChecks is what is found of one connection.
type connectionChecks struct {
	app    *app
	key    connector.ConnectionKey
	checks []api.Check
	clocks []time.Duration // by how much the OA's clock is ahead of ours, where it told
}

func (e *connectionChecks) add(state api.PartState, detail, hint string) {
	e.checks = append(e.checks, api.Check{Part: "connection", Name: e.key.String(), State: state, Detail: detail, Hint: hint})
}

func (e *connectionChecks) examine(ctx context.Context, now connector.Condition, tokens bool) {
	if now.Disabled {
		e.add(api.PartOK, "disabled in its settings", "")
		return
	}
	n, err := e.app.store.Lookup(e.key)
	var program *connector.Program
	if err == nil {
		program, err = e.app.store.Program(ctx, n)
	}
	if err != nil {
		e.add(api.PartDown, said(err), "mend its settings and apply them again")
		return
	}
	if !now.DownSince.IsZero() {
		e.add(api.PartDown, "its OA is taken for down since "+now.DownSince.Format(time.RFC3339)+": "+now.Message, "")
	}
	if now.Paused {
		e.add(api.PartWarning, "paused", "todosync connections resume "+e.key.Name+" --tenant "+e.key.Tenant)
	}
	reached := true
	for _, target := range targetsOf(program.Settings) {
		if !e.target(ctx, program.Settings, target) && program.Settings.Token != nil && sameServer(program.Settings, target, program.Settings.Token.Request.Address) {
			reached = false
		}
	}
	switch {
	case program.Settings.Token == nil:
	case !now.TokenRefused.IsZero():
		e.token(ctx, n) // asks nobody
	case !tokens:
		e.add(api.PartOK, "token: not asked for", "")
	case !reached:
		e.add(api.PartDown, "token: its address is not reached, so it was not asked", "mend the address first")
	default:
		e.token(ctx, n)
	}
}

// token has the OA asked for a token, unless it was refused one not long ago.
func (e *connectionChecks) token(ctx context.Context, conn int64) {
	got, err := e.app.worker.CheckToken(ctx, conn)
	if err != nil {
		e.add(api.PartDown, "token: "+said(err), "mend its settings and apply them again")
		return
	}
	if got.Dated {
		e.clocks = append(e.clocks, got.Ahead)
	}
	when := ""
	if !got.Next.IsZero() {
		when = "; not asked now, again from " + got.Next.Format(time.RFC3339) + " on"
	}
	switch {
	case got.None:
	case got.Problem == "":
		e.add(api.PartOK, "token: the OA gave one within "+got.Took.Round(time.Millisecond).String(), "")
	case got.Refused:
		e.add(api.PartDown, "token: "+got.Problem+when,
			"check account and password (todosync secrets set, or the OA's side): setting the secret asks at once")
	case got.Asked.IsZero():
		e.add(api.PartWarning, "token: "+got.Problem+when, "")
	default:
		e.add(api.PartDown, "token: "+got.Problem, "check the address of the token's request, and whether the OA is up")
	}
}

// target connects to one server of a connection, as a request would, and reports whether one could go.
func (e *connectionChecks) target(ctx context.Context, s *connector.Connection, u *url.URL) (reached bool) {
	host, secure := u.Host, u.Scheme == "https"
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), map[bool]string{true: "443", false: "80"}[secure])
	}
	found, err := retry.Probe(ctx, retry.ProbeConfig{
		Host: host, TLS: secure, Egress: e.app.egress, Proxy: s.Proxy, Limit: time.Duration(s.Timeouts.Connect),
		Config: retry.TLSConfig{
			CAFile: s.TLS.CAFile, CertFile: s.TLS.CertFile, KeyFile: s.TLS.KeyFile, MinVersion: s.TLS.MinVersion,
			InsecureSkipVerify: s.TLS.InsecureSkipVerify, LegacyCiphers: s.TLS.LegacyCiphers, Pin: s.TLS.Pin,
		},
	})
	by := ""
	if s.Proxy != "" {
		by = " through the proxy"
	}
	if err != nil {
		e.add(api.PartDown, host+by+": "+rootCause(err).Error(), hintOn(found, err, s.Proxy != ""))
		return false
	}
	left := time.Until(found.Expires)
	switch {
	case !secure && s.Proxy != "":
		e.add(api.PartOK, fmt.Sprintf("the proxy to %s answers at %s", host, found.Peer), "")
	case !secure:
		e.add(api.PartOK, host+" answers at "+found.Peer, "")
	case left < 0:
		e.add(api.PartWarning, fmt.Sprintf("the certificate of %s has ended on %s", host, found.Expires.Format(time.DateOnly)), "tell whoever runs that OA")
	case left < expiresSoon:
		e.add(api.PartWarning, fmt.Sprintf("the certificate of %s ends on %s", host, found.Expires.Format(time.DateOnly)), "tell whoever runs that OA")
	default:
		e.add(api.PartOK, fmt.Sprintf("%s answers%s at %s, its certificate ends on %s", host, by, found.Peer, found.Expires.Format(time.DateOnly)), "")
	}
	return true
}

// hintOn says what to do about a server that no request can go to.
func hintOn(found retry.Probed, err error, proxied bool) string {
	_, dns := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(err, retry.ErrNotAllowed):
		return "this server may not call it: see --egress-deny and --egress-allow"
	case found.Reached:
		return "it answers, but not with a certificate that is taken: see the connection's tls settings (caFile, pin, minVersion)"
	case proxied && dns:
		return "the name of the proxy is not known here: check proxy in the connection's settings"
	case proxied && found.Peer != "":
		return "the proxy answers, and does not connect to the OA: ask whoever runs the proxy, and check user and password in proxy"
	case proxied:
		return "the proxy does not answer: check proxy in the connection's settings"
	case dns:
		return "the name is not known here: check the address, and the name servers of this machine"
	}
	return "is the OA up, is there a firewall between, do --egress-deny and --egress-allow let it through?"
}

// sameServer reports whether an address is on a server.
func sameServer(s *connector.Connection, server *url.URL, address string) bool {
	u := serverOf(s, address)
	return u != nil && u.Scheme == server.Scheme && u.Host == server.Host
}

// targetsOf are the servers that a connection calls, as far as its settings name them; each once.
func targetsOf(s *connector.Connection) []*url.URL {
	var addresses []string
	for _, scene := range s.Scenes {
		if scene != nil {
			addresses = append(addresses, scene.Address)
		}
	}
	slices.Sort(addresses) // scenes have no order of their own
	if s.Token != nil {
		addresses = append(addresses, s.Token.Request.Address)
	}
	var out []*url.URL
	seen := map[string]bool{}
	for _, address := range addresses {
		u := serverOf(s, address)
		if u == nil || seen[u.Scheme+u.Host] {
			continue
		}
		seen[u.Scheme+u.Host] = true
		out = append(out, u)
	}
	return out
}

// serverOf is the server that an address of a connection names, nil where only an event or a secret tells.
func serverOf(s *connector.Connection, address string) *url.URL {
	for range 5 { // variables may name others
		for name, value := range s.Variables {
			address = strings.ReplaceAll(address, "${"+name+"}", string(value))
		}
	}
	u, err := url.Parse(address)
	if err == nil && u.Host != "" && !strings.ContainsAny(u.Host, "#${}") && (u.Scheme == "http" || u.Scheme == "https") {
		return &url.URL{Scheme: u.Scheme, Host: u.Host}
	}
	scheme, rest, ok := strings.Cut(address, "://")
	if host, _, _ := strings.Cut(rest, "/"); ok && (scheme == "http" || scheme == "https") && host != "" && !strings.ContainsAny(host, "#${}@?") {
		return &url.URL{Scheme: scheme, Host: host}
	}
	return nil
}
