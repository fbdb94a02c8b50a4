package main

import (
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
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

// startExample builds a program of examples/ and runs it until the test ends.
func startExample(t *testing.T, name, listen string, args ...string) {
	t.Helper()
	folder := filepath.Join("..", "..", "examples", name)
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries { // so that the test runs anew when they have changed
		if _, err := os.ReadFile(filepath.Join(folder, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", bin, "todosync/examples/"+name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd, out := exec.Command(bin, append(args, "-listen", listen)...), &lines{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, 20*time.Second, name+" listens", func() bool {
		conn, err := net.Dial("tcp", listen)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// A clicker has an employee click a todo in his OA, and follows him into the CRM.
type clicker struct {
	t       *testing.T
	p       *process
	browser *http.Client
	login   *url.URL // the CRM's address that he came by last, with its ticket
	clicks  int
}

func newClicker(t *testing.T, p *process) *clicker {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &clicker{t: t, p: p, browser: &http.Client{Jar: jar, Timeout: 20 * time.Second}}
	c.browser.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Query().Has("ticket") {
			c.login = r.URL
		}
		return nil
	}
	return c
}

// click gives where he arrives, the status and the page.
func (c *clicker) click(login string) (at string, status int, page string) {
	c.t.Helper()
	c.clicks++
	stamp := strconv.FormatInt(time.Now().UnixMilli()-int64(c.clicks), 10) // two in one millisecond would be one link
	q := url.Values{"loginid": {login}, "stamp": {stamp}, "token": {signon.LinkToken("a-secret-of-signed-links", login, stamp)}}
	return c.open("http://" + c.p.api + "/oa/weaver/t1/plant/todo/QuoteObj/66f?" + q.Encode())
}

func (c *clicker) open(address string) (at string, status int, page string) {
	c.t.Helper()
	resp, err := c.browser.Get(address)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.Request.URL.String(), resp.StatusCode, string(body)
}

// crmSettings are a tenant whose CRM is at an address, with more of its signOn, and a connection that signs its links.
func crmSettings(crm, more string) string {
	return `apiVersion: todosync/v1
kind: Tenant
tenant: t1
signOn: {crmLoginUrl: "http://` + crm + `/login"` + more + `}
---
apiVersion: todosync/v1
kind: Connection
tenant: t1
name: plant
signOn: {vendor: weaver, secret: "${secret:signon}"}
`
}

// TestExampleCRM runs the CRM of examples/crm-ticket behind the gateway.
func TestExampleCRM(t *testing.T) {
	t.Parallel()
	p, crm := newProcess(t), freeAddress(t)
	p.start("--public-url", "https://todo.example.com")
	file := filepath.Join(t.TempDir(), "settings.yaml")
	write(t, file, crmSettings(crm, ""))
	p.cli("apply", "-f", file)
	p.cli("secret", "set", "signon", "--tenant", "t1", "--value", "a-secret-of-signed-links")
	p.cli("bindings", "set", "crm-1", "0001", "--tenant", "t1", "--connection", "plant")
	startExample(t, "crm-ticket", crm, "-todosync", "http://"+p.api, "-token", strings.TrimSpace(p.cli("token", "create", "crm", "--scope", "tickets:redeem", "--tenant", "t1")))
	c := newClicker(t, p)
	if at, status, page := c.open("http://" + crm + "/todo/QuoteObj/66f"); status != http.StatusUnauthorized {
		t.Errorf("without a click: %d at %s: %s", status, at, page)
	}
	if at, status, page := c.click("0001"); status != http.StatusOK || at != "http://"+crm+"/todo/QuoteObj/66f" || !strings.Contains(page, "crm-1 of t1") {
		t.Errorf("after a click: %d at %s: %s", status, at, page)
	}
	stranger := newClicker(t, p)
	if _, status, page := stranger.open(c.login.String()); status != http.StatusForbidden {
		t.Errorf("the same ticket in another browser: %d %s", status, page)
	}
	if _, status, _ := stranger.open("http://" + crm + "/login?ticket=x&target=//evil.example"); status != http.StatusForbidden {
		t.Errorf("a made-up ticket: %d", status)
	}
	if _, status, _ := stranger.click("0002"); status != http.StatusForbidden || stranger.login != nil && stranger.login.String() != c.login.String() {
		t.Errorf("nobody is bound: %d, led to %v", status, stranger.login)
	}
	// A tampered target goes nowhere else than where the ticket says.
	hold := c.browser.CheckRedirect
	var login *url.URL
	c.browser.CheckRedirect = func(r *http.Request, _ []*http.Request) error { login = r.URL; return http.ErrUseLastResponse }
	c.click("0001")
	c.browser.CheckRedirect = hold
	q := login.Query()
	q.Set("target", "//evil.example/")
	login.RawQuery = q.Encode()
	if at, status, _ := c.open(login.String()); status != http.StatusOK || at != "http://"+crm+"/todo/QuoteObj/66f" {
		t.Errorf("a tampered target: %d at %s", status, at)
	}
}

// TestExampleJWT runs the CRM of examples/crm-jwt behind the gateway, with keys that todosync publishes and with a shared secret.
func TestExampleJWT(t *testing.T) {
	t.Parallel()
	const shared = "0123456789-0123456789-0123456789"
	p := newProcess(t)
	p.start("--public-url", "https://todo.example.com")
	p.cli("secret", "set", "signon", "--tenant", "t1", "--value", "a-secret-of-signed-links")
	p.cli("secret", "set", "crm-ticket", "--tenant", "t1", "--value", shared)
	key := filepath.Join(t.TempDir(), "hs256")
	write(t, key, shared+"\n")
	for name, x := range map[string]struct {
		more string
		args []string
	}{
		"EdDSA": {`, ticket: EdDSA, audience: example-crm`, nil},
		"HS256": {`, ticket: HS256, audience: example-crm, secret: "${secret:crm-ticket}"`, []string{"-secret-file", key}},
	} {
		crm, file := freeAddress(t), filepath.Join(t.TempDir(), "settings.yaml")
		write(t, file, crmSettings(crm, x.more))
		p.cli("apply", "-f", file)
		p.cli("bindings", "set", "crm-1", "0001", "--tenant", "t1", "--connection", "plant")
		startExample(t, "crm-jwt", crm, append(x.args, "-todosync", "http://"+p.api, "-issuer", "https://todo.example.com", "-audience", "example-crm")...)
		c := newClicker(t, p)
		if at, status, page := c.click("0001"); status != http.StatusOK || at != "http://"+crm+"/todo/QuoteObj/66f" || !strings.Contains(page, "crm-1 of t1") {
			t.Errorf("%s: %d at %s: %s", name, status, at, page)
			continue
		}
		if strings.Count(c.login.Query().Get("ticket"), ".") != 2 {
			t.Errorf("%s: the ticket is no JWT: %s", name, c.login)
		}
		stranger := newClicker(t, p)
		if _, status, _ := stranger.open(c.login.String()); status != http.StatusForbidden {
			t.Errorf("%s: the same JWT again: %d", name, status)
		}
		forged := *c.login
		q := forged.Query()
		q.Set("ticket", strings.Replace(q.Get("ticket"), ".", ".e", 1))
		forged.RawQuery = q.Encode()
		if _, status, _ := stranger.open(forged.String()); status != http.StatusForbidden {
			t.Errorf("%s: a forged JWT: %d", name, status)
		}
		if _, status, _ := stranger.open("http://" + crm + "/todo/QuoteObj/66f"); status != http.StatusUnauthorized {
			t.Errorf("%s: a stranger: %d", name, status)
		}
	}
}
