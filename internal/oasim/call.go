package oasim

import (
	"net/http"
	"time"
)

// An Op is what a simulator took a call for.
type Op string

// The ops. A call that was not understood has none.
const (
	OpToken   Op = "token"
	OpCreate  Op = "create"
	OpUpdate  Op = "update"
	OpDone    Op = "done"
	OpDelete  Op = "delete"
	OpMessage Op = "message" // a reminder or notice, not a todo
	OpQuery   Op = "query"
	OpBind    Op = "bind"
	OpSignOn  Op = "sign-on" // somebody asks who an employee is
)

// An Effect is what a call did to the inbox.
type Effect string

// The effects. A call that never got so far has none.
const (
	EffectNew     Effect = "new"
	EffectEdited  Effect = "edited"
	EffectDone    Effect = "done"
	EffectDeleted Effect = "deleted"
	EffectSame    Effect = "same"    // accepted, and all was so already
	EffectDropped Effect = "dropped" // answered with success and ignored, as some vendors do with what is too old
	EffectPart    Effect = "part"    // done for some accounts, refused for others
	EffectRefused Effect = "refused"
)

// A Call is one request that arrived, what the simulator made of it and what it answered. Headers and body are as they
// came, credentials included: these are not real ones.
type Call struct {
	Seq            int         `json:"seq"` // 1, 2, ... in the order of arrival
	Time           time.Time   `json:"time"`
	Method         string      `json:"method"`
	Path           string      `json:"path"`
	Query          string      `json:"query,omitempty"`
	Header         http.Header `json:"header"`
	Body           string      `json:"body"`
	IdempotencyKey string      `json:"idempotencyKey,omitempty"`

	Op       Op       `json:"op,omitempty"`
	App      string   `json:"app,omitempty"`      // the registration under which it came
	Todo     string   `json:"todo,omitempty"`     // the todo's id as the OA knows it
	Accounts []string `json:"accounts,omitempty"` // whom it is for, as far as the call itself says
	Effect   Effect   `json:"effect,omitempty"`
	Step     Do       `json:"step,omitempty"` // the script's step that answered; empty: the OA's own rules

	Over     bool          `json:"over"`   // the call has been answered or cut off
	Status   int           `json:"status"` // 0: no answer was sent
	Answer   string        `json:"answer,omitempty"`
	Duration time.Duration `json:"durationNs,omitempty"`
}

// A ledger holds the newest calls. The Sim's lock guards it and the calls in it.
type ledger struct {
	keep    int
	seq     int
	arrived int // without calls for tokens and sign-ons
	calls   []*Call
	waiting chan struct{} // closed at the next arrival; nil: nobody waits
}

// newLedger makes a ledger that keeps so many calls: 0 is the default of Config, less is none.
func newLedger(keep int) ledger {
	if keep == 0 {
		keep = 10_000
	}
	return ledger{keep: max(keep, 0)}
}

// add enters a call, numbers it and wakes whoever waits.
func (l *ledger) add(c *Call) {
	l.seq++
	c.Seq = l.seq
	if c.Op != OpToken && c.Op != OpSignOn {
		l.arrived++
	}
	if l.waiting != nil {
		close(l.waiting)
		l.waiting = nil
	}
	if l.keep == 0 {
		return
	}
	if len(l.calls) >= 2*l.keep { // drop in one go what is too old, so that an arrival costs the same on average
		n := copy(l.calls, l.calls[len(l.calls)-l.keep:])
		clear(l.calls[n:])
		l.calls = l.calls[:n]
	}
	l.calls = append(l.calls, c)
}

// list copies the calls after seq.
func (l *ledger) list(after int) []Call {
	kept := l.calls[max(0, len(l.calls)-l.keep):]
	out := make([]Call, 0, len(kept))
	for _, c := range kept {
		if c.Seq > after {
			out = append(out, *c)
		}
	}
	return out
}

// changed gives a channel that is closed at the next arrival.
func (l *ledger) changed() <-chan struct{} {
	if l.waiting == nil {
		l.waiting = make(chan struct{})
	}
	return l.waiting
}
