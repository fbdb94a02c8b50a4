package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"todosync/connector"
)

// recordColumns are the columns of a list of sync records.
var recordColumns = [...]column{
	{key: "id", en: "id", zh: "编号"},
	{key: "createdAt", en: "created", zh: "创建时间"},
	{key: "tenant", en: "tenant", zh: "租户"},
	{key: "connection", en: "connection", zh: "连接"},
	{key: "scene", en: "scene", zh: "场景"},
	{key: "state", en: "state", zh: "状态"},
	{key: "class", en: "class", zh: "原因"},
	{key: "todo", en: "todo", zh: "待办", max: 28},
	{key: "title", en: "title", zh: "标题", max: 36},
	{key: "receiver", en: "receiver", zh: "接收人", max: 20},
	{key: "oaAccount", en: "account", zh: "OA 账号", max: 20},
	{key: "tries", en: "tries", zh: "次数"},
	{key: "message", en: "message", zh: "说明", max: 60},
	{key: "code", hidden: true},
	{key: "eventId", hidden: true},
	{key: "revision", hidden: true},
	{key: "updatedAt", hidden: true},
	{key: "nextTryAt", hidden: true},
	{key: "possiblySentTwice", hidden: true},
	{key: "supersededBy", hidden: true},
	{key: "splitFrom", hidden: true},
	{key: "remoteId", hidden: true},
}

func (c *cli) recordsCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "records", Short: c.t("Sync records: what was sent to the OAs, and what came of it", "同步记录：向 OA 发送了什么，结果如何")}
	s := c.serverFlags(cmd)
	return c.group(cmd, c.recordsListCmd(s), c.recordsShowCmd(s), c.recordsRetryCmd(s), c.recordsCancelCmd(s), c.recordsPushCmd(s), c.recordsTailCmd(s), c.recordsExportCmd(s))
}

// filterFlags gives cmd the filters of sync records and a function that reads them.
func (c *cli) filterFlags(cmd *cobra.Command) func() (url.Values, error) {
	filters := [...]struct{ name, en, zh string }{
		{"tenant", "tenant", "租户"},
		{"connection", "connection", "连接"},
		{"scene", "create, edit, done, delete, remind or message", "场景：create、edit、done、delete、remind 或 message"},
		{"state", "pending, sending, retrying, held, succeeded, failed, skipped, superseded or canceled", "状态：pending、sending、retrying、held、succeeded、failed、skipped、superseded 或 canceled"},
		{"class", "why it failed or waits: network, business, unbound, ...", "失败或等待的原因：network、business、unbound 等"},
		{"todo", "todo id", "待办 id"},
		{"receiver", "CRM user id of the receiver", "接收人的 CRM 用户 id"},
		{"event", "event id", "事件 id"},
		{"from", "created at or after (RFC 3339)", "创建时间不早于（RFC 3339）"},
		{"to", "created before (RFC 3339)", "创建时间早于（RFC 3339）"},
		{"q", "a part of the title or message", "标题或说明中的文字"},
	}
	values := map[string]*string{}
	for _, f := range filters {
		text := c.t(f.en, f.zh)
		if f.name != "from" && f.name != "to" && f.name != "q" {
			text += c.t("; several with commas", "；可用逗号分隔多个")
		}
		values[f.name] = cmd.Flags().String(f.name, "", text)
	}
	return func() (url.Values, error) {
		q := url.Values{}
		for name, v := range values {
			if *v != "" {
				q.Set(name, *v)
			}
		}
		return q, c.checkFilters(q)
	}
}

// checkFilters finds values that no record can have.
func (c *cli) checkFilters(q url.Values) error {
	var wrong []string
	known := map[string][]string{}
	for _, s := range connector.Scenes() {
		known["scene"] = append(known["scene"], string(s))
	}
	for _, s := range connector.States() {
		known["state"] = append(known["state"], string(s))
	}
	for _, name := range []string{"scene", "state"} {
		for v := range strings.SplitSeq(q.Get(name), ",") {
			if v = strings.TrimSpace(v); v != "" && !slices.Contains(known[name], v) {
				wrong = append(wrong, fmt.Sprintf(c.t("--%s %s: want some of %s", "--%s %s：只能是 %s"), name, v, strings.Join(known[name], ", ")))
			}
		}
	}
	for _, name := range []string{"from", "to"} {
		if v := q.Get(name); v != "" {
			if _, err := time.Parse(time.RFC3339, v); err != nil {
				wrong = append(wrong, fmt.Sprintf(c.t("--%s %s: want a time such as 2024-11-05T09:30:00+08:00", "--%s %s：应为 2024-11-05T09:30:00+08:00 这样的时间"), name, v))
			}
		}
	}
	if len(wrong) > 0 {
		return &usageError{strings.Join(wrong, "\n"), ""}
	}
	return nil
}

func (c *cli) recordsListCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: c.t("List sync records, newest first", "列出同步记录，最新的在前"), Args: c.args(0, 0, "")}
	filters, page := c.filterFlags(cmd), c.pagingFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		q, err := filters()
		if err != nil {
			return err
		}
		items, err := a.pages(cmd.Context(), path("records"), q, page)
		if err != nil {
			return err
		}
		return c.list(recordColumns[:], items)
	}
	return cmd
}

func (c *cli) recordsShowCmd(s *server) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: c.t("Show one sync record with all its attempts", "查看一条同步记录及其每次尝试"), Args: c.args(1, 1, "ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.connect(s)
			if err != nil {
				return err
			}
			var raw json.RawMessage
			if err := a.do(cmd.Context(), call{method: http.MethodGet, path: path("records", args[0])}, &raw); err != nil {
				return err
			}
			return c.one(recordColumns[:], raw, func() error {
				var r connector.Record
				if err := json.Unmarshal(raw, &r); err != nil {
					return fmt.Errorf("read the record: %w", err)
				}
				c.showRecord(&r)
				return nil
			})
		},
	}
}

// showRecord prints a record for a person: what it is, then each attempt with its request and answer.
func (c *cli) showRecord(r *connector.Record) {
	c.facts(
		fact{"id", "编号", r.ID},
		fact{"tenant", "租户", r.Tenant},
		fact{"connection", "连接", fmt.Sprintf("%s (%s %d)", r.Connection, c.t("revision", "版本"), r.Revision)},
		fact{"event", "事件", r.EventID},
		fact{"todo", "待办", r.Todo + "  " + r.Title},
		fact{"scene", "场景", string(r.Scene)},
		fact{"receiver", "接收人", r.Receiver},
		fact{"OA account", "OA 账号", r.OAAccount},
		fact{"OA's own id", "OA 待办 id", r.RemoteID},
		fact{"state", "状态", c.stateText(r)},
		fact{"OA's answer", "OA 应答", strings.TrimSpace(r.Code + " " + r.Message)},
		fact{"tries", "次数", fmt.Sprint(r.Tries)},
		fact{"created", "创建时间", clock(r.CreatedAt)},
		fact{"updated", "更新时间", clock(r.UpdatedAt)},
		fact{"superseded by", "被取代于", r.SupersededBy},
		fact{"split from", "拆分自", r.SplitFrom},
	)
	if r.NextTryAt != nil && !r.NextTryAt.IsZero() {
		c.facts(fact{"next try", "下次尝试", clock(*r.NextTryAt)})
	}
	if r.PossiblySentTwice {
		fmt.Fprintln(c.stdout, c.t("The OA may have got this request twice.", "OA 可能收到过两次该请求。"))
	}
	for _, t := range r.Attempts {
		verdict := string(t.Class)
		if verdict == "" {
			verdict = c.t("success", "成功")
		}
		fmt.Fprintf(c.stdout, "\n%s %d  %s  %d ms  %s %s %s\n", c.t("attempt", "第几次："), t.Number, clock(t.StartedAt), t.DurationMs,
			verdict, oneLine(t.Code), oneLine(t.Message))
		fmt.Fprintf(c.stdout, "  > %s %s\n", t.Request.Method, oneLine(t.Request.Address))
		for _, h := range t.Request.Headers {
			fmt.Fprintf(c.stdout, "  > %s: %s\n", h.Name, oneLine(h.Value))
		}
		indent(c.stdout, "  > ", t.Request.Body)
		if t.Response.Status == 0 {
			fmt.Fprintln(c.stdout, "  < "+c.t("no answer", "没有应答"))
			continue
		}
		fmt.Fprintf(c.stdout, "  < %d %s\n", t.Response.Status, http.StatusText(t.Response.Status))
		for _, h := range t.Response.Headers {
			fmt.Fprintf(c.stdout, "  < %s: %s\n", h.Name, oneLine(h.Value))
		}
		indent(c.stdout, "  < ", t.Response.Body)
	}
}

// stateText is a record's state with its reason.
func (c *cli) stateText(r *connector.Record) string {
	if r.Class == "" {
		return string(r.State)
	}
	return fmt.Sprintf("%s (%s)", r.State, r.Class)
}

// A fact is one line of a printed object.
type fact struct{ en, zh, value string }

// facts prints lines with their names aligned, those without a value left out.
func (c *cli) facts(lines ...fact) {
	for _, l := range lines {
		if l.value != "" {
			fmt.Fprintf(c.stdout, "%s %s\n", pad(c.t(l.en, l.zh)+":", 15), oneLine(l.value))
		}
	}
}

func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05.000")
}

// indent prints a text with a mark before each of its lines.
func indent(w io.Writer, mark, s string) {
	if s == "" {
		return
	}
	fmt.Fprintln(w, strings.TrimSpace(mark))
	for line := range strings.SplitSeq(strings.TrimRight(s, "\r\n"), "\n") {
		fmt.Fprintln(w, mark+oneLine(line))
	}
}

func (c *cli) recordsExportCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{
		Use: "export", Short: c.t("Write sync records out, as JSON lines or CSV (-o csv)", "导出同步记录：JSON 行或 CSV(-o csv)"), Args: c.args(0, 0, ""),
	}
	filters := c.filterFlags(cmd)
	file := cmd.Flags().String("file", "", c.t("file to write to (default: standard output)", "写入的文件（默认标准输出）"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		q, err := filters()
		if err != nil {
			return err
		}
		switch c.output {
		case "", "json":
			q.Set("format", "jsonl")
		case "csv":
			q.Set("format", "csv")
		default:
			return &usageError{fmt.Sprintf(c.t("records export writes json or csv, not %s", "records export 只能导出 json 或 csv，不支持 %s"), c.output), ""}
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		resp, err := a.open(cmd.Context(), call{method: http.MethodGet, path: path("records", "export"), query: q})
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		return c.save(*file, resp.Body)
	}
	return cmd
}
