package retry

import "time"

// An Error says why an attempt got no 2xx answer. Its text is for people and holds no address, query, header or secret:
// at most host and port, and where a redirect leads to (scheme, host and path).
type Error struct {
	Class      Class
	Msg        string        // what happened and, where it helps, what to do
	Status     int           // the HTTP status, 0 where there was no whole answer
	Unanswered bool          // the OA may have got the request and may have acted on it
	RetryAfter time.Duration // what the OA asked for, clamped to an hour; 0: nothing
	Err        error         // for logs; its text may not be shown
}

// Error is the class and the message.
func (e *Error) Error() string { return string(e.Class) + ": " + e.Msg }

// Unwrap gives the cause, for errors.Is and errors.AsType.
func (e *Error) Unwrap() error { return e.Err }

// unsendable is a request that could not be built: nothing was sent, and no repeat will help.
func unsendable(msg string, err error) *Error { return &Error{Class: Mapping, Msg: msg, Err: err} }

// notAllowed is a request to an address that egress refuses: as permanent as a fault of the mapping.
func notAllowed(host string, err error) *Error {
	return unsendable("the address "+host+" may not be called: "+err.Error()+
		"; if an OA really is there, an administrator allows it with --egress-allow", err)
}
