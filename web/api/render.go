package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"todosync/connector"
	"todosync/connector/file"
	"todosync/mapping"
	"todosync/retry"
)

type renderInput struct {
	Language string `header:"Accept-Language"`
	Body     struct {
		Connection string          `json:"connection,omitempty" doc:"a connection file; else tenant and name of a stored one"`
		Tenant     string          `json:"tenant,omitempty"`
		Name       string          `json:"name,omitempty"`
		Scene      connector.Scene `json:"scene" enum:"create,edit,done,delete,remind,message"`
		Revision   int64           `json:"revision,omitempty" minimum:"0" doc:"of a stored connection: as it was then; without it as it is now"`
		Event      json.RawMessage `json:"event,omitempty" doc:"the event's payload"`
		EventID    string          `json:"eventId,omitempty" doc:"an accepted event of the tenant; without event and eventId its newest, and where it has had none a sample"`
		Sample     bool            `json:"sample,omitempty" doc:"the sample that files are checked with, whatever the tenant has had"`
		Receiver   string          `json:"receiver,omitempty" doc:"only what goes to these receivers of the event: CRM user ids, several with commas"`
		StandIns   bool            `json:"standIns,omitempty" doc:"CRM ids stand for the accounts of who is not bound"`
		Bindings   []BindingBody   `json:"bindings,omitempty" doc:"beside those of a stored connection, and before them"`
		Explain    bool            `json:"explain,omitempty" doc:"also where each placeholder's value came from"`
		Anyway     bool            `json:"anyway,omitempty" doc:"where no request can be made of it, answer with why and with the placeholders that have values, instead of 422"`
	}
}

// A PreviewView is a request as it would be sent.
type PreviewView struct {
	Scene        connector.Scene     `json:"scene"`
	Receiver     string              `json:"receiver"`
	Method       string              `json:"method"`
	Address      string              `json:"address"`
	Headers      []retry.Header      `json:"headers"`
	Body         string              `json:"body"`
	Placeholders []mapping.Explained `json:"placeholders,omitempty"`
	Problem      string              `json:"problem,omitempty" doc:"why no request can be made, with anyway"`
}

type renderOutput struct {
	Body struct {
		Requests []PreviewView   `json:"requests" doc:"what would be sent; secrets show as ***"`
		Event    renderedEvent   `json:"event" doc:"what it was rendered with"`
		Unbound  []unboundPerson `json:"unbound" doc:"who of its receivers has no account here"`
	}
}

type renderedEvent struct {
	ID        string          `json:"id"`
	Sample    bool            `json:"sample" doc:"it is the built-in one"`
	Payload   json.RawMessage `json:"payload"`
	Receivers []unboundPerson `json:"receivers" doc:"all that the event names"`
}

type unboundPerson struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type fieldQuery struct {
	WholePaging
	Tenant     string `query:"tenant" doc:"also the codes that this tenant defines"`
	Connection string `query:"connection" doc:"also the codes that this connection of the tenant defines"`
}

type fieldView struct {
	mapping.CatalogueField
	Own bool `json:"own" doc:"defined by the tenant or connection"`
}

func (a *API) renderRoutes() {
	handle(a, route{
		method: http.MethodPost, path: "/render", id: "render", need: View, body: 4 * maxBody,
		summary: "What a connection would send for an event; nothing is sent",
	}, a.render)
	handle(a, route{
		method: http.MethodGet, path: "/fields", id: "listFields", summary: "The catalogue of placeholders", need: View,
	}, a.fields)
}

func (a *API) render(ctx context.Context, in *renderInput) (*renderOutput, error) {
	b := &in.Body
	c, stored, err := a.toRender(ctx, chosen{language: in.Language, file: b.Connection, tenant: b.Tenant, name: b.Name, revision: b.Revision})
	if err != nil {
		return nil, err
	}
	t, err := a.tenant(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	program, err := connector.Compile(0, 0, c, t, a.Compile)
	if err != nil {
		return nil, err
	}
	event, shown, err := a.eventToRender(ctx, c.Tenant, in)
	if err != nil {
		return nil, err
	}
	out := &renderOutput{}
	out.Body.Event, out.Body.Unbound = shown, []unboundPerson{}
	onlyFor(event, words(b.Receiver))
	bindings := map[string]connector.Binding{}
	if err := a.boundUsers(ctx, c.Key(), event, bindings); err != nil && (stored || connector.KindOf(err) != connector.NotFound) {
		return nil, err
	}
	for _, given := range b.Bindings {
		one := given.binding()
		bindings[one.User] = one
	}
	for _, r := range event.Object.Receivers {
		if _, bound := bindings[r.ID]; !bound {
			out.Body.Unbound = append(out.Body.Unbound, unboundPerson{r.ID, r.Name})
			if b.StandIns {
				bindings[r.ID] = connector.Binding{User: r.ID, Account: r.ID}
			}
		}
	}
	preview := program.PreviewWhole
	if b.Anyway {
		preview = program.PreviewAnyway
	}
	previews, err := preview(event, b.Scene, bindings, a.Now())
	if err != nil {
		return nil, err
	}
	out.Body.Requests = viewPreviews(previews, b.Explain)
	return out, nil
}

// eventToRender is the event that is given, else one that the tenant has had, else the built-in sample. Who may see no bodies of the tenant
// sees none of its events either.
func (a *API) eventToRender(ctx context.Context, tenant string, in *renderInput) (*connector.Event, renderedEvent, error) {
	b := &in.Body
	shown := renderedEvent{Receivers: []unboundPerson{}}
	choice := sampleChoice{scene: b.Scene, payload: b.Event, id: b.EventID}
	kind, _ := b.Scene.EventOf()
	if len(b.Event) == 0 {
		masked, err := a.bodiesMasked(ctx, tenant)
		switch {
		case err != nil:
			return nil, shown, err
		case masked && b.EventID != "":
			return nil, shown, &connector.Error{Kind: connector.Forbidden, Msg: "the tenant lets viewers see no bodies", Hint: "render the sample"}
		case masked || b.Sample || a.Recent == nil:
			choice.payload, shown.Sample = file.SampleEvent(kind), true
		}
	}
	e, err := a.sampleOf(ctx, tenant, choice)
	if kind := connector.KindOf(err); (kind == connector.NotFound || kind == connector.Invalid) && len(b.Event) == 0 && b.EventID == "" {
		// The tenant has had none, or his newest is none that leads to this scene.
		shown.Sample = true
		kind, _ := b.Scene.EventOf()
		e, err = SampleEvent(tenant, b.Scene, file.SampleEvent(kind))
	}
	if err != nil {
		return nil, shown, err
	}
	shown.ID, shown.Payload = e.ID, e.Payload
	for _, r := range e.Object.Receivers {
		shown.Receivers = append(shown.Receivers, unboundPerson{r.ID, r.Name})
	}
	return e, shown, nil
}

// A chosen connection is one of a file, or a stored one by its names.
type chosen struct {
	language, file, tenant, name string
	revision                     int64 // of a stored one; 0: the newest
}

// toRender is the connection that is meant, and whether it is a stored one.
func (a *API) toRender(ctx context.Context, in chosen) (*connector.Connection, bool, error) {
	if in.file != "" {
		docs, problems := file.Parse("connection", []byte(in.file), a.fileOptions(ctx, in.language))
		if problems.Err() != nil {
			p := fileProblem(problems)
			p.Detail = "the settings have mistakes" // there is nothing that would have been changed
			return nil, false, p
		}
		i := slices.IndexFunc(docs, func(d file.Document) bool { return d.Connection != nil })
		if i < 0 {
			return nil, false, invalid("connection", "it holds no document of kind Connection")
		}
		if !principal(ctx).Sees(docs[i].Connection.Tenant) {
			return nil, false, notFound("tenant " + docs[i].Connection.Tenant)
		}
		return docs[i].Connection, false, nil
	}
	k := connector.ConnectionKey{Tenant: in.tenant, Name: in.name}
	if k.Tenant == "" || k.Name == "" {
		return nil, false, invalid("connection", "give a connection file, or tenant and name of a stored connection")
	}
	if !principal(ctx).Sees(k.Tenant) {
		return nil, false, notFound("connection " + k.String())
	}
	if in.revision > 0 {
		r, err := a.Settings.Revision(ctx, k, in.revision)
		if err != nil {
			return nil, true, err
		}
		c, err := readConnection(k, r.Settings)
		return c, true, err
	}
	c, err := a.storedConnection(ctx, k)
	return c, true, err
}

func (a *API) storedConnection(ctx context.Context, k connector.ConnectionKey) (*connector.Connection, error) {
	saved, err := a.Settings.Saved(ctx, k)
	if err != nil {
		return nil, err
	}
	return readConnection(k, saved.Settings)
}

func readConnection(k connector.ConnectionKey, settings json.RawMessage) (*connector.Connection, error) {
	c := &connector.Connection{}
	if err := json.Unmarshal(settings, c); err != nil {
		return nil, fmt.Errorf("read the settings of connection %s: %w", k, err)
	}
	return c, nil
}

// boundUsers finds the bindings of the event's people.
func (a *API) boundUsers(ctx context.Context, k connector.ConnectionKey, e *connector.Event, into map[string]connector.Binding) error {
	var users []string
	for _, r := range e.Object.Receivers {
		users = append(users, r.ID)
	}
	if e.Object.SenderID != "" {
		users = append(users, e.Object.SenderID)
	}
	if len(users) == 0 {
		return nil
	}
	return each(func(p connector.PageOf) (connector.Page[BoundUser], error) {
		return a.Bindings.Bindings(ctx, BindingFilter{Key: k, Users: users}, p)
	}, func(b BoundUser) { into[b.User] = b.Binding })
}

// SampleEvent reads a payload as the event that would lead to a scene: a preview asks what a scene would send, whatever
// the event's own action was.
func SampleEvent(tenant string, scene connector.Scene, payload []byte) (*connector.Event, error) {
	kind, action := scene.EventOf()
	e, rejection := connector.ParseEvent(connector.Incoming{
		Subject: "crm." + tenant + "." + string(kind) + "." + string(action), Data: sample(payload),
	}, "sample")
	if rejection != nil {
		path := "event"
		if rejection.Path != "" {
			path += "." + rejection.Path
		}
		return nil, invalid(path, rejection.Reason)
	}
	return e, nil
}

// sample takes out of a payload what an event over HTTP says of itself: a sample may stand for another tenant and action.
func sample(payload []byte) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(payload, &members) != nil {
		return payload // ParseEvent says what is wrong with it
	}
	changed := false
	for _, name := range []string{"tenant", "kind", "action"} {
		if _, there := members[name]; there {
			delete(members, name)
			changed = true
		}
	}
	if !changed {
		return payload
	}
	out, err := json.Marshal(members)
	if err != nil {
		return payload
	}
	return out
}

func (a *API) fields(ctx context.Context, in *fieldQuery) (*list[fieldView], error) {
	page := connector.Page[fieldView]{}
	for _, f := range mapping.Catalogue() {
		page.Items = append(page.Items, fieldView{CatalogueField: f})
	}
	if in.Tenant == "" && in.Connection != "" {
		return nil, invalid("tenant", "a connection is named within its tenant: give tenant, too")
	}
	if in.Tenant == "" {
		return cutList(in.WholePaging, page.Items, func(f fieldView) string { return f.Code })
	}
	if !principal(ctx).Sees(in.Tenant) {
		return nil, notFound("tenant " + in.Tenant)
	}
	own := map[string]mapping.Field{}
	t, err := a.tenant(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	if t != nil {
		own = t.Fields
	}
	if in.Connection != "" {
		c, err := a.storedConnection(ctx, connector.ConnectionKey{Tenant: in.Tenant, Name: in.Connection})
		if err != nil {
			return nil, err
		}
		merged := map[string]mapping.Field{}
		for _, m := range []map[string]mapping.Field{own, c.Fields} {
			maps.Copy(merged, m)
		}
		own = merged
	}
	for code, f := range own {
		page.Items = append(page.Items, fieldView{
			CatalogueField: mapping.CatalogueField{Code: code, LabelZH: f.Label, LabelEN: f.Label, From: fieldSource(f)}, Own: true,
		})
	}
	slices.SortStableFunc(page.Items, func(x, y fieldView) int {
		if x.Code < y.Code {
			return -1
		} else if x.Code > y.Code {
			return 1
		}
		return 0
	})
	return cutList(in.WholePaging, page.Items, func(f fieldView) string { return f.Code })
}

// fieldSource says in a few words where an own code's value comes from.
func fieldSource(f mapping.Field) string {
	switch {
	case f.Path != "":
		return f.Path
	case f.From != "":
		return "#" + f.From
	case f.Value != nil:
		return "a constant"
	case len(f.Join) > 0:
		return "joined"
	}
	return ""
}
