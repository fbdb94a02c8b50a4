package chaos

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var makeFixture = flag.String("upgrade.make", "", "writes what a worker of -binary leaves behind when it is killed at work to this file")

// A past is what the CRM and the OAs knew when an older worker was killed.
type past struct {
	Killed   time.Time
	Seed     uint64
	Events   []pastEvent
	Arrivals []arrival
}

// A pastEvent is a said as it is kept.
type pastEvent struct {
	Tenant, ID, Todo    string
	N                   int
	Action, Status      string
	Receivers, Finished []string
	Body                []byte
	Stored              time.Time
}

func upgradeSettings() settings {
	return settings{tenants: 2, connections: 2, people: 5, concurrency: 4, more: impatient}
}

// TestUpgrade opens data folders that workers of earlier schemas left behind when they were killed at work, and goes on: nothing is
// lost, nothing out of order, nothing twice but what was in flight.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	if *makeFixture != "" {
		leave(t, *makeFixture)
		return
	}
	files, err := filepath.Glob("testdata/upgrade/*.tar.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".tar.gz"), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1, upgradeSettings())
			unpack(t, file, w.dir)
			p := readPast(t, w.dir)
			w.oas.set("", nature{latency: 2 * time.Millisecond})
			for i := range p.Arrivals {
				w.oas.arrivals = append(w.oas.arrivals, &p.Arrivals[i])
			}
			n := newNode(t, "today's", filepath.Join(w.dir, "data"), "--apply", w.files())
			n.kills = []kill{{at: p.Killed, until: p.Killed.Add(late), node: "yesterday's"}}
			w.nodes = append(w.nodes, n)
			n.start()
			w.listen("nats://" + n.nats)
			confirmed := 0
			for _, e := range p.Events {
				w.crm.events = append(w.crm.events, &said{
					tenant: e.Tenant, id: e.ID, todo: e.Todo, n: e.N, action: e.Action, status: e.Status,
					receivers: e.Receivers, finished: e.Finished, body: e.Body, stored: e.Stored,
				})
				if !e.Stored.IsZero() {
					confirmed++
				}
			}
			w.settle(w.context())
			w.rest(n, time.Minute)
			v := w.judge(n, nil)
			t.Logf("%d events were confirmed and %d requests had come before; %d came after", confirmed, len(p.Arrivals), v.arrivals-len(p.Arrivals))
			if v.arrivals == len(p.Arrivals) {
				t.Error("nothing was in flight or waiting: this proves nothing")
			}
			if code := n.stop(); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// leave has a worker work, kills it, and keeps its folder with what the CRM and the OAs know.
func leave(t *testing.T, file string) {
	t.Helper()
	w := newWorld(t, 1, upgradeSettings())
	w.oas.set("", nature{latency: 30 * time.Millisecond, firm: 3, bad: map[string]int{doBusy: 100, doLost: 50}})
	n := w.single()
	ctx, cancel := context.WithTimeout(w.context(), 1500*time.Millisecond)
	defer cancel()
	w.crm.speak(ctx, 60, 0)
	n.kill()
	p := past{Killed: n.struck()[0].at, Seed: w.seed, Arrivals: w.oas.ledger()}
	for _, e := range w.crm.all() {
		p.Events = append(p.Events, pastEvent{e.tenant, e.id, e.todo, e.n, e.action, e.status, e.receivers, e.finished, e.body, e.stored})
	}
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "past.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	pack(t, w.dir, file)
	t.Logf("%d events, %d requests in %s", len(p.Events), len(p.Arrivals), file)
}

func readPast(t *testing.T, dir string) (p past) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "past.json"))
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// pack keeps data and past.json.
func pack(t *testing.T, dir, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	a := tar.NewWriter(z)
	err = filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		rest, _ := filepath.Rel(dir, p)
		if err != nil || e.IsDir() || rest != "past.json" && !strings.HasPrefix(rest, "data/") || strings.HasSuffix(rest, "-shm") {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if err := a.WriteHeader(&tar.Header{Name: rest, Mode: 0o600, Size: int64(len(b))}); err != nil {
			return err
		}
		_, err = a.Write(b)
		return err
	})
	if err := errors.Join(err, a.Close(), z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func unpack(t *testing.T, file, dir string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for a := tar.NewReader(z); ; {
		h, err := a.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, filepath.FromSlash(h.Name))
		b, err := io.ReadAll(a)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(name), 0o700)
		}
		if err == nil {
			err = os.WriteFile(name, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
