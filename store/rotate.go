package store

import (
	"context"
	"fmt"

	"todosync/connector"
)

// rotateBatch is how many values one transaction seals anew.
const rotateBatch = 200

// A Rotated says what a change of the key has done.
type Rotated struct {
	Secrets int      // sealed anew
	Tokens  int      // likewise
	Lost    []string // secrets that no key opens, as tenant/name; they must be set again
}

// Rotate changes the key: from now on the first of the keys seals, and all that another of them has sealed is sealed anew. What the old ones
// have sealed opens until that is done, in every process that has them. Ended half-way, it goes on where it is called again.
func (d *DB) Rotate(ctx context.Context, who string) (Rotated, error) {
	const op = "change the key"
	var out Rotated
	if err := d.rereadKeys(); err != nil {
		return out, &connector.Error{Kind: connector.Invalid, Op: op, Msg: "the keys cannot be read: " + err.Error()}
	}
	var mark []byte
	err := d.writer.write(ctx, op, func(t *tx) error {
		mark = nil
		if _, err := d.readMark(t); err != nil {
			return err
		}
		if d.ring.first(keyPlace, d.markNow()) {
			return nil // begun already
		}
		mark = d.ring.sealFirst(keyPlace, keyMark)
		if err := t.run(`UPDATE facts SET value = ? WHERE name = 'key'`, mark); err != nil {
			return err
		}
		return t.audit(millis(d.cfg.Now()), who, "key changed", "", "", "")
	})
	if err != nil {
		return out, err
	}
	if mark != nil {
		d.keepMark(mark)
		d.ring.follow(mark)
	}
	if err := d.resealSecrets(ctx, &out); err != nil {
		return out, err
	}
	if err := d.resealTokens(ctx, &out); err != nil {
		return out, err
	}
	return out, d.resealSignKeys(ctx)
}

func (d *DB) markNow() []byte {
	d.markMu.Lock()
	defer d.markMu.Unlock()
	return d.mark
}

// A sealedRow is one sealed value.
type sealedRow struct {
	tenant, name string
	conn         int64
	sealed       []byte
}

// resealSecrets goes through all secrets in the order of their names. What is set meanwhile is sealed with the new key already.
func (d *DB) resealSecrets(ctx context.Context, out *Rotated) error {
	var at sealedRow
	for {
		var rows []sealedRow
		var done int
		var lost []string
		err := d.writer.write(ctx, "seal secrets anew", func(t *tx) error {
			rows, done, lost = rows[:0], 0, nil
			err := t.read(`SELECT tenant, name, sealed FROM secrets WHERE tenant > ? OR tenant = ? AND name > ? ORDER BY tenant, name LIMIT ?`,
				[]any{at.tenant, at.tenant, at.name, rotateBatch}, func(r row) error {
					rows = append(rows, sealedRow{tenant: r.text(0), name: r.text(1), sealed: r.blob(2)})
					return nil
				})
			if err != nil {
				return err
			}
			for _, s := range rows {
				place := secretPlace(s.tenant, s.name)
				if d.ring.first(place, s.sealed) {
					continue
				}
				text, err := d.ring.unseal(place, s.sealed)
				if err != nil {
					lost = append(lost, s.tenant+"/"+s.name)
					continue
				}
				if err := t.run(`UPDATE secrets SET sealed = ? WHERE tenant = ? AND name = ?`, d.ring.sealFirst(place, text), s.tenant, s.name); err != nil {
					return err
				}
				done++
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("after %d secrets: %w", out.Secrets, err)
		}
		out.Secrets, out.Lost = out.Secrets+done, append(out.Lost, lost...)
		if len(rows) < rotateBatch {
			return nil
		}
		at = rows[len(rows)-1]
	}
}

// resealTokens does the same with tokens; one that no key opens is taken away, since another is fetched.
func (d *DB) resealTokens(ctx context.Context, out *Rotated) error {
	last := int64(-1)
	for {
		var rows []sealedRow
		var done int
		err := d.writer.write(ctx, "seal tokens anew", func(t *tx) error {
			rows, done = rows[:0], 0
			err := t.read(`SELECT conn, sealed FROM tokens WHERE conn > ? ORDER BY conn LIMIT ?`, []any{last, rotateBatch}, func(r row) error {
				rows = append(rows, sealedRow{conn: r.num(0), sealed: r.blob(1)})
				return nil
			})
			if err != nil {
				return err
			}
			for _, s := range rows {
				place := tokenPlace(s.conn)
				if d.ring.first(place, s.sealed) {
					continue
				}
				text, err := d.ring.unseal(place, s.sealed)
				if err != nil {
					err = t.run(`DELETE FROM tokens WHERE conn = ?`, s.conn)
				} else {
					err = t.run(`UPDATE tokens SET sealed = ? WHERE conn = ?`, d.ring.sealFirst(place, text), s.conn)
				}
				if err != nil {
					return err
				}
				done++
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("after %d tokens: %w", out.Tokens, err)
		}
		out.Tokens += done
		if len(rows) < rotateBatch {
			return nil
		}
		last = rows[len(rows)-1].conn
	}
}
