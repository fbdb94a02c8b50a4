// Package intake is the way of events from NATS into the program, and, for the API, of events into NATS. It is the only
// package of the worker that speaks to a NATS server.
//
// It does not look into events: what a message means, what it leads to and what is rejected is connector.Inbox's work;
// and it keeps no state of its own but a Mark, how far the stream has come. What has been read is known by the store alone.
//
// Its invariant: a message is acknowledged only after Inbox.Accept has returned nil for it, and messages reach Accept in
// the order of the stream's sequence, each once between two positions. Everything else follows: a lost connection, a
// consumer that was deleted, a killed process or a store that is away lead to reading again from the position, never to a
// gap and never to another order.
//
//	nc, err := intake.Dial(intake.DialConfig{URLs: "nats://a:4222,nats://b:4222", Log: log}) // or natsserver.Server.Connect
//	r, err := intake.NewReader(intake.ReaderConfig{Conn: nc, Inbox: inbox, Log: log})
//	err = r.Run(ctx)               // until ctx ends; nothing else makes it give up
//	h := r.Health(ctx)             // connected, lag, how full the stream is: for /readyz and metrics
//
//	p, err := intake.NewPublisher(intake.PublisherConfig{Conn: nc})
//	seq, duplicate, err := p.Publish(ctx, connector.Incoming{Subject: "crm.714439.todo.create", Header: h, Data: body})
//
// The stream is made where it is missing, marked as ours, and then kept small: what is planned and old is purged. A
// stream that an operator made is never changed.
//
// cmd/todosync wires both; web/api uses the Publisher through an interface of its own.
package intake
