package intake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"todosync/connector"
)

// publishLimit bounds the wait for JetStream's answer where the caller's context has no end.
const publishLimit = 10 * time.Second

// JetStream's codes that the client library has no name for.
const (
	codeStreamFull      jetstream.ErrorCode = 10077 // maximum bytes, messages or age exceeded
	codeNoResources     jetstream.ErrorCode = 10023 // the server's disk limit
	codeOtherStream     jetstream.ErrorCode = 10060 // the subject belongs to another stream
	codeSubjectsOverlap jetstream.ErrorCode = 10065
	codeNotClustered    jetstream.ErrorCode = 10074 // replicas were asked of a single server
	codeNoPeers         jetstream.ErrorCode = 10005 // fewer servers than replicas
)

// A PublisherConfig says where events are put.
type PublisherConfig struct {
	Conn   *nats.Conn // required
	Stream string     // DefaultStream
	// Ready says why no event can be kept now, so that it is refused at once; nil: it is always tried.
	Ready func() error
}

// A Publisher puts events into the stream. Its methods may be called from many goroutines; JetStream keeps the order in which
// calls begin only where each waits for the one before.
type Publisher struct {
	js     jetstream.JetStream
	nc     *nats.Conn
	stream string
	ready  func() error
}

// NewPublisher makes a Publisher.
func NewPublisher(cfg PublisherConfig) (*Publisher, error) {
	if cfg.Conn == nil {
		return nil, errors.New("make the publisher: Conn is needed")
	}
	if cfg.Stream == "" {
		cfg.Stream = DefaultStream
	}
	js, err := jetstream.New(cfg.Conn)
	if err != nil {
		return nil, err
	}
	return &Publisher{js: js, nc: cfg.Conn, stream: cfg.Stream, ready: cfg.Ready}, nil
}

// MessageID is the value of the header Nats-Msg-Id for an event: JetStream ignores a second message with the same one, so it
// must be unique in the stream, and ids are unique within a tenant only.
func MessageID(tenant, event string) string { return tenant + "/" + event }

// Subject is the subject of an event.
func Subject(tenant string, kind connector.Kind, action connector.Action) string {
	return "crm." + tenant + "." + string(kind) + "." + string(action)
}

// Publish puts one message into the stream and returns when JetStream has stored it, with its sequence, or that of the
// message that had the same Nats-Msg-Id before it. Subject, Header and Data of m are used. An error of kind Unavailable
// leaves open whether it was stored; with a Nats-Msg-Id it may be sent again without harm.
func (p *Publisher) Publish(ctx context.Context, m connector.Incoming) (sequence uint64, duplicate bool, err error) {
	if most := p.nc.MaxPayload(); most > 0 && int64(len(m.Data)) > most {
		return 0, false, &connector.Error{
			Kind: connector.TooLarge, Op: "publish an event", Msg: fmt.Sprintf("%d bytes; NATS takes %d at most", len(m.Data), most),
			Hint: fmt.Sprintf("an event may have %d bytes", connector.MaxPayload),
		}
	}
	if p.ready != nil {
		if err := p.ready(); err != nil {
			return 0, false, err
		}
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, publishLimit)
		defer cancel()
	}
	ctx, done := whileConnected(ctx, p.nc)
	defer done()
	header := maps.Clone(m.Header) // the client library adds to it
	if id := m.Header[jetstream.MsgIDHeader]; len(id) > 0 && !fitsHeader(id[0]) {
		delete(header, jetstream.MsgIDHeader)
	}
	msg := &nats.Msg{Subject: m.Subject, Header: header, Data: m.Data}
	ack, err := p.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(p.stream))
	if err != nil {
		return 0, false, p.refusal(ctx, err)
	}
	return ack.Sequence, ack.Duplicate, nil
}

// Stored gives the message at a sequence of the stream, and the stream's identity as the store keeps it. found is false where
// the message is gone: purged, or taken out by an operator.
func (p *Publisher) Stored(ctx context.Context, sequence uint64) (m connector.Incoming, stream string, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	js, err := p.js.Stream(ctx, p.stream)
	if err != nil {
		return m, "", false, publishError(err, p.stream)
	}
	info := js.CachedInfo()
	stream = connector.Stream{Name: info.Config.Name, Created: info.Created}.String()
	raw, err := js.GetMsg(ctx, sequence)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return m, stream, false, nil
	case err != nil:
		return m, stream, false, publishError(err, p.stream)
	}
	return connector.Incoming{
		Sequence: raw.Sequence, Subject: raw.Subject, Header: raw.Header, Data: raw.Data, Time: raw.Time,
	}, stream, true, nil
}

// fitsHeader reports whether a header keeps s as it is. Line breaks and outer blanks get lost in one, and two ids that differ
// in those alone would be taken for the same; without the header the store finds repeats by the event's own id.
func fitsHeader(s string) bool {
	return s == strings.TrimSpace(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// refusal puts into words why an event was not stored. What helps a full stream depends on whose it is.
func (p *Publisher) refusal(ctx context.Context, err error) error {
	e := publishError(err, p.stream)
	if api, known := errors.AsType[*jetstream.APIError](err); !known || api.ErrorCode != codeStreamFull {
		return e
	}
	js, err := p.js.Stream(ctx, p.stream)
	if err == nil && js.CachedInfo().Config.Metadata[ownedKey] != ownedValue {
		e.Hint = "raise the limits of that stream, or have it let go what was read: todosync never changes a stream that it did not make"
	}
	return e
}

// publishError puts JetStream's refusals into words.
func publishError(err error, stream string) *connector.Error {
	e := &connector.Error{Kind: connector.Unavailable, Op: "publish an event", Err: err}
	api, known := errors.AsType[*jetstream.APIError](err)
	switch {
	case known && api.ErrorCode == codeStreamFull:
		e.Msg = "stream " + stream + " is full, so JetStream refuses new events"
		e.Hint = "send it again in a moment: events that are planned make room; if they do not, see why nothing is read (/readyz), " +
			"or raise --stream-max-bytes"
	case known && api.ErrorCode == codeNoResources:
		e.Msg = "JetStream has no room for more, so it refuses new events"
		e.Hint = "make room on the disk of NATS, or give JetStream more there (max_file_store)"
	case known && api.ErrorCode == codeOtherStream:
		e.Msg = "the subject belongs to another stream than " + stream
		e.Hint = "name that stream by --stream, or take crm.> out of it"
		e.Kind = connector.Conflict
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		e.Msg = "no stream takes the subject"
		e.Hint = "the worker makes stream " + stream + " when it has started; see /readyz"
	case errors.Is(err, nats.ErrMaxPayload):
		e.Kind = connector.TooLarge
		e.Msg = "the event with its headers is larger than NATS takes"
		e.Hint = "send less in it"
	default:
		e.Msg = "NATS did not confirm that it stored the event"
		e.Hint = "send it again with the same id; see /readyz"
	}
	return e
}
