package main

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
	"time"
)

const (
	startPatience = 5 * time.Minute
	stopPatience  = 2 * time.Minute
	// The names of the program's data folder.
	streamFolder = "nats"
	tokenFile    = "admin-token"
	storeFile    = "todosync.db"
)

// A product is one `todosync serve`.
type product struct {
	part
	dir    string
	api    string        // http://host:port
	nats   string        // nats://host:port
	ready  time.Duration // from the start of the process until /readyz said so
	before time.Duration // processor time until it said that it is ready
	log    *readyLog
}

// serve starts todosync on a data folder and returns when it is ready.
func (b *bench) serve(ctx context.Context, dir string, more ...string) (*product, error) {
	args := append([]string{
		"serve", "--data-dir", dir, "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0", "--log-format", "json", "--log-level", "info",
	}, more...)
	p := &product{dir: dir, log: &readyLog{ready: make(chan [2]string, 1)}}
	p.part = part{name: "todosync", cmd: exec.CommandContext(ctx, b.todosync, args...), errs: &tail{}, done: make(chan struct{})} //nolint:gosec // the program to measure
	p.cmd.Stderr = io.MultiWriter(p.errs, p.log)
	start := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
		close(ended)
	}()
	select {
	case at := <-p.log.ready:
		p.api, p.nats, p.before = at[0], at[1], p.processor()
	case <-ended:
		return nil, fmt.Errorf("todosync does not start: %w: %s", p.err, p.errs)
	case <-time.After(startPatience):
		return nil, errors.Join(fmt.Errorf("todosync is not ready after %s", startPatience), p.stop())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		if err := p.get(ctx, "/readyz", nil); err == nil {
			p.ready = time.Since(start)
			return p, nil
		} else if time.Since(start) > startPatience {
			return nil, errors.Join(fmt.Errorf("todosync is not ready after %s: %w", startPatience, err), p.stop())
		}
		if !pause(ctx, 5*time.Millisecond) {
			return nil, ctx.Err()
		}
	}
}

// stop ends todosync in order.
func (p *product) stop() error {
	stop := time.AfterFunc(stopPatience, func() { _ = p.cmd.Process.Kill() })
	defer stop.Stop()
	_ = p.cmd.Process.Signal(os.Interrupt)
	<-p.done
	if p.err != nil {
		return fmt.Errorf("todosync: %w: %s", p.err, p.errs)
	}
	return nil
}

// A readyLog finds the line that says where todosync is reached.
type readyLog struct {
	mu    sync.Mutex // guards line and told
	line  []byte
	told  bool
	ready chan [2]string
}

// Write looks for the line.
func (l *readyLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told {
		return len(b), nil
	}
	l.line = append(l.line, b...)
	for {
		line, rest, whole := bytes.Cut(l.line, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		var said struct{ Msg, API, NATS string }
		if json.Unmarshal(line, &said) == nil && said.Msg == "ready" {
			l.told = true
			l.ready <- [2]string{said.API, said.NATS}
			return len(b), nil
		}
		l.line = rest
	}
}

// get asks the API; into may be nil.
func (p *product) get(ctx context.Context, path string, into any) error {
	return p.call(ctx, http.MethodGet, path, nil, into)
}

// text asks for what is no JSON.
func (p *product) text(ctx context.Context, path string) (string, error) {
	b, err := p.exchange(ctx, http.MethodGet, path, nil)
	return string(b), err
}

// call calls the API as the admin.
func (p *product) call(ctx context.Context, method, path string, body []byte, into any) error {
	answer, err := p.exchange(ctx, method, path, body)
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(answer, into)
}

func (p *product) exchange(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.api+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	token, err := os.ReadFile(filepath.Join(p.dir, tokenFile))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	if strings.Contains(path, "/import") {
		req.Header.Set("Content-Type", "text/csv")
	}
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %.500s", method, path, res.Status, answer)
	}
	return answer, nil
}

// A storeSpec says what is in a data folder before a run.
type storeSpec struct {
	connections int
	bound       int // how many of them have bindings; the others get no events
	connectionSpec
	load load // events that wait in the stream
	args []string
}

// prepare makes a data folder: connections, bindings, and events that wait in the stream. The program makes its store and its
// stream itself; the events are put in while it does not run.
func (b *bench) prepare(ctx context.Context, dir string, s storeSpec) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file := filepath.Join(dir, "connections.yaml")
	if err := os.WriteFile(file, connectionFile(s.connections, s.connectionSpec), 0o600); err != nil {
		return err
	}
	p, err := b.serve(ctx, dir, append([]string{"--apply", file}, s.args...)...)
	if err != nil {
		return err
	}
	for i := range s.bound {
		path := "/api/v1/tenants/" + tenantName(i) + "/bindings/import?connection=oa"
		if err = p.call(ctx, http.MethodPost, path, bindingFile(), nil); err != nil {
			break
		}
	}
	if err := errors.Join(err, p.stop()); err != nil {
		return err
	}
	return b.fill(ctx, filepath.Join(dir, streamFolder), s.load)
}

// fill puts events into the stream of a folder.
func (b *bench) fill(ctx context.Context, dir string, l load) error {
	if l.Events == 0 {
		return nil
	}
	n, address, err := b.startNATS(ctx, natsPlan{Dir: dir, Loose: true})
	if err != nil {
		return err
	}
	_, err = b.publish(ctx, publishPlan{NATS: address, Load: l, Insist: true})
	if err = errors.Join(err, n.stop()); err != nil {
		if said := n.errs.String(); said != "" { // why it took no more
			err = fmt.Errorf("%w; NATS says: %s", err, said)
		}
	}
	return err
}

func (b *bench) startNATS(ctx context.Context, plan natsPlan) (*part, string, error) {
	n, err := b.start(ctx, "nats", plan)
	if err != nil {
		return nil, "", err
	}
	var address string
	if err := n.hear(&address); err != nil {
		return nil, "", err
	}
	return n, address, nil
}

// publish runs a generator to its end.
func (b *bench) publish(ctx context.Context, plan publishPlan) (publishReport, error) {
	var r publishReport
	g, err := b.start(ctx, "publish", plan)
	if err != nil {
		return r, err
	}
	if err := g.hear(&r); err != nil {
		return r, err
	}
	return r, g.stop()
}

// copyTree copies a data folder, so that each run begins with the same.
func copyTree(from, to string) error { return os.CopyFS(to, os.DirFS(from)) }

// stats is how many events a store has and what waits.
type stats struct {
	Events  int64            `json:"events"`
	Waiting int64            `json:"waiting"`
	States  map[string]int64 `json:"states"`
}

// settled waits until n deliveries are told as succeeded and nothing waits.
func (p *product) settled(ctx context.Context, n int) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		var s stats
		err := p.get(ctx, "/api/v1/stats", &s)
		if err == nil && s.Waiting == 0 && s.States["succeeded"] >= int64(n) {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("after all requests: %d wait, %v, want %d succeeded", s.Waiting, s.States, n), err)
		}
		if !pause(ctx, 10*time.Millisecond) {
			return ctx.Err()
		}
	}
}
