package connector

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MinSecret is the least number of characters of a secret: shorter ones would blot out half a record.
const MinSecret = 6

// A masker takes secrets out of what an OA answers and of error texts, however they are written there: as they are, escaped
// as JSON, XML and URLs allow it, character by character in any of its spellings, and in Base64.
type masker struct {
	values []string  // the longest first: of two that begin alike, the shorter must not leave the other's rest behind
	starts [256]bool // the bytes that a spelling of a secret may begin with; most of an answer needs no second look
}

// add makes a value a secret, also without the blanks around it, which some headers lose on their way.
func (m *masker) add(value string) {
	trimmed := strings.TrimSpace(value)
	for _, v := range []string{value, trimmed} {
		if utf8.RuneCountInString(v) < MinSecret {
			continue
		}
		m.keep(v)
		m.keep(strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(v)), "="))
		m.keep(base64.RawURLEncoding.EncodeToString([]byte(v)))
	}
}

func (m *masker) keep(v string) {
	at, found := slices.BinarySearchFunc(m.values, v, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	if found {
		return
	}
	m.values = slices.Insert(m.values, at, v)
	m.starts[v[0]] = true
	for _, b := range []byte(`\&%+`) {
		m.starts[b] = true
	}
}

// mask replaces every secret in s by ***.
func (m *masker) mask(s string) string {
	if len(m.values) == 0 || s == "" {
		return s
	}
	var b strings.Builder
	from := 0
	for i := 0; i < len(s); {
		if !m.starts[s[i]] {
			i++
			continue
		}
		n := m.at(s[i:])
		if n == 0 {
			i++
			continue
		}
		b.WriteString(s[from:i])
		b.WriteString("***")
		i += n
		from = i
	}
	if from == 0 {
		return s
	}
	b.WriteString(s[from:])
	return b.String()
}

// at is the length of a secret that s begins with, 0 when it begins with none.
func (m *masker) at(s string) int {
	for _, v := range m.values {
		first, _ := utf8.DecodeRuneInString(v)
		if s[0] != v[0] && spelled(s, first, `\&%+`) == 0 {
			continue // nearly always: the rest is for what begins rightly
		}
		n := 0
		for _, escapes := range []string{"", `\`, "&", "%+", `\&%+`} {
			n = max(n, written(s, v, escapes)) // what is no escape where it stands, is itself
		}
		if n > 0 {
			for strings.HasPrefix(s[n:], "=") || strings.HasPrefix(s[n:], "%3D") {
				n += len("=") // the padding of Base64
				if s[n-1] == '%' {
					n += len("3D")
				}
			}
			return n
		}
	}
	return 0
}

// written is the length of the text at the beginning of s that spells v, 0 where it spells something else. escapes are the
// characters that may begin an escape there.
func written(s, v, escapes string) int {
	i := 0
	for _, want := range v {
		n := spelled(s[i:], want, escapes)
		if n == 0 {
			return 0
		}
		i += n
	}
	return i
}

// spelled is the length of one spelling of a character at the beginning of s, 0 when there is none.
func spelled(s string, want rune, escapes string) int {
	if s == "" {
		return 0
	}
	if strings.IndexByte(escapes, s[0]) >= 0 {
		n := 0
		switch s[0] {
		case '\\':
			n = spelledJSON(s, want)
		case '&':
			n = spelledXML(s, want)
		case '%':
			n = spelledURL(s, want)
		case '+':
			if want == ' ' {
				n = 1
			}
		}
		if n > 0 {
			return n
		}
	}
	if got, n := utf8.DecodeRuneInString(s); got == want && (got != utf8.RuneError || n > 1) {
		return n
	}
	return 0
}

// spelledJSON reads \", \u0022, and two of the latter for what is beyond the basic plane.
func spelledJSON(s string, want rune) int {
	if len(s) < 2 {
		return 0
	}
	short := map[byte]rune{'"': '"', '\\': '\\', '/': '/', '\'': '\'', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}
	if r, ok := short[s[1]]; ok {
		if r == want {
			return 2
		}
		return 0
	}
	unit := func(s string) (uint64, bool) {
		if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
			return 0, false
		}
		n, err := strconv.ParseUint(s[2:6], 16, 32)
		return n, err == nil
	}
	first, ok := unit(s)
	switch {
	case !ok:
		return 0
	case rune(first) == want:
		return 6
	case first >= 0xD800 && first < 0xDC00:
		if second, ok := unit(s[6:]); ok && (rune(first)-0xD800)<<10+(rune(second)-0xDC00)+0x10000 == want {
			return 12
		}
	}
	return 0
}

// spelledXML reads &quot;, &#34; and &#x22;.
func spelledXML(s string, want rune) int {
	end := strings.IndexByte(s[:min(len(s), 12)], ';')
	if end < 2 {
		return 0
	}
	name := s[1:end]
	named := map[string]rune{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\''}
	if r, ok := named[name]; ok {
		if r == want {
			return end + 1
		}
		return 0
	}
	digits, isNumber := strings.CutPrefix(name, "#")
	if !isNumber {
		return 0
	}
	base := 10
	if hex, ok := strings.CutPrefix(strings.ToLower(digits), "x"); ok {
		digits, base = hex, 16
	}
	if n, err := strconv.ParseUint(digits, base, 32); err == nil && rune(n) == want { //nolint:gosec // 32 bits are asked for
		return end + 1
	}
	return 0
}

// spelledURL reads the bytes of a character percent-encoded, in either case.
func spelledURL(s string, want rune) int {
	i := 0
	for _, b := range []byte(string(want)) {
		if len(s) < i+3 || s[i] != '%' {
			return 0
		}
		n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil || byte(n) != b {
			return 0
		}
		i += 3
	}
	return i
}
