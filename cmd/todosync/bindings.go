package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"todosync/connector"
	"todosync/web/api"
)

// bindingColumns are the columns of bindings, in lists and in the CSV that import takes.
var bindingColumns = [...]column{
	{key: "connection", en: "connection", zh: "连接"},
	{key: "crm_user_id", en: "crm user", zh: "CRM 用户"},
	{key: "crm_user_name", en: "name", zh: "姓名"},
	{key: "oa_account", en: "oa account", zh: "OA 账号"},
	{key: "oa_user_name", en: "oa name", zh: "OA 姓名"},
	{key: "kind", en: "kind", zh: "类型"},
}

// A scope says whose bindings are meant; its members are flags.
type scope struct {
	server             *server
	tenant, connection string
}

func (c *cli) bindingsCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "bindings", Short: c.t("Bindings: which CRM user is which OA account", "账号绑定：CRM 用户与 OA 账号的对应关系")}
	s := &scope{server: c.serverFlags(cmd)}
	f := cmd.PersistentFlags()
	f.StringVar(&s.tenant, "tenant", "", c.t("tenant", "租户"))
	f.StringVar(&s.connection, "connection", "", c.t("connection", "连接"))
	return c.group(cmd, c.bindingsListCmd(s), c.bindingsImportCmd(s), c.bindingsExportCmd(s), c.bindingsUnboundCmd(s),
		c.bindingsSetCmd(s), c.bindingsRemoveCmd(s))
}

// enter checks that the tenant is named and connects.
func (c *cli) enter(cmd *cobra.Command, s *scope, connection bool) (*client, error) {
	if s.tenant == "" {
		return nil, c.missing(cmd, "--tenant")
	}
	if connection && s.connection == "" {
		return nil, c.missing(cmd, "--connection")
	}
	return c.connect(s.server)
}

// names gives the connections that are meant: the one that is named, or all of the tenant.
func (s *scope) names(ctx context.Context, a *client) ([]string, error) {
	if s.connection != "" {
		return []string{s.connection}, nil
	}
	items, err := a.pages(ctx, path("connections"), url.Values{"tenant": {s.tenant}}, &paging{limit: 1000, all: true})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, raw := range items {
		var one struct{ Name string }
		if err := json.Unmarshal(raw, &one); err != nil {
			return nil, fmt.Errorf("read the connection: %w", err)
		}
		out = append(out, one.Name)
	}
	return out, nil
}

// gather fetches a list of each connection that is meant.
func (s *scope) gather(ctx context.Context, a *client, what string, q url.Values, p *paging) ([]json.RawMessage, error) {
	names, err := s.names(ctx, a)
	if err != nil {
		return nil, err
	}
	all := []json.RawMessage{}
	for _, name := range names {
		items, err := a.pages(ctx, path("tenants", s.tenant, "connections", name, what), q, p)
		if err != nil {
			return nil, err
		}
		for _, raw := range items {
			all = append(all, withConnection(raw, name))
		}
	}
	return all, nil
}

// withConnection puts the connection's name into an item that does not have it.
func withConnection(raw json.RawMessage, name string) json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil || (m["connection"] != nil && string(m["connection"]) != `""`) {
		return raw
	}
	quoted, err := json.Marshal(name)
	if err != nil {
		return raw
	}
	m["connection"] = quoted
	if out, err := json.Marshal(m); err == nil {
		return out
	}
	return raw
}

func (c *cli) bindingsListCmd(s *scope) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: c.t("List bindings", "列出绑定"), Args: c.args(0, 0, "")}
	text := cmd.Flags().String("q", "", c.t("a part of user, account or name", "用户、账号或姓名中的文字"))
	page := c.pagingFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := c.enter(cmd, s, false)
		if err != nil {
			return err
		}
		items, err := s.gather(cmd.Context(), a, "bindings", only("q", *text), page)
		if err != nil {
			return err
		}
		return c.list(bindingColumns[:], items)
	}
	return cmd
}

func (c *cli) bindingsExportCmd(s *scope) *cobra.Command {
	cmd := &cobra.Command{Use: "export", Short: c.t("Write all bindings as CSV or XLSX that import takes", "导出全部绑定（可再次导入的 CSV 或 XLSX）"), Args: c.args(0, 0, "")}
	to := cmd.Flags().StringP("file", "f", "", c.t("file to write to; as a workbook where it ends in .xlsx (default: CSV to standard output)",
		"写入的文件，以 .xlsx 结尾时写成工作簿（默认 CSV，标准输出）"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := c.enter(cmd, s, false)
		if err != nil {
			return err
		}
		items, err := s.gather(cmd.Context(), a, "bindings", url.Values{}, &paging{limit: 1000, all: true})
		if err != nil {
			return err
		}
		var out bytes.Buffer
		switch c.output {
		case "json", "yaml":
			printer := *c
			printer.stdout = &out
			err = printer.list(bindingColumns[:], items)
		default:
			err = exportBindings(&out, strings.HasSuffix(strings.ToLower(*to), ".xlsx"), items)
		}
		if err != nil {
			return err
		}
		return c.save(*to, &out)
	}
	return cmd
}

// exportBindings writes bindings as a file that import takes: CSV, or a workbook.
func exportBindings(to io.Writer, workbook bool, items []json.RawMessage) error {
	format := "csv"
	if workbook {
		format = "xlsx"
	}
	return api.WriteBindings(to, format, func(row func(cells []string) error) error {
		head := make([]string, len(bindingColumns))
		for i := range bindingColumns {
			head[i] = bindingColumns[i].key
		}
		if err := row(head); err != nil {
			return err
		}
		for _, raw := range items {
			var b connector.Binding
			if err := json.Unmarshal(raw, &b); err != nil {
				return fmt.Errorf("read the binding: %w", err)
			}
			if err := row([]string{b.Connection, b.User, b.UserName, b.Account, b.AccountName, string(b.Kind)}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *cli) bindingsUnboundCmd(s *scope) *cobra.Command {
	cmd := &cobra.Command{Use: "unbound", Short: c.t("List receivers whom events named and nobody bound", "列出事件中出现但尚未绑定的接收人"), Args: c.args(0, 0, "")}
	page := c.pagingFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := c.enter(cmd, s, false)
		if err != nil {
			return err
		}
		items, err := s.gather(cmd.Context(), a, "unbound", url.Values{}, page)
		if err != nil {
			return err
		}
		return c.list([]column{
			bindingColumns[0], bindingColumns[1], bindingColumns[2],
			{key: "waiting", en: "waiting", zh: "等待"},
			{key: "since", en: "since", zh: "开始时间"},
			{key: "newest", en: "newest", zh: "最近"},
		}, items)
	}
	return cmd
}

func (c *cli) bindingsSetCmd(s *scope) *cobra.Command {
	cmd := &cobra.Command{
		Use: "set CRM_USER OA_ACCOUNT", Short: c.t("Bind a CRM user; what was held for him goes", "绑定一个 CRM 用户；为其暂留的待办随即发送"),
		Args: c.args(2, 2, "CRM_USER OA_ACCOUNT"), Example: "  todosync bindings set 1009 zhaoliu --tenant 714439 --connection seeyon-hq",
	}
	name := cmd.Flags().String("name", "", c.t("the user's name in the CRM", "CRM 中的姓名"))
	oaName := cmd.Flags().String("oa-name", "", c.t("his name in the OA", "OA 中的姓名"))
	kind := cmd.Flags().String("kind", "", c.t("employee or contact; as it is where left out", "employee（员工）或 contact（联系人）；省略则保持不变"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *kind != "" && !connector.BindingKind(*kind).Valid() {
			return &usageError{fmt.Sprintf(c.t("--kind %s: want employee or contact", "--kind %s：应为 employee 或 contact"), *kind), ""}
		}
		a, err := c.enter(cmd, s, true)
		if err != nil {
			return err
		}
		b := map[string]string{"crm_user_id": args[0], "crm_user_name": *name, "oa_account": args[1], "oa_user_name": *oaName}
		if *kind != "" {
			b["kind"] = *kind
		}
		r := call{method: http.MethodPut, path: path("tenants", s.tenant, "connections", s.connection, "bindings"), body: b}
		if err := a.do(cmd.Context(), r, nil); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.stdout, c.t("%s is bound to %s\n", "%s 已绑定到 %s\n"), args[0], args[1])
		return err
	}
	return cmd
}

func (c *cli) bindingsRemoveCmd(s *scope) *cobra.Command {
	cmd := &cobra.Command{Use: "remove CRM_USER", Short: c.t("Remove a binding", "解除绑定"), Args: c.args(1, 1, "CRM_USER")}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a, err := c.enter(cmd, s, true)
		if err != nil {
			return err
		}
		r := call{method: http.MethodDelete, path: path("tenants", s.tenant, "connections", s.connection, "bindings"), query: url.Values{"user": {args[0]}}}
		if err := a.do(cmd.Context(), r, nil); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.stdout, c.t("%s is not bound any more\n", "%s 已解除绑定\n"), args[0])
		return err
	}
	return cmd
}
