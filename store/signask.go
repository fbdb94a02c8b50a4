package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"todosync/connector"
)

// askSpan is the time in which the OAs count log-ins.
const askSpan = time.Minute

// An AskLimit is what a host takes within a minute from all workers together.
type AskLimit struct {
	All    int // log-ins
	Failed int // of them such as failed, or of which is not known yet what came of them
}

// BeginAsk counts, one worker after the other, and notes that a host is about to be asked for a log-in. ok is false, and nothing is noted, where it would be one too many.
func (d *DB) BeginAsk(ctx context.Context, host string, limit AskLimit) (id string, ok bool, err error) {
	raw := make([]byte, 8)
	_, _ = rand.Read(raw) // never fails
	id = hex.EncodeToString(raw)
	now := d.cfg.Now()
	err = d.writer.write(ctx, "count log-ins", func(t *tx) error {
		ok = false
		if err := t.run(`DELETE FROM sign_on_asks WHERE host = ? AND (at_ms <= ? OR at_ms > ?)`, host, millis(now.Add(-askSpan)), millis(now.Add(askSpan))); err != nil {
			return err
		}
		var all, bad int64
		err := t.read(`SELECT good FROM sign_on_asks WHERE host = ?`, []any{host}, func(r row) error {
			all++
			if !r.flag(0) {
				bad++
			}
			return nil
		})
		if err != nil || all >= int64(limit.All) || bad >= int64(limit.Failed) {
			return err
		}
		ok = true
		return t.run(`INSERT INTO sign_on_asks (host, id, at_ms, good) VALUES (?, ?, ?, FALSE)`, host, id, millis(now))
	})
	return id, ok && err == nil, err
}

// EndAsk notes that the log-in was good. One that failed needs no word.
func (d *DB) EndAsk(ctx context.Context, host, id string) error {
	return d.writer.write(ctx, "count log-ins", func(t *tx) error {
		return t.run(`UPDATE sign_on_asks SET good = TRUE WHERE host = ? AND id = ?`, host, id)
	})
}

// WidgetVersion gives the version of the key by whose hash a chat widget knows a user; one that it does not know yet is noted with newest,
// before the first page can bear it. A connection that is
// deleted and made anew finds it again.
func (d *DB) WidgetVersion(ctx context.Context, key connector.ConnectionKey, user string, newest int) (version int, err error) {
	now := millis(d.cfg.Now())
	user = clean(user)
	err = d.writer.write(ctx, "note widget user", func(t *tx) error {
		version = 0
		const insert = `INSERT INTO widget_users (tenant, connection, user_id, version, first_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant, connection, user_id) DO NOTHING`
		if err := t.run(insert, key.Tenant, key.Name, user, newest, now); err != nil {
			return err
		}
		return t.read(`SELECT version FROM widget_users WHERE tenant = ? AND connection = ? AND user_id = ?`, []any{key.Tenant, key.Name, user}, func(r row) error {
			version = int(r.num(0))
			return nil
		})
	})
	return version, err
}
