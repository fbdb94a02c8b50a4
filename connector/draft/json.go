package draft

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep a sample may be nested.
const maxDepth = 100

// A jsonDoc is a JSON sample that keeps the order of its members.
type jsonDoc struct {
	root    *jsonNode
	compact bool // stands within another text
}

// A jsonNode is one value.
type jsonNode struct {
	open    byte // { or [; 0: a single value
	members []jsonMember
	quoted  bool
	raw     string // of a value outside quotes, as it was written
	doc     document
	leaf    *leaf
}

type jsonMember struct {
	name  string // none in a list
	value *jsonNode
}

// json reads a JSON sample as manuals write it: comments, a comma too many, curly quotes and ... are let pass.
func (c *collector) json(s string, path []string, where place, listed bool) (*jsonDoc, error) {
	p := &jsonReader{c: c, s: s, where: where, listed: listed}
	p.space()
	root, err := p.value(path, 0)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.i < len(p.s) {
		return nil, p.wrong("something stands behind the end")
	}
	return &jsonDoc{root: root, compact: c.depth > 0}, nil
}

// A jsonReader reads one text.
type jsonReader struct {
	c      *collector
	s      string
	i      int
	where  place
	listed bool
	note   string // the comment that was passed last
	last   *leaf  // the value that was read last, which a comment behind it is about
}

// A syntaxError says what is wrong with a sample, and in which line.
type syntaxError struct {
	line int
	msg  string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.msg) }

func (p *jsonReader) wrong(format string, args ...any) error {
	return &syntaxError{line: 1 + strings.Count(p.s[:min(p.i, len(p.s))], "\n"), msg: fmt.Sprintf(format, args...)}
}

// space passes over blanks and comments. A comment in the line of the last value is about that, another about the next.
func (p *jsonReader) space() {
	sameLine := true
	for p.i < len(p.s) {
		switch {
		case p.s[p.i] == '\n':
			sameLine = false
			p.i++
		case strings.IndexByte(" \t\r\u00a0\ufeff", p.s[p.i]) >= 0:
			p.i++
		case strings.HasPrefix(p.s[p.i:], "//"), p.s[p.i] == '#' && p.i+1 < len(p.s) && p.s[p.i+1] != 'F':
			end := strings.IndexByte(p.s[p.i:], '\n')
			if end < 0 {
				end = len(p.s) - p.i
			}
			p.comment(p.s[p.i:p.i+end], sameLine)
			p.i += end
		case strings.HasPrefix(p.s[p.i:], "/*"):
			end := strings.Index(p.s[p.i:], "*/")
			if end < 0 {
				return
			}
			p.comment(p.s[p.i:p.i+end], sameLine)
			p.i += end + 2
		case strings.HasPrefix(p.s[p.i:], "..."):
			p.i += 3
		case strings.HasPrefix(p.s[p.i:], "…"):
			p.i += len("…")
		default:
			return
		}
	}
}

func (p *jsonReader) comment(text string, sameLine bool) {
	text = strings.TrimSpace(strings.Trim(text, "/*# \t"))
	if sameLine && p.last != nil {
		p.last.note = strings.TrimSpace(p.last.note + " " + text)
		return
	}
	p.note = text
}

func (p *jsonReader) value(path []string, depth int) (*jsonNode, error) {
	switch {
	case depth > maxDepth:
		return nil, p.wrong("nested deeper than %d", maxDepth)
	case p.i >= len(p.s):
		return nil, p.wrong("the text ends where a value should stand")
	}
	switch c := p.s[p.i]; {
	case c == '{':
		return p.object(path, depth)
	case c == '[':
		return p.list(path, depth)
	case p.quote() != "":
		text, err := p.text()
		if err != nil {
			return nil, err
		}
		n := &jsonNode{quoted: true}
		n.doc, n.leaf = p.c.value(text, p.leaf(path))
		p.last = n.leaf
		return n, nil
	default:
		return p.bare(path)
	}
}

func (p *jsonReader) leaf(path []string) *leaf {
	l := &leaf{where: p.where, path: path, listed: p.listed, note: p.note}
	p.note = ""
	return l
}

// bare reads a number, true, false or null. A placeholder of a manual may stand there too.
func (p *jsonReader) bare(path []string) (*jsonNode, error) {
	end := p.i
	for end < len(p.s) && strings.IndexByte(",]} \t\r\n", p.s[end]) < 0 {
		end++
	}
	raw := p.s[p.i:end]
	if !json.Valid([]byte(raw)) && !placed(raw) && shapeOf(raw) != blankShape && !plainWord.MatchString(raw) {
		return nil, p.wrong("%.20q is no value", raw)
	}
	p.i = end
	n := &jsonNode{raw: raw}
	l := p.leaf(path)
	l.bare, l.sample = true, raw
	n.quoted = !json.Valid([]byte(raw)) && !placed(raw)
	n.leaf = p.c.add(l)
	p.last = n.leaf
	return n, nil
}

func (p *jsonReader) object(path []string, depth int) (*jsonNode, error) {
	n := &jsonNode{open: '{'}
	p.i++
	p.last = nil
	for {
		p.space()
		switch {
		case p.i >= len(p.s):
			return nil, p.wrong("a } is missing")
		case p.s[p.i] == '}':
			p.i++
			p.last = nil
			return n, nil
		case p.s[p.i] == ',':
			p.i++
			p.space()
			continue
		case p.quote() == "":
			return nil, p.wrong("want a name in quotes, not %.10q", p.s[p.i:])
		}
		p.last = nil
		name, err := p.text()
		if err != nil {
			return nil, err
		}
		p.space()
		switch {
		case strings.HasPrefix(p.s[p.i:], ":"):
			p.i++
		case strings.HasPrefix(p.s[p.i:], "："):
			p.i += len("：")
		default:
			return nil, p.wrong("want a colon behind %q", name)
		}
		p.space()
		value, err := p.value(append(slices.Clip(path), name), depth+1)
		if err != nil {
			return nil, err
		}
		n.members = append(n.members, jsonMember{name, value})
	}
}

func (p *jsonReader) list(path []string, depth int) (*jsonNode, error) {
	n := &jsonNode{open: '['}
	p.i++
	outer := p.listed
	p.listed = true
	defer func() { p.listed = outer }()
	for {
		p.space()
		switch {
		case p.i >= len(p.s):
			return nil, p.wrong("a ] is missing")
		case p.s[p.i] == ']':
			p.i++
			p.last = nil
			return n, nil
		case p.s[p.i] == ',':
			p.i++
			continue
		}
		value, err := p.value(path, depth+1)
		if err != nil {
			return nil, err
		}
		n.members = append(n.members, jsonMember{value: value})
	}
}

// quote is the pair of quotes that a text begins with, empty where it begins with none.
func (p *jsonReader) quote() string {
	for _, q := range []string{`""`, "“”", "””", "''"} {
		first, _ := utf8.DecodeRuneInString(q)
		if strings.HasPrefix(p.s[p.i:], string(first)) {
			return q
		}
	}
	return ""
}

// text reads a string in quotes.
func (p *jsonReader) text() (string, error) {
	q := p.quote()
	_, size := utf8.DecodeRuneInString(q)
	end := q[size:]
	begin := p.i + size
	for i := begin; i < len(p.s); i++ {
		switch {
		case p.s[i] == '\\':
			i++
		case strings.HasPrefix(p.s[i:], end) || end != "'" && p.s[i] == '"' && end != `"`:
			return p.decoded(begin, i, i+max(1, len(end)*b2i(strings.HasPrefix(p.s[i:], end))))
		}
	}
	return "", p.wrong("a quote is missing")
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (p *jsonReader) decoded(begin, end, next int) (string, error) {
	raw := strings.NewReplacer("\n", `\n`, "\r", "", "\t", `\t`).Replace(p.s[begin:end])
	raw = strings.ReplaceAll(strings.ReplaceAll(raw, `\'`, `'`), `\"`, "\x00")
	raw = strings.ReplaceAll(strings.ReplaceAll(raw, `"`, `\"`), "\x00", `\"`)
	var out string
	if err := json.Unmarshal([]byte(`"`+raw+`"`), &out); err != nil {
		return "", p.wrong("a text is not written as JSON wants it")
	}
	p.i = next
	return out, nil
}

func (d *jsonDoc) kind() string { return "json" }

func (d *jsonDoc) text() string {
	var b strings.Builder
	d.root.write(&b, 0, d.compact)
	return b.String()
}

// write prints the value: outer objects a member a line, inner ones that are short in one line.
func (n *jsonNode) write(b *strings.Builder, indent int, compact bool) {
	if n.open == 0 {
		n.single(b)
		return
	}
	end := byte('}')
	if n.open == '[' {
		end = ']'
	}
	if !compact && indent > 0 {
		var line strings.Builder
		n.write(&line, 0, true)
		if line.Len() <= 100 {
			b.WriteString(line.String())
			return
		}
	}
	b.WriteByte(n.open)
	for i, m := range n.members {
		if i > 0 {
			b.WriteByte(',')
		}
		switch {
		case !compact:
			b.WriteString("\n" + strings.Repeat("  ", indent+1))
		case i > 0:
			b.WriteByte(' ')
		}
		if n.open == '{' {
			b.WriteString(shield(jsonString(m.name)) + ": ")
		}
		m.value.write(b, indent+1, compact)
	}
	if !compact && len(n.members) > 0 {
		b.WriteString("\n" + strings.Repeat("  ", indent))
	}
	b.WriteByte(end)
}

func (n *jsonNode) single(b *strings.Builder) {
	switch {
	case n.doc != nil:
		b.WriteString(jsonString(n.doc.text()))
	case n.quoted:
		b.WriteString(jsonString(n.leaf.right()))
	case n.leaf.changed() && len(n.leaf.pieces) > 1:
		b.WriteString(jsonString(n.leaf.right())) // two placeholders are a text
	default:
		b.WriteString(n.leaf.right())
	}
}

// single gives the list that holds the only kind of element it has; see receivers.
func (d *jsonDoc) lists(visit func(*jsonNode)) {
	var walk func(n *jsonNode)
	walk = func(n *jsonNode) {
		if n.open == '[' {
			visit(n)
		}
		for _, m := range n.members {
			walk(m.value)
		}
		if inner, ok := n.doc.(*jsonDoc); ok {
			walk(inner.root)
		}
	}
	walk(d.root)
}
