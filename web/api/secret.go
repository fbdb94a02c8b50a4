package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"todosync/connector"
)

type secretQuery struct {
	WholePaging
	Tenant string `query:"tenant"`
	Named  bool   `query:"named" doc:"also those that files name and that are not set"`
}

// secretView is what may be told of a secret.
type secretView struct {
	Tenant string `json:"tenant"`
	Name   string `json:"name"`
	Set    bool   `json:"set" doc:"false: a file names it, and it is not there"`
	// Of many tenants at once it is not looked up: each of their files would be read.
	UsedBy []string `json:"usedBy" nullable:"true" doc:"the connections that name it, and \"tenant file\" for the tenant's own; null: ask for fewer tenants"`
}

// mostUsed bounds for how many tenants at once it is looked up who uses their secrets.
const mostUsed = 20

// tenantsOwn stands for the tenant's own file among those that use a secret. No connection has a name with a blank.
const tenantsOwn = "tenant file"

// usedSecrets says of secrets who uses them, and which others are named.
func (a *API) usedSecrets(ctx context.Context, tenants []string, names []SecretName) ([]secretView, error) {
	out := make([]secretView, len(names))
	at := map[SecretName]int{}
	of := slices.Clone(tenants)
	for i, n := range names {
		out[i], at[n] = secretView{Tenant: n.Tenant, Name: n.Name, Set: true}, i
		if len(tenants) == 0 && !slices.Contains(of, n.Tenant) && len(of) <= mostUsed {
			of = append(of, n.Tenant)
		}
	}
	if len(of) == 0 || len(of) > mostUsed {
		return out, nil
	}
	uses, err := a.Secrets.SecretUses(ctx, of)
	for i := range out {
		out[i].UsedBy = []string{}
	}
	for _, u := range uses {
		i, ok := at[u.Secret]
		if !ok {
			i, at[u.Secret] = len(out), len(out)
			out = append(out, secretView{Tenant: u.Secret.Tenant, Name: u.Secret.Name, UsedBy: []string{}})
		}
		out[i].UsedBy = append(out[i].UsedBy, cmp.Or(u.By, tenantsOwn))
	}
	return out, err
}

type putSecret struct {
	Body struct {
		Tenant string `json:"tenant"`
		Name   string `json:"name" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" patternDescription:"1 to 64 of A-Z a-z 0-9 . _ -"`
		Value  string `json:"value" doc:"6 characters or more; it can not be read back"`
	}
}

type keyChanged struct{ Body KeyChange }

type deleteSecret struct {
	Tenant string `query:"tenant" required:"true"`
	Name   string `query:"name" required:"true"`
}

func (a *API) secretRoutes() {
	handle(a, route{
		method: http.MethodGet, path: "/secrets", id: "listSecrets", summary: "Names of secrets, and who uses them; their values never come out", need: Admin,
	}, func(ctx context.Context, in *secretQuery) (*list[secretView], error) {
		tenants, some := narrow(ctx, words(in.Tenant))
		if !some {
			return listOf(connector.Page[secretView]{}, same[secretView]), nil
		}
		names, err := a.Secrets.Secrets(ctx, tenants)
		if err != nil {
			return nil, err
		}
		all, err := a.usedSecrets(ctx, tenants, slices.Compact(names))
		if !in.Named {
			all = slices.DeleteFunc(all, func(s secretView) bool { return !s.Set })
		}
		if err != nil {
			return nil, err
		}
		slices.SortFunc(all, func(x, y secretView) int {
			return cmp.Or(strings.Compare(x.Tenant, y.Tenant), strings.Compare(x.Name, y.Name))
		})
		return cutList(in.WholePaging, all, func(s secretView) string { return s.Tenant + "\x00" + s.Name })
	})
	handle(a, route{
		method: http.MethodPut, path: "/secrets", id: "putSecret", summary: "Set a secret of a tenant", need: Admin,
		status: http.StatusNoContent,
	}, func(ctx context.Context, in *putSecret) (*struct{}, error) {
		s := SecretName{Tenant: in.Body.Tenant, Name: in.Body.Name}
		if err := mayKeep(ctx, s); err != nil {
			return nil, err
		}
		return nil, a.Secrets.SetSecret(ctx, s, in.Body.Value, by(ctx, "api"))
	})
	handle(a, route{
		method: http.MethodPost, path: "/secrets/rotate", id: "rotateKey", summary: "Change the key that secrets and tokens are encrypted with", need: Admin,
	}, func(ctx context.Context, _ *struct{}) (*keyChanged, error) {
		if len(principal(ctx).Tenants) > 0 {
			return nil, &connector.Error{Kind: connector.Forbidden, Op: "change the key", Msg: "only an admin of all tenants changes the key"}
		}
		done, err := a.Secrets.RotateKey(ctx, by(ctx, "api"))
		if err != nil {
			return nil, err
		}
		if done.Lost == nil {
			done.Lost = []string{}
		}
		return &keyChanged{Body: done}, nil
	})
	handle(a, route{
		method: http.MethodDelete, path: "/secrets", id: "deleteSecret", summary: "Remove a secret of a tenant", need: Admin,
		status: http.StatusNoContent,
	}, func(ctx context.Context, in *deleteSecret) (*struct{}, error) {
		s := SecretName(*in)
		if err := mayKeep(ctx, s); err != nil {
			return nil, err
		}
		return nil, a.Secrets.RemoveSecret(ctx, s, by(ctx, "api"))
	})
}

func mayKeep(ctx context.Context, s SecretName) error {
	if !connector.ValidTenant(s.Tenant) {
		return invalid("tenant", "a tenant is 1 to 64 of A-Z a-z 0-9 _ -")
	}
	if !principal(ctx).Sees(s.Tenant) {
		return notFound("tenant " + s.Tenant)
	}
	return nil
}
