package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"todosync/connector"
)

// Words are values of a filter in a body: a list, or one text with commas.
type Words []string

// UnmarshalJSON takes a list or a text.
func (w *Words) UnmarshalJSON(b []byte) error {
	var list []string
	if err := json.Unmarshal(b, &list); err == nil {
		*w = list
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*w = words(s)
	return nil
}

// Schema describes them in /openapi.json.
func (Words) Schema(huma.Registry) *huma.Schema {
	text := &huma.Schema{Type: huma.TypeString}
	return &huma.Schema{OneOf: []*huma.Schema{text, {Type: huma.TypeArray, Items: text}}, Description: "one value, several with commas, or a list"}
}

// A FilterBody is the filter of /records as a body.
type FilterBody struct {
	Tenant     Words  `json:"tenant,omitempty"`
	Connection Words  `json:"connection,omitempty"`
	Scene      Words  `json:"scene,omitempty"`
	State      Words  `json:"state,omitempty"`
	Class      Words  `json:"class,omitempty"`
	Todo       Words  `json:"todo,omitempty"`
	Receiver   Words  `json:"receiver,omitempty"`
	Event      Words  `json:"event,omitempty"`
	From       string `json:"from,omitempty"`
	To         string `json:"to,omitempty"`
	Q          string `json:"q,omitempty"`
	Name       string `json:"name,omitempty" maxLength:"200" doc:"of the job, for people"`
	DryRun     bool   `json:"dryRun,omitempty" doc:"only count: the answer's state is dry_run"`
}

type retryManyBody struct {
	FilterBody
	RetryBody
}

type retryMany struct {
	RecordParams
	Body *retryManyBody
}

type cancelMany struct {
	RecordParams
	Body *FilterBody
}

type backfillInput struct {
	ConnectionPath
	From string `query:"from" doc:"todos whose newest event came at this time or later; empty: all that are kept"`
	Body *struct {
		From string `json:"from,omitempty" doc:"as the parameter"`
		Lost bool   `json:"lost,omitempty" doc:"the OA has lost its data: all is sent as creates, whatever is known of it there"`
		Name string `json:"name,omitempty" maxLength:"200" doc:"of the job, for people"`
	}
}

// A JobView is a job as it is shown.
type JobView struct {
	ID         string           `json:"id"`
	Name       string           `json:"name"`
	Kind       string           `json:"kind" enum:"retry,cancel,backfill,withdraw,erase"`
	State      string           `json:"state" enum:"collecting,running,done,stopped,failed,dry_run"`
	Who        string           `json:"who"`
	Total      int64            `json:"total" doc:"records or todos that it concerns; while it collects, those found so far"`
	Complete   bool             `json:"complete" doc:"all that it concerns is counted in total"`
	Done       int64            `json:"done" doc:"let go, or canceled"`
	Skipped    int64            `json:"skipped" doc:"nothing was to be done, see reasons"`
	Waiting    int64            `json:"waiting" doc:"of those let go: have not ended yet"`
	Reasons    map[string]int64 `json:"reasons"`
	Error      string           `json:"error"`
	Filter     FilterView       `json:"filter" doc:"as in GET /records"`
	Connection string           `json:"connection" doc:"tenant/name, of a backfill or a withdrawal"`
	Rendering  string           `json:"rendering" enum:"new,old"`
	CreatedAt  Time             `json:"createdAt"`
	EndedAt    Time             `json:"endedAt"`
}

// A FilterView is a filter with its times as the API writes them.
type FilterView struct {
	connector.RecordFilter
	From *Time `json:"from,omitempty"`
	To   *Time `json:"to,omitempty"`
}

func filterOf(f *connector.RecordFilter) FilterView {
	v := FilterView{RecordFilter: *f}
	if !f.From.IsZero() {
		from := Time(f.From)
		v.From = &from
	}
	if !f.To.IsZero() {
		to := Time(f.To)
		v.To = &to
	}
	return v
}

func viewJob(j connector.Job) JobView {
	v := JobView{
		ID: j.ID, Name: j.Name, Kind: string(j.Kind), State: string(j.State), Who: j.Who, Total: j.Total, Complete: j.State != connector.JobCollecting,
		Done: j.Done, Skipped: j.Skipped, Waiting: j.Waiting, Reasons: j.Reasons, Error: j.Error, Filter: filterOf(&j.Filter), Rendering: "new",
		CreatedAt: Time(j.Created), EndedAt: Time(j.Ended),
	}
	if v.Reasons == nil {
		v.Reasons = map[string]int64{}
	}
	if j.Options.AsBefore {
		v.Rendering = string(renderingOld)
	}
	if j.Kind == connector.JobBackfill || j.Kind == connector.JobWithdraw {
		v.Connection = j.Key.String()
	}
	return v
}

type jobOutput struct {
	Status int
	Body   JobView
}

func (a *API) jobRoutes() {
	handle(a, route{
		method: http.MethodPost, path: "/records/retry", id: "retryRecords", need: Operate, status: http.StatusAccepted,
		summary: "Send all records again that match, as a job; the filter may stand in the query or in the body",
	}, func(ctx context.Context, in *retryMany) (*jobOutput, error) {
		r := connector.JobRequest{Kind: connector.JobRetry}
		var filter *FilterBody
		if in.Body != nil {
			filter, r.Options = &in.Body.FilterBody, in.Body.options()
		}
		return a.many(ctx, r, &in.RecordParams, filter)
	})
	handle(a, route{
		method: http.MethodPost, path: "/records/cancel", id: "cancelRecords", need: Operate, status: http.StatusAccepted,
		summary: "End all records that match and still wait, as a job; the filter may stand in the query or in the body",
	}, func(ctx context.Context, in *cancelMany) (*jobOutput, error) {
		return a.many(ctx, connector.JobRequest{Kind: connector.JobCancel}, &in.RecordParams, in.Body)
	})
	handle(a, route{
		method: http.MethodPost, path: connectionRoute + "/backfill", id: "backfillConnection", need: Operate, status: http.StatusAccepted,
		summary: "Send a connection the newest state of every todo that is pending, as a job",
	}, a.backfill)
	handle(a, route{
		method: http.MethodGet, path: "/jobs", id: "listJobs", summary: "Jobs, newest first", need: View,
	}, func(ctx context.Context, in *Paging) (*list[JobView], error) {
		page, err := a.ByHand.Jobs(ctx, principal(ctx).Tenants, in.page())
		if err != nil {
			return nil, err
		}
		return listOf(page, viewJob), nil
	})
	handle(a, route{
		method: http.MethodGet, path: "/jobs/{id}", id: "getJob", summary: "One job", need: View,
	}, func(ctx context.Context, in *RecordPath) (*one[JobView], error) {
		j, err := a.job(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &one[JobView]{Body: viewJob(j)}, nil
	})
	handle(a, route{
		method: http.MethodPost, path: "/jobs/{id}/stop", id: "stopJob", summary: "Stop a job; what it has let go goes on", need: Operate,
	}, func(ctx context.Context, in *RecordPath) (*one[JobView], error) {
		if _, err := a.job(ctx, in.ID); err != nil {
			return nil, err
		}
		j, err := a.ByHand.StopJob(ctx, in.ID, by(ctx, "api"))
		if err != nil {
			return nil, err
		}
		return &one[JobView]{Body: viewJob(j)}, nil
	})
}

// job is a job that the caller may see: one that touches nobody else's records.
func (a *API) job(ctx context.Context, id string) (connector.Job, error) {
	j, err := a.ByHand.Job(ctx, id)
	if err != nil {
		return j, err
	}
	p := principal(ctx)
	seen := len(p.Tenants) == 0 || len(j.Tenants) > 0
	for _, t := range j.Tenants {
		seen = seen && p.Sees(t)
	}
	if !seen {
		return j, notFound("job " + id)
	}
	return j, nil
}

// many starts a job over the records of a filter, or counts them.
func (a *API) many(ctx context.Context, r connector.JobRequest, query *RecordParams, body *FilterBody) (*jobOutput, error) {
	params := *query
	dry := false
	if body != nil {
		if err := body.fill(&params); err != nil {
			return nil, err
		}
		dry, r.Name = body.DryRun, body.Name
	}
	var err error
	if r.Filter, err = params.filter(); err != nil {
		return nil, err
	}
	if r.Filter.Empty() {
		return nil, &connector.Error{
			Kind: connector.Invalid, Msg: "the filter is empty: it would take every record there is", Hint: "name a state, a connection, a class, a time",
		}
	}
	tenants, some := narrow(ctx, r.Filter.Tenants)
	if !some {
		return nil, notFound("tenant " + strings.Join(r.Filter.Tenants, ", "))
	}
	r.Filter.Tenants, r.Tenants, r.Who = tenants, tenants, principal(ctx).Name
	if dry {
		r.Options.Confirmed = r.Options.Confirmed || slices.Contains(r.Filter.States, string(connector.Succeeded)) // counting sends nothing
		count, whole, err := a.ByHand.CountRecords(ctx, r)
		if err != nil {
			return nil, err
		}
		v := viewJob(connector.Job{JobRequest: r, Total: count})
		v.State, v.Complete = "dry_run", whole
		return &jobOutput{Status: http.StatusOK, Body: v}, nil
	}
	j, err := a.ByHand.StartJob(ctx, r)
	if err != nil {
		return nil, err
	}
	return &jobOutput{Status: http.StatusAccepted, Body: viewJob(j)}, nil
}

// fill puts the filter of a body into that of the query. A member that both give would leave one of them unheard.
func (b *FilterBody) fill(p *RecordParams) error {
	for _, m := range []struct {
		name string
		from string
		to   *string
	}{
		{"tenant", strings.Join(b.Tenant, ","), &p.Tenant},
		{"connection", strings.Join(b.Connection, ","), &p.Connection},
		{"scene", strings.Join(b.Scene, ","), &p.Scene},
		{"state", strings.Join(b.State, ","), &p.State},
		{"class", strings.Join(b.Class, ","), &p.Class},
		{"todo", strings.Join(b.Todo, ","), &p.Todo},
		{"receiver", strings.Join(b.Receiver, ","), &p.Receiver},
		{"event", strings.Join(b.Event, ","), &p.Event},
		{"from", b.From, &p.From},
		{"to", b.To, &p.To},
		{"q", b.Q, &p.Q},
	} {
		if m.from == "" {
			continue
		}
		if *m.to != "" && *m.to != m.from {
			return invalid(m.name, "given in the query and in the body")
		}
		*m.to = m.from
	}
	return nil
}

// backfill starts a job that fills a connection.
func (a *API) backfill(ctx context.Context, in *backfillInput) (*jobOutput, error) {
	r := connector.JobRequest{Kind: connector.JobBackfill, Key: in.key(), Tenants: []string{in.Tenant}, Who: principal(ctx).Name}
	from := in.From
	if in.Body != nil {
		if r.Lost, r.Name = in.Body.Lost, in.Body.Name; in.Body.From != "" {
			from = in.Body.From
		}
	}
	var err error
	if r.From, err = day(from); err != nil {
		return nil, err
	}
	j, err := a.ByHand.StartJob(ctx, r)
	if err != nil {
		return nil, err
	}
	return &jobOutput{Status: http.StatusAccepted, Body: viewJob(j)}, nil
}

// erase starts the job that takes away all that is kept of a tenant.
func (a *API) erase(ctx context.Context, k connector.ConnectionKey) (*jobOutput, error) {
	r := connector.JobRequest{Kind: connector.JobErase, Key: k, Tenants: []string{k.Tenant}, Who: principal(ctx).Name}
	j, err := a.ByHand.StartJob(ctx, r)
	if err != nil {
		return nil, err
	}
	return &jobOutput{Status: http.StatusAccepted, Body: viewJob(j)}, nil
}

// day reads a date, whose first moment in UTC is meant, or a time.
func day(s string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	return instant("from", s)
}
