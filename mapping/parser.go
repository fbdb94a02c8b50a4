package mapping

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const byteOrderMark = "\xef\xbb\xbf"

var (
	errNotJSON = errors.New("not JSON")
	errTooDeep = fmt.Errorf("nested deeper than %d", MaxDepth)
)

// A parser reads JSON without recursion, so that no depth of nesting can exhaust the stack. With keep it builds the
// list of nodes, without it only judges.
type parser struct {
	s     string
	i     int
	keep  bool
	nodes []node
	open  [MaxDepth]opened
	depth int
}

// An opened object or array: its node, and the child read last.
type opened struct {
	node, last int32
	object     bool
}

// validJSON reports whether s is one JSON value, nested no deeper than documents may be.
func validJSON(s string) bool {
	p := parser{s: s}
	return p.document(false) == nil
}

// document reads the whole text as one value; with object it must be an object.
func (p *parser) document(object bool) error {
	if strings.HasPrefix(p.s, byteOrderMark) {
		p.i = len(byteOrderMark)
	}
	if !utf8.ValidString(p.s) {
		p.i = firstInvalid(p.s)
		return p.fail("a byte that is not UTF-8")
	}
	p.space()
	if object && p.peek() != '{' {
		return p.want("an object, {")
	}
	if err := p.values(); err != nil {
		return err
	}
	if p.space(); p.i < len(p.s) {
		return p.want("the end")
	}
	return nil
}

func firstInvalid(s string) int {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(s)
}

// values reads a value and all that it holds.
func (p *parser) values() error {
	var n node
	for {
		if err := p.value(&n); err != nil {
			return err
		}
		p.add(&n)
		if n.kind == Object || n.kind == Array {
			if p.depth == MaxDepth {
				p.i--
				return p.fail(errTooDeep.Error())
			}
			p.open[p.depth] = opened{node: int32(len(p.nodes) - 1), object: n.kind == Object}
			p.depth++
			p.space()
			if p.peek() != closing(n.kind == Object) {
				n = node{}
				if err := p.name(&n); err != nil {
					return err
				}
				continue
			}
		}
		more, err := p.after()
		if err != nil || !more {
			return err
		}
		n = node{}
		if err := p.name(&n); err != nil {
			return err
		}
	}
}

// after reads what follows a value: ends of objects and arrays, and a comma, after which there is more.
func (p *parser) after() (more bool, err error) {
	for p.depth > 0 {
		p.space()
		in := &p.open[p.depth-1]
		switch c := p.peek(); {
		case c == ',':
			p.i++
			p.space()
			return true, nil
		case c == closing(in.object):
			p.i++
			if p.keep {
				p.nodes[in.node].end = int32(p.i)
			}
			p.depth--
		case in.object:
			return false, p.want("a comma or }")
		default:
			return false, p.want("a comma or ]")
		}
	}
	return false, nil
}

func closing(object bool) byte {
	if object {
		return '}'
	}
	return ']'
}

// add appends a node and links it to the sibling before it.
func (p *parser) add(n *node) {
	if !p.keep {
		return
	}
	at := int32(len(p.nodes))
	p.nodes = append(p.nodes, *n)
	if p.depth > 0 {
		in := &p.open[p.depth-1]
		if in.last > 0 {
			p.nodes[in.last].next = at
		}
		in.last = at
	}
}

// name reads the name of the next member where an object is open.
func (p *parser) name(n *node) error {
	if !p.open[p.depth-1].object {
		return nil
	}
	if p.peek() != '"' {
		return p.want("a member's name in quotes")
	}
	n.keyStart = int32(p.i + 1)
	escaped, err := p.str()
	if err != nil {
		return err
	}
	n.keyEnd, n.keyEscape = int32(p.i-1), escaped
	if p.space(); p.peek() != ':' {
		return p.want("a colon")
	}
	p.i++
	p.space()
	return nil
}

// value reads a scalar, or the opening of an object or array.
func (p *parser) value(n *node) (err error) {
	n.start = int32(p.i)
	switch c := p.peek(); {
	case c == '"':
		n.kind = String
		n.escaped, err = p.str()
	case c == '{':
		n.kind = Object
		p.i++
	case c == '[':
		n.kind = Array
		p.i++
	case c == '-' || c >= '0' && c <= '9':
		n.kind = Number
		err = p.number()
	case strings.HasPrefix(p.s[p.i:], "true"):
		n.kind = Bool
		p.i += 4
	case strings.HasPrefix(p.s[p.i:], "false"):
		n.kind = Bool
		p.i += 5
	case strings.HasPrefix(p.s[p.i:], "null"):
		n.kind = Null
		p.i += 4
	default:
		return p.want("a value")
	}
	n.end = int32(p.i)
	return err
}

// stringEnds are the bytes that a JSON string cannot hold as they are. It is never changed.
var stringEnds = func() (t [256]bool) {
	for c := range ' ' {
		t[c] = true
	}
	t['"'], t['\\'] = true, true
	return t
}()

// str reads a string from its opening quote.
func (p *parser) str() (escaped bool, err error) {
	s := p.s
	for i := p.i + 1; i < len(s); i++ {
		c := s[i]
		if !stringEnds[c] {
			continue
		}
		if c == '"' {
			p.i = i + 1
			return escaped, nil
		}
		if p.i = i; c < ' ' {
			return escaped, p.fail(fmt.Sprintf("a bare control character U+%04X in a string", c))
		}
		escaped = true
		n := escapeLength(s[i:])
		if n == 0 {
			return escaped, p.fail(`a backslash without one of "\/bfnrt or u and four hexadecimal digits`)
		}
		i += n - 1
	}
	p.i = len(s)
	return escaped, p.want("a closing quote")
}

// escapeLength is the length of the escape that s begins with, 0 where it is none.
func escapeLength(s string) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(s) < 6 {
			return 0
		}
		for _, c := range []byte(s[2:6]) {
			if _, ok := hexDigit(c); !ok {
				return 0
			}
		}
		return 6
	}
	return 0
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func (p *parser) number() error {
	if p.peek() == '-' {
		p.i++
	}
	switch c := p.peek(); {
	case c == '0':
		p.i++
	case !p.digits():
		return p.want("a digit")
	}
	if p.peek() == '.' {
		if p.i++; !p.digits() {
			return p.want("a digit")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.i++
		if c := p.peek(); c == '+' || c == '-' {
			p.i++
		}
		if !p.digits() {
			return p.want("a digit")
		}
	}
	return nil
}

func (p *parser) digits() bool {
	start := p.i
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		p.i++
	}
	return p.i > start
}

func (p *parser) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// peek is the next byte, 0 at the end. A NUL in the text is no part of JSON, so the two need not be told apart.
func (p *parser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *parser) want(what string) error {
	if p.i >= len(p.s) {
		return p.fail("it ends where " + what + " is wanted")
	}
	r, _ := utf8.DecodeRuneInString(p.s[p.i:])
	return p.fail(fmt.Sprintf("%q where %s is wanted", r, what))
}

func (p *parser) fail(why string) error {
	e := errorAt(p.s, p.i, nil)
	e.Err = fmt.Errorf("%w: %s (byte %d)", errNotJSON, why, p.i)
	return e
}
