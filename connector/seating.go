package connector

import "slices"

// A Seating is what a worker has of the seats that it shares with others.
type Seating struct {
	ID          string   // of this run of the worker; empty: nothing is shared
	Alive       []string // the ids of all workers with a live lease, in order; this one among them
	Connections int      // that this worker serves
	Reader      bool     // it reads the stream
	Sure        bool     // it has its lease: nobody else can have taken over what is its own
}

// Seating says which seats this worker has now.
func (w *Worker) Seating() Seating {
	s := w.share
	if s == nil {
		return Seating{}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	out := Seating{ID: s.id, Alive: slices.Clone(s.alive), Sure: s.sure()}
	for seat := range s.fences {
		if seat > 0 {
			out.Connections++
		}
	}
	_, out.Reader = s.fences[SeatReader]
	return out
}

// Fence is the fencing number of a seat that this worker has, as what is committed for it is checked against; 0: it has not got it, or
// nothing is shared.
func (w *Worker) Fence(seat Seat) int64 {
	if w.share == nil {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.share.fences[seat]
}
