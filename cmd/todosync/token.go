package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

var tokenColumns = [...]column{
	{key: "id", en: "id", zh: "编号"},
	{key: "name", en: "name", zh: "名称"},
	{key: "role", en: "role", zh: "角色"},
	{key: "scopes", en: "scopes", zh: "权限范围"},
	{key: "tenants", en: "tenants", zh: "租户"},
	{key: "createdBy", en: "made by", zh: "创建者"},
	{key: "createdAt", en: "made", zh: "创建时间"},
	{key: "expiresAt", en: "expires", zh: "到期"},
	{key: "lastUsedAt", en: "last used", zh: "最近使用"},
}

func (c *cli) tokenCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: c.t("Tokens for the API", "API 令牌")}
	s := c.serverFlags(cmd)
	revoke := &cobra.Command{
		Use: "revoke ID...", Short: c.t("Take tokens away: they are good for nothing from now on", "撤销令牌：立即失效"), Args: c.args(1, -1, "ID..."),
		RunE: func(cmd *cobra.Command, ids []string) error {
			a, err := c.connect(s)
			if err != nil {
				return err
			}
			return c.each(tokenColumns[:2], ids, func(id string) ([]json.RawMessage, error) {
				if err := a.do(cmd.Context(), call{method: http.MethodDelete, path: path("tokens", id)}, nil); err != nil {
					return nil, err
				}
				done, err := json.Marshal(map[string]string{"id": id})
				return []json.RawMessage{done}, err
			})
		},
	}
	list := &cobra.Command{Use: "list", Short: c.t("List tokens", "列出令牌"), Args: c.args(0, 0, "")}
	p := c.pagingFlags(list)
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		items, err := a.pages(cmd.Context(), path("tokens"), url.Values{}, p)
		if err != nil {
			return err
		}
		return c.list(tokenColumns[:], items)
	}
	return c.group(cmd, c.tokenCreateCmd(s), list, revoke)
}

func (c *cli) tokenCreateCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{
		Use: "create NAME", Short: c.t("Make a token for who or what NAME says; it is printed this once", "为 NAME 创建令牌；仅此一次显示"), Args: c.args(1, 1, "NAME"),
		Example: "  todosync token create crm --scope events:write --tenant 714439\n  todosync token create \"ops dashboard\" --role viewer --expires 90d",
	}
	f := cmd.Flags()
	role := f.String("role", "", c.t("viewer, operator, integrator or admin", "viewer、operator、integrator 或 admin"))
	scopes := f.StringSlice("scope", nil, c.t("events:write, tickets:redeem or import; may be repeated", "events:write、tickets:redeem 或 import；可重复"))
	tenants := f.StringSlice("tenant", nil, c.t("whose data it may see; may be repeated; all by default", "可访问的租户；可重复；默认全部"))
	var expires span
	f.Var(&expires, "expires", c.t("for how long it is good, such as 90d; for ever by default", "有效期，例如 90d；默认永久"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *role == "" && len(*scopes) == 0 {
			return &usageError{c.t("--role or --scope is needed", "需要 --role 或 --scope"), c.helpHint(cmd)}
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		body := map[string]any{"name": args[0], "role": *role, "scopes": *scopes, "tenants": *tenants}
		if d := time.Duration(expires); d > 0 {
			body["expiresAt"] = time.Now().Add(d).UTC().Format(time.RFC3339)
		}
		var raw json.RawMessage
		if err := a.do(cmd.Context(), call{method: http.MethodPost, path: path("tokens"), body: body}, &raw); err != nil {
			return err
		}
		return c.one(tokenColumns[:], raw, func() error {
			var made struct{ ID, Token string }
			if err := json.Unmarshal(raw, &made); err != nil {
				return fmt.Errorf("read the token: %w", err)
			}
			fmt.Fprintln(c.stderr, c.t("Keep it now: it cannot be shown again. Take it away with: todosync token revoke ", "请立即保存，之后无法再次查看。撤销：todosync token revoke ")+made.ID)
			_, err := fmt.Fprintln(c.stdout, made.Token)
			return err
		})
	}
	return cmd
}

var auditColumns = [...]column{
	{key: "at", en: "at", zh: "时间"},
	{key: "who", en: "who", zh: "操作者"},
	{key: "what", en: "what", zh: "操作"},
	{key: "tenant", en: "tenant", zh: "租户"},
	{key: "target", en: "target", zh: "对象"},
	{key: "detail", en: "detail", zh: "详情"},
	{key: "address", en: "from", zh: "来源地址"},
	{key: "way", en: "way", zh: "方式", hidden: true},
}

func (c *cli) auditCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: c.t("What people changed, newest first", "操作审计，最新在前"), Args: c.args(0, 0, "")}
	s := c.serverFlags(cmd)
	f := cmd.Flags()
	tenant := f.String("tenant", "", c.t("tenant", "租户"))
	who := f.String("who", "", c.t("who did it", "操作者"))
	what := f.String("what", "", c.t("what was done, as it begins: secret, job, token ...", "操作的开头：secret、job、token 等"))
	address := f.String("address", "", c.t("from where it was done", "来源地址"))
	p := c.pagingFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		q := url.Values{}
		for name, v := range map[string]string{"tenant": *tenant, "who": *who, "what": *what, "address": *address} {
			if v != "" {
				q.Set(name, v)
			}
		}
		items, err := a.pages(cmd.Context(), path("audit"), q, p)
		if err != nil {
			return err
		}
		return c.list(auditColumns[:], items)
	}
	return cmd
}
