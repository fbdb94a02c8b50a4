package api

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"todosync/connector"
	"todosync/retry"
)

// Records gives sync records; the store is one.
type Records interface {
	Records(ctx context.Context, f connector.RecordFilter, p connector.PageOf) (connector.Page[connector.Record], error)
	Record(ctx context.Context, id string) (connector.Record, error)
	// FeedAt is the place in the feed of changes at this moment: who asks before he reads, and watches from it on, misses nothing.
	FeedAt() string
	// Watch follows the records that f chooses, as they change after a place; from now on where it is empty. Text, From and To of f may be
	// left aside. Of a place that is not known, or too old, the first changes say that some were missed.
	Watch(f connector.RecordFilter, after string) (Watch, error)
}

// A Watch gives changed records. One goroutine uses it.
type Watch interface {
	// Next waits for changes. It ends with an error when ctx does.
	Next(ctx context.Context) (connector.RecordChanges, error)
	// Place is where the watch stands: up to it, all changes that it follows were given.
	Place() string
	Close()
}

// Events tells what became of accepted events.
type Events interface {
	Events(ctx context.Context, f EventFilter, p connector.PageOf) (connector.Page[connector.EventStory], error)
	// Recognise looks for the accepted event that has the tenant and id of e.
	Recognise(ctx context.Context, e *connector.Event) (KnownEvent, error)
	// CountDuplicate counts a repeat of an accepted event that the worker will not see.
	CountDuplicate(ctx context.Context, e *connector.Event) error
	// Position is the sequence up to which a stream is planned; what stands there and is not recognised was rejected.
	Position(ctx context.Context, stream string) (uint64, error)
}

// A KnownEvent says what is remembered under an event's tenant and id.
type KnownEvent struct {
	Found    bool   // an event with that id was accepted
	Same     bool   // and it has the same kind, action and object
	Sequence uint64 // its place in the stream
}

// An EventFilter chooses events; empty members choose all.
type EventFilter struct {
	Tenants, Todos, IDs []string
}

// A Publisher puts an event into the stream and returns when JetStream has stored it; intake.Publisher is one. Subject,
// Header and Data of m are used.
type Publisher interface {
	Publish(ctx context.Context, m connector.Incoming) (sequence uint64, duplicate bool, err error)
	// Stored gives the message at a sequence and the identity of its stream, as Events.Position takes it; found is false
	// where the message is gone.
	Stored(ctx context.Context, sequence uint64) (m connector.Incoming, stream string, found bool, err error)
}

// Settings keeps tenants and connections with their revisions.
type Settings interface {
	// Save stores documents, all or none. An unchanged document makes no revision. Warnings say, among others, which
	// secrets are named and not set.
	Save(ctx context.Context, docs []Document, by By) ([]SaveResult, error)
	Tenants(ctx context.Context, names []string, p connector.PageOf) (connector.Page[TenantState], error)
	// Saved gives the newest revision of a connection, or of the tenant itself where k.Name is empty.
	Saved(ctx context.Context, k connector.ConnectionKey) (Saved, error)
	// Revisions lists all that was saved of a connection, or of the tenant itself where k.Name is empty, newest first.
	Revisions(ctx context.Context, k connector.ConnectionKey, p connector.PageOf) (connector.Page[Revision], error)
	// Revision gives one of them.
	Revision(ctx context.Context, k connector.ConnectionKey, revision int64) (Revision, error)
}

// Connections shows and steers connections as they run.
type Connections interface {
	Connections(ctx context.Context, f ConnectionFilter, p connector.PageOf) (connector.Page[ConnectionState], error)
	// ConnectionSums counts connections by their health, and gives the worst of those that send nothing.
	ConnectionSums(ctx context.Context, f ConnectionFilter, worst int) (ConnectionSums, error)
	// SetPaused holds a connection, or lets it go on; doing so twice is fine.
	SetPaused(ctx context.Context, k connector.ConnectionKey, paused bool, by By) error
	// DeleteConnection fails with Conflict while something waits, unless o says what becomes of that.
	DeleteConnection(ctx context.Context, k connector.ConnectionKey, o DeleteOptions, by By) error
}

// A ConnectionFilter chooses connections; empty members choose all.
type ConnectionFilter struct {
	Tenants, Names []string
	Health         []string // HeldFor, or up where that is empty; only Connections looks at it
	Text           string   // a part of tenant, name or title; only Connections looks at it
}

// Chooses reports whether a connection's health and words are those that f asks for.
func (f *ConnectionFilter) Chooses(c *ConnectionState) bool {
	health := cmp.Or(c.HeldFor, "up")
	if len(f.Health) > 0 && !slices.Contains(f.Health, health) {
		return false
	}
	text := strings.ToLower(strings.TrimSpace(f.Text))
	return text == "" || strings.Contains(strings.ToLower(c.Tenant+"/"+c.Name+"\n"+c.Title), text)
}

// DeleteOptions say what becomes of a deleted connection's todos.
type DeleteOptions struct {
	CancelWaiting bool // cancel what has not been sent; else the delete is refused while anything waits
}

// A Document is one settings document, checked: of a connection or a tenant.
type Document struct {
	Kind     string // Connection or Tenant
	Tenant   string
	Name     string          // of a connection
	Source   json.RawMessage // as the user wrote it, as JSON
	Settings json.RawMessage // with the preset's values and defaults: connector.Connection or connector.Tenant
	File     string          // where it stood, for messages
}

// By says who does something, and how.
type By struct {
	Who     string
	How     string // api, apply, console
	Force   bool   // with apply: also what was last saved in another way
	IfMatch int64  // the revision that must be the newest; 0: whichever; NoRevision: there must be none yet
	// Restores is the revision whose content is saved again; 0: none. It is for the audit alone.
	Restores int64
}

// NoRevision is the revision of what is not there.
const NoRevision = -1

// A SaveResult says what became of a Document.
type SaveResult struct {
	Kind     string   `json:"kind"`
	Tenant   string   `json:"tenant"`
	Name     string   `json:"name,omitempty"`
	Changed  bool     `json:"changed"`
	Revision int64    `json:"revision"`
	Warnings []string `json:"warnings"`
}

// Saved is the newest revision of a tenant or connection.
type Saved struct {
	Kind     string          `json:"kind"`
	Tenant   string          `json:"tenant"`
	Name     string          `json:"name,omitempty"`
	Revision int64           `json:"revision"`
	SavedAt  time.Time       `json:"savedAt"`
	SavedBy  string          `json:"savedBy"`
	How      string          `json:"how"`
	Source   json.RawMessage `json:"source"`
	Settings json.RawMessage `json:"settings"`
}

// A Revision is one save of a tenant or connection.
type Revision struct {
	Revision int64           `json:"revision"`
	SavedAt  time.Time       `json:"savedAt"`
	SavedBy  string          `json:"savedBy"`
	How      string          `json:"how"`
	Source   json.RawMessage `json:"source"`
	Settings json.RawMessage `json:"-"` // with the preset's values as they were merged then
}

// A TenantState is a tenant in a list.
type TenantState struct {
	Tenant      string `json:"tenant"`
	Title       string `json:"title"`
	Revision    int64  `json:"revision"` // 0: it was named, and has no settings of its own
	Connections int    `json:"connections"`
}

// A ConnectionState is a connection in a list: what it is and how it is.
type ConnectionState struct {
	Tenant   string             `json:"tenant"`
	Name     string             `json:"name"`
	Title    string             `json:"title"`
	Preset   string             `json:"preset"`
	Protocol connector.Protocol `json:"protocol"`
	Enabled  bool               `json:"enabled"`
	Paused   bool               `json:"paused"`
	Revision int64              `json:"revision"`
	SavedHow string             `json:"savedHow"` // apply, api or console: by which way that revision was saved
	SavedAt  time.Time          `json:"savedAt"`
	SavedBy  string             `json:"savedBy"`
	// HeldFor is why nothing is sent: disabled, paused, broken, token_refused, down; empty when something is.
	HeldFor   string     `json:"heldFor"`
	HeldSince *time.Time `json:"heldSince"` // of down and token_refused
	Message   string     `json:"message"`   // the last error behind it
	Problem   string     `json:"problem"`   // why it cannot be used as the server was started; empty: it can
	Waiting   int64      `json:"waiting"`   // deliveries that are not final
	Failed    int64      `json:"failed"`
}

// Bindings joins CRM users and OA accounts.
type Bindings interface {
	Bindings(ctx context.Context, f BindingFilter, p connector.PageOf) (connector.Page[BoundUser], error)
	// SetBinding makes or replaces the binding of a user, and lets go what was held for it.
	SetBinding(ctx context.Context, tenant string, b connector.Binding, by By) error
	RemoveBinding(ctx context.Context, k connector.ConnectionKey, user string, by By) error
	Unbound(ctx context.Context, k connector.ConnectionKey, p connector.PageOf) (connector.Page[UnboundUser], error)
}

// A BoundUser is a binding with who made it and when.
type BoundUser struct {
	connector.Binding
	Automatic bool // made because an event named the account
	MadeBy    string
	Updated   time.Time
}

// Importer takes many bindings at once.
type Importer interface {
	// ImportBindings changes nothing where dryRun is set or the report has an error.
	ImportBindings(ctx context.Context, i Import, by By) (ImportReport, error)
}

// An Import is a table of bindings; Row tells rows in messages, counted from 1 with the headings.
type Import struct {
	Tenant string
	Rows   []ImportRow
	DryRun bool
	Fates  bool // say of each row what becomes of it
	// Nameless and Unnamed say that the file has no column with the users' names, or those in the OA: what is known of them stays.
	Nameless, Unnamed bool
	// Progress is told how far it is after each step; nil: nobody asks.
	Progress func(done, total int)
}

// An ImportRow is one line of an import.
type ImportRow struct {
	Row int
	connector.Binding
}

// An ImportReport says what an import changed, or would change.
type ImportReport struct {
	DryRun  bool             `json:"dryRun"`
	Added   int              `json:"added"`
	Changed int              `json:"changed"`
	Same    int              `json:"same"`
	Errors  []RowError       `json:"errors"`
	Changes []BindingReplace `json:"changes"` // accounts that are replaced, the first 1,000
	// Released is how many deliveries were held for one of these users and go now.
	Released int `json:"released"`
	// Moved is how many open todos leave another account's inbox for the new one's.
	Moved    int        `json:"moved"`
	Warnings []RowError `json:"warnings"` // what may have been lost before the file came here
	Rows     []RowFate  `json:"rows,omitempty" doc:"what becomes of each row that is right, where rows=true asks for it"`
}

// A RowFate is what becomes of one row of an import.
type RowFate struct {
	Row        int    `json:"row"`
	Connection string `json:"connection"`
	User       string `json:"crm_user_id"`
	Account    string `json:"oa_account"`
	Before     string `json:"before" doc:"the account until now; empty: none"`
	Fate       string `json:"fate" enum:"added,changed,same"`
}

// A RowError says what is wrong with a row.
type RowError struct {
	Row     int    `json:"row"`
	Column  string `json:"column"`
	Message string `json:"message"`
}

// A BindingReplace is a user who gets another account.
type BindingReplace struct {
	Row        int    `json:"row"`
	Connection string `json:"connection"`
	User       string `json:"crm_user_id"`
	From       string `json:"from"`
	To         string `json:"to"`
}

// A BindingFilter chooses bindings of one connection.
type BindingFilter struct {
	Key   connector.ConnectionKey
	Text  string   // a part of user, account or a name; empty: all
	Users []string // CRM user ids; empty: all
}

// An UnboundUser is a receiver whom events named and nobody bound.
type UnboundUser struct {
	User     string    `json:"crm_user_id"`
	UserName string    `json:"crm_user_name"`
	Waiting  int       `json:"waiting"` // deliveries held for him
	Newest   time.Time `json:"newest"`  // when the newest of his deliveries was made
	Since    time.Time `json:"since"`   // when the oldest that is held was made; zero: none is
}

// A RejectFilter chooses rejected events; empty members choose all.
type RejectFilter struct {
	Tenants []string
	Text    string // stands in it as a word
}

// Rejects keeps what was no acceptable event.
type Rejects interface {
	Rejected(ctx context.Context, f RejectFilter, p connector.PageOf) (connector.Page[connector.RejectedEvent], error)
	RejectedOne(ctx context.Context, id string) (connector.RejectedEvent, error)
	// Replay plans a rejected message as of its place in the stream. It fails with Invalid where it still is no event.
	Replay(ctx context.Context, id string, by By) (connector.EventStory, error)
}

// Secrets keeps the secrets of tenants; values go in and never come out.
type Secrets interface {
	Secrets(ctx context.Context, tenants []string) ([]SecretName, error)
	// SecretUses finds who names secrets, also those that are not set.
	SecretUses(ctx context.Context, tenants []string) ([]SecretUse, error)
	SetSecret(ctx context.Context, s SecretName, value string, by By) error
	RemoveSecret(ctx context.Context, s SecretName, by By) error
	// RotateKey changes the key that secrets and tokens are encrypted with, for all tenants.
	RotateKey(ctx context.Context, by By) (KeyChange, error)
}

// A KeyChange says what a change of the key has done.
type KeyChange struct {
	Secrets int      `json:"secrets" doc:"encrypted anew"`
	Tokens  int      `json:"tokens" doc:"encrypted anew"`
	Old     int      `json:"old" doc:"old keys that are still given to this worker and open nothing any more"`
	Lost    []string `json:"lost" doc:"secrets that no key opens, as tenant/name; they must be set again"`
}

// A SecretName names a secret.
type SecretName struct {
	Tenant string `json:"tenant"`
	Name   string `json:"name"`
}

// A SecretUse says who names a secret: a connection; or the tenant's own settings, where By is empty.
type SecretUse struct {
	Secret SecretName
	By     string
}

// Tokens keeps the tokens of the API, and what people did.
type Tokens interface {
	// CreateToken makes a token and gives it out, once.
	CreateToken(ctx context.Context, want Token) (made Token, token string, err error)
	// Tokens lists those that are for the tenants alone; nil: all.
	Tokens(ctx context.Context, tenants []string, p connector.PageOf) (connector.Page[Token], error)
	// RevokeToken takes one away that Tokens would list; any other is NotFound.
	RevokeToken(ctx context.Context, id string, tenants []string, who string) error
	// Audit lists what people did, newest first.
	Audit(ctx context.Context, f AuditFilter, p connector.PageOf) (connector.Page[AuditEntry], error)
}

// A Token is what may be shown of a token of the API.
type Token struct {
	ID       string
	Name     string
	Role     string   // one of Roles, or empty
	Scopes   []string // of Scopes
	Tenants  []string // empty: all
	Who      string   // made it
	Created  time.Time
	Expires  time.Time // zero: never
	LastUsed time.Time
}

// An AuditFilter chooses entries. Empty members choose all.
type AuditFilter struct {
	Tenants  []string
	Who      []string
	Address  []string
	What     []string // as they begin
	From, To time.Time
}

// An AuditEntry is one thing that a person did.
type AuditEntry struct {
	At     Time
	Who    string
	What   string
	Tenant string
	Target string
	Detail string

	Address string // from where
	Way     string // console, api or cli
}

// Statistics counts.
type Statistics interface {
	Stats(ctx context.Context, f ConnectionFilter) (Stats, error)
	// Series gives what happened over time. It may take a longer step than was asked for: old numbers are kept in longer spans.
	Series(ctx context.Context, f SeriesFilter) (Series, error)
}

// A SeriesFilter chooses numbers over time.
type SeriesFilter struct {
	ConnectionFilter
	From, To time.Time
	Step     time.Duration // whole minutes
}

// A Series is numbers over time. Buckets are only those in which there is anything, oldest first.
type Series struct {
	Step        time.Duration
	Totals      Numbers
	Buckets     []Bucket
	Connections []ConnectionNumbers
	Causes      []FailureCause // of deliveries that failed for good, the most frequent first
}

// Numbers are what happened in a span of time.
type Numbers struct {
	Events     int64                     `json:"events" doc:"accepted"`
	Duplicates int64                     `json:"duplicates" doc:"events that had come before"`
	Rejected   int64                     `json:"rejected" doc:"events that could not be read or planned"`
	States     map[connector.State]int64 `json:"states" doc:"deliveries by how they ended"`
	Tries      map[retry.Class]int64     `json:"failedTries" doc:"tries that were in vain, by class"`
	P50        int64                     `json:"delayP50Ms" doc:"from the event to the OA's answer: half of what succeeded was as fast; 0 where nothing succeeded"`
	P99        int64                     `json:"delayP99Ms" doc:"99 of 100 were as fast"`
}

// A Bucket is what happened in one step of a Series.
type Bucket struct {
	At Time `json:"at" doc:"when it begins"`
	Numbers
	Waiting *int64 `json:"waiting" doc:"the most that waited; null where nobody looked"`
}

// ConnectionNumbers are what happened at one connection in all of a Series.
type ConnectionNumbers struct {
	Tenant     string                    `json:"tenant"`
	Connection string                    `json:"connection"`
	States     map[connector.State]int64 `json:"states"`
	P50        int64                     `json:"delayP50Ms"`
	P99        int64                     `json:"delayP99Ms"`
}

// A FailureCause is why deliveries failed.
type FailureCause struct {
	Class retry.Class `json:"class"`
	Code  string      `json:"code" doc:"what the OA said, cut to 64 bytes"`
	Count int64       `json:"count"`
}

// Stats are counts of deliveries.
type Stats struct {
	States      map[connector.State]int64 `json:"states"`
	Waiting     int64                     `json:"waiting"`
	Oldest      *time.Time                `json:"oldestWaiting"` // when the oldest waiting delivery was made
	Events      int64                     `json:"events"`        // accepted events that are remembered
	Rejected    int64                     `json:"rejected"`
	Connections []ConnectionStats         `json:"connections"`
}

// ConnectionStats are counts of one connection.
type ConnectionStats struct {
	Tenant     string                    `json:"tenant"`
	Connection string                    `json:"connection"`
	States     map[connector.State]int64 `json:"states"`
}

// A Part is one thing that the program needs, in the order of /readyz.
type Part struct {
	Name   string    `json:"name"`  // store, nats, intake, disk, connections
	State  PartState `json:"state"` // ok, warning, down
	Detail string    `json:"detail,omitempty"`
}

// PartState says how a Part is.
type PartState string

// The states of a Part. Only PartDown makes the program not ready.
const (
	PartOK      PartState = "ok"
	PartWarning PartState = "warning"
	PartDown    PartState = "down"
)
