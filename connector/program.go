package connector

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"todosync/mapping"
	"todosync/retry"
)

// A Program is one revision of a connection, ready to run. It is immutable and shared by goroutines; a change of the
// connection, its tenant's fields or its condition makes a new one.
type Program struct {
	Conn      int64
	Key       ConnectionKey
	Revision  int64
	Condition Condition
	Settings  *Connection
	Tenant    TenantOf // where somebody signs on; else empty

	scenes    map[Scene]*sceneProgram
	token     *tokenProgram
	basic     *basicProgram
	sign      *signProgram
	signOn    *signOnProgram // nil: nobody signs on
	policy    retry.Policy
	fields    *mapping.Fields
	named     []string          // the secrets that its templates name
	env       map[string]string // the environment variables that they name, with their values
	signOnURL string            // up to the connection's name
}

// A sceneProgram is the request and the answer rules of one scene.
type sceneProgram struct {
	scene    Scene
	request  requestProgram
	script   *scriptProgram // nil: none
	answer   *mapping.Result
	mode     ReceiverMode
	accounts bool // the receiver's account is used
	told     bool // the time of the try is used
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

// secrets is a masker that knows all secrets of the connection, those of the token's request too: an OA may repeat in one
// answer what it was given in another.
func (p *Program) secrets(ctx context.Context, from Registry) *masker {
	m := &masker{}
	for _, v := range p.env {
		m.add(v)
	}
	for _, name := range p.named {
		if v, err := from.Secret(ctx, p.Key.Tenant, name); err == nil { // else the rendering says so
			m.add(v)
		}
	}
	if p.token != nil {
		s := p.scope(&Delivery{}, "", &StoredEvent{}, nothing(), &Lane{}, nil)
		s.Secret = func(name string) (string, error) { return from.Secret(ctx, p.Key.Tenant, name) }
		s.Told, s.UUID = m.add, func() string { return "" }
		_, _ = p.token.ask(s) // what it makes of them is a secret too: a hash, a composed credential
	}
	return m
}

// mark tells this revision with today's secrets from all others, as a hash that gives none of them away only while it is kept as they are.
// Empty: a secret could not be read.
func (p *Program) mark(ctx context.Context, from Registry) string {
	h := sha256.New()
	write := func(s string) { _, _ = fmt.Fprintf(h, "%d:%s", len(s), s) } // never fails
	write(strconv.FormatInt(p.Revision, 10))
	for _, v := range p.env {
		write(v)
	}
	for _, name := range p.named {
		v, err := from.Secret(ctx, p.Key.Tenant, name)
		if err != nil {
			return ""
		}
		write(name)
		write(v)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// nothing is an event without members.
func nothing() *mapping.Doc {
	doc, err := mapping.ParseDoc([]byte("{}"))
	if err != nil {
		panic(err) // an empty object is JSON
	}
	return doc
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

// ExternalID is the id that an OA knows a todo by, #F123.
func ExternalID(todo string, number int) string {
	if number <= 1 {
		return todo
	}
	return fmt.Sprintf("%s_%d", todo, number)
}

// A TenantOf is what a sign-on needs of the tenant's settings: so that letting somebody in reads them from memory.
type TenantOf struct {
	SignOn   TenantSignOn
	Language Language
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
	switch {
	case !p.thaws(scene):
		s.Frozen = lane.Frozen
	case scene == SceneEdit:
		s.Frozen = p.remembered(lane.Frozen)
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
		if account := stays(d, scene, lane, i); account != "" {
			s.Receivers[i].Account = account
		}
	}
	return s
}

// stays is the account that the receiver at a place has whatever his binding says today, since the todo is, or may be, in its inbox; empty:
// today's. The account that a todo was sent to stays with it, and a create names today's. But one that has had no answer goes again to
// where it went: what the OA has of it could not be taken out of that inbox any more once the todo is known under another account.
func stays(d *Delivery, scene Scene, lane *Lane, place int) string {
	user := d.Recipients[place].ID
	switch {
	case scene != SceneCreate, d.anew() && lane.presence(user) != Absent:
		return lane.account(user)
	case d.Unanswered && d.accounts()[place] != "":
		return d.accounts()[place]
	case (d.Unanswered || d.Scene == SceneEdit) && lane.presence(user) == Maybe:
		return lane.account(user)
	}
	return ""
}

// Bound are the accounts that a create of the work is sent to, joined by ",": what a store must know of it when the worker does not come
// back.
func (w *Work) Bound() string {
	if w.Before != nil {
		return w.Account
	}
	out := make([]string, len(w.Recipients))
	for i, r := range w.Recipients {
		if out[i] = stays(&w.Delivery, SceneCreate, &w.LaneNow, i); out[i] == "" {
			out[i] = w.Bindings[r.ID].Account
		}
	}
	return strings.Join(out, ",")
}

// remembered are those of a todo's kept values that come from the OA's answers: an edit that says anew what is frozen still needs them.
func (p *Program) remembered(kept map[string]string) map[string]string {
	out := map[string]string{}
	for _, code := range p.Settings.remembered() {
		if v, ok := kept[code]; ok {
			out[code] = v
		}
	}
	return out
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

// peopleOf are the accounts that a request of a delivery is for, one for each of its receivers.
func peopleOf(w *Work, s *mapping.Scope) []string {
	out := make([]string, len(s.Receivers))
	for i, r := range s.Receivers {
		out[i] = r.Account
	}
	if w.Before == nil {
		return out
	}
	for i, account := range w.accounts() { // the request names those of its day
		if account != "" {
			out[i] = account
		}
	}
	return out
}

func idsOf(rs []Recipient) []string {
	out := make([]string, len(rs))
	for i, r := range rs {
		out[i] = r.ID
	}
	return out
}
