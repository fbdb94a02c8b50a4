package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"todosync/connector"
	"todosync/connector/intake"
	"todosync/internal/oasim"
)

// TestBackupAndRestore takes a backup, lets more events through, and goes back to it: every event that was acknowledged is there again,
// and what the OA got twice bears the mark.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	sim, err := oasim.New(oasim.Generic, oasim.Config{KeepCalls: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	oa := httptest.NewServer(sim)
	defer oa.Close()
	defer sim.Close()
	p := newProcess(t)
	file := filepath.Join(t.TempDir(), "connections.yaml")
	write(t, file, genericConnection("t1", "one", oa.URL+"/one", "")+genericConnection("t1", "two", oa.URL+"/two", ""))
	p.start("--apply", file)
	for i := range 5 {
		for _, c := range []string{"one", "two"} {
			p.cli("bindings", "set", fmt.Sprintf("u%d", i), fmt.Sprintf("a%d", i), "--tenant", "t1", "--connection", c)
		}
	}
	nc, err := intake.Dial(intake.DialConfig{URLs: "nats://" + p.nats, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	publisher, err := intake.NewPublisher(intake.PublisherConfig{Conn: nc})
	if err != nil {
		t.Fatal(err)
	}
	publish := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			publishSurely(ctx, t, publisher, killEvent(i))
		}
	}
	const before, all = 300, 600
	publish(0, before)
	awaitQuiet(ctx, t, p, before)
	p.cli("connections", "pause", "two", "--tenant", "t1") // so that something waits in the backup
	publish(before, before+10)
	backup := filepath.Join(t.TempDir(), "todosync.tar")
	if code, _, errs := p.try("backup", backup); code != 0 || !strings.Contains(errs, "keep the key file") {
		t.Fatalf("backup exits with %d: %s", code, errs)
	}
	if code, _, errs := p.try("backup", backup); code != exitFailed || !strings.Contains(errs, "is there already") {
		t.Errorf("a second backup exits with %d: %s", code, errs)
	}
	p.cli("connections", "resume", "two", "--tenant", "t1")
	publish(before+10, all)
	awaitQuiet(ctx, t, p, all)

	if code, _, errs := p.try("restore", backup, "--force"); code != exitFailed || !strings.Contains(errs, "in use by process") {
		t.Errorf("restore under a server that runs exits with %d: %s", code, errs)
	}
	p.kill()
	if code, _, errs := p.try("restore", backup); code != exitFailed || !strings.Contains(errs, "--force") {
		t.Errorf("restore over a store exits with %d: %s", code, errs)
	}
	var out restored
	if err := json.Unmarshal([]byte(p.cli("restore", backup, "--force", "-o", "json")), &out); err != nil {
		t.Fatal(err)
	}
	if len(out.Streams) != 1 || out.Streams[0].Again < all-before-10 || out.Streams[0].Gone != 0 || !out.Key || out.Waiting == 0 {
		t.Errorf("restore says %+v", out)
	}
	if _, err := os.Stat(filepath.Join(out.Kept, storeFile)); err != nil {
		t.Errorf("the old store is not kept: %v", err)
	}
	p.start("--apply", file)
	p.cli("connections", "resume", "two", "--tenant", "t1")
	awaitQuiet(ctx, t, p, all)
	marked, plain := 0, 0
	for _, raw := range recordsOf(ctx, t, p) {
		var r connector.Record
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatal(err)
		}
		if r.PossiblySentTwice {
			marked++
		} else {
			plain++
		}
	}
	// 10 events waited at one connection, at the other they were sent before the backup or after.
	if plain < 2*before || plain > 2*before+10 || marked+plain != 2*all {
		t.Errorf("%d deliveries are marked and %d are not, want the %d of before the backup unmarked, of %d", marked, plain, 2*before, 2*all)
	}
	publish(all, all+20)
	awaitQuiet(ctx, t, p, all+20)
	if code := p.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if left, _ := filepath.Glob(filepath.Join(p.dir, backupTemp+"*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func recordsOf(ctx context.Context, t *testing.T, p *process) []json.RawMessage {
	t.Helper()
	items, err := p.client().pages(ctx, path("records"), url.Values{}, &paging{limit: 1000, all: true})
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// TestRestoreRefusesWhatIsNoBackup changes a backup in each way in which one gets spoilt: what is in the folder stays.
func TestRestoreRefusesWhatIsNoBackup(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	p.start()
	good := filepath.Join(t.TempDir(), "good.tar")
	p.cli("backup", good)
	if code := p.stop(); code != 0 {
		t.Fatal(code)
	}
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(b []byte) []byte{
		"cut off":      func(b []byte) []byte { return b[:len(b)*2/3] },
		"no manifest":  func(b []byte) []byte { return b[:len(b)-2048] },
		"another byte": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"no tar":       func([]byte) []byte { return []byte("hello") },
		"empty":        func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			bad := filepath.Join(t.TempDir(), "bad.tar")
			write(t, bad, string(spoil(append([]byte{}, whole...))))
			dir := t.TempDir()
			_, err := restore(t.Context(), restoring{file: bad, dir: dir, now: time.Now()})
			if connector.KindOf(err) != connector.Invalid || err == nil {
				t.Errorf("want it refused, got %v", err)
			}
			if _, err := os.Stat(filepath.Join(dir, storeFile)); err == nil {
				t.Error("a store was put into the folder")
			}
		})
	}
	// The good one goes into an empty folder, and says that the key is not there.
	dir := t.TempDir()
	out, err := restore(t.Context(), restoring{file: good, dir: dir, now: time.Now()})
	if err != nil || out.Key || out.Kept != "" {
		t.Errorf("%+v %v", out, err)
	}
	info, err := os.Stat(filepath.Join(dir, storeFile))
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the store's mode is %v %v", info, err)
	}
	found := 0
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, _ error) error {
		if !d.IsDir() {
			found++
		}
		return nil
	})
	if found != 2 { // the store and the lock
		t.Errorf("%d files in the folder", found)
	}
}
