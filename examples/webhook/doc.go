// Package webhook shows how a server that gets digests from todosync knows that they are genuine.
//
// A digest comes as a POST with JSON and two headers: X-Todosync-Digest, its id, and X-Todosync-Signature, t=<unix seconds>,v1=<hex>: the
// HMAC-SHA256 of the seconds, a dot and the body as it came, with the channel's secret or, where it has none, the tenant's own key.
//
// Verify checks a signature: over the bytes as they came, never over JSON that was read and written again; in constant time; and no older
// than some minutes, so that nobody sends a digest again that he has overheard. A digest may come twice after a crash, under the same id:
// whoever must not act twice remembers the ids.
//
// It is an example to copy. It is not for: receiving anything else, storing keys. Its one invariant: what Verify accepts was signed with
// the key within the time given.
//
// Callers: nothing imports it; its test signs as todosync does.
package webhook
