package main

import (
	"context"

	"todosync/connector"
	"todosync/store"
	"todosync/web/api"
)

// byHand is the store as the API wants to see it where people do something to deliveries, with the worker that carries out jobs.
type byHand struct {
	db   *store.DB
	jobs *connector.JobWorker
}

// Retry implements api.ByHand.
func (h byHand) Retry(ctx context.Context, id string, o connector.ResendOptions, by api.By) error {
	_, err := h.db.Retry(ctx, store.Resending{ResendOptions: o, ID: id, Who: by.Who})
	return err
}

// Rehearse implements api.ByHand.
func (h byHand) Rehearse(ctx context.Context, id string) (connector.Rehearsal, error) {
	return h.db.Rehearse(ctx, id)
}

// Cancel implements api.ByHand.
func (h byHand) Cancel(ctx context.Context, id string, by api.By) error {
	return h.db.Cancel(ctx, id, by.Who)
}

// Push implements api.ByHand.
func (h byHand) Push(ctx context.Context, k connector.ConnectionKey, todo string, o connector.PushOptions, by api.By) ([]string, error) {
	return h.db.Push(ctx, store.PushRequest{PushOptions: o, Key: k, Todo: todo, Who: by.Who})
}

// CountRecords implements api.ByHand.
func (h byHand) CountRecords(ctx context.Context, r connector.JobRequest) (int64, bool, error) {
	return h.db.CountRecords(ctx, r)
}

// StartJob implements api.ByHand.
func (h byHand) StartJob(ctx context.Context, r connector.JobRequest) (connector.Job, error) {
	j, err := h.db.StartJob(ctx, r)
	if err == nil {
		h.jobs.Poke()
	}
	return j, err
}

// Jobs implements api.ByHand.
func (h byHand) Jobs(ctx context.Context, tenants []string, p connector.PageOf) (connector.Page[connector.Job], error) {
	return h.db.Jobs(ctx, tenants, p)
}

// Job implements api.ByHand.
func (h byHand) Job(ctx context.Context, id string) (connector.Job, error) { return h.db.Job(ctx, id) }

// StopJob implements api.ByHand.
func (h byHand) StopJob(ctx context.Context, id string, by api.By) (connector.Job, error) {
	return h.db.StopJob(ctx, id, by.Who)
}
