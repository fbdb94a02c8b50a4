package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"todosync/connector"
)

// stateAge is how old a State may be that is shown again.
const stateAge = 5 * time.Second

// A State is how the program is at one moment. Members that are not known are left out of what is shown: nil, or a negative number.
type State struct {
	// Waiting counts the deliveries that are not final, by state; nil: not known.
	Waiting map[connector.State]int64
	Oldest  time.Time // when the oldest of them was made; zero: none waits
	// Connections are all that are not deleted.
	Connections []ConnectionState
	// Jobs counts the jobs of many deliveries that are remembered, by how they stand; nil: not known.
	Jobs map[connector.JobState]int64

	Events, Rejected int64 // remembered in the store

	Digests      int64     // that wait for a channel; negative: not known
	OldestDigest time.Time // since when the oldest of them does; zero: none waits

	StoreBytes, WALBytes, DiskFree int64 // of the data folder

	Connected bool // to NATS
	Reading   bool // this worker reads the stream
	Stream    Stream

	Workers int // with a live lease, this one among them
	Seats   int // what this worker does alone: connections that it serves, the stream if it reads it

	// Parts says of each part of /readyz whether it is well.
	Parts map[string]bool
}

// A ConnectionState says whether a connection's OA is reached.
type ConnectionState struct {
	Key connector.ConnectionKey
	Up  bool   // neither down nor without a token nor broken
	Why string // why nothing is sent: paused, disabled, down, token_refused, broken; empty: something is
}

// A Stream is how far the stream is, and how full.
type Stream struct {
	Last, Position  uint64
	Bytes, MaxBytes int64 // MaxBytes 0 or less: no limit
}

// states is the collector of what is asked for.
type states struct {
	m    *Metrics
	desc map[string]*prometheus.Desc

	mu   sync.Mutex // held while the program is looked at: whoever comes meanwhile gets the same answer
	at   time.Time
	last State
}

func newStates(m *Metrics) *states {
	s := &states{m: m, desc: map[string]*prometheus.Desc{}}
	for _, d := range []struct {
		name, help string
		labels     []string
	}{
		{"waiting", "Deliveries that are not final; what a paused, disabled or refused connection holds is held.", []string{"state"}},
		{"oldest_waiting_seconds", "Age of the oldest delivery that is not final; 0 where none waits.", nil},
		{"connection_up", "1 while the OA is reached as far as known; 0 while it is down, gives no token, or cannot be used.", []string{"tenant", "connection"}},
		{"connections", "Connections by why nothing is sent; none where something is.", []string{"held_for"}},
		{"jobs", "Jobs of many deliveries that are remembered, by how they stand.", []string{"state"}},
		{"digests_waiting", "Digests that a channel has not taken yet, each channel counted.", nil},
		{"digests_oldest_waiting_seconds", "For how long the oldest of them has waited; 0 where none waits.", nil},
		{"events_remembered", "Accepted events in the store.", nil},
		{"rejected_remembered", "Rejected events in the store.", nil},
		{"store_bytes", "Size of the SQLite database.", nil},
		{"store_wal_bytes", "Size of its write-ahead log.", nil},
		{"disk_free_bytes", "What is free where the data folder is.", nil},
		{"nats_connected", "1 while NATS is reached.", nil},
		{"reading", "1 while this worker reads the stream.", nil},
		{"stream_last_sequence", "Newest sequence of the stream.", nil},
		{"stream_position", "Sequence up to which the stream is planned.", nil},
		{"stream_lag", "Sequences of the stream that are not planned yet.", nil},
		{"stream_bytes", "What the stream holds.", nil},
		{"stream_max_bytes", "The stream's limit; it refuses new events there.", nil},
		{"stream_fill_ratio", "Share of the limit that is used, 0 to 1.", nil},
		{"workers", "Workers on this store and stream, this one among them.", nil},
		{"seats", "What this worker does alone: connections that it serves, the reading of the stream.", nil},
		{"ready", "1 while a part of /readyz is well.", []string{"part"}},
	} {
		s.desc[d.name] = prometheus.NewDesc("todosync_"+d.name, d.help, d.labels, nil)
	}
	return s
}

// Describe implements prometheus.Collector.
func (s *states) Describe(out chan<- *prometheus.Desc) {
	for _, d := range s.desc {
		out <- d
	}
}

// now gives a state that is fresh enough.
func (s *states) now() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.m.cfg.Now(); s.at.IsZero() || now.Sub(s.at) >= stateAge || now.Before(s.at) {
		s.last = s.m.cfg.Look()
		s.at = s.m.cfg.Now()
	}
	return s.last
}

// Collect implements prometheus.Collector.
func (s *states) Collect(out chan<- prometheus.Metric) {
	now := s.now()
	gauge := func(name string, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(s.desc[name], prometheus.GaugeValue, v, labels...)
	}
	known := func(name string, v int64) {
		if v >= 0 {
			gauge(name, float64(v))
		}
	}
	if now.Waiting != nil {
		for _, state := range connector.States() {
			if !state.Final() {
				gauge("waiting", float64(now.Waiting[state]), string(state))
			}
		}
		age := 0.0
		if !now.Oldest.IsZero() {
			age = max(s.m.cfg.Now().Sub(now.Oldest), 0).Seconds()
		}
		gauge("oldest_waiting_seconds", age)
	}
	s.connections(now.Connections, gauge)
	if now.Jobs != nil {
		for _, state := range connector.JobStates() {
			gauge("jobs", float64(now.Jobs[state]), string(state))
		}
	}
	if known("digests_waiting", now.Digests); now.Digests >= 0 {
		age := 0.0
		if !now.OldestDigest.IsZero() {
			age = max(s.m.cfg.Now().Sub(now.OldestDigest), 0).Seconds()
		}
		gauge("digests_oldest_waiting_seconds", age)
	}
	known("events_remembered", now.Events)
	known("rejected_remembered", now.Rejected)
	known("store_bytes", now.StoreBytes)
	known("store_wal_bytes", now.WALBytes)
	known("disk_free_bytes", now.DiskFree)
	gauge("nats_connected", truth(now.Connected))
	gauge("reading", truth(now.Reading))
	s.stream(now.Stream, gauge)
	known("workers", int64(now.Workers))
	known("seats", int64(now.Seats))
	for part, well := range now.Parts {
		gauge("ready", truth(well), part)
	}
}

// connections shows those of the tenants that stand as label values, and of all others together whether each is up.
func (s *states) connections(all []ConnectionState, gauge func(name string, v float64, labels ...string)) {
	held := map[string]int{"none": 0}
	up, others := true, false
	for _, c := range all {
		why := c.Why
		if why == "" {
			why = "none"
		}
		held[why]++
		tenant, name := s.m.tenants.labels(c.Key)
		if tenant == Other {
			up, others = up && c.Up, true
			continue
		}
		gauge("connection_up", truth(c.Up), tenant, name)
	}
	if others {
		gauge("connection_up", truth(up), Other, Other)
	}
	for why, n := range held {
		gauge("connections", float64(n), why)
	}
}

func (s *states) stream(now Stream, gauge func(name string, v float64, labels ...string)) {
	if now.Last == 0 && now.Bytes == 0 && now.MaxBytes == 0 {
		return // nobody could ask NATS yet
	}
	gauge("stream_last_sequence", float64(now.Last))
	gauge("stream_position", float64(now.Position))
	lag := uint64(0)
	if now.Last > now.Position {
		lag = now.Last - now.Position
	}
	gauge("stream_lag", float64(lag))
	gauge("stream_bytes", float64(now.Bytes))
	if now.MaxBytes > 0 {
		gauge("stream_max_bytes", float64(now.MaxBytes))
		gauge("stream_fill_ratio", float64(now.Bytes)/float64(now.MaxBytes))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
