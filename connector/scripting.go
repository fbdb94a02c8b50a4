package connector

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"todosync/connector/script"
	"todosync/mapping"
	"todosync/retry"
)

const (
	// maxScripts is how many scripts of one worker compute at once. Those that wait for a host do not count.
	maxScripts = 2
	// scriptMark stands, in a kept request that a script has made, for each secret in it. It has no value: a script may have made
	// anything of its secrets, so such a request cannot be filled again.
	scriptMark = "script"
)

// A scriptProgram is a script of a connection and what it may use.
type scriptProgram struct {
	program *script.Program
	path    string
	fields  map[string]*mapping.Template // the placeholders that it asks for
	hosts   []string                     // that it may call
	zone    *time.Location
}

func (k *compiler) script(path, src string, kind script.Kind, r mapping.Receivers) *scriptProgram {
	out := &scriptProgram{path: path, fields: map[string]*mapping.Template{}, hosts: k.c.AllowHosts, zone: k.zone}
	var err error
	if out.program, err = script.Compile(kind, src); err != nil {
		k.mistake(path, err)
		return out
	}
	for _, code := range out.program.Codes() {
		out.fields[code] = k.template(path, "#"+code, mapping.Plain, "", r)
	}
	k.note(out.program.Secrets())
	return out
}

// uses reports whether a script asks for the value of a placeholder.
func (p *scriptProgram) uses(code string) bool {
	if p == nil {
		return false
	}
	for _, t := range p.fields {
		if t != nil && t.Uses(code) {
			return true
		}
	}
	return false
}

// A scripting is one run of a script, and the calls that it makes.
type scripting struct {
	program   *scriptProgram
	caller    caller
	masker    *masker
	scope     *mapping.Scope
	home      string                                              // host:port that needs no leave: the request's own; empty: there is none
	authorize func(ctx context.Context, r *rendering) error       // gives a call the connection's credentials; nil: it has none to give
	stale     func(r *retry.Receipt, sent *rendering) (dead bool) // drops the token that an answer says is no longer good
	calls     []Attempt
	left      bool // a call left, or may have
}

// A caller sends requests of one attempt.
type caller struct {
	sender Sender
	may    func() error  // see retry.Request
	slots  chan struct{} // of scripts; nil: no bound
}

// run runs the script. An error is a *mapping.Error, or that of a call: a *retry.Error, or a *tokenError.
func (x *scripting) run(ctx context.Context, in script.Input) (script.Result, error) {
	p := x.program
	in.Fields = map[string]string{}
	for code, t := range p.fields {
		b, err := t.Append(nil, x.scope, mapping.Wire)
		if err != nil {
			return script.Result{}, err
		}
		in.Fields[code] = string(b)
	}
	out, err := p.program.Run(ctx, script.Host{
		Secret:    x.scope.Secret,
		Secretive: func(text string) bool { return x.masker.mask(text) != text },
		Told:      x.masker.add,
		Call:      x.call,
		Now:       x.scope.TryTime, Zone: p.zone, UUID: x.scope.UUID, Slots: x.caller.slots,
	}, in)
	if e, ok := errors.AsType[*mapping.Error](err); ok && e == err { //nolint:errorlint // the run's own error, not one of a call
		at := ""
		if e.Line > 0 {
			at = fmt.Sprintf(" (line %d, column %d)", e.Line, e.Column)
		}
		err = &mapping.Error{Err: fmt.Errorf("%s%s: %w", p.path, at, e.Err)}
	}
	return out, err
}

// call makes one call of a script and keeps its record.
func (x *scripting) call(ctx context.Context, q script.Request) (script.Answer, error) {
	if err := x.allowed(q.Address); err != nil {
		return script.Answer{}, err
	}
	for replay := false; ; replay = true {
		r := rendering{wire: retry.Request{Method: q.Method, Address: q.Address, May: x.caller.may}}
		for _, h := range q.Headers {
			r.wire.Headers = append(r.wire.Headers, retry.Header{Name: h.Name, Value: h.Value})
		}
		body, err := mapping.Encode(headerOf(r.wire.Headers, "Content-Type"), kindOf(r.wire.Headers, q.Body), []byte(q.Body))
		if err != nil {
			return script.Answer{}, err
		}
		r.wire.Body = body
		if q.Auth {
			if x.authorize == nil {
				return script.Answer{}, &mapping.Error{Err: errors.New("auth = True, and there are no credentials that this call could bear")}
			}
			if err := x.authorize(ctx, &r); err != nil {
				return script.Answer{}, err
			}
		}
		receipt, err := x.caller.sender.Post(ctx, r.wire)
		text := string(mapping.Decode(headerOf(receipt.Headers, "Content-Type"), receipt.Body))
		x.keep(&r, q.Body, &receipt, text, err)
		if err != nil && retryError(err).Status == 0 {
			return script.Answer{}, err
		}
		if q.Auth && !replay && x.stale != nil && x.stale(&receipt, &r) {
			continue
		}
		out := script.Answer{Status: receipt.Status, Body: text}
		for _, h := range receipt.Headers {
			out.Headers = append(out.Headers, script.Header{Name: h.Name, Value: h.Value})
		}
		return out, nil
	}
}

// keep records an exchange as it is. Secrets are taken out of it when the run is over, and all of them known.
func (x *scripting) keep(r *rendering, body string, receipt *retry.Receipt, text string, err error) {
	a := Attempt{
		Started: receipt.Started, Duration: receipt.Duration,
		Request:  SentRequest{Method: r.wire.Method, Address: r.wire.Address, Headers: r.wire.Headers, Body: body},
		Response: ReceivedAnswer{Status: receipt.Status, Headers: receipt.Headers, Body: text},
	}
	if err != nil {
		e := retryError(err)
		a.Class, a.Message = e.Class, e.Error()
		x.left = x.left || e.Unanswered || e.Status != 0
	} else {
		x.left = true
	}
	x.calls = append(x.calls, a)
}

// records gives the exchanges with all secrets taken out.
func (x *scripting) records(scene Scene) []Attempt {
	m := x.masker
	for i := range x.calls {
		a := &x.calls[i]
		a.Scene = scene
		a.Request.Address, a.Request.Body = m.hide(a.Request.Address), m.hide(a.Request.Body)
		sent, received := slices.Clone(a.Request.Headers), slices.Clone(a.Response.Headers)
		for j := range sent {
			sent[j].Value = m.hide(sent[j].Value)
		}
		for j := range received {
			received[j].Value = m.mask(received[j].Value)
		}
		a.Request.Headers, a.Response.Headers = sent, received
		a.Response.Body = keptBody(m.mask(a.Response.Body))
		a.Message = cut(m.mask(a.Message), maxKeptMessage)
	}
	return x.calls
}

// allowed refuses addresses of hosts that the connection does not name.
func (x *scripting) allowed(address string) error {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return &mapping.Error{Err: errors.New("it calls an address that does not begin with http:// or https:// and a host")}
	}
	if x.home != "" && u.Scheme+"://"+strings.ToLower(u.Host) == x.home {
		return nil
	}
	for _, host := range x.program.hosts {
		if strings.EqualFold(host, u.Hostname()) || strings.EqualFold(host, u.Host) || strings.EqualFold("["+u.Hostname()+"]", host) {
			return nil
		}
	}
	return &mapping.Error{Err: fmt.Errorf("it calls %s, which allowHosts does not name", u.Host)}
}

// homeOf is the host of an address with its scheme, as allowed compares it.
func homeOf(address string) string {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}

// hide takes secrets out of a request that a script has made.
func (m *masker) hide(s string) string { return m.maskAs(s, mapping.Mark(scriptMark)) }

// kindOf says what a body is that no template has made (as Template.Kind has it), for what its charset lacks.
func kindOf(headers []retry.Header, body string) string {
	switch contentType, text := strings.ToLower(headerOf(headers, "Content-Type")), strings.TrimSpace(body); {
	case strings.Contains(contentType, "application/x-www-form-urlencoded"):
		return "form"
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		return "json"
	case strings.HasPrefix(text, "<"):
		return "xml"
	}
	return "text"
}

// input is a request as a script is given it.
func (r *rendering) input() script.Request {
	out := script.Request{Method: r.wire.Method, Address: r.wire.Address, Body: r.text.wire}
	for _, h := range r.wire.Headers {
		out.Headers = append(out.Headers, script.Header{Name: h.Name, Value: h.Value})
	}
	return out
}

// take makes the request what a script wants it to be. What the script left as it was is kept as it was, with the marks of its secrets.
func (r *rendering) take(q script.Request, m *masker) error {
	r.wire.Method, r.stored.Method = q.Method, q.Method
	if q.Address != r.wire.Address {
		r.wire.Address, r.stored.Address = q.Address, m.hide(q.Address)
	}
	wire, stored := r.wire.Headers, r.stored.Headers
	r.wire.Headers, r.stored.Headers = nil, nil
	for _, h := range q.Headers {
		kept := m.hide(h.Value)
		if i := slices.Index(wire, retry.Header{Name: h.Name, Value: h.Value}); i >= 0 && i < len(stored) {
			kept = stored[i].Value
		}
		r.add(h.Name, h.Value, kept)
	}
	if q.Body != r.text.wire {
		r.text.wire, r.text.stored, r.text.kind = q.Body, m.hide(q.Body), kindOf(r.wire.Headers, q.Body)
	}
	r.stored.Body = ""
	if q.Body == "" {
		r.wire.Body = nil
		return nil
	}
	return r.encode()
}

// scripted runs the scene's script and sends what it wants to be sent, unless it has made the call itself.
func (a *attempter) scripted(ctx context.Context, w *Work, sp *sceneProgram, r *rendering, s *mapping.Scope, m *masker, accounts []string) ([]Attempt, verdict) {
	x := &scripting{
		program: sp.script, caller: a.caller(), masker: m, scope: s, home: homeOf(r.wire.Address),
		authorize: func(ctx context.Context, r *rendering) error { return a.credentials(ctx, r, s, m) },
		stale:     a.dropStale,
	}
	out, err := x.run(ctx, script.Input{
		Request: r.input(), Event: string(w.Event.Payload), Tenant: w.Key.Tenant, Connection: w.Key.Name, Scene: string(sp.scene), Key: w.ID,
	})
	if err == nil && !out.Finished {
		if out.Request.Address != r.wire.Address {
			if err = x.allowed(out.Request.Address); err != nil {
				err = fmt.Errorf("%s: %w", sp.script.path, err)
			}
		}
		if err == nil {
			err = r.take(out.Request, m)
		}
		if err == nil {
			err = a.authorize(r, s, m)
		}
	}
	calls := x.records(sp.scene)
	if err != nil {
		return scriptFailure(calls, err, x.left, m)
	}
	var v verdict
	if out.Finished {
		v = answered(sp.answer.Judge(out.Code, out.Message, out.ID), accounts)
		v.code, v.message, v.remoteID = cut(m.mask(v.code), maxKeptCode), cut(m.mask(v.message), maxKeptMessage), m.mask(v.remoteID)
		if n := len(calls); n > 0 {
			calls[n-1].Class, calls[n-1].Code, calls[n-1].Message = v.class, v.code, v.message
		}
		v.left = x.left
		return calls, v
	}
	more, v := a.call(ctx, sp, r, s, m, accounts)
	v.left = v.left || x.left
	return append(calls, more...), v
}

// scriptFailure is the verdict on a delivery whose script has failed: by itself, or because a call of it did.
func scriptFailure(calls []Attempt, err error, left bool, m *masker) ([]Attempt, verdict) {
	if e, ok := errors.AsType[*tokenError](err); ok {
		attempts, v := tokenFailure(calls, e, m)
		v.left = left
		return attempts, v
	}
	if e, ok := errors.AsType[*retry.Error](err); ok {
		return calls, verdict{
			class: e.Class, message: m.mask(e.Error()), unanswered: e.Unanswered, hint: e.RetryAfter, left: left,
			released: errors.Is(err, retry.ErrWithheld),
		}
	}
	v := verdict{class: retry.Mapping, message: cut(m.mask(err.Error()), maxKeptMessage), left: left}
	v.released = KindOf(err) == Unavailable && !left // a secret could not be read because the store is away
	return calls, v
}

// credentials gives a script's call what the connection's requests bear: HTTP Basic, and the token.
func (a *attempter) credentials(ctx context.Context, r *rendering, s *mapping.Scope, m *masker) error {
	if err := a.authorize(r, s, m); err != nil {
		return err
	}
	t := a.program.token
	if t == nil {
		return nil
	}
	token, terr := a.token(ctx, s)
	if terr != nil {
		return terr
	}
	m.addToken(token)
	t.place(r, token)
	r.token = token
	return nil
}

// dropStale forgets the token that a script's call has borne when the answer says that it is no longer good.
func (a *attempter) dropStale(receipt *retry.Receipt, sent *rendering) bool {
	t := a.program.token
	return t != nil && slices.Contains(t.status, receipt.Status) && a.memory.token.drop(sent.token, a.worker.cfg.Now())
}

// caller is how the attempt's requests leave.
func (a *attempter) caller() caller {
	return caller{sender: a.sender, may: a.may, slots: a.worker.scripts}
}

// byScript lets the script fetch a token.
func (t *tokenProgram) byScript(ctx context.Context, c caller, scope *mapping.Scope) (fetchedToken, *tokenError) {
	m := &masker{}
	s := *scope
	s.Told = func(v string) {
		m.add(v)
		if scope.Told != nil {
			scope.Told(v)
		}
	}
	r, err := t.ask(&s)
	if err != nil {
		return fetchedToken{}, &tokenError{class: retry.Mapping, msg: "the token's request: " + err.Error()}
	}
	x := &scripting{program: t.script, caller: c, masker: m, scope: &s, home: homeOf(r.wire.Address)}
	out, err := x.run(ctx, script.Input{Request: r.input(), Tenant: s.Tenant, Connection: s.Connection})
	fail := func(c retry.Class, msg string, hint time.Duration) (fetchedToken, *tokenError) {
		e := &tokenError{class: c, msg: m.mask(msg), hint: hint}
		if calls := x.records(""); len(calls) > 0 {
			e.attempt = calls[len(calls)-1]
			e.attempt.Response = ReceivedAnswer{Status: e.attempt.Response.Status, Body: "***"} // it may hold a token in any shape
			e.attempt.Class, e.attempt.Message = c, e.msg
		}
		return fetchedToken{}, e
	}
	switch {
	case err != nil:
		if e, ok := errors.AsType[*retry.Error](err); ok {
			return fail(tokenClass(e), "the token's script: "+e.Error(), e.RetryAfter)
		}
		return fail(retry.Mapping, err.Error(), 0)
	case out.Token == "":
		return fail(retry.TokenRefused, "the token's script gives no token", 0)
	case !usableToken(out.Token):
		return fail(retry.TokenRefused, "the token's script gives something that can't be a token, perhaps a page", 0)
	case slices.Contains(t.refuse, out.Token):
		return fail(retry.TokenRefused, "the OA refuses a token: the script gives "+out.Token, 0)
	}
	return fetchedToken{value: out.Token, life: out.Life}, nil
}
