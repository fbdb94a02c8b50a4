// Package chaos holds the tests that try to make todosync lose, repeat or reorder something: the real program as a process
// of its own, a CRM that publishes by a seed, OAs that fail by a seed, faults by a seed, and an oracle.
//
// The parts, each in a file of its own:
//
//	crm       what the CRM says: create, edit, transfer, finish, reopen, delete; every event has its place in its todo's
//	          story, and is sent again until JetStream has confirmed it
//	oa        the OAs, in the test's process, so that their ledger outlives every worker: each arrival with its time, its
//	          Idempotency-Key, the todo, the receiver, the place in the story, and what was answered
//	node      a worker: the binary, its data folder, its ports; started, killed, stopped, asked
//	oracle    what must be so when all is quiet. It is written from what docs/reliability.md promises, knows no package of
//	          todosync, and reads the program's own account through the HTTP API as an admin would
//	trace     what a process wrote and synced, read from its system calls, and the files as a power cut would leave them
//
// Every scenario has two forms: seconds, in `make test`, and a long one in `make chaos` and `make soak`, which is the same
// code with larger numbers. A failure prints the seed and the command that plays it again, and keeps the data folder.
// A seed fixes what is said, what the OAs answer to which request, and where and when faults strike; how far a process has
// come in the meantime is the machine's, so a seed that failed may have to be played a few times.
//
// It is no place for what a test of one package can show. Invariant: the oracle is never given the program's own code to
// judge by. Callers: `make test`, `make chaos`, `make soak`.
package chaos
