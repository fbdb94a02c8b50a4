package api_test

import (
	"context"
	"slices"

	"todosync/connector"
	"todosync/web/api"
)

func (b *backend) Retry(_ context.Context, id string, o connector.ResendOptions, by api.By) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.records {
		r := &b.records[i]
		if r.ID != id {
			continue
		}
		if r.State == connector.Succeeded && !o.Confirmed {
			return &connector.Error{Kind: connector.Conflict, Msg: "it has succeeded already"}
		}
		b.hands = append(b.hands, by.Who+" retries "+id)
		if o.AsBefore {
			b.hands[len(b.hands)-1] += " as before"
		}
		r.State = connector.Pending
	}
	return nil
}

func (b *backend) Rehearse(context.Context, string) (connector.Rehearsal, error) {
	return connector.Rehearsal{Before: &connector.SentRequest{Method: "POST"}, Difference: []string{"- a", "+ b"}}, nil
}

func (b *backend) Cancel(_ context.Context, id string, by api.By) error {
	b.hands = append(b.hands, by.Who+" cancels "+id)
	return nil
}

func (b *backend) Push(_ context.Context, k connector.ConnectionKey, todo string, _ connector.PushOptions, by api.By) ([]string, error) {
	b.hands = append(b.hands, by.Who+" pushes "+k.String()+" "+todo)
	return []string{b.records[0].ID}, nil
}

func (b *backend) CountRecords(_ context.Context, r connector.JobRequest) (int64, bool, error) {
	if slices.Contains(r.Filter.States, "succeeded") && !r.Options.Confirmed {
		return 0, false, &connector.Error{Kind: connector.Conflict, Msg: "the OA would get them again"}
	}
	return 42, true, nil
}

func (b *backend) StartJob(_ context.Context, r connector.JobRequest) (connector.Job, error) {
	b.jobs = append(b.jobs, connector.Job{JobRequest: r, ID: "j1", State: connector.JobCollecting})
	return b.jobs[len(b.jobs)-1], nil
}

func (b *backend) Jobs(_ context.Context, tenants []string, p connector.PageOf) (connector.Page[connector.Job], error) {
	var seen []connector.Job
	for _, j := range b.jobs {
		if len(tenants) == 0 || len(j.Tenants) == 1 && j.Tenants[0] == tenants[0] {
			seen = append(seen, j)
		}
	}
	return pageOf(seen, p)
}

func (b *backend) Job(_ context.Context, id string) (connector.Job, error) {
	for _, j := range b.jobs {
		if j.ID == id {
			return j, nil
		}
	}
	return connector.Job{}, &connector.Error{Kind: connector.NotFound, Msg: "there is no job " + id}
}

func (b *backend) StopJob(_ context.Context, id string, _ api.By) (connector.Job, error) {
	for i := range b.jobs {
		if b.jobs[i].ID == id {
			b.jobs[i].State = connector.JobStopped
			return b.jobs[i], nil
		}
	}
	return connector.Job{}, &connector.Error{Kind: connector.NotFound, Msg: "there is no job " + id}
}
