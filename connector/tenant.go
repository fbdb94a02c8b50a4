package connector

import (
	"strconv"

	"todosync/mapping"
)

// A Tenant is one CRM enterprise as its settings file describes it, with the defaults filled in.
type Tenant struct {
	APIVersion string                   `json:"apiVersion"`
	Kind       string                   `json:"kind"`
	Tenant     string                   `json:"tenant"`
	Title      string                   `json:"title,omitempty"`
	TimeZone   string                   `json:"timeZone"`
	Language   Language                 `json:"language"`
	Fields     map[string]mapping.Field `json:"fields,omitempty"`
	MaskBodies bool                     `json:"maskBodies,omitempty"`
	SignOn     TenantSignOn             `json:"signOn"`
	Notify     NotifySettings           `json:"notify"`
}

// Language is one of the two languages that pages, digests and messages are written in.
type Language string

// The languages.
const (
	Chinese Language = "zh"
	English Language = "en"
)

// TenantSignOn says how the CRM is told who has signed on: where the browser is sent, and with what kind of ticket. Without
// CRMLoginURL nobody can sign on.
type TenantSignOn struct {
	CRMLoginURL string     `json:"crmLoginUrl,omitempty"`
	Ticket      TicketKind `json:"ticket"`
	Secret      string     `json:"secret,omitempty"`   // HS256: 32 bytes or more, shared with the CRM
	Audience    string     `json:"audience,omitempty"` // of a JWT
}

// TicketKind says what the CRM is given: a number that it redeems, or a signed JWT.
type TicketKind string

// The kinds of tickets.
const (
	TicketOpaque TicketKind = "opaque"
	TicketEdDSA  TicketKind = "EdDSA"
	TicketHS256  TicketKind = "HS256"
)

// NotifySettings say how a tenant's failures are told (05-digest).
type NotifySettings struct {
	Window   Duration        `json:"window"` // 1 s to 24 h
	Language Language        `json:"language"`
	Channels []NotifyChannel `json:"channels"`
}

// A NotifyChannel is one way in which digests reach people. To names groups or mail addresses, Address is where a webhook or robot
// listens, Secret signs what is sent there; both may hold ${secret:...}. Digests that are milder than Severity are not sent there; the
// empty one lets all through.
type NotifyChannel struct {
	Name     string      `json:"name,omitempty"` // unique in the tenant, where several have one type
	Type     ChannelType `json:"type"`
	To       Texts       `json:"to,omitempty"`
	Address  string      `json:"address,omitempty"`
	Secret   string      `json:"secret,omitempty"`
	Severity Severity    `json:"severity,omitempty"`
	Quiet    *QuietHours `json:"quiet,omitempty"`
}

// ChannelNames are the names of the channels, in their order: what each is called in records and commands. One without a name is called by
// its type, a second of that type webhook-2. They do not depend on addresses, so a channel that is mended keeps what waits for it.
func (n *NotifySettings) ChannelNames() []string {
	names := make([]string, len(n.Channels))
	used := map[string]bool{}
	for i, c := range n.Channels {
		names[i] = c.Name
		used[c.Name] = true
	}
	for i, c := range n.Channels {
		for k := 1; names[i] == ""; k++ {
			name := string(c.Type)
			if k > 1 {
				name += "-" + strconv.Itoa(k)
			}
			if !used[name] {
				names[i], used[name] = name, true
			}
		}
	}
	return names
}

// Severity says how bad something is.
type Severity string

// The severities, mildest first: an OA is back; a receiver has no account; a delivery failed or an event was rejected; an OA is down or gives
// no token, so that all its todos wait.
const (
	SeverityInfo     Severity = "info"
	SeverityWarning  Severity = "warning"
	SeverityError    Severity = "error"
	SeverityCritical Severity = "critical"
)

// Severities are all severities, mildest first.
func Severities() []Severity {
	return []Severity{SeverityInfo, SeverityWarning, SeverityError, SeverityCritical}
}

// AtLeast reports whether s is as bad as least or worse. The empty severity is milder than all, and a word that is none is as bad as can be,
// so that nothing is kept back for a slip.
func (s Severity) AtLeast(least Severity) bool { return s.rank() >= least.rank() }

func (s Severity) rank() int {
	switch s {
	case "":
		return 0
	case SeverityInfo:
		return 1
	case SeverityWarning:
		return 2
	case SeverityError:
		return 3
	case SeverityCritical:
	}
	return 4
}

// ChannelType names a way in which digests are sent.
type ChannelType string

// The channels.
const (
	ChannelCRM      ChannelType = "crm"
	ChannelEmail    ChannelType = "email"
	ChannelWebhook  ChannelType = "webhook"
	ChannelWeCom    ChannelType = "wecom"
	ChannelDingTalk ChannelType = "dingtalk"
	ChannelFeishu   ChannelType = "feishu"
)

// QuietHours are a span of the day (15:04, in the tenant's zone) in which a channel is silent; From after To spans midnight.
type QuietHours struct {
	From string `json:"from"`
	To   string `json:"to"`
}
