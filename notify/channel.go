package notify

import (
	"context"
	"errors"
	"time"
)

// A Channel is one way to reach the admins of one tenant, as its settings are at that moment. Send returns nil once the other side has
// taken the digest, else always an *Error. It may be called again with the same digest: what it sends bears the digest's id, by which the
// other side can tell. The caller's context bounds it.
type Channel interface {
	Send(ctx context.Context, d Digest) error
}

// An Error says why a channel did not take a digest. Msg and Hint are for people and hold no secret, nor an address that holds one.
type Error struct {
	// Taken: some of the recipients have the digest, so it counts as sent and is not sent again; Msg says who does not have it.
	Taken   bool
	Lasting bool          // another try helps only after somebody has changed something: settings, a secret, the other side
	After   time.Duration // the other side asked for this pause; 0: it did not
	Msg     string
	Hint    string // what to do; may be empty
	Err     error  // for errors.Is; its text may not be shown
}

// Error is the message with its hint.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Msg
	}
	return e.Msg + " (" + e.Hint + ")"
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Taken reports whether an error of Send tells of a digest that some have: it is sent, and the error is worth showing.
func Taken(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Taken
}

// Lasting reports whether an error of Send stays until somebody changes something.
func Lasting(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Lasting
}

// A Publisher publishes notices for the CRM; the id makes what is published twice one message. connector/intake implements it.
type Publisher interface {
	PublishNotice(ctx context.Context, tenant, id string, body []byte) error
}
