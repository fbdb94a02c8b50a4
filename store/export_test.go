package store

import (
	"context"
	"fmt"
)

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

// Standing gives what is wrong with the lanes that have something waiting: they would wait for ever, or go twice at once.
func (d *DB) Standing(ctx context.Context) ([]string, error) {
	var rows []struct {
		N     int64  `db:"n"`
		Lane  string `db:"lane"`
		State string `db:"state"`
		Due   int64  `db:"due"`
		Sends bool   `db:"sends"`
	}
	err := d.reading(ctx, "look at lanes", func(q *reader) error {
		rows = nil
		return q.Select(&rows, `SELECT d.n AS n, d.conn || '/' || d.kind || '/' || d.todo || '/' || d.lane AS lane, d.state AS state,
			d.due_ms AS due, `+sends+` AS sends FROM deliveries d WHERE d.due_ms IS NOT NULL ORDER BY 2, 1`)
	})
	if err != nil {
		return nil, err
	}
	var wrong []string
	for i, r := range rows {
		first := i == 0 || rows[i-1].Lane != r.Lane
		due := r.Due < dueLater
		switch {
		case first && r.State != "held" && !due:
			wrong = append(wrong, fmt.Sprintf("%d heads %s and is never due", r.N, r.Lane))
		case r.State == "held" && due:
			wrong = append(wrong, fmt.Sprintf("%d of %s is held and due", r.N, r.Lane))
		case !first && (due || r.Sends):
			wrong = append(wrong, fmt.Sprintf("%d of %s goes before its turn", r.N, r.Lane))
		}
	}
	return wrong, nil
}

// Written runs a statement in a write of its own and gives the text that it answers.
func (d *DB) Written(ctx context.Context, query string) (out string, err error) {
	err = d.writer.write(ctx, "try", func(t *tx) error {
		return t.change(query, nil, func(r row) error { out = r.text(0); return nil })
	})
	return out, err
}

// Miscounted gives the states of connections of which another number of deliveries is counted than there is.
func (d *DB) Miscounted(ctx context.Context) (wrong []string, err error) {
	var rows []struct {
		Conn    int64  `db:"conn"`
		State   string `db:"state"`
		Counted int64  `db:"counted"`
		There   int64  `db:"there"`
	}
	err = d.reading(ctx, "count deliveries", func(q *reader) error {
		rows = nil
		return q.Select(&rows, `SELECT conn, state, CAST(SUM(counted) AS BIGINT) AS counted, CAST(SUM(there) AS BIGINT) AS there FROM (
				SELECT conn, state, count AS counted, 0 AS there FROM standings
				UNION ALL SELECT conn, state, 0, COUNT(*) FROM deliveries GROUP BY conn, state
			) AS both_ways GROUP BY conn, state HAVING SUM(counted) <> SUM(there)`)
	})
	for _, r := range rows {
		wrong = append(wrong, fmt.Sprintf("connection %d: %d are counted as %s, and %d are", r.Conn, r.Counted, r.State, r.There))
	}
	return wrong, err
}

// Glances is how many statements have read records for watchers.
func (d *DB) Glances() int {
	d.glances.mu.Lock()
	defer d.glances.mu.Unlock()
	return d.glances.reads
}
