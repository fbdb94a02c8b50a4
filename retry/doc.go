// Package retry sends one request to an OA and says what came of it.
//
// It holds the one HTTP client of a connection (Dispatcher: time limits, TLS, proxy, keep-alive, addresses that may not
// be called), the verdict on an attempt (Error, Class), and two pure decisions that the worker asks for: when a failed
// delivery is tried again (Policy), and whether the OA is down (Breaker).
//
// It is not a queue and does not wait: the tries of a delivery are rows in the store, and the loop over them is the
// worker's. It does not read what an answer says: 200 with an error code in it is a success here, and package mapping
// judges it. It knows nothing of connections, tenants or todos.
//
// Its one invariant: a request of which a byte may have left is never sent again by this package or by anything below it.
// Go's transport and retryablehttp would both do so; exchange tells how they are kept from it. What an attempt that ended
// otherwise may have done at the OA is told by Error.Unanswered.
//
// Classes follow one rule: what failed before a connection was ready is network (or tls), what ended by the clock after
// that is timeout, what came and could not be read is bad_answer.
//
// Callers are package connector (deliveries, tokens, scripts), package notify (webhooks) and cmd (try, doctor).
package retry
