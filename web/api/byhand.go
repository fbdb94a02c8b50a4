package api

import (
	"context"
	"net/http"
	"slices"

	"todosync/connector"
)

// ByHand is what people do to deliveries.
type ByHand interface {
	// Retry lets a record go again. It fails with Conflict where something speaks against it, and makes it superseded where its todo has had
	// a newer one sent.
	Retry(ctx context.Context, id string, o connector.ResendOptions, by By) error
	// Rehearse says what a retry would send.
	Rehearse(ctx context.Context, id string) (connector.Rehearsal, error)
	Cancel(ctx context.Context, id string, by By) error
	// Push sends a todo's newest state to a connection again and gives the ids of its records.
	Push(ctx context.Context, k connector.ConnectionKey, todo string, o connector.PushOptions, by By) (ids []string, err error)
	// CountRecords says how many records a job would take; whole is false where there are more.
	CountRecords(ctx context.Context, r connector.JobRequest) (count int64, whole bool, err error)
	StartJob(ctx context.Context, r connector.JobRequest) (connector.Job, error)
	// Jobs lists jobs that touch no other tenants than the given ones; none are all.
	Jobs(ctx context.Context, tenants []string, p connector.PageOf) (connector.Page[connector.Job], error)
	Job(ctx context.Context, id string) (connector.Job, error)
	StopJob(ctx context.Context, id string, by By) (connector.Job, error)
}

// A rendering says how a delivery that goes again is rendered.
type rendering string

const renderingOld rendering = "old"

// RetryBody says how records go again.
type RetryBody struct {
	Rendering rendering `json:"rendering,omitempty" enum:"new,old" default:"new" doc:"new: with today's mapping; old: as it was rendered before, with today's secrets"`
	Confirm   bool      `json:"confirmSucceeded,omitempty" doc:"also where it has succeeded: the OA gets it again"`
}

func (b *RetryBody) options() connector.ResendOptions {
	if b == nil {
		return connector.ResendOptions{}
	}
	return connector.ResendOptions{AsBefore: b.Rendering == renderingOld, Confirmed: b.Confirm}
}

type retryInput struct {
	RecordPath
	Body *RetryBody
}

type rehearsalView struct {
	Before     *connector.SentRequest `json:"before" doc:"as it was rendered before; null where no earlier request is kept"`
	Now        *connector.SentRequest `json:"now" doc:"with today's mapping; null where that makes none, see problem"`
	Problem    string                 `json:"problem" doc:"why today's mapping makes no request"`
	Difference []string               `json:"difference" doc:"lines with - (only before), + (only now) or blanks (both) in front"`
}

// TodoPath are the parameters of a route of one todo at a connection.
type TodoPath struct {
	ConnectionPath
	Todo string `path:"todo"`
}

type pushInput struct {
	TodoPath
	Body *struct {
		Lost bool `json:"lost,omitempty" doc:"the OA has lost it: it is sent as a create, whatever is known of it there"`
	}
}

func (a *API) byHandRoutes() {
	handle(a, route{
		method: http.MethodPost, path: "/records/{id}/retry", id: "retryRecord", need: Operate,
		summary: "Send a record again, with its full number of tries; where its todo has had a newer one sent it ends superseded",
	}, func(ctx context.Context, in *retryInput) (*one[recordView], error) {
		return a.handled(ctx, in.ID, func() error { return a.ByHand.Retry(ctx, in.ID, in.Body.options(), by(ctx, "api")) })
	})
	handle(a, route{
		method: http.MethodGet, path: "/records/{id}/retry", id: "previewRetry", need: Operate,
		summary: "What a retry would send: as before, with today's mapping, and the difference",
	}, func(ctx context.Context, in *RecordPath) (*one[rehearsalView], error) {
		if _, err := a.record(ctx, in.ID); err != nil {
			return nil, err
		}
		r, err := a.ByHand.Rehearse(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &one[rehearsalView]{Body: rehearsalView(r)}, nil
	})
	handle(a, route{
		method: http.MethodPost, path: "/records/{id}/cancel", id: "cancelRecord", need: Operate,
		summary: "End a record that still waits; later ones of its todo go on",
	}, func(ctx context.Context, in *RecordPath) (*one[recordView], error) {
		return a.handled(ctx, in.ID, func() error { return a.ByHand.Cancel(ctx, in.ID, by(ctx, "api")) })
	})
	handle(a, route{
		method: http.MethodPost, path: connectionRoute + "/todos/{todo}/push", id: "pushTodo", need: Operate, status: http.StatusAccepted,
		summary: "Send the newest accepted state of a todo again, as create or edit",
	}, a.push)
}

// record is a record that the caller may see.
func (a *API) record(ctx context.Context, id string) (connector.Record, error) {
	r, err := a.Records.Record(ctx, id)
	if err == nil && !principal(ctx).Sees(r.Tenant) {
		return connector.Record{}, notFound("record " + id)
	}
	if err != nil {
		return r, err
	}
	masked, err := a.bodiesMasked(ctx, r.Tenant)
	if err != nil {
		return connector.Record{}, err
	}
	r.Attempts = slices.Clone(r.Attempts)
	for i := range r.Attempts {
		if t := &r.Attempts[i]; masked {
			for _, body := range []*string{&t.Request.Body, &t.Response.Body, &t.Named.Body} {
				if *body != "" {
					*body = maskedBody
				}
			}
		}
	}
	return r, nil
}

// maskedBody stands for a body that the tenant lets viewers not see.
const maskedBody = "***"

// handled does something to a record and answers with what has become of it.
func (a *API) handled(ctx context.Context, id string, do func() error) (*one[recordView], error) {
	if _, err := a.record(ctx, id); err != nil {
		return nil, err
	}
	if err := do(); err != nil {
		return nil, err
	}
	r, err := a.Records.Record(ctx, id)
	if err != nil {
		return nil, err
	}
	r.Attempts = nil
	return &one[recordView]{Body: viewRecord(r)}, nil
}

// push pushes a todo and answers with its records.
func (a *API) push(ctx context.Context, in *pushInput) (*list[recordView], error) {
	o := connector.PushOptions{}
	if in.Body != nil {
		o.Lost = in.Body.Lost
	}
	ids, err := a.ByHand.Push(ctx, in.key(), in.Todo, o, by(ctx, "api"))
	if err != nil {
		return nil, err
	}
	page := connector.Page[connector.Record]{}
	for _, id := range ids {
		r, err := a.Records.Record(ctx, id)
		if err != nil {
			return nil, err
		}
		r.Attempts = nil
		page.Items = append(page.Items, r)
	}
	return listOf(page, viewRecord), nil
}
