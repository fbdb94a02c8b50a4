package intake_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"todosync/connector/intake"
)

// A stream that was deleted and made again is another one: its events count from its own beginning.
func TestStreamMadeAgain(t *testing.T) {
	t.Parallel()
	r, b := newRig(t), newInbox()
	reader, _ := r.read(intake.ReaderConfig{Inbox: b})
	eventually(t, "reading", func() bool { return reader.Health(t.Context()).Reading })
	r.publish(1, 10)
	wantNumbers(t, b, 10)
	if err := r.js.DeleteStream(t.Context(), "CRM"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the stream", func() bool { _, err := r.js.Stream(t.Context(), "CRM"); return err == nil })
	r.publish(1, 5)
	eventually(t, "the new stream's events", func() bool { return b.count() == 5 })
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.positions) != 2 || b.positions[b.stream] != 5 {
		t.Errorf("want a position for each of two streams, got %v", b.positions)
	}
}

// A stream that ends before the position was taken back to an older copy: reading it on would skip events in silence.
func TestStreamTakenBack(t *testing.T) {
	t.Parallel()
	r, b := newRig(t), newInbox()
	reader, stop := r.read(intake.ReaderConfig{Inbox: b})
	eventually(t, "reading", func() bool { return reader.Health(t.Context()).Reading })
	r.publish(1, 3)
	wantNumbers(t, b, 3)
	stop()
	b.mu.Lock()
	b.positions[b.stream] = 10
	b.mu.Unlock()
	nc := r.connect()
	reader, _ = r.read(intake.ReaderConfig{Inbox: b, Conn: nc})
	eventually(t, "a refusal in words", func() bool {
		h := reader.Health(t.Context())
		return !h.Reading && strings.Contains(h.Why, "older copy")
	})
	r.publish(4, 12) // beyond the position: still not to be trusted
	asked := nc.Stats().OutMsgs
	eventually(t, "another look", func() bool { return nc.Stats().OutMsgs > asked+1 })
	wantNumbers(t, b, 3)
}

// A store that is older than what the stream keeps, as after the restore of an old backup: the rest is read, and what is gone is told.
func TestPositionOlderThanTheStream(t *testing.T) {
	t.Parallel()
	r, b := newRig(t), newInbox()
	reader, stop := r.read(intake.ReaderConfig{Inbox: b})
	eventually(t, "reading", func() bool { return reader.Health(t.Context()).Reading })
	r.publish(1, 10)
	wantNumbers(t, b, 10)
	stop()
	stream, err := r.js.Stream(t.Context(), "CRM")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context(), jetstream.WithPurgeSequence(8)); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.positions[b.stream] = 3
	b.mu.Unlock()
	reader, _ = r.read(intake.ReaderConfig{Inbox: b})
	eventually(t, "the rest", func() bool { return b.count() == 13 })
	if h := reader.Health(t.Context()); h.Gone != 4 || !strings.Contains(h.Warning(), "4 events") {
		t.Errorf("want 4 events told as gone, got %+v", h)
	}
}

func TestOperatorsStream(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config  jetstream.StreamConfig
		refused string
	}{
		"limits":     {config: jetstream.StreamConfig{Subjects: []string{"crm.>"}, MaxAge: time.Hour, Description: "mine"}},
		"more in it": {config: jetstream.StreamConfig{Subjects: []string{"crm.>", "other.>"}}},
		"work queue": {config: jetstream.StreamConfig{Subjects: []string{"crm.>"}, Retention: jetstream.WorkQueuePolicy}},
		"interest":   {config: jetstream.StreamConfig{Subjects: []string{"crm.>"}, Retention: jetstream.InterestPolicy}, refused: "retention"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, b := newRig(t), newInbox()
			c.config.Name = "CRM"
			stream, err := r.js.CreateStream(t.Context(), c.config)
			if err != nil {
				t.Fatal(err)
			}
			before := stream.CachedInfo().Config
			if name == "more in it" {
				if _, err := r.js.Publish(t.Context(), "other.x", []byte("not ours")); err != nil {
					t.Fatal(err)
				}
			}
			reader, stop := r.read(intake.ReaderConfig{Inbox: b, MaxBytes: 1 << 30})
			if c.refused != "" {
				eventually(t, "a refusal", func() bool { return strings.Contains(reader.Health(t.Context()).Why, c.refused) })
				return
			}
			r.publish(1, 30)
			wantNumbers(t, b, 30)
			stop()
			r.read(intake.ReaderConfig{Inbox: b, MaxBytes: 1 << 30})
			r.publish(31, 60)
			wantNumbers(t, b, 60)
			info, err := stream.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if info.Config.MaxBytes != before.MaxBytes || info.Config.MaxAge != before.MaxAge || info.Config.Description != before.Description {
				t.Errorf("want the stream unchanged, got %+v", info.Config)
			}
		})
	}
}
