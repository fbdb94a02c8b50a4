package intake_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"todosync/connector"
	"todosync/connector/intake"
)

func openMark(t *testing.T, path string) *intake.Mark {
	t.Helper()
	m, err := intake.OpenMark(path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A stream that has lost events which nobody had read yet: the store's position says nothing of them, the mark does, and goes on to
// after a restart, when the stream has grown beyond it.
func TestStreamThatLostUnreadEvents(t *testing.T) {
	t.Parallel()
	r, b := newRig(t), newInbox()
	path := filepath.Join(t.TempDir(), "mark")
	reader, stop := r.read(intake.ReaderConfig{Inbox: b, Mark: openMark(t, path)})
	eventually(t, "reading", func() bool { return reader.Health(t.Context()).Reading })
	if err := reader.Fit(); err != nil {
		t.Fatal(err)
	}
	b.setFail(func(int, []connector.Incoming) error { return errors.New("away") })
	r.publish(1, 9)
	eventually(t, "the mark on the disk", func() bool {
		text, err := os.ReadFile(path)
		return err == nil && strings.Contains(string(text), `"last":9`)
	})
	stop()
	b.setFail(nil)
	// The same stream, as far as its name and time go, that ends earlier: the mark is told of more than there is.
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), `"last":9`, `"last":12`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		reader, stop = r.read(intake.ReaderConfig{Inbox: b, Mark: openMark(t, path)})
		eventually(t, "a refusal in words", func() bool {
			h := reader.Health(t.Context())
			return !h.Reading && strings.Contains(h.Why, "damaged") && strings.Contains(h.Why, "older copy")
		})
		p, err := intake.NewPublisher(intake.PublisherConfig{Conn: r.conn, Ready: reader.Fit})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = p.Publish(t.Context(), connector.Incoming{Subject: "crm.t1.todo.create", Data: []byte("{}")})
		if connector.KindOf(err) != connector.Unavailable || !strings.Contains(err.Error(), "sequence 12") {
			t.Errorf("round %d: want events refused, got %v", round, err)
		}
		stop()
		r.publish(10, 20) // by itself the CRM goes on
	}
	if n := b.count(); n != 0 {
		t.Errorf("want nothing read of such a stream, got %d", n)
	}
	// Another stream begins anew.
	if err := r.js.DeleteStream(t.Context(), "CRM"); err != nil {
		t.Fatal(err)
	}
	reader, _ = r.read(intake.ReaderConfig{Inbox: b, Mark: openMark(t, path)})
	eventually(t, "reading", func() bool { return reader.Health(t.Context()).Reading })
	if err := reader.Fit(); err != nil {
		t.Error(err)
	}
}

func TestOpenMarkDamaged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mark")
	if err := os.WriteFile(path, []byte("\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := intake.OpenMark(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("want an error that names the file, got %v", err)
	}
}

// Whoever waits for JetStream's answer learns at once that it will not come.
func TestPublishWhileTheConnectionIsLost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "CRM", Subjects: []string{"crm.other"}}); err != nil {
		t.Fatal(err)
	}
	// Somebody takes the event and never answers, as a stream does whose disk has failed.
	taken := make(chan *nats.Msg, 1)
	if _, err := r.connect().ChanSubscribe("crm.t1.todo.create", taken); err != nil {
		t.Fatal(err)
	}
	p, err := intake.NewPublisher(intake.PublisherConfig{Conn: r.conn})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, _, err := p.Publish(t.Context(), connector.Incoming{Subject: "crm.t1.todo.create", Data: []byte("{}")})
		done <- err
	}()
	<-taken
	r.server.Close()
	if err := <-done; connector.KindOf(err) != connector.Unavailable || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("want Unavailable at once, got %v", err)
	}
}
