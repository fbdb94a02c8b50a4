package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"todosync/connector"
)

// Bounds of one step of a job.
const (
	jobStepAway  = 20 * time.Millisecond // more than that where each item takes several ways to the database and back
	jobStepTime  = 4 * time.Millisecond  // in which it takes up another item; a fifth of the writer's time at most
	jobStepConns = 200                   // connections that it looks at
	jobStepItems = 500                   // that it collects, or cancels
)

// OpenJobs implements connector.JobDesk.
func (d *DB) OpenJobs(ctx context.Context) ([]connector.Job, error) {
	const op = "read jobs"
	var out []connector.Job
	err := d.reading(ctx, op, func(q *reader) error {
		out = nil
		var rows []storedJob
		if err := q.Select(&rows, `SELECT `+jobColumns+` FROM jobs WHERE ended_ms IS NULL ORDER BY n`); err != nil {
			return err
		}
		for i := range rows {
			j, err := rows[i].job()
			if err != nil {
				return fmt.Errorf("read job %s: %w", rows[i].ID, err)
			}
			out = append(out, j)
		}
		return nil
	})
	return out, err
}

// StepJob implements connector.JobDesk.
func (d *DB) StepJob(ctx context.Context, s connector.JobStep) (connector.JobStepped, error) {
	const op = "carry out job"
	var rows []storedJob
	err := d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT `+jobColumns+` FROM jobs WHERE id = ? AND ended_ms IS NULL`, s.ID)
	})
	if err != nil || len(rows) == 0 {
		return connector.JobStepped{Ended: len(rows) == 0}, err
	}
	j, err := rows[0].job()
	if err != nil {
		return connector.JobStepped{}, failed(op, err)
	}
	if j.Kind == connector.JobErase {
		return d.eraseStep(ctx, op, s.ID)
	}
	if j.State == connector.JobCollecting && j.Kind == connector.JobWithdraw {
		return d.collectWithdraw(ctx, op, &rows[0], &j)
	}
	if j.State == connector.JobCollecting {
		return d.collectJob(ctx, op, &rows[0], &j)
	}
	r := jobRun{db: d, op: op, job: &j, step: s}
	err = d.writer.write(ctx, op, func(t *tx) error {
		r.tx, r.now = t, millis(d.cfg.Now())
		return r.run()
	})
	if err == nil {
		d.wake(r.wake...)
	}
	return r.out, err
}

// An item is what a job does something to: a delivery by its number, or a todo with that of its newest event.
type item struct {
	N    int64  `db:"n"`
	Todo string `db:"todo"`
}

// collectJob adds some of what a job concerns to its items.
func (d *DB) collectJob(ctx context.Context, op string, s *storedJob, j *connector.Job) (connector.JobStepped, error) {
	var items []item
	var next string
	var err error
	if j.Kind == connector.JobBackfill {
		items, next, err = d.todosSince(ctx, op, j, s.Progress)
	} else {
		var numbers []int64
		numbers, next, err = d.searchNumbers(ctx, op, &j.Filter, s.Progress)
		for _, n := range numbers {
			items = append(items, item{N: n})
		}
	}
	if err != nil {
		return connector.JobStepped{}, err
	}
	out := connector.JobStepped{Moved: len(items)}
	err = d.writer.write(ctx, op, func(t *tx) error {
		now, err := t.readJob(op, s.ID)
		if err != nil {
			return err
		}
		if now.State != s.State || now.Progress != s.Progress {
			return nil // stopped meanwhile
		}
		for _, i := range items {
			if err := t.run(`INSERT INTO job_items (job, n, todo) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, s.N, i.N, i.Todo); err != nil {
				return err
			}
		}
		state := connector.JobCollecting
		if next == "" {
			state = connector.JobRunning
			out.Moved++ // it goes on at once
		}
		const query = `UPDATE jobs SET progress = ?, state = ?, total = (SELECT COUNT(*) FROM job_items WHERE job = ?) WHERE n = ?`
		if state == connector.JobCollecting {
			return t.run(`UPDATE jobs SET progress = ?, state = ?, total = total + ? WHERE n = ?`, next, string(state), len(items), s.N)
		}
		return t.run(query, next, string(state), s.N, s.N)
	})
	return out, err
}

// A jobRun is one step of a job that has found all it concerns.
type jobRun struct {
	db   *DB
	tx   *tx
	op   string
	job  *connector.Job
	step connector.JobStep
	now  int64

	stored  *storedJob
	out     connector.JobStepped
	until   time.Time
	wake    []int64
	changed []int64
}

func (r *jobRun) run() error {
	r.out, r.wake, r.changed, r.until = connector.JobStepped{}, nil, nil, time.Now().Add(jobStepTime)
	if r.db.postgres() {
		r.until = r.until.Add(jobStepAway)
	}
	var err error
	if r.stored, err = r.tx.readJob(r.op, r.step.ID); err != nil {
		return err
	}
	if connector.JobState(r.stored.State) != connector.JobRunning {
		return nil
	}
	if err := json.Unmarshal([]byte(r.stored.Reasons), &r.job.Reasons); err != nil {
		return err
	}
	conns, next, err := r.connections()
	if err != nil {
		return err
	}
	r.out.Next = next
	for _, conn := range conns {
		if err := r.feed(conn); err != nil {
			return err
		}
		if time.Now().After(r.until) {
			r.out.Next = conn + 1
			break
		}
	}
	if r.out.Moved == 0 && len(conns) > 0 {
		return nil
	}
	reasons, err := json.Marshal(r.job.Reasons)
	if err != nil {
		return err
	}
	r.stored.Reasons = string(reasons)
	left, err := r.left()
	if err != nil {
		return err
	}
	r.tx.done(func() { r.db.feed.publish(r.changed) })
	if !left && r.job.Kind == connector.JobWithdraw {
		return r.withdrawn()
	}
	if !left {
		r.out.Ended = true
		return r.db.endJob(r.tx, r.stored, connector.JobDone, r.stored.Who, "")
	}
	return r.tx.run(`UPDATE jobs SET done = ?, skipped = ?, reasons = ? WHERE n = ?`, r.stored.Done, r.stored.Skipped, r.stored.Reasons, r.stored.N)
}

// left reports whether the job has items yet.
func (r *jobRun) left() (left bool, err error) {
	err = r.tx.read(`SELECT 1 FROM job_items WHERE job = ? LIMIT 1`, []any{r.stored.N}, func(row) error { left = true; return nil })
	return left, err
}

// connections gives the connections that the job has items of, from the step's start on, and where the next step begins.
func (r *jobRun) connections() (conns []int64, next int64, err error) {
	if r.job.Kind == connector.JobBackfill || r.job.Kind == connector.JobWithdraw {
		left, err := r.left()
		if err != nil || !left {
			return nil, 0, err
		}
		s, err := r.db.connection(r.op, r.job.Key)
		if err != nil {
			return nil, 0, err
		}
		return []int64{s.conn}, 0, nil
	}
	const query = `SELECT n FROM job_items WHERE job = ? AND n >= ? ORDER BY n LIMIT 1`
	for at := r.step.Start; len(conns) < jobStepConns; {
		found := int64(-1)
		low, _ := span(at)
		if err := r.tx.read(query, []any{r.stored.N, low}, func(r row) error { found = r.num(0) >> placeBits; return nil }); err != nil {
			return nil, 0, err
		}
		if found < 0 {
			if at > 0 && len(conns) == 0 {
				at = 0
				r.step.Start = 0
				continue
			}
			return conns, 0, nil
		}
		conns = append(conns, found)
		at = found + 1
	}
	return conns, conns[len(conns)-1] + 1, nil
}

// feed does what there is room for at one connection.
func (r *jobRun) feed(conn int64) error {
	room := jobStepItems
	if r.job.Kind != connector.JobCancel {
		load, err := r.load(conn)
		if err != nil {
			return err
		}
		room = r.step.Room(conn, load)
	}
	if room <= 0 {
		return nil
	}
	low, high := span(conn)
	if r.job.Kind == connector.JobBackfill || r.job.Kind == connector.JobWithdraw {
		low, high = 0, math.MaxInt64 // its items are todos of this connection alone, by events
	}
	const query = `SELECT n, todo FROM job_items WHERE job = ? AND n >= ? AND n < ? ORDER BY n LIMIT ?`
	args := []any{r.stored.N, low, high, room}
	var items []item
	err := r.tx.read(query, args, func(r row) error {
		items = append(items, item{N: r.num(0), Todo: r.text(1)})
		return nil
	})
	if err != nil {
		return err
	}
	for _, i := range items {
		if err := r.one(conn, i); err != nil {
			return err
		}
		if err := r.tx.run(`DELETE FROM job_items WHERE job = ? AND n = ?`, r.stored.N, i.N); err != nil {
			return err
		}
		r.out.Moved++
		if time.Now().After(r.until) {
			break
		}
	}
	r.wake = append(r.wake, conn)
	return nil
}

// load is what a connection has to do.
func (r *jobRun) load(conn int64) (connector.Load, error) {
	l := connector.Load{Concurrency: 1}
	s := r.db.registry.current.Load().byNumber[conn]
	if s == nil {
		l.Concurrency = jobStepItems // it is deleted: nothing is sent, all is skipped
		return l, nil
	}
	st, err := r.db.registry.state(s, r.tx.settings)
	if err != nil {
		return l, err
	}
	l.Held = st.condition.Reason() != ""
	if st.planning != nil {
		l.Concurrency, l.Rate = max(1, st.planning.Settings.Limits.Concurrency), st.planning.Settings.Limits.Rate
	}
	const ended = `DELETE FROM resent WHERE conn = ? AND job = ? AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.n = resent.n AND d.due_ms IS NOT NULL)`
	if err := r.tx.run(ended, conn, r.stored.N); err != nil {
		return l, err
	}
	err = r.tx.read(`SELECT COUNT(*) FROM resent WHERE conn = ? AND job = ?`, []any{conn, r.stored.N}, func(r row) error {
		l.Resent = int(r.num(0))
		return nil
	})
	if err != nil {
		return l, err
	}
	const live = `SELECT COUNT(*) FROM (SELECT 1 FROM deliveries d WHERE conn = +? AND due_ms BETWEEN 0 AND +? AND NOT ` + sends + `
		AND NOT EXISTS (SELECT 1 FROM resent r WHERE r.n = d.n) LIMIT 100) x`
	err = r.tx.read(live, []any{conn, r.now}, func(r row) error {
		l.Live = int(r.num(0))
		return nil
	})
	return l, err
}

// one does the job to one item. What speaks against it is counted, and harms no other.
func (r *jobRun) one(conn int64, i item) error {
	var why string
	var err error
	switch r.job.Kind {
	case connector.JobRetry:
		why, err = r.retry(i.N)
	case connector.JobCancel:
		why, err = r.cancel(i.N)
	case connector.JobBackfill:
		why, err = r.backfill(conn, i)
	case connector.JobWithdraw:
		err = r.withdraw(conn, i)
	case connector.JobErase: // has no items
	}
	if e, ok := errors.AsType[*connector.Error](err); ok && (e.Kind == connector.Conflict || e.Kind == connector.NotFound) {
		why, err = e.Msg, nil
		if e.Kind == connector.NotFound {
			why = "it is not kept any more"
		}
	}
	if err != nil {
		return fmt.Errorf("item %d: %w", i.N, err)
	}
	if why == "" {
		r.stored.Done++
		return nil
	}
	r.stored.Skipped++
	r.job.Reasons[why]++
	return nil
}

// supersededReason is why a job skips a delivery that a newer one has made out of date.
const supersededReason = "superseded: its todo has had a newer one sent"

func (r *jobRun) retry(n int64) (why string, err error) {
	h, err := r.tx.handleNumber(r.op, n)
	if err != nil {
		return "", err
	}
	again := resend{db: r.db, tx: r.tx, op: r.op, options: r.job.Options, job: r.stored.N, now: r.now}
	got, err := again.one(&h)
	r.changed = append(r.changed, again.changed...)
	if err == nil && got.SupersededBy != "" {
		why = supersededReason
	}
	return why, err
}

func (r *jobRun) cancel(n int64) (why string, err error) {
	h, err := r.tx.handleNumber(r.op, n)
	if err != nil {
		return "", err
	}
	r.changed = append(r.changed, n)
	return "", r.db.cancel(r.tx, r.op, &h, r.now)
}
