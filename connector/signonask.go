package connector

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"todosync/mapping"
	"todosync/retry"
)

// ticketCode stands for the ticket in the templates of a verifier: {ticket} is written so that integrators need no code for it.
const ticketCode = "F999"

// A signOnProgram is how an OA proves who an employee is, ready to run.
type signOnProgram struct {
	secrets []*mapping.Template
	base    []*mapping.Template
	frames  []*mapping.Template
	client  [2]*mapping.Template // id and secret; nil: none
	script  *mapping.Template    // nil: none
	verify  *requestProgram      // nil: no verifier of settings
	bears   bool                 // the verifier's request bears the connection's token
}

// SignOnTexts are the texts of a connection's sign-on settings, with variables and secrets filled in.
type SignOnTexts struct {
	Secrets      []string // of signed links, newest first
	Base         []string // the addresses that may be asked, without a slash at their ends
	Frames       []string // addresses of pages that may show the gateway's in a frame
	ClientID     string
	ClientSecret string
	Script       string
}

// signOn compiles the sign-on settings.
func (k *compiler) signOn(s *SignOnSettings) *signOnProgram {
	out := &signOnProgram{}
	for i, t := range s.Secret {
		out.secrets = append(out.secrets, k.template(fmt.Sprintf("signOn.secret[%d]", i), string(t), mapping.HeaderValue, "", mapping.Each))
	}
	if s.ClientID != "" {
		out.client[0] = k.template("signOn.clientId", s.ClientID, mapping.HeaderValue, "", mapping.Each)
	}
	if s.ClientSecret != "" {
		out.client[1] = k.template("signOn.clientSecret", s.ClientSecret, mapping.HeaderValue, "", mapping.Each)
	}
	if s.Script != "" {
		out.script = k.template("signOn.script", s.Script, mapping.Address, "", mapping.Each)
	}
	for i, b := range s.Base {
		out.base = append(out.base, k.template(fmt.Sprintf("signOn.base[%d]", i), string(b), mapping.Address, "", mapping.Each))
	}
	for i, f := range s.Frames {
		out.frames = append(out.frames, k.template(fmt.Sprintf("signOn.frames[%d]", i), string(f), mapping.Address, "", mapping.Each))
	}
	if s.Verify == nil {
		return out
	}
	own, err := mapping.ParseFields(map[string]mapping.Field{ticketCode: {Path: "ticket"}}, k.zone, k.c.TimeFormat)
	k.mistake("signOn.verify", err)
	inner := *k
	inner.fields, inner.mistakes = own, nil
	settings := RequestSettings{Method: s.Verify.Method, Address: withTicket(s.Verify.URL), Headers: Headers{}, Body: withTicket(s.Verify.Body)}
	if settings.Method == "" {
		settings.Method = "GET"
	}
	for name, v := range s.Verify.Headers {
		settings.Headers[name] = Text(withTicket(string(v)))
	}
	request := inner.request("signOn.verify", settings, mapping.Each)
	k.mistakes, k.named, k.env = append(k.mistakes, inner.mistakes...), inner.named, inner.env
	out.verify, out.bears = &request, s.Verify.TokenRef != ""
	return out
}

func withTicket(s string) string { return strings.ReplaceAll(s, "{ticket}", "#"+ticketCode) }

// signOnScope is what the templates of a sign-on may ask for.
func (p *Program) signOnScope(ctx context.Context, from Registry, doc *mapping.Doc) *mapping.Scope {
	s := p.scope(&Delivery{Key: p.Key}, "", &StoredEvent{}, nothing(), &Lane{}, nil)
	s.Event = doc
	s.Secret = func(name string) (string, error) { return from.Secret(ctx, p.Key.Tenant, name) }
	s.UUID = func() string { return "" }
	return s
}

// SignOn fills the texts of the connection's sign-on settings in. Without such settings all are empty.
func (p *Program) SignOn(ctx context.Context, from Registry) (SignOnTexts, error) {
	var out SignOnTexts
	if p.signOn == nil {
		return out, nil
	}
	s := p.signOnScope(ctx, from, nothing())
	var err error
	fill := func(t *mapping.Template) string {
		if t == nil || err != nil {
			return ""
		}
		var b []byte
		b, err = t.Append(nil, s, mapping.Wire)
		return string(b)
	}
	for _, t := range p.signOn.secrets {
		out.Secrets = append(out.Secrets, fill(t))
	}
	for _, t := range p.signOn.base {
		out.Base = append(out.Base, strings.TrimRight(fill(t), "/"))
	}
	for _, t := range p.signOn.frames {
		out.Frames = append(out.Frames, fill(t))
	}
	out.ClientID, out.ClientSecret, out.Script = fill(p.signOn.client[0]), fill(p.signOn.client[1]), fill(p.signOn.script)
	return out, err
}

// AskOA sends one request of a sign-on with the connection's certificates, proxy and time limits, beside all deliveries. What it says
// of an error is free of secrets.
func (w *Worker) AskOA(ctx context.Context, conn int64, r retry.Request) (retry.Receipt, error) {
	p, err := w.cfg.Registry.Program(ctx, conn)
	if err != nil {
		return retry.Receipt{}, err
	}
	sender, err := w.open(p.Settings)
	if err != nil {
		return retry.Receipt{}, err
	}
	defer sender.Close()
	return sender.Post(ctx, r)
}

// VerifyTicket asks the OA about a ticket with the request that signOn.verify describes.
func (w *Worker) VerifyTicket(ctx context.Context, conn int64, ticket string) (retry.Receipt, error) {
	p, err := w.cfg.Registry.Program(ctx, conn)
	if err != nil {
		return retry.Receipt{}, err
	}
	if p.signOn == nil || p.signOn.verify == nil {
		return retry.Receipt{}, &Error{Kind: Invalid, Op: "verify ticket", Msg: "the connection has no signOn.verify"}
	}
	event, err := json.Marshal(map[string]string{"ticket": ticket})
	if err != nil {
		return retry.Receipt{}, err
	}
	doc, err := mapping.ParseDoc(event)
	if err != nil {
		return retry.Receipt{}, err
	}
	made, err := p.signOn.verify.render(p.signOnScope(ctx, w.cfg.Registry, doc))
	if err != nil {
		return retry.Receipt{}, err
	}
	if p.signOn.bears {
		return w.AskAsApp(ctx, conn, made.wire)
	}
	return w.AskOA(ctx, conn, made.wire)
}
