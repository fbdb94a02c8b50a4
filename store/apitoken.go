package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"todosync/connector"
)

// An APIToken is a token for the HTTP API, as it may be shown. Nobody can read the token itself back: its hash is kept alone.
type APIToken struct {
	ID       string
	Name     string
	Role     string   // viewer, operator, integrator or admin; empty: Scopes alone
	Scopes   []string // events:write, tickets:redeem, import
	Tenants  []string // empty: all
	Who      string   // made it
	Created  time.Time
	Expires  time.Time // zero: never
	LastUsed time.Time // to within a minute; zero: not yet
}

// apiTokenPrefix tells people and secret scanners what a token is for.
const apiTokenPrefix = "todosync_"

// usedEvery is how often the time of a token's last use is stored.
const usedEvery = time.Minute

type storedAPIToken struct {
	N          int64  `db:"n"`
	ID         string `db:"id"`
	Name       string `db:"name"`
	Role       string `db:"role"`
	Scopes     string `db:"scopes"`
	Tenants    string `db:"tenants"`
	Who        string `db:"who"`
	CreatedMs  int64  `db:"created_ms"`
	ExpiresMs  *int64 `db:"expires_ms"`
	LastUsedMs *int64 `db:"last_used_ms"`
}

const apiTokenColumns = `n, id, name, role, scopes, tenants, who, created_ms, expires_ms, last_used_ms`

func (s *storedAPIToken) token() (APIToken, error) {
	t := APIToken{
		ID: s.ID, Name: s.Name, Role: s.Role, Who: s.Who, Created: instant(s.CreatedMs), Expires: instantOf(s.ExpiresMs), LastUsed: instantOf(s.LastUsedMs),
	}
	if err := json.Unmarshal([]byte(s.Scopes), &t.Scopes); err != nil {
		return t, err
	}
	return t, json.Unmarshal([]byte(s.Tenants), &t.Tenants)
}

func hashOf(token string) []byte {
	sum := sha256.Sum256([]byte(token)) // of 256 random bits: nothing to guess, so nothing to slow down
	return sum[:]
}

// CreateAPIToken stores a new token and gives it out, once.
func (d *DB) CreateAPIToken(ctx context.Context, want APIToken) (APIToken, string, error) {
	const op = "create token"
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return APIToken{}, "", failed(op, err)
	}
	token := apiTokenPrefix + base64.RawURLEncoding.EncodeToString(raw)
	lists := make([]string, 2)
	for i, l := range [][]string{want.Scopes, want.Tenants} {
		l = slices.Compact(slices.Sorted(slices.Values(l)))
		b, err := json.Marshal(append([]string{}, l...))
		if err != nil {
			return APIToken{}, "", failed(op, err)
		}
		lists[i] = string(b)
	}
	now := d.cfg.Now()
	s := storedAPIToken{
		Name: want.Name, Role: want.Role, Scopes: lists[0], Tenants: lists[1], Who: want.Who, CreatedMs: millis(now),
	}
	if !want.Expires.IsZero() {
		ms := millis(want.Expires)
		s.ExpiresMs = &ms
	}
	err := d.writer.write(ctx, op, func(t *tx) (err error) {
		if s.N, err = t.numbers("api tokens", 1); err != nil {
			return err
		}
		if err := d.mint(t, now); err != nil {
			return err
		}
		s.ID = d.newID(now)
		const query = `INSERT INTO api_tokens (n, id, hash, name, role, scopes, tenants, who, created_ms, expires_ms)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
		err = t.run(query, s.N, s.ID, hashOf(token), s.Name, s.Role, s.Scopes, s.Tenants, s.Who, s.CreatedMs, millisOrNull(want.Expires))
		if err != nil {
			return err
		}
		detail := strings.TrimSpace(s.Role + " " + s.Scopes + " " + s.Tenants)
		return t.audit(s.CreatedMs, want.Who, "token created", oneTenant(want.Tenants), s.ID, want.Name+": "+detail)
	})
	if err != nil {
		return APIToken{}, "", err
	}
	out, err := s.token()
	return out, token, failed(op, err)
}

// AuthenticateAPIToken gives the token's rights; ok is false where nobody has such a token, or it has run out.
func (d *DB) AuthenticateAPIToken(ctx context.Context, token string) (out APIToken, ok bool, err error) {
	const op = "authenticate"
	if !strings.HasPrefix(token, apiTokenPrefix) {
		return out, false, nil
	}
	var rows []storedAPIToken
	err = d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT `+apiTokenColumns+` FROM api_tokens WHERE hash = ?`, hashOf(token))
	})
	now := d.cfg.Now()
	if err != nil || len(rows) == 0 || (rows[0].ExpiresMs != nil && *rows[0].ExpiresMs <= millis(now)) {
		return out, false, err
	}
	if out, err = rows[0].token(); err != nil {
		return out, false, failed(op, err)
	}
	if now.Sub(out.LastUsed).Abs() >= usedEvery {
		d.usedAPIToken(ctx, rows[0].N, millis(now))
	}
	return out, true, nil
}

// usedAPIToken notes the time of a token's use. That it could not be noted is no reason to refuse who has it.
func (d *DB) usedAPIToken(ctx context.Context, n, now int64) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err := d.writer.within(ctx, "note use of token", func() reach { return reach{} }, func(t *tx) error {
		return t.run(`UPDATE api_tokens SET last_used_ms = ? WHERE n = ?`, now, n)
	})
	if err != nil {
		d.cfg.Log.DebugContext(ctx, "the use of a token was not noted", "error", err)
	}
}

// seenTokens are the tokens that somebody may see who sees the tenants that are given: those for these alone. nil sees all.
func seenTokens(rows []storedAPIToken, tenants []string) (out []storedAPIToken, err error) {
	for _, r := range rows {
		t, err := r.token()
		if err != nil {
			return nil, err
		}
		hidden := func(name string) bool { return !slices.Contains(tenants, name) }
		if len(tenants) == 0 || (len(t.Tenants) > 0 && !slices.ContainsFunc(t.Tenants, hidden)) {
			out = append(out, r)
		}
	}
	return out, nil
}

// APITokens lists tokens, newest first: those for some of the tenants that are given alone, or all.
func (d *DB) APITokens(ctx context.Context, tenants []string, p connector.PageOf) (connector.Page[APIToken], error) {
	const op = "list tokens"
	out := connector.Page[APIToken]{Items: []APIToken{}}
	before, limit, err := pageOf(op, p)
	if err != nil {
		return out, err
	}
	var rows []storedAPIToken
	err = d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT `+apiTokenColumns+` FROM api_tokens WHERE n < ? ORDER BY n DESC`, before)
	})
	if err != nil {
		return out, err
	}
	if rows, err = seenTokens(rows, tenants); err != nil {
		return out, failed(op, err)
	}
	for i := range rows {
		if i == limit {
			out.Next = cursor(rows[i-1].N)
			break
		}
		t, err := rows[i].token()
		if err != nil {
			return out, failed(op, err)
		}
		out.Items = append(out.Items, t)
	}
	return out, nil
}

// RevokeAPIToken takes a token away: it is good for nothing from now on. tenants are those that its revoker sees.
func (d *DB) RevokeAPIToken(ctx context.Context, id string, tenants []string, who string) error {
	const op = "revoke token"
	return d.writer.write(ctx, op, func(t *tx) error {
		var rows []storedAPIToken
		err := t.read(`SELECT n, name, scopes, tenants FROM api_tokens WHERE id = ?`, []any{clean(id)}, func(r row) error {
			rows = append(rows, storedAPIToken{N: r.num(0), Name: r.text(1), Scopes: r.text(2), Tenants: r.text(3)})
			return nil
		})
		if err == nil {
			rows, err = seenTokens(rows, tenants)
		}
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return notFound(op, "token "+id)
		}
		if err := t.run(`DELETE FROM api_tokens WHERE n = ?`, rows[0].N); err != nil {
			return err
		}
		token, err := rows[0].token()
		if err != nil {
			return err
		}
		return t.audit(millis(d.cfg.Now()), who, "token revoked", oneTenant(token.Tenants), id, token.Name)
	})
}
