package connector

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// A JobDesk is the store as a JobWorker sees it.
type JobDesk interface {
	// OpenJobs gives the jobs that have not ended, oldest first.
	OpenJobs(ctx context.Context) ([]Job, error)
	// StepJob carries a job on by a little, in a transaction that holds the writer for a few milliseconds at most.
	StepJob(ctx context.Context, s JobStep) (JobStepped, error)
	// FailJob ends a job that cannot go on.
	FailJob(ctx context.Context, id, why string) error
}

// A JobStep is one step of a job.
type JobStep struct {
	ID    string
	Start int64                           // the connection to begin with: where the step before had come to
	Room  func(conn int64, load Load) int // how much may be added to what a connection has to do; called once a connection
}

// A JobStepped says what a step came to.
type JobStepped struct {
	Moved int   // items found, or done
	Next  int64 // the Start of the next step
	Ended bool
}

// A JobWorkerConfig is what a JobWorker needs.
type JobWorkerConfig struct {
	Desk JobDesk
	Log  *slog.Logger
}

// A JobWorker carries jobs out, all that are open in turns. One at a time may run on a store; whoever takes over goes on where the one before
// was, since all that counts is stored with each step.
type JobWorker struct {
	cfg    JobWorkerConfig
	signal chan struct{}
}

// Waits of a JobWorker.
const (
	jobPause = 20 * time.Millisecond  // after a step that moved something
	jobBlock = 100 * time.Millisecond // after a round in which nothing moved
	jobIdle  = 5 * time.Second        // while there is no job that this worker has been told of
	jobTries = 5                      // steps of a job that may fail one after the other
)

// NewJobWorker makes a JobWorker.
func NewJobWorker(cfg JobWorkerConfig) (*JobWorker, error) {
	if cfg.Desk == nil || cfg.Log == nil {
		return nil, &Error{Kind: Invalid, Op: "new job worker", Msg: "incomplete", Err: errors.New("Desk and Log are needed")}
	}
	return &JobWorker{cfg: cfg, signal: make(chan struct{}, 1)}, nil
}

// Poke says that there is a new job. It never blocks.
func (w *JobWorker) Poke() { poke(w.signal) }

// A jobRun is what a worker remembers of an open job between two steps.
type jobRun struct {
	start  int64
	pacers map[int64]*Pacer
	failed int // steps, one after the other
}

// Run carries jobs out until ctx is done. Trouble with the store is waited out.
func (w *JobWorker) Run(ctx context.Context) error {
	runs := map[string]*jobRun{}
	wait := backoff{}
	for ctx.Err() == nil {
		pause := jobIdle
		jobs, err := w.cfg.Desk.OpenJobs(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			pause = wait.next()
			w.cfg.Log.ErrorContext(ctx, "store does not answer", "op", "read jobs", "wait", pause, "error", err)
		default:
			wait = backoff{}
			if len(jobs) > 0 {
				pause = w.round(ctx, jobs, runs)
			}
		}
		w.sleep(ctx, pause)
	}
	return nil
}

// round carries each open job on by one step and says how long to wait.
func (w *JobWorker) round(ctx context.Context, jobs []Job, runs map[string]*jobRun) time.Duration {
	pause, open := jobBlock, map[string]bool{}
	for i := range jobs {
		j := &jobs[i]
		open[j.ID] = true
		r := runs[j.ID]
		if r == nil {
			r = &jobRun{pacers: map[int64]*Pacer{}}
			runs[j.ID] = r
			w.cfg.Log.InfoContext(ctx, "job runs", "job", j.ID, "kind", j.Kind, "name", j.Name, "who", j.Who)
		}
		if w.step(ctx, j, r) {
			pause = jobPause
		}
	}
	for id := range runs {
		if !open[id] {
			delete(runs, id)
		}
	}
	return pause
}

// step carries one job on and says whether something moved.
func (w *JobWorker) step(ctx context.Context, j *Job, r *jobRun) bool {
	got, err := w.cfg.Desk.StepJob(ctx, JobStep{ID: j.ID, Start: r.start, Room: func(conn int64, load Load) int {
		p := r.pacers[conn]
		if p == nil {
			p = &Pacer{}
			r.pacers[conn] = p
		}
		return p.Room(load)
	}})
	if err != nil {
		if ctx.Err() != nil || KindOf(err) == Unavailable {
			return false
		}
		r.failed++
		w.cfg.Log.ErrorContext(ctx, "job stumbles", "job", j.ID, "times", r.failed, "error", err)
		if r.failed >= jobTries {
			if err := w.cfg.Desk.FailJob(ctx, j.ID, err.Error()); err != nil {
				w.cfg.Log.ErrorContext(ctx, "job cannot be ended", "job", j.ID, "error", err)
			}
		}
		return false
	}
	r.failed, r.start = 0, got.Next
	if got.Ended {
		w.cfg.Log.InfoContext(ctx, "job ended", "job", j.ID, "kind", j.Kind, "name", j.Name)
	}
	return got.Moved > 0
}

func (w *JobWorker) sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	signal := w.signal
	if d < jobIdle {
		signal = nil // it looks soon all the same, and a pace is kept
	}
	select {
	case <-ctx.Done():
	case <-signal:
	case <-t.C:
	}
}
