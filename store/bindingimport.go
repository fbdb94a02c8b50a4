package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"todosync/connector"
)

// importStep is how many rows of an import one transaction takes.
const importStep = 500

// A BindingRow is one row of a file of bindings; Row is its number there, for messages.
type BindingRow struct {
	Row int
	connector.Binding
}

// A BindingImport is a file of bindings for one tenant.
type BindingImport struct {
	Tenant   string
	Rows     []BindingRow
	Who      string
	DryRun   bool                  // only say what would change
	Fates    bool                  // say of each row what becomes of it
	Nameless bool                  // the file has no column with the users' names: those that are known stay
	Unnamed  bool                  // nor one with the names in the OA
	Progress func(done, total int) // told after each step; optional
}

// A RowError says what is wrong with one row.
type RowError struct {
	Row     int    `json:"row"`
	Column  string `json:"column"` // as in the file's headings; empty: the row as a whole
	Message string `json:"message"`
}

// A Rebinding is a user who gets another account.
type Rebinding struct {
	Row        int    `json:"row"`
	Connection string `json:"connection"`
	User       string `json:"crm_user_id"`
	From       string `json:"from"`
	To         string `json:"to"`
}

// A RowFate is what becomes of one row that is right.
type RowFate struct {
	Row        int
	Connection string
	User       string
	Account    string
	Before     string // the account until now; empty: none
	Fate       string // added, changed, same
}

// rebindingsMost is how many of them a report names.
const rebindingsMost = 1000

// A BindingReport says what an import did, or would do.
type BindingReport struct {
	Added      int         `json:"added"`
	Changed    int         `json:"changed"`
	Same       int         `json:"same"`
	Moved      int         `json:"moved"`      // open todos that stand in another account's inbox and are taken out of it
	Released   int         `json:"released"`   // deliveries that were held for want of a binding, and go now
	Errors     []RowError  `json:"errors"`     // with any, nothing was changed
	Rebindings []Rebinding `json:"rebindings"` // the first 1,000
	Fates      []RowFate   `json:"-"`          // of all rows that are right, where that was asked for
}

func (r *BindingReport) add(o *BindingReport) {
	r.Added += o.Added
	r.Changed += o.Changed
	r.Same += o.Same
	r.Moved += o.Moved
	r.Released += o.Released
	r.Errors = append(r.Errors, o.Errors...)
	r.Fates = append(r.Fates, o.Fates...)
	r.Rebindings = append(r.Rebindings, o.Rebindings[:min(len(o.Rebindings), rebindingsMost-len(r.Rebindings))]...)
}

// ImportBindings checks all rows, and stores them when none of them is wrong. It goes in steps: rows that are stored stay so when a
// later step fails, and the same import may be given again. Two users may exchange their accounts in one file.
func (d *DB) ImportBindings(ctx context.Context, in BindingImport) (BindingReport, error) {
	const op = "import bindings"
	m := importing{db: d, in: in, planned: map[connector.UserKey]int{}, accounts: map[accountAt]int{}}
	var checked BindingReport
	rows := m.check(&checked)
	if err := m.steps(ctx, op, rows, &checked, true); err != nil {
		return checked, err
	}
	slices.SortFunc(checked.Errors, func(a, b RowError) int { return a.Row - b.Row })
	if in.DryRun || len(checked.Errors) > 0 || len(rows) == 0 {
		return checked, nil
	}
	report := BindingReport{Errors: []RowError{}, Rebindings: []Rebinding{}}
	if err := m.steps(ctx, op, rows, &report, false); err != nil {
		return report, err
	}
	err := d.writer.write(ctx, op, func(t *tx) error {
		return t.audit(millis(d.cfg.Now()), in.Who, "bindings imported", in.Tenant, in.Tenant,
			fmt.Sprintf("%d added, %d changed", report.Added, report.Changed))
	})
	d.wake(m.wake...)
	return report, err
}

type accountAt struct {
	conn    int64
	account string
}

// An importing is one import under way.
type importing struct {
	db       *DB
	in       BindingImport
	planned  map[connector.UserKey]int // the row that binds a user
	accounts map[accountAt]int         // the row that binds an account
	wake     []int64
}

type importRow struct {
	BindingRow
	slot *slot
}

// check sorts out rows that are wrong in themselves or contradict an earlier row.
func (m *importing) check(report *BindingReport) []importRow {
	report.Errors, report.Rebindings = []RowError{}, []Rebinding{}
	wrong := func(row int, column, why string) {
		report.Errors = append(report.Errors, RowError{Row: row, Column: column, Message: why})
	}
	var out []importRow
	for _, r := range m.in.Rows {
		row := importRow{BindingRow: BindingRow{Row: r.Row, Binding: trimBinding(r.Binding)}}
		s, err := m.db.connection("import", connector.ConnectionKey{Tenant: m.in.Tenant, Name: row.Connection})
		if err != nil {
			wrong(r.Row, "connection", fmt.Sprintf("tenant %s has no connection %q", m.in.Tenant, row.Connection))
			continue
		}
		if column, why := incomplete(row.Binding); why != "" {
			wrong(r.Row, column, why)
			continue
		}
		row.slot = s
		user := connector.UserKey{Conn: s.conn, User: row.User}
		if other, ok := m.planned[user]; ok {
			wrong(r.Row, "crm_user_id", fmt.Sprintf("user %s stands in row %d already", row.User, other))
			continue
		}
		account := accountAt{s.conn, accountKey(row.Account, m.ignoreCase(s))}
		if other, ok := m.accounts[account]; ok {
			wrong(r.Row, "oa_account", fmt.Sprintf("account %s is bound to another user in row %d", row.Account, other))
			continue
		}
		m.planned[user], m.accounts[account] = r.Row, r.Row
		out = append(out, row)
	}
	return out
}

func (m *importing) ignoreCase(s *slot) bool {
	st := s.state.Load()
	return st.planning != nil && st.planning.Settings.Bindings.IgnoreCase
}

// steps goes through the rows, some in a transaction. A dry run takes each of them back.
func (m *importing) steps(ctx context.Context, op string, rows []importRow, report *BindingReport, dry bool) error {
	for done := 0; done < len(rows); {
		step := rows[done:min(done+importStep, len(rows))]
		var sum BindingReport
		var wake []int64
		err := m.db.writer.write(ctx, op, func(t *tx) error {
			sum, wake = BindingReport{}, nil
			k := importStepping{importing: m, tx: t, rows: step, sum: &sum, effects: m.in.DryRun || !dry}
			if err := k.run(); err != nil {
				return err
			}
			wake = k.awake
			if dry {
				return errUnsaved
			}
			return nil
		})
		if err != nil && !errors.Is(err, errUnsaved) {
			return err
		}
		report.add(&sum)
		if !dry {
			m.wake = append(m.wake, wake...)
		}
		done += len(step)
		if m.in.Progress != nil && dry == m.in.DryRun {
			m.in.Progress(done, len(rows))
		}
	}
	return nil
}

// An importStepping is one step of an import within its transaction. It asks for all that it needs at once: each question alone would be
// a way to the database and back.
type importStepping struct {
	*importing
	tx      *tx
	rows    []importRow
	sum     *BindingReport
	effects bool // not only whether the rows are right, but what they lead to
	awake   []int64

	before  []connector.Binding
	holders []string
	known   []bool // the user has deliveries
}

func (k *importStepping) run() error {
	if err := k.ask(); err != nil {
		return err
	}
	var store []int
	for i := range k.rows {
		if k.differs(i) {
			store = append(store, i)
		}
	}
	if !k.effects || len(store) == 0 {
		return nil
	}
	binders, err := k.binders()
	if err != nil {
		return err
	}
	if err := k.store(store, binders); err != nil {
		return err
	}
	for _, i := range store {
		if err := k.follow(i, binders[k.rows[i].slot]); err != nil {
			return err
		}
	}
	for slot, b := range binders {
		if len(b.changed) > 0 {
			k.awake = append(k.awake, slot.conn)
			k.tx.done(func() { k.db.feed.publish(b.changed) })
		}
	}
	return nil
}

// ask reads what is there of the rows' users and accounts.
func (k *importStepping) ask() error {
	k.before, k.holders, k.known = make([]connector.Binding, len(k.rows)), make([]string, len(k.rows)), make([]bool, len(k.rows))
	const find = `SELECT crm_user, crm_user_name, account, account_name, kind FROM bindings WHERE conn = ? AND crm_user = ?`
	const holder = `SELECT crm_user FROM bindings WHERE conn = ? AND account_key = ?`
	const known = `SELECT 1 WHERE EXISTS (SELECT 1 FROM deliveries WHERE receiver = +? AND receiver <> '' AND n >= +? AND n < +?)
		OR EXISTS (SELECT 1 FROM delivery_receivers WHERE receiver = +? AND delivery_n >= +? AND delivery_n < +?)`
	for i := range k.rows {
		r := &k.rows[i]
		low, high := span(r.slot.conn)
		for _, q := range []struct {
			query string
			args  []any
			each  func(row) error
		}{
			{find, []any{r.slot.conn, r.User}, func(row row) error { k.before[i] = bindingOf(row); return nil }},
			{holder, []any{r.slot.conn, accountKey(r.Account, k.ignoreCase(r.slot))}, func(row row) error { k.holders[i] = row.text(0); return nil }},
			{known, []any{r.User, low, high, r.User, low, high}, func(row) error { k.known[i] = true; return nil }},
		} {
			if err := k.tx.ask(q.query, q.args, q.each); err != nil {
				return err
			}
		}
	}
	return k.tx.flush()
}

// differs counts a row and reports whether it is to be stored. An account that its holder gives up elsewhere in the file is free.
func (k *importStepping) differs(i int) bool {
	r, before := &k.rows[i], k.before[i]
	r.Kind = r.Kind.Or(before.Kind)
	if k.in.Nameless {
		r.UserName = before.UserName
	}
	if k.in.Unnamed && r.Account == before.Account {
		r.AccountName = before.AccountName
	}
	want := r.Binding
	want.Connection = ""
	if before == want {
		k.sum.Same++
		k.tell(r, before.Account, "same")
		return false
	}
	if holder := k.holders[i]; holder != "" && holder != r.User {
		if _, leaves := k.planned[connector.UserKey{Conn: r.slot.conn, User: holder}]; !leaves {
			k.sum.Errors = append(k.sum.Errors, RowError{
				Row: r.Row, Column: "oa_account",
				Message: fmt.Sprintf("account %s is bound to user %s; remove that binding first", r.Account, holder),
			})
			return false
		}
	}
	if before.User == "" {
		k.sum.Added++
		k.tell(r, "", "added")
		return true
	}
	k.sum.Changed++
	k.tell(r, before.Account, "changed")
	if before.Account != r.Account && len(k.sum.Rebindings) < rebindingsMost {
		k.sum.Rebindings = append(k.sum.Rebindings, Rebinding{
			Row: r.Row, Connection: r.Connection, User: r.User, From: before.Account, To: r.Account,
		})
	}
	return true
}

// tell notes what becomes of a row, where somebody wants to know it of each.
func (k *importStepping) tell(r *importRow, before, fate string) {
	if k.in.Fates {
		k.sum.Fates = append(k.sum.Fates, RowFate{Row: r.Row, Connection: r.Connection, User: r.User, Account: r.Account, Before: before, Fate: fate})
	}
}

// binders are one for each connection of the step.
func (k *importStepping) binders() (map[*slot]*binder, error) {
	out := map[*slot]*binder{}
	for i := range k.rows {
		s := k.rows[i].slot
		if out[s] != nil {
			continue
		}
		b, err := k.db.binder(k.tx, s, k.in.Who)
		if err != nil {
			return nil, err
		}
		out[s] = b
		if err := k.db.rebinding(k.tx, s, ""); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// store writes rows. Accounts that pass from one to another are let go of first: until its holder's own row gives him another, his has
// a key that no account has.
func (k *importStepping) store(rows []int, binders map[*slot]*binder) error {
	const letGo = `UPDATE bindings SET account_key = ? WHERE conn = ? AND crm_user = ?`
	for _, i := range rows {
		r, holder := &k.rows[i], k.holders[i]
		if holder == "" || holder == r.User {
			continue
		}
		if err := k.tx.spread(letGo, "\n"+holder, r.slot.conn, holder); err != nil {
			return err
		}
	}
	if err := k.tx.seal(); err != nil {
		return err
	}
	for _, i := range rows {
		if err := binders[k.rows[i].slot].put(k.rows[i].Binding); err != nil {
			return err
		}
	}
	return k.tx.seal()
}

// follow lets what waited for a binding go, and takes open todos into the new account's inbox.
func (k *importStepping) follow(i int, b *binder) error {
	if !k.known[i] {
		return nil // no event has named him yet
	}
	r := &k.rows[i]
	released, err := b.release(r.User)
	if err != nil {
		return err
	}
	moves := rebinding{user: r.User, account: r.Account}
	for more := true; more; {
		if more, err = b.rebind(&moves); err != nil {
			return err
		}
	}
	k.sum.Moved += moves.moved
	k.sum.Released += released
	return nil
}
