package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"todosync/connector"
)

// rejectedColumns are the columns of the list of rejected events.
var rejectedColumns = [...]column{
	{key: "id", en: "id", zh: "编号"},
	{key: "receivedAt", en: "received", zh: "接收时间"},
	{key: "tenant", en: "tenant", zh: "租户"},
	{key: "subject", en: "subject", zh: "主题", max: 50},
	{key: "sequence", en: "sequence", zh: "序号"},
	{key: "size", en: "bytes", zh: "字节"},
	{key: "path", en: "path", zh: "位置"},
	{key: "reason", en: "reason", zh: "原因", max: 80},
}

func (c *cli) rejectedCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "rejected", Short: c.t("Messages that were no acceptable event", "未被接受的消息")}
	s := c.serverFlags(cmd)
	list := &cobra.Command{Use: "list", Short: c.t("List them, newest first", "列出，最新的在前"), Args: c.args(0, 0, "")}
	tenant := list.Flags().String("tenant", "", c.t("only of this tenant", "只列出该租户"))
	text := list.Flags().String("q", "", c.t("an id or a word that stands in them", "其中出现的 ID 或文字"))
	page := c.pagingFlags(list)
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		query := only("tenant", *tenant)
		if *text != "" {
			query.Set("q", *text)
		}
		items, err := a.pages(cmd.Context(), path("rejected"), query, page)
		if err != nil {
			return err
		}
		return c.list(rejectedColumns[:], items)
	}
	show := &cobra.Command{
		Use: "show ID", Short: c.t("Show one whole, with its payload", "查看一条，含完整内容"), Args: c.args(1, 1, "ID"),
		RunE: func(cmd *cobra.Command, args []string) error { return c.showRejected(cmd, s, args[0]) },
	}
	replay := &cobra.Command{
		Use: "replay ID...", Short: c.t("Plan them again, as of their places in the stream", "按其在流中的位置重新处理"), Args: c.args(1, -1, "ID..."),
		RunE: func(cmd *cobra.Command, args []string) error { return c.replay(cmd, s, args) },
	}
	return c.group(cmd, list, show, replay)
}

func (c *cli) showRejected(cmd *cobra.Command, s *server, id string) error {
	a, err := c.connect(s)
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if err := a.do(cmd.Context(), call{method: http.MethodGet, path: path("rejected", id)}, &raw); err != nil {
		return err
	}
	return c.one(rejectedColumns[:], raw, func() error {
		var r connector.RejectedEvent
		if err := json.Unmarshal(raw, &r); err != nil {
			return fmt.Errorf("read the rejected event: %w", err)
		}
		c.facts(
			fact{"id", "编号", r.ID}, fact{"tenant", "租户", r.Tenant}, fact{"subject", "主题", r.Subject},
			fact{"sequence", "序号", fmt.Sprint(r.Sequence)}, fact{"received", "接收时间", clock(r.ReceivedAt)},
			fact{"bytes", "字节", fmt.Sprint(r.Size)}, fact{"path", "位置", r.Path}, fact{"reason", "原因", r.Reason},
		)
		for name, values := range r.Header {
			for _, v := range values {
				c.facts(fact{name, name, v})
			}
		}
		indent(c.stdout, "  | ", r.Payload)
		return nil
	})
}

func (c *cli) replay(cmd *cobra.Command, s *server, ids []string) error {
	a, err := c.connect(s)
	if err != nil {
		return err
	}
	return c.each(eventColumns[:], ids, func(id string) ([]json.RawMessage, error) {
		var raw json.RawMessage
		if err := a.do(cmd.Context(), call{method: http.MethodPost, path: path("rejected", id, "replay")}, &raw); err != nil {
			return nil, err
		}
		return []json.RawMessage{raw}, nil
	})
}
