package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"todosync/connector"
)

// A Revision is one saved state of a connection or a tenant.
type Revision struct {
	Revision int64     `json:"revision"`
	Who      string    `json:"who"`
	How      SavedHow  `json:"how"`
	SavedAt  time.Time `json:"savedAt"`
	Source   []byte    `json:"-"` // the file as it was written; empty in lists
	Settings []byte    `json:"-"` // JSON of connector.Connection or connector.Tenant; empty in lists
}

type storedRevision struct {
	Revision int64  `db:"revision"`
	Who      string `db:"who"`
	How      string `db:"how"`
	SavedMs  int64  `db:"saved_ms"`
	Source   string `db:"source"`
	Settings string `db:"settings"`
}

func (r *storedRevision) revision() Revision {
	return Revision{
		Revision: r.Revision, Who: r.Who, How: SavedHow(r.How), SavedAt: instant(r.SavedMs),
		Source: []byte(r.Source), Settings: []byte(r.Settings),
	}
}

// Revisions lists the revisions of a connection, newest first.
func (d *DB) Revisions(ctx context.Context, key connector.ConnectionKey, p connector.PageOf) (connector.Page[Revision], error) {
	const op = "list revisions"
	s, err := d.connection(op, key)
	if err != nil {
		return connector.Page[Revision]{}, err
	}
	return d.revisions(ctx, op, p, `SELECT revision, who, how, saved_ms, '' AS source, '' AS settings FROM revisions
		WHERE conn = ? AND revision < ? ORDER BY revision DESC LIMIT ?`, s.conn)
}

// TenantRevisions lists the revisions of a tenant's settings, newest first.
func (d *DB) TenantRevisions(ctx context.Context, tenant string, p connector.PageOf) (connector.Page[Revision], error) {
	return d.revisions(ctx, "list revisions", p, `SELECT revision, who, how, saved_ms, '' AS source, '' AS settings FROM tenant_revisions
		WHERE tenant = ? AND revision < ? ORDER BY revision DESC LIMIT ?`, clean(tenant))
}

func (d *DB) revisions(ctx context.Context, op string, p connector.PageOf, query string, of any) (connector.Page[Revision], error) {
	out := connector.Page[Revision]{Items: []Revision{}}
	before, limit, err := pageOf(op, p)
	if err != nil {
		return out, err
	}
	var rows []storedRevision
	err = d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, query, of, before, limit+1)
	})
	for i := range rows {
		if i == limit {
			out.Next = cursor(rows[i-1].Revision)
			break
		}
		out.Items = append(out.Items, rows[i].revision())
	}
	return out, err
}

// Revision gives one revision of a connection.
func (d *DB) Revision(ctx context.Context, key connector.ConnectionKey, revision int64) (Revision, error) {
	const op = "read revision"
	s, err := d.connection(op, key)
	if err != nil {
		return Revision{}, err
	}
	return d.oneRevision(ctx, op, `SELECT revision, who, how, saved_ms, source, settings FROM revisions WHERE conn = ? AND revision = ?`,
		s.conn, revision)
}

// TenantRevision gives one revision of a tenant's settings.
func (d *DB) TenantRevision(ctx context.Context, tenant string, revision int64) (Revision, error) {
	return d.oneRevision(ctx, "read revision", `SELECT revision, who, how, saved_ms, source, settings FROM tenant_revisions
		WHERE tenant = ? AND revision = ?`, clean(tenant), revision)
}

func (d *DB) oneRevision(ctx context.Context, op, query string, of any, revision int64) (Revision, error) {
	var rows []storedRevision
	err := d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, query, of, revision)
	})
	if err != nil {
		return Revision{}, err
	}
	if len(rows) == 0 {
		return Revision{}, notFound(op, fmt.Sprintf("revision %s of it", strconv.FormatInt(revision, 10)))
	}
	return rows[0].revision(), nil
}

// An ExportItem is one tenant or connection as it is exported.
type ExportItem struct {
	Kind     SaveKind
	Tenant   string
	Name     string
	Revision int64
	Source   []byte
	Settings []byte
}

// Export gives the current settings of tenants and their connections, of those tenants that are given or of all, each tenant
// before its connections. Secrets stand in them as names.
func (d *DB) Export(ctx context.Context, tenants []string) ([]ExportItem, error) {
	const op = "export"
	type stored struct {
		Tenant   string `db:"tenant"`
		Name     string `db:"name"`
		Revision int64  `db:"revision"`
		Source   string `db:"source"`
		Settings string `db:"settings"`
	}
	wt, wc := where{}, where{}
	wt.in(`name`, tenants)
	wt.add(`settings IS NOT NULL`)
	wc.in(`c.tenant`, tenants)
	wc.add(`c.deleted_ms IS NULL`)
	query := `SELECT name AS tenant, '' AS name, revision, source, settings FROM tenants ` + wt.text() + `
		UNION ALL SELECT c.tenant, c.name, c.revision, r.source, r.settings FROM connections c
		JOIN revisions r ON r.conn = c.n AND r.revision = c.revision ` + wc.text() + ` ORDER BY 1, 2`
	var rows []stored
	err := d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, query, wt.with(wc.args...)...)
	})
	out := make([]ExportItem, len(rows))
	for i, r := range rows {
		kind := SaveConnection
		if r.Name == "" {
			kind = SaveTenant
		}
		out[i] = ExportItem{
			Kind: kind, Tenant: r.Tenant, Name: r.Name, Revision: r.Revision, Source: []byte(r.Source), Settings: []byte(r.Settings),
		}
	}
	return out, err
}
