package mapping

import (
	"unicode/utf16"
	"unicode/utf8"
)

// A Kind is what a JSON value is.
type Kind uint8

// The kinds of values. Absent is what a path that leads nowhere gives.
const (
	Absent Kind = iota
	Null
	Bool
	Number
	String
	Object
	Array
)

// A Value is one value of a document; the zero Value is one that is not there. It stays good as long as its document.
type Value struct {
	d  *Doc
	at int32 // index of its node + 1
}

func (v Value) node() *node { return &v.d.nodes[v.at-1] }

// Kind says what the value is.
func (v Value) Kind() Kind {
	if v.d == nil {
		return Absent
	}
	return v.node().kind
}

// Exists reports whether there is a value: neither absent nor null.
func (v Value) Exists() bool { return v.Kind() > Null }

// IsNull reports whether the value is written as null.
func (v Value) IsNull() bool { return v.Kind() == Null }

// Raw is the value as written; empty where there is none.
func (v Value) Raw() string {
	if v.d == nil {
		return ""
	}
	n := v.node()
	return v.d.text[n.start:n.end]
}

// Text is the value as text: a string without its quotes and escapes, with U+FFFD for a lone surrogate; a number as
// written; true or false; an object or array as written. Absent and null are empty.
func (v Value) Text() string {
	switch v.Kind() {
	case Absent, Null:
		return ""
	case String:
		n := v.node()
		return unquoted(v.d.text[n.start+1:n.end-1], n.escaped)
	}
	return v.Raw()
}

// Get finds the value at a plain dotted path below this one; an empty path is the value itself.
func (v Value) Get(path string) Value {
	for path != "" {
		var name string
		name, path, _ = cutPath(path)
		if v = v.child(name); v.d == nil {
			break
		}
	}
	return v
}

// walk finds the value at a path that has been split.
func (v Value) walk(path []string) Value {
	for _, name := range path {
		if v = v.child(name); v.d == nil {
			break
		}
	}
	return v
}

// child finds a member by its name, or an element by its number.
func (v Value) child(name string) Value {
	switch v.Kind() {
	case Object:
		nodes, text := v.d.nodes, v.d.text
		for i := v.firstChild(); i > 0; i = nodes[i].next {
			n := &nodes[i]
			if int(n.keyEnd-n.keyStart) == len(name) && text[n.keyStart:n.keyEnd] == name ||
				n.keyEscape && unquoted(text[n.keyStart:n.keyEnd], true) == name {
				return Value{d: v.d, at: i + 1}
			}
		}
	case Array:
		n, ok := index(name)
		for c := v.first(); ok && c.d != nil; c = c.sibling() {
			if n == 0 {
				return c
			}
			n--
		}
	}
	return Value{}
}

func index(s string) (int, bool) {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, s != "" && len(s) < 10 && (s[0] != '0' || len(s) == 1)
}

// firstChild is the index of the first member or element, 0 for none.
func (v Value) firstChild() int32 {
	if int(v.at) < len(v.d.nodes) && v.d.nodes[v.at].start < v.node().end {
		return v.at
	}
	return 0
}

func (v Value) first() Value {
	if i := v.firstChild(); i > 0 {
		return Value{d: v.d, at: i + 1}
	}
	return Value{}
}

func (v Value) sibling() Value {
	if next := v.node().next; next > 0 {
		return Value{d: v.d, at: next + 1}
	}
	return Value{}
}

// Each calls f with each element of an array, in order, until f returns false. Of any other value it does nothing.
func (v Value) Each(f func(Value) bool) {
	if v.Kind() != Array {
		return
	}
	for c := v.first(); c.d != nil && f(c); c = c.sibling() {
	}
}

// Keys calls f with each member of an object, in the order of the text, until f returns false. Of any other value it
// does nothing.
func (v Value) Keys(f func(name string, v Value) bool) {
	if v.Kind() != Object {
		return
	}
	for c := v.first(); c.d != nil; c = c.sibling() {
		n := c.node()
		if !f(unquoted(v.d.text[n.keyStart:n.keyEnd], n.keyEscape), c) {
			return
		}
	}
}

// unquoted resolves the escapes of a string that has been checked.
func unquoted(s string, escaped bool) string {
	if !escaped {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			b = append(b, s[i])
			i++
			continue
		}
		if s[i+1] != 'u' {
			b = append(b, unescaped(s[i+1]))
			i += 2
			continue
		}
		r := hexRune(s[i+2:])
		i += 6
		if utf16.IsSurrogate(r) {
			low := rune(-1)
			if i+6 <= len(s) && s[i] == '\\' && s[i+1] == 'u' {
				low = hexRune(s[i+2:])
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				i += 6
			}
		}
		b = utf8.AppendRune(b, r)
	}
	return string(b)
}

func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

func hexRune(s string) rune {
	var r rune
	for _, c := range []byte(s[:4]) {
		d, _ := hexDigit(c)
		r = r<<4 | rune(d)
	}
	return r
}
