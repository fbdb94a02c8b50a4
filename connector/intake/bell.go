package intake

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// What one ring of a bell carries at most; what is more goes with the next.
const ringMost = 10_000

// A Ring is what workers on one stream tell each other: where to look, never what is there. One that gets lost costs time and
// nothing else.
type Ring struct {
	From string `json:"from"` // the worker; Ring fills it in
	// Conns are connections that have fresh work or have changed.
	Conns []int64 `json:"conns,omitempty"`
	// Settings says that something in memory may be old: settings, conditions, bindings.
	Settings bool `json:"settings,omitempty"`
	// Reads says that the one who rings reads the stream.
	Reads bool `json:"reads,omitempty"`
	// Failing says that something was written down for a digest.
	Failing bool `json:"failing,omitempty"`
	// Records are the numbers of deliveries that have changed.
	Records []int64 `json:"records,omitempty"`
	// Lost says that more deliveries have changed than are told, or that a ring of From did not arrive; then From may be empty: of anybody.
	Lost bool `json:"lost,omitempty"`
	// Number counts the rings of From, so that a missing one is noticed.
	Number uint64 `json:"number,omitempty"`
}

// A BellConfig is what a Bell needs.
type BellConfig struct {
	Conn   *nats.Conn                           // required; see Options
	Log    *slog.Logger                         // required
	Name   string                               // required: of this worker, and of no other
	Stream string                               // DefaultStream: those who read the same stream hear each other
	Rung   func(ctx context.Context, ring Ring) // required: told of what others ring; one call at a time
}

// A Bell carries wake-ups between workers, over a subject that is in no stream. What is to be told while a message is on its way is
// told in the next one, together.
type Bell struct {
	cfg BellConfig

	mu       sync.Mutex // guards what follows
	conns    map[int64]bool
	records  map[int64]bool
	settings bool
	reads    bool
	failing  bool
	lost     bool // more records have changed than are told
	number   uint64
	signal   chan struct{} // holds a token while there is something to tell
}

// NewBell makes a Bell.
func NewBell(cfg BellConfig) (*Bell, error) {
	if cfg.Conn == nil || cfg.Log == nil || cfg.Rung == nil || cfg.Name == "" {
		return nil, errors.New("make the bell of the workers: Conn, Log, Name and Rung are needed")
	}
	if cfg.Stream == "" {
		cfg.Stream = DefaultStream
	}
	return &Bell{cfg: cfg, conns: map[int64]bool{}, records: map[int64]bool{}, signal: make(chan struct{}, 1)}, nil
}

// subject is where the workers of a stream ring. In no stream: it is below none of the events' subjects.
func (b *Bell) subject() string { return "todosync." + b.cfg.Stream + ".bell" }

// Ring has the other workers told. It never blocks.
func (b *Bell) Ring(r Ring) {
	b.mu.Lock()
	for _, c := range r.Conns {
		b.conns[c] = true
	}
	for _, n := range r.Records {
		if len(b.records) >= ringMost {
			b.lost = true // nobody can read them all, but who watches must know
			break
		}
		b.records[n] = true
	}
	b.settings, b.reads = b.settings || r.Settings, b.reads || r.Reads
	b.failing = b.failing || r.Failing
	b.mu.Unlock()
	signal(b.signal)
}

// take gives what is to be told.
func (b *Bell) take() Ring {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := Ring{From: b.cfg.Name, Settings: b.settings, Reads: b.reads, Failing: b.failing, Lost: b.lost, Records: slices.Sorted(maps.Keys(b.records))}
	b.number++
	r.Number = b.number
	for c := range b.conns {
		if len(r.Conns) == ringMost {
			signal(b.signal)
			break
		}
		r.Conns = append(r.Conns, c)
		delete(b.conns, c)
	}
	slices.Sort(r.Conns)
	clear(b.records)
	b.settings, b.reads, b.failing, b.lost = false, false, false, false
	return r
}

// Run rings and listens until ctx ends. It returns an error only when it cannot listen at all.
func (b *Bell) Run(ctx context.Context) error {
	heard := make(chan *nats.Msg, 1024)
	sub, err := b.cfg.Conn.ChanSubscribe(b.subject(), heard)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	back := b.cfg.Conn.StatusChanged(nats.CONNECTED)
	defer b.cfg.Conn.RemoveStatusListener(back)
	last := map[string]uint64{} // the last ring of each other worker
	// Not more often than this: what comes close together goes together.
	const pause = 5 * time.Millisecond
	rest := time.NewTimer(0)
	defer rest.Stop()
	rested := false
	for {
		ready := b.signal
		if !rested {
			ready = nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-rest.C:
			rested = true
		case <-ready:
			b.tell(b.take())
			rested = false
			rest.Reset(pause)
		case <-back: // what was rung while NATS was away has gone by
			clear(last)
			b.cfg.Rung(ctx, Ring{Lost: true})
		case m := <-heard:
			var r Ring
			if err := json.Unmarshal(m.Data, &r); err != nil {
				b.cfg.Log.WarnContext(ctx, "a wake-up of another worker cannot be read", "error", err)
				continue
			}
			if r.From == b.cfg.Name {
				continue
			}
			if before, known := last[r.From]; known && r.Number != before+1 && r.Number > 0 {
				r.Lost = true
			}
			last[r.From] = r.Number
			b.cfg.Rung(ctx, r)
		}
	}
}

// tell sends one message. One that cannot be sent is dropped: workers look for what waits by themselves now and then.
func (b *Bell) tell(r Ring) {
	text, err := json.Marshal(r)
	if err == nil {
		err = b.cfg.Conn.Publish(b.subject(), text)
	}
	if err != nil {
		b.cfg.Log.Debug("other workers were not told", "error", err)
	}
}
