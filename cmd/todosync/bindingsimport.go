package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
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
	Moved    int  `json:"moved"`

	Errors   []importRemark `json:"errors"`
	Warnings []importRemark `json:"warnings"`
	Changes  []struct {
		Row        int    `json:"row"`
		Connection string `json:"connection"`
		User       string `json:"crm_user_id"`
		From       string `json:"from"`
		To         string `json:"to"`
	} `json:"changes"`
}

// An importRemark is what an import says of a row.
type importRemark struct {
	Row     int    `json:"row"`
	Column  string `json:"column"`
	Message string `json:"message"`
}

func (c *cli) bindingsImportCmd(s *scope) *cobra.Command {
	cmd := &cobra.Command{
		Use: "import FILE", Short: c.t("Import bindings from CSV (UTF-8 or GBK) or XLSX", "从 CSV（UTF-8 或 GBK）或 XLSX 导入绑定"), Args: c.args(1, 1, "FILE"),
		Long: c.t(`Imports bindings from CSV, or from the first sheet of an XLSX workbook, with the columns connection, crm_user_id, crm_user_name, oa_account, oa_user_name in any order,
headings in English or Chinese. --connection says which connection is meant where the file has no such column. A file with a wrong
row changes nothing.`,
			`从 CSV 或 XLSX 工作簿的第一个工作表导入绑定，列为 connection、crm_user_id、crm_user_name、oa_account、oa_user_name，顺序不限，表头中英文均可。
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
	raw, err := c.sendBindings(cmd, a, call{
		method: http.MethodPost, path: at, query: q, media: "text/csv", body: bytes.NewReader(src),
		header: http.Header{"Accept": {"application/x-ndjson"}},
	})
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

// sendBindings sends a file and shows how far its import is. It gives the report.
func (c *cli) sendBindings(cmd *cobra.Command, a *client, r call) (json.RawMessage, error) {
	resp, err := a.open(cmd.Context(), r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	p := c.progress(c.t("rows", "行"))
	defer p.end()
	lines := json.NewDecoder(resp.Body)
	for {
		var line struct {
			Done, Total int
			Report      json.RawMessage
			Problem     json.RawMessage
		}
		switch err := lines.Decode(&line); {
		case err != nil:
			return nil, &failure{
				msg: c.t("the import broke off before its end", "导入中断，未收到最终结果"), err: err,
				hint: c.t("Run it again: what is stored already stays as it is.", "请重新导入：已保存的部分保持不变。"),
			}
		case line.Report != nil:
			return line.Report, nil
		case line.Problem != nil:
			return nil, a.refusal(resp.StatusCode, resp.Status, line.Problem)
		}
		p.of(line.Done, line.Total)
	}
}

// tellImport prints an import's report for a person.
func (c *cli) tellImport(r *importReport) {
	for _, e := range r.Errors {
		fmt.Fprintln(c.stdout, c.remark(&e))
	}
	for _, w := range r.Warnings {
		fmt.Fprintln(c.stdout, c.t("warning: ", "警告：")+c.remark(&w))
	}
	for _, x := range r.Changes {
		fmt.Fprintf(c.stdout, c.t("row %d: %s of %s changes from %s to %s\n", "第 %d 行：%s(%s)从 %s 改为 %s\n"), x.Row, oneLine(x.User), oneLine(x.Connection), oneLine(x.From), oneLine(x.To))
	}
	if len(r.Errors) > 0 {
		return
	}
	if r.DryRun {
		fmt.Fprintf(c.stdout, c.t("would add %d, change %d, leave %d\n", "将新增 %d，修改 %d，不变 %d\n"), r.Added, r.Changed, r.Same)
		if r.Moved > 0 {
			fmt.Fprintln(c.stdout, c.t(plural(r.Moved, "1 open todo would move to another account", "%d open todos would move to another account"),
				fmt.Sprintf("%d 条未完成的待办将移到其他账号", r.Moved)))
		}
		if r.Released > 0 {
			fmt.Fprintln(c.stdout, c.t(plural(r.Released, "1 held delivery would go", "%d held deliveries would go"),
				fmt.Sprintf("%d 条暂留的待办将会发送", r.Released)))
		}
		return
	}
	fmt.Fprintf(c.stdout, c.t("added %d, changed %d, left %d\n", "新增 %d，修改 %d，不变 %d\n"), r.Added, r.Changed, r.Same)
	if r.Released > 0 {
		fmt.Fprintln(c.stdout, c.t(plural(r.Released, "1 held delivery goes now", "%d held deliveries go now"),
			fmt.Sprintf("%d 条暂留的待办现在发送", r.Released)))
	}
}

// remark is one remark as a line.
func (c *cli) remark(e *importRemark) string {
	parts := []string{fmt.Sprintf(c.t("row %d", "第 %d 行"), e.Row), e.Column, oneLine(e.Message)}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}
