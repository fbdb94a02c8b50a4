//go:build !race

package main

// raceFlags has todosync built as the tests are: so nothing is compiled twice.
func raceFlags() []string { return nil }
