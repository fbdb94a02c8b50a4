package intake_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"todosync/connector"
	"todosync/connector/intake"
	"todosync/internal/natsserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what a test waits for; a test that passes never waits so long.
const patience = 30 * time.Second

// An inbox is a store in memory. fail, where set, is asked before a batch is accepted.
type inbox struct {
	mu        sync.Mutex // guards all of it
	stream    string
	positions map[string]uint64
	got       map[string][]connector.Incoming // by stream
	opened    int
	calls     int
	fail      func(call int, msgs []connector.Incoming) error
	broken    []string // what went against the contract
}

func newInbox() *inbox {
	return &inbox{positions: map[string]uint64{}, got: map[string][]connector.Incoming{}}
}

func (b *inbox) Open(_ context.Context, s connector.Stream) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened++
	b.stream = s.String()
	return b.positions[b.stream], nil
}

func (b *inbox) Accept(ctx context.Context, after uint64, msgs []connector.Incoming) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	if b.fail != nil {
		if err := b.fail(b.calls, msgs); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if after != b.positions[b.stream] {
		return &connector.Error{Kind: connector.Conflict, Msg: "moved"}
	}
	for _, m := range msgs {
		if m.Sequence <= after {
			b.broken = append(b.broken, fmt.Sprintf("sequence %d after %d", m.Sequence, after))
		}
		after = m.Sequence
	}
	b.positions[b.stream] = after
	b.got[b.stream] = append(b.got[b.stream], msgs...)
	return nil
}

func (b *inbox) setFail(f func(call int, msgs []connector.Incoming) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = f
}

// texts are the payloads that were accepted from all streams in turn, and what was wrong about how.
func (b *inbox) texts() (texts, broken []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.got[b.stream] {
		texts = append(texts, string(m.Data))
	}
	return texts, b.broken
}

func (b *inbox) count() int { t, _ := b.texts(); return len(t) }

// A rig is an embedded NATS with a client.
type rig struct {
	t      *testing.T
	server *natsserver.Server
	conn   *nats.Conn
	js     jetstream.JetStream
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s, err := natsserver.Start(t.Context(), natsserver.Config{
		StoreDir: t.TempDir(), Listen: natsserver.NoListen, SyncInterval: time.Minute, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	r := &rig{t: t, server: s}
	r.conn = r.connect()
	if r.js, err = jetstream.New(r.conn); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) connect() *nats.Conn {
	r.t.Helper()
	nc, err := r.server.Connect("test", intake.Options(slog.New(slog.DiscardHandler))...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(nc.Close)
	return nc
}

// read starts a reader; stop ends it and waits for it.
func (r *rig) read(c intake.ReaderConfig) (reader *intake.Reader, stop func()) {
	r.t.Helper()
	if c.Conn == nil {
		c.Conn = r.connect()
	}
	c.Log = slog.New(slog.DiscardHandler)
	reader, err := intake.NewReader(c)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- reader.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				r.t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			r.t.Error("Run does not end")
		}
	})
	r.t.Cleanup(stop)
	return reader, stop
}

// publish puts numbered events into the stream, from the number on that comes after the last.
func (r *rig) publish(from, to int) {
	r.t.Helper()
	for i := from; i <= to; i++ {
		if _, err := r.js.Publish(r.t.Context(), "crm.t1.todo.create", fmt.Appendf(nil, "%d", i)); err != nil {
			r.t.Fatal(err)
		}
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for: %s", what)
		case <-tick.C:
		}
	}
}

// wantNumbers checks that exactly 1 to n were accepted, in order.
func wantNumbers(t *testing.T, b *inbox, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d events", n), func() bool { return b.count() >= n })
	got, broken := b.texts()
	if len(got) != n || len(broken) > 0 {
		t.Fatalf("want %d events, got %d; %v", n, len(got), broken)
	}
	for i, text := range got {
		if want := fmt.Sprint(i + 1); want != text {
			t.Fatalf("want event %s at place %d, got %s", want, i, text)
		}
	}
}
