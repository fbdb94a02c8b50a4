package store

import (
	"context"
	"encoding/json"
	"strconv"

	"todosync/connector"
)

// tokenPlace is what a connection's sealed token is bound to.
func tokenPlace(conn int64) string { return "token/" + strconv.FormatInt(conn, 10) }

// Token implements connector.Registry. One that does not open is as none: another is fetched.
func (d *DB) Token(ctx context.Context, conn int64) (connector.KeptToken, error) {
	const op = "read token"
	var sealed [][]byte
	var t connector.KeptToken
	err := d.reading(ctx, op, func(q *reader) error {
		sealed = sealed[:0]
		return q.Select(&sealed, `SELECT sealed FROM tokens WHERE conn = ?`, conn)
	})
	if err != nil {
		return t, err
	}
	if len(sealed) == 0 {
		return t, nil
	}
	text, err := d.unseal(tokenPlace(conn), sealed[0])
	if err != nil {
		return t, nil //nolint:nilerr // sealed with another key, or damaged
	}
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return connector.KeptToken{}, nil //nolint:nilerr // written by another release
	}
	return t, nil
}

// KeepToken implements connector.Registry.
func (d *DB) KeepToken(ctx context.Context, conn, fence int64, k connector.KeptToken) error {
	const op = "keep token"
	text, err := json.Marshal(k)
	if err != nil {
		return failed(op, err)
	}
	sealed := d.seal(tokenPlace(conn), string(text))
	return d.writer.within(ctx, op, func() reach { return reach{conns: []int64{conn}} }, func(t *tx) error {
		if err := d.fenced(t, op, conn, fence); err != nil {
			return err
		}
		return t.run(`INSERT INTO tokens (conn, sealed, updated_ms) VALUES (?, ?, ?)
			ON CONFLICT (conn) DO UPDATE SET sealed = excluded.sealed, updated_ms = excluded.updated_ms`,
			conn, sealed, millis(d.cfg.Now()))
	})
}
