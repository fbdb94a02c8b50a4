package store

import (
	"database/sql"
	"strconv"
	"strings"

	"github.com/jmoiron/sqlx"
)

// Statements are written once, for SQLite, and within what PostgreSQL understands too but for the following, which postgresText
// rewrites:
//
//	?, +?                              $1, $2, ...
//	+d.conn                            d.conn: the + keeps SQLite from an index
//	CROSS JOIN ... ON, INDEXED BY x    JOIN: they tell SQLite the order and the index
//	json_each(?)                       a set of numbers, see numberSet
//	settings ->> 'x'                   a member of a JSON text
//	LIKE                               ILIKE: SQLite's does not mind the case of A to Z
//
// For the rest: BIGINT milliseconds, TEXT, BOOLEAN, ON CONFLICT with the table's name before its own columns, RETURNING, sums cast to
// BIGINT, no ? and no + before a name inside quotes.

// postgresText is a statement as PostgreSQL takes it.
func postgresText(query string) string {
	var b strings.Builder
	b.Grow(len(query) + 32)
	number := 0
	quoted := false
	for i := 0; i < len(query); i++ {
		c := query[i]
		switch {
		case c == '\'':
			quoted = !quoted
			b.WriteByte(c)
		case quoted:
			b.WriteByte(c)
		case c == '?':
			number++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(number))
		case c == '+' && i+1 < len(query) && (query[i+1] == '?' || 'a' <= query[i+1] && query[i+1] <= 'z') && beginsOperand(query, i):
		case c == 'C' && strings.HasPrefix(query[i:], `CROSS JOIN`):
			b.WriteString(`JOIN`)
			i += len(`CROSS JOIN`) - 1
		case c == 'I' && strings.HasPrefix(query[i:], `INDEXED BY `):
			i += len(`INDEXED BY `)
			for i+1 < len(query) && strings.IndexByte(" \t\n", query[i+1]) < 0 {
				i++
			}
		case c == 'N' && strings.HasPrefix(query[i:], `NOT INDEXED`):
			i += len(`NOT INDEXED`) - 1
		case c == 'L' && strings.HasPrefix(query[i:], `LIKE `):
			b.WriteString(`ILIKE `)
			i += len(`LIKE `) - 1
		case c == 'S' && strings.HasPrefix(query[i:], `SELECT value FROM json_each(?)`):
			number++
			b.WriteString(`SELECT value::bigint FROM json_array_elements_text($` + strconv.Itoa(number) + `::json)`)
			i += len(`SELECT value FROM json_each(?)`) - 1
		case c == 's' && strings.HasPrefix(query[i:], `settings ->>`):
			b.WriteString(`settings::json ->>`)
			i += len(`settings ->>`) - 1
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// beginsOperand reports whether what stands at i has nothing before it that it could be added to.
func beginsOperand(query string, i int) bool {
	return i == 0 || strings.IndexByte(" \t\n(,", query[i-1]) >= 0
}

// A reader is one snapshot of the database, to be read from.
type reader struct {
	tx       *sqlx.Tx
	postgres bool
}

func (r *reader) text(query string) string {
	if r.postgres {
		return postgresText(query)
	}
	return query
}

// Select reads rows into a slice.
func (r *reader) Select(dest any, query string, args ...any) error {
	return r.tx.Select(dest, r.text(query), args...)
}

// Get reads the one row that there must be.
func (r *reader) Get(dest any, query string, args ...any) error {
	return r.tx.Get(dest, r.text(query), args...)
}

// snapshot is how a read begins: all of its queries see the same.
func (r *reader) snapshot() *sql.TxOptions {
	o := &sql.TxOptions{ReadOnly: true}
	if r.postgres {
		o.Isolation = sql.LevelRepeatableRead
	}
	return o
}
