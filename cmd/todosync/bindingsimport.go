package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// An importReport is what the server says of an import.
type importReport struct {
	DryRun   bool `json:"dryRun"`
	Added    int  `json:"added"`
	Changed  int  `json:"changed"`
	Same     int  `json:"same"`
	Released int  `json:"released"`
	Errors   []struct {
		Row     int    `json:"row"`
		Column  string `json:"column"`
		Message string `json:"message"`
	} `json:"errors"`
	Changes []struct {
		Row        int    `json:"row"`
		Connection string `json:"connection"`
		User       string `json:"crm_user_id"`
		From       string `json:"from"`
		To         string `json:"to"`
	} `json:"changes"`
}

func (c *cli) bindingsImportCmd(s *scope) *cobra.Command {
	cmd := &cobra.Command{
		Use: "import FILE", Short: c.t("Import bindings from CSV (UTF-8 or GBK)", "从 CSV（UTF-8 或 GBK）导入绑定"), Args: c.args(1, 1, "FILE"),
		Long: c.t(`Imports bindings from CSV with the columns connection, crm_user_id, crm_user_name, oa_account, oa_user_name in any order,
headings in English or Chinese. --connection says which connection is meant where the file has no such column. A file with a wrong
row changes nothing.`,
			`从 CSV 导入绑定，列为 connection、crm_user_id、crm_user_name、oa_account、oa_user_name，顺序不限，表头中英文均可。
文件没有连接列时用 --connection 指定连接。只要有一行出错，就不做任何更改。`),
	}
	dry := cmd.Flags().Bool("dry-run", false, c.t("only say what would change", "只说明会有哪些变化"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		src, err := c.readFile(args[0])
		if err != nil {
			return err
		}
		a, err := c.enter(cmd, s, false)
		if err != nil {
			return err
		}
		q := only("connection", s.connection)
		if *dry {
			q.Set("dryRun", "true")
		}
		return c.importBindings(cmd, a, path("tenants", s.tenant, "bindings", "import"), q, src)
	}
	return cmd
}

func (c *cli) importBindings(cmd *cobra.Command, a *client, at string, q url.Values, src []byte) error {
	p := c.progress(c.t("sent", "已发送"))
	var raw json.RawMessage
	err := a.do(cmd.Context(), call{method: http.MethodPost, path: at, query: q, media: "text/csv", body: io.TeeReader(bytes.NewReader(src), p)}, &raw)
	p.end()
	if err != nil {
		return err
	}
	var r importReport
	if err := json.Unmarshal(raw, &r); err != nil {
		return fmt.Errorf("read the import's report: %w", err)
	}
	cols := []column{{key: "added"}, {key: "changed"}, {key: "same"}, {key: "released"}, {key: "dryRun"}}
	if err := c.one(cols, raw, func() error { c.tellImport(&r); return nil }); err != nil {
		return err
	}
	if len(r.Errors) > 0 {
		return &failure{msg: c.t(
			plural(len(r.Errors), "1 row is wrong", "%d rows are wrong")+"; nothing was changed", fmt.Sprintf("%d 行有误，未做任何更改", len(r.Errors)))}
	}
	return nil
}

// tellImport prints an import's report for a person.
func (c *cli) tellImport(r *importReport) {
	for _, e := range r.Errors {
		where := fmt.Sprintf(c.t("row %d", "第 %d 行"), e.Row)
		fmt.Fprintln(c.stdout, strings.Join([]string{where, e.Column, oneLine(e.Message)}, ": "))
	}
	for _, x := range r.Changes {
		fmt.Fprintf(c.stdout, c.t("row %d: %s of %s changes from %s to %s\n", "第 %d 行：%s(%s)从 %s 改为 %s\n"), x.Row, oneLine(x.User), oneLine(x.Connection), oneLine(x.From), oneLine(x.To))
	}
	if len(r.Errors) > 0 {
		return
	}
	if r.DryRun {
		fmt.Fprintf(c.stdout, c.t("would add %d, change %d, leave %d\n", "将新增 %d，修改 %d，不变 %d\n"), r.Added, r.Changed, r.Same)
		return
	}
	fmt.Fprintf(c.stdout, c.t("added %d, changed %d, left %d\n", "新增 %d，修改 %d，不变 %d\n"), r.Added, r.Changed, r.Same)
	if r.Released > 0 {
		fmt.Fprintln(c.stdout, c.t(plural(r.Released, "1 held delivery goes now", "%d held deliveries go now"),
			fmt.Sprintf("%d 条暂留的待办现在发送", r.Released)))
	}
}
