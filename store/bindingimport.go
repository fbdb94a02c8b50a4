package store

import (
	"context"
	"errors"
	"fmt"

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
	Message string `json:"message"`
}

// A BindingReport says what an import did, or would do.
type BindingReport struct {
	Added    int        `json:"added"`
	Changed  int        `json:"changed"`
	Same     int        `json:"same"`
	Moved    int        `json:"moved"`    // open todos that stand in another account's inbox
	Released int        `json:"released"` // deliveries that had been held for want of a binding; 0 in a dry run
	Errors   []RowError `json:"errors"`
}

// ImportBindings stores the rows that are right and says what is wrong with the others. It goes in steps: rows that are
// stored stay so when a later step fails. Two users may exchange their accounts in one file.
func (d *DB) ImportBindings(ctx context.Context, in BindingImport) (BindingReport, error) {
	const op = "import bindings"
	m := importing{db: d, in: in, planned: map[connector.UserKey]int{}, accounts: map[accountAt]int{}}
	m.report.Errors = []RowError{}
	rows := m.check()
	for done := 0; done < len(rows); {
		step := rows[done:min(done+importStep, len(rows))]
		if err := m.step(ctx, op, step); err != nil {
			return m.report, err
		}
		done += len(step)
		if in.Progress != nil {
			in.Progress(done, len(rows))
		}
	}
	if !in.DryRun && len(rows) > 0 {
		err := d.writer.write(ctx, op, func(t *tx) error {
			return t.audit(millis(d.cfg.Now()), in.Who, "bindings imported", in.Tenant, in.Tenant,
				fmt.Sprintf("%d added, %d changed, %d wrong", m.report.Added, m.report.Changed, len(m.report.Errors)))
		})
		if err != nil {
			return m.report, err
		}
	}
	d.wake(m.wake...)
	return m.report, nil
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
	report   BindingReport
	wake     []int64
}

type importRow struct {
	BindingRow
	slot *slot
}

// check sorts out rows that are wrong in themselves or contradict an earlier row.
func (m *importing) check() []importRow {
	var out []importRow
	for _, r := range m.in.Rows {
		row := importRow{BindingRow: BindingRow{Row: r.Row, Binding: trimBinding(r.Binding)}}
		if why := incomplete(row.Binding); why != "" {
			m.wrong(r.Row, why)
			continue
		}
		s, err := m.db.connection("import", connector.ConnectionKey{Tenant: m.in.Tenant, Name: row.Connection})
		if err != nil {
			m.wrong(r.Row, fmt.Sprintf("tenant %s has no connection %q", m.in.Tenant, row.Connection))
			continue
		}
		row.slot = s
		user := connector.UserKey{Conn: s.conn, User: row.User}
		if other, ok := m.planned[user]; ok {
			m.wrong(r.Row, fmt.Sprintf("user %s stands in row %d already", row.User, other))
			continue
		}
		account := accountAt{s.conn, accountKey(row.Account, m.ignoreCase(s))}
		if other, ok := m.accounts[account]; ok {
			m.wrong(r.Row, fmt.Sprintf("account %s is bound to another user in row %d", row.Account, other))
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

func (m *importing) wrong(row int, why string) {
	m.report.Errors = append(m.report.Errors, RowError{Row: row, Message: why})
}

// step imports some rows in one transaction.
func (m *importing) step(ctx context.Context, op string, rows []importRow) error {
	var sum BindingReport
	var wake []int64
	err := m.db.writer.write(ctx, op, func(t *tx) error {
		sum, wake = BindingReport{}, nil
		for i := range rows {
			k, err := m.db.binder(t, rows[i].slot, m.in.Who)
			if err != nil {
				return err
			}
			released := sum.Released
			if err := m.one(k, &rows[i], &sum); err != nil {
				return err
			}
			if sum.Released > released {
				wake = append(wake, rows[i].slot.conn)
			}
		}
		if m.in.DryRun {
			return errUnsaved
		}
		return nil
	})
	if err != nil && !errors.Is(err, errUnsaved) {
		return err
	}
	m.report.Added += sum.Added
	m.report.Changed += sum.Changed
	m.report.Same += sum.Same
	m.report.Moved += sum.Moved
	if !m.in.DryRun {
		m.report.Released += sum.Released
	}
	m.report.Errors = append(m.report.Errors, sum.Errors...)
	m.wake = append(m.wake, wake...)
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
				Row: r.Row, Message: fmt.Sprintf("account %s is bound to user %s; remove that binding first", r.Account, holder),
			})
			return nil
		}
		if err := k.tx.run(`DELETE FROM bindings WHERE conn = ? AND crm_user = ?`, k.slot.conn, holder); err != nil {
			return err
		}
	}
	change, err := k.set(r.Binding)
	if err != nil {
		return err
	}
	sum.Moved += change.Moved
	sum.Released += change.Released
	if before.User == "" {
		sum.Added++
	} else {
		sum.Changed++
	}
	return nil
}
