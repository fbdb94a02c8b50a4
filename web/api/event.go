package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"todosync/connector"
	"todosync/mapping"
)

// noID stands in for the stream's creation time while an event is checked before it is in the stream; an event without an
// id of its own gets one that begins with it.
const noID = "unsent"

// passed are the headers of a request that go with its event, beside those that begin with ce-.
var passed = [...]string{"Content-Type", "Traceparent", "Tracestate"}

type eventView struct {
	connector.EventStory
	ReceivedAt Time `json:"receivedAt"`
}

func viewEvent(e connector.EventStory) eventView {
	v := eventView{EventStory: e, ReceivedAt: Time(e.ReceivedAt)}
	if v.Connections == nil {
		v.Connections = []connector.ConnectionStory{}
	}
	for i := range v.Connections {
		if v.Connections[i].Deliveries == nil {
			v.Connections[i].Deliveries = []string{}
		}
	}
	return v
}

type publishInput struct {
	header  http.Header
	RawBody []byte `contentType:"application/json" doc:"an event as the CRM emits it, with tenant, kind and action"`
}

// Resolve keeps the headers: those of CloudEvents are many.
func (in *publishInput) Resolve(ctx huma.Context) []error {
	in.header = http.Header{}
	ctx.EachHeader(func(name, value string) { in.header.Add(name, value) })
	return nil
}

type published struct {
	Body struct {
		Sequence  uint64 `json:"sequence" doc:"place in the stream"`
		Duplicate bool   `json:"duplicate" doc:"the stream has an event with this id already; sequence is its place"`
	}
}

// A WholeEvent is one accepted event whole.
type WholeEvent struct {
	eventView
	Payload json.RawMessage `json:"payload" doc:"as the CRM emitted it; null where it is not kept, or not for this reader"`
}

type eventPath struct {
	TenantPath
	RecordPath
}

type eventQuery struct {
	Paging
	Tenant string `query:"tenant"`
	Todo   string `query:"todo"`
	ID     string `query:"id" doc:"event id"`
}

func (a *API) eventRoutes() {
	handle(a, route{
		method: http.MethodPost, path: "/events", id: "publishEvent", summary: "Emit an event", need: WriteEvents,
		status: http.StatusAccepted, body: connector.MaxPayload,
	}, a.publish)
	handle(a, route{
		method: http.MethodGet, path: "/events", id: "listEvents", summary: "What became of accepted events", need: View,
	}, func(ctx context.Context, in *eventQuery) (*list[eventView], error) {
		tenants, some := narrow(ctx, words(in.Tenant))
		if !some {
			return listOf(connector.Page[connector.EventStory]{}, viewEvent), nil
		}
		f := EventFilter{Tenants: tenants, Todos: words(in.Todo), IDs: words(in.ID)}
		page, err := a.Events.Events(ctx, f, in.page())
		if err != nil {
			return nil, err
		}
		return listOf(page, viewEvent), nil
	})
	handle(a, route{
		method: http.MethodGet, path: "/tenants/{tenant}/events/{id}", id: "getEvent", need: View,
		summary: "One accepted event: what the CRM emitted, and what became of it",
	}, a.event)
}

// event is one accepted event with what the CRM emitted.
func (a *API) event(ctx context.Context, in *eventPath) (*one[WholeEvent], error) {
	page, err := a.Events.Events(ctx, EventFilter{Tenants: []string{in.Tenant}, IDs: []string{in.ID}}, connector.PageOf{Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(page.Items) == 0 {
		return nil, notFound("event " + in.ID + " of tenant " + in.Tenant)
	}
	out := &one[WholeEvent]{Body: WholeEvent{eventView: viewEvent(page.Items[0]), Payload: json.RawMessage("null")}}
	if a.Recent == nil {
		return out, nil
	}
	masked, err := a.bodiesMasked(ctx, in.Tenant)
	if err != nil || masked {
		return out, err
	}
	found, err := a.Recent(ctx, in.Tenant, page.Items[0].Kind, in.ID)
	if err != nil && connector.KindOf(err) != connector.NotFound {
		return nil, err
	}
	if json.Valid(found.Payload) {
		out.Body.Payload = found.Payload
	}
	return out, nil
}

// bodiesMasked reports whether the tenant lets who asks see no bodies.
func (a *API) bodiesMasked(ctx context.Context, tenant string) (bool, error) {
	if principal(ctx).May(Operate) {
		return false, nil
	}
	t, err := a.tenant(ctx, tenant)
	return t != nil && t.MaskBodies, err
}

// publish checks an event just as the worker will, so that what would be rejected is refused, and puts it into the stream as
// it came.
func (a *API) publish(ctx context.Context, in *publishInput) (*published, error) {
	if len(in.RawBody) > connector.MaxPayload {
		return nil, &connector.Error{
			Kind: connector.TooLarge, Msg: fmt.Sprintf("the event is larger than %d bytes", connector.MaxPayload),
		}
	}
	m, tenant, err := message(in)
	if err != nil {
		return nil, err
	}
	if !principal(ctx).Sees(tenant) {
		return nil, notFound("tenant " + tenant)
	}
	event, rejection := connector.ParseEvent(m, noID)
	if rejection != nil {
		return nil, rejected(rejection.Path, rejection.Reason)
	}
	out := &published{}
	if event.ID == noID+"-0" {
		out.Body.Sequence, out.Body.Duplicate, err = a.Publisher.Publish(ctx, m)
		return out, err
	}
	out.Body.Sequence, out.Body.Duplicate, err = a.publishOnce(ctx, m, event)
	return out, err
}

// message is the message of the stream that a request becomes, and whose it is.
func message(in *publishInput) (m connector.Incoming, tenant string, err error) {
	m = connector.Incoming{Data: in.RawBody, Header: map[string][]string{}}
	doc, err := mapping.ParseDoc(in.RawBody)
	switch {
	case err != nil && bytes.HasPrefix(bytes.TrimSpace(in.RawBody), []byte("[")):
		return m, "", &connector.Error{
			Kind: connector.Invalid, Msg: "one event a request is taken, and this is a list", Hint: "send them one after another; todosync publish FILE does so",
		}
	case err != nil:
		return m, "", rejected("", "the payload is not acceptable JSON: "+err.Error())
	}
	parts := [3]string{}
	for i, name := range [...]string{"tenant", "kind", "action"} {
		v := doc.Value(name)
		if !v.Exists() {
			v = doc.Value("data." + name) // of a CloudEvent
		}
		if !v.Exists() || v.Kind() != mapping.String || v.Text() == "" {
			return m, "", rejected(name, "missing: over HTTP the event itself says its "+name+", as text")
		}
		parts[i] = v.Text()
	}
	if err := addressed(parts[0], connector.Kind(parts[1]), connector.Action(parts[2])); err != nil {
		return m, "", err
	}
	m.Subject = "crm." + parts[0] + "." + parts[1] + "." + parts[2]
	for _, name := range passed {
		if v := in.header.Values(name); len(v) > 0 {
			m.Header[name] = v
		}
	}
	for name, v := range in.header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "ce-") {
			m.Header[lower] = v
		}
	}
	return m, parts[0], nil
}

// addressed checks the members that make an event's subject, so that the one that is wrong is named.
func addressed(tenant string, kind connector.Kind, action connector.Action) error {
	actions := kind.Actions()
	switch {
	case !connector.ValidTenant(tenant):
		return rejected("tenant", "a tenant is 1 to 64 of A-Z a-z 0-9 _ -")
	case actions == nil:
		return rejected("kind", fmt.Sprintf("%.100q is none of %s, %s, %s", kind, connector.KindTodo, connector.KindReminder, connector.KindMessage))
	case !slices.Contains(actions, action):
		return rejected("action", fmt.Sprintf("%.100q is none of %s", action, strings.Join(texts(actions), ", ")))
	}
	return nil
}

// rejected is the error of an event that is none.
func rejected(path, reason string) error {
	return &connector.Error{
		Kind: connector.Invalid, Msg: reason, Hint: "nothing was stored; mend the event and send it again",
		Details: []connector.Detail{{Path: path, Message: reason}},
	}
}
