package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// eventColumns are the columns of the list of events and what became of them.
var eventColumns = [...]column{
	{key: "id", en: "event", zh: "事件", max: 40},
	{key: "receivedAt", en: "received", zh: "接收时间"},
	{key: "tenant", en: "tenant", zh: "租户"},
	{key: "kind", en: "kind", zh: "类别"},
	{key: "action", en: "action", zh: "动作"},
	{key: "todo", en: "todo", zh: "待办", max: 40},
	{key: "sequence", en: "sequence", zh: "序号"},
	{key: "duplicates", en: "duplicates", zh: "重复"},
	{key: "outcome", hidden: true},
	{key: "connections", en: "what became of it", zh: "处理结果", text: became},
}

// became tells each connection's outcome, with the number of deliveries where there are some.
func became(row map[string]any) string {
	list, _ := row["connections"].([]any)
	if len(list) == 0 {
		return cell(row["outcome"], true)
	}
	parts := make([]string, 0, len(list))
	for _, e := range list {
		one, _ := e.(map[string]any)
		text := cell(one["connection"], true) + ": " + cell(one["outcome"], true)
		if deliveries, _ := one["deliveries"].([]any); len(deliveries) > 0 {
			text += fmt.Sprintf(" (%d)", len(deliveries))
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func (c *cli) eventsCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "events", Short: c.t("Accepted events and what became of each: why is this todo not there?", "已接收的事件及其处理结果：某个待办为什么没有出现？"),
		Args: c.args(0, 0, ""), Example: "  todosync events --tenant 714439 --todo 67298f0c9b3c1a0001a2b3c4",
	}
	s, page := c.serverFlags(cmd), c.pagingFlags(cmd)
	tenant := cmd.Flags().String("tenant", "", c.t("tenant", "租户"))
	todo := cmd.Flags().String("todo", "", c.t("todo id", "待办 id"))
	id := cmd.Flags().String("id", "", c.t("event id", "事件 id"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		q := url.Values{}
		for name, v := range map[string]string{"tenant": *tenant, "todo": *todo, "id": *id} {
			if v != "" {
				q.Set(name, v)
			}
		}
		items, err := a.pages(cmd.Context(), path("events"), q, page)
		if err != nil {
			return err
		}
		return c.list(eventColumns[:], items)
	}
	return cmd
}
