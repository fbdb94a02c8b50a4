package api

import (
	"context"
	"net/http"
	"time"

	"todosync/connector"
)

type redeemTicket struct {
	Body struct {
		Ticket string `json:"ticket" minLength:"1" maxLength:"8192"`
	}
}

type redeemedView struct {
	Tenant    string `json:"tenant"`
	UserID    string `json:"userId"`
	Target    string `json:"target" doc:"what to show: /home, or /todo/{apiName}/{dataId}"`
	ExpiresAt Time   `json:"expiresAt"`
}

type signOnParams struct {
	Paging
	Tenant     string `query:"tenant" doc:"several with commas, as in the other filters"`
	Connection string `query:"connection"`
	Number     string `query:"number" doc:"that the visitor was told"`
	Outcome    string `query:"outcome"`
	User       string `query:"user" doc:"CRM user id"`
	Account    string `query:"account" doc:"of the OA"`
	From       string `query:"from" doc:"at this time or later"`
	To         string `query:"to" doc:"before this time"`
}

type signOnView struct {
	Number     string `json:"number"`
	Time       Time   `json:"time"`
	Tenant     string `json:"tenant"`
	Connection string `json:"connection"`
	Vendor     string `json:"vendor"`
	Account    string `json:"account"`
	UserID     string `json:"userId"`
	Outcome    string `json:"outcome"`
	Why        string `json:"why"`
	SkewMs     int64  `json:"skewMs" doc:"by how much the OA's clock was behind ours"`
	Address    string `json:"address"`
}

func viewSignOn(s SignOn) signOnView {
	return signOnView{
		Number: s.Number, Time: Time(s.At), Tenant: s.Tenant, Connection: s.Connection, Vendor: s.Vendor, Account: s.Account, UserID: s.User,
		Outcome: s.Outcome, Why: s.Why, SkewMs: s.Skew.Milliseconds(), Address: s.Address,
	}
}

func (a *API) signOnRoutes() {
	handle(a, route{
		method: http.MethodPost, path: "/tickets/redeem", id: "redeemTicket", summary: "Who has signed on, by the ticket that his browser brought: once, within a minute",
		need: RedeemTickets,
	}, func(ctx context.Context, in *redeemTicket) (*one[redeemedView], error) {
		t, ok, err := a.SignOns.RedeemTicket(ctx, in.Body.Ticket, principal(ctx).Tenants)
		if err == nil && !ok {
			err = &connector.Error{
				Kind: connector.NotFound, Op: "redeem ticket", Msg: "the ticket is not known, was redeemed, or has run out",
				Hint: "it is good once and for a minute; have the employee click the todo again",
			}
		}
		if err != nil {
			return nil, err
		}
		return &one[redeemedView]{Body: redeemedView{Tenant: t.Tenant, UserID: t.User, Target: t.Target, ExpiresAt: Time(t.Expires)}}, nil
	})
	handle(a, route{
		method: http.MethodGet, path: "/sign-ons", id: "listSignOns", summary: "Who wanted to sign on, and what became of it, newest first", need: Operate,
	}, func(ctx context.Context, in *signOnParams) (*list[signOnView], error) {
		f := SignOnFilter{
			Connections: words(in.Connection), Numbers: words(in.Number), Outcomes: words(in.Outcome), Users: words(in.User), Accounts: words(in.Account),
		}
		var err error
		if f.From, err = instant("from", in.From); err != nil {
			return nil, err
		}
		if f.To, err = instant("to", in.To); err != nil {
			return nil, err
		}
		var some bool
		if f.Tenants, some = narrow(ctx, words(in.Tenant)); !some {
			return listOf(connector.Page[signOnView]{}, same[signOnView]), nil
		}
		page, err := a.SignOns.SignOns(ctx, f, in.page())
		return listOf(page, viewSignOn), err
	})
}

// SignOns knows tickets and the sign-on log.
type SignOns interface {
	// RedeemTicket uses a ticket up; ok is false where it is good for nothing, or is of none of the tenants. No tenants: of any.
	RedeemTicket(ctx context.Context, ticket string, tenants []string) (t RedeemedTicket, ok bool, err error)
	SignOns(ctx context.Context, f SignOnFilter, p connector.PageOf) (connector.Page[SignOn], error)
}

// A RedeemedTicket is what a ticket was good for.
type RedeemedTicket struct {
	Tenant, User, Target string
	Expires              time.Time
}

// A SignOnFilter chooses entries of the sign-on log. Empty members choose all.
type SignOnFilter struct {
	Tenants, Connections, Numbers, Outcomes, Users, Accounts []string
	From, To                                                 time.Time
}

// A SignOn is what became of one who wanted to sign on.
type SignOn struct {
	Number     string
	At         time.Time
	Tenant     string
	Connection string
	Vendor     string
	Account    string
	User       string
	Outcome    string
	Why        string
	Skew       time.Duration
	Address    string
}
