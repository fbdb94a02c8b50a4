package metrics_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"todosync/connector"
	"todosync/internal/metrics"
	"todosync/retry"
)

var clock = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newMetrics(t testing.TB, look func() metrics.State) (*metrics.Metrics, *prometheus.Registry) {
	t.Helper()
	if look == nil {
		look = func() metrics.State { return metrics.State{} }
	}
	registry := prometheus.NewRegistry()
	m, err := metrics.New(metrics.Config{
		Registry: registry, Look: look, Log: slog.New(slog.DiscardHandler), Version: "1.2", Now: func() time.Time { return clock },
	})
	if err != nil {
		t.Fatal(err)
	}
	return m, registry
}

func observed(tenant string, to connector.State, classes ...retry.Class) connector.Observed {
	o := connector.Observed{
		Work: &connector.Work{
			Delivery: connector.Delivery{Key: connector.ConnectionKey{Tenant: tenant, Name: "hq"}, Scene: connector.SceneCreate},
			Event:    connector.StoredEvent{Received: clock.Add(-2 * time.Second)},
		},
		Change: &connector.Change{To: to},
	}
	for _, c := range classes {
		o.Change.Attempts = append(o.Change.Attempts, connector.Attempt{Class: c, Duration: 30 * time.Millisecond})
	}
	return o
}

func TestCounters(t *testing.T) {
	t.Parallel()
	m, registry := newMetrics(t, nil)
	ctx := context.Background()
	m.Observed(ctx, observed("t1", connector.Succeeded, retry.OK))
	m.Observed(ctx, observed("t1", connector.Retrying, retry.HTTP5xx))
	m.Observed(ctx, observed("t1", connector.Succeeded, retry.HTTP4xx, retry.OK)) // the token was stale
	for range 2 {
		m.Accepted(connector.Accepted{
			Ends: []connector.EventCount{
				{Tenant: "t1", Kind: connector.KindTodo, Action: connector.ActionCreate, End: "planned", Count: 3},
				{End: connector.EndRejected, Count: 1},
			},
			States: []connector.DeliveryCount{{
				Key: connector.ConnectionKey{Tenant: "t1", Name: "hq"}, Scene: connector.SceneCreate, State: connector.Pending, Count: 3,
			}},
		})
	}
	m.Committed(3*time.Millisecond, 5)
	m.SignedOn(connector.ConnectionKey{Tenant: "t1", Name: "hq"}, "signed_on", 30*time.Millisecond)
	m.SignedOn(connector.ConnectionKey{Tenant: "t1", Name: "hq"}, "no_binding", 3*time.Millisecond)
	m.SignedOn(connector.ConnectionKey{}, "unknown", time.Millisecond)
	want := `
# HELP todosync_attempts_total Requests to OAs by the class of their answer; ok after a success.
# TYPE todosync_attempts_total counter
todosync_attempts_total{class="http_4xx",connection="hq",tenant="t1"} 1
todosync_attempts_total{class="http_5xx",connection="hq",tenant="t1"} 1
todosync_attempts_total{class="ok",connection="hq",tenant="t1"} 2
# HELP todosync_deliveries_total Deliveries by each state that they got: as planned, and after each attempt.
# TYPE todosync_deliveries_total counter
todosync_deliveries_total{connection="hq",scene="create",state="pending",tenant="t1"} 6
todosync_deliveries_total{connection="hq",scene="create",state="retrying",tenant="t1"} 1
todosync_deliveries_total{connection="hq",scene="create",state="succeeded",tenant="t1"} 2
# HELP todosync_events_total Messages of the stream by what became of them.
# TYPE todosync_events_total counter
todosync_events_total{action="",kind="",outcome="rejected",tenant=""} 2
todosync_events_total{action="create",kind="todo",outcome="planned",tenant="t1"} 6
# HELP todosync_sign_ons_total Browsers that came from an OA, by what became of them; what leads to no connection has no tenant.
# TYPE todosync_sign_ons_total counter
todosync_sign_ons_total{connection="",outcome="unknown",tenant=""} 1
todosync_sign_ons_total{connection="hq",outcome="no_binding",tenant="t1"} 1
todosync_sign_ons_total{connection="hq",outcome="signed_on",tenant="t1"} 1
`
	err := testutil.GatherAndCompare(registry, strings.NewReader(want),
		"todosync_attempts_total", "todosync_deliveries_total", "todosync_events_total", "todosync_sign_ons_total")
	if err != nil {
		t.Error(err)
	}
	page := scrape(t, m)
	for _, line := range []string{
		`todosync_delivery_seconds_bucket{le="1"} 0`, `todosync_delivery_seconds_bucket{le="2.5"} 2`, `todosync_delivery_seconds_count 2`,
		`todosync_attempt_seconds_count 4`, `todosync_store_commit_operations_sum 5`, `todosync_store_commit_seconds_bucket{le="0.005"} 1`,
		`todosync_sign_on_seconds_bucket{le="0.005"} 2`, `todosync_build_info{version="1.2"} 1`, "go_goroutines ",
	} {
		if !strings.Contains(page, line) {
			t.Errorf("no line %q in\n%s", line, page)
		}
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("promtool would say: %v %v", problems, err)
	}
}

func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// However many tenants there are, 200 stand as labels; nothing of the others gets lost.
func TestManyTenants(t *testing.T) {
	t.Parallel()
	var all []metrics.ConnectionState
	for i := range 1000 {
		all = append(all, metrics.ConnectionState{
			Key: connector.ConnectionKey{Tenant: fmt.Sprintf("t%03d", i), Name: fmt.Sprintf("c%d", i)}, Up: i != 900,
		})
	}
	m, registry := newMetrics(t, func() metrics.State { return metrics.State{Connections: all} })
	for i := range 1000 {
		m.Observed(context.Background(), observed(fmt.Sprintf("t%03d", i), connector.Succeeded, retry.OK))
	}
	m.Observed(context.Background(), observed("other", connector.Succeeded, retry.OK))
	for name, want := range map[string]int{
		"todosync_deliveries_total": metrics.MaxTenants + 1, "todosync_attempts_total": metrics.MaxTenants + 1,
		"todosync_connection_up": metrics.MaxTenants + 1,
	} {
		if n, err := testutil.GatherAndCount(registry, name); err != nil || n != want {
			t.Errorf("%s: want %d series, got %d %v", name, want, n, err)
		}
	}
	page := scrape(t, m)
	for _, line := range []string{
		`todosync_deliveries_total{connection="other",scene="create",state="succeeded",tenant="other"} 801`,
		`todosync_connection_up{connection="other",tenant="other"} 0`,
		`todosync_connection_up{connection="c7",tenant="t007"} 1`,
	} {
		if !strings.Contains(page, line) {
			t.Errorf("no line %q", line)
		}
	}
}

func fullState() metrics.State {
	return metrics.State{
		Waiting: map[connector.State]int64{connector.Pending: 3, connector.Held: 2}, Oldest: clock.Add(-time.Minute),
		Connections: []metrics.ConnectionState{
			{Key: connector.ConnectionKey{Tenant: "t1", Name: "a"}, Up: true},
			{Key: connector.ConnectionKey{Tenant: "t1", Name: "b"}, Why: "down"},
			{Key: connector.ConnectionKey{Tenant: "t2", Name: "a"}, Up: true, Why: "paused"},
		},
		Jobs: map[connector.JobState]int64{connector.JobRunning: 1}, Digests: 2, OldestDigest: clock.Add(-time.Hour), Events: 7, Rejected: 1, StoreBytes: 100, WALBytes: 10, DiskFree: 1000,
		Connected: true, Reading: true, Stream: metrics.Stream{Last: 12, Position: 9, Bytes: 60, MaxBytes: 80},
		Workers: 3, Seats: 2, Parts: map[string]bool{"store": true, "nats": false},
	}
}

func TestState(t *testing.T) {
	t.Parallel()
	asked := 0
	m, registry := newMetrics(t, func() metrics.State { asked++; return fullState() })
	m.Removed(connector.ChoreRecords, 7)
	m.Removed(connector.ChoreRecords, 5)
	page := scrape(t, m)
	for _, line := range []string{
		`todosync_waiting{state="pending"} 3`, `todosync_waiting{state="sending"} 0`, `todosync_waiting{state="retrying"} 0`,
		`todosync_waiting{state="held"} 2`, `todosync_oldest_waiting_seconds 60`, `todosync_digests_waiting 2`, `todosync_digests_oldest_waiting_seconds 3600`, `todosync_connection_up{connection="b",tenant="t1"} 0`,
		`todosync_connection_up{connection="a",tenant="t2"} 1`, `todosync_connections{held_for="down"} 1`,
		`todosync_connections{held_for="none"} 1`, `todosync_jobs{state="running"} 1`, `todosync_jobs{state="failed"} 0`,
		`todosync_removed_total{what="records"} 12`, `todosync_removed_total{what="events"} 0`, `todosync_stream_lag 3`,
		`todosync_stream_fill_ratio 0.75`, `todosync_store_wal_bytes 10`, `todosync_disk_free_bytes 1000`, `todosync_workers 3`,
		`todosync_seats 2`, `todosync_reading 1`, `todosync_ready{part="nats"} 0`, `todosync_ready{part="store"} 1`,
	} {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("no line %q in\n%s", line, page)
		}
	}
	scrape(t, m)
	if asked != 1 {
		t.Errorf("want the program asked once in a moment, got %d times", asked)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("promtool would say: %v %v", problems, err)
	}
	m, _ = newMetrics(t, func() metrics.State {
		return metrics.State{Events: -1, Rejected: -1, StoreBytes: -1, WALBytes: -1, DiskFree: -1}
	})
	page = scrape(t, m)
	for _, name := range []string{"todosync_waiting", "todosync_stream_lag", "todosync_disk_free_bytes", "todosync_store_bytes", "todosync_jobs"} {
		if strings.Contains(page, "\n"+name) {
			t.Errorf("%s is shown, and is not known", name)
		}
	}
}

// Every metric that the dashboard and the alert rules name is one that the program shows.
func TestDeployedFilesNameWhatIsThere(t *testing.T) {
	t.Parallel()
	m, _ := newMetrics(t, fullState)
	m.Observed(context.Background(), observed("t1", connector.Succeeded, retry.OK))
	m.Accepted(connector.Accepted{Ends: []connector.EventCount{{Tenant: "t1", End: "planned", Count: 1}}})
	m.Committed(time.Millisecond, 1)
	m.SignedOn(connector.ConnectionKey{Tenant: "t1", Name: "hq"}, "signed_on", time.Millisecond)
	page := scrape(t, m)
	for _, file := range []string{"alerts.yml", "grafana.json"} {
		text, err := os.ReadFile("../../deploy/" + file)
		if err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile(`\b(?:todosync|process|go)_[a-z0-9_]+\b`).FindAllString(string(text), -1)
		if len(names) < 10 {
			t.Errorf("%s: want the metrics of the program, got %v", file, names)
		}
		for _, name := range names {
			if !regexp.MustCompile(`(?m)^` + name + `(_count)?[ {]`).MatchString(page) {
				t.Errorf("%s names %s, which is not there", file, name)
			}
		}
	}
}

func BenchmarkObserved(b *testing.B) {
	m, _ := newMetrics(b, nil)
	o := observed("t1", connector.Succeeded, retry.OK)
	b.ReportAllocs()
	for b.Loop() {
		m.Observed(context.Background(), o)
	}
}

// What runs for each delivery and each commit leaves nothing to collect.
func TestHotPathAllocatesNothing(t *testing.T) {
	m, _ := newMetrics(t, nil)
	o := observed("t1", connector.Succeeded, retry.OK)
	a := connector.Accepted{Ends: []connector.EventCount{{Tenant: "t1", Kind: connector.KindTodo, End: "planned", Count: 3}}}
	if n := testing.AllocsPerRun(1000, func() {
		m.Observed(context.Background(), o)
		m.Accepted(a)
		m.Committed(time.Millisecond, 3)
	}); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
