package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"todosync/connector"
)

// A Rule gives a role to whom the OIDC provider says something of, such as a group that he is in.
type Rule struct {
	before, after string // of the value, around the tenant; all of it is before where it names none
	named         bool   // the value names the tenant
	everybody     bool   // *: whatever the provider says
	Role          Role
	Tenants       []string // of a rule whose value names none; empty: all
}

// tenantMark stands in a rule's value where a tenant is named.
const tenantMark = "{tenant}"

// ParseRule reads VALUE=ROLE, VALUE=ROLE@TENANT+TENANT, or a VALUE with {tenant} in it. A value may have = in it; the last one counts.
func ParseRule(text string) (Rule, error) {
	at := strings.LastIndexByte(text, '=')
	if at <= 0 {
		return Rule{}, fmt.Errorf("%q is no rule such as oa-admins=admin or oa-{tenant}=operator", text)
	}
	value, gives := strings.TrimSpace(text[:at]), strings.TrimSpace(text[at+1:])
	role, tenants, some := strings.Cut(gives, "@")
	r := Rule{Role: Role(role), everybody: value == "*"}
	r.before, r.after, r.named = strings.Cut(value, tenantMark)
	switch {
	case value == "":
		return r, fmt.Errorf("%q says nothing before the =", text)
	case !slices.Contains(Roles(), r.Role):
		return r, fmt.Errorf("%q: want viewer, operator, integrator or admin behind the =", text)
	case strings.Contains(r.after, tenantMark):
		return r, fmt.Errorf("%q names %s twice", text, tenantMark)
	case r.named && some:
		return r, fmt.Errorf("%q: the tenant is either in the value or behind the @", text)
	}
	if !some {
		return r, nil
	}
	for t := range strings.SplitSeq(tenants, "+") {
		if !connector.ValidTenant(t) {
			return r, fmt.Errorf("%q: %q is no tenant; several go with + between them", text, t)
		}
		r.Tenants = append(r.Tenants, t)
	}
	return r, nil
}

// matches gives the tenants that values name, each once; ok is false where no value matches.
func (r *Rule) matches(values []string) (tenants []string, ok bool) {
	if r.everybody {
		return nil, true
	}
	if !r.named {
		return nil, slices.Contains(values, r.before)
	}
	for _, v := range values {
		if rest, is := strings.CutPrefix(v, r.before); is {
			if t, is := strings.CutSuffix(rest, r.after); is && connector.ValidTenant(t) {
				tenants = append(tenants, t)
			}
		}
	}
	slices.Sort(tenants)
	return slices.Compact(tenants), len(tenants) > 0
}

// A Grant is what rules give to somebody. No tenants stand for all.
type Grant struct {
	Role    Role
	Tenants []string
}

// mostByRule bounds the tenants that rules may give to one person: each of his requests carries them.
const mostByRule = 500

// Rules are looked at in their order. The first that matches says the role; the tenants are those of all rules that match and give this
// role, and all tenants where one of them names none.
type Rules []Rule

// Grant says what somebody gets; ok is false where no rule matches. there chooses from tenants those that exist, so that a group that only
// looks like a tenant's gives nothing.
func (rs Rules) Grant(ctx context.Context, values []string, there func(context.Context, []string) ([]string, error)) (g Grant, ok bool, err error) {
	all := false
	for i := range rs {
		r := &rs[i]
		if ok && r.Role != g.Role {
			continue
		}
		tenants, matches := r.matches(values)
		if !matches {
			continue
		}
		if r.named {
			if tenants, err = there(ctx, tenants); err != nil {
				return Grant{}, false, err
			}
			if len(tenants) == 0 {
				continue
			}
		} else {
			tenants = r.Tenants
			all = all || len(tenants) == 0
		}
		g.Role, ok = r.Role, true
		g.Tenants = append(g.Tenants, tenants...)
	}
	if all {
		g.Tenants = nil
	}
	slices.Sort(g.Tenants)
	g.Tenants = slices.Compact(g.Tenants)
	if len(g.Tenants) > mostByRule {
		return Grant{}, false, &connector.Error{
			Kind: connector.Forbidden, Op: "log in by OIDC", Msg: fmt.Sprintf("your groups give you more than %d tenants", mostByRule),
			Hint: "an admin gives such people one group with a rule for all tenants",
		}
	}
	return g, ok, nil
}

// claimAt finds a claim by its path. Each dot may go deeper or be part of a name, as in https://example.com/roles.
func claimAt(claims map[string]any, path string) (any, bool) {
	if v, ok := claims[path]; ok {
		return v, true
	}
	for i := range path {
		if path[i] != '.' {
			continue
		}
		if below, ok := claims[path[:i]].(map[string]any); ok {
			if v, ok := claimAt(below, path[i+1:]); ok {
				return v, true
			}
		}
	}
	return nil, false
}

// valuesOf are the texts in a claim, which may be one or a list. Numbers and truths are as JSON writes them; all else says nothing.
func valuesOf(claim any) []string {
	switch v := claim.(type) {
	case string:
		return []string{v}
	case bool, float64:
		return []string{fmt.Sprint(v)}
	case []any:
		var out []string
		for _, e := range v {
			if _, deep := e.([]any); !deep {
				out = append(out, valuesOf(e)...)
			}
		}
		return out
	}
	return nil
}
