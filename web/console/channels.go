package console

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"todosync/connector"
	"todosync/web/api"
)

// tenantChannels are the ways in which a tenant's failures are told.
type tenantChannels struct {
	Tenant, Title string
	Notify        connector.NotifySettings
	Names         []string
}

func (c *Console) channelRoutes() {
	const channels = "/settings/channels"
	c.setting("GET "+channels, api.Integrate, "Notification channels", "通知渠道", func(v *visit) error {
		q := url.Values{"limit": {"20"}}
		for _, name := range []string{"cursor", "tenant"} {
			if value := v.r.URL.Query().Get(name); value != "" {
				q.Set(name, value)
			}
		}
		var tenants list[api.TenantState]
		if err := v.api.get(v.ctx(), "/tenants", q, &tenants); err != nil {
			return err
		}
		all := make([]tenantChannels, len(tenants.Items))
		for i, t := range tenants.Items {
			var saved struct {
				Settings json.RawMessage `json:"settings"`
			}
			if err := v.api.get(v.ctx(), segments("tenants", t.Tenant), nil, &saved); err != nil {
				return err
			}
			settings := connector.Tenant{Notify: connector.NotifySettings{Channels: []connector.NotifyChannel{{Type: connector.ChannelCRM}}}} // what a tenant without settings has
			if len(saved.Settings) > 0 && string(saved.Settings) != "null" {
				if err := json.Unmarshal(saved.Settings, &settings); err != nil {
					return fmt.Errorf("read the settings of tenant %s: %w", t.Tenant, err)
				}
			}
			all[i] = tenantChannels{Tenant: t.Tenant, Title: t.Title, Notify: settings.Notify, Names: settings.Notify.ChannelNames()}
		}
		return v.show(channelsPage(v, all, tenants.Next))
	})
	c.setting("POST "+channels+"/test", api.Operate, "Notification channels", "通知渠道", func(v *visit) error {
		f, err := v.form()
		if err != nil {
			return err
		}
		var got api.ChannelTest
		body := map[string]string{"tenant": f.V("tenant"), "channel": f.V("channel")}
		if err := v.api.post(v.ctx(), "/digests/test", body, &got); err != nil {
			if f.refuse(v, err) {
				v.tell(f.V("channel")+v.T(": ", "：")+f.Mistake+" "+f.Hint, true)
				return v.redirect(channels)
			}
			return err
		}
		if !got.Sent {
			v.tell(fmt.Sprintf(v.T("%s did not take the sample: %s", "%s 没有收下测试消息：%s"), got.Channel, got.Error), true)
			return v.redirect(channels)
		}
		return v.done(channels, fmt.Sprintf(v.T("%s has taken the sample, after %d ms.", "%s 已收下测试消息，用时 %d 毫秒。"), got.Channel, got.TookMs))
	})
	c.setting("POST "+channels+"/key", api.Admin, "Webhook key", "Webhook 密钥", func(v *visit) error {
		f, err := v.form()
		if err != nil {
			return err
		}
		var got struct {
			Tenant string `json:"tenant"`
			Key    string `json:"key"`
		}
		if err := v.api.get(v.ctx(), segments("tenants", f.V("tenant"), "webhook-key"), nil, &got); err != nil {
			return err
		}
		return v.show(webhookKeyPage(v, got.Tenant, got.Key))
	})
}

// channelName is a type of channels for people.
func (v *visit) channelName(t connector.ChannelType) string {
	switch t {
	case connector.ChannelCRM:
		return "CRM"
	case connector.ChannelEmail:
		return v.T("e-mail", "邮件")
	case connector.ChannelWebhook:
		return "webhook"
	case connector.ChannelWeCom:
		return v.T("WeCom robot", "企业微信机器人")
	case connector.ChannelDingTalk:
		return v.T("DingTalk robot", "钉钉机器人")
	case connector.ChannelFeishu:
		return v.T("Feishu robot", "飞书机器人")
	}
	return string(t)
}

// severityName is how bad something must be to be told at a channel.
func (v *visit) severityName(s connector.Severity) string {
	switch s {
	case connector.SeverityWarning:
		return v.T("warnings and worse", "警告及以上")
	case connector.SeverityError:
		return v.T("errors and worse", "错误及以上")
	case connector.SeverityCritical:
		return v.T("only what is critical", "仅严重")
	}
	return v.T("all", "全部")
}

// channelTo is where a channel leads. Secrets in addresses stand as their names.
func channelTo(c connector.NotifyChannel) string {
	to := make([]string, len(c.To))
	for i, t := range c.To {
		to[i] = string(t)
	}
	if c.Address != "" {
		return c.Address
	}
	return commas(to)
}

// orTenMinutes is a window, which has ten minutes where nothing is said.
func orTenMinutes(d time.Duration) time.Duration {
	if d == 0 {
		return 10 * time.Minute
	}
	return d
}
