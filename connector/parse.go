package connector

import (
	"bytes"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"todosync/mapping"
)

// The limits of an event (01-events).
const (
	MaxPayload   = 1 << 20 // bytes
	MaxID        = 256     // bytes, of every id in an event
	MaxReceivers = 2000
)

// ParseEvent reads a message of the stream as an event, or says why it is none. created is the stream's creation time,
// which stands in the id of an event that has none of its own.
func ParseEvent(in Incoming, created string) (*Event, *Rejection) {
	p := parser{in: in}
	e := p.event(created)
	if p.rejection != nil {
		return nil, p.rejection
	}
	return e, nil
}

// ParseSubject reads crm.<tenant>.<kind>.<action>.
func ParseSubject(subject string) (tenant string, kind Kind, action Action, err error) {
	parts := strings.Split(subject, ".")
	if len(parts) != 4 || parts[0] != "crm" {
		return "", "", "", fmt.Errorf("subject %q is not of the form crm.<tenant>.<kind>.<action>", clip(subject))
	}
	tenant, kind, action = parts[1], Kind(parts[2]), Action(parts[3])
	if !ValidTenant(tenant) {
		return "", "", "", fmt.Errorf("tenant %q in the subject is not 1 to 64 of A-Z a-z 0-9 _ -", clip(tenant))
	}
	actions := kind.Actions()
	switch {
	case actions == nil:
		return tenant, "", "", fmt.Errorf("kind %q in the subject is none of todo, reminder, message", clip(parts[2]))
	case !slices.Contains(actions, action):
		return tenant, kind, "", fmt.Errorf("action %q in the subject is not known for a %s", clip(parts[3]), kind)
	}
	return tenant, kind, action, nil
}

// Actions are what may happen to objects of a kind; none where there is no such kind.
func (k Kind) Actions() []Action {
	switch k {
	case KindTodo:
		return []Action{ActionCreate, ActionEdit, ActionDelete}
	case KindReminder, KindMessage:
		return []Action{ActionCreate}
	}
	return nil
}

// ValidTenant reports whether s may name a tenant.
func ValidTenant(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// A parser reads one message; the first mistake stays.
type parser struct {
	in        Incoming
	rejection *Rejection
}

func (p *parser) reject(path, format string, args ...any) {
	if p.rejection == nil {
		p.rejection = &Rejection{Path: path, Reason: fmt.Sprintf(format, args...)}
	}
}

func (p *parser) event(created string) *Event {
	e := &Event{Sequence: p.in.Sequence, Received: p.in.Time, Trace: p.header("traceparent")}
	var err error
	if e.Tenant, e.Kind, e.Action, err = ParseSubject(p.in.Subject); err != nil {
		p.reject("", "%s", err)
		return nil
	}
	if len(p.in.Data) > MaxPayload {
		p.reject("", "the payload has %d bytes; %d are the most", len(p.in.Data), MaxPayload)
		return nil
	}
	doc, err := mapping.ParseDoc(bytes.TrimPrefix(p.in.Data, []byte("\uFEFF")))
	if err != nil {
		p.reject("", "the payload is not acceptable JSON: %s", err)
		return nil
	}
	e.Doc, e.Payload = doc, doc.Raw()
	p.agreement(e, doc)
	var id, at string
	switch {
	case p.header("ce-specversion") != "":
		id, at = p.decoded("ce-id"), p.decoded("ce-time")
	case p.structuredEvent(doc):
		data := p.structured(doc)
		if data == nil {
			return nil
		}
		e.Doc, e.Payload = data, data.Raw()
		p.agreement(e, data)
		fallthrough
	default:
		id, at = p.text(doc.Value("id"), "", "id", true), p.text(doc.Value("time"), "", "time", false)
	}
	e.ID = p.eventID(id, e.Tenant, created)
	e.Time = p.time(at, "time")
	p.object(e)
	return e
}

// structuredEvent reports whether the message is a CloudEvent in structured mode.
func (p *parser) structuredEvent(doc *mapping.Doc) bool {
	return doc.Value("specversion").Exists() ||
		strings.HasPrefix(strings.ToLower(p.header("Content-Type")), "application/cloudevents+json")
}

// structured gives the data of a structured CloudEvent.
func (p *parser) structured(doc *mapping.Doc) *mapping.Doc {
	if doc.Value("data_base64").Exists() {
		p.reject("data_base64", "a CloudEvent must carry its data as JSON in data; data_base64 is not taken")
		return nil
	}
	data := doc.Value("data")
	if !data.Exists() || data.Kind() != mapping.Object {
		p.reject("data", "a CloudEvent needs an object in data that holds todo, reminder or message")
		return nil
	}
	inner, err := mapping.ParseDoc([]byte(data.Raw()))
	if err != nil {
		p.reject("data", "not acceptable JSON: %s", err)
	}
	return inner
}

// agreement rejects a payload, or an envelope, that contradicts its subject, which alone says tenant, kind and action.
func (p *parser) agreement(e *Event, doc *mapping.Doc) {
	for _, m := range []struct{ name, want string }{
		{"tenant", e.Tenant}, {"kind", string(e.Kind)}, {"action", string(e.Action)},
	} {
		v := doc.Value(m.name)
		if v.Exists() && v.Text() != m.want && v.Text() != "" {
			p.reject(m.name, "%s is %q in the payload and %q in the subject", m.name, clip(v.Text()), m.want)
		}
	}
}

// eventID is the event's id: its own, else JetStream's message id less the tenant, else its place in the stream.
func (p *parser) eventID(own, tenant, created string) string {
	id := own
	if id == "" {
		id = strings.TrimPrefix(p.header("Nats-Msg-Id"), tenant+"/")
	}
	if id == "" {
		id = created + "-" + strconv.FormatUint(p.in.Sequence, 10)
	}
	p.limitID(id, "", "id")
	return clean(id)
}

// object reads the todo, reminder or message.
func (p *parser) object(e *Event) {
	root := string(e.Kind)
	v := e.Doc.Value(root)
	if !v.Exists() || v.Kind() != mapping.Object {
		p.reject(root, "an object is needed here")
		return
	}
	o := &e.Object
	o.ID = p.id(v, root, "id")
	if o.ID == "" {
		p.reject(root+".id", "missing: every %s needs an id", root)
	}
	if e.Kind == KindMessage {
		p.message(e, v)
		return
	}
	o.Version, o.Versioned = p.version(v.Get("version"), root+".version")
	o.Type = p.member(v, root, "type")
	o.Title = p.member(v, root, "title")
	for _, name := range []string{"itemTitle", "content", "url", "mobileUrl"} {
		p.member(v, root, name)
	}
	p.time(p.member(v, root, "createdAt"), root+".createdAt")
	p.time(p.member(v, root, "dueAt"), root+".dueAt")
	o.Status = p.status(v, root)
	o.Finished = o.Status != "" && o.Status != "pending"
	if object := p.part(v, root, "object"); object.Exists() {
		o.APIName = p.member(object, root+".object", "apiName")
		p.id(object, root+".object", "dataId")
		p.member(object, root+".object", "label")
		p.member(object, root+".object", "name")
	}
	if flow := p.part(v, root, "workflow"); flow.Exists() {
		p.id(flow, root+".workflow", "instanceId")
		p.member(flow, root+".workflow", "name")
		p.member(flow, root+".workflow", "node")
	}
	if sender := p.part(v, root, "sender"); sender.Exists() {
		o.SenderID = p.id(sender, root+".sender", "id")
		o.SenderName = p.member(sender, root+".sender", "name")
	}
	o.Receivers = p.receivers(v.Get("receivers"), root+".receivers")
	p.required(e, root)
}

// required rejects what lacks a title or a receiver and needs both.
func (p *parser) required(e *Event, root string) {
	o := &e.Object
	if e.Action == ActionDelete || e.Action == ActionEdit && o.Finished {
		return
	}
	if o.Title == "" {
		p.reject(root+".title", "missing: the %s of a %s needs a title", e.Action, root)
	}
	if len(o.Receivers) == 0 {
		p.reject(root+".receivers", "missing: the %s of a %s needs at least one receiver", e.Action, root)
	}
}

// message reads what a message event has: a text and the addresses that it goes to, which are its receivers.
func (p *parser) message(e *Event, v mapping.Value) {
	e.Object.Title = p.member(v, "message", "text")
	if e.Object.Title == "" {
		p.reject("message.text", "missing: a message needs a text")
	}
	to := v.Get("to")
	if !to.Exists() || to.Kind() != mapping.Array {
		p.reject("message.to", "missing: a message needs a list of addresses")
		return
	}
	to.Each(func(one mapping.Value) bool {
		at := fmt.Sprintf("message.to.%d", len(e.Object.Receivers))
		address := p.text(one, "", at, false)
		if address == "" {
			p.reject(at, "an address is needed here")
			return false
		}
		e.Object.Receivers = append(e.Object.Receivers, Receiver{ID: clean(address), Value: one})
		return len(e.Object.Receivers) <= MaxReceivers
	})
	if n := len(e.Object.Receivers); n == 0 || n > MaxReceivers {
		p.reject("message.to", "%d addresses; 1 to %d are wanted", n, MaxReceivers)
	}
}

func (p *parser) receivers(v mapping.Value, path string) []Receiver {
	if !v.Exists() {
		return nil
	}
	if v.Kind() != mapping.Array {
		p.reject(path, "want a list of receivers")
		return nil
	}
	var out []Receiver
	v.Each(func(one mapping.Value) bool {
		at := path + "." + strconv.Itoa(len(out))
		if len(out) == MaxReceivers {
			p.reject(path, "more than %d receivers", MaxReceivers)
			return false
		}
		if one.Kind() != mapping.Object {
			p.reject(at, "want an object with the receiver's id")
			return false
		}
		r := Receiver{ID: p.id(one, at, "id"), Name: p.member(one, at, "name"), Value: one}
		if r.ID == "" {
			p.reject(at+".id", "missing: every receiver needs an id")
		}
		status := p.status(one, at)
		r.Finished = status != "" && status != "pending"
		out = append(out, r)
		return p.rejection == nil
	})
	return out
}

// status reads a status and refuses words that the contract does not know.
func (p *parser) status(v mapping.Value, path string) string {
	s := p.member(v, path, "status")
	switch s {
	case "", "pending", "done", "approved", "rejected", "canceled", "transferred":
	default:
		p.reject(path+".status", "%q is none of pending, done, approved, rejected, canceled, transferred", clip(s))
	}
	return s
}

// version reads an integer from 0 to 2^63-1.
func (p *parser) version(v mapping.Value, path string) (int64, bool) {
	if !v.Exists() {
		return 0, false
	}
	n, err := strconv.ParseInt(v.Raw(), 10, 64)
	if v.Kind() != mapping.Number || err != nil || n < 0 {
		p.reject(path, "%s is not an integer from 0 to %d", clip(v.Raw()), int64(math.MaxInt64))
		return 0, false
	}
	return n, true
}

// part reads a member that must be an object where it is there.
func (p *parser) part(v mapping.Value, path, name string) mapping.Value {
	m := v.Get(name)
	if m.Exists() && m.Kind() != mapping.Object {
		p.reject(path+"."+name, "want an object, not %s", clip(m.Raw()))
	}
	return m
}

// member reads a text member; absent and null are empty.
func (p *parser) member(v mapping.Value, path, name string) string {
	return clean(p.text(v.Get(name), path, name, false))
}

// id reads an id, which may also be written as a number.
func (p *parser) id(v mapping.Value, path, name string) string {
	s := p.text(v.Get(name), path, name, true)
	p.limitID(s, path, name)
	return clean(s)
}

// join is the path of a member, made only where it is told: most events have nothing wrong.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (p *parser) limitID(s, path, name string) {
	if len(s) > MaxID {
		p.reject(join(path, name), "an id of %d bytes; %d are the most", len(s), MaxID)
	}
}

func (p *parser) text(v mapping.Value, path, name string, number bool) string {
	if !v.Exists() {
		return ""
	}
	if k := v.Kind(); k != mapping.String && (k != mapping.Number || !number) {
		p.reject(join(path, name), "want text, not %s", clip(v.Raw()))
		return ""
	}
	return v.Text()
}

func (p *parser) time(s, path string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := ParseTime(s)
	if err != nil {
		p.reject(path, "%q is not a time as RFC 3339 writes it, such as 2024-11-05T09:30:00+08:00", clip(s))
	}
	return t
}

// ParseTime reads a time as RFC 3339 writes it, to the letter: t and z may be small, a second may be the 60th, and nothing
// else that time.Parse lets pass, such as an hour of one digit, does.
func ParseTime(s string) (time.Time, error) {
	upper := strings.ToUpper(s)
	if len(s) < len("2006-01-02T15:04:05Z") || upper[10] != 'T' || upper[13] != ':' || strings.Contains(s, ",") {
		return time.Time{}, fmt.Errorf("%q is not a time as RFC 3339 writes it", clip(s))
	}
	leap := time.Duration(0)
	if upper[17:19] == "60" {
		upper, leap = upper[:17]+"59"+upper[19:], time.Second
	}
	t, err := time.Parse(time.RFC3339, upper)
	return t.Add(leap), err
}

func (p *parser) decoded(name string) string {
	s, err := url.PathUnescape(p.header(name))
	if err != nil {
		p.reject("", "header %s is not percent-encoded rightly", name)
	}
	return s
}

// header finds a header without regard to case, as CloudEvents' binding asks for.
func (p *parser) header(name string) string {
	if v := p.in.Header[name]; len(v) > 0 {
		return v[0]
	}
	for k, v := range p.in.Header {
		if strings.EqualFold(k, name) && len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// clean makes a text fit for any database: PostgreSQL stores no U+0000.
func clean(s string) string {
	if strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// clip shortens what a message quotes.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "..."
}
