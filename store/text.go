package store

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// clean makes a value fit for a text column: NUL and bytes that are no UTF-8 become U+FFFD. PostgreSQL refuses both, and SQLite's
// own functions end at a NUL.
func clean(s string) string {
	if strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// set writes values as the JSON array that `SELECT value FROM json_each(?)` takes apart.
func set[T string | int64](values []T) (string, error) {
	b, err := json.Marshal(values)
	return string(b), err
}

// likeText is a text as a LIKE pattern that finds it anywhere; the escape is \.
func likeText(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(clean(s)) + "%"
}
