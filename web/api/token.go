package api

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"todosync/connector"
)

// maxTokenName is how long the name of a token may be, in bytes.
const maxTokenName = 200

type createToken struct {
	Body struct {
		Name      string   `json:"name" maxLength:"200" doc:"who or what uses it, for people"`
		Role      string   `json:"role,omitempty" doc:"viewer, operator, integrator or admin; empty: only what the scopes say"`
		Scopes    []string `json:"scopes,omitempty" doc:"events:write, tickets:redeem, import"`
		Tenants   []string `json:"tenants,omitempty" doc:"whose data it may see; empty: those that you see"`
		ExpiresAt string   `json:"expiresAt,omitempty" doc:"from when on it is good for nothing; empty: never"`
	}
}

type tokenView struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Role       string   `json:"role"`
	Scopes     []string `json:"scopes"`
	Tenants    []string `json:"tenants" doc:"empty: all"`
	CreatedBy  string   `json:"createdBy"`
	CreatedAt  Time     `json:"createdAt"`
	ExpiresAt  Time     `json:"expiresAt"`
	LastUsedAt Time     `json:"lastUsedAt" doc:"to within a minute"`
	Token      string   `json:"token,omitempty" doc:"only in the answer to its creation"`
}

func viewToken(t Token) tokenView {
	return tokenView{
		ID: t.ID, Name: t.Name, Role: t.Role, Scopes: append([]string{}, t.Scopes...), Tenants: append([]string{}, t.Tenants...), CreatedBy: t.Who,
		CreatedAt: Time(t.Created), ExpiresAt: Time(t.Expires), LastUsedAt: Time(t.LastUsed),
	}
}

type auditParams struct {
	Paging
	Tenant  string `query:"tenant" doc:"several with commas, as in the other filters"`
	Who     string `query:"who" doc:"several with commas: users, tokens' names"`
	Address string `query:"address" doc:"from where; several with commas"`
	What    string `query:"what" doc:"its beginning: secret is also secret set"`
	From    string `query:"from" doc:"at this time or later"`
	To      string `query:"to" doc:"before this time"`
}

type failedLogIns struct {
	From  string `query:"from" doc:"at this time or later"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
}

type refusedView struct {
	Hour    Time   `json:"hour" doc:"its beginning"`
	Address string `json:"address" doc:"of IPv6 the /64; others: of so many that they are not told apart"`
	Tries   int64  `json:"tries" doc:"wrong names or passwords"`
	Waits   int64  `json:"waits" doc:"not even looked at, because too many had failed before"`
	LastAt  Time   `json:"lastAt"`
}

type auditView struct {
	At     Time   `json:"at"`
	Who    string `json:"who"`
	What   string `json:"what"`
	Tenant string `json:"tenant"`
	Target string `json:"target"`
	Detail string `json:"detail"`

	Address string `json:"address" doc:"from where; empty where no request did it"`
	Way     string `json:"way" doc:"console, api, cli; empty: the program itself"`
}

func (a *API) tokenRoutes() {
	handle(a, route{
		method: http.MethodPost, path: "/tokens", id: "createToken", summary: "Make a token for the API; it is shown this once", need: Admin,
		status: http.StatusCreated,
	}, func(ctx context.Context, in *createToken) (*one[tokenView], error) {
		want, err := a.wantedToken(ctx, in)
		if err != nil {
			return nil, err
		}
		made, token, err := a.Tokens.CreateToken(ctx, want)
		if err != nil {
			return nil, err
		}
		out := &one[tokenView]{Body: viewToken(made)}
		out.Body.Token = token
		return out, nil
	})
	handle(a, route{
		method: http.MethodGet, path: "/tokens", id: "listTokens", summary: "Tokens for the API, newest first; what they are never comes out", need: Admin,
	}, func(ctx context.Context, in *Paging) (*list[tokenView], error) {
		page, err := a.Tokens.Tokens(ctx, principal(ctx).Tenants, in.page())
		return listOf(page, viewToken), err
	})
	handle(a, route{
		method: http.MethodDelete, path: "/tokens/{id}", id: "revokeToken", summary: "Take a token away", need: Admin, status: http.StatusNoContent,
	}, func(ctx context.Context, in *RecordPath) (*struct{}, error) {
		return nil, a.Tokens.RevokeToken(ctx, in.ID, principal(ctx).Tenants, principal(ctx).Name)
	})
	handle(a, route{
		method: http.MethodGet, path: "/audit", id: "listAudit", summary: "What people changed, newest first", need: Admin,
	}, func(ctx context.Context, in *auditParams) (*list[auditView], error) {
		f := AuditFilter{Who: words(in.Who), What: words(in.What), Address: words(in.Address)}
		var err error
		if f.From, err = instant("from", in.From); err != nil {
			return nil, err
		}
		if f.To, err = instant("to", in.To); err != nil {
			return nil, err
		}
		var some bool
		if f.Tenants, some = narrow(ctx, words(in.Tenant)); !some {
			return listOf(connector.Page[auditView]{}, same[auditView]), nil
		}
		page, err := a.Tokens.Audit(ctx, f, in.page())
		return listOf(page, func(e AuditEntry) auditView { return auditView(e) }), err
	})
	handle(a, route{
		method: http.MethodGet, path: "/audit/log-ins", id: "listFailedLogIns", summary: "Failed log-ins, summed by hour and address, newest first", need: Admin,
	}, func(ctx context.Context, in *failedLogIns) (*list[refusedView], error) {
		out := listOf(connector.Page[refusedView]{}, same[refusedView])
		since, err := instant("from", in.From)
		if err != nil || len(principal(ctx).Tenants) > 0 {
			return out, err // who guesses at whose account, nobody knows: it is told to admins of all tenants
		}
		found, err := a.Users.LogInsRefused(ctx, since, in.Limit)
		for _, r := range found {
			out.Body.Items = append(out.Body.Items, refusedView{Hour: Time(r.Hour), Address: r.Address, Tries: r.Tries, Waits: r.Waits, LastAt: Time(r.Last)})
		}
		return out, err
	})
}

// wantedToken checks what is asked for. Nobody gives more than he has: an admin of some tenants makes tokens for these alone.
func (a *API) wantedToken(ctx context.Context, in *createToken) (Token, error) {
	p := principal(ctx)
	t := Token{Name: strings.TrimSpace(in.Body.Name), Role: in.Body.Role, Scopes: in.Body.Scopes, Tenants: in.Body.Tenants, Who: p.Name}
	if t.Name == "" || len(t.Name) > maxTokenName {
		return t, invalid("name", "say who or what uses it, in 1 to 200 bytes")
	}
	if strings.ContainsFunc(t.Name, unicode.IsControl) {
		return t, invalid("name", "want one line, without control characters")
	}
	known := slices.Sorted(maps.Keys(Scopes()))
	if t.Role != "" {
		if _, ok := Roles()[t.Role]; !ok {
			_, err := oneOf("role", t.Role, slices.Sorted(maps.Keys(Roles())))
			return t, cmp.Or(err, invalid("role", "one role"))
		}
	}
	for _, s := range t.Scopes {
		if _, err := oneOf("scopes", s, known); err != nil {
			return t, err
		}
		if !slices.Contains(known, s) {
			return t, invalid("scopes", "one scope an item: "+strings.Join(known, ", "))
		}
	}
	if t.Role == "" && len(t.Scopes) == 0 {
		return t, invalid("role", "give a role (viewer, operator, integrator, admin) or scopes ("+strings.Join(known, ", ")+")")
	}
	for _, name := range t.Tenants {
		if !connector.ValidTenant(name) {
			return t, invalid("tenants", "a tenant is 1 to 64 of A-Z a-z 0-9 _ -")
		}
		if !p.Sees(name) {
			return t, notFound("tenant " + name)
		}
	}
	if len(t.Tenants) == 0 {
		t.Tenants = p.Tenants
	}
	var err error
	if t.Expires, err = instant("expiresAt", in.Body.ExpiresAt); err != nil {
		return t, err
	}
	if !t.Expires.IsZero() && !t.Expires.After(a.Now()) {
		return t, invalid("expiresAt", "is past: it is "+a.Now().UTC().Format(time.RFC3339)+" here")
	}
	return t, nil
}

// note has the audit know of what is done outside of the store. What was done is done; that it could not be noted goes to the log.
func (a *API) note(ctx context.Context, e AuditEntry) {
	if e.Who == "" {
		e.Who = principal(ctx).Name
	}
	if a.Note == nil {
		return
	}
	if err := a.Note(context.WithoutCancel(ctx), e); err != nil {
		a.Log.ErrorContext(ctx, "the audit lacks an entry", "who", e.Who, "what", e.What, "tenant", e.Tenant, "target", e.Target, "error", err)
	}
}
