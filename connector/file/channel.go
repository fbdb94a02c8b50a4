package file

import (
	"net/mail"
	"strings"
	"time"

	"todosync/connector"
	"todosync/mapping"
)

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
		d.checkChannelAddress(path+".address", c.Address)
	}
	if signs := c.Type == connector.ChannelWebhook || c.Type == connector.ChannelDingTalk || c.Type == connector.ChannelFeishu; c.Secret != "" && !signs {
		d.wrong(path+".secret", say("is for webhook, dingtalk and feishu, which are signed", "只用于带签名的 webhook、dingtalk 与 feishu"))
	}
	for i, to := range c.To {
		at := d.item(path+".to", i)
		d.shown(at, string(to))
		if c.Type != connector.ChannelEmail {
			continue
		}
		if a, err := mail.ParseAddress(string(to)); err != nil || !ascii(a.Address) {
			d.wrong(at, say("%q is no mail address", "%q 不是邮箱地址"), excerpt(string(to)))
		}
	}
	d.channelText(path+".address", c.Address, mapping.Address, used)
	d.channelText(path+".secret", c.Secret, mapping.HeaderValue, used)
	d.plainSecret(path+".secret", c.Secret)
	d.checkQuiet(path+".quiet", c.Quiet)
}

// checkChannelAddress checks where a webhook or robot is. The whole address may be a secret, as that of a robot is.
func (d *draft) checkChannelAddress(path, address string) {
	if d.required(path, address, say("where it is posted", "推送地址")) && !webAddress(address) && !strings.HasPrefix(address, "${") {
		d.wrong(path, say("want an address that begins with https:// or http://", "应为以 https:// 或 http:// 开头的地址"))
	}
}

// channelText checks a setting that may hold secrets and nothing of an event, and notes the secrets.
func (d *draft) channelText(path, text string, place mapping.Place, used map[string]bool) {
	if !strings.Contains(text, "${") && !strings.Contains(text, "#F") {
		return
	}
	t, err := mapping.Compile(text, mapping.Options{Place: place, Env: func(name string) (string, bool) { return name, true }})
	if err != nil {
		d.wrong(path, say("%s", "%s"), mapping.Text(err, d.lang))
		return
	}
	if names := t.Placeholders(); len(names) > 0 {
		d.wrong(path, say("%s: a digest is about many events, so there is no value for it", "%s：汇总涉及多个事件，此处无法取值"), names[0])
	}
	for _, name := range t.Secrets() {
		used[name] = true
	}
}

// checkQuiet checks hours of silence. From after to spans midnight.
func (d *draft) checkQuiet(path string, q *connector.QuietHours) {
	if q == nil {
		return
	}
	good := true
	for _, t := range []struct{ name, value string }{{".from", q.From}, {".to", q.To}} {
		if _, err := time.Parse("15:04", t.value); err != nil {
			good = false
			if d.required(path+t.name, t.value, say("such as 22:00", "如 22:00")) {
				d.wrong(path+t.name, say("want a time of day such as 22:00", "应为时刻，如 22:00"))
			}
		}
	}
	if good && q.From == q.To {
		d.wrong(path, say("from and to are the same: want two times of day", "from 与 to 相同：应为两个时刻"))
	}
}

// ascii reports whether a mail address is one that every mail server takes.
func ascii(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
