package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"todosync/internal/demopage"
	"todosync/internal/oasim"
	"todosync/testdata"
)

// demoCRM is the name of the token that the demo's CRM redeems tickets with.
const demoCRM = "demo CRM"

// demoPages are the OA's inbox and the CRM, as pages to click through. They are beside the server, as they would be: the CRM redeems tickets
// over HTTP with a token of its own.
type demoPages struct {
	address string // http://host:port
	server  *http.Server
	done    sync.WaitGroup

	mu   sync.Mutex // guards asks
	asks *client    // what the CRM speaks to todosync with; nil until it has a token
}

// openPages starts the pages, at their own port where that is free.
func (d *demo) openPages(ctx context.Context) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", freeOr(ctx, testdata.CRM()))
	if err != nil {
		return &failure{msg: "the pages of the demo cannot listen", err: rootCause(err), hint: "Stop what listens on " + testdata.CRM() + "."}
	}
	p := &demoPages{address: "http://" + l.Addr().String()}
	d.moved[testdata.CRM()] = p.address
	var oas []demopage.OA
	for i, s := range testdata.Simulators() {
		oas = append(oas, demopage.OA{Name: s.Name, Title: oaTitle(s.Vendor), Sim: d.sims[i].sim, Names: demoNames(s.Users), Base: d.sims[i].address})
	}
	inbox, err := demopage.NewInbox(oas...)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	people, records := demoPeople(), demoRecords()
	crm, err := demopage.NewCRM(demopage.CRMConfig{
		At: "/crm", Redeem: p.redeem, Titles: demoTitles(),
		Name: func(tenant, user string) string { return people[[2]string{tenant, user}] },
		Record: func(tenant, apiName, dataID string) (demopage.Record, bool) {
			r, ok := records[[3]string{tenant, apiName, dataID}]
			return r, ok
		},
	})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.RedirectHandler("/inbox", http.StatusSeeOther))
	mux.Handle("/inbox", inbox)
	mux.Handle("/open", inbox)
	mux.Handle("/crm/", crm)
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	p.done.Go(func() { _ = p.server.Serve(l) }) // ends with http.ErrServerClosed alone
	d.pages = p
	return nil
}

// close ends the pages and every connection to them.
func (p *demoPages) close() {
	_ = p.server.Close()
	p.done.Wait()
}

// letIn gives the CRM its token, and takes back that of an earlier run in the same folder.
func (p *demoPages) letIn(ctx context.Context, d *demo) error {
	items, err := d.api.pages(ctx, path("tokens"), url.Values{}, &paging{limit: 1000, all: true})
	if err != nil {
		return err
	}
	for _, raw := range items {
		var t struct{ ID, Name string }
		if err := json.Unmarshal(raw, &t); err != nil {
			return fmt.Errorf("read the token: %w", err)
		}
		if t.Name != demoCRM {
			continue
		}
		if err := d.api.do(ctx, call{method: http.MethodDelete, path: path("tokens", t.ID)}, nil); err != nil {
			return fmt.Errorf("take the CRM's old token back: %w", err)
		}
	}
	var made struct{ Token string }
	body := map[string]any{"name": demoCRM, "scopes": []string{"tickets:redeem"}, "tenants": testdata.Tenants()}
	if err := d.api.do(ctx, call{method: http.MethodPost, path: path("tokens"), body: body}, &made); err != nil {
		return fmt.Errorf("give the CRM a token: %w", err)
	}
	asks, err := d.c.connect(&server{address: d.app.address(), token: made.Token})
	p.mu.Lock()
	p.asks = asks
	p.mu.Unlock()
	return err
}

// redeem asks todosync about a ticket, as the CRM's server.
func (p *demoPages) redeem(ctx context.Context, ticket string) (demopage.Arrival, bool, error) {
	p.mu.Lock()
	asks := p.asks
	p.mu.Unlock()
	if asks == nil || ticket == "" || len(ticket) > 8<<10 {
		return demopage.Arrival{}, false, nil
	}
	var got struct{ Tenant, UserID, Target string }
	err := asks.do(ctx, call{method: http.MethodPost, path: path("tickets", "redeem"), body: map[string]string{"ticket": ticket}}, &got)
	if e, ok := errors.AsType[*apiError](err); ok && e.status >= 400 && e.status < 500 {
		return demopage.Arrival{}, false, nil
	}
	return demopage.Arrival{Tenant: got.Tenant, User: got.UserID, Target: got.Target}, err == nil, err
}

// oaTitle is what people call a vendor's OA.
func oaTitle(vendor string) string {
	if t, ok := map[string]string{
		oasim.Seeyon: "致远 Seeyon", oasim.Weaver: "泛微 Weaver", oasim.Landray: "蓝凌 Landray", oasim.Yunzhijia: "云之家 Yunzhijia", oasim.WeLink: "WeLink",
		oasim.Feishu: "飞书 Feishu", oasim.DingTalk: "钉钉 DingTalk", oasim.WeCom: "企业微信 WeCom",
	}[vendor]; ok {
		return t
	}
	return vendor
}

// demoRows calls f for each binding of the sample.
func demoRows(f func(tenant string, row map[string]string)) {
	for _, tenant := range testdata.Tenants() {
		rows, err := csv.NewReader(bytes.NewReader(testdata.Bindings(tenant))).ReadAll()
		for i := 1; err == nil && i < len(rows); i++ {
			row := map[string]string{}
			for n, head := range rows[0] {
				row[head] = rows[i][n]
			}
			f(tenant, row)
		}
	}
}

// demoNames are the names of an OA's accounts.
func demoNames(accounts []string) map[string]string {
	known, out := map[string]string{}, map[string]string{}
	demoRows(func(_ string, row map[string]string) { known[row["oa_account"]] = row["oa_user_name"] })
	for _, a := range accounts {
		if known[a] != "" {
			out[a] = known[a]
		}
	}
	return out
}

// demoPeople are the CRM's users, by tenant and id.
func demoPeople() map[[2]string]string {
	out := map[[2]string]string{}
	demoRows(func(tenant string, row map[string]string) {
		out[[2]string{tenant, row["crm_user_id"]}] = row["crm_user_name"]
	})
	return out
}

// demoRecords are the records of the CRM that the sample's events name, by tenant, object and id.
func demoRecords() map[[3]string]demopage.Record {
	out := map[[3]string]demopage.Record{}
	for _, e := range testdata.Events() {
		type object struct {
			Object struct{ APIName, Label, DataID, Name string }
		}
		var x struct {
			Todo, Reminder object
			Data           struct{ Todo, Reminder object }
		}
		if json.Unmarshal(e.Raw, &x) != nil {
			continue // two of the sample are no events
		}
		for _, o := range []object{x.Todo, x.Reminder, x.Data.Todo, x.Data.Reminder} {
			if o.Object.DataID != "" {
				out[[3]string{e.Tenant, o.Object.APIName, o.Object.DataID}] = demopage.Record{Kind: o.Object.Label, Name: strings.TrimSpace(o.Object.Name)}
			}
		}
	}
	return out
}

// demoTitles are the names of the sample's tenants.
func demoTitles() map[string]string {
	return map[string]string{"714439": "华东机电", "820016": "Northwind Trading 北风贸易"}
}
