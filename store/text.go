package store

import (
	"strconv"
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

// likeText is a text as a LIKE pattern that finds it anywhere; the escape is \.
func likeText(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(clean(s)) + "%"
}

// numberSet is set for numbers, which always have a JSON form.
func numberSet(values []int64) string {
	b := []byte{'['}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, v, 10)
	}
	return string(append(b, ']'))
}
