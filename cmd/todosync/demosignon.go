package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"todosync/internal/oasim"
	"todosync/testdata"
	"todosync/web/signon"
)

// A signOnReport says what became of an employee who clicked one of his todos.
type signOnReport struct {
	Tenant     string `json:"tenant"`
	Connection string `json:"connection"`
	Account    string `json:"account"`
	User       string `json:"user"`    // of the CRM, as the sign-on log has it
	Outcome    string `json:"outcome"` // of the click
	Page       string `json:"page"`    // of the CRM, where he arrived
	Again      string `json:"again"`   // outcome of the same address a second time
}

// signOns has employees click, as browsers do, and compares where they arrive with what the sample expects.
func (d *demo) signOns(ctx context.Context, r *report) error {
	for _, want := range testdata.SignOns() {
		got, err := d.signOn(ctx, want)
		if err != nil {
			return err
		}
		r.SignOns = append(r.SignOns, got)
		differ := func(what, have, wanted string) {
			if have != wanted {
				r.Differences = append(r.Differences, fmt.Sprintf("sign-on of %s at %s (%s): %s %q, want %q", want.Account, want.Connection, want.Note, what, have, wanted))
			}
		}
		differ("outcome", got.Outcome, string(signon.SignedOn))
		differ("user", got.User, want.User)
		differ("a second time", got.Again, string(signon.Used))
		if !strings.HasPrefix(got.Page, "/crm/todo/") {
			differ("page", got.Page, "/crm/todo/...")
		}
	}
	return nil
}

// signOn plays one employee: a click in the inbox, what follows in his browser, and the same address once more.
func (d *demo) signOn(ctx context.Context, s testdata.SignOn) (signOnReport, error) {
	out := signOnReport{Tenant: s.Tenant, Connection: s.Connection, Account: s.Account}
	todo, ok := d.clickable(s)
	if !ok {
		return out, nil // the difference says it
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return out, err
	}
	browser := &http.Client{Jar: jar, Timeout: 10 * time.Second}
	defer browser.CloseIdleConnections()
	click := d.pages.address + "/open?" + url.Values{"oa": {s.OA}, "account": {s.Account}, "app": {todo.App}, "todo": {todo.ID}}.Encode()
	began := d.c.now()
	var visited []string
	browser.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		visited = append(visited, req.URL.String())
		return nil
	}
	page, at, err := visit(ctx, browser, click)
	if err != nil {
		return out, err
	}
	if strings.Contains(page, "<code>"+s.User+"</code>") {
		out.Page = at
	}
	if out.Outcome, out.User, err = d.newestSignOn(ctx, s, began); err != nil || len(visited) == 0 {
		return out, err
	}
	if _, _, err = visit(ctx, browser, visited[0]); err != nil {
		return out, err
	}
	out.Again, _, err = d.newestSignOn(ctx, s, began)
	return out, err
}

// clickable is a todo that the employee sees, also when it is done, and that leads to the gateway.
func (d *demo) clickable(s testdata.SignOn) (oasim.Todo, bool) {
	for i, conf := range testdata.Simulators() {
		if conf.Name != s.OA {
			continue
		}
		for _, t := range d.sims[i].sim.Todos(s.Account) {
			if t.State != oasim.StateDeleted && strings.Contains(t.URL, "/"+s.Tenant+"/"+s.Connection+"/todo/") {
				return t, true
			}
		}
	}
	return oasim.Todo{}, false
}

// visit opens an address and gives the page where it ends, and its path.
func visit(ctx context.Context, browser *http.Client, address string) (page, at string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", "", err
	}
	resp, err := browser.Do(req)
	if err != nil {
		return "", "", fmt.Errorf("open a todo: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return string(body), resp.Request.URL.EscapedPath(), err
}

// newestSignOn is what the sign-on log says of an employee last.
func (d *demo) newestSignOn(ctx context.Context, s testdata.SignOn, since time.Time) (outcome, user string, err error) {
	q := url.Values{"tenant": {s.Tenant}, "connection": {s.Connection}, "from": {since.Add(-time.Second).UTC().Format("2006-01-02T15:04:05.000Z")}}
	items, err := d.api.pages(ctx, path("sign-ons"), q, &paging{limit: 1})
	d.api.cli.more = "" // nobody asked for a list
	if err != nil || len(items) == 0 {
		return "", "", err
	}
	var e struct{ Outcome, UserID string }
	if err := json.Unmarshal(items[0], &e); err != nil {
		return "", "", fmt.Errorf("read the sign-on: %w", err)
	}
	return e.Outcome, e.UserID, nil
}
