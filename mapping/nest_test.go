package mapping

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A wrapper puts a text into a place of another text. What it writes holds V where the text does.
type wrapper struct {
	name  string
	wrap  func(text string) string
	layer layer
	lossy bool // what stands in it by itself loses what XML forbids
}

func escapedJSON(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err)
	}
	out := strings.TrimSpace(b.String())
	return out[1 : len(out)-1]
}

// encoded percent-encodes all but V.
func encoded(s string) string {
	parts := strings.Split(s, "V")
	for i := range parts {
		parts[i] = url.QueryEscape(parts[i])
	}
	return strings.Join(parts, "V")
}

func wrappers() []wrapper {
	text := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	attribute := strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;")
	single := strings.NewReplacer("&", "&amp;", "<", "&lt;", "'", "&#39;")
	cdata := strings.NewReplacer("]]>", "]]]]><![CDATA[>")
	j, x, a := opener(readJSONMember), opener(readElement), opener(readAttribute)
	return []wrapper{
		{"a JSON member", func(s string) string { return `{"k":"` + escapedJSON(s) + `"}` }, layer{j, "k"}, false},
		{"a JSON member among others", func(s string) string {
			return "{\n  \"a\": [1, {\"b\": null}], \"k\" : \"" + escapedJSON(s) + "\", \"z\": {\"k\": \"]\"}\n}"
		}, layer{j, "k"}, false},
		{"XML text", func(s string) string { return `<r><a b="c">d</a><k>` + text.Replace(s) + `</k></r>` }, layer{x, "k"}, true},
		{"a SOAP body", func(s string) string {
			return "<?xml version=\"1.0\"?>\n<s:E xmlns:s=\"u\"><s:B><w:m xmlns:w=\"v\"><w:k>" + text.Replace(s) + "</w:k></w:m></s:B></s:E>"
		}, layer{x, "k"}, true},
		{"an attribute", func(s string) string { return `<r><e x='y' k="` + attribute.Replace(s) + `"/></r>` }, layer{a, "k"}, true},
		{"an attribute in single quotes", func(s string) string { return `<r k='` + single.Replace(s) + `'></r>` }, layer{a, "k"}, true},
		{"a CDATA section", func(s string) string { return `<r><k><![CDATA[` + cdata.Replace(s) + `]]></k></r>` }, layer{x, "k"}, true},
		{"a CDATA section with blanks", func(s string) string { return "<r>\n <k> <![CDATA[" + cdata.Replace(s) + "]]> </k></r>" }, layer{x, "k"}, true},
	}
}

// nested draws a template of up to five texts in each other, with one placeholder in the innermost, and gives with it the innermost
// text, NUL in place of the value, and what may stand for the placeholder.
func nested(t *rapid.T) (s shape, around string, holes []string) {
	holes = []string{"#F012", "#F012", "#F200", "${secret:v}", "${v}"}
	all := wrappers()
	inner := rapid.SampledFrom([]string{"V", "V", "x V", "V y", `a"b\c V`, "]] V >", "& V &amp;", "%41 V +", "中 V 😀", `{V}`, "[V", "V://", "'V'", "VV", "V]V", "V]]V", "V>V", "]V>", "V]]&gt;"}).Draw(t, "inner")
	s = shape{place: Body, src: inner}
	depth := rapid.IntRange(1, 4).Draw(t, "depth")
	around = strings.ReplaceAll(inner, "V", "\x00")
	kind := rapid.SampledFrom([]string{"text", "text", "text", "query", "segment", "value"}).Draw(t, "kind")
	switch kind {
	case "query":
		s.src = "https://h.example/p?a=1&k=" + encoded(inner) + "&z=%2F"
		s.layers = []layer{{readQuery, "k"}}
	case "segment":
		s.src, around, s.path = "//h.example/a/V/b?c=d", "\x00", true
		s.layers = []layer{{readSegment, "2"}}
	case "value":
		s.src, around = `{"k":V,"l":[1]}`, "\x00"
		holes = holes[:3] // of settings, JSON is JSON here
		s.layers = []layer{{readJSONMember, "k"}}
	}
	for i := range depth {
		w := rapid.SampledFrom(all).Draw(t, fmt.Sprint("layer ", i))
		s.src = w.wrap(s.src)
		s.layers = append([]layer{w.layer}, s.layers...)
		if i == 0 && kind == "text" {
			s.xml = w.lossy
		}
	}
	switch rapid.SampledFrom([]string{"body", "body", "form", "address"}).Draw(t, "place") {
	case "form":
		s.place, s.src = Form, "a=1&k="+encoded(s.src)+"&z=%26"
		s.layers = append([]layer{{readFormField, "k"}}, s.layers...)
	case "address":
		s.place, s.src = Address, "https://h.example/p?a=1&k="+encoded(s.src)
		s.layers = append([]layer{{readQuery, "k"}}, s.layers...)
	}
	return s, around, holes
}

// TestNothingBreaksOutOfNestedTexts renders values in templates of many texts in each other: each opens to the same tree as with
// another value, and the value comes back.
func TestNothingBreaksOutOfNestedTexts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, around, holes := nested(t)
		v := awkward().Draw(t, "value")
		if v == "" {
			v = "x"
		}
		s.holds(t, rapid.SampledFrom(holes).Draw(t, "hole"), v, around)
	})
}

// holds checks that a value stands in its text, with the rest of that text around it, and that all else is as with another value.
// The value is that of a placeholder, of a field that joins, of a secret or of a variable.
func (s shape) holds(t failer, hole, v, around string) {
	src := strings.ReplaceAll(s.src, "V", hole)
	fields, err := ParseFields(map[string]Field{"F200": {Join: []string{"F056", "F012"}}}, nil, "")
	if err != nil {
		t.Fatalf("%v", err)
	}
	var tmpl *Template
	render := func(v string) (string, error) {
		if tmpl == nil || hole == "${v}" {
			if tmpl, err = Compile(src, Options{Place: s.place, Fields: fields, Variables: map[string]string{"v": strings.ReplaceAll(v, "${", "$${")}}); err != nil {
				return "", err
			}
		}
		member, _ := json.Marshal(clean(v))
		d, err := ParseDoc([]byte(`{"todo":{"id":` + string(member) + `}}`))
		if err != nil {
			t.Fatalf("%v", err)
		}
		out, err := tmpl.Append(nil, &Scope{Event: d, Object: "todo", Secret: func(string) (string, error) { return v, nil }}, Wire)
		return string(out), err
	}
	got, err := render(v)
	if s.path && err != nil && strings.Trim(v, ".") == "" {
		return // . and .. are refused there
	}
	if _, refused := errors.AsType[Errors](err); refused && hole == "${v}" {
		return // a settings file's own text may be told to be wrong
	}
	if err != nil {
		t.Fatalf("%s with %q: %v", src, v, err)
	}
	plain, err := render("x")
	if err != nil {
		t.Fatalf("%v", err)
	}
	value, rest, err := s.open(got)
	if err != nil {
		t.Fatalf("%s with %q gives %q: %v", src, v, got, err)
	}
	_, want, err := s.open(plain)
	if err != nil || rest != want {
		t.Fatalf("%s with %q gives %q: around the value is %q, want %q, %v", src, v, got, rest, want, err)
	}
	if want := strings.ReplaceAll(around, "\x00", survivor(v, s)); strings.TrimSpace(value) != strings.TrimSpace(want) {
		t.Fatalf("%s with %q gives %q: the value is %q, want %q", src, v, got, value, want)
	}
}
