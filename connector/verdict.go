package connector

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"todosync/mapping"
	"todosync/retry"
)

// A verdict is what one attempt came to.
type verdict struct {
	class      retry.Class // empty: the OA took it
	code       string
	message    string
	excerpt    string // of an answer that was not understood; it is cut only after secrets are out of it
	remoteID   string
	remembered map[string]string // further values of a success that later requests need, by own code
	duplicate  bool              // it was there already
	gone       bool              // it was not there
	unanswered bool              // the OA may have it all the same
	left       bool              // a request left, or may have
	hint       time.Duration
	released   bool     // not to be counted as a try: we stopped, or the OA was known to be down
	failed     []string // the accounts of several that did not get it, where the others did
	unclear    bool     // some of several got it, and the OA does not say who
}

// retryError gives the *retry.Error in err; every error of a Sender is one.
func retryError(err error) *retry.Error {
	if e, ok := errors.AsType[*retry.Error](err); ok {
		return e
	}
	return &retry.Error{Class: retry.Network, Msg: "the request could not be made", Err: err}
}

// judge reads an answer: not 2xx by its class, 2xx by the connection's rules. accounts are those that the request was for.
func judge(rules *mapping.Result, receipt *retry.Receipt, err error, accounts []string) verdict {
	contentType := headerOf(receipt.Headers, "Content-Type")
	if err != nil {
		e := retryError(err)
		v := verdict{
			class: e.Class, message: e.Error(), unanswered: e.Unanswered, hint: e.RetryAfter,
			left: e.Unanswered || e.Status != 0,
		}
		if e.Status != 0 {
			v.refused(rules.Refusal(contentType, receipt.Body), e.Status)
		}
		return v.worded()
	}
	return answered(rules.Read(contentType, receipt.Body), accounts)
}

// answered is the verdict on an answer that the connection's rules have read.
func answered(a mapping.Answer, accounts []string) verdict {
	v := verdict{code: a.Code, message: a.Message, remoteID: a.Data, remembered: a.Remembered, left: true}
	switch {
	case a.Fault:
		v.class = retry.Business
	case !a.Understood:
		v.class, v.message, v.excerpt = retry.BadAnswer, a.Why, a.Excerpt
	case a.Duplicate:
		v.duplicate = true
	case a.Gone:
		v.gone = true
	case a.Partial:
		v.partly(&a, accounts)
	case a.Success:
	default:
		v.class = retry.Business
	}
	return v.worded()
}

// refused adds the OA's own words to an answer whose HTTP status is no success. The class stays the status's, save for two: a SOAP
// fault is the web service's word whatever the status, and so is a 4xx answer that the connection's rules name as "already there" or
// "not there": REST services say it with 404 and 409.
func (v *verdict) refused(a mapping.Answer, status int) {
	switch {
	case a.Fault:
		*v = verdict{class: retry.Business, code: a.Code, message: a.Message, left: true}
		return
	case v.class == retry.HTTP4xx && status != 401 && status != 403 && (a.Duplicate || a.Gone):
		*v = verdict{code: a.Code, message: a.Message, duplicate: a.Duplicate, gone: a.Gone, left: true}
		return
	}
	v.code = a.Code
	if a.Message != "" {
		v.message += ": " + a.Message
	}
}

// partly judges an answer that names the accounts of those who failed.
func (v *verdict) partly(a *mapping.Answer, accounts []string) {
	for _, account := range accounts {
		if account != "" && slices.Contains(a.Accounts, account) {
			v.failed = append(v.failed, account)
		}
	}
	switch got := len(accounts) - len(v.failed); {
	case len(accounts) == 1 && got == 1 && len(a.Accounts) > 0, len(v.failed) > 0 && got > 0:
		return // others failed, or these did
	case len(v.failed) == 0:
		v.unclear = len(accounts) > 1
	}
	v.class, v.failed = retry.Business, nil
	v.message = strings.TrimSpace(a.Message + " (failed: " + strings.Join(a.Accounts, ", ") + ")")
}

// worded gives a refusal without a message one.
func (v verdict) worded() verdict {
	if v.class == retry.Business && v.message == "" {
		v.message = "the OA refused it without a message"
	}
	return v
}

// An exchange is all that next decides on.
type exchange struct {
	program *Program
	work    *Work
	sent    Scene // the scene whose request was sent
	account string
	people  []string // the accounts of the receivers, one each
	frozen  map[string]string
	verdict verdict
	now     time.Time
	told    time.Time // the time that the request named as its own; zero: it named none
}

// next is the whole decision that follows an attempt. It is pure.
func (x *exchange) next() Change {
	w, v := x.work, &x.verdict
	c := x.change()
	switch {
	case v.released:
		c.To, c.Due, c.Class = Pending, x.now, ""
		if v.unanswered && x.holds() {
			c.To, c.Due, c.Class = Held, time.Time{}, v.class
		}
		return c
	case v.class == retry.TokenRefused:
		c.To, c.Due, c.Class = Pending, x.now, ""
		return c
	}
	c.Tries = w.Tries + 1
	switch {
	case v.gone && x.sent == SceneEdit && x.program.On(SceneCreate):
		return x.again(c)
	case v.duplicate && x.sent == SceneCreate && w.Scene == SceneEdit && x.program.On(SceneEdit):
		return x.again(c)
	case v.class == retry.OK && x.taken():
		c.To = Succeeded
		x.divide(&c)
		if x.sent == SceneCreate && w.opens() && w.presence() == Absent {
			// A re-creation under a new id: there is nothing under the old one that its delete could find.
			c.SkipFollows = ReasonNothingThere
		}
		return c
	}
	if c.Class == "" {
		c.Class = retry.Business // "already there" or "not there" where it means a failure
	}
	if v.unanswered && x.holds() {
		c.To = Held
		return c
	}
	if x.program.policy.Retries(c.Class, c.Code, c.Message) {
		wait, ok := x.program.policy.Next(c.Tries, x.program.Condition.Clock(x.now).Sub(c.FirstTry), v.hint, retry.Jitter(w.ID, c.Tries))
		if ok {
			c.To, c.Due = Retrying, x.now.Add(wait)
			return c
		}
	}
	return fail(c, w)
}

// fail ends a delivery for good, and with a re-creation's delete the create that follows it.
func fail(c Change, w *Work) Change {
	c.To, c.Due = Failed, time.Time{}
	if w.Scene == SceneDelete && w.opens() {
		c.SkipFollows = ReasonDeleteFailed
	}
	return c
}

// holds reports whether a person must look before anything is sent again.
func (x *exchange) holds() bool { return x.program.Settings.Retry.Unanswered == UnansweredHold }

// taken reports whether a 2xx answer by the rules is a success for what was sent.
func (x *exchange) taken() bool {
	switch {
	case x.verdict.duplicate:
		return x.sent == SceneCreate
	case x.verdict.gone:
		return x.sent == SceneDone || x.sent == SceneDelete
	}
	return true
}

// again lets the same delivery go once more at once, as the other of edit and create. An OA that answers "not there" to
// the one and "already there" to the other for ever is stopped by the number of tries.
func (x *exchange) again(c Change) Change {
	if c.Tries > len(x.program.policy.Schedule)+1 {
		c.Class = retry.Business
		c.Message = "the OA says both that it has this todo and that it has not: " + c.Message
		return fail(c, x.work)
	}
	c.To, c.Due, c.Class = Pending, x.now, ""
	return c
}

// change is what every outcome stores: the OA's words and what is known of the lane.
func (x *exchange) change() Change {
	w, v := x.work, &x.verdict
	c := Change{
		N: w.N, Class: v.class, Code: v.code, Message: v.message, Tries: w.Tries, FirstTry: w.FirstTry,
		Account: x.account, RemoteID: w.RemoteID, Revision: x.program.Revision,
		SentTwice:  w.SentTwice || w.Unanswered && v.left,
		Unanswered: w.Unanswered || v.unanswered,
	}
	if c.FirstTry.IsZero() && x.tried() {
		c.FirstTry = x.program.Condition.Clock(x.now)
	}
	if v.remoteID != "" {
		c.RemoteID = v.remoteID
	}
	if w.Kind == KindTodo {
		lane := x.lane()
		c.Lane = &lane
	}
	return c
}

// tried reports whether this was a try: its request left, or would have if the OA had been there.
func (x *exchange) tried() bool {
	v := &x.verdict
	switch {
	case v.left:
		return true
	case v.released:
		return false
	}
	return v.class != retry.TokenRefused && v.class != retry.Unbound
}

// divide lets those go their own way whom the OA refused while it took the others.
func (x *exchange) divide(c *Change) {
	var failed []Recipient
	stay := Delivery{Recipients: x.work.Recipients, Account: strings.Join(x.people, ",")}
	for i, r := range x.work.Recipients {
		if x.refused(i) {
			failed = append(failed, r)
			stay.Leave(r.ID)
		}
	}
	if len(failed) == 0 {
		return
	}
	c.Account = stay.Account
	lane := x.work.LaneNow
	lane.Left = true
	if c.Lane != nil {
		lane.Told = c.Lane.Told
	}
	c.split(&lane, failed)
	if c.Lane != nil {
		c.Lane.drop(idsOf(failed)...)
	}
}

// refused reports whether the OA refused the receiver at this place alone.
func (x *exchange) refused(i int) bool {
	return len(x.verdict.failed) > 0 && slices.Contains(x.verdict.failed, x.people[i])
}

// lane is what is known of the OA's side after the attempt.
func (x *exchange) lane() Lane {
	w, v, lane := x.work, &x.verdict, x.work.LaneNow
	lane.Left = lane.Left || v.left
	if x.told.After(lane.Told) {
		lane.Told = x.told
	}
	took := v.class == retry.OK
	if took && !v.gone && (x.sent == SceneCreate || x.sent == SceneEdit) {
		if v.remoteID != "" || x.sent == SceneCreate && w.Lane != "" && lane.Has != w.External {
			lane.RemoteID = v.remoteID // what the OA called the todo under another external id is not this one's
		}
		if x.frozen != nil {
			lane.Frozen = maps.Clone(x.frozen)
		}
		if x.sent != SceneCreate || !v.duplicate {
			lane.remember(v.remembered)
		}
	}
	if w.Lane == "" {
		x.commonLane(&lane, took)
		return lane
	}
	switch x.sent {
	case SceneCreate:
		switch {
		case took && !v.gone:
			lane.Presence, lane.Has, lane.Account = Present, w.External, x.account
		case v.unanswered && lane.Presence == Absent:
			lane.Presence, lane.Has, lane.Account = Maybe, w.External, x.account
			lane.RemoteID = "" // it stood in the answer that did not come
		}
	case SceneEdit:
		if v.gone && took {
			lane.Presence, lane.Has, lane.Account = Absent, 0, ""
		}
	case SceneDelete:
		if took && (lane.Has == 0 || lane.Has == w.External) {
			lane.Presence, lane.Has, lane.Account = Absent, 0, ""
		}
	case SceneDone, SceneRemind, SceneMessage:
	}
	return lane
}

// commonLane notes what the attempt has made of each receiver's inbox.
func (x *exchange) commonLane(lane *Lane, took bool) {
	w, v := x.work, &x.verdict
	gone := x.sent == SceneEdit && v.gone || x.sent == SceneDelete && (lane.Has == 0 || lane.Has == w.External)
	if lane.lumped() {
		if x.sent == SceneEdit && v.gone && took {
			lane.Presence, lane.Has, lane.Account = Absent, 0, ""
		}
		return
	}
	for i, r := range w.Recipients {
		switch {
		case x.refused(i):
		case took && gone:
			lane.takeOut(r.ID)
		case x.sent != SceneCreate:
		case took && !v.gone:
			lane.hold(r.ID, Holder{Account: x.people[i], As: w.External})
			lane.Has, lane.Account = w.External, x.account
		case (v.unanswered || v.unclear) && lane.presence(r.ID) == Absent:
			if lane.Presence == Absent {
				lane.Has, lane.Account = w.External, x.account
			}
			lane.hold(r.ID, Holder{Account: x.people[i], Maybe: true, As: w.External})
		}
	}
}

// settled is the decision before anything is sent: which scene's request goes, or how the delivery ends without one.
func settled(p *Program, w *Work, now time.Time) (Scene, *Change) {
	end := func(to State, class retry.Class, message string) *Change { return w.ends(p, to, class, message) }
	if before := p.over(&p.Condition, now); !w.FirstTry.IsZero() && w.FirstTry.Before(before) {
		c := fail(*end(Failed, w.LastClass(), p.overWhy()+w.Message), w)
		return "", &c
	}
	scene := w.Scene
	known := p.On(SceneCreate) // else nobody can say what the OA has
	presence := w.presence()
	absent := known && presence == Absent
	switch scene {
	case SceneEdit:
		if absent || known && presence == Maybe {
			scene = SceneCreate
		}
	case SceneDone, SceneDelete:
		if absent {
			return "", end(Skipped, ReasonNothingThere, "the OA never got this todo")
		}
	case SceneCreate, SceneRemind, SceneMessage:
	}
	if !p.On(scene) {
		return "", end(Skipped, ReasonSceneOff, "the scene "+string(scene)+" was turned off after this was planned")
	}
	return scene, nil
}

// ends is a change without a request.
func (w *Work) ends(p *Program, to State, class retry.Class, message string) *Change {
	return &Change{
		N: w.N, To: to, Class: class, Code: w.Code, Message: message, Tries: w.Tries, FirstTry: w.FirstTry,
		Account: w.Account, RemoteID: w.RemoteID, Revision: p.Revision, SentTwice: w.SentTwice, Unanswered: w.Unanswered,
	}
}

// over is the first try, by the connection's own clock, before which a delivery's time is over; zero: it never is.
func (p *Program) over(c *Condition, now time.Time) time.Time {
	if p.policy.GiveUpAfter <= 0 {
		return time.Time{}
	}
	return c.Clock(now).Add(-p.policy.GiveUpAfter)
}

// overWhy begins the message of what is given up.
func (p *Program) overWhy() string {
	return "given up " + p.Settings.Retry.GiveUpAfter.String() + " after the first try; before that: "
}

// LastClass is the class of the last attempt, for one that is given up without another.
func (d *Delivery) LastClass() retry.Class {
	if d.Class != "" {
		return d.Class
	}
	return retry.Timeout
}

// remember keeps values of an accepted answer under their own codes, beside those that are frozen: later requests have them in
// place of what the codes stand for.
func (l *Lane) remember(values map[string]string) {
	if len(values) == 0 {
		return
	}
	l.Frozen = maps.Clone(l.Frozen)
	if l.Frozen == nil {
		l.Frozen = make(map[string]string, len(values))
	}
	for code, value := range values {
		if value == "" {
			delete(l.Frozen, code) // what the field itself says holds again
			continue
		}
		l.Frozen[code] = value
	}
}
