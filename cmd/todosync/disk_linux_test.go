package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestDiskFails has a running server's writes fail: it says so, takes nothing, and goes on by itself when they work again.
func TestDiskFails(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	p.start()
	b, err := os.ReadFile(filepath.Join(p.dir, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(string(b))
	limit := func(bytes uint64) {
		t.Helper()
		if err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}, nil); err != nil {
			t.Fatal(err)
		}
	}
	limit(100)
	if status, body := p.post(token); status != http.StatusServiceUnavailable {
		t.Errorf("want 503, got %d %s", status, body)
	}
	eventually(t, 10*time.Second, "/readyz says that NATS cannot write", func() bool {
		status, body := p.ready()
		return status == http.StatusServiceUnavailable && strings.Contains(body, "the embedded NATS takes no events")
	})
	began := time.Now()
	if status, body := p.post(token); status != http.StatusServiceUnavailable || time.Since(began) > 5*time.Second {
		t.Errorf("want 503 at once, got %d %s after %s", status, body, time.Since(began))
	}
	limit(unix.RLIM_INFINITY)
	eventually(t, 30*time.Second, "/readyz is well again", func() bool {
		status, _ := p.ready()
		return status == http.StatusOK
	})
	if status, body := p.post(token); status != http.StatusAccepted {
		t.Errorf("want 202, got %d %s", status, body)
	}
	if code := p.stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}
