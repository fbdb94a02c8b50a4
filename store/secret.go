package store

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"todosync/connector"
)

// A SecretInfo is what may be shown of a secret.
type SecretInfo struct {
	Tenant    string    `json:"tenant"`
	Name      string    `json:"name"`
	Who       string    `json:"who"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// secretName is what a secret may be called.
var secretName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// secretUse finds ${secret:NAME} and ${secret:NAME|form} in settings.
var secretUse = regexp.MustCompile(`\$\{secret:([A-Za-z0-9][A-Za-z0-9._-]*)`)

// scriptSecret finds secret("NAME") in the scripts of settings, which are JSON strings.
var scriptSecret = regexp.MustCompile(`\bsecret\(\s*(?:\\"|')([A-Za-z0-9][A-Za-z0-9._-]*)(?:\\"|')`)

// secretNames are the secrets that settings name, each once, sorted.
func secretNames(settings []byte) []string {
	var out []string
	for _, m := range secretUse.FindAllSubmatch(settings, -1) {
		out = append(out, string(m[1]))
	}
	for _, m := range scriptSecret.FindAllSubmatch(settings, -1) {
		out = append(out, string(m[1]))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// A secretCache keeps opened secrets, since each attempt asks for them.
type secretCache struct {
	mu     sync.RWMutex // guards what follows
	values map[eventKey]string
	round  int // grows with each change, so that a value read before it is not kept after it
}

func (c *secretCache) find(tenant, name string) (value string, round int, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	value, ok = c.values[eventKey{tenant, name}]
	return value, c.round, ok
}

func (c *secretCache) keep(tenant, name, value string, round int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.round != round {
		return
	}
	if c.values == nil {
		c.values = map[eventKey]string{}
	}
	c.values[eventKey{tenant, name}] = value
}

func (c *secretCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values, c.round = nil, c.round+1
}

// secretPlace is what a sealed secret is bound to.
func secretPlace(tenant, name string) string { return tenant + "/" + name }

// Secret implements connector.Registry.
func (d *DB) Secret(ctx context.Context, tenant, name string) (string, error) {
	value, round, ok := d.secrets.find(tenant, name)
	if ok {
		return value, nil
	}
	op := "read secret " + name
	var sealed [][]byte
	err := d.reading(ctx, op, func(q *reader) error {
		sealed = sealed[:0]
		return q.Select(&sealed, `SELECT sealed FROM secrets WHERE tenant = ? AND name = ?`, tenant, name)
	})
	if err != nil {
		return "", err
	}
	if len(sealed) == 0 {
		return "", &connector.Error{
			Kind: connector.NotFound, Op: op, Msg: fmt.Sprintf("tenant %s has no secret %s", tenant, name),
			Hint: fmt.Sprintf("set it with: todosync secret set %s --tenant %s", name, tenant),
		}
	}
	value, err = d.unseal(secretPlace(tenant, name), sealed[0])
	if err != nil {
		return "", &connector.Error{
			Kind: connector.Internal, Op: op, Msg: fmt.Sprintf("secret %s of tenant %s does not open", name, tenant),
			Hint: "set it again", Err: err,
		}
	}
	d.secrets.keep(tenant, name, value, round)
	return value, nil
}

// SetSecret stores a secret, sealed. Connections of the tenant whose token was refused ask again at once.
func (d *DB) SetSecret(ctx context.Context, tenant, name, value, who string) error {
	op := "set secret " + name
	invalid := func(msg, hint string) error {
		return &connector.Error{Kind: connector.Invalid, Op: op, Msg: msg, Hint: hint}
	}
	switch {
	case tenant == "":
		return invalid("a tenant is needed", "")
	case !secretName.MatchString(name):
		return invalid(fmt.Sprintf("%q is no name of a secret", name), "A-Z a-z 0-9 . _ -, 128 at most")
	case utf8.RuneCountInString(value) < connector.MinSecret:
		return invalid(fmt.Sprintf("the value has fewer than %d characters", connector.MinSecret),
			"values as short as that would blot out half a record")
	case clean(value) != value:
		return invalid("the value holds a NUL or bytes that are no UTF-8", "")
	}
	if err := d.rereadKeys(); err != nil {
		return &connector.Error{Kind: connector.Internal, Op: op, Msg: "the key cannot be read", Err: err}
	}
	now := millis(d.cfg.Now())
	var conns []int64
	err := d.writer.write(ctx, op, func(t *tx) error {
		if _, err := d.readMark(t); err != nil { // another process may have changed the key
			return err
		}
		if err := t.nameTenant(tenant, now); err != nil {
			return err
		}
		err := t.run(`INSERT INTO secrets (tenant, name, sealed, who, updated_ms) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (tenant, name) DO UPDATE SET sealed = excluded.sealed, who = excluded.who, updated_ms = excluded.updated_ms`,
			tenant, name, d.seal(secretPlace(tenant, name), value), who, now)
		if err != nil {
			return err
		}
		if conns, err = d.secretChanged(t, tenant); err != nil {
			return err
		}
		return t.audit(now, who, "secret set", tenant, name, "")
	})
	if err == nil {
		d.wake(conns...)
	}
	return err
}

// secretChanged has the tenant's connections taken up anew after the commit, and names them.
func (d *DB) secretChanged(t *tx, tenant string) ([]int64, error) {
	if err := t.run(`UPDATE connections SET token_refused_ms = NULL WHERE tenant = ? AND token_refused_ms IS NOT NULL`, tenant); err != nil {
		return nil, err
	}
	if err := d.changed(t, tenant, changedSecrets); err != nil {
		return nil, err
	}
	var conns []int64
	for _, s := range d.registry.current.Load().byTenant[tenant] {
		conns = append(conns, s.conn)
	}
	t.done(func() {
		d.secrets.forget()
		for _, conn := range conns {
			d.registry.change(conn, func(s *slotState) { s.condition.TokenRefused = time.Time{} })
		}
		d.registry.renew(tenant)
	})
	return conns, nil
}

// Secrets lists a tenant's secrets, or those of all tenants where tenant is empty.
func (d *DB) Secrets(ctx context.Context, tenant string) ([]SecretInfo, error) {
	const query = `SELECT tenant, name, who, updated_ms FROM secrets WHERE ? = '' OR tenant = ? ORDER BY tenant, name`
	var rows []struct {
		Tenant    string `db:"tenant"`
		Name      string `db:"name"`
		Who       string `db:"who"`
		UpdatedMs int64  `db:"updated_ms"`
	}
	err := d.reading(ctx, "list secrets", func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, query, tenant, tenant)
	})
	out := make([]SecretInfo, len(rows))
	for i, r := range rows {
		out[i] = SecretInfo{Tenant: r.Tenant, Name: r.Name, Who: r.Who, UpdatedAt: instant(r.UpdatedMs)}
	}
	return out, err
}

// A SecretUse says who names a secret: a connection, or the tenant's own settings, where Connection is empty.
type SecretUse struct {
	Tenant, Name, Connection string
}

// SecretUses finds who names secrets in what is saved now, also those that are not set.
func (d *DB) SecretUses(ctx context.Context, tenants []string) ([]SecretUse, error) {
	all, err := d.Export(ctx, tenants)
	var out []SecretUse
	for _, i := range all {
		for _, name := range secretNames(i.Settings) {
			out = append(out, SecretUse{Tenant: i.Tenant, Name: name, Connection: i.Name})
		}
	}
	return out, err
}

// RemoveSecret takes a secret away.
func (d *DB) RemoveSecret(ctx context.Context, tenant, name, who string) error {
	op := "remove secret " + name
	return d.writer.write(ctx, op, func(t *tx) error {
		found := false
		err := t.change(`DELETE FROM secrets WHERE tenant = ? AND name = ? RETURNING name`, []any{tenant, name}, func(row) error {
			found = true
			return nil
		})
		if err != nil {
			return err
		}
		if !found {
			return notFound(op, fmt.Sprintf("secret %s of tenant %s", name, tenant))
		}
		if err := d.changed(t, tenant, changedSecrets); err != nil {
			return err
		}
		t.done(d.secrets.forget)
		return t.audit(millis(d.cfg.Now()), who, "secret removed", tenant, name, "")
	})
}
