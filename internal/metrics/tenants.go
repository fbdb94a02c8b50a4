package metrics

import (
	"sync"

	"todosync/connector"
)

// tenants are those that stand as label values: the first MaxTenants that were met.
type tenants struct {
	mu   sync.Mutex // guards seen
	seen map[string]bool
}

// label is the label value of a tenant. None is the value of what could not be told.
func (t *tenants) label(tenant string) string {
	if tenant == "" || tenant == Other { // a tenant of that name goes with the others
		return tenant
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.seen[tenant] {
		if len(t.seen) >= MaxTenants {
			return Other
		}
		t.seen[tenant] = true
	}
	return tenant
}

// labels are the label values of a connection.
func (t *tenants) labels(k connector.ConnectionKey) (tenant, name string) {
	tenant = t.label(k.Tenant)
	if tenant == Other {
		return Other, Other
	}
	return tenant, k.Name
}
