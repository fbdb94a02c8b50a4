package mapping

import (
	"slices"
	"strings"
)

// A unit is one byte of a text, or a hole in it. A text inside another has its escapes resolved, so one unit may stand
// for several of the outermost text.
type unit struct {
	c       byte
	hole    int32 // index + 1; negative: a byte of that variable's text
	at, end int32 // what it stands for in the outermost text
}

// is reports whether the unit is the literal byte c.
func (u unit) is(c byte) bool { return u.hole <= 0 && u.c == c }

func (u unit) isSpace() bool {
	return u.hole <= 0 && (u.c == ' ' || u.c == '\t' || u.c == '\n' || u.c == '\r')
}

// A level is what reading a text as JSON or XML finds: the context of each hole, the texts inside, and what a list could
// repeat.
type level struct {
	contexts []holeContext
	texts    [][]unit
	spans    []span
}

type holeContext struct {
	hole    int32 // index + 1
	context byte
}

// A span is a part of the outermost text that a list may repeat: an element of a JSON array, or an XML element.
type span struct {
	at, end int32
	xml     bool
	parent  int    // of an XML element: the index of the enclosing one in the level's spans; -1: the root
	name    string // local name of an XML element
}

// A textError is a mistake at a unit of the outermost text.
type textError struct {
	at   int32
	hole int32 // index + 1 of the hole that is wrong here
	why  error
}

func (e *textError) Error() string { return e.why.Error() }

func (e *textError) in(lang string) string { return Text(e.why, lang) }

// An analysis finds out what the texts of a template are and where its holes stand.
type analysis struct {
	holes []*hole
	flat  []unit
	pos   []int // of each flat unit, in the source
	spans []span
	errs  []*textError
}

func newAnalysis(pieces []piece) *analysis {
	size := 0
	for _, p := range pieces {
		size += max(len(p.lit), 1)
	}
	a := &analysis{flat: make([]unit, 0, size), pos: make([]int, 0, size)}
	for _, p := range pieces {
		if p.hole != nil {
			a.holes = append(a.holes, p.hole)
			a.add(0, int32(len(a.holes)), p.pos)
			continue
		}
		for i := range len(p.lit) {
			at := p.pos + i
			if p.single {
				at = p.pos
			}
			a.add(p.lit[i], 0, at)
		}
	}
	return a
}

func (a *analysis) add(c byte, hole int32, pos int) {
	at := int32(len(a.flat))
	a.flat = append(a.flat, unit{c: c, hole: hole, at: at, end: at + 1})
	a.pos = append(a.pos, pos)
}

// fail records a mistake at a unit.
func (a *analysis) fail(u unit, why error) {
	a.errs = append(a.errs, &textError{at: u.at, hole: max(u.hole, -u.hole), why: why})
}

// variable reports whether a unit is the hole of a variable.
func (a *analysis) variable(u unit) bool {
	return u.hole > 0 && a.holes[u.hole-1].kind == variableHole
}

// fill puts the text of variables in their place: of those for which which holds, given the text so far.
func (a *analysis) fill(text []unit, which func(sofar []unit) bool) []unit {
	if !slices.ContainsFunc(text, a.variable) {
		return text
	}
	out := make([]unit, 0, len(text))
	for _, u := range text {
		if !a.variable(u) || which != nil && !which(out) {
			out = append(out, u)
			continue
		}
		for _, c := range []byte(a.holes[u.hole-1].text) {
			out = append(out, unit{c: c, hole: -u.hole, at: u.at, end: u.end})
		}
	}
	return out
}

// push adds a layer to the place of each hole of a text.
func (a *analysis) push(l *level) {
	for _, h := range l.contexts {
		one := a.holes[h.hole-1]
		one.chain = append(one.chain, h.context)
	}
}

// pushAll adds the same layer to all holes of a text.
func (a *analysis) pushAll(text []unit, context byte) {
	for _, u := range text {
		if u.hole > 0 {
			one := a.holes[u.hole-1]
			one.chain = append(one.chain, context)
		}
	}
}

// commit takes over what a level found, and looks at the texts inside.
func (a *analysis) commit(l *level) {
	a.push(l)
	base := len(a.spans)
	for _, s := range l.spans {
		if s.xml && s.parent >= 0 {
			s.parent += base
		}
		a.spans = append(a.spans, s)
	}
	for _, text := range l.texts {
		a.classify(text)
	}
}

// classify decides what a text inside another is, and adds the layer that this means to its holes: JSON, XML, a URL, or
// nothing more. Variables are first taken for opaque, so that they are escaped; where the text is nothing that way, it is
// read with their texts filled in. A text that was clearly meant to be JSON or XML is a mistake if it is not well-formed.
func (a *analysis) classify(text []unit) {
	if !slices.ContainsFunc(text, func(u unit) bool { return u.hole != 0 }) {
		return
	}
	filled := a.fill(text, nil)
	var wrong *textError
	for _, t := range [][]unit{text, filled} {
		l, err := structured(t)
		if l != nil {
			a.commit(l)
			return
		}
		if wrong == nil {
			wrong = err
		}
		if !slices.ContainsFunc(text, a.variable) {
			break
		}
	}
	switch {
	case wrong != nil && meantAsStructure(trim(filled)):
		a.errs = append(a.errs, wrong)
	case isURL(filled):
		a.url(text, false)
	}
}

// structured reads a text as JSON or XML; it gives neither a level nor a mistake where the text looks like none of them.
func structured(text []unit) (*level, *textError) {
	switch first := firstUnit(text); {
	case first.is('{'), first.is('['):
		p := parseJSONUnits(text)
		if p.err == nil && p.structured {
			return p.level, nil
		}
		return nil, p.err
	case first.is('<'):
		p := parseXMLUnits(trim(text)) // blanks in front of <?xml are the manual's, and trimmed by who reads it
		if p.err == nil {
			return p.level, nil
		}
		return nil, p.err
	}
	return nil, nil
}

// meantAsStructure reports whether a text can only be JSON or XML: {"...}, [{...] or <?xml.
func meantAsStructure(text []unit) bool {
	if len(text) < 2 {
		return false
	}
	last, second := text[len(text)-1], firstUnit(text[1:])
	return text[0].is('{') && second.is('"') && last.is('}') || text[0].is('[') && second.is('{') && last.is(']') ||
		strings.HasPrefix(plain(text[:min(len(text), len("<?xml "))]), "<?xml ")
}

func firstUnit(text []unit) unit {
	for _, u := range text {
		if !u.isSpace() {
			return u
		}
	}
	return unit{c: ' '}
}

// isURL reports whether a text begins with http://, https:// or //.
func isURL(text []unit) bool {
	n := slices.IndexFunc(text, func(u unit) bool { return !u.isSpace() })
	if n < 0 {
		return false
	}
	start := plain(text[n:min(len(text), n+len("https://"))])
	return beginsWith(start, "http://") || beginsWith(start, "https://") || beginsWith(start, "//")
}

// plain gives the literal bytes up to the first hole.
func plain(text []unit) string {
	b := make([]byte, 0, len(text))
	for _, u := range text {
		if u.hole > 0 {
			break
		}
		b = append(b, u.c)
	}
	return string(b)
}

func trim(text []unit) []unit {
	for len(text) > 0 && text[0].isSpace() {
		text = text[1:]
	}
	for len(text) > 0 && text[len(text)-1].isSpace() {
		text = text[:len(text)-1]
	}
	return text
}
