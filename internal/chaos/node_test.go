package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// A node is one worker: the program's own process, which a test may kill.
type node struct {
	t     testing.TB
	name  string
	dir   string
	api   string // host:port
	nats  string // host:port of the embedded NATS
	flags []string
	env   []string
	under []string // a command that runs it, such as strace and its flags
	http  *http.Client

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	log  *tail

	mu    sync.Mutex // guards what follows
	pid   int        // of the process, or of the last one
	kills []kill
}

// A kill is a SIGKILL, or another end without a word.
type kill struct {
	at    time.Time
	until time.Time // what has arrived until now may have been sent before the kill, and been read late
	node  string
}

// late is how long after a kill a request of the dead process may still be read by an OA.
const late = 250 * time.Millisecond

// newNode chooses a folder and ports.
func newNode(t testing.TB, name, dir string, flags ...string) *node {
	t.Helper()
	return &node{
		t: t, name: name, dir: dir, api: freeAddress(t), nats: freeAddress(t), flags: flags,
		http: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8}},
	}
}

// freeAddress is an address of this machine that nothing listens on now.
func freeAddress(t testing.TB) string {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// launch starts the process and does not wait for anything.
func (n *node) launch() {
	n.t.Helper()
	args := append([]string{
		"serve", "--data-dir", n.dir, "--listen", n.api, "--nats-listen", n.nats, "--log-format", "text",
	}, n.flags...)
	line := append(append([]string{}, n.under...), append([]string{binary(n.t)}, args...)...)
	n.cmd = exec.Command(line[0], line[1:]...)
	n.cmd.Env = append(append(os.Environ(), "LANG=C", "TODOSYNC_LANG=", "GORACE=halt_on_error=1"), n.env...)
	if n.log == nil {
		n.log = &tail{}
	}
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with all that runs under a command
	n.mu.Lock()
	if last := len(n.kills) - 1; last >= 0 && time.Now().Before(n.kills[last].until) {
		n.kills[last].until = time.Now() // from here on it is the next process that sends
	}
	n.mu.Unlock()
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.mu.Lock()
	n.pid = n.cmd.Process.Pid
	n.mu.Unlock()
	done, cmd := make(chan struct{}), n.cmd
	n.done = done
	go func() {
		_ = cmd.Wait() // its state says how it ended
		close(done)
	}()
}

// start launches the process and waits until it is ready.
func (n *node) start() {
	n.t.Helper()
	n.launch()
	n.awaitReady(time.Minute)
}

func (n *node) awaitReady(limit time.Duration) {
	n.t.Helper()
	until(n.t, limit, "the server is ready", func() bool {
		if n.ended() {
			n.t.Fatalf("%s ended at its start:\n%s", n.name, n.log)
		}
		status, _ := n.ready()
		return status == http.StatusOK
	})
}

// ready asks how the server is.
func (n *node) ready() (status int, body string) {
	resp, err := n.http.Get("http://" + n.api + "/readyz")
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

func (n *node) ended() bool {
	select {
	case <-n.done:
		return true
	default:
		return false
	}
}

// strike sends SIGKILL and does not wait; it may be called from anywhere, more than once.
func (n *node) strike() {
	n.mu.Lock()
	n.kills = append(n.kills, kill{at: time.Now(), until: time.Now().Add(late), node: n.name})
	n.mu.Unlock()
	n.signal(syscall.SIGKILL)
}

// kill ends the process at once.
func (n *node) kill() {
	n.strike()
	<-n.done
}

func (n *node) signal(s syscall.Signal) {
	n.mu.Lock()
	pid := n.pid
	n.mu.Unlock()
	_ = syscall.Kill(-pid, s)
}

// stop asks the process to end and gives its exit code.
func (n *node) stop() int {
	n.signal(syscall.SIGTERM)
	<-n.done
	return n.cmd.ProcessState.ExitCode()
}

// end makes sure that nothing is left running.
func (n *node) end() {
	if n.cmd != nil && !n.ended() {
		n.signal(syscall.SIGCONT)
		n.signal(syscall.SIGKILL)
		<-n.done
	}
}

// struck are the kills so far.
func (n *node) struck() []kill {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]kill{}, n.kills...)
}

// cli runs a command against the server; it must succeed.
func (n *node) cli(args ...string) string {
	n.t.Helper()
	out, err := n.try(args...)
	if err != nil {
		n.t.Fatalf("todosync %q: %v", args, err)
	}
	return out
}

func (n *node) try(args ...string) (string, error) {
	cmd := exec.Command(binary(n.t), args...)
	cmd.Env = append(os.Environ(), "LANG=C", "TODOSYNC_LANG=", "TODOSYNC_SERVER=http://"+n.api, "TODOSYNC_DATA_DIR="+n.dir)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w: %s", err, errs.String())
	}
	return out.String(), nil
}

// fetch reads JSON from the API into out.
func (n *node) fetch(path string, out any) error {
	resp, err := n.open(path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(out)
}

func (n *node) open(path string) (*http.Response, error) {
	token, err := os.ReadFile(filepath.Join(n.dir, "admin-token"))
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+n.api+"/api/v1/"+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	client := *n.http
	client.Timeout = 0 // an export takes what it takes
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		return nil, fmt.Errorf("GET %s: %s %s", path, resp.Status, b)
	}
	return resp, nil
}

// figures are what GET /stats says.
type figures struct {
	States   map[string]int64
	Waiting  int64
	Events   int64
	Rejected int64
}

func (n *node) figures() (f figures, err error) {
	err = n.fetch("stats", &f)
	return f, err
}

// A record is a sync record as the API shows it.
type record struct {
	ID, Tenant, Connection, Scene, State, Class, Code, Message string
	Todo, Receiver, OAAccount, EventID, SupersededBy           string
	Tries                                                      int
	PossiblySentTwice                                          bool
}

// records reads all sync records.
func (n *node) records() ([]record, error) {
	resp, err := n.open("records/export")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var out []record
	for d := json.NewDecoder(resp.Body); ; {
		var r record
		switch err := d.Decode(&r); {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return out, err
		}
		out = append(out, r)
	}
}

// An account says what became of an event.
type account struct {
	ID, Tenant, Action, Todo, Outcome string
	Sequence                          uint64
	Connections                       []struct {
		Connection, Outcome string
		Deliveries          []string
	}
}

// events reads what became of all events.
func (n *node) events() ([]account, error) {
	var out []account
	for cursor := ""; ; {
		var page struct {
			Items []account
			Next  string
		}
		if err := n.fetch("events?limit=1000&cursor="+cursor, &page); err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
		if cursor = page.Next; cursor == "" {
			return out, nil
		}
	}
}

// until waits for something that another process does and tells nobody of.
func until(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("after %s it is not so that %s", limit, what)
		}
	}
}

// A tail keeps the last of what a process says, and counts the lines.
type tail struct {
	mu    sync.Mutex // guards b and lines
	b     []byte
	lines int
}

func (l *tail) Write(b []byte) (int, error) {
	const keep = 64 << 10
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines += bytes.Count(b, []byte("\n"))
	l.b = append(l.b, b...)
	if len(l.b) > 2*keep {
		l.b = append([]byte{}, l.b[len(l.b)-keep:]...)
	}
	return len(b), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.b)
}

// end is so little of it that the test's own words about a failure stay in sight.
func (l *tail) end() string {
	const most = 20
	lines := strings.Split(strings.TrimSpace(l.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

func (l *tail) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines
}

// killTraced ends a process that runs under strace, which goes by itself and closes its file.
func (n *node) killTraced() {
	out, err := exec.Command("pgrep", "-P", fmt.Sprint(n.cmd.Process.Pid)).Output()
	if err != nil {
		n.t.Fatalf("pgrep: %v", err)
	}
	var pid int
	if _, err := fmt.Sscan(string(out), &pid); err != nil {
		n.t.Fatalf("pgrep says %q", out)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	<-n.done
}
