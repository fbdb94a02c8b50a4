package identity

import (
	"context"
	"time"

	"todosync/connector"
)

// invitationLife is how long a user may take to set his password by a link.
const invitationLife = 72 * time.Hour

// An Invitation is a one-time link by which a user sets his password.
type Invitation struct {
	User    User
	Token   string // for him alone
	Expires time.Time
}

// Invite makes the link by which a user sets his password, his first or a new one. The one that he was given before is good no more.
func (d *Door) Invite(ctx context.Context, id string, by By) (Invitation, error) {
	token, hash := newToken()
	expires := d.Now().Add(invitationLife).Truncate(time.Second)
	u, err := d.Desk.Invite(ctx, id, hash, expires, by)
	return Invitation{User: u, Token: token, Expires: expires}, err
}

// Invited finds whom a link is for; ok is false where it is good no more.
func (d *Door) Invited(ctx context.Context, token string) (u User, ok bool, err error) {
	if !tokenShape(token) {
		return u, false, nil
	}
	return d.Desk.Invited(ctx, HashOf(token))
}

// AcceptInvitation sets the password of whom a link is for, and lets him in. The link has served then.
func (d *Door) AcceptInvitation(ctx context.Context, token string, a Attempt) (Entry, error) {
	u, ok, err := d.Invited(ctx, token)
	if err != nil {
		return Entry{}, err
	}
	if !ok {
		return Entry{}, &connector.Error{Kind: connector.Forbidden, Op: "accept invitation", Msg: "this link is not good any more", Hint: "ask an admin for a new one"}
	}
	if err := CheckPassword(u.Name, a.Password); err != nil {
		return Entry{}, err
	}
	hash, err := d.hasher.hash(ctx, a.Password)
	if err != nil {
		return Entry{}, err
	}
	if u, err = d.Desk.AcceptInvitation(ctx, HashOf(token), hash); err != nil {
		return Entry{}, err
	}
	return d.open(ctx, Opening{User: u.ID, Password: hash, How: "invitation", Address: a.Address, Agent: a.Agent, Replaces: replaced(a.Session)})
}
