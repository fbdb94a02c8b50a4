package connector

import (
	"context"
	"encoding/json"
	"fmt"
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
	TrialNothing TrialName = "log-in" // there is none
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
	x := exchange{program: p, work: w, sent: t.Scene, account: account, people: peopleOf(w, scope)}
	attempts, v := r.a.exchanges(ctx, w, sp, &req, scope, m, x.people)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	x.verdict, x.now = v, r.w.cfg.Now()
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
	requests, err = p.PreviewWhole(&bound, scene, bindings, now)
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
