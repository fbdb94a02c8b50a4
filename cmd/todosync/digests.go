package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"todosync/notify"
	"todosync/web/api"
)

// digestColumns are the columns of the list of digests.
var digestColumns = [...]column{
	{key: "id", en: "id", zh: "编号"},
	{key: "tenant", en: "tenant", zh: "租户"},
	{key: "window.from", en: "from", zh: "开始"},
	{key: "window.to", en: "to", zh: "结束"},
	{key: "severity", en: "severity", zh: "级别"},
	{key: "counts", en: "failures", zh: "失败数", text: digestTotal},
	{key: "channels", en: "channels", zh: "通道", text: digestChannels, max: 60},
	{key: "title", en: "title", zh: "标题", max: 80},
}

// testColumns are the columns of what came of a sample.
var testColumns = [...]column{
	{key: "tenant", en: "tenant", zh: "租户"},
	{key: "channel", en: "channel", zh: "通道"},
	{key: "type", en: "type", zh: "类型"},
	{key: "sent", en: "sent", zh: "已发送"},
	{key: "tookMs", en: "ms", zh: "毫秒"},
	{key: "error", en: "error", zh: "错误"},
}

// digestTotal is how many failures a digest tells.
func digestTotal(row map[string]any) string {
	total := int64(0)
	counts, _ := row["counts"].(map[string]any)
	for _, n := range counts {
		if v, ok := n.(json.Number); ok {
			x, err := v.Int64()
			if err == nil {
				total += x
			}
		}
	}
	return fmt.Sprint(total)
}

// digestChannels says what came of a digest at each channel.
func digestChannels(row map[string]any) string {
	var out []string
	channels, _ := row["channels"].([]any)
	for _, c := range channels {
		if m, ok := c.(map[string]any); ok {
			out = append(out, fmt.Sprintf("%v %v", m["channel"], m["state"]))
		}
	}
	return strings.Join(out, ", ")
}

func (c *cli) digestsCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "digests", Short: c.t("What people were told of failures", "失败通知汇总")}
	s := c.serverFlags(cmd)
	list := &cobra.Command{Use: "list", Short: c.t("List them, newest first", "列出，最新的在前"), Args: c.args(0, 0, "")}
	tenant := list.Flags().String("tenant", "", c.t("only of this tenant", "只列出该租户"))
	from := list.Flags().String("from", "", c.t("windows that end after this time", "在此时间之后结束的窗口"))
	to := list.Flags().String("to", "", c.t("windows that begin before this time", "在此时间之前开始的窗口"))
	page := c.pagingFlags(list)
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		query := only("tenant", *tenant)
		for name, value := range map[string]string{"from": *from, "to": *to} {
			if value != "" {
				query.Set(name, value)
			}
		}
		items, err := a.pages(cmd.Context(), path("digests"), query, page)
		if err != nil {
			return err
		}
		return c.list(digestColumns[:], items)
	}
	show := &cobra.Command{
		Use: "show ID", Short: c.t("Show one as people got it, with what came of it", "查看一条的正文与发送结果"), Args: c.args(1, 1, "ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.digest(cmd, s, call{method: http.MethodGet, path: path("digests", args[0])})
		},
	}
	return c.group(cmd, list, show, c.digestsResendCmd(s), c.digestsTestCmd(s), c.digestsKeyCmd(s))
}

func (c *cli) digestsResendCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{
		Use: "resend ID", Args: c.args(1, 1, "ID"),
		Short: c.t("Send one again, to all of the tenant's channels or to one", "重新发送一条，到全部通道或指定通道"),
	}
	channel := cmd.Flags().String("channel", "", c.t("only to this channel", "只发送到该通道"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.digest(cmd, s, call{method: http.MethodPost, path: path("digests", args[0], "resend"), body: map[string]string{"channel": *channel}})
	}
	return cmd
}

func (c *cli) digestsTestCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{
		Use: "test", Args: c.args(0, 0, ""), Short: c.t("Send a sample to one channel and see what comes of it", "向一个通道发送样例，查看结果"),
		Example: "  todosync digests test --tenant 714439 --channel email",
	}
	tenant := cmd.Flags().String("tenant", "", c.t("the tenant", "租户"))
	channel := cmd.Flags().String("channel", "", c.t("name or type of the channel; may be left out where there is one", "通道名称或类型；只有一个时可省略"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *tenant == "" {
			return &usageError{c.t("--tenant is missing", "缺少 --tenant"), c.helpHint(cmd)}
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := a.do(cmd.Context(), call{method: http.MethodPost, path: path("digests", "test"), body: map[string]string{"tenant": *tenant, "channel": *channel}}, &raw); err != nil {
			return err
		}
		var got api.ChannelTest
		if err := json.Unmarshal(raw, &got); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		err = c.one(testColumns[:], raw, func() error {
			if got.Sent {
				fmt.Fprintf(c.stdout, c.t("%s took the sample %s in %d ms.\n", "%s 已收到样例 %s，耗时 %d 毫秒。\n"), got.Channel, got.Digest, got.TookMs)
			}
			return nil
		})
		if err == nil && !got.Sent {
			return fmt.Errorf(c.t("%s did not take the sample: %s", "%s 未收到样例：%s"), got.Channel, got.Error)
		}
		return err
	}
	return cmd
}

func (c *cli) digestsKeyCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{
		Use: "key", Args: c.args(0, 0, ""),
		Short: c.t("Show the key that signs digests for webhooks without a secret of their own", "显示用于签名的密钥（未单独设置 secret 的 webhook）"),
	}
	tenant := cmd.Flags().String("tenant", "", c.t("the tenant", "租户"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *tenant == "" {
			return &usageError{c.t("--tenant is missing", "缺少 --tenant"), c.helpHint(cmd)}
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := a.do(cmd.Context(), call{method: http.MethodGet, path: path("tenants", *tenant, "webhook-key")}, &raw); err != nil {
			return err
		}
		columns := [...]column{{key: "tenant", en: "tenant", zh: "租户"}, {key: "key", en: "key", zh: "密钥"}}
		return c.one(columns[:], raw, func() error {
			var got struct{ Key string }
			if err := json.Unmarshal(raw, &got); err != nil {
				return fmt.Errorf("read the answer: %w", err)
			}
			fmt.Fprintln(c.stdout, got.Key)
			return nil
		})
	}
	return cmd
}

// digest prints the digest that a call answers.
func (c *cli) digest(cmd *cobra.Command, s *server, ask call) error {
	a, err := c.connect(s)
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if err := a.do(cmd.Context(), ask, &raw); err != nil {
		return err
	}
	return c.one(digestColumns[:], raw, func() error {
		var d notify.Kept
		if err := json.Unmarshal(raw, &d); err != nil {
			return fmt.Errorf("read the digest: %w", err)
		}
		c.facts(fact{"id", "编号", d.ID}, fact{"tenant", "租户", d.Tenant}, fact{"title", "标题", d.Title})
		for _, o := range d.Channels {
			state := string(o.State)
			if o.Sent != nil {
				state += " " + clock(*o.Sent)
			}
			if o.NextTry != nil && o.Tries > 0 {
				state += " " + fmt.Sprintf(c.t("(tries: %d, next %s)", "（已试 %d 次，下次 %s）"), o.Tries, clock(*o.NextTry))
			}
			if o.JoinedTo != "" {
				state += " " + o.JoinedTo
			}
			if o.Error != "" {
				state += ": " + o.Error
			}
			c.facts(fact{o.Channel, o.Channel, state})
		}
		indent(c.stdout, "  | ", d.Text)
		return nil
	})
}
