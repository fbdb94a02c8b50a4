package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"todosync/connector"
)

// importStep is how many rows of an import one transaction takes.
const importStep = 200

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
}

func (r *BindingReport) add(o *BindingReport) {
	r.Added += o.Added
	r.Changed += o.Changed
	r.Same += o.Same
	r.Moved += o.Moved
	r.Released += o.Released
	r.Errors = append(r.Errors, o.Errors...)
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
			for i := range step {
				k, err := m.db.binder(t, step[i].slot, m.in.Who)
				if err != nil {
					return err
				}
				if err := m.one(k, &step[i], &sum); err != nil {
					return err
				}
				if len(k.changed) > 0 {
					wake = append(wake, step[i].slot.conn)
					t.done(func() { m.db.feed.publish(k.changed) })
				}
			}
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

// one imports one row. An account that its holder gives up elsewhere in the file is free.
func (m *importing) one(k *binder, r *importRow, sum *BindingReport) error {
	before, err := k.find(r.User)
	if err != nil {
		return err
	}
	want := r.Binding
	want.Connection = before.Connection
	if before == want {
		sum.Same++
		return nil
	}
	holder, err := k.holder(r.Account)
	if err != nil {
		return err
	}
	if holder != "" && holder != r.User {
		if _, leaves := m.planned[connector.UserKey{Conn: k.slot.conn, User: holder}]; !leaves {
			sum.Errors = append(sum.Errors, RowError{
				Row: r.Row, Column: "oa_account",
				Message: fmt.Sprintf("account %s is bound to user %s; remove that binding first", r.Account, holder),
			})
			return nil
		}
		// His own row follows and gives him another. Until then the account gets a key that no account has.
		const query = `UPDATE bindings SET account_key = ? WHERE conn = ? AND crm_user = ?`
		if err := k.tx.run(query, "\n"+holder, k.slot.conn, holder); err != nil {
			return err
		}
	}
	change, err := k.set(r.Binding)
	if err != nil {
		return err
	}
	moves := rebinding{user: r.User, account: r.Account}
	for more := true; more; {
		if more, err = k.rebind(&moves); err != nil {
			return err
		}
	}
	sum.Moved += moves.moved
	sum.Released += change.Released
	switch {
	case before.User == "":
		sum.Added++
	default:
		sum.Changed++
		if before.Account != r.Account && len(sum.Rebindings) < rebindingsMost {
			sum.Rebindings = append(sum.Rebindings, Rebinding{
				Row: r.Row, Connection: r.Connection, User: r.User, From: before.Account, To: r.Account,
			})
		}
	}
	return nil
}
