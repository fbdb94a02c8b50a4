package main

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// A window is a span of time over which the machine's use is measured.
type window struct {
	b      *bench
	broker *part // NATS, where it is a process of its own
	at     time.Time
	oa     time.Duration
	nats   time.Duration
	busy   float64 // of the whole machine, in seconds of processor time
}

// A usage is what a window saw, in seconds.
type usage struct {
	span, oa, nats float64
	machine        float64 // processor time of all processes, ours and others'
}

// window begins one.
func (b *bench) window(broker *part) *window {
	w := &window{b: b, broker: broker, at: time.Now(), oa: b.oa.processor(), busy: machineBusy()}
	if broker != nil {
		w.nats = broker.processor()
	}
	return w
}

func (w *window) close() usage {
	u := usage{span: time.Since(w.at).Seconds(), oa: (w.b.oa.processor() - w.oa).Seconds(), machine: machineBusy() - w.busy}
	if w.broker != nil {
		u.nats = (w.broker.processor() - w.nats).Seconds()
	}
	return u
}

// tell sets the processor time of what n were done with: of the worker or loop alone, with NATS, and of all processes of the
// run; and how much of the machine others had meanwhile.
func (u usage) tell(r *result, worker float64, n int) {
	for name, used := range map[string]float64{"cpu": worker, "cpuWithNATS": worker + u.nats, "cpuAll": worker + u.nats + u.oa} {
		r.set(name, used/float64(n)*10_000)
	}
	if u.machine > 0 {
		r.set("others", max(0, u.machine-worker-u.nats-u.oa)/u.machine)
	}
}

// machineBusy is how long the machine's processors have worked since it started, in seconds.
func machineBusy() float64 {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	const idle, wait, hertz = 4, 5, 100 // columns of /proc/stat, and its unit
	sum := 0.0
	for i, f := range strings.Fields(line) {
		if n, err := strconv.ParseFloat(f, 64); err == nil && i != idle && i != wait && i < 9 {
			sum += n
		}
	}
	return sum / hertz
}
