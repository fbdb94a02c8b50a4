package connector

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// A Chore is one kind of what is no longer needed.
type Chore string

// The chores, in the order in which they are done: what others refer to goes last.
const (
	ChoreRejects     Chore = "rejected"    // too old, or too much
	ChoreUnbound     Chore = "unbound"     // deliveries that have waited too long for a binding; they fail
	ChoreRecords     Chore = "records"     // deliveries that have ended, with their attempts
	ChoreTodos       Chore = "todos"       // what is known of todos that are over
	ChoreEvents      Chore = "events"      // that nothing refers to any more
	ChoreTallies     Chore = "tallies"     // statistics
	ChoreJobs        Chore = "jobs"        // that have ended, and what is left of them
	ChoreRevisions   Chore = "revisions"   // of settings
	ChoreAudit       Chore = "audit"       //
	ChoreDigests     Chore = "digests"     // what was told of failures, with these
	ChoreSignOns     Chore = "sign-ons"    // the log, and tickets and proofs whose time is over
	ChoreSessions    Chore = "sessions"    // that are over, links likewise, and failed log-ins that are forgotten
	ChoreConnections Chore = "connections" // deleted ones that nothing refers to any more
)

// Chores are all chores, in their order.
func Chores() []Chore {
	return []Chore{
		ChoreRejects, ChoreUnbound, ChoreRecords, ChoreTodos, ChoreEvents, ChoreTallies, ChoreJobs, ChoreRevisions, ChoreAudit, ChoreDigests, ChoreSignOns, ChoreSessions, ChoreConnections,
	}
}

// How long is kept what no setting says.
const (
	KeepRejects   = 30 * 24 * time.Hour
	RejectedMost  = 1 << 30 // bytes of rejected messages
	KeepTodos     = 90 * 24 * time.Hour
	UnboundMost   = 90 * 24 * time.Hour // how long a delivery is held for a binding
	KeepJobs      = 90 * 24 * time.Hour
	KeepSignOns   = 180 * 24 * time.Hour
	KeepFailures  = 2 * 24 * time.Hour // after they were told; records and digests stay
	KeepAudit     = 2 * 365 * 24 * time.Hour
	AuditMost     = 1_000_000 // entries
	KeepRevisions = 365 * 24 * time.Hour
	RevisionsFew  = 50   // of a connection or tenant: kept however old
	RevisionsMost = 1000 // of a connection or tenant
)

// A Retention says how long is kept what settings say.
type Retention struct {
	Keep       time.Duration // records that did not fail, and statistics
	KeepFailed time.Duration // records that failed
	Remember   time.Duration // events and their ids, where nothing refers to them: at least as long as records
}

// A Sweep is one small step of a chore.
type Sweep struct {
	Chore     Chore
	After     string // where the step before had come to; empty: from the beginning
	Size      int    // how much to take away at most
	Retention Retention
	Now       time.Time
}

// Swept says what a step came to.
type Swept struct {
	Next    string        // the After of the next step; empty: the chore is done
	Removed int           // rows of what the chore is named for
	Held    time.Duration // how long it held the writer
	Full    bool          // it took as much as it might
}

// A Sweeper is the store as Housekeeping sees it. Each step is a transaction of its own, which others may share, and holds the writer
// for a few milliseconds.
type Sweeper interface {
	Sweep(ctx context.Context, s Sweep) (Swept, error)
}

// A HousekeepingConfig is what Housekeeping needs.
type HousekeepingConfig struct {
	Sweeper   Sweeper
	Log       *slog.Logger
	Retention Retention
	Now       func() time.Time               // time.Now by default
	Every     time.Duration                  // from one round to the next; by default a tenth of the shortest time kept, 1 s to 10 min
	Removed   func(chore Chore, removed int) // told after each step that took something away; optional
	// Look writes down how much waits, once a minute; optional.
	Look func(ctx context.Context, now time.Time) error
}

// Housekeeping takes away what is too old, in small steps with rests between them, so that nothing that is being sent or accepted waits for
// it. One at a time may run on a store; another that begins does no harm.
type Housekeeping struct{ cfg HousekeepingConfig }

// How a step of housekeeping is sized: it should hold the writer for about sweepAim, and rest thrice as long.
const (
	sweepAim   = 8 * time.Millisecond
	sweepLeast = 10
	sweepMost  = 1000
	sweepRest  = 2 * time.Millisecond // at least, so that what waits gets its turn
)

// NewHousekeeping makes a Housekeeping.
func NewHousekeeping(cfg HousekeepingConfig) (*Housekeeping, error) {
	if cfg.Sweeper == nil || cfg.Log == nil || cfg.Retention.Keep <= 0 || cfg.Retention.KeepFailed <= 0 {
		return nil, &Error{
			Kind: Invalid, Op: "new housekeeping", Msg: "incomplete", Err: errors.New("Sweeper, Log and times to keep are needed"),
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Every <= 0 {
		cfg.Every = min(max(min(cfg.Retention.Keep, cfg.Retention.KeepFailed)/10, time.Second), 10*time.Minute)
	}
	cfg.Retention.Remember = max(cfg.Retention.Remember, cfg.Retention.Keep)
	return &Housekeeping{cfg: cfg}, nil
}

// Run does rounds until ctx is done. Trouble with the store is waited out.
func (h *Housekeeping) Run(ctx context.Context) error {
	var looking sync.WaitGroup
	if h.cfg.Look != nil {
		looking.Go(func() { h.look(ctx) })
	}
	defer looking.Wait()
	for ctx.Err() == nil {
		began, removed := h.cfg.Now(), map[Chore]int{}
		for _, c := range Chores() {
			h.do(ctx, c, removed)
		}
		if len(removed) > 0 {
			h.cfg.Log.InfoContext(ctx, "tidied up", "removed", removed, "took", h.cfg.Now().Sub(began))
		}
		rest(ctx, h.cfg.Every)
	}
	return nil
}

// look has what waits written down in every minute. What could not be written is not made up for: the next minute has its own.
func (h *Housekeeping) look(ctx context.Context) {
	for ctx.Err() == nil {
		now := h.cfg.Now()
		if err := h.cfg.Look(ctx, now); err != nil && ctx.Err() == nil {
			h.cfg.Log.ErrorContext(ctx, "cannot write down what waits", "error", err)
		}
		next := now.Truncate(time.Minute).Add(time.Minute)
		rest(ctx, max(next.Sub(h.cfg.Now()), time.Second))
	}
}

// do does one chore from its beginning to its end.
func (h *Housekeeping) do(ctx context.Context, c Chore, removed map[Chore]int) {
	s := Sweep{Chore: c, Size: 4 * sweepLeast, Retention: h.cfg.Retention}
	wait := backoff{}
	for ctx.Err() == nil {
		s.Now = h.cfg.Now()
		got, err := h.cfg.Sweeper.Sweep(ctx, s)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			pause := wait.next()
			h.cfg.Log.ErrorContext(ctx, "cannot tidy up", "chore", c, "wait", pause, "error", err)
			if KindOf(err) != Unavailable && pause >= 5*time.Second {
				return // the next round tries it again; the other chores go on
			}
			rest(ctx, pause)
			continue
		}
		wait = backoff{}
		if got.Removed > 0 {
			removed[c] += got.Removed
			if h.cfg.Removed != nil {
				h.cfg.Removed(c, got.Removed)
			}
		}
		s.Size = stepSize(s.Size, got)
		if s.After = got.Next; s.After == "" {
			return
		}
		rest(ctx, max(sweepRest, 3*got.Held))
	}
}

// stepSize is how much the next step may take, after what the last one has shown.
func stepSize(size int, got Swept) int {
	switch {
	case got.Held > 2*sweepAim:
		return max(sweepLeast, size/2)
	case got.Held < sweepAim/2 && got.Full:
		return min(sweepMost, size*2)
	}
	return size
}

// rest waits, but not beyond the end of ctx.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
