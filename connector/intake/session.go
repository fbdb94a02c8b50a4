package intake

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"todosync/connector"
)

const (
	requestLimit = 10 * time.Second // one request to JetStream's API
	acceptGrace  = 5 * time.Second  // what is being accepted when ctx ends may take so long
	// ackWait is after how long JetStream hands out again what it has had no acknowledgement for. It is no timer of ours: a gap or a lost
	// connection is noticed at once, and then the consumer is made anew.
	ackWait = time.Minute
	// maxAckPending leaves room for the queue and for what the client library holds, so that a store that is away does not stop the
	// consumer before the queue is full.
	maxAckPending = 8 * queueMessages
	// heartbeat is how often JetStream must show that it still knows of our request; after twice as long without one the consumer is made
	// anew. A request that a server took with it when it went, or gave up leading the consumer, is found out by nothing else.
	heartbeat  = 3 * time.Second
	pullExpiry = 5 * heartbeat
)

// A session is one life of the consumer: from the position of the store until something is not as it should be.
type session struct {
	r        *Reader
	stream   *stream
	position uint64 // last accepted
	consumed uint64 // the consumer's own count of deliveries; it has no gaps unless a message was lost on its way
	each     bool   // acknowledge each message apart: JetStream wants that in a work queue
	queue    *queue
	broken   chan error // why the session must end; the first cause counts
}

// session runs one session and says why it ended. All that it starts has ended when it returns.
func (r *Reader) session(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &session{r: r, queue: newQueue(), broken: make(chan error, 1)}
	status := r.cfg.Conn.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	defer r.cfg.Conn.RemoveStatusListener(status)
	if err := s.open(ctx); err != nil {
		return err
	}
	consumer, err := s.consumer(ctx)
	if err != nil {
		return err
	}
	consuming, err := consumer.Consume(s.queue.put,
		jetstream.PullMaxMessagesWithBytesLimit(queueMessages, queueBytes+int(r.cfg.Conn.MaxPayload())+64<<10),
		jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(heartbeat),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { s.fail(err) }))
	if err != nil {
		return fmt.Errorf("start reading: %w", err)
	}
	var children sync.WaitGroup
	defer func() {
		close(s.queue.done)
		consuming.Stop()
		cancel()
		children.Wait()
	}()
	children.Go(func() { s.stream.keepSmall(ctx, r) })
	children.Go(func() { s.watchEnd(ctx) })
	r.set(func(v *view) {
		v.reading, v.why, v.position, v.stream, v.consumer = true, "", s.position, s.stream.js, consumer
	})
	r.cfg.Log.InfoContext(ctx, "reading the stream", "stream", s.stream.id.String(), "after_sequence", s.position)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-s.broken:
			return err
		case <-status:
			return errors.New("the connection to NATS was lost")
		case <-s.queue.ready:
			if err := s.batch(ctx); err != nil {
				return err
			}
		}
	}
}

// fail ends the session with a cause.
func (s *session) fail(err error) {
	select {
	case s.broken <- err:
	default:
	}
}

// open finds or makes the stream, and asks the store for the position in it.
func (s *session) open(ctx context.Context) error {
	request, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	request, done := whileConnected(request, s.r.cfg.Conn)
	defer done()
	var err error
	if s.stream, err = s.r.openStream(request); err != nil {
		return err
	}
	if err := s.r.checkEnd(s.stream, s.stream.last); err != nil {
		return err
	}
	if s.position, err = s.r.cfg.Inbox.Open(ctx, s.stream.id); err != nil {
		return fmt.Errorf("read the position in the stream: %w", err)
	}
	s.stream.planned.Store(s.position)
	gone := uint64(0)
	if s.position > 0 && s.stream.first > s.position+1 {
		gone = s.stream.first - s.position - 1
		s.r.cfg.Log.WarnContext(ctx, "the stream no longer keeps what follows the store's position: have the CRM send it again",
			"stream", s.stream.id.String(), "after_sequence", s.position, "before_sequence", s.stream.first, "events", gone)
	}
	s.r.set(func(v *view) { v.gone = max(v.gone, gone) })
	return s.r.checkEnd(s.stream, s.position)
}

// consumer makes the durable consumer anew, so that it begins right after the position, whatever it has handed out to
// somebody who is gone.
func (s *session) consumer(ctx context.Context) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	ctx, done := whileConnected(ctx, s.r.cfg.Conn)
	defer done()
	cfg := jetstream.ConsumerConfig{
		Durable:       s.r.cfg.Consumer,
		Description:   "todosync reads events through it and makes it anew at each start",
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:   s.position + 1,
		AckPolicy:     jetstream.AckAllPolicy,
		AckWait:       ackWait,
		MaxAckPending: maxAckPending,
		MaxDeliver:    -1,
	}
	if !s.stream.plain {
		cfg.FilterSubject = subjects
	}
	if s.stream.workQueue {
		// What was acknowledged is gone there, so that all that is left comes after the position.
		s.each, cfg.AckPolicy, cfg.DeliverPolicy, cfg.OptStartSeq = true, jetstream.AckExplicitPolicy, jetstream.DeliverAllPolicy, 0
	}
	err := s.stream.js.DeleteConsumer(ctx, cfg.Durable)
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil, fmt.Errorf("delete the consumer %s: %w", cfg.Durable, err)
	}
	c, err := s.stream.js.CreateConsumer(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("make the consumer %s: %w", cfg.Durable, err)
	}
	return c, nil
}

// batch takes what is there and has it accepted. It returns an error when the session must end.
func (s *session) batch(ctx context.Context) error {
	taken := s.queue.take()
	if len(taken) == 0 {
		return nil
	}
	msgs := make([]connector.Incoming, 0, len(taken))
	last := s.position
	var gap error
	for i, m := range taken {
		meta, err := m.Metadata()
		if err != nil {
			gap = fmt.Errorf("read where a message stands in the stream: %w", err)
		} else if meta.Sequence.Consumer != s.consumed+1 {
			gap = fmt.Errorf("message %d of the consumer came after %d: something was lost on its way",
				meta.Sequence.Consumer, s.consumed)
		}
		if gap != nil {
			taken = taken[:i] // what came before the gap is good
			break
		}
		s.consumed = meta.Sequence.Consumer
		if meta.Sequence.Stream <= last {
			continue // accepted before, or a repeat: acknowledged below and nothing else
		}
		last = meta.Sequence.Stream
		msgs = append(msgs, connector.Incoming{
			Sequence: last, Subject: m.Subject(), Header: m.Headers(), Data: m.Data(), Time: meta.Timestamp,
		})
	}
	if err := s.accept(ctx, msgs); err != nil {
		return err
	}
	s.position = last
	s.stream.planned.Store(last)
	if s.stream.owned {
		s.stream.fill.add(msgs)
	}
	s.r.set(func(v *view) { v.reading, v.why, v.position = true, "", last })
	return errors.Join(gap, s.acknowledge(taken))
}

// acknowledge tells JetStream that messages are accepted. An acknowledgement that gets lost leads to a repeat, which is
// acknowledged and nothing else.
func (s *session) acknowledge(taken []jetstream.Msg) error {
	if len(taken) == 0 {
		return nil
	}
	if !s.each {
		taken = taken[len(taken)-1:]
	}
	for _, m := range taken {
		if err := m.Ack(); err != nil {
			return fmt.Errorf("acknowledge events: %w", err)
		}
	}
	return nil
}

// accept hands messages to the Inbox until it takes them. Only the end of ctx and a position that somebody else has moved
// make it give up.
func (s *session) accept(ctx context.Context, msgs []connector.Incoming) error {
	if len(msgs) == 0 {
		return nil
	}
	log := s.r.cfg.Log
	for wait := firstWait; ; wait = min(2*wait, longWait) {
		err := s.attempt(ctx, msgs)
		switch {
		case err == nil:
			if wait > firstWait {
				log.InfoContext(ctx, "the store takes events again", "events", len(msgs))
			}
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case connector.KindOf(err) == connector.Conflict:
			return fmt.Errorf("accept events: %w", err)
		}
		if wait == firstWait {
			log.WarnContext(ctx, "the store does not take events", "error", err, "events", len(msgs), "after_sequence", s.position)
		}
		s.r.set(func(v *view) { v.reading, v.why = false, err.Error() })
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// attempt is one call of Accept. It is not cut off by the end of ctx at once, so that what is being committed then is
// known to be committed, and acknowledged.
func (s *session) attempt(ctx context.Context, msgs []connector.Incoming) error {
	call, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	grace := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(acceptGrace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-grace:
		}
	})
	defer stop()
	defer close(grace)
	return s.r.cfg.Inbox.Accept(call, s.position, msgs)
}
