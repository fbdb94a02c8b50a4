package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

var userListColumns = [...]column{
	{key: "name", en: "name", zh: "名称"},
	{key: "role", en: "role", zh: "角色"},
	{key: "tenants", en: "tenants", zh: "租户"},
	{key: "disabled", en: "disabled", zh: "停用"},
	{key: "email", en: "email", zh: "邮箱"},
	{key: "loggedInAt", en: "last log-in", zh: "最近登录"},
	{key: "lockedUntil", en: "locked until", zh: "锁定至"},
	{key: "mobile", en: "mobile", zh: "手机", hidden: true},
	{key: "language", en: "language", zh: "语言", hidden: true},
	{key: "issuer", en: "issuer", zh: "登录提供方", hidden: true},
	{key: "subject", en: "subject", zh: "登录标识", hidden: true},
	{key: "byRule", en: "by rule", zh: "按规则", hidden: true},
	{key: "id", en: "id", zh: "编号", hidden: true},
}

func (c *cli) usersCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "users", Short: c.t("People who may use the console and the API", "可使用控制台和 API 的用户")}
	s := c.serverFlags(cmd)
	list := &cobra.Command{Use: "list", Short: c.t("List users", "列出用户"), Args: c.args(0, 0, "")}
	role := list.Flags().String("role", "", c.t("only these roles, with commas", "只列出这些角色，用逗号分隔"))
	tenant := list.Flags().String("tenant", "", c.t("only those who see nothing but these tenants, with commas", "只列出仅能访问这些租户的用户，用逗号分隔"))
	p := c.pagingFlags(list)
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		q := url.Values{}
		for name, v := range map[string]string{"role": *role, "tenant": *tenant} {
			if v != "" {
				q.Set(name, v)
			}
		}
		items, err := a.pages(cmd.Context(), path("users"), q, p)
		if err != nil {
			return err
		}
		return c.list(userListColumns[:], items)
	}
	return c.group(cmd, list, c.userCreateCmd(s), c.userSetCmd(s), c.userPasswordCmd(s), c.userInviteCmd(s),
		c.userEachCmd(s, userStep{
			use: "disable", short: c.t("Lock users out: they can't log in, and their sessions end", "停用用户：无法登录，现有会话立即结束"),
			method: http.MethodPut, body: map[string]any{"disabled": true},
		}),
		c.userEachCmd(s, userStep{use: "enable", short: c.t("Let disabled users log in again", "重新启用用户"), method: http.MethodPut, body: map[string]any{"disabled": false}}),
		c.userEachCmd(s, userStep{
			use: "unlock", short: c.t("Let users log in at once, after somebody guessed their passwords", "解除因多次输错密码造成的锁定"),
			method: http.MethodPost, below: "unlock",
		}),
		c.userEachCmd(s, userStep{use: "remove", short: c.t("Take users away, with their sessions", "删除用户及其会话"), method: http.MethodDelete}),
	)
}

// A userStep is a command that does one thing to each user it is given.
type userStep struct {
	use, short, method, below string
	body                      any
}

func (c *cli) userEachCmd(s *server, step userStep) *cobra.Command {
	return &cobra.Command{
		Use: step.use + " NAME...", Short: step.short, Args: c.args(1, -1, "NAME..."),
		RunE: func(cmd *cobra.Command, names []string) error {
			a, err := c.connect(s)
			if err != nil {
				return err
			}
			return c.each(userListColumns[:1], names, func(name string) ([]json.RawMessage, error) {
				at := path("users", name)
				if step.below != "" {
					at = path("users", name, step.below)
				}
				if err := a.do(cmd.Context(), call{method: step.method, path: at, body: step.body}, nil); err != nil {
					return nil, err
				}
				done, err := json.Marshal(map[string]string{"name": name})
				return []json.RawMessage{done}, err
			})
		},
	}
}

// userFlags are the flags that say something about a user; said gives what was given as the API takes it.
func (c *cli) userFlags(cmd *cobra.Command) (said func() map[string]any) {
	f := cmd.Flags()
	texts := map[string]*string{
		"role":     f.String("role", "", c.t("viewer, operator, integrator or admin", "viewer、operator、integrator 或 admin")),
		"email":    f.String("email", "", c.t("mail address", "邮箱")),
		"mobile":   f.String("mobile", "", c.t("mobile number", "手机号")),
		"language": f.String("language", "", c.t("of his pages: zh or en; by default what his browser asks for", "页面语言：zh 或 en；默认跟随浏览器")),
		"issuer":   f.String("issuer", "", c.t("of the OIDC provider at which he is --subject", "OIDC 提供方的 issuer，与 --subject 同用")),
		"subject":  f.String("subject", "", c.t("who he is at the OIDC provider: the claim sub", "他在 OIDC 提供方的标识（声明 sub）")),
	}
	tenants := f.StringSlice("tenant", nil, c.t("whose data he may see; may be repeated; all by default", "可访问的租户；可重复；默认全部"))
	return func() map[string]any {
		body := map[string]any{}
		for name, v := range texts {
			if f.Changed(name) {
				body[name] = *v
			}
		}
		if f.Changed("tenant") {
			body["tenants"] = append([]string{}, *tenants...)
		}
		return body
	}
}

func (c *cli) userCreateCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{
		Use: "create NAME", Short: c.t("Make a user; his password comes from a prompt or standard input", "创建用户；密码通过提示输入，或从标准输入读取"), Args: c.args(1, 1, "NAME"),
		Example: "  todosync users create vera --role admin\n  todosync users create li.wei --role operator --tenant 714439 < password.txt\n" +
			"  todosync users create zoe --role viewer --no-password --issuer https://login.example.com --subject 248289761001",
	}
	said := c.userFlags(cmd)
	none := cmd.Flags().Bool("no-password", false, c.t("he logs in by OIDC alone, or is given one later", "不设密码：仅通过 OIDC 登录，或以后再设置"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		body := said()
		if body["role"] == nil {
			return c.missing(cmd, "--role")
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		body["name"] = args[0]
		if !*none {
			if body["password"], err = c.newPassword(cmd.Context(), args[0]); err != nil {
				return err
			}
		}
		return c.saveUser(cmd.Context(), a, call{method: http.MethodPost, path: path("users"), body: body}, c.t("user %s is made: %s\n", "用户 %s 已创建：%s\n"))
	}
	return cmd
}

func (c *cli) userSetCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{
		Use: "set NAME", Short: c.t("Change a user; what is not named stays", "修改用户；未指定的项不变"), Args: c.args(1, 1, "NAME"),
		Long: c.t("Changes a user. Where his role or tenants change, his sessions end and he logs in anew.", "修改用户。角色或租户变化时，其会话立即结束，需要重新登录。"),
	}
	said := c.userFlags(cmd)
	name := cmd.Flags().String("name", "", c.t("another name to log in with", "新的登录名"))
	byRule := cmd.Flags().Bool("by-rule", false, c.t("role and tenants follow the OIDC provider at each log-in (--oidc-rule)", "角色和租户每次登录时跟随 OIDC 提供方（--oidc-rule）"))
	all := cmd.Flags().Bool("all-tenants", false, c.t("he may see all tenants", "可访问全部租户"))
	cmd.MarkFlagsMutuallyExclusive("tenant", "all-tenants")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		body := said()
		if *name != "" {
			body["name"] = *name
		}
		if *all {
			body["tenants"] = []string{}
		}
		if cmd.Flags().Changed("by-rule") {
			body["byRule"] = *byRule
		}
		if len(body) == 0 {
			return &usageError{c.t("nothing to change is named", "没有指定要修改的内容"), c.helpHint(cmd)}
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		return c.saveUser(cmd.Context(), a, call{method: http.MethodPut, path: path("users", args[0]), body: body}, c.t("user %s is changed: %s\n", "用户 %s 已修改：%s\n"))
	}
	return cmd
}

func (c *cli) userInviteCmd(s *server) *cobra.Command {
	return &cobra.Command{
		Use: "invite NAME", Short: c.t("Make a link by which a user sets his password, once within three days", "生成一次性链接，用户在三天内用它设置密码"), Args: c.args(1, 1, "NAME"),
		Example: "  todosync users create li.wei --role operator --no-password && todosync users invite li.wei",
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.connect(s)
			if err != nil {
				return err
			}
			var raw json.RawMessage
			if err := a.do(cmd.Context(), call{method: http.MethodPost, path: path("users", args[0], "invite")}, &raw); err != nil {
				return err
			}
			return c.one([]column{{key: "name", en: "name", zh: "名称"}, {key: "link", en: "link", zh: "链接"}, {key: "expiresAt", en: "expires", zh: "到期"}}, raw, func() error {
				var made struct{ Name, Link string }
				if err := json.Unmarshal(raw, &made); err != nil {
					return fmt.Errorf("read the invitation: %w", err)
				}
				if strings.HasPrefix(made.Link, "/") {
					made.Link = strings.TrimSuffix(a.base, "/") + made.Link
				}
				_, err := fmt.Fprintf(c.stdout, c.t("%s sets his password by this link, once within three days:\n  %s\n", "%s 可在三天内用这个链接设置密码（仅一次）：\n  %s\n"), shown(made.Name), made.Link)
				return err
			})
		},
	}
}

func (c *cli) userPasswordCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{
		Use: "password NAME", Short: c.t("Set a user's password: from a prompt, or standard input; his sessions end", "设置用户密码：通过提示输入，或从标准输入读取；其会话立即结束"),
		Args: c.args(1, 1, "NAME"), Example: "  todosync users password vera\n  todosync users password vera < password.txt",
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		password, err := c.newPassword(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		body := map[string]string{"password": password}
		return c.saveUser(cmd.Context(), a, call{method: http.MethodPut, path: path("users", args[0]), body: body}, c.t("the password of %s is set (%s)\n", "%s 的密码已设置（%s）\n"))
	}
	return cmd
}

// saveUser sends what is said about a user and prints what he may do now.
func (c *cli) saveUser(ctx context.Context, a *client, at call, done string) error {
	var raw json.RawMessage
	if err := a.do(ctx, at, &raw); err != nil {
		return err
	}
	return c.one(userListColumns[:], raw, func() error {
		var u struct {
			Name, Role string
			Tenants    []string
		}
		if err := json.Unmarshal(raw, &u); err != nil {
			return fmt.Errorf("read the user: %w", err)
		}
		may := u.Role + c.t(" of all tenants", "，全部租户")
		if len(u.Tenants) > 0 {
			may = fmt.Sprintf(c.t("%s of %s", "%s，租户 %s"), u.Role, strings.Join(u.Tenants, ", "))
		}
		_, err := fmt.Fprintf(c.stdout, done, shown(u.Name), may)
		return err
	})
}

// newPassword asks for a new password, twice at a terminal, where it is not shown.
func (c *cli) newPassword(ctx context.Context, name string) (string, error) {
	ask := c.asker()
	if ask == nil {
		return c.askSecret(name)
	}
	first, err := ask.hidden(ctx, fmt.Sprintf(c.t("New password of %s (not shown)", "%s 的新密码（不回显）"), shown(name)))
	if err != nil {
		return "", err
	}
	second, err := ask.hidden(ctx, c.t("Once more", "再次输入"))
	if err != nil {
		return "", err
	}
	if first != second {
		return "", &failure{msg: c.t("the two are not the same; nothing was changed", "两次输入不一致；未做任何修改")}
	}
	return first, nil
}
