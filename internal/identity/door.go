package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"todosync/connector"
)

// A UserFilter chooses users. Empty members choose all.
type UserFilter struct {
	Names   []string
	Roles   []string
	Tenants []string // all that the user may see is among these
	State   UserState
	Query   string // part of the name or the e-mail address
}

// A UserState is how a user stands.
type UserState string

// The states of users.
const (
	StateActive   UserState = "active"   // not disabled
	StateDisabled UserState = "disabled" // by whatever reason
	StateWaiting  UserState = "waiting"  // came from the OIDC provider, and no admin has allowed him yet
)

// A Desk keeps users, sessions, links and failures for all workers together. Changes and the audit of them are one commit.
type Desk interface {
	// Users lists users by their names.
	Users(ctx context.Context, f UserFilter, p connector.PageOf) (connector.Page[User], error)
	// User finds a user by id or name; one who is not within the tenants is NotFound, as in all that follows.
	User(ctx context.Context, id string, tenants []string) (User, error)
	// UserOfSubject finds who somebody at an OIDC provider is here.
	UserOfSubject(ctx context.Context, s Subject) (u User, known bool, err error)
	// CreateUser fails with Conflict where the name, or the subject, is another's.
	CreateUser(ctx context.Context, c Change, by By) (User, error)
	// ChangeUser ends the user's sessions where role, tenants or password change or he is disabled. It fails with Conflict where nobody
	// were left who may do everything.
	ChangeUser(ctx context.Context, id string, c Change, by By) (User, error)
	RemoveUser(ctx context.Context, id string, by By) error
	// LogInsRefused gives the failed log-ins since a time, summed by hour and address, newest first.
	LogInsRefused(ctx context.Context, since time.Time, most int) ([]Refused, error)
	// UnlockUser forgets the failures under the user's name, and under all addresses.
	UnlockUser(ctx context.Context, id string, by By) error

	// BeginLogIn counts an attempt as a failure before anybody knows, so that many at once are not more than one after the other. wait is not 0
	// where it must not be made at all; then it does not count.
	BeginLogIn(ctx context.Context, name string, g Guess) (wait time.Duration, err error)
	// Forgive takes back what BeginLogIn has counted: it was no failure. The account's other failures are forgotten, too.
	Forgive(ctx context.Context, g Guess) error
	// Credentials finds who has a name, and what is kept of his password. known is false where nobody has it.
	Credentials(ctx context.Context, name string) (u User, password string, known bool, err error)
	// OpenSession begins a session, unless the user is disabled or has another password by now: then it is Forbidden.
	OpenSession(ctx context.Context, o Opening) (Session, error)
	// SessionOf finds a session by the hash of its token, and notes that it was used, if it is.
	SessionOf(ctx context.Context, hash []byte, used bool) (s Session, ok bool, err error)
	Sessions(ctx context.Context, user string) ([]Session, error)
	// EndSession ends one session of a user by its id; empty: all of his.
	EndSession(ctx context.Context, user, id string, by By) error

	// Invite keeps a one-time link by which a user sets his password, in the place of an earlier one.
	Invite(ctx context.Context, id string, hash []byte, expires time.Time, by By) (User, error)
	// Invited finds whom a link is for; ok is false where it is good no more.
	Invited(ctx context.Context, hash []byte) (u User, ok bool, err error)
	// AcceptInvitation sets the password and uses the link up. All the user's sessions end. It is Forbidden where the link is good no more.
	AcceptInvitation(ctx context.Context, hash []byte, password string) (User, error)

	// KeepLink keeps a new link in the place of the maker's earlier one.
	KeepLink(ctx context.Context, l Link) error
	// UseLink uses a link up that logs somebody in, and says whom.
	UseLink(ctx context.Context, hash []byte) (user string, ok bool, err error)
	// FirstAdminDue reports whether there is no user, and whether the link makes one.
	FirstAdminDue(ctx context.Context, hash []byte) (none, good bool, err error)
	// CreateFirstAdmin makes the first user, if there is none and the link is good; else it is Forbidden.
	CreateFirstAdmin(ctx context.Context, hash []byte, c Change) (User, error)
}

// A Config is what a Door needs. Now is time.Now by default.
type Config struct {
	Desk Desk
	Log  *slog.Logger
	Now  func() time.Time
}

// A Door lets people in and keeps others out.
type Door struct {
	Config
	hasher *hasher
}

// NewDoor makes a Door.
func NewDoor(cfg Config) (*Door, error) {
	if cfg.Desk == nil || cfg.Log == nil {
		return nil, &connector.Error{Kind: connector.Invalid, Op: "new door", Msg: "incomplete", Err: errors.New("Desk and Log are needed")}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Door{Config: cfg, hasher: newHasher()}, nil
}

// An Attempt is somebody who wants to log in.
type Attempt struct {
	Name, Password string
	Address        string // of the browser
	Agent          string
	Session        string // the token that the browser had before; that session ends
}

// An Entry is somebody who is in. Token is for his browser alone.
type Entry struct {
	Session
	Token string
}

// A Refusal is why somebody is not let in. It says the same whether the user exists or not.
type Refusal struct {
	Wait time.Duration // before the next attempt; 0: the name or the password is not right
}

// Error says it in words.
func (r *Refusal) Error() string {
	if r.Wait > 0 {
		return fmt.Sprintf("too many failed log-ins; the next one may be made in %s", r.Wait.Round(time.Second))
	}
	return "the name or the password is not right"
}

// LogIn lets in who has the right password. Any other is refused with a *Refusal.
func (d *Door) LogIn(ctx context.Context, a Attempt) (Entry, error) {
	guess := guessOf(a.Name, a.Address)
	wait, err := d.Desk.BeginLogIn(ctx, a.Name, guess)
	if err != nil {
		return Entry{}, err
	}
	if wait > 0 {
		d.Log.WarnContext(ctx, "log-in has to wait", "address", a.Address, "wait", wait)
		return Entry{}, &Refusal{Wait: wait}
	}
	user, kept, known, err := d.Desk.Credentials(ctx, a.Name)
	if err != nil {
		return Entry{}, err
	}
	right, err := d.hasher.matches(ctx, kept, a.Password)
	if err != nil {
		return Entry{}, err
	}
	if !known || !right || user.Disabled {
		d.Log.InfoContext(ctx, "log-in refused", "address", a.Address)
		return Entry{}, &Refusal{}
	}
	return d.open(ctx, Opening{
		User: user.ID, Password: kept, How: "password", Address: a.Address, Agent: a.Agent, Replaces: replaced(a.Session), Guess: &guess,
	})
}

func replaced(token string) []byte {
	if !tokenShape(token) {
		return nil
	}
	return HashOf(token)
}

// maxAgent bounds what is kept of a browser's name, in bytes.
const maxAgent = 300

// open begins a session.
func (d *Door) open(ctx context.Context, o Opening) (Entry, error) {
	var e Entry
	o.Agent = shorten(o.Agent)
	e.Token, o.Hash = newToken()
	s, err := d.Desk.OpenSession(ctx, o)
	switch {
	case connector.KindOf(err) == connector.Forbidden:
		return Entry{}, &Refusal{}
	case err != nil:
		return Entry{}, err
	}
	e.Session = s
	return e, nil
}

func shorten(agent string) string {
	agent = strings.ToValidUTF8(agent, "")
	for len(agent) > maxAgent {
		_, size := utf8.DecodeLastRuneInString(agent)
		agent = agent[:len(agent)-size]
	}
	return agent
}

// Session finds who has a session's token, and counts that as use of it; ok is false where nobody has it, or it is over.
func (d *Door) Session(ctx context.Context, token string) (s Session, ok bool, err error) {
	return d.session(ctx, token, true)
}

// StillSession is Session for what happens without anybody: a stream that stays open, a page that renews itself. It is no use of the session,
// so that one ends on a screen that nobody looks at.
func (d *Door) StillSession(ctx context.Context, token string) (s Session, ok bool, err error) {
	return d.session(ctx, token, false)
}

func (d *Door) session(ctx context.Context, token string, used bool) (s Session, ok bool, err error) {
	if !tokenShape(token) {
		return s, false, nil
	}
	s, ok, err = d.Desk.SessionOf(ctx, HashOf(token), used)
	return s, ok && err == nil && s.Live(d.Now()), err
}

// LogOut ends a session.
func (d *Door) LogOut(ctx context.Context, s Session) error {
	return d.Desk.EndSession(ctx, s.User.ID, s.ID, By{Who: s.User.Name})
}

// Renew gives a browser a new session in the place of its old one: after its user has changed his password, which ends all he had.
func (d *Door) Renew(ctx context.Context, user string, a Attempt) (Entry, error) {
	return d.open(ctx, Opening{User: user, How: "new password", Address: a.Address, Agent: a.Agent, Replaces: replaced(a.Session)})
}

// ChangePassword changes a user's own password, if he knows the old one. All his sessions end.
func (d *Door) ChangePassword(ctx context.Context, user, old, password, address string) error {
	u, err := d.Desk.User(ctx, user, nil)
	if err != nil {
		return err
	}
	guess := guessOf(u.Name, address)
	wait, err := d.Desk.BeginLogIn(ctx, u.Name, guess)
	if err != nil {
		return err
	}
	if wait > 0 {
		return &Refusal{Wait: wait}
	}
	_, kept, _, err := d.Desk.Credentials(ctx, u.Name)
	if err != nil {
		return err
	}
	right, err := d.hasher.matches(ctx, kept, old)
	if err != nil {
		return err
	}
	if !right {
		const why = "it is not the password that you have now"
		return &connector.Error{Kind: connector.Invalid, Op: "change password", Msg: why, Details: []connector.Detail{{Path: "old", Message: why}}}
	}
	if err := d.Desk.Forgive(ctx, guess); err != nil {
		return err
	}
	_, err = d.ChangeUser(ctx, u.ID, Change{Password: &password}, By{Who: u.Name})
	return err
}

// Users lists users by their names.
func (d *Door) Users(ctx context.Context, f UserFilter, p connector.PageOf) (connector.Page[User], error) {
	return d.Desk.Users(ctx, f, p)
}

// User finds a user by id or name.
func (d *Door) User(ctx context.Context, id string, tenants []string) (User, error) {
	return d.Desk.User(ctx, id, tenants)
}

// CreateUser makes a user. Without a password he comes by OIDC, or when he is given one.
func (d *Door) CreateUser(ctx context.Context, c Change, by By) (User, error) {
	if c.Name == nil {
		c.Name = new(string)
	}
	if c.Role == nil {
		c.Role = new(Role)
	}
	if err := d.ready(ctx, &c, *c.Name, by); err != nil {
		return User{}, err
	}
	return d.Desk.CreateUser(ctx, c, by)
}

// ChangeUser changes what c names.
func (d *Door) ChangeUser(ctx context.Context, id string, c Change, by By) (User, error) {
	name := ""
	if c.Password != nil {
		u, err := d.Desk.User(ctx, id, by.Tenants)
		if err != nil {
			return User{}, err
		}
		if name = u.Name; c.Name != nil {
			name = *c.Name
		}
	}
	if err := d.ready(ctx, &c, name, by); err != nil {
		return User{}, err
	}
	return d.Desk.ChangeUser(ctx, id, c, by)
}

// ready checks a change and hashes the password in it. Who sees some tenants gives no others.
func (d *Door) ready(ctx context.Context, c *Change, name string, by By) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.Tenants != nil {
		tenants := slices.Compact(slices.Sorted(slices.Values(*c.Tenants)))
		for _, t := range tenants {
			if len(by.Tenants) > 0 && !slices.Contains(by.Tenants, t) {
				return &connector.Error{Kind: connector.NotFound, Op: "check user", Msg: "there is no tenant " + t}
			}
		}
		if len(tenants) == 0 {
			tenants = by.Tenants
		}
		c.Tenants = &tenants
	}
	if c.Password == nil || *c.Password == "" {
		return nil
	}
	if err := CheckPassword(name, *c.Password); err != nil {
		return err
	}
	hash, err := d.hasher.hash(ctx, *c.Password)
	c.Password = &hash
	return err
}

// RemoveUser takes a user away, with his sessions.
func (d *Door) RemoveUser(ctx context.Context, id string, by By) error {
	return d.Desk.RemoveUser(ctx, id, by)
}

// UnlockUser lets a user log in at once, after many have guessed.
func (d *Door) UnlockUser(ctx context.Context, id string, by By) error {
	return d.Desk.UnlockUser(ctx, id, by)
}

// LogInsRefused gives the failed log-ins since a time, summed by hour and address, newest first.
func (d *Door) LogInsRefused(ctx context.Context, since time.Time, most int) ([]Refused, error) {
	return d.Desk.LogInsRefused(ctx, since, most)
}

// Sessions lists a user's sessions, the one used last first.
func (d *Door) Sessions(ctx context.Context, user string) ([]Session, error) {
	all, err := d.Desk.Sessions(ctx, user)
	now := d.Now()
	return slices.DeleteFunc(all, func(s Session) bool { return !s.Live(now) }), err
}

// EndSession ends one session of a user, or all of them where id is empty.
func (d *Door) EndSession(ctx context.Context, user, id string, by By) error {
	return d.Desk.EndSession(ctx, user, id, by)
}
