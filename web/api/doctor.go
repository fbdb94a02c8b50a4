package api

import (
	"context"
	"net/http"
)

// A Check is one thing that the doctor has looked at.
type Check struct {
	Part   string    `json:"part"`           // nats, store, disk, clock, key, connection, ...
	Name   string    `json:"name,omitempty"` // which: of a connection, its tenant and name
	State  PartState `json:"state"`
	Detail string    `json:"detail"`
	Hint   string    `json:"hint,omitempty"` // what to do
}

// A DoctorAsk says what the doctor may do.
type DoctorAsk struct {
	Tokens bool // ask the OAs for tokens, each at most once
}

// doctorRoute has the server look at itself and at all that it speaks to.
func (a *API) doctorRoute() {
	if a.Doctor == nil {
		return
	}
	handle(a, route{method: http.MethodGet, path: "/doctor", id: "doctor", summary: "Look at all parts and connections, and say what to do", need: Admin},
		func(ctx context.Context, in *doctorInput) (*one[doctorView], error) {
			if p := principal(ctx); len(p.Tenants) > 0 {
				return nil, newProblem(http.StatusForbidden, "the token has no right to look at all tenants", "ask an admin for another")
			}
			out := &one[doctorView]{}
			out.Body.Checks = a.Doctor(ctx, DoctorAsk{Tokens: in.Tokens})
			return out, nil
		})
}

type doctorView struct {
	Checks []Check `json:"checks"`
}

type doctorInput struct {
	Tokens bool `query:"tokens" default:"true" doc:"also ask each connection's OA for a token, once; one that has refused it not long ago is not asked"`
}
