package mapping

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
)

// Encode gives a rendered body the charset that its Content-Type names; UTF-8, or none, leaves it as it is. What the
// charset lacks is written as a reference where the body's kind (of Template.Kind) has such: &#x..; in XML and forms,
// \u.... in JSON. In plain text it is an *Error.
func Encode(contentType, kind string, body []byte) ([]byte, error) {
	name := charsetOf(contentType)
	if name == "" || name == "utf-8" || name == "utf8" {
		return body, nil
	}
	e, err := htmlindex.Get(name)
	if err != nil {
		return nil, &Error{Err: mistake("the charset %q of the Content-Type is not known; UTF-8, GBK and GB18030 are",
			"Content-Type 的字符集 %q 无法识别；可用 UTF-8、GBK、GB18030", name)}
	}
	enc := &bodyEncoder{name: name, e: e.NewEncoder()}
	if kind == "form" {
		return enc.form(body)
	}
	if out, err := e.NewEncoder().Bytes(body); err == nil {
		return out, nil
	}
	switch kind {
	case "json":
		return enc.each(body, jsonReference)
	case "xml":
		return enc.xml(body)
	}
	return enc.each(body, nil)
}

// charsetOf is the charset of a Content-Type, in lower case; empty if it names none.
func charsetOf(contentType string) string {
	for part := range strings.SplitSeq(contentType, ";") {
		if part = strings.TrimSpace(part); beginsWith(part, "charset=") {
			return strings.ToLower(strings.Trim(part[len("charset="):], `"' `))
		}
	}
	return ""
}

// A bodyEncoder writes text character by character, with references for what the charset lacks.
type bodyEncoder struct {
	name string
	e    *encoding.Encoder
	out  []byte
}

// rune writes one character, or what reference makes of it.
func (e *bodyEncoder) rune(r rune, reference func(rune) string) error {
	if r < utf8.RuneSelf {
		e.out = append(e.out, byte(r))
		return nil
	}
	e.e.Reset()
	if b, err := e.e.Bytes([]byte(string(r))); err == nil {
		e.out = append(e.out, b...)
		return nil
	}
	if reference == nil {
		return &Error{Err: mistake("the charset %s lacks the character %q, and there is no other way to write it here",
			"字符集 %s 没有字符 %q，此处也没有其他写法", e.name, r)}
	}
	e.out = append(e.out, reference(r)...)
	return nil
}

func (e *bodyEncoder) each(body []byte, reference func(rune) string) ([]byte, error) {
	for _, r := range string(body) {
		if err := e.rune(r, reference); err != nil {
			return nil, err
		}
	}
	return e.out, nil
}

func jsonReference(r rune) string {
	if r < 0x10000 {
		return fmt.Sprintf(`\u%04x`, r)
	}
	r -= 0x10000
	return fmt.Sprintf(`\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
}

func xmlReference(r rune) string { return fmt.Sprintf("&#x%X;", r) }

// xml knows text and attributes from CDATA sections, where a reference must stand outside, and from names, comments and
// the like, which cannot have one.
func (e *bodyEncoder) xml(body []byte) ([]byte, error) {
	for len(body) > 0 {
		end, reference := len(body), xmlReference
		switch {
		case bytes.HasPrefix(body, []byte("<![CDATA[")):
			end = after(body, "]]>")
			reference = func(r rune) string { return "]]>" + xmlReference(r) + "<![CDATA[" }
		case bytes.HasPrefix(body, []byte("<!--")):
			end = after(body, "-->")
			reference = func(rune) string { return "?" }
		case body[0] == '<':
			end = nameEnd(body)
			reference = nil
		default:
			if n := bytes.IndexByte(body, '<'); n > 0 {
				end = n
			}
		}
		if _, err := e.each(body[:end], reference); err != nil {
			return nil, err
		}
		body = body[end:]
	}
	return e.out, nil
}

func after(body []byte, end string) int {
	if n := bytes.Index(body, []byte(end)); n >= 0 {
		return n + len(end)
	}
	return len(body)
}

// nameEnd is where the name of a tag ends; attributes are read as text.
func nameEnd(body []byte) int {
	if n := bytes.IndexAny(body, " \t\r\n/>"); n > 1 {
		return n
	}
	return min(2, len(body))
}

// form encodes what the percent-encoding of a form stands for.
func (e *bodyEncoder) form(body []byte) ([]byte, error) {
	var text []byte
	flush := func() error {
		inner := bodyEncoder{name: e.name, e: e.e}
		if _, err := inner.each(text, xmlReference); err != nil {
			return err
		}
		e.out = append(e.out, url.QueryEscape(string(inner.out))...)
		text = text[:0]
		return nil
	}
	for i := 0; i < len(body); i++ {
		if body[i] == '%' && i+2 < len(body) {
			high, ok1 := hexDigit(body[i+1])
			low, ok2 := hexDigit(body[i+2])
			if ok1 && ok2 {
				text = append(text, high<<4|low)
				i += 2
				continue
			}
		}
		if err := flush(); err != nil {
			return nil, err
		}
		e.out = append(e.out, body[i])
	}
	err := flush()
	return e.out, err
}
