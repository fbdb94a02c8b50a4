package mapping

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

func FuzzParseDoc(f *testing.F) {
	for _, seed := range []string{benchmarkEvent, testEvent, `{}`, `{"a":[1,{"b":null}],"c":"\ud83d\ude00"}`, "\ufeff{}", `{"a":1}x`, `{"a":"\u12"}`, "{\"a\":\"\xff\"}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if strings.HasPrefix(string(raw), byteOrderMark) || strings.Count(string(raw), "[")+strings.Count(string(raw), "{") > MaxDepth {
			_, _ = ParseDoc(raw)
			return // encoding/json sees these in another way
		}
		compareWithEncodingJSON(t, string(raw))
	})
}

// FuzzCompile compiles any text in any place. What is accepted must render any value to a text of the same structure.
func FuzzCompile(f *testing.F) {
	seeds := []string{benchmarkJSON, benchmarkXML, `<a><![CDATA[#F012]]></a>`, `a=#F012&b={"k":"#F012"}`, `https://x/#F012?q=#F012`, `{"t":"<a b='#F012'/>"}`, `[#F012,{}]`}
	for _, s := range shapes() {
		seeds = append(seeds, strings.ReplaceAll(s.src, "V", "#F012"))
	}
	for i, seed := range seeds {
		f.Add(seed, `a"b<c]]>`+"\r\n\x00", uint8(i))
	}
	f.Fuzz(func(t *testing.T, src, v string, place uint8) {
		modes := []Receivers{Each, List, Joined}
		o := Options{
			Place: Place(place%4 + 1), Receivers: modes[place/4%3], Variables: map[string]string{"v": clean(v), "base": "https://x/y"},
			Env: func(string) (string, bool) { return v, v != "" },
		}
		tmpl, err := Compile(src, o)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without a text")
			}
			return
		}
		tmpl.Placeholders()
		render := func(v string, m Mode) (string, error) {
			member, _ := json.Marshal(clean(v))
			d, err := ParseDoc([]byte(`{"todo":{"id":` + string(member) + `,"title":` + string(member) + `}}`))
			if err != nil {
				t.Fatal(err)
			}
			s := &Scope{
				Event: d, Object: "todo", TryTime: time.Unix(1, 0), Receivers: []Person{{ID: v, Name: v, Account: v + "x"}}, Sender: Person{Name: v},
				Secret: func(string) (string, error) { return v, nil }, UUID: func() string { return v },
			}
			tmpl.Explain(s)
			out, err := tmpl.Append(nil, s, m)
			return string(out), err
		}
		got, err := render(v, Wire)
		if err != nil {
			return // a host, a header or a path that the value cannot be in
		}
		if strings.Contains(got, string(esc)) {
			t.Fatalf("%q with %q gives %q", src, v, got)
		}
		if stored, err := render(v, Stored); err == nil && !strings.Contains(src, "${uuid") {
			if filled, err := Fill(stored, func(string) (string, error) { return v, nil }, nil); err != nil || filled != got {
				t.Fatalf("%q with %q: filled is %q, %v, sent is %q", src, v, filled, err, got)
			}
		}
		plain, err := render("x", Wire)
		if err != nil {
			return
		}
		switch tmpl.Kind() {
		case "json":
			if a, b := jsonStructure(got), jsonStructure(plain); a != b && v != "" {
				t.Fatalf("%q with %q: %q and %q differ: %s, %s", src, v, got, plain, a, b)
			}
		case "xml":
			if a, b := xmlStructure(got), xmlStructure(plain); a != b {
				t.Fatalf("%q with %q: %q and %q differ: %s, %s", src, v, got, plain, a, b)
			}
		}
	})
}

// FuzzRender renders any value in every place: it comes back, and all around it stays as it was.
func FuzzRender(f *testing.F) {
	for _, seed := range []string{"x", `a"b\c`, "]]>", "\r\n\t\x00\x1b", "..", "\ufffe\uffff", "\xff\xed\xa0\x80", "#F012 ${x}", "</a>&amp;", "\u2028\u0085\ufeff", "null", "http://x/?a=b&c"} {
		f.Add(seed)
	}
	all := shapes()
	names := slices.Sorted(maps.Keys(all))
	f.Fuzz(func(t *testing.T, v string) {
		for _, name := range names {
			if v != "" {
				all[name].check(t, v)
			}
		}
	})
}

// jsonStructure is a JSON text without its texts and numbers.
func jsonStructure(text string) string {
	var out strings.Builder
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	for {
		token, err := d.Token()
		switch t := token.(type) {
		case json.Delim:
			out.WriteRune(rune(t))
		case string, json.Number, bool:
			out.WriteByte('.')
		}
		if err != nil {
			if err != io.EOF {
				out.WriteString(err.Error())
			}
			return out.String()
		}
	}
}

// xmlStructure is an XML text without its texts.
func xmlStructure(text string) string {
	var out strings.Builder
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = sameCharset
	for {
		token, err := d.RawToken()
		switch t := token.(type) {
		case xml.StartElement:
			out.WriteString("<" + t.Name.Local)
			for _, a := range t.Attr {
				out.WriteString(" " + a.Name.Local)
			}
		case xml.EndElement:
			out.WriteString(">")
		}
		if err != nil {
			if err != io.EOF {
				out.WriteString(err.Error())
			}
			return out.String()
		}
	}
}

// FuzzResult reads any answer by rules of both kinds: it never panics, and what is not understood says why.
func FuzzResult(f *testing.F) {
	for _, seed := range []string{jsonAnswer, soapAnswer, "", "<html>", `<a><out>{"code":0}</out></a>`, `<a><code>0</code></a>`, soap("<Fault><faultcode>x:y</faultcode></Fault>"), "\xff\xfe{\x00", `{"code":[{"\u4e2d":"\ud800"}]}`, "<?xml version='1.0' encoding='gbk'?><a>\xb5\xc7</a>"} {
		f.Add("application/json", []byte(seed))
		f.Add("text/xml;charset=gbk", []byte(seed))
	}
	var rules []*Result
	for _, service := range []bool{false, true} {
		r, err := CompileResult(ResultRules{
			CodeName: "code", MsgName: "message", DataName: "data", Success: []string{"0"}, PartialCodes: []string{"1"}, PartialAccounts: "data",
			DuplicateMessages: []string{"x"}, WebService: service,
		})
		if err != nil {
			f.Fatal(err)
		}
		rules = append(rules, r)
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		for _, r := range rules {
			a := r.Read(contentType, body)
			if a.Understood == (a.Why != "") {
				t.Errorf("%q: %+v", body, a)
			}
			if !a.Understood && (a.Success || a.Fault || a.Duplicate || a.Gone || a.Partial) {
				t.Errorf("%q: %+v", body, a)
			}
		}
		for _, path := range []string{"code", "text", "data.0"} {
			ReadValue(contentType, body, path)
		}
		if out, err := Encode(contentType, "xml", Decode(contentType, body)); err == nil && out == nil && len(body) > 3 {
			t.Errorf("%q: encoded as nothing", body)
		}
	})
}
