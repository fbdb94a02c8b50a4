package connector

import (
	"time"

	"todosync/mapping"
)

// A Kind is what an event is about.
type Kind string

// The kinds of events. Each is also the name of the payload's member that holds the object.
const (
	KindTodo     Kind = "todo"
	KindReminder Kind = "reminder"
	KindMessage  Kind = "message"
)

// An Action is what happened.
type Action string

// The actions; reminders and messages know only ActionCreate.
const (
	ActionCreate Action = "create"
	ActionEdit   Action = "edit"
	ActionDelete Action = "delete"
)

// Incoming is one message of the stream as it came.
type Incoming struct {
	Sequence uint64
	Subject  string
	Header   map[string][]string
	Data     []byte
	Time     time.Time // when JetStream stored it
}

// A Rejection says why a message is no event. Reason is one line for people; the message itself is kept whole.
type Rejection struct {
	Reason string
	Path   string // the member that is wrong, where it is one: todo.title
}

// An Event is what the CRM emitted, as far as planning needs it; the payload holds the rest.
type Event struct {
	Sequence uint64
	Tenant   string
	Kind     Kind
	Action   Action
	ID       string
	Time     time.Time // zero: not given
	Received time.Time
	Replayed bool // a reject that was accepted later: planned as of its stream sequence
	Object   Object
	Payload  []byte // the JSON object that holds the kind's object, as bytes
	Doc      *mapping.Doc
	Trace    string
}

// An Object is the todo, reminder or message of an event.
type Object struct {
	ID         string
	Version    int64 // 0: not given
	Versioned  bool
	Type       string
	APIName    string // object.apiName
	Status     string
	Finished   bool // the status says that it is over
	Title      string
	SenderID   string
	SenderName string
	Receivers  []Receiver
}

// A Receiver is one receiver as an event names him.
type Receiver struct {
	ID       string
	Name     string
	Finished bool          // his own status says that he is done
	Value    mapping.Value // the whole member, for rules that look at others of its members
}
