package console

import "todosync/web/api"

// A section is an entry of the navigation.
type section struct {
	Key, Path, En, Zh, Icon string
	Need                    api.Right
	Group                   string // begins a group of this name in English; empty: belongs to the one before
	GroupZh                 string
}

// sections are the navigation, in its order. Icons are paths in a box of 24.
func sections() []section {
	return []section{
		{Key: "overview", Path: "/", En: "Overview", Zh: "概览", Need: api.View, Icon: "M4 13h6V4H4v9Zm0 7h6v-5H4v5Zm10 0h6v-9h-6v9Zm0-16v5h6V4h-6Z"},
		{Key: "records", Path: "/records", En: "Sync records", Zh: "同步记录", Need: api.View, Icon: "M5 6h14M5 12h14M5 18h9"},
		{Key: "events", Path: "/events", En: "Events", Zh: "事件", Need: api.View, Icon: "M13 3 5 14h6l-1 7 8-11h-6l1-7Z"},
		{Key: "rejected", Path: "/rejected", En: "Rejected events", Zh: "被拒绝的事件", Need: api.View, Icon: "M12 8v5m0 3v.5M4.5 19h15L12 5 4.5 19Z"},
		{Key: "connections", Path: "/connections", En: "Connections", Zh: "连接", Need: api.View, Icon: "M8 12h8M7 8a4 4 0 1 0 0 8m10-8a4 4 0 1 1 0 8"},
		{Key: "bindings", Path: "/bindings", En: "Bindings", Zh: "人员绑定", Need: api.View, Icon: "M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm-6 8c.5-3 3-5 6-5s5.500 2 6 5M16 11a3 3 0 1 0-1-5.800M17 14c2.300.500 3.700 2.300 4 5"},
		{Key: "digests", Path: "/digests", En: "Digests", Zh: "失败汇总", Need: api.View, Icon: "M4 6h16v12H4V6Zm0 1 8 6 8-6"},
		{Key: "sign-ons", Path: "/sign-ons", En: "Sign-ons", Zh: "单点登录", Need: api.Operate, Icon: "M10 17l5-5-5-5m5 5H4m9-8h6v16h-6"},
		{Key: "jobs", Path: "/jobs", En: "Jobs", Zh: "任务", Need: api.View, Icon: "M12 7v5l3 2m6-2a9 9 0 1 1-18 0 9 9 0 0 1 18 0Z"},
		{Key: "docs", Path: "/docs", En: "HTTP API", Zh: "HTTP 接口", Need: api.View, Icon: "M8 7 3 12l5 5m8-10 5 5-5 5M14 4l-4 16"},
		{Key: "settings", Path: "/settings", En: "Settings", Zh: "设置", Need: api.Integrate, Icon: "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm7-3 2-1-1-3-2 .300-1-1.300.300-2-3-1-1 2h-2l-1-2-3 1 .300 2-1 1.300L4 8l-1 3 2 1-2 1 1 3 2-.300 1 1.300-.300 2 3 1 1-2h2l1 2 3-1-.300-2 1-1.300 2 .300 1-3-2-1Z"},
	}
}

// visible are the sections that the reader may open.
func (v *visit) visible() []section {
	var out []section
	for _, s := range sections() {
		if v.Who != nil && v.Who.May(s.Need) && v.console.has(s.Path) {
			out = append(out, s)
		}
	}
	return out
}
