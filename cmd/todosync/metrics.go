package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"todosync/connector"
	"todosync/internal/metrics"
	"todosync/web/api"
)

// lookLimit bounds the look at all that the metrics show.
const lookLimit = 5 * time.Second

// openMetrics makes what counts. It comes before all that is counted.
func (a *app) openMetrics(ctx context.Context) (err error) {
	ctx = context.WithoutCancel(ctx)
	a.metrics, err = metrics.New(metrics.Config{
		Registry: prometheus.NewRegistry(), Log: a.log, Version: version,
		Look: func() metrics.State {
			ctx, cancel := context.WithTimeout(ctx, lookLimit)
			defer cancel()
			return a.look(ctx)
		},
	})
	return err
}

// observe tells of stored outcomes: the metrics, and whoever runs the app.
func (a *app) observe(also func(context.Context, connector.Observed)) func(context.Context, connector.Observed) {
	if also == nil {
		return a.metrics.Observed
	}
	return func(ctx context.Context, o connector.Observed) {
		a.metrics.Observed(ctx, o)
		also(ctx, o)
	}
}

// openToAll reports whether the metrics need no token: only this machine can ask, and nobody asks for another through a proxy.
func (a *app) openToAll() bool {
	addr, ok := a.listener.Addr().(*net.TCPAddr)
	return ok && addr.IP.IsLoopback() && len(a.cfg.trustedProxies) == 0
}

// look gathers how the program is.
func (a *app) look(ctx context.Context) metrics.State {
	s := metrics.State{
		StoreBytes: sizeOf(filepath.Join(a.cfg.dataDir, storeFile)), WALBytes: sizeOf(filepath.Join(a.cfg.dataDir, storeFile+"-wal")),
		DiskFree: diskFree(a.cfg.dataDir), Events: -1, Rejected: -1, Digests: -1, Workers: 1, Parts: map[string]bool{},
	}
	h := a.reader.Health(ctx)
	s.Connected, s.Reading = h.Connected, h.Reading
	s.Stream = metrics.Stream{Last: h.Last, Position: h.Position, Bytes: int64(min(h.Bytes, 1<<62)), MaxBytes: h.MaxBytes} //nolint:gosec // bounded
	if seats := a.worker.Seating(); a.cluster != nil {
		s.Workers, s.Seats = len(seats.Alive), seats.Connections
		if seats.Reader {
			s.Seats++
		}
	}
	for _, c := range a.store.Conditions() {
		state := metrics.ConnectionState{Key: c.Key, Up: true, Why: string(c.Condition.Reason())}
		switch {
		case c.Broken && !c.Condition.Disabled:
			state.Up, state.Why = false, "broken"
		case c.Condition.Disabled, c.Condition.Paused: // nobody tries
		case !c.Condition.DownSince.IsZero(), !c.Condition.TokenRefused.IsZero():
			state.Up = false
		}
		s.Connections = append(s.Connections, state)
	}
	for _, p := range a.health(ctx) {
		s.Parts[p.Name] = p.State != api.PartDown
	}
	if counts, err := a.store.Counts(ctx, nil); err == nil { // else what is known goes out without it; /readyz says what is wrong
		s.Waiting = map[connector.State]int64{}
		for _, c := range counts {
			if c.State.Final() {
				continue
			}
			s.Waiting[c.State] += c.Count
			if s.Oldest.IsZero() || c.Oldest.Before(s.Oldest) {
				s.Oldest = c.Oldest
			}
		}
	}
	if jobs, err := a.store.JobCounts(ctx); err == nil {
		s.Jobs = jobs
	}
	if events, rejected, err := a.store.Remembered(ctx); err == nil {
		s.Events, s.Rejected = events, rejected
	}
	if counts, err := a.store.DigestCounts(ctx, nil); err == nil {
		s.Digests = 0
		for _, c := range counts {
			if s.Digests += c.Count; s.OldestDigest.IsZero() || c.Oldest.Before(s.OldestDigest) {
				s.OldestDigest = c.Oldest
			}
		}
	}
	if a.cfg.shared() { // what lies in this folder then is no store of ours
		s.StoreBytes, s.WALBytes = -1, -1
	}
	return s
}

// sizeOf is a file's size, -1 where it cannot be told.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return info.Size()
}

// diskFree is what is free where a folder is, in bytes, -1 where it cannot be told.
func diskFree(dir string) int64 {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return -1
	}
	return int64(st.Bavail) * st.Bsize //nolint:gosec // a disk holds less than 2^63 bytes
}
