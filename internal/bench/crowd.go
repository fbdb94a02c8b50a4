package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"todosync/internal/freeport"
)

// crowdMeasures are those with very many connections, waiting events or records.
func crowdMeasures() []measure {
	everyRow := func(s sizes) bool { return s.EveryRow }
	cold := func(s sizes) bool { return s.BuildCold }
	return []measure{
		{key: "crowd idle", once: true, run: func(ctx context.Context, b *bench) (result, error) { return b.crowdIdle(ctx) }},
		{key: "crowd drain", once: true, run: func(ctx context.Context, b *bench) (result, error) { return b.crowdDrain(ctx) }},
		{key: "intake of what waits", once: true, when: everyRow, run: func(ctx context.Context, b *bench) (result, error) { return b.pileUp(ctx) }},
		{key: "start with all", once: true, when: everyRow, run: func(ctx context.Context, b *bench) (result, error) { return b.bigStart(ctx) }},
		{key: "cold build", once: true, when: cold, run: func(ctx context.Context, b *bench) (result, error) { return b.coldBuild(ctx) }},
	}
}

// crowd gives a data folder with very many connections, of which few have events. It is made once.
func (b *bench) crowd(ctx context.Context) (string, error) {
	dir := b.folder("crowd")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	b.say("    making %d connections", b.sizes.Crowd)
	return dir, b.prepare(ctx, dir, storeSpec{connections: b.sizes.Crowd, bound: b.sizes.CrowdBusy, connectionSpec: connectionSpec{oa: b.oa.OA}})
}

// crowdIdle is what very many connections cost that have nothing to do.
func (b *bench) crowdIdle(ctx context.Context) (r result, err error) {
	dir, err := b.crowd(ctx)
	if err != nil {
		return r, err
	}
	p, err := b.serve(ctx, dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	span := time.Duration(b.sizes.OpenSeconds / 3 * float64(time.Second))
	if !pause(ctx, span) {
		return r, ctx.Err()
	}
	commits, err := p.metric(ctx, "todosync_store_commit_seconds_count")
	if err != nil {
		return r, err
	}
	before, reads, start := p.processor(), p.reads(), time.Now()
	if !pause(ctx, span) {
		return r, ctx.Err()
	}
	after, err := p.metric(ctx, "todosync_store_commit_seconds_count")
	if err != nil {
		return r, err
	}
	seconds := time.Since(start).Seconds()
	now, _ := p.memory()
	r.set("memoryMiB", now)
	r.set("readySeconds", p.ready.Seconds())
	r.set("cpuShare", (p.processor()-before).Seconds()/seconds)
	r.set("commitsPerSecond", (after-commits)/seconds)
	r.set("readsPerSecond", (p.reads()-reads)/seconds)
	return r, nil
}

// reads is how many system calls that read from files or sockets the process has made.
func (p *part) reads() float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/io", p.cmd.Process.Pid))
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "syscr: "); ok {
			n, _ := strconv.ParseFloat(strings.TrimSpace(v), 64)
			return n
		}
	}
	return 0
}

// metric reads one value of /metrics.
func (p *product) metric(ctx context.Context, name string) (float64, error) {
	text, err := p.text(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(v, 64)
		}
	}
	return 0, fmt.Errorf("/metrics has no %s", name)
}

// crowdDrain drains as many events as a drain has, through few of very many connections.
func (b *bench) crowdDrain(ctx context.Context) (r result, err error) {
	dir, err := b.crowd(ctx)
	if err != nil {
		return r, err
	}
	l := load{Events: b.sizes.Events, Tenants: b.sizes.CrowdBusy}
	if err := b.fill(ctx, filepath.Join(dir, streamFolder), l); err != nil {
		return r, err
	}
	r, err = b.drainOf(ctx, dir, l, l.plan(), false)
	return r, errors.Join(err, os.RemoveAll(dir))
}

// big gives a data folder with very many records and connections whose OA does not answer. It is made once.
func (b *bench) big(ctx context.Context) (string, error) {
	dir := b.folder("big")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	nobody, err := freeport.Address()
	if err == nil {
		err = b.prepareRecords(ctx, dir, nobody, b.sizes.Records)
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir)) // half of it would be taken for all
	}
	return dir, nil
}

// pileUp has very many events come while no OA answers, beside very many records, and leaves the folder for bigStart.
func (b *bench) pileUp(ctx context.Context) (r result, err error) {
	dir, err := b.big(ctx)
	if err != nil {
		return r, err
	}
	l := load{Events: b.sizes.Waiting, Tenants: b.sizes.Connections}
	if err := room(dir, l.Events*roomPerEvent); err != nil {
		return r, err
	}
	b.say("    putting %d events into the stream", l.Events)
	if err := b.fill(ctx, filepath.Join(dir, streamFolder), l); err != nil {
		return r, err
	}
	w := b.window(nil)
	p, err := b.serve(ctx, dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	start := time.Now()
	for {
		lag, err := p.metric(ctx, "todosync_stream_lag")
		if err == nil && lag == 0 {
			break
		}
		if time.Since(start) > 20*time.Minute {
			return r, errors.Join(errors.New("the events are not taken in"), err)
		}
		if !pause(ctx, 250*time.Millisecond) {
			return r, ctx.Err()
		}
	}
	r.set("rate", float64(l.Events)/time.Since(start).Seconds())
	used := w.close()
	used.tell(&r, (p.processor() - p.before).Seconds(), l.Events)
	if !pause(ctx, time.Duration(b.sizes.OpenSeconds/3*float64(time.Second))) {
		return r, ctx.Err()
	}
	now, most := p.memory()
	r.set("memoryMiB", now)
	r.set("mostMiB", most)
	b.piledUp = true
	return r, nil
}

// bigStart starts todosync on what pileUp has left. An empty folder would start in no time: so it wants all of it.
func (b *bench) bigStart(ctx context.Context) (r result, err error) {
	dir := b.folder("big")
	if !b.piledUp {
		return r, errors.Join(errors.New("what it should start with is not all there"), os.RemoveAll(dir))
	}
	p, err := b.serve(ctx, dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.stop(), os.RemoveAll(dir)) }()
	r.set("readySeconds", p.ready.Seconds())
	now, _ := p.memory()
	r.set("memoryMiB", now)
	return r, nil
}

// coldBuild is how long `make build` takes with an empty cache.
func (b *bench) coldBuild(ctx context.Context) (r result, err error) {
	cache := b.folder("gocache")
	defer func() { err = errors.Join(err, os.RemoveAll(cache)) }()
	c := exec.CommandContext(ctx, "make", "-C", b.root, "build", "BIN="+b.folder("built"))
	c.Env = append(os.Environ(), "GOCACHE="+cache)
	// make leaves its children behind where it is killed, with our end of their output.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = 10 * time.Second
	start := time.Now()
	if out, err := c.CombinedOutput(); err != nil {
		return r, fmt.Errorf("make build: %w: %s", err, out)
	}
	r.set("minutes", time.Since(start).Minutes())
	return r, nil
}
