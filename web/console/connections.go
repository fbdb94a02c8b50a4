package console

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"

	"todosync/connector"
	"todosync/web/api"
)

// connectionPath is the page of a connection, or one below it.
func connectionPath(k connector.ConnectionKey, below ...string) string {
	return "/connections" + segments(append([]string{k.Tenant, k.Name}, below...)...)
}

// apiConnection is the path of a connection's routes in the API.
func apiConnection(k connector.ConnectionKey, below ...string) string {
	return segments(append([]string{"tenants", k.Tenant, "connections", k.Name}, below...)...)
}

// key is the connection that the page's address names.
func (v *visit) key() connector.ConnectionKey {
	return connector.ConnectionKey{Tenant: v.r.PathValue("tenant"), Name: v.r.PathValue("name")}
}

// A connectionList is the page of all connections.
type connectionList struct {
	Tenant, Health, Text string
	Tenants              []api.TenantState
	list[api.ConnectionState]
}

func (l *connectionList) filtered() bool { return l.Tenant+l.Health+l.Text != "" }

// healths are the values of the filter by health, worst first.
func healths() []string {
	return []string{"down", "token_refused", "broken", "paused", "disabled", "up"}
}

func (c *Console) connectionRoutes() {
	c.page("GET /connections", api.View, c.connections)
	c.page("GET /connections/{tenant}/{name}", api.View, c.connection)
	c.page("POST /connections/{tenant}/{name}/pause", api.Operate, c.pauseConnection)
	c.page("POST /connections/{tenant}/{name}/resume", api.Operate, c.resumeConnection)
	c.page("POST /connections/{tenant}/{name}/backfill", api.Operate, c.backfillConnection)
	c.page("POST /connections/{tenant}/{name}/delete", api.Integrate, c.deleteConnection)
	c.page("POST /connections/{tenant}/{name}/secrets", api.Admin, c.setSecret)
	c.revisionRoutes()
	c.editorRoutes()
	c.newConnectionRoutes()
}

func (c *Console) connections(v *visit) error {
	v.Active, v.Title = "connections", v.T("Connections", "连接")
	q := v.r.URL.Query()
	l := connectionList{Tenant: q.Get("tenant"), Health: q.Get("health"), Text: q.Get("q")}
	ask := url.Values{"limit": {"50"}}
	for _, name := range []string{"tenant", "health", "q", "cursor"} {
		if value := q.Get(name); value != "" {
			ask.Set(name, value)
		}
	}
	if err := v.api.get(v.ctx(), "/connections", ask, &l.list); err != nil {
		return err
	}
	var tenants list[api.TenantState]
	if err := v.api.get(v.ctx(), "/tenants", url.Values{"limit": {"200"}}, &tenants); err != nil {
		return err
	}
	l.Tenants = tenants.Items
	return v.show(connectionsPage(v, l))
}

// Health is how a connection is, in a word.
func (v *visit) Health(held string) string {
	switch held {
	case "", "up":
		return v.T("up", "正常")
	case "down":
		return v.T("down", "OA 不可达")
	case "token_refused":
		return v.T("token refused", "令牌被拒")
	case "broken":
		return v.T("broken", "无法运行")
	case "paused":
		return v.T("paused", "已暂停")
	case "disabled":
		return v.T("disabled", "已停用")
	}
	return held
}

// healthColour is the colour of a health's badge.
func healthColour(held string) string {
	switch held {
	case "", "up":
		return "good"
	case "down", "token_refused", "broken":
		return "bad"
	case "paused":
		return "warn"
	}
	return ""
}

// healthStory says what the health means for what is owed to the OA.
func (v *visit) healthStory(s *api.ConnectionState) string {
	switch s.HeldFor {
	case "":
		return v.T("What comes is sent at once.", "新的待办会立即推送。")
	case "down":
		return v.T("The OA does not answer. Deliveries wait; one of them looks again and again whether it is back, and then all go in their order. Nothing is lost.",
			"OA 没有应答。推送都在等待，系统会不断用其中一条试探；OA 恢复后按顺序继续，不会丢失。")
	case "token_refused":
		return v.T("The OA gives no token, so nothing is sent. It is asked again by itself; check the secrets and the account, then save or resume.",
			"OA 不给令牌，因此没有推送。系统会自动再试；请检查密钥和账号，改好后保存即可。")
	case "broken":
		return v.T("The settings can't be used as this server was started. Deliveries wait until they are mended.", "按当前服务器的启动方式，这份配置无法使用。改好之前推送都在等待。")
	case "paused":
		return v.T("Somebody has paused it. Events are still taken in; their deliveries wait and go in their order when it is resumed.", "已被人工暂停。事件照常接收，推送会等待，恢复后按顺序发送。")
	case "disabled":
		return v.T("Its file says enabled: false. Nothing is sent.", "配置中写了 enabled: false，不推送。")
	}
	return ""
}

// name is what people call the connection.
func nameOf(s *api.ConnectionState) string { return cmp.Or(s.Title, s.Name) }

// howSaved says by which way settings were saved.
func (v *visit) howSaved(how string) string {
	switch how {
	case "console":
		return v.T("console", "控制台")
	case "apply":
		return v.T("file", "文件")
	case "api":
		return "API"
	}
	return how
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

// recordsPath is the list of records of a connection.
func recordsPath(k connector.ConnectionKey, states string) string {
	q := url.Values{"tenant": {k.Tenant}, "connection": {k.Name}}
	if states != "" {
		q.Set("state", states)
	}
	return "/records?" + q.Encode()
}

func keyOf(s *api.ConnectionState) connector.ConnectionKey {
	return connector.ConnectionKey{Tenant: s.Tenant, Name: s.Name}
}

func (c *Console) pauseConnection(v *visit) error {
	if err := v.api.post(v.ctx(), apiConnection(v.key(), "pause"), nil, nil); err != nil {
		return err
	}
	return v.done(v.back(), v.T("Paused. What is owed to it waits.", "已暂停，待推送的内容会等待。"))
}

func (c *Console) resumeConnection(v *visit) error {
	if err := v.api.post(v.ctx(), apiConnection(v.key(), "resume"), nil, nil); err != nil {
		return err
	}
	return v.done(v.back(), v.T("Resumed. What waited goes now, in its order.", "已恢复，等待的内容会按顺序推送。"))
}

// back is the page that a form wants to be led to, else the connection's own.
func (v *visit) back() string {
	if to := v.r.PostFormValue("next"); to != "" {
		return nextPage(to)
	}
	return connectionPath(v.key())
}

func (c *Console) backfillConnection(v *visit) error {
	var job struct {
		ID string `json:"id"`
	}
	body := map[string]any{"from": v.r.PostFormValue("from"), "lost": v.r.PostFormValue("lost") != ""}
	if err := v.api.post(v.ctx(), apiConnection(v.key(), "backfill"), body, &job); err != nil {
		return err
	}
	to := connectionPath(v.key())
	if v.console.has("/jobs/{id}") {
		to = "/jobs" + segments(job.ID)
	}
	return v.done(to, v.T("The backfill is under way as job ", "补推已开始，任务编号 ")+job.ID)
}

func (c *Console) deleteConnection(v *visit) error {
	q := url.Values{}
	for _, name := range []string{"cancelWaiting", "withdraw"} {
		if v.r.PostFormValue(name) != "" {
			q.Set(name, "true")
		}
	}
	err := v.api.do(v.ctx(), request{method: http.MethodDelete, path: apiConnection(v.key()), query: q}, nil)
	if err != nil {
		return err
	}
	return v.done("/connections", v.T("Deleted: ", "已删除：")+v.key().String()+v.T(". Its sync records stay until retention.", "。同步记录保留到期。"))
}

// setSecret sets a secret that the connection names. Its value goes to the API and nowhere else.
func (c *Console) setSecret(v *visit) error {
	body := map[string]string{"tenant": v.key().Tenant, "name": v.r.PostFormValue("secret"), "value": v.r.PostFormValue("value")}
	if err := v.api.do(v.ctx(), request{method: http.MethodPut, path: "/secrets", body: body}, nil); err != nil {
		return err
	}
	return v.done(v.back(), v.T("The secret is set: ", "密钥已设置：")+body["name"])
}

// pauseWord is what the button to pause or resume says.
func pauseWord(v *visit, s *api.ConnectionState) string {
	if s.Paused {
		return v.T("Resume", "恢复")
	}
	return v.T("Pause", "暂停")
}
