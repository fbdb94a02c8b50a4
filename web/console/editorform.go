package console

import (
	"bytes"
	"encoding/json"
	"strings"

	"todosync/connector"
)

// A formField is one setting as a form shows it. What is entered is put into the file at Path.
type formField struct {
	Path    []string
	Label   string
	Hint    string
	Kind    string   // text, number, bool, list (with commas), headers (a line each), choice, body (a template of several lines)
	Options []string // of a choice
	Wide    bool
	Class   string // of the element, beside those of every field
}

// A formGroup is fields that belong together.
type formGroup struct {
	Title, Hint string
	Fields      []formField
	Open        bool // shown from the start
}

func (f *formField) id() string { return "f-" + strings.Join(f.Path, "-") }

// pathText is the path as JSON.
func (f *formField) pathText() string {
	b, _ := json.Marshal(f.Path) // texts can always be written
	return string(b)
}

// pathOf takes a path with dots apart.
func pathOf(path string) []string { return strings.Split(path, ".") }

// generalForm is what the tab for general parameters shows.
func (v *visit) generalForm() []formGroup {
	at := pathOf
	return []formGroup{
		{Title: v.T("Connection", "连接"), Open: true, Fields: []formField{
			{Path: at("title"), Label: v.T("Title", "标题"), Kind: "text"},
			{Path: at("enabled"), Label: v.T("Enabled", "启用"), Kind: "bool"},
			{Path: at("protocol"), Label: v.T("Protocol", "协议"), Kind: "choice", Options: []string{"rest", "webservice"}},
			{Path: at("timeZone"), Label: v.T("Time zone", "时区"), Kind: "text", Hint: "Asia/Shanghai"},
			{Path: at("timeFormat"), Label: v.T("Time format", "时间格式"), Kind: "text", Hint: "yyyy-MM-dd HH:mm:ss"},
		}},
		{Title: v.T("Variables and headers", "变量与请求头"), Open: true, Hint: v.T("${name} stands for a variable in addresses, headers and bodies; ${secret:name} for a secret.", "地址、请求头和请求体中可用 ${名称} 引用变量，用 ${secret:名称} 引用密钥。"), Fields: []formField{
			{Path: at("variables"), Label: v.T("Variables, one a line: name: value", "变量，每行一个：名称: 值"), Kind: "headers", Wide: true},
			{Path: at("headers"), Label: v.T("Headers of every request, one a line", "每个请求的请求头，每行一个"), Kind: "headers", Wide: true},
		}},
		{Title: v.T("Token", "令牌"), Hint: v.T("Fetched before the first request, cached, and fetched anew when the OA refuses it.", "首次请求前获取并缓存，被 OA 拒绝时重新获取。"), Fields: []formField{
			{Path: at("token.request.method"), Label: v.T("Method", "方法"), Kind: "choice", Options: []string{"POST", "GET", "PUT"}},
			{Path: at("token.request.address"), Label: v.T("Address", "地址"), Kind: "text", Wide: true},
			{Path: at("token.request.headers"), Label: v.T("Headers", "请求头"), Kind: "headers", Wide: true},
			{Path: at("token.request.body"), Label: v.T("Body", "请求体"), Kind: "body", Wide: true},
			{Path: at("token.value"), Label: v.T("Where the token stands in the answer", "令牌在返回中的路径"), Kind: "text", Hint: "data.token"},
			{Path: at("token.refuse"), Label: v.T("Values that mean no", "表示拒绝的值"), Kind: "list"},
			{Path: at("token.send.header"), Label: v.T("Sent in this header", "放入此请求头"), Kind: "text"},
			{Path: at("token.send.query"), Label: v.T("or in this query parameter", "或此查询参数"), Kind: "text"},
			{Path: at("token.ttl"), Label: v.T("Good for", "有效期"), Kind: "text", Hint: "10m"},
		}},
		{Title: v.T("Answer", "返回判断"), Open: true, Hint: v.T("How the OA's answer is read. Dots go deeper.", "如何判断 OA 的返回，点号表示下级。"), Fields: []formField{
			{Path: at("result.codeName"), Label: v.T("Code", "结果码路径"), Kind: "text", Hint: v.T("empty: any 2xx is a success", "留空：任何 2xx 均为成功")},
			{Path: at("result.successCode"), Label: v.T("Means success", "成功值"), Kind: "list"},
			{Path: at("result.msgName"), Label: v.T("Message", "消息路径"), Kind: "text"},
			{Path: at("result.dataName"), Label: v.T("The OA's own id", "OA 返回的编号"), Kind: "text"},
			{Path: at("result.duplicate.messages"), Label: v.T("Already there, by message", "“已存在”的消息"), Kind: "list", Hint: v.T("a create has succeeded then", "视为新建成功")},
			{Path: at("result.gone.messages"), Label: v.T("Not there, by message", "“不存在”的消息"), Kind: "list"},
		}},
		{Title: v.T("Receivers", "接收人"), Fields: []formField{
			{Path: at("receivers"), Label: v.T("Requests", "推送方式"), Kind: "choice", Options: []string{"each", "list", "joined"}},
			{Path: at("unbound"), Label: v.T("Who has no account", "未绑定时"), Kind: "choice", Options: []string{"hold", "fail", "skip"}},
			{Path: at("editAs"), Label: v.T("An edit is sent as", "修改的推送方式"), Kind: "choice", Options: []string{"edit", "recreate"}},
			{Path: at("reopen"), Label: v.T("Re-opened todos", "重新打开"), Kind: "choice", Options: []string{"create", "newId", "edit"}},
			{Path: at("coalesce"), Label: v.T("Of waiting edits only the newest", "等待中的修改只发最新"), Kind: "bool"},
		}},
		{Title: v.T("Retry", "重试"), Fields: []formField{
			{Path: at("retry.enabled"), Label: v.T("Retry failures", "失败重试"), Kind: "bool"},
			{Path: at("retry.on"), Label: v.T("On", "重试的失败"), Kind: "list", Hint: "network, timeout, http_429, http_5xx, token"},
			{Path: at("retry.schedule"), Label: v.T("Waits", "间隔"), Kind: "list", Hint: "10s, 30s, 2m, 10m, 30m"},
			{Path: at("retry.giveUpAfter"), Label: v.T("Give up after", "放弃时间"), Kind: "text", Hint: "48h"},
			{Path: at("retry.codes"), Label: v.T("OA codes worth another try", "值得重试的 OA 返回码"), Kind: "list"},
			{Path: at("retry.unanswered"), Label: v.T("Without an answer", "无应答时"), Kind: "choice", Options: []string{"again", "hold"}},
		}},
		{Title: v.T("Limits and breaker", "限速与熔断"), Fields: []formField{
			{Path: at("limits.concurrency"), Label: v.T("Requests at once", "并发数"), Kind: "number"},
			{Path: at("limits.rate"), Label: v.T("At most", "速率上限"), Kind: "text", Hint: "100/s"},
			{Path: at("down.after"), Label: v.T("Down after failed todos", "连续失败多少个待办视为不可达"), Kind: "number", Hint: v.T("0: never", "0：关闭")},
			{Path: at("timeouts.connect"), Label: v.T("Connect within", "连接超时"), Kind: "text", Hint: "15s"},
			{Path: at("timeouts.total"), Label: v.T("Answer within", "总超时"), Kind: "text", Hint: "60s"},
		}},
		{Title: v.T("TLS and proxy", "TLS 与代理"), Fields: []formField{
			{Path: at("tls.minVersion"), Label: v.T("Oldest version", "最低版本"), Kind: "choice", Options: []string{"1.0", "1.1", "1.2", "1.3"}},
			{Path: at("tls.legacyCiphers"), Label: v.T("Old ciphers", "允许旧加密套件"), Kind: "bool"},
			{Path: at("tls.insecureSkipVerify"), Label: v.T("Don't check the certificate", "不校验证书"), Kind: "bool"},
			{Path: at("tls.pin"), Label: v.T("Pinned certificate", "固定证书"), Kind: "text", Hint: "sha256/..."},
			{Path: at("tls.caFile"), Label: v.T("CA file on the server", "服务器上的 CA 文件"), Kind: "text"},
			{Path: at("proxy"), Label: v.T("HTTP proxy", "HTTP 代理"), Kind: "text", Hint: "http://proxy:3128"},
		}},
	}
}

// sceneForm is what the tab of a scene shows above the body.
func (v *visit) sceneForm(s connector.Scene) []formField {
	at := func(name string) []string { return []string{"scenes", string(s), name} }
	return []formField{
		{Path: at("method"), Label: v.T("Method", "方法"), Kind: "choice", Options: []string{"POST", "PUT", "PATCH", "DELETE", "GET"}},
		{Path: at("address"), Label: v.T("Address", "地址"), Kind: "text", Class: "address"},
		{Path: at("enabled"), Label: v.T("Send this", "启用此场景"), Kind: "bool", Class: "switch"},
	}
}

// sceneHeaders are folded away where they are empty.
func (v *visit) sceneHeaders(s connector.Scene) []formField {
	return []formField{
		{Path: []string{"scenes", string(s), "headers"}, Label: v.T("Beside the general ones, one a line", "除通用请求头外，每行一个"), Kind: "headers", Wide: true},
	}
}

// kind is the kind of the file.
func (e *editor) kind() string {
	if e.Tenant() {
		return "tenant"
	}
	return "connection"
}

// generalTab is what the first tab is called.
func (e *editor) generalTab(v *visit) string {
	if e.Tenant() {
		return v.T("Settings", "设置")
	}
	return v.T("General", "通用参数")
}

// generalGroups is what the first tab shows.
func (e *editor) generalGroups(v *visit) []formGroup {
	if e.Tenant() {
		return v.tenantForm()
	}
	return v.generalForm()
}

// timeKind is the type of an input for a time of day.
func timeKind(kind string) string {
	if kind == "time" {
		return kind
	}
	return ""
}

// sceneHint says when a scene is sent.
func (v *visit) sceneHint(s connector.Scene) string {
	switch s {
	case connector.SceneCreate:
		return v.T("A new todo, for each receiver.", "新待办，发给每个接收人。")
	case connector.SceneEdit:
		return v.T("The todo has changed and is still to be done.", "待办有变化，仍待处理。")
	case connector.SceneDone:
		return v.T("The todo is finished: approved, rejected, transferred, canceled.", "待办已办结：同意、不同意、转交或取消。")
	case connector.SceneDelete:
		return v.T("The todo is gone, or is no longer this receiver's.", "待办被删除，或不再属于该接收人。")
	case connector.SceneRemind:
		return v.T("Somebody reminds of a todo.", "催办提醒。")
	case connector.SceneMessage:
		return v.T("A message of a customer.", "客户消息。")
	}
	return ""
}

// optionName is a value of a choice, with what it means.
func (v *visit) optionName(o string) string {
	switch o {
	case "each":
		return v.T("each: one request a receiver", "each：每个接收人一个请求")
	case "list":
		return v.T("list: one request for all", "list：所有人一个请求，逐个列出")
	case "joined":
		return v.T("joined: one request, accounts joined by commas", "joined：一个请求，账号用逗号连接")
	case "hold":
		return v.T("hold: wait for a person", "hold：等待处理")
	case "fail":
		return v.T("fail", "fail：判为失败")
	case "skip":
		return v.T("skip", "skip：跳过")
	case "opaque":
		return v.T("opaque: a number that the CRM redeems", "opaque：由 CRM 兑换的随机编号")
	case "EdDSA":
		return v.T("EdDSA: a JWT, signed with the server's key", "EdDSA：用服务器密钥签名的 JWT")
	case "HS256":
		return v.T("HS256: a JWT, signed with a shared secret", "HS256：用共享密钥签名的 JWT")
	case "zh":
		return v.T("Chinese", "中文")
	case "en":
		return v.T("English", "英文")
	case "recreate":
		return v.T("recreate: delete, then create", "recreate：先删除再新建")
	case "newId":
		return v.T("newId: create under a new id", "newId：用新编号新建")
	case "again":
		return v.T("again: the OA may get it twice", "again：重发，OA 可能收到两次")
	}
	return o
}

// pretty is JSON with line breaks; whatever else it is stays as it is.
func pretty(body string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(body), "", "  ") == nil {
		return b.String()
	}
	return body
}

// bodyPath is the path of a scene's body as JSON.
func bodyPath(s connector.Scene) string {
	f := formField{Path: []string{"scenes", string(s), "body"}}
	return f.pathText()
}

// fieldName is a placeholder's name for people.
func (v *visit) fieldName(f *field) string {
	return firstOf(v.T(f.LabelEN, f.LabelZH), f.LabelZH, f.LabelEN, f.From)
}

// stepName is a step of a trial for people.
func (v *visit) stepName(n connector.TrialName) string {
	switch n {
	case connector.TrialAddress:
		return v.T("Address", "地址")
	case connector.TrialToken:
		return v.T("Token", "令牌")
	case connector.TrialBasic:
		return v.T("HTTP Basic", "HTTP Basic 认证")
	case connector.TrialClient:
		return v.T("Client certificate", "客户端证书")
	case connector.TrialRequest:
		return v.T("Request", "请求")
	case connector.TrialNothing:
		return v.T("Log-in", "登录")
	}
	return string(n)
}

// editorCrumbs lead back from the editor.
func editorCrumbs(v *visit, e *editor) []crumb {
	if e.Tenant() {
		return []crumb{{v.T("Settings", "设置"), "/settings"}, {v.T("Tenants", "租户"), "/settings/tenants"}, {e.Key.Tenant, "/settings/tenants" + segments(e.Key.Tenant)}}
	}
	out := []crumb{{v.T("Connections", "连接"), "/connections"}}
	if e.Revision > 0 {
		return append(out, crumb{e.Key.String(), connectionPath(e.Key)})
	}
	return append(out, crumb{v.T("New connection", "新建连接"), "/connections/new"})
}

// storedSecrets are the secrets that can be set from the editor: those of a connection that is stored.
func storedSecrets(e *editor) []namedSecret {
	if e.Revision == 0 || e.Tenant() {
		return nil
	}
	return e.Checked.Secrets
}

// editorData is what the editor's script begins with: the file as it was checked, the catalogue, and words in the reader's language.
func editorData(v *visit, e *editor) any {
	type entry struct {
		Code    string `json:"code"`
		Name    string `json:"name"`
		Words   string `json:"words"`
		From    string `json:"from"`
		Example string `json:"example"`
	}
	data := struct {
		Checked checked           `json:"checked"`
		Fields  []entry           `json:"fields"`
		Words   map[string]string `json:"words"`
	}{Checked: e.Checked, Fields: make([]entry, len(e.Fields)), Words: map[string]string{
		"preset":  v.T("from the preset", "来自预置"),
		"default": v.T("default", "默认"),
		"unknown": v.T("There is no such placeholder.", "没有这个占位符。"),
		"value":   v.T("now: ", "当前值："),
		"secret":  v.T("a secret of the tenant; its value never shows", "租户的密钥，值不会显示"),
		"setting": v.T("a variable of this connection", "该连接的变量"),
		"builtin": v.T("made anew for each request", "每次请求时生成"),
		"yes":     v.T("on", "启用"),
		"bad":     v.T("has mistakes", "有错误"),
		"all":     v.T("all", "全部"),
	}}
	for i, f := range e.Fields {
		data.Fields[i] = entry{Code: f.Code, Name: v.fieldName(&f), Words: strings.ToLower(f.LabelZH + " " + f.LabelEN), From: v.origin(f.From), Example: f.Example}
	}
	return data
}

// origin says where a value came from, in the reader's language. Paths stay as they are.
func (v *visit) origin(from string) string {
	if !v.Chinese {
		return from
	}
	if format, ok := strings.CutPrefix(from, "the clock, as "); ok {
		return "当前时间，格式 " + format
	}
	switch from {
	case "variables":
		return "变量"
	case "variables, with secrets":
		return "含密钥的变量"
	case "the secrets of the tenant":
		return "租户的密钥"
	case "the server's environment":
		return "服务器环境变量"
	case "made for this try":
		return "本次生成"
	case "the receiver's binding":
		return "接收人的绑定"
	case "the sender's binding":
		return "发送人的绑定"
	case "kept from the create (freeze)":
		return "沿用新建时的值（freeze）"
	case "the todo's id, with _2, _3 after each re-creation":
		return "待办编号，重新新建后加 _2、_3"
	case "a constant":
		return "常量"
	case "the clock, growing with every call of a todo":
		return "当前时间，每次调用递增"
	case "the connection":
		return "连接名称"
	case "the delivery":
		return "推送"
	case "the delivery's id":
		return "推送编号"
	case "the delivery's scene":
		return "推送的场景"
	case "the event's id":
		return "事件编号"
	case "the event's subject":
		return "事件主题"
	case "the event's time":
		return "事件时间"
	case "an earlier answer of the OA":
		return "OA 之前的应答"
	case "the id that the OA gave to this todo":
		return "OA 返回的待办编号"
	case "the receiver's binding, else account, else name":
		return "接收人的绑定，否则账号、姓名"
	case "the sender's binding, else account, else name":
		return "发送人的绑定，否则账号、姓名"
	case "the receiver's id":
		return "接收人编号"
	case "the receiver's name":
		return "接收人姓名"
	}
	return from
}

// receiversJSON are the receivers of the previewed event, for the script that offers them.
func receiversJSON(e *editor) string {
	b, _ := json.Marshal(append([]person{}, e.Preview.Event.Receivers...)) // texts can always be written
	return string(b)
}
