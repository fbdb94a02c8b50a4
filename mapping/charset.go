package mapping

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// Decode makes UTF-8 text of an answer. The encoding is what the Content-Type says, else a byte order mark, else an XML
// declaration. Where none says it, or says what many servers say of everything (UTF-8, ISO-8859-1) and the bytes are not
// UTF-8, it is what the XML declaration says after all, else GB18030 if they are that without a fault. Bytes that are
// nothing become U+FFFD. An answer in UTF-8 is given back as it is.
func Decode(contentType string, body []byte) []byte {
	if bytes.HasPrefix(body, []byte(byteOrderMark)) {
		return bytes.ToValidUTF8(body[len(byteOrderMark):], replacement)
	}
	name, declared, valid := charsetOf(contentType), xmlEncoding(body), utf8.Valid(body)
	if !valid && saidByDefault(name) {
		if out, ok := undeclared(name, declared, body); ok {
			return out
		}
	}
	if name == "" {
		name = declared
	}
	if valid && saidByDefault(name) {
		return body
	}
	if out, ok := decoded(name, body); ok {
		return out
	}
	if valid {
		return body
	}
	return bytes.ToValidUTF8(body, replacement)
}

// saidByDefault reports whether a charset says little about what the bytes are.
func saidByDefault(name string) bool {
	return name == "" || name == "utf-8" || name == "utf8" || name == "iso-8859-1"
}

// undeclared reads bytes that are not UTF-8 as something else than the Content-Type says.
func undeclared(name, declared string, body []byte) ([]byte, bool) {
	if out, marked := decoded("", body); marked {
		return out, true
	}
	if !saidByDefault(declared) {
		if out, ok := decoded(declared, body); ok {
			return out, true
		}
	}
	if (name == "iso-8859-1" || declared == "iso-8859-1") && !pairs(body) {
		return nil, false
	}
	return guessed(body)
}

// decoded reads bytes in the charset of that name, or in UTF-16 where they say so; not ok for UTF-8.
func decoded(name string, body []byte) ([]byte, bool) {
	e := charset(name, body)
	if e == nil {
		return nil, false
	}
	out, err := e.NewDecoder().Bytes(body)
	return out, err == nil
}

// pairs reports whether bytes beyond ASCII come mostly in even numbers, as in Chinese, not alone, as in European texts.
func pairs(body []byte) bool {
	even, odd := 0, 0
	for n, i := 0, 0; i <= len(body); i++ {
		switch {
		case i < len(body) && body[i] >= utf8.RuneSelf:
			n++
			continue
		case n%2 == 1:
			odd++
		case n > 0:
			even++
		}
		n = 0
	}
	return even > odd
}

// replacement stands for bytes that are no text.
var replacement = []byte("\uFFFD")

// charset finds the encoding of an answer: nil for UTF-8, one that is not known, or none.
func charset(name string, body []byte) encoding.Encoding {
	if bytes.HasPrefix(body, []byte("\xff\xfe")) || bytes.HasPrefix(body, []byte("\xfe\xff")) {
		return unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)
	}
	switch name {
	case "", "utf-8", "utf8":
		return nil
	case "gbk", "gb2312", "gb_2312-80", "cp936": // each is a part of GB18030
		return simplifiedchinese.GB18030
	case "utf-16":
		if len(body) > 0 && body[0] == 0 {
			return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
		}
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	}
	e, err := htmlindex.Get(name)
	if err != nil {
		return nil
	}
	return e
}

// xmlEncoding reads encoding="..." of an XML declaration.
func xmlEncoding(body []byte) string {
	if !bytes.HasPrefix(body, []byte("<?xml")) {
		return ""
	}
	head, _, found := bytes.Cut(body[:min(len(body), 200)], []byte("?>"))
	_, value, named := bytes.Cut(head, []byte("encoding="))
	if !found || !named || len(value) < 2 {
		return ""
	}
	name, _, _ := bytes.Cut(value[1:], value[:1])
	return strings.ToLower(string(name))
}

// guessed reads bytes that are not UTF-8 as GB18030. A text that is mostly UTF-8, cut off or damaged, is not guessed at.
func guessed(body []byte) ([]byte, bool) {
	good, bad := 0, 0
	for b := body; len(b) > 0; {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1:
			bad++
		case n > 1:
			good++
		}
		b = b[n:]
	}
	if good >= bad {
		return nil, false
	}
	out, err := simplifiedchinese.GB18030.NewDecoder().Bytes(body)
	return out, err == nil && !bytes.ContainsRune(out, utf8.RuneError)
}
