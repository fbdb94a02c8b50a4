// Package natsserver runs a NATS server inside this process, so that the program needs nothing beside it to take events:
// JetStream on disk, each message synced before its acknowledgement, and a listener for the CRM.
//
// It is not a way to run NATS in general: where several workers share events, or where an operator has a NATS of his own,
// the program connects to that one (package connector/intake) and this package is not used. It knows nothing of
// streams, consumers or events either.
//
// Its invariant: one process at a time has a StoreDir open. Start takes a lock in the folder before JetStream reads it,
// and Close gives it back only after JetStream has written everything; two servers on one folder would spoil it without a
// word. And what is damaged is never cut off without a word: Start reads the files before nats-server does.
//
// nats-server that has failed to write once takes nothing more: it is stopped, and another is started in its place when the disk
// takes data again.
//
//	s, err := natsserver.Start(ctx, natsserver.Config{StoreDir: "data/nats", Log: log})
//	if err != nil {
//		return err // in words: which port or folder is taken, by whom, what to do
//	}
//	defer s.Close()
//	conn, err := s.Connect("worker") // in-process: needs no port and no password
//
// A configuration file in NATS's own format brings users, TLS, clusters and limits. The worker's own connection gets an
// identity that is made up at each start, with all rights in the account that has JetStream, so that no password of
// the worker stands in that file.
//
// cmd/todosync starts it for `serve --nats embedded` and `demo`; tests start it for everything that reads a stream.
package natsserver
