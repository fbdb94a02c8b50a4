package main

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"todosync/connector"
	"todosync/internal/oasim"
)

const oneEvent = `{"tenant":"t1","kind":"todo","action":"create","id":"e1","todo":{"id":"todo-1","title":"报价单","receivers":[{"id":"u1","name":"韩梅梅"}]}}`

// TestDrain stops the server while a request is under way: it waits for the answer, stores it, and exits with 0. Nothing is
// sent again at the next start.
func TestDrain(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	sim, oa := startGeneric(t)
	sim.Reply(oasim.Late(1500 * time.Millisecond))
	p := newProcess(t)
	p.start("--apply", oneConnection(t, oa))
	p.cli("bindings", "set", "u1", "a1", "--tenant", "t1", "--connection", "one")
	event := filepath.Join(t.TempDir(), "event.json")
	write(t, event, oneEvent)
	p.cli("publish", event)
	if err := sim.Wait(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if code := p.stop(); code != 0 {
		t.Fatalf("exit code %d, want 0", code)
	}
	p.start()
	var records []connector.Record
	if err := json.Unmarshal([]byte(p.cli("records", "list", "-o", "json")), &records); err != nil {
		t.Fatal(err)
	}
	if len(records) != 1 || records[0].State != connector.Succeeded || records[0].Tries != 1 || records[0].PossiblySentTwice {
		t.Errorf("the records are %+v", records)
	}
	if code := p.stop(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if n := sim.Arrived(); n != 1 {
		t.Errorf("%d calls arrived, want 1", n)
	}
}

// TestCutOff stops the server while the OA hangs: after the drain the request is cut off, kept as an attempt without an answer, and
// sent again at the next start with the same key.
func TestCutOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	sim, oa := startGeneric(t)
	sim.Reply(oasim.Just(oasim.DoHang))
	p := newProcess(t)
	p.start("--apply", oneConnection(t, oa), "--drain", "300ms")
	p.cli("bindings", "set", "u1", "a1", "--tenant", "t1", "--connection", "one")
	event := filepath.Join(t.TempDir(), "event.json")
	write(t, event, oneEvent)
	p.cli("publish", event)
	if err := sim.Wait(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if code := p.stop(); code != 0 {
		t.Fatalf("exit code %d, want 0", code)
	}
	p.start()
	if err := sim.Wait(ctx, 2); err != nil {
		t.Fatal(err)
	}
	var records []connector.Record
	eventually(t, 20*time.Second, "the delivery has succeeded", func() bool {
		err := json.Unmarshal([]byte(p.cli("records", "list", "-o", "json")), &records)
		return err == nil && len(records) == 1 && records[0].State == connector.Succeeded
	})
	if !records[0].PossiblySentTwice {
		t.Error("possiblySentTwice is not set")
	}
	calls := sim.Calls()
	if calls[0].IdempotencyKey == "" || calls[0].IdempotencyKey != calls[1].IdempotencyKey {
		t.Errorf("the keys are %q and %q", calls[0].IdempotencyKey, calls[1].IdempotencyKey)
	}
	if shown := p.cli("records", "show", records[0].ID); !strings.Contains(shown, "attempt 2") {
		t.Errorf("records show prints\n%s", shown)
	}
}

// TestSecondProcess starts a second server on the same data folder.
func TestSecondProcess(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	p.start()
	second := newProcess(t)
	second.dir = p.dir
	second.launch()
	if code := second.wait(); code != exitFailed {
		t.Errorf("the second exits with %d, want %d", code, exitFailed)
	}
	if said := second.out.String(); !strings.Contains(said, "is in use by process") || !strings.Contains(said, p.dir) {
		t.Errorf("the second says %q", said)
	}
	// A killed server leaves no lock behind.
	p.kill()
	second.start()
}

func startGeneric(t *testing.T) (*oasim.Sim, string) {
	t.Helper()
	sim, err := oasim.New(oasim.Generic, oasim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(sim)
	t.Cleanup(s.Close)
	t.Cleanup(sim.Close) // first, so that nothing hangs
	return sim, s.URL
}

func oneConnection(t *testing.T, oa string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "connections.yaml")
	write(t, file, genericConnection("t1", "one", oa, ""))
	return file
}
