// Package freeport finds ports for servers that tests and benchmarks start as processes of their own, and that must be told their
// port before they start: todosync itself, NATS servers of a cluster, PostgreSQL.
//
// It is not for servers of the own process: those listen on port 0 and keep what they got. Nor is it for the program, whose ports
// are settings.
//
// Its one invariant: a port comes from below those that the system gives to whoever asks for any (from 32768 on, Linux's
// ip_local_port_range), since between the choice and the server's start many do: every outgoing connection of every test. Nothing holds
// the port; two that choose at the same moment may still meet, by a chance of one in thousands.
//
// It was made because servers that were given ephemeral ports met connections of other tests on them, one run in ten.
//
// The tests of cmd/todosync and the packages internal/chaos, internal/bench and internal/pgtest call it.
package freeport
