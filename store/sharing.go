package store

import (
	"context"
	"maps"
	"time"

	"github.com/jmoiron/sqlx"

	"todosync/connector"
)

// seatsAtOnce is how many seats one transaction takes at most.
const seatsAtOnce = 200

// databaseClock is the time by which leases are judged, in milliseconds: the database's at the moment of the statement.
const databaseClock = `CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)`

// Sharing is how several workers share this store, nil where only one process can have it open.
func (d *DB) Sharing() connector.Sharing {
	if !d.postgres() {
		return nil
	}
	return sharing{d}
}

// sharing implements connector.Sharing. Leases are renewed beside the writer, so that no long transaction costs a worker its seats.
type sharing struct{ db *DB }

// Renew implements connector.Sharing.
func (s sharing) Renew(ctx context.Context, worker string) (alive []string, err error) {
	const op = "renew lease"
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	const renew = `INSERT INTO workers (id, until_ms) VALUES ($1, ` + databaseClock + ` + $2) ON CONFLICT (id) DO UPDATE SET until_ms = excluded.until_ms`
	if _, err := s.db.side.ExecContext(ctx, renew, clean(worker), connector.LeaseLength.Milliseconds()); err != nil {
		return nil, failed(op, err)
	}
	// A lease that lasts longer than one can is from before the database's clock was put back: who lives renews it in time.
	const cut = `UPDATE workers SET until_ms = ` + databaseClock + ` + $1 WHERE until_ms > ` + databaseClock + ` + $1 + 1000`
	if _, err := s.db.side.ExecContext(ctx, cut, connector.LeaseLength.Milliseconds()); err != nil {
		return nil, failed(op, err)
	}
	if err := s.db.side.SelectContext(ctx, &alive, `SELECT id FROM workers WHERE until_ms > `+databaseClock+` ORDER BY id`); err != nil {
		return nil, failed(op, err)
	}
	var last int64
	if err := s.db.side.GetContext(ctx, &last, `SELECT last FROM numbers WHERE name = 'changes'`); err != nil {
		return nil, failed(op, err)
	}
	if last != s.db.fresh.number.Load() {
		// Where nothing is written, nobody would notice. If it fails, the next write does it.
		_ = s.db.Refresh(ctx)
	}
	return alive, nil
}

// Take implements connector.Sharing.
func (s sharing) Take(ctx context.Context, worker string, seats []connector.Seat) (map[connector.Seat]int64, int, error) {
	worker = clean(worker)
	fences := map[connector.Seat]int64{}
	recovered := 0
	free, err := s.look(ctx, worker, seats, fences)
	for len(free) > 0 && err == nil {
		some := free[:min(len(free), seatsAtOnce)]
		free = free[len(some):]
		err = s.take(ctx, worker, some, fences, &recovered)
	}
	return fences, recovered, err
}

// look tells which seats are the worker's, and gives those that it may take, without disturbing anybody.
func (s sharing) look(ctx context.Context, worker string, seats []connector.Seat, fences map[connector.Seat]int64) ([]int64, error) {
	const op = "take seats"
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	var rows []struct {
		Seat  int64 `db:"seat"`
		Fence int64 `db:"fence"`
		Own   bool  `db:"own"`
		Held  bool  `db:"held"`
	}
	const query = `SELECT x.seat, x.fence, x.worker = $1 AS own, x.worker = $1 OR COALESCE(w.until_ms, 0) > ` + databaseClock + ` AS held
		FROM seats x LEFT JOIN workers w ON w.id = x.worker
		WHERE x.seat IN (SELECT value::bigint FROM json_array_elements_text($2::json))`
	wanted := make([]int64, len(seats))
	for i, seat := range seats {
		wanted[i] = int64(seat)
	}
	if err := s.db.side.SelectContext(ctx, &rows, query, worker, numberSet(wanted)); err != nil {
		return nil, failed(op, err)
	}
	held := map[int64]bool{}
	for _, r := range rows {
		held[r.Seat] = r.Held
		if r.Own {
			fences[connector.Seat(r.Seat)] = r.Fence
		}
	}
	var free []int64
	for _, seat := range wanted {
		if !held[seat] {
			free = append(free, seat)
		}
	}
	return free, nil
}

// take takes seats in one transaction, with what their earlier owners have left.
func (s sharing) take(ctx context.Context, worker string, seats []int64, fences map[connector.Seat]int64, recovered *int) error {
	const op = "take seats"
	d := s.db
	var taken map[connector.Seat]int64
	var conns []int64
	count := 0
	err := d.writer.write(ctx, op, func(t *tx) error {
		taken, conns, count = map[connector.Seat]int64{}, nil, 0
		alive := false
		err := t.read(`SELECT 1 FROM workers WHERE id = ? AND until_ms > `+databaseClock, []any{worker}, func(row) error {
			alive = true
			return nil
		})
		if err != nil {
			return err
		}
		if !alive {
			return &connector.Error{Kind: connector.Conflict, Op: op, Msg: "the worker has no lease", Hint: "it renews it and takes again"}
		}
		const query = `INSERT INTO seats (seat, worker, fence) SELECT x, ?, 1 FROM (SELECT value FROM json_each(?)) AS v (x) ORDER BY x
			ON CONFLICT (seat) DO UPDATE SET worker = excluded.worker, fence = seats.fence + 1
			WHERE seats.worker <> excluded.worker
				AND NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = seats.worker AND w.until_ms > ` + databaseClock + `)
			RETURNING seat, fence`
		err = t.change(query, []any{worker, numberSet(seats)}, func(r row) error {
			taken[connector.Seat(r.num(0))] = r.num(1)
			if r.num(0) > 0 {
				conns = append(conns, r.num(0))
			}
			return nil
		})
		if err != nil || len(conns) == 0 {
			return err
		}
		for {
			n, err := d.recoverSome(t, `s.conn IN (SELECT value FROM json_each(?))`, numberSet(conns))
			count += n
			if err != nil || n < recoverStep {
				t.done(func() { d.hot.landConnections(conns) })
				t.doubted(func() { d.hot.landConnections(conns) })
				return err
			}
		}
	})
	if err != nil {
		return err
	}
	maps.Copy(fences, taken)
	*recovered += count
	return nil
}

// Release implements connector.Sharing.
func (s sharing) Release(ctx context.Context, worker string, seats []connector.Seat) error {
	numbers := make([]int64, len(seats))
	for i, seat := range seats {
		numbers[i] = int64(seat)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	const query = `UPDATE seats SET worker = '' WHERE worker = $1 AND seat IN (SELECT value::bigint FROM json_array_elements_text($2::json))`
	_, err := s.db.side.ExecContext(ctx, query, clean(worker), numberSet(numbers))
	return failed("release seats", err)
}

// Leave implements connector.Sharing.
func (s sharing) Leave(ctx context.Context, worker string) error {
	const op = "leave"
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	err := inTransaction(ctx, s.db.side, func(q *sqlx.Tx) error {
		if _, err := q.ExecContext(ctx, `UPDATE seats SET worker = '' WHERE worker = $1`, clean(worker)); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `DELETE FROM workers WHERE id = $1`, clean(worker)); err != nil {
			return err
		}
		// Of workers that were killed nobody else takes the rows away.
		_, err := q.ExecContext(ctx, `DELETE FROM workers w WHERE until_ms < `+databaseClock+` - $1
			AND NOT EXISTS (SELECT 1 FROM seats x WHERE x.worker = w.id)`, (24 * time.Hour).Milliseconds())
		return err
	})
	return failed(op, err)
}

// inTransaction runs f in a transaction.
func inTransaction(ctx context.Context, db *sqlx.DB, f func(q *sqlx.Tx) error) error {
	q, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(q); err != nil {
		_ = q.Rollback()
		return err
	}
	return q.Commit()
}

// fenced has the transaction fail, before anything else in it, unless the seat of a connection has this fencing number.
func (d *DB) fenced(t *tx, op string, conn, fence int64) error {
	s, ok := t.session.(*postgresSession)
	if !ok {
		return nil
	}
	const query = `SELECT 1 / (CASE WHEN COALESCE((SELECT fence FROM seats WHERE seat = ? AND worker <> ''), 0) = ? THEN 1 ELSE 0 END)`
	return s.insist(query, []any{conn, fence}, &connector.Error{
		Kind: connector.Conflict, Op: op, Msg: "another worker serves the connection", Hint: "it goes on there",
	})
}
