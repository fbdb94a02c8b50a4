package mapping

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// A BodyField is one field of a form, or one member of a JSON object, as text.
type BodyField struct{ Name, Value string }

// BodyFields lists the fields of a body whose kind (of Template.Kind) is form or json. The value of a JSON member is a string's text, a
// number, true or false as written, nothing for null, and an object or array as it stands, without blanks.
func BodyFields(kind, body string) ([]BodyField, error) {
	if kind == "form" {
		return formFields(body)
	}
	o, err := readMembers(kind, body)
	if err != nil {
		return nil, err
	}
	out := make([]BodyField, len(o.members))
	for i, m := range o.members {
		value := body[m.value.at:m.value.end]
		switch {
		case value == "null":
			value = ""
		case value[0] == '"':
			value = unquoted(value[1:len(value)-1], true)
		case value[0] == '{' || value[0] == '[':
			var b bytes.Buffer
			if err := json.Compact(&b, []byte(value)); err != nil {
				return nil, mistake("the body is no JSON object: %w", "请求体不是 JSON 对象：%w", err)
			}
			value = b.String()
		}
		out[i] = BodyField{Name: m.name, Value: value}
	}
	return out, nil
}

func formFields(body string) ([]BodyField, error) {
	var out []BodyField
	for one := range strings.SplitSeq(body, "&") {
		if one == "" {
			continue
		}
		name, value, _ := strings.Cut(one, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			return nil, mistake("the body is no form: it holds a %% that is no percent-encoding", "请求体不是表单：其中的 %% 不是百分号编码")
		}
		out = append(out, BodyField{Name: name, Value: value})
	}
	return out, nil
}

// SetBodyField gives the body a field at its end, in place of those that it has of this name. The body may be one that is
// kept, with marks in it, and so may the value; number writes the value without quotes where the body is JSON.
func SetBodyField(kind, body string, f BodyField, number bool) (string, error) {
	if kind == "form" {
		return setFormField(body, f), nil
	}
	o, err := readMembers(kind, body)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(body[:o.open+1])
	for _, m := range o.members {
		if m.name != f.Name {
			if b.Len() > o.open+1 {
				b.WriteByte(',')
			}
			b.WriteString(body[m.whole.at:m.whole.end])
		}
	}
	if b.Len() > o.open+1 {
		b.WriteByte(',')
	}
	b.WriteString(quotedJSON(f.Name) + ":")
	if number {
		b.WriteString(f.Value)
	} else {
		b.WriteString(quotedJSON(f.Value))
	}
	b.WriteString(body[o.close:])
	return b.String(), nil
}

// quotedJSON writes a text as a JSON string. The mark of a secret stays as it is.
func quotedJSON(s string) string {
	if strings.HasPrefix(s, markStart) {
		return `"` + s + `"`
	}
	b, _ := appendEscaped(escaperFor(string(inString), map[string]*escaper{}), []byte(`"`), clean(s)) // JSON strings hold everything
	return string(b) + `"`
}

func setFormField(body string, f BodyField) string {
	parts := slices.DeleteFunc(strings.Split(body, "&"), func(one string) bool {
		name, _, _ := strings.Cut(one, "=")
		name, err := url.QueryUnescape(name)
		return one == "" || err == nil && name == f.Name
	})
	value := f.Value
	if !strings.HasPrefix(value, markStart) {
		value = url.QueryEscape(value)
	}
	return strings.Join(append(parts, url.QueryEscape(f.Name)+"="+value), "&")
}

// An objectText is where the members of a JSON object stand in its text.
type objectText struct {
	open, close int // its braces
	members     []objectMember
}

type objectMember struct {
	name  string
	whole textRange // from the name's quote to the value's end
	value textRange
}

type textRange struct{ at, end int }

// readMembers finds the members of the outermost object of a text. The text has been rendered, so it is JSON but for marks, which stand
// where values or parts of them will.
func readMembers(kind, text string) (*objectText, error) {
	r := objectReader{s: text}
	o := &objectText{}
	r.blanks()
	if kind != "json" || !r.take('{') {
		return nil, mistake("a field can stand only in a form or in a JSON object, and the body is neither", "字段只能放在表单或 JSON 对象中，而请求体两者都不是")
	}
	o.open = r.i - 1
	for {
		r.blanks()
		if r.take('}') {
			o.close = r.i - 1
			return o, nil
		}
		if r.take(',') {
			continue
		}
		m := objectMember{whole: textRange{at: r.i}}
		if !r.value() {
			break
		}
		m.name = memberName(text[m.whole.at:r.i])
		r.blanks()
		if !r.take(':') {
			break
		}
		r.blanks()
		m.value.at = r.i
		if !r.value() {
			break
		}
		m.value.end, m.whole.end = r.i, r.i
		o.members = append(o.members, m)
	}
	return nil, mistake("the body is no JSON object that a field can stand in", "请求体不是可容纳字段的 JSON 对象")
}

// memberName reads a name in its quotes; one that is none, such as the mark of a secret, is as written.
func memberName(s string) string {
	if len(s) < 2 || s[0] != '"' {
		return s
	}
	return unquoted(s[1:len(s)-1], strings.IndexByte(s, '\\') >= 0)
}

// An objectReader walks over JSON that may hold marks.
type objectReader struct {
	s string
	i int
}

func (r *objectReader) blanks() {
	for r.i < len(r.s) && strings.IndexByte(" \t\r\n", r.s[r.i]) >= 0 {
		r.i++
	}
}

func (r *objectReader) take(c byte) bool {
	if r.i < len(r.s) && r.s[r.i] == c {
		r.i++
		return true
	}
	return false
}

// value passes over one value, or name, with all that is in it. It reports false where there is none.
func (r *objectReader) value() bool {
	from, depth := r.i, 0
	for r.i < len(r.s) {
		switch c := r.s[r.i]; {
		case c == esc:
			r.mark()
			continue
		case c == '"':
			r.string()
			continue
		case c == '{' || c == '[':
			depth++
		case depth > 0 && (c == '}' || c == ']'):
			depth--
		case depth == 0 && strings.IndexByte(",:}] \t\r\n", c) >= 0:
			return r.i > from
		}
		r.i++
	}
	return false
}

// string passes over a string; marks may stand in it.
func (r *objectReader) string() {
	for r.i++; r.i < len(r.s); {
		switch r.s[r.i] {
		case esc:
			r.mark()
			continue
		case '\\':
			r.i++
		case '"':
			r.i++
			return
		}
		r.i++
	}
}

// mark passes over the mark of a secret.
func (r *objectReader) mark() {
	if end := strings.IndexByte(r.s[r.i+1:], esc); end >= 0 {
		r.i += end + 2
		return
	}
	r.i = len(r.s)
}

// IsNumber reports whether times in this format are numbers, which JSON writes without quotes.
func (f TimeFormat) IsNumber() bool { return f.number() }
