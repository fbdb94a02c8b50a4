package connector

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/google/uuid"

	"todosync/mapping"
	"todosync/retry"
)

// How much of an answer is kept, in bytes. Lists of records show codes and messages.
const (
	maxKeptBody    = 64 << 10
	maxKeptCode    = 256
	maxKeptMessage = 2000
)

// cut shortens a text, never within a character.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// An attempter makes attempts of one revision of a connection.
type attempter struct {
	worker  *Worker
	memory  *memory
	program *Program
	sender  Sender
	secrets *masker // all that the connection's requests may hold, also those of other scenes and of the token
	mark    string  // see Program.mark; empty: no token is kept
	fence   int64
	may     func() error // see retry.Request; nil: nothing is shared
}

// attempt makes one try of a claimed delivery and decides what follows. ctx ends when the worker must stop at once.
func (a *attempter) attempt(ctx context.Context, w Work) outcome {
	if c := a.sortOut(&w, a.worker.cfg.Now()); c != nil {
		return outcome{work: w, change: *c}
	}
	scene, ended := settled(a.program, &w, a.worker.cfg.Now())
	if ended != nil {
		return outcome{work: w, change: *ended}
	}
	o := outcome{work: w, sent: scene}
	m := a.secrets.clone()
	sp := a.program.scenes[scene]
	scope, err := a.scope(ctx, &w, scene, m)
	if err != nil {
		return a.unrendered(o, err)
	}
	r, account, err := a.request(&w, scene, scope, m)
	if err != nil {
		return a.unrendered(o, err)
	}
	r.addOnce("Idempotency-Key", w.ID)
	if w.Event.Trace != "" {
		r.addOnce("traceparent", w.Event.Trace)
	}
	x := exchange{program: a.program, work: &w, sent: scene, account: account, frozen: a.frozen(scene, scope), people: peopleOf(&w, scope)}
	if sp.told {
		x.told = scope.TryTime
	}
	attempts, v := a.exchanges(ctx, &w, sp, &r, scope, m, x.people)
	if ctx.Err() != nil && v.class != retry.OK {
		v.released = true // we stopped: that uses up no try
	}
	x.verdict, x.now = v, a.worker.cfg.Now()
	o.change, o.verdict, o.hint = x.next(), v, v.hint
	for i := range attempts {
		attempts[i].Number = w.Attempts + 1 + i
		attempts[i].Revision, attempts[i].Worker = a.program.Revision, a.worker.cfg.Name
		o.duration += attempts[i].Duration
	}
	o.change.Attempts = attempts
	return o
}

// scope gathers what the templates of the delivery may ask for.
func (a *attempter) scope(ctx context.Context, w *Work, scene Scene, m *masker) (*mapping.Scope, error) {
	doc := w.Event.Doc
	if doc == nil {
		var err error
		if doc, err = mapping.ParseDoc(w.Event.Payload); err != nil {
			return nil, err
		}
	}
	s := a.program.scope(&w.Delivery, scene, &w.Event, doc, &w.LaneNow, w.Bindings)
	s.Tries = w.Tries + 1
	s.TryTime = a.memory.tryTime(a.worker.cfg.Now(), w.LaneNow.Told)
	s.Secret = func(name string) (string, error) {
		return a.worker.cfg.Registry.Secret(ctx, w.Key.Tenant, name)
	}
	s.Told = m.add
	one := ""
	s.UUID = func() string { // one for the whole try, as sent and as kept
		if one == "" {
			one = uuid.NewString()
		}
		return one
	}
	return s, nil
}

// unrendered ends a delivery whose request could not be made. A receiver who lost his binding is held like one who never
// had it.
func (a *attempter) unrendered(o outcome, err error) outcome {
	w := &o.work
	x := exchange{program: a.program, work: w, sent: o.sent, account: w.Account, now: a.worker.cfg.Now()}
	if a.lostAccount(w, o.sent) {
		x.verdict = verdict{class: retry.Unbound, message: unboundMessage(w.Recipients, w.Key)}
		c := x.change()
		switch a.program.Settings.Unbound {
		case UnboundFail:
			c.To = Failed
		case UnboundSkip:
			c.To = Skipped
		case UnboundHold:
			c.To = Held
		default:
			c.To = Held
		}
		o.change, o.verdict, o.sent = c, x.verdict, ""
		return o
	}
	if KindOf(err) == Unavailable {
		// A secret could not be read because the store is away: nothing is wrong with the delivery.
		x.verdict = verdict{class: retry.Mapping, message: err.Error(), released: true}
		o.change, o.verdict, o.sent = x.next(), x.verdict, ""
		return o
	}
	x.verdict = verdict{class: retry.Mapping, message: err.Error()}
	c := x.change()
	c.Tries = w.Tries + 1
	o.change, o.verdict, o.sent = fail(c, w), x.verdict, ""
	return o
}

// lostAccount reports whether the request needs an account that nobody is bound to.
func (a *attempter) lostAccount(w *Work, s Scene) bool {
	for _, r := range w.Recipients {
		if a.program.lacksAccount(w, s, r.ID) {
			return true
		}
	}
	return false
}

// authorize adds HTTP Basic credentials where the connection has them.
func (a *attempter) authorize(r *rendering, s *mapping.Scope, m *masker) error {
	if a.program.basic == nil {
		return nil
	}
	user, _, err := both(a.program.basic.user, s)
	if err != nil {
		return err
	}
	password, _, err := both(a.program.basic.password, s)
	if err != nil {
		return err
	}
	m.add(password)
	joined := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	m.add(joined)
	r.add("Authorization", "Basic "+joined, "Basic "+mapping.Mark(basicMark))
	return nil
}

// addOnce adds a header unless the connection sets it itself.
func (r *rendering) addOnce(name, value string) {
	if headerOf(r.wire.Headers, name) == "" {
		r.add(name, value, value)
	}
}

// frozen are the values that the todo keeps when the OA accepts this request: from its create on, or from its newest
// accepted create or edit. Nil: they stay as they are.
func (a *attempter) frozen(scene Scene, s *mapping.Scope) map[string]string {
	if len(a.program.Settings.Freeze) == 0 || !a.program.thaws(scene) {
		return nil
	}
	out := make(map[string]string, len(a.program.Settings.Freeze))
	for _, code := range a.program.Settings.Freeze {
		if v, err := mapping.Freeze(a.program.fields, code, s); err == nil {
			out[code] = v
		}
	}
	return out
}

// exchanges makes the calls of one try, by the scene's script where it has one. What is sent as it was before has been through it.
func (a *attempter) exchanges(ctx context.Context, w *Work, sp *sceneProgram, r *rendering, s *mapping.Scope, m *masker, accounts []string) ([]Attempt, verdict) {
	if sp.script != nil && w.Before == nil {
		return a.scripted(ctx, w, sp, r, s, m, accounts)
	}
	if err := a.authorize(r, s, m); err != nil {
		return nil, verdict{class: retry.Mapping, message: m.mask(err.Error()), released: KindOf(err) == Unavailable}
	}
	return a.call(ctx, sp, r, s, m, accounts)
}

// call sends the request, with a token where the connection has one. An answer that says the token is no longer good
// leads to one more exchange with a fresh one; both belong to the same try.
func (a *attempter) call(ctx context.Context, sp *sceneProgram, r *rendering, s *mapping.Scope, m *masker, accounts []string) ([]Attempt, verdict) {
	t := a.program.token
	if t == nil {
		if err := a.signed(r, s, m); err != nil {
			return nil, verdict{class: retry.Mapping, message: m.mask(err.Error())}
		}
		kept, v := a.once(ctx, sp, r, m, accounts)
		return []Attempt{kept}, v
	}
	var attempts []Attempt
	for replay := false; ; replay = true {
		token, terr := a.token(ctx, s)
		if terr != nil {
			return tokenFailure(attempts, terr, m)
		}
		m.addToken(token)
		sent := rendering{wire: r.wire, stored: r.stored, text: r.text}
		sent.wire.Headers = append([]retry.Header(nil), r.wire.Headers...)
		sent.stored.Headers = append([]retry.Header(nil), r.stored.Headers...)
		t.place(&sent, token)
		if err := a.signed(&sent, s, m); err != nil {
			return attempts, verdict{class: retry.Mapping, message: m.mask(err.Error())}
		}
		kept, v := a.once(ctx, sp, &sent, m, accounts)
		attempts = append(attempts, kept)
		if !t.stale(kept.Response.Status, &v) {
			return attempts, v
		}
		now := a.worker.cfg.Now()
		if replay {
			a.memory.token.doubt(now)
			return attempts, v
		}
		if !a.memory.token.drop(token, now) {
			return attempts, v
		}
	}
}

// signed signs a request that is complete otherwise, where the connection wants that.
func (a *attempter) signed(r *rendering, s *mapping.Scope, m *masker) error {
	if a.program.sign == nil {
		return nil
	}
	return a.program.sign.sign(r, s, m)
}

// token gives the connection's token, fetched by one attempt at a time.
func (a *attempter) token(ctx context.Context, s *mapping.Scope) (string, *tokenError) {
	now := a.worker.cfg.Now()
	return a.memory.token.get(ctx, now, a.program.token.ttl, func() (fetchedToken, *tokenError) {
		got, terr := a.program.token.fetch(ctx, a.caller(), s)
		if terr == nil && a.mark != "" {
			kept := KeptToken{Value: got.value, Fetched: now, Life: got.life, For: a.mark}
			if err := a.worker.cfg.Registry.KeepToken(ctx, a.program.Conn, a.fence, kept); err != nil {
				a.worker.cfg.Log.WarnContext(ctx, "the token cannot be kept: a restart fetches another", "connection", a.program.Key.String(), "error", err)
			}
		}
		return got, terr
	})
}

// tryToken asks for a token outside of any delivery.
func (a *attempter) tryToken(ctx context.Context) *tokenError {
	w := &Work{Delivery: Delivery{Key: a.program.Key}}
	s := a.program.scope(&w.Delivery, "", &StoredEvent{}, nothing(), &Lane{}, nil)
	s.TryTime = a.worker.cfg.Now()
	s.UUID = uuid.NewString
	s.Secret = func(name string) (string, error) {
		return a.worker.cfg.Registry.Secret(ctx, a.program.Key.Tenant, name)
	}
	a.memory.token.clear()
	_, terr := a.token(ctx, s)
	return terr
}

// tokenFailure is the verdict on a delivery whose token could not be had: nothing was sent to the todo's address.
func tokenFailure(attempts []Attempt, e *tokenError, m *masker) ([]Attempt, verdict) {
	v := verdict{class: e.class, message: m.mask(e.msg), hint: e.hint}
	if e.attempt.Request.Method != "" {
		kept := e.attempt
		kept.Message = m.mask(kept.Message)
		attempts = append(attempts, kept)
	}
	return attempts, v
}

// once makes one exchange and judges it.
func (a *attempter) once(ctx context.Context, sp *sceneProgram, r *rendering, m *masker, accounts []string) (Attempt, verdict) {
	r.wire.May = a.may
	receipt, err := a.sender.Post(ctx, r.wire)
	v := judge(sp.answer, &receipt, err, accounts)
	v.released = errors.Is(err, retry.ErrWithheld)
	v.code, v.message, v.remoteID = cut(m.mask(v.code), maxKeptCode), cut(m.mask(v.message), maxKeptMessage), m.mask(v.remoteID)
	for code, value := range v.remembered {
		v.remembered[code] = m.mask(value)
	}
	if v.excerpt != "" {
		shown := []rune(m.mask(v.excerpt))
		v.message += ": " + string(shown[:min(len(shown), mapping.ExcerptLength)])
		v.excerpt = ""
	}
	kept := Attempt{
		Started: receipt.Started, Duration: receipt.Duration, Request: r.stored,
		Response: ReceivedAnswer{Status: receipt.Status}, Scene: sp.scene, Class: v.class, Code: v.code, Message: v.message,
	}
	for _, h := range receipt.Headers {
		kept.Response.Headers = append(kept.Response.Headers, retry.Header{Name: h.Name, Value: m.mask(h.Value)})
	}
	kept.Response.Body = keptBody(m.mask(string(mapping.Decode(headerOf(receipt.Headers, "Content-Type"), receipt.Body))))
	return kept, v
}

// keptBody is an answer as it is kept, without its secrets already.
func keptBody(text string) string {
	if len(text) > maxKeptBody {
		text = strings.ToValidUTF8(text[:maxKeptBody], "")
	}
	return strings.ReplaceAll(text, "\x00", "\uFFFD")
}
