package store

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"todosync/connector"
)

// A SignOn is what became of one who wanted to sign on.
type SignOn struct {
	Number     string // that he was told
	At         time.Time
	Tenant     string
	Connection string
	Vendor     string
	Account    string // at the OA, as far as it was known
	User       string // of the CRM
	Outcome    string // signed_on, or why not in one word
	Why        string
	Skew       time.Duration // by how much the OA's clock was behind ours
	Address    string        // of the browser
}

// An Admission lets somebody in: his proof is used up, his ticket is good, and the log knows, in one commit.
type Admission struct {
	Conn    int64
	Proof   []byte    // hash of what proves who he is; nil: the OA itself sees to it that it is good once
	Until   time.Time // how long the proof must not come again
	Ticket  []byte    // hash
	Expires time.Time // of the ticket
	Target  string
	Entry   SignOn
}

// Admit implements the store's part of a sign-on. fresh is false, and nothing is done, where the proof was used before.
func (d *DB) Admit(ctx context.Context, a Admission) (fresh bool, err error) {
	key := a.Proof
	if key == nil {
		key = a.Ticket
	}
	err = d.guarding(ctx, "let in", key, func(t *tx) (err error) {
		if fresh = a.Proof == nil; !fresh {
			if fresh, err = t.useProof(a.Conn, a.Proof, a.Until); err != nil || !fresh {
				return err
			}
		}
		const ticket = `INSERT INTO tickets (hash, tenant, crm_user, target, expires_ms) VALUES (?, ?, ?, ?, ?)`
		if err := t.run(ticket, a.Ticket, a.Entry.Tenant, a.Entry.User, a.Target, millis(a.Expires)); err != nil {
			return err
		}
		return d.logSignOn(t, &a.Entry)
	})
	return fresh, err
}

// guarding is calmly for what reaches the row of one proof or ticket, by its hash. Rows are locked in one order by all workers, before
// anything is done: else two that share commits and bring the same two links in turn would wait for each other. Where many links are brought at
// once their operations run abreast.
func (d *DB) guarding(ctx context.Context, op string, hash []byte, do func(t *tx) error) error {
	row := int64(-1) // no connection has a number below 0
	if len(hash) >= 4 {
		row -= int64(binary.BigEndian.Uint32(hash) >> 8)
	}
	return d.writer.run(ctx, op, &operation{do: do, reach: func() reach { return reach{conns: []int64{row}} }, turn: make(chan bool, 1), calm: true, conn: row})
}

// logBits is how many numbers of the sign-on log a millisecond has.
const logBits = 20

// logNumber makes the place of an entry in the sign-on log: it grows with the time, and no row that all workers change is needed for it. In
// the one case in a million in which two workers make the same, the second operation fails and its visitor is asked to click again.
func (d *DB) logNumber(at time.Time) int64 {
	for {
		last := d.logged.Load()
		next := millis(at)<<logBits | rand.Int64N(1<<(logBits-1)) //nolint:gosec // nobody gains by guessing it
		if last>>logBits >= next>>logBits {
			next = last + 1
		}
		if d.logged.CompareAndSwap(last, next) {
			return next
		}
	}
}

func (d *DB) logSignOn(t *tx, e *SignOn) error {
	n := d.logNumber(e.At)
	const query = `INSERT INTO sign_ons (n, number, at_ms, tenant, connection, vendor, account, crm_user, outcome, why, skew_ms, address)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	return t.run(query, n, e.Number, millis(e.At), e.Tenant, e.Connection, e.Vendor, e.Account, e.User, e.Outcome, e.Why, e.Skew.Milliseconds(), e.Address)
}

// NoteSignOn adds an entry to the sign-on log.
func (d *DB) NoteSignOn(ctx context.Context, e SignOn) error {
	return d.writer.calmly(ctx, "note sign-on", func() reach { return reach{} }, func(t *tx) error { return d.logSignOn(t, &e) })
}

// UseProof uses a proof up. fresh is false where it came before.
func (d *DB) UseProof(ctx context.Context, conn int64, proof []byte, until time.Time) (fresh bool, err error) {
	err = d.guarding(ctx, "use proof", proof, func(t *tx) (err error) {
		fresh, err = t.useProof(conn, proof, until)
		return err
	})
	return fresh, err
}

func (t *tx) useProof(conn int64, proof []byte, until time.Time) (fresh bool, err error) {
	const query = `INSERT INTO sign_on_marks (conn, hash, account, until_ms) VALUES (?, ?, '', ?) ON CONFLICT (conn, hash) DO NOTHING RETURNING conn`
	err = t.change(query, []any{conn, proof, millis(until)}, func(row) error { fresh = true; return nil })
	return fresh, err
}

// KeepProof notes for whom a proof stands that was used up, so that RecallProof finds it, once.
func (d *DB) KeepProof(ctx context.Context, conn int64, proof []byte, account string, until time.Time) error {
	return d.guarding(ctx, "keep proof", proof, func(t *tx) error {
		return t.run(`UPDATE sign_on_marks SET account = ?, until_ms = ? WHERE conn = ? AND hash = ?`, account, millis(until), conn, proof)
	})
}

// RecallProof finds for whom a kept proof stands, once. known says that it came before; account is empty where it is used up, or its time
// is over.
func (d *DB) RecallProof(ctx context.Context, conn int64, proof []byte) (account string, known bool, err error) {
	now := millis(d.cfg.Now())
	err = d.guarding(ctx, "recall proof", proof, func(t *tx) error {
		account, known = "", false
		const find = `SELECT account, until_ms FROM sign_on_marks WHERE conn = ? AND hash = ?`
		err := t.read(find, []any{conn, proof}, func(r row) error {
			known = true
			if r.num(1) > now {
				account = r.text(0)
			}
			return nil
		})
		if err != nil || account == "" {
			return err
		}
		taken := false
		const take = `UPDATE sign_on_marks SET account = '' WHERE conn = ? AND hash = ? AND account <> '' RETURNING conn`
		err = t.change(take, []any{conn, proof}, func(row) error { taken = true; return nil })
		if !taken {
			account = "" // another worker was faster
		}
		return err
	})
	return account, known, err
}

// ForgetProof lets a proof come again: the OA gave no answer about it.
func (d *DB) ForgetProof(ctx context.Context, conn int64, proof []byte) error {
	return d.guarding(ctx, "forget proof", proof, func(t *tx) error {
		return t.run(`DELETE FROM sign_on_marks WHERE conn = ? AND hash = ? AND account = ''`, conn, proof)
	})
}

// UserOf gives the binding of an OA account at a connection.
func (d *DB) UserOf(ctx context.Context, conn int64, account string) (b connector.Binding, ok bool, err error) {
	s := d.registry.current.Load().byNumber[conn]
	if s == nil {
		return b, false, nil
	}
	p, err := d.Program(ctx, conn)
	if err != nil {
		return b, false, err
	}
	var rows []struct {
		User    string `db:"crm_user"`
		Name    string `db:"crm_user_name"`
		Account string `db:"account"`
		OAName  string `db:"account_name"`
		Kind    string `db:"kind"`
	}
	err = d.reading(ctx, "find binding", func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT crm_user, crm_user_name, account, account_name, kind FROM bindings WHERE conn = ? AND account_key = ?`,
			conn, clean(accountKey(account, p.Settings.Bindings.IgnoreCase)))
	})
	if err != nil || len(rows) == 0 {
		return b, false, err
	}
	return connector.Binding{
		Connection: s.key.Name, User: rows[0].User, UserName: rows[0].Name, Account: rows[0].Account, AccountName: rows[0].OAName,
		Kind: connector.BindingKind(rows[0].Kind),
	}, true, nil
}

// SignOnVendors names the connections of a tenant where somebody may sign on. A connection that cannot be used is left out.
func (d *DB) SignOnVendors(ctx context.Context, tenant string) (map[string]connector.SignOnVendor, error) {
	out := map[string]connector.SignOnVendor{}
	for _, s := range d.registry.current.Load().byTenant[tenant] {
		p, err := d.Program(ctx, s.conn)
		switch {
		case connector.KindOf(err) == connector.Unavailable && err != nil:
			return nil, err
		case err == nil && p.Settings.SignOn != nil:
			out[s.key.Name] = p.Settings.SignOn.Vendor
		}
	}
	return out, nil
}

// A RedeemedTicket is what a ticket was good for.
type RedeemedTicket struct {
	Tenant, User, Target string
	Expires              time.Time
}

// RedeemTicket uses a ticket up, by its hash: of as many as bring it at once, at whatever worker, one gets it. tenants are those that
// its bearer sees; none: all.
func (d *DB) RedeemTicket(ctx context.Context, hash []byte, tenants []string) (out RedeemedTicket, ok bool, err error) {
	now := millis(d.cfg.Now())
	err = d.guarding(ctx, "redeem ticket", hash, func(t *tx) error {
		ok = false
		w := where{}
		w.add(`hash = ?`, hash)
		w.add(`used_ms IS NULL`)
		w.add(`expires_ms > ?`, now)
		w.in(`tenant`, tenants)
		query := `UPDATE tickets SET used_ms = ? ` + w.text() + ` RETURNING tenant, crm_user, target, expires_ms`
		return t.change(query, append([]any{now}, w.args...), func(r row) error {
			out, ok = RedeemedTicket{Tenant: r.text(0), User: r.text(1), Target: r.text(2), Expires: r.time(3)}, true
			return nil
		})
	})
	return out, ok, err
}

// A SignOnFilter chooses entries of the sign-on log. Empty members choose all.
type SignOnFilter struct {
	Tenants, Connections, Numbers, Outcomes, Users, Accounts []string
	From, To                                                 time.Time
}

// SignOns lists the sign-on log, newest first.
func (d *DB) SignOns(ctx context.Context, f SignOnFilter, p connector.PageOf) (connector.Page[SignOn], error) {
	const op = "list sign-ons"
	out := connector.Page[SignOn]{Items: []SignOn{}}
	before, limit, err := pageOf(op, p)
	if err != nil {
		return out, err
	}
	w := where{}
	w.add(`n < ?`, before)
	w.in(`tenant`, f.Tenants)
	w.in(`connection`, f.Connections)
	w.in(`number`, f.Numbers)
	w.in(`outcome`, f.Outcomes)
	w.in(`crm_user`, f.Users)
	w.in(`account`, f.Accounts)
	if !f.From.IsZero() {
		w.add(`at_ms >= ?`, millis(f.From))
	}
	if !f.To.IsZero() {
		w.add(`at_ms < ?`, millis(f.To))
	}
	var rows []struct {
		N          int64  `db:"n"`
		Number     string `db:"number"`
		AtMs       int64  `db:"at_ms"`
		Tenant     string `db:"tenant"`
		Connection string `db:"connection"`
		Vendor     string `db:"vendor"`
		Account    string `db:"account"`
		User       string `db:"crm_user"`
		Outcome    string `db:"outcome"`
		Why        string `db:"why"`
		SkewMs     int64  `db:"skew_ms"`
		Address    string `db:"address"`
	}
	err = d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT n, number, at_ms, tenant, connection, vendor, account, crm_user, outcome, why, skew_ms, address FROM sign_ons `+
			w.text()+` ORDER BY n DESC LIMIT ?`, w.with(limit+1)...)
	})
	for i, r := range rows {
		if i == limit {
			out.Next = cursor(rows[i-1].N)
			break
		}
		out.Items = append(out.Items, SignOn{
			Number: r.Number, At: instant(r.AtMs), Tenant: r.Tenant, Connection: r.Connection, Vendor: r.Vendor, Account: r.Account, User: r.User,
			Outcome: r.Outcome, Why: r.Why, Skew: time.Duration(r.SkewMs) * time.Millisecond, Address: r.Address,
		})
	}
	return out, err
}

// signOns takes away tickets and proofs whose time is over, and old entries of the log.
func (w *sweeping) signOns(ctx context.Context) error {
	var tickets, proofs [][]byte
	if err := w.look(ctx, &tickets, `SELECT hash FROM tickets WHERE expires_ms < ? LIMIT ?`, w.before(time.Hour), sweepLook); err != nil {
		return err
	}
	if _, err := w.take(ctx, len(tickets), func(t *tx, i int) (bool, error) {
		return true, t.run(`DELETE FROM tickets WHERE hash = ?`, tickets[i])
	}); err != nil {
		return err
	}
	if err := w.look(ctx, &proofs, `SELECT hash FROM sign_on_marks WHERE until_ms < ? LIMIT ?`, w.now, sweepLook); err != nil {
		return err
	}
	if _, err := w.take(ctx, len(proofs), func(t *tx, i int) (bool, error) {
		return true, t.run(`DELETE FROM sign_on_marks WHERE hash = ? AND until_ms < ?`, proofs[i], w.now)
	}); err != nil {
		return err
	}
	var entries []int64
	old := w.before(connector.KeepSignOns)
	const query = `SELECT n FROM (SELECT n, at_ms FROM sign_ons ORDER BY n LIMIT ?) AS first WHERE at_ms < ?`
	if err := w.look(ctx, &entries, query, sweepLook, old); err != nil {
		return err
	}
	_, err := w.take(ctx, len(entries), func(t *tx, i int) (bool, error) { return true, t.run(`DELETE FROM sign_ons WHERE n = ?`, entries[i]) })
	if w.out.Removed > 0 {
		w.next(0)
	}
	return err
}
