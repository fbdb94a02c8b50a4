package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"todosync/connector/file"
	"todosync/store"
)

// A prunable is a connection that the files do not have.
type prunable struct {
	Tenant   string         `json:"tenant"`
	Name     string         `json:"name"`
	Revision int64          `json:"revision"`
	SavedHow store.SavedHow `json:"savedHow"`
	Waiting  int64          `json:"waiting"`
}

// unnamed finds the connections of the documents' tenants that no document describes and that were last saved by a file. It tells of
// those that people have changed in another way since: they are theirs.
func (a *client) unnamed(ctx context.Context, docs []file.Document) ([]prunable, error) {
	c := a.cli
	keep, tenants := map[string]bool{}, []string{}
	for _, d := range docs {
		tenant := ""
		if d.Connection != nil {
			tenant = d.Connection.Tenant
			keep[d.Connection.Key().String()] = true
		} else {
			tenant = d.Tenant.Tenant
		}
		if !slices.Contains(tenants, tenant) {
			tenants = append(tenants, tenant)
		}
	}
	items, err := a.pages(ctx, path("connections"), url.Values{"tenant": {strings.Join(tenants, ",")}}, &paging{limit: 1000, all: true})
	if err != nil {
		return nil, err
	}
	var out []prunable
	for _, raw := range items {
		var have prunable
		if err := json.Unmarshal(raw, &have); err != nil {
			return nil, fmt.Errorf("read the connection: %w", err)
		}
		switch {
		case keep[have.Tenant+"/"+have.Name]:
		case have.SavedHow != store.ByApply:
			fmt.Fprintf(c.stderr, c.t("warning: %s/%s is in no file, was last saved by %s and is left as it is\n",
				"警告：%s/%s 不在任何文件中，最近一次由 %s 保存，保持不变\n"), have.Tenant, have.Name, have.SavedHow)
		default:
			out = append(out, have)
		}
	}
	return out, nil
}

// mayPrune refuses where something waits for one of the connections, and else asks at a terminal.
func (c *cli) mayPrune(unnamed []prunable, yes bool) error {
	names, waits := make([]string, len(unnamed)), ""
	for i, u := range unnamed {
		names[i] = u.Tenant + "/" + u.Name
		if u.Waiting > 0 {
			waits += fmt.Sprintf(c.t("\n  %s: %d wait", "\n  %s：%d 条等待中"), names[i], u.Waiting)
		}
	}
	if waits != "" {
		return &failure{
			msg: c.t("nothing was changed: connections that --prune would delete have deliveries that wait", "未做任何改动：--prune 要删除的连接还有等待中的发送") + waits,
			hint: c.t("Wait until they are sent, or cancel them: todosync connections delete TENANT/NAME --cancel-waiting",
				"请等待发送完成，或取消它们：todosync connections delete 租户/名称 --cancel-waiting"),
		}
	}
	if f, ok := c.stdin.(*os.File); len(unnamed) == 0 || yes || !ok || !terminal(f) {
		return nil // a script has said what it wants with the flag
	}
	ok, err := c.confirm(fmt.Sprintf(c.t("Connections that no file has will be deleted: %s. Go on?", "将删除文件中没有的连接：%s。继续吗？"), strings.Join(names, ", ")))
	if err == nil && !ok {
		err = errTold
	}
	return err
}

// prune deletes connections. What has come to wait meanwhile stays, with its connection.
func (a *client) prune(ctx context.Context, unnamed []prunable) ([]saved, error) {
	var out []saved
	var failures []error
	for _, u := range unnamed {
		if err := a.do(ctx, call{method: http.MethodDelete, path: path("tenants", u.Tenant, "connections", u.Name)}, nil); err != nil {
			failures = append(failures, fmt.Errorf("%s/%s: %w", u.Tenant, u.Name, err))
			continue
		}
		out = append(out, saved{Kind: "Connection", Tenant: u.Tenant, Name: u.Name, Result: "deleted", Changed: true, Revision: u.Revision})
	}
	return out, errors.Join(failures...)
}
