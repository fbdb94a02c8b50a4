package connector

import (
	"context"
	"time"

	"todosync/retry"
)

// A Ledger is the store as a Worker sees it. Every method may be called from many goroutines.
type Ledger interface {
	// Turn settles outcomes of one connection and claims its next deliveries, in one commit that is shared with
	// others. When it returns without an error, all of it is durable; with an error, none of it happened. It fails with
	// Conflict when t.Fence is not the connection's any more: another worker serves it.
	Turn(ctx context.Context, t Turn) (Turned, error)
	// Waiting names the connections that have a delivery with a due time, whenever that is.
	Waiting(ctx context.Context) ([]int64, error)
	// Recover makes pending again, in their places, all deliveries that a worker which is gone left Sending: each gets
	// an attempt that says so, SentTwice and its lane's Left and (for a create) Presence Maybe. No try is spent. With the rule
	// UnansweredHold it is held instead.
	Recover(ctx context.Context) (int, error)
	// SetCondition stores what holds a whole connection: one row, however much waits. It fails with Conflict as Turn does.
	SetCondition(ctx context.Context, conn, fence int64, c Condition) error
}

// A Registry gives compiled connections. It is asked before each turn and must be fast.
type Registry interface {
	// Program is the connection's current revision, compiled, with its condition. An error of kind NotFound says that
	// the connection is gone.
	Program(ctx context.Context, conn int64) (*Program, error)
	// Secret is the value of a tenant's secret.
	Secret(ctx context.Context, tenant, name string) (string, error)
	// Token is the token that was last kept for a connection; its zero value, when there is none that can be read.
	Token(ctx context.Context, conn int64) (KeptToken, error)
	// KeepToken keeps a connection's token, sealed, in place of the one before. It fails with Conflict as Turn does.
	KeepToken(ctx context.Context, conn, fence int64, t KeptToken) error
}

// A KeptToken is a token that outlives the worker which fetched it.
type KeptToken struct {
	Value   string    `json:"value"`
	Fetched time.Time `json:"fetched"`
	// Life is for how long its server said that it is good; zero: it did not say.
	Life time.Duration `json:"life,omitempty"`
	// For tells of which settings and secrets it is, as a hash: one that was fetched with others is of no use.
	For string `json:"for"`
}

// A Turn is one exchange with the Ledger.
type Turn struct {
	Conn    int64
	Fence   int64 // the number of the seat, see Sharing; 0 in a store that has one worker
	Changes []Change
	Want    int // how many deliveries to claim at most; they are Sending when Turn returns
	Now     time.Time
	Probe   bool // claim for a probe: one that has a due time, whenever that is, least recently tried first
	// Over, where its Before is not zero, ends as Failed what waits for another try although its time is over: a batch of those whose first try was
	// before, by the connection's own clock.
	Over Over
	// Longest, where it is not zero, says that the clock may have been put back, and how long a delivery can wait for its next try: due
	// times that are further off, or were written at a time that has not come yet, are brought forward, a batch at a time.
	Longest time.Duration
}

// Over says which deliveries are given up without another try.
type Over struct {
	Before time.Time
	Why    string // begins their messages
}

// Turned is the answer to a Turn.
type Turned struct {
	Work []Work     // claimed, in order of due time, then N; never two of one lane
	Next time.Time  // when the next unclaimed delivery is due, zero when there is none; may be past when Want was too small
	Lost []int64    // the N of changes that were not applied because the delivery was no longer Sending
	Over []Delivery // given up, as they are now
	More bool       // there may be more to be given up, or to be brought forward
}

// A Condition is what holds all deliveries of a connection at once. The zero Condition holds nothing.
type Condition struct {
	Paused       bool
	Leaving      bool // its todos are being taken out of the OA, and it gets no new ones
	Disabled     bool
	DownSince    time.Time // zero: not down
	TokenRefused time.Time // zero: not refused
	Message      string    // the last error behind DownSince or TokenRefused
	HoldUntil    time.Time // the OA asked to be left alone until then

	// For how long people have kept the connection paused or disabled: in all, up to HeldSince, and since when they do so now; zero: they
	// do not. Only they change it.
	HeldFor   time.Duration
	HeldSince time.Time
}

// Clock is the connection's own time, which stands still while it is paused or disabled. First tries are kept in it.
func (c *Condition) Clock(now time.Time) time.Time {
	t := now.Add(-c.HeldFor)
	if !c.HeldSince.IsZero() {
		t = t.Add(-max(now.Sub(c.HeldSince), 0))
	}
	return t
}

// Reason is why nothing is sent, empty when something is. A person's word comes first.
func (c Condition) Reason() retry.Class {
	switch {
	case c.Disabled:
		return ReasonDisabled
	case c.Paused:
		return ReasonPaused
	case !c.TokenRefused.IsZero():
		return ReasonTokenRefused
	case !c.DownSince.IsZero():
		return ReasonDown
	}
	return ""
}

// A Sender sends requests to one OA; *retry.Dispatcher is one.
type Sender interface {
	Post(ctx context.Context, r retry.Request) (retry.Receipt, error)
	Close()
}

// An Item is one message of the stream, in stream order: an event, or why it is none.
type Item struct {
	Incoming
	Event  *Event     // nil when rejected
	Reject *Rejection // nil when accepted
}

// A Batch is a run of the stream to be accepted at once.
type Batch struct {
	Stream string // identity of the stream: its name and creation time
	After  uint64 // the position before it: the sequence last accepted
	Last   uint64 // the position after it
	Items  []Item
	Now    time.Time
}

// Accepted says what a batch led to.
type Accepted struct {
	Wake       []int64 // connections that have fresh work
	Events     int     // accepted
	Duplicates int
	Rejected   int
	Deliveries int

	// For metrics: what became of all items of the batch, and of deliveries. Neighbours of one sort share an entry.
	Ends   []EventCount
	States []DeliveryCount
}

// An EventCount counts messages of the stream of one sort that came to one end: an Outcome, duplicate or rejected. What could not be
// told of a rejected one is empty.
type EventCount struct {
	Tenant string
	Kind   Kind
	Action Action
	End    string
	Count  int
}

// The ends of messages that led to nothing new.
const (
	EndDuplicate = "duplicate"
	EndRejected  = "rejected"
)

// A DeliveryCount counts deliveries of one connection and scene that got into one state.
type DeliveryCount struct {
	Key   ConnectionKey
	Scene Scene
	State State
	Count int
}

// An Acceptor takes batches; the store is one.
type Acceptor interface {
	// Position is the last sequence accepted from the stream, 0 for a stream that it does not know.
	Position(ctx context.Context, stream string) (uint64, error)
	// Accept commits a batch whole: events, rejects, deliveries and the new position. It fails with Conflict when the position is not
	// b.After any more (somebody else reads the stream), and with Unavailable while the store is away.
	Accept(ctx context.Context, b Batch) (Accepted, error)
}
