package store

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"todosync/connector"
)

// An AuditEntry is one thing that a person did.
type AuditEntry struct {
	At     time.Time `json:"at"`
	Who    string    `json:"who"`
	What   string    `json:"what"`
	Tenant string    `json:"tenant"`
	Target string    `json:"target"`
	Detail string    `json:"detail"`

	Address string `json:"address"` // from where; empty where nobody's request did it
	Way     string `json:"way"`     // console, api or cli
}

// audit notes what a person did, in the transaction that does it.
func (t *tx) audit(now int64, who, what, tenant, target, detail string) error {
	n, err := t.numbers("audit", 1)
	if err != nil {
		return err
	}
	return t.run(`INSERT INTO audit (n, at_ms, who, what, tenant, target, detail, address, way) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		n, now, who, what, tenant, target, detail, t.from.Address, t.from.Way)
}

// oneTenant is the tenant under which something stands in the audit: its own where it has one alone.
func oneTenant(tenants []string) string {
	if len(tenants) == 1 {
		return tenants[0]
	}
	return ""
}

// Note adds an entry to the audit for what happens outside of the store: a log-in, a test message.
func (d *DB) Note(ctx context.Context, e AuditEntry) error {
	return d.writer.within(ctx, "note in audit", func() reach { return reach{} }, func(t *tx) error {
		return t.audit(millis(d.cfg.Now()), e.Who, e.What, e.Tenant, e.Target, e.Detail)
	})
}

// An AuditFilter chooses entries. Empty members choose all.
type AuditFilter struct {
	Tenants  []string
	Who      []string
	Address  []string
	What     []string // begins with one of these: "secret" is also "secret set"
	From, To time.Time
}

// Audit lists what people did, newest first.
func (d *DB) Audit(ctx context.Context, f AuditFilter, p connector.PageOf) (connector.Page[AuditEntry], error) {
	const op = "list audit"
	before, limit, err := pageOf(op, p)
	if err != nil {
		return connector.Page[AuditEntry]{}, err
	}
	type stored struct {
		N      int64  `db:"n"`
		AtMs   int64  `db:"at_ms"`
		Who    string `db:"who"`
		What   string `db:"what"`
		Tenant string `db:"tenant"`
		Target string `db:"target"`
		Detail string `db:"detail"`

		Address string `db:"address"`
		Way     string `db:"way"`
	}
	w := where{}
	w.add(`n < ?`, before)
	w.in(`tenant`, f.Tenants)
	w.in(`who`, f.Who)
	w.in(`address`, f.Address)
	if len(f.What) > 0 {
		var words []string
		var args []any
		for _, what := range f.What {
			words = append(words, `substr(what, 1, ?) = ?`)
			what = clean(what)
			args = append(args, utf8.RuneCountInString(what), what)
		}
		w.add(`(`+strings.Join(words, ` OR `)+`)`, args...)
	}
	if !f.From.IsZero() {
		w.add(`at_ms >= ?`, millis(f.From))
	}
	if !f.To.IsZero() {
		w.add(`at_ms < ?`, millis(f.To))
	}
	var rows []stored
	err = d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT n, at_ms, who, what, tenant, target, detail, address, way FROM audit `+w.text()+` ORDER BY n DESC LIMIT ?`,
			w.with(limit+1)...)
	})
	out := connector.Page[AuditEntry]{Items: []AuditEntry{}}
	for i, r := range rows {
		if i == limit {
			out.Next = cursor(rows[i-1].N)
			break
		}
		out.Items = append(out.Items, AuditEntry{
			At: instant(r.AtMs), Who: r.Who, What: r.What, Tenant: r.Tenant, Target: r.Target, Detail: r.Detail,
			Address: r.Address, Way: r.Way,
		})
	}
	return out, err
}
