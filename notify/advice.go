package notify

import (
	"net/url"
	"strings"

	"todosync/connector"
	"todosync/retry"
)

// advice is what a reader of the digest can do about a group of failures: where to look, and the command, which stands
// between grave accents.
func (d *Digest) advice(g *Group) string {
	a := adviser{words: wordsIn(d.Language), group: g, tenant: d.Tenant}
	for i := range d.Examples {
		if e := &d.Examples[i]; e.Kind == g.Kind && e.Class == g.Class && e.Connection == g.Connection {
			a.receiver, a.record = e.Receiver, e.Record
			break
		}
	}
	return a.advice()
}

// An adviser knows the group that advice is wanted for, and one of its failures.
type adviser struct {
	words
	group            *Group
	tenant           string
	receiver, record string
}

func (a *adviser) advice() string {
	switch a.group.Kind {
	case Rejected:
		return a.t("Correct what the CRM sends, then: "+a.show("rejected show", a.record)+", `todosync rejected replay ID`.",
			"先更正 CRM 发出的内容，再执行："+a.show("rejected show", a.record)+"，`todosync rejected replay ID`。")
	case Unbound:
		return a.bind(a.t("What is held goes by itself then.", "绑定后，等待的待办会自动发出。"))
	case TokenRefused:
		return a.t("Check the account and password that the OA gives tokens for, then store them: `todosync secret set NAME --tenant "+a.tenant+
			"`; `todosync doctor` asks for a token once. What waits goes by itself.",
			"请核对取令牌所用的账号和密码，然后保存：`todosync secret set NAME --tenant "+a.tenant+"`；`todosync doctor` 会试取一次令牌。等待的待办会自动发出。")
	case Down:
		return a.t("Nothing has to be done here: retries go on. Tell the OA's admin; `todosync doctor` checks the way to it.",
			"此处无需操作，重试会继续。请联系 OA 管理员；`todosync doctor` 可检查网络。")
	case Back:
		return a.t("Nothing has to be done.", "无需操作。")
	case Failed:
	}
	return a.failed()
}

// Advice is what can be done about a delivery that failed, by its class and message: a sentence or two, with commands and settings between
// grave accents.
func Advice(l connector.Language, class retry.Class, message string) string {
	a := adviser{words: wordsIn(l), group: &Group{Kind: Failed, Class: string(class), Messages: []Message{{Text: message}}}}
	return a.cause()
}

// failed is the advice for deliveries that failed for good.
func (a *adviser) failed() string {
	if retry.Class(a.group.Class) == retry.Unbound {
		return a.bind(strings.TrimSpace(a.again()))
	}
	return a.cause() + a.again()
}

// cause is what can be done about why deliveries failed.
func (a *adviser) cause() string {
	switch retry.Class(a.group.Class) {
	case retry.Network:
		return a.t("Check address, name, firewall and proxy with `todosync doctor`.", "请用 `todosync doctor` 检查地址、域名、防火墙和代理。")
	case retry.Timeout:
		return a.t("The OA is slow: ask its admin, or raise timeouts.total in the connection.", "OA 应答慢：请联系其管理员，或调大连接的 timeouts.total。")
	case retry.TLS:
		return a.t("Renew the OA's certificate, or name its authority in tls.caFile; `todosync doctor` shows which one it is.",
			"请更新 OA 的证书，或在 tls.caFile 中指定其 CA；`todosync doctor` 会显示是哪一张。")
	case retry.HTTP429:
		return a.t("Set limits.rate of the connection to what the OA allows.", "请把连接的 limits.rate 设为 OA 允许的速度。")
	case retry.HTTP5xx:
		return a.t("The OA's admin finds the reason in the OA's log at the times of the examples.", "请 OA 管理员按示例中的时间查看 OA 日志。")
	case retry.HTTP3xx:
		return a.t("Check the scene's address and whether the log-in of the connection is still good; the message says where to.",
			"请检查场景的地址，以及连接的登录是否仍有效；消息中写明转向何处。")
	case retry.HTTP4xx:
		return a.t("401 and 403: account and rights in the OA; 404: the scene's address; 400: the body, see the record.",
			"401、403：OA 中的账号和权限；404：场景地址；400：请求体，见记录。")
	case retry.Business:
		return a.business()
	case retry.BadAnswer:
		return a.t("Look at the answer in the record. A log-in page means that the log-in is not good; else correct result in the connection.",
			"请查看记录中的应答。若是登录页，说明登录无效；否则请更正连接的 result。")
	case retry.Token:
		return a.t("Check the token's address with `todosync doctor`.", "请用 `todosync doctor` 检查取令牌的地址。")
	case retry.TokenRefused:
		return a.t("Check account and password: `todosync secret set NAME --tenant "+a.tenant+"`.",
			"请核对账号和密码：`todosync secret set NAME --tenant "+a.tenant+"`。")
	case retry.Mapping:
		return a.t("The record names the field. Correct the connection's template, or what the CRM fills in.",
			"记录中写明了字段。请更正连接的模板，或 CRM 中的数据。")
	case retry.Unbound:
		return a.t("Bind the receiver to an OA account.", "请为接收人绑定 OA 账号。")
	case retry.OK:
	}
	return a.t("See the record.", "请查看记录。")
}

// A hint is what messages of OAs that hold one of some words most often mean.
type hint struct {
	words  []string // in lower case
	en, zh string
}

// hints are tried in order.
var hints = []hint{
	{
		[]string{"未授权的ip", "ip未授权", "白名单", "whitelist", "white list", "ip not allowed", "ip地址未", "非法ip", "ip不", "未授权", "unauthorized", "not authorized"},
		"The OA does not allow this server or its account: have the OA's admin put this server's IP on its white list and check the rights of the account.",
		"OA 未授权本服务器或其账号：请 OA 管理员把本服务器的 IP 加入白名单，并检查账号权限。",
	},
	{
		[]string{"无权限", "没有权限", "权限不足", "permission", "forbidden", "access denied"},
		"The account that the connection uses lacks a right in the OA: have its admin grant it.",
		"连接所用的账号在 OA 中缺少权限：请 OA 管理员授权。",
	},
	{
		[]string{"人员不存在", "用户不存在", "账号不存在", "帐号不存在", "找不到人员", "找不到用户", "未找到用户", "未找到人员", "接收人", "user not found", "user does not exist", "no such user", "unknown user"},
		"The OA does not know the account: correct the binding with `todosync bindings set`.",
		"OA 不认识该账号：请用 `todosync bindings set` 更正绑定。",
	},
	{
		[]string{"token", "令牌", "登录", "登陆", "session", "会话", "过期", "expired", "login"},
		"The OA wants a new log-in: name this code in token.refreshOn.codes, and check account and password.",
		"OA 要求重新登录：请把该返回码写入 token.refreshOn.codes，并核对账号和密码。",
	},
	{
		[]string{"已存在", "重复", "already exist", "duplicate"},
		"The todo is there already: name this answer in result.duplicate, then it counts as success.",
		"待办已存在：请把该应答写入 result.duplicate，即视为成功。",
	},
	{
		[]string{"频率", "频繁", "限流", "too many", "rate limit", "frequen"},
		"The OA asks to slow down: set limits.rate, and name this code in retry.codes.",
		"OA 要求放慢：请设置 limits.rate，并把该返回码写入 retry.codes。",
	},
	{
		[]string{"不存在", "not exist", "not found", "找不到", "未找到"},
		"The OA does not have what the request names: if it is the todo, name this answer in result.gone; else check the ids in the body.",
		"OA 中没有请求所指的对象：若是待办，请写入 result.gone；否则请检查请求体中的标识。",
	},
	{
		[]string{"不能为空", "必填", "缺少", "格式", "required", "missing", "invalid", "参数", "parameter"},
		"The OA wants another content: compare the body in the record with the OA's interface.",
		"OA 对内容有要求：请把记录中的请求体与 OA 接口文档对照。",
	},
}

// business is the advice for what an OA refused, by its most frequent words.
func (a *adviser) business() string {
	for _, m := range a.group.Messages {
		text := strings.ToLower(m.Text)
		for _, h := range hints {
			for _, w := range h.words {
				if strings.Contains(text, w) {
					return a.t(h.en, h.zh)
				}
			}
		}
	}
	return a.t("Ask the OA's admin what the code and the message mean; the record shows request and answer.",
		"请向 OA 管理员核实返回码和消息的含义；记录中有请求与应答。")
}

// bind says how a receiver is bound.
func (a *adviser) bind(then string) string {
	if !a.known() {
		return a.t("Bind the receivers; `todosync bindings unbound --tenant "+a.tenant+"` lists them. ",
			"请绑定接收人；`todosync bindings unbound --tenant "+a.tenant+"` 可列出。") + then
	}
	who := "CRM_USER"
	if shellSafe(a.receiver) {
		who = a.receiver
	}
	where := " --tenant " + a.tenant + " --connection " + a.group.Connection
	set, list := "`todosync bindings set "+who+" OA_ACCOUNT"+where+"`", "`todosync bindings unbound"+where+"`"
	out := a.t("Bind this receiver: "+set+". ", "请绑定该接收人："+set+"。")
	if a.group.Count > 1 {
		out = a.t("Bind these receivers: "+set+", or import a file; "+list+" lists them. ", "请绑定这些接收人："+set+"，或导入文件；"+list+" 可列出。")
	}
	return out + then
}

// again says how what failed is sent again once the cause is gone.
func (a *adviser) again() string {
	cmd := "todosync records retry --tenant " + a.tenant
	if a.known() {
		cmd += " --connection " + a.group.Connection
	}
	cmd += " --state failed --class " + a.group.Class
	return a.t(" Then send them again: `"+cmd+"`.", "处理后重新发送：`"+cmd+"`。")
}

// known reports whether the group is of one connection.
func (a *adviser) known() bool { return a.group.Connection != "" }

func (a *adviser) show(cmd, id string) string {
	if !shellSafe(id) {
		id = "ID"
	}
	return "`todosync " + cmd + " " + id + "`"
}

// shellSafe reports whether a text means itself in a command line.
func shellSafe(s string) bool {
	for i, r := range s {
		ok := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || i > 0 && strings.ContainsRune("._-", r)
		if !ok {
			return false
		}
	}
	return s != "" && len(s) <= 100
}

func pathEscape(s string) string { return url.PathEscape(s) }
