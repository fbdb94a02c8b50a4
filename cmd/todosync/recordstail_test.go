package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestTail has a tail follow a server over its restart: what changes after it is told, and that something may have been missed is said.
func TestTail(t *testing.T) {
	t.Parallel()
	_, oa := startGeneric(t)
	p := newProcess(t)
	p.start("--apply", oneConnection(t, oa))
	p.cli("bindings", "set", "--tenant", "t1", "--connection", "one", "u1", "a1")
	publish := func(todo string) {
		t.Helper()
		p.input = fmt.Sprintf(`{"tenant": "t1", "kind": "todo", "action": "create", "id": "%[1]s", "todo": {"id": "%[1]s", "title": "title %[1]s", "receivers": [{"id": "u1"}]}}`, todo)
		p.cli("publish", "-")
	}
	told := &lines{}
	follower := exec.Command("todosync", "records", "tail", "--state", "succeeded", "-o", "json", "--server", "http://"+p.api, "--data-dir", p.dir)
	follower.Stdout, follower.Stderr = told, told
	if err := follower.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = follower.Process.Kill() }()
	n := 0
	eventually(t, 30*time.Second, "the stream is open", func() bool {
		n++
		publish(fmt.Sprint("before", n))
		return strings.Contains(told.String(), `"todo":"before`)
	})
	p.kill()
	eventually(t, 20*time.Second, "the loss is told", func() bool { return strings.Contains(told.String(), "was lost; trying again") })
	p.start()
	eventually(t, 60*time.Second, "it comes back", func() bool {
		return strings.Contains(told.String(), "The server is back.\nSome changes were missed")
	})
	publish("after")
	eventually(t, 20*time.Second, "what changes then is told", func() bool { return strings.Contains(told.String(), `"todo":"after"`) })
	if err := follower.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := follower.Wait(); err != nil {
		t.Errorf("it ends with %v: %s", err, told)
	}
}

// TestTailComesBack says where it stopped, and ends where it is refused.
func TestTailComesBack(t *testing.T) {
	t.Parallel()
	var places []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		places = append(places, r.Header.Get("Last-Event-ID"))
		switch len(places) {
		case 1:
			fmt.Fprint(w, ": hello\nid: f-1\n\nevent: record\nid: f-7\ndata: {\"id\":\"r1\"}\n\nevent: record\nid: f-9\ndata: {\"id\":\"cut off")
		case 2:
			w.WriteHeader(http.StatusBadGateway)
		case 3:
			fmt.Fprint(w, ": still here\nid: f-8\n\n")
		default:
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"status":401,"title":"Unauthorized","detail":"the token is not known"}`)
		}
	}))
	defer srv.Close()
	said := &lines{}
	c := &cli{stdout: said, stderr: said, lang: english, now: time.Now}
	var got []string
	tail := tail{client: &client{cli: c, base: srv.URL, http: srv.Client()}, query: url.Values{}, each: func(raw json.RawMessage) error {
		got = append(got, strings.TrimSpace(string(raw)))
		return nil
	}}
	if err := tail.run(context.Background()); err == nil || !strings.Contains(err.Error(), "the token is not known") {
		t.Errorf("it ends with %v", err)
	}
	if want := "[ f-7 f-7 f-8]"; fmt.Sprint(places) != want || fmt.Sprint(got) != `[{"id":"r1"}]` {
		t.Errorf("it began at %q, want %s, and told %q", places, want, got)
	}
}
