package store

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/oklog/ulid/v2"

	"todosync/connector"
)

// Limits of a page.
const (
	pageDefault = 50
	pageMost    = 1000
)

// pageOf reads where a page begins and how long it may be: rows with a number below before, newest first.
func pageOf(op string, p connector.PageOf) (before int64, limit int, err error) {
	limit = p.Limit
	switch {
	case limit == 0:
		limit = pageDefault
	case limit < 0 || limit > pageMost:
		return 0, 0, &connector.Error{
			Kind: connector.Invalid, Op: op, Msg: "the limit is 1 to " + strconv.Itoa(pageMost),
			Details: []connector.Detail{{Path: "limit", Message: strconv.Itoa(limit) + " is not between 1 and " + strconv.Itoa(pageMost)}},
		}
	}
	if p.Cursor == "" {
		return math.MaxInt64, limit, nil
	}
	before, ok := readCursor(p.Cursor)
	if !ok {
		return 0, 0, badCursor(op)
	}
	return before, limit, nil
}

func badCursor(op string) error {
	return &connector.Error{
		Kind: connector.Invalid, Op: op, Msg: "the cursor is not one of this list's", Hint: "begin without a cursor",
		Details: []connector.Detail{{Path: "cursor", Message: "not a cursor of this list"}},
	}
}

// idCursor is the cursor of the page of records that follows the one with this id.
func idCursor(id string) string { return base64.RawURLEncoding.EncodeToString([]byte("r." + id)) }

func readIDCursor(s string) (id string, ok bool) {
	if s == "" {
		return "", true
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	id, ok = strings.CutPrefix(string(b), "r.")
	return id, ok && err == nil && len(id) == ulid.EncodedSize
}

// cursorPrefix is the version of cursors. Rows never change their number, so a cursor stays right while rows are added.
const cursorPrefix = "1."

// cursor is the cursor of the page that follows the row with this number.
func cursor(n int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorPrefix + strconv.FormatInt(n, 36)))
}

func readCursor(s string) (int64, bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return 0, false
	}
	text, ok := strings.CutPrefix(string(b), cursorPrefix)
	n, err := strconv.ParseInt(text, 36, 64)
	return n, ok && err == nil && n >= 0
}

// A where gathers conditions that must all hold, with their arguments.
type where struct {
	conditions []string
	args       []any
}

func (w *where) add(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.args = append(w.args, args...)
}

// in wants a column to be one of some values; none means any.
func (w *where) in(column string, values []string) {
	if len(values) == 0 {
		return
	}
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(values)), ", ")
	w.conditions = append(w.conditions, column+" IN ("+marks+")")
	for _, v := range values {
		w.args = append(w.args, clean(v))
	}
}

// clone is the same conditions, to be added to.
func (w *where) clone() where {
	return where{conditions: slices.Clone(w.conditions), args: slices.Clone(w.args)}
}

// text is the WHERE clause.
func (w *where) text() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return "WHERE " + strings.Join(w.conditions, " AND ")
}

// and is the WHERE clause with one more condition, whose arguments stand last.
func (w *where) and(condition string) string {
	return "WHERE " + strings.Join(append(slices.Clone(w.conditions), condition), " AND ")
}

// with gives the arguments followed by others.
func (w *where) with(more ...any) []any {
	return append(append([]any(nil), w.args...), more...)
}
