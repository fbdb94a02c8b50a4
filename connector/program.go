package connector

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sort"
	"strings"
	"time"

	"todosync/mapping"
	"todosync/retry"
)

// CompileOptions are what compiling needs from the process.
type CompileOptions struct {
	Env       func(name string) (string, bool) // values of ${env:NAME} that the server was started with; nil: none
	PublicURL string                           // where browsers reach the server; empty: #F117 and #F118 can't be used
}

// A Program is one revision of a connection, ready to run. It is immutable and shared by goroutines; a change of the
// connection, its tenant's fields or its condition makes a new one.
type Program struct {
	Conn      int64
	Key       ConnectionKey
	Revision  int64
	Condition Condition
	Settings  *Connection

	scenes    map[Scene]*sceneProgram
	token     *tokenProgram
	basic     *basicProgram
	policy    retry.Policy
	freeze    map[string]*mapping.Template
	signOnURL string // up to the connection's name
}

// A sceneProgram is the request and the answer rules of one scene.
type sceneProgram struct {
	request  requestProgram
	answer   *mapping.Result
	mode     ReceiverMode
	accounts bool // the receiver's account is used
}

// A requestProgram is a request made of templates.
type requestProgram struct {
	method  string
	address *mapping.Template
	headers []headerProgram
	body    *mapping.Template // nil: none
}

type headerProgram struct {
	name  string
	value *mapping.Template
}

type basicProgram struct{ user, password *mapping.Template }

// accountCodes are the placeholders that stand for the receiver's account.
var accountCodes = []string{"F001"}

// WithCondition is the same program under another condition.
func (p *Program) WithCondition(c Condition) *Program {
	q := *p
	q.Condition = c
	q.Condition.Disabled = !p.Settings.Enabled
	return &q
}

// On reports whether a scene is pushed.
func (p *Program) On(s Scene) bool { return p.scenes[s] != nil }

// mode is how a scene treats receivers.
func (p *Program) mode(s Scene) ReceiverMode {
	if sp := p.scenes[s]; sp != nil {
		return sp.mode
	}
	return p.Settings.Receivers
}

// usesAccount reports whether a request of the scene can't be made without the receiver's OA account. A re-creation's
// edit is a delete and a create.
func (p *Program) usesAccount(s Scene) bool {
	if s == SceneEdit && p.Settings.EditAs == EditAsRecreate {
		return p.usesAccount(SceneCreate) || p.usesAccount(SceneDelete)
	}
	sp := p.scenes[s]
	return sp != nil && sp.accounts
}

// Compile makes a Program of a connection's settings; t is its tenant, nil where the tenant has no file. The error is an
// *Error of kind Invalid with all mistakes in its Details.
func Compile(conn, revision int64, c *Connection, t *Tenant, o CompileOptions) (*Program, error) {
	k := compiler{c: c, o: o}
	k.prepare(t)
	p := &Program{
		Conn: conn, Key: c.Key(), Revision: revision, Settings: c,
		scenes: map[Scene]*sceneProgram{}, policy: policyOf(&c.Retry), freeze: map[string]*mapping.Template{},
	}
	p.Condition.Disabled = !c.Enabled
	for _, s := range Scenes() {
		settings := c.Scenes[s]
		if settings == nil || !settings.Enabled || s == SceneEdit && c.EditAs == EditAsRecreate && settings.Address == "" {
			continue // an edit that is a re-creation needs no request of its own
		}
		p.scenes[s] = k.scene(s, settings)
	}
	if c.Token != nil {
		p.token = k.token(c.Token)
	}
	if c.Basic != nil {
		p.basic = &basicProgram{
			user:     k.template("basic.user", c.Basic.User, mapping.HeaderValue, "", mapping.Each),
			password: k.template("basic.password", c.Basic.Password, mapping.HeaderValue, "", mapping.Each),
		}
	}
	for _, code := range c.Freeze {
		p.freeze[code] = k.template("freeze", "#"+code, mapping.Body, "", mapping.Each)
	}
	p.signOnURL = signOnURL(o.PublicURL, c)
	k.unsupported()
	if len(k.mistakes) > 0 {
		return nil, &Error{
			Kind: Invalid, Op: "compile connection " + c.Key().String(),
			Msg: fmt.Sprintf("%d mistakes", len(k.mistakes)), Details: k.mistakes,
		}
	}
	return p, nil
}

// A compiler gathers the mistakes of one connection.
type compiler struct {
	c         *Connection
	o         CompileOptions
	fields    *mapping.Fields
	variables map[string]string
	mistakes  []Detail
}

func (k *compiler) mistake(path string, err error) {
	if err != nil {
		k.mistakes = append(k.mistakes, Detail{Path: path, Message: err.Error()})
	}
}

func (k *compiler) prepare(t *Tenant) {
	k.variables = make(map[string]string, len(k.c.Variables))
	for name, v := range k.c.Variables {
		k.variables[name] = string(v)
	}
	zone, err := time.LoadLocation(k.c.TimeZone)
	if err != nil {
		k.mistake("timeZone", fmt.Errorf("%q is no time zone such as Asia/Shanghai", k.c.TimeZone))
		zone = time.UTC
	}
	own := map[string]mapping.Field{}
	if t != nil {
		maps.Copy(own, t.Fields)
	}
	maps.Copy(own, k.c.Fields)
	if k.fields, err = mapping.ParseFields(own, zone, k.c.TimeFormat); err != nil {
		k.mistake("fields", err)
	}
}

func (k *compiler) template(path, src string, place mapping.Place, contentType string, r mapping.Receivers) *mapping.Template {
	t, err := mapping.Compile(src, mapping.Options{
		Place: place, Variables: k.variables, Fields: k.fields, Receivers: r, Env: k.o.Env, ContentType: contentType,
	})
	k.mistake(path, err)
	if err == nil && k.o.PublicURL == "" && (t.Uses("F117") || t.Uses("F118")) {
		k.mistake(path, fmt.Errorf("#F117 and #F118 are addresses of this server: start it with --public-url"))
	}
	return t
}

func (k *compiler) scene(s Scene, settings *SceneSettings) *sceneProgram {
	path := "scenes." + string(s)
	out := &sceneProgram{mode: k.c.Receivers}
	if settings.Receivers != nil {
		out.mode = *settings.Receivers
	}
	headers := maps.Clone(k.c.Headers)
	if headers == nil {
		headers = Headers{}
	}
	for name, v := range settings.Headers {
		maps.DeleteFunc(headers, func(have string, _ Text) bool { return strings.EqualFold(have, name) })
		headers[name] = v
	}
	out.request = k.request(path, RequestSettings{
		Method: settings.Method, Address: settings.Address, Headers: headers, Body: settings.Body,
	}, out.mode.As)
	result := k.c.Result
	if settings.Result != nil {
		result = *settings.Result
	}
	var err error
	out.answer, err = mapping.CompileResult(rulesOf(&result, k.c.Protocol))
	k.mistake("result", err)
	for _, code := range accountCodes {
		out.accounts = out.accounts || out.request.uses(code)
	}
	return out
}

func (k *compiler) request(path string, s RequestSettings, r mapping.Receivers) requestProgram {
	out := requestProgram{method: s.Method}
	if out.method == "" {
		out.method = "POST"
	}
	contentType := ""
	names := slices.Sorted(maps.Keys(s.Headers))
	for _, name := range names {
		if strings.EqualFold(name, "Content-Type") {
			contentType = string(s.Headers[name])
		}
		out.headers = append(out.headers, headerProgram{
			name:  name,
			value: k.template(path+".headers."+name, string(s.Headers[name]), mapping.HeaderValue, "", r),
		})
	}
	out.address = k.template(path+".address", s.Address, mapping.Address, "", r)
	if s.Body != "" {
		place := mapping.Body
		if strings.Contains(strings.ToLower(contentType), "application/x-www-form-urlencoded") {
			place = mapping.Form
		}
		out.body = k.template(path+".body", s.Body, place, contentType, r)
	}
	return out
}

// unsupported refuses settings that this version can read and not carry out: ignoring them would send wrong requests.
func (k *compiler) unsupported() {
	refuse := func(path string, set bool) {
		if set {
			k.mistakes = append(k.mistakes, Detail{Path: path, Message: "this version does not carry out this setting; leave it out"})
		}
	}
	refuse("oauth2", k.c.OAuth2 != nil)
	refuse("sign", k.c.Sign != nil)
	refuse("token.script", k.c.Token != nil && k.c.Token.Script != "")
	for s, settings := range k.c.Scenes {
		refuse("scenes."+string(s)+".script", settings != nil && settings.Script != "")
	}
}

func rulesOf(r *Result, p Protocol) mapping.ResultRules {
	return mapping.ResultRules{
		CodeName: r.CodeName, MsgName: r.MsgName, DataName: r.DataName,
		Success: r.SuccessCode.Strings(), XMLJSONField: r.XMLJSONField,
		DuplicateCodes: r.Duplicate.Codes.Strings(), DuplicateMessages: r.Duplicate.Messages.Strings(),
		GoneCodes: r.Gone.Codes.Strings(), GoneMessages: r.Gone.Messages.Strings(),
		PartialCodes: r.Partial.Codes.Strings(), PartialAccounts: r.Partial.Accounts,
		WebService: p == WebService,
	}
}

func policyOf(r *RetrySettings) retry.Policy {
	p := retry.Policy{
		Enabled: r.Enabled, On: r.On, GiveUpAfter: time.Duration(r.GiveUpAfter),
		Codes: r.Codes.Strings(), Messages: r.Messages.Strings(),
	}
	for _, d := range r.Schedule {
		p.Schedule = append(p.Schedule, time.Duration(d))
	}
	return p
}

// signOnURL is the sign-on address of a connection, up to its name.
func signOnURL(public string, c *Connection) string {
	vendor := "generic"
	if c.SignOn != nil && c.SignOn.Vendor != "" {
		vendor = string(c.SignOn.Vendor)
	}
	return strings.TrimRight(public, "/") + "/oa/" + url.PathEscape(vendor) + "/" + url.PathEscape(c.Tenant) + "/" +
		url.PathEscape(c.Name)
}

// uses reports whether any part of the request uses a placeholder.
func (r *requestProgram) uses(code string) bool {
	for _, t := range r.templates() {
		if t != nil && t.Uses(code) {
			return true
		}
	}
	return false
}

func (r *requestProgram) templates() []*mapping.Template {
	out := []*mapping.Template{r.address, r.body}
	for _, h := range r.headers {
		out = append(out, h.value)
	}
	return out
}

// A rendering is one request, as sent and as kept.
type rendering struct {
	wire   retry.Request
	stored SentRequest
}

// render fills the request's templates. The kept form has marks in place of secrets.
func (r *requestProgram) render(s *mapping.Scope) (rendering, error) {
	out := rendering{wire: retry.Request{Method: r.method}, stored: SentRequest{Method: r.method}}
	var err error
	if out.wire.Address, out.stored.Address, err = both(r.address, s); err != nil {
		return out, err
	}
	for _, h := range r.headers {
		wire, stored, err := both(h.value, s)
		if err != nil {
			return out, err
		}
		out.wire.Headers = append(out.wire.Headers, retry.Header{Name: h.name, Value: wire})
		out.stored.Headers = append(out.stored.Headers, retry.Header{Name: h.name, Value: stored})
	}
	if r.body != nil {
		wire, stored, err := both(r.body, s)
		if err != nil {
			return out, err
		}
		out.wire.Body, out.stored.Body = []byte(wire), stored
	}
	return out, nil
}

// both renders a template as sent and as kept; the second rendering is spared where no secret is used.
func both(t *mapping.Template, s *mapping.Scope) (wire, stored string, err error) {
	b, err := t.Append(nil, s, mapping.Wire)
	if err != nil {
		return "", "", err
	}
	wire = string(b)
	if len(t.Secrets()) == 0 {
		return wire, wire, nil
	}
	b, err = t.Append(b[:0], s, mapping.Stored)
	return wire, string(b), err
}

// add appends a header to both forms; kept is what stands in the kept one.
func (r *rendering) add(name, value, kept string) {
	r.wire.Headers = append(r.wire.Headers, retry.Header{Name: name, Value: value})
	r.stored.Headers = append(r.stored.Headers, retry.Header{Name: name, Value: kept})
}

// addQuery appends a query parameter to both forms' addresses.
func (r *rendering) addQuery(name, value, kept string) {
	join := "?"
	if strings.Contains(r.wire.Address, "?") {
		join = "&"
	}
	r.wire.Address += join + url.QueryEscape(name) + "=" + url.QueryEscape(value)
	r.stored.Address += join + url.QueryEscape(name) + "=" + kept
}

// ExternalID is the id that an OA knows a todo by, #F123.
func ExternalID(todo string, number int) string {
	if number <= 1 {
		return todo
	}
	return fmt.Sprintf("%s_%d", todo, number)
}

// signOnAddress is where a click in the OA leads to: one record, or the CRM's home page.
func (p *Program) signOnAddress(apiName, dataID string, mobile bool) string {
	at := p.signOnURL + "/home"
	if apiName != "" && dataID != "" {
		at = p.signOnURL + "/todo/" + url.PathEscape(apiName) + "/" + url.PathEscape(dataID)
	}
	if mobile {
		at += "?device=mobile"
	}
	return at
}

// scope is what the templates of one delivery may ask for.
func (p *Program) scope(d *Delivery, scene Scene, e *StoredEvent, doc *mapping.Doc, lane *Lane, bindings map[string]Binding) *mapping.Scope {
	root := string(e.Kind)
	s := &mapping.Scope{
		Event: doc, Object: root, Tenant: p.Key.Tenant, Connection: p.Key.Name, Scene: string(scene),
		EventID: e.ID, EventTime: e.Time, DeliveryID: d.ID, RemoteID: lane.RemoteID,
		ExternalID: ExternalID(d.Todo, d.External), Tries: d.Tries,
	}
	if !p.thaws(scene) {
		s.Frozen = lane.Frozen
	}
	if e.Kind == KindReminder {
		s.ExternalID = "r-" + e.ID
	}
	object := doc.Value(root).Get("object")
	apiName, dataID := object.Get("apiName").Text(), object.Get("dataId").Text()
	s.SignOnPC = p.signOnAddress(apiName, dataID, false)
	s.SignOnMobile = p.signOnAddress(apiName, dataID, true)
	sender := doc.Value(root).Get("sender")
	s.Sender = person(sender.Get("id").Text(), sender.Get("name").Text(), bindings)
	s.Receivers = make([]mapping.Person, len(d.Recipients))
	for i, r := range d.Recipients {
		s.Receivers[i] = person(r.ID, r.Name, bindings)
		if scene != SceneCreate && lane.Account != "" && lane.Receiver == r.ID {
			s.Receivers[i].Account = lane.Account // the account that a todo was sent to stays with it; a create names today's
		}
	}
	return s
}

// thaws reports whether a scene's request takes the frozen fields from its event: what it says is kept from then on.
func (p *Program) thaws(s Scene) bool {
	return s == SceneCreate || s == SceneEdit && p.Settings.FreezeAt == FreezeAtAccepted
}

// person puts a CRM user and his binding together. His OA name is the binding's, else the account, else the event's.
func person(id, name string, bindings map[string]Binding) mapping.Person {
	p := mapping.Person{ID: id, Name: name}
	if b, ok := bindings[id]; ok && id != "" {
		p.Account, p.AccountName = b.Account, b.AccountName
		if p.AccountName == "" {
			p.AccountName = b.Account
		}
	}
	if p.AccountName == "" {
		p.AccountName = name
	}
	return p
}

// Accounts are the accounts of a scope's receivers, joined by ",".
func accountsOf(s *mapping.Scope) string {
	out := make([]string, 0, len(s.Receivers))
	for _, r := range s.Receivers {
		if r.Account != "" {
			out = append(out, r.Account)
		}
	}
	return strings.Join(out, ",")
}

// A Preview is a request as it would be sent, with secrets shown as ***, and where each value came from.
type Preview struct {
	Scene        Scene               `json:"scene"`
	Receiver     string              `json:"receiver"`
	Method       string              `json:"method"`
	Address      string              `json:"address"`
	Headers      []retry.Header      `json:"headers"`
	Body         string              `json:"body"`
	Placeholders []mapping.Explained `json:"placeholders"`
}

// Preview renders what a scene would send for an event, without sending it: one request a receiver with `each`, else one.
// It needs no store; bindings are by CRM user. An error of kind Invalid says what is missing.
func (p *Program) Preview(e *Event, scene Scene, bindings map[string]Binding, now time.Time) ([]Preview, error) {
	sp := p.scenes[scene]
	if sp == nil {
		var on []string
		for s := range p.scenes {
			on = append(on, string(s))
		}
		sort.Strings(on)
		return nil, &Error{
			Kind: Invalid, Op: "render", Msg: fmt.Sprintf("scene %s is off in connection %s", scene, p.Key),
			Hint: "scenes that are on: " + strings.Join(on, ", "),
		}
	}
	who := make([]Recipient, len(e.Object.Receivers))
	for i, r := range e.Object.Receivers {
		who[i] = Recipient{ID: r.ID, Name: r.Name}
	}
	groups := [][]Recipient{who}
	if sp.mode.As == mapping.Each && len(who) > 0 {
		groups = slices.Collect(slices.Chunk(who, 1))
	}
	stored := &StoredEvent{Tenant: e.Tenant, Kind: e.Kind, Action: e.Action, ID: e.ID, Time: e.Time, Payload: e.Payload}
	var out []Preview
	for _, group := range groups {
		d := &Delivery{ID: "preview", Todo: e.Object.ID, Scene: scene, Recipients: group, External: 1}
		s := p.scope(d, scene, stored, e.Doc, &Lane{}, bindings)
		s.TryTime = now
		s.Secret = func(string) (string, error) { return "", nil }
		s.UUID = func() string { return "00000000-0000-0000-0000-000000000000" }
		one, err := sp.request.preview(s)
		if err != nil {
			return nil, &Error{Kind: Invalid, Op: "render " + string(scene), Msg: err.Error()}
		}
		one.Scene, one.Receiver = scene, strings.Join(idsOf(group), ",")
		out = append(out, one)
	}
	return out, nil
}

// preview renders the kept form alone: secrets need not be known for it.
func (r *requestProgram) preview(s *mapping.Scope) (Preview, error) {
	out := Preview{Method: r.method}
	text := func(t *mapping.Template) (string, error) {
		b, err := t.Append(nil, s, mapping.Stored)
		return mapping.Mask(string(b)), err
	}
	var err error
	if out.Address, err = text(r.address); err != nil {
		return out, err
	}
	for _, h := range r.headers {
		v, err := text(h.value)
		if err != nil {
			return out, err
		}
		out.Headers = append(out.Headers, retry.Header{Name: h.name, Value: v})
	}
	if r.body != nil {
		if out.Body, err = text(r.body); err != nil {
			return out, err
		}
	}
	seen := map[string]bool{}
	for _, t := range r.templates() {
		if t == nil {
			continue
		}
		for _, x := range t.Explain(s) {
			if !seen[x.Placeholder] {
				seen[x.Placeholder] = true
				out.Placeholders = append(out.Placeholders, x)
			}
		}
	}
	return out, nil
}

func idsOf(rs []Recipient) []string {
	out := make([]string, len(rs))
	for i, r := range rs {
		out[i] = r.ID
	}
	return out
}
