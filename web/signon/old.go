package signon

import (
	"context"
	"maps"
	"slices"
	"strings"

	"todosync/connector"
)

// oldPrefix stands before the addresses that integrators have registered in their OAs before there was this gateway.
const oldPrefix = "/erp/syncdata/open/oa/"

// IsOld reports whether a path is one of the old addresses.
func IsOld(path string) bool { return strings.HasPrefix(path, oldPrefix) }

// oldSeeyon and oldWebhook are who comes by the old addresses. Where a tenant has several connections and the address names none, the one
// of the first vendor is meant that there is.
func oldSeeyon() []connector.SignOnVendor {
	return []connector.SignOnVendor{connector.VendorSeeyon, connector.VendorGeneric}
}

func oldWebhook() []connector.SignOnVendor {
	return []connector.SignOnVendor{
		connector.VendorYunzhijia, connector.VendorGeneric, connector.VendorWeLink, connector.VendorLandray, connector.VendorCAS, connector.VendorWeaver,
		connector.VendorOIDC,
	}
}

// readOld reads what stands behind oldPrefix:
//
//	authorizeWeb/SeeYon/login/{ei}/{isApp}
//	authorizeWeb/SeeYon/{apiName}/{dataId}/{ei}/{isApp}
//	authorizeWeb/webhook/{apiName}/{dataId}/{ei}
//	authorizePortalWebhook/webhook/{ei}
//
// dataCenterId in the query names the connection.
func (v *visit) readOld(parts []string) (to way, mobile bool, refused *refusal) {
	name := v.query.Get("dataCenterId")
	if len(name) > maxSegment {
		return to, false, badAddress("dataCenterId is too long")
	}
	mobile = v.query.Get("device") == "mobile"
	at := func(tenant string, vendors []connector.SignOnVendor) way {
		return way{connector.ConnectionKey{Tenant: tenant, Name: name}, vendors}
	}
	is := func(n int, words ...string) bool {
		if len(parts) != n {
			return false
		}
		for i, w := range words {
			if !strings.EqualFold(parts[i], w) {
				return false
			}
		}
		return true
	}
	switch {
	case is(5, "authorizeWeb", "SeeYon", "login"):
		v.goHome()
		to, mobile = at(parts[3], oldSeeyon()), mobile || isApp(parts[4])
	case is(6, "authorizeWeb", "SeeYon"):
		v.goTo(parts[2], parts[3])
		to, mobile = at(parts[4], oldSeeyon()), mobile || isApp(parts[5])
	case is(5, "authorizeWeb", "webhook"):
		v.goTo(parts[2], parts[3])
		to = at(parts[4], oldWebhook())
	case is(3, "authorizePortalWebhook", "webhook"):
		v.goHome()
		to = at(parts[2], oldWebhook())
	default:
		return to, false, badAddress("no address of the gateway")
	}
	return to, mobile, nil
}

// isApp reads the last part of a Seeyon's address: whether it was opened in the OA's app.
func isApp(s string) bool { return strings.EqualFold(s, "true") || s == "1" }

// only finds the connection that an old address without a name means.
func (v *visit) only(ctx context.Context, to way) (string, *refusal) {
	all, err := v.cfg.Desk.SignOnVendors(ctx, to.key.Tenant)
	if err != nil {
		return "", unavailable(err)
	}
	for _, vendor := range to.vendors {
		var names []string
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if all[name] == vendor {
				names = append(names, name)
			}
		}
		switch len(names) {
		case 0:
			continue
		case 1:
			return names[0], nil
		}
		return "", &refusal{outcome: NotSetUp, why: "the tenant has several such connections (" + strings.Join(names, ", ") + "): the address must name one with dataCenterId"}
	}
	return "", v.guessed(to.key, &refusal{outcome: Unknown, why: "the tenant has no connection where who comes by this address may sign on", nobody: len(all) == 0})
}
