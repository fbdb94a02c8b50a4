package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"todosync/connector"
)

// jobRequest is the stored form of what a job is to do.
type jobRequest struct {
	Name    string                  `json:"name"`
	Filter  connector.RecordFilter  `json:"filter"`
	Options connector.ResendOptions `json:"options"`
	Key     connector.ConnectionKey `json:"key"`
	From    time.Time               `json:"from,omitzero"`
	Lost    bool                    `json:"lost,omitempty"`
	Cancel  bool                    `json:"cancel,omitempty"`
}

const jobColumns = `n, id, kind, tenants, request, who, state, total, done, skipped, reasons, progress, error, created_ms, ended_ms`

type storedJob struct {
	N         int64  `db:"n"`
	ID        string `db:"id"`
	Kind      string `db:"kind"`
	Tenants   string `db:"tenants"`
	Request   string `db:"request"`
	Who       string `db:"who"`
	State     string `db:"state"`
	Total     int64  `db:"total"`
	Done      int64  `db:"done"`
	Skipped   int64  `db:"skipped"`
	Reasons   string `db:"reasons"`
	Progress  string `db:"progress"`
	Error     string `db:"error"`
	CreatedMs int64  `db:"created_ms"`
	EndedMs   *int64 `db:"ended_ms"`
}

func (s *storedJob) job() (connector.Job, error) {
	var q jobRequest
	if err := json.Unmarshal([]byte(s.Request), &q); err != nil {
		return connector.Job{}, err
	}
	j := connector.Job{
		JobRequest: connector.JobRequest{
			Kind: connector.JobKind(s.Kind), Name: q.Name, Filter: q.Filter, Options: q.Options, Key: q.Key, From: q.From, Lost: q.Lost, Cancel: q.Cancel, Who: s.Who,
		},
		ID: s.ID, State: connector.JobState(s.State), Total: s.Total, Done: s.Done, Skipped: s.Skipped, Error: s.Error,
		Created: instant(s.CreatedMs), Ended: instantOf(s.EndedMs),
	}
	if err := json.Unmarshal([]byte(s.Tenants), &j.Tenants); err != nil {
		return j, err
	}
	return j, json.Unmarshal([]byte(s.Reasons), &j.Reasons)
}

// StartJob stores what a person wants done to many; a connector.JobWorker carries it out. What the filter chooses is fixed by time: it
// does not touch records that are made from now on.
func (d *DB) StartJob(ctx context.Context, r connector.JobRequest) (connector.Job, error) {
	const op = "start job"
	now := d.cfg.Now()
	switch r.Kind {
	case connector.JobErase: // looked at within the transaction
	case connector.JobBackfill, connector.JobWithdraw:
		if err := d.checkBackfill(op, r.Key); err != nil {
			return connector.Job{}, err
		}
	case connector.JobRetry, connector.JobCancel:
		if err := d.jobFilter(op, &r, now); err != nil {
			return connector.Job{}, err
		}
	}
	if r.Tenants == nil {
		r.Tenants = []string{}
	}
	var out connector.Job
	err := d.writer.write(ctx, op, func(t *tx) error {
		if err := d.beginJob(t, op, &r); err != nil {
			return err
		}
		n, err := t.numbers("jobs", 1)
		if err != nil {
			return err
		}
		if err := d.mint(t, now); err != nil {
			return err
		}
		id := d.newID(now)
		q := jobRequest{Name: r.Name, Filter: r.Filter, Options: r.Options, Key: r.Key, From: r.From, Lost: r.Lost, Cancel: r.Cancel}
		if q.Name == "" {
			q.Name = fmt.Sprintf("%s-%d", r.Kind, n)
		}
		request, err := json.Marshal(&q)
		if err != nil {
			return err
		}
		tenants, err := json.Marshal(r.Tenants)
		if err != nil {
			return err
		}
		s := storedJob{
			N: n, ID: id, Kind: string(r.Kind), Tenants: string(tenants), Request: string(request), Who: r.Who,
			State: string(firstState(r.Kind)), Reasons: "{}", CreatedMs: millis(now),
		}
		if out, err = s.job(); err != nil {
			return err
		}
		const query = `INSERT INTO jobs (n, id, kind, tenants, request, who, state, total, done, skipped, failed, reasons, progress, error, created_ms)
			VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, '{}', '', '', ?)`
		if err := t.run(query, n, id, s.Kind, s.Tenants, s.Request, s.Who, s.State, s.CreatedMs); err != nil {
			return err
		}
		return t.audit(s.CreatedMs, r.Who, "job started", oneTenant(r.Tenants), id, s.Kind+" "+s.Request)
	})
	return out, err
}

// firstState is the state in which a job begins: what there is to erase is not looked for before.
func firstState(k connector.JobKind) connector.JobState {
	if k == connector.JobErase {
		return connector.JobRunning
	}
	return connector.JobCollecting
}

// beginJob does what a job's kind needs in the transaction that starts it, and refuses what cannot be.
func (d *DB) beginJob(t *tx, op string, r *connector.JobRequest) error {
	switch r.Kind {
	case connector.JobBackfill:
		return t.oneBackfill(op, r.Key)
	case connector.JobWithdraw:
		return d.beginWithdraw(t, op, r)
	case connector.JobErase:
		return d.beginErase(t, op, r)
	case connector.JobRetry, connector.JobCancel:
	}
	return nil
}

// jobFilter checks a filter of many and fixes it in time.
func (d *DB) jobFilter(op string, r *connector.JobRequest, now time.Time) error {
	f := &r.Filter
	if err := checkFilter(op, f); err != nil {
		return err
	}
	if f.Empty() {
		return &connector.Error{
			Kind: connector.Invalid, Op: op, Msg: "the filter is empty: it would take every record there is",
			Hint: "name a state, a connection, a class, a time",
		}
	}
	if r.Kind == connector.JobRetry && slices.Contains(f.States, string(connector.Succeeded)) && !r.Options.Confirmed {
		return &connector.Error{
			Kind: connector.Conflict, Op: op, Msg: "the filter takes records that have succeeded: the OA would get them again",
			Hint: "confirm that this is meant: confirmSucceeded, or --yes",
		}
	}
	f.Tenants = narrowed(f.Tenants, r.Tenants)
	if len(f.States) == 0 {
		f.States = r.Kind.States(r.Options)
	}
	if f.Text != "" && f.From.IsZero() {
		end := now
		if !f.To.IsZero() {
			end = f.To
		}
		f.From = end.Add(-textDefault)
	}
	if until := now.Add(time.Millisecond); f.To.IsZero() || f.To.After(until) {
		f.To = until
	}
	return nil
}

// narrowed are the tenants of a filter, no more than those that the job may touch.
func narrowed(asked, allowed []string) []string {
	switch {
	case len(allowed) == 0:
		return asked
	case len(asked) == 0:
		return allowed
	}
	out := slices.DeleteFunc(slices.Clone(asked), func(t string) bool { return !slices.Contains(allowed, t) })
	if len(out) == 0 {
		out = []string{""} // nobody's: an empty list would mean everybody's
	}
	return out
}

// countTime is how long a count of records may take before it gives what it has.
const countTime = 2 * time.Second

// CountRecords says how many records a job would take; whole is false where there are more than could be counted in a moment.
func (d *DB) CountRecords(ctx context.Context, r connector.JobRequest) (count int64, whole bool, err error) {
	const op = "count records"
	now := d.cfg.Now()
	if err := d.jobFilter(op, &r, now); err != nil {
		return 0, false, err
	}
	until := time.Now().Add(countTime)
	for after := ""; ; {
		numbers, next, err := d.searchNumbers(ctx, op, &r.Filter, after)
		if err != nil {
			return 0, false, err
		}
		count += int64(len(numbers))
		if next == "" {
			return count, true, nil
		}
		if after = next; time.Now().After(until) {
			return count, false, nil
		}
	}
}

// searchNumbers finds the next records of a filter by number, newest first, from below an id on.
func (d *DB) searchNumbers(ctx context.Context, op string, f *connector.RecordFilter, after string) (numbers []int64, next string, err error) {
	err = d.reading(ctx, op, func(q *reader) error {
		numbers, next = nil, ""
		query, err := d.recordQuery(q, f)
		if err != nil || query.none {
			return err
		}
		s := recordSearch{tx: q, query: &query, limit: pageMost, step: searchStep, time: searchTime}
		if s.floor, s.below = idsBetween(f.From, f.To); after != "" && (s.below == "" || after < s.below) {
			s.below = after
		}
		numbers, next, _, err = s.run()
		return err
	})
	return numbers, next, err
}

// Jobs lists jobs, newest first: those that touch no other tenants than the given ones, or all.
func (d *DB) Jobs(ctx context.Context, tenants []string, p connector.PageOf) (connector.Page[connector.Job], error) {
	const op = "list jobs"
	out := connector.Page[connector.Job]{Items: []connector.Job{}}
	before, limit, err := pageOf(op, p)
	if err != nil {
		return out, err
	}
	err = d.reading(ctx, op, func(q *reader) error {
		out.Items, out.Next = out.Items[:0], ""
		for at := before; ; {
			var rows []storedJob
			if err := q.Select(&rows, `SELECT `+jobColumns+` FROM jobs WHERE n < ? ORDER BY n DESC LIMIT ?`, at, pageMost); err != nil {
				return err
			}
			for i := range rows {
				j, err := rows[i].job()
				if err != nil {
					return err
				}
				if !within(j.Tenants, tenants) {
					continue
				}
				if len(out.Items) == limit {
					out.Next = cursor(at)
					return nil
				}
				at = rows[i].N
				if j.Waiting, err = jobWaits(q, rows[i].N); err != nil {
					return err
				}
				out.Items = append(out.Items, j)
			}
			if len(rows) < pageMost {
				return nil
			}
			at = rows[len(rows)-1].N
		}
	})
	return out, err
}

// JobCounts says how many jobs are remembered in each state.
func (d *DB) JobCounts(ctx context.Context) (map[connector.JobState]int64, error) {
	const op = "count jobs"
	var rows []struct {
		State connector.JobState `db:"state"`
		Count int64              `db:"count"`
	}
	if err := d.read.SelectContext(ctx, &rows, `SELECT state, COUNT(*) AS count FROM jobs GROUP BY state`); err != nil {
		return nil, failed(op, err)
	}
	out := make(map[connector.JobState]int64, len(rows))
	for _, r := range rows {
		out[r.State] = r.Count
	}
	return out, nil
}

// within reports whether a job of these tenants is for the eyes of one who sees others; none are all.
func within(job, sees []string) bool {
	if len(sees) == 0 {
		return true
	}
	return len(job) > 0 && !slices.ContainsFunc(job, func(t string) bool { return !slices.Contains(sees, t) })
}

// jobWaits counts what a job has let go and has not ended.
func jobWaits(q *reader, job int64) (count int64, err error) {
	err = q.Get(&count, `SELECT COUNT(*) FROM resent r JOIN deliveries d ON d.n = r.n WHERE r.job = ? AND d.due_ms IS NOT NULL`, job)
	return count, err
}

// Job gives one job.
func (d *DB) Job(ctx context.Context, id string) (connector.Job, error) {
	const op = "read job"
	var out connector.Job
	err := d.reading(ctx, op, func(q *reader) error {
		var rows []storedJob
		if err := q.Select(&rows, `SELECT `+jobColumns+` FROM jobs WHERE id = ?`, clean(id)); err != nil {
			return err
		}
		if len(rows) == 0 {
			return notFound(op, "job "+id)
		}
		var err error
		if out, err = rows[0].job(); err != nil {
			return err
		}
		out.Waiting, err = jobWaits(q, rows[0].N)
		return err
	})
	return out, err
}

// StopJob ends a job; what it has let go goes on. To stop it twice is fine.
func (d *DB) StopJob(ctx context.Context, id, who string) (connector.Job, error) {
	const op = "stop job"
	err := d.writer.write(ctx, op, func(t *tx) error {
		s, err := t.readJob(op, id)
		if err != nil {
			return err
		}
		switch connector.JobState(s.State) {
		case connector.JobStopped:
			return nil
		case connector.JobDone, connector.JobFailed:
			return &connector.Error{Kind: connector.Conflict, Op: op, Msg: "it has ended already: " + s.State}
		case connector.JobCollecting, connector.JobRunning:
		}
		return d.endJob(t, s, connector.JobStopped, who, "")
	})
	if err != nil {
		return connector.Job{}, err
	}
	return d.Job(ctx, id)
}

// FailJob ends a job that cannot go on.
func (d *DB) FailJob(ctx context.Context, id, why string) error {
	const op = "end job"
	return d.writer.write(ctx, op, func(t *tx) error {
		s, err := t.readJob(op, id)
		if err != nil || s.EndedMs != nil {
			return err
		}
		return d.endJob(t, s, connector.JobFailed, s.Who, why)
	})
}

// endJob ends a job. What is left of its items is taken away later, by the housekeeping.
func (d *DB) endJob(t *tx, s *storedJob, to connector.JobState, who, why string) error {
	now := millis(d.cfg.Now())
	err := t.run(`UPDATE jobs SET state = ?, error = ?, total = ?, done = ?, skipped = ?, reasons = ?, ended_ms = ? WHERE n = ?`,
		string(to), why, s.Total, s.Done, s.Skipped, s.Reasons, now, s.N)
	if err != nil {
		return err
	}
	if to != connector.JobDone {
		if err := d.goesOn(t, s); err != nil {
			return err
		}
	}
	var tenants []string
	if err := json.Unmarshal([]byte(s.Tenants), &tenants); err != nil {
		return err
	}
	return t.audit(now, who, "job "+string(to), oneTenant(tenants), s.ID, fmt.Sprintf("%s: %d found, %d done, %d skipped", s.Kind, s.Total, s.Done, s.Skipped))
}

// readJob reads a job within a write.
func (t *tx) readJob(op, id string) (*storedJob, error) {
	var s *storedJob
	err := t.read(`SELECT `+jobColumns+` FROM jobs WHERE id = ?`, []any{id}, func(r row) error {
		s = jobOf(r)
		return nil
	})
	if err == nil && s == nil {
		err = notFound(op, "job "+id)
	}
	return s, err
}

// jobOf reads a row of jobColumns.
func jobOf(r row) *storedJob {
	s := &storedJob{
		N: r.num(0), ID: r.text(1), Kind: r.text(2), Tenants: r.text(3), Request: r.text(4), Who: r.text(5), State: r.text(6),
		Total: r.num(7), Done: r.num(8), Skipped: r.num(9), Reasons: r.text(10), Progress: r.text(11), Error: r.text(12), CreatedMs: r.num(13),
	}
	if !r.null(14) {
		ended := r.num(14)
		s.EndedMs = &ended
	}
	return s
}
