package console

import "todosync/web/api"

// settingsTabs are the parts of the settings that the reader may open.
func (v *visit) settingsTabs() []section {
	var out []section
	for _, t := range []section{
		{Key: "users", Path: "/settings/users", En: "Users", Zh: "用户", Need: api.Admin},
		{Key: "tokens", Path: "/settings/tokens", En: "API tokens", Zh: "API 令牌", Need: api.Admin},
		{Key: "tenants", Path: "/settings/tenants", En: "Tenants", Zh: "租户", Need: api.Integrate},
		{Key: "secrets", Path: "/settings/secrets", En: "Secrets", Zh: "密钥", Need: api.Admin},
		{Key: "channels", Path: "/settings/channels", En: "Notification channels", Zh: "通知渠道", Need: api.Integrate},
		{Key: "audit", Path: "/settings/audit", En: "Audit", Zh: "操作审计", Need: api.Admin},
	} {
		if v.Who.May(t.Need) {
			out = append(out, t)
		}
	}
	return out
}

func (c *Console) settingsRoutes() {
	c.page("GET /settings", api.Integrate, func(v *visit) error { return v.redirect(v.settingsTabs()[0].Path) })
	c.userRoutes()
	c.tokenRoutes()
	c.tenantRoutes()
	c.secretRoutes()
	c.channelRoutes()
	c.auditRoutes()
	c.accountRoutes()
}

// setting is a page of the settings.
func (c *Console) setting(pattern string, need api.Right, en, zh string, show func(*visit) error) {
	c.page(pattern, need, func(v *visit) error {
		v.Active, v.Title = "settings", v.T(en, zh)
		return show(v)
	})
}

// roles are the roles as a choice.
func (v *visit) roles() [][2]string {
	return [][2]string{
		{"viewer", v.T("Viewer: sees sync records", "查看者：查看同步记录")},
		{"operator", v.T("Operator: retries, binds, pauses", "操作员：重试、绑定、暂停")},
		{"integrator", v.T("Integrator: edits connections", "集成人员：编辑连接")},
		{"admin", v.T("Admin: users, tokens, secrets", "管理员：用户、令牌、密钥")},
	}
}

// role is a role for people, by its name in the API.
func (v *visit) role(name string) string {
	if r, ok := api.Roles()[name]; ok {
		return v.roleName(r)
	}
	return v.T("scopes alone", "仅限特定权限")
}

// allOf is what stands where all tenants are meant: those that the reader sees.
func (v *visit) allOf() string {
	if len(v.Who.Tenants) > 0 {
		return v.T("All that you see: ", "您可访问的全部：") + commas(v.Who.Tenants)
	}
	return v.T("All tenants", "全部租户")
}

// tenantsText says whose data somebody sees.
func (v *visit) tenantsText(tenants []string) string {
	if len(tenants) == 0 {
		return v.T("all tenants", "全部租户")
	}
	return v.T("tenants ", "租户 ") + commas(tenants)
}
