package api

import (
	"errors"
	"net/http"
)

// metricsRoute shows the metrics. They name tenants and connections, so that a token must be good for all tenants.
func (a *API) metricsRoute() {
	if a.Metrics == nil {
		return
	}
	a.mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if !a.MetricsOpen {
			if _, err := a.allowed(r, View, "the token has no right to see the metrics of all tenants"); err != nil {
				a.refuseRaw(w, err)
				return
			}
		}
		a.Metrics.ServeHTTP(w, r)
	})
}

// allowed says why a request to a route that concerns all tenants may not be made; it is for routes that huma does not serve.
func (a *API) allowed(r *http.Request, need Right, denied string) (*Principal, error) {
	token := bearer(r.Header.Get("Authorization"))
	if token == "" {
		return nil, newProblem(http.StatusUnauthorized, "a token is needed",
			"send it as Authorization: Bearer TOKEN; the server's own is in DATA/admin-token")
	}
	p, err := a.Auth.Authenticate(r.Context(), token)
	switch {
	case err != nil:
		return nil, a.problem(r.Context(), "authenticate", err)
	case p == nil:
		return nil, newProblem(http.StatusUnauthorized, "the token is not known", "the server's own is in DATA/admin-token")
	case !p.May(need) || len(p.Tenants) > 0:
		return nil, newProblem(http.StatusForbidden, denied, "ask an admin for another")
	}
	return p, nil
}

// refuseRaw answers why a request may not be made.
func (a *API) refuseRaw(w http.ResponseWriter, err error) {
	p, ok := errors.AsType[*Problem](err)
	if !ok {
		p = newProblem(http.StatusInternalServerError, "something went wrong here", "look at the log of the server")
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="todosync"`)
	}
	writeProblem(w, p)
}
