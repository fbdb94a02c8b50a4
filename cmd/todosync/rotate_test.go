package main

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseKeys(t *testing.T) {
	t.Parallel()
	a, b := base64.StdEncoding.EncodeToString(random(keySize)), strings.Repeat("0f", keySize)
	tests := map[string]struct {
		text      string
		keys      int
		replacing bool
		bad       bool
	}{
		"one":                {text: a, keys: 1},
		"two lines":          {text: a + "\n# mine\n\n" + b + "\n", keys: 2},
		"with a comma":       {text: a + ", " + b, keys: 2},
		"a change under way": {text: a + "\n" + replacedMark + "\n" + b, keys: 2, replacing: true},
		"one is none":        {text: a + "\nshort", bad: true},
		"comments alone":     {text: "# none", bad: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseKeys(tt.text, "x")
			if (err != nil) != tt.bad || err == nil && (len(got.keys) != tt.keys || got.replacing != tt.replacing) {
				t.Errorf("got %d keys, replacing %v, %v", len(got.keys), got.replacing, err)
			}
			if err != nil && strings.Contains(err.Error(), a) {
				t.Errorf("the error shows a key: %v", err)
			}
		})
	}
}

// TestRotateKey changes the key of a running server, ends a change that was broken off, and takes a key from the environment.
func TestRotateKey(t *testing.T) {
	t.Parallel()
	got := make(chan string, 10)
	oa := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Get("X-Key") }))
	defer oa.Close()
	p := newProcess(t)
	p.start()
	file := filepath.Join(p.dir, keyFile)
	read := func() string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	dir := t.TempDir()
	conn := filepath.Join(dir, "one.yaml")
	write(t, conn, `{apiVersion: todosync/v1, kind: Connection, tenant: t1, name: one, headers: {X-Key: "${secret:key}", Content-Type: application/json},
  scenes: {create: {address: "`+oa.URL+`", body: '{"id":"#F012"}'}}}`)
	p.cli("secret", "set", "key", "--tenant", "t1", "--value", "a-long-secret")
	p.cli("apply", "-f", conn)
	first := read()
	if out := p.cli("secret", "rotate"); !strings.Contains(out, "1 secrets") {
		t.Errorf("rotate says %s", out)
	}
	second := read()
	if second == first || strings.Contains(second, "\n") {
		t.Errorf("the key file holds\n%s\nafter\n%s", second, first)
	}
	deliver := func(id string) {
		t.Helper()
		event := filepath.Join(dir, id+".json")
		write(t, event, strings.NewReplacer("e1", id, "todo-1", "todo-"+id).Replace(oneEvent))
		p.cli("publish", event)
		if key := <-got; key != "a-long-secret" {
			t.Errorf("the OA was sent X-Key: %q", key)
		}
	}
	deliver("e1")

	// Broken off: the new key is in the file, and nothing is sealed with it.
	p.stop()
	third := base64.StdEncoding.EncodeToString(random(keySize))
	write(t, file, third+"\n"+replacedMark+"\n"+second+"\n")
	p.start()
	if got := read(); got != third {
		t.Errorf("the key file holds %s, want %s", got, third)
	}
	deliver("e2")
	p.stop()

	// The old key opens nothing any more, and the environment's does.
	write(t, file, second)
	p.launch()
	if code := p.wait(); code != exitFailed || !strings.Contains(p.out.String(), "does not open this database's secrets") {
		t.Errorf("started with the old key: %d, %s", code, p.out)
	}
	p.environment = []string{"TODOSYNC_KEY=" + third}
	p.start()
	deliver("e3")
	if code, _, errs := p.try("secret", "rotate"); code != exitFailed || !strings.Contains(errs, "other workers may need the new one first") {
		t.Errorf("rotate with a key in the environment: %d, %s", code, errs)
	}
	p.stop()
	p.environment = []string{"TODOSYNC_KEY=" + first + "," + third}
	p.start()
	if out := p.cli("secret", "rotate"); !strings.Contains(out, "1 secrets") || !strings.Contains(out, "take it away") {
		t.Errorf("rotate says %s", out)
	}
	deliver("e4")
	p.stop()
	p.environment = []string{"TODOSYNC_KEY=" + first}
	p.start()
	deliver("e5")
	if code, _, errs := p.try("serve", "--key", first); code != exitUsage || !strings.Contains(errs, "TODOSYNC_KEY") {
		t.Errorf("a key on the command line: %d, %s", code, errs)
	}
}
