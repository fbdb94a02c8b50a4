package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"todosync/internal/oasim"
)

// TestDataFolderGone takes the data folder away under a running server: it takes no event from then on, and ends.
func TestDataFolderGone(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(dir string) error{
		"moved":    func(dir string) error { return os.Rename(dir, dir+".gone") },
		"removed":  os.RemoveAll,
		"replaced": func(dir string) error { return os.Rename(filepath.Join(dir, storeFile), filepath.Join(dir, "x")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProcess(t)
			p.start()
			token, err := os.ReadFile(filepath.Join(p.dir, "admin-token"))
			if err != nil {
				t.Fatal(err)
			}
			if err := take(p.dir); err != nil {
				t.Fatal(err)
			}
			if status, body := p.post(strings.TrimSpace(string(token))); status == http.StatusAccepted {
				t.Errorf("an event was acknowledged: %s", body)
			}
			if code := p.wait(); code != exitFailed {
				t.Errorf("exit code %d, want %d", code, exitFailed)
			}
			if said := p.out.String(); !strings.Contains(said, p.dir+" was removed or replaced under this process") {
				t.Errorf("it said\n%s", said)
			}
		})
	}
}

// TestStopping asks a server that finishes what is in flight: it says that it is stopping, and takes no events.
func TestStopping(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	sim, oa := startGeneric(t)
	sim.Reply(oasim.Late(1500 * time.Millisecond))
	p := newProcess(t)
	p.start("--apply", oneConnection(t, oa))
	p.cli("bindings", "set", "u1", "a1", "--tenant", "t1", "--connection", "one")
	token, err := os.ReadFile(filepath.Join(p.dir, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	event := filepath.Join(t.TempDir(), "event.json")
	write(t, event, oneEvent)
	p.cli("publish", event)
	if err := sim.Wait(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "/readyz says that it is stopping", func() bool {
		status, body := p.ready()
		return status == http.StatusServiceUnavailable && strings.Contains(body, `"stopping"`)
	})
	if status, body := p.post(strings.TrimSpace(string(token))); status != http.StatusServiceUnavailable || !strings.Contains(body, "stopping") {
		t.Errorf("want the event refused, got %d %s", status, body)
	}
	if code := p.wait(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// post emits an event, and gives 0 where nobody answers.
func (p *process) post(token string) (status int, body string) {
	p.t.Helper()
	event := strings.NewReplacer("e1", "e9", "todo-1", "todo-9").Replace(oneEvent)
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, "http://"+p.api+"/api/v1/events", strings.NewReader(event))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = resp.Body.Close() }()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// TestStreamDamaged starts servers on a stream with a wrong byte: in the middle nothing starts and the place is named; in the newest
// event, which looks like one that was never finished, nothing more is taken.
func TestStreamDamaged(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	p.start()
	token, err := os.ReadFile(filepath.Join(p.dir, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	event := filepath.Join(t.TempDir(), "event.json")
	for _, id := range []string{"e1", "e2", "e3"} {
		write(t, event, strings.Replace(oneEvent, "e1", id, 1))
		p.cli("publish", event)
	}
	eventually(t, 10*time.Second, "the mark is at 3", func() bool {
		b, err := os.ReadFile(filepath.Join(p.dir, markFile))
		return err == nil && strings.Contains(string(b), `"last":3`)
	})
	p.kill()
	blocks, err := filepath.Glob(filepath.Join(p.dir, streamFolder, "jetstream", "*", "streams", "CRM", "msgs", "*.blk"))
	if err != nil || len(blocks) != 1 {
		t.Fatalf("want one block, got %v %v", blocks, err)
	}
	sound, err := os.ReadFile(blocks[0])
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int) {
		t.Helper()
		b := bytes.Clone(sound)
		b[at] ^= 1
		if err := os.WriteFile(blocks[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flip(bytes.Index(sound, []byte("e2")))
	p.launch()
	if code := p.wait(); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	if said := p.out.String(); !strings.Contains(said, blocks[0]) || !strings.Contains(said, "after sequence 1") {
		t.Errorf("it said\n%s", said)
	}
	flip(len(sound) - 20)
	p.launch()
	eventually(t, 20*time.Second, "/readyz tells of the lost event", func() bool {
		status, body := p.ready()
		return status == http.StatusServiceUnavailable && strings.Contains(body, "damaged") && strings.Contains(body, "sequence 3")
	})
	if status, body := p.post(strings.TrimSpace(string(token))); status != http.StatusServiceUnavailable || !strings.Contains(body, "found to end at 2") {
		t.Errorf("want the event refused, got %d %s", status, body)
	}
	if code := p.stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
	// As the message says: the sound file, and no mark.
	if err := os.WriteFile(blocks[0], sound, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(p.dir, markFile)); err != nil {
		t.Fatal(err)
	}
	p.start()
	if code := p.stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}
