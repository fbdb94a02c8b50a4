// Package pgtest starts a real PostgreSQL for tests: the server of the operating system's package, found in PATH or under
// /usr/lib/postgresql, with its data in a temporary folder, on a loopback port of its own, as an unprivileged user where the
// tests run as root. Nothing of a server that the machine may run already is touched.
//
// Database gives an empty database on one server that all tests of the process share; most tests want no more. Start gives
// a test a server of its own, which it may crash, stop, freeze and start again.
//
// With TEST_PG_DSN in the environment, Database makes its databases on that server instead. Where no PostgreSQL can be had, tests
// that ask for one are skipped and say so; with CI=true they fail.
//
// It is not for what the program does with a database; it knows no schema. Its one invariant: when the test process has ended,
// however it ended, its servers end too and their folders are gone. A small shell process holds each server and waits on a
// pipe that closes with the tests, also when they are killed.
//
// The tests of package store and of cmd/todosync call it. The program never does.
package pgtest
