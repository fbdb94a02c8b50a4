package signon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"todosync/mapping"
	"todosync/retry"
)

// errPage says that an OA answered with a page for people where a program's answer belongs: a log-in page, or a proxy's word.
var errPage = errors.New("the OA answers with a page")

// looksLikePage reports whether an answer is a page for people.
func looksLikePage(got *retry.Receipt) bool {
	body := bytes.TrimSpace(got.Body)
	return bytes.HasPrefix(body, []byte("<")) && !bytes.HasPrefix(body, []byte("<?xml"))
}

// refusedToUs is refusedAnswer for an OA that looks at our token first: that it does not take it says nothing of the visitor.
func refusedToUs(err error, got *retry.Receipt) error {
	if got.Status == http.StatusUnauthorized || got.Status == http.StatusForbidden {
		return err
	}
	return refusedAnswer(err, got)
}

func jsonRequest(address string, body any) (retry.Request, error) {
	text, err := json.Marshal(body)
	return retry.Request{
		Method: http.MethodPost, Address: address, Body: text,
		Headers: []retry.Header{{Name: "Content-Type", Value: "application/json;charset=UTF-8"}, {Name: "Accept", Value: "application/json"}},
	}, err
}

// askYunzhijia asks the cloud for whom it has opened a light app.
func (v *visit) askYunzhijia(ctx context.Context, ticket string) (string, error) {
	base, ok := v.base()
	if !ok {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	r, err := jsonRequest(base+"/gateway/ticket/user/acquirecontext", map[string]string{"appid": v.place.Client.ID, "ticket": ticket})
	if err != nil {
		return "", err
	}
	got, err := v.cfg.OA.AskAsApp(ctx, v.place.Conn, r)
	if err != nil {
		return "", refusedToUs(err, &got)
	}
	if looksLikePage(&got) {
		return "", errPage
	}
	read := func(path string) string {
		s, _ := mapping.ReadValue("application/json", got.Body, path)
		return s
	}
	if code := read("errorCode"); read("success") != "true" || code != "" && code != "0" {
		return "", nil
	}
	claim := v.place.Settings.AccountClaim
	if claim == "" {
		claim = "openid"
	}
	return soundAccount(read("data." + claim)), nil
}

// askWeLink exchanges the code that the app gave our page.
func (v *visit) askWeLink(ctx context.Context, code string) (string, error) {
	base, ok := v.base()
	if !ok {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	got, err := v.cfg.OA.AskAsApp(ctx, v.place.Conn, retry.Request{
		Method: http.MethodGet, Address: base + "/api/auth/v2/userid?" + url.Values{"code": {code}}.Encode(),
		Headers: []retry.Header{{Name: "Accept", Value: "application/json"}},
	})
	if err != nil {
		return "", refusedToUs(err, &got)
	}
	if looksLikePage(&got) {
		return "", errPage
	}
	if said, ok := mapping.ReadValue("application/json", got.Body, "code"); !ok || said != "0" {
		return "", nil
	}
	account, _ := mapping.ReadValue("application/json", got.Body, "userId")
	return soundAccount(account), nil
}

// askSeeyonV8 asks the cloud line.
func (v *visit) askSeeyonV8(ctx context.Context, base, ticket string) (string, error) {
	r, err := jsonRequest(base+"/service/ctp-user/auth/restore", map[string]string{"ticket": ticket})
	if err != nil {
		return "", err
	}
	got, err := v.cfg.OA.AskOA(ctx, v.place.Conn, r)
	if err != nil {
		return "", refusedAnswer(err, &got)
	}
	if looksLikePage(&got) {
		return "", errPage
	}
	claim := v.place.Settings.AccountClaim
	if claim == "" {
		claim = "loginName"
	}
	account, _ := mapping.ReadValue("application/json", got.Body, "data.content."+claim)
	return soundAccount(account), nil
}

// welink proves by a code that only a page inside the app can get: so a page comes first, which gets it and sends it back.
func (v *visit) welink(ctx context.Context) (done bool, refused *refusal) {
	if v.place.Client.ID == "" || len(v.place.Base) == 0 {
		return false, &refusal{outcome: NotSetUp, why: "the connection has no signOn.clientId or signOn.base"}
	}
	code := v.query.Get("code")
	if v.r.Method == http.MethodPost && code != "" {
		if v.crossSite.Check(v.r) != nil {
			return false, &refusal{outcome: BadProof, why: "the code comes from a page of another site"}
		}
		v.asData = strings.Contains(v.r.Header.Get("Accept"), "application/json")
		return v.ticket(ctx, code, v.askWeLink)
	}
	v.welinkPage(ctx)
	return true, nil
}
