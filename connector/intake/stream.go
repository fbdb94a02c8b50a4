package intake

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"todosync/connector"
)

const (
	// subjects are those of all events.
	subjects = "crm.>"
	// ownedKey marks in a stream's metadata that this program made it and may keep it small.
	ownedKey   = "todosync.stream"
	ownedValue = "made by todosync"

	purgeEvery = time.Minute
	// pressed is how full the stream is before planned events are purged that are younger than MaxAge, and relieved is how full it is
	// afterwards: a CRM that emits more than the limit holds in MaxAge must not be refused for the sake of history.
	pressed  = FullWarning
	relieved = 0.7
)

// A stream is the stream as this session found it.
type stream struct {
	js        jetstream.Stream
	id        connector.Stream
	first     uint64 // its oldest sequence then
	last      uint64 // and its newest
	owned     bool   // we made it
	plain     bool   // it holds events only
	workQueue bool
	planned   atomic.Uint64 // the position, as the session moves it
	fill      fill
}

// A fill is how full the stream is, as far as this is known without asking for each batch.
type fill struct {
	mu    sync.Mutex // guards what follows
	limit int64      // of the stream, in bytes; 0 or less: none
	bytes int64      // at the last look, and of what came after it
	last  uint64     // the newest sequence that bytes counts
	fresh int64      // bytes that were planned since the last look

	press chan struct{} // holds a token when the stream is to be looked at
}

// freshShare is the share of the limit that must have been planned since the last look before another one can be worth a request.
const freshShare = 0.05

// look takes over what JetStream says.
func (f *fill) look(info *jetstream.StreamInfo) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limit = info.Config.MaxBytes
	if f.last > info.State.LastSeq {
		signal(f.press) // a batch came between the question and its answer, which is old
		return
	}
	f.fresh = 0
	f.bytes, f.last = int64(min(info.State.Bytes, math.MaxInt64)), info.State.LastSeq //nolint:gosec // bounded
}

// add counts planned messages, and asks for a purge when they fill the stream.
func (f *fill) add(msgs []connector.Incoming) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range msgs {
		size := stored(&msgs[i])
		f.fresh += size
		if msgs[i].Sequence > f.last {
			f.bytes, f.last = f.bytes+size, msgs[i].Sequence
		}
	}
	if f.limit > 0 && float64(f.bytes) > pressed*float64(f.limit) && float64(f.fresh) > freshShare*float64(f.limit) {
		f.fresh = 0
		signal(f.press)
	}
}

// stored is about how many bytes a message takes up in a stream.
func stored(m *connector.Incoming) int64 {
	size := 40 + len(m.Subject) + len(m.Data)
	for name, values := range m.Header {
		for _, v := range values {
			size += len(name) + len(v) + 4
		}
	}
	return int64(size)
}

// openStream finds the stream, or makes it.
func (r *Reader) openStream(ctx context.Context) (*stream, error) {
	js, err := r.js.Stream(ctx, r.cfg.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		js, err = r.makeStream(ctx)
	}
	if err != nil {
		return nil, r.streamError(err)
	}
	info := js.CachedInfo()
	s := &stream{
		js: js, id: connector.Stream{Name: info.Config.Name, Created: info.Created}, first: info.State.FirstSeq, last: info.State.LastSeq,
		owned: info.Config.Metadata[ownedKey] == ownedValue,
		plain: slices.Equal(info.Config.Subjects, []string{subjects}), workQueue: info.Config.Retention == jetstream.WorkQueuePolicy,
	}
	s.fill.press = make(chan struct{}, 1)
	if s.owned {
		return s, r.refit(ctx, info.Config)
	}
	return s, r.judge(info.Config)
}

// makeStream makes the stream as 01-events wants it.
func (r *Reader) makeStream(ctx context.Context) (jetstream.Stream, error) {
	js, err := r.js.CreateStream(ctx, jetstream.StreamConfig{
		Name:        r.cfg.Stream,
		Description: "events of the CRM for todosync",
		Subjects:    []string{subjects},
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew,
		Storage:     jetstream.FileStorage,
		Replicas:    r.cfg.Replicas,
		MaxBytes:    r.cfg.MaxBytes,
		Duplicates:  r.cfg.Duplicates,
		AllowDirect: true,
		Metadata:    map[string]string{ownedKey: ownedValue},
	})
	if err != nil {
		return nil, err
	}
	r.cfg.Log.InfoContext(ctx, "made the stream", "stream", r.cfg.Stream, "replicas", r.cfg.Replicas, "max_bytes", r.cfg.MaxBytes)
	return js, nil
}

// refit brings a stream of ours in line with the flags of today. Nothing that it holds is touched.
func (r *Reader) refit(ctx context.Context, now jetstream.StreamConfig) error {
	want := now
	want.Replicas, want.MaxBytes, want.Duplicates = r.cfg.Replicas, r.cfg.MaxBytes, r.cfg.Duplicates
	if want.Replicas == now.Replicas && want.MaxBytes == now.MaxBytes && want.Duplicates == now.Duplicates {
		return nil
	}
	if _, err := r.js.UpdateStream(ctx, want); err != nil {
		// It can be read as it is, and the operator can see why it is not as he wants it.
		r.cfg.Log.WarnContext(ctx, "the stream keeps its old limits", "stream", now.Name, "error", r.streamError(err))
		return nil
	}
	r.cfg.Log.InfoContext(ctx, "changed the limits of the stream", "stream", now.Name,
		"replicas", want.Replicas, "max_bytes", want.MaxBytes)
	return nil
}

// judge says what is dangerous about a stream that an operator made; it is never changed.
func (r *Reader) judge(c jetstream.StreamConfig) error {
	warn := func(text string) {
		r.cfg.Log.Warn("the stream was not made by todosync", "stream", c.Name, "note", text)
	}
	switch c.Retention {
	case jetstream.InterestPolicy:
		return &connector.Error{
			Kind: connector.Invalid, Op: "open the stream",
			Msg:  "stream " + c.Name + " forgets events while its consumer is being made anew (retention: interest)",
			Hint: "change its retention to limits",
		}
	case jetstream.LimitsPolicy:
	case jetstream.WorkQueuePolicy:
		warn("retention is workqueue: what is read is gone, so a restored backup cannot read it again")
	}
	if c.MaxAge > 0 {
		warn(fmt.Sprintf("events expire after %s, read or not", c.MaxAge))
	}
	if c.Discard == jetstream.DiscardOld && (c.MaxBytes > 0 || c.MaxMsgs > 0) {
		warn("when it is full, the oldest events go, read or not")
	}
	if len(c.Sources) == 0 && c.Mirror == nil && !slices.ContainsFunc(c.Subjects, takesEvents) {
		warn("its subjects are not crm.>, so events may not come in")
	}
	return nil
}

func takesEvents(subject string) bool { return subject == subjects || subject == ">" }

// streamError puts what an operator can mend into words.
func (r *Reader) streamError(err error) error {
	e := &connector.Error{Kind: connector.Unavailable, Op: "open the stream " + r.cfg.Stream, Err: err}
	api, _ := errors.AsType[*jetstream.APIError](err)
	switch {
	case api != nil && api.ErrorCode == codeSubjectsOverlap:
		e.Msg, e.Hint = "another stream has the subjects crm.> already", "name that stream by --stream"
	case api != nil && api.ErrorCode == codeNoResources:
		e.Msg = "NATS has no room for a stream of that size"
		e.Hint = "lower --stream-max-bytes, or give JetStream more"
	case api != nil && (api.ErrorCode == codeNotClustered || api.ErrorCode == codeNoPeers):
		e.Msg = fmt.Sprintf("NATS cannot keep %d replicas of a stream", r.cfg.Replicas)
		e.Hint = "replicas are on servers of one cluster with JetStream: wait until enough of them run, or lower --stream-replicas"
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		e.Msg, e.Hint = "NATS has no JetStream", "turn it on there: jetstream: enabled, for the account of the worker, too"
	default:
		e.Msg, e.Hint = "NATS does not answer as it should", "check that NATS runs and that its user may use $JS.API.>"
	}
	return e
}

// keepSmall purges the stream now and then and when it gets full, if it is ours, until ctx ends.
func (s *stream) keepSmall(ctx context.Context, r *Reader) {
	if !s.owned {
		return
	}
	ticker := time.NewTicker(purgeEvery)
	defer ticker.Stop()
	for {
		if err := s.purge(ctx, r); err != nil && ctx.Err() == nil {
			r.cfg.Log.WarnContext(ctx, "purging the stream was interrupted", "stream", s.id.Name, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.fill.press:
		}
	}
}

// purge removes what is planned and older than MaxAge, and, where the stream gets full, the oldest of what is planned. What
// is not planned stays, whatever its age.
func (s *stream) purge(ctx context.Context, r *Reader) error {
	ctx, cancel := context.WithTimeout(ctx, 3*requestLimit)
	defer cancel()
	info, err := s.js.Info(ctx)
	if err != nil {
		return fmt.Errorf("ask for the state of the stream: %w", err)
	}
	s.fill.look(info)
	state, planned := info.State, s.planned.Load()
	if state.Msgs == 0 || planned < state.FirstSeq {
		return nil
	}
	keep := state.FirstSeq // the first sequence that stays
	if cutoff := r.cfg.Now().Add(-r.cfg.MaxAge); state.FirstTime.Before(cutoff) {
		if keep, err = s.firstSince(ctx, cutoff, state.FirstSeq, planned+1); err != nil {
			return err
		}
	}
	if limit := info.Config.MaxBytes; limit > 0 && float64(state.Bytes) > pressed*float64(limit) {
		excess := (float64(state.Bytes) - relieved*float64(limit)) / float64(state.Bytes)
		keep = max(keep, min(state.FirstSeq+uint64(excess*float64(state.Msgs)), planned+1))
	}
	if keep <= state.FirstSeq {
		return nil
	}
	if err := s.js.Purge(ctx, jetstream.WithPurgeSequence(keep)); err != nil {
		return fmt.Errorf("purge the stream: %w", err)
	}
	r.cfg.Log.DebugContext(ctx, "purged the stream", "stream", s.id.Name, "before_sequence", keep)
	if info, err = s.js.Info(ctx); err != nil {
		return fmt.Errorf("ask for the state of the stream: %w", err)
	}
	s.fill.look(info)
	full := info.Config.MaxBytes > 0 && float64(info.State.Bytes) > pressed*float64(info.Config.MaxBytes)
	if full && s.planned.Load() >= info.State.FirstSeq {
		signal(s.fill.press) // it was filled and planned again meanwhile, and no batch need follow
	}
	return nil
}

// firstSince is the first sequence from low on, and at most high, whose message is not older than cutoff.
func (s *stream) firstSince(ctx context.Context, cutoff time.Time, low, high uint64) (uint64, error) {
	for low < high {
		mid := low + (high-low)/2
		m, err := s.js.GetMsg(ctx, mid, jetstream.WithGetMsgSubject(subjects)) // mid, or the next one that is there
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			high = mid
		case err != nil:
			return 0, fmt.Errorf("read the time of a message: %w", err)
		case m.Time.Before(cutoff):
			low = min(m.Sequence+1, high)
		default:
			high = mid
		}
	}
	return low, nil
}
