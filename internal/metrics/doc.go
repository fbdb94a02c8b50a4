// Package metrics counts what the program does and shows it to Prometheus: events, deliveries, attempts, delays, what
// waits, and how the store, NATS and the process are.
//
// There are two halves. Counters and histograms are told of each thing as it happens, by hooks of the reader's inbox, the
// worker and the store; that path takes no lock for long and allocates nothing once a label's values have been seen. All
// that is a state rather than a count (what waits, connections, sizes) is asked for when Prometheus comes, by one
// function, and kept for some seconds, so that many who ask cost the store no more than one.
//
// It is not the place for what people look at in the console or the API: those count in the store, over restarts. These
// numbers begin anew with each process, as Prometheus wants it.
//
// Its invariant: the number of time series is bounded. At most 200 tenants stand as label values, whoever came first; what
// belongs to others is counted under "other". No label holds an id, an address or anything of a person.
//
//	m, err := metrics.New(metrics.Config{Registry: registry, Look: look, Version: version})
//	inbox.Note = m.Accepted; worker.Observe = m.Observed; store.Committed = m.Committed
//	housekeeping.Removed = m.Removed; gateway.Note = m.SignedOn
//	mux.Handle("GET /metrics", m.Handler())
//
// cmd/todosync wires it; web/api puts the handler behind its rights. Alert rules and a dashboard are in deploy/; a test
// here holds every name in them against what is registered.
package metrics
