package file

import (
	"maps"
	"net/mail"
	"slices"
	"strings"
	"time"

	"todosync/connector"
	"todosync/mapping"
)

// The bounds of a tenant's digests.
const (
	minWindow = connector.Duration(time.Second)
	maxWindow = connector.Duration(24 * time.Hour)
)

// tenant checks what a tenant means.
func (d *draft) tenant(doc *Document) *connector.Tenant {
	d.merged = d.root.pruned(d.shape)
	t := connector.DefaultTenant()
	if !d.fill(d.merged, &t) {
		return nil
	}
	if !d.given("notify.language") {
		t.Notify.Language = t.Language
	}
	d.identity(t.Tenant)
	d.shown("title", t.Title)
	// A tenant's own codes follow the rules of a connection's.
	c := connector.Defaults()
	c.TimeZone, c.Fields = t.TimeZone, t.Fields
	d.checkFields(&c, maps.Clone(t.Fields), maps.Clone(d.r.builtin))
	d.checkTicket(&t.SignOn)
	if w := t.Notify.Window; w < minWindow || w > maxWindow {
		d.wrong("notify.window", say("want 1s to 24h", "应为 1s 至 24h"))
	}
	used, names := map[string]bool{}, map[string]bool{}
	for i := range t.Notify.Channels {
		if !d.given("notify.channels") {
			break // the default's
		}
		path, c := d.item("notify.channels", i), &t.Notify.Channels[i]
		d.checkChannel(path, c, used)
		if c.Name != "" && names[c.Name] {
			d.wrong(path+".name", say("%q is the name of another channel too", "%q 已是另一个渠道的名称"), c.Name)
		}
		names[c.Name] = true
	}
	d.secretsIn(t.SignOn.Secret, used)
	doc.Secrets = slices.Sorted(maps.Keys(used))
	return &t
}

// checkTicket checks how the CRM is told who has signed on.
func (d *draft) checkTicket(s *connector.TenantSignOn) {
	if s.CRMLoginURL != "" && !webAddress(s.CRMLoginURL) {
		d.wrong("signOn.crmLoginUrl", say("want an address that begins with https:// or http://", "应为以 https:// 或 http:// 开头的地址"))
	}
	switch {
	case s.Ticket == connector.TicketHS256:
		if d.required("signOn.secret", s.Secret, say("the secret shared with the CRM, such as ${secret:crm-ticket}", "与 CRM 共享的密钥，如 ${secret:crm-ticket}")) &&
			!strings.Contains(s.Secret, "${") && len(s.Secret) < 32 {
			d.wrong("signOn.secret", say("want 32 bytes or more", "至少 32 字节"))
		}
		d.plainSecret("signOn.secret", s.Secret)
	case s.Secret != "":
		d.wrong("signOn.secret", say("is for ticket: HS256 only", "只用于 ticket: HS256"))
	}
}

// checkChannel checks one way in which digests are sent.
func (d *draft) checkChannel(path string, c *connector.NotifyChannel, used map[string]bool) {
	if !d.required(path+".type", string(c.Type), say("crm, email, webhook, wecom, dingtalk or feishu", "crm、email、webhook、wecom、dingtalk 或 feishu")) {
		return
	}
	if c.Name != "" && !ValidName(c.Name) {
		d.wrong(path+".name", say("%q: want 1 to 63 of a-z 0-9 -", "%q：应为 1 至 63 个 a-z 0-9 - 字符"), excerpt(c.Name))
	}
	switch c.Type {
	case connector.ChannelCRM, connector.ChannelEmail:
		if len(c.To) == 0 {
			d.wrong(path+".to", say("is missing: who gets it", "缺少：接收人"))
		}
		if c.Address != "" {
			d.wrong(path+".address", say("is for webhooks and robots; people stand in to", "只用于 webhook 与群机器人；收件人写在 to"))
		}
	default:
		if d.required(path+".address", c.Address, say("where it is posted", "推送地址")) && !webAddress(c.Address) {
			d.wrong(path+".address", say("want an address that begins with https:// or http://", "应为以 https:// 或 http:// 开头的地址"))
		}
	}
	for i, to := range c.To {
		if c.Type != connector.ChannelEmail {
			break
		}
		if _, err := mail.ParseAddress(string(to)); err != nil {
			d.wrong(d.item(path+".to", i), say("%q is no mail address", "%q 不是邮箱地址"), excerpt(string(to)))
		}
	}
	d.secretsIn(c.Address, used)
	d.secretsIn(c.Secret, used)
	d.plainSecret(path+".secret", c.Secret)
	if q := c.Quiet; q != nil {
		for _, t := range []struct{ name, value string }{{".quiet.from", q.From}, {".quiet.to", q.To}} {
			if _, err := time.Parse("15:04", t.value); err != nil && d.required(path+t.name, t.value, say("such as 22:00", "如 22:00")) {
				d.wrong(path+t.name, say("want a time of day such as 22:00", "应为时刻，如 22:00"))
			}
		}
	}
}

// secretsIn notes the secrets that a text names.
func (d *draft) secretsIn(text string, used map[string]bool) {
	if text == "" {
		return
	}
	t, err := mapping.Compile(text, mapping.Options{Place: mapping.HeaderValue, Env: func(name string) (string, bool) { return name, true }})
	if err != nil {
		return
	}
	for _, name := range t.Secrets() {
		used[name] = true
	}
}
