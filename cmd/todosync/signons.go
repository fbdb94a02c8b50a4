package main

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
)

var signOnColumns = [...]column{
	{key: "number", en: "number", zh: "编号"},
	{key: "time", en: "time", zh: "时间"},
	{key: "tenant", en: "tenant", zh: "租户"},
	{key: "connection", en: "connection", zh: "连接"},
	{key: "account", en: "account", zh: "OA 账号"},
	{key: "userId", en: "user", zh: "CRM 用户"},
	{key: "outcome", en: "outcome", zh: "结果"},
	{key: "why", en: "why", zh: "原因", max: 80},
	{key: "skewMs", en: "skew ms", zh: "时钟差 ms"},
	{key: "address", en: "address", zh: "来源地址"},
}

func (c *cli) signOnsCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "sign-ons [NUMBER]", Short: c.t("Who came from an OA, and why somebody was not let in", "从 OA 登录的记录，以及未能登录的原因"), Args: c.args(0, 1, ""),
		Example: "  todosync sign-ons 7KQ2M9XD\n  todosync sign-ons --outcome no_binding --tenant 714439\n  todosync sign-ons --follow",
	}
	s := c.serverFlags(cmd)
	cmd.AddCommand(c.signOnsRotateCmd(s))
	f := cmd.Flags()
	flags := map[string]*string{
		"tenant": f.String("tenant", "", c.t("tenant", "租户")), "connection": f.String("connection", "", c.t("connection", "连接")),
		"outcome": f.String("outcome", "", c.t("outcome: signed_on, bad_proof, no_binding ...", "结果：signed_on、bad_proof、no_binding 等")),
		"user":    f.String("user", "", c.t("CRM user id", "CRM 用户 id")), "account": f.String("account", "", c.t("OA account", "OA 账号")),
		"from": f.String("from", "", c.t("at this time or later (RFC 3339)", "起始时间（RFC 3339）")), "to": f.String("to", "", c.t("before this time", "结束时间")),
	}
	follow := f.Bool("follow", false, c.t("show them as they come, until Ctrl-C", "持续显示新的记录，按 Ctrl-C 结束"))
	p := c.pagingFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		q := url.Values{}
		for name, v := range flags {
			if *v != "" {
				q.Set(name, *v)
			}
		}
		if len(args) > 0 {
			q.Set("number", args[0])
		}
		if *follow {
			return c.followSignOns(cmd.Context(), a, q)
		}
		items, err := a.pages(cmd.Context(), path("sign-ons"), q, p)
		if err != nil {
			return err
		}
		if len(args) > 0 && len(items) == 0 {
			return &failure{
				msg:  fmt.Sprintf(c.t("there is no sign-on %s", "没有编号为 %s 的登录"), args[0]),
				hint: c.t("Numbers are as the page showed them; entries go with their age.", "编号以页面显示的为准；记录到期会被清除。"),
			}
		}
		return c.list(signOnColumns[:], items)
	}
	return cmd
}
