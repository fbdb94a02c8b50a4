package store

import (
	"context"
	"crypto/subtle"

	"todosync/connector"
	"todosync/internal/identity"
)

// KeepLink implements identity.Desk.
func (d *DB) KeepLink(ctx context.Context, l identity.Link) error {
	return d.writer.write(ctx, "keep link", func(t *tx) error {
		if err := t.run(`DELETE FROM access_links WHERE kind = ? AND maker = ?`, string(l.Kind), l.Maker); err != nil {
			return err
		}
		return t.run(`INSERT INTO access_links (hash, kind, user_id, maker, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?)`,
			l.Hash, string(l.Kind), l.User, l.Maker, millis(d.cfg.Now()), millisOrNull(l.Expires))
	})
}

// UseLink implements identity.Desk: of as many as bring it at once, at whatever worker, one is let in.
func (d *DB) UseLink(ctx context.Context, hash []byte) (user string, ok bool, err error) {
	now := millis(d.cfg.Now())
	err = d.writer.calmly(ctx, "use link", anywhere, func(t *tx) error {
		user, ok = "", false
		return t.change(`DELETE FROM access_links WHERE hash = ? AND kind = 'log-in' RETURNING user_id, expires_ms`, []any{hash}, func(r row) error {
			user, ok = r.text(0), r.null(1) || r.num(1) > now
			return nil
		})
	})
	return user, ok && err == nil, err
}

// FirstAdminDue implements identity.Desk.
func (d *DB) FirstAdminDue(ctx context.Context, hash []byte) (none, good bool, err error) {
	var users []int64
	var links [][]byte
	err = d.reading(ctx, "look for users", func(q *reader) error {
		users, links = users[:0], links[:0]
		if err := q.Select(&users, `SELECT u.n FROM users u LIMIT 1`); err != nil || len(users) > 0 {
			return err
		}
		return q.Select(&links, `SELECT hash FROM access_links WHERE kind = 'first-admin'`)
	})
	return err == nil && len(users) == 0, err == nil && len(users) == 0 && among(hash, links), err
}

// among compares in a time that tells nothing about the hashes.
func among(hash []byte, hashes [][]byte) bool {
	found := 0
	for _, h := range hashes {
		found |= subtle.ConstantTimeCompare(hash, h)
	}
	return found == 1
}

// CreateFirstAdmin implements identity.Desk.
func (d *DB) CreateFirstAdmin(ctx context.Context, hash []byte, c identity.Change) (u identity.User, err error) {
	const op = "make the first admin"
	err = d.writer.write(ctx, op, func(t *tx) error {
		users := false
		var links [][]byte
		if err := t.read(`SELECT u.n FROM users u LIMIT 1`, nil, func(row) error { users = true; return nil }); err != nil {
			return err
		}
		err := t.read(`SELECT hash FROM access_links WHERE kind = 'first-admin'`, nil, func(r row) error {
			links = append(links, append([]byte(nil), r.blob(0)...))
			return nil
		})
		if err != nil {
			return err
		}
		if users || !among(hash, links) {
			return &connector.Error{Kind: connector.Forbidden, Op: op, Msg: "this link is not good any more", Hint: "log in, or ask an admin for a user"}
		}
		if err := t.run(`DELETE FROM access_links WHERE kind = 'first-admin'`); err != nil {
			return err
		}
		u, err = d.createUser(t, c, identity.By{Who: *c.Name}, "first admin made")
		return err
	})
	return u, err
}
