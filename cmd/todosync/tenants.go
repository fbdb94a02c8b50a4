package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

// tenantColumns are the columns of the list of tenants.
var tenantColumns = [...]column{
	{key: "tenant", en: "tenant", zh: "租户"},
	{key: "title", en: "title", zh: "名称", max: 40},
	{key: "connections", en: "connections", zh: "连接数"},
	{key: "revision", en: "revision", zh: "版本"},
}

func (c *cli) tenantsCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "tenants", Short: c.t("Tenants: one CRM enterprise each; alone it lists them", "租户：每个对应一家 CRM 企业；不带子命令时列出")}
	s := c.serverFlags(cmd)
	list := &cobra.Command{Use: "list", Short: c.t("List tenants", "列出租户"), Args: c.args(0, 0, "")}
	page := c.pagingFlags(list)
	list.RunE = func(cmd *cobra.Command, _ []string) error { return c.listTenants(cmd, s, page) }
	c.group(cmd, list, c.tenantDeleteCmd(s), c.tenantRevisionsCmd(s), c.tenantRestoreCmd(s))
	alone := c.pagingFlags(cmd)
	other := cmd.RunE // what it says to a word that is no command
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return other(cmd, args)
		}
		return c.listTenants(cmd, s, alone)
	}
	return cmd
}

func (c *cli) listTenants(cmd *cobra.Command, s *server, page *paging) error {
	a, err := c.connect(s)
	if err != nil {
		return err
	}
	items, err := a.pages(cmd.Context(), path("tenants"), url.Values{}, page)
	if err != nil {
		return err
	}
	return c.list(tenantColumns[:], items)
}

func (c *cli) tenantDeleteCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete TENANT", Short: c.t("Erase all that is kept of a tenant", "清除某租户的全部数据"), Args: c.args(1, 1, "TENANT"),
		Long: c.t(`Erases all that is kept of a tenant, as a job: connections, bindings, secrets, events, records, digests, sign-ons, tokens for it alone. What
waits is canceled; the todos stay in the OAs (connections delete --withdraw takes them out before). The audit keeps one line. What the
stream still holds of the tenant goes with its age.`,
			`清除某租户的全部数据（作为任务运行）：连接、账号绑定、密钥、事件、同步记录、摘要、登录记录及仅用于该租户的令牌。等待中的发送会被取消；
OA 中的待办保留（可先用 connections delete --withdraw 撤回）。审计中保留一行。消息流中该租户的消息到期后自动消失。`),
		Example: "  todosync tenants delete 714439",
	}
	yes := cmd.Flags().Bool("yes", false, c.t("do not ask", "不再询问"))
	noWait := cmd.Flags().Bool("no-wait", false, c.t("do not wait for the end of the job", "不等待任务结束"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		if !*yes {
			ask := c.t("All that is kept of tenant %s is erased, for good. Go on?", "租户 %s 的全部数据将被永久清除，继续吗？")
			if !terminal(c.stdin) {
				return c.missing(cmd, "--yes")
			}
			if ok, err := c.confirm(fmt.Sprintf(ask, args[0])); err != nil || !ok {
				return errors.Join(err, errTold)
			}
		}
		return c.startJob(cmd.Context(), a, call{method: http.MethodDelete, path: path("tenants", args[0])}, *noWait)
	}
	return cmd
}
