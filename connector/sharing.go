package connector

import (
	"context"
	"strconv"
	"time"
)

// How long the parts of sharing take. A worker whose lease may have run out stops sending before another can have taken over.
const (
	LeaseLength = 15 * time.Second // of a worker, by the store's clock, from its last Renew on
	LeaseRenew  = 5 * time.Second  // how often a worker renews it
	LeaseTrust  = 10 * time.Second // how long a worker believes in it after the last Renew began, by its own monotonic clock
)

// A Seat is something that one worker at a time does: serving a connection, which is a seat under the connection's number, or one
// of those below.
type Seat int64

// The seats that are no connection.
const (
	SeatReader       Seat = 0  // reading the stream
	SeatJobs         Seat = -1 // running jobs: retries, pushes, backfills of many
	SeatHousekeeping Seat = -2 // retention
	SeatDigests      Seat = -3 // closing windows and sending their digests
)

// String names the seat, for logs.
func (s Seat) String() string {
	switch s {
	case SeatReader:
		return "reader"
	case SeatJobs:
		return "jobs"
	case SeatHousekeeping:
		return "housekeeping"
	case SeatDigests:
		return "digests"
	}
	return "connection " + strconv.FormatInt(int64(s), 10)
}

// Sharing is how several workers on one store share its seats. A worker has one lease; its seats are good while the lease lives,
// so that ten thousand seats cost no more to keep than one. Who takes a seat over gets a greater fencing number, and every
// commit for the seat is checked against it: a worker that was away for a while can do no harm, whatever it still believes.
// A store that only one process can open needs none of it.
//
// A worker's id names one run of one process: a process that starts again is another worker, whatever its name.
type Sharing interface {
	// Renew starts or prolongs the worker's lease by LeaseLength and says, in order of their ids, which workers have a live one. Both are
	// judged by the store's clock.
	Renew(ctx context.Context, worker string) (alive []string, err error)
	// Take gives the worker those of the seats that nobody with a live lease holds, and tells the fencing numbers of all those that
	// are its own now. What the earlier owner of a connection left Sending is put back in the same commit, as Ledger.Recover
	// does; recovered counts these deliveries.
	Take(ctx context.Context, worker string, seats []Seat) (fences map[Seat]int64, recovered int, err error)
	// Release gives up seats that the worker holds, after the last commit for them. Others may take them at once.
	Release(ctx context.Context, worker string, seats []Seat) error
	// Leave gives up all seats and the lease: the worker stops.
	Leave(ctx context.Context, worker string) error
}
