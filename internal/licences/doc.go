// Command licences lists the modules that are linked into a binary, each with its licence, and keeps docs/licences.md true.
//
// It reads the list from the binary itself (debug/buildinfo), so that modules of tests and tools do not stand in it, and
// finds each licence in the module's own files by its words. A licence that it does not know, or whose terms do not go
// with a program under Apache-2.0, is an error: a person has to look before such a module is linked.
//
//	go run ./internal/licences -binary bin/todosync -write docs/licences.md   after a change of go.mod
//	go run ./internal/licences -binary bin/todosync -check docs/licences.md   in CI
//	go run ./internal/licences -binary bin/todosync -texts dist/licences.txt  to ship beside a binary
//
// The document holds names and links. The texts themselves, which most of these licences want to go with a binary, are
// gathered at release time and never committed.
//
// It is not legal advice, and it does not look into single files: a module that carries files under another licence than
// its own says so in its licence file, and all licences found there are listed.
//
// Nothing imports it. Its invariant: the same binary leads to the same document, byte for byte.
package main
