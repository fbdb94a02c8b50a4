// Package store keeps everything that must survive: events, deliveries with their attempts, what is known of todos at each OA,
// connections with their revisions, secrets, bindings, rejects, the position in the stream, the audit. It is a SQLite database, or a
// PostgreSQL one that several processes share; read through sqlx, written through the drivers themselves. DESIGN.md says how processes
// keep out of each other's way, and how an operation is written so that it runs on both.
//
// What it is not for: decisions. What an event leads to is connector.PlanEvent, what follows an attempt is a connector.Change;
// the store carries both out and knows no OA, no HTTP and no clock but the one it is given.
//
// Its one invariant: in each lane (connection, kind, todo, receiver) at most one delivery is Sending, and only the first of those
// that wait ever has a due time. Whatever is committed keeps it, so order needs no lock outside of the database.
//
// One writer: all writes go through operations that share transactions (writer.go), synced to disk before their callers
// go on. Readers have connections of their own and never hold the writer up.
//
// What it has just written and will be asked for in a moment it keeps in memory (hot.go), bounded, owned by the writer, and never
// believed where the database says otherwise: compiled connections, bindings, fresh deliveries, what is on its way.
//
// Who calls it:
//
//	connector.Inbox    Position, Accept                                        connector.Acceptor
//	connector.Worker   Recover, Waiting, Turn, SetCondition, Program, Secret   connector.Ledger, connector.Registry
//	web, cmd           Save, TrySave, Export, Connections, Connection, Tenants, Tenant, Revisions, Revision,
//	                   TenantRevisions, TenantRevision, Lookup, Pause, Resume,
//	                   Delete, SetSecret, Secrets, RemoveSecret, Bindings, SetBinding, RemoveBinding, ImportBindings, Unbound,
//	                   Records, Record, Watch, Retry, Cancel, Rejected, RejectedOne, Replay, RemoveRejected, Events,
//	                   Recognise, CountDuplicate, Broken,
//	                   Counts, Series, LookAtQueues, Remembered, RememberedOf, Audit, Note,
//	                   Rehearse, Push, StartJob, CountRecords, Jobs, Job, StopJob
//	connector.JobWorker     OpenJobs, StepJob, FailJob                         connector.JobDesk
//	connector.Housekeeping  Sweep                                              connector.Sweeper
//	cmd                Open, Close, Health, Sharing, Refresh, Announce
//
// Errors are *connector.Error: Unavailable while the database is away, NotFound, Conflict, Invalid.
package store
