package console

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"todosync/connector"
	"todosync/notify"
	"todosync/web/api"
)

// A digestList is the digests of a tenant, or of all.
type digestList struct {
	Tenant   string
	Tenants  []string
	Found    list[notify.Kept]
	Channels []digestChannel // of the tenant, to be tried
}

// A digestChannel is a channel of a tenant's settings.
type digestChannel struct {
	Name string
	connector.NotifyChannel
}

func (c *Console) digestRoutes() {
	c.page("GET /digests", api.View, c.digests)
	c.page("GET /digests/{id}", api.View, c.digest)
	c.page("GET /digests/{id}/mail", api.View, c.digestMail)
	c.page("POST /digests/{id}/resend", api.Operate, c.resendDigest)
	c.page("POST /digests/test", api.Operate, c.testChannel)
}

func (c *Console) digests(v *visit) error {
	v.Active, v.Title = "digests", v.T("Digests", "失败汇总")
	q := v.r.URL.Query()
	l := digestList{Tenant: q.Get("tenant")}
	var err error
	if l.Tenants, err = v.tenants(); err != nil {
		return err
	}
	ask := url.Values{"limit": {"50"}}
	for _, name := range []string{"tenant", "cursor"} {
		if q.Get(name) != "" {
			ask.Set(name, q.Get(name))
		}
	}
	if err := v.api.get(v.ctx(), "/digests", ask, &l.Found); err != nil {
		return err
	}
	if l.Tenant == "" && len(l.Tenants) == 1 {
		l.Tenant = l.Tenants[0]
	}
	if l.Tenant != "" {
		if l.Channels, err = v.channels(l.Tenant); err != nil {
			return err
		}
	}
	return v.show(digestsPage(v, &l))
}

// tenants are the names of the tenants that the reader may see, the first thousand of them.
func (v *visit) tenants() ([]string, error) {
	var found list[api.TenantState]
	if err := v.api.get(v.ctx(), "/tenants", url.Values{"limit": {"1000"}}, &found); err != nil {
		return nil, err
	}
	out := make([]string, len(found.Items))
	for i, t := range found.Items {
		out[i] = t.Tenant
	}
	return out, nil
}

// channels are a tenant's channels; none where it has no settings.
func (v *visit) channels(tenant string) ([]digestChannel, error) {
	var saved struct {
		Settings connector.Tenant `json:"settings"`
	}
	if err := v.api.get(v.ctx(), segments("tenants", tenant), nil, &saved); err != nil {
		if isMissing(err) {
			return nil, nil
		}
		return nil, err
	}
	names := saved.Settings.Notify.ChannelNames()
	out := make([]digestChannel, len(names))
	for i, n := range names {
		out[i] = digestChannel{Name: n, NotifyChannel: saved.Settings.Notify.Channels[i]}
	}
	return out, nil
}

// isMissing reports whether the API says that something is not there.
func isMissing(err error) bool {
	p, ok := err.(*api.Problem) //nolint:errorlint // the client returns it as it is
	return ok && p.Status == http.StatusNotFound
}

func (c *Console) digest(v *visit) error {
	v.Active, v.Title = "digests", v.T("Digest", "失败汇总")
	var d notify.Kept
	if err := v.api.get(v.ctx(), segments("digests", v.r.PathValue("id")), nil, &d); err != nil {
		return err
	}
	v.Title, v.Frames = d.Title, true
	return v.show(digestPage(v, &d))
}

// digestMail is a digest as mails show it, for a frame. Styles that stand in their places become rules with the page's nonce, so that this
// page, too, allows no others; and it may do nothing but lead its reader elsewhere.
func (c *Console) digestMail(v *visit) error {
	var d notify.Kept
	if err := v.api.get(v.ctx(), segments("digests", v.r.PathValue("id")), nil, &d); err != nil {
		return err
	}
	mail, err := notify.HTML(&d.Digest)
	if err != nil {
		return err
	}
	inlineStyle := regexp.MustCompile(` style="([^"]*)"`) // text and attributes are escaped, so that nothing else looks like one
	rules, places := strings.Builder{}, map[string]string{}
	mail = inlineStyle.ReplaceAllStringFunc(mail, func(s string) string {
		style := html.UnescapeString(inlineStyle.FindStringSubmatch(s)[1])
		place, known := places[style]
		if !known {
			place = strconv.Itoa(len(places))
			places[style] = place
			rules.WriteString(`[data-s="` + place + `"]{` + style + "}\n")
		}
		return ` data-s="` + place + `"`
	})
	mail = strings.Replace(mail, "<style>", `<base target="_top"><style nonce="`+v.Nonce+`">`+"\n"+rules.String(), 1)
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+v.Nonce+"'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'; "+
		"sandbox allow-top-navigation-by-user-activation")
	_, _ = v.w.Write([]byte(mail)) // to a browser that went away nothing can be said
	return nil
}

func (c *Console) resendDigest(v *visit) error {
	id, channel := v.r.PathValue("id"), v.r.PostFormValue("channel")
	var body any
	if channel != "" {
		body = map[string]string{"channel": channel}
	}
	if err := v.api.post(v.ctx(), segments("digests", id, "resend"), body, nil); err != nil {
		return err
	}
	return v.done("/digests/"+url.PathEscape(id), v.T("It is being sent again.", "正在重新发送。"))
}

func (c *Console) testChannel(v *visit) error {
	tenant, channel := v.r.PostFormValue("tenant"), v.r.PostFormValue("channel")
	var got api.ChannelTest
	if err := v.api.post(v.ctx(), "/digests/test", map[string]string{"tenant": tenant, "channel": channel}, &got); err != nil {
		return err
	}
	back := "/digests?tenant=" + url.QueryEscape(tenant)
	if !got.Sent {
		v.tell(v.T("The channel "+got.Channel+" did not take the sample: ", "通道 "+got.Channel+" 没有接受样例：")+got.Error, true)
		return v.redirect(back)
	}
	took := v.Span(time.Duration(got.TookMs) * time.Millisecond)
	return v.done(back, v.T("The channel "+got.Channel+" has taken the sample ("+took+"). Look whether it has arrived.", "通道 "+got.Channel+" 已接受样例（"+took+"），请查看是否收到。"))
}

// ParcelName says what came of a digest at a channel.
func (v *visit) ParcelName(s notify.ParcelState) string {
	switch s {
	case notify.ParcelWaiting:
		return v.T("waits", "等待发送")
	case notify.ParcelSent:
		return v.T("sent", "已发送")
	case notify.ParcelFailed:
		return v.T("given up", "已放弃")
	case notify.ParcelSkipped:
		return v.T("too mild for it", "级别不够，未发送")
	case notify.ParcelRemoved:
		return v.T("the channel is gone", "通道已删除")
	case notify.ParcelJoined:
		return v.T("sent with a later one", "与之后的一起发送")
	}
	return string(s)
}

func parcelColour(s notify.ParcelState) string {
	switch s {
	case notify.ParcelSent, notify.ParcelJoined:
		return "good"
	case notify.ParcelFailed:
		return "bad"
	case notify.ParcelWaiting:
		return "busy"
	case notify.ParcelSkipped, notify.ParcelRemoved:
	}
	return ""
}

// SeverityName is how bad it is, in a word.
func (v *visit) SeverityName(s connector.Severity) string {
	switch s {
	case connector.SeverityInfo:
		return v.T("info", "提示")
	case connector.SeverityWarning:
		return v.T("warning", "警告")
	case connector.SeverityError:
		return v.T("error", "错误")
	case connector.SeverityCritical:
		return v.T("critical", "严重")
	}
	return string(s)
}

func severityColour(s connector.Severity) string {
	switch s {
	case connector.SeverityCritical, connector.SeverityError:
		return "bad"
	case connector.SeverityWarning:
		return "warn"
	case connector.SeverityInfo:
	}
	return ""
}

// ChannelName is a kind of channel for people.
func (v *visit) ChannelName(t connector.ChannelType) string {
	switch t {
	case connector.ChannelCRM:
		return "CRM"
	case connector.ChannelEmail:
		return v.T("mail", "邮件")
	case connector.ChannelWebhook:
		return "Webhook"
	case connector.ChannelWeCom:
		return v.T("WeCom robot", "企业微信机器人")
	case connector.ChannelDingTalk:
		return v.T("DingTalk robot", "钉钉机器人")
	case connector.ChannelFeishu:
		return v.T("Feishu robot", "飞书机器人")
	}
	return string(t)
}

// plainTitle is a digest's title without the mark by which mails are sorted.
func plainTitle(d *notify.Kept) string { return strings.TrimPrefix(d.Title, "[todosync] ") }

// sum is how many failures a digest tells.
func sum(d *notify.Kept) int {
	n := 0
	for _, c := range d.Counts {
		n += c
	}
	return n
}

// window is a digest's span of time in the reader's zone.
func (v *visit) window(w notify.Window) string {
	from, to := w.From.In(v.Zone), w.To.In(v.Zone)
	if from.Format("0102") == to.Format("0102") {
		return from.Format("2006-01-02 15:04") + "–" + to.Format("15:04")
	}
	return from.Format("2006-01-02 15:04") + " – " + to.Format("2006-01-02 15:04")
}

// kindPath is where one failure of a digest is told whole.
func kindPath(k notify.Kind, id string) string {
	if k == notify.Rejected {
		return "/rejected/" + url.PathEscape(id)
	}
	return "/records/" + url.PathEscape(id)
}

// KindName is what happened, for a group without a class.
func (v *visit) KindName(k notify.Kind) string {
	switch k {
	case notify.Failed:
		return v.T("failed", "失败")
	case notify.Rejected:
		return v.T("event rejected", "事件被拒绝")
	case notify.Unbound:
		return v.T("receiver not bound", "接收人未绑定")
	case notify.TokenRefused:
		return v.T("the OA gave no token", "OA 没有给令牌")
	case notify.Down:
		return v.T("the OA was down", "OA 不可达")
	case notify.Back:
		return v.T("the OA answers again", "OA 已恢复")
	}
	return string(k)
}

// groupClass is why a group of a digest failed.
func (v *visit) groupClass(g *notify.Group) string {
	if g.Kind == notify.Rejected || g.Class == "" {
		return v.KindName(g.Kind)
	}
	return v.ClassName(g.Class)
}

func itoa(n int) string { return strconv.Itoa(n) }

// groupRecords is the list of the records that a group of a digest tells of.
func groupRecords(d *notify.Kept, g *notify.Group) string {
	q := url.Values{"tenant": {d.Tenant}, "connection": {g.Connection}}
	if g.Kind == notify.Failed && g.Class != "" {
		q.Set("state", string(connector.Failed))
		q.Set("class", g.Class)
		if g.Scene != "" {
			q.Set("scene", string(g.Scene))
		}
	}
	return "/records?" + q.Encode()
}

// joined are who a channel tells.
func joined(to connector.Texts) string {
	out := make([]string, len(to))
	for i, t := range to {
		out[i] = string(t)
	}
	return strings.Join(out, ", ")
}
