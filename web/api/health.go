package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// healthLimit bounds the look at all parts.
const healthLimit = 5 * time.Second

type healthz struct {
	Body struct {
		Status  string `json:"status"`
		Version string `json:"version"`
	}
}

type readyz struct {
	Status int
	Body   struct {
		Ready bool   `json:"ready"`
		Parts []Part `json:"parts"`
	}
}

// healthRoutes are open: what watches the program has no token.
func (a *API) healthRoutes() {
	open := func(path, id, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Summary: summary, Tags: []string{"health"}}
	}
	register(a, open("/healthz", "healthz", "The process answers"), func(context.Context, *struct{}) (*healthz, error) {
		out := &healthz{}
		out.Body.Status, out.Body.Version = "ok", a.Version
		return out, nil
	})
	register(a, open("/readyz", "readyz", "What the program needs is there; 503 and why where it is not"),
		func(ctx context.Context, _ *struct{}) (*readyz, error) {
			ctx, cancel := context.WithTimeout(ctx, healthLimit)
			defer cancel()
			out := &readyz{Status: http.StatusOK}
			out.Body.Parts = a.Health(ctx)
			if out.Body.Parts == nil {
				out.Body.Parts = []Part{}
			}
			out.Body.Ready = !slices.ContainsFunc(out.Body.Parts, func(p Part) bool { return p.State == PartDown })
			if !out.Body.Ready {
				out.Status = http.StatusServiceUnavailable
			}
			return out, nil
		})
}
