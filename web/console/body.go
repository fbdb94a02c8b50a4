package console

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/url"
	"strings"
	"unicode"

	"todosync/retry"
)

// keptBody is how much of an answer's body is kept, in bytes: one that has nearly as many was cut.
const keptBody = 64<<10 - 4

// A body is a request's or answer's body as it is shown.
type body struct {
	Text string
	Kind string // JSON, XML, form; empty: text
	Cut  bool
	Size int

	Inside []inside // JSON in an XML element: a web service of an OA often has all it says there
}

// An inside is a body within an element of another.
type inside struct{ Element, Text string }

// bodyOf makes a body readable. What is not what it seems to be is shown as it is.
func bodyOf(text string, headers []retry.Header, cut bool) body {
	b := body{Text: text, Size: len(text), Cut: cut}
	start := strings.TrimLeftFunc(text, unicode.IsSpace)
	switch {
	case start == "":
	case start[0] == '{' || start[0] == '[':
		if pretty, ok := indentJSON(text); ok {
			b.Text, b.Kind = pretty, "JSON"
		}
	case start[0] == '<':
		if pretty, within, ok := indentXML(text); ok {
			b.Text, b.Kind, b.Inside = pretty, "XML", within
		}
	default:
		if pretty, ok := spreadForm(text, headers); ok {
			b.Text, b.Kind = pretty, "form"
		}
	}
	return b
}

func indentJSON(text string) (string, bool) {
	var out bytes.Buffer
	if json.Indent(&out, []byte(text), "", "  ") != nil {
		return "", false
	}
	return strings.TrimSpace(out.String()), true
}

// indentXML puts each element on a line of its own, but for those that hold text alone. Every character of the tags stays as it was.
func indentXML(text string) (pretty string, within []inside, ok bool) {
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // the text has been decoded already
	d.Strict = false
	d.AutoClose, d.Entity = xml.HTMLAutoClose, xml.HTMLEntity
	var b strings.Builder
	element := ""
	depth, inline := 0, false // inline: the element that was opened last holds text alone so far
	line := func() {
		if b.Len() > 0 {
			b.WriteByte('\n')
			b.WriteString(strings.Repeat("  ", max(0, min(depth, 40))))
		}
	}
	for at := int64(0); ; at = d.InputOffset() {
		token, err := d.RawToken()
		if err == io.EOF { //nolint:errorlint // the decoder gives it as it is
			break
		}
		if err != nil {
			return "", nil, false
		}
		raw := text[at:d.InputOffset()]
		switch t := token.(type) {
		case xml.StartElement:
			element = t.Name.Local
			line()
			b.WriteString(raw)
			depth, inline = depth+1, true
		case xml.EndElement:
			depth--
			if raw == "" { // of <a/>
				inline = false
				continue
			}
			if !inline {
				line()
			}
			b.WriteString(raw)
			inline = false
		case xml.CharData:
			trimmed := strings.TrimSpace(raw)
			switch {
			case trimmed == "":
			case inline:
				b.WriteString(raw)
				if said := strings.TrimSpace(string(t)); len(said) > 1 && (said[0] == '{' || said[0] == '[') {
					if json, ok := indentJSON(said); ok {
						within = append(within, inside{element, json})
					}
				}
			default:
				line()
				b.WriteString(trimmed)
			}
		default:
			line()
			b.WriteString(raw)
			inline = false
		}
	}
	return b.String(), within, depth == 0 && b.Len() > 0
}

// spreadForm puts each field of a form on a line of its own, decoded.
func spreadForm(text string, headers []retry.Header) (string, bool) {
	isForm := false
	for _, h := range headers {
		isForm = isForm || strings.EqualFold(h.Name, "Content-Type") && strings.HasPrefix(strings.ToLower(strings.TrimSpace(h.Value)), "application/x-www-form-urlencoded")
	}
	if !isForm {
		return "", false
	}
	var b strings.Builder
	for field := range strings.SplitSeq(text, "&") {
		name, value, _ := strings.Cut(field, "=")
		n, err := url.QueryUnescape(name)
		if err != nil {
			return "", false
		}
		w, err := url.QueryUnescape(value)
		if err != nil {
			return "", false
		}
		b.WriteString(n + " = " + w + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n"), true
}

// A piece is a stretch of text, or a character that a page cannot show or that would change how the rest is read.
type piece struct {
	Text string
	Sign bool
}

// visible makes control characters, characters that turn the direction of text, and broken bytes visible.
func visible(raw []byte) []piece {
	var out []piece
	var plain strings.Builder
	sign := func(s string) {
		if plain.Len() > 0 {
			out = append(out, piece{Text: plain.String()})
			plain.Reset()
		}
		if n := len(out); n > 0 && out[n-1].Sign && len(out[n-1].Text) < 300 {
			out[n-1].Text += s
			return
		}
		out = append(out, piece{Text: s, Sign: true})
	}
	const hex = "0123456789ABCDEF"
	text := string(raw)
	for i, r := range text {
		switch {
		case r == '\n' || r == '\t':
			plain.WriteRune(r)
		case r == unicode.ReplacementChar && (text[i] != 0xEF || !strings.HasPrefix(text[i:], "\uFFFD")):
			sign(`\x` + string(hex[text[i]>>4]) + string(hex[text[i]&15]))
		case r < 0x20:
			sign(string(rune(0x2400) + r))
		case r == 0x7F:
			sign("␡")
		case unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Co, r) || r == 0x2028 || r == 0x2029:
			sign("U+" + strings.ToUpper(hexOf(r)))
		default:
			plain.WriteRune(r)
		}
	}
	if plain.Len() > 0 {
		out = append(out, piece{Text: plain.String()})
	}
	return out
}

func hexOf(r rune) string {
	const hex = "0123456789abcdef"
	s := ""
	for n := uint32(r); n > 0 || len(s) < 4; n >>= 4 { //nolint:gosec // runes are not negative here
		s = string(hex[n&15]) + s
	}
	return s
}
