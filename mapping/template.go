package mapping

import (
	"bytes"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Options say what a template is for and what may stand in it.
type Options struct {
	Place       Place
	Variables   map[string]string
	Fields      *Fields // nil: the catalogue alone
	Receivers   Receivers
	Env         func(name string) (string, bool) // values of allowed environment variables
	ContentType string                           // of a body; it decides where the text alone leaves doubt
}

// A Template is compiled text with placeholders. It is never changed and may be rendered by several goroutines.
type Template struct {
	kind      string
	ops       []op
	holes     []*hole
	size      int // bytes of literal text
	secrets   []string
	receivers Receivers
	addressed bool // an address that begins with a placeholder or a secret
	zone      *time.Location
	format    *TimeFormat
}

// An op writes literal text, and then the value of a hole, or, where end is set, the ops up to end once per receiver.
type op struct {
	lit  string
	hole *hole
	end  int
	sep  string // between two rounds
}

// Compile reads a template. All its mistakes come at once, as Errors: each with line and column, the placeholder where
// one is wrong, and the nearest name that is known.
func Compile(src string, o Options) (*Template, error) {
	if o.Fields == nil {
		fields, err := ParseFields(nil, nil, "")
		if err != nil {
			return nil, err
		}
		o.Fields = fields
	}
	if !utf8.ValidString(src) {
		return nil, Errors{errorAt(src, firstInvalid(src), mistake("a byte that is not UTF-8", "此处不是 UTF-8"))}
	}
	l := lexer{src: src, o: &o, fields: o.Fields}
	l.run()
	if len(l.errs) > maxMistakes {
		return nil, l.errs.located(src)
	}
	a := newAnalysis(l.pieces)
	t := &Template{receivers: o.Receivers, zone: o.Fields.zone, format: &o.Fields.format}
	t.kind = a.read(o.Place, o.ContentType)
	errs := append(l.errs, a.errors(len(src))...)
	if len(errs) == 0 {
		b := builder{a: a, t: t, escapers: map[string]*escaper{}}
		errs = b.build(o.Place)
	}
	if len(errs) > 0 {
		return nil, errs.located(src)
	}
	return t, nil
}

// read finds out what the whole text is and gives its kind.
func (a *analysis) read(p Place, contentType string) string {
	switch {
	case p == Plain:
		a.pushAll(a.flat, inText)
		return "text"
	case p == Address:
		a.address(a.flat)
		return "url"
	case p == HeaderValue:
		a.header(a.flat)
		return "header"
	case p == Form || isForm(contentType):
		a.form(a.flat)
		return "form"
	}
	return a.body(contentType)
}

// body reads a body: JSON, XML, or else plain text, or a form where no Content-Type says what it is. What looks like JSON
// or XML and is not well-formed is a mistake.
func (a *analysis) body(contentType string) string {
	declared := strings.ToLower(strings.TrimSpace(contentType))
	json, xml := strings.Contains(declared, "json"), strings.Contains(declared, "xml")
	var wrong *textError
	for _, text := range [][]unit{a.flat, a.fill(a.flat, nil)} {
		first := firstUnit(text)
		var err *textError
		switch {
		case first.is('<'):
			p := parseXMLUnits(trim(text))
			if err = p.err; err == nil {
				a.commit(p.level)
				return "xml"
			}
		case json || first.is('{') || first.is('['):
			p := parseJSONUnits(text)
			if err = p.err; err == nil && (p.structured || json) {
				a.commit(p.level)
				return "json"
			}
		}
		if err != nil && (wrong == nil || err.at > wrong.at) {
			wrong = err
		}
	}
	if empty := len(trim(a.fill(a.flat, nil))) == 0; !empty && (wrong != nil || xml) && a.meant(declared, json, xml) {
		if wrong == nil {
			wrong = &textError{why: mistake("the Content-Type says XML, and the body does not begin with <", "Content-Type 为 XML，而请求体不以 < 开头")}
		}
		a.errs = append(a.errs, wrong)
		return "text"
	}
	if declared == "" && looksLikeForm(a.fill(a.flat, nil)) {
		a.form(a.flat)
		return "form"
	}
	a.pushAll(a.flat, inText)
	if isURL(a.fill(a.flat, nil)) {
		a.url(a.flat, false)
	}
	return "text"
}

// meant reports whether a body that is neither JSON nor XML was meant to be.
func (a *analysis) meant(declared string, json, xml bool) bool {
	text := trim(a.fill(a.flat, nil))
	switch {
	case json || xml:
		return true
	case declared != "":
		return false
	case text[0].is('['):
		inside := firstUnit(text[1:])
		return inside.is('{') || inside.is('"')
	}
	return text[0].is('{') || text[0].is('<')
}

func isForm(contentType string) bool {
	return strings.Contains(strings.ToLower(contentType), "application/x-www-form-urlencoded")
}

// errors gives the mistakes of the analysis their places in the source, which has end bytes.
func (a *analysis) errors(end int) Errors {
	var out Errors
	for _, e := range a.errs {
		one := &Error{Offset: end, Err: e}
		if int(e.at) < len(a.pos) {
			one.Offset = a.pos[e.at]
		}
		if e.hole > 0 {
			one.Placeholder = a.holes[e.hole-1].name
		}
		out = append(out, one)
	}
	return out
}

// A builder makes the ops of a template.
type builder struct {
	a        *analysis
	t        *Template
	escapers map[string]*escaper
	lit      []byte
	newLine  bool // nothing but blanks since a line break of a form
	errs     Errors
}

func (b *builder) build(p Place) Errors {
	text := b.a.flat
	if b.t.kind == "url" || b.t.kind == "header" || b.t.kind == "form" {
		text = trim(text)
	}
	var regions []region
	if b.t.receivers == List {
		regions = b.a.regions()
	}
	var open []int // the op that opens the current region
	for _, u := range text {
		if len(open) > 0 && u.at == regions[0].end {
			b.closeRegion(&open, &regions)
		}
		if len(open) == 0 && len(regions) > 0 && u.at == regions[0].at {
			b.flush(op{sep: regions[0].separator, end: -1})
			open = append(open, len(b.t.ops)-1)
		}
		if u.hole == 0 {
			b.literal(u.c)
			continue
		}
		b.hole(b.a.holes[u.hole-1])
	}
	if len(open) > 0 {
		b.closeRegion(&open, &regions)
	}
	if len(b.lit) > 0 {
		b.flush(op{})
	}
	if first := firstUnit(b.a.fill(text, nil)); p == Address && first.hole > 0 {
		b.t.addressed = true
	}
	slices.Sort(b.t.secrets)
	b.t.secrets = slices.Compact(b.t.secrets)
	return b.errs
}

func (b *builder) closeRegion(open *[]int, regions *[]region) {
	b.flush(op{})
	b.t.ops[(*open)[0]].end = len(b.t.ops)
	*open, *regions = nil, (*regions)[1:]
}

// flush ends the literal text that has been gathered with an op.
func (b *builder) flush(o op) {
	o.lit = string(b.lit)
	b.t.size += len(b.lit)
	b.lit = b.lit[:0]
	b.t.ops = append(b.t.ops, o)
}

// literal adds a byte of the source. Addresses and forms hold no character that must be percent-encoded.
func (b *builder) literal(c byte) {
	if b.t.kind == "url" || b.t.kind == "form" {
		if b.t.kind == "form" { // which may be written over several lines, with an indent
			if c == '\n' || c == '\r' {
				b.newLine = true
				return
			}
			if b.newLine && (c == ' ' || c == '\t') && bytes.HasSuffix(b.lit, []byte("&")) {
				return
			}
			b.newLine = false
		}
		b.lit = append(b.lit, escapeOne(inAddress, c)...)
		return
	}
	b.lit = append(b.lit, c)
}

// hole adds a hole: the text of a variable at once, all else as an op.
func (b *builder) hole(h *hole) {
	b.t.holes = append(b.t.holes, h)
	h.place.set(string(h.chain), b.escapers)
	if h.secret != nil {
		b.t.secrets = append(b.t.secrets, h.secret.names()...)
	}
	if h.kind != variableHole {
		b.flush(op{hole: h})
		return
	}
	out, err := h.place.append(b.lit, &value{kind: configured, text: clean(h.text)})
	if err != nil {
		b.errs = append(b.errs, &Error{Offset: h.pos, Placeholder: h.name, Err: mistake("the variable's text: %s", "变量的内容：%s", err)})
	}
	b.lit = out
}

// Kind says what the template is: json, xml, text, form, url or header.
func (t *Template) Kind() string { return t.kind }

// Placeholders lists the placeholders of the template, such as F012, each once, in the order of the text.
func (t *Template) Placeholders() []string {
	var out []string
	for _, h := range t.holes {
		if h.kind == placeholderHole && !slices.Contains(out, h.source.code()) {
			out = append(out, h.source.code())
		}
	}
	return out
}

// Uses reports whether the template uses a placeholder, by itself or through an own field that reads it.
func (t *Template) Uses(code string) bool {
	return slices.ContainsFunc(t.holes, func(h *hole) bool {
		return h.kind == placeholderHole && h.source.uses(code)
	})
}

// Secrets lists the names of the secrets that the template uses, sorted; environment variables as env:NAME. Where it is
// empty, both modes render the same.
func (t *Template) Secrets() []string { return slices.Clone(t.secrets) }
