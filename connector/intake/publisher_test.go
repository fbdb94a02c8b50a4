package intake_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"todosync/connector"
	"todosync/connector/intake"
)

func TestPublish(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p, err := intake.NewPublisher(intake.PublisherConfig{Conn: r.conn})
	if err != nil {
		t.Fatal(err)
	}
	event := func(id string) connector.Incoming {
		m := connector.Incoming{Subject: intake.Subject("t1", connector.KindTodo, connector.ActionCreate), Data: []byte("{}")}
		if id != "" {
			m.Header = map[string][]string{"Nats-Msg-Id": {intake.MessageID("t1", id)}}
		}
		return m
	}
	_, _, err = p.Publish(t.Context(), event("a"))
	if connector.KindOf(err) != connector.Unavailable || !strings.Contains(err.Error(), "no stream takes the subject") {
		t.Errorf("want it said that there is no stream, got %v", err)
	}
	if _, err := r.js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "CRM", Subjects: []string{"crm.>"}, MaxBytes: 5000, Discard: jetstream.DiscardNew,
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id        string
		sequence  uint64
		duplicate bool
	}{
		{"a", 1, false},
		{"a", 1, true},
		{"b", 2, false},
		{"", 3, false},
		{"", 4, false},
		{"汉字 id", 5, false},
		{"汉字 id", 5, true},
		// These could not be told apart in a header, so the store alone tells them apart.
		{"line\nbreak", 6, false},
		{"line break", 7, false},
	} {
		m := event(c.id)
		sequence, duplicate, err := p.Publish(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		if c.sequence != sequence || c.duplicate != duplicate {
			t.Errorf("%q: want %d %t, got %d %t", c.id, c.sequence, c.duplicate, sequence, duplicate)
		}
		if len(m.Header) > 1 {
			t.Errorf("%q: the caller's headers were changed: %v", c.id, m.Header)
		}
	}
	full := event("")
	full.Data = make([]byte, 6000)
	_, _, err = p.Publish(t.Context(), full)
	if connector.KindOf(err) != connector.Unavailable || !strings.Contains(err.Error(), "full") {
		t.Errorf("want it said that the stream is full, got %v", err)
	}
	if e, _ := errors.AsType[*connector.Error](err); e == nil || !strings.Contains(e.Hint, "did not make") {
		t.Errorf("want a hint for the stream's operator, got %+v", e)
	}
	full.Data = make([]byte, 3<<20)
	if _, _, err = p.Publish(t.Context(), full); connector.KindOf(err) != connector.TooLarge {
		t.Errorf("want TooLarge, got %v", err)
	}
	other, err := intake.NewPublisher(intake.PublisherConfig{Conn: r.conn, Stream: "OTHER"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = other.Publish(t.Context(), event("")); connector.KindOf(err) != connector.Conflict {
		t.Errorf("want a conflict with the stream that has the subject, got %v", err)
	}
}

func TestStored(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p, err := intake.NewPublisher(intake.PublisherConfig{Conn: r.conn})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := r.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "CRM", Subjects: []string{"crm.>"}, AllowDirect: true})
	if err != nil {
		t.Fatal(err)
	}
	header := map[string][]string{"Nats-Msg-Id": {"t1/a"}, "ce-id": {"a"}}
	sequence, _, err := p.Publish(t.Context(), connector.Incoming{Subject: "crm.t1.todo.edit", Header: header, Data: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	m, id, found, err := p.Stored(t.Context(), sequence)
	want := connector.Stream{Name: "CRM", Created: stream.CachedInfo().Created}.String()
	if err != nil || !found || id != want || m.Subject != "crm.t1.todo.edit" || string(m.Data) != "{}" || m.Sequence != sequence ||
		len(m.Header["ce-id"]) != 1 {
		t.Errorf("want the message of %s, got %+v %s %t %v", want, m, id, found, err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, id, found, err := p.Stored(t.Context(), sequence); err != nil || found || id != want {
		t.Errorf("want it said that the message is gone, got %s %t %v", id, found, err)
	}
}

func TestDial(t *testing.T) {
	t.Parallel()
	_, err := intake.Dial(intake.DialConfig{URLs: "nats://user:hunter22@nowhere.invalid:4222", CA: "/does/not/exist", Log: discard()})
	if connector.KindOf(err) != connector.Invalid || strings.Contains(err.Error(), "hunter22") {
		t.Errorf("want an error of kind Invalid without the password, got %v", err)
	}
	// A NATS that is away is no error.
	nc, err := intake.Dial(intake.DialConfig{URLs: "nats://127.0.0.1:1", Log: discard()})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	reader, err := intake.NewReader(intake.ReaderConfig{Conn: nc, Inbox: newInbox(), Log: discard()})
	if err != nil {
		t.Fatal(err)
	}
	if h := reader.Health(t.Context()); h.Connected || h.Reading || h.Why == "" {
		t.Errorf("want it said that NATS is not reached, got %+v", h)
	}
	p, err := intake.NewPublisher(intake.PublisherConfig{Conn: nc})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Publish(t.Context(), connector.Incoming{Subject: "crm.t1.todo.create"}); connector.KindOf(err) != connector.Unavailable {
		t.Errorf("want Unavailable, got %v", err)
	}
}
