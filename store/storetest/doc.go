// Package storetest is the conformance suite of the store: what any database engine under package store has to keep.
//
// Run plays it against an Engine, which makes room for a database and opens it. Each test begins with an empty one and
// speaks to it as intake, the worker, the API and the command line do: batches of events, turns, settings, bindings,
// reads. Most look at one promise each; some play random histories and look at the invariant
// after each step: in a lane at most one delivery is sending, only its head has a due time, nothing is lost.
//
// It is not for what one engine does in its own way: the group commit, the queries' plans, migrations. Those tests stand
// in package store. Nor does it test what events lead to; it only has PlanEvent carried out.
//
// Its invariant: a test uses nothing but the exported methods of store.DB, so that the same suite holds for SQLite and for
// whatever comes beside it.
//
// The tests of package store call it. Nothing else imports it, and the program never does.
package storetest
