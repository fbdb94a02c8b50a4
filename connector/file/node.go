package file

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// A kind is what a node of a settings file is. After the shape check a scalar has the kind that its place wants: 10 where
// text is wanted is text.
type kind uint8

const (
	mappingKind kind = iota + 1
	sequenceKind
	textKind
	numberKind
	boolKind
	nullKind
)

// A place is where something stands in its file, in characters from 1. The zero place is "not in the file": a preset's.
type place struct {
	line, column int
}

func (p place) given() bool { return p.line > 0 }

// A node is one value of a settings file, whichever of YAML and JSON it was written in. A scalar keeps its text as
// written (a number is never read as a float).
type node struct {
	kind    kind
	text    string // of a scalar
	at      place
	members []member // of a mapping, in the file's order
	items   []*node  // of a sequence

	// Where the characters of the text stand, so that a mistake inside of it can be pointed at: the first of them, and the
	// indentation of a block scalar's lines. Zero where the text in the file is not, character for character, the value.
	inside place
	indent int
	block  bool

	bad bool // told already; nothing more is said about it, and it is left out of what is read

	names   map[string]int // of a mapping with many members: where the first of each name stands
	indexed int            // the members that names knows
}

// fewMembers are so few that looking at each is quicker than an index.
const fewMembers = 16

// A member is one member of a mapping. Its key's place is where a mistake about the member as a whole is shown.
type member struct {
	name  string
	at    place
	value *node
}

// find gives the member of that name that counts: the first.
func (n *node) find(name string) *member {
	if n == nil || n.kind != mappingKind {
		return nil
	}
	if len(n.members) > fewMembers {
		n.index()
		if i, ok := n.names[name]; ok {
			return &n.members[i]
		}
		return nil
	}
	for i := range n.members {
		if n.members[i].name == name {
			return &n.members[i]
		}
	}
	return nil
}

// index finds out where each name stands, unless that is known. It is what makes find change a node that has many members: a tree that
// goroutines share is indexed before.
func (n *node) index() {
	if n.indexed == len(n.members) {
		return
	}
	n.names = make(map[string]int, len(n.members))
	for i := range n.members {
		if _, ok := n.names[n.members[i].name]; !ok {
			n.names[n.members[i].name] = i
		}
	}
	n.indexed = len(n.members)
}

// value gives the value of a member, nil where it is not there.
func (n *node) value(name string) *node {
	if m := n.find(name); m != nil {
		return m.value
	}
	return nil
}

// string gives the text of a scalar member that was read without a mistake.
func (n *node) string(name string) string {
	if v := n.value(name); v != nil && !v.bad && v.kind == textKind {
		return v.text
	}
	return ""
}

// set puts a value under a name that is not there yet.
func (n *node) set(name string, v *node) {
	n.members = append(n.members, member{name: name, value: v})
}

// copied gives a deep copy, so that what a check says about one use of an anchor does not touch another.
func (n *node) copied() *node {
	c := *n
	c.names, c.indexed = nil, 0
	c.members = make([]member, len(n.members))
	for i, m := range n.members {
		m.value = m.value.copied()
		c.members[i] = m
	}
	c.items = make([]*node, len(n.items))
	for i, v := range n.items {
		c.items[i] = v.copied()
	}
	return &c
}

// size counts the nodes of a tree.
func (n *node) size() int {
	total := 1
	for _, m := range n.members {
		total += m.value.size()
	}
	for _, v := range n.items {
		total += v.size()
	}
	return total
}

// spot gives the place of a line and column (from 1) of the text; ok is false where the file's text is not the value, and the
// place is then the start of the scalar.
func (n *node) spot(line, column int) (p place, ok bool) {
	switch {
	case line < 1 || column < 1:
		return n.at, false
	case n.block:
		return place{n.inside.line + line - 1, n.indent + column}, true
	case n.inside.given() && line == 1:
		return place{n.inside.line, n.inside.column + column - 1}, true
	}
	return n.at, false
}

// join appends a member's name to a path.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// index appends a list index to a path.
func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// split takes a path apart into what find needs; list indexes are kept as "[2]".
func split(path string) []string {
	var out []string
	for part := range strings.SplitSeq(path, ".") {
		if i := strings.IndexByte(part, '['); i > 0 {
			out = append(out, part[:i], part[i:])
			continue
		}
		out = append(out, part)
	}
	return out
}

// excerpt shortens what a file holds so that a message stays one line.
func excerpt(s string) string {
	const most = 60
	s = strings.ReplaceAll(s, "\n", "\\n")
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "..."
}
