package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"todosync/internal/oasim"
	"todosync/web/api"
)

// TestDoctor looks at a server with an OA that answers, one that nobody is at, one with a certificate of nobody's, one behind a proxy that
// is not there, one that gives tokens by a clock of its own, and one that refuses them; then at its folder when it has stopped. The settings come from a folder that was empty at the start.
func TestDoctor(t *testing.T) {
	t.Parallel()
	_, well := startGeneric(t)
	sim, err := oasim.New(oasim.Generic, oasim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	secure := httptest.NewTLSServer(sim)
	t.Cleanup(secure.Close)
	var asked, refused atomic.Int64
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(2*time.Minute).UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/locked" {
			refused.Add(1)
			_, _ = io.WriteString(w, `{"id":"-1"}`)
			return
		}
		asked.Add(1)
		_, _ = io.WriteString(w, `{"id":"tok-0123456789"}`)
	}))
	t.Cleanup(tokens.Close)
	token := func(at string) string {
		return fmt.Sprintf("token:\n  request: {method: POST, address: %q}\n  value: id\n  refuse: [\"-1\"]\n  send: {header: token}\n", tokens.URL+at)
	}
	p := newProcess(t)
	p.start("--apply", t.TempDir())
	file := filepath.Join(t.TempDir(), "connections.yaml")
	write(t, file, genericConnection("t1", "well", well, "")+genericConnection("t1", "nobody", "http://"+freeAddress(t), "")+
		genericConnection("t1", "secure", secure.URL, "")+genericConnection("t1", "proxied", "https://oa.example", "proxy: \"http://"+freeAddress(t)+"\"\n")+
		genericConnection("t1", "token", well, token("/token"))+genericConnection("t1", "locked", well, token("/locked")))
	p.cli("apply", "-f", file)
	code, out, errs := p.try("doctor", "-o", "json")
	if code != exitFailed || !strings.Contains(errs, "4 checks failed") {
		t.Errorf("doctor exits with %d: %s", code, errs)
	}
	var checks []api.Check
	if err := json.Unmarshal([]byte(out), &checks); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	states := map[string]api.PartState{}
	for _, c := range checks {
		if name := c.Part + " " + c.Name; states[name] != api.PartDown {
			states[name] = c.State
		}
		if c.Detail == "" || (c.State == api.PartDown && c.Hint == "") {
			t.Errorf("a check says too little: %+v", c)
		}
	}
	for name, want := range map[string]api.PartState{
		"store ": api.PartOK, "nats ": api.PartOK, "intake ": api.PartOK, "disk ": "", "disk sync": "", "key ": api.PartOK,
		"store settings": api.PartOK, "store integrity": api.PartOK, "clock ": api.PartOK, "clock oa": api.PartWarning,
		"connection t1/proxied": api.PartDown, "connection t1/token": api.PartOK, "connection t1/locked": api.PartDown,
		"connection t1/well": api.PartOK, "connection t1/nobody": api.PartDown, "connection t1/secure": api.PartDown,
	} {
		if got, ok := states[name]; !ok || (want != "" && got != want) {
			t.Errorf("%q is %q, want %q: %v", name, got, want, states)
		}
	}
	// The OA is two minutes ahead by a header of whole seconds.
	if !regexp.MustCompile(`(1m5\d|2m[0-5])(\.\d+)?s ahead of`).MatchString(out) {
		t.Errorf("the OA's clock is not told in %s", out)
	}
	for _, want := range []string{"token: the OA gave one", "the OA refuses a token", "SQLite", "synchronous FULL", "journal wal"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said in %s", want, out)
		}
	}
	if strings.Contains(out, "tok-0") {
		t.Errorf("the token is shown: %s", out)
	}
	// Who refuses is not asked again at once; who gives is asked once a look; and nobody where that is not wanted.
	_, again, _ := p.try("doctor", "-o", "json")
	if asked.Load() != 2 || refused.Load() != 1 || !strings.Contains(again, "not asked now, again from") {
		t.Errorf("asked %d and %d times, want 2 and 1: %s", asked.Load(), refused.Load(), again)
	}
	if _, without, _ := p.try("doctor", "-o", "json", "--tokens=false"); asked.Load() != 2 || refused.Load() != 1 || !strings.Contains(without, "token: not asked for") {
		t.Errorf("asked %d and %d times with --tokens=false: %s", asked.Load(), refused.Load(), without)
	}
	if code := p.stop(); code != 0 {
		t.Fatal(code)
	}
	code, out, errs = p.try("doctor")
	if code != exitFailed || !strings.Contains(errs, "only the data folder") || !strings.Contains(out, "it does not run") {
		t.Errorf("without a server it exits with %d: %s%s", code, out, errs)
	}
}
