package store

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"todosync/connector"
)

// explainPostgres says what an error of PostgreSQL, or of the way to it, means for an operator. ok is false for errors of another kind.
func explainPostgres(err error) (kind connector.ErrorKind, msg, hint string, ok bool) {
	if says, is := errors.AsType[*pgconn.PgError](err); is {
		kind, msg, hint = explainState(says)
		return kind, msg, hint, true
	}
	if errors.Is(err, errDoubt) {
		return connector.Unavailable, "the connection to the database broke before it had answered", "the work goes on by itself", true
	}
	if errors.Is(err, errStale) {
		return connector.Unavailable, "other processes change the settings all the time", "the work goes on by itself", true
	}
	if _, is := errors.AsType[*pgconn.ConnectError](err); is {
		return connector.Unavailable, "the database cannot be reached", "check its address and that PostgreSQL runs; the work goes on by itself then", true
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return 0, "", "", false // a caller's patience
	}
	_, isNet := errors.AsType[net.Error](err)
	_, isOp := errors.AsType[*net.OpError](err)
	if isNet || isOp || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, pgconn.ErrConnClosed) || pgconn.SafeToRetry(err) {
		return connector.Unavailable, "the connection to the database broke", "the work goes on by itself when the database is back", true
	}
	return 0, "", "", false
}

// explainState goes by the class of an SQLSTATE.
func explainState(e *pgconn.PgError) (connector.ErrorKind, string, string) {
	const goesOn = "the work goes on by itself then"
	switch {
	case e.Code == "53100":
		return connector.Unavailable, "the database's disk is full", "free space on the database's machine; " + goesOn
	case e.Code == "53300":
		return connector.Unavailable, "the database takes no more connections", "raise max_connections, or run fewer programs on it"
	case e.Code == "25006":
		return connector.Unavailable, "the database is read only", "give the address of the primary; " + goesOn
	case e.Code == "3D000":
		return connector.Unavailable, "the database does not exist", "make it with: CREATE DATABASE ... ENCODING 'UTF8'"
	case e.Code == "42501":
		return connector.Unavailable, "the database refuses the user a right", "grant it; the user must own the tables"
	case strings.HasPrefix(e.Code, "28"):
		return connector.Unavailable, "the database refuses the user or the password", "correct the address (--store-file)"
	case e.Code == "XX001", e.Code == "XX002":
		return connector.Internal, "the database is damaged", "restore a backup"
	case strings.HasPrefix(e.Code, "40"), e.Code == "55P03", e.Code == "55006":
		return connector.Unavailable, "the transaction crossed another one", "the work goes on by itself"
	case strings.HasPrefix(e.Code, "57"):
		return connector.Unavailable, "the database is starting, stopping or has ended the work", goesOn
	case e.Code == "08P01" && strings.Contains(e.Message, "startup parameter"):
		return connector.Conflict, "what answers is a connection pooler that does not pass the session's settings on", "give the address of PostgreSQL itself"
	case strings.HasPrefix(e.Code, "08"), strings.HasPrefix(e.Code, "53"), strings.HasPrefix(e.Code, "58"), e.Code == "25P03", e.Code == "25P04":
		return connector.Unavailable, "the database cannot do its work now", goesOn
	case strings.HasPrefix(e.Code, "22"), strings.HasPrefix(e.Code, "23"), strings.HasPrefix(e.Code, "54"):
		return connector.Invalid, "the store refuses a value", ""
	}
	return connector.Internal, "the store failed", ""
}

// crossed reports whether a transaction failed only because of another one at the same time.
func crossed(err error) bool {
	says, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (says.Code == "40001" || says.Code == "40P01")
}
