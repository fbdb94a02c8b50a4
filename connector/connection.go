package connector

import (
	"maps"
	"slices"

	"todosync/mapping"
	"todosync/retry"
)

// APIVersion is the version that every settings file names.
const APIVersion = "todosync/v1"

// A ConnectionKey names a connection: its tenant, and its name within that tenant.
type ConnectionKey struct {
	Tenant string `json:"tenant"`
	Name   string `json:"name"`
}

// String is tenant/name, for logs and messages.
func (k ConnectionKey) String() string { return k.Tenant + "/" + k.Name }

// Protocol says what a connection's bodies are.
type Protocol string

// The protocols: JSON (or form) over HTTP, and SOAP.
const (
	REST       Protocol = "rest"
	WebService Protocol = "webservice"
)

// A Scene is the kind of push that an event leads to.
type Scene string

// The scenes.
const (
	SceneCreate  Scene = "create"
	SceneEdit    Scene = "edit"
	SceneDone    Scene = "done"
	SceneDelete  Scene = "delete"
	SceneRemind  Scene = "remind"
	SceneMessage Scene = "message"
)

// Scenes are all scenes in the order in which they are shown.
func Scenes() []Scene {
	return []Scene{SceneCreate, SceneEdit, SceneDone, SceneDelete, SceneRemind, SceneMessage}
}

// EventOf says which kind of event, and which action, leads to the scene; done comes of an edit that says finished.
func (s Scene) EventOf() (Kind, Action) {
	switch s {
	case SceneCreate:
		return KindTodo, ActionCreate
	case SceneDelete:
		return KindTodo, ActionDelete
	case SceneRemind:
		return KindReminder, ActionCreate
	case SceneMessage:
		return KindMessage, ActionCreate
	case SceneEdit, SceneDone:
	}
	return KindTodo, ActionEdit
}

// A Connection is one OA system of one tenant as its settings file describes it, with the preset's values and the
// defaults filled in. It is data only; Compile makes a Program of it. Its JSON form is the stored revision and what the
// API gives; the members of the YAML file have the same names.
type Connection struct {
	APIVersion string                   `json:"apiVersion"`
	Kind       string                   `json:"kind"`
	Tenant     string                   `json:"tenant"`
	Name       string                   `json:"name"`
	Title      string                   `json:"title,omitempty"`
	Enabled    bool                     `json:"enabled"`
	Preset     string                   `json:"preset,omitempty"`
	Protocol   Protocol                 `json:"protocol"`
	TimeZone   string                   `json:"timeZone"`
	TimeFormat string                   `json:"timeFormat"`
	Variables  map[string]Text          `json:"variables,omitempty"`
	Headers    Headers                  `json:"headers,omitempty"`
	Result     Result                   `json:"result"`
	Token      *TokenSettings           `json:"token,omitempty"`
	Basic      *BasicSettings           `json:"basic,omitempty"`
	OAuth2     *OAuth2Settings          `json:"oauth2,omitempty"`
	Sign       *SignSettings            `json:"sign,omitempty"`
	AllowHosts []string                 `json:"allowHosts,omitempty"`
	Scenes     map[Scene]*SceneSettings `json:"scenes,omitempty"`
	Fields     map[string]mapping.Field `json:"fields,omitempty"`
	When       When                     `json:"when"`
	Receivers  ReceiverMode             `json:"receivers"`
	Unbound    UnboundRule              `json:"unbound"`
	Freeze     []string                 `json:"freeze,omitempty"`
	FreezeAt   FreezeRule               `json:"freezeAt,omitempty"`
	EditAs     EditAs                   `json:"editAs"`
	Reopen     Reopen                   `json:"reopen"`
	Coalesce   bool                     `json:"coalesce"`
	Retry      RetrySettings            `json:"retry"`
	Down       DownSettings             `json:"down"`
	Limits     Limits                   `json:"limits"`
	Timeouts   Timeouts                 `json:"timeouts"`
	TLS        TLSSettings              `json:"tls"`
	Proxy      string                   `json:"proxy,omitempty"`
	Bindings   BindingSettings          `json:"bindings"`
	SignOn     *SignOnSettings          `json:"signOn,omitempty"`
	Import     *ImportSettings          `json:"import,omitempty"`
	Notify     NotifySwitch             `json:"notify"`
}

// Key is the connection's name within all tenants.
func (c *Connection) Key() ConnectionKey { return ConnectionKey{Tenant: c.Tenant, Name: c.Name} }

// Result says how an answer is read (02-connections, "result").
type Result struct {
	CodeName     string       `json:"codeName"`
	MsgName      string       `json:"msgName"`
	DataName     string       `json:"dataName"`
	SuccessCode  Texts        `json:"successCode,omitempty"`
	XMLJSONField string       `json:"xmlJsonField"`
	Duplicate    AnswerMatch  `json:"duplicate"`
	Gone         AnswerMatch  `json:"gone"`
	Partial      PartialMatch `json:"partial"`

	// Remember names own codes, each with the path of a value in the answer that later requests of the same todo need, beside the id
	// at DataName. They keep the value of the last accepted create or edit; an answer without it empties them.
	Remember map[string]string `json:"remember,omitempty"`
}

// remembered are the codes that any of the connection's answer rules keeps a value under.
func (c *Connection) remembered() []string {
	codes := map[string]bool{}
	for code := range c.Result.Remember {
		codes[code] = true
	}
	for _, s := range c.Scenes {
		if s != nil && s.Result != nil {
			for code := range s.Result.Remember {
				codes[code] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(codes))
}

// An AnswerMatch recognises answers by their code or by a part of their message.
type AnswerMatch struct {
	Codes    Texts `json:"codes,omitempty"`
	Messages Texts `json:"messages,omitempty"`
}

// A PartialMatch recognises answers that name the receivers who failed.
type PartialMatch struct {
	Codes    Texts  `json:"codes,omitempty"`
	Accounts string `json:"accounts,omitempty"`
}

// SceneSettings describe the request of one scene. Headers are added to the connection's; Result and Receivers, where
// given, take the place of the connection's (a file's partial result has been filled up from the connection's). Script,
// where given, changes the rendered request before it is sent, or makes the call itself.
type SceneSettings struct {
	Enabled   bool          `json:"enabled"`
	Address   string        `json:"address"`
	Method    string        `json:"method"`
	Headers   Headers       `json:"headers,omitempty"`
	Body      string        `json:"body,omitempty"`
	Script    string        `json:"script,omitempty"`
	Result    *Result       `json:"result,omitempty"`
	Receivers *ReceiverMode `json:"receivers,omitempty"`
}

// When says which events and receivers are a connection's; empty members take all.
type When struct {
	Types     []string      `json:"types,omitempty"`
	Objects   []string      `json:"objects,omitempty"`
	Receivers WhenReceivers `json:"receivers"`
}

// WhenReceivers keep the receivers whose member at Path (within the receiver, such as ext.company) is one of In.
type WhenReceivers struct {
	Path string `json:"path,omitempty"`
	In   Texts  `json:"in,omitempty"`
}

// UnboundRule says what becomes of a delivery whose receiver has no OA account.
type UnboundRule string

// The rules for unbound receivers.
const (
	UnboundHold UnboundRule = "hold"
	UnboundFail UnboundRule = "fail"
	UnboundSkip UnboundRule = "skip"
)

// FreezeRule says which call's values a todo's frozen fields keep.
type FreezeRule string

// The rules for frozen fields: those that the create was sent with, in every later call; or those of the last create or edit that
// the OA accepted, in every done and delete (an edit sends new ones).
const (
	FreezeAtCreate   FreezeRule = "create"
	FreezeAtAccepted FreezeRule = "accepted"
)

// EditAs says how an edit is told to an OA.
type EditAs string

// The ways of an edit: a call of its own, or a delete followed by a create.
const (
	EditAsEdit     EditAs = "edit"
	EditAsRecreate EditAs = "recreate"
)

// Reopen says how a finished todo that is pending again is told to an OA.
type Reopen string

// The ways to re-open: create again, create under a new external id, or an edit.
const (
	ReopenCreate Reopen = "create"
	ReopenNewID  Reopen = "newId"
	ReopenEdit   Reopen = "edit"
)

// RetrySettings say which failures are tried again, when and for how long.
type RetrySettings struct {
	Enabled     bool           `json:"enabled"`
	On          []retry.Class  `json:"on"`
	Codes       Texts          `json:"codes,omitempty"`
	Messages    Texts          `json:"messages,omitempty"`
	Schedule    []Duration     `json:"schedule"`
	GiveUpAfter Duration       `json:"giveUpAfter"`
	Unanswered  UnansweredRule `json:"unanswered"`
}

// UnansweredRule says what follows an attempt without an answer.
type UnansweredRule string

// The rules for an attempt without an answer: try again (the OA may get it twice), or hold for a person.
const (
	UnansweredAgain UnansweredRule = "again"
	UnansweredHold  UnansweredRule = "hold"
)

// DownSettings say when an OA is taken for down and how often it is probed then. After 0 turns it off.
type DownSettings struct {
	After int        `json:"after"`
	Probe []Duration `json:"probe"`
}

// Limits bound what goes to an OA at once and per second.
type Limits struct {
	Concurrency int  `json:"concurrency"`
	Rate        Rate `json:"rate,omitzero"`
}

// Timeouts bound one attempt.
type Timeouts struct {
	Connect Duration `json:"connect"`
	Total   Duration `json:"total"`
}

// TLSSettings describe how an OA's certificate is checked and ours is shown.
type TLSSettings struct {
	CAFile             string `json:"caFile,omitempty"`
	CertFile           string `json:"certFile,omitempty"`
	KeyFile            string `json:"keyFile,omitempty"`
	InsecureSkipVerify bool   `json:"insecureSkipVerify,omitempty"`
	MinVersion         string `json:"minVersion,omitempty"`
	LegacyCiphers      bool   `json:"legacyCiphers,omitempty"`
	Pin                string `json:"pin,omitempty"`
}

// BindingSettings say how accounts are compared and which member of an event's user binds him by itself.
type BindingSettings struct {
	Auto       *AutoBinding `json:"auto,omitempty"`
	IgnoreCase bool         `json:"ignoreCase,omitempty"`
}

// AutoBinding names the member of an event's user that is his OA account.
type AutoBinding struct {
	From string `json:"from"`
}

// ImportSettings turn on the import of messages from a network and say how often it looks for new ones.
type ImportSettings struct {
	Enabled bool     `json:"enabled"`
	Every   Duration `json:"every,omitempty"`
}

// NotifySwitch turns the digest on or off for one connection.
type NotifySwitch struct {
	Enabled bool `json:"enabled"`
}
