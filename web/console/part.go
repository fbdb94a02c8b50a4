package console

import (
	"fmt"
	"net/url"
	"time"

	"github.com/a-h/templ"

	"todosync/connector"
	"todosync/web/api"
)

// A crumb is a step of the way to a page.
type crumb struct{ Text, Path string }

// A dialog asks before something is done.
type dialog struct {
	ID, Title, Text, Action, Button string
	Danger                          bool
}

// htmxConfig lets no script be made of text, and has answers with mistakes in a form (422) and problems put in place as well.
const htmxConfig = `{"allowEval":false,"includeIndicatorStyles":false,"historyCacheSize":0,"responseHandling":[` +
	`{"code":"204","swap":false},{"code":"[23]..","swap":true},{"code":"[45]..","swap":true,"error":false}]}`

// with is the address of this page with a parameter changed, or taken out where the value is empty.
func (v *visit) with(pairs ...string) string {
	q := v.r.URL.Query()
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		} else {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	u := url.URL{Path: v.r.URL.Path, RawQuery: q.Encode()}
	return u.String()
}

// has reports whether there is a page at a path.
func (c *Console) has(path string) bool { return c.paths[path] }

// Ago says how long ago something was.
func (v *visit) Ago(t time.Time) string {
	d := v.Now.Sub(t)
	switch {
	case d < 0:
		return v.T("in ", "") + v.Span(-d) + v.T("", "后")
	case d < time.Second:
		return v.T("just now", "刚刚")
	}
	return v.Span(d) + v.T(" ago", "前")
}

// Span says how long something takes, to two digits or so.
func (v *visit) Span(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return v.T("under 1 ms", "不到 1 毫秒")
	case d < time.Second:
		return fmt.Sprintf(v.T("%d ms", "%d 毫秒"), d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf(v.T("%d s", "%d 秒"), int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf(v.T("%d min", "%d 分钟"), int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf(v.T("%d h", "%d 小时"), int(d.Hours()))
	}
	return fmt.Sprintf(v.T("%d days", "%d 天"), int(d.Hours()/24))
}

// StateName is a delivery's state for people.
func (v *visit) StateName(s connector.State) string {
	switch s {
	case connector.Pending:
		return v.T("pending", "等待发送")
	case connector.Sending:
		return v.T("sending", "发送中")
	case connector.Retrying:
		return v.T("retrying", "等待重试")
	case connector.Held:
		return v.T("held", "暂缓")
	case connector.Succeeded:
		return v.T("succeeded", "成功")
	case connector.Failed:
		return v.T("failed", "失败")
	case connector.Skipped:
		return v.T("skipped", "跳过")
	case connector.Superseded:
		return v.T("superseded", "被后来的取代")
	case connector.Canceled:
		return v.T("canceled", "已取消")
	}
	return string(s)
}

// stateColour is the colour of a state's badge.
func stateColour(s connector.State) string {
	switch s {
	case connector.Succeeded:
		return "good"
	case connector.Failed:
		return "bad"
	case connector.Retrying, connector.Held:
		return "warn"
	case connector.Pending, connector.Sending:
		return "busy"
	case connector.Skipped, connector.Superseded, connector.Canceled:
	}
	return ""
}

// roleName is a role for people.
func (v *visit) roleName(r api.Right) string {
	switch r {
	case api.View:
		return v.T("viewer", "查看者")
	case api.Operate:
		return v.T("operator", "操作员")
	case api.Integrate:
		return v.T("integrator", "集成人员")
	case api.Admin:
		return v.T("admin", "管理员")
	}
	return ""
}

// describedBy marks a control that has a mistake, and says where that is told.
func describedBy(mistake, id string) templ.Attributes {
	if mistake == "" {
		return nil
	}
	return templ.Attributes{"aria-invalid": "true", "aria-describedby": id}
}
