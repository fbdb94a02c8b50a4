package intake_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"todosync/connector"
	"todosync/connector/intake"
)

func TestPurge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		planned uint64
		age     time.Duration // of all events
		bytes   int64         // limit of the stream; the events have some 24,000
		first   uint64        // sequence that is left as the first
	}{
		"young":                       {planned: 100, age: time.Hour, first: 1},
		"old and planned":             {planned: 100, age: 8 * 24 * time.Hour, first: 101},
		"old, half of it planned":     {planned: 50, age: 8 * 24 * time.Hour, first: 51},
		"old and not planned":         {planned: 0, age: 800 * 24 * time.Hour, first: 1},
		"nearly full and planned":     {planned: 100, age: time.Hour, bytes: 28_000, first: 20},
		"nearly full, little planned": {planned: 5, age: time.Hour, bytes: 28_000, first: 6},
		"nearly full, none planned":   {planned: 0, age: time.Hour, bytes: 28_000, first: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			later := func() time.Time { return time.Now().Add(c.age) }
			reader, err := intake.NewReader(intake.ReaderConfig{
				Conn: r.conn, Inbox: newInbox(), Log: discard(), MaxBytes: c.bytes, Now: later,
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := intake.Purge(t.Context(), reader, 0); err != nil { // makes the stream
				t.Fatal(err)
			}
			for range 100 {
				if _, err := r.js.Publish(t.Context(), "crm.t1.todo.create", make([]byte, 200)); err != nil {
					t.Fatal(err)
				}
			}
			if err := intake.Purge(t.Context(), reader, c.planned); err != nil {
				t.Fatal(err)
			}
			stream, err := r.js.Stream(t.Context(), "CRM")
			if err != nil {
				t.Fatal(err)
			}
			state := stream.CachedInfo().State
			if d := int64(state.FirstSeq) - int64(c.first); d < -2 || d > 2 || (c.bytes == 0 && d != 0) {
				t.Errorf("want sequence %d to be the first, got %d (%d bytes)", c.first, state.FirstSeq, state.Bytes)
			}
		})
	}
}

// A burst that fills the stream several times over is not refused longer than it takes to plan it: planned events make room at once.
func TestPurgeUnderPressure(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	reader, _ := r.read(intake.ReaderConfig{Inbox: newInbox(), MaxBytes: 50_000})
	eventually(t, "reading", func() bool { return reader.Health(t.Context()).Reading })
	for i := range 1000 { // some 240 bytes each
		eventually(t, "room", func() bool {
			_, err := r.js.Publish(t.Context(), "crm.t1.todo.create", make([]byte, 200))
			if _, full := errors.AsType[*jetstream.APIError](err); err != nil && !full {
				t.Fatalf("event %d: %v", i, err)
			}
			return err == nil
		})
	}
}

// Only some of the events are old: the line is found by their times, past holes, too.
func TestPurgeFindsTheLine(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	now := time.Now().Add(-time.Hour)
	reader, err := intake.NewReader(intake.ReaderConfig{
		Conn: r.conn, Inbox: newInbox(), Log: discard(), MaxAge: time.Hour, Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := intake.Purge(t.Context(), reader, 0); err != nil {
		t.Fatal(err)
	}
	r.publish(1, 30)
	stream, err := r.js.Stream(t.Context(), "CRM")
	if err != nil {
		t.Fatal(err)
	}
	m, err := stream.GetMsg(t.Context(), 20)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{7, 8, 15, 16} {
		if err := stream.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	now = m.Time.Add(time.Hour)
	if err := intake.Purge(t.Context(), reader, 30); err != nil {
		t.Fatal(err)
	}
	if info, err := stream.Info(t.Context()); err != nil || info.State.FirstSeq != 20 {
		t.Errorf("want sequence 20 to be the first, got %d %v", info.State.FirstSeq, err)
	}
}

// What is being committed when the reader is told to stop is committed and acknowledged.
func TestStopWhileAccepting(t *testing.T) {
	t.Parallel()
	r, b := newRig(t), newInbox()
	began, end := make(chan struct{}), make(chan struct{})
	b.setFail(func(call int, _ []connector.Incoming) error {
		if call > 1 {
			return errors.New("called again")
		}
		close(began)
		<-end
		return nil
	})
	reader, err := intake.NewReader(intake.ReaderConfig{Conn: r.conn, Inbox: b, Log: discard()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- reader.Run(ctx) }()
	eventually(t, "the stream", func() bool { _, err := r.js.Stream(t.Context(), "CRM"); return err == nil })
	r.publish(1, 1)
	<-began
	cancel()
	close(end)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantNumbers(t, b, 1)
	eventually(t, "the acknowledgement", func() bool {
		c, err := r.js.Consumer(t.Context(), "CRM", "todosync")
		return err == nil && c.CachedInfo().AckFloor.Stream == 1
	})
}
