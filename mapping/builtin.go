package mapping

import (
	"strconv"
	"time"
)

// builtin reads a placeholder of the catalogue.
func (r *run) builtin(v *value, b *builtin, receiver int) error {
	s := r.s
	switch b.read {
	case readObject:
		v.event(r.object.walk(b.path))
		if b.Time && !v.absent() {
			if err := r.parse(v); err != nil {
				return mistake("%s: %s", "%s：%s", b.label(), err)
			}
		}
	case readTenant:
		v.set(s.Tenant)
	case readConnection:
		v.set(s.Connection)
	case readScene:
		v.set(s.Scene)
	case readEventID:
		v.set(s.EventID)
	case readEventTime:
		r.clock(v, s.EventTime)
	case readTryTime:
		r.clock(v, s.TryTime)
	case readDelivery:
		v.set(s.DeliveryID)
	case readRemoteID:
		v.set(s.RemoteID)
	case readExternalID:
		v.set(s.ExternalID)
	case readTries:
		v.kind, v.text = jsonValue, strconv.Itoa(s.Tries)
	case readSignOnPC:
		v.set(s.SignOnPC)
	case readSignOnMobile:
		v.set(s.SignOnMobile)
	case readSenderAccount:
		v.set(s.Sender.Account)
	case readSenderOAName:
		v.set(s.Sender.oaName())
	default:
		return r.receiver(v, b, receiver)
	}
	return nil
}

// receiver reads a placeholder that differs from receiver to receiver.
func (r *run) receiver(v *value, b *builtin, receiver int) error {
	if receiver >= len(r.s.Receivers) {
		receiver = -1
	}
	var p *Person
	if receiver >= 0 {
		p = &r.s.Receivers[receiver]
	}
	switch {
	case p == nil:
	case b.read == readReceiverAccount:
		v.set(p.Account)
	case b.read == readReceiverID:
		v.set(p.ID)
	case b.read == readReceiverName:
		v.set(p.Name)
	case b.read == readReceiverOAName:
		v.set(p.oaName())
	}
	if b.read == readReceiverAccount && v.kind == missing {
		return &Error{Placeholder: "#" + b.Code, Err: mistake("required (%s), and the receiver has none: bind the CRM user",
			"必填（%s），而该接收人没有：请绑定该 CRM 用户", b.label())}
	}
	return nil
}

// oaName is what an OA calls the person: by the binding, else the account, else as the event names him.
func (p *Person) oaName() string {
	switch {
	case p.AccountName != "":
		return p.AccountName
	case p.Account != "":
		return p.Account
	}
	return p.Name
}

// set takes text that is a string, whatever it looks like; empty is missing.
func (v *value) set(s string) {
	if s != "" {
		v.kind, v.text = textual, clean(s)
	}
}

// event takes a value of an event; what is JSON there is JSON where JSON is wanted.
func (v *value) event(from Value) {
	switch from.Kind() {
	case Absent, Null:
	case String:
		v.kind, v.text = textual, from.Text()
	default:
		v.kind, v.text = jsonValue, from.Raw()
	}
}

// clock takes a time, to be printed as the connection prints times; the zero time is missing.
func (r *run) clock(v *value, t time.Time) {
	if !t.IsZero() {
		v.kind, v.time, v.format = timed, t.In(r.t.zone), r.t.format
	}
}

// parse makes a time of a text.
func (r *run) parse(v *value) error {
	t, err := parseTime(v.text)
	if err == nil {
		r.clock(v, t)
	}
	return err
}
