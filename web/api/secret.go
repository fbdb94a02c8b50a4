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
		method: http.MethodGet, path: "/secrets", id: "listSecrets", summary: "Names of secrets; their values never come out", need: Admin,
	}, func(ctx context.Context, in *secretQuery) (*list[SecretName], error) {
		tenants, some := narrow(ctx, words(in.Tenant))
		if !some {
			return listOf(connector.Page[SecretName]{}, same[SecretName]), nil
		}
		names, err := a.Secrets.Secrets(ctx, tenants)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(names, func(x, y SecretName) int {
			return cmp.Or(strings.Compare(x.Tenant, y.Tenant), strings.Compare(x.Name, y.Name))
		})
		return cutList(in.WholePaging, slices.Compact(names), func(s SecretName) string { return s.Tenant + "\x00" + s.Name })
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
