package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mattn/go-sqlite3"

	"todosync/connector"
)

// failed turns what the database or a context said into an error for callers; errors that are for them already stay as
// they are.
func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*connector.Error](err); ok {
		return err
	}
	e := &connector.Error{Op: op, Err: printable{err}}
	code, isDB := errors.AsType[sqlite3.Error](err)
	kind, msg, hint, isPostgres := explainPostgres(err)
	switch {
	case isPostgres:
		e.Kind, e.Msg, e.Hint = kind, msg, hint
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e.Kind, e.Msg = connector.Unavailable, "given up before the store had answered"
	case errors.Is(err, sql.ErrConnDone), errors.Is(err, errClosed):
		e.Kind, e.Msg = connector.Unavailable, "the store is closed"
	case !isDB:
		e.Msg = "the store failed"
	default:
		e.Kind, e.Msg, e.Hint = explain(code.Code)
	}
	return e
}

// explain says what a code of SQLite means for an operator.
func explain(code sqlite3.ErrNo) (connector.ErrorKind, string, string) {
	switch code {
	case sqlite3.ErrFull:
		return connector.Unavailable, "the disk is full", "free space where the data folder is; the work goes on by itself then"
	case sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrProtocol:
		return connector.Unavailable, "the database is locked by another program", "close what has it open"
	case sqlite3.ErrIoErr, sqlite3.ErrCantOpen, sqlite3.ErrNomem, sqlite3.ErrInterrupt:
		return connector.Unavailable, "the database cannot be read or written", "check the disk and the permissions of the data folder"
	case sqlite3.ErrReadonly, sqlite3.ErrPerm, sqlite3.ErrAuth:
		return connector.Unavailable, "the database is read only", "make the data folder and its files writable for this program"
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB, sqlite3.ErrFormat:
		return connector.Internal, "the database file is damaged", "stop the program and restore a backup"
	case sqlite3.ErrConstraint, sqlite3.ErrMismatch, sqlite3.ErrTooBig, sqlite3.ErrRange:
		return connector.Invalid, "the store refuses a value", ""
	}
	return connector.Internal, "the store failed", ""
}

// refused reports whether the database refused a value, so that the same values would be refused again; the text is its reason.
func refused(err error) (string, bool) {
	if says, ok := errors.AsType[*pgconn.PgError](err); ok {
		kind, _, _ := explainState(says)
		return printable{says}.Error(), kind == connector.Invalid
	}
	e, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return "", false
	}
	switch e.Code {
	case sqlite3.ErrConstraint, sqlite3.ErrMismatch, sqlite3.ErrTooBig, sqlite3.ErrRange:
		return printable{e}.Error(), true
	}
	return "", false
}

// A printable is an error that a terminal and a log can show: what SQLite says of a damaged database quotes its bytes.
type printable struct{ error }

// Error gives the text with what does not print as an escape.
func (p printable) Error() string {
	text := p.error.Error()
	if utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' }) {
		return text
	}
	quoted := strconv.Quote(text)
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\n`, "\n").Replace(quoted[1 : len(quoted)-1])
}

// Unwrap gives the error itself.
func (p printable) Unwrap() error { return p.error }

// away reports whether an error says that no other write would do better now.
func away(err error) bool {
	if says, ok := errors.AsType[*pgconn.PgError](err); ok && (says.Code == "XX001" || says.Code == "XX002") {
		return true
	}
	if kind, _, _, ok := explainPostgres(err); ok {
		return kind == connector.Unavailable
	}
	e, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return false
	}
	kind, _, _ := explain(e.Code)
	return kind == connector.Unavailable || e.Code == sqlite3.ErrCorrupt || e.Code == sqlite3.ErrNotADB
}

// notFound is the error of what is not there.
func notFound(op, what string) error {
	return &connector.Error{Kind: connector.NotFound, Op: op, Msg: what + " is not there"}
}
