package store

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// A spread is one statement that is asked for with many values: it travels and runs once, over a table of the values. To parse, plan and
// start a statement costs PostgreSQL several times what finding or writing a row by its key does.
type spread struct {
	query   string
	base    *pgconn.StatementDescription // the statement for one set of values
	columns [][]byte                     // of each value an array in binary form, without its head
	nulls   []bool
	size    int                 // of all values, in bytes
	each    []func(r row) error // for the rows of each set of values
}

// spreadMost is how many bytes of values one statement takes: PostgreSQL's own limit is 1 GB.
const spreadMost = 16 << 20

// arrayTypes are the types of values that spreads know.
func arrayTypes() map[uint32]string {
	return map[uint32]string{
		pgtype.Int8OID: "bigint[]", pgtype.Int4OID: "int[]", pgtype.TextOID: "text[]", pgtype.BoolOID: "boolean[]", pgtype.ByteaOID: "bytea[]",
	}
}

// arrayHead is the length of what stands before the values of an array: dimensions, whether there are NULLs, type, length, lower bound.
const arrayHead = 20

// spread implements session.
func (s *postgresSession) spread(query string, args []any, each func(r row) error) error {
	if s.failed != nil {
		return s.failed
	}
	var p *spread
	for _, have := range s.spreads {
		if have.query == query {
			p = have
		}
	}
	if p != nil && p.size > spreadMost {
		if err := s.seal(); err != nil {
			return err
		}
		p = nil
	}
	if p == nil {
		st, err := s.prepare(query, postgresText)
		if err != nil {
			return err
		}
		p = &spread{query: query, base: st, columns: make([][]byte, len(st.ParamOIDs)), nulls: make([]bool, len(st.ParamOIDs))}
		for i := range p.columns {
			p.columns[i] = make([]byte, arrayHead, 256)
		}
		s.spreads = append(s.spreads, p)
	}
	if len(args) != len(p.columns) {
		return s.spoil(fmt.Errorf("%d arguments for %d places in %q", len(args), len(p.columns), query))
	}
	s.numbers = s.numbers[:0]
	for i, a := range args {
		v, err := s.bound(a, p.base.ParamOIDs[i])
		if err != nil {
			return s.spoil(fmt.Errorf("%w in %q", err, query))
		}
		if v == nil {
			p.nulls[i] = true
			p.columns[i] = binary.BigEndian.AppendUint32(p.columns[i], 1<<32-1)
			continue
		}
		p.size += len(v)
		p.columns[i] = append(binary.BigEndian.AppendUint32(p.columns[i], uint32(len(v))), v...) //nolint:gosec // far below 1 GB
	}
	p.each = append(p.each, each)
	return nil
}

// seal implements session.
func (s *postgresSession) seal() error {
	if s.failed != nil {
		return s.failed
	}
	for _, p := range s.spreads {
		st, err := s.prepare("spread "+p.query, func(string) string { return spreadText(p.query, p.base.ParamOIDs) })
		if err != nil {
			return err
		}
		for i, c := range p.columns {
			binary.BigEndian.PutUint32(c, 1)
			if p.nulls[i] {
				binary.BigEndian.PutUint32(c[4:], 1)
			}
			binary.BigEndian.PutUint32(c[8:], p.base.ParamOIDs[i])
			binary.BigEndian.PutUint32(c[12:], uint32(len(p.each))) //nolint:gosec // some thousands
			binary.BigEndian.PutUint32(c[16:], 1)
		}
		s.batch.ExecStatement(st, p.columns, binaryFormat, binaryFormat)
		s.waiting = append(s.waiting, putOff{statement: st, spread: p.each})
	}
	s.spreads = s.spreads[:0]
	return nil
}

// spreadText is the statement that does for each row of a table of values what a statement does for one set of them. Its rows begin with
// the place of the values that they belong to.
func spreadText(query string, types []uint32) string {
	var from strings.Builder
	from.WriteString(`unnest(`)
	var names strings.Builder
	known := arrayTypes()
	for i, t := range types {
		number := strconv.Itoa(i + 1)
		if i > 0 {
			from.WriteString(`, `)
		}
		from.WriteString(`$` + number + `::` + known[t])
		names.WriteString(`a` + number + `, `)
	}
	from.WriteString(`) WITH ORDINALITY AS x (` + names.String() + `o)`)
	table := from.String()
	one := regexp.MustCompile(`\$(\d+)`).ReplaceAllString(postgresText(query), `x.a$1`)
	switch {
	case strings.HasPrefix(one, `INSERT `):
		head, rest, _ := strings.Cut(one, `VALUES (`)
		end := outside(rest, `)`)
		return head + `SELECT ` + rest[:end] + ` FROM ` + table + rest[end+1:]
	case strings.HasPrefix(one, `UPDATE `):
		at := outside(one, `WHERE`)
		return one[:at] + `FROM ` + table + ` ` + strings.Replace(one[at:], `RETURNING `, `RETURNING x.o, `, 1)
	case strings.HasPrefix(one, `DELETE `):
		at := outside(one, `WHERE`)
		return one[:at] + `USING ` + table + ` ` + one[at:]
	}
	// OFFSET 0 has the planner look the rows up for one set of values after the other, in the order of each.
	return `SELECT x.o, q.* FROM ` + table + ` CROSS JOIN LATERAL (` + one + ` OFFSET 0) AS q`
}

// outside finds a word that stands in no parentheses.
func outside(s, word string) int {
	depth := 0
	for i := range len(s) {
		if depth == 0 && strings.HasPrefix(s[i:], word) {
			return i
		}
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
	}
	return len(s)
}
