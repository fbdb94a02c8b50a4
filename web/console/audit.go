package console

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"todosync/web/api"
)

// A deed is one thing that a userInfo did.
type deed struct {
	At     time.Time `json:"at"`
	Who    string    `json:"who"`
	What   string    `json:"what"`
	Tenant string    `json:"tenant"`
	Target string    `json:"target"`
	Detail string    `json:"detail"`

	Address string `json:"address"`
	Way     string `json:"way"`
}

// way is by which way something was done, for people.
func (v *visit) way(d *deed) string {
	switch d.Way {
	case "console":
		return v.T("console", "控制台")
	case "api":
		return v.T("API", "API")
	case "cli":
		return v.T("command line", "命令行")
	}
	return ""
}

// about is the page of what was changed; empty where there is none, or none any more.
func (d *deed) about() string {
	at := "/connections/" + url.PathEscape(d.Tenant) + "/" + url.PathEscape(d.Target)
	switch d.What {
	case "connection saved":
		var revision int64
		if _, err := fmt.Sscanf(d.Detail, "revision %d", &revision); err == nil {
			return at + "/revisions/" + strconv.FormatInt(revision, 10)
		}
		return at
	case "connection paused", "connection resumed", "connection tried", "todo pushed":
		return at
	case "tenant saved":
		var revision int64
		if _, err := fmt.Sscanf(d.Detail, "revision %d", &revision); err == nil {
			return "/tenants/" + url.PathEscape(d.Tenant) + "/revisions/" + strconv.FormatInt(revision, 10)
		}
		return "/settings/tenants/" + url.PathEscape(d.Tenant)
	case "record retried", "record canceled":
		return "/records/" + url.PathEscape(d.Target)
	case "user created", "user changed", "user unlocked", "user invited", "sessions ended", "session ended":
		return "/settings/users/" + url.PathEscape(d.Target)
	case "job started", "job done", "job stopped", "job failed":
		return "/jobs/" + url.PathEscape(d.Target)
	}
	return ""
}

func (c *Console) auditRoutes() {
	c.setting("GET /settings/audit", api.Admin, "Audit", "操作审计", func(v *visit) error {
		asked := v.r.URL.Query()
		f, q := formOf(), url.Values{"limit": {"50"}}
		for _, name := range []string{"who", "what", "tenant", "address", "from", "to", "cursor"} {
			value := strings.TrimSpace(asked.Get(name))
			if f.Values.Set(name, value); value == "" {
				continue
			}
			if name == "from" || name == "to" {
				at, ok := v.moment(value)
				if !ok {
					f.Mistakes[name] = v.T("This is no time.", "时间格式不正确。")
					continue
				}
				value = at.UTC().Format(time.RFC3339)
			}
			q.Set(name, value)
		}
		var all list[deed]
		if err := v.api.get(v.ctx(), "/audit", q, &all); err != nil {
			if !f.refuse(v, err, "cursor") {
				return err
			}
		}
		return v.show(auditPage(v, all, f))
	})
}

// asks reports whether the form's filters choose anything.
func (f *form) asks() bool {
	for name := range f.Values {
		if name != "cursor" && f.V(name) != "" {
			return true
		}
	}
	return false
}

// moment reads a time as browsers send it, which is the reader's.
func (v *visit) moment(s string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, v.Zone); err == nil {
			return t, true
		}
	}
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil
}

// deeds are what is looked for most, by their beginnings.
func (v *visit) deeds() [][2]string {
	out := [][2]string{{"", v.T("everything", "全部操作")}}
	for _, what := range []string{"logged in", "user", "first admin", "session", "token", "secret", "key changed", "webhook", "tenant", "sign-on key", "connection", "binding", "record", "job", "todo", "rejected event", "digest", "channel", "backup"} {
		out = append(out, [2]string{what, v.deedName(what)})
	}
	return out
}

// deedName is what was done, for people.
func (v *visit) deedName(what string) string {
	if !v.Chinese {
		return what
	}
	if zh, ok := deedsInChinese[what]; ok {
		return zh
	}
	return what
}

var deedsInChinese = map[string]string{
	"logged in": "登录", "user": "用户", "user created": "创建用户", "user changed": "修改用户", "user removed": "删除用户", "user unlocked": "解除锁定", "user invited": "生成密码链接", "tenant": "租户", "tenant erased": "清除租户", "sign-on key": "登录签名密钥", "sign-on key made": "更换登录签名密钥",
	"first admin": "首位管理员", "first admin made": "创建首位管理员", "session": "会话", "session ended": "结束会话", "sessions ended": "结束全部会话",
	"token": "令牌", "token created": "创建令牌", "token revoked": "撤销令牌", "secret": "密钥", "secret set": "设置密钥", "secret removed": "删除密钥",
	"key changed": "更换加密密钥", "webhook": "Webhook", "webhook key made": "生成 Webhook 密钥", "webhook key shown": "查看 Webhook 密钥",
	"tenant saved": "保存租户", "connection": "连接", "connection saved": "保存连接", "connection deleted": "删除连接", "connection paused": "暂停连接",
	"connection resumed": "恢复连接", "connection tried": "试发", "binding": "绑定", "binding set": "设置绑定", "binding removed": "删除绑定", "bindings imported": "导入绑定",
	"record": "同步记录", "record retried": "重试记录", "record canceled": "取消记录", "job": "任务", "job started": "开始任务", "job done": "任务完成",
	"job stopped": "停止任务", "job failed": "任务失败", "todo": "待办", "todo pushed": "重推待办", "rejected event": "被拒绝的事件",
	"rejected event replayed": "重放被拒绝的事件", "rejected event removed": "删除被拒绝的事件", "digest": "失败汇总", "digest sent again": "重发汇总",
	"channel": "通知渠道", "channel tried": "测试通知渠道", "backup": "备份", "backup made": "备份",
}
