package api

import (
	"context"
	"net/http"

	"todosync/connector"
)

type statsQuery struct {
	Tenant     string `query:"tenant"`
	Connection string `query:"connection"`
}

type statsView struct {
	Stats
	Oldest Time `json:"oldestWaiting"`
}

func (a *API) statsRoutes() {
	handle(a, route{
		method: http.MethodGet, path: "/stats", id: "getStats", summary: "Counts of deliveries and what waits", need: View,
	}, func(ctx context.Context, in *statsQuery) (*one[statsView], error) {
		out := &one[statsView]{}
		tenants, some := narrow(ctx, words(in.Tenant))
		if some {
			s, err := a.Stats.Stats(ctx, ConnectionFilter{Tenants: tenants, Names: words(in.Connection)})
			if err != nil {
				return nil, err
			}
			out.Body = statsView{Stats: s, Oldest: timeOf(s.Oldest)}
		}
		if out.Body.States == nil {
			out.Body.States = map[connector.State]int64{}
		}
		if out.Body.Connections == nil {
			out.Body.Connections = []ConnectionStats{}
		}
		return out, nil
	})
}
