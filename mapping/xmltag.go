package mapping

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// name reads the name of an element or attribute.
func (p *xmlText) name(what string) string {
	start := p.i
	for p.i < len(p.u) && p.u[p.i].hole <= 0 && nameByte(p.u[p.i].c, p.i == start) {
		p.i++
	}
	switch {
	case p.i < len(p.u) && p.u[p.i].hole > 0:
		p.fail("a placeholder cannot be a part of the name of an " + what)
	case p.i == start:
		p.fail("the name of an " + what + " is wanted; write &lt; for the character <")
	}
	return plain(p.u[start:p.i])
}

func nameByte(c byte, first bool) bool {
	return isLetter(c) || c == '_' || c == ':' || c >= utf8.RuneSelf || !first && (isDigit(c) || c == '-' || c == '.')
}

func (p *xmlText) space() bool {
	start := p.i
	for p.i < len(p.u) && p.u[p.i].isSpace() {
		p.i++
	}
	return p.i > start
}

func (p *xmlText) startTag() {
	p.flush()
	at := p.u[p.i].at
	p.i++
	if p.root && len(p.open) == 0 {
		p.fail("a second root element")
		return
	}
	if len(p.open) >= maxNesting {
		p.fail(fmt.Sprintf("nested deeper than %d", maxNesting))
		return
	}
	name := p.name("element")
	e := openElement{name: name, span: -1, at: at}
	if len(p.open) > 0 {
		_, local, found := strings.Cut(name, ":")
		if !found {
			local = name
		}
		e.span = len(p.level.spans)
		p.level.spans = append(p.level.spans, span{at: at, xml: true, parent: p.open[len(p.open)-1].span, name: local})
	}
	p.root = true
	p.open = append(p.open, e)
	var seen []string
	for p.err == nil {
		spaced := p.space()
		switch {
		case p.has("/>"):
			p.i += len("/>")
			p.closeElement()
			return
		case p.next('>'):
			p.i++
			return
		case p.i >= len(p.u):
			p.fail("the tag <" + name + "> is not closed")
		case !spaced:
			p.fail("a blank, > or /> is wanted")
		default:
			attribute := p.attribute()
			if p.err == nil && slices.Contains(seen, attribute) {
				p.fail("attribute " + attribute + " stands twice in <" + name + ">")
			}
			seen = append(seen, attribute)
		}
	}
}

func (p *xmlText) attribute() string {
	name := p.name("attribute")
	p.space()
	if p.err == nil && !p.next('=') {
		p.fail("= is wanted after attribute " + name)
		return name
	}
	p.i++
	p.space()
	if p.err == nil && !p.next('"') && !p.next('\'') {
		p.fail("the value of attribute " + name + " is wanted in quotes")
	}
	if p.err != nil {
		return name
	}
	quote := p.u[p.i].c
	p.i++
	var text []unit
	for p.err == nil {
		switch {
		case p.i >= len(p.u):
			p.fail("the value of attribute " + name + " is not closed")
		case p.u[p.i].hole > 0:
			p.level.contexts = append(p.level.contexts, holeContext{p.u[p.i].hole, inAttribute})
			text = append(text, p.u[p.i])
			p.i++
		case p.next(quote):
			p.i++
			p.level.texts = append(p.level.texts, text)
			return name
		case p.next('<'):
			p.fail("< in the value of attribute " + name + "; write &lt;")
		default:
			text = p.reference(text)
		}
	}
	return name
}

func (p *xmlText) endTag() {
	p.flush()
	start := p.i
	p.i += len("</")
	name := p.name("element")
	p.space()
	switch {
	case p.err != nil:
		return
	case !p.next('>'):
		p.fail("> is wanted")
	case len(p.open) == 0:
		p.i = start
		p.fail("</" + name + "> closes nothing")
	case p.open[len(p.open)-1].name != name:
		p.i = start
		p.fail("</" + name + "> where </" + p.open[len(p.open)-1].name + "> is wanted")
	}
	if p.err == nil {
		p.i++
		p.closeElement()
	}
}

func (p *xmlText) closeElement() {
	e := p.open[len(p.open)-1]
	p.open = p.open[:len(p.open)-1]
	if e.span >= 0 {
		p.level.spans[e.span].end = p.u[p.i-1].end
	}
}
