package intake_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"todosync/connector"
	"todosync/connector/intake"
	"todosync/internal/natsserver"
)

// A countInbox takes everything and says what it has.
type countInbox struct{ taken chan int }

func (countInbox) Open(context.Context, connector.Stream) (uint64, error) { return 0, nil }

func (c countInbox) Accept(_ context.Context, _ uint64, msgs []connector.Incoming) error {
	c.taken <- len(msgs)
	return nil
}

func benchReader(b *testing.B) (jetstream.JetStream, func() chan int) {
	b.Helper()
	s, err := natsserver.Start(b.Context(), natsserver.Config{
		StoreDir: b.TempDir(), Listen: natsserver.NoListen, SyncInterval: time.Minute, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	nc, err := s.Connect("bench")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := js.CreateStream(b.Context(), jetstream.StreamConfig{Name: "CRM", Subjects: []string{"crm.>"}}); err != nil {
		b.Fatal(err)
	}
	return js, func() chan int {
		conn, err := s.Connect("reader")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(conn.Close)
		taken := make(chan int, 100_000)
		r, err := intake.NewReader(intake.ReaderConfig{Conn: conn, Inbox: countInbox{taken}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); _ = r.Run(ctx) }()
		b.Cleanup(func() { cancel(); <-done })
		return taken
	}
}

// BenchmarkDrain reads events of 1 KB that are waiting.
func BenchmarkDrain(b *testing.B) {
	js, read := benchReader(b)
	payload := make([]byte, 1000)
	for range b.N {
		if _, err := js.PublishAsync("crm.t.todo.create", payload); err != nil {
			b.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	b.ReportAllocs()
	b.ResetTimer()
	taken := read()
	for n := 0; n < b.N; n += <-taken {
	}
}

// BenchmarkLatency reads single events as they come; the time is that from before the publishing until the inbox has the event.
func BenchmarkLatency(b *testing.B) {
	js, read := benchReader(b)
	taken := read()
	payload := make([]byte, 1000)
	for b.Loop() {
		if _, err := js.Publish(b.Context(), "crm.t.todo.create", payload); err != nil {
			b.Fatal(err)
		}
		<-taken
	}
}
