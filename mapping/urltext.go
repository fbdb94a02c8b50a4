package mapping

import (
	"bytes"
	"slices"
	"strings"
)

// url finds the places of the holes in a text that is a URL: user, host, port, path, query, fragment. A variable that
// begins the URL stays as it is; in an address, so does a placeholder.
func (a *analysis) url(text []unit, address bool) {
	kept := byte(inKept)
	if address {
		kept = inAddress
	}
	text = trim(text)
	seen, begun := 0, true
	text = a.fill(text, func(sofar []unit) bool {
		for ; begun && seen < len(sofar); seen++ {
			slashes := seen > 0 && sofar[seen].c == '/' && sofar[seen-1].c == '/'
			begun = sofar[seen].hole <= 0 && !slashes
		}
		return begun
	})
	for i, u := range text {
		if u.hole < 0 && (i == 0 || text[i-1].hole != u.hole) {
			a.enter(-u.hole, kept)
		}
	}
	switch {
	case len(text) == 0:
	case text[0].hole > 0:
		a.enter(text[0].hole, kept)
		a.path(text[1:])
	default:
		at := strings.Index(plain(text), "//") + len("//")
		end := at
		for end < len(text) && !endsHost(text[end]) {
			end++
		}
		a.authority(text[at:end])
		a.path(text[end:])
	}
}

func (a *analysis) enter(hole int32, context byte) {
	h := a.holes[hole-1]
	h.chain = append(h.chain, context)
}

func endsHost(u unit) bool { return u.is('/') || u.is('?') || u.is('#') || u.is('\\') }

// authority reads user@host:port.
func (a *analysis) authority(text []unit) {
	for i, t := range slices.Backward(text) {
		if t.is('@') {
			a.pushAll(text[:i], inURL)
			text = text[i+1:]
			break
		}
	}
	colon := len(text)
	for i := len(text) - 1; i >= 0 && !text[i].is(']'); i-- {
		if text[i].is(':') {
			colon = i
		}
	}
	for i, u := range text {
		if u.hole <= 0 {
			continue
		}
		a.enter(u.hole, inKept)
		g := &a.holes[u.hole-1].place.guard
		switch {
		case i > colon:
			g.kind = guardPort
		case len(text) == 1:
			g.kind = guardHostPort
		case colon == 1 && i == 0:
			g.kind = guardHost
		default:
			g.kind = guardLabel
		}
	}
}

// path reads path?query#fragment, or what follows a placeholder that begins an address.
func (a *analysis) path(text []unit) {
	a.pushAll(text, inURL)
	for len(text) > 0 && !text[0].is('?') && !text[0].is('#') {
		end := slices.IndexFunc(text, endsHost)
		if end == 0 {
			text = text[1:]
			continue
		}
		if end < 0 {
			end = len(text)
		}
		segment := text[:end]
		literal := make([]byte, 0, end)
		for _, u := range segment {
			if u.hole <= 0 {
				literal = append(literal, u.c)
			}
		}
		literal = bytes.ReplaceAll(bytes.ToLower(literal), []byte("%2e"), []byte("."))
		for _, u := range segment {
			if u.hole > 0 && len(bytes.Trim(literal, ".")) == 0 {
				a.holes[u.hole-1].place.guard = guard{kind: guardSegment, dots: len(literal)}
			}
		}
		text = text[end:]
	}
	a.query(text)
}

// query reads ?name=value&name=value#fragment. The values inside are texts of their own, as those of a form are.
func (a *analysis) query(text []unit) {
	if end := slices.IndexFunc(text, func(u unit) bool { return u.is('#') }); end >= 0 {
		text = text[:end]
	}
	if len(text) == 0 || !text[0].is('?') {
		return
	}
	for pair := range splitUnits(text[1:], '&') {
		if i := slices.IndexFunc(pair, func(u unit) bool { return u.is('=') }); i >= 0 {
			a.classify(formDecoded(pair[i+1:]))
		}
	}
}

// address reads a request's own address.
func (a *analysis) address(text []unit) {
	text = trim(text)
	filled := a.fill(text, nil)
	switch {
	case len(filled) == 0:
		a.errs = append(a.errs, &textError{why: mistake("the address is empty: want one that begins with http:// or https://", "地址为空：应以 http:// 或 https:// 开头")})
		return
	case filled[0].hole > 0: // a placeholder or a secret is the address itself
	case filled[0].is('/') || !isURL(filled):
		a.fail(text[0], mistake("an address begins with http:// or https://", "地址应以 http:// 或 https:// 开头"))
		return
	}
	for _, u := range filled {
		if u.hole <= 0 && u.c < ' ' {
			a.fail(u, mistake("a line break or another control character in an address", "地址中有换行或其他控制字符"))
			return
		}
	}
	a.url(text, true)
}

// header reads the value of a header.
func (a *analysis) header(text []unit) {
	text = trim(text)
	for _, u := range text {
		if u.hole <= 0 && (u.c < ' ' && u.c != '\t' || u.c == 0x7f) {
			a.fail(u, mistake("a line break or another control character in a header; write it on one line", "请求头中有换行或其他控制字符；请写在一行"))
			return
		}
	}
	a.pushAll(text, inHeader)
	a.classify(text)
}

// form reads a body in application/x-www-form-urlencoded. The values inside are texts of their own.
func (a *analysis) form(text []unit) {
	for pair := range splitUnits(trim(text), '&') {
		pair = trim(pair)
		name, value := pair, []unit(nil)
		if i := slices.IndexFunc(pair, func(u unit) bool { return u.is('=') }); i >= 0 {
			name, value = pair[:i], pair[i+1:]
		}
		a.pushAll(name, inForm)
		a.pushAll(value, inForm)
		a.classify(formDecoded(value))
	}
}

// looksLikeForm reports whether a text with holes is written as a form is: name=value, joined by &. A pair does not go on
// over a line break, as plain text would.
func looksLikeForm(text []unit) bool {
	if !slices.ContainsFunc(text, func(u unit) bool { return u.hole != 0 }) {
		return false
	}
	for pair := range splitUnits(trim(text), '&') {
		pair = trim(pair)
		named := slices.IndexFunc(pair, func(u unit) bool {
			return u.hole > 0 || !isLetter(u.c) && !isDigit(u.c) && strings.IndexByte("_-.[]%", u.c) < 0
		})
		if named <= 0 || !pair[named].is('=') || slices.ContainsFunc(pair, func(u unit) bool { return u.is('\n') || u.is('\r') }) {
			return false
		}
	}
	return true
}

// splitUnits gives the parts of a text between literal separators.
func splitUnits(text []unit, separator byte) func(yield func([]unit) bool) {
	return func(yield func([]unit) bool) {
		for {
			i := slices.IndexFunc(text, func(u unit) bool { return u.is(separator) })
			if i < 0 {
				yield(text)
				return
			}
			if !yield(text[:i]) {
				return
			}
			text = text[i+1:]
		}
	}
}

// formDecoded resolves + and %XX.
func formDecoded(text []unit) []unit {
	out := make([]unit, 0, len(text))
	for i := 0; i < len(text); i++ {
		u := text[i]
		switch {
		case u.is('+'):
			u.c = ' '
		case u.is('%') && i+2 < len(text) && text[i+1].hole <= 0 && text[i+2].hole <= 0:
			high, ok1 := hexDigit(text[i+1].c)
			low, ok2 := hexDigit(text[i+2].c)
			if ok1 && ok2 {
				u.c, u.end = high<<4|low, text[i+2].end
				i += 2
			}
		}
		out = append(out, u)
	}
	return out
}
