package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"todosync/connector"
	"todosync/web/api"
)

// A trying holds the flags of `try`.
type trying struct {
	server *server

	tenant, connection, file  string
	scene, receiver, event    string
	eventID, bindings         string
	todo, remoteID            string
	auth, dry, keepID, detail bool
}

// A triedStep is a step as the server tells it.
type triedStep struct {
	connector.TrialStep
	Exchange *struct {
		DurationMs int64                    `json:"durationMs"`
		Request    connector.SentRequest    `json:"request"`
		Response   connector.ReceivedAnswer `json:"response"`
		Class      string                   `json:"class"`
		Code       string                   `json:"code"`
		Message    string                   `json:"message"`
	} `json:"exchange"`
}

func (c *cli) tryCmd() *cobra.Command {
	t := &trying{}
	cmd := &cobra.Command{
		Use: "try", Short: c.t("Try a connection: log-in alone, a dry run, or one live request", "试用连接：仅认证、试渲染，或真实发送一次"),
		Long: c.t(`Renders one event, really sends it to the OA, and shows the answer as the worker would judge it, with the rule that decided and what the
worker would do next. The connection is a stored one, or a file that need not be applied yet; the server does the calling, with its
secrets, bindings and network.

No record is made and no todo is known by it. The OA is told of a todo with an id of its own (try-...), so that no real one is touched;
take it away with --scene delete --todo ID. --keep-id sends the event's own id.`,
			`渲染一个事件并真实发送到 OA，按后台程序的方式判断应答，显示起决定作用的规则以及后台程序接下来会做什么。
连接可以是已保存的，也可以是尚未应用的文件；由服务器使用其密钥、绑定和网络发起调用。

不产生同步记录，也不影响任何待办。发给 OA 的待办使用独立标识(try-...)，不会碰到真实待办；
可用 --scene delete --todo ID 撤回。--keep-id 则使用事件自身的待办标识。`),
		Args: c.args(0, 0, ""),
		Example: `  todosync try --tenant 714439 --connection oa-hq --auth
  todosync try -f oa-hq.yaml --event event.json --dry-run
  todosync try --tenant 714439 --connection oa-hq --event event.json`,
	}
	t.server = c.serverFlags(cmd)
	f := cmd.Flags()
	f.StringVarP(&t.file, "file", "f", "", c.t("connection file, in place of a stored connection", "连接文件，替代已保存的连接"))
	f.StringVar(&t.tenant, "tenant", "", c.t("tenant of the stored connection", "已保存连接的租户"))
	f.StringVar(&t.connection, "connection", "", c.t("name of the stored connection", "已保存连接的名称"))
	f.BoolVar(&t.auth, "auth", false, c.t("only what lets the connection in: address, token, Basic, certificate", "仅检查认证：地址、令牌、Basic、证书"))
	f.BoolVar(&t.dry, "dry-run", false, c.t("only render, with the server's settings and bindings; send nothing", "仅按服务器的设置和绑定渲染，不发送"))
	f.StringVar(&t.event, "event", "", c.t("file with the event; - is standard input", "事件文件；- 表示标准输入"))
	f.StringVar(&t.eventID, "event-id", "", c.t("an event that the server has had; without it and --event the tenant's newest", "服务器收到过的事件；都不指定时取租户最新的事件"))
	f.StringVar(&t.scene, "scene", string(connector.SceneCreate), c.t("create, edit, done, delete, remind or message", "场景：create、edit、done、delete、remind 或 message"))
	f.StringVar(&t.receiver, "receiver", "", c.t("this receiver (CRM user id); by default the event's first", "指定接收人（CRM 用户 id）；默认为事件的第一位"))
	f.StringVar(&t.bindings, "bindings", "", c.t("CSV with bindings, before those of the server", "绑定 CSV，优先于服务器中的绑定"))
	f.StringVar(&t.todo, "todo", "", c.t("the todo's id at the OA, such as that of an earlier try", "OA 中的待办标识，如之前试用的标识"))
	f.StringVar(&t.remoteID, "remote-id", "", c.t("what #F119 stands for: the id that the OA gave", "#F119 的值：OA 返回的标识"))
	f.BoolVar(&t.keepID, "keep-id", false, c.t("send the event's own todo id: the OA takes it for the real todo", "使用事件自身的待办标识：OA 会视为真实待办"))
	f.BoolVar(&t.detail, "explain", false, c.t("with --dry-run also a table of placeholders", "与 --dry-run 同用时附上占位符表"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case t.file == "" && (t.tenant == "" || t.connection == ""):
			return c.missing(cmd, c.t("-f FILE, or --tenant and --connection", "-f FILE，或 --tenant 和 --connection"))
		case t.file != "" && t.connection != "":
			return &usageError{c.t("-f and --connection: one of both", "-f 与 --connection 只能用一个"), ""}
		case t.auth && t.dry:
			return &usageError{c.t("--auth and --dry-run: one of both", "--auth 与 --dry-run 只能用一个"), ""}
		case t.event != "" && t.eventID != "":
			return &usageError{c.t("--event and --event-id: one of both", "--event 与 --event-id 只能用一个"), ""}
		case t.todo != "" && t.keepID:
			return &usageError{c.t("--todo and --keep-id: one of both", "--todo 与 --keep-id 只能用一个"), ""}
		case !slices.Contains(connector.Scenes(), connector.Scene(t.scene)):
			return &usageError{fmt.Sprintf(c.t("--scene %s: want create, edit, done, delete, remind or message", "--scene %s：只能是 create、edit、done、delete、remind 或 message"), t.scene), ""}
		}
		return c.try(cmd.Context(), t)
	}
	return cmd
}

func (c *cli) try(ctx context.Context, t *trying) error {
	a, err := c.connect(t.server)
	if err != nil {
		return err
	}
	body := map[string]any{"scene": t.scene, "mode": "live"}
	set := func(name, value string) {
		if value != "" {
			body[name] = value
		}
	}
	for name, value := range map[string]string{"tenant": t.tenant, "name": t.connection, "receiver": t.receiver, "eventId": t.eventID, "todo": t.todo, "remoteId": t.remoteID} {
		set(name, value)
	}
	switch {
	case t.auth:
		body["mode"] = "auth"
	case t.dry:
		body["mode"] = "dry"
	}
	body["keepId"], body["explain"] = t.keepID, t.detail
	if t.file != "" {
		src, err := os.ReadFile(t.file)
		if err != nil {
			return &failure{msg: fmt.Sprintf(c.t("cannot read %s", "无法读取 %s"), t.file), err: rootCause(err)}
		}
		body["connection"] = string(src)
	}
	if t.event != "" {
		src, err := c.readFile(t.event)
		if err != nil {
			return err
		}
		if !json.Valid(src) {
			return &failure{msg: t.event + ": " + c.t("not JSON", "不是 JSON")}
		}
		body["event"] = json.RawMessage(src)
	}
	if t.bindings != "" {
		src, err := c.readFile(t.bindings)
		if err != nil {
			return err
		}
		rows, wrong, err := api.ReadBindings(src, t.connection)
		if err != nil {
			return fmt.Errorf("%s: %w", t.bindings, err)
		}
		if len(wrong) > 0 {
			return &failure{msg: fmt.Sprintf("%s:%d: %s", t.bindings, wrong[0].Row, strings.TrimPrefix(wrong[0].Column+": "+wrong[0].Message, ": "))}
		}
		given := make([]connector.Binding, len(rows))
		for i, b := range rows {
			given[i] = b.Binding
		}
		body["bindings"] = given
	}
	if terminal(c.stderr) {
		fmt.Fprintln(c.stderr, c.t("Trying ...", "正在试用……"))
	}
	var raw json.RawMessage
	if err := a.do(ctx, call{method: http.MethodPost, path: path("try"), body: body}, &raw); err != nil {
		return err
	}
	return c.printTrial(raw)
}

func (c *cli) printTrial(raw json.RawMessage) error {
	var got struct {
		Mode       string              `json:"mode"`
		Tenant     string              `json:"tenant"`
		Connection string              `json:"connection"`
		Scene      string              `json:"scene"`
		Todo       string              `json:"todo"`
		OK         bool                `json:"ok"`
		Steps      []triedStep         `json:"steps"`
		Requests   []connector.Preview `json:"requests"`
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	err := c.one(nil, raw, func() error {
		if got.Mode == "dry" {
			fmt.Fprintln(c.stdout, c.t("# nothing was sent", "# 未发送"))
			explain := slices.ContainsFunc(got.Requests, func(p connector.Preview) bool { return len(p.Placeholders) > 0 })
			if err := c.printPreviews(got.Requests, explain); err != nil {
				return err
			}
		}
		for _, s := range got.Steps {
			c.printStep(&s)
		}
		if got.Todo != "" && got.OK && got.Scene == string(connector.SceneCreate) && strings.HasPrefix(got.Todo, "try-") {
			fmt.Fprintf(c.stdout, c.t("The OA has it as %s. To take it away: --scene delete --todo %s\n", "OA 中的标识为 %s。撤回：--scene delete --todo %s\n"), got.Todo, got.Todo)
		}
		return nil
	})
	if err == nil && !got.OK {
		return errTold
	}
	return err
}

// printStep tells one step: what came of it, the exchange, the rule that decided, and what to do.
func (c *cli) printStep(s *triedStep) {
	mark := c.t("ok    ", "成功  ")
	if !s.OK {
		mark = c.t("FAILED", "失败  ")
	}
	names := map[connector.TrialName]string{
		connector.TrialAddress: c.t("address", "地址"), connector.TrialToken: c.t("token", "令牌"), connector.TrialBasic: "HTTP Basic",
		connector.TrialClient: c.t("certificate", "证书"), connector.TrialRequest: c.t("request", "请求"), connector.TrialNothing: c.t("log-in", "登录"),
	}
	fmt.Fprintf(c.stdout, "%s %s: %s\n", mark, names[s.Name], shown(oneLine(s.Detail)))
	if x := s.Exchange; x != nil && x.Request.Method != "" {
		fmt.Fprintf(c.stdout, "  > %s %s\n", x.Request.Method, shown(x.Request.Address))
		if s.Name == connector.TrialRequest {
			for _, h := range x.Request.Headers {
				fmt.Fprintf(c.stdout, "  > %s: %s\n", h.Name, shown(h.Value))
			}
			indented(c, "  > ", x.Request.Body)
		}
		if x.Response.Status != 0 {
			fmt.Fprintf(c.stdout, "  < HTTP %d, %d ms\n", x.Response.Status, x.DurationMs)
			indented(c, "  < ", x.Response.Body)
		}
	}
	for _, line := range []struct{ name, text string }{
		{c.t("decided by", "判断依据"), s.Rule}, {c.t("then", "接下来"), s.Next}, {c.t("do", "建议"), s.Hint},
	} {
		if line.text != "" {
			fmt.Fprintf(c.stdout, "  %s: %s\n", line.name, shown(oneLine(line.text)))
		}
	}
}

// indented prints a body with a sign before each line.
func indented(c *cli, sign, body string) {
	if body = strings.TrimRight(body, "\r\n"); body == "" {
		return
	}
	for line := range strings.SplitSeq(body, "\n") {
		fmt.Fprintln(c.stdout, strings.TrimRight(sign+shown(strings.TrimRight(line, "\r")), " "))
	}
}
