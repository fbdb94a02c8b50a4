package store

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"todosync/connector"
)

// A StoredBinding is a binding with who made it and when.
type StoredBinding struct {
	connector.Binding
	MadeBy    string    `json:"madeBy"`
	Automatic bool      `json:"automatic"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// A BindingFilter chooses bindings of one tenant.
type BindingFilter struct {
	Tenant     string
	Connection string   // empty: of all its connections
	Text       string   // a part of user, account or one of their names
	Users      []string // CRM user ids; none: all
}

// accountKey is an account as it is compared within a connection.
func accountKey(account string, ignoreCase bool) string {
	if ignoreCase {
		return strings.ToLower(account)
	}
	return account
}

// trimBinding is the binding without blanks around its members.
func trimBinding(b connector.Binding) connector.Binding {
	return connector.Binding{
		Connection: strings.TrimSpace(b.Connection), User: clean(strings.TrimSpace(b.User)), UserName: strings.TrimSpace(b.UserName),
		Account: clean(strings.TrimSpace(b.Account)), AccountName: strings.TrimSpace(b.AccountName), Kind: b.Kind,
	}
}

// Bindings lists bindings by connection and user.
func (d *DB) Bindings(ctx context.Context, f BindingFilter, p connector.PageOf) (connector.Page[StoredBinding], error) {
	const op = "list bindings"
	out := connector.Page[StoredBinding]{Items: []StoredBinding{}}
	_, limit, err := pageOf(op, connector.PageOf{Limit: p.Limit})
	if err != nil {
		return out, err
	}
	w := where{}
	w.add(`c.tenant = ?`, clean(f.Tenant))
	w.add(`c.deleted_ms IS NULL`)
	if f.Connection != "" {
		s, err := d.connection(op, connector.ConnectionKey{Tenant: f.Tenant, Name: f.Connection})
		if err != nil {
			return out, err
		}
		w.add(`b.conn = ?`, s.conn)
	}
	w.in(`b.crm_user`, f.Users)
	if f.Text != "" {
		like := likeText(f.Text)
		w.add(`(b.crm_user LIKE ? ESCAPE '\' OR b.crm_user_name LIKE ? ESCAPE '\' OR b.account LIKE ? ESCAPE '\' OR b.account_name LIKE ? ESCAPE '\')`,
			like, like, like, like)
	}
	if p.Cursor != "" {
		conn, user, ok := readBindingCursor(p.Cursor)
		if !ok {
			return out, badCursor(op)
		}
		w.add(`(b.conn > ? OR b.conn = ? AND b.crm_user > ?)`, conn, conn, user)
	}
	type stored struct {
		Conn        int64  `db:"conn"`
		Name        string `db:"name"`
		User        string `db:"crm_user"`
		UserName    string `db:"crm_user_name"`
		Account     string `db:"account"`
		AccountName string `db:"account_name"`
		Kind        string `db:"kind"`
		MadeBy      string `db:"made_by"`
		Automatic   bool   `db:"automatic"`
		UpdatedMs   int64  `db:"updated_ms"`
	}
	var rows []stored
	err = d.reading(ctx, op, func(q *reader) error {
		return q.Select(&rows, `SELECT b.conn, c.name, b.crm_user, b.crm_user_name, b.account, b.account_name, b.kind, b.made_by, b.automatic,
			b.updated_ms FROM bindings b JOIN connections c ON c.n = b.conn `+w.text()+` ORDER BY b.conn, b.crm_user LIMIT ?`,
			w.with(limit+1)...)
	})
	for i, r := range rows {
		if i == limit {
			out.Next = bindingCursor(rows[i-1].Conn, rows[i-1].User)
			break
		}
		out.Items = append(out.Items, StoredBinding{
			Binding: connector.Binding{
				Connection: r.Name, User: r.User, UserName: r.UserName, Account: r.Account, AccountName: r.AccountName, Kind: connector.BindingKind(r.Kind),
			},
			MadeBy: r.MadeBy, Automatic: r.Automatic, UpdatedAt: instant(r.UpdatedMs),
		})
	}
	return out, err
}

func bindingCursor(conn int64, user string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("b." + strconv.FormatInt(conn, 36) + "." + user))
}

func readBindingCursor(s string) (conn int64, user string, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return 0, "", false
	}
	parts := strings.SplitN(string(b), ".", 3)
	if len(parts) != 3 || parts[0] != "b" {
		return 0, "", false
	}
	conn, err = strconv.ParseInt(parts[1], 36, 64)
	return conn, parts[2], err == nil
}

// A BindingChange says what a binding led to.
type BindingChange struct {
	Before   connector.Binding // empty: there was none
	Released int               // deliveries that had been held for want of it
	Moved    int               // open todos that stand in another account's inbox and are taken out of it now
}

// SetBinding binds a user to an account, in place of another account that he may have. An account that is another user's is an
// error. What was held for want of the binding goes on.
func (d *DB) SetBinding(ctx context.Context, tenant string, b connector.Binding, who string) (BindingChange, error) {
	const op = "set binding"
	b = trimBinding(b)
	s, err := d.connection(op, connector.ConnectionKey{Tenant: tenant, Name: b.Connection})
	if err != nil {
		return BindingChange{}, err
	}
	if column, why := incomplete(b); why != "" {
		return BindingChange{}, &connector.Error{
			Kind: connector.Invalid, Op: op, Msg: why, Details: []connector.Detail{{Path: column, Message: why}},
		}
	}
	var out BindingChange
	r := rebinding{user: b.User, account: b.Account}
	err = d.bindInSteps(ctx, op, s, who, &r, func(k *binder) error {
		holder, err := k.holder(b.Account)
		if err != nil {
			return err
		}
		if holder != "" && holder != b.User {
			return &connector.Error{
				Kind: connector.Conflict, Op: op, Msg: fmt.Sprintf("account %s is bound to user %s", b.Account, holder),
				Hint: "remove that binding first: an account belongs to one user of a connection",
			}
		}
		if out, err = k.set(b); err != nil {
			return err
		}
		return k.tx.audit(k.now, who, "binding set", tenant, b.Connection, b.User+" -> "+b.Account)
	})
	out.Moved = r.moved
	return out, err
}

// RemoveBinding takes a user's binding away. His open todos are taken out of the account's inbox.
func (d *DB) RemoveBinding(ctx context.Context, key connector.ConnectionKey, user, who string) (BindingChange, error) {
	const op = "remove binding"
	s, err := d.connection(op, key)
	if err != nil {
		return BindingChange{}, err
	}
	var out BindingChange
	r := rebinding{user: user}
	err = d.bindInSteps(ctx, op, s, who, &r, func(k *binder) error {
		out = BindingChange{}
		if out.Before, err = k.find(user); err != nil {
			return err
		}
		if out.Before.User == "" {
			return notFound(op, fmt.Sprintf("a binding of user %s in connection %s", user, key))
		}
		if err := d.rebinding(k.tx, s, user); err != nil {
			return err
		}
		if err := k.tx.run(`DELETE FROM bindings WHERE conn = ? AND crm_user = ?`, s.conn, user); err != nil {
			return err
		}
		return k.tx.audit(k.now, who, "binding removed", key.Tenant, key.Name, user+" -> "+out.Before.Account)
	})
	out.Moved = r.moved
	return out, err
}

// bindInSteps changes a binding and, in the same transaction as far as they are few, plans the user's open todos anew. Where a step
// fails after the first, the same change may be made again: it goes on with the rest.
func (d *DB) bindInSteps(ctx context.Context, op string, s *slot, who string, r *rebinding, change func(k *binder) error) error {
	begin := *r
	for first, more := true, true; more; first = false {
		err := d.writer.write(ctx, op, func(t *tx) error {
			*r = begin
			k, err := d.binder(t, s, who)
			if err != nil {
				return err
			}
			if first {
				if err := change(k); err != nil {
					return err
				}
			}
			more, err = k.rebind(r)
			t.done(func() { d.feed.publish(k.changed) })
			return err
		})
		if err != nil {
			return err
		}
		begin = *r
	}
	d.wake(s.conn)
	return nil
}

// incomplete says what a binding lacks, and in which column.
func incomplete(b connector.Binding) (column, why string) {
	switch {
	case b.User == "":
		return "crm_user_id", "the CRM user id is missing"
	case b.Account == "":
		return "oa_account", "the OA account is missing"
	case len(b.User) > connector.MaxID:
		return "crm_user_id", fmt.Sprintf("the CRM user id has more than %d bytes", connector.MaxID)
	case len(b.Account) > connector.MaxID:
		return "oa_account", fmt.Sprintf("the OA account has more than %d bytes", connector.MaxID)
	case b.Kind != "" && !b.Kind.Valid():
		return "kind", fmt.Sprintf("%q is no kind; want employee or contact", b.Kind)
	}
	return "", ""
}

// A binder changes the bindings of one connection within a write.
type binder struct {
	db         *DB
	tx         *tx
	slot       *slot
	who        string
	now        int64
	ignoreCase bool
	automatic  bool    // what it stores is the events' word, and may be changed by them
	changed    []int64 // deliveries
}

func (d *DB) binder(t *tx, s *slot, who string) (*binder, error) {
	st, err := d.registry.state(s, t.settings)
	if err != nil {
		return nil, err
	}
	k := &binder{db: d, tx: t, slot: s, who: who, now: millis(d.cfg.Now())}
	if st.planning != nil {
		k.ignoreCase = st.planning.Settings.Bindings.IgnoreCase
	}
	return k, nil
}

// holder is the user whom an account is bound to, empty when it is nobody's.
func (k *binder) holder(account string) (user string, err error) {
	err = k.tx.read(`SELECT crm_user FROM bindings WHERE conn = ? AND account_key = ?`,
		[]any{k.slot.conn, accountKey(account, k.ignoreCase)}, func(r row) error {
			user = r.text(0)
			return nil
		})
	return user, err
}

// find is a user's binding, empty when he has none.
func (k *binder) find(user string) (connector.Binding, error) {
	b, ok, err := k.db.binding(k.tx, k.slot.conn, user)
	if ok {
		b.Connection = k.slot.key.Name
	}
	return b, err
}

// set stores a binding whose account is free, and releases what waited for it.
func (k *binder) set(b connector.Binding) (BindingChange, error) {
	var out BindingChange
	var err error
	if out.Before, err = k.find(b.User); err != nil {
		return out, err
	}
	if err = k.db.rebinding(k.tx, k.slot, b.User); err != nil {
		return out, err
	}
	b.Kind = b.Kind.Or(out.Before.Kind)
	if err = k.put(b); err != nil {
		return out, err
	}
	out.Released, err = k.release(b.User)
	return out, err
}

// put stores a binding whose account is free.
func (k *binder) put(b connector.Binding) error {
	const query = `INSERT INTO bindings (conn, crm_user, crm_user_name, account, account_key, account_name, kind, made_by, automatic, updated_ms)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (conn, crm_user) DO UPDATE SET crm_user_name = excluded.crm_user_name,
		account = excluded.account, account_key = excluded.account_key, account_name = excluded.account_name, kind = excluded.kind,
		made_by = excluded.made_by, automatic = excluded.automatic, updated_ms = excluded.updated_ms`
	return k.tx.spread(query, k.slot.conn, b.User, b.UserName, b.Account, accountKey(b.Account, k.ignoreCase), b.AccountName, string(b.Kind), k.who, k.automatic, k.now)
}

// release lets the deliveries go that were held because the user was unbound.
func (k *binder) release(user string) (int, error) {
	type lane struct {
		key  connector.TodoKey
		lane string
	}
	lanes := map[lane]bool{}
	low, high := span(k.slot.conn)
	count := 0
	// The time that it was held does not count towards giving it up.
	const query = `UPDATE deliveries SET state = 'pending', class = '', message = '', updated_ms = ?,
		first_try_ms = first_try_ms + CASE WHEN updated_ms < ? THEN ? - updated_ms ELSE 0 END
		WHERE receiver = ? AND state = 'held' AND class = 'unbound' AND n >= ? AND n < ? RETURNING kind, todo, lane, n`
	let := func(r row) error {
		count++
		k.db.hot.forget(r.num(3))
		k.changed = append(k.changed, r.num(3))
		lanes[lane{connector.TodoKey{Conn: k.slot.conn, Kind: connector.Kind(r.text(0)), ID: r.text(1)}, r.text(2)}] = true
		return nil
	}
	if err := k.tx.change(query, []any{k.now, k.now, k.now, user, low, high}, let); err != nil {
		return 0, err
	}
	if err := k.releaseShared(user, let); err != nil {
		return 0, err
	}
	for l := range lanes {
		if err := k.tx.headLane(l.key, l.lane, k.now); err != nil {
			return 0, err
		}
	}
	return count, nil
}

// releaseShared lets the deliveries go that were held because the user, one of several receivers, had lost his account. If another
// of them has none, they are held again.
func (k *binder) releaseShared(user string, let func(row) error) error {
	low, high := span(k.slot.conn)
	const query = `UPDATE deliveries SET state = 'pending', class = '', message = '', updated_ms = ?,
		first_try_ms = first_try_ms + CASE WHEN updated_ms < ? THEN ? - updated_ms ELSE 0 END
		WHERE receiver = '' AND state = 'held' AND class = 'unbound' AND n IN (
			SELECT delivery_n FROM delivery_receivers WHERE receiver = ? AND delivery_n >= ? AND delivery_n < ?)
		RETURNING kind, todo, lane, n`
	return k.tx.change(query, []any{k.now, k.now, k.now, user, low, high}, let)
}
