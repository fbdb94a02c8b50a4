package mapping

import (
	"strings"
	"unicode/utf8"
)

// name reads the name of an element or attribute.
func (p *xmlText) name(what words) string {
	start := p.i
	for p.i < len(p.u) && p.u[p.i].hole <= 0 && nameByte(p.u[p.i].c, p.i == start) {
		p.i++
	}
	switch {
	case p.i < len(p.u) && p.u[p.i].hole > 0:
		p.fail("a placeholder cannot be a part of the name of an %s", "占位符不能是%s名的一部分", what)
	case p.i == start:
		p.fail("the name of an %s is wanted; write &lt; for the character <", "此处应有%s名；字符 < 应写作 &lt;", what)
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
		p.fail("a second root element", "有第二个根元素")
		return
	}
	if len(p.open) >= maxNesting {
		p.fail("nested deeper than %d", "嵌套超过 %d 层", maxNesting)
		return
	}
	name := p.name(words{"element", "元素"})
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
	seen := map[string]bool{}
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
			p.fail("the tag <%s> is not closed", "标签 <%s> 没有闭合", shorten(name, 80))
		case !spaced:
			p.fail("a blank, > or /> is wanted", "此处应有空格、> 或 />")
		default:
			attribute := p.attribute()
			if p.err == nil && seen[attribute] {
				p.fail("attribute %s stands twice in <%s>", "属性 %s 在 <%s> 中出现两次", shorten(attribute, 80), shorten(name, 80))
			}
			seen[attribute] = true
		}
	}
}

func (p *xmlText) attribute() string {
	name := p.name(words{"attribute", "属性"})
	p.space()
	if p.err == nil && !p.next('=') {
		p.fail("= is wanted after attribute %s", "属性 %s 之后应有 =", shorten(name, 80))
		return name
	}
	p.i++
	p.space()
	if p.err == nil && !p.next('"') && !p.next('\'') {
		p.fail("the value of attribute %s is wanted in quotes", "属性 %s 的值应加引号", shorten(name, 80))
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
			p.fail("the value of attribute %s is not closed", "属性 %s 的值没有闭合", shorten(name, 80))
		case p.u[p.i].hole > 0:
			p.level.contexts = append(p.level.contexts, holeContext{p.u[p.i].hole, inAttribute})
			text = append(text, p.u[p.i])
			p.i++
		case p.next(quote):
			p.i++
			p.level.texts = append(p.level.texts, text)
			return name
		case p.next('<'):
			p.fail("< in the value of attribute %s; write &lt;", "属性 %s 的值中有 <；应写作 &lt;", shorten(name, 80))
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
	name := p.name(words{"element", "元素"})
	p.space()
	switch {
	case p.err != nil:
		return
	case !p.next('>'):
		p.fail("> is wanted", "此处应有 >")
	case len(p.open) == 0:
		p.i = start
		p.fail("</%s> closes nothing", "</%s> 没有对应的开始标签", shorten(name, 80))
	case p.open[len(p.open)-1].name != name:
		p.i = start
		p.fail("</%s> where </%s> is wanted", "此处是 </%s>，应为 </%s>", shorten(name, 80), shorten(p.open[len(p.open)-1].name, 80))
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
