package mapping

import (
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// maxNesting bounds the depth of a template's own text.
const maxNesting = 200

// A jsonText reads the literal text of a template as JSON, in which a hole may stand inside a string or in place of a
// value.
type jsonText struct {
	u          []unit
	i          int
	level      *level
	structured bool // it is an object, or an array that holds an object or a string
	err        *textError
}

func parseJSONUnits(text []unit) *jsonText {
	p := &jsonText{u: text, level: &level{}}
	p.space()
	p.value(0)
	if p.space(); p.err == nil && p.i < len(p.u) {
		p.want(words{"the end of the JSON text", "JSON 文本的结尾"})
	}
	return p
}

// fail keeps the first mistake; reading ends there.
func (p *jsonText) fail(en, zh string, args ...any) {
	if p.err != nil {
		return
	}
	e := &textError{why: mistake("not well-formed JSON: "+en, "JSON 格式不正确："+zh, args...)}
	if p.i < len(p.u) {
		e.at, e.hole = p.u[p.i].at, max(p.u[p.i].hole, 0)
	} else if len(p.u) > 0 {
		e.at = p.u[len(p.u)-1].end
	}
	p.err = e
}

func (p *jsonText) want(what words) {
	switch {
	case p.i >= len(p.u):
		p.fail("it ends where %s is wanted", "文本已结束，此处应有%s", what)
	case p.u[p.i].hole > 0:
		p.fail("a placeholder where %s is wanted; a placeholder is a whole value or stands inside quotes",
			"此处应有%s，而不是占位符；占位符应为整个值或位于引号内", what)
	default:
		p.fail("%q where %s is wanted", "%q 处应有%s", p.char(), what)
	}
}

// char is the character at the current unit, for messages.
func (p *jsonText) char() rune {
	b := []byte(plain(p.u[p.i:min(len(p.u), p.i+utf8.UTFMax)]))
	r, _ := utf8.DecodeRune(b)
	return r
}

func (p *jsonText) space() {
	for p.i < len(p.u) && p.u[p.i].isSpace() {
		p.i++
	}
}

// next reports whether the literal byte c comes next.
func (p *jsonText) next(c byte) bool { return p.i < len(p.u) && p.u[p.i].is(c) }

func (p *jsonText) value(depth int) {
	switch {
	case depth > maxNesting:
		p.fail("nested deeper than %d", "嵌套超过 %d 层", maxNesting)
	case p.i >= len(p.u):
		p.want(words{"a value", "一个值"})
	case p.u[p.i].hole > 0:
		p.level.contexts = append(p.level.contexts, holeContext{p.u[p.i].hole, inJSON})
		p.i++
	case p.next('{'):
		p.structured = true
		p.object(depth)
	case p.next('['):
		p.array(depth)
	case p.next('"'):
		p.structured = p.structured || depth > 0
		p.str()
	default:
		p.scalar()
	}
}

func (p *jsonText) object(depth int) {
	p.i++
	for first := true; p.err == nil; first = false {
		p.space()
		switch {
		case first && p.next('}'):
			p.i++
			return
		case !p.next('"'):
			p.want(words{"a member's name in quotes", "带引号的成员名"})
			return
		}
		p.str()
		if p.space(); p.err == nil && !p.next(':') {
			p.want(words{"a colon", "冒号"})
			return
		}
		p.i++
		p.space()
		p.value(depth + 1)
		if p.more('}', words{"a comma or }", "逗号或 }"}) {
			return
		}
	}
}

func (p *jsonText) array(depth int) {
	p.i++
	for first := true; p.err == nil; first = false {
		p.space()
		if first && p.next(']') {
			p.i++
			return
		}
		start := p.i
		p.value(depth + 1)
		if p.err == nil {
			p.level.spans = append(p.level.spans, span{at: p.u[start].at, end: p.u[p.i-1].end})
		}
		if p.more(']', words{"a comma or ]", "逗号或 ]"}) {
			return
		}
	}
}

// more reads a comma, or the end of an object or array, at which it reports true.
func (p *jsonText) more(end byte, what words) bool {
	if p.space(); p.err != nil {
		return true
	}
	switch {
	case p.next(','):
		p.i++
		return false
	case p.next(end):
		p.i++
	default:
		p.want(what)
	}
	return true
}

// scalar reads a number, true, false or null.
func (p *jsonText) scalar() {
	start := p.i
	for p.i < len(p.u) && !p.u[p.i].isSpace() && !p.next(',') && !p.next('}') && !p.next(']') && p.u[p.i].hole <= 0 {
		p.i++
	}
	word := plain(p.u[start:p.i])
	if word == "" || word[0] == '"' || word[0] == '{' || word[0] == '[' || !validJSON(word) {
		p.i = start
		p.want(words{"a value", "一个值"})
		return
	}
	if p.i < len(p.u) && p.u[p.i].hole > 0 {
		p.fail("a placeholder cannot be a part of a value; put the value in quotes", "占位符不能是值的一部分；请给该值加引号")
	}
}

// str reads a string from its opening quote and keeps what it says as a text of its own.
func (p *jsonText) str() {
	p.i++
	start, escaped := p.i, false
	var text []unit // from the first escape on; until then the text is what is written
	for p.i < len(p.u) {
		u := p.u[p.i]
		switch {
		case u.hole > 0:
			p.level.contexts = append(p.level.contexts, holeContext{u.hole, inString})
			if escaped {
				text = append(text, u)
			}
			p.i++
		case u.c == '"':
			if !escaped {
				text = p.u[start:p.i:p.i]
			}
			p.i++
			p.level.texts = append(p.level.texts, text)
			return
		case u.c == '\\':
			if !escaped {
				text, escaped = slices.Clone(p.u[start:p.i]), true
			}
			if text = p.escape(text); p.err != nil {
				return
			}
		case u.c < ' ':
			p.fail("a bare control character U+%04X in a string; write \\n for a new line, \\t for a tab",
				"字符串中有控制字符 U+%04X；换行写 \\n，制表符写 \\t", u.c)
			return
		default:
			if escaped {
				text = append(text, u)
			}
			p.i++
		}
	}
	p.want(words{"a closing quote", "右引号"})
}

// escape resolves an escape of a string.
func (p *jsonText) escape(text []unit) []unit {
	raw := plain(p.u[p.i:min(len(p.u), p.i+6)])
	n := escapeLength(raw)
	if n == 0 {
		p.fail(`a backslash without one of "\/bfnrt or u and four hexadecimal digits after it`, `反斜杠后应为 "\/bfnrt 之一，或 u 加四位十六进制数字`)
		return text
	}
	whole := unit{hole: min(p.u[p.i].hole, 0), at: p.u[p.i].at, end: p.u[p.i+n-1].end}
	p.i += n
	if n == 2 {
		whole.c = unescaped(raw[1])
		return append(text, whole)
	}
	r := hexRune(raw[2:])
	if utf16.IsSurrogate(r) {
		r = utf8.RuneError // what stands for it is the source itself; only where it ends matters here
	}
	for _, c := range []byte(string(r)) {
		whole.c = c
		text = append(text, whole)
	}
	return text
}
