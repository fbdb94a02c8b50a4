package connector

import (
	"time"
)

// ResendOptions say how deliveries go again.
type ResendOptions struct {
	AsBefore  bool `json:"asBefore,omitempty"`         // as they were rendered before, not with today's mapping
	Confirmed bool `json:"confirmSucceeded,omitempty"` // also those that have succeeded: the OA gets them again
}

// A JobKind is what a job does.
type JobKind string

// The kinds of jobs.
const (
	JobRetry    JobKind = "retry"
	JobCancel   JobKind = "cancel"
	JobBackfill JobKind = "backfill"
	JobWithdraw JobKind = "withdraw" // takes a connection's open todos out of its OA, then deletes it
	JobErase    JobKind = "erase"    // takes away all that is kept of a tenant
)

// A JobState is where a job stands.
type JobState string

// The states of a job.
const (
	JobCollecting JobState = "collecting" // looks for what it concerns
	JobRunning    JobState = "running"
	JobDone       JobState = "done"
	JobStopped    JobState = "stopped" // by a person; what it had done stays done
	JobFailed     JobState = "failed"  // it could not go on; Error says why
)

// JobStates are all states of a job.
func JobStates() []JobState {
	return []JobState{JobCollecting, JobRunning, JobDone, JobStopped, JobFailed}
}

// Ended reports whether nothing more happens to a job.
func (s JobState) Ended() bool { return s == JobDone || s == JobStopped || s == JobFailed }

// A JobRequest is what a person wants done to many.
type JobRequest struct {
	Kind    JobKind
	Name    string        // for people
	Filter  RecordFilter  // of retry and cancel
	Options ResendOptions // of retry
	Key     ConnectionKey // of backfill and withdraw; of erase the tenant alone
	Cancel  bool          // of withdraw: cancel what waits before; else it is refused while anything does
	From    time.Time     // of backfill: todos whose newest event came then or later
	Lost    bool          // of backfill: see PushOptions
	Who     string
	Tenants []string // whose records it may touch; empty: all tenants'
}

// A Job does one thing to many records, paced so that live deliveries keep their delay.
type Job struct {
	JobRequest
	ID      string
	State   JobState
	Total   int64 // what it has found so far; all of it once it no longer collects
	Done    int64 // waits to be sent, or is canceled
	Skipped int64 // nothing was to be done, for one of Reasons
	Reasons map[string]int64
	Waiting int64  // of what is done: has not ended yet
	Error   string // why it failed
	Created time.Time
	Ended   time.Time
}

// States are the states of the records that a job of this kind takes where its filter names none: all that it can do something to.
func (k JobKind) States(o ResendOptions) []string {
	var states []State
	switch k {
	case JobRetry:
		states = []State{Retrying, Held, Failed, Skipped, Canceled}
		if o.Confirmed {
			states = append(states, Succeeded)
		}
	case JobCancel:
		states = []State{Pending, Retrying, Held}
	case JobBackfill, JobWithdraw, JobErase:
	}
	out := make([]string, len(states))
	for i, s := range states {
		out[i] = string(s)
	}
	return out
}

// Empty reports whether a filter chooses all records.
func (f *RecordFilter) Empty() bool {
	return len(f.Tenants)+len(f.Connections)+len(f.Scenes)+len(f.States)+len(f.Classes)+len(f.Todos)+len(f.Receivers)+len(f.Events) == 0 &&
		f.From.IsZero() && f.To.IsZero() && f.Text == ""
}

// A Load is what a connection has to do while a job feeds it.
type Load struct {
	Concurrency int
	Rate        Rate
	Held        bool // nothing goes there now
	Resent      int  // of the job's: wait, or are on their way
	Live        int  // of others': are due and wait
}

// A Pacer says how many deliveries of a job may be added to what a connection has to do. The zero Pacer is ready; one connection's
// answers depend on each other.
//
// A live event that comes must not wait for what the job has put before it. So one place of those that go at once always stays free,
// and while live deliveries have to wait there is hardly any of the job's.
type Pacer struct {
	share int // how many of the job's there may be
	tick  int
}

const paceEvery = 20 // looks after which a job goes on by one even where live deliveries wait all the time

// Room is how many may be added now. It is called once a look.
func (p *Pacer) Room(l Load) int {
	// At rest half of what may go at once, more where the OA has taken all of it by the next look. Where a rate bounds the connection, a
	// quarter of what goes in a second.
	rest, most := max(1, l.Concurrency/2), max(1, l.Concurrency-1)
	if !l.Rate.IsZero() {
		second := int(float64(l.Rate.N) * float64(time.Second) / float64(l.Rate.Per))
		rest = min(rest, max(1, second/4))
		most = rest
	}
	p.tick++
	switch {
	case l.Held:
		p.share = rest
		return 0
	case l.Live > max(1, l.Concurrency):
		p.share = 1
		if p.tick%paceEvery != 0 {
			return 0
		}
	case p.share < rest:
		p.share = rest
	case l.Resent == 0 && l.Live == 0:
		p.share = min(2*p.share, most)
	case l.Resent > rest && l.Live > 0:
		p.share = max(rest, p.share/2)
	}
	return max(0, p.share-l.Resent)
}
