package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestLogInJSON runs a server that logs in JSON, also what only a debugger wants, through a request, a backup and a stop: each line is an object,
// and times are written as people write them.
func TestLogInJSON(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	p.start("--log-format", "json", "--log-level", "debug", "--drain", "90s")
	p.cli("tenants")
	p.cli("backup", t.TempDir()+"/copy.tar")
	if code := p.stop(); code != 0 {
		t.Fatal(code)
	}
	found := map[string]any{}
	for line := range strings.Lines(p.out.String()) {
		var members map[string]any
		if err := json.Unmarshal([]byte(line), &members); err != nil {
			t.Errorf("%v in %s", err, line)
			continue
		}
		for name, value := range members {
			if slices.Contains([]string{"drain", "took", "wait", "by", "duration", "writer_held_at_most"}, name) {
				if _, text := value.(string); !text {
					t.Errorf("%s is %v, which nobody can read: %s", name, value, line)
				}
				found[name] = value
			}
		}
	}
	if found["drain"] != "1m30s" || found["took"] == nil || found["duration"] == nil {
		t.Errorf("found %v, want drain 1m30s, took and duration", found)
	}
}
