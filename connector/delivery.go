package connector

import (
	"slices"
	"strings"
	"time"

	"todosync/mapping"
	"todosync/retry"
)

// A State is where a delivery stands. ARCHITECTURE.md draws the ways between them.
type State string

// The states of a delivery. Succeeded, Failed, Skipped, Superseded and Canceled are final; only a person makes a final
// one wait again.
const (
	Pending    State = "pending"    // waits for its turn
	Sending    State = "sending"    // committed before the request leaves
	Retrying   State = "retrying"   // a try was spent; waits for the next
	Held       State = "held"       // waits for a cause to go away; Class says which
	Succeeded  State = "succeeded"  // the OA has it
	Failed     State = "failed"     // refused, tries used up, or not renderable
	Skipped    State = "skipped"    // nothing to do: nothing_there, unbound
	Superseded State = "superseded" // a later delivery says all that this one would
	Canceled   State = "canceled"   // a person ended it
)

// States are all states in the order in which they are shown.
func States() []State {
	return []State{Pending, Sending, Retrying, Held, Succeeded, Failed, Skipped, Superseded, Canceled}
}

// Final reports whether nothing more happens to a delivery in this state by itself.
func (s State) Final() bool {
	switch s {
	case Succeeded, Failed, Skipped, Superseded, Canceled:
		return true
	case Pending, Sending, Retrying, Held:
	}
	return false
}

// Reasons that stand in Class beside the classes of failure: why a delivery is held or was skipped.
const (
	ReasonUnbound      = retry.Unbound
	ReasonPaused       = retry.Class("paused")        // the connection is paused by a person
	ReasonDisabled     = retry.Class("disabled")      // the connection is off in its settings
	ReasonDown         = retry.Class("down")          // the OA is taken for down
	ReasonTokenRefused = retry.TokenRefused           // the OA gives no token
	ReasonNothingThere = retry.Class("nothing_there") // a done or delete of what the OA never got
	ReasonDeleteFailed = retry.Class("delete_failed") // the create of a re-creation whose delete failed
	ReasonSceneOff     = retry.Class("scene_off")     // its scene was turned off after it was planned
)

// A Recipient is one receiver of a delivery: a CRM user as the event named him.
type Recipient struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// A Delivery is one request that is owed to one connection because of one event, for one receiver or for all.
type Delivery struct {
	N          int64 // its place in the store: order of creation, and within a lane the order of sending; 0 until stored
	ID         string
	Conn       int64 // the store's number of the connection
	Key        ConnectionKey
	Kind       Kind
	Todo       string
	Lane       string // the receiver whose lane it goes in; empty: one lane for the whole todo
	Scene      Scene
	Step       int // 0, or the place among the deliveries of one event for one lane (a re-creation has two)
	Title      string
	Recipients []Recipient
	Account    string // OA accounts that it was last sent to, joined by ","
	EventN     int64  // the store's number of the event
	EventID    string
	External   int // 1, or the number behind the external id: 2 is todo_2

	State        State
	Class        retry.Class // failure, or why it is held or skipped; empty on success
	Code         string      // the OA's word in the last attempt
	Message      string
	Tries        int       // tries used up since it was planned or last retried by hand
	Attempts     int       // attempts recorded, over all
	FirstTry     time.Time // by the connection's own clock, see Condition.Clock; moved on by the time that it was held for a binding
	Due          time.Time // when it may be claimed; zero: not until something else happens
	Created      time.Time
	Updated      time.Time
	Revision     int64
	SentTwice    bool // the OA may have got it twice
	Unanswered   bool // an attempt of it ended without an answer
	SupersededBy string
	SplitFrom    string
	RemoteID     string
}

// accounts are the accounts of the recipients, one each as far as that is known.
func (d *Delivery) accounts() []string {
	if out := strings.Split(d.Account, ","); len(out) == len(d.Recipients) {
		return out
	}
	return make([]string, len(d.Recipients))
}

// Leave takes recipients out, with their accounts, and reports whether there were any of them.
func (d *Delivery) Leave(users ...string) bool {
	accounts := d.accounts()
	var stay []Recipient
	var theirs []string
	for i, r := range d.Recipients {
		if !slices.Contains(users, r.ID) {
			stay, theirs = append(stay, r), append(theirs, accounts[i])
		}
	}
	if len(stay) == len(d.Recipients) {
		return false
	}
	d.Recipients, d.Account = stay, strings.Trim(strings.Join(theirs, ","), ",")
	return true
}

// Names reports whether a user is among the recipients.
func (d *Delivery) Names(user string) bool {
	return slices.ContainsFunc(d.Recipients, func(r Recipient) bool { return r.ID == user })
}

// Waits reports whether the delivery holds back what stands behind it in its lane.
func (d *Delivery) Waits() bool { return !d.State.Final() }

// An Attempt is one exchange with an OA as it is kept: requests hold marks in place of secrets.
type Attempt struct {
	Number   int
	Started  time.Time
	Duration time.Duration
	Scene    Scene // whose request it was; empty for one to the token's address, or where none left
	Request  SentRequest
	Response ReceivedAnswer
	Class    retry.Class
	Code     string
	Message  string
	Revision int64
	Worker   string
}

// A SentRequest is a request as it is kept.
type SentRequest struct {
	Method  string         `json:"method"`
	Address string         `json:"address"`
	Headers []retry.Header `json:"headers"`
	Body    string         `json:"body"`
}

// A ReceivedAnswer is an answer as it is kept: 64 KiB of its body at most. Status 0 is no answer.
type ReceivedAnswer struct {
	Status  int            `json:"status"`
	Headers []retry.Header `json:"headers"`
	Body    string         `json:"body"`
}

// A Change is the outcome of one claimed delivery, made by the functions of this package alone so that no illegal one
// can be built. The store applies it only while the delivery is still Sending.
type Change struct {
	N           int64
	To          State
	Class       retry.Class
	Code        string
	Message     string
	Due         time.Time // for Pending and Retrying
	Tries       int       // the new count
	FirstTry    time.Time
	Account     string
	RemoteID    string
	Revision    int64
	SentTwice   bool
	Unanswered  bool
	Attempts    []Attempt   // to be added, numbered on from Delivery.Attempts
	Lane        *Lane       // what is now known of the lane; nil: as before
	SkipFollows retry.Class // not empty: the next step of the same event in this lane ends Skipped with this reason
	Splits      []Split     // receivers who leave this delivery, and the common lane, for deliveries of their own
}

// Work is a claimed delivery with all that is needed to send it.
type Work struct {
	Delivery
	Event    StoredEvent
	LaneNow  Lane
	Before   *SentBefore        // not nil: this is to be sent, as a person wanted, instead of what is rendered now
	Bindings map[string]Binding // by CRM user: receivers and sender, as far as bound in this connection
}

// A StoredEvent is an accepted event as the store keeps it.
type StoredEvent struct {
	N        int64
	Sequence uint64
	Tenant   string
	Kind     Kind
	Action   Action
	ID       string
	Time     time.Time
	Received time.Time
	Payload  []byte       // the JSON object that holds the kind's object
	Doc      *mapping.Doc // Payload as it was parsed, where that is at hand; else nil
	Trace    string       // traceparent, where the message had one
}
