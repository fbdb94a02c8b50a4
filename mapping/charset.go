package mapping

import (
	"bytes"
	"mime"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// Decode makes UTF-8 text of an answer. The encoding is what the Content-Type says, else a byte order mark, else an XML
// declaration; where none says it and the bytes are not UTF-8, it is GB18030 if they are that without a fault. Bytes
// that are nothing become U+FFFD. An answer in UTF-8 is given back as it is.
func Decode(contentType string, body []byte) []byte {
	if bytes.HasPrefix(body, []byte(byteOrderMark)) {
		return bytes.ToValidUTF8(body[len(byteOrderMark):], []byte("\uFFFD"))
	}
	e, named := declared(contentType, body)
	if e != nil {
		if out, err := e.NewDecoder().Bytes(body); err == nil {
			return out
		}
	}
	if utf8.Valid(body) {
		return body
	}
	if !named {
		if out, ok := guessed(body); ok {
			return out
		}
	}
	return bytes.ToValidUTF8(body, []byte("\uFFFD"))
}

// declared finds the encoding that an answer names: nil for UTF-8, one that is not known, or none.
func declared(contentType string, body []byte) (e encoding.Encoding, named bool) {
	if bytes.HasPrefix(body, []byte("\xff\xfe")) || bytes.HasPrefix(body, []byte("\xfe\xff")) {
		return unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM), true
	}
	name := ""
	if _, params, err := mime.ParseMediaType(contentType); err == nil {
		name = params["charset"]
	}
	if name == "" {
		name = xmlEncoding(body)
	}
	switch name = strings.ToLower(strings.Trim(name, `"' `)); name {
	case "":
		return nil, false
	case "utf-8", "utf8":
		return nil, true
	case "gbk", "gb2312", "gb18030", "gb_2312-80", "cp936":
		return simplifiedchinese.GB18030, true
	case "utf-16":
		if len(body) > 0 && body[0] == 0 {
			return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), true
		}
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), true
	}
	e, err := htmlindex.Get(name)
	return e, err == nil
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
	return string(name)
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
