package store

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
)

// TestSpreadText holds statements over many values to what they say of one.
func TestSpreadText(t *testing.T) {
	t.Parallel()
	const table = `unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS x (a1, a2, o)`
	tests := map[string]struct{ one, many string }{
		"read": {
			`SELECT n FROM t WHERE a = +? AND b = ? ORDER BY n LIMIT 1`,
			`SELECT x.o, q.* FROM ` + table + ` CROSS JOIN LATERAL (SELECT n FROM t WHERE a = x.a1 AND b = x.a2 ORDER BY n LIMIT 1 OFFSET 0) AS q`,
		},
		"insert": {
			`INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT (a) DO UPDATE SET b = excluded.b`,
			`INSERT INTO t (a, b) SELECT x.a1, x.a2 FROM ` + table + ` ON CONFLICT (a) DO UPDATE SET b = excluded.b`,
		},
		"update": {
			`UPDATE t SET a = COALESCE(?, a) WHERE n = (SELECT MIN(n) FROM t WHERE b = ?) RETURNING n`,
			`UPDATE t SET a = COALESCE(x.a1, a) FROM ` + table + ` WHERE n = (SELECT MIN(n) FROM t WHERE b = x.a2) RETURNING x.o, n`,
		},
		"delete": {
			`DELETE FROM t WHERE a = ? AND b = ?`,
			`DELETE FROM t USING ` + table + ` WHERE a = x.a1 AND b = x.a2`,
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := spreadText(c.one, []uint32{pgtype.Int8OID, pgtype.TextOID}); got != c.many {
				t.Errorf("got  %s\nwant %s", got, c.many)
			}
		})
	}
	if got := spreadText(`DELETE FROM t WHERE a = ?`, []uint32{pgtype.ByteaOID}); !strings.Contains(got, `$1::bytea[]`) {
		t.Errorf("no array of bytes in %s", got)
	}
}
