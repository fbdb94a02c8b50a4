// Package testdata holds the sample that `todosync demo` plays and answers of OA systems, for the tests of all packages.
//
// The folder demo is a small world, complete enough to start from nothing: two tenants, their connections and bindings,
// the secrets that these name, the simulators (package oasim) that they speak to, with the simulators' bad days, and 68
// events. What becomes of each event stands beside them, derived by hand from the contract, so that a run can be checked
// by somebody who was not there. The folder answers holds one answer for each case that a vendor's description knows.
//
// Whoever plays the events sends one of a todo only when the deliveries of the earlier ones rest: else a create and a
// done may meet in the queue, where by rule neither is sent, and the outcome would hang on the speed of the machine.
//
// It is not a place for data of one package alone (that package has a testdata of its own), nor for anything real: names,
// credentials and addresses are made up.
//
// Invariant: what the functions give is what the files say; a file that can't be read is a mistake of this package and
// panics, and its test reads them all. Callers: the command demo, tests. It imports nothing of todosync. The go tool leaves folders of
// this name out of ./...: its test runs with `go test ./testdata`.
package testdata
