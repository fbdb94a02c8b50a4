// Package notify tells a tenant's admins what failed: once, in one digest a window, in words to act on.
//
// Data flows through it in one direction:
//
//	failures (noted by the store in the commits that made them) -> Close claims them for a digest -> Summarize -> Digest -> Channel
//
// Summarize and the texts are pure. The Digester is the loop: it closes windows that are over, has what was claimed summarised, and
// sends what waits through the channels, each apart from the others. What it does is kept by a Desk, which package store implements.
//
// The package holds one promise: a failure belongs to the digest that claims it, and each channel of the tenant gets each digest. After a
// crash between the sending and its commit a channel gets one again, under the same id; no comparison of times decides anything.
//
// It is not for: noting failures (store), NATS (connector/intake implements Publisher), HTTP itself (retry posts what the channels for
// webhooks and robots make), settings (connector).
//
// Callers: cmd/todosync runs the Digester on the worker that has the seat for it; web/api and the command line show digests, send them
// again and try channels out.
package notify
