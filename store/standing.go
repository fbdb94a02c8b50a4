package store

import (
	"cmp"
	"maps"
	"slices"
)

// A standing is a state that deliveries of a connection stand in. Table standings counts them: who inserts deliveries counts here, once a
// transaction, and triggers of the database count whatever else happens to them.
type standing struct {
	conn  int64
	state string
}

const storeStanding = `INSERT INTO standings (conn, state, count) VALUES (?, ?, ?)
	ON CONFLICT (conn, state) DO UPDATE SET count = standings.count + excluded.count`

// countCome counts a delivery that the transaction has inserted.
func (t *tx) countCome(conn int64, state string) {
	if t.come == nil {
		t.come = map[standing]int64{}
	}
	t.come[standing{conn, state}]++
}

// storeCome stores what was counted, in one order for all.
func (t *tx) storeCome(s session) error {
	order := slices.SortedFunc(maps.Keys(t.come), func(a, b standing) int { return cmp.Or(cmp.Compare(a.conn, b.conn), cmp.Compare(a.state, b.state)) })
	for _, at := range order {
		if err := s.spread(storeStanding, []any{at.conn, at.state, t.come[at]}, nil); err != nil {
			return err
		}
	}
	return nil
}

// A waitingLine is how many deliveries of a connection wait, and since when the oldest of them does.
type waitingLine struct {
	Conn     int64 `db:"conn"`
	Count    int64 `db:"count"`
	OldestMs int64 `db:"oldest_ms"`
}

// waitingLines gives the connections in which something waits, among some or, where only is nil, all.
func waitingLines(q *reader, only []int64) (lines []waitingLine, err error) {
	var w where
	w.add(`(state = 'pending' OR state = 'retrying' OR state = 'held')`)
	if only != nil {
		w.numbers(`conn`, only)
	}
	err = q.Select(&lines, `SELECT conn, CAST(SUM(count) AS BIGINT) AS count, 0 AS oldest_ms FROM standings `+w.text()+` GROUP BY conn HAVING SUM(count) > 0`, w.args...)
	return lines, err
}

// agesMost is among how many waiting deliveries the oldest is looked for one by one.
const agesMost = 20_000

// findOldest tells lines since when their oldest delivery waits. Where very many wait in all, it looks for the oldest of a connection in few places:
// among those that are due first, the first of those that wait for others or are held, and the first that is to be tried again. One that has
// waited longer can only stand behind a lane's earlier ones that ended a moment ago.
func findOldest(q *reader, lines []waitingLine) error {
	slices.SortFunc(lines, func(a, b waitingLine) int { return cmp.Or(cmp.Compare(a.Count, b.Count), cmp.Compare(a.Conn, b.Conn)) })
	by := make(map[int64]*waitingLine, len(lines))
	var few, many []int64
	sum := int64(0)
	for i := range lines {
		by[lines[i].Conn] = &lines[i]
		if sum += lines[i].Count; sum <= agesMost {
			few = append(few, lines[i].Conn)
		} else {
			many = append(many, lines[i].Conn)
		}
	}
	var found []waitingLine
	if len(few) > 0 {
		var w where
		w.add(waits)
		w.numbers(`conn`, few)
		err := q.Select(&found, `SELECT l.conn, 0 AS count, d.created_ms AS oldest_ms FROM (
				SELECT conn, MIN(n) AS first FROM deliveries INDEXED BY deliveries_due `+w.text()+` GROUP BY conn
			) l CROSS JOIN deliveries d ON d.n = l.first`, w.args...)
		if err != nil {
			return err
		}
	}
	if len(many) > 0 {
		const firstDue = `SELECT MIN(n) AS n FROM (SELECT n FROM deliveries INDEXED BY deliveries_due WHERE conn = c.n AND ` + waits + ` ORDER BY due_ms, n LIMIT 20) AS due`
		const firstBehind = `SELECT n FROM (SELECT n FROM deliveries INDEXED BY deliveries_due WHERE conn = c.n AND due_ms = 9000000000000000 ORDER BY n LIMIT 1) AS behind`
		const firstAgain = `SELECT n FROM (SELECT n FROM deliveries INDEXED BY deliveries_conn_state WHERE state = 'retrying' AND ` + ended + `
			AND n >= c.n * 68719476736 AND n < (c.n + 1) * 68719476736 ORDER BY n LIMIT 1) AS again`
		var some []waitingLine
		w := where{}
		w.numbers(`c.n`, many)
		err := q.Select(&some, `SELECT d.conn, 0 AS count, d.created_ms AS oldest_ms FROM (
				SELECT (SELECT MIN(n) FROM (`+firstDue+` UNION ALL `+firstBehind+` UNION ALL `+firstAgain+`) AS firsts) AS first FROM connections c `+w.text()+`
			) l CROSS JOIN deliveries d ON d.n = l.first`, w.args...)
		if err != nil {
			return err
		}
		found = append(found, some...)
	}
	for i := range found {
		by[found[i].Conn].OldestMs = found[i].OldestMs
	}
	return nil
}
