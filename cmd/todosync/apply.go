package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"todosync/connector/file"
	"todosync/mapping"
)

// savedColumns are the columns of the list of what was applied.
var savedColumns = [...]column{
	{key: "kind", en: "kind", zh: "类型"},
	{key: "tenant", en: "tenant", zh: "租户"},
	{key: "name", en: "name", zh: "名称"},
	{key: "result", en: "result", zh: "结果"},
	{key: "revision", en: "revision", zh: "版本"},
}

// A saved is what became of one document.
type saved struct {
	Kind     string   `json:"kind"`
	Tenant   string   `json:"tenant"`
	Name     string   `json:"name,omitempty"`
	Result   string   `json:"result"` // changed, unchanged or deleted
	Changed  bool     `json:"changed"`
	Revision int64    `json:"revision"`
	Warnings []string `json:"warnings"`
}

// A settingsFile is a file on its way to the server.
type settingsFile struct {
	Name    string `json:"name"`
	Content string `json:"content"`
}

func (c *cli) applyCmd() *cobra.Command {
	var prune, yes bool
	cmd := &cobra.Command{
		Use: "apply -f PATH", Short: c.t("Load connection and tenant files into the server, all of them or none", "把连接文件和租户文件加载到服务器：全部成功或全部不变"),
		Args: c.args(0, 0, ""), Example: "  todosync apply -f connections/",
	}
	s := c.serverFlags(cmd)
	paths := c.fileFlag(cmd)
	cmd.Flags().BoolVar(&prune, "prune", false, c.t("delete connections of these tenants that the files do not have, where a file made them",
		"删除这些租户中文件里没有、且由文件加载的连接"))
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, c.t("with --prune: do not ask", "与 --prune 同用：不询问"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if len(*paths) == 0 {
			return c.missing(cmd, "-f PATH")
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		var unasked error
		docs, problems := file.ReadFiles(*paths, file.Options{Lang: string(c.lang), TenantFields: a.tenantFields(cmd.Context(), &unasked)})
		if unasked != nil {
			return unasked
		}
		if err := problems.Err(); err != nil {
			return problems
		}
		c.tellProblems(c.stderr, problems)
		var unnamed []prunable
		if prune {
			if unnamed, err = a.unnamed(cmd.Context(), docs); err == nil {
				err = c.mayPrune(unnamed, yes)
			}
			if err != nil {
				return err // before anything has changed
			}
		}
		results, err := a.apply(cmd.Context(), docs)
		if err == nil {
			var pruned []saved
			pruned, err = a.prune(cmd.Context(), unnamed)
			results = append(results, pruned...)
		}
		if err != nil && len(results) == 0 {
			return err // nothing was done that there would be a list of
		}
		if terr := c.tellSaved(results); err == nil {
			err = terr
		}
		return err
	}
	return cmd
}

// tenantFields gives a function that asks the server which codes a tenant defines for its connections: no file that is applied need
// say so again. Where the server cannot be asked, failed says why.
func (a *client) tenantFields(ctx context.Context, failed *error) func(tenant string) map[string]mapping.Field {
	known := map[string]map[string]mapping.Field{}
	return func(tenant string) map[string]mapping.Field {
		if fields, asked := known[tenant]; asked || *failed != nil || tenant == "" {
			return fields
		}
		var answer struct {
			Settings struct {
				Fields map[string]mapping.Field `json:"fields"`
			} `json:"settings"`
		}
		err := a.do(ctx, call{method: http.MethodGet, path: path("tenants", tenant)}, &answer)
		if e, refused := errors.AsType[*apiError](err); err != nil && (!refused || e.status != http.StatusNotFound) {
			*failed = err
		}
		known[tenant] = answer.Settings.Fields
		return answer.Settings.Fields
	}
}

// apply sends the files of the documents, which the server takes all or not at all.
func (a *client) apply(ctx context.Context, docs []file.Document) ([]saved, error) {
	var names []string
	for _, d := range docs {
		if !slices.Contains(names, d.File) {
			names = append(names, d.File)
		}
	}
	var files []settingsFile
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, &failure{msg: fmt.Sprintf(a.cli.t("cannot read %s", "无法读取 %s"), name), err: rootCause(err)}
		}
		files = append(files, settingsFile{Name: name, Content: string(b)})
	}
	return a.applyFiles(ctx, files)
}

// applyFiles sends files that need not be on a disk.
func (a *client) applyFiles(ctx context.Context, files []settingsFile) ([]saved, error) {
	request := struct {
		Files []settingsFile `json:"files"`
	}{files}
	var answer struct {
		Items []saved `json:"items"`
	}
	if err := a.do(ctx, call{method: http.MethodPost, path: path("apply"), body: request}, &answer); err != nil {
		return nil, err
	}
	for i := range answer.Items {
		answer.Items[i].Result = savedResult(answer.Items[i].Changed)
	}
	return answer.Items, nil
}

// savedResult says what a save did.
func savedResult(changed bool) string {
	if changed {
		return "changed"
	}
	return "unchanged"
}

// tellSaved prints what became of documents, and their warnings on standard error.
func (c *cli) tellSaved(results []saved) error {
	items := make([]json.RawMessage, len(results))
	for i, r := range results {
		for _, w := range r.Warnings {
			fmt.Fprintf(c.stderr, c.t("warning: %s: %s\n", "警告：%s:%s\n"), strings.TrimSuffix(r.Tenant+"/"+r.Name, "/"), oneLine(w))
		}
		raw, err := json.Marshal(r)
		if err != nil {
			return err
		}
		items[i] = raw
	}
	return c.list(savedColumns[:], items)
}
