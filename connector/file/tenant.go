package file

import (
	"maps"
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
