package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"todosync/connector"
	"todosync/web/api"
)

// editTenant is the editor of a tenant's file: as it is stored, else a proposal.
func (c *Console) editTenant(v *visit) error {
	tenant := v.r.PathValue("tenant")
	saved, err := v.savedTenant(tenant)
	if err != nil {
		return err
	}
	e := editor{Key: connector.ConnectionKey{Tenant: tenant}, Title: tenant, Revision: saved.Revision, Tab: v.r.URL.Query().Get("tab")}
	content := saved.File
	if saved.Revision == 0 {
		content = tenantTemplate(tenant)
	}
	return c.showEditor(v, &e, content)
}

// savedTenant are a tenant's settings; of one that nothing names yet, none.
func (v *visit) savedTenant(tenant string) (savedSettings, error) {
	var saved savedSettings
	err := v.api.get(v.ctx(), segments("tenants", tenant), nil, &saved)
	if p, ok := errors.AsType[*api.Problem](err); ok && p.Status == http.StatusNotFound && v.Who.Sees(tenant) && connector.ValidTenant(tenant) {
		err = nil
	}
	return saved, err
}

// schema passes on the JSON Schema of a settings file, for the editor's completion.
func (c *Console) schema(v *visit) error {
	var raw []byte
	if err := v.api.get(v.ctx(), "/schemas"+segments(v.r.PathValue("kind")), url.Values{}, &raw); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/schema+json")
	v.w.Header().Set("Cache-Control", "private, max-age=3600")
	_, _ = v.w.Write(raw) // to a browser that went away nothing can be said
	return nil
}

// tenantForm is what the tab for a tenant's general settings shows.
func (v *visit) tenantForm() []formGroup {
	return []formGroup{
		{Title: v.T("Tenant", "租户"), Open: true, Fields: []formField{
			{Path: pathOf("title"), Label: v.T("Title", "名称"), Kind: "text"},
			{Path: pathOf("timeZone"), Label: v.T("Time zone", "时区"), Kind: "text", Hint: "Asia/Shanghai"},
			{Path: pathOf("language"), Label: v.T("Language", "语言"), Kind: "choice", Options: []string{"zh", "en"}},
			{Path: pathOf("maskBodies"), Label: v.T("Viewers see no bodies", "查看者看不到报文正文"), Kind: "bool"},
		}},
		{Title: v.T("Sign-on from the OA into the CRM", "从 OA 单点登录到 CRM"), Open: true, Hint: v.T("Where the browser is sent after an employee has proved who he is, and with what.", "员工身份确认后，浏览器跳转到哪里、携带什么票据。"), Fields: []formField{
			{Path: pathOf("signOn.crmLoginUrl"), Label: v.T("The CRM's log-in address", "CRM 登录地址"), Kind: "text", Wide: true, Hint: "https://crm.example.com/login/ticket"},
			{Path: pathOf("signOn.ticket"), Label: v.T("Ticket", "票据"), Kind: "choice", Options: []string{"opaque", "EdDSA", "HS256"}},
			{Path: pathOf("signOn.secret"), Label: v.T("Secret, of HS256", "密钥（HS256）"), Kind: "text", Hint: "${secret:crm-ticket}"},
			{Path: pathOf("signOn.audience"), Label: v.T("Audience, of a JWT", "audience（JWT）"), Kind: "text"},
		}},
	}
}

// notifyForm is what the tab for digests shows beside the channels.
func (v *visit) notifyForm() []formField {
	return []formField{
		{Path: pathOf("notify.window"), Label: v.T("Failures are gathered for", "汇总间隔"), Kind: "text", Hint: v.T("10m; 1s to 24h", "10m；1s 至 24h")},
		{Path: pathOf("notify.language"), Label: v.T("Language of digests", "汇总的语言"), Kind: "choice", Options: []string{"zh", "en"}},
	}
}

// channelForm is what the form of one channel asks for. Only shows it for these types; empty: for all.
func (v *visit) channelForm() []channelField {
	return []channelField{
		{Name: "type", Label: v.T("Kind", "类型"), Options: []string{"crm", "email", "webhook", "wecom", "dingtalk", "feishu"}},
		{Name: "to", Label: v.T("To, with commas", "接收者，逗号分隔"), Kind: "list", Only: "crm email", Hint: v.T("crm-admins, integration-admins; or mail addresses", "crm-admins、integration-admins；或邮箱地址")},
		{Name: "address", Label: v.T("Address", "地址"), Only: "webhook wecom dingtalk feishu", Hint: "https://chat.example.com/hook/${secret:hook}"},
		{Name: "secret", Label: v.T("Secret that signs", "签名密钥"), Only: "webhook dingtalk feishu", Hint: "${secret:robot}"},
		{Name: "severity", Label: v.T("From this severity on", "最低严重程度"), Options: []string{"", "info", "warning", "error", "critical"}},
		{Name: "quiet.from", Label: v.T("Silent from", "静默开始"), Kind: "time"},
		{Name: "quiet.to", Label: v.T("until", "静默结束"), Kind: "time"},
		{Name: "name", Label: v.T("Name, where several are of one kind", "名称（同类型有多个时）"), Hint: "ops-mail"},
	}
}

// A channelField is one setting of a channel.
type channelField struct {
	Name, Label, Hint, Kind, Only string
	Options                       []string
}

// channelOption is a value of a channel's setting for people.
func (v *visit) channelOption(o string) string {
	switch o {
	case "":
		return v.T("all", "全部")
	case "crm":
		return v.T("CRM message", "CRM 消息")
	case "email":
		return v.T("e-mail", "邮件")
	case "webhook":
		return "webhook"
	case "wecom":
		return v.T("WeCom robot", "企业微信群机器人")
	case "dingtalk":
		return v.T("DingTalk robot", "钉钉群机器人")
	case "feishu":
		return v.T("Feishu robot", "飞书群机器人")
	case "info":
		return v.T("information: an OA is back", "信息：OA 已恢复")
	case "warning":
		return v.T("warning: somebody has no account", "警告：有人未绑定")
	case "error":
		return v.T("error: deliveries failed", "错误：推送失败")
	case "critical":
		return v.T("critical: an OA is down", "严重：OA 不可达")
	}
	return o
}

// A tenantView is the page of a tenant.
type tenantView struct {
	Tenant      string
	Saved       savedSettings
	Settings    connector.Tenant
	Connections list[api.ConnectionState]
	Revisions   []revision
	Secrets     []namedSecret
}

// tenantPage shows a tenant.
func (v *visit) tenantPage() error {
	t := tenantView{Tenant: v.r.PathValue("tenant")}
	v.Title = t.Tenant
	var err error
	if t.Saved, err = v.savedTenant(t.Tenant); err != nil {
		return err
	}
	if len(t.Saved.Settings) > 0 && string(t.Saved.Settings) != "null" {
		if err := json.Unmarshal(t.Saved.Settings, &t.Settings); err != nil {
			return err
		}
	}
	if err := v.api.get(v.ctx(), "/connections", url.Values{"tenant": {t.Tenant}, "limit": {"50"}}, &t.Connections); err != nil {
		return err
	}
	if t.Saved.Revision > 0 {
		var all list[revision]
		if err := v.api.get(v.ctx(), segments("tenants", t.Tenant, "revisions"), url.Values{"limit": {"5"}}, &all); err != nil {
			return err
		}
		t.Revisions = all.Items
		looked, err := v.look(t.Saved.File, nil)
		if _, ok := errors.AsType[*api.Problem](err); err != nil && !ok {
			return err
		}
		t.Secrets = looked.Secrets
	}
	return v.show(tenantPage(v, &t))
}

// eraseTenant starts the job that takes all of a tenant away, for who has typed its name.
func (v *visit) eraseTenant() error {
	tenant := v.r.PathValue("tenant")
	if v.r.PostFormValue("confirm") != tenant {
		return &api.Problem{
			Status: http.StatusUnprocessableEntity, Detail: v.T("The number that was typed is not that of this tenant. Nothing was erased.", "输入的编号与该租户不一致，没有清除任何数据。"),
			Hint: v.T("Go back and type it as it stands in the title.", "请返回并按标题中的编号输入。"),
		}
	}
	var job struct {
		ID string `json:"id"`
	}
	if err := v.api.do(v.ctx(), request{method: http.MethodDelete, path: segments("tenants", tenant)}, &job); err != nil {
		return err
	}
	return v.done("/jobs"+segments(job.ID), v.T("The data of tenant "+tenant+" is being erased.", "正在清除租户 "+tenant+" 的数据。"))
}
