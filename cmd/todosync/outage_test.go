package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"todosync/internal/natsserver"
)

// TestNATSOutage takes the operator's NATS away and brings it back: the server says so, and goes on by itself.
func TestNATSOutage(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	sim, oa := startGeneric(t)
	p := newProcess(t)
	folder := filepath.Join(t.TempDir(), "nats")
	startNATS := func() *natsserver.Server {
		t.Helper()
		s, err := natsserver.Start(ctx, natsserver.Config{StoreDir: folder, Listen: p.nats, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}
	s := startNATS()
	p.start("--nats", "nats://"+p.nats, "--apply", oneConnection(t, oa))
	p.cli("bindings", "set", "u1", "a1", "--tenant", "t1", "--connection", "one")
	event := filepath.Join(t.TempDir(), "event.json")
	write(t, event, oneEvent)
	p.cli("publish", event)
	if err := sim.Wait(ctx, 1); err != nil {
		t.Fatal(err)
	}
	s.Close()
	eventually(t, 20*time.Second, "/readyz tells of the outage", func() bool {
		status, body := p.ready()
		return status == http.StatusServiceUnavailable && strings.Contains(body, "NATS is not reached")
	})
	write(t, event, strings.NewReplacer("e1", "e2", "todo-1", "todo-2").Replace(oneEvent))
	if code, _, errs := p.try("publish", event); code != exitFailed || !strings.Contains(errs, "NATS") {
		t.Errorf("publish during the outage exits with %d: %s", code, errs)
	}
	s = startNATS()
	eventually(t, 30*time.Second, "/readyz is well again", func() bool {
		status, _ := p.ready()
		return status == http.StatusOK
	})
	p.cli("publish", event)
	if err := sim.Wait(ctx, 2); err != nil {
		t.Fatal(err)
	}
	if code := p.stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
	s.Close()
}

// ready asks how the server is.
func (p *process) ready() (status int, body string) {
	resp, err := http.Get("http://" + p.api + "/readyz")
	if err != nil {
		return 0, ""
	}
	defer func() { _ = resp.Body.Close() }()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}
