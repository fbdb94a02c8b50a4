package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"todosync/connector"
	"todosync/retry"
	"todosync/web/api"
)

// overviewSays is an API that has two connections, one of them down, and an hour of numbers.
func overviewSays() map[string]any {
	at := time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	down := at.Add(50 * time.Minute)
	rate := .975
	two := int64(2)
	all := []api.ConnectionState{
		{Tenant: "t1", Name: "seeyon", Title: "致远OA"}, {Tenant: "t2", Name: "weaver", HeldFor: "down", HeldSince: &down, Message: "connection refused", Waiting: 12},
	}
	return map[string]any{
		"GET /stats": stats{
			Waiting: 12, Oldest: at, Series: seriesOf{
				From: at, To: at.Add(time.Hour), Step: "30m", Rate: &rate,
				Totals: api.Numbers{
					Events: 1234567, States: map[connector.State]int64{"succeeded": 39, "failed": 1}, P50: 12, P99: 2500, Rejected: 3, Tries: map[retry.Class]int64{"timeout": 7, "business": 1},
				},
				Buckets: []bucketOf{
					{At: at, Numbers: api.Numbers{Events: 1, States: map[connector.State]int64{"succeeded": 39}, P50: 12, P99: 2500}, Waiting: &two},
					{At: at.Add(30 * time.Minute), Numbers: api.Numbers{States: map[connector.State]int64{"failed": 1}, Tries: map[retry.Class]int64{"timeout": 7}}},
				},
				Connections: []api.ConnectionNumbers{{Tenant: "t1", Connection: "weaver", States: map[connector.State]int64{"succeeded": 39, "failed": 1}, P99: 2500}},
				Causes:      []api.FailureCause{{Class: "business", Code: "<1001>", Count: 1}},
			},
		},
		"GET /connections": func(r *http.Request) any {
			return list[api.ConnectionState]{Items: slices.DeleteFunc(slices.Clone(all), func(c api.ConnectionState) bool { return !asksFor(r, &c) })}
		},
		"GET /connections/summary": func(r *http.Request) any {
			out := sums{Health: map[string]int{}, Tenants: []string{"t1", "t2"}, Names: []string{"seeyon", "weaver"}}
			for _, c := range all {
				if asksFor(r, &c) {
					out.Connections++
					out.Health[cmp.Or(c.HeldFor, api.HealthUp)]++
					if c.HeldFor != "" {
						out.Worst = append(out.Worst, c)
					}
				}
			}
			return out
		},
		"GET /digests": map[string]any{"items": []map[string]any{{
			"id": "D1", "tenant": "t1", "title": "3 failed", "closedAt": at, "channels": []map[string]any{{"channel": "crm", "type": "crm", "state": "sent"}},
		}}},
	}
}

// asksFor reports whether a request for connections is for one of them, too.
func asksFor(r *http.Request, c *api.ConnectionState) bool {
	q := r.URL.Query()
	among := func(asked, name string) bool { return asked == "" || slices.Contains(strings.Split(asked, ", "), name) }
	return among(q.Get("tenant"), c.Tenant) && among(q.Get("connection"), c.Name)
}

// The verdict and the sums are of all connections, however many; the page asks for no more than it shows.
func TestOverviewOfVeryMany(t *testing.T) {
	t.Parallel()
	says := overviewSays()
	down := time.Date(2026, 11, 22, 4, 50, 0, 0, time.UTC)
	says["GET /connections/summary"] = func(*http.Request) any {
		out := sums{Connections: 10000, Health: map[string]int{api.HealthUp: 9930, "down": 40, "paused": 20, "disabled": 10}}
		for i := range overviewLines {
			out.Worst = append(out.Worst, api.ConnectionState{Tenant: fmt.Sprint("c", i), Name: "oa", HeldFor: "down", HeldSince: &down})
		}
		return out
	}
	s := newSite(t, says)
	// 60 are silent and more has failed, was rejected and waits; 6 findings are told.
	s.get("/?span=24h").wants(200, "9930 of 9990 connections send. 10 switched off.", "9930 up", "40 down", "20 paused", "And 9988 more", "and 57 more")
	for _, asked := range s.asked {
		if strings.Contains(asked, "limit=1000") && !strings.Contains(asked, "connection=weaver") || strings.Contains(asked, "/stats") && !strings.Contains(asked, "most=12") {
			t.Errorf("asked %s", asked)
		}
	}
}

func TestOverview(t *testing.T) {
	t.Parallel()
	s := newSite(t, overviewSays())
	p := s.get("/?span=24h").wants(200, "97.5%", "1,234,567", "2.5 s", "3 failed", "&lt;1001&gt;", "crm sent", "connection refused", "Something is wrong", "1 of 2 connections send", "12 wait: connection refused",
		`aria-current="true">24h`, "/records?class=business&amp;from=2026-11-22T04%3A00%3A00Z&amp;state=failed", `id="data-deliveries"`, "39", `hx-trigger="every 10s"`)
	if strings.Index(p.body, ">weaver<") > strings.Index(p.body, "致远OA") {
		t.Error("what is down does not come first")
	}
	s.get("/?span=24h", true).wants(200, "成功率", "有问题需要处理", "2 个连接中 1 个推送正常", "OA 不可达", "推送结果", "24 小时")
	s.get("/?live=off&span=7d").wants(200, "renew every 10 seconds").lacks(`hx-trigger="every 10s"`)
	s.get("/?tenant=t1&connection=seeyon&span=1h").wants(200, "/records?connection=seeyon", "Show all").lacks("connection refused")
	if asked := strings.Join(s.asked, "\n"); !strings.Contains(asked, "connection=seeyon&from=2026-11-22T04%3A00%3A00Z&most=12&tenant=t1&to=2026-11-22T05%3A00%3A00Z") {
		t.Errorf("asked %s", asked)
	}
}

// A part for htmx has what renews itself, the plots' numbers among it, and no frame.
func TestOverviewRenewsItself(t *testing.T) {
	t.Parallel()
	s := newSite(t, overviewSays())
	r := httptest.NewRequest(http.MethodGet, "/?span=24h", nil)
	r.Header.Set("Hx-Request", "true")
	p := s.ask(r).wants(200, "97.5%", `id="data-waiting"`, `id="live-connections" hx-swap-oob="innerHTML"`)
	p.lacks("<html", "<figure")
	var data struct {
		Times  []int64
		Series []struct {
			Label  string
			Values []*float64
		}
	}
	_, rest, _ := strings.Cut(p.body, `id="data-waiting"`)
	_, rest, _ = strings.Cut(rest, ">")
	raw, _, _ := strings.Cut(rest, "</script>")
	if err := json.Unmarshal([]byte(raw), &data); err != nil {
		t.Fatal(err)
	}
	if len(data.Times) != 2 || *data.Series[0].Values[0] != 2 || data.Series[0].Values[1] != nil {
		t.Errorf("what waits: %s", raw)
	}
}

func TestOverviewOfNothing(t *testing.T) {
	t.Parallel()
	says := overviewSays()
	says["GET /stats"], says["GET /connections/summary"], says["GET /digests"] = stats{}, sums{}, map[string]any{}
	s := newSite(t, says)
	s.get("/").wants(200, "Nothing is connected yet", "todosync apply").lacks("<figure")
	// Who has begun within the hour is shown the hour.
	says["GET /connections/summary"] = overviewSays()["GET /connections/summary"]
	s.get("/").wants(200, `aria-current="true">15m`, "–", "Nothing has failed in this time", "Nobody had to be told")
}

// What the program lacks stands on top.
func TestOverviewNotReady(t *testing.T) {
	t.Parallel()
	says := overviewSays()
	says["GET /readyz"] = map[string]any{"parts": []api.Part{
		{Name: "store", State: api.PartOK}, {Name: "disk", State: api.PartWarning, Detail: "2 GB are free"}, {Name: "nats", State: api.PartDown, Detail: "no route"},
	}}
	s := newSite(t, says)
	s.get("/").wants(http.StatusOK, "2 GB are free", "no route").lacks("<strong>Store</strong>")
}

func TestPercent(t *testing.T) {
	t.Parallel()
	for share, want := range map[float64]string{1: "100%", .99999: "99.99%", .5: "50%", .975: "97.5%", 0: "0%"} {
		if got := percent(share); got != want {
			t.Errorf("%v: want %s, got %s", share, want, got)
		}
	}
	v := &visit{}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := v.Number(n); got != want {
			t.Errorf("%d: want %s, got %s", n, want, got)
		}
	}
}
