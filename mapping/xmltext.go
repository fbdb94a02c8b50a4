package mapping

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An xmlText reads the literal text of a template as one XML element, in which a hole may stand in text, attribute
// values, CDATA sections and comments.
type xmlText struct {
	u       []unit
	i       int
	level   *level
	open    []openElement
	root    bool   // the root element has been seen
	literal int    // behind the holes that were looked past last
	bracket bool   // of escapedBracket: for the hole before
	text    []unit // character data since the last tag
	err     *textError
}

type openElement struct {
	name string
	span int // index of its span; -1: the root
	at   int32
}

func parseXMLUnits(text []unit) *xmlText {
	p := &xmlText{u: text, level: &level{}}
	if p.i = slices.IndexFunc(text, func(u unit) bool { return u.hole <= 0 && u.c < ' ' && !u.isSpace() }); p.i >= 0 {
		p.fail("the control character U+%04X, which XML forbids", "XML 不允许控制字符 U+%04X", text[p.i].c)
		return p
	}
	if p.i = 0; p.has("<?xml ") {
		p.instruction()
	}
	for p.err == nil && p.i < len(p.u) {
		if p.next('<') {
			p.markup()
		} else {
			p.char()
		}
	}
	switch {
	case p.err != nil:
	case len(p.open) > 0:
		p.fail("element <%s> is not closed", "元素 <%s> 没有闭合", shorten(p.open[len(p.open)-1].name, 80))
	case !p.root:
		p.fail("it holds no element", "没有任何元素")
	}
	return p
}

func (p *xmlText) fail(en, zh string, args ...any) {
	if p.err != nil {
		return
	}
	e := &textError{why: mistake("not well-formed XML: "+en, "XML 格式不正确："+zh, args...)}
	if p.i < len(p.u) {
		e.at, e.hole = p.u[p.i].at, max(p.u[p.i].hole, 0)
	} else if len(p.u) > 0 {
		e.at = p.u[len(p.u)-1].end
	}
	p.err = e
}

func (p *xmlText) next(c byte) bool { return p.i < len(p.u) && p.u[p.i].is(c) }

// has reports whether literal text comes next.
func (p *xmlText) has(s string) bool { return p.hasAt(p.i, s) }

func (p *xmlText) hasAt(i int, s string) bool {
	if i+len(s) > len(p.u) {
		return false
	}
	for j := range len(s) {
		if !p.u[i+j].is(s[j]) {
			return false
		}
	}
	return true
}

func (p *xmlText) markup() {
	switch {
	case p.has("<!--"):
		p.comment()
	case p.has("<![CDATA["):
		p.cdata()
	case p.has("<!"):
		p.fail("a DOCTYPE or other declaration cannot stand in a body", "请求体中不能有 DOCTYPE 或其他声明")
	case p.has("<?"):
		p.instruction()
	case p.has("</"):
		p.endTag()
	default:
		p.startTag()
	}
}

// char reads one character of text, or a hole in it.
func (p *xmlText) char() {
	u := p.u[p.i]
	switch {
	case len(p.open) == 0 && u.hole > 0:
		p.fail("a placeholder outside of the root element", "占位符位于根元素之外")
	case len(p.open) == 0:
		if !u.isSpace() {
			p.fail("%q outside of the root element", "%q 位于根元素之外", u.c)
		}
		p.i++
	case u.hole > 0:
		p.hole(inXML, inXMLBefore)
	case p.closesCDATA():
		p.fail("]]> in text; write ]]&gt;", "文本中有 ]]>；应写作 ]]&gt;")
	case p.has("\uFFFE"), p.has("\uFFFF"):
		p.fail("a character that XML forbids", "XML 不允许的字符")
	default:
		p.text = p.reference(p.text)
	}
}

// hole reads a hole. Where a literal > or ]> follows, which an ending ]] of the value would make the end of a CDATA
// section, it stands in the second context.
func (p *xmlText) hole(context, before byte) {
	u := p.u[p.i]
	p.i++
	for p.literal = max(p.literal, p.i); p.literal < len(p.u) && p.u[p.literal].hole > 0; {
		p.literal++
	}
	if p.hasAt(p.literal, ">") || p.hasAt(p.literal, "]>") || context == inCDATA && p.escapedBracket() {
		context = before
	}
	p.level.contexts = append(p.level.contexts, holeContext{u.hole, context})
	p.text = append(p.text, u)
}

// escapedBracket reports whether a ] that the outermost text writes otherwise, as &#93; or \u005d, is one of the two literals in front
// of a hole: what has been rendered does not show it.
func (p *xmlText) escapedBracket() bool {
	if p.i >= 2 && p.u[p.i-2].hole > 0 {
		return p.bracket // as for the hole before
	}
	p.bracket = false
	seen := 0
	for i := p.i - 2; i >= 0 && seen < 2; i-- {
		u := p.u[i]
		if u.hole > 0 {
			continue
		}
		if !u.is(']') {
			return false
		}
		if p.bracket = u.end-u.at > 1; p.bracket {
			break
		}
		seen++
	}
	return p.bracket
}

// closesCDATA reports whether a > comes next that stands behind ]], be it with holes in between, which may be empty.
func (p *xmlText) closesCDATA() bool {
	brackets := 0
	for i := p.i - 1; p.next('>') && i >= 0 && brackets < 2; i-- {
		switch {
		case p.u[i].is(']'):
			brackets++
		case p.u[i].hole <= 0:
			return false
		}
	}
	return brackets == 2
}

// reference reads a byte of text, or what an entity or character reference stands for.
func (p *xmlText) reference(text []unit) []unit {
	u := p.u[p.i]
	if u.c != '&' {
		p.i++
		return append(text, u)
	}
	name, _, found := strings.Cut(plain(p.u[p.i+1:min(len(p.u), p.i+12)]), ";")
	r, ok := entity(name)
	if !found || !ok {
		p.fail("& begins no reference that XML knows; write &amp; for the character &", "& 不是 XML 认识的引用；字符 & 应写作 &amp;")
		return text
	}
	whole := unit{hole: min(u.hole, 0), at: u.at, end: p.u[p.i+len(name)+1].end}
	p.i += len(name) + 2
	for _, c := range []byte(string(r)) {
		whole.c = c
		text = append(text, whole)
	}
	return text
}

// entity gives the character that a reference stands for.
func entity(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, found := strings.CutPrefix(name, "#")
	base := 10
	if hex, isHex := strings.CutPrefix(digits, "x"); isHex {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	r := rune(n)
	if !found || err != nil || n > utf8.MaxRune || !utf8.ValidRune(r) || r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
		return 0, false
	}
	return r, true
}

// flush ends a run of character data. Comments and CDATA sections do not: what stands around them is one text.
func (p *xmlText) flush() {
	if len(p.text) > 0 {
		p.level.texts = append(p.level.texts, p.text)
		p.text = nil
	}
}

func (p *xmlText) comment() {
	p.i += len("<!--")
	start := p.i
	for p.i < len(p.u) {
		switch u := p.u[p.i]; {
		case p.has("-->"):
			p.i += len("-->")
			return
		case p.has("--"):
			p.fail("-- inside a comment", "注释中有 --")
			return
		case u.hole > 0:
			if p.i > start && p.hasAt(p.i-1, "-") && p.hasAt(p.i+1, "-") {
				p.fail("a placeholder between two - in a comment", "注释中占位符位于两个 - 之间")
				return
			}
			p.level.contexts = append(p.level.contexts, holeContext{u.hole, inComment})
		}
		p.i++
	}
	p.fail("a comment is not closed", "注释没有闭合")
}

func (p *xmlText) cdata() {
	if len(p.open) == 0 {
		p.fail("a CDATA section outside of the root element", "CDATA 位于根元素之外")
		return
	}
	p.i += len("<![CDATA[")
	for p.i < len(p.u) {
		switch u := p.u[p.i]; {
		case p.has("]]>"):
			p.i += len("]]>")
			return
		case u.hole > 0:
			p.hole(inCDATA, inCDATAEnd)
		case p.has("\uFFFE"), p.has("\uFFFF"):
			p.fail("a character that XML forbids", "XML 不允许的字符")
			return
		case p.closesCDATA():
			p.fail("a placeholder between ]] and >; write the > as ]]>&gt;<![CDATA[", "占位符位于 ]] 与 > 之间；> 请写作 ]]>&gt;<![CDATA[")
			return
		default:
			p.text = append(p.text, u)
			p.i++
		}
	}
	p.fail("a CDATA section is not closed", "CDATA 没有闭合")
}

func (p *xmlText) instruction() {
	if p.has("<?xml ") && p.i > 0 {
		p.fail("<?xml stands only at the very beginning", "<?xml 只能位于最开头")
		return
	}
	for ; p.i < len(p.u); p.i++ {
		switch {
		case p.has("?>"):
			p.i += len("?>")
			return
		case p.u[p.i].hole > 0:
			p.fail("a placeholder cannot stand between <? and ?>", "占位符不能位于 <? 与 ?> 之间")
			return
		}
	}
	p.fail("?> is missing", "缺少 ?>")
}
