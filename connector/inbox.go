package connector

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// An InboxConfig is what an Inbox needs.
type InboxConfig struct {
	Acceptor Acceptor            // required
	Wake     func(conns []int64) // told of connections that have fresh work; optional
	Log      *slog.Logger        // required
	Now      func() time.Time    // time.Now by default
	// Note is told what each batch led to, for metrics; optional.
	Note func(Accepted)
}

// An Inbox turns messages of the stream into accepted events. One goroutine uses it at a time: the reader of the stream.
type Inbox struct {
	cfg    InboxConfig
	stream Stream
}

// A Stream identifies the stream that positions belong to: one that was deleted and made again is another.
type Stream struct {
	Name    string
	Created time.Time
}

// String is the identity as the store keeps it.
func (s Stream) String() string { return s.Name + "@" + s.CreatedText() }

// CreatedText is the creation time as it stands in the ids of events that have none of their own.
func (s Stream) CreatedText() string { return s.Created.UTC().Format("20060102T150405.000000000Z") }

// NewInbox makes an Inbox.
func NewInbox(cfg InboxConfig) (*Inbox, error) {
	if cfg.Acceptor == nil || cfg.Log == nil {
		return nil, errors.New("inbox: Acceptor and Log are needed")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Inbox{cfg: cfg}, nil
}

// Open says which stream is read from now on, and gives the sequence up to which it has been accepted.
func (b *Inbox) Open(ctx context.Context, s Stream) (uint64, error) {
	b.stream = s
	return b.cfg.Acceptor.Position(ctx, s.String())
}

// Accept parses messages that follow position after, in stream order, and commits what they lead to. When it returns nil
// they may be acknowledged; an error of kind Conflict says that somebody else reads the stream, any other that the same call may
// work later.
func (b *Inbox) Accept(ctx context.Context, after uint64, msgs []Incoming) error {
	if len(msgs) == 0 {
		return nil
	}
	batch := Batch{
		Stream: b.stream.String(), After: after, Last: msgs[len(msgs)-1].Sequence,
		Items: make([]Item, len(msgs)), Now: b.cfg.Now(),
	}
	created := b.stream.CreatedText()
	for i, m := range msgs {
		e, r := ParseEvent(m, created)
		batch.Items[i] = Item{Incoming: m, Event: e, Reject: r}
	}
	got, err := b.cfg.Acceptor.Accept(ctx, batch)
	if err != nil {
		return err
	}
	if b.cfg.Note != nil {
		b.cfg.Note(got)
	}
	if got.Rejected > 0 {
		b.cfg.Log.WarnContext(ctx, "events rejected", "rejected", got.Rejected, "up_to_sequence", batch.Last)
	}
	if b.cfg.Wake != nil && len(got.Wake) > 0 {
		b.cfg.Wake(got.Wake)
	}
	return nil
}
