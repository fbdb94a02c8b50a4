package store

import (
	"context"
	"time"

	"todosync/connector"
	"todosync/internal/identity"
)

// Invite implements identity.Desk.
func (d *DB) Invite(ctx context.Context, id string, hash []byte, expires time.Time, by identity.By) (u identity.User, err error) {
	const op = "invite user"
	err = d.writer.write(ctx, op, func(t *tx) error {
		s, found, err := t.readUser(op, id, by.Tenants)
		if err != nil {
			return err
		}
		if u = found; u.Disabled {
			return &connector.Error{Kind: connector.Conflict, Op: op, Msg: "the user is disabled", Hint: "enable him first"}
		}
		if err := t.run(`DELETE FROM invitations WHERE user_id = ?`, s.ID); err != nil {
			return err
		}
		now := millis(d.cfg.Now())
		if err := t.run(`INSERT INTO invitations (hash, user_id, who, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?)`, hash, s.ID, by.Who, now, millis(expires)); err != nil {
			return err
		}
		return t.audit(now, by.Who, "user invited", oneTenant(u.Tenants), s.Name, "until "+expires.UTC().Format(time.RFC3339))
	})
	return u, err
}

// Invited implements identity.Desk.
func (d *DB) Invited(ctx context.Context, hash []byte) (u identity.User, ok bool, err error) {
	const op = "find invitation"
	var rows []storedUser
	err = d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT `+userColumns+` FROM invitations i JOIN users u ON u.id = i.user_id WHERE i.hash = ? AND i.expires_ms > ? AND u.disabled = FALSE`,
			hash, millis(d.cfg.Now()))
	})
	if err != nil || len(rows) == 0 {
		return u, false, err
	}
	u, err = rows[0].user()
	return u, err == nil, failed(op, err)
}

// AcceptInvitation implements identity.Desk: of as many as bring the link at once, one sets the password.
func (d *DB) AcceptInvitation(ctx context.Context, hash []byte, password string) (u identity.User, err error) {
	const op = "accept invitation"
	err = d.writer.write(ctx, op, func(t *tx) error {
		id, now := "", millis(d.cfg.Now())
		err := t.change(`DELETE FROM invitations WHERE hash = ? AND expires_ms > ? RETURNING user_id`, []any{hash, now}, func(r row) error { id = r.text(0); return nil })
		if err != nil {
			return err
		}
		s, found, err := t.readUser(op, id, nil)
		if connector.KindOf(err) == connector.NotFound && err != nil || err == nil && s.Disabled {
			return &connector.Error{Kind: connector.Forbidden, Op: op, Msg: "this link is not good any more", Hint: "ask an admin for a new one"}
		} else if err != nil {
			return err
		}
		if err := t.run(`UPDATE users SET password = ?, updated_ms = ? WHERE n = ?`, password, now, s.N); err != nil {
			return err
		}
		if err := t.endUser(s.N, s.ID); err != nil {
			return err
		}
		u, u.HasPassword = found, true
		return t.audit(now, s.Name, "user changed", oneTenant(u.Tenants), s.Name, "password, by a link")
	})
	return u, err
}
