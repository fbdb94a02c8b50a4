package api

import (
	"context"
	"net/http"
	"slices"
)

// HealthUp is the health of a connection that sends.
const HealthUp = "up"

// NamesMost is how many tenants and names ConnectionSums tell.
const NamesMost = 500

// Healths are how a connection may be, the most urgent first.
func Healths() []string {
	return []string{"broken", "token_refused", "down", "paused", "disabled", HealthUp}
}

// Urgency sorts why a connection sends nothing: what nobody meant comes first, and what sends (heldFor is empty) last.
func Urgency(heldFor string) int {
	if heldFor == "" {
		heldFor = HealthUp
	}
	return slices.Index(Healths(), heldFor)
}

// ConnectionSums are how many connections there are, and how they are.
type ConnectionSums struct {
	Connections int
	Health      map[string]int // connections by HeldFor, or HealthUp
	Tenants     []string       // in which there are connections, by name, NamesMost at most
	Names       []string       // of connections in the tenants that were asked for, whatever name was asked for; NamesMost at most
	Worst       []ConnectionState
}

type connectionSumsView struct {
	Connections int              `json:"connections" doc:"how many there are"`
	Health      map[string]int   `json:"health" doc:"how many are up, disabled, paused, broken, token_refused, down"`
	Tenants     []string         `json:"tenants" doc:"in which there are connections, the first 500"`
	Names       []string         `json:"names" doc:"of connections in the tenants that were asked for, the first 500"`
	Worst       []connectionView `json:"worst" doc:"those that send nothing: broken, token_refused, down, paused, disabled, and among these the longest first"`
}

type connectionSumsQuery struct {
	Tenant     string `query:"tenant"`
	Connection string `query:"connection"`
	Worst      int    `query:"worst" minimum:"0" maximum:"1000" default:"10" doc:"how many of those that send nothing are told"`
}

func (a *API) connectionSumsRoute() {
	handle(a, route{
		method: http.MethodGet, path: "/connections/summary", id: "sumConnections", summary: "How many connections there are, by their health, and the worst of them", need: View,
	}, func(ctx context.Context, in *connectionSumsQuery) (*one[connectionSumsView], error) {
		out := &one[connectionSumsView]{Body: connectionSumsView{Health: map[string]int{}, Tenants: []string{}, Names: []string{}, Worst: []connectionView{}}}
		tenants, some := narrow(ctx, words(in.Tenant))
		if !some {
			return out, nil
		}
		sums, err := a.Connections.ConnectionSums(ctx, ConnectionFilter{Tenants: tenants, Names: words(in.Connection)}, in.Worst)
		if err != nil {
			return nil, err
		}
		b := &out.Body
		b.Connections, b.Health = sums.Connections, sums.Health
		b.Tenants, b.Names = append(b.Tenants, sums.Tenants...), append(b.Names, sums.Names...)
		for i := range sums.Worst {
			b.Worst = append(b.Worst, viewConnection(sums.Worst[i]))
		}
		for _, h := range Healths() { // each is told, also where it is none
			b.Health[h] += 0
		}
		return out, nil
	})
}
