package store

import (
	"context"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"todosync/connector"
	"todosync/internal/identity"
)

func anywhere() reach { return reach{} }

// countFailure counts an attempt under a guess and says how long it has to wait instead. The row stays locked until the commit, so that
// no other process counts meanwhile.
func (t *tx) countFailure(guess string, now int64, memory time.Duration) (wait time.Duration, err error) {
	var failures, until int64
	longest := identity.LongestWait.Milliseconds() // who would wait longer does so because the clock was put back
	const query = `INSERT INTO log_in_failures (guess, failures, last_ms, until_ms) VALUES (?, 1, ?, 0) ON CONFLICT (guess) DO UPDATE SET
		failures = CASE WHEN log_in_failures.until_ms > ? AND log_in_failures.until_ms <= ? THEN log_in_failures.failures WHEN log_in_failures.last_ms < ? THEN 1 ELSE log_in_failures.failures + 1 END,
		last_ms = CASE WHEN log_in_failures.until_ms > ? AND log_in_failures.until_ms <= ? THEN log_in_failures.last_ms ELSE ? END RETURNING failures, until_ms`
	err = t.change(query, []any{guess, now, now, now + longest, now - memory.Milliseconds(), now, now + longest, now}, func(r row) error {
		failures, until = r.num(0), r.num(1)
		return nil
	})
	if err != nil {
		return 0, err
	}
	if until > now && until <= now+longest {
		return time.Duration(until-now) * time.Millisecond, nil
	}
	if wait := identity.Wait(int(failures)); wait > 0 {
		return 0, t.run(`UPDATE log_in_failures SET until_ms = ? WHERE guess = ?`, now+wait.Milliseconds(), guess)
	}
	return 0, nil
}

// uncount takes back what countFailure counted.
func (t *tx) uncount(guess string) error {
	return t.run(`UPDATE log_in_failures SET failures = failures - 1, until_ms = 0 WHERE guess = ? AND failures > 0`, guess)
}

// BeginLogIn implements identity.Desk. Who was logged in from this address before does not wait for what others guess elsewhere: else
// anybody could keep him out.
func (d *DB) BeginLogIn(ctx context.Context, name string, g identity.Guess) (wait time.Duration, err error) {
	err = d.writer.calmly(ctx, "begin log-in", anywhere, func(t *tx) error {
		now := millis(d.cfg.Now())
		known := false
		err := t.read(`SELECT 1 FROM users u JOIN sessions s ON s.user_n = u.n WHERE u.name_key = ? AND s.address = ? LIMIT 1`,
			[]any{clean(identity.NameKey(name)), g.From}, func(row) error { known = true; return nil })
		if err != nil {
			return err
		}
		if wait, err = t.countFailure(g.Address, now, identity.AddressMemory); err != nil || wait > 0 {
			return errors.Join(err, t.tallyRefused(g, now, 0, 1))
		}
		held, err := t.countFailure(g.Account, now, identity.AccountMemory)
		if err != nil || held == 0 || known {
			return errors.Join(err, t.tallyRefused(g, now, 1, 0))
		}
		wait = held
		return errors.Join(t.uncount(g.Address), t.tallyRefused(g, now, 0, 1))
	})
	return wait, err
}

// Forgive implements identity.Desk.
func (d *DB) Forgive(ctx context.Context, g identity.Guess) error {
	return d.writer.calmly(ctx, "note log-in", anywhere, func(t *tx) error { return t.forgive(g) })
}

func (t *tx) forgive(g identity.Guess) error {
	if err := errors.Join(t.uncount(g.Address), t.untallyRefused(g)); err != nil {
		return err
	}
	return t.run(`DELETE FROM log_in_failures WHERE guess = ?`, g.Account)
}

// Credentials implements identity.Desk.
func (d *DB) Credentials(ctx context.Context, name string) (u identity.User, password string, known bool, err error) {
	const op = "find user"
	var rows []storedUser
	err = d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT `+userColumns+` FROM users u WHERE u.name_key = ?`, clean(identity.NameKey(name)))
	})
	if err != nil || len(rows) == 0 {
		return u, "", false, err
	}
	u, err = rows[0].user()
	return u, rows[0].Password, err == nil, failed(op, err)
}

// OpenSession implements identity.Desk.
func (d *DB) OpenSession(ctx context.Context, o identity.Opening) (out identity.Session, err error) {
	const op = "log in"
	err = d.writer.write(ctx, op, func(t *tx) error {
		s, u, err := t.readUser(op, o.User, nil)
		if err != nil && connector.KindOf(err) != connector.NotFound {
			return err
		}
		if err != nil || s.Disabled || (o.Password != "" && subtle.ConstantTimeCompare([]byte(o.Password), []byte(s.Password)) != 1) {
			return &connector.Error{Kind: connector.Forbidden, Op: op, Msg: "the user may not log in"}
		}
		if o.Guess != nil {
			if err := t.forgive(*o.Guess); err != nil {
				return err
			}
		}
		if o.Replaces != nil {
			if err := t.run(`DELETE FROM sessions WHERE hash = ?`, o.Replaces); err != nil {
				return err
			}
		}
		const few = `DELETE FROM sessions WHERE user_n = ? AND hash NOT IN (SELECT hash FROM sessions WHERE user_n = ? ORDER BY seen_ms DESC, id DESC LIMIT ?)`
		if err := t.run(few, s.N, s.N, identity.SessionsFew-1); err != nil {
			return err
		}
		now := d.cfg.Now()
		if err := d.mint(t, now); err != nil {
			return err
		}
		out = identity.Session{
			ID: d.newID(now), User: u, Created: instant(millis(now)), Seen: instant(millis(now)), Expires: instant(millis(now.Add(identity.SessionLife))), Address: o.Address, Agent: clean(o.Agent),
		}
		const query = `INSERT INTO sessions (hash, id, user_n, created_ms, seen_ms, expires_ms, address, agent) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
		if err := t.run(query, o.Hash, out.ID, s.N, millis(now), millis(now), millis(out.Expires), out.Address, out.Agent); err != nil {
			return err
		}
		if err := t.run(`UPDATE users SET logged_in_ms = ? WHERE n = ?`, millis(now), s.N); err != nil {
			return err
		}
		if t.from.Address == "" {
			t.from = identity.From{Address: o.Address, Way: "console"}
		}
		return t.audit(millis(now), s.Name, "logged in", oneTenant(u.Tenants), s.Name, o.How+" from "+o.Address)
	})
	return out, err
}

type storedSession struct {
	storedUser
	SessionID string `db:"session_id"`
	Began     int64  `db:"began_ms"`
	SeenMs    int64  `db:"seen_ms"`
	ExpiresMs int64  `db:"expires_ms"`
	Address   string `db:"address"`
	Agent     string `db:"agent"`
}

const sessionColumns = `s.id AS session_id, s.created_ms AS began_ms, s.seen_ms, s.expires_ms, s.address, s.agent, ` + userColumns

func (s *storedSession) session() (identity.Session, error) {
	u, err := s.user()
	return identity.Session{
		ID: s.SessionID, User: u, Created: instant(s.Began), Seen: instant(s.SeenMs), Expires: instant(s.ExpiresMs), Address: s.Address, Agent: s.Agent,
	}, err
}

// SessionOf implements identity.Desk.
func (d *DB) SessionOf(ctx context.Context, hash []byte, used bool) (out identity.Session, ok bool, err error) {
	const op = "find session"
	var rows []storedSession
	err = d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT `+sessionColumns+` FROM sessions s JOIN users u ON u.n = s.user_n WHERE s.hash = ?`, hash)
	})
	if err != nil || len(rows) == 0 {
		return out, false, err
	}
	if out, err = rows[0].session(); err != nil {
		return out, false, failed(op, err)
	}
	now := d.cfg.Now()
	if used && out.Live(now) && now.Sub(out.Seen).Abs() >= identity.SeenEvery {
		d.sawSession(ctx, hash, millis(now))
	}
	return out, true, nil
}

// sawSession notes the time of a session's use. That it could not be noted is no reason to refuse who has it.
func (d *DB) sawSession(ctx context.Context, hash []byte, now int64) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err := d.writer.within(ctx, "note use of session", anywhere, func(t *tx) error {
		return t.run(`UPDATE sessions SET seen_ms = ? WHERE hash = ?`, now, hash)
	})
	if err != nil {
		d.cfg.Log.DebugContext(ctx, "the use of a session was not noted", "error", err)
	}
}

// Sessions implements identity.Desk.
func (d *DB) Sessions(ctx context.Context, user string) ([]identity.Session, error) {
	const op = "list sessions"
	var rows []storedSession
	err := d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT `+sessionColumns+` FROM sessions s JOIN users u ON u.n = s.user_n WHERE u.id = ? ORDER BY s.seen_ms DESC, s.id DESC`, clean(user))
	})
	out := make([]identity.Session, len(rows))
	for i := range rows {
		if out[i], err = rows[i].session(); err != nil {
			return nil, failed(op, err)
		}
	}
	return out, err
}

// EndSession implements identity.Desk.
func (d *DB) EndSession(ctx context.Context, user, id string, by identity.By) error {
	const op = "end session"
	return d.writer.write(ctx, op, func(t *tx) error {
		s, u, err := t.readUser(op, user, by.Tenants)
		if err != nil {
			return err
		}
		ended := 0
		w := where{}
		w.add(`user_n = ?`, s.N)
		if id != "" {
			w.add(`id = ?`, clean(id))
		}
		if err := t.change(`DELETE FROM sessions `+w.text()+` RETURNING user_n`, w.with(), func(row) error { ended++; return nil }); err != nil {
			return err
		}
		if ended == 0 {
			if id == "" {
				return nil
			}
			return notFound(op, "session "+id)
		}
		what := "sessions ended"
		if id != "" {
			what = "session ended"
		}
		return t.audit(millis(d.cfg.Now()), by.Who, what, oneTenant(u.Tenants), s.Name, "")
	})
}

// sessions takes away sessions and links that are over, and failed log-ins that count no more. A session stays for a while after its
// end: it tells from where its user logs in.
func (w *sweeping) sessions(ctx context.Context) error {
	for _, c := range []struct {
		find, remove string
		before       int64
	}{
		{`SELECT hash FROM sessions WHERE expires_ms < ? LIMIT ?`, `DELETE FROM sessions WHERE hash = ? AND expires_ms < ?`, w.before(identity.SessionLife)},
		{`SELECT hash FROM invitations WHERE expires_ms < ? LIMIT ?`, `DELETE FROM invitations WHERE hash = ? AND expires_ms < ?`, w.now},
		{`SELECT hash FROM access_links WHERE expires_ms < ? LIMIT ?`, `DELETE FROM access_links WHERE hash = ? AND expires_ms < ?`, w.now},
		{`SELECT CAST(hour_ms AS TEXT) AS guess FROM log_ins_refused WHERE hour_ms < ? LIMIT ?`, `DELETE FROM log_ins_refused WHERE CAST(hour_ms AS TEXT) = ? AND hour_ms < ?`, w.before(keepRefused)},
		{`SELECT guess FROM log_in_failures WHERE last_ms < ? LIMIT ?`, `DELETE FROM log_in_failures WHERE guess = ? AND last_ms < ?`, w.before(identity.AccountMemory)},
	} {
		var keys []any
		if strings.HasPrefix(c.find, `SELECT hash`) {
			var hashes [][]byte
			if err := w.look(ctx, &hashes, c.find, c.before, sweepLook); err != nil {
				return err
			}
			for _, h := range hashes {
				keys = append(keys, h)
			}
		} else {
			var guesses []string
			if err := w.look(ctx, &guesses, c.find, c.before, sweepLook); err != nil {
				return err
			}
			for _, g := range guesses {
				keys = append(keys, g)
			}
		}
		if _, err := w.take(ctx, len(keys), func(t *tx, i int) (bool, error) { return true, t.run(c.remove, keys[i], c.before) }); err != nil {
			return err
		}
	}
	if w.out.Removed > 0 {
		w.next(0)
	}
	return nil
}
