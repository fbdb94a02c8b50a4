package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"todosync/connector"
	"todosync/web/api"
)

// The ways to render what goes again.
const (
	renderNew = "new"
	renderOld = "old"
)

// A retrying holds the flags of `records retry`.
type retrying struct {
	rendering    string
	preview, yes bool
	many         manyFlags
}

func (c *cli) recordsRetryCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{
		Use: "retry [ID...]", Short: c.t("Send records again, by id or filter", "重新发送记录：按编号或筛选条件"), Args: c.args(0, -1, ""),
		Long: c.t(`Sends records again, with their full number of tries: those named by their ids, or all that match the filter flags, as a job that
is paced so that what comes from the CRM keeps its delay. Where the todo has had a newer one sent, the record ends superseded by that: to
bring the newest state to the OA again, use records push.`,
			`重新发送记录并恢复全部重试次数：可指定编号，也可用筛选条件批量处理；批量处理作为任务运行，限速进行，不影响来自 CRM 的实时待办。
如果该待办已发送过更新的内容，则记录以“被取代”结束；要把最新状态再次推送到 OA，请用 records push。`),
		Example: "  todosync records retry --state failed --class http_5xx --connection seeyon-hq\n  todosync records retry 01JBXA7Q3M8Z --preview",
	}
	r := &retrying{}
	filters := c.filterFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&r.rendering, "rendering", renderNew, c.t("new: with today's mapping; old: as it was rendered before", "new：按当前映射；old：按原来渲染的请求"))
	f.BoolVar(&r.preview, "preview", false, c.t("only show what would be sent, and how it differs from before", "只显示将要发送的内容及与之前的差异"))
	f.BoolVarP(&r.yes, "yes", "y", false, c.t("do not ask; take those that have succeeded too", "不询问；包括已成功的记录"))
	c.manyFlags(cmd, &r.many)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		q, err := filters()
		if err != nil {
			return err
		}
		if r.rendering != renderNew && r.rendering != renderOld {
			return &usageError{fmt.Sprintf(c.t("--rendering %s: want new or old", "--rendering %s：只能是 new 或 old"), r.rendering), ""}
		}
		if err := c.idsOrFilter(cmd, args, q); err != nil {
			return err
		}
		if r.preview && len(args) == 0 {
			return &usageError{c.t("--preview wants the ids of records", "--preview 需要记录编号"), c.helpHint(cmd)}
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		switch {
		case r.preview:
			return c.previewRetries(cmd, a, args)
		case len(args) > 0:
			return c.retryEach(cmd, a, args, r)
		}
		body := map[string]any{"rendering": r.rendering, "confirmSucceeded": r.yes}
		if !r.yes && strings.Contains(","+q.Get("state")+",", ",succeeded,") {
			ok, err := c.confirm(c.t("The OA will get what has succeeded again. Go on?", "已成功的记录会再次发送到 OA，继续吗？"))
			if err != nil || !ok {
				return errors.Join(err, errTold)
			}
			body["confirmSucceeded"] = true
		}
		return c.many(cmd, a, path("records", "retry"), q, body, r.yes, &r.many)
	}
	return cmd
}

// idsOrFilter refuses a command that names neither records nor a filter, or both.
func (c *cli) idsOrFilter(cmd *cobra.Command, ids []string, q url.Values) error {
	switch {
	case len(ids) > 0 && len(q) > 0:
		return &usageError{c.t("name records by their ids or by a filter, not both", "记录编号和筛选条件不能同时给出"), c.helpHint(cmd)}
	case len(ids) == 0 && len(q) == 0:
		return &usageError{c.t("name records by their ids, or by a filter such as --state failed", "请给出记录编号，或筛选条件，例如 --state failed"), c.helpHint(cmd)}
	}
	return nil
}

// confirm asks a person. Where nobody can be asked it says how to say yes beforehand.
func (c *cli) confirm(question string) (bool, error) {
	f, ok := c.stdin.(*os.File)
	if !ok || !terminal(f) {
		return false, &failure{msg: question, hint: c.t("Nobody can be asked here: give --yes.", "此处无法询问：请加 --yes。")}
	}
	fmt.Fprint(c.stderr, question+c.t(" [y/N] ", " [y/N] "))
	line, err := bufio.NewReader(f).ReadString('\n')
	if err != nil {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	line = strings.ToLower(strings.TrimSpace(line))
	return line == "y" || line == "yes" || line == "是", nil
}

// retryEach sends named records again, one by one.
func (c *cli) retryEach(cmd *cobra.Command, a *client, ids []string, r *retrying) error {
	return c.each(recordColumns[:], ids, func(id string) ([]json.RawMessage, error) {
		raw, err := c.retryOne(cmd, a, id, r)
		if err != nil {
			return nil, err
		}
		var rec connector.Record
		if err := json.Unmarshal(raw, &rec); err == nil && rec.State == connector.Superseded {
			fmt.Fprintf(c.stderr, c.t("%s: nothing is sent: its todo has had a newer one sent, %s. To bring its newest state to the OA: todosync records push %s\n",
				"%s：未发送：该待办已发送过更新的记录 %s。要把最新状态推送到 OA：todosync records push %s\n"), id, rec.SupersededBy, id)
		}
		return []json.RawMessage{raw}, nil
	})
}

func (c *cli) retryOne(cmd *cobra.Command, a *client, id string, r *retrying) (raw json.RawMessage, err error) {
	confirmed := r.yes
	if !confirmed {
		var rec connector.Record
		if err := a.do(cmd.Context(), call{method: http.MethodGet, path: path("records", id)}, &rec); err != nil {
			return nil, err
		}
		if rec.State == connector.Succeeded {
			ok, err := c.confirm(fmt.Sprintf(c.t("%s has succeeded already: the OA will get it again. Go on?", "%s 已成功，OA 会再次收到，继续吗？"), id))
			if err != nil {
				return nil, err
			}
			if !ok {
				return nil, errTold
			}
			confirmed = true
		}
	}
	body := map[string]any{"rendering": r.rendering, "confirmSucceeded": confirmed}
	err = a.do(cmd.Context(), call{method: http.MethodPost, path: path("records", id, "retry"), body: body}, &raw)
	return raw, err
}

// previewRetries shows what retries would send.
func (c *cli) previewRetries(cmd *cobra.Command, a *client, ids []string) error {
	for _, id := range ids {
		var raw json.RawMessage
		if err := a.do(cmd.Context(), call{method: http.MethodGet, path: path("records", id, "retry")}, &raw); err != nil {
			return err
		}
		err := c.one([]column{{key: "problem"}, {key: "difference"}}, raw, func() error {
			var r connector.Rehearsal
			if err := json.Unmarshal(raw, &r); err != nil {
				return fmt.Errorf("read the preview: %w", err)
			}
			c.showRehearsal(id, &r)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *cli) showRehearsal(id string, r *connector.Rehearsal) {
	fmt.Fprintf(c.stdout, c.t("%s: - as before, + with today's mapping\n", "%s：- 为原来的请求，+ 为按当前映射的请求\n"), shown(id))
	if r.Before == nil {
		fmt.Fprintln(c.stdout, c.t("No earlier request of it is kept.", "没有保留它之前的请求。"))
	}
	if r.Problem != "" {
		fmt.Fprintln(c.stdout, c.t("Today's mapping makes no request: ", "当前映射无法生成请求：")+oneLine(r.Problem))
	}
	for _, l := range r.Difference {
		switch l = oneLine(l); {
		case strings.HasPrefix(l, "-"):
			l = c.paint(red, l)
		case strings.HasPrefix(l, "+"):
			l = c.paint(green, l)
		}
		fmt.Fprintln(c.stdout, l)
	}
}

func (c *cli) recordsCancelCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{
		Use: "cancel [ID...]", Short: c.t("End records that still wait, by id or filter", "取消仍在等待的记录：按编号或筛选条件"), Args: c.args(0, -1, ""),
		Example: "  todosync records cancel --state held --connection seeyon-hq --receiver 1002",
	}
	filters := c.filterFlags(cmd)
	var m manyFlags
	yes := cmd.Flags().BoolP("yes", "y", false, c.t("do not ask", "不询问"))
	c.manyFlags(cmd, &m)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		q, err := filters()
		if err != nil {
			return err
		}
		if err := c.idsOrFilter(cmd, args, q); err != nil {
			return err
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		if len(args) == 0 {
			return c.many(cmd, a, path("records", "cancel"), q, map[string]any{}, *yes, &m)
		}
		return c.each(recordColumns[:], args, func(id string) ([]json.RawMessage, error) {
			var raw json.RawMessage
			err := a.do(cmd.Context(), call{method: http.MethodPost, path: path("records", id, "cancel")}, &raw)
			if err != nil {
				return nil, err
			}
			return []json.RawMessage{raw}, nil
		})
	}
	return cmd
}

func (c *cli) recordsPushCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{
		Use: "push [ID...]", Short: c.t("Send the newest state of a todo to its OA again", "把待办的最新状态再次推送到 OA"), Args: c.args(0, -1, ""),
		Long: c.t(`Sends the newest accepted state of todos again, as create or edit, whichever the OA needs: of the todos of the named records, or of
--todo at --connection of --tenant.`,
			`把待办最新的状态再次推送（新建或更新，按 OA 的需要）：可指定记录编号，也可用 --tenant、--connection 和 --todo 指定待办。`),
		Example: "  todosync records push 01JBXA7Q3M8Z\n  todosync records push --tenant 714439 --connection seeyon-hq --todo 67298f0c9b3c1a0001a2b3c4",
	}
	f := cmd.Flags()
	tenant := f.String("tenant", "", c.t("tenant", "租户"))
	connection := f.String("connection", "", c.t("connection", "连接"))
	todo := f.String("todo", "", c.t("todo id", "待办 id"))
	lost := f.Bool("lost", false, c.t("the OA has lost it: send it as a create", "OA 中已丢失：按新建推送"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		named := *tenant != "" || *connection != "" || *todo != ""
		switch {
		case len(args) > 0 && named:
			return &usageError{c.t("name records by their ids, or a todo by --tenant, --connection and --todo, not both", "记录编号和 --tenant、--connection、--todo 不能同时给出"), c.helpHint(cmd)}
		case len(args) == 0 && (*tenant == "" || *connection == "" || *todo == ""):
			return &usageError{c.t("name records by their ids, or a todo by --tenant, --connection and --todo", "请给出记录编号，或 --tenant、--connection 和 --todo"), c.helpHint(cmd)}
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		push := func(r connector.Record) ([]json.RawMessage, error) {
			var page connector.Page[json.RawMessage]
			at := api.Prefix + "/tenants/" + url.PathEscape(r.Tenant) + "/connections/" + url.PathEscape(r.Connection) + "/todos/" + url.PathEscape(r.Todo) + "/push"
			err := a.do(cmd.Context(), call{method: http.MethodPost, path: at, body: map[string]any{"lost": *lost}}, &page)
			return page.Items, err
		}
		if len(args) == 0 {
			return c.each(recordColumns[:], []string{*todo}, func(string) ([]json.RawMessage, error) {
				return push(connector.Record{Tenant: *tenant, Connection: *connection, Todo: *todo})
			})
		}
		return c.each(recordColumns[:], args, func(id string) ([]json.RawMessage, error) {
			var r connector.Record
			if err := a.do(cmd.Context(), call{method: http.MethodGet, path: path("records", id)}, &r); err != nil {
				return nil, err
			}
			return push(r)
		})
	}
	return cmd
}
