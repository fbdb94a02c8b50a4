package signon

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"todosync/mapping"
	"todosync/retry"
)

// askLimit is how long an OA may take to say who somebody is.
const askLimit = 5 * time.Second

// weaver proves by the OAuth 2 provider of a Weaver's authentication centre. Its todo centre may have begun the log-in itself, by a prefix in
// front of the todo's address: then a code comes without a state.
func (v *visit) weaver(ctx context.Context) (done bool, refused *refusal) {
	if len(v.place.Base) == 0 {
		return false, &refusal{outcome: NotSetUp, why: "the connection has no signOn.base"}
	}
	redirect := v.here("code", "state")
	switch code := v.query.Get("code"); {
	case v.callback:
		if _, refused := v.resume(ctx); refused != nil {
			return false, refused
		}
		redirect = v.callbackAddress()
		if code == "" {
			return false, &refusal{outcome: BadProof, why: "the OA gives no code: " + plainWord(v.query.Get("error"))}
		}
	case code == "":
		to, err := url.Parse(v.place.Base[0] + "/sso/oauth2.0/authorize")
		if err != nil {
			return false, &refusal{outcome: NotSetUp, why: "signOn.base is no address"}
		}
		to.RawQuery = url.Values{"client_id": {v.place.Client.ID}, "response_type": {"code"}, "redirect_uri": {v.callbackAddress()}}.Encode()
		return true, v.leave(ctx, to, flow{State: random()})
	}
	return v.ticket(ctx, v.query.Get("code"), func(ctx context.Context, code string) (string, error) {
		return v.askWeaver(ctx, code, redirect)
	})
}

// here is the address that the browser opened, without some parameters.
func (v *visit) here(without ...string) string {
	q := v.r.URL.Query()
	for _, name := range without {
		q.Del(name)
	}
	at := v.issuer() + v.r.URL.EscapedPath()
	if len(q) > 0 {
		at += "?" + q.Encode()
	}
	return at
}

// plainWord is an error's name as a provider tells it by way of the browser, fit for the log.
func plainWord(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return -1
	}, s[:min(len(s), 40)])
}

// askWeaver exchanges a code, then asks for the profile of whom it stands for. Both answers come in more than one shape.
func (v *visit) askWeaver(ctx context.Context, code, redirect string) (string, error) {
	base, ok := v.base()
	if !ok {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	got, err := v.cfg.OA.AskOA(ctx, v.place.Conn, formRequest(base+"/sso/oauth2.0/accessToken", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {v.place.Client.ID}, "client_secret": {v.place.Client.Secret}, "code": {code}, "redirect_uri": {redirect},
	}))
	if err != nil {
		return "", refusedAnswer(err, &got)
	}
	if looksLikePage(&got) {
		return "", errPage
	}
	token, _ := mapping.ReadValue("application/json", got.Body, "access_token")
	if form, err := url.ParseQuery(strings.TrimSpace(string(got.Body))); token == "" && err == nil {
		token = form.Get("access_token")
	}
	if token == "" {
		return "", nil
	}
	got, err = v.cfg.OA.AskOA(ctx, v.place.Conn, retry.Request{
		Method: http.MethodGet, Address: base + "/sso/oauth2.0/profile?" + url.Values{"access_token": {token}}.Encode(),
		Headers: []retry.Header{{Name: "Accept", Value: "application/json"}},
	})
	if err != nil {
		return "", refusedAnswer(err, &got)
	}
	if looksLikePage(&got) {
		return "", errPage
	}
	paths := []string{"id"}
	if claim := v.place.Settings.AccountClaim; claim != "" {
		paths = []string{claim, "attributes." + claim}
	}
	for _, path := range paths {
		if account, _ := mapping.ReadValue("application/json", got.Body, path); account != "" {
			return soundAccount(account), nil
		}
	}
	return "", nil
}

func formRequest(address string, form url.Values) retry.Request {
	return retry.Request{
		Method: http.MethodPost, Address: address, Body: []byte(form.Encode()),
		Headers: []retry.Header{{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}, {Name: "Accept", Value: "application/json"}},
	}
}
