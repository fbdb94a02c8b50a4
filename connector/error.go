package connector

import (
	"errors"
	"strings"
)

// ErrorKind says what sort of trouble an Error is; each edge (HTTP, command line, intake) has one table from it.
type ErrorKind uint8

// The kinds of errors.
const (
	Internal    ErrorKind = iota // a fault of ours or of the machine
	Invalid                      // what was given is wrong
	NotFound                     // what was named is not there, or not for this user
	Conflict                     // it is not as the caller believed
	Forbidden                    // the caller may not do it
	Unavailable                  // it may work later: a database or broker that is away
	TooLarge                     // what was given is over a limit
)

// String names the kind as in a problem's title.
func (k ErrorKind) String() string {
	switch k {
	case Invalid:
		return "invalid"
	case NotFound:
		return "not found"
	case Conflict:
		return "conflict"
	case Forbidden:
		return "forbidden"
	case Unavailable:
		return "unavailable"
	case TooLarge:
		return "too large"
	case Internal:
	}
	return "internal error"
}

// A Detail is one of several mistakes in what was given.
type Detail struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

// An Error is trouble that a person is told of. Msg and Hint are for people and hold no secret; Err is for logs.
type Error struct {
	Kind    ErrorKind
	Op      string // what was being done: "accept events"
	Msg     string
	Hint    string // what to do about it
	Details []Detail
	Err     error
}

// Error gives the whole text, with the cause.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	b.WriteString(e.Msg)
	for _, d := range e.Details {
		b.WriteString("\n  " + d.Path + ": " + d.Message)
	}
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of the first Error in err's chain, Internal where there is none.
func KindOf(err error) ErrorKind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}
