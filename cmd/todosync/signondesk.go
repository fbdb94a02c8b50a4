package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"todosync/connector"
	"todosync/mapping"
	"todosync/store"
	"todosync/web/api"
	"todosync/web/signon"
)

// shared is the secret that a tenant shares with its CRM, filled in.
func (d signOnDesk) shared(ctx context.Context, tenant, secret string) (string, error) {
	if secret == "" {
		return "", nil
	}
	text, err := mapping.Compile(secret, mapping.Options{Place: mapping.HeaderValue, Env: d.env})
	if err != nil {
		return "", err
	}
	b, err := text.Append(nil, &mapping.Scope{
		Secret: func(name string) (string, error) { return d.Secret(ctx, tenant, name) },
		UUID:   func() string { return "" },
	}, mapping.Wire)
	return string(b), err
}

// BeginAsk implements signon.Desk.
func (d signOnDesk) BeginAsk(ctx context.Context, host string) (string, bool, error) {
	return d.DB.BeginAsk(ctx, host, store.AskLimit{All: signon.WialonAll, Failed: signon.WialonFailed})
}

// SignKeys implements signon.Desk.
func (d signOnDesk) SignKeys(ctx context.Context, kind signon.KeyKind) ([]signon.Key, error) {
	found, err := d.DB.SignKeys(ctx, string(kind))
	out := make([]signon.Key, len(found))
	for i, k := range found {
		out[i] = signon.Key{ID: k.ID, Seed: k.Seed, From: k.From}
	}
	return out, err
}

// rotateSignOnKeys makes a new key that signs tickets.
func (a *app) rotateSignOnKeys(ctx context.Context, atOnce bool, by api.By) error {
	err := a.store.RotateSignKey(ctx, store.TicketKeys, by.Who, atOnce)
	a.gateway.ForgetKeys()
	return err
}

// widget gives what a page of the CRM needs for a chat widget.
func (a *app) widget(ctx context.Context, key connector.ConnectionKey, u api.WidgetUser, asToken bool) (api.WidgetPass, error) {
	pass, err := a.gateway.Widget(ctx, key, signon.WidgetUser(u), asToken)
	return api.WidgetPass{User: (*api.WidgetUser)(pass.User), Token: pass.Token, Expires: pass.Expires}, err
}

func (c *cli) signOnsRotateCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rotate-keys", Short: c.t("Make a new key that signs tickets (signOn.ticket: EdDSA)", "更换签发票据的密钥（signOn.ticket: EdDSA）"), Args: c.args(0, 0, ""),
		Long: c.t(`Make a new key that signs tickets. Its public half stands at /.well-known/jwks.json at once and it signs ten minutes later, so that
whoever keeps the public keys has it by then; the old one stays published for an hour after. Every 90 days this happens by itself.`,
			`更换签发票据的密钥。新公钥立即出现在 /.well-known/jwks.json，十分钟后开始签名，使缓存公钥的一方来得及更新；旧公钥在此后继续公布一小时。
每 90 天自动更换一次。`),
	}
	now := cmd.Flags().Bool("now", false, c.t("it signs at once, and the old ones are good for nothing any more: for a key that is known to others", "立即生效并作废旧密钥：用于密钥已泄露时"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		if err := a.do(cmd.Context(), call{method: http.MethodPost, path: path("sign-on-keys", "rotate"), body: map[string]bool{"now": *now}}, nil); err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.stdout, c.t("a new key signs tickets", "已更换签发票据的密钥"))
		return err
	}
	return cmd
}
