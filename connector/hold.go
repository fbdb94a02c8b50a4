package connector

import "context"

// Hold runs a function while this worker has a seat that is no connection: it waits for the seat, calls run, and ends its context when the
// seat may be another's; then it waits for the seat again. One worker at a time runs the function of a seat, but for a moment in which the one
// that lost it is still on its way out: what it commits must bear that, by compare-and-set or by claiming rows.
//
// Hold returns nil when ctx is done or the worker has ended, and what run returned when it returned of its own accord; the seat is
// given up then. Without Sharing it is run(ctx). Seats are had only while Run runs.
func (w *Worker) Hold(ctx context.Context, seat Seat, run func(ctx context.Context) error) error {
	s := w.share
	if s == nil {
		return run(ctx)
	}
	h := &hold{}
	w.mu.Lock()
	s.holds[seat] = h
	w.mu.Unlock()
	defer s.unhold(seat)
	poke(s.look)
	for {
		held := s.await(ctx, seat, h)
		if held == nil {
			return nil
		}
		w.cfg.Log.InfoContext(ctx, "seat taken", "seat", seat.String(), "worker", s.id)
		err := run(held)
		if ctx.Err() != nil || held.Err() == nil {
			return err
		}
		w.cfg.Log.WarnContext(ctx, "seat lost", "seat", seat.String(), "worker", s.id)
	}
}

// await waits until a seat is surely ours, and gives the context of what is done for it; nil when it will not be.
func (s *share) await(ctx context.Context, seat Seat, h *hold) context.Context {
	w := s.worker
	w.mu.Lock()
	defer w.mu.Unlock()
	for ctx.Err() == nil && !s.ended {
		if _, ok := s.fences[seat]; ok && s.proven && s.sure() {
			held, cancel := context.WithCancel(ctx)
			h.end()
			h.cancel = cancel
			return held
		}
		s.wait(ctx)
	}
	return nil
}

// unhold gives the seat of a Hold up.
func (s *share) unhold(seat Seat) {
	w := s.worker
	w.mu.Lock()
	defer w.mu.Unlock()
	if h := s.holds[seat]; h != nil {
		h.end()
	}
	delete(s.holds, seat)
	if _, ok := s.fences[seat]; ok {
		delete(s.fences, seat)
		s.leaving[seat] = false
		poke(s.look)
	}
	s.tell()
}
