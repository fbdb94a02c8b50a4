package api_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"todosync/connector"
	"todosync/web/api"
)

func record(i int) connector.Record {
	return connector.Record{
		ID: fmt.Sprintf("r%04d", i), Tenant: "t1", Connection: "oa", Scene: connector.SceneCreate, State: connector.Succeeded,
		Title: "待审批, \"q\" <&>", CreatedAt: time.Date(2026, 1, 2, 11, 0, 0, 1_999_999, time.FixedZone("", 8*3600)),
	}
}

func TestRecords(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	next := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	one := record(1)
	one.NextTryAt = &next
	one.Attempts = []connector.RecordAttempt{{Number: 1, StartedAt: next}}
	s.b.records = []connector.Record{one, record(2)}
	list := decode[struct {
		Items []map[string]any
		Next  string
	}](s, s.do(ask{path: "/records?limit=1"}))
	if len(list.Items) != 1 || list.Next != "1" {
		t.Fatalf("want one record and a cursor, got %v", list)
	}
	got := list.Items[0]
	for name, want := range map[string]any{
		"id": "r0001", "createdAt": "2026-01-02T03:00:00.001Z", "updatedAt": nil, "nextTryAt": "2026-01-02T03:04:05.000Z",
		"class": "", "possiblySentTwice": false, "title": "待审批, \"q\" <&>",
	} {
		if v, there := got[name]; !there || v != want {
			t.Errorf("%s: want %v, got %v", name, want, v)
		}
	}
	detail := s.do(ask{path: "/records/r0001"})
	for _, want := range []string{`"startedAt":"2026-01-02T03:04:05.000Z"`, `"headers":[]`, `<&>`} {
		if !strings.Contains(detail.body, want) {
			t.Errorf("want %s in %s", want, detail.body)
		}
	}
	// What a client in Go reads is the same again.
	back := decode[connector.Record](s, detail)
	if !back.CreatedAt.Equal(one.CreatedAt.Truncate(time.Millisecond)) || !back.UpdatedAt.IsZero() || len(back.Attempts) != 1 {
		t.Errorf("want the record again, got %+v", back)
	}
	if body := s.do(ask{path: "/records?cursor=2"}).body; strings.TrimSpace(body) != `{"items":[],"next":""}` {
		t.Errorf("want an empty list, got %s", body)
	}
}

func TestRecordFilter(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.do(ask{path: "/records?tenant=t1,%20t2,&connection=a&scene=create,done&state=failed&class=business,down&todo=x&receiver=1&event=e" +
		"&from=2026-01-02T03:04:05%2B08:00&to=2026-01-03T00:00:00Z&q=%E5%90%88%E5%90%8C&cursor=&limit="})
	want := []connector.RecordFilter{{
		Tenants: []string{"t1", "t2"}, Connections: []string{"a"}, Scenes: []string{"create", "done"}, States: []string{"failed"},
		Classes: []string{"business", "down"}, Todos: []string{"x"}, Receivers: []string{"1"}, Events: []string{"e"},
		From: time.Date(2026, 1, 1, 19, 4, 5, 0, time.UTC), To: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC), Text: "合同",
	}}
	if diff := cmp.Diff(want, s.b.filters); diff != "" {
		t.Error(diff)
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range 2500 {
		s.b.records = append(s.b.records, record(i))
	}
	got := s.do(ask{path: "/records/export"})
	lines := strings.Split(strings.TrimSuffix(got.body, "\n"), "\n")
	if len(lines) != 2500 || got.header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("want 2,500 lines of JSON, got %d of %s", len(lines), got.header.Get("Content-Type"))
	}
	var last connector.Record
	if err := json.Unmarshal([]byte(lines[2499]), &last); err != nil || last.ID != "r2499" {
		t.Errorf("want record r2499 at the end, got %v %v", last.ID, err)
	}
	got = s.do(ask{path: "/records/export?format=csv"})
	rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2501 || rows[0][0] != "id" || rows[2500][0] != "r2499" || rows[1][9] != "待审批, \"q\" <&>" ||
		rows[1][15] != "2026-01-02T03:00:00.001Z" {
		t.Errorf("want headings and 2,500 rows, got %d: %v", len(rows), rows[:2])
	}
	for _, c := range []struct{ query, accept, want string }{
		{"", "text/csv", "text/csv"},
		{"", "*/*", "application/x-ndjson"},
		{"?format=ndjson", "text/csv", "application/x-ndjson"},
		{"?format=json", "", "application/x-ndjson"},
		{"?format=", "", "application/x-ndjson"},
	} {
		got := s.do(ask{path: "/records/export" + c.query, header: map[string]string{"Accept": c.accept}})
		if got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), c.want) {
			t.Errorf("%q, Accept %q: %d %s, want %s", c.query, c.accept, got.status, got.header.Get("Content-Type"), c.want)
		}
	}
	if got := s.do(ask{path: "/records/export?format=xml"}); got.status != 422 {
		t.Errorf("want 422, got %d", got.status)
	}
}

// An export that is cut off must not look like a whole one.
func TestExportCutOff(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range 2500 {
		s.b.records = append(s.b.records, record(i))
	}
	s.b.failAfter = 2
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.srv.URL+api.Prefix+"/records/export", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	res, err := s.srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err == nil || len(b) == 0 {
		t.Errorf("want a part and a broken connection, got %d bytes and %v", len(b), err)
	}
	s.b.failAfter = 1 // the first page of the next
	s.problem(s.do(ask{path: "/records/export"}), 503)
}

func TestStream(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	open := func(query string) *bufio.Scanner { return s.openStream(ctx, query, adminToken, "") }
	lines := open("?state=failed&q=%E5%BE%85%E5%AE%A1")
	failed := record(3)
	failed.State = connector.Failed
	other := failed
	other.Title = "something else"
	for _, r := range []connector.Record{record(1), other, {}, failed} {
		s.b.changed <- r
	}
	var got []string
	for len(got) < 5 && lines.Scan() {
		if text := lines.Text(); text != "" && !strings.HasPrefix(text, ":") && text != "retry: 2000" && text != "id: feed-1" {
			got = append(got, text)
		}
	}
	if len(got) != 5 || got[0] != "event: gap" || got[2] != "event: record" || got[3] != "id: after r0003" ||
		!strings.Contains(got[4], `"createdAt":"2026-01-02T03:00:00.001Z"`) {
		t.Fatalf("want a gap and the one record that matches, got %q", got)
	}
	// A client that goes is let go.
	cancel()
	<-s.b.stopped
}

// openStream opens a stream of records; it ends with ctx or the test.
func (s *site) openStream(ctx context.Context, query, token, lastEventID string) *bufio.Scanner {
	s.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.srv.URL+api.Prefix+"/records/stream"+query, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	res, err := s.srv.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("X-Accel-Buffering") != "no" {
		s.t.Fatalf("got %s %v", res.Status, res.Header)
	}
	return bufio.NewScanner(res.Body)
}

// Who reads a list and then follows from where it was read on misses nothing; who comes back begins where he stopped.
func TestStreamGoesOnFromAPlace(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.b.records = []connector.Record{record(1)}
	for _, path := range []string{"/records", "/records/r0001"} {
		if got := s.do(ask{path: path}); got.status != 200 || got.header.Get("Last-Event-ID") != "feed-1" {
			t.Errorf("%s: want the place in the feed, got %d %v", path, got.status, got.header)
		}
	}
	head := func(query, last string) string {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		lines, text := s.openStream(ctx, query, adminToken, last), ""
		for lines.Scan() && lines.Text() != "" {
			text += lines.Text() + "\n"
		}
		cancel()
		<-s.b.stopped
		return text
	}
	if got := head("", ""); !strings.Contains(got, "\nretry: 2000\nid: feed-1\n") {
		t.Errorf("it does not say where it begins: %q", got)
	}
	for _, c := range []struct{ query, last, want string }{{"?after=feed-0", "", "feed-0"}, {"", "other-7", "other-7"}, {"?after=feed-0", "feed-9", "feed-9"}} {
		if got := head(c.query, c.last); strings.Contains(got, "id:") {
			t.Errorf("who names a place is given another before he heard anything: %q", got)
		}
		s.b.mu.Lock()
		got := s.b.places[len(s.b.places)-1]
		s.b.mu.Unlock()
		if got != c.want {
			t.Errorf("%+v: it goes on from %q", c, got)
		}
	}
}

// Who loses his token, his right or a tenant while a stream is open gets nothing more.
func TestStreamEndsWithTheRight(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(*backend){
		"revoked": func(b *backend) { b.fickle = nil },
		"role": func(b *backend) {
			b.fickle = &api.Principal{Name: "vera", Scopes: []api.Right{api.WriteEvents}, Tenants: []string{"t1"}}
		},
		"tenants":   func(b *backend) { b.fickle = &api.Principal{Name: "vera", Role: api.View, Tenants: []string{"t2"}} },
		"untouched": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.b.fickle = &api.Principal{Name: "vera", Role: api.View, Tenants: []string{"t1"}}
			lines := s.openStream(t.Context(), "", fickleToken, "")
			if !lines.Scan() {
				t.Fatal("it says nothing")
			}
			s.b.mu.Lock()
			if s.b.ahead = 2 * time.Second; take != nil {
				take(s.b)
			}
			s.b.mu.Unlock()
			s.b.changed <- record(1)
			told := false
			for lines.Scan() && !told {
				told = strings.HasPrefix(lines.Text(), "data: ")
			}
			if told != (take == nil) {
				t.Errorf("a record is told: %v", told)
			}
		})
	}
}

// A server that shuts down does not wait for streams, which have no end of their own.
func TestStreamEndsWithTheServer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.srv.URL+api.Prefix+"/records/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	res, err := s.srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.srv.Config.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(res.Body); err != nil {
		t.Errorf("want a clean end, got %v", err)
	}
}
