package main

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"todosync/web/signon"
)

// TestSignOn lets an employee in by a signed link, has the CRM redeem his ticket, once, and finds why another was not let in.
func TestSignOn(t *testing.T) {
	t.Parallel()
	const secret = "a-secret-of-signed-links"
	p := newProcess(t)
	p.start("--public-url", "https://todo.example.com")
	file := filepath.Join(t.TempDir(), "settings.yaml")
	write(t, file, `apiVersion: todosync/v1
kind: Tenant
tenant: t1
signOn: {crmLoginUrl: "https://crm.example.com/login"}
---
apiVersion: todosync/v1
kind: Connection
tenant: t1
name: plant
signOn: {vendor: weaver, secret: "${secret:signon}"}
`)
	p.cli("apply", "-f", file)
	p.cli("secret", "set", "signon", "--tenant", "t1", "--value", secret)
	p.cli("bindings", "set", "crm-1", "0001", "--tenant", "t1", "--connection", "plant")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	visit := func(login, with string) *http.Response {
		t.Helper()
		stamp := strconv.FormatInt(time.Now().UnixMilli(), 10)
		q := url.Values{"loginid": {login}, "stamp": {stamp}, "token": {signon.LinkToken(with, login, stamp)}}
		resp, err := client.Get("http://" + p.api + "/oa/weaver/t1/plant/todo/QuoteObj/66f?" + q.Encode())
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp
	}
	resp := visit("0001", secret)
	to, err := resp.Location()
	if err != nil || resp.StatusCode != http.StatusSeeOther || to.Host != "crm.example.com" || to.Query().Get("target") != "/todo/QuoteObj/66f" {
		t.Fatalf("%d to %v, %v", resp.StatusCode, to, err)
	}
	token := strings.TrimSpace(p.cli("token", "create", "crm", "--scope", "tickets:redeem", "--tenant", "t1"))
	redeem := func() (status int, body map[string]any) {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, "http://"+p.api+"/api/v1/tickets/redeem", strings.NewReader(`{"ticket":"`+to.Query().Get("ticket")+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, body
	}
	if status, body := redeem(); status != http.StatusOK || body["tenant"] != "t1" || body["userId"] != "crm-1" || body["target"] != "/todo/QuoteObj/66f" {
		t.Errorf("redeemed: %d %v", status, body)
	}
	if status, _ := redeem(); status != http.StatusNotFound {
		t.Errorf("redeemed again: %d", status)
	}
	if resp := visit("0002", "another-secret"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a wrong signature: %d", resp.StatusCode)
	}
	var log []struct{ Number, Outcome, Account, UserID string }
	if err := json.Unmarshal([]byte(p.cli("sign-ons", "--tenant", "t1", "-o", "json")), &log); err != nil {
		t.Fatal(err)
	}
	if len(log) != 2 || log[0].Outcome != "bad_proof" || log[1].Outcome != "signed_on" || log[1].UserID != "crm-1" {
		t.Errorf("the log: %+v", log)
	}
	if found := p.cli("sign-ons", log[0].Number); !strings.Contains(found, "the signature is wrong") {
		t.Errorf("sign-ons %s prints %s", log[0].Number, found)
	}
	followed := &lines{}
	tail := exec.Command("todosync", "sign-ons", "--follow", "--server", "http://"+p.api, "--data-dir", p.dir)
	tail.Stdout, tail.Stderr = followed, followed
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "the log is followed", func() bool { return strings.Contains(followed.String(), log[0].Number) })
	visit("0003", "a-third-secret")
	eventually(t, 20*time.Second, "the next one is shown", func() bool { return strings.Count(followed.String(), "bad_proof") == 2 })
	if err := tail.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := tail.Wait(); err != nil || strings.Count(followed.String(), log[0].Number) != 1 {
		t.Errorf("it ends with %v: %s", err, followed)
	}
	resp, err = client.Get("http://" + p.api + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	for _, line := range []string{
		`todosync_sign_ons_total{connection="plant",outcome="signed_on",tenant="t1"} 1`, `todosync_sign_ons_total{connection="plant",outcome="bad_proof",tenant="t1"} 2`,
		"todosync_sign_on_seconds_count 3",
	} {
		if err != nil || !strings.Contains(string(page), line) {
			t.Errorf("the metrics have no line %s, %v", line, err)
		}
	}
	if code := p.stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// TestRegisterApp opens the old address at which a vendor's console registers an app's secret: nothing changes before an admin confirms it.
func TestRegisterApp(t *testing.T) {
	t.Parallel()
	const secret = "the-secret-of-the-app"
	p := newProcess(t)
	p.start("--public-url", "https://todo.example.com", "--log-level", "debug")
	file := filepath.Join(t.TempDir(), "settings.yaml")
	write(t, file, `apiVersion: todosync/v1
kind: Connection
tenant: t1
name: yzj
preset: yunzhijia
variables: {base: "http://oa.example.com", appId: "500723908", headImg: "http://oa.example.com/x.png"}
`)
	p.cli("apply", "-f", file)
	at := "http://" + p.api + signon.RegisterPath
	fill := url.Values{"appId": {"500723908"}, "secret": {secret}}
	resp, err := http.Get(at + "?" + fill.Encode())
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	post := func(token string) int {
		t.Helper()
		form := url.Values{"token": {token}}
		maps.Copy(form, fill)
		resp, err := http.PostForm(at, form)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	operator := strings.TrimSpace(p.cli("token", "create", "op", "--role", "operator"))
	other := strings.TrimSpace(p.cli("token", "create", "other", "--role", "admin", "--tenant", "t2"))
	if a, b, c := post(""), post(operator), post(other); resp.StatusCode != http.StatusOK || a != http.StatusForbidden || b != http.StatusForbidden || c != http.StatusNotFound {
		t.Errorf("the page %d, nobody %d, an operator %d, another tenant's admin %d", resp.StatusCode, a, b, c)
	}
	if list := p.cli("secret", "list", "--tenant", "t1"); strings.Contains(list, "yunzhijia-secret") {
		t.Errorf("the secret is set: %s", list)
	}
	if status := post(strings.TrimSpace(p.cli("token", "create", "ada", "--role", "admin"))); status != http.StatusOK {
		t.Errorf("an admin: %d", status)
	}
	if list := p.cli("secret", "list", "--tenant", "t1"); !strings.Contains(list, "yunzhijia-secret") {
		t.Errorf("the secret is not set: %s", list)
	}
	if audit := p.cli("audit"); !strings.Contains(audit, "secret set") || !strings.Contains(audit, "ada") {
		t.Errorf("the audit: %s", audit)
	}
	if code := p.stop(); code != exitDone || strings.Contains(p.out.String(), secret) {
		t.Errorf("exit code %d, the log: %s", code, p.out)
	}
}
