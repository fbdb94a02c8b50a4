package main

import (
	"encoding/json"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"todosync/internal/oasim"
	"todosync/web/api"
)

// TestDoctor looks at a server with an OA that answers, one that nobody is at, and one with a certificate of nobody's; then at its folder when
// it has stopped. The settings come from a folder that was empty at the start.
func TestDoctor(t *testing.T) {
	t.Parallel()
	_, well := startGeneric(t)
	sim, err := oasim.New(oasim.Generic, oasim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	secure := httptest.NewTLSServer(sim)
	t.Cleanup(secure.Close)
	p := newProcess(t)
	p.start("--apply", t.TempDir())
	file := filepath.Join(t.TempDir(), "connections.yaml")
	write(t, file, genericConnection("t1", "well", well, "")+genericConnection("t1", "nobody", "http://"+freeAddress(t), "")+
		genericConnection("t1", "secure", secure.URL, ""))
	p.cli("apply", "-f", file)
	code, out, errs := p.try("doctor", "-o", "json")
	if code != exitFailed || !strings.Contains(errs, "2 checks failed") {
		t.Errorf("doctor exits with %d: %s", code, errs)
	}
	var checks []api.Check
	if err := json.Unmarshal([]byte(out), &checks); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	states := map[string]api.PartState{}
	for _, c := range checks {
		states[c.Part+" "+c.Name] = c.State
		if c.Detail == "" || (c.State == api.PartDown && c.Hint == "") {
			t.Errorf("a check says too little: %+v", c)
		}
	}
	for name, want := range map[string]api.PartState{
		"store ": api.PartOK, "nats ": api.PartOK, "intake ": api.PartOK, "disk ": "", "disk sync": "", "key ": api.PartOK,
		"connection t1/well": api.PartOK, "connection t1/nobody": api.PartDown, "connection t1/secure": api.PartDown,
	} {
		if got, ok := states[name]; !ok || (want != "" && got != want) {
			t.Errorf("%q is %q, want %q: %v", name, got, want, states)
		}
	}
	if code := p.stop(); code != 0 {
		t.Fatal(code)
	}
	code, out, errs = p.try("doctor")
	if code != exitFailed || !strings.Contains(errs, "only the data folder") || !strings.Contains(out, "it does not run") {
		t.Errorf("without a server it exits with %d: %s%s", code, out, errs)
	}
}
