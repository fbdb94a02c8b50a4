package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"todosync/connector"
	"todosync/connector/intake"
	"todosync/internal/oasim"
)

// genericConnection is a connection to an OA that says yes to everything, and that tells the ledger what it was called for.
func genericConnection(tenant, name, base, more string) string {
	body := `'{"id":"#F012","event":"#F114","scene":"#F121","receiver":"#F001","title":"#F055"}'`
	text := fmt.Sprintf("apiVersion: todosync/v1\nkind: Connection\ntenant: %q\nname: %s\nvariables: {base: %q}\n"+
		"headers: {Content-Type: application/json}\nresult: {codeName: code, msgName: message, successCode: \"0\"}\n"+
		"retry: {schedule: [200ms, 1s, 5s]}\n%sscenes:\n", tenant, name, base, more)
	for _, s := range []string{"create", "edit", "done", "delete"} {
		text += fmt.Sprintf("  %s:\n    address: ${base}/todo\n    body: %s\n", s, body)
	}
	return text + "---\n"
}

// A killing is what TestKill checks: which events of which todo went to which connection.
const (
	killTodos  = 200
	killEvents = 10 // of each todo: a create, edits, a done
	kills      = 10
)

// TestKill kills the worker ten times with SIGKILL while 2,000 events pass. Afterwards the OA has got every request, in the
// order of each todo, and none twice that is not flagged.
func TestKill(t *testing.T) {
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
	p := newProcess(t)
	file := filepath.Join(t.TempDir(), "connections.yaml")
	write(t, file, genericConnection("t1", "one", oa.URL+"/one", "")+genericConnection("t1", "two", oa.URL+"/two", ""))
	p.start("--apply", file)
	var csv strings.Builder
	csv.WriteString("connection,crm_user_id,crm_user_name,oa_account,oa_user_name\n")
	for i := range 5 {
		fmt.Fprintf(&csv, "one,u%d,,a%d,\ntwo,u%d,,a%d,\n", i, i, i, i)
	}
	bindings := filepath.Join(t.TempDir(), "bindings.csv")
	write(t, bindings, csv.String())
	p.cli("bindings", "import", bindings, "--tenant", "t1")

	nc, err := intake.Dial(intake.DialConfig{URLs: "nats://" + p.nats, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	publisher, err := intake.NewPublisher(intake.PublisherConfig{Conn: nc})
	if err != nil {
		t.Fatal(err)
	}
	const all = killTodos * killEvents
	for i := range all {
		if i > 0 && i%(all/kills) == all/kills/2 {
			p.kill()
			p.start("--apply", file)
		}
		publishSurely(ctx, t, publisher, killEvent(i))
	}
	awaitQuiet(ctx, t, p, all)
	checkLedger(ctx, t, p, sim)
	if code := p.stop(); code != 0 {
		t.Errorf("the last server exits with %d", code)
	}
}

// killEvent makes the i-th event: todos take turns, so that many are open at once.
func killEvent(i int) connector.Incoming {
	todo, step := i%killTodos, i/killTodos
	action, status := connector.ActionEdit, "pending"
	switch step {
	case 0:
		action = connector.ActionCreate
	case killEvents - 1:
		status = "done"
	}
	body := fmt.Sprintf(`{"id":"e-%03d-%02d","todo":{"id":"todo-%03d","version":%d,"status":%q,"title":"no %d","receivers":[{"id":"u%d"}]}}`,
		todo, step, todo, step+1, status, step, todo%5)
	id := fmt.Sprintf("e-%03d-%02d", todo, step)
	return connector.Incoming{
		Subject: intake.Subject("t1", connector.KindTodo, action), Data: []byte(body),
		Header: map[string][]string{"Nats-Msg-Id": {intake.MessageID("t1", id)}},
	}
}

// publishSurely sends an event until JetStream has confirmed it, as a CRM must.
func publishSurely(ctx context.Context, t *testing.T, p *intake.Publisher, m connector.Incoming) {
	t.Helper()
	wait := time.NewTicker(20 * time.Millisecond)
	defer wait.Stop()
	for {
		try, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, _, err := p.Publish(try, m)
		cancel()
		if err == nil {
			return
		}
		select {
		case <-wait.C:
		case <-ctx.Done():
			t.Fatalf("publish: %v", err)
		}
	}
}

// awaitQuiet waits until the server has accepted so many events and nothing waits any more.
func awaitQuiet(ctx context.Context, t *testing.T, p *process, events int64) {
	t.Helper()
	a := p.client()
	var stats struct {
		Events, Waiting int64
		States          map[string]int64
	}
	eventually(t, 2*time.Minute, "all is sent", func() bool {
		err := a.do(ctx, call{method: http.MethodGet, path: path("stats")}, &stats)
		return err == nil && stats.Events == events && stats.Waiting == 0
	})
	if got := stats.States["succeeded"]; got != 2*events {
		t.Errorf("%d deliveries succeeded, want %d: %v", got, 2*events, stats.States)
	}
}

// checkLedger compares what the OA got with what it had to get.
func checkLedger(ctx context.Context, t *testing.T, p *process, sim *oasim.Sim) {
	t.Helper()
	flagged := map[string]bool{}
	items, err := p.client().pages(ctx, path("records"), url.Values{}, &paging{limit: 1000, all: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range items {
		var r connector.Record
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatal(err)
		}
		flagged[r.ID] = r.PossiblySentTwice
	}
	got := map[string][]string{} // connection and todo to events, repeats left out
	last, repeats := map[string]string{}, 0
	for _, c := range sim.Calls() {
		var body struct{ ID, Event string }
		if err := json.Unmarshal([]byte(c.Body), &body); err != nil {
			t.Fatalf("the OA got %q: %v", c.Body, err)
		}
		lane := c.Path + " " + body.ID
		if last[lane] == c.IdempotencyKey {
			repeats++
			if !flagged[c.IdempotencyKey] {
				t.Errorf("%s: %s came twice and is not flagged", lane, body.Event)
			}
			continue
		}
		last[lane] = c.IdempotencyKey
		got[lane] = append(got[lane], body.Event)
	}
	if want := 2 * killTodos; len(got) != want {
		t.Errorf("%d todos arrived, want %d", len(got), want)
	}
	for lane, events := range got {
		todo := lane[strings.LastIndex(lane, "-")+1:]
		var want []string
		for step := range killEvents {
			want = append(want, fmt.Sprintf("e-%s-%02d", todo, step))
		}
		if strings.Join(events, " ") != strings.Join(want, " ") {
			t.Errorf("%s got %v, want %v", lane, events, want)
		}
	}
	t.Logf("%d calls arrived, %d of them repeats, all flagged", len(sim.Calls()), repeats)
}
