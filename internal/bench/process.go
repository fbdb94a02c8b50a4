package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A part is a process of this program under another name, or todosync.
type part struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser // its end tells the part to stop
	lines *bufio.Scanner // what it says
	errs  *tail
	done  chan struct{}
	err   error // after done
}

// start starts one of our own parts with its plan.
func (b *bench) start(ctx context.Context, name string, plan any) (*part, error) {
	arg, err := json.Marshal(plan)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, b.self, append(slices.Clone(b.selfArgs), name, string(arg))...) //nolint:gosec // ourselves
	p := &part{name: name, cmd: cmd, errs: &tail{}, done: make(chan struct{})}
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.lines = bufio.NewScanner(out)
	p.lines.Buffer(nil, 16<<20)
	cmd.Stderr = p.errs
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return p, nil
}

// hear reads the next thing that a part of ours says.
func (p *part) hear(v any) error {
	if !p.lines.Scan() {
		p.wait()
		return errors.Join(fmt.Errorf("%s ended: %s", p.name, p.errs), p.lines.Err(), p.err)
	}
	return json.Unmarshal(p.lines.Bytes(), v)
}

// stop has a part of ours end and waits for it.
func (p *part) stop() error {
	_ = p.stdin.Close()
	for p.lines.Scan() {
		continue // what nobody asked for
	}
	p.wait()
	if p.err != nil {
		return fmt.Errorf("%s: %w: %s", p.name, p.err, p.errs)
	}
	return nil
}

func (p *part) wait() {
	select {
	case <-p.done:
	default:
		p.err = p.cmd.Wait()
		close(p.done)
	}
}

// processor is the processor time that the part has used so far, from the kernel's clock of it.
func (p *part) processor() time.Duration { return processor(p.cmd.Process.Pid) }

// processor reads the processor clock of a process; see clock_getcpuclockid(3).
func processor(pid int) time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(int32(^pid<<3|2), &t) != nil { //nolint:gosec // how the kernel numbers these clocks
		return 0 // it has ended
	}
	return time.Duration(t.Nano())
}

func ownProcessor() time.Duration { return processor(os.Getpid()) }

// memory gives what a process has in memory now and had at most, in MiB.
func (p *part) memory() (now, most float64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kib, _ := strconv.ParseFloat(f[1], 64)
		switch f[0] {
		case "VmRSS:":
			now = kib / 1024
		case "VmHWM:":
			most = kib / 1024
		}
	}
	return now, most
}

// A tail keeps the end of what a process says.
type tail struct {
	mu   sync.Mutex // guards what follows
	text []byte
}

const tailSize = 8 << 10

// Write keeps the newest text.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(b), nil
}

// String is the newest text.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}
