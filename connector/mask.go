package connector

import (
	"cmp"
	"encoding/base64"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// MinSecret is the least number of characters of a secret: shorter ones would blot out half a record.
const MinSecret = 6

// Mask replaces every secret in a text by ***, however it is written there, and whatever its length.
func Mask(text string, secrets ...string) string {
	m := &masker{}
	for _, v := range secrets {
		m.addToken(v)
		m.addToken(strings.TrimSpace(v))
	}
	return m.mask(text)
}

// A masker takes secrets out of what an OA answers and of error texts, however they are written there: as they are, escaped
// as JSON, XML or URLs escape, in two such layers (a web service's answer is JSON inside XML), and in Base64, also within a
// longer one.
type masker struct {
	base   *masker // whose secrets are its, too; it does not change any more. May be nil
	values map[string]bool
}

// clone is a masker of its own with the same secrets.
func (m *masker) clone() *masker { return &masker{base: m} }

// all gives every secret in every form.
func (m *masker) all() iter.Seq[string] {
	return func(yield func(string) bool) {
		for ; m != nil; m = m.base {
			for v := range m.values {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// knows reports whether a value is a secret already.
func (m *masker) knows(v string) bool {
	for ; m != nil; m = m.base {
		if m.values[v] {
			return true
		}
	}
	return false
}

// empty reports whether there is no secret.
func (m *masker) empty() bool {
	for ; m != nil; m = m.base {
		if len(m.values) > 0 {
			return false
		}
	}
	return true
}

// add makes a value a secret, also without the blanks around it, which some headers lose on their way.
func (m *masker) add(value string) {
	if utf8.RuneCountInString(value) >= MinSecret {
		m.keep(value)
	}
	if trimmed := strings.TrimSpace(value); trimmed != value && utf8.RuneCountInString(trimmed) >= MinSecret {
		m.keep(trimmed)
	}
}

// addToken makes a token a secret. Tokens are never shown, so a shorter one counts too.
func (m *masker) addToken(value string) {
	if len(value) >= MinSecret/2 {
		m.keep(value)
	}
}

func (m *masker) keep(v string) {
	if m.knows(v) {
		return
	}
	if m.values == nil {
		m.values = map[string]bool{}
	}
	m.values[v] = true
	for _, form := range base64Forms(v) {
		m.values[form] = true
	}
}

// base64Forms are the value in Base64, whole, and the part of it that shows in the Base64 of a longer text, whichever of the
// three ways it is aligned there; in the standard alphabet and in that of URLs.
func base64Forms(v string) []string {
	var out []string
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		out = append(out, e.EncodeToString([]byte(v)))
		for before := range 3 {
			b := append(make([]byte, before), v...)
			// Characters that the neighbours have a share in are left out.
			from, to := (before*8+5)/6, len(b)*8/6
			if inner := e.EncodeToString(b)[from:to]; len(inner) >= MinSecret {
				out = append(out, inner)
			}
		}
	}
	return out
}

// A span is a piece of a text, in bytes.
type span struct{ from, to int }

// mask replaces every secret in s by ***.
func (m *masker) mask(s string) string { return m.maskAs(s, "***") }

// maskAs replaces every secret in s by another text.
func (m *masker) maskAs(s, by string) string {
	if s == "" || m.empty() {
		return s
	}
	spans := m.find(s)
	if len(spans) == 0 {
		return s
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to)) })
	var b strings.Builder
	at := 0
	for _, x := range spans {
		for x.to < len(s) && s[x.to] == '=' {
			x.to++ // the padding of Base64
		}
		if x.from >= at {
			b.WriteString(s[at:x.from])
			b.WriteString(by)
		}
		at = max(at, x.to)
	}
	b.WriteString(s[at:])
	return b.String()
}

// find looks for every secret, as it is and beneath the escapes that s may hold.
func (m *masker) find(s string) []span {
	var out []span
	for v := range m.all() {
		for from := 0; ; {
			i := strings.Index(s[from:], v)
			if i < 0 {
				break
			}
			out = append(out, span{from + i, from + i + len(v)})
			from += i + len(v)
		}
	}
	var layers []layer
	if strings.IndexByte(s, '\\') >= 0 {
		layers = append(layers, unescapeJSON)
	}
	if strings.IndexByte(s, '&') >= 0 {
		layers = append(layers, unescapeXML)
	}
	if strings.IndexByte(s, '%') >= 0 {
		layers = append(layers, unescapePath)
	}
	if strings.IndexByte(s, '+') >= 0 {
		layers = append(layers, unescapeForm)
	}
	if len(layers) == 0 {
		return out
	}
	plain := lettersOf(s)
	for _, outer := range layers {
		once := outer(plain)
		out = append(out, m.findIn(once)...)
		for _, inner := range []layer{unescapeJSON, unescapeXML, unescapePath} {
			if twice := inner(once); len(twice) < len(once) {
				out = append(out, m.findIn(twice)...)
			}
		}
	}
	return out
}

// findIn looks for every secret among letters.
func (m *masker) findIn(letters []letter) []span {
	text := make([]byte, 0, len(letters))
	starts := make([]int, 0, len(letters)) // of each byte of text: the letter that it belongs to
	for i, l := range letters {
		n := len(text)
		text = utf8.AppendRune(text, l.is)
		for range len(text) - n {
			starts = append(starts, i)
		}
	}
	var out []span
	read := string(text)
	for v := range m.all() {
		for from := 0; ; {
			i := strings.Index(read[from:], v)
			if i < 0 {
				break
			}
			first, last := letters[starts[from+i]], letters[starts[from+i+len(v)-1]]
			out = append(out, span{first.from, last.to})
			from += i + len(v)
		}
	}
	return out
}
