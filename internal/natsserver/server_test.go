package natsserver_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"todosync/connector"
	"todosync/internal/natsserver"
)

// holderVariable makes the test binary a process that holds a folder, for TestLock.
const holderVariable = "NATSSERVER_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holderVariable); dir != "" {
		os.Exit(hold(dir))
	}
	os.Exit(m.Run())
}

// hold starts a server, says so on standard output, and goes on until standard input ends.
func hold(dir string) int {
	s, err := natsserver.Start(context.Background(), natsserver.Config{StoreDir: dir, Listen: natsserver.NoListen, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return 1
	}
	defer s.Close()
	_, _ = os.Stdout.WriteString("ready\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

func start(t *testing.T, c natsserver.Config) *natsserver.Server {
	t.Helper()
	if c.StoreDir == "" {
		c.StoreDir = t.TempDir()
	}
	if c.Listen == "" && c.ConfigFile == "" {
		c.Listen = natsserver.NoListen
	}
	c.Log = slog.New(slog.DiscardHandler)
	s, err := natsserver.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func connect(t *testing.T, s *natsserver.Server) jetstream.JetStream {
	t.Helper()
	nc, err := s.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestMessagesOutliveTheServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, natsserver.Config{StoreDir: dir})
	js := connect(t, s)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
		t.Fatal(err)
	}
	large := make([]byte, 2<<20-100)
	for range 3 {
		if _, err := js.Publish(t.Context(), "s.a", large); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	if s.Health() == nil {
		t.Error("want a stopped server to say so")
	}
	stream, err := connect(t, start(t, natsserver.Config{StoreDir: dir})).Stream(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	if want, got := uint64(3), stream.CachedInfo().State.Msgs; want != got {
		t.Errorf("want %d messages after the restart, got %d", want, got)
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), holderVariable+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make([]byte, 6)
	if _, err := io.ReadFull(out, ready); err != nil {
		t.Fatal(err)
	}
	try := func() (*natsserver.Server, error) {
		return natsserver.Start(t.Context(), natsserver.Config{StoreDir: dir, Listen: natsserver.NoListen, Log: slog.New(slog.DiscardHandler)})
	}
	_, err = try()
	if connector.KindOf(err) != connector.Conflict || !strings.Contains(err.Error(), "process ") || !strings.Contains(err.Error(), "since 20") {
		t.Errorf("want a conflict that names the process, got %v", err)
	}
	// A killed process locks nothing.
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	_ = in.Close()
	s, err := try()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := try(); connector.KindOf(err) != connector.Conflict {
		t.Errorf("want a conflict within one process, too, got %v", err)
	}
	s.Close()
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	_, err = natsserver.Start(t.Context(), natsserver.Config{StoreDir: dir, Listen: l.Addr().String(), Log: slog.New(slog.DiscardHandler)})
	if connector.KindOf(err) != connector.Conflict || !strings.Contains(err.Error(), l.Addr().String()) || !strings.Contains(err.Error(), "--nats-listen") {
		t.Errorf("want a conflict that names the port and what to do, got %v", err)
	}
	// What failed lets the folder go.
	start(t, natsserver.Config{StoreDir: dir})
}

func TestRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(text string) string {
		t.Helper()
		f, err := os.CreateTemp(dir, "*.conf")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		return f.Name()
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		config natsserver.Config
		want   string
	}{
		"open door":          {natsserver.Config{Listen: "0.0.0.0:0"}, "--nats-config"},
		"all addresses":      {natsserver.Config{Listen: ":4222"}, "--nats-config"},
		"no port":            {natsserver.Config{Listen: "127.0.0.1"}, "HOST:PORT"},
		"port out of range":  {natsserver.Config{Listen: "127.0.0.1:70000"}, "HOST:PORT"},
		"no such file":       {natsserver.Config{ConfigFile: filepath.Join(dir, "none")}, "cannot read"},
		"bad file":           {natsserver.Config{ConfigFile: write("prot: 4222\n")}, "not right"},
		"line of a bad file": {natsserver.Config{ConfigFile: write("port: -1\nmax_payload: many\n")}, ":2:"},
		"open door in spite of a file": {
			natsserver.Config{Listen: "0.0.0.0:0", ConfigFile: write("max_payload: 1MB\n")}, "neither users nor client certificates",
		},
		"open door of the file": {
			natsserver.Config{ConfigFile: write("port: -1\n")}, "neither users nor client certificates",
		},
		"store_dir":          {natsserver.Config{ConfigFile: write(`jetstream { store_dir: "/tmp/x" }`)}, "store_dir"},
		"folder is a file":   {natsserver.Config{StoreDir: file, Listen: natsserver.NoListen}, "cannot make the folder"},
		"several accounts":   {natsserver.Config{ConfigFile: write("port: -1\naccounts { A { jetstream: enabled, users: [{user: a, password: b}] }, B { users: [{user: c, password: d}] } }")}, "--nats-user"},
		"no JetStream there": {natsserver.Config{ConfigFile: write("port: -1\naccounts { A { users: [{user: a, password: b}] } }")}, "jetstream: enabled"},
		"wrong password":     {natsserver.Config{User: "a", Password: "secret-wrong", ConfigFile: write("port: -1\naccounts { A { jetstream: enabled, users: [{user: a, password: b}] } }")}, "cannot connect to its own NATS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.config.StoreDir == "" {
				c.config.StoreDir = t.TempDir()
			}
			c.config.Log = slog.New(slog.DiscardHandler)
			s, err := natsserver.Start(t.Context(), c.config)
			if err == nil {
				s.Close()
				t.Fatal("want an error")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret-wrong") {
				t.Errorf("want an error with %q and without the password, got %v", c.want, err)
			}
			if connector.KindOf(err) == connector.Internal {
				t.Errorf("want an error for people, got %v", err)
			}
		})
	}
}

// A configuration file with users keeps others out and lets the worker in, whatever form it has.
func TestConfigFile(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"one user": "port: -1\nauthorization { user: crm, password: pw }",
		"users":    "port: -1\nauthorization { users: [{user: crm, password: pw}] }",
		"account":  "port: -1\naccounts { SYS {}, CRM { jetstream: enabled, users: [{user: crm, password: pw}] } }\nsystem_account: SYS",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "nats.conf")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			s := start(t, natsserver.Config{ConfigFile: path})
			stream, err := connect(t, s).CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := nats.Connect(s.Addr()); !errors.Is(err, nats.ErrAuthorization) {
				t.Errorf("want a stranger to be refused, got %v", err)
			}
			nc, err := nats.Connect(s.Addr(), nats.UserInfo("crm", "pw"), nats.Timeout(5*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			js, err := jetstream.New(nc)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := js.Publish(t.Context(), "s", []byte("{}")); err != nil {
				t.Fatal(err)
			}
			if info, err := stream.Info(t.Context()); err != nil || info.State.Msgs != 1 {
				t.Errorf("want the CRM's message in the worker's account, got %v %v", info.State.Msgs, err)
			}
		})
	}
}

// The promise of the default: each message is on the disk before its acknowledgement.
func TestSyncAlwaysIsOn(t *testing.T) {
	t.Parallel()
	s := start(t, natsserver.Config{})
	if config := natsserver.JetStreamConfig(s); config == nil || !config.SyncAlways {
		t.Errorf("want SyncAlways, got %+v", config)
	}
	s = start(t, natsserver.Config{SyncInterval: time.Minute})
	if config := natsserver.JetStreamConfig(s); config == nil || config.SyncAlways || config.SyncInterval != time.Minute {
		t.Errorf("want a sync a minute, got %+v", config)
	}
}
