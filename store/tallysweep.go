package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// From which age on numbers are kept in tens of minutes, and by the hour. What is merged stands at the first minute of its span, so that nobody
// needs to know which it is.
const (
	tallyCoarse = 3 * time.Hour
	tallyHourly = 3 * 24 * time.Hour
	tallyLate   = 14 * 24 * time.Hour // merged at most this long after its time, so that not everything is looked at every time
)

// A figure is a table of numbers over time.
type figure struct {
	table, key string
	rest       string   // what else its primary key has, after key and at_ms; each with a comma before it
	sums       []string // what is added up, or the greatest of it taken
	greatest   bool
}

func figures() []figure {
	counted := []string{"count"}
	delays := make([]string, 0, delaySorts+1)
	delays = append(delays, "count")
	for _, c := range delayColumns() {
		delays = append(delays, c.name)
	}
	return []figure{
		{table: "tallies", key: "conn", rest: ", what", sums: delays},
		{table: "causes", key: "conn", rest: ", what, class, code", sums: counted},
		{table: "queues", key: "conn", sums: counted, greatest: true},
		{table: "arrivals", key: "tenant", rest: ", what", sums: counted},
	}
}

// merge is the statement that adds rows of one key between two times to those at the first minute of their span, in milliseconds.
func (f *figure) merge(span int64) string {
	var sums, sets strings.Builder
	for i, c := range f.sums {
		if i > 0 {
			sets.WriteString(", ")
		}
		if f.greatest {
			fmt.Fprintf(&sums, ", MAX(%s)", c)
			fmt.Fprintf(&sets, "%[2]s = CASE WHEN excluded.%[2]s > %[1]s.%[2]s THEN excluded.%[2]s ELSE %[1]s.%[2]s END", f.table, c)
		} else {
			fmt.Fprintf(&sums, ", CAST(SUM(%s) AS BIGINT)", c)
			fmt.Fprintf(&sets, "%[2]s = %[1]s.%[2]s + excluded.%[2]s", f.table, c)
		}
	}
	return fmt.Sprintf(`INSERT INTO %[1]s (%[2]s, at_ms%[3]s, %[4]s) SELECT %[2]s, at_ms - at_ms %% %[5]d%[3]s%[6]s FROM %[1]s
		WHERE %[2]s = ? AND at_ms >= ? AND at_ms < ? AND at_ms %% %[5]d <> 0 GROUP BY %[2]s, at_ms - at_ms %% %[5]d%[3]s
		ON CONFLICT (%[2]s, at_ms%[3]s) DO UPDATE SET %[7]s`, f.table, f.key, f.rest, strings.Join(f.sums, ", "), span, sums.String(), sets.String())
}

// A tallyCursor is where the chore of statistics has come to: the table, what is done there, and for whom it was done last.
type tallyCursor struct {
	Table int    `json:"t"`
	Task  int    `json:"k"`
	Key   string `json:"a,omitempty"`
	Begun bool   `json:"b,omitempty"`
}

// tallies takes away statistics of long ago, and merges what is not young any more.
func (w *sweeping) tallies(ctx context.Context) error {
	at := tallyCursor{}
	if w.After != "" {
		if err := json.Unmarshal([]byte(w.After), &at); err != nil {
			return err
		}
	}
	const hour = int64(time.Hour / time.Millisecond)
	whole := func(ms int64) int64 { return ms - ms%hour }
	tasks := []struct{ from, to, span int64 }{
		{0, w.before(w.Retention.Keep), 0},
		{whole(w.before(tallyHourly + tallyLate)), whole(w.before(tallyHourly)), hour},
		{whole(w.before(tallyHourly)), whole(w.before(tallyCoarse)), (10 * time.Minute).Milliseconds()},
	}
	all := figures()
	for at.Table < len(all) {
		f, task := &all[at.Table], tasks[at.Task]
		more, err := w.tallyTask(ctx, f, task.from, task.to, task.span, &at)
		if err != nil {
			return err
		}
		if !more {
			at.Key, at.Begun = "", false
			if at.Task++; at.Task == len(tasks) {
				at.Table, at.Task = at.Table+1, 0
			}
		}
		if at.Table < len(all) && (more || w.out.Removed > 0 || w.out.Held > sweepTime) {
			b, err := json.Marshal(&at)
			if err != nil {
				return err
			}
			w.out.Next = string(b)
			return nil
		}
	}
	return nil
}

// tallyKeys is for how many connections or tenants one step does one task.
const tallyKeys = 50

// tallyTask takes away, with a span of 0, or merges what stands between two times, for some connections or tenants. more: there are others.
func (w *sweeping) tallyTask(ctx context.Context, f *figure, from, to, span int64, at *tallyCursor) (more bool, err error) {
	if from < 0 {
		from = 0
	}
	if to <= from {
		return false, nil
	}
	merged := ""
	if span > 0 {
		merged = fmt.Sprintf(" AND at_ms %% %d <> 0", span)
	}
	where, args := "", []any{from, to}
	if at.Begun {
		key, err := f.keyOf(at.Key)
		if err != nil {
			return false, err
		}
		where, args = f.key+" > ? AND ", []any{key, from, to}
	}
	var keys []string
	query := fmt.Sprintf(`SELECT CAST(%[1]s AS TEXT) FROM %[2]s WHERE %[3]sat_ms >= ? AND at_ms < ?%[4]s GROUP BY %[1]s ORDER BY %[1]s LIMIT %[5]d`,
		f.key, f.table, where, merged, tallyKeys)
	if err := w.look(ctx, &keys, query, args...); err != nil || len(keys) == 0 {
		return false, err
	}
	looked, err := w.take(ctx, len(keys), func(t *tx, i int) (bool, error) {
		key, err := f.keyOf(keys[i])
		if err != nil {
			return false, err
		}
		if span > 0 {
			if err := t.run(f.merge(span), key, from, to); err != nil {
				return false, err
			}
		}
		gone := false
		query := fmt.Sprintf(`DELETE FROM %s WHERE %s = ? AND at_ms >= ? AND at_ms < ?%s RETURNING at_ms`, f.table, f.key, merged)
		err = t.change(query, []any{key, from, to}, func(row) error { gone = true; return nil })
		return gone && span == 0, err
	})
	if err != nil || looked == 0 {
		return false, err
	}
	at.Key, at.Begun = keys[looked-1], true
	return looked < len(keys) || len(keys) == tallyKeys, nil
}

// keyOf is a key as its column has it.
func (f *figure) keyOf(text string) (any, error) {
	if f.key == "tenant" {
		return text, nil
	}
	return strconv.ParseInt(text, 10, 64)
}
