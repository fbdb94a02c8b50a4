package chaos

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"todosync/internal/natstest"
)

// span is how long something is away.
func span() time.Duration {
	if *long {
		return 30 * time.Second
	}
	return 3 * time.Second
}

// An absence is something that the worker needs and that goes away under load.
type absence struct {
	take, give func()
	says       []string // one of these must stand in /readyz while it is away
}

// TestGone takes away the disk's room, the database and NATS, under load: the worker says what it lacks, waits without spinning, and goes on
// by itself when it is back.
func TestGone(t *testing.T) {
	t.Parallel()
	t.Run("disk full", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, 31, settings{tenants: 3, connections: 1, people: 4, concurrency: 4, more: impatient})
		data := filepath.Join(w.dir, "data")
		if err := os.Mkdir(data, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("tmpfs", data, "tmpfs", 0, "size=256m"); err != nil {
			t.Skipf("NOT TESTED here: a disk of its own cannot be mounted (%v); cmd/todosync's TestDiskFails has the same with a limit on the size of files", err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(data, syscall.MNT_DETACH) })
		ballast := filepath.Join(data, "ballast")
		n := w.single()
		w.without(n, absence{
			take: func() { fill(t, ballast) },
			give: func() {
				if err := os.Remove(ballast); err != nil {
					t.Fatal(err)
				}
			},
			says: []string{"disk", "no space", "write", "full"},
		})
	})
	t.Run("database locked", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, 32, settings{tenants: 3, connections: 1, people: 4, concurrency: 4, more: impatient})
		n := w.single()
		var held *os.File
		w.without(n, absence{
			take: func() { held = lockDatabase(t, filepath.Join(n.dir, "todosync.db-shm")) },
			give: func() { held.Close() }, // and with it the lock
			says: []string{"store", "locked", "database"},
		})
	})
	t.Run("NATS", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, 33, settings{tenants: 3, connections: 1, people: 4, concurrency: 4, more: impatient})
		c := natstest.Start(t, natstest.Config{})
		n := newNode(t, "worker", filepath.Join(w.dir, "data"), "--apply", w.files(), "--nats", c.URLs(), "--stream-replicas", "3")
		w.nodes = append(w.nodes, n)
		n.start()
		w.bind(n)
		w.listen(c.URLs())
		w.without(n, absence{take: c.StopAll, give: func() { c.RestartAll(t) }, says: []string{"NATS"}})
	})
}

// without plays an absence under load and judges what follows.
func (w *world) without(n *node, a absence) {
	w.t.Helper()
	w.oas.set("", nature{latency: 3 * time.Millisecond})
	ctx := w.context()
	speaking, quiet := context.WithCancel(ctx)
	defer quiet()
	spoken := make(chan struct{})
	go func() {
		defer close(spoken)
		w.crm.speak(speaking, 1<<30, 10*time.Millisecond)
	}()
	until(w.t, time.Minute, "events pass", func() bool { return len(w.oas.ledger()) > 100 })
	a.take()
	said := ""
	until(w.t, 30*time.Second, "/readyz says what is away", func() bool {
		status, body := n.ready()
		said = body
		if status != http.StatusServiceUnavailable {
			return false
		}
		for _, s := range a.says {
			if strings.Contains(body, s) {
				return true
			}
		}
		return false
	})
	pause(ctx, time.Second)
	before, confirmed := n.sample(), len(w.crm.accepted())
	pause(ctx, span())
	after := n.sample()
	during := len(w.crm.accepted()) - confirmed
	took := after.at.Sub(before.at)
	busy, lines := float64(after.cpu-before.cpu)/float64(took), float64(after.lines-before.lines)/took.Seconds()
	w.t.Logf("away for %s: %.0f %% of a processor, %.1f lines of log a second, %d events confirmed; /readyz: %s", took.Round(time.Millisecond), 100*busy, lines, during, said)
	if limit := 0.5; busy > limit {
		w.t.Errorf("the worker spins: %.0f %% of a processor while it can do nothing", 100*busy)
	}
	if lines > 20 {
		w.t.Errorf("the log spins: %.0f lines a second", lines)
	}
	a.give()
	back := time.Now()
	until(w.t, time.Minute, "/readyz is well again", func() bool { status, _ := n.ready(); return status == http.StatusOK })
	seen := len(w.crm.accepted())
	until(w.t, time.Minute, "events are confirmed again", func() bool { return len(w.crm.accepted()) > seen+10 })
	w.t.Logf("well again %s after", time.Since(back).Round(time.Millisecond))
	quiet()
	<-spoken
	w.settle(ctx)
	w.rest(n, time.Minute)
	w.judge(n, nil)
	if code := n.stop(); code != 0 {
		w.t.Errorf("the worker exits with %d", code)
	}
}

// fill takes all room that is left on a disk.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

// lockDatabase takes SQLite's write lock, as another program would that has hung in a transaction: eight bytes from 120 on of the
// shared-memory file.
func lockDatabase(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Start: 120, Len: 1}
	until(t, 10*time.Second, "the lock is taken", func() bool { return syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &lock) == nil })
	return f
}
