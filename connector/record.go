package connector

import (
	"strings"
	"time"

	"todosync/mapping"
	"todosync/retry"
)

// A Record is a delivery with its attempts as an admin sees it: the sync record of the API, the console and the exports.
type Record struct {
	ID                string          `json:"id"`
	Tenant            string          `json:"tenant"`
	Connection        string          `json:"connection"`
	Scene             Scene           `json:"scene"`
	State             State           `json:"state"`
	Class             retry.Class     `json:"class"`
	Code              string          `json:"code"`
	Message           string          `json:"message"`
	Todo              string          `json:"todo"`
	Title             string          `json:"title"`
	Receiver          string          `json:"receiver"`
	OAAccount         string          `json:"oaAccount"`
	EventID           string          `json:"eventId"`
	Revision          int64           `json:"revision"`
	Tries             int             `json:"tries"`
	CreatedAt         time.Time       `json:"createdAt"`
	UpdatedAt         time.Time       `json:"updatedAt"`
	NextTryAt         *time.Time      `json:"nextTryAt"`
	PossiblySentTwice bool            `json:"possiblySentTwice"`
	SupersededBy      string          `json:"supersededBy"`
	SplitFrom         string          `json:"splitFrom"`
	RemoteID          string          `json:"remoteId"`
	Attempts          []RecordAttempt `json:"attempts,omitempty"`
}

// A RecordAttempt is one attempt of a Record; secrets show as ***.
type RecordAttempt struct {
	Number     int            `json:"number"`
	StartedAt  time.Time      `json:"startedAt"`
	DurationMs int64          `json:"durationMs"`
	Request    SentRequest    `json:"request"`
	Response   ReceivedAnswer `json:"response"`
	Class      retry.Class    `json:"class"`
	Code       string         `json:"code"`
	Message    string         `json:"message"`
	Worker     string         `json:"worker"`
	// Named is Request with the names of its secrets in place of ***, each between two U+0000, which no request holds. Only with one record.
	Named SentRequest `json:"-"`
}

// SecretNames is a stored text with names in place of its secrets, as RecordAttempt.Named has them.
func SecretNames(stored string) string {
	return mapping.Name(stored, func(names []string) string { return "\x00" + strings.Join(names, "+") + "\x00" })
}

// A RecordFilter chooses records. Empty members choose all; several values of one member are alternatives.
type RecordFilter struct {
	Tenants     []string  `json:"tenant,omitempty"`
	Connections []string  `json:"connection,omitempty"`
	Scenes      []string  `json:"scene,omitempty"`
	States      []string  `json:"state,omitempty"` // as shown: a waiting delivery of a paused connection is held
	Classes     []string  `json:"class,omitempty"`
	Todos       []string  `json:"todo,omitempty"`
	Receivers   []string  `json:"receiver,omitempty"`
	Events      []string  `json:"event,omitempty"` // event ids
	From        time.Time `json:"from,omitzero"`
	To          time.Time `json:"to,omitzero"`
	Text        string    `json:"q,omitempty"` // a part of title or message
}

// RecordChanges are records that have changed, as they are now and in the order of their changes; one that changed twice stands there once.
type RecordChanges struct {
	Records []Record
	Places  []string // of each one's change; who comes back with it is given what changed after it
	Missed  bool     // there were changes that are not remembered; a new search shows them
}

// A Page is a part of a list. Next is the cursor of the page after it, empty at the end.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
	// SearchedTo is set where a search stopped for its time before the page was full: all from then on was looked through, and Next goes on.
	SearchedTo time.Time `json:"searchedTo,omitzero"`
}

// PageOf says which part of a list is wanted.
type PageOf struct {
	Cursor string
	Limit  int
}

// A RejectedEvent is a message of the stream that was no acceptable event.
type RejectedEvent struct {
	ID         string              `json:"id"`
	Tenant     string              `json:"tenant"` // as far as the subject tells it
	Subject    string              `json:"subject"`
	Sequence   uint64              `json:"sequence"`
	Reason     string              `json:"reason"`
	Path       string              `json:"path"`
	Size       int                 `json:"size"`
	ReceivedAt time.Time           `json:"receivedAt"`
	Header     map[string][]string `json:"header,omitempty"`
	Payload    string              `json:"payload,omitempty"` // as text; bytes that are no UTF-8 as U+FFFD; only in a single one
	Base64     string              `json:"payloadBase64,omitempty"`
}

// An EventStory says what became of one accepted event.
type EventStory struct {
	ID          string            `json:"id"`
	Tenant      string            `json:"tenant"`
	Kind        Kind              `json:"kind"`
	Action      Action            `json:"action"`
	Todo        string            `json:"todo"`
	Sequence    uint64            `json:"sequence"`
	ReceivedAt  time.Time         `json:"receivedAt"`
	Duplicates  int               `json:"duplicates"`
	Outcome     Outcome           `json:"outcome,omitempty"` // no_connection; else each connection has its own
	Connections []ConnectionStory `json:"connections"`
}

// A ConnectionStory says what became of an event at one connection: the ids of its deliveries.
type ConnectionStory struct {
	Connection string   `json:"connection"`
	Outcome    Outcome  `json:"outcome"`
	Deliveries []string `json:"deliveries"`
}

// An Outcome is what planning made of an event at a connection.
type Outcome string

// The outcomes.
const (
	OutcomePlanned      Outcome = "planned"
	OutcomeSceneOff     Outcome = "scene_off"
	OutcomeNoReceiver   Outcome = "no_receiver"
	OutcomeFiltered     Outcome = "filtered"
	OutcomeStale        Outcome = "stale"
	OutcomeNoConnection Outcome = "no_connection"
)
