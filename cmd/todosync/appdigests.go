package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"todosync/connector"
	"todosync/connector/intake"
	"todosync/notify"
	"todosync/store"
	"todosync/web/api"
)

// testLimit is how long a sample may take to a channel.
const testLimit = 30 * time.Second

// mailServer reads the flags for mails; nil: there is no mail server.
func (o *config) mailServer() (*notify.MailServer, error) {
	if o.smtp == "" {
		return nil, nil //nolint:nilnil // none is as good as one
	}
	password := ""
	if o.smtpPasswordFile != "" {
		b, err := os.ReadFile(o.smtpPasswordFile)
		if err != nil {
			return nil, errors.New("the file with the password cannot be read")
		}
		password = strings.TrimSpace(string(b))
	}
	return notify.ParseMail(o.smtp, o.smtpFrom, password)
}

// openDigests makes what tells people of failures.
func (a *app) openDigests() error {
	mail, err := a.cfg.mailServer()
	if err != nil {
		return &usageError{"--smtp: " + err.Error(), ""}
	}
	notices, err := intake.NewNotices(intake.NoticesConfig{Conn: a.conn, Log: a.log, Replicas: a.cfg.streamReplicas})
	if err != nil {
		return err
	}
	poster, err := notify.NewPoster(a.egress)
	if err != nil {
		return err
	}
	a.undo(func() error { poster.Close(); return nil })
	a.outlets = &notify.Outlets{Notices: notices, Mail: mail, HTTP: poster, Env: a.env(), Secret: a.store.Secret}
	a.digester, err = notify.NewDigester(notify.DigesterConfig{
		Desk: a.store.Desk(), Open: a.openChannel, Log: a.log, PublicURL: a.cfg.publicURL, Tried: func(kind connector.ChannelType, state notify.ParcelState) { a.metrics.Told(kind, string(state)) },
		Fence: func() int64 { return a.worker.Fence(connector.SeatDigests) },
	})
	return err
}

// openChannel makes a channel of a tenant.
func (a *app) openChannel(ctx context.Context, t *connector.Tenant, c *connector.NotifyChannel) (notify.Channel, error) {
	target := notify.Target{Tenant: t.Tenant, Channel: *c}
	if c.Type == connector.ChannelWebhook && c.Secret == "" {
		var err error
		if target.Key, err = a.store.WebhookKey(ctx, t.Tenant); err != nil {
			return nil, err
		}
	}
	return a.outlets.Channel(target), nil
}

// failing is told by the store that there is something for a digest. The store calls it from its first moment on.
func (a *app) failing() {
	if a.digester != nil {
		a.digester.Poke()
	}
	a.ring(intake.Ring{Failing: true})
}

// digests are digests as the API wants to see them.
type digests struct{ app *app }

// Digests implements api.Digests.
func (d digests) Digests(ctx context.Context, f api.DigestFilter, p connector.PageOf) (connector.Page[notify.Kept], error) {
	return d.app.store.Digests(ctx, store.DigestFilter(f), p)
}

// Digest implements api.Digests.
func (d digests) Digest(ctx context.Context, id string) (notify.Kept, error) {
	return d.app.store.Digest(ctx, id)
}

// ResendDigest implements api.Digests.
func (d digests) ResendDigest(ctx context.Context, id, channel string, by api.By) error {
	return d.app.store.ResendDigest(ctx, id, channel, by.Who)
}

// WebhookKey implements api.Digests.
func (d digests) WebhookKey(ctx context.Context, tenant string) (string, error) {
	if err := d.known(ctx, tenant); err != nil {
		return "", err
	}
	return d.app.store.WebhookKey(ctx, tenant)
}

// known refuses a tenant that nothing names.
func (d digests) known(ctx context.Context, tenant string) error {
	found, err := d.app.store.Tenants(ctx, []string{tenant})
	if err == nil && len(found) == 0 {
		err = &connector.Error{Kind: connector.NotFound, Op: "read tenant", Msg: "tenant " + tenant + " is not there"}
	}
	return err
}

// TestChannel implements api.Digests.
func (d digests) TestChannel(ctx context.Context, tenant, channel string, by api.By) (api.ChannelTest, error) {
	out := api.ChannelTest{Tenant: tenant}
	if err := d.known(ctx, tenant); err != nil {
		return out, err
	}
	t, _, err := d.app.store.Desk().Tenant(ctx, tenant)
	if err != nil {
		return out, err
	}
	at, err := chooseChannel(&t.Notify, channel)
	if err != nil {
		return out, err
	}
	c := &t.Notify.Channels[at]
	out.Channel, out.Type = t.Notify.ChannelNames()[at], c.Type
	began := time.Now()
	zone, err := time.LoadLocation(t.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	to := make([]string, len(c.To))
	for i := range c.To {
		to[i] = string(c.To[i])
	}
	sample := notify.Sample(notify.Summary{
		ID: store.NewDigestID(began), Tenant: tenant, Title: t.Title, Zone: t.TimeZone, Language: t.Notify.Language, PublicURL: d.app.cfg.publicURL, To: to,
		Window: notify.WindowAt(began, time.Duration(t.Notify.Window), zone),
	})
	out.Digest = sample.ID
	ctx, cancel := context.WithTimeout(ctx, testLimit)
	defer cancel()
	ch, err := d.app.openChannel(ctx, &t, c)
	if err == nil {
		err = ch.Send(ctx, sample)
	}
	out.Sent, out.TookMs = err == nil, time.Since(began).Milliseconds()
	if err != nil {
		out.Error = notify.Said(err)
	}
	d.app.log.InfoContext(ctx, "channel tried", "tenant", tenant, "channel", out.Channel, "sent", out.Sent, "error", out.Error, "who", by.Who)
	return out, nil
}

// chooseChannel finds a channel by its name, or by its type where there is one of it alone.
func chooseChannel(n *connector.NotifySettings, name string) (int, error) {
	names := n.ChannelNames()
	if at := slices.Index(names, name); at >= 0 {
		return at, nil
	}
	var of []int
	for i, c := range n.Channels {
		if name == "" || string(c.Type) == name {
			of = append(of, i)
		}
	}
	if len(of) == 1 {
		return of[0], nil
	}
	e := &connector.Error{
		Kind: connector.Invalid, Op: "try a channel", Msg: "which channel?", Hint: "the tenant has " + strings.Join(names, ", "),
		Details: []connector.Detail{{Path: "channel", Message: "name one of " + strings.Join(names, ", ")}},
	}
	switch {
	case len(names) == 0:
		e.Msg, e.Hint, e.Details = "the tenant has no channel", "add one to its settings: notify.channels", nil
	case name != "":
		e.Msg = "the tenant has no channel " + name
	}
	return 0, e
}

// examineDigests says which channels have not taken what waits for them.
func (a *app) examineDigests(ctx context.Context) []api.Check {
	counts, err := a.store.DigestCounts(ctx, nil)
	if err != nil {
		return []api.Check{{Part: "digests", State: api.PartWarning, Detail: said(err)}}
	}
	var out []api.Check
	for _, c := range counts {
		waited := time.Since(c.Oldest).Round(time.Second)
		if waited < time.Minute {
			continue
		}
		out = append(out, api.Check{
			Part: "digests", Name: c.Tenant + "/" + c.Channel, State: api.PartWarning,
			Detail: plural(int(c.Count), "1 digest waits", "%d digests wait") + " for " + waited.String(),
			Hint:   "todosync digests list --tenant " + c.Tenant + " says why, or that the channel has quiet hours",
		})
	}
	if len(out) == 0 {
		detail := "no channel keeps digests waiting"
		if a.outlets.Mail == nil {
			detail += "; mails cannot be sent: --smtp is not given"
		}
		out = []api.Check{{Part: "digests", State: api.PartOK, Detail: detail}}
	}
	return out
}
