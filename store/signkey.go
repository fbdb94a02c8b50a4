package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"todosync/connector"
)

// What a key of the sign-on gateway is for.
const (
	TicketKeys = "ticket" // signs tickets; its public half is published
	CookieKeys = "cookie" // seals what a browser brings back
)

// How long keys that sign tickets live. A new one is published before it signs, and an old one after it has signed its last: whoever keeps
// the public ones for as long finds each.
const (
	SignKeyLife    = 90 * 24 * time.Hour
	SignKeyAhead   = 10 * time.Minute
	SignKeyOverlap = time.Hour
)

// A SignKey is 32 random bytes under a name.
type SignKey struct {
	ID      string
	Seed    []byte
	Created time.Time
	From    time.Time // it signs from then on
}

// signKeyPlace is what a sealed key is bound to.
func signKeyPlace(id string) string { return "sign-key/" + id }

// SignKeys gives the keys of one kind, oldest first; the first is made at the first call, and one that signs tickets is followed by another
// in time. Keys whose time is over are left out.
func (d *DB) SignKeys(ctx context.Context, what string) ([]SignKey, error) {
	keys, err := d.readSignKeys(ctx, what)
	if err != nil {
		return nil, err
	}
	now := d.cfg.Now()
	if len(keys) > 0 && (what != TicketKeys || now.Sub(keys[len(keys)-1].Created) < SignKeyLife) {
		return keys, nil
	}
	newest := ""
	if len(keys) > 0 {
		newest = keys[len(keys)-1].ID
	}
	if err := d.newSignKey(ctx, what, "todosync", newest == "", &newest); err != nil {
		return nil, err
	}
	return d.readSignKeys(ctx, what)
}

func (d *DB) readSignKeys(ctx context.Context, what string) ([]SignKey, error) {
	const op = "read keys of the sign-on"
	var rows []struct {
		ID        string `db:"id"`
		Sealed    []byte `db:"sealed"`
		CreatedMs int64  `db:"created_ms"`
		FromMs    int64  `db:"from_ms"`
	}
	err := d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT id, sealed, created_ms, from_ms FROM sign_keys WHERE what = ? ORDER BY from_ms, created_ms, id`, what)
	})
	if err != nil {
		return nil, err
	}
	now := d.cfg.Now()
	var out []SignKey
	for i, r := range rows {
		if i+1 < len(rows) && !now.Before(instant(rows[i+1].FromMs).Add(SignKeyOverlap)) {
			continue // the next has been signing for long
		}
		text, err := d.unseal(signKeyPlace(r.ID), r.Sealed)
		if err != nil {
			return nil, &connector.Error{
				Kind: connector.Internal, Op: op, Msg: "a key of the sign-on does not open", Hint: "make new ones with: todosync sign-ons rotate-keys --now", Err: err,
			}
		}
		seed, err := hex.DecodeString(text)
		if err != nil {
			return nil, failed(op, err)
		}
		out = append(out, SignKey{ID: r.ID, Seed: seed, Created: instant(r.CreatedMs), From: instant(r.FromMs)})
	}
	return out, nil
}

// RotateSignKey makes another key. At once: it signs from now on, and all others are good for nothing any more.
func (d *DB) RotateSignKey(ctx context.Context, what, who string, atOnce bool) error {
	return d.newSignKey(ctx, what, who, atOnce, nil)
}

// newSignKey makes another key, where after is still the newest: of several that find its time over at once, one makes another. Nil: in
// any case.
func (d *DB) newSignKey(ctx context.Context, what, who string, atOnce bool, after *string) error {
	const op = "make a key of the sign-on"
	if err := d.rereadKeys(); err != nil {
		return &connector.Error{Kind: connector.Internal, Op: op, Msg: "the key cannot be read", Err: err}
	}
	seed, name := make([]byte, 32), make([]byte, 8)
	_, _ = rand.Read(seed) // never fails
	_, _ = rand.Read(name)
	id := hex.EncodeToString(name)
	now := d.cfg.Now()
	from := now
	if !atOnce {
		from = now.Add(SignKeyAhead)
	}
	return d.writer.write(ctx, op, func(t *tx) error {
		if _, err := d.readMark(t); err != nil { // another process may have changed the key
			return err
		}
		count, newest, begun := 0, "", false
		var over []string
		err := t.read(`SELECT id, from_ms FROM sign_keys WHERE what = ? ORDER BY from_ms DESC, created_ms DESC, id DESC`, []any{what}, func(r row) error {
			if begun { // the one after it has signed for long enough that nobody holds what it has signed
				over = append(over, r.text(0))
			}
			begun = begun || now.Sub(r.time(1)) >= SignKeyOverlap
			if count == 0 {
				newest = r.text(0)
			}
			count++
			return nil
		})
		if err != nil {
			return err
		}
		if after != nil && newest != *after {
			return nil // somebody was faster
		}
		if atOnce {
			if err := t.run(`DELETE FROM sign_keys WHERE what = ?`, what); err != nil {
				return err
			}
		}
		for _, old := range over {
			if err := t.run(`DELETE FROM sign_keys WHERE id = ?`, old); err != nil {
				return err
			}
		}
		const query = `INSERT INTO sign_keys (id, what, sealed, created_ms, from_ms) VALUES (?, ?, ?, ?, ?)`
		if err := t.run(query, id, what, d.seal(signKeyPlace(id), hex.EncodeToString(seed)), millis(now), millis(from)); err != nil {
			return err
		}
		return t.audit(millis(now), who, "sign-on key made", "", id, fmt.Sprintf("for %ss, from %s", what, from.UTC().Format(time.RFC3339)))
	})
}

// resealSignKeys seals the keys of the sign-on with the first key. One that no key opens is taken away, since another is made.
func (d *DB) resealSignKeys(ctx context.Context) error {
	return d.writer.write(ctx, "seal keys of the sign-on anew", func(t *tx) error {
		type sealedKey struct {
			id     string
			sealed []byte
		}
		var rows []sealedKey
		err := t.read(`SELECT id, sealed FROM sign_keys`, nil, func(r row) error { rows = append(rows, sealedKey{r.text(0), r.blob(1)}); return nil })
		if err != nil {
			return err
		}
		for _, s := range rows {
			place := signKeyPlace(s.id)
			if d.ring.first(place, s.sealed) {
				continue
			}
			text, err := d.ring.unseal(place, s.sealed)
			if err != nil {
				err = t.run(`DELETE FROM sign_keys WHERE id = ?`, s.id)
			} else {
				err = t.run(`UPDATE sign_keys SET sealed = ? WHERE id = ?`, d.ring.sealFirst(place, text), s.id)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
