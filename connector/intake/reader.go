package intake

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"todosync/connector"
)

// The values that the zero of a ReaderConfig's member stands for.
const (
	DefaultStream     = "CRM"
	DefaultConsumer   = "todosync"
	DefaultMaxAge     = 7 * 24 * time.Hour
	DefaultMaxBytes   = 4 << 30
	DefaultReplicas   = 1
	DefaultDuplicates = 2 * time.Minute // JetStream's own window; the store knows ids for much longer
)

// How long the reader waits after trouble: growing, never giving up.
const (
	firstWait = 50 * time.Millisecond
	longWait  = 5 * time.Second
)

// An Inbox takes what is read; *connector.Inbox is one. One goroutine calls it.
type Inbox interface {
	// Open says which stream is read from now on and gives the sequence up to which it has been accepted.
	Open(ctx context.Context, s connector.Stream) (uint64, error)
	// Accept commits messages that follow the position after. nil: they may be acknowledged. An error of kind Conflict
	// says that the position is another by now; after any other the same call is made again.
	Accept(ctx context.Context, after uint64, msgs []connector.Incoming) error
}

// A ReaderConfig says what is read and how the stream is made where it is missing.
type ReaderConfig struct {
	Conn  *nats.Conn   // required; see Options
	Inbox Inbox        // required
	Log   *slog.Logger // required

	Stream     string        // DefaultStream
	Consumer   string        // DefaultConsumer
	Replicas   int           // DefaultReplicas
	MaxBytes   int64         // DefaultMaxBytes; beyond it JetStream refuses new events
	MaxAge     time.Duration // DefaultMaxAge: planned events are purged when they are older
	Duplicates time.Duration // DefaultDuplicates

	// Position gives how far the store is in a stream, for a Reader that waits while another reads; see Stand. Optional.
	Position func(ctx context.Context, stream string) (uint64, error)
	// Mark remembers how far the stream has come; without one only this Reader does.
	Mark *Mark
	// Now is the clock; time.Now by default.
	Now func() time.Time
}

func (c *ReaderConfig) validate() error {
	var problems []error
	need := func(ok bool, text string) {
		if !ok {
			problems = append(problems, errors.New(text))
		}
	}
	need(c.Conn != nil, "Conn: a connection is needed")
	need(c.Inbox != nil, "Inbox: an inbox is needed")
	need(c.Log != nil, "Log: a logger is needed")
	need(c.Replicas >= 0 && c.Replicas <= 5, "Replicas: want 1 to 5")
	need(c.MaxBytes >= 0, "MaxBytes: want 1 or more")
	need(c.MaxAge >= 0, "MaxAge: want a positive duration")
	return errors.Join(problems...)
}

// defaults fills in what the zero values stand for.
func (c *ReaderConfig) defaults() {
	orText := func(v *string, d string) {
		if *v == "" {
			*v = d
		}
	}
	orText(&c.Stream, DefaultStream)
	orText(&c.Consumer, DefaultConsumer)
	if c.Replicas == 0 {
		c.Replicas = DefaultReplicas
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.MaxAge == 0 {
		c.MaxAge = DefaultMaxAge
	}
	if c.Duplicates == 0 {
		c.Duplicates = DefaultDuplicates
	}
	if c.Mark == nil {
		c.Mark = &Mark{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// A Reader reads the stream and hands it to the Inbox. Only one Reader of a stream should run at a time: two would take turns in
// deleting each other's consumer, harmlessly but slowly.
type Reader struct {
	cfg ReaderConfig
	js  jetstream.JetStream

	mu   sync.Mutex // guards view and seen
	view view
	seen cachedHealth
}

// NewReader makes a Reader.
func NewReader(cfg ReaderConfig) (*Reader, error) {
	if err := cfg.validate(); err != nil {
		return nil, errors.Join(errors.New("make the reader of the stream"), err)
	}
	cfg.defaults()
	js, err := jetstream.New(cfg.Conn)
	if err != nil {
		return nil, err
	}
	return &Reader{cfg: cfg, js: js, view: view{since: cfg.Now(), why: "starting"}}, nil
}

// Run reads until ctx ends, and then returns nil when what it had in hand is accepted or given back. Whatever goes wrong before, it
// tries again.
func (r *Reader) Run(ctx context.Context) error {
	status := r.cfg.Conn.StatusChanged(nats.CONNECTED)
	defer r.cfg.Conn.RemoveStatusListener(status)
	r.set(func(v *view) { v.seated, v.why = true, "starting" })
	wait := firstWait
	for ctx.Err() == nil {
		began := r.cfg.Now()
		err := r.session(ctx)
		if ctx.Err() != nil {
			break
		}
		if r.cfg.Now().Sub(began) > 2*longWait {
			wait = firstWait
		}
		r.trouble(ctx, err, wait)
		r.pause(ctx, wait, status)
		wait = min(2*wait, longWait)
	}
	r.stopped()
	return nil
}

// pause waits, but not longer than until the connection is back or ctx ends.
func (r *Reader) pause(ctx context.Context, d time.Duration, connected <-chan nats.Status) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-connected:
	}
}
