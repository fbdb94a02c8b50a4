package draft

import (
	"cmp"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
)

// An xmlDoc is an XML sample. What is not changed is printed as it was written.
type xmlDoc struct {
	source string
	edits  []xmlEdit // in the order of the text
}

// An xmlEdit is a part of the text that has a value, or that goes.
type xmlEdit struct {
	begin, end int
	cdata      bool
	attribute  bool
	doc        document
	leaf       *leaf
	drop       bool
	closes     string // of an element written as <name/>: its name
}

// xml reads an XML sample. Nothing is fetched and no entity is expanded beside those of XML itself: a DTD is refused.
func (c *collector) xml(s string, path []string, where place) (*xmlDoc, error) {
	p := &xmlReader{c: c, s: s, doc: &xmlDoc{source: s}, where: where, path: path}
	p.d = xml.NewDecoder(strings.NewReader(s))
	p.d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // it is UTF-8 by now
	if err := p.read(); err != nil {
		return nil, err
	}
	return p.doc, nil
}

// An xmlReader reads one text.
type xmlReader struct {
	c     *collector
	d     *xml.Decoder
	s     string
	doc   *xmlDoc
	where place
	path  []string

	open []xmlElement
	seen bool
	note string
	last *leaf // for a comment behind it
}

type xmlElement struct {
	name       string
	begin, end int // of its text
	text       strings.Builder
	cdata      bool
	children   bool
	parts      int // pieces of text, of which a value has one
	note       string
}

func (p *xmlReader) wrong(msg string) error {
	line, _ := p.d.InputPos()
	return &syntaxError{line: line, msg: msg}
}

func (p *xmlReader) read() error {
	for {
		begin := int(p.d.InputOffset())
		t, err := p.d.RawToken()
		end := int(p.d.InputOffset())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			line, _ := p.d.InputPos()
			return &syntaxError{line: line, msg: "not XML: " + strings.TrimPrefix(err.Error(), "XML syntax error on line ")}
		}
		switch t := t.(type) {
		case xml.StartElement:
			if err := p.start(t, begin, end); err != nil {
				return err
			}
		case xml.EndElement:
			if err := p.end(t, begin); err != nil {
				return err
			}
		case xml.CharData:
			p.characters(string(t), begin, end)
		case xml.Comment:
			p.comment(string(t), begin, end)
		case xml.Directive:
			return p.wrong("a DTD is refused: take <!...> out")
		}
	}
	if !p.seen || len(p.open) > 0 {
		return p.wrong("the text ends within an element")
	}
	return nil
}

func (p *xmlReader) start(t xml.StartElement, begin, end int) error {
	if len(p.open) == 0 && p.seen {
		return p.wrong("a second element stands behind the first")
	}
	if len(p.open) > maxDepth {
		return p.wrong("nested too deep")
	}
	p.seen = true
	if n := len(p.open); n > 0 {
		p.open[n-1].children = true
	}
	p.last = nil
	p.open = append(p.open, xmlElement{name: qualified(t.Name), begin: end, end: end, note: p.note})
	p.note = ""
	for _, a := range t.Attr {
		if !meant(a) {
			continue
		}
		at, stop, ok := attributeAt(p.s[begin:end], qualified(a.Name))
		if !ok {
			continue
		}
		edit := xmlEdit{begin: begin + at, end: begin + stop, attribute: true}
		edit.doc, edit.leaf = p.c.value(a.Value, &leaf{where: p.where, path: append(p.names(), "@"+a.Name.Local)})
		p.doc.edits = append(p.doc.edits, edit)
	}
	return nil
}

// meant reports whether an attribute is one of the message, not of XML or SOAP.
func meant(a xml.Attr) bool {
	switch a.Name.Space {
	case "xmlns", "xml", "xsi", "soap", "soapenv", "SOAP-ENV", "env", "s", "soap12":
		return false
	}
	return a.Name.Local != "xmlns" && a.Name.Local != "encodingStyle" && a.Name.Local != "mustUnderstand"
}

// attributeAt finds the value of an attribute in the text of a tag.
func attributeAt(tag, name string) (begin, end int, ok bool) {
	for i := 0; ; {
		at := strings.Index(tag[i:], name)
		if at < 0 {
			return 0, 0, false
		}
		i += at + len(name)
		rest := strings.TrimLeft(tag[i:], " \t\r\n")
		if before := tag[i-len(name)-1]; !strings.ContainsRune(" \t\r\n", rune(before)) || !strings.HasPrefix(rest, "=") {
			continue
		}
		rest = strings.TrimLeft(rest[1:], " \t\r\n")
		begin = len(tag) - len(rest) + 1
		size := strings.IndexByte(rest[1:], rest[0])
		return begin, begin + size, size >= 0
	}
}

// qualified is a name as it was written.
func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// local is a name without its prefix.
func local(name string) string {
	if _, after, found := strings.Cut(name, ":"); found {
		return after
	}
	return name
}

// names is the path of the element that is open; an envelope's own elements say nothing.
func (p *xmlReader) names() []string {
	out := append([]string{}, p.path...)
	for i, e := range p.open {
		// The root, the envelope and the operation say nothing of a value.
		if n := local(e.name); i > 0 && n != "Body" && (local(p.open[i-1].name) != "Body" || i == len(p.open)-1) || len(p.open) == 1 {
			out = append(out, n)
		}
	}
	return out
}

func (p *xmlReader) characters(text string, begin, end int) {
	n := len(p.open)
	if n == 0 {
		return
	}
	if strings.Contains(text, "\n") && strings.TrimSpace(text) == "" {
		p.last = nil
	}
	e := &p.open[n-1]
	if strings.TrimSpace(text) == "" && e.parts == 0 {
		return
	}
	if e.parts == 0 {
		e.begin = begin
	}
	e.end = end
	e.parts++
	e.cdata = strings.HasPrefix(p.s[begin:], "<![CDATA[")
	e.text.WriteString(text)
}

// comment takes the manual's words out of the message and keeps them as notes.
func (p *xmlReader) comment(text string, begin, end int) {
	text = strings.TrimSpace(text)
	p.doc.edits = append(p.doc.edits, xmlEdit{begin: begin, end: end, drop: true})
	if strings.HasPrefix(text, "Optional:") || strings.HasPrefix(text, "type:") || strings.HasPrefix(text, "Zero or more") || strings.HasPrefix(text, "1 or more") {
		return
	}
	if n := len(p.open); p.last != nil {
		p.last.note = text
	} else if n > 0 && p.open[n-1].parts > 0 {
		p.open[n-1].note = text
	} else {
		p.note = text
	}
}

func (p *xmlReader) end(t xml.EndElement, at int) error {
	n := len(p.open)
	if n == 0 || p.open[n-1].name != qualified(t.Name) {
		return p.wrong("</" + qualified(t.Name) + "> closes what was not opened")
	}
	e := p.open[n-1]
	note := strings.TrimSpace(e.note + " " + p.note)
	if !e.children && at >= e.begin {
		p.note = ""
		l := &leaf{where: p.where, path: p.names(), note: note}
		edit := xmlEdit{begin: e.begin, end: e.end, cdata: e.cdata}
		if e.parts == 0 {
			edit.begin, edit.end = e.end, e.end
		}
		if strings.HasSuffix(p.s[:e.begin], "/>") && e.parts == 0 {
			edit.begin, edit.end, edit.closes = e.begin-len("/>"), e.begin, e.name
		}
		if e.parts <= 1 && local(e.name) != "Header" {
			edit.doc, edit.leaf = p.c.value(e.text.String(), l)
			p.doc.edits = append(p.doc.edits, edit)
			p.last = edit.leaf
		}
	} else {
		p.last = nil
	}
	p.open = p.open[:n-1]
	return nil
}

func (d *xmlDoc) kind() string { return "xml" }

func (d *xmlDoc) text() string {
	var b strings.Builder
	at := 0
	for _, e := range sortedEdits(d.edits) {
		if e.begin < at {
			continue
		}
		before := d.source[at:e.begin]
		at = e.end
		if line := strings.LastIndexByte(before, '\n'); e.drop && line >= 0 && strings.TrimSpace(before[line:]) == "" && strings.HasPrefix(d.source[at:], "\n") {
			before = before[:line] // a comment that has a line of its own takes it along
		}
		b.WriteString(shield(before))
		switch {
		case e.drop:
		case e.doc == nil && !e.leaf.changed():
			b.WriteString(shield(d.source[e.begin:e.end]))
		case e.closes != "":
			b.WriteString(">" + xmlEscaped(e.value()) + "</" + e.closes + ">")
		case e.cdata:
			b.WriteString("<![CDATA[" + strings.ReplaceAll(e.value(), "]]>", "]]]]><![CDATA[>") + "]]>")
		case e.attribute:
			b.WriteString(strings.ReplaceAll(strings.ReplaceAll(xmlEscaped(e.value()), `"`, "&quot;"), "'", "&apos;"))
		default:
			b.WriteString(xmlEscaped(e.value()))
		}
	}
	b.WriteString(shield(d.source[at:]))
	return strings.TrimSpace(b.String())
}

func (e xmlEdit) value() string {
	if e.doc != nil {
		return e.doc.text()
	}
	return e.leaf.right()
}

// sortedEdits orders edits by their place: comments within a value come before it otherwise.
func sortedEdits(edits []xmlEdit) []xmlEdit {
	out := slices.Clone(edits)
	slices.SortStableFunc(out, func(a, b xmlEdit) int { return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(b.end, a.end)) })
	return out
}

// xmlEscaped writes text for an XML element. Quotes may stand there, and do so that JSON in it can be read.
func xmlEscaped(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
