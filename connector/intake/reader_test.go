package intake_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"todosync/connector"
	"todosync/connector/intake"
)

// The heart's inbox is what the reader feeds.
var _ intake.Inbox = (*connector.Inbox)(nil)

func TestReadsInOrderAndGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	r, b := newRig(t), newInbox()
	_, stop := r.read(intake.ReaderConfig{Inbox: b})
	eventually(t, "the stream", func() bool { _, err := r.js.Stream(t.Context(), "CRM"); return err == nil })
	r.publish(1, 50)
	wantNumbers(t, b, 50)
	stop()
	r.publish(51, 60)
	_, stop = r.read(intake.ReaderConfig{Inbox: b})
	r.publish(61, 1700)
	wantNumbers(t, b, 1700)
	stop()
}

func TestStreamIsMadeAsWanted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	reader, stop := r.read(intake.ReaderConfig{Inbox: newInbox(), MaxBytes: 1 << 20})
	eventually(t, "reading", func() bool { return reader.Health(t.Context()).Reading })
	stream, err := r.js.Stream(t.Context(), "CRM")
	if err != nil {
		t.Fatal(err)
	}
	c := stream.CachedInfo().Config
	if c.Storage != jetstream.FileStorage || c.Discard != jetstream.DiscardNew || c.MaxAge != 0 || c.MaxBytes != 1<<20 ||
		c.Retention != jetstream.LimitsPolicy || c.Replicas != 1 || len(c.Subjects) != 1 || c.Subjects[0] != "crm.>" {
		t.Errorf("the stream is not as wanted: %+v", c)
	}
	stop()
	// Our own stream follows the flags.
	reader, stop = r.read(intake.ReaderConfig{Inbox: newInbox(), MaxBytes: 2 << 20})
	eventually(t, "reading", func() bool { return reader.Health(t.Context()).Reading })
	if info, err := stream.Info(t.Context()); err != nil || info.Config.MaxBytes != 2<<20 {
		t.Errorf("want the new limit, got %v %v", info.Config.MaxBytes, err)
	}
	stop()
}

// An event is acknowledged only after Accept; what was handed out to a reader that is gone is read again.
func TestNothingIsAcknowledgedBeforeItIsAccepted(t *testing.T) {
	t.Parallel()
	r, b := newRig(t), newInbox()
	b.setFail(func(int, []connector.Incoming) error { return errors.New("the disk is full") })
	reader, stop := r.read(intake.ReaderConfig{Inbox: b})
	eventually(t, "reading", func() bool { return reader.Health(t.Context()).Reading })
	r.publish(1, 20)
	eventually(t, "the trouble to be told", func() bool {
		h := reader.Health(t.Context())
		return !h.Reading && strings.Contains(h.Why, "the disk is full")
	})
	consumer, err := r.js.Consumer(t.Context(), "CRM", "todosync")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "all to be handed out", func() bool {
		info, err := consumer.Info(t.Context())
		return err == nil && info.NumAckPending == 20
	})
	if info, _ := consumer.Info(t.Context()); info.AckFloor.Stream != 0 {
		t.Errorf("want nothing acknowledged, got %d", info.AckFloor.Stream)
	}
	stop()
	b.setFail(nil)
	r.read(intake.ReaderConfig{Inbox: b})
	wantNumbers(t, b, 20)
	eventually(t, "all to be acknowledged", func() bool {
		info, err := r.js.Consumer(t.Context(), "CRM", "todosync")
		return err == nil && info.CachedInfo().AckFloor.Stream == 20 && info.CachedInfo().NumAckPending == 0
	})
}

func TestStoreErrorThenRecovery(t *testing.T) {
	t.Parallel()
	r, b := newRig(t), newInbox()
	var first [][]connector.Incoming
	b.setFail(func(call int, msgs []connector.Incoming) error {
		first = append(first, msgs)
		if call <= 3 {
			return &connector.Error{Kind: connector.Unavailable, Msg: "locked"}
		}
		return nil
	})
	began := time.Now()
	reader, _ := r.read(intake.ReaderConfig{Inbox: b})
	eventually(t, "reading", func() bool { return reader.Health(t.Context()).Reading })
	r.publish(1, 1)
	wantNumbers(t, b, 1)
	// 50, 100 and 200 ms: the same batch again, and no spinning.
	if took := time.Since(began); took < 350*time.Millisecond {
		t.Errorf("want growing waits of 350 ms together, got %s", took)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.calls != 4 || b.opened != 1 {
		t.Errorf("want 4 calls in one session, got %d in %d", b.calls, b.opened)
	}
	for _, msgs := range first {
		if len(msgs) != 1 || msgs[0].Sequence != 1 {
			t.Errorf("want the same batch again, got %v", msgs)
		}
	}
}

// Somebody else moved the position: it is read anew, and what he accepted is not offered again.
func TestConflict(t *testing.T) {
	t.Parallel()
	r, b := newRig(t), newInbox()
	reader, _ := r.read(intake.ReaderConfig{Inbox: b})
	eventually(t, "reading", func() bool { return reader.Health(t.Context()).Reading })
	r.publish(1, 2)
	wantNumbers(t, b, 2)
	b.mu.Lock()
	b.positions[b.stream] = 5
	b.mu.Unlock()
	r.publish(3, 8)
	eventually(t, "the rest", func() bool { return b.count() == 5 })
	got, broken := b.texts()
	if want := "1 2 6 7 8"; strings.Join(got, " ") != want || len(broken) > 0 {
		t.Errorf("want %s, got %v; %v", want, got, broken)
	}
}

func TestConsumerDeleted(t *testing.T) {
	t.Parallel()
	r, b := newRig(t), newInbox()
	reader, _ := r.read(intake.ReaderConfig{Inbox: b})
	eventually(t, "reading", func() bool { return reader.Health(t.Context()).Reading })
	r.publish(1, 10)
	wantNumbers(t, b, 10)
	if err := r.js.DeleteConsumer(t.Context(), "CRM", "todosync"); err != nil {
		t.Fatal(err)
	}
	r.publish(11, 20)
	wantNumbers(t, b, 20)
}

// A message that is lost on its way (here: somebody else pulls it from the consumer) is noticed by the gap and read again, in its
// place.
func TestGap(t *testing.T) {
	t.Parallel()
	r, b := newRig(t), newInbox()
	hold := make(chan struct{})
	b.setFail(func(call int, _ []connector.Incoming) error {
		if call == 1 {
			<-hold
		}
		return nil
	})
	reader, _ := r.read(intake.ReaderConfig{Inbox: b})
	eventually(t, "reading", func() bool { return reader.Health(t.Context()).Reading })
	thief, err := r.js.Consumer(t.Context(), "CRM", "todosync")
	if err != nil {
		t.Fatal(err)
	}
	// Two pulls wait at the consumer now, and it serves them in turn.
	stolen := 0
	batch, err := thief.Fetch(50, jetstream.FetchMaxWait(patience))
	if err != nil {
		t.Fatal(err)
	}
	r.publish(1, 200)
	for range batch.Messages() {
		if stolen++; stolen == 50 {
			break
		}
	}
	close(hold)
	if stolen != 50 {
		t.Fatalf("want 50 messages stolen, got %d", stolen)
	}
	wantNumbers(t, b, 200)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opened < 2 {
		t.Error("want a session that ended for the gap")
	}
}

// Messages that were deleted from the stream are no gap.
func TestHolesInTheStream(t *testing.T) {
	t.Parallel()
	r, b := newRig(t), newInbox()
	reader, stop := r.read(intake.ReaderConfig{Inbox: b})
	eventually(t, "reading", func() bool { return reader.Health(t.Context()).Reading })
	stop()
	r.publish(1, 10)
	stream, err := r.js.Stream(t.Context(), "CRM")
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{1, 5, 6, 10} {
		if err := stream.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	r.read(intake.ReaderConfig{Inbox: b})
	eventually(t, "what is left", func() bool { return b.count() == 6 })
	if got, _ := b.texts(); strings.Join(got, " ") != "2 3 4 7 8 9" {
		t.Errorf("want 2 3 4 7 8 9, got %v", got)
	}
}

// NATS is away when the reader starts, and again later; it goes on by itself.
func TestConnectionLost(t *testing.T) {
	t.Parallel()
	r, b := newRig(t), newInbox()
	nc := r.connect()
	reader, _ := r.read(intake.ReaderConfig{Inbox: b, Conn: nc})
	eventually(t, "reading", func() bool { return reader.Health(t.Context()).Reading })
	r.publish(1, 10)
	wantNumbers(t, b, 10)
	for from := 11; from <= 31; from += 10 {
		if err := nc.ForceReconnect(); err != nil {
			t.Fatal(err)
		}
		r.publish(from, from+9)
	}
	wantNumbers(t, b, 40)
	// What was under way on the lost connection would be handed out again only after a minute, so the consumer is made anew at once.
	b.mu.Lock()
	opened := b.opened
	b.mu.Unlock()
	if err := nc.ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a new session", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.opened > opened })
}

// The store knows more than JetStream: what was accepted and never acknowledged is acknowledged, and nothing else.
func TestRepeatsAreAcknowledgedAndNothingElse(t *testing.T) {
	t.Parallel()
	r, b := newRig(t), newInbox()
	if _, err := r.js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "CRM", Subjects: []string{"crm.>"}, Retention: jetstream.WorkQueuePolicy, // it hands out whatever it has
	}); err != nil {
		t.Fatal(err)
	}
	r.publish(1, 10)
	_, stop := r.read(intake.ReaderConfig{Inbox: b})
	wantNumbers(t, b, 10)
	stop()
	r.publish(11, 40)
	b.mu.Lock()
	b.positions[b.stream] = 30
	b.mu.Unlock()
	reader, _ := r.read(intake.ReaderConfig{Inbox: b})
	eventually(t, "all to be read", func() bool { h := reader.Health(t.Context()); return h.Position == 40 && h.Lag == 0 })
	got, broken := b.texts()
	if len(got) != 20 || got[10] != "31" || len(broken) > 0 {
		t.Errorf("want 1 to 10 and 31 to 40, got %v; %v", got, broken)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	r, b := newRig(t), newInbox()
	b.setFail(func(int, []connector.Incoming) error { return errors.New("away") })
	reader, _ := r.read(intake.ReaderConfig{Inbox: b, MaxBytes: 100_000})
	eventually(t, "reading", func() bool { return reader.Health(t.Context()).Reading })
	for range 9 {
		if _, err := r.js.Publish(t.Context(), "crm.t1.todo.create", make([]byte, 10_000)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "lag and fill", func() bool {
		h := reader.Health(t.Context())
		return h.Connected && h.Lag == 9 && h.Last == 9 && h.Position == 0 && h.Fill() > 0.85 && h.Fill() < 1 &&
			strings.Contains(h.Warning(), "9 events unread")
	})
	b.setFail(nil)
	eventually(t, "all read", func() bool { h := reader.Health(t.Context()); return h.Reading && h.Lag == 0 && h.Position == 9 })
}

// Large events do not come in one heap: a batch is bounded in bytes, and none of them is stuck.
func TestLargeEvents(t *testing.T) {
	t.Parallel()
	r, b := newRig(t), newInbox()
	most := 0
	b.setFail(func(_ int, msgs []connector.Incoming) error {
		size := 0
		for _, m := range msgs {
			size += len(m.Data)
		}
		most = max(most, size)
		return nil
	})
	reader, stop := r.read(intake.ReaderConfig{Inbox: b})
	eventually(t, "reading", func() bool { return reader.Health(t.Context()).Reading })
	stop()
	large := make([]byte, 2<<20-1000)
	for range 20 {
		if _, err := r.js.Publish(t.Context(), "crm.t1.todo.create", large); err != nil {
			t.Fatal(err)
		}
	}
	_, stop = r.read(intake.ReaderConfig{Inbox: b})
	eventually(t, "all of them", func() bool { return b.count() == 20 })
	stop()
	if most > 10<<20 {
		t.Errorf("want at most 10 MiB at once, got %d bytes", most)
	}
}
