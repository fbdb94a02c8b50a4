// Package script runs what integrators write where no setting says what an OA wants: a script that changes a request before it is
// sent, makes the call itself, or fetches a token.
//
// The language is Starlark, a small Python without classes, imports, files and recursion. [Compile] reads a script when a
// connection is saved and tells all its mistakes with line and column; [Program.Run] runs it for one request.
//
// A script reaches nothing but its arguments and the functions given to it (sandbox.go, library.go): the values of fields and
// secrets that it names in so many words, hashes, JSON, the time of the try, and HTTP through [Host].Call, which is the
// caller's: he decides which hosts may be called, and keeps a record of each exchange. A run is bounded in steps, in time
// of its own (waiting for a host does not count), in bytes made (every operation that can make a large value is
// rewritten, when the script is compiled, into one that is counted), in calls, and in how many run at once.
//
// It is not for conditions, templates or anything that a setting can say, and it keeps nothing from one run to the next.
//
// Its invariant: whatever a script does, Run returns, soon and with bounded memory, and what it returns are texts.
//
// Package connector calls it, per try, and connector/file, to check.
package script
