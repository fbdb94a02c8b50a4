// Package connector is the heart of todosync: its words, its rules and the worker that carries them out.
//
// Data flows through it in one direction:
//
//	message -> ParseEvent -> Event -> PlanEvent -> Delivery -> Program.render -> request -> judge -> verdict -> next -> Change
//
// ParseEvent, PlanEvent, the rendering of a Program, judge and next are pure: they take what they need as arguments, the
// time too, and return what should happen. Effects are at the rim: the Inbox hands batches to an Acceptor, and the Worker
// takes Work from a Ledger, lets a Sender post it and gives the Change back. Package store implements Acceptor, Ledger and
// Registry; package retry implements Sender; package connector/intake feeds the Inbox.
//
// The package holds one promise above all: for one lane, which is one todo at one connection (and one receiver, with `each`),
// deliveries go in the order of their events, one at a time, and nothing goes before it is stored as Sending. A Worker
// keeps a runner per connection that has something to do. Runners share no lock, limit or connection pool, so that an OA
// that hangs delays nobody else's.
//
// Several workers share connections through Sharing: each connection is a seat that one of them has, with a fencing number that every
// commit is checked against. A worker that could not renew its lease for ten seconds claims nothing, cuts off what is under way and lets
// no further byte of a request leave, so that a late request cannot come after the next owner's.
//
// It is not for: reading settings files (connector/file), talking to NATS (connector/intake), SQL (store), HTTP calls
// (retry), templates and answers (mapping). It imports only mapping and retry.
//
// Callers: cmd/todosync wires Inbox and Worker; store calls PlanEvent inside its transactions and Compile when a
// connection is saved; web/api and the command line use ParseEvent, Compile, Program.Preview and the record types.
package connector
