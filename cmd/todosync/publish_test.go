package main

import (
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"todosync/connector"
	"todosync/connector/intake"
)

// TestPublishKnownID sends ids that JetStream knows: what was rejected under one can be sent corrected, what was accepted is
// counted once more, and another event is refused.
func TestPublishKnownID(t *testing.T) {
	t.Parallel()
	sim, oa := startGeneric(t)
	p := newProcess(t)
	p.start("--apply", oneConnection(t, oa))
	p.cli("bindings", "set", "u1", "a1", "--tenant", "t1", "--connection", "one")
	nc, err := intake.Dial(intake.DialConfig{URLs: "nats://" + p.nats, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	publisher, err := intake.NewPublisher(intake.PublisherConfig{Conn: nc})
	if err != nil {
		t.Fatal(err)
	}
	broken := connector.Incoming{
		Subject: "crm.t1.todo.create", Header: map[string][]string{"Nats-Msg-Id": {intake.MessageID("t1", "e1")}}, Data: []byte(`{"id":"e1"}`),
	}
	if _, _, err := publisher.Publish(t.Context(), broken); err != nil {
		t.Fatal(err)
	}
	event := filepath.Join(t.TempDir(), "event.json")
	write(t, event, oneEvent)
	if out := p.cli("publish", event); !strings.Contains(out, "1 event published, 0 of them") {
		t.Errorf("corrected: %s", out)
	}
	if err := sim.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if out := p.cli("publish", event); !strings.Contains(out, "1 of them known already") {
		t.Errorf("once more: %s", out)
	}
	eventually(t, 10*time.Second, "the repeat is counted", func() bool {
		var stories []connector.EventStory
		err := json.Unmarshal([]byte(p.cli("events", "--tenant", "t1", "--id", "e1", "-o", "json")), &stories)
		return err == nil && len(stories) == 1 && stories[0].Duplicates == 1
	})
	write(t, event, strings.Replace(oneEvent, "create", "edit", 1))
	if code, _, errs := p.try("publish", event); code != exitFailed || !strings.Contains(errs, "id: id used for another event") {
		t.Errorf("another event: exit %d %s", code, errs)
	}
}
