package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBrokenConnection starts the server without what a stored connection needs: it says so wherever one would look, and is ready
// all the same.
func TestBrokenConnection(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	p.start("--public-url", "https://todo.example.com")
	conn := filepath.Join(t.TempDir(), "one.yaml")
	text := genericConnection("t1", "one", "http://127.0.0.1:9", "")
	write(t, conn, strings.Replace(text, "headers: {", `headers: {X-Link: "#F117", `, 1))
	p.cli("apply", "-f", conn)
	if code := p.stop(); code != exitDone {
		t.Fatalf("exit code %d", code)
	}
	p.start()
	status, body := p.ready()
	if status != http.StatusOK || !strings.Contains(body, "1 connection cannot be used") || strings.Contains(body, "one") {
		t.Errorf("/readyz gives %d %s", status, body)
	}
	var list []struct{ Name, HeldFor, Problem string }
	if err := json.Unmarshal([]byte(p.cli("connections", "list", "-o", "json")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].HeldFor != "broken" || !strings.Contains(list[0].Problem, "--public-url") {
		t.Errorf("connections: %+v", list)
	}
	if out := p.cli("connections", "list"); !strings.Contains(out, "broken") {
		t.Errorf("connections list prints\n%s", out)
	}
}

// TestDemoFolder checks that a demo leaves a server's data alone.
func TestDemoFolder(t *testing.T) {
	t.Parallel()
	d := &demo{c: &cli{lang: english}, dataDir: t.TempDir()}
	for range 2 { // an empty one, and then its own
		if err := d.claimFolder(); err != nil {
			t.Fatal(err)
		}
	}
	d.dataDir = t.TempDir()
	write(t, filepath.Join(d.dataDir, storeFile), "x")
	if err := d.claimFolder(); err == nil || !strings.Contains(err.Error(), "no demo made") {
		t.Errorf("a server's folder: %v", err)
	}
	if _, err := os.Stat(filepath.Join(d.dataDir, demoMark)); err == nil {
		t.Error("a server's folder is marked as a demo's")
	}
}
