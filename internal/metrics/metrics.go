package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"todosync/connector"
	"todosync/retry"
)

// MaxTenants is how many tenants stand as label values; Other stands for all further ones and for their connections.
const (
	MaxTenants = 200
	Other      = "other"
)

// classOK stands for an attempt that succeeded: to Prometheus an empty label is none.
const classOK = "ok"

// A Config is what New needs.
type Config struct {
	Registry *prometheus.Registry // required
	// Look gives the state of the program when somebody asks; required. It must answer within seconds, whatever is away.
	Look    func() State
	Log     *slog.Logger     // required; what goes wrong while metrics are gathered
	Version string           // of the program
	Now     func() time.Time // time.Now by default
}

// Metrics holds the program's metrics. Its methods may be called from many goroutines.
type Metrics struct {
	cfg Config

	events     *prometheus.CounterVec
	deliveries *prometheus.CounterVec
	attempts   *prometheus.CounterVec
	delivered  prometheus.Histogram
	attempted  prometheus.Histogram
	commit     prometheus.Histogram
	operations prometheus.Histogram
	removed    *prometheus.CounterVec
	digests    *prometheus.CounterVec
	signOns    *prometheus.CounterVec
	signedOn   prometheus.Histogram

	tenants tenants

	// Counters by their labels' values as they come: to find one here allocates nothing.
	mu           sync.RWMutex // guards the maps
	ofEvents     map[connector.EventCount]prometheus.Counter
	ofDeliveries map[connector.DeliveryCount]prometheus.Counter
	ofAttempts   map[attemptLabels]prometheus.Counter
}

type attemptLabels struct {
	key   connector.ConnectionKey
	class retry.Class
}

// New registers all metrics.
func New(cfg Config) (*Metrics, error) {
	if cfg.Registry == nil || cfg.Look == nil || cfg.Log == nil {
		return nil, errors.New("metrics: Registry, Look and Log are needed")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	m := &Metrics{
		cfg: cfg,
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "todosync_events_total", Help: "Messages of the stream by what became of them.",
		}, []string{"tenant", "kind", "action", "outcome"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "todosync_deliveries_total", Help: "Deliveries by each state that they got: as planned, and after each attempt.",
		}, []string{"tenant", "connection", "scene", "state"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "todosync_attempts_total", Help: "Requests to OAs by the class of their answer; ok after a success.",
		}, []string{"tenant", "connection", "class"}),
		delivered: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "todosync_delivery_seconds", Help: "Time from an event's place in the stream to the OA's yes.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43200, 172800},
		}),
		attempted: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "todosync_attempt_seconds", Help: "How long requests to OAs took.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15, 30, 60},
		}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "todosync_store_commit_seconds", Help: "How long transactions of the store took, with the sync to disk.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5},
		}),
		operations: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "todosync_store_commit_operations", Help: "How many operations shared a transaction of the store.",
			Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128},
		}),
		removed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "todosync_removed_total", Help: "What was too old to be kept and was taken away, by what it was.",
		}, []string{"what"}),
		digests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "todosync_digests_total", Help: "Tries to send a digest to a channel, by what came of them: sent, waiting (it is tried again), failed (given up).",
		}, []string{"type", "outcome"}),
		signOns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "todosync_sign_ons_total", Help: "Browsers that came from an OA, by what became of them; what leads to no connection has no tenant.",
		}, []string{"tenant", "connection", "outcome"}),
		signedOn: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "todosync_sign_on_seconds", Help: "How long browsers from an OA waited for their answer, with the question to the OA.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		tenants:      tenants{seen: map[string]bool{}},
		ofEvents:     map[connector.EventCount]prometheus.Counter{},
		ofDeliveries: map[connector.DeliveryCount]prometheus.Counter{},
		ofAttempts:   map[attemptLabels]prometheus.Counter{},
	}
	for _, c := range connector.Chores() {
		m.removed.WithLabelValues(string(c)) // what has never happened is 0, so that the first time shows as a growth
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "todosync_build_info", Help: "Always 1; the program's version is its label.",
	}, []string{"version"})
	build.WithLabelValues(cfg.Version).Set(1)
	for _, c := range []prometheus.Collector{
		m.events, m.deliveries, m.attempts, m.delivered, m.attempted, m.commit, m.operations, m.removed, m.digests, m.signOns, m.signedOn, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newStates(m),
	} {
		if err := cfg.Registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Handler answers Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.cfg.Registry, promhttp.HandlerOpts{
		ErrorLog: errorLog{m.cfg.Log}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	})
}

// An errorLog gives what goes wrong in the handler to the program's log.
type errorLog struct{ log *slog.Logger }

// Println takes one mistake.
func (l errorLog) Println(v ...any) { l.log.Warn("metrics", "problem", v) }

// Accepted counts what a batch of the stream led to. It is an inbox's Note.
func (m *Metrics) Accepted(a connector.Accepted) {
	for _, e := range a.Ends {
		n := float64(e.Count)
		e.Count = 0
		cached(m, m.ofEvents, e, m.event).Add(n)
	}
	for _, d := range a.States {
		n := float64(d.Count)
		d.Count = 0
		cached(m, m.ofDeliveries, d, m.delivery).Add(n)
	}
}

// Told counts a try to send a digest to a channel of a type.
func (m *Metrics) Told(channel connector.ChannelType, outcome string) {
	m.digests.WithLabelValues(string(channel), outcome).Inc()
}

// SignedOn counts a browser that came from an OA. The key is empty where its address led to no connection.
func (m *Metrics) SignedOn(key connector.ConnectionKey, outcome string, took time.Duration) {
	tenant, name := "", ""
	if key.Tenant != "" {
		tenant, name = m.tenants.labels(key)
	}
	m.signOns.WithLabelValues(tenant, name, outcome).Inc()
	m.signedOn.Observe(max(took, 0).Seconds())
}

// Observed counts a stored outcome. It is a worker's Observe.
func (m *Metrics) Observed(_ context.Context, o connector.Observed) {
	w, c := o.Work, o.Change
	cached(m, m.ofDeliveries, connector.DeliveryCount{Key: w.Key, Scene: w.Scene, State: c.To}, m.delivery).Inc()
	for i := range c.Attempts {
		cached(m, m.ofAttempts, attemptLabels{w.Key, c.Attempts[i].Class}, m.attempt).Inc()
		m.attempted.Observe(c.Attempts[i].Duration.Seconds())
	}
	if c.To == connector.Succeeded && !w.Event.Received.IsZero() {
		m.delivered.Observe(max(m.cfg.Now().Sub(w.Event.Received), 0).Seconds())
	}
}

// Committed counts a transaction of the store. It is a store's Committed.
func (m *Metrics) Committed(took time.Duration, operations int) {
	m.commit.Observe(took.Seconds())
	m.operations.Observe(float64(operations))
}

// Removed counts what was taken away for its age. It is a housekeeping's Removed.
func (m *Metrics) Removed(chore connector.Chore, count int) {
	m.removed.WithLabelValues(string(chore)).Add(float64(count))
}

// cached finds the counter of some labels, or makes it.
func cached[K comparable](m *Metrics, counters map[K]prometheus.Counter, key K, resolve func(K) prometheus.Counter) prometheus.Counter {
	m.mu.RLock()
	c := counters[key]
	m.mu.RUnlock()
	if c != nil {
		return c
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c = counters[key]; c == nil {
		c = resolve(key)
		counters[key] = c
	}
	return c
}

func (m *Metrics) event(e connector.EventCount) prometheus.Counter {
	return m.events.WithLabelValues(m.tenants.label(e.Tenant), string(e.Kind), string(e.Action), e.End)
}

func (m *Metrics) delivery(d connector.DeliveryCount) prometheus.Counter {
	tenant, name := m.tenants.labels(d.Key)
	return m.deliveries.WithLabelValues(tenant, name, string(d.Scene), string(d.State))
}

func (m *Metrics) attempt(a attemptLabels) prometheus.Counter {
	tenant, name := m.tenants.labels(a.key)
	class := string(a.class)
	if a.class == retry.OK {
		class = classOK
	}
	return m.attempts.WithLabelValues(tenant, name, class)
}
