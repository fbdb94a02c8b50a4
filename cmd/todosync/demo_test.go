package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDemoOnce plays the sample from end to end: NATS, SQLite, worker, API and the simulated OAs, as the command does. Every
// event must end as the sample expects.
func TestDemoOnce(t *testing.T) {
	t.Parallel()
	demoOnce(t, filepath.Join(t.TempDir(), "demo"))
}

// demoOnce runs `todosync demo --once` in a folder.
func demoOnce(t *testing.T, dir string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := &cli{stdin: bytes.NewReader(nil), stdout: &stdout, stderr: &stderr, now: time.Now, lookup: func(string) (string, bool) { return "", false }}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	code := c.run(ctx, []string{"demo", "--once", "--data-dir", dir, "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0", "-o", "json"})
	if code != exitDone {
		log, _ := os.ReadFile(filepath.Join(dir, "todosync.log"))
		t.Fatalf("exit code %d: %s\n%s", code, &stderr, log)
	}
	var got report
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if !got.AsExpected || got.Published < 40 || got.Accepted+got.Duplicates+got.Rejected != got.Published || got.Rejected == 0 {
		t.Errorf("the report is %+v", got)
	}
}

// TestDemoInterrupted ends the demo as a person does, with Ctrl-C while the sample plays and after some of what it suggests was
// tried. The next run in the same folder goes as if it were the first.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	dir, out := filepath.Join(t.TempDir(), "demo"), &lines{}
	cmd := exec.Command("todosync", "demo", "--data-dir", dir, "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "LANG=C")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	eventually(t, time.Minute, "deliveries are shown", func() bool { return strings.Count(out.String(), "succeeded") >= 3 })
	_, rest, _ := strings.Cut(out.String(), "API   http://")
	api, _, _ := strings.Cut(rest, "\n")
	p := &process{t: t, dir: dir, api: api}
	p.cli("bindings", "set", newcomer, newcomerAccount, "--tenant", newcomerTenant, "--connection", newcomerConnection)
	p.cli("connections", "pause", newcomerConnection, "--tenant", newcomerTenant)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ends with %v:\n%s", err, out)
	}
	if strings.Contains(out.String(), "\x1b[") {
		t.Errorf("there are colours where there is no terminal:\n%s", out)
	}
	demoOnce(t, dir)
}
