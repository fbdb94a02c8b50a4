package connector

import (
	"maps"
	"slices"
	"time"
)

// Presence is what is known of a todo being in an OA's inbox.
type Presence string

// The presences.
const (
	Absent  Presence = ""      // no create has succeeded, and none may have
	Maybe   Presence = "maybe" // a create ended without an answer
	Present Presence = "yes"   // a create has succeeded
)

// A Lane is the line in which deliveries of one todo go to one connection: one a receiver with `each`, one for the whole
// todo with `list` and `joined`. It remembers what the OA has.
//
// A receiver is in the common lane of a todo or in one of his own. He leaves the common one for good when he cannot go with the others:
// he has no account, the OA refused him alone, or it never got what the others have. All that waits for him moves with him, see Split.
type Lane struct {
	Receiver string   // empty: the common lane of the whole todo
	Account  string   // the OA account that the todo was sent to; #F001 of its later deliveries
	Presence Presence // whether the OA has the todo under the external number Has; in a common lane, whether anybody has it
	Has      int
	Left     bool              // some request of it was sent, or may have been
	Ended    Scene             // SceneDone or SceneDelete when that is its newest planned state, else empty
	External int               // the newest planned external number; 0 and 1: the todo's own id, 2: todo_2
	RemoteID string            // the OA's own id of the todo
	Frozen   map[string]string // values that its create was sent with, by code
	Told     time.Time         // the newest time that the OA was told as that of a call, #F126; zero: none was
	// People are those of a common lane who have the todo, by CRM user id. It is never changed, only replaced: copies of a lane share
	// it. Nil while Presence is not Absent: it is known only that they have it, of nobody in particular.
	People  map[string]Holder
	Waiting []*Delivery // not final, in order of N; filled for planning only
	Dirty   bool        // planning changed it
}

// A Holder is a receiver of a common lane who has the todo in his inbox.
type Holder struct {
	Account string `json:"account,omitempty"` // the OA account that it was sent to
	Maybe   bool   `json:"maybe,omitempty"`   // his create ended without an answer
	As      int    `json:"as,omitempty"`      // the external number that it was sent under; 0: the lane's
	Gone    bool   `json:"gone,omitempty"`    // it was taken out of his inbox again
}

// lumped reports whether a common lane knows only of all its receivers together what they have.
func (l *Lane) lumped() bool { return l.Receiver == "" && l.People == nil && l.Presence != Absent }

// presence is what is known of one receiver's inbox.
func (l *Lane) presence(user string) Presence {
	if l.Receiver != "" || l.lumped() {
		return l.Presence
	}
	switch h, has := l.People[user]; {
	case !has, h.Gone:
		return Absent
	case h.Maybe:
		return Maybe
	}
	return Present
}

// account is the OA account in whose inbox a receiver has the todo, empty where that is not known.
func (l *Lane) account(user string) string {
	switch {
	case l.Receiver == "":
		if h := l.People[user]; !h.Gone {
			return h.Account
		}
	case l.Receiver == user:
		return l.Account
	}
	return ""
}

// AccountOf is the account in whose inbox a receiver of the lane has the todo, or may have it; empty where that is not known.
func (l *Lane) AccountOf(user string) string { return l.account(user) }

// hold notes that a receiver of a common lane has the todo, or may have it.
func (l *Lane) hold(user string, h Holder) {
	people := maps.Clone(l.People)
	if people == nil {
		people = map[string]Holder{}
	}
	people[user] = h
	l.People = people
	l.sum()
}

// takeOut notes that the todo was taken out of the inbox of a receiver of a common lane.
func (l *Lane) takeOut(user string) {
	h, had := l.People[user]
	if !had || l.lumped() {
		return
	}
	if h.As == 0 {
		h.As = l.Has
	}
	l.hold(user, Holder{As: h.As, Gone: true})
}

// had reports whether a receiver of a common lane has the todo, or once had it, under the lane's newest external number, or is going to.
func (l *Lane) had(user string) bool {
	if slices.ContainsFunc(l.Waiting, func(w *Delivery) bool { return w.Names(user) && w.External >= l.External }) {
		return true
	}
	h, had := l.People[user]
	return had && (h.As == 0 && l.Has == l.External || h.As == l.External)
}

// drop notes that receivers are none of a common lane any more.
func (l *Lane) drop(users ...string) {
	if l.lumped() {
		return // some of those who have it may be left
	}
	people := make(map[string]Holder, len(l.People))
	for user, h := range l.People {
		if !slices.Contains(users, user) {
			people[user] = h
		}
	}
	l.People = people
	l.sum()
}

// sum says of a common lane what its people say together.
func (l *Lane) sum() {
	l.Presence = Absent
	for _, h := range l.People {
		switch {
		case h.Gone:
			continue
		case !h.Maybe:
			l.Presence = Present
			return
		}
		l.Presence = Maybe
	}
	if l.Presence == Absent {
		l.Has, l.Account = 0, ""
	}
}

// Doubt notes that a create of a delivery may have reached the OA without anybody knowing.
func (l *Lane) Doubt(d *Delivery) {
	l.Left = true
	if d.Scene != SceneCreate && d.Scene != SceneEdit || l.lumped() {
		return // an edit may have been sent as a create
	}
	if l.Receiver != "" {
		if l.Presence == Absent {
			l.Presence, l.Has, l.Account = Maybe, d.External, d.Account
		}
		return
	}
	accounts := d.accounts()
	for i, r := range d.Recipients {
		if l.presence(r.ID) != Absent {
			continue
		}
		if l.Presence == Absent {
			l.Has = d.External
		}
		l.hold(r.ID, Holder{Account: accounts[i], Maybe: true, As: d.External})
	}
}

// own is the lane that a receiver gets who leaves this common one.
func (l *Lane) own(user string) Lane {
	out := *l
	out.Receiver, out.People, out.Waiting = user, nil, nil
	out.Presence, out.Account = l.presence(user), l.account(user)
	if out.Presence == Absent {
		out.Has, out.RemoteID, out.Frozen = 0, "", nil
	}
	return out
}
