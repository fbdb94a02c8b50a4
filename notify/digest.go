package notify

import (
	"time"

	"todosync/connector"
)

// A Kind says what has happened.
type Kind string

// What a digest tells.
const (
	Failed       Kind = "failed"        // a delivery failed for good
	Rejected     Kind = "rejected"      // a message was no event
	Unbound      Kind = "unbound"       // deliveries are held for want of a binding: once per connection, receiver and day
	TokenRefused Kind = "token_refused" // an OA gave no token
	Down         Kind = "down"          // an OA went down; retries go on
	Back         Kind = "back"          // it answers again
)

// A Window is the span of time that a digest is for. To is not in it.
type Window struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Counts are numbers of failures by class: a retry.Class for deliveries that failed, else the Kind.
type Counts map[string]int

// A Digest sums up what failed in one tenant's window. Its JSON is what the CRM, webhooks and GET /digests show; text in it is masked.
// The sum of Counts, that of the groups' counts, and the examples and More together are one number.
type Digest struct {
	ID       string             `json:"id"`
	Tenant   string             `json:"tenant"`
	Window   Window             `json:"window"`
	Language connector.Language `json:"language"`
	Title    string             `json:"title"`
	Text     string             `json:"text"`
	Counts   Counts             `json:"counts"`
	Groups   []Group            `json:"groups"`            // most failures first
	Examples []Example          `json:"examples"`          // ExamplesMost at most
	More     int                `json:"more"`              // failures that are no example
	Waiting  []Waiting          `json:"waiting"`           // what still waits, by connection
	OAs      []Outage           `json:"outages"`           // OAs that went down or came back in the window, or gave no token
	SignOns  *SignOns           `json:"signOns,omitempty"` // who came from OAs into the CRM; nil: nobody
	URL      string             `json:"url"`               // of the digest in the console; empty without --public-url
	To       []string           `json:"to"`                // who is told, as the channel names them
	Severity connector.Severity `json:"severity"`          // of the worst in it
	Covers   []string           `json:"covers,omitempty"`  // ids of the digests of quiet hours that go with this one, itself included
	Zone     string             `json:"timeZone"`          // in which Title and Text tell times
	Name     string             `json:"tenantTitle"`       // what people call the tenant; may be empty
	Copy     string             `json:"-"`                 // tells apart what goes the same way under one id: a second channel, a repeat that a person wants
	Test     bool               `json:"test,omitempty"`    // a sample: nothing in it has happened
}

// A Group is what failed at one connection, in one scene, for one class of reasons.
type Group struct {
	Kind       Kind            `json:"kind"`
	Connection string          `json:"connection"` // empty for rejected events
	Scene      connector.Scene `json:"scene"`      // empty where it is about no delivery
	Class      string          `json:"class"`
	Count      int             `json:"count"`
	Recovered  int             `json:"recovered"` // of them, succeeded since
	Messages   []Message       `json:"messages"`  // MessagesMost most frequent ones
	Advice     string          `json:"advice"`    // what a reader can do about the class
}

// A Message is what an OA or todosync said, and how often.
type Message struct {
	Code  string `json:"code"`
	Text  string `json:"text"`
	Count int    `json:"count"`
}

// An Example is one failure.
type Example struct {
	Kind       Kind            `json:"kind"`
	Record     string          `json:"record"` // id of the record, or of the rejected event
	Connection string          `json:"connection"`
	Scene      connector.Scene `json:"scene"`
	Todo       string          `json:"todo"`
	Title      string          `json:"title"`
	Receiver   string          `json:"receiver"`
	Class      string          `json:"class"`
	Code       string          `json:"code"`
	Message    string          `json:"message"`
	Tries      int             `json:"tries"`
	FirstTry   *time.Time      `json:"firstTryAt"`
	LastTry    *time.Time      `json:"lastTryAt"`
	Recovered  bool            `json:"recovered"` // it has succeeded since
	URL        string          `json:"url"`
}

// Waiting is what waits at one connection when the digest is made.
type Waiting struct {
	Connection string    `json:"connection"`
	Count      int       `json:"count"`
	Since      time.Time `json:"since"`  // of the oldest
	Reason     string    `json:"reason"` // down, token_refused, unbound, paused, disabled; empty: tries are left or its turn comes
}

// An Outage is an OA that went down or gave no token, or came back.
type Outage struct {
	Kind       Kind       `json:"kind"` // Down or TokenRefused: what it is, or was
	Connection string     `json:"connection"`
	Since      time.Time  `json:"since"`
	Until      *time.Time `json:"until"`  // nil while it lasts
	Waited     int        `json:"waited"` // deliveries that waited when it came back, or wait now
	Message    string     `json:"message"`
}

// SignOns count who came from OAs into the CRM since the last digest, a day at most. Refused ones are no failures that make a digest: who is
// refused is told so himself.
type SignOns struct {
	Since   time.Time      `json:"since"`
	LetIn   int            `json:"letIn"`
	Refused int            `json:"refused"`
	Why     map[string]int `json:"why"` // the refused ones by outcome, as in the sign-on log
}

// How much a digest holds.
const (
	ExamplesMost = 20
	MessagesMost = 3
	GroupsMost   = 100 // the rest is counted under an empty connection; so it is with Waiting and OAs
)
