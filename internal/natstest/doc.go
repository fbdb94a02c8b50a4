// Package natstest runs a NATS cluster inside a test: three servers with JetStream on loopback, that can be stopped, brought
// back and made to lose their leaders.
//
// It is for tests of what must go on when NATS does not: package connector/intake reads from it, cmd/todosync's tests run
// several workers on it. It is not the embedded server of the program, which is package internal/natsserver, and it
// knows nothing of events.
//
// Its invariant: when Start returns, the cluster has a leader, every server is in it and a stream of three replicas can be
// made; when the test ends, all servers have ended and their folders are gone.
//
//	c := natstest.Start(t, natstest.Config{})
//	nc := c.Connect(t)                    // to all servers; comes back for ever
//	addresses := c.URLs()                 // for --nats
//	c.Stop(c.StreamLeader("CRM"))         // the others choose another leader
//	c.Restart(0)
//
// A server that is stopped tells its clients and the others nothing but the end of their connections, as one does that was
// killed. What it has written stays in its folder, and it comes back with the same ports.
package natstest
