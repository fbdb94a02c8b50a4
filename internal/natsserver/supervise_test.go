package natsserver_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"todosync/connector"
	"todosync/internal/natsserver"
)

// patience bounds what a test waits for; a test that passes never waits so long.
const patience = 30 * time.Second

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for: %s", what)
		case <-tick.C:
		}
	}
}

// nats-server that has failed to write once never writes again: it is stopped, and started anew when the disk takes data, on the same
// port, with the same connections.
func TestStartsAgainAfterAFailedWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, natsserver.Config{StoreDir: dir, Listen: "127.0.0.1:0"})
	js := connect(t, s)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
		t.Fatal(err)
	}
	outside, err := nats.Connect(s.Addr(), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	addr := s.Addr()
	for round := range 2 {
		if _, err := js.Publish(t.Context(), "s.a", []byte("before")); err != nil {
			t.Fatal(err)
		}
		// A disk that takes nothing: the probe cannot be written.
		probe := filepath.Join(dir, "todosync.probe")
		if err := os.MkdirAll(filepath.Join(probe, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		natsserver.Break(s, "Filestore [S] Critical write error: write 1.blk: no space left on device")
		eventually(t, "the trouble in words", func() bool {
			err := s.Health()
			return connector.KindOf(err) == connector.Unavailable && strings.Contains(err.Error(), "takes no events")
		})
		eventually(t, "clients to learn that it is stopped", func() bool { return !outside.IsConnected() })
		eventually(t, "the probe to fail", func() bool {
			err := s.Health()
			return err != nil && strings.Contains(err.Error(), "does not take")
		})
		if err := os.RemoveAll(probe); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another start", func() bool { return s.Health() == nil })
		if s.Addr() != addr {
			t.Errorf("want the same address %s, got %s", addr, s.Addr())
		}
		eventually(t, "the connections", func() bool { return js.Conn().IsConnected() && outside.IsConnected() })
		ack, err := js.Publish(t.Context(), "s.a", []byte("after"))
		if want := uint64(2 * (round + 1)); err != nil || ack.Sequence != want {
			t.Fatalf("want sequence %d, got %v %v", want, ack, err)
		}
	}
}

// A folder that was removed is not made again under the feet of whoever removed it.
func TestNoStartInAnotherFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "nats")
	s := start(t, natsserver.Config{StoreDir: dir})
	if err := os.Rename(dir, dir+".gone"); err != nil {
		t.Fatal(err)
	}
	natsserver.Break(s, "Critical write error: gone")
	eventually(t, "a refusal", func() bool {
		err := s.Health()
		return err != nil && strings.Contains(err.Error(), "removed or replaced")
	})
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was made again: %v", err)
	}
}

// filled is a folder with a stream of ten messages, and its only block.
func filled(t *testing.T) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	s := start(t, natsserver.Config{StoreDir: dir})
	js := connect(t, s)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		m := &nats.Msg{Subject: "s.a", Data: bytes.Repeat([]byte{'a' + byte(i)}, 100)}
		if i%2 == 0 {
			m.Header = nats.Header{"Nats-Msg-Id": {string(rune('a' + i))}}
		}
		if _, err := js.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	files, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "S", "msgs", "*.blk"))
	if err != nil || len(files) != 1 {
		t.Fatalf("want one block, got %v %v", files, err)
	}
	return dir, files[0]
}

func TestDamage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(b []byte) []byte
		want  string // in the refusal; empty: it starts
		end   uint64 // sequence of the last sound record
		count uint64 // of messages as nats-server says
	}{
		"none":              {spoil: func(b []byte) []byte { return b }, end: 10, count: 10},
		"payload":           {spoil: func(b []byte) []byte { b[bytes.Index(b, []byte("dddd"))+50] ^= 1; return b }, want: "after sequence 3"},
		"first record":      {spoil: func(b []byte) []byte { b[4] ^= 1; return b }, want: "at byte 0 "},
		"a length":          {spoil: func(b []byte) []byte { b[3] = 0x7f; return b }, want: "at byte 0 "},
		"unfinished record": {spoil: func(b []byte) []byte { return b[:len(b)-20] }, end: 9, count: 9},
		"last record":       {spoil: func(b []byte) []byte { b[len(b)-20] ^= 1; return b }, end: 9, count: 10},
		"unfinished head":   {spoil: func(b []byte) []byte { return append(b, 1, 2, 3) }, end: 10, count: 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, file := filled(t)
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			size := binary.LittleEndian.Uint32(b) &^ (1 << 31)
			if size < 100 || size > 200 {
				t.Fatalf("a record of %d bytes: the format is another than expected", size)
			}
			if err := os.WriteFile(file, c.spoil(b), 0o600); err != nil {
				t.Fatal(err)
			}
			var end uint64
			s, err := natsserver.Start(t.Context(), natsserver.Config{
				StoreDir: dir, Listen: natsserver.NoListen, Log: slog.New(slog.DiscardHandler),
				Found: func(_ connector.Stream, at uint64) { end = at },
			})
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), file) {
					t.Errorf("want a refusal with %q and the file, got %v", c.want, err)
				}
				if s != nil {
					s.Close()
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if end != c.end {
				t.Errorf("want it told that the stream ends at %d, got %d", c.end, end)
			}
			stream, err := connect(t, s).Stream(t.Context(), "S")
			if err != nil {
				t.Fatal(err)
			}
			if got := stream.CachedInfo().State.Msgs; got != c.count {
				t.Errorf("want %d messages, got %d", c.count, got)
			}
		})
	}
}

// What is planned already is not needed any more: older blocks are not read.
func TestPlannedBlocksAreNotChecked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, natsserver.Config{StoreDir: dir, SyncInterval: time.Minute})
	js := connect(t, s)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
		t.Fatal(err)
	}
	for range 12 { // two blocks of 8 MiB
		if _, err := js.Publish(t.Context(), "s.a", make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	files, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "S", "msgs", "*.blk"))
	if err != nil || len(files) < 2 {
		t.Fatalf("want two blocks, got %v %v", files, err)
	}
	f, err := os.OpenFile(files[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{1}, 1000); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	c := natsserver.Config{StoreDir: dir, Listen: natsserver.NoListen, Log: slog.New(slog.DiscardHandler)}
	c.Planned = func(connector.Stream) uint64 { return 3 }
	if s, err := natsserver.Start(t.Context(), c); err == nil {
		s.Close()
		t.Error("want a refusal while events in the damaged block are not planned")
	}
	c.Planned = func(id connector.Stream) uint64 {
		if id.Name != "S" || time.Since(id.Created) > time.Hour {
			t.Errorf("asked for %s", id)
		}
		return 11
	}
	s, err = natsserver.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}
