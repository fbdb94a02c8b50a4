package store

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"todosync/connector"
)

// An UnboundUser is a receiver whom events named at a connection and nobody has bound there.
type UnboundUser struct {
	Connection string    `json:"connection"`
	User       string    `json:"crm_user_id"`
	UserName   string    `json:"crm_user_name"`
	Waiting    int       `json:"waiting"` // deliveries that are held for him
	Newest     time.Time `json:"newest"`  // when the newest of his deliveries was made
	Since      time.Time `json:"since"`   // when the oldest that is held was made; zero: none is
}

// unboundMost is how many deliveries without a binding are looked at, newest first.
const unboundMost = 50_000

// Unbound lists, by user, the receivers whose deliveries are held, or have failed or been skipped, because they have no account.
func (d *DB) Unbound(ctx context.Context, key connector.ConnectionKey, p connector.PageOf) (connector.Page[UnboundUser], error) {
	const op = "list unbound receivers"
	out := connector.Page[UnboundUser]{Items: []UnboundUser{}}
	s, err := d.connection(op, key)
	if err != nil {
		return out, err
	}
	_, limit, err := pageOf(op, connector.PageOf{Limit: p.Limit})
	if err != nil {
		return out, err
	}
	after, ok := readUserCursor(p.Cursor)
	if !ok {
		return out, badCursor(op)
	}
	type stored struct {
		Receiver  string `db:"receiver"`
		Receivers string `db:"receivers"`
		State     string `db:"state"`
		CreatedMs int64  `db:"created_ms"`
	}
	var rows []stored
	low, high := span(s.conn)
	err = d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT d.receiver, d.receivers, d.state, d.created_ms FROM deliveries d
			WHERE d.class = 'unbound' AND d.class <> '' AND d.n >= ? AND d.n < ? AND +d.receiver > ?
			AND NOT EXISTS (SELECT 1 FROM bindings b WHERE b.conn = d.conn AND b.crm_user = d.receiver)
			ORDER BY d.n DESC LIMIT ?`, low, high, after, unboundMost)
	})
	if err != nil {
		return out, err
	}
	users := map[string]*UnboundUser{}
	for i := range rows {
		r := &rows[i]
		u := users[r.Receiver]
		if u == nil {
			u = &UnboundUser{Connection: key.Name, User: r.Receiver, Newest: instant(r.CreatedMs)}
			if who, err := recipientsOf(r.Receivers); err == nil && len(who) == 1 {
				u.UserName = who[0].Name
			}
			users[r.Receiver] = u
		}
		if r.State == string(connector.Held) {
			u.Waiting++
			u.Since = instant(r.CreatedMs)
		}
	}
	for _, u := range users {
		out.Items = append(out.Items, *u)
	}
	slices.SortFunc(out.Items, func(a, b UnboundUser) int { return cmp.Compare(a.User, b.User) })
	if len(out.Items) > limit {
		out.Items = out.Items[:limit]
		out.Next = userCursor(out.Items[limit-1].User)
	}
	return out, nil
}

func userCursor(user string) string { return base64.RawURLEncoding.EncodeToString([]byte("u." + user)) }

func readUserCursor(s string) (string, bool) {
	if s == "" {
		return "", true
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	user, ok := strings.CutPrefix(string(b), "u.")
	return user, ok && err == nil
}
