package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// connectionColumns are the columns of a list of connections.
var connectionColumns = [...]column{
	{key: "tenant", en: "tenant", zh: "租户"},
	{key: "name", en: "name", zh: "名称"},
	{key: "title", en: "title", zh: "标题", max: 30},
	{key: "protocol", en: "protocol", zh: "协议"},
	{key: "heldFor", en: "state", zh: "状态", text: func(row map[string]any) string {
		if s := cell(row["heldFor"], true); s != "" {
			return s
		}
		return "running"
	}},
	{key: "heldSince", en: "since", zh: "自"},
	{key: "waiting", en: "waiting", zh: "等待"},
	{key: "failed", en: "failed", zh: "失败"},
	{key: "revision", en: "revision", zh: "版本"},
	{key: "message", en: "message", zh: "说明", max: 50},
	{key: "enabled", hidden: true},
	{key: "paused", hidden: true},
	{key: "preset", hidden: true},
	{key: "problem", hidden: true},
}

func (c *cli) connectionsCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "connections", Short: c.t("Connections: one OA system of one tenant each", "连接：每个连接对应某租户的一个 OA 系统")}
	s := c.serverFlags(cmd)
	list := &cobra.Command{Use: "list", Short: c.t("List connections and how they are", "列出连接及其状态"), Args: c.args(0, 0, "")}
	tenant := list.Flags().String("tenant", "", c.t("only of this tenant", "只列出该租户"))
	page := c.pagingFlags(list)
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		items, err := a.pages(cmd.Context(), path("connections"), only("tenant", *tenant), page)
		if err != nil {
			return err
		}
		return c.list(connectionColumns[:], items)
	}
	return c.group(cmd, list, c.connectionNewCmd(s),
		c.connectionCmd(s, "pause", c.t("Send nothing to a connection until it is resumed", "暂停某连接的发送"), http.MethodPost),
		c.connectionCmd(s, "resume", c.t("Let a paused connection go on", "恢复已暂停的连接"), http.MethodPost),
		c.connectionBackfillCmd(s), c.connectionDeleteCmd(s), c.connectionRevisionsCmd(s), c.connectionRestoreCmd(s),
	)
}

// only is a query of one parameter, or of none where it has no value.
func only(name, value string) url.Values {
	q := url.Values{}
	if value != "" {
		q.Set(name, value)
	}
	return q
}

// connectionCmd makes a command that does one thing to one connection.
func (c *cli) connectionCmd(s *server, verb, short, method string) *cobra.Command {
	cmd := &cobra.Command{Use: verb + " NAME", Short: short, Args: c.args(1, 1, "NAME"), Example: "  todosync connections " + verb + " seeyon-hq --tenant 714439"}
	tenant := cmd.Flags().String("tenant", "", c.t("its tenant; or write TENANT/NAME", "所属租户；也可写作 租户/名称"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, name, err := c.connectionName(cmd, *tenant, args[0])
		if err != nil {
			return err
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		return a.connectionState(cmd.Context(), call{method: method, path: path("tenants", t, "connections", name, verb)})
	}
	return cmd
}

// connectionState sends a call whose answer is a connection's state, and prints that.
func (a *client) connectionState(ctx context.Context, r call) error {
	var raw json.RawMessage
	if err := a.do(ctx, r, &raw); err != nil {
		return err
	}
	return a.cli.list(connectionColumns[:], []json.RawMessage{raw})
}

func (c *cli) connectionDeleteCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{Use: "delete NAME", Short: c.t("Delete a connection; its records stay", "删除连接；其同步记录保留"), Args: c.args(1, 1, "NAME")}
	tenant := cmd.Flags().String("tenant", "", c.t("its tenant; or write TENANT/NAME", "所属租户；也可写作 租户/名称"))
	cancel := cmd.Flags().Bool("cancel-waiting", false, c.t("cancel what still waits", "取消仍在等待的发送"))
	withdraw := cmd.Flags().Bool("withdraw", false, c.t("take its open todos out of the OA before, as a job", "先从 OA 撤回未完成的待办（作为任务运行）"))
	noWait := cmd.Flags().Bool("no-wait", false, c.t("with --withdraw: do not wait for the end of the job", "与 --withdraw 同用：不等待任务结束"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, name, err := c.connectionName(cmd, *tenant, args[0])
		if err != nil {
			return err
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		q := url.Values{}
		if *cancel {
			q.Set("cancelWaiting", "true")
		}
		remove := call{method: http.MethodDelete, path: path("tenants", t, "connections", name), query: q}
		if *withdraw {
			q.Set("withdraw", "true")
			return c.startJob(cmd.Context(), a, remove, *noWait)
		}
		if err := a.do(cmd.Context(), remove, nil); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.stdout, c.t("%s/%s is deleted\n", "%s/%s 已删除\n"), t, name)
		return err
	}
	return cmd
}

// connectionName reads NAME beside --tenant, or TENANT/NAME.
func (c *cli) connectionName(cmd *cobra.Command, tenant, arg string) (string, string, error) {
	if t, name, ok := strings.Cut(arg, "/"); ok && (tenant == "" || tenant == t) {
		return t, name, nil
	}
	if tenant == "" {
		return "", "", c.missing(cmd, "--tenant")
	}
	return tenant, arg, nil
}
