package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"todosync/connector"
	"todosync/connector/intake"
	"todosync/internal/natstest"
	"todosync/internal/oasim"
	"todosync/internal/pgtest"
	"todosync/web/api"
)

// fleet makes servers that share one PostgreSQL and one NATS cluster; each has a folder of its own and the key of all.
func fleet(t *testing.T, n int) ([]*process, []string, *natstest.Cluster) {
	t.Helper()
	nc := natstest.Start(t, natstest.Config{})
	dir := t.TempDir()
	address, key := filepath.Join(dir, "store"), filepath.Join(dir, "key")
	write(t, address, pgtest.Database(t))
	if _, err := readKeys(key, filepath.Join(dir, "none"), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	var all []*process
	for range n {
		all = append(all, newProcess(t))
	}
	return all, []string{"--nats", nc.URLs(), "--stream-replicas", "3", "--store-file", address, "--key-file", key}, nc
}

// readyOf asks a server how its parts are.
func readyOf(t *testing.T, p *process) map[string]api.Part {
	t.Helper()
	resp, err := http.Get("http://" + p.api + "/readyz")
	if err != nil {
		return nil
	}
	defer func() { _ = resp.Body.Close() }()
	var body struct{ Parts []api.Part }
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	out := map[string]api.Part{}
	for _, part := range body.Parts {
		out[part.Name] = part
	}
	return out
}

// TestTwoWorkers has two servers share the work, kills the one that reads the stream, and sees the other go on within 20 seconds;
// then a third joins, a server of NATS is lost, and an orderly stop hands over at once.
func TestTwoWorkers(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	sim, err := oasim.New(oasim.Generic, oasim.Config{Latency: 2 * time.Millisecond, KeepCalls: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	oa := httptest.NewServer(sim)
	defer oa.Close()
	defer sim.Close()
	workers, args, cluster := fleet(t, 3)
	a, b, c := workers[0], workers[1], workers[2]
	file := filepath.Join(t.TempDir(), "connections.yaml")
	write(t, file, genericConnection("t1", "one", oa.URL+"/one", "")+genericConnection("t1", "two", oa.URL+"/two", ""))
	a.start(append(args, "--apply", file)...)
	var csv strings.Builder
	csv.WriteString("connection,crm_user_id,crm_user_name,oa_account,oa_user_name\n")
	for i := range 5 {
		fmt.Fprintf(&csv, "one,u%d,,a%d,\ntwo,u%d,,a%d,\n", i, i, i, i)
	}
	bindings := filepath.Join(t.TempDir(), "bindings.csv")
	write(t, bindings, csv.String())
	a.cli("bindings", "import", bindings, "--tenant", "t1")
	b.start(args...)
	eventually(t, 30*time.Second, "both know of each other and who reads", func() bool {
		ra, rb := readyOf(t, a)["workers"].Detail, readyOf(t, b)["workers"].Detail
		return strings.HasPrefix(ra, "2 workers") && strings.HasPrefix(rb, "2 workers") && strings.Contains(ra, "it reads the stream") &&
			strings.Contains(rb, "reads the stream") && !strings.Contains(rb, "it reads")
	})
	if part := readyOf(t, b)["intake"]; part.State != api.PartOK {
		t.Errorf("the one that does not read says of intake %+v", part)
	}

	nc, err := intake.Dial(intake.DialConfig{URLs: cluster.URLs(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	publisher, err := intake.NewPublisher(intake.PublisherConfig{Conn: nc})
	if err != nil {
		t.Fatal(err)
	}
	published := 0
	publish := func(n int) {
		t.Helper()
		for range n {
			publishSurely(ctx, t, publisher, killEvent(published))
			published++
		}
	}
	publish(400)
	awaitQuiet(ctx, t, b, int64(published))

	// What one is asked for reaches the other: records as they change, and settings.
	followed := make(chan string, 1)
	go func() { followed <- firstRecord(ctx, b) }()
	publish(100)
	if first := <-followed; !strings.Contains(first, "event: record") {
		t.Errorf("the stream of records of the second says %q", first)
	}

	a.kill() // it reads the stream
	died := time.Now()
	publish(200)
	eventually(t, 25*time.Second, "the other goes on", func() bool {
		part := readyOf(t, b)
		return strings.Contains(part["workers"].Detail, "it reads the stream") && part["intake"].State == api.PartOK
	})
	awaitQuiet(ctx, t, b, int64(published))
	t.Logf("all is sent %s after the kill", time.Since(died).Round(100*time.Millisecond))

	c.start(args...)
	leader := cluster.StreamLeader(t, "CRM")
	cluster.Stop(leader)
	publish(200)
	awaitQuiet(ctx, t, c, int64(published))
	cluster.Restart(t, leader)
	event := filepath.Join(t.TempDir(), "event.json")
	write(t, event, `{"tenant":"t1","kind":"todo","action":"create","id":"by-http","todo":{"id":"by-http","title":"x","receivers":[{"id":"u1"}]}}`)
	c.cli("publish", event) // over the API of one that does not read
	published++
	awaitCounted(ctx, t, c, int64(published))
	if code := b.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	stopped := time.Now()
	publish(100)
	awaitCounted(ctx, t, c, int64(published))
	t.Logf("all is sent %s after the stop", time.Since(stopped).Round(100*time.Millisecond))
	checkOrder(ctx, t, c, sim)
	if code := c.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// awaitCounted waits until all events are accepted and nothing waits.
func awaitCounted(ctx context.Context, t *testing.T, p *process, events int64) {
	t.Helper()
	a := p.client()
	var stats struct {
		Events, Waiting int64
	}
	eventually(t, time.Minute, "all is sent", func() bool {
		err := a.do(ctx, call{method: http.MethodGet, path: path("stats")}, &stats)
		return err == nil && stats.Events == events && stats.Waiting == 0
	})
}

// firstRecord reads the stream of records until something has changed.
func firstRecord(ctx context.Context, p *process) string {
	a := p.client()
	resp, err := a.open(ctx, call{method: http.MethodGet, path: path("records", "stream")})
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	var got strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(got.String(), "event: record") {
		n, err := resp.Body.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			return got.String() + err.Error()
		}
	}
	return got.String()
}

// checkOrder looks at what the OA got: per connection and todo the events come in order, and a repeat is flagged.
func checkOrder(ctx context.Context, t *testing.T, p *process, sim *oasim.Sim) {
	t.Helper()
	flagged := map[string]bool{}
	for _, raw := range recordsOf(ctx, t, p) {
		var r connector.Record
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatal(err)
		}
		flagged[r.ID] = r.PossiblySentTwice
	}
	last, keys := map[string]string{}, map[string]bool{}
	repeats := 0
	for _, c := range sim.Calls() {
		var body struct{ ID, Event string }
		if err := json.Unmarshal([]byte(c.Body), &body); err != nil {
			t.Fatalf("the OA got %q: %v", c.Body, err)
		}
		if keys[c.IdempotencyKey] {
			repeats++
			if !flagged[c.IdempotencyKey] {
				t.Errorf("%s came twice and is not flagged", body.Event)
			}
		}
		keys[c.IdempotencyKey] = true
		lane := c.Path + " " + body.ID
		if body.Event < last[lane] {
			t.Errorf("%s: %s came after %s", lane, body.Event, last[lane])
		}
		last[lane] = body.Event
	}
	t.Logf("%d calls, %d of them repeats", len(sim.Calls()), repeats)
}
