package main

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"todosync/connector"
	"todosync/internal/identity"
)

// validateOIDC finds what is wrong with the settings of the log-in at a provider.
func (o *config) validateOIDC(add func(flag, why string, a ...any)) {
	if given := o.oidcIssuer != ""; given != (o.oidcClientID != "") || given != (o.oidcClientSecretFile != "") {
		add("oidc-issuer", "--oidc-issuer, --oidc-client-id and --oidc-client-secret-file go together")
	} else if given && o.publicURL == "" {
		add("oidc-issuer", "needs --public-url, where the provider sends browsers back to")
	}
	if len(o.oidcRules) > 0 && o.oidcIssuer == "" {
		add("oidc-rule", "needs --oidc-issuer, whose people it is about")
	}
	if len(o.oidcRules) > 0 && o.oidcClaim == "" {
		add("oidc-claim", "want the claim that --oidc-rule looks at, such as groups")
	}
	for _, text := range o.oidcRules {
		if _, err := identity.ParseRule(text); err != nil {
			add("oidc-rule", "%v", err)
		}
	}
}

// oidc is the provider at which people may log in; nil: there is none.
func (a *app) oidc() (provider *identity.OIDC, name string, err error) {
	if a.cfg.oidcIssuer == "" {
		return nil, "", nil
	}
	secret, err := secretFile(a.cfg.oidcClientSecretFile, a.log)
	if err != nil {
		return nil, "", &connector.Error{Kind: connector.Invalid, Op: "start the console", Msg: "--oidc-client-secret-file cannot be read", Err: rootCause(err)}
	}
	var rules identity.Rules
	for _, text := range a.cfg.oidcRules {
		r, err := identity.ParseRule(text)
		if err != nil {
			return nil, "", &connector.Error{Kind: connector.Invalid, Op: "start the console", Msg: "--oidc-rule is not right", Err: err}
		}
		rules = append(rules, r)
	}
	name = a.cfg.oidcIssuer
	if u, err := url.Parse(name); err == nil && u.Host != "" {
		name = u.Host
	}
	if a.cfg.oidcName != "" {
		name = a.cfg.oidcName
	}
	return identity.NewOIDC(identity.OIDCConfig{
		Door: a.door.Door, Issuer: a.cfg.oidcIssuer, ClientID: a.cfg.oidcClientID, ClientSecret: secret, Redirect: a.base() + "/oidc/callback",
		Scopes: a.cfg.oidcScopes, Claim: a.cfg.oidcClaim, Rules: rules, There: a.tenantsThere, Client: &http.Client{Timeout: 15 * time.Second},
	}), name, nil
}

// tenantsThere chooses from tenants those that exist.
func (a *app) tenantsThere(ctx context.Context, tenants []string) ([]string, error) {
	if len(tenants) == 0 {
		return nil, nil
	}
	found, err := a.store.Tenants(ctx, tenants)
	var out []string
	for _, t := range found {
		out = append(out, t.Name)
	}
	return out, err
}
