package connector

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"todosync/mapping"
	"todosync/retry"
)

// auth tries what lets the connection in, and sends no todo.
func (r *trier) auth(ctx context.Context) {
	c := r.p.Settings
	target := r.target()
	if target != nil && !r.reach(ctx, target) {
		return
	}
	some := false
	if r.p.token != nil {
		some = true
		if !r.token(ctx) {
			return
		}
	}
	if r.p.basic != nil {
		some = true
		r.basic(ctx, target)
	}
	if c.TLS.CertFile != "" {
		some = true
		r.step(TrialStep{Name: TrialClient, OK: true, Detail: "the OA's server has finished the handshake with the client certificate " + c.TLS.CertFile})
	}
	if c.Sign != nil {
		some = true
	}
	if !some && target != nil {
		r.step(TrialStep{Name: TrialNothing, OK: true, Detail: "the connection has no token and no HTTP Basic: nothing more to check without sending a todo"})
	}
}

// target is the address of the first scene that is on, as far as it can be known without an event.
func (r *trier) target() *url.URL {
	for _, s := range Scenes() {
		sp := r.p.scenes[s]
		if sp == nil {
			continue
		}
		b, err := sp.request.address.Append(nil, r.scope, mapping.Wire)
		if err != nil {
			b, err = sp.request.address.Append(nil, r.filled(), mapping.Wire)
		}
		u, perr := url.Parse(string(b))
		if err == nil && perr == nil && u.Hostname() != "" {
			return u
		}
	}
	return nil
}

// filled is a scope in which every person has an account, so that addresses with accounts can be made.
func (r *trier) filled() *mapping.Scope {
	s := *r.scope
	s.Receivers = []mapping.Person{{ID: "0", Name: "-", Account: "-"}}
	s.Sender = s.Receivers[0]
	return &s
}

// reach connects to the OA's server as a request would.
func (r *trier) reach(ctx context.Context, u *url.URL) bool {
	c := r.p.Settings
	host, secure := u.Host, u.Scheme == "https"
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), map[bool]string{true: "443", false: "80"}[secure])
	}
	began := r.w.cfg.Now()
	found, err := retry.Probe(ctx, retry.ProbeConfig{
		Host: host, TLS: secure, Egress: r.w.cfg.Egress, Proxy: c.Proxy, Limit: time.Duration(c.Timeouts.Connect),
		Config: retry.TLSConfig{
			CAFile: c.TLS.CAFile, CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile, MinVersion: c.TLS.MinVersion,
			InsecureSkipVerify: c.TLS.InsecureSkipVerify, LegacyCiphers: c.TLS.LegacyCiphers, Pin: c.TLS.Pin,
		},
	})
	took := spell(r.w.cfg.Now().Sub(began))
	if err != nil {
		hint := "check the address and the network between this server and the OA"
		if found.Reached {
			hint = "the server answers and its certificate is not taken: tls.caFile, tls.pin or an older tls.minVersion"
		}
		r.step(TrialStep{Name: TrialAddress, Detail: host + ": " + err.Error(), Hint: hint})
		return false
	}
	detail := fmt.Sprintf("%s answers at %s within %s", host, found.Peer, took)
	if c.Proxy != "" {
		detail += ", through the proxy"
	}
	if !found.Expires.IsZero() {
		detail += ", its certificate is good until " + found.Expires.Format(time.DateOnly)
	}
	r.step(TrialStep{Name: TrialAddress, OK: true, Detail: detail})
	return true
}

// token asks for a token, or says that it would be asked too often.
func (r *trier) token(ctx context.Context) bool {
	if at := r.p.Condition.TokenRefused; !at.IsZero() && r.t.Conn != 0 {
		if next := nextAsk(at, r.now); r.now.Before(next) {
			r.step(TrialStep{
				Name: TrialToken, Detail: "not asked: the OA has refused one, and asking again and again locks accounts; the worker asks again at " + next.UTC().Format(time.RFC3339) + ". " + r.p.Condition.Message,
				Hint: "set the secret anew (todosync secret set): that lets the worker and a try ask at once",
			})
			return false
		}
	}
	if r.tokenInUse(ctx) {
		return true
	}
	var shown rendering
	var err error
	if r.p.token.script == nil {
		shown, err = r.p.token.ask(r.scope)
	}
	if err != nil {
		r.step(TrialStep{Name: TrialToken, Detail: "its request cannot be made: " + err.Error(), Hint: "set the secrets that it names: todosync secret list --tenant " + r.p.Key.Tenant})
		return false
	}
	got, terr := r.p.token.fetch(ctx, r.a.caller(), r.scope)
	x := r.exchange(shown.stored, r.sender.last()) // of a script, the last call that it made
	x.Response.Body = "***"
	if x.Response.Status == 0 {
		x.Response.Body = ""
	}
	if terr != nil {
		x.Class, x.Message = terr.class, r.secret.mask(terr.msg)
		hint := "check the address of the token's request, and whether the OA is up"
		if terr.class == retry.TokenRefused {
			hint = "check user and password (todosync secret set), and what the OA's administrator allows this account"
		}
		r.step(TrialStep{Name: TrialToken, Detail: terr.msg, Hint: hint, Exchange: x, Rule: "token.value: " + r.p.token.value})
		return false
	}
	r.secret.addToken(got.value)
	r.a.memory.token.recall(KeptToken{Value: got.value, Fetched: r.now, Life: got.life})
	detail := fmt.Sprintf("a token of %d characters, within %s", len([]rune(got.value)), spell(r.sender.last().receipt.Duration))
	switch life := r.p.token.ttl; {
	case got.life > 0:
		detail += ", good for " + got.life.Round(time.Second).String() + " as the answer says"
	case life > 0:
		detail += ", kept for " + life.String()
	}
	r.step(TrialStep{Name: TrialToken, OK: true, Detail: detail, Exchange: x, Rule: "token.value: " + r.p.token.value})
	return true
}

// tokenInUse takes the token that the worker has for the connection: to fetch another would end it at some OAs.
func (r *trier) tokenInUse(ctx context.Context) bool {
	if r.t.Conn == 0 || r.t.Auth {
		return false
	}
	kept, err := r.w.cfg.Registry.Token(ctx, r.t.Conn)
	mark := r.p.mark(ctx, r.w.cfg.Registry)
	if err != nil || kept.Value == "" || mark == "" || kept.For != mark {
		return false
	}
	life := cmp.Or(kept.Life, r.p.token.ttl)
	if age := r.now.Sub(kept.Fetched); life > 0 && (age >= life || age < 0) {
		return false
	}
	r.secret.addToken(kept.Value)
	r.a.memory.token.recall(kept)
	r.step(TrialStep{Name: TrialToken, OK: true, Detail: "the one in use, fetched " + kept.Fetched.UTC().Format(time.RFC3339)})
	return true
}

// spell writes how long something took, for people.
func spell(d time.Duration) string {
	if d < time.Millisecond {
		return "1ms"
	}
	return d.Round(time.Millisecond).String()
}

// basic asks the OA's address with the credentials and without a todo: by GET, which makes nothing, and not at all where a scene is
// told by GET.
func (r *trier) basic(ctx context.Context, target *url.URL) {
	if target == nil || slices.ContainsFunc(Scenes(), func(s Scene) bool {
		return r.p.scenes[s] != nil && strings.EqualFold(r.p.scenes[s].request.method, http.MethodGet)
	}) {
		r.step(TrialStep{Name: TrialBasic, OK: true, Detail: "HTTP Basic: not asked, since a GET of this OA is a todo; a live try shows it"})
		return
	}
	bare := *target
	bare.RawQuery, bare.Fragment = "", ""
	req := rendering{wire: retry.Request{Method: http.MethodGet, Address: bare.String()}, stored: SentRequest{Method: http.MethodGet, Address: r.secret.mask(bare.String())}}
	if err := r.a.authorize(&req, r.scope, r.secret); err != nil {
		r.step(TrialStep{Name: TrialBasic, Detail: err.Error(), Hint: "set the secrets that basic names"})
		return
	}
	_, _ = r.sender.Post(ctx, req.wire) // what came of it is in the receipt
	last := r.sender.last()
	x := r.exchange(req.stored, last)
	switch status := last.receipt.Status; {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		r.step(TrialStep{Name: TrialBasic, Detail: fmt.Sprintf("the OA refuses user and password: HTTP status %d", status), Hint: "check the secrets of basic, and what the OA allows this account", Exchange: x})
	case status == 0:
		r.step(TrialStep{Name: TrialBasic, Detail: retryError(last.err).Error(), Hint: "check the address, and whether the OA is up", Exchange: x})
	default:
		r.step(TrialStep{Name: TrialBasic, OK: true, Detail: fmt.Sprintf("the OA does not refuse user and password (HTTP status %d to a GET without a todo)", status), Exchange: x})
	}
}
