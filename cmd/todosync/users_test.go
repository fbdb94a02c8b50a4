package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFirstAdmin starts a server as an operator does, follows the link of the file, and looks after users with the command line.
func TestFirstAdmin(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	p.start()
	file := filepath.Join(p.dir, firstAdminFile)
	link := func() string {
		t.Helper()
		st, err := os.Stat(file)
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Fatalf("%v, %v", st, err)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	first := link()
	if !strings.HasPrefix(first, "http://"+p.api+"/first-admin/") {
		t.Errorf("link %s", first)
	}
	p.stop()
	p.start()
	second := link()
	browser := newBrowser(t)
	form := url.Values{"name": {"ada"}, "password": {"three brown bears"}, "again": {"three brown bears"}}
	if status, _ := browser.post(first, form); status != http.StatusForbidden {
		t.Errorf("the link of an earlier start: %d", status)
	}
	if status, page := browser.post(second, form); status != http.StatusOK || !strings.Contains(page, "ada") || !strings.Contains(page, "/logout") {
		t.Errorf("the first admin is not in: %d %.300s", status, page)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
	if strings.Contains(p.out.String(), "/first-admin/") {
		t.Error("the log tells the link")
	}

	// The session outlives a restart, and ends with its user's rights.
	p.kill()
	p.start()
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("a second first admin is asked for: %v", err)
	}
	home := "http://" + p.api + "/"
	if status, page := browser.get(home); status != http.StatusOK || !strings.Contains(page, "/logout") {
		t.Errorf("the session ended with the server: %d", status)
	}
	p.input = "another brown bear\n"
	p.cli("users", "create", "bert", "--role", "admin")
	p.cli("users", "set", "ada", "--role", "viewer")
	if _, page := browser.get(home); strings.Contains(page, "/logout") {
		t.Error("the session lives on with other rights")
	}
	if code, _, errs := p.try("users", "disable", "bert"); code != exitFailed || !strings.Contains(errs, "last admin") {
		t.Errorf("the last admin is disabled: %d %s", code, errs)
	}
	p.input = "short\n"
	if code, _, errs := p.try("users", "password", "ada"); code != exitFailed || !strings.Contains(errs, "10 characters") {
		t.Errorf("a short password: %d %s", code, errs)
	}
	if out := p.cli("users", "list", "-o", "csv"); !strings.Contains(out, "bert,admin") || !strings.Contains(out, "ada,viewer") {
		t.Errorf("users: %s", out)
	}
	for _, step := range []string{"unlock", "disable", "enable", "remove"} {
		p.cli("users", step, "ada")
	}
	if code, _, errs := p.try("users", "remove", "ada"); code != exitFailed || !strings.Contains(errs, "not there") {
		t.Errorf("removed twice: %d %s", code, errs)
	}
	if code, _, _ := p.try("users", "create", "zoe"); code != exitUsage {
		t.Errorf("a user without a role: exit %d", code)
	}
}

// A browser keeps cookies and follows where it is led.
type browser struct {
	t *testing.T
	c *http.Client
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, c: &http.Client{Jar: jar}}
}

func (b *browser) get(address string) (int, string) {
	b.t.Helper()
	return b.read(b.c.Get(address))
}

func (b *browser) post(address string, form url.Values) (int, string) {
	b.t.Helper()
	return b.read(b.c.PostForm(address, form))
}

func (b *browser) read(resp *http.Response, err error) (int, string) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(page)
}
