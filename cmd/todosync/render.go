package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"todosync/connector"
	"todosync/connector/file"
	"todosync/web/api"
)

// A rendering holds the flags of `render`.
type rendering struct {
	paths                               *[]string
	public                              *string
	tenant, connection, scene, receiver string
	event, bindings                     string
	explain                             bool
}

// previewColumns are the columns of rendered requests in CSV.
var previewColumns = [...]column{
	{key: "scene"}, {key: "receiver"}, {key: "method"}, {key: "address"}, {key: "headers"}, {key: "body"},
}

func (c *cli) renderCmd() *cobra.Command {
	r := &rendering{}
	cmd := &cobra.Command{
		Use: "render -f FILE --scene SCENE --event FILE", Short: c.t("Print the request that would be sent, without a server", "输出将要发送的请求，无需服务器"),
		Args:    c.args(0, 0, ""),
		Example: "  todosync render -f seeyon.yaml --scene create --event event.json --bindings bindings.csv --explain",
	}
	r.paths, r.public = c.fileFlag(cmd), c.publicFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&r.tenant, "tenant", "", c.t("the connection's tenant, where the files have several", "文件含多个租户时指定租户"))
	f.StringVar(&r.connection, "connection", "", c.t("the connection, where the files have several", "文件含多个连接时指定连接"))
	f.StringVar(&r.scene, "scene", string(connector.SceneCreate), c.t("create, edit, done, delete, remind or message", "场景：create、edit、done、delete、remind 或 message"))
	f.StringVar(&r.event, "event", "", c.t("file with the event; - is standard input", "事件文件；- 表示标准输入"))
	f.StringVar(&r.bindings, "bindings", "", c.t("CSV with bindings; without it CRM ids stand for OA accounts", "绑定 CSV；不指定时以 CRM 用户 id 充当 OA 账号"))
	f.StringVar(&r.receiver, "receiver", "", c.t("only this receiver (CRM user id)", "只输出该接收人（CRM 用户 id）"))
	f.BoolVar(&r.explain, "explain", false, c.t("also a table of placeholders: label, value, where it came from", "附上占位符表：名称、值、来源"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if len(*r.paths) == 0 {
			return c.missing(cmd, "-f FILE")
		}
		if r.event == "" {
			return c.missing(cmd, "--event FILE")
		}
		if !slices.Contains(connector.Scenes(), connector.Scene(r.scene)) {
			return &usageError{fmt.Sprintf(c.t("--scene %s: want create, edit, done, delete, remind or message", "--scene %s：只能是 create、edit、done、delete、remind 或 message"), r.scene), ""}
		}
		return c.render(r)
	}
	return cmd
}

func (c *cli) render(r *rendering) error {
	docs, problems := file.ReadFiles(*r.paths, c.fileOptions(*r.public))
	if problems.Err() != nil {
		return problems
	}
	conn, tenant, err := c.choose(r, docs)
	if err != nil {
		return err
	}
	env := func(name string) (string, bool) {
		if v, ok := c.lookup(name); ok {
			return v, true
		}
		return "***", true
	}
	program, err := connector.Compile(0, 0, conn, tenant, connector.CompileOptions{Env: env, PublicURL: *r.public})
	if err != nil {
		return err
	}
	src, err := c.readFile(r.event)
	if err != nil {
		return err
	}
	event, err := eventFor(src, conn.Tenant, connector.Scene(r.scene))
	if err != nil {
		return &failure{msg: r.event + ": " + err.Error()}
	}
	if r.receiver != "" {
		event.Object.Receivers = slices.DeleteFunc(event.Object.Receivers, func(x connector.Receiver) bool { return x.ID != r.receiver })
	}
	bindings, err := c.bindingsFor(r, conn, event)
	if err != nil {
		return err
	}
	previews, err := program.PreviewWhole(event, connector.Scene(r.scene), bindings, c.now())
	if err != nil {
		return err
	}
	return c.printPreviews(previews, r.explain)
}

// choose finds the connection that is meant, and its tenant where the files have it.
func (c *cli) choose(r *rendering, docs []file.Document) (*connector.Connection, *connector.Tenant, error) {
	var found []*connector.Connection
	tenants := map[string]*connector.Tenant{}
	for _, d := range docs {
		if d.Tenant != nil {
			tenants[d.Tenant.Tenant] = d.Tenant
			continue
		}
		if (r.tenant == "" || r.tenant == d.Connection.Tenant) && (r.connection == "" || r.connection == d.Connection.Name) {
			found = append(found, d.Connection)
		}
	}
	switch len(found) {
	case 0:
		return nil, nil, &failure{msg: c.t("the files hold no such connection", "文件中没有这样的连接")}
	case 1:
		return found[0], tenants[found[0].Tenant], nil
	}
	names := make([]string, len(found))
	for i, f := range found {
		names[i] = f.Key().String()
	}
	return nil, nil, &usageError{
		fmt.Sprintf(c.t("the files hold %d connections: %s", "文件中有 %d 个连接：%s"), len(found), strings.Join(names, ", ")),
		c.t("Choose one with --connection (and --tenant).", "请用 --connection（和 --tenant）选择其中一个。"),
	}
}

// eventFor reads an event as it would come from the stream. What its envelope leaves out is filled in to fit the scene.
func eventFor(src []byte, tenant string, scene connector.Scene) (*connector.Event, error) {
	kind, action := scene.EventOf()
	var have struct{ Tenant, Kind, Action string }
	if err := json.Unmarshal(src, &have); err != nil {
		var m map[string]json.RawMessage
		if json.Unmarshal(src, &m) != nil {
			return nil, fmt.Errorf("not a JSON object: %w", err)
		}
	}
	subject := "crm." + or(have.Tenant, tenant) + "." + or(have.Kind, string(kind)) + "." + or(have.Action, string(action))
	event, rejected := connector.ParseEvent(connector.Incoming{Subject: subject, Data: src}, "sample")
	if rejected != nil {
		return nil, errors.New(strings.TrimPrefix(rejected.Path+": "+rejected.Reason, ": "))
	}
	return event, nil
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// bindingsFor gives the bindings by CRM user: those of the file, or made-up ones where there is none.
func (c *cli) bindingsFor(r *rendering, conn *connector.Connection, e *connector.Event) (map[string]connector.Binding, error) {
	out := map[string]connector.Binding{}
	if r.bindings != "" {
		src, err := c.readFile(r.bindings)
		if err != nil {
			return nil, err
		}
		rows, wrong, err := api.ReadBindings(src, conn.Name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.bindings, err)
		}
		if len(wrong) > 0 {
			return nil, &failure{msg: fmt.Sprintf("%s:%d: %s", r.bindings, wrong[0].Row, strings.TrimPrefix(wrong[0].Column+": "+wrong[0].Message, ": "))}
		}
		for _, b := range rows {
			if b.Connection == conn.Name {
				out[b.User] = b.Binding
			}
		}
		return out, nil
	}
	for _, x := range e.Object.Receivers {
		out[x.ID] = connector.Binding{Connection: conn.Name, User: x.ID, Account: x.ID, AccountName: x.Name}
	}
	if id := e.Object.SenderID; id != "" {
		out[id] = connector.Binding{Connection: conn.Name, User: id, Account: id, AccountName: e.Object.SenderName}
	}
	fmt.Fprintln(c.stderr, c.t("No --bindings: CRM user ids stand for OA accounts.", "未指定 --bindings：以 CRM 用户 id 充当 OA 账号。"))
	return out, nil
}

func (c *cli) printPreviews(previews []connector.Preview, explain bool) error {
	items := make([]json.RawMessage, len(previews))
	for i, p := range previews {
		if !explain {
			p.Placeholders = nil
		}
		raw, err := json.Marshal(p)
		if err != nil {
			return err
		}
		items[i] = raw
	}
	if c.output != "" && c.output != "table" {
		return c.list(previewColumns[:], items)
	}
	safe := func(s string) string { return s }
	if terminal(c.stdout) { // a pipe gets the request to the byte
		safe = shown
	}
	for i, p := range previews {
		if i > 0 {
			fmt.Fprintln(c.stdout)
		}
		if len(previews) > 1 {
			fmt.Fprintf(c.stdout, c.t("# receiver %s\n", "# 接收人 %s\n"), safe(p.Receiver))
		}
		fmt.Fprintf(c.stdout, "%s %s\n", p.Method, safe(p.Address))
		for _, h := range p.Headers {
			fmt.Fprintf(c.stdout, "%s: %s\n", h.Name, safe(h.Value))
		}
		if p.Body != "" {
			fmt.Fprintf(c.stdout, "\n%s\n", safe(strings.TrimRight(p.Body, "\n")))
		}
		if explain {
			c.printPlaceholders(p)
		}
	}
	return nil
}

// printPlaceholders prints where each value of a request came from.
func (c *cli) printPlaceholders(p connector.Preview) {
	t := c.newTable()
	t.AppendHeader(table.Row{c.t("PLACEHOLDER", "占位符"), c.t("LABEL", "名称"), c.t("VALUE", "值"), c.t("FROM", "来源")})
	for _, x := range p.Placeholders {
		from := x.From
		if x.Via != "" {
			from += "; " + x.Via
		}
		t.AppendRow(table.Row{x.Placeholder, c.t(x.LabelEN, x.LabelZH), cut(oneLine(x.Value), 60), from})
	}
	fmt.Fprintf(c.stdout, "\n%s\n", t.Render())
}
