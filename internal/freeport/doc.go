// Package freeport finds ports for servers that tests and benchmarks start as processes of their own, and that must be told their
// port before they start: todosync itself, NATS servers of a cluster, PostgreSQL.
//
// It is not for servers of the own process: those listen on port 0 and keep what they got. Nor is it for the program, whose ports
// are settings.
//
// Its one invariant: a port comes from below those that the system gives to whoever asks for any (from 32768 on, Linux's
// ip_local_port_range), since between the choice and the server's start many do: every outgoing connection of every test. No two are
// given the same port while the process of the first lives, so that a test may stop its server and start it again.
//
// It was made because servers that were given ephemeral ports met connections of other tests on them, one run in ten; and, once they
// had ports of their own, one another, where many tests ran side by side.
//
// The tests of cmd/todosync and the packages internal/chaos, internal/bench and internal/pgtest call it.
package freeport
