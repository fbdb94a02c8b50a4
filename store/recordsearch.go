package store

import (
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// Limits of a search for records.
const (
	searchTime = 60 * time.Millisecond // after which a search that finds little gives what it has
	searchStep = 10_000                // rows that a sparse search looks at first
	searchMost = 1_000_000             // rows that it looks at between two looks at the clock
)

// A recordSearch goes down its sources, newest first. Ids grow with every delivery, in the store as a whole and so within each
// connection; numbers grow within a connection alone.
type recordSearch struct {
	tx    *reader
	query *recordQuery
	floor string // ids from here on
	below string // ids below this; empty: no bound
	limit int
	step  int64         // searchStep
	time  time.Duration // searchTime
}

// found is one row.
type found struct {
	N  int64  `db:"n"`
	ID string `db:"id"`
}

// run gives the numbers of the found rows and, where there may be more, the id below which to go on; early says that the time was over before
// the page was full.
func (s *recordSearch) run() (numbers []int64, next string, early bool, err error) {
	var all []found
	// A source that stops early knows all of its rows only down to an id; below that nothing can be told yet.
	known := ""
	share := s.time / time.Duration(max(1, len(s.query.sources)))
	for i := range s.query.sources {
		rows, down, err := s.source(&s.query.sources[i], time.Now().Add(share))
		if err != nil {
			return nil, "", false, err
		}
		all = append(all, rows...)
		known = max(known, down)
	}
	slices.SortFunc(all, func(a, b found) int { return strings.Compare(b.ID, a.ID) })
	all = slices.Compact(all)
	for i, r := range all {
		if r.ID < known {
			break
		}
		if len(numbers) == s.limit {
			return numbers, all[i-1].ID, false, nil
		}
		numbers = append(numbers, r.N)
	}
	return numbers, known, known != "" && len(numbers) < s.limit, nil
}

// source searches one source. It gives all its rows from the id down on, down to the end where that is empty.
func (s *recordSearch) source(src *recordSource, until time.Time) (rows []found, down string, err error) {
	if src.few {
		err := s.tx.Select(&rows, `SELECT d.n, d.id FROM `+src.from+` `+s.where(src).and(`d.id >= ?`)+s.bound()+` ORDER BY d.id DESC LIMIT ?`,
			s.args(src, s.limit+1)...)
		return s.cut(rows, err)
	}
	if src.conn != 0 {
		return s.connection(src, until)
	}
	return s.everywhere(src, until)
}

// cut ends a source's rows at its limit.
func (s *recordSearch) cut(rows []found, err error) ([]found, string, error) {
	if len(rows) > s.limit {
		return rows, rows[len(rows)-1].ID, err
	}
	return rows, "", err
}

// where is all that rows of a source must be.
func (s *recordSearch) where(src *recordSource) *where {
	return &where{conditions: slices.Concat(src.where.conditions, s.query.residual.conditions)}
}

// bound is the upper bound of ids, if there is one.
func (s *recordSearch) bound() string {
	if s.below == "" {
		return ""
	}
	return ` AND d.id < ?`
}

// args are the arguments of a query over a source between the bounds of ids.
func (s *recordSearch) args(src *recordSource, limit int) []any {
	args := append(slices.Concat(src.where.args, s.query.residual.args), any(s.floor))
	if s.below != "" {
		args = append(args, s.below)
	}
	return append(args, limit)
}

// connection goes down the numbers of one connection.
func (s *recordSearch) connection(src *recordSource, until time.Time) (rows []found, down string, err error) {
	low, high := span(src.conn)
	var newest []int64
	if err := s.tx.Select(&newest, `SELECT n FROM deliveries WHERE n >= ? AND n < ? ORDER BY n DESC LIMIT 1`, low, high); err != nil || len(newest) == 0 {
		return nil, "", err
	}
	high = newest[0] + 1
	if s.floor != "" {
		if low, err = s.firstFrom(low, high, s.floor); err != nil {
			return nil, "", err
		}
	}
	if s.below != "" {
		if high, err = s.firstFrom(low, high, s.below); err != nil {
			return nil, "", err
		}
	}
	number := `d.n`
	if strings.HasPrefix(src.from, `delivery_receivers`) {
		number = `m.delivery_n`
	}
	query := `SELECT d.n, d.id FROM ` + src.from + ` ` + s.where(src).and(number+` >= ? AND `+number+` < ?`) + ` ORDER BY ` + number + ` DESC LIMIT ?`
	step := s.step
	if !s.query.sparse || src.exact {
		step = high - low
	}
	for high > low {
		began := time.Now()
		from := max(low, high-step)
		var some []found
		args := append(slices.Concat(src.where.args, s.query.residual.args), from, high, s.limit+1-len(rows))
		if err := s.tx.Select(&some, query, args...); err != nil {
			return nil, "", err
		}
		if rows = append(rows, some...); len(rows) > s.limit {
			return s.cut(rows, nil)
		}
		if high = from; high > low && time.Now().After(until) {
			var at string
			err := s.tx.Get(&at, `SELECT id FROM deliveries WHERE n >= ? ORDER BY n LIMIT 1`, high)
			return rows, at, err
		}
		step = longer(step, began)
	}
	return rows, "", nil
}

// longer is the next step of a sparse search: twice as long while a step takes little time.
func longer(step int64, began time.Time) int64 {
	if time.Since(began) > searchTime/8 {
		return step
	}
	return min(2*step, searchMost)
}

// firstFrom is the lowest number from low on and below high whose row has this id or a later one, high when there is none.
func (s *recordSearch) firstFrom(low, high int64, id string) (int64, error) {
	for low < high {
		middle := low + (high-low)/2
		var row found
		if err := s.tx.Get(&row, `SELECT n, id FROM deliveries WHERE n >= ? ORDER BY n LIMIT 1`, middle); err != nil {
			return 0, err
		}
		if row.ID >= id {
			high = middle
		} else {
			low = row.N + 1
		}
	}
	return low, nil
}

// everywhere goes down the ids of all connections.
func (s *recordSearch) everywhere(src *recordSource, until time.Time) (rows []found, down string, err error) {
	query := `SELECT d.n, d.id FROM ` + src.from + ` ` + s.where(src).and(`d.id >= ?`)
	part := *s
	for step := s.step; ; {
		began := time.Now()
		part.floor = s.floor
		if s.query.sparse {
			// How far down so many rows are: this reads the index alone.
			skip, args := `SELECT id FROM deliveries WHERE id >= ?`, []any{s.floor}
			if part.below != "" {
				skip, args = skip+` AND id < ?`, append(args, part.below)
			}
			var at []string
			if err := s.tx.Select(&at, skip+` ORDER BY id DESC LIMIT 1 OFFSET ?`, append(args, step)...); err != nil {
				return nil, "", err
			}
			if len(at) > 0 {
				part.floor = at[0]
			}
		}
		var some []found
		if err := s.tx.Select(&some, query+part.bound()+` ORDER BY d.id DESC LIMIT ?`, part.args(src, s.limit+1-len(rows))...); err != nil {
			return nil, "", err
		}
		if rows = append(rows, some...); len(rows) > s.limit {
			return s.cut(rows, nil)
		}
		if part.floor == s.floor {
			return rows, "", nil
		}
		if time.Now().After(until) {
			return rows, part.floor, nil
		}
		part.below = part.floor
		step = longer(step, began)
	}
}

// idsBetween are the bounds of the ids of rows of a span of time. Rows have the time of their making in their ids, but for jumps of the
// clock, so the span is widened by an hour and rows are looked at one by one all the same.
func idsBetween(from, to time.Time) (floor, below string) {
	if !from.IsZero() {
		floor = firstID(from.Add(-time.Hour))
	}
	if !to.IsZero() {
		below = firstID(to.Add(time.Hour))
	}
	return floor, below
}

// timeOfID is when an id was made.
func timeOfID(id string) time.Time {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return time.Time{}
	}
	return ulid.Time(u.Time()).UTC()
}

// firstID is the lowest id of a time.
func firstID(t time.Time) string {
	var id ulid.ULID
	if ms := t.UnixMilli(); ms > 0 {
		_ = id.SetTime(min(uint64(ms), ulid.MaxTime())) // it is not too late
	}
	return id.String()
}
