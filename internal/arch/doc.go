// Package arch holds the tests that keep the shape of this repository: which package may import which, which library
// belongs to which package, and a few rules of style that no compiler checks.
//
// It is for rules that can be read off one file at a time with go/parser: imports, package-level state, documentation,
// the length of files, sleeping tests. Style inside a function is golangci-lint's work (.golangci.yml), and what the
// program does is every other package's tests' work.
//
// The table of packages stands twice, on purpose: in table_test.go for the machine, and in ARCHITECTURE.md for people.
// A test compares the two, so neither can drift, and a rule cannot be loosened without the document showing it.
//
// To add a package or a library: add it to both tables, say in ARCHITECTURE.md what it is for, and, for a library, run
// `make licences`.
//
// Its invariant: it reads files and nothing else. It does not run `go list`, since the test cache would not see that a
// result depends on it, and a violation would go unnoticed until the cache is emptied.
//
// Nobody imports it; `make test` runs it.
package arch
