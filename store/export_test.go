package store

import "context"

// Hot is how many deliveries are kept in memory, for tests. Nobody may write meanwhile.
func (d *DB) Hot() (waiting, flying int) { return len(d.hot.deliveries), len(d.hot.flights) }

// Columns gives table.column of all tables but that of the migrations, with whether it may be NULL.
func (d *DB) Columns(ctx context.Context) ([]string, error) {
	query := `SELECT m.name || '.' || c.name || CASE WHEN c."notnull" = 1 OR c.pk > 0 THEN '' ELSE ' null' END
		FROM sqlite_schema m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'goose%' AND m.name NOT LIKE 'sqlite%' ORDER BY 1`
	if d.postgres() {
		query = `SELECT table_name || '.' || column_name || CASE is_nullable WHEN 'NO' THEN '' ELSE ' null' END COLLATE "C"
			FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'goose%' ORDER BY 1`
	}
	var out []string
	err := d.read.SelectContext(ctx, &out, query)
	return out, err
}
