package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"todosync/connector"
	"todosync/internal/identity"
)

type storedUser struct {
	N          int64  `db:"n"`
	ID         string `db:"id"`
	Name       string `db:"name"`
	NameKey    string `db:"name_key"`
	Email      string `db:"email"`
	Mobile     string `db:"mobile"`
	Role       string `db:"role"`
	Tenants    string `db:"tenants"`
	Disabled   bool   `db:"disabled"`
	Language   string `db:"language"`
	Password   string `db:"password"`
	Issuer     string `db:"issuer"`
	Subject    string `db:"subject"`
	ByRule     bool   `db:"by_rule"`
	Who        string `db:"who"`
	CreatedMs  int64  `db:"created_ms"`
	UpdatedMs  int64  `db:"updated_ms"`
	LoggedInMs *int64 `db:"logged_in_ms"`
}

const userColumns = `u.n, u.id, u.name, u.name_key, u.email, u.mobile, u.role, u.tenants, u.disabled, u.language, u.password, u.issuer, u.subject, u.by_rule, u.who,
	u.created_ms, u.updated_ms, u.logged_in_ms`

// userOf reads a row of userColumns.
func userOf(r row) storedUser {
	s := storedUser{
		N: r.num(0), ID: r.text(1), Name: r.text(2), NameKey: r.text(3), Email: r.text(4), Mobile: r.text(5), Role: r.text(6), Tenants: r.text(7), Disabled: r.flag(8),
		Language: r.text(9), Password: r.text(10), Issuer: r.text(11), Subject: r.text(12), ByRule: r.flag(13), Who: r.text(14), CreatedMs: r.num(15), UpdatedMs: r.num(16),
	}
	if !r.null(17) {
		at := r.num(17)
		s.LoggedInMs = &at
	}
	return s
}

func (s *storedUser) user() (identity.User, error) {
	u := identity.User{
		ID: s.ID, Name: s.Name, Email: s.Email, Mobile: s.Mobile, Role: identity.Role(s.Role), Disabled: s.Disabled, Language: connector.Language(s.Language),
		Subject: identity.Subject{Issuer: s.Issuer, ID: s.Subject}, ByRule: s.ByRule, HasPassword: s.Password != "", Who: s.Who,
		Created: instant(s.CreatedMs), Updated: instant(s.UpdatedMs), LoggedIn: instantOf(s.LoggedInMs),
	}
	return u, json.Unmarshal([]byte(s.Tenants), &u.Tenants)
}

// Users implements identity.Desk.
func (d *DB) Users(ctx context.Context, f identity.UserFilter, p connector.PageOf) (connector.Page[identity.User], error) {
	const op = "list users"
	out := connector.Page[identity.User]{Items: []identity.User{}}
	_, limit, err := pageOf(op, connector.PageOf{Limit: p.Limit})
	if err != nil {
		return out, err
	}
	raw, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	after, ok := strings.CutPrefix(string(raw), "u.")
	if p.Cursor != "" && (err != nil || !ok) {
		return out, badCursor(op)
	}
	w := where{}
	w.add(`u.name_key > ?`, clean(after))
	w.in(`u.role`, f.Roles)
	var names []string
	for _, n := range f.Names {
		names = append(names, identity.NameKey(n))
	}
	w.in(`u.name_key`, names)
	switch f.State {
	case identity.StateActive:
		w.add(`u.disabled = FALSE`)
	case identity.StateDisabled:
		w.add(`u.disabled = TRUE`)
	case identity.StateWaiting:
		w.add(`u.disabled = TRUE AND u.logged_in_ms IS NULL AND u.subject <> '' AND u.who = 'oidc'`)
	}
	if f.Query != "" {
		like := likeText(strings.ToLower(f.Query))
		w.add(`(u.name_key LIKE ? ESCAPE '\' OR LOWER(u.email) LIKE ? ESCAPE '\')`, like, like)
	}
	most := int64(math.MaxInt32) // who is within some tenants stands in lists that no query reads
	if len(f.Tenants) == 0 {
		most = int64(limit) + 1
	}
	var rows []storedUser
	err = d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT `+userColumns+` FROM users u `+w.text()+` ORDER BY u.name_key LIMIT ?`, w.with(most)...)
	})
	if err != nil {
		return out, err
	}
	last := ""
	for i := range rows {
		u, err := rows[i].user()
		if err != nil {
			return out, failed(op, err)
		}
		if !u.Within(f.Tenants) {
			continue
		}
		if len(out.Items) == limit {
			out.Next = base64.RawURLEncoding.EncodeToString([]byte("u." + last))
			break
		}
		out.Items, last = append(out.Items, u), rows[i].NameKey
	}
	return out, d.markLocked(ctx, out.Items)
}

// markLocked says of users until when their log-ins wait.
func (d *DB) markLocked(ctx context.Context, users []identity.User) error {
	if len(users) == 0 {
		return nil
	}
	w := where{}
	now := d.cfg.Now()
	w.add(`until_ms > ? AND until_ms <= ?`, millis(now), millis(now.Add(identity.LongestWait)))
	var keys []string
	for _, u := range users {
		keys = append(keys, identity.AccountKey(u.Name))
	}
	w.in(`guess`, keys)
	var rows []struct {
		Guess   string `db:"guess"`
		UntilMs int64  `db:"until_ms"`
	}
	err := d.reading(ctx, "list users", func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT guess, until_ms FROM log_in_failures `+w.text(), w.with()...)
	})
	for _, r := range rows {
		users[slices.Index(keys, r.Guess)].Locked = instant(r.UntilMs)
	}
	return err
}

// User implements identity.Desk.
func (d *DB) User(ctx context.Context, id string, tenants []string) (identity.User, error) {
	const op = "find user"
	var rows []storedUser
	err := d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT `+userColumns+` FROM users u WHERE u.id = ? OR u.name_key = ?`, clean(id), clean(identity.NameKey(id)))
	})
	if err != nil {
		return identity.User{}, err
	}
	if len(rows) == 1 {
		users := make([]identity.User, 1)
		if users[0], err = rows[0].user(); err != nil {
			return users[0], failed(op, err)
		}
		if users[0].Within(tenants) {
			return users[0], d.markLocked(ctx, users)
		}
	}
	return identity.User{}, notFound(op, "user "+id)
}

// UserOfSubject implements identity.Desk.
func (d *DB) UserOfSubject(ctx context.Context, s identity.Subject) (u identity.User, known bool, err error) {
	const op = "find user"
	var rows []storedUser
	err = d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT `+userColumns+` FROM users u WHERE u.issuer = ? AND u.subject = ? AND u.subject <> ''`, clean(s.Issuer), clean(s.ID))
	})
	if err != nil || len(rows) == 0 {
		return u, false, err
	}
	u, err = rows[0].user()
	return u, err == nil, failed(op, err)
}

// readUser finds a user who is within the tenants, for a change.
func (t *tx) readUser(op, id string, tenants []string) (storedUser, identity.User, error) {
	var found []storedUser
	err := t.read(`SELECT `+userColumns+` FROM users u WHERE u.id = ? OR u.name_key = ?`, []any{clean(id), clean(identity.NameKey(id))}, func(r row) error {
		found = append(found, userOf(r))
		return nil
	})
	if err != nil {
		return storedUser{}, identity.User{}, err
	}
	if len(found) == 1 {
		u, err := found[0].user()
		if err != nil || u.Within(tenants) {
			return found[0], u, err
		}
	}
	return storedUser{}, identity.User{}, notFound(op, "user "+id)
}

// CreateUser implements identity.Desk.
func (d *DB) CreateUser(ctx context.Context, c identity.Change, by identity.By) (u identity.User, err error) {
	err = d.writer.write(ctx, "create user", func(t *tx) (err error) {
		if by.Provider && c.Disabled != nil && *c.Disabled {
			if err := t.roomToWait(c.Subject.Issuer); err != nil {
				return err
			}
		}
		u, err = d.createUser(t, c, by, "user created")
		return err
	})
	return u, err
}

// roomToWait fails where so many of a provider's people wait for an admin that no more are taken.
func (t *tx) roomToWait(issuer string) error {
	waiting := int64(0)
	err := t.read(`SELECT COUNT(*) FROM users u WHERE u.issuer = ? AND u.subject <> '' AND u.disabled = TRUE AND u.logged_in_ms IS NULL`, []any{issuer}, func(r row) error {
		waiting = r.num(0)
		return nil
	})
	if err != nil || waiting < identity.MostWaiting {
		return err
	}
	return &connector.Error{
		Kind: connector.Unavailable, Op: "create user", Msg: fmt.Sprintf("%d people wait for an admin already, and no more are taken", identity.MostWaiting),
		Hint: "ask an admin: he allows or removes some of those who wait, or makes a user of you",
	}
}

// createUser makes a user of what a change says.
func (d *DB) createUser(t *tx, c identity.Change, by identity.By, what string) (identity.User, error) {
	now := d.cfg.Now()
	s := storedUser{Role: string(identity.Viewer), Tenants: "[]", Who: by.Who, CreatedMs: millis(now), UpdatedMs: millis(now)}
	if len(by.Tenants) > 0 {
		s.Tenants = listText(by.Tenants)
	}
	_ = s.apply(c)
	if err := t.freeName(&s); err != nil {
		return identity.User{}, err
	}
	var err error
	if s.N, err = t.numbers("users", 1); err != nil {
		return identity.User{}, err
	}
	if err := d.mint(t, now); err != nil {
		return identity.User{}, err
	}
	s.ID = d.newID(now)
	const query = `INSERT INTO users (n, id, name, name_key, email, mobile, role, tenants, disabled, language, password, issuer, subject, by_rule, who, created_ms, updated_ms)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	err = t.run(query, s.N, s.ID, s.Name, s.NameKey, s.Email, s.Mobile, s.Role, s.Tenants, s.Disabled, s.Language, s.Password, s.Issuer, s.Subject, s.ByRule,
		s.Who, s.CreatedMs, s.UpdatedMs)
	if err != nil {
		return identity.User{}, err
	}
	u, err := s.user()
	if err != nil {
		return u, err
	}
	detail := s.Role + " " + s.Tenants
	if s.Subject != "" {
		detail += " of " + s.Issuer
	}
	return u, t.audit(s.CreatedMs, by.Who, what, oneTenant(u.Tenants), s.Name, detail)
}

// freeName fails where the name or the subject is another's.
func (t *tx) freeName(s *storedUser) error {
	const op = "save user"
	taken := ""
	err := t.read(`SELECT u.name_key = ? FROM users u WHERE u.n <> ? AND (u.name_key = ? OR u.subject = ? AND u.subject <> '' AND u.issuer = ?)`,
		[]any{s.NameKey, s.N, s.NameKey, s.Subject, s.Issuer}, func(r row) error {
			if taken = "subject"; r.flag(0) {
				taken = "name"
			}
			return nil
		})
	if err != nil || taken == "" {
		return err
	}
	const hint = "names are the same in upper and lower case"
	return &connector.Error{
		Kind: connector.Conflict, Op: op, Msg: "there is another user of this " + taken, Hint: hint, Details: []connector.Detail{{Path: taken, Message: "another user's"}},
	}
}

func listText(list []string) string {
	b, _ := json.Marshal(append([]string{}, list...)) // text always has a JSON form
	return string(b)
}

// apply carries out a change, and says what differs, for the audit.
func (s *storedUser) apply(c identity.Change) (differs []string) {
	text := func(what string, to *string, v *string) {
		if v != nil && *to != clean(*v) {
			differs = append(differs, what+" "+*to+" -> "+clean(*v))
			*to = clean(*v)
		}
	}
	flag := func(what string, to *bool, v *bool) {
		if v != nil && *to != *v {
			differs = append(differs, fmt.Sprintf("%s %t", what, *v))
			*to = *v
		}
	}
	text("name", &s.Name, c.Name)
	s.NameKey = identity.NameKey(s.Name)
	text("email", &s.Email, c.Email)
	text("mobile", &s.Mobile, c.Mobile)
	text("role", &s.Role, (*string)(c.Role))
	text("language", &s.Language, (*string)(c.Language))
	if c.Tenants != nil {
		list := listText(*c.Tenants)
		text("tenants", &s.Tenants, &list)
	}
	flag("disabled", &s.Disabled, c.Disabled)
	flag("by rule", &s.ByRule, c.ByRule)
	if c.Password != nil && *c.Password != s.Password {
		s.Password = *c.Password
		differs = append(differs, "password")
	}
	if c.Subject != nil {
		text("issuer", &s.Issuer, &c.Subject.Issuer)
		text("subject", &s.Subject, &c.Subject.ID)
	}
	return differs
}

// mayDoAll reports whether a user is an admin of all tenants who can log in.
func (s *storedUser) mayDoAll() bool {
	return s.Role == string(identity.Admin) && s.Tenants == "[]" && !s.Disabled && (s.Password != "" || s.Subject != "")
}

// ChangeUser implements identity.Desk.
func (d *DB) ChangeUser(ctx context.Context, id string, c identity.Change, by identity.By) (u identity.User, err error) {
	const op = "change user"
	err = d.writer.write(ctx, op, func(t *tx) error {
		was, old, err := t.readUser(op, id, by.Tenants)
		if err != nil {
			return err
		}
		s := was
		differs := s.apply(c)
		if u = old; len(differs) == 0 {
			return nil
		}
		if s.ByRule && !by.Provider && c.ByRule == nil && (was.Role != s.Role || was.Tenants != s.Tenants || was.Disabled != s.Disabled) {
			s.ByRule = false // what is given by hand stays
			differs = append(differs, "by rule false")
		}
		if was.mayDoAll() && !s.mayDoAll() && !by.Provider {
			if err := t.notTheLast(op, was.N); err != nil {
				return err
			}
		}
		if err := t.freeName(&s); err != nil {
			return err
		}
		s.UpdatedMs = millis(d.cfg.Now())
		const query = `UPDATE users SET name = ?, name_key = ?, email = ?, mobile = ?, role = ?, tenants = ?, disabled = ?, language = ?, password = ?,
			issuer = ?, subject = ?, by_rule = ?, updated_ms = ? WHERE n = ?`
		err = t.run(query, s.Name, s.NameKey, s.Email, s.Mobile, s.Role, s.Tenants, s.Disabled, s.Language, s.Password, s.Issuer, s.Subject, s.ByRule, s.UpdatedMs, s.N)
		if err != nil {
			return err
		}
		if was.Role != s.Role || was.Tenants != s.Tenants || was.Password != s.Password || was.Issuer != s.Issuer || was.Subject != s.Subject || s.Disabled {
			if err := t.endUser(s.N, s.ID); err != nil {
				return err
			}
		}
		if u, err = s.user(); err != nil {
			return err
		}
		return t.audit(s.UpdatedMs, by.Who, "user changed", oneTenant(u.Tenants), was.Name, strings.Join(differs, "; "))
	})
	return u, err
}

// endUser takes what a user has open: his sessions, and links that would open one.
func (t *tx) endUser(n int64, id string) error {
	if err := t.run(`DELETE FROM sessions WHERE user_n = ?`, n); err != nil {
		return err
	}
	if err := t.run(`DELETE FROM invitations WHERE user_id = ?`, id); err != nil {
		return err
	}
	return t.run(`DELETE FROM access_links WHERE user_id = ?`, id)
}

// notTheLast fails where nobody else may do everything.
func (t *tx) notTheLast(op string, n int64) error {
	others := false
	err := t.read(`SELECT 1 FROM users u WHERE u.n <> ? AND u.role = 'admin' AND u.tenants = '[]' AND u.disabled = FALSE AND (u.password <> '' OR u.subject <> '') LIMIT 1`,
		[]any{n}, func(row) error { others = true; return nil })
	if err != nil || others {
		return err
	}
	return &connector.Error{
		Kind: connector.Conflict, Op: op, Msg: "this is the last admin of all tenants who can log in",
		Hint: "make another user an admin of all tenants first",
	}
}

// RemoveUser implements identity.Desk.
func (d *DB) RemoveUser(ctx context.Context, id string, by identity.By) error {
	const op = "remove user"
	return d.writer.write(ctx, op, func(t *tx) error {
		s, u, err := t.readUser(op, id, by.Tenants)
		if err != nil {
			return err
		}
		if s.mayDoAll() {
			if err := t.notTheLast(op, s.N); err != nil {
				return err
			}
		}
		if err := errors.Join(t.endUser(s.N, s.ID), t.run(`DELETE FROM users WHERE n = ?`, s.N)); err != nil {
			return err
		}
		return t.audit(millis(d.cfg.Now()), by.Who, "user removed", oneTenant(u.Tenants), s.Name, s.Role+" "+s.Tenants)
	})
}

// UnlockUser implements identity.Desk.
func (d *DB) UnlockUser(ctx context.Context, id string, by identity.By) error {
	const op = "unlock user"
	return d.writer.write(ctx, op, func(t *tx) error {
		s, u, err := t.readUser(op, id, by.Tenants)
		if err != nil {
			return err
		}
		// Also under addresses: which one is his, nobody knows.
		if err := t.run(`DELETE FROM log_in_failures WHERE guess = ? OR guess LIKE 'address %'`, identity.AccountKey(s.Name)); err != nil {
			return err
		}
		return t.audit(millis(d.cfg.Now()), by.Who, "user unlocked", oneTenant(u.Tenants), s.Name, "")
	})
}
