package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"todosync/internal/freeport"
)

// A process is a `todosync serve` of its own, which a test may kill.
type process struct {
	t    *testing.T
	dir  string
	api  string // host:port
	nats string // host:port
	cmd  *exec.Cmd
	out  *lines

	environment []string // of the server, beside that of the test
	input       string   // of commands
}

// newProcess chooses free ports and a data folder for servers that a test starts one after another.
func newProcess(t *testing.T) *process {
	t.Helper()
	return &process{t: t, dir: filepath.Join(t.TempDir(), "data"), api: freeAddress(t), nats: freeAddress(t)}
}

// freeAddress is an address of this machine that nothing listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// start runs serve and returns when it is ready.
func (p *process) start(args ...string) {
	p.t.Helper()
	p.launch(args...)
	eventually(p.t, 30*time.Second, "the server is ready", func() bool {
		if p.cmd.ProcessState != nil {
			return false
		}
		resp, err := http.Get("http://" + p.api + "/readyz")
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		return resp.StatusCode == http.StatusOK
	})
}

// launch runs serve.
func (p *process) launch(args ...string) {
	p.t.Helper()
	p.out = &lines{}
	p.cmd = exec.Command("todosync", append([]string{
		"serve", "--data-dir", p.dir, "--listen", p.api, "--nats-listen", p.nats, "--log-format", "text",
	}, args...)...)
	p.cmd.Env = append(os.Environ(), "LANG=C", "TODOSYNC_LANG=", "GORACE=halt_on_error=1")
	p.cmd.Env = append(p.cmd.Env, p.environment...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
		if p.t.Failed() {
			p.t.Logf("the server said:\n%s", p.out)
		}
	})
}

// kill ends the server as a power cut would.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait() // says that it was killed
}

// stop asks the server to end and gives its exit code.
func (p *process) stop() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	return p.wait()
}

// wait gives the server's exit code.
func (p *process) wait() int {
	p.t.Helper()
	err := p.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return 0
}

// client speaks to the server as the commands do.
func (p *process) client() *client {
	p.t.Helper()
	c := &cli{stdout: p.out, stderr: p.out, lang: english, now: time.Now}
	a, err := c.connect(&server{address: "http://" + p.api, data: p.dir})
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

// cli runs a command against the server and gives what it printed; it must succeed.
func (p *process) cli(args ...string) string {
	p.t.Helper()
	code, out, errs := p.try(args...)
	if code != 0 {
		p.t.Fatalf("todosync %q exits with %d: %s", args, code, errs)
	}
	return out
}

// try runs a command against the server.
func (p *process) try(args ...string) (code int, out, errs string) {
	p.t.Helper()
	var stdout, stderr bytes.Buffer
	env := map[string]string{"TODOSYNC_SERVER": "http://" + p.api, "TODOSYNC_DATA_DIR": p.dir}
	c := &cli{
		stdin: strings.NewReader(p.input), stdout: &stdout, stderr: &stderr, now: time.Now,
		lookup: func(k string) (string, bool) { v, ok := env[k]; return v, ok },
	}
	code = c.run(context.Background(), args)
	return code, stdout.String(), stderr.String()
}

// eventually waits for something that another process does and tells nobody of.
func eventually(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("after %s it is not so that %s", limit, what)
		}
	}
}

// lines gathers what a process says.
type lines struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
