package mapping

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// A context is one layer of the place that a value stands in. A chain of contexts, outermost first, is written as a
// string: "xju" is a URL in a JSON string in XML text.
const (
	inText      = 't' // plain text
	inString    = 'j' // a JSON string
	inJSON      = 'r' // JSON outside quotes; always innermost
	inXML       = 'x' // XML text
	inXMLBefore = 'X' // XML text in front of a literal > or ]>
	inAttribute = 'a' // an XML attribute
	inCDATA     = 'c' // a CDATA section
	inCDATAEnd  = 'C' // the same in front of a literal > or ]>: escaped without regard to what stands around
	inComment   = 'k' // an XML comment
	inURL       = 'u' // a path segment, a query value or a fragment of a URL
	inKept      = 'b' // the beginning of a URL, which stays as it is
	inAddress   = 'B' // the same, of a request's own address: what no address may hold is percent-encoded
	inForm      = 'f' // a name or value of a form
	inHeader    = 'H' // a header's value
)

// esc marks the secrets of stored requests (secret.go), so it never stands in a rendered value.
const esc = '\x1b'

// An action is what an escaper does with a byte.
type action uint8

const (
	pass    action = iota
	replace        // by the byte's replacement, which may be empty
	refuse         // the place cannot hold it
	closer         // > in a CDATA section: after ]] the section is split
	lead           // the first byte of U+FFFE and U+FFFF, which XML forbids
)

// An escaper escapes values for one chain of contexts in one pass over their bytes. It is never changed.
type escaper struct {
	act     [256]action
	rep     [256]string
	nonchar [2]string // replacements of U+FFFE and U+FFFF
	split   string    // what ends a CDATA section and begins the next
	widest  int       // bytes that one byte may become
}

// commonEscapers hold the chains that most templates need, so that templates share them. It is never changed.
var commonEscapers = buildCommon()

func buildCommon() map[string]*escaper {
	out := map[string]*escaper{}
	for chain := range strings.FieldsSeq("t j x a c u b B f H ju jj jx ja jc xj aj cj xu au cu xb jb tb tu fj fu fx Hj Hu xju xjb cju xjj jju jxj jjj") {
		out[chain] = newEscaper(chain)
	}
	return out
}

// escaperFor gives the escaper of a chain that does not end in inJSON. own holds the chains of one template that are not
// common.
func escaperFor(chain string, own map[string]*escaper) *escaper {
	if e := commonEscapers[chain]; e != nil {
		return e
	}
	if chain == "" {
		return commonEscapers["t"]
	}
	e := own[chain]
	if e == nil {
		e = newEscaper(chain)
		own[chain] = e
	}
	return e
}

func newEscaper(chain string) *escaper {
	e := &escaper{}
	if at := strings.IndexAny(chain, "cC"); at >= 0 && (strings.ContainsAny(chain[:at], "ufBX") || strings.ContainsAny(chain[at+1:], "cC")) {
		chain = strings.ReplaceAll(chain, "c", "C") // ]] in front of > would not be seen as it is
	}
	for c := range 256 {
		s := string([]byte{byte(c)})
		out, ok := escapeByte(chain, s)
		e.rep[c] = out
		switch {
		case !ok:
			e.act[c] = refuse
		case out != s:
			e.act[c] = replace
		}
	}
	if at := strings.IndexByte(chain, inCDATA); at >= 0 {
		if inside, _ := escapeByte(chain[at+1:], ">"); inside == ">" {
			e.act['>'] = closer
			e.split, _ = escapeByte(chain[:at], cdataSplit)
		}
	}
	percent := strings.LastIndexAny(chain, "ufB")
	if at := strings.LastIndexAny(chain, "xXacCk"); at > percent {
		e.act[0xef] = lead
		if inner := strings.LastIndexByte(chain, inString); inner > at {
			for i := range e.nonchar { // JSON can write what XML cannot
				e.nonchar[i], _ = escapeByte(chain[:inner], fmt.Sprintf(`\ufff%x`, 0xe+i))
			}
		}
	}
	e.widest = len(e.split) + len(e.rep['>'])
	for _, rep := range e.rep {
		e.widest = max(e.widest, len(rep))
	}
	for _, rep := range e.nonchar {
		e.widest = max(e.widest, len(rep)) // of three bytes
	}
	return e
}

const cdataSplit = "]]><![CDATA["

// escapeByte escapes one byte, or an ASCII text that stands for one, by all contexts of a chain, innermost first. It is
// not ok where a header is the outermost context and cannot hold the outcome.
func escapeByte(chain, s string) (out string, ok bool) {
	for i := len(chain) - 1; i >= 0; i-- {
		var b strings.Builder
		for j := range len(s) {
			if chain[i] == inHeader && (s[j] < ' ' && s[j] != '\t' || s[j] == 0x7f) {
				return "", false
			}
			b.WriteString(escapeOne(rune(chain[i]), s[j]))
		}
		s = b.String()
	}
	return s, true
}

// escapeOne escapes one byte for one context.
func escapeOne(context rune, c byte) string {
	s := string([]byte{c})
	switch context {
	case inText, inKept:
		if c == esc {
			return "\uFFFD"
		}
	case inString:
		return escapeJSON(c)
	case inXML, inXMLBefore, inAttribute, inCDATA, inCDATAEnd, inComment:
		return escapeXML(context, c)
	case inURL:
		if c >= utf8.RuneSelf || url.QueryEscape(s) != s {
			return fmt.Sprintf("%%%02X", c)
		}
	case inAddress:
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return fmt.Sprintf("%%%02X", c)
		}
	case inForm:
		return url.QueryEscape(s)
	}
	return s
}

func escapeJSON(c byte) string {
	switch c {
	case '"':
		return `\"`
	case '\\':
		return `\\`
	case '\b':
		return `\b`
	case '\f':
		return `\f`
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	}
	if c < ' ' || c == 0x7f { // which a header, for one, cannot hold
		return fmt.Sprintf(`\u%04x`, c)
	}
	return string([]byte{c})
}

func escapeXML(context rune, c byte) string {
	cdata := context == inCDATA || context == inCDATAEnd
	switch {
	case c < ' ' && c != '\t' && c != '\n' && c != '\r':
		return ""
	case context == inComment:
		if c == '-' {
			return "_"
		}
	case c == '\r' && cdata:
		return "]]>&#13;<![CDATA["
	case c == '>' && context == inCDATAEnd:
		return cdataSplit + ">"
	case c == ']' && context == inCDATAEnd:
		return "]" + cdataSplit
	case cdata:
	case c == '\r', c == ']' && context == inXMLBefore, (c == '\t' || c == '\n') && context == inAttribute:
		return fmt.Sprintf("&#%d;", c)
	case c == '<':
		return "&lt;"
	case c == '>':
		return "&gt;"
	case c == '&':
		return "&amp;"
	case c == '"' && context == inAttribute:
		return "&quot;"
	case c == '\'' && context == inAttribute:
		return "&apos;"
	}
	return string([]byte{c})
}

// refused says that a place cannot hold a character.
func refused(c byte) error {
	return mistake("the value holds the control character U+%04X, which a header cannot", "取值含控制字符 U+%04X，请求头中不能有", c)
}

// appendEscaped appends a value, escaped by e. What is not UTF-8 becomes U+FFFD.
func appendEscaped[T string | []byte](e *escaper, dst []byte, s T) ([]byte, error) {
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		a := e.act[c]
		if a == pass {
			continue
		}
		switch a {
		case replace:
			dst = append(append(dst, s[start:i]...), e.rep[c]...)
			start = i + 1
		case refuse:
			return dst, refused(c)
		case closer:
			dst = append(dst, s[start:i]...)
			start = i + 1
			if n := len(dst); n >= 2 && dst[n-1] == ']' && dst[n-2] == ']' {
				dst = append(dst, e.split...)
			}
			dst = append(dst, e.rep[c]...)
		case lead:
			if i+2 < len(s) && s[i+1] == 0xbf && s[i+2] >= 0xbe {
				dst = append(append(dst, s[start:i]...), e.nonchar[s[i+2]-0xbe]...)
				i += 2
			} else {
				dst = append(append(dst, s[start:i]...), e.rep[c]...)
			}
			start = i + 1
		}
	}
	return append(dst, s[start:]...), nil
}

// clean makes valid UTF-8 of a value.
func clean(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
