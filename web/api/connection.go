package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"todosync/connector"
	"todosync/connector/file"
)

// ConnectionPath are the parameters of every route below a connection.
type ConnectionPath struct {
	Tenant string `path:"tenant"`
	Name   string `path:"name"`
}

func (p *ConnectionPath) key() connector.ConnectionKey {
	return connector.ConnectionKey{Tenant: p.Tenant, Name: p.Name}
}

const connectionRoute = "/tenants/{tenant}/connections/{name}"

type savedView struct {
	Kind     string          `json:"kind"`
	Tenant   string          `json:"tenant"`
	Name     string          `json:"name,omitempty"`
	Revision int64           `json:"revision"`
	SavedAt  Time            `json:"savedAt"`
	SavedBy  string          `json:"savedBy"`
	How      string          `json:"how"`
	Source   json.RawMessage `json:"source" doc:"as it was written"`
	Settings json.RawMessage `json:"settings" doc:"with the preset's values and the defaults"`
	File     string          `json:"file" doc:"source as YAML; PUT takes it"`
}

type savedOutput struct {
	ETag string `header:"ETag"`
	Body savedView
}

type connectionView struct {
	ConnectionState
	HeldSince Time `json:"heldSince"`
	SavedAt   Time `json:"savedAt"`
}

func viewConnection(c ConnectionState) connectionView {
	return connectionView{ConnectionState: c, HeldSince: timeOf(c.HeldSince), SavedAt: Time(c.SavedAt)}
}

func viewSaved(s Saved) *savedOutput {
	null := func(b json.RawMessage) json.RawMessage {
		if len(b) == 0 {
			return json.RawMessage("null")
		}
		return b
	}
	var text []byte
	if len(s.Source) > 0 {
		text, _ = file.Marshal(s.Source) // what is stored is one object
	}
	return &savedOutput{ETag: etag(s.Revision), Body: savedView{
		File: string(text),
		Kind: s.Kind, Tenant: s.Tenant, Name: s.Name, Revision: s.Revision, SavedAt: Time(s.SavedAt), SavedBy: s.SavedBy,
		How: s.How, Source: null(s.Source), Settings: null(s.Settings),
	}}
}

type connectionQuery struct {
	Paging
	Tenant     string `query:"tenant"`
	Connection string `query:"connection"`
	Health     string `query:"health" doc:"up, disabled, paused, broken, token_refused, down; several with commas"`
	Q          string `query:"q" doc:"a part of tenant, name or title"`
}

type putConnection struct {
	ConnectionPath
	PutInput
}

type deleteConnection struct {
	ConnectionPath
	IfMatch       string `header:"If-Match" doc:"the revision that must be the newest, in quotes"`
	CancelWaiting bool   `query:"cancelWaiting" doc:"cancel what waits; else the delete is refused while anything does"`
	Withdraw      bool   `query:"withdraw" doc:"take its open todos out of the OA before, as a job"`
}

func (a *API) connectionRoutes() {
	handle(a, route{
		method: http.MethodGet, path: "/connections", id: "listConnections", summary: "Connections and how they are", need: View,
	}, func(ctx context.Context, in *connectionQuery) (*list[connectionView], error) {
		tenants, some := narrow(ctx, words(in.Tenant))
		if !some {
			return listOf(connector.Page[ConnectionState]{}, viewConnection), nil
		}
		f := ConnectionFilter{Tenants: tenants, Names: words(in.Connection), Health: words(in.Health), Text: in.Q}
		for _, h := range f.Health {
			if !slices.Contains(Healths(), h) {
				return nil, invalid("health", "want up, disabled, paused, broken, token_refused or down")
			}
		}
		page, err := a.Connections.Connections(ctx, f, in.page())
		if err != nil {
			return nil, err
		}
		return listOf(page, viewConnection), nil
	})
	a.connectionSumsRoute()
	handle(a, route{
		method: http.MethodGet, path: connectionRoute, id: "getConnection", summary: "The settings of a connection", need: View,
	}, func(ctx context.Context, in *ConnectionPath) (*savedOutput, error) {
		saved, err := a.Settings.Saved(ctx, in.key())
		if err != nil {
			return nil, err
		}
		return viewSaved(saved), nil
	})
	handle(a, route{
		method: http.MethodPut, path: connectionRoute, id: "putConnection", need: Integrate,
		summary: "Make or change a connection",
	}, func(ctx context.Context, in *putConnection) (*saveOutput, error) {
		return a.put(ctx, &in.PutInput, in.key())
	})
	handle(a, route{
		method: http.MethodDelete, path: connectionRoute, id: "deleteConnection", need: Integrate, status: http.StatusNoContent,
		summary: "Delete a connection; its sync records stay. With withdraw it is a job, which is the answer (202)",
	}, a.deleteConnection)
	for _, r := range []struct {
		word, summary string
		paused        bool
	}{
		{"pause", "Hold all that is owed to a connection", true},
		{"resume", "Let a paused connection go on", false},
	} {
		handle(a, route{
			method: http.MethodPost, path: connectionRoute + "/" + r.word, id: r.word + "Connection", summary: r.summary, need: Operate,
		}, func(ctx context.Context, in *ConnectionPath) (*one[connectionView], error) {
			if err := a.Connections.SetPaused(ctx, in.key(), r.paused, by(ctx, "api")); err != nil {
				return nil, err
			}
			return a.connection(ctx, in.key())
		})
	}
}

// deletion is the answer to a delete: nothing, or the job that does it.
type deletion struct {
	Status int
	Body   any
}

// deleteConnection deletes a connection, or starts the job that does so once its todos are out of the OA.
func (a *API) deleteConnection(ctx context.Context, in *deleteConnection) (*deletion, error) {
	by := by(ctx, "api")
	if !in.Withdraw {
		var err error
		if by.IfMatch, err = a.match(ctx, in.IfMatch, in.key()); err != nil {
			return nil, err
		}
		err = a.Connections.DeleteConnection(ctx, in.key(), DeleteOptions{CancelWaiting: in.CancelWaiting}, by)
		if e, ok := errors.AsType[*connector.Error](err); ok && e.Kind == connector.Conflict && len(e.Details) > 0 && e.Details[0].Path == "If-Match" {
			return nil, changedSince(by.IfMatch)
		}
		return &deletion{Status: http.StatusNoContent}, err
	}
	if err := a.unchanged(ctx, in.IfMatch, in.key()); err != nil {
		return nil, err
	}
	r := connector.JobRequest{Kind: connector.JobWithdraw, Key: in.key(), Cancel: in.CancelWaiting, Tenants: []string{in.Tenant}, Who: principal(ctx).Name}
	j, err := a.ByHand.StartJob(ctx, r)
	if err != nil {
		return nil, err
	}
	return &deletion{Status: http.StatusAccepted, Body: viewJob(j)}, nil
}

// connection is one connection as it is now.
func (a *API) connection(ctx context.Context, k connector.ConnectionKey) (*one[connectionView], error) {
	f := ConnectionFilter{Tenants: []string{k.Tenant}, Names: []string{k.Name}}
	page, err := a.Connections.Connections(ctx, f, connector.PageOf{Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(page.Items) == 0 {
		return nil, notFound("connection " + k.String())
	}
	return &one[connectionView]{Body: viewConnection(page.Items[0])}, nil
}
