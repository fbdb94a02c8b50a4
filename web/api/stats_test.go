package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestNumbersOverTime(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	times := struct {
		Series struct {
			From, To string
			Buckets  []struct{ At string }
		}
	}{}
	a := s.do(ask{path: "/stats?tenant=t1&connection=oa&from=2026-01-01T00:03:00Z&to=2026-01-01T01:00:00Z&step=1m"})
	if err := json.Unmarshal([]byte(a.body), &times); err != nil || a.status != 200 {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	if times.Series.From != "2026-01-01T00:00:00.000Z" || len(times.Series.Buckets) != 6 || times.Series.Buckets[5].At != "2026-01-01T00:50:00.000Z" {
		t.Errorf("want six buckets of ten minutes, the shortest that is kept, got %+v", times)
	}
	f := s.b.series[0]
	if f.Tenants[0] != "t1" || f.Names[0] != "oa" || f.Step != time.Minute || f.To.Sub(f.From) != 57*time.Minute {
		t.Errorf("asked for %+v", f)
	}
	for text, want := range map[string]string{
		"step":   `"step":"10m"`,
		"rate":   `"successRate":0.8333`,
		"causes": `"causes":[{"class":"business","code":"1001","count":1}]`,
		"empty":  `"states":{},"failedTries":{},"delayP50Ms":0,"delayP99Ms":0,"waiting":null}`,
	} {
		if !strings.Contains(a.body, want) {
			t.Errorf("%s: %s is not in %s", text, want, a.body)
		}
	}

	// Without a span there is none, and by default it is a day.
	if a := s.do(ask{path: "/stats"}); strings.Contains(a.body, "series") {
		t.Errorf("got %s", a.body)
	}
	s.do(ask{path: "/stats?step=1h"})
	if f := s.b.series[len(s.b.series)-1]; f.Step != time.Hour || f.To.Sub(f.From) != 24*time.Hour {
		t.Errorf("asked for %+v", f)
	}
	for span, want := range map[time.Duration]time.Duration{
		time.Hour: time.Minute, 24 * time.Hour: 10 * time.Minute, 7 * 24 * time.Hour: time.Hour, 30 * 24 * time.Hour: 6 * time.Hour, 3 * 365 * 24 * time.Hour: 7 * 24 * time.Hour,
	} {
		to := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		s.do(ask{path: fmt.Sprintf("/stats?from=%s&to=%s", to.Add(-span).Format(time.RFC3339), to.Format(time.RFC3339))})
		if f := s.b.series[len(s.b.series)-1]; f.Step != want {
			t.Errorf("for %v want steps of %v, got %v", span, want, f.Step)
		}
	}
	for _, bad := range []string{
		"from=yesterday", "to=1", "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "step=0", "step=30s", "step=90s", "step=-1h", "step=xd", "step=99999d",
		"from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z&step=1m", "step=1h&step=2h", "bucket=1h", "from=1960-01-01T00:00:00Z", "step=" + url.QueryEscape("1m; DROP"),
	} {
		if a := s.do(ask{path: "/stats?" + bad}); a.status != 422 {
			t.Errorf("%s: status %d", bad, a.status)
		}
	}
	s.problem(s.do(ask{path: "/stats?step=1h", token: "-"}), 401)
	s.problem(s.do(ask{path: "/stats?step=1h", token: "nonsense"}), 401)

	// Who sees one tenant is told of no other.
	before := len(s.b.series)
	a = s.do(ask{path: "/stats?tenant=t2&step=1h", token: viewerToken})
	if len(s.b.series) != before || a.status != 200 || strings.Contains(a.body, "1001") {
		t.Errorf("another tenant's: %d %s", a.status, a.body)
	}
	s.do(ask{path: "/stats?step=1h", token: viewerToken})
	if f := s.b.series[len(s.b.series)-1]; len(f.Tenants) != 1 || f.Tenants[0] != "t1" {
		t.Errorf("who sees t1 asked for %+v", f)
	}
}
