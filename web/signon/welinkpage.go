package signon

import (
	"context"
	"encoding/json"
	"net/http"

	"todosync/connector"
)

// A pageWord is what the page tells its visitor when something stands in the way.
type pageWord struct {
	Title string `json:"title"`
	What  string `json:"what"`
	Do    string `json:"do,omitempty"`
}

// welinkPage shows the page that asks the app for a code and sends it back.
func (v *visit) welinkPage(ctx context.Context) {
	data := map[string]any{
		"Lang": "zh", "Title": "正在进入 CRM…", "What": "正在向 WeLink 确认您的身份。", "Script": "请开启 JavaScript。", "NumberLabel": "编号",
		"Words": map[string]pageWord{
			"outside": {"请在 WeLink 中打开", "此页面只能在 WeLink 应用内打开。", "请回到 WeLink，重新点击待办。"},
			"none":    {"无法确认您的身份", "WeLink 没有给出授权码。", "请回到 WeLink，重新点击待办。"},
			"away":    {"暂时无法登录", "连接中断。", "请稍后重新点击待办。"},
		},
	}
	if v.language() == connector.English {
		data = map[string]any{
			"Lang": "en", "Title": "Opening the CRM…", "What": "WeLink is being asked who you are.", "Script": "Please allow JavaScript.", "NumberLabel": "Number",
			"Words": map[string]pageWord{
				"outside": {"Open this in WeLink", "This page works inside the WeLink app only.", "Go back to WeLink and click the todo again."},
				"none":    {"We could not tell who you are", "WeLink gave no code.", "Go back to WeLink and click the todo again."},
				"away":    {"You cannot sign on right now", "The connection broke off.", "Click the todo again in a while."},
			},
		}
	}
	data["Action"], data["ClientID"], data["SDK"] = v.here(), v.place.Client.ID, v.place.Script
	rule := "connect-src 'self'; form-action 'self'"
	if crm := originOf(v.place.Login); crm != "" {
		rule += " " + crm // browsers hold the redirect to the CRM to it as well
	}
	v.show(ctx, "welink.html", http.StatusOK, rule, data)
}

// data answers the page of ours that asked, in place of a redirect or a page.
func (v *visit) data(status int, what any) {
	v.w.Header().Set("Content-Type", "application/json")
	v.w.WriteHeader(status)
	_ = json.NewEncoder(v.w).Encode(what) // a browser that went away hears nothing
}
