package identity

import (
	"context"
	"net/netip"
	"time"

	"todosync/connector"
)

// logInLinkLife is how long a link is good that logs somebody in.
const logInLinkLife = time.Hour

// FirstAdminLink makes the one-time link by which the first user comes; made is false where there is a user already. maker stands for the
// place that it is told at: what was told there before is good no more.
func (d *Door) FirstAdminLink(ctx context.Context, maker string) (token string, made bool, err error) {
	none, _, err := d.Desk.FirstAdminDue(ctx, nil)
	if err != nil || !none {
		return "", false, err
	}
	token, hash := newToken()
	return token, true, d.Desk.KeepLink(ctx, Link{Hash: hash, Kind: LinkFirstAdmin, Maker: maker})
}

// FirstAdminDue reports whether there is no user yet, and whether this link makes one.
func (d *Door) FirstAdminDue(ctx context.Context, token string) (none, good bool, err error) {
	var hash []byte
	if tokenShape(token) {
		hash = HashOf(token)
	}
	return d.Desk.FirstAdminDue(ctx, hash)
}

// FirstAdmin makes the first user, by his link, and lets him in.
func (d *Door) FirstAdmin(ctx context.Context, token string, a Attempt) (Entry, error) {
	const op = "make the first admin"
	_, good, err := d.FirstAdminDue(ctx, token)
	if err != nil {
		return Entry{}, err
	}
	if !good {
		return Entry{}, &connector.Error{
			Kind: connector.Forbidden, Op: op, Msg: "this link is not good any more",
			Hint: "the first start without a user prints a new one, or writes it into first-admin-link in the data folder; later admins make users",
		}
	}
	role, disabled := Admin, false
	c := Change{Name: &a.Name, Role: &role, Disabled: &disabled, Password: &a.Password}
	if a.Password == "" {
		return Entry{}, CheckPassword(a.Name, "")
	}
	if err := d.ready(ctx, &c, a.Name, By{}); err != nil {
		return Entry{}, err
	}
	u, err := d.Desk.CreateFirstAdmin(ctx, HashOf(token), c)
	if err != nil {
		return Entry{}, err
	}
	return d.open(ctx, Opening{User: u.ID, How: "first admin's link", Address: a.Address, Agent: a.Agent, Replaces: replaced(a.Session)})
}

// LogInLink makes a link that logs a user in once, within an hour, from this machine alone.
func (d *Door) LogInLink(ctx context.Context, user string) (token string, err error) {
	u, err := d.Desk.User(ctx, user, nil)
	if err != nil {
		return "", err
	}
	token, hash := newToken()
	return token, d.Desk.KeepLink(ctx, Link{Hash: hash, Kind: LinkLogIn, User: u.ID, Maker: u.ID, Expires: d.Now().Add(logInLinkLife)})
}

// FollowLink lets in who brings a link that logs in. From another machine it is refused, and stays good.
func (d *Door) FollowLink(ctx context.Context, token string, a Attempt) (Entry, error) {
	if !tokenShape(token) || !Loopback(a.Address) {
		return Entry{}, &Refusal{}
	}
	user, ok, err := d.Desk.UseLink(ctx, HashOf(token))
	switch {
	case err != nil:
		return Entry{}, err
	case !ok:
		return Entry{}, &Refusal{}
	}
	return d.open(ctx, Opening{User: user, How: "link", Address: a.Address, Agent: a.Agent, Replaces: replaced(a.Session)})
}

// Loopback reports whether an address is this machine's own.
func Loopback(address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && a.Unmap().IsLoopback()
}
