package draft

import (
	"encoding/json"
	"net/url"
	"strings"
)

// A document is a body, or a body within a value of another.
type document interface {
	// text writes the document as a template.
	text() string
	// kind is json, xml, form or text.
	kind() string
}

// A collector gathers the leaves of a request while its documents are read.
type collector struct {
	leaves []*leaf
	depth  int
}

func (c *collector) add(l *leaf) *leaf {
	l.shape = shapeOf(l.sample)
	c.leaves = append(c.leaves, l)
	return l
}

// inner reads a text that is a document of its own; nil where it is none.
func (c *collector) inner(s string, path []string, where place, listed bool) document {
	const most = 3 // a form with XML with JSON within
	t := strings.TrimSpace(s)
	if c.depth >= most || len(t) < 2 {
		return nil
	}
	c.depth++
	defer func() { c.depth-- }()
	before := len(c.leaves)
	switch {
	case t[0] == '{' || t[0] == '[' && strings.ContainsAny(t, "{\""):
		if doc, err := c.json(t, path, where, listed); err == nil {
			return doc
		}
	case t[0] == '<' && strings.HasSuffix(t, ">"):
		if doc, err := c.xml(t, path, where); err == nil {
			return doc
		}
	}
	c.leaves = c.leaves[:before]
	return nil
}

// value adds a value as a leaf, or as the document that it holds.
func (c *collector) value(s string, l *leaf) (document, *leaf) {
	if doc := c.inner(s, l.path, l.where, l.listed); doc != nil {
		return doc, nil
	}
	l.sample = s
	return nil, c.add(l)
}

// A form is a body of name=value pairs.
type form struct{ fields []formField }

type formField struct {
	name string
	doc  document
	leaf *leaf
}

// form reads a form body; values are decoded.
func (c *collector) form(s string, where place) *form {
	f := &form{}
	for pair := range strings.SplitSeq(strings.TrimSpace(s), "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		f.add(c, where, unquoted(strings.TrimSpace(name)), unquoted(value))
	}
	return f
}

func (f *form) add(c *collector, where place, name, value string) {
	field := formField{name: name}
	field.doc, field.leaf = c.value(value, &leaf{where: where, path: []string{name}})
	f.fields = append(f.fields, field)
}

func unquoted(s string) string {
	if out, err := url.QueryUnescape(s); err == nil {
		return out
	}
	return s
}

func (f *form) kind() string { return "form" }

func (f *form) text() string {
	parts := make([]string, len(f.fields))
	for i, x := range f.fields {
		parts[i] = shield(url.QueryEscape(x.name)) + "=" + x.value()
	}
	return strings.Join(parts, "&")
}

// value writes a field's value: what is literal is encoded, what is a placeholder is not.
func (x formField) value() string {
	switch {
	case x.doc != nil:
		return encodeAround(x.doc.text())
	case x.leaf.pieces == nil:
		return encodeAround(shield(x.leaf.sample))
	}
	var b strings.Builder
	for _, p := range x.leaf.pieces {
		if p.hole {
			b.WriteString(p.text)
		} else {
			b.WriteString(url.QueryEscape(p.text))
		}
	}
	return b.String()
}

// encodeAround form-encodes a template's literal text and leaves its placeholders.
func encodeAround(s string) string {
	var b strings.Builder
	begin := 0
	for i := 0; i < len(s); {
		size := 0
		if _, ok := codeAt(s, i); ok && (i == 0 || s[i-1] != '#') {
			size = len("#F000")
		} else if strings.HasPrefix(s[i:], "${") && (i == 0 || s[i-1] != '$') {
			size = strings.IndexByte(s[i:], '}') + 1
		}
		if size == 0 {
			i++
			continue
		}
		b.WriteString(url.QueryEscape(s[begin:i]))
		b.WriteString(s[i : i+size])
		i += size
		begin = i
	}
	b.WriteString(url.QueryEscape(s[begin:]))
	return b.String()
}

// A plain is a body that is none of the others.
type plain struct{ source string }

func (p plain) kind() string { return "text" }
func (p plain) text() string { return shield(p.source) }

// jsonString writes a text as a JSON string, characters as they are.
func jsonString(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}
