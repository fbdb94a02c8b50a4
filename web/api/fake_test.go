package api_test

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"todosync/connector"
	"todosync/web/api"
)

const (
	adminToken  = "admin-token-of-the-test"
	viewerToken = "viewer-of-t1"
	writerToken = "writer-of-t1"
	fickleToken = "of-whoever-the-test-says"
)

// tokens is an Authenticator with an admin and people of tenant t1.
type tokens struct {
	api.AdminToken
	b *backend
}

func (a tokens) Authenticate(ctx context.Context, token string) (*api.Principal, error) {
	switch token {
	case viewerToken:
		return &api.Principal{Name: "vera", Role: api.View, Tenants: []string{"t1"}}, nil
	case personToken:
		return &api.Principal{Name: "vera", Role: api.View, Tenants: []string{"t1"}, User: "u2", Session: "s1", Address: "10.0.0.1"}, nil
	case fickleToken:
		a.b.mu.Lock()
		defer a.b.mu.Unlock()
		return a.b.fickle, nil
	case "all-of-t1":
		return &api.Principal{Name: "tom", Role: api.Admin, Tenants: []string{"t1"}}, nil
	case writerToken:
		return &api.Principal{Name: "crm", Scopes: []api.Right{api.WriteEvents}, Tenants: []string{"t1"}}, nil
	case "database-away":
		return nil, &connector.Error{Kind: connector.Unavailable, Msg: "the database is away"}
	}
	return a.AdminToken.Authenticate(ctx, token)
}

// A backend is all that is behind the API, in memory.
type backend struct {
	mu        sync.Mutex // guards all of it
	records   []connector.Record
	filters   []connector.RecordFilter
	failAfter int // pages of records until the store fails; 0: never
	published []connector.Incoming
	publish   error
	purged    bool                      // what was published is gone from the stream again
	planned   uint64                    // the position
	known     map[string]api.KnownEvent // by event id
	away      error                     // of the store, when an id is looked up
	counted   []string                  // ids of duplicates
	saved     map[connector.ConnectionKey]api.Saved
	history   map[connector.ConnectionKey][]api.Revision // oldest first
	saves     []api.By
	refuse    error // a save
	paused    map[connector.ConnectionKey]bool
	bindings  []connector.Binding
	imports   []api.Import
	report    api.ImportReport
	rejects   []connector.RejectedEvent
	digests   digests
	secrets   map[api.SecretName]string
	parts     []api.Part
	changed   chan connector.Record
	places    []string // from where on records were followed
	fickle    *api.Principal
	ahead     time.Duration // of the API's clock
	stopped   chan struct{}
	stats     api.Stats
	series    []api.SeriesFilter
	hands     []string // what people did to records
	jobs      []connector.Job
	tokens    []api.Token
	users     users
	audit     []api.AuditFilter // what was asked for
}

func (b *backend) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Now().Add(b.ahead)
}

func newBackend() *backend {
	return &backend{
		saved: map[connector.ConnectionKey]api.Saved{}, history: map[connector.ConnectionKey][]api.Revision{}, paused: map[connector.ConnectionKey]bool{},
		secrets: map[api.SecretName]string{}, changed: make(chan connector.Record, 10), stopped: make(chan struct{}, 1),
	}
}

func pageOf[T any](all []T, p connector.PageOf) (connector.Page[T], error) {
	from := 0
	if p.Limit < 1 {
		return connector.Page[T]{}, &connector.Error{Kind: connector.Internal, Msg: "a page of nothing"}
	}
	if p.Cursor != "" {
		n, err := strconv.Atoi(p.Cursor)
		if err != nil {
			return connector.Page[T]{}, &connector.Error{Kind: connector.Invalid, Msg: "bad cursor"}
		}
		from = n
	}
	to := min(from+p.Limit, len(all))
	out := connector.Page[T]{Items: all[from:to]}
	if to < len(all) {
		out.Next = strconv.Itoa(to)
	}
	return out, nil
}

func (b *backend) Records(_ context.Context, f connector.RecordFilter, p connector.PageOf) (connector.Page[connector.Record], error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.filters = append(b.filters, f)
	if b.failAfter > 0 && len(b.filters) > b.failAfter {
		return connector.Page[connector.Record]{}, &connector.Error{Kind: connector.Unavailable, Msg: "the disk is gone"}
	}
	var match []connector.Record
	for _, r := range b.records {
		if len(f.Tenants) == 0 || slices.Contains(f.Tenants, r.Tenant) {
			match = append(match, r)
		}
	}
	return pageOf(match, p)
}

func (b *backend) Record(_ context.Context, id string) (connector.Record, error) {
	for _, r := range b.records {
		if r.ID == id {
			return r, nil
		}
	}
	return connector.Record{}, &connector.Error{Kind: connector.NotFound, Msg: "there is no record " + id}
}

func (b *backend) FeedAt() string { return "feed-1" }

func (b *backend) Watch(f connector.RecordFilter, after string) (api.Watch, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.places = append(b.places, after)
	known := after == "" || strings.HasPrefix(after, "feed-")
	return &watch{b: b, filter: f, place: cmp.Or(after, b.FeedAt()), missed: !known}, nil
}

// A watch gives what is put into its backend's changed; a record without an id stands for a gap.
type watch struct {
	b      *backend
	filter connector.RecordFilter
	place  string
	missed bool // of its place nothing is known
}

func (w *watch) Next(ctx context.Context) (out connector.RecordChanges, err error) {
	if w.missed {
		w.missed = false
		return connector.RecordChanges{Missed: true}, nil
	}
	select {
	case <-ctx.Done():
		return out, ctx.Err()
	case r := <-w.b.changed:
		switch w.place = "after " + r.ID; {
		case r.ID == "":
			out.Missed = true
		case len(w.filter.States) == 0 || slices.Contains(w.filter.States, string(r.State)):
			out.Records, out.Places = []connector.Record{r}, []string{w.place}
		}
		return out, nil
	}
}

func (w *watch) Place() string { return w.place }

func (w *watch) Close() { w.b.stopped <- struct{}{} }

func (b *backend) Events(_ context.Context, f api.EventFilter, p connector.PageOf) (connector.Page[connector.EventStory], error) {
	all := []connector.EventStory{}
	for _, t := range []string{"t1", "t2"} {
		if len(f.Tenants) == 0 || slices.Contains(f.Tenants, t) {
			all = append(all, connector.EventStory{ID: "e", Tenant: t, Connections: []connector.ConnectionStory{{Connection: "oa"}}})
		}
	}
	return pageOf(all, p)
}

func (b *backend) Publish(_ context.Context, m connector.Incoming) (uint64, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.publish != nil {
		return 0, false, b.publish
	}
	if id := m.Header["Nats-Msg-Id"]; len(id) == 1 {
		same := func(other connector.Incoming) bool { return slices.Equal(other.Header["Nats-Msg-Id"], id) }
		if i := slices.IndexFunc(b.published, same); i >= 0 {
			return uint64(i) + 1, true, nil
		}
	}
	m.Data = slices.Clone(m.Data)
	b.published = append(b.published, m)
	return uint64(len(b.published)), false, nil
}

func (b *backend) Stored(_ context.Context, sequence uint64) (connector.Incoming, string, bool, error) {
	if b.purged {
		return connector.Incoming{}, "CRM", false, nil
	}
	return b.published[sequence-1], "CRM", true, nil
}

func (b *backend) Recognise(_ context.Context, e *connector.Event) (api.KnownEvent, error) {
	return b.known[e.ID], b.away
}

func (b *backend) CountDuplicate(_ context.Context, e *connector.Event) error {
	b.counted = append(b.counted, e.ID)
	return nil
}

func (b *backend) Position(context.Context, string) (uint64, error) { return b.planned, nil }

func (b *backend) Save(_ context.Context, docs []api.Document, by api.By) ([]api.SaveResult, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.saves = append(b.saves, by)
	if b.refuse != nil {
		return nil, b.refuse
	}
	var out []api.SaveResult
	for _, d := range docs {
		k := connector.ConnectionKey{Tenant: d.Tenant, Name: d.Name}
		was := b.saved[k]
		if by.IfMatch != 0 && max(by.IfMatch, 0) != was.Revision {
			return nil, &connector.Error{Kind: connector.Conflict, Msg: "changed"}
		}
		b.saved[k] = api.Saved{
			Kind: d.Kind, Tenant: d.Tenant, Name: d.Name, Revision: was.Revision + 1, SavedBy: by.Who, How: by.How,
			Source: d.Source, Settings: d.Settings, SavedAt: time.Date(2026, 1, 2, 3, 4, 5, 6_700_000, time.FixedZone("", 8*3600)),
		}
		now := b.saved[k]
		b.history[k] = append(b.history[k], api.Revision{
			Revision: now.Revision, SavedAt: now.SavedAt, SavedBy: now.SavedBy, How: now.How, Source: now.Source, Settings: now.Settings,
		})
		out = append(out, api.SaveResult{Kind: d.Kind, Tenant: d.Tenant, Name: d.Name, Changed: true, Revision: was.Revision + 1})
	}
	return out, nil
}

func (b *backend) keys() []connector.ConnectionKey {
	var out []connector.ConnectionKey
	for k := range b.saved {
		out = append(out, k)
	}
	slices.SortFunc(out, func(x, y connector.ConnectionKey) int { return strings.Compare(x.String(), y.String()) })
	return out
}

func (b *backend) Tenants(_ context.Context, names []string, p connector.PageOf) (connector.Page[api.TenantState], error) {
	var all []api.TenantState
	for _, k := range b.keys() {
		if k.Name == "" && (len(names) == 0 || slices.Contains(names, k.Tenant)) {
			all = append(all, api.TenantState{Tenant: k.Tenant, Revision: b.saved[k].Revision})
		}
	}
	return pageOf(all, p)
}

func (b *backend) Saved(_ context.Context, k connector.ConnectionKey) (api.Saved, error) {
	if s, ok := b.saved[k]; ok {
		return s, nil
	}
	return api.Saved{}, &connector.Error{Kind: connector.NotFound, Msg: "there is no " + k.String()}
}

func (b *backend) Revisions(_ context.Context, k connector.ConnectionKey, p connector.PageOf) (connector.Page[api.Revision], error) {
	if _, ok := b.saved[k]; !ok {
		return connector.Page[api.Revision]{}, &connector.Error{Kind: connector.NotFound, Msg: "there is no " + k.String()}
	}
	newest := slices.Clone(b.history[k])
	slices.Reverse(newest)
	return pageOf(newest, p)
}

func (b *backend) Revision(_ context.Context, k connector.ConnectionKey, revision int64) (api.Revision, error) {
	for _, r := range b.history[k] {
		if r.Revision == revision {
			return r, nil
		}
	}
	return api.Revision{}, &connector.Error{Kind: connector.NotFound, Msg: "there is no such revision of " + k.String()}
}

func (b *backend) Connections(_ context.Context, f api.ConnectionFilter, p connector.PageOf) (connector.Page[api.ConnectionState], error) {
	var all []api.ConnectionState
	for _, k := range b.keys() {
		if k.Name != "" && (len(f.Tenants) == 0 || slices.Contains(f.Tenants, k.Tenant)) &&
			(len(f.Names) == 0 || slices.Contains(f.Names, k.Name)) {
			all = append(all, api.ConnectionState{Tenant: k.Tenant, Name: k.Name, Paused: b.paused[k]})
		}
	}
	return pageOf(all, p)
}

func (b *backend) ConnectionSums(ctx context.Context, f api.ConnectionFilter, worst int) (api.ConnectionSums, error) {
	page, err := b.Connections(ctx, f, connector.PageOf{Limit: 1000})
	out := api.ConnectionSums{Connections: len(page.Items), Health: map[string]int{}}
	for _, c := range page.Items {
		switch {
		case !c.Paused:
			out.Health[api.HealthUp]++
		default:
			c.HeldFor = "paused"
			if out.Health[c.HeldFor]++; len(out.Worst) < worst {
				out.Worst = append(out.Worst, c)
			}
		}
		out.Tenants, out.Names = append(out.Tenants, c.Tenant), append(out.Names, c.Name)
	}
	return out, err
}

func (b *backend) SetPaused(_ context.Context, k connector.ConnectionKey, paused bool, _ api.By) error {
	b.paused[k] = paused
	return nil
}

func (b *backend) DeleteConnection(_ context.Context, k connector.ConnectionKey, o api.DeleteOptions, by api.By) error {
	if by.IfMatch != 0 && by.IfMatch != b.saved[k].Revision {
		return &connector.Error{Kind: connector.Conflict, Msg: "changed", Details: []connector.Detail{{Path: "If-Match"}}}
	}
	if !o.CancelWaiting {
		return &connector.Error{Kind: connector.Conflict, Msg: "3 deliveries wait", Hint: "?cancelWaiting=true"}
	}
	delete(b.saved, k)
	return nil
}

func (b *backend) Bindings(_ context.Context, f api.BindingFilter, p connector.PageOf) (connector.Page[api.BoundUser], error) {
	var all []api.BoundUser
	for _, v := range b.bindings {
		if v.Connection == f.Key.Name && (len(f.Users) == 0 || slices.Contains(f.Users, v.User)) {
			all = append(all, api.BoundUser{Binding: v, Automatic: v.UserName == "by event", MadeBy: "ada"})
		}
	}
	return pageOf(all, p)
}

func (b *backend) SetBinding(_ context.Context, _ string, v connector.Binding, _ api.By) error {
	b.bindings = append(b.bindings, v)
	return nil
}

func (b *backend) RemoveBinding(_ context.Context, _ connector.ConnectionKey, user string, _ api.By) error {
	b.bindings = slices.DeleteFunc(b.bindings, func(v connector.Binding) bool { return v.User == user })
	return nil
}

func (b *backend) Unbound(_ context.Context, _ connector.ConnectionKey, p connector.PageOf) (connector.Page[api.UnboundUser], error) {
	return pageOf([]api.UnboundUser{{User: "7", Waiting: 2}}, p)
}

func (b *backend) ImportBindings(_ context.Context, i api.Import, _ api.By) (api.ImportReport, error) {
	b.imports = append(b.imports, i)
	r := b.report
	r.Added, r.DryRun = len(i.Rows), i.DryRun
	return r, nil
}

func (b *backend) Rejected(_ context.Context, f api.RejectFilter, p connector.PageOf) (connector.Page[connector.RejectedEvent], error) {
	var all []connector.RejectedEvent
	for _, r := range b.rejects {
		if (len(f.Tenants) == 0 || slices.Contains(f.Tenants, r.Tenant)) && (f.Text == "" || connector.Mentions(f.Text, r.Reason, r.Payload)) {
			all = append(all, r)
		}
	}
	return pageOf(all, p)
}

func (b *backend) RejectedOne(_ context.Context, id string) (connector.RejectedEvent, error) {
	for _, r := range b.rejects {
		if r.ID == id {
			return r, nil
		}
	}
	return connector.RejectedEvent{}, &connector.Error{Kind: connector.NotFound, Msg: "there is none"}
}

func (b *backend) Replay(_ context.Context, id string, _ api.By) (connector.EventStory, error) {
	return connector.EventStory{ID: "of " + id}, nil
}

func (b *backend) Secrets(_ context.Context, tenants []string) ([]api.SecretName, error) {
	var out []api.SecretName
	for n := range b.secrets {
		if len(tenants) == 0 || slices.Contains(tenants, n.Tenant) {
			out = append(out, n)
		}
	}
	return out, nil
}

// SecretUses implements api.Secrets.
func (b *backend) SecretUses(_ context.Context, tenants []string) ([]api.SecretUse, error) {
	out := []api.SecretUse{}
	for _, t := range tenants {
		out = append(out, api.SecretUse{Secret: api.SecretName{Tenant: t, Name: "n-" + t}, By: "oa"}, api.SecretUse{Secret: api.SecretName{Tenant: t, Name: "lost"}})
	}
	return out, nil
}

// SetSecret implements api.Secrets.
func (b *backend) SetSecret(_ context.Context, n api.SecretName, value string, _ api.By) error {
	if len(value) < 6 {
		return &connector.Error{Kind: connector.Invalid, Msg: "a secret has 6 characters or more"}
	}
	b.secrets[n] = value
	return nil
}

func (b *backend) RotateKey(context.Context, api.By) (api.KeyChange, error) {
	return api.KeyChange{Secrets: 1}, nil
}

func (b *backend) RemoveSecret(_ context.Context, n api.SecretName, _ api.By) error {
	delete(b.secrets, n)
	return nil
}

func (b *backend) Stats(context.Context, api.ConnectionFilter) (api.Stats, error) {
	return b.stats, nil
}

func (b *backend) Series(_ context.Context, f api.SeriesFilter) (api.Series, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.series = append(b.series, f)
	two := int64(2)
	return api.Series{
		Step:    max(f.Step, 10*time.Minute),
		Totals:  api.Numbers{Events: 7, States: map[connector.State]int64{connector.Succeeded: 5, connector.Failed: 1}, P50: 20, P99: 40},
		Buckets: []api.Bucket{{At: api.Time(f.From.Add(10 * time.Minute)), Waiting: &two, Numbers: api.Numbers{Events: 7}}},
		Causes:  []api.FailureCause{{Class: "business", Code: "1001", Count: 1}},
	}, nil
}

// CreateToken implements api.Tokens.
func (b *backend) CreateToken(_ context.Context, want api.Token) (api.Token, string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	want.ID = "token-" + strconv.Itoa(len(b.tokens)+1)
	b.tokens = append(b.tokens, want)
	return want, "todosync_secret-of-" + want.ID, nil
}

// Tokens implements api.Tokens.
func (b *backend) Tokens(_ context.Context, tenants []string, p connector.PageOf) (connector.Page[api.Token], error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []api.Token
	for _, t := range b.tokens {
		if len(tenants) == 0 || slices.Equal(t.Tenants, tenants) {
			out = append(out, t)
		}
	}
	return pageOf(out, p)
}

// RevokeToken implements api.Tokens.
func (b *backend) RevokeToken(_ context.Context, id string, tenants []string, _ string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, t := range b.tokens {
		if t.ID == id && (len(tenants) == 0 || slices.Equal(t.Tenants, tenants)) {
			b.tokens = slices.Delete(b.tokens, i, i+1)
			return nil
		}
	}
	return &connector.Error{Kind: connector.NotFound, Msg: "there is no token " + id}
}

// Audit implements api.Tokens.
func (b *backend) Audit(_ context.Context, f api.AuditFilter, p connector.PageOf) (connector.Page[api.AuditEntry], error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.audit = append(b.audit, f)
	return pageOf([]api.AuditEntry{{Who: "vera", What: "secret set", Tenant: "t1", Target: "oa-password"}}, p)
}

// RedeemTicket implements api.SignOns: there is one ticket, of tenant t1.
func (b *backend) RedeemTicket(_ context.Context, ticket string, tenants []string) (api.RedeemedTicket, bool, error) {
	ok := ticket == "good" && (len(tenants) == 0 || slices.Contains(tenants, "t1"))
	return api.RedeemedTicket{Tenant: "t1", User: "1002", Target: "/todo/QuoteObj/66f", Expires: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}, ok, nil
}

// SignOns implements api.SignOns.
func (b *backend) SignOns(_ context.Context, f api.SignOnFilter, p connector.PageOf) (connector.Page[api.SignOn], error) {
	if len(f.Numbers) > 0 && f.Numbers[0] != "7KQ2M9XD" {
		return connector.Page[api.SignOn]{}, nil
	}
	return pageOf([]api.SignOn{{Number: "7KQ2M9XD", Tenant: "t1", Outcome: "no_binding", Skew: 1500 * time.Millisecond}}, p)
}
