package main

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"todosync/internal/oasim"
)

// TestMetricsOfServe sends an event through a server and reads what its metrics say of it.
func TestMetricsOfServe(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	sim, oa := startGeneric(t)
	sim.Reply(oasim.Status(http.StatusInternalServerError), oasim.Just(oasim.DoNormal))
	p := newProcess(t)
	p.start("--apply", oneConnection(t, oa))
	p.cli("bindings", "set", "u1", "a1", "--tenant", "t1", "--connection", "one")
	event := filepath.Join(t.TempDir(), "event.json")
	write(t, event, oneEvent)
	p.cli("publish", event)
	if err := sim.Wait(ctx, 2); err != nil {
		t.Fatal(err)
	}
	// Each figure is counted after the commit that it tells of, one after the other.
	lines := []string{
		`state="succeeded",tenant="t1"} 1`, `todosync_waiting{state="retrying"} 0`, "todosync_events_remembered 1\n",
		`todosync_events_total{action="create",kind="todo",outcome="planned",tenant="t1"} 1`,
		`todosync_deliveries_total{connection="one",scene="create",state="pending",tenant="t1"} 1`,
		`todosync_deliveries_total{connection="one",scene="create",state="retrying",tenant="t1"} 1`,
		`todosync_attempts_total{class="http_5xx",connection="one",tenant="t1"} 1`,
		`todosync_attempts_total{class="ok",connection="one",tenant="t1"} 1`,
		`todosync_delivery_seconds_count 1`, `todosync_attempt_seconds_count 2`, `todosync_connection_up{connection="one",tenant="t1"} 1`,
		`todosync_stream_last_sequence 1`, `todosync_stream_position 1`, `todosync_stream_lag 0`, `todosync_nats_connected 1`,
		`todosync_ready{part="store"} 1`, `todosync_workers 1`, `process_resident_memory_bytes `,
	}
	var page, missing string
	until := time.Now().Add(20 * time.Second)
	for missing = lines[0]; missing != "" && time.Now().Before(until); {
		page, missing = metricsOf(t, p), ""
		for _, line := range lines {
			if !strings.Contains(page, line) {
				missing = line
			}
		}
	}
	if missing != "" {
		t.Errorf("no line %q in\n%s", missing, page)
	}
	p.cli("connections", "backfill", "one", "--tenant", "t1")
	eventually(t, 20*time.Second, "the job is counted", func() bool {
		page = metricsOf(t, p)
		return strings.Contains(page, `todosync_jobs{state="done"} 1`)
	})
	for _, line := range []string{`todosync_jobs{state="running"} 0`, `todosync_removed_total{what="records"} 0`} {
		if !strings.Contains(page, line) {
			t.Errorf("no line %q in\n%s", line, page)
		}
	}
}

func metricsOf(t *testing.T, p *process) string {
	t.Helper()
	resp, err := http.Get("http://" + p.api + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET /metrics: %d %v", resp.StatusCode, err)
	}
	return string(b)
}

// Behind a proxy, whoever comes from this machine may come from anywhere: the metrics want a token.
func TestMetricsBehindAProxy(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	p.start("--trusted-proxies", "127.0.0.1")
	resp, err := http.Get("http://" + p.api + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d, want 401", resp.StatusCode)
	}
}
