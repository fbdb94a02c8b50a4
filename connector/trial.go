package connector

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"todosync/mapping"
	"todosync/retry"
)

// trialEvery is how far apart two trials of one connection are at least: a script that tries on and on would lock an OA's account.
const trialEvery = time.Second

// A Trial says what of a connection is tried against its OA, outside of all deliveries: nothing is stored, no record is made, and no todo is
// known by it.
type Trial struct {
	Conn    int64    // a stored connection; 0: Program is tried
	Program *Program // of a file that is not stored
	Auth    bool     // only what lets the connection in: the address, the token, HTTP Basic, the client's certificate

	Event    *Event
	Scene    Scene
	Receiver string             // one of the event's by his CRM user id; empty: the first, where each receiver has a request
	Bindings map[string]Binding // by CRM user
	Todo     string             // the todo's id at the OA; empty: a fresh one, so that no real todo is touched
	KeepID   bool               // the event's own id: what is sent is taken for the real todo
	RemoteID string             // #F119, for scenes after the create
}

// A TrialReport says what came of a trial.
type TrialReport struct {
	Tenant     string      `json:"tenant"`
	Connection string      `json:"connection"`
	Revision   int64       `json:"revision"` // 0: a file that is not stored
	Scene      Scene       `json:"scene,omitempty"`
	Todo       string      `json:"todo,omitempty"` // the id under which the OA has been told
	OK         bool        `json:"ok"`
	Steps      []TrialStep `json:"steps"`
}

// A TrialStep is one thing that was tried.
type TrialStep struct {
	Name     TrialName      `json:"name"`
	OK       bool           `json:"ok"`
	Detail   string         `json:"detail"`             // what came of it, in words, without secrets
	Hint     string         `json:"hint,omitempty"`     // what to do
	Exchange *RecordAttempt `json:"exchange,omitempty"` // as a record would show it
	Rule     string         `json:"rule,omitempty"`     // the setting that decided
	Next     string         `json:"next,omitempty"`     // what the worker would do then
}

// TrialName says what a step tries.
type TrialName string

// The steps of a trial, in their order.
const (
	TrialAddress TrialName = "address"
	TrialToken   TrialName = "token"
	TrialBasic   TrialName = "basic"
	TrialClient  TrialName = "certificate"
	TrialRequest TrialName = "request"
)

// A trier makes one trial.
type trier struct {
	w      *Worker
	p      *Program
	t      *Trial
	now    time.Time
	scope  *mapping.Scope // of the settings alone
	secret *masker
	a      *attempter
	sender *recorder
	report TrialReport
}

// Try makes a trial. An error says that it could not be made at all; what the OA made of it stands in the report.
func (w *Worker) Try(ctx context.Context, t Trial) (TrialReport, error) {
	p := t.Program
	if t.Conn != 0 {
		var err error
		if p, err = w.cfg.Registry.Program(ctx, t.Conn); err != nil {
			return TrialReport{}, err
		}
	}
	if p == nil {
		return TrialReport{}, &Error{Kind: Invalid, Op: "try", Msg: "there is nothing to try"}
	}
	leave, err := w.enterTrial(ctx, p.Key)
	if err != nil {
		return TrialReport{}, err
	}
	defer leave()
	opened, err := w.open(p.Settings)
	if err != nil {
		return TrialReport{}, &Error{Kind: Invalid, Op: "try", Msg: "the connection's settings cannot be used: " + err.Error()}
	}
	defer opened.Close()
	r := &trier{w: w, p: p, t: &t, now: w.cfg.Now(), sender: &recorder{Sender: opened}}
	r.report = TrialReport{Tenant: p.Key.Tenant, Connection: p.Key.Name, Revision: p.Revision, OK: true, Steps: []TrialStep{}}
	r.secret = p.secrets(ctx, w.cfg.Registry)
	r.a = &attempter{worker: w, memory: &memory{}, program: p, sender: r.sender, secrets: r.secret}
	r.scope = r.settingsScope(ctx)
	if until := p.Condition.HoldUntil; t.Conn != 0 && r.now.Before(until) {
		r.step(TrialStep{Name: TrialAddress, Detail: "not asked: the OA wants to be left alone until " + until.UTC().Format(time.RFC3339), Hint: "try again then"})
		return r.report, nil
	}
	if t.Auth {
		r.auth(ctx)
		return r.report, nil
	}
	return r.report, r.live(ctx)
}

// enterTrial lets one trial of a connection through at a time; one right after another waits.
func (w *Worker) enterTrial(ctx context.Context, k ConnectionKey) (leave func(), err error) {
	wait, err := w.bookTrial(k)
	if err != nil {
		return nil, err
	}
	leave = func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.trials[k] = w.cfg.Now().Add(trialEvery)
	}
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			leave()
			return nil, ctx.Err()
		}
	}
	return leave, nil
}

// bookTrial marks a trial as under way and says how long it has to wait before it begins.
func (w *Worker) bookTrial(k ConnectionKey) (wait time.Duration, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.cfg.Now()
	until, known := w.trials[k]
	if known && until.IsZero() {
		return 0, &Error{Kind: Conflict, Op: "try", Msg: "another try of this connection is under way", Hint: "try again when it has ended"}
	}
	for key, at := range w.trials { // what is over is not kept
		if !at.IsZero() && now.After(at) {
			delete(w.trials, key)
		}
	}
	w.trials[k] = time.Time{}
	return min(max(until.Sub(now), 0), trialEvery), nil
}

// settingsScope is what templates may ask for that stand outside of any delivery.
func (r *trier) settingsScope(ctx context.Context) *mapping.Scope {
	s := r.p.scope(&Delivery{Key: r.p.Key}, "", &StoredEvent{}, nothing(), &Lane{}, nil)
	s.TryTime, s.UUID = r.now, uuid.NewString
	s.Secret = func(name string) (string, error) { return r.w.cfg.Registry.Secret(ctx, r.p.Key.Tenant, name) }
	s.Told = r.secret.add
	return s
}

func (r *trier) step(s TrialStep) {
	s.Detail = r.secret.mask(s.Detail)
	r.report.OK = r.report.OK && s.OK
	r.report.Steps = append(r.report.Steps, s)
}

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
		r.step(TrialStep{Name: TrialBasic, OK: true, Detail: "the connection has no token and no HTTP Basic: nothing more to check without sending a todo"})
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
	shown, err := r.p.token.ask(r.scope)
	if err != nil {
		r.step(TrialStep{Name: TrialToken, Detail: "its request cannot be made: " + err.Error(), Hint: "set the secrets that it names: todosync secret list --tenant " + r.p.Key.Tenant})
		return false
	}
	got, terr := r.p.token.fetch(ctx, r.sender, r.scope, nil)
	x := r.exchange(shown.stored, r.sender.last())
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

// live sends one request of one scene, and judges its answer as the worker would.
func (r *trier) live(ctx context.Context) error {
	p, t := r.p, r.t
	sp := p.scenes[t.Scene]
	if sp == nil {
		return p.sceneOff(t.Scene, "try")
	}
	w, err := r.work(sp)
	if err != nil {
		return err
	}
	r.report.Scene, r.report.Todo = t.Scene, ExternalID(w.Todo, w.External)
	if p.token != nil && !r.token(ctx) {
		return nil
	}
	m := r.secret.clone()
	scope, err := r.a.scope(ctx, w, t.Scene, m)
	if err != nil {
		return err
	}
	req, account, err := r.a.request(w, t.Scene, scope, m)
	if err != nil && r.a.lostAccount(w, t.Scene) {
		r.step(TrialStep{Name: TrialRequest, Detail: unboundMessage(w.Recipients, w.Key), Hint: "bind them: todosync bindings set, or bindings import", Rule: "class unbound", Next: "the delivery would be: unbound " + string(p.Settings.Unbound)})
		return nil
	}
	if err != nil {
		r.step(TrialStep{Name: TrialRequest, Detail: m.mask(err.Error()), Hint: "todosync render --explain shows where each value comes from", Rule: "class mapping", Next: "the delivery would fail"})
		return nil
	}
	req.addOnce("Idempotency-Key", w.ID)
	r.sender.receipts = nil
	attempts, v := r.a.call(ctx, sp, &req, scope, m, account)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	x := exchange{program: p, work: w, sent: t.Scene, account: account, verdict: v, now: r.w.cfg.Now()}
	change := x.next()
	step := TrialStep{Name: TrialRequest, OK: change.To == Succeeded, Detail: r.words(&v), Rule: r.rule(sp, &v), Next: nextWords(&change, x.now)}
	if n := len(attempts); n > 0 {
		step.Exchange = recordAttempt(&attempts[n-1])
	}
	r.step(step)
	return nil
}

// sceneOff says which scenes there are.
func (p *Program) sceneOff(scene Scene, op string) error {
	var on []string
	for _, s := range Scenes() {
		if p.scenes[s] != nil {
			on = append(on, string(s))
		}
	}
	return &Error{
		Kind: Invalid, Op: op, Msg: fmt.Sprintf("scene %s is off in connection %s", scene, p.Key), Hint: "scenes that are on: " + strings.Join(on, ", "),
	}
}

// work makes the delivery that is tried. Its todo has an id of its own, unless the real one is wanted.
func (r *trier) work(sp *sceneProgram) (*Work, error) {
	t := r.t
	e := *t.Event
	if t.Receiver != "" {
		e.Object.Receivers = slices.DeleteFunc(slices.Clone(e.Object.Receivers), func(x Receiver) bool { return x.ID != t.Receiver })
		if len(e.Object.Receivers) == 0 {
			return nil, &Error{Kind: Invalid, Op: "try", Msg: "the event has no receiver " + t.Receiver}
		}
	}
	id := e.Object.ID
	switch {
	case t.Todo != "":
		id = t.Todo
	case !t.KeepID:
		id = "try-" + strings.ReplaceAll(uuid.NewString(), "-", "")[:12]
	}
	payload, err := withID(e.Payload, string(e.Kind), id)
	if err != nil {
		return nil, err
	}
	who := e.Object.Receivers
	if sp.mode.As == mapping.Each && len(who) > 1 {
		who = []Receiver{who[r.firstBound(who)]}
	}
	w := &Work{
		Delivery: Delivery{ID: "try-" + uuid.NewString(), Key: r.p.Key, Kind: e.Kind, Todo: id, Scene: t.Scene, External: 1},
		Event:    StoredEvent{Tenant: e.Tenant, Kind: e.Kind, Action: e.Action, ID: e.ID, Time: e.Time, Payload: payload},
		LaneNow:  Lane{RemoteID: t.RemoteID}, Bindings: t.Bindings,
	}
	if t.Scene != SceneCreate {
		w.LaneNow.Presence = Present
	}
	for _, x := range who {
		w.Recipients = append(w.Recipients, Recipient{ID: x.ID, Name: x.Name})
	}
	return w, nil
}

// firstBound is the first receiver who has an account, where the request needs one; else the first.
func (r *trier) firstBound(who []Receiver) int {
	if r.p.usesAccount(r.t.Scene) {
		if i := slices.IndexFunc(who, func(x Receiver) bool { _, ok := r.t.Bindings[x.ID]; return ok }); i >= 0 {
			return i
		}
	}
	return 0
}

// DryRun renders what would be sent for an event, and says who would have no request, since he has no account and one is needed.
func (p *Program) DryRun(e *Event, scene Scene, bindings map[string]Binding, now time.Time) (requests []Preview, unbound string, err error) {
	bound := *e
	var without []Recipient
	if p.usesAccount(scene) {
		bound.Object.Receivers = nil
		for _, r := range e.Object.Receivers {
			if _, ok := bindings[r.ID]; ok {
				bound.Object.Receivers = append(bound.Object.Receivers, r)
			} else {
				without = append(without, Recipient{ID: r.ID, Name: r.Name})
			}
		}
	}
	if len(without) > 0 {
		unbound = unboundMessage(without, p.Key)
	}
	if len(without) > 0 && len(bound.Object.Receivers) == 0 {
		return nil, unbound, nil
	}
	requests, err = p.Preview(&bound, scene, bindings, now)
	return requests, unbound, err
}

// withID gives an event's payload another todo's id, so that every placeholder says it.
func withID(payload []byte, kind, id string) ([]byte, error) {
	var whole, object map[string]json.RawMessage
	if err := json.Unmarshal(payload, &whole); err != nil {
		return nil, &Error{Kind: Invalid, Op: "try", Msg: "the event is no JSON object", Err: err}
	}
	if err := json.Unmarshal(whole[kind], &object); err != nil {
		return nil, &Error{Kind: Invalid, Op: "try", Msg: "the event has no " + kind, Err: err}
	}
	raw, err := json.Marshal(id)
	if err != nil {
		return nil, err
	}
	object["id"] = raw
	if whole[kind], err = json.Marshal(object); err != nil {
		return nil, err
	}
	return json.Marshal(whole)
}

// words says what an answer came to.
func (r *trier) words(v *verdict) string {
	out := "the OA took it"
	switch {
	case v.class != "":
		out = "class " + string(v.class)
	case v.duplicate:
		out = "the OA has it already"
	case v.gone:
		out = "the OA does not have it"
	}
	if v.code != "" {
		out += ", code " + v.code
	}
	if v.message != "" {
		out += ": " + v.message
	}
	if v.remoteID != "" {
		out += " (its id there: " + v.remoteID + ")"
	}
	return out
}

// rule names the setting that decided.
func (r *trier) rule(sp *sceneProgram, v *verdict) string {
	last := r.sender.last()
	set := r.p.Settings.Result
	if s := r.p.Settings.Scenes[sp.scene]; s != nil && s.Result != nil {
		set = *s.Result
	}
	if last.err != nil && last.receipt.Status == 0 {
		return "no answer: class " + string(v.class)
	}
	a := sp.answer.Read(headerOf(last.receipt.Headers, "Content-Type"), last.receipt.Body)
	switch {
	case a.Fault:
		return "a SOAP fault is a failure, whatever the HTTP status"
	case last.err != nil:
		return fmt.Sprintf("HTTP status %d: class %s", last.receipt.Status, v.class)
	case !a.Understood:
		return "result.codeName: " + set.CodeName + " is not in the answer"
	case a.Duplicate:
		return "result.duplicate"
	case a.Gone:
		return "result.gone"
	case a.Partial:
		return "result.partial"
	case set.CodeName == "":
		return "no result.codeName: every 2xx is a success"
	case a.Success:
		return fmt.Sprintf("result.codeName %s: %q is in result.successCode", set.CodeName, a.Code)
	}
	return fmt.Sprintf("result.codeName %s: %q is not in result.successCode %s", set.CodeName, a.Code, strings.Join(set.SuccessCode.Strings(), ", "))
}

// nextWords says what the worker would do after this answer.
func nextWords(c *Change, now time.Time) string {
	switch c.To {
	case Succeeded:
		return "the delivery would be done"
	case Retrying:
		return "the worker would try again in " + c.Due.Sub(now).Round(time.Second).String()
	case Failed:
		return "the delivery would fail: retry does not cover it"
	case Held:
		return "the delivery would be held for a person"
	case Pending:
		return "the worker would go on at once, or when the connection is let in again"
	case Sending, Skipped, Superseded, Canceled:
	}
	return "the delivery would be " + string(c.To)
}

// exchange is what went and came, as a record shows it.
func (r *trier) exchange(sent SentRequest, last received) *RecordAttempt {
	x := &RecordAttempt{
		Number: 1, StartedAt: last.receipt.Started, DurationMs: last.receipt.Duration.Milliseconds(), Request: sent.masked(),
		Response: ReceivedAnswer{Status: last.receipt.Status, Headers: []retry.Header{}}, Worker: r.w.cfg.Name,
	}
	for _, h := range last.receipt.Headers {
		x.Response.Headers = append(x.Response.Headers, retry.Header{Name: h.Name, Value: r.secret.mask(h.Value)})
	}
	x.Response.Body = cut(r.secret.mask(string(mapping.Decode(headerOf(last.receipt.Headers, "Content-Type"), last.receipt.Body))), maxKeptMessage)
	return x
}

// recordAttempt is an attempt as a record shows it.
func recordAttempt(a *Attempt) *RecordAttempt {
	return &RecordAttempt{
		Number: 1, StartedAt: a.Started, DurationMs: a.Duration.Milliseconds(), Request: a.Request.masked(), Response: a.Response,
		Class: a.Class, Code: a.Code, Message: a.Message, Worker: a.Worker,
	}
}

// A recorder keeps what came of each request.
type recorder struct {
	Sender
	receipts []received
}

type received struct {
	receipt retry.Receipt
	err     error
}

// Post implements Sender.
func (r *recorder) Post(ctx context.Context, req retry.Request) (retry.Receipt, error) {
	receipt, err := r.Sender.Post(ctx, req)
	r.receipts = append(r.receipts, received{receipt, err})
	return receipt, err
}

func (r *recorder) last() received {
	if len(r.receipts) == 0 {
		return received{}
	}
	return r.receipts[len(r.receipts)-1]
}
