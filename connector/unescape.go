package connector

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"todosync/mapping"
)

// A letter is a character and the bytes of the original text that spell it.
type letter struct {
	is       rune
	from, to int
}

// A layer takes one layer of escapes off. What is no escape stays as it is: a text may hold both.
type layer func([]letter) []letter

// lettersOf reads a text as it stands.
func lettersOf(s string) []letter {
	out := make([]letter, 0, len(s))
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		out = append(out, letter{r, i, i + n})
		i += n
	}
	return out
}

// ascii gives up to most letters from i on as text; it ends before what is not ASCII.
func ascii(l []letter, i, most int) string {
	var b strings.Builder
	for ; i < len(l) && b.Len() < most && l[i].is < utf8.RuneSelf; i++ {
		b.WriteByte(byte(l[i].is))
	}
	return b.String()
}

// unescapeJSON reads \", \/, \u0022 and the like, and two \u for one character beyond the basic plane.
func unescapeJSON(l []letter) []letter {
	const short, means = `"\/'bfnrt`, "\"\\/'\b\f\n\r\t"
	unit := func(i int) (rune, bool) {
		s := ascii(l, i, 6)
		if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
			return 0, false
		}
		n, err := strconv.ParseUint(s[2:], 16, 16)
		return rune(n), err == nil
	}
	out := make([]letter, 0, len(l))
	for i := 0; i < len(l); {
		take, is := 1, l[i].is
		if is == '\\' && i+1 < len(l) {
			if k := strings.IndexRune(short, l[i+1].is); k >= 0 {
				take, is = 2, rune(means[k])
			} else if first, ok := unit(i); ok {
				take, is = 6, first
				if second, ok := unit(i + 6); ok && utf16.IsSurrogate(first) {
					if both := utf16.DecodeRune(first, second); both != utf8.RuneError {
						take, is = 12, both
					}
				}
			}
		}
		out = append(out, letter{is, l[i].from, l[i+take-1].to})
		i += take
	}
	return out
}

// unescapeXML reads &quot;, &#34; and &#x22;.
func unescapeXML(l []letter) []letter {
	named := map[string]rune{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\''}
	reference := func(i int) (rune, int) {
		name, _, ended := strings.Cut(ascii(l, i+1, 10), ";")
		if !ended {
			return 0, 0
		}
		if r, ok := named[name]; ok {
			return r, len(name) + 2
		}
		digits, isNumber := strings.CutPrefix(strings.ToLower(name), "#")
		base := 10
		if hex, ok := strings.CutPrefix(digits, "x"); ok {
			digits, base = hex, 16
		}
		n, err := strconv.ParseUint(digits, base, 21)
		if !isNumber || err != nil {
			return 0, 0
		}
		return rune(n), len(name) + 2
	}
	out := make([]letter, 0, len(l))
	for i := 0; i < len(l); {
		if l[i].is == '&' {
			if r, take := reference(i); take > 0 {
				out = append(out, letter{r, l[i].from, l[i+take-1].to})
				i += take
				continue
			}
		}
		out = append(out, l[i])
		i++
	}
	return out
}

// unescapeForm reads a query's percent-encoding, in which + is a blank.
func unescapeForm(l []letter) []letter { return percent(l, true) }

// unescapePath reads a path's percent-encoding, in which + is itself.
func unescapePath(l []letter) []letter { return percent(l, false) }

// percent reads percent-encoding, of UTF-8 or else of GBK.
func percent(l []letter, plus bool) []letter {
	out := make([]letter, 0, len(l))
	for i := 0; i < len(l); {
		if plus && l[i].is == '+' {
			out = append(out, letter{' ', l[i].from, l[i].to})
			i++
			continue
		}
		var run []byte
		j := i
		for ; j < len(l) && l[j].is == '%'; j += 3 {
			n, err := strconv.ParseUint(ascii(l, j+1, 2), 16, 8)
			if err != nil || j+2 >= len(l) {
				break
			}
			run = append(run, byte(n))
		}
		switch {
		case len(run) == 0:
			out = append(out, l[i])
			i++
			continue
		case utf8.Valid(run):
			for k := 0; k < len(run); {
				r, n := utf8.DecodeRune(run[k:])
				out = append(out, letter{r, l[i+3*k].from, l[i+3*(k+n)-1].to})
				k += n
			}
		default:
			for _, r := range string(mapping.Decode("text/plain;charset=GBK", run)) {
				out = append(out, letter{r, l[i].from, l[j-1].to})
			}
		}
		i = j
	}
	return out
}
