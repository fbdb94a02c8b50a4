package chaos

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSoak runs at a steady rate, with OAs of every mood: memory, goroutines, handles and what is not a record on the disk stay flat. The
// last three quarters are compared; the first one fills caches.
func TestSoak(t *testing.T) {
	if !*long {
		t.Parallel()
	}
	span, every := 6*time.Second, 250*time.Millisecond
	if *long {
		span, every = 30*time.Minute, 10*time.Second
	}
	if *minutes > 0 {
		span = time.Duration(*minutes * float64(time.Minute))
		every = span / 180
	}
	w := newWorld(t, 61, settings{tenants: 10, connections: 2, people: 6, concurrency: 8, more: impatient})
	w.oas.set("", nature{latency: 20 * time.Millisecond, firm: 6, bad: map[string]int{doBusy: 10, doLost: 2, doDrop: 2}})
	n := w.single()
	ctx, cancel := context.WithCancel(w.context())
	defer cancel()
	spoken := make(chan struct{})
	go func() {
		defer close(spoken)
		w.crm.speak(ctx, 1<<30, 15*time.Millisecond)
	}()
	var samples []sample
	for len(samples) < int(span/every) && pause(ctx, every) {
		s := n.sample()
		s.goroutines = n.goroutines()
		samples = append(samples, s)
		if *long && len(samples)%18 == 0 {
			fmt.Fprintln(os.Stderr, s.line(samples[0], len(w.crm.accepted())))
		}
	}
	cancel()
	<-spoken
	w.settle(w.context())
	w.rest(n, time.Minute)
	w.judge(n, nil)
	lines := []string{"    at        memory  goroutines  handles  stream and WAL"}
	events := len(w.crm.accepted())
	for _, s := range samples {
		if (len(lines)-1)*len(samples)/12 <= slices.Index(samples, s) {
			lines = append(lines, s.line(samples[0], 0))
		}
	}
	t.Logf("%d events in %s\n%s", events, span, strings.Join(lines, "\n"))
	flat(t, samples)
}

func (s sample) line(first sample, events int) string {
	out := fmt.Sprintf("%8s %8d MiB %10d %8d %8d MiB", s.at.Sub(first.at).Round(time.Second), s.resident>>20, s.goroutines, s.handles, s.disk>>20)
	if events > 0 {
		out += fmt.Sprintf("  %d events", events)
	}
	return out
}

// flat compares the second quarter with the last.
func flat(t *testing.T, samples []sample) {
	t.Helper()
	q := len(samples) / 4
	if q < 3 {
		t.Fatalf("%d samples are too few", len(samples))
	}
	middle := func(part []sample, of func(sample) int64) int64 {
		var all []int64
		for _, s := range part {
			all = append(all, of(s))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	check := func(what string, of func(sample) int64, share float64, slack int64) {
		t.Helper()
		if !*long {
			slack *= 10 // seconds are still a beginning
		}
		early, late := middle(samples[q:2*q], of), middle(samples[3*q:], of)
		if float64(late) > float64(early)*(1+share)+float64(slack) {
			t.Errorf("%s grew from %d to %d", what, early, late)
		}
	}
	check("memory", func(s sample) int64 { return s.resident }, 0.1, 24<<20)
	check("goroutines", func(s sample) int64 { return int64(s.goroutines) }, 0.1, 20)
	check("stream and write-ahead log", func(s sample) int64 { return s.disk }, 0.25, 16<<20)
	check("handles", func(s sample) int64 { return int64(s.handles) }, 0.1, 10)
}

// goroutines asks /metrics; 0 where it does not tell.
func (n *node) goroutines() int {
	resp, err := n.http.Get("http://" + n.api + "/metrics")
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	var b strings.Builder
	buf := make([]byte, 64<<10)
	for {
		k, err := resp.Body.Read(buf)
		b.Write(buf[:k])
		if err != nil {
			break
		}
	}
	for line := range strings.Lines(b.String()) {
		if v, ok := strings.CutPrefix(line, "go_goroutines "); ok {
			var g int
			_, _ = fmt.Sscan(v, &g)
			return g
		}
	}
	return 0
}

// sizeOf is what files below a folder take.
func sizeOf(dir string) (total int64) {
	_ = filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			if info, err := e.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil // a file may go while we look
	})
	return total
}
