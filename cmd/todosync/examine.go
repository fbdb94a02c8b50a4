package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"todosync/connector"
	"todosync/retry"
	"todosync/web/api"
)

const (
	expiresSoon  = 14 * 24 * time.Hour   // a certificate that ends within is warned of
	slowSync     = 50 * time.Millisecond // a sync to disk that takes longer slows everything down
	probesAtOnce = 16                    // connections that are looked at at the same time
	examineLimit = 90 * time.Second      // for all of it
)

// examine looks at all that this server needs and speaks to.
func (a *app) examine(ctx context.Context) []api.Check {
	ctx, cancel := context.WithTimeout(ctx, examineLimit)
	defer cancel()
	var out []api.Check
	for _, p := range a.health(ctx) {
		c := api.Check{Part: p.Name, State: p.State, Detail: p.Detail}
		if c.Detail == "" {
			c.Detail = "well"
		}
		out = append(out, c)
	}
	if h := a.reader.Health(ctx); h.Last > 0 || h.MaxBytes > 0 {
		out = append(out, api.Check{
			Part: "stream", Name: h.Stream, State: api.PartOK,
			Detail: fmt.Sprintf("planned up to %d of %d, %d MiB of %d MiB used", h.Position, h.Last, h.Bytes>>20, h.MaxBytes>>20),
		})
	}
	out = append(out, examineSync(a.cfg.dataDir), examineKey(a.cfg.key()))
	return append(out, a.examineConnections(ctx)...)
}

// examineSync measures a sync to disk where the store is.
func examineSync(dir string) api.Check {
	c := api.Check{Part: "disk", Name: "sync", State: api.PartOK}
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		c.State, c.Detail, c.Hint = api.PartDown, "cannot write to "+dir, "make it writable for the user who runs todosync"
		return c
	}
	defer func() { _ = f.Close(); _ = os.Remove(f.Name()) }()
	began := time.Now()
	const rounds = 5
	for range rounds {
		if _, err := f.Write(make([]byte, 4096)); err == nil {
			err = f.Sync()
		}
		if err != nil {
			c.State, c.Detail, c.Hint = api.PartDown, "a sync to disk fails: "+err.Error(), "check the disk"
			return c
		}
	}
	took := time.Since(began) / rounds
	c.Detail = "a sync takes " + took.Round(10*time.Microsecond).String()
	if took > slowSync {
		c.State, c.Hint = api.PartWarning, "every commit waits for one: give the data folder a faster disk"
	}
	return c
}

// examineKey looks at the file with the key of secrets.
func examineKey(path string) api.Check {
	c := api.Check{Part: "key", State: api.PartOK, Detail: path}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		c.State, c.Detail, c.Hint = api.PartDown, path+" cannot be read", "bring it back: without it no secret in the store can be read"
	case info.Mode().Perm()&0o077 != 0:
		c.State, c.Detail, c.Hint = api.PartWarning, fmt.Sprintf("%s can be read by others (%s)", path, info.Mode().Perm()), "chmod 600 "+path
	}
	return c
}

// examineConnections looks at the addresses of all connections that are on, several at a time.
func (a *app) examineConnections(ctx context.Context) []api.Check {
	all := a.store.Conditions()
	found := make([][]api.Check, len(all))
	places := make(chan struct{}, probesAtOnce)
	var probes sync.WaitGroup
	for i, c := range all {
		probes.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			found[i] = a.examineConnection(ctx, c.Key, c.Condition)
		})
	}
	probes.Wait()
	var out []api.Check
	for _, f := range found {
		out = append(out, f...)
	}
	return out
}

func (a *app) examineConnection(ctx context.Context, key connector.ConnectionKey, now connector.Condition) []api.Check {
	check := func(state api.PartState, detail, hint string) api.Check {
		return api.Check{Part: "connection", Name: key.String(), State: state, Detail: detail, Hint: hint}
	}
	if now.Disabled {
		return []api.Check{check(api.PartOK, "disabled in its settings", "")}
	}
	n, err := a.store.Lookup(key)
	var program *connector.Program
	if err == nil {
		program, err = a.store.Program(ctx, n)
	}
	if err != nil {
		return []api.Check{check(api.PartDown, said(err), "mend its settings and apply them again")}
	}
	var out []api.Check
	switch {
	case !now.TokenRefused.IsZero():
		out = append(out, check(api.PartDown, "its OA gives no token since "+now.TokenRefused.Format(time.RFC3339)+": "+now.Message,
			"check account and password; setting the secret asks at once"))
	case !now.DownSince.IsZero():
		out = append(out, check(api.PartDown, "its OA is taken for down since "+now.DownSince.Format(time.RFC3339)+": "+now.Message, ""))
	case now.Paused:
		out = append(out, check(api.PartWarning, "paused", "todosync connections resume "+key.Name+" --tenant "+key.Tenant))
	}
	for _, target := range targetsOf(program.Settings) {
		out = append(out, a.examineTarget(ctx, check, program.Settings, target))
	}
	return out
}

// examineTarget connects to one address of a connection.
func (a *app) examineTarget(ctx context.Context, check func(api.PartState, string, string) api.Check, s *connector.Connection, u *url.URL) api.Check {
	if s.Proxy != "" {
		return check(api.PartOK, u.Host+" is reached through a proxy, and was not tried", "")
	}
	host, secure := u.Host, u.Scheme == "https"
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), map[bool]string{true: "443", false: "80"}[secure])
	}
	found, err := retry.Probe(ctx, retry.ProbeConfig{
		Host: host, TLS: secure, Egress: a.egress, Limit: time.Duration(s.Timeouts.Connect),
		Config: retry.TLSConfig{
			CAFile: s.TLS.CAFile, CertFile: s.TLS.CertFile, KeyFile: s.TLS.KeyFile, MinVersion: s.TLS.MinVersion,
			InsecureSkipVerify: s.TLS.InsecureSkipVerify, LegacyCiphers: s.TLS.LegacyCiphers, Pin: s.TLS.Pin,
		},
	})
	if err != nil {
		hint := "is the OA up, is there a firewall between, do --egress-deny and --egress-allow let it through?"
		if _, dns := errors.AsType[*net.DNSError](err); dns {
			hint = "the name is not known here: check the address, and the name servers of this machine"
		} else if found.Peer != "" {
			hint = "it answers, but not with a certificate that is taken: see the connection's tls settings (caFile, pin, minVersion)"
		}
		return check(api.PartDown, host+": "+rootCause(err).Error(), hint)
	}
	left := time.Until(found.Expires)
	switch {
	case !secure:
		return check(api.PartOK, host+" answers at "+found.Peer, "")
	case left < expiresSoon:
		return check(api.PartWarning, fmt.Sprintf("the certificate of %s ends on %s", host, found.Expires.Format(time.DateOnly)),
			"tell whoever runs that OA")
	}
	return check(api.PartOK, fmt.Sprintf("%s answers at %s, its certificate ends on %s", host, found.Peer, found.Expires.Format(time.DateOnly)), "")
}

// targetsOf are the servers that a connection calls, as far as its settings name them; each once.
func targetsOf(s *connector.Connection) []*url.URL {
	addresses := []string{}
	for _, scene := range s.Scenes {
		if scene != nil {
			addresses = append(addresses, scene.Address)
		}
	}
	var out []*url.URL
	seen := map[string]bool{}
	for _, address := range addresses {
		for range 5 { // variables may name others
			for name, value := range s.Variables {
				address = strings.ReplaceAll(address, "${"+name+"}", string(value))
			}
		}
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || strings.ContainsAny(u.Host, "#${}") || (u.Scheme != "http" && u.Scheme != "https") {
			u = nil
			if cut, rest, ok := strings.Cut(address, "://"); ok && (cut == "http" || cut == "https") {
				host, _, _ := strings.Cut(rest, "/")
				if !strings.ContainsAny(host, "#${}@?") && host != "" {
					u = &url.URL{Scheme: cut, Host: host}
				}
			}
		}
		if u == nil || seen[u.Scheme+u.Host] {
			continue
		}
		seen[u.Scheme+u.Host] = true
		out = append(out, u)
	}
	return out
}
