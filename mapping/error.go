package mapping

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// An Error is one mistake in a template, a field or a document, or one value that could not be rendered. Its text names
// the place and what to do, and never holds a secret or a value of a secret.
type Error struct {
	Offset      int    // in bytes, from 0; of documents
	Line        int    // from 1; 0: no place in a text
	Column      int    // from 1, in characters
	Path        string // of a field's definition, such as fields.F203.from
	Placeholder string // as written: #F012, ${base}
	Err         error
}

// Error gives the place, the placeholder and the mistake.
func (e *Error) Error() string { return e.in("en") }

func (e *Error) in(lang string) string {
	var b strings.Builder
	switch {
	case e.Path != "":
		b.WriteString(e.Path + ": ")
	case e.Line > 0:
		fmt.Fprintf(&b, pick(lang, "line %d, column %d: ", "第 %d 行第 %d 列："), e.Line, e.Column)
	}
	if e.Placeholder != "" {
		b.WriteString(e.Placeholder + pick(lang, ": ", "："))
	}
	b.WriteString(Text(e.Err, lang))
	return b.String()
}

// Unwrap gives the mistake without its place.
func (e *Error) Unwrap() error { return e.Err }

// Errors are all the mistakes of one text, in the order of their places.
type Errors []*Error

// Error gives one mistake a line.
func (e Errors) Error() string { return e.in("en") }

func (e Errors) in(lang string) string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.in(lang)
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.Is and errors.As look at each mistake.
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i, one := range e {
		out[i] = one
	}
	return out
}

// located puts mistakes in the order of their offsets and gives them their lines and columns in a text of UTF-8, in one pass:
// there may be many.
func (e Errors) located(src string) Errors {
	slices.SortStableFunc(e, func(x, y *Error) int { return x.Offset - y.Offset })
	if len(e) > maxMistakes {
		more := mistake("and more: only the first %d mistakes of this text are told", "错误过多：此文本只列出前 %d 个", maxMistakes)
		e = append(e[:maxMistakes], &Error{Offset: e[maxMistakes].Offset, Err: more})
	}
	at, line, column := 0, 1, 1
	for _, one := range e {
		for ; at < one.Offset && at < len(src); at++ {
			switch {
			case src[at] == '\n':
				line, column = line+1, 1
			case utf8.RuneStart(src[at]):
				column++
			}
		}
		one.Line, one.Column = line, column
		one.Placeholder = shorten(one.Placeholder, maxShown)
	}
	return e
}

// errorAt makes an Error that stands at a byte of src.
func errorAt(src string, offset int, err error) *Error {
	offset = min(max(offset, 0), len(src))
	before := src[:offset]
	start := strings.LastIndexByte(before, '\n') + 1
	return &Error{
		Offset: offset,
		Line:   strings.Count(before, "\n") + 1,
		Column: utf8.RuneCountInString(before[start:]) + 1,
		Err:    err,
	}
}

// maxShown is how many characters of a name as it was written are shown in a message.
const maxShown = 100

// maxName is the length of names from which on nobody meant another one.
const maxName = 64

// nearest is the known name that differs least from a misspelt one, "" where they differ in more than half.
func nearest(name string, known []string) string {
	best, distance := "", max(2, len(name)/2)+1
	if len(name) > maxName {
		return ""
	}
	for _, k := range known {
		if len(k) > maxName {
			continue
		}
		if d := editDistance(strings.ToLower(name), strings.ToLower(k)); d < distance || d == distance && best != "" && k < best {
			best, distance = k, d
		}
	}
	return best
}

// editDistance is the number of bytes to insert, delete or replace, which is near enough for suggestions.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(cost, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}
