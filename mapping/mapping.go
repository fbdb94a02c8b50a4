package mapping

import "time"

// Receivers says how a template treats the receivers of an event.
type Receivers string

// The ways to treat receivers: a request for each, one request with a repeated part, one request with joined values.
const (
	Each   Receivers = "each"
	List   Receivers = "list"
	Joined Receivers = "joined"
)

// A Place is where a template's text goes; it decides how the text is read and how values are escaped in it.
type Place uint8

// The places of a template. A Body is JSON, XML or plain text, whichever its literal text is; a Form is a body in
// application/x-www-form-urlencoded, and so is a Body that looks like one (a=#F012&b=#F055) and has no Content-Type. A
// Plain text is taken as it is, whatever it looks like, and so are its values: it is for texts that go nowhere themselves, such as one
// that is signed.
const (
	Body Place = iota + 1
	Form
	Address
	HeaderValue
	Plain
)

// A Mode says for whom a template is rendered.
type Mode uint8

// Wire fills in secrets; Stored writes a mark in their place (see Mask and Fill), for records, previews and logs.
const (
	Wire Mode = iota + 1
	Stored
)

// A Field is the definition of a placeholder that a connection or a tenant adds to the catalogue, as written in its file.
type Field struct {
	Path     string            `json:"path,omitempty"`
	From     string            `json:"from,omitempty"`
	Value    *string           `json:"value,omitempty"`
	Join     []string          `json:"join,omitempty"`
	With     string            `json:"with,omitempty"`
	First    []string          `json:"first,omitempty"`
	Format   string            `json:"format,omitempty"`
	Zone     string            `json:"zone,omitempty"`
	Map      map[string]string `json:"map,omitempty"`
	Default  *string           `json:"default,omitempty"`
	Max      int               `json:"max,omitempty"`
	Relative bool              `json:"relative,omitempty"` // an address less its scheme and host
	Required bool              `json:"required,omitempty"`
	Label    string            `json:"label,omitempty"`
}

// A Person is a CRM user as a template sees him: receiver or sender.
type Person struct {
	ID          string // CRM user id
	Name        string // as the event names him
	Account     string // OA account, from the binding; empty when unbound
	AccountName string // OA name, from the binding; see #F124
}

// A Scope holds all that a template may ask for in one rendering. It is read only while rendering.
type Scope struct {
	Event        *Doc      // the payload; its object stands under Object
	Object       string    // todo, reminder or message
	Tenant       string    // #F028
	Connection   string    // #F120, the connection's name
	Scene        string    // #F121
	EventID      string    // #F114
	EventTime    time.Time // #F115; zero: absent
	DeliveryID   string    // #F116
	RemoteID     string    // #F119
	ExternalID   string    // #F123
	Tries        int       // #F122
	TryTime      time.Time // #F126 and ${now:...}
	SignOnPC     string    // #F117
	SignOnMobile string    // #F118
	Sender       Person
	Receivers    []Person                          // one with Each; all of the delivery with List and Joined
	Frozen       map[string]string                 // code (F055) to the value it keeps, as Freeze gave it
	Secret       func(name string) (string, error) // value of ${secret:name}; required in mode Wire where one is used
	Told         func(value string)                // told of each value that was made of a secret or an environment variable; optional
	UUID         func() string                     // ${uuid}
	Sample       bool                              // a made-up event, to try a template with: see sample.go
}
