package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"todosync/connector"
)

// WebhookKeySecret is the secret that holds a tenant's generated key: it signs what goes to webhooks that have no secret of their own. Set
// by hand, it is another; removed, it is generated anew.
const WebhookKeySecret = "todosync.webhook-key"

// WebhookKey gives a tenant's generated key, made at the first call.
func (d *DB) WebhookKey(ctx context.Context, tenant string) (string, error) {
	const op = "make webhook key"
	key, err := d.Secret(ctx, tenant, WebhookKeySecret)
	if connector.KindOf(err) != connector.NotFound {
		return key, err
	}
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return "", failed(op, err)
	}
	now := millis(d.cfg.Now())
	err = d.writer.write(ctx, op, func(t *tx) error {
		if err := t.nameTenant(tenant, now); err != nil {
			return err
		}
		made := false
		const query = `INSERT INTO secrets (tenant, name, sealed, who, updated_ms) VALUES (?, ?, ?, 'todosync', ?) ON CONFLICT DO NOTHING RETURNING name`
		err := t.change(query, []any{tenant, WebhookKeySecret, d.seal(secretPlace(tenant, WebhookKeySecret), hex.EncodeToString(b)), now},
			func(row) error { made = true; return nil })
		if err != nil || !made {
			return err
		}
		t.done(d.secrets.forget)
		return t.audit(now, "todosync", "webhook key made", tenant, WebhookKeySecret, "")
	})
	if err != nil {
		return "", err
	}
	return d.Secret(ctx, tenant, WebhookKeySecret)
}
