package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"todosync/connector"
	"todosync/connector/intake"
)

// TestRejects sends what no event is through NATS: each is kept with its reason, and the event behind them goes on.
func TestRejects(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
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
	const create = "crm.t1.todo.create"
	bad := []struct{ subject, data, reason string }{
		{create, `{"todo":` + strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000) + "}", "nest"},
		{create, `{"todo":{"id":"x","title":"` + strings.Repeat("a", 1<<20) + `"}}`, "bytes"},
		{create, "{\"todo\":{\"id\":\"x\",\"title\":\"\xff\xfe\"}}", "UTF-8"},
		{create, "not JSON at all", "JSON"},
		{create, "", "JSON"},
		{"crm.t1.todo.destroy", `{"todo":{"id":"x"}}`, "destroy"},
		{"crm.t1", `{"todo":{"id":"x"}}`, "crm.<tenant>.<kind>.<action>"},
		{"crm.t2.todo.delete", `{"tenant":"t1","todo":{"id":"x"}}`, "tenant"},
	}
	for _, b := range bad {
		if _, _, err := publisher.Publish(ctx, connector.Incoming{Subject: b.subject, Data: []byte(b.data)}); err != nil {
			t.Fatalf("%.40s: %v", b.data, err)
		}
	}
	if _, _, err := publisher.Publish(ctx, connector.Incoming{Subject: create, Data: []byte(oneEvent)}); err != nil {
		t.Fatal(err)
	}
	if err := sim.Wait(ctx, 1); err != nil {
		t.Fatal(err)
	}
	var list []connector.RejectedEvent
	if err := json.Unmarshal([]byte(p.cli("rejected", "list", "-o", "json")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != len(bad) {
		t.Fatalf("%d are rejected, want %d: %+v", len(list), len(bad), list)
	}
	for i, b := range bad {
		got := list[len(list)-1-i] // newest first
		if got.Subject != b.subject || got.Size != len(b.data) || !strings.Contains(got.Path+" "+got.Reason, b.reason) {
			t.Errorf("%s (%d bytes) is rejected for %q %q, want %q in it", got.Subject, got.Size, got.Path, got.Reason, b.reason)
		}
	}
	shown := p.cli("rejected", "show", list[len(list)-4].ID)
	if !strings.Contains(shown, "| not JSON at all") {
		t.Errorf("rejected show prints\n%s", shown)
	}
	if code, _, errs := p.try("rejected", "replay", list[0].ID); code != exitFailed || !strings.Contains(errs, "tenant") {
		t.Errorf("replay of what still is no event exits with %d: %s", code, errs)
	}
	// One that is refused does not keep the others from being done.
	records := func() (all []connector.Record) {
		if err := json.Unmarshal([]byte(p.cli("records", "list", "-o", "json")), &all); err != nil {
			t.Fatal(err)
		}
		return all
	}
	code, out, errs := p.try("records", "retry", "--yes", "-o", "json", "no-such-record", records()[0].ID, "nor-this")
	if code != exitFailed || !strings.Contains(errs, "no-such-record: ") || !strings.Contains(errs, "nor-this: ") || !strings.Contains(out, records()[0].ID) {
		t.Errorf("retry of one that is there and two that are not exits with %d: %s, %s", code, out, errs)
	}
	if err := sim.Wait(ctx, 2); err != nil {
		t.Errorf("the one that is there was not sent: %v", err)
	}
	if code := p.stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}
