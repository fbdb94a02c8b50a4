package mapping

import (
	"maps"
	"slices"
	"strings"
)

// A hole is a place in a template that is not literal text: a placeholder, or what ${...} stands for.
type hole struct {
	kind   holeKind
	name   string // as written: #F012, ${base}, for messages
	pos    int    // in the source
	source source
	text   string // of a variable
	secret *composed
	format *TimeFormat // of a time
	filter []string    // of a time or a UUID
	chain  []byte
	place  place
}

type holeKind uint8

const (
	placeholderHole holeKind = iota + 1
	variableHole             // its text is known; it becomes literal
	secretHole
	nowHole
	uuidHole
)

// A piece of a source is literal text or a hole.
type piece struct {
	pos    int
	lit    string
	single bool // the literal stands for one spot of the source, as ##F012 does
	hole   *hole
}

// maxMistakes is how many mistakes of one text are told; one with more is not the text that was meant.
const maxMistakes = 100

// A lexer cuts a source into pieces. It goes on after a mistake, so that all are found.
type lexer struct {
	src    string
	o      *Options
	fields *Fields
	pieces []piece
	errs   Errors
	filled int              // bytes of variables
	near   map[string]error // what is said of a code that is not known; it may stand in a text very often
}

func (l *lexer) run() {
	start := 0
	for i := 0; i < len(l.src) && len(l.errs) <= maxMistakes; {
		rest := l.src[i:]
		n := 0
		switch {
		case rest[0] == esc:
			l.fail(i, "", mistake("the control character U+001B cannot stand in a template", "模板中不能有控制字符 U+001B"))
		case strings.HasPrefix(rest, "##F") && len(rest) >= 6 && isCode(rest[2:6]):
			l.literal(start, i)
			l.pieces = append(l.pieces, piece{pos: i, lit: rest[1:6], single: true})
			n = 6
		case strings.HasPrefix(rest, "$${"):
			l.literal(start, i)
			l.pieces = append(l.pieces, piece{pos: i, lit: "${", single: true})
			n = 3
		case strings.HasPrefix(rest, "#F") && len(rest) >= 5 && isCode(rest[1:5]):
			l.literal(start, i)
			l.placeholder(i, rest[1:5])
			n = 5
		case strings.HasPrefix(rest, "${"):
			l.literal(start, i)
			n = l.dollar(i)
		}
		if n == 0 {
			i++
			continue
		}
		i += n
		start = i
	}
	l.literal(start, len(l.src))
}

func (l *lexer) fail(pos int, name string, err error) {
	l.errs = append(l.errs, &Error{Offset: pos, Placeholder: name, Err: err})
}

func (l *lexer) literal(from, to int) {
	if from < to {
		l.pieces = append(l.pieces, piece{pos: from, lit: l.src[from:to]})
	}
}

func (l *lexer) hole(h *hole) { l.pieces = append(l.pieces, piece{pos: h.pos, hole: h}) }

func (l *lexer) placeholder(pos int, code string) {
	h := &hole{kind: placeholderHole, name: "#" + code, pos: pos}
	s, ok := l.fields.source(code)
	if !ok {
		l.fail(pos, h.name, l.noSuch(code))
	}
	h.source = s
	l.hole(h)
}

// noSuch says that a code is not known.
func (l *lexer) noSuch(code string) error {
	err := l.near[code]
	if err == nil {
		if l.near == nil {
			l.near = map[string]error{}
		}
		err = l.fields.unknown(code)
		l.near[code] = err
	}
	return err
}

// dollar reads ${...} and gives its length.
func (l *lexer) dollar(pos int) int {
	inside, _, found := strings.Cut(l.src[pos+2:], "}")
	if !found || strings.ContainsAny(inside, "\n\r") {
		l.fail(pos, "${", mistake("} is missing; the text ${ is written $${", "缺少 }；文字 ${ 应写作 $${"))
		l.literal(pos, pos+2)
		return 2
	}
	n := len(inside) + 3
	name := l.src[pos : pos+n]
	h := &hole{kind: variableHole, name: name, pos: pos}
	what, filters, err := l.filters(inside)
	if err == nil {
		err = l.resolve(h, what, filters)
	}
	if err != nil {
		l.fail(pos, name, err)
		h.text = "x"
		l.hole(h)
	}
	return n
}

func (l *lexer) filters(inside string) (what string, filters []string, err error) {
	what, rest, found := strings.Cut(inside, "|")
	for found {
		var f string
		f, rest, found = strings.Cut(rest, "|")
		if f = strings.TrimSpace(f); !knownFilter(f) {
			return what, nil, mistake("no such filter: %q; want md5, sha256 or base64", "没有过滤器 %q；可用 md5、sha256、base64", shorten(f, maxShown))
		}
		filters = append(filters, f)
	}
	return strings.TrimSpace(what), filters, nil
}

// resolve finds what ${what} stands for and adds its pieces.
func (l *lexer) resolve(h *hole, what string, filters []string) error {
	kind, arg, found := strings.Cut(what, ":")
	switch {
	case found && (kind == "secret" || kind == "env"):
		p, err := l.secret(kind, arg)
		if err != nil {
			return err
		}
		h.kind, h.secret = secretHole, &composed{parts: []part{p}, filters: filters}
	case kind == "now":
		f := &l.fields.format
		if found {
			own, err := CompileTimeFormat(arg)
			if err != nil {
				return err
			}
			f = &own
		}
		h.kind, h.format, h.filter = nowHole, f, filters
	case what == "uuid":
		h.kind, h.filter = uuidHole, filters
	default:
		text, ok := l.o.Variables[what]
		if !ok {
			return l.unknown(what)
		}
		return l.variable(h, text, filters)
	}
	l.hole(h)
	return nil
}

func (l *lexer) unknown(name string) error {
	known := append(slices.Sorted(maps.Keys(l.o.Variables)), "secret:NAME", "env:NAME", "now:PATTERN", "uuid")
	if near := nearest(name, known); near != "" {
		return mistake("no such variable; do you mean ${%s}? Else define it under variables, or write $${ for the text ${",
			"没有该变量，是否想写 ${%s}？否则请在 variables 中定义；文字 ${ 应写作 $${", near)
	}
	return mistake("no such variable: define it under variables, or write $${ for the text ${",
		"没有该变量：请在 variables 中定义；文字 ${ 应写作 $${")
}

// secret checks the name of a secret or of an environment variable.
func (l *lexer) secret(kind, name string) (part, error) {
	for _, c := range []byte(name) {
		if !isLetter(c) && !isDigit(c) && strings.IndexByte("_.-", c) < 0 {
			return part{}, mistake("%q is no name: want letters, digits, _ . and -", "%q 不是名称：应为字母、数字、_ . 与 -", shorten(name, maxShown))
		}
	}
	if name == "" {
		return part{}, mistake("the name is missing after %s:", "%s: 之后缺少名称", kind)
	}
	if kind == "secret" {
		return part{secret: name}, nil
	}
	if l.o.Env != nil {
		if v, ok := l.o.Env(name); ok && v != "" {
			return part{secret: envPrefix + name, env: v}, nil
		}
	}
	return part{}, mistake("the environment variable %s cannot be had: start the server with it set and named in --env-allow",
		"无法取得环境变量 %s：请设置后启动服务，并在 --env-allow 中列出", shorten(name, maxShown))
}

// variable adds the pieces of a variable's text. Only secrets are looked for in it; all else is text.
func (l *lexer) variable(h *hole, text string, filters []string) error {
	if l.filled += len(text); l.filled > maxFilled {
		if l.filled-len(text) <= maxFilled { // told once
			return errManyVariables
		}
		text = ""
	}
	parts, err := l.parts(text)
	if err != nil {
		return err
	}
	if len(filters) > 0 {
		c := &composed{parts: parts, filters: filters}
		if len(c.names()) > 0 {
			h.kind, h.secret = secretHole, c
		} else {
			h.text, _ = c.value(nil, nil)
		}
		l.hole(h)
		return nil
	}
	if len(parts) == 0 {
		parts = []part{{}}
	}
	for _, p := range parts {
		one := *h
		one.text = p.text
		if p.secret != "" {
			one.kind, one.secret = secretHole, &composed{parts: []part{p}}
		}
		l.hole(&one)
	}
	return nil
}

// parts cuts a variable's text into text and secrets.
func (l *lexer) parts(text string) ([]part, error) {
	var out []part
	lit := ""
	for {
		before, rest, found := strings.Cut(text, "${")
		lit += before
		if !found {
			break
		}
		inside, after, closed := strings.Cut(rest, "}")
		kind, name, _ := strings.Cut(inside, ":")
		switch {
		case strings.HasSuffix(lit, "$"):
			lit, text = lit+"{", rest
			continue
		case !closed || kind != "secret" && kind != "env":
			lit, text = lit+"${", rest
			continue
		}
		name, filters, err := l.filters(name)
		if err != nil {
			return nil, err
		}
		p, err := l.secret(kind, name)
		if err != nil {
			return nil, err
		}
		if lit != "" {
			out = append(out, part{text: lit})
		}
		p.filters = filters
		out, lit, text = append(out, p), "", after
	}
	if lit != "" {
		out = append(out, part{text: lit})
	}
	return out, nil
}
