package intake

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// healthAge is how old an answer of Health may be: many may ask, NATS is asked once.
const healthAge = time.Second

// FullWarning is the share of a stream's limit from which Health.Err warns.
const FullWarning = 0.8

// Health says how reading goes.
type Health struct {
	Connected bool      // to NATS
	Reading   bool      // the consumer is there and the store takes what it gives
	Since     time.Time // since when Reading is as it is
	Why       string    // why Reading is false, for people
	Stream    string    // its name
	Position  uint64    // the sequence last accepted
	Last      uint64    // the newest sequence of the stream
	Lag       uint64    // messages that are not accepted yet
	Bytes     uint64    // what the stream holds
	MaxBytes  int64     // its limit; 0 or less: none
	Gone      uint64    // sequences that were gone from the stream before they were read, since the start: a restored store was older than that
}

// Fill is how full the stream is, 0 to 1; 0 where it has no limit.
func (h Health) Fill() float64 {
	if h.MaxBytes <= 0 {
		return 0
	}
	return float64(h.Bytes) / float64(h.MaxBytes)
}

// Warning says in words that the stream is getting full, or that events were gone before they were read; it is empty where all is well.
func (h Health) Warning() string {
	if h.Fill() < FullWarning {
		if h.Gone > 0 {
			return fmt.Sprintf("%d events were gone from stream %s before this store could read them; have the CRM send them again", h.Gone, h.Stream)
		}
		return ""
	}
	return fmt.Sprintf("stream %s is %.0f %% full, with %d events unread; when it is full, JetStream refuses new ones",
		h.Stream, 100*h.Fill(), h.Lag)
}

// A view is what Run knows of its work.
type view struct {
	reading  bool
	since    time.Time
	why      string
	fit      bool // the stream was looked at and has lost nothing
	seated   bool // Run runs
	gone     uint64
	position uint64
	stream   jetstream.Stream
	consumer jetstream.Consumer
}

// A cachedHealth is the last answer of Health.
type cachedHealth struct {
	at     time.Time
	health Health
}

// Health asks NATS how reading goes. An answer may be a second old. It is always usable: what cannot be asked is as it was last known.
func (r *Reader) Health(ctx context.Context) Health {
	r.mu.Lock()
	v, cached := r.view, r.seen
	r.mu.Unlock()
	h := cached.health
	h.Connected = r.cfg.Conn.IsConnected()
	h.Stream, h.Reading, h.Since, h.Why, h.Position, h.Gone = r.cfg.Stream, v.reading, v.since, v.why, v.position, v.gone
	if !h.Connected && h.Why == "" {
		h.Reading, h.Why = false, "NATS is not reached"
	}
	if now := r.cfg.Now(); h.Connected && v.stream != nil && now.Sub(cached.at) >= healthAge {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		r.measure(ctx, v, &h)
		r.mu.Lock()
		r.seen = cachedHealth{at: now, health: h}
		r.mu.Unlock()
	}
	h.Last = max(h.Last, h.Position) // what was read since NATS was asked
	return h
}

// measure asks for the sizes of stream and backlog.
func (r *Reader) measure(ctx context.Context, v view, h *Health) {
	info, err := v.stream.Info(ctx)
	if err != nil {
		return
	}
	h.Last, h.Bytes, h.MaxBytes = info.State.LastSeq, info.State.Bytes, info.Config.MaxBytes
	h.Lag = 0
	if h.Last > v.position {
		h.Lag = h.Last - v.position
	}
	if v.consumer == nil {
		return
	}
	if c, err := v.consumer.Info(ctx); err == nil {
		h.Lag = c.NumPending + uint64(max(c.NumAckPending, 0))
	}
}

// set changes the view.
func (r *Reader) set(change func(v *view)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.view.reading
	change(&r.view)
	if r.view.reading != was {
		r.view.since = r.cfg.Now()
	}
}

// trouble notes why a session ended, and logs it when it is news.
func (r *Reader) trouble(ctx context.Context, err error, wait time.Duration) {
	why := "the reader stopped"
	if err != nil {
		why = err.Error()
	}
	var news bool
	r.set(func(v *view) {
		news = v.why != why
		v.reading, v.why, v.consumer = false, why, nil
	})
	if news {
		r.cfg.Log.WarnContext(ctx, "reading the stream was interrupted", "stream", r.cfg.Stream, "error", why, "again_in", wait)
	}
}

func (r *Reader) stopped() {
	r.set(func(v *view) { v.reading, v.seated, v.why, v.consumer = false, false, "stopped", nil })
}
