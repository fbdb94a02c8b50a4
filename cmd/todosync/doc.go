// Command todosync is the whole program in one binary: the worker with its API (serve), a demonstration that needs nothing
// (demo), simulated OAs (simulate), and a command line that speaks to a server.
//
// It holds no rule of the business. It reads what it is told (flags, then TODOSYNC_... in the environment, then --config), opens
// the parts in the order in which they depend on each other, stops them in the reverse order, and turns their errors into one
// message with an exit code: 0 done, 1 failed, 2 the command line is wrong and nothing was begun.
//
//	app.go        the program of serve: newApp opens, run serves, close undoes; tests start it as the command does
//	apiports.go   the store as the API wants to see it; health.go says how each part is, for /readyz
//	config.go     all settings of serve; configfile.go reads them from a file
//	lock.go       one process a data folder; keyfile.go makes the files in it that only their owner may read
//	root.go       the tree of commands, one file each; usage.go tells errors; output.go prints lists
//	client.go     the server's HTTP API, the only way from a command to a server
//	demo*.go      the demonstration, which uses that same API, NATS and HTTP and nothing else
//
// Commands that work without a server: validate, render, schema, simulate, demo, version, completion. All others find theirs by
// --server and --token, or by DATA/admin-token on the same machine.
//
// Its invariant: a command either does what it was asked and exits 0, or says in one message what is wrong, where, and what to do.
// What was refused as wrong usage has changed nothing.
//
// It is not a library: nothing imports it.
package main
