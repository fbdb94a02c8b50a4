package identity

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"todosync/connector"
)

func rules(t *testing.T, texts ...string) (out Rules) {
	t.Helper()
	for _, text := range texts {
		r, err := ParseRule(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func TestRules(t *testing.T) {
	t.Parallel()
	there := func(_ context.Context, tenants []string) ([]string, error) {
		return slices.DeleteFunc(slices.Clone(tenants), func(s string) bool { return s == "users" || s == "admins" }), nil
	}
	many := make([]string, 0, 10_000)
	for i := range cap(many) {
		many = append(many, fmt.Sprintf("group-%d", i))
	}
	var crowd []string
	for i := range mostByRule + 1 {
		crowd = append(crowd, fmt.Sprintf("oa-%d", i))
	}
	both := []string{"oa-admins=admin", "oa-{tenant}=operator", "CN=oa,OU=groups,DC=x=integrator@714439+888888", "oa-read=viewer", "*=viewer@1"}
	for name, c := range map[string]struct {
		rules  []string
		values []string
		want   string
	}{
		"an admin":                          {both, []string{"oa-admins"}, "admin []"},
		"the first rule decides the role":   {both, []string{"oa-714439", "oa-admins"}, "admin []"},
		"a tenant in the value":             {both, []string{"oa-714439"}, "operator [714439]"},
		"several tenants":                   {both, []string{"oa-9", "oa-714439", "oa-9"}, "operator [714439 9]"},
		"a tenant that is not there":        {both, []string{"oa-users"}, "viewer [1]"},
		"what can be no tenant":             {both, []string{"oa-", "oa-a b", "oa-../x"}, "viewer [1]"},
		"a value with = and commas":         {both, []string{"CN=oa,OU=groups,DC=x"}, "integrator [714439 888888]"},
		"nothing":                           {both, nil, "viewer [1]"},
		"no rule matches":                   {both[:3], []string{"oa", "OA-ADMINS", "oa-admins "}, "- []"},
		"all tenants swallow some":          {[]string{"a=viewer@1", "b=viewer", "oa-{tenant}=viewer"}, []string{"a", "b", "oa-2"}, "viewer []"},
		"tenants of one role are united":    {[]string{"a=viewer@2", "b=operator", "oa-{tenant}=viewer"}, []string{"a", "b", "oa-1"}, "viewer [1 2]"},
		"around the tenant":                 {[]string{"oa-{tenant}-ops=operator"}, []string{"oa-7-ops", "oa-8", "oa--ops"}, "operator [7]"},
		"ten thousand groups":               {both[:2], append(slices.Clone(many), "oa-714439"), "operator [714439]"},
		"more tenants than a user may have": {both, crowd, "forbidden []"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, ok, err := rules(t, c.rules...).Grant(t.Context(), c.values, there)
			got := fmt.Sprint(g.Role, " ", g.Tenants)
			switch {
			case err != nil:
				got = connector.KindOf(err).String() + " []"
			case !ok:
				got = fmt.Sprint("- ", g.Tenants)
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	if _, _, err := rules(t, both...).Grant(t.Context(), []string{"oa-1"}, func(context.Context, []string) ([]string, error) { return nil, context.Canceled }); err == nil {
		t.Error("a store that does not answer takes a role away")
	}
}

func TestRulesThatAreWrong(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "x", "=admin", " =admin", "x=", "x=root", "x=admin@", "x=admin@a b", "x=admin@1+", "{tenant}{tenant}=viewer", "oa-{tenant}=viewer@1"} {
		if r, err := ParseRule(text); err == nil {
			t.Errorf("%q is taken: %+v", text, r)
		}
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	claims := map[string]any{
		"groups": "one", "list": []any{"a", "b", 7.0, true, nil, []any{"deep"}, map[string]any{"x": "y"}}, "realm_access": map[string]any{"roles": []any{"r"}},
		"https://example.com/roles": []any{"auth0"}, "https://example": map[string]any{"com/other": "odd"}, "none": nil,
	}
	for path, want := range map[string][]string{
		"groups": {"one"}, "list": {"a", "b", "7", "true"}, "realm_access.roles": {"r"}, "https://example.com/roles": {"auth0"}, "https://example.com/other": {"odd"},
		"realm_access": nil, "none": nil, "absent": nil, "groups.x": nil, "": nil, ".": nil, "realm_access.": nil,
	} {
		claim, _ := claimAt(claims, path)
		if got := valuesOf(claim); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
