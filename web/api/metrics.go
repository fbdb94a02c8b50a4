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
		if err := a.mayMeasure(r); err != nil {
			p, ok := errors.AsType[*Problem](err)
			if !ok {
				p = newProblem(http.StatusInternalServerError, "something went wrong here", "look at the log of the server")
			}
			if p.Status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="todosync"`)
			}
			writeProblem(w, p)
			return
		}
		a.Metrics.ServeHTTP(w, r)
	})
}

// mayMeasure says why a request may not see the metrics.
func (a *API) mayMeasure(r *http.Request) error {
	if a.MetricsOpen {
		return nil
	}
	token := bearer(r.Header.Get("Authorization"))
	if token == "" {
		return newProblem(http.StatusUnauthorized, "a token is needed",
			"send it as Authorization: Bearer TOKEN; it is not needed where --listen is a loopback address and no proxy is trusted")
	}
	p, err := a.Auth.Authenticate(r.Context(), token)
	switch {
	case err != nil:
		return a.problem(r.Context(), "authenticate", err)
	case p == nil:
		return newProblem(http.StatusUnauthorized, "the token is not known", "the server's own is in DATA/admin-token")
	case !p.May(View) || len(p.Tenants) > 0:
		return newProblem(http.StatusForbidden, "the token has no right to see the metrics of all tenants", "ask an admin for another")
	}
	return nil
}
