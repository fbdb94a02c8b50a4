package console

import (
	"net/url"
	"time"

	"todosync/web/api"
)

// A signOn is an entry of the sign-on log.
type signOn struct {
	Number     string    `json:"number"`
	Time       time.Time `json:"time"`
	Tenant     string    `json:"tenant"`
	Connection string    `json:"connection"`
	Vendor     string    `json:"vendor"`
	Account    string    `json:"account"`
	User       string    `json:"userId"`
	Outcome    string    `json:"outcome"`
	Why        string    `json:"why"`
	SkewMs     int64     `json:"skewMs"`
	Address    string    `json:"address"`
}

type signOnList struct {
	Tenants  []string
	Filtered bool
	Found    list[signOn]
}

// signOnFilters are what the log is narrowed by, in the address and in the API alike.
func signOnFilters() []string {
	return []string{"tenant", "connection", "number", "outcome", "user", "account", "from", "to", "cursor"}
}

// signOnOutcomes are the outcomes that the filter offers.
func signOnOutcomes() []string {
	return []string{
		"signed_on", "no_binding", "bad_proof", "too_old", "used", "not_set_up", "unknown", "bad_address", "oa_unreachable", "oa_too_slow", "slowed", "store_away", "greeted",
	}
}

func (c *Console) signOnRoutes() {
	c.page("GET /sign-ons", api.Operate, c.signOns)
	c.page("GET /sign-ons/{number}", api.Operate, c.signOn)
}

func (c *Console) signOns(v *visit) error {
	v.Active, v.Title = "sign-ons", v.T("Sign-ons", "单点登录")
	q, ask := v.r.URL.Query(), url.Values{"limit": {"50"}}
	l := signOnList{}
	for _, name := range signOnFilters() {
		if value := q.Get(name); value != "" {
			if name == "from" || name == "to" {
				value = v.instant(value)
			}
			ask.Set(name, value)
			l.Filtered = l.Filtered || name != "cursor"
		}
	}
	var err error
	if l.Tenants, err = v.tenants(); err != nil {
		return err
	}
	if err := v.api.get(v.ctx(), "/sign-ons", ask, &l.Found); err != nil {
		return err
	}
	return v.show(signOnsPage(v, &l))
}

func (c *Console) signOn(v *visit) error {
	v.Active, v.Title = "sign-ons", v.T("Sign-on", "单点登录")
	number := v.r.PathValue("number")
	var found list[signOn]
	if err := v.api.get(v.ctx(), "/sign-ons", url.Values{"number": {number}, "limit": {"1"}}, &found); err != nil {
		return err
	}
	if len(found.Items) == 0 {
		return &api.Problem{
			Status: 404, Detail: v.T("There is no sign-on with the number "+number+".", "没有编号为 "+number+" 的登录记录。"),
			Hint: v.T("The log is kept for 180 days.", "登录记录保留 180 天。"),
		}
	}
	v.Title = v.T("Sign-on ", "登录 ") + number
	return v.show(signOnPage(v, &found.Items[0]))
}

// SignOnName is what became of a sign-on, in a few words.
func (v *visit) SignOnName(outcome string) string {
	switch outcome {
	case "signed_on":
		return v.T("signed on", "登录成功")
	case "greeted":
		return v.T("ticket brought, browser to come", "票据已到，等待浏览器")
	case "bad_address":
		return v.T("wrong address", "地址不对")
	case "unknown":
		return v.T("no such connection", "没有该连接")
	case "not_set_up":
		return v.T("not set up", "未配置")
	case "bad_proof":
		return v.T("proof refused", "凭证无效")
	case "too_old":
		return v.T("link too old", "链接已过期")
	case "used":
		return v.T("link used before", "链接已用过")
	case "no_binding":
		return v.T("account not bound", "账号未绑定")
	case "oa_unreachable":
		return v.T("OA not reached", "连接不上 OA")
	case "oa_too_slow":
		return v.T("OA too slow", "OA 应答过慢")
	case "slowed":
		return v.T("too many failures", "失败过多，已限速")
	case "store_away":
		return v.T("store away", "存储不可用")
	}
	return outcome
}

func signOnColour(outcome string) string {
	switch outcome {
	case "signed_on":
		return "good"
	case "greeted":
		return "busy"
	case "no_binding", "too_old", "used", "slowed":
		return "warn"
	}
	return "bad"
}

// SignOnAdvice says what can be done about an outcome.
func (v *visit) SignOnAdvice(outcome string) string {
	switch outcome {
	case "signed_on":
		return v.T("Nothing is to be done: the employee was led into the CRM.", "无需处理：员工已进入 CRM。")
	case "greeted":
		return v.T("The OA has brought a ticket, and the employee's browser did not follow with it. If it stays so, look whether the todo's link leads to the gateway's address.", "OA 已送来票据，但员工的浏览器没有随后到达。如果一直如此，请检查待办链接是否指向网关地址。")
	case "bad_address":
		return v.T("Something called an address that the gateway does not have. Compare the link in the OA with the one on the connection's page.", "访问了网关没有的地址。请核对 OA 中的链接与连接页面上的地址。")
	case "unknown":
		return v.T("The link names a connection that is not there, or another vendor's. Was the connection renamed or deleted?", "链接里的连接不存在，或厂商不符。是否改名或删除过该连接？")
	case "not_set_up":
		return v.T("The connection's signOn or the tenant's crmLoginUrl is missing. The reason names what is.", "缺少连接的 signOn 或租户的 crmLoginUrl，原因中写明了缺什么。")
	case "bad_proof":
		return v.T("The signature is wrong, or the OA does not know the ticket. Is the secret the same on both sides? A link that somebody changed looks like this, too.", "签名不对，或 OA 不认识该票据。请确认两边的密钥一致；链接被改动过也会这样。")
	case "too_old":
		return v.T("The link was outside of its time. Let the employee click again; where it happens to everybody, compare the clocks of the OA and of this machine.", "链接不在有效时间内，请员工重新点击。如果所有人都这样，请核对 OA 与本机的时钟。")
	case "used":
		return v.T("Each link is good once: this one came before. Going back in the browser does this; clicking the todo again helps.", "每个链接只能用一次，它已经用过。浏览器后退会这样；重新点击待办即可。")
	case "no_binding":
		return v.T("The OA says who it is, and no CRM user is bound to that account at this connection. Bind him.", "OA 已确认身份，但该账号在此连接上没有绑定 CRM 用户，请绑定。")
	case "oa_unreachable":
		return v.T("The OA could not be asked about the ticket. Is its address right, and can this machine reach it?", "无法向 OA 核实票据。请检查地址是否正确、本机能否访问。")
	case "oa_too_slow":
		return v.T("The OA gave no answer in time. Let the employee try again; look at the OA if it stays.", "OA 没有及时应答。请员工重试；如果持续出现，请检查 OA。")
	case "slowed":
		return v.T("So many failures came from this address that it has to wait. It ends by itself after a while.", "该地址失败过多，需要等待一段时间后自动恢复。")
	case "store_away":
		return v.T("The server's own store did not answer at that moment.", "当时服务器的存储没有应答。")
	}
	return ""
}

// bindPath is where the account of a sign-on without a binding can be bound.
func (s *signOn) bindPath() string {
	return "/bindings?" + url.Values{"tenant": {s.Tenant}, "connection": {s.Connection}, "account": {s.Account}}.Encode()
}
