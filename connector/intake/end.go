package intake

import (
	"context"
	"fmt"
	"time"

	"todosync/connector"
)

// lookEvery is how often the end of the stream is looked at. What came within it, was not read, and got lost is not noticed by its
// end; the check of the files at the start notices it.
const lookEvery = time.Second

// checkEnd refuses a stream that ends before known, a sequence that was in it, or before what the mark knows of it.
func (r *Reader) checkEnd(s *stream, known uint64) error {
	r.cfg.Mark.see(s.id.String(), known)
	err := r.cfg.Mark.judge(s.id, s.last)
	r.set(func(v *view) { v.fit = err == nil })
	if kept := r.cfg.Mark.save(); kept != nil {
		r.cfg.Log.Warn("a stream that loses its newest events now would not be noticed", "error", kept)
	}
	return err
}

// watchEnd has the mark follow the stream until ctx ends, and ends the session of a stream that got shorter.
func (s *session) watchEnd(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	warned := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		planned := s.stream.planned.Load() // before the question: what comes while it is under way must not look like a loss
		info, err := s.stream.js.Info(ctx)
		if err != nil || !info.Created.Equal(s.stream.id.Created) {
			continue // the session learns of it by itself
		}
		last := info.State.LastSeq
		s.r.cfg.Mark.see(s.stream.id.String(), max(last, planned))
		if err := s.r.cfg.Mark.judge(s.stream.id, last); err != nil {
			s.r.set(func(v *view) { v.fit = false })
			s.fail(err)
		}
		err = s.r.cfg.Mark.save()
		if err != nil && !warned {
			s.r.cfg.Log.WarnContext(ctx, "a stream that loses its newest events now would not be noticed", "error", err)
		}
		warned = err != nil
	}
}

// Stand looks at the stream while another worker reads it, until ctx ends, so that Fit and Health are true here too. It never makes,
// changes or reads anything, and rests while Run runs.
func (r *Reader) Stand(ctx context.Context) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		if err := r.stand(ctx); err != nil {
			r.set(func(v *view) {
				if !v.seated {
					v.fit, v.why = false, err.Error()
				}
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// stand is one look.
func (r *Reader) stand(ctx context.Context) error {
	r.mu.Lock()
	seated := r.view.seated
	r.mu.Unlock()
	if seated || r.cfg.Position == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	ctx, done := whileConnected(ctx, r.cfg.Conn)
	defer done()
	js, err := r.js.Stream(ctx, r.cfg.Stream)
	if err != nil {
		return r.streamError(err)
	}
	info := js.CachedInfo()
	id := connector.Stream{Name: info.Config.Name, Created: info.Created}
	// The position is older than the end, so that it is never beyond it in a stream that is whole.
	position, err := r.cfg.Position(ctx, id.String())
	if err != nil {
		return fmt.Errorf("read the position in the stream: %w", err)
	}
	if info, err = js.Info(ctx); err != nil {
		return r.streamError(err)
	}
	if !info.Created.Equal(id.Created) {
		return nil // it was made anew between the two
	}
	r.cfg.Mark.see(id.String(), position)
	err = r.cfg.Mark.judge(id, info.State.LastSeq)
	r.set(func(v *view) {
		if !v.seated {
			v.fit, v.why, v.position, v.stream = err == nil, "another worker reads", position, js
		}
	})
	return err
}

// Fit is nil while the stream may be given events: it was looked at, and it has all that it ever had.
func (r *Reader) Fit() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.view.fit {
		return nil
	}
	return &connector.Error{
		Kind: connector.Unavailable, Op: "publish an event", Msg: fmt.Sprintf("stream %s cannot take events: %s", r.cfg.Stream, r.view.why),
		Hint: "nothing was stored; send it again when /readyz is well",
	}
}
