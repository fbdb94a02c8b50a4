package oasim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"
)

// fields are the members of a request's object. Numbers and booleans count as text, as the vendors' readers take them.
type fields map[string]any

// readJSON reads exactly one JSON object.
func readJSON(body string) (fields, error) {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	var f fields
	if err := d.Decode(&f); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text after the JSON object")
	}
	if f == nil {
		return nil, errors.New("null where an object belongs")
	}
	return f, nil
}

// text is a member as text: absent, null, objects and arrays are empty.
func (f fields) text(name string) string {
	switch v := f[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	}
	return ""
}

// blank says whether a member is absent, null, or text of nothing but blanks.
func (f fields) blank(name string) bool { return strings.TrimSpace(f.text(name)) == "" }

// firstBlank gives the first of the names that is blank, or nothing.
func (f fields) firstBlank(names ...string) string {
	for _, n := range names {
		if f.blank(n) {
			return n
		}
	}
	return ""
}

// objects gives the objects of an array member; other elements are passed over.
func (f fields) objects(name string) []fields {
	list, _ := f[name].([]any)
	var out []fields
	for _, v := range list {
		if o, ok := v.(map[string]any); ok {
			out = append(out, o)
		}
	}
	return out
}

// texts gives the texts of an array member.
func (f fields) texts(name string) []string {
	list, _ := f[name].([]any)
	var out []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// flat is all members as text, for a Todo's Fields.
func (f fields) flat() map[string]string {
	out := make(map[string]string, len(f))
	for k, v := range f {
		switch v.(type) {
		case map[string]any, []any:
			b, _ := json.Marshal(v) // cannot fail: it came out of JSON
			out[k] = string(b)
		default:
			out[k] = f.text(k)
		}
	}
	return out
}

// isTime says whether a text is a time in exactly one of the layouts.
func isTime(s string, layouts ...string) bool {
	for _, l := range layouts {
		if len(s) == len(l) {
			if _, err := time.Parse(l, s); err == nil {
				return true
			}
		}
	}
	return false
}

// isLink says whether a text is a full http(s) address.
func isLink(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}

// asJSON answers with a value; Chinese and markup stay as they are, as the vendors write them.
func asJSON(status int, v any) reply {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("oasim: encode an answer: " + err.Error()) // answers are made of text and numbers only
	}
	return reply{status: status, kind: typeJSON, body: bytes.TrimRight(b.Bytes(), "\n")}
}
