package mapping

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func mustDoc(tb testing.TB, text string) *Doc {
	tb.Helper()
	d, err := ParseDoc([]byte(text))
	if err != nil {
		tb.Fatalf("ParseDoc(%q): %v", text, err)
	}
	return d
}

func TestParseDocMistakes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		want string
	}{
		"empty":                {"", "line 1, column 1: not JSON: it ends where an object, { is wanted (byte 0)"},
		"array":                {"[1]", "line 1, column 1: not JSON: '[' where an object, { is wanted (byte 0)"},
		"cut off":              {`{"a":`, "line 1, column 6: not JSON: it ends where a value is wanted (byte 5)"},
		"trailing":             {`{"a":1} x`, "line 1, column 9: not JSON: 'x' where the end is wanted (byte 8)"},
		"two objects":          {`{}{}`, "line 1, column 3: not JSON: '{' where the end is wanted (byte 2)"},
		"comma":                {`{"a":1,}`, "line 1, column 8: not JSON: '}' where a member's name in quotes is wanted (byte 7)"},
		"comma in array":       {`{"a":[1,]}`, "line 1, column 9: not JSON: ']' where a value is wanted (byte 8)"},
		"wrong end":            {`{"a":[1}`, "line 1, column 8: not JSON: '}' where a comma or ] is wanted (byte 7)"},
		"line and column":      {"{\n \"标题\": x}", "line 2, column 8: not JSON: 'x' where a value is wanted (byte 13)"},
		"not UTF-8":            {"{\"a\":\"\xff\"}", "line 1, column 7: not JSON: a byte that is not UTF-8 (byte 6)"},
		"surrogate as UTF-8":   {"{\"a\":\"\xed\xa0\x80\"}", "line 1, column 7: not JSON: a byte that is not UTF-8 (byte 6)"},
		"control":              {"{\"a\":\"\n\"}", "line 1, column 7: not JSON: a bare control character U+000A in a string (byte 6)"},
		"escape":               {`{"a":"\x"}`, `line 1, column 7: not JSON: a backslash without one of "\/bfnrt or u and four hexadecimal digits (byte 6)`},
		"leading zero":         {`{"a":01}`, "line 1, column 7: not JSON: '1' where a comma or } is wanted (byte 6)"},
		"plus":                 {`{"a":+1}`, "line 1, column 6: not JSON: '+' where a value is wanted (byte 5)"},
		"bare fraction":        {`{"a":1.}`, "line 1, column 8: not JSON: '}' where a digit is wanted (byte 7)"},
		"NaN":                  {`{"a":NaN}`, "line 1, column 6: not JSON: 'N' where a value is wanted (byte 5)"},
		"two byte order marks": {"\ufeff\ufeff{}", "line 1, column 2: not JSON: '\\ufeff' where an object, { is wanted (byte 3)"},
		"single quotes":        {`{'a':1}`, "line 1, column 2: not JSON: '\\'' where a member's name in quotes is wanted (byte 1)"},
		"NUL":                  {"{\x00}", "line 1, column 2: not JSON: '\\x00' where a member's name in quotes is wanted (byte 1)"},
		"too deep":             {`{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}", "line 1, column 105: not JSON: nested deeper than 100 (byte 104)"},
		"megabyte of openers":  {strings.Repeat(`{"a":`, 1<<18), "line 1, column 501: not JSON: nested deeper than 100 (byte 500)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseDoc([]byte(tt.text))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v\nwant %s", err, tt.want)
			}
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Errorf("got %T, want *Error", err)
			}
		})
	}
}

func TestDocValues(t *testing.T) {
	t.Parallel()
	d := mustDoc(t, "\ufeff"+` { "todo" : {"id":"7", "n": -1.50e+3, "big": 12345678901234567890, "t":true, "null":null, "empty":"", "obj": {"a": [1, "x"]},
 "list":[{"id":"a"},{"id":"b"},[]], "q\"k":"q", "esc":"a\"\\\/\b\f\n\r\t\u4e2d\ud83d\ude00\ud83d\u0041\udead", "\u0069d2":"k", "dup":1, "dup":2, "none":{}, "last":0 } } `)
	for path, want := range map[string]struct {
		Kind Kind
		Text string
	}{
		"todo.id":           {String, "7"},
		"todo.n":            {Number, "-1.50e+3"},
		"todo.big":          {Number, "12345678901234567890"},
		"todo.t":            {Bool, "true"},
		"todo.null":         {Null, ""},
		"todo.empty":        {String, ""},
		"todo.obj":          {Object, `{"a": [1, "x"]}`},
		"todo.obj.a.1":      {String, "x"},
		"todo.list.1.id":    {String, "b"},
		"todo.list.2":       {Array, "[]"},
		"todo.list.2.0":     {Absent, ""},
		"todo.list.3":       {Absent, ""},
		"todo.list.01":      {Absent, ""},
		"todo.list.-1":      {Absent, ""},
		"todo.list.#":       {Absent, ""},
		"todo.list.#.id":    {Absent, ""},
		"todo.@keys":        {Absent, ""},
		"todo.i*":           {Absent, ""},
		"todo.esc":          {String, "a\"\\/\b\f\n\r\t中😀\ufffdA\ufffd"},
		"todo.id2":          {String, "k"},
		"todo.dup":          {Number, "1"},
		"todo.none":         {Object, "{}"},
		"todo.none.x":       {Absent, ""},
		"todo.last":         {Number, "0"},
		"todo.id.x":         {Absent, ""},
		"nothing":           {Absent, ""},
		"todo..id":          {Absent, ""},
		`todo.q"k`:          {String, "q"},
		"todo.list.0.id.00": {Absent, ""},
	} {
		v := d.Value(path)
		if got := v.Kind(); got != want.Kind {
			t.Errorf("%s: kind %d, want %d", path, got, want.Kind)
		}
		if got := v.Text(); got != want.Text {
			t.Errorf("%s: text %q, want %q", path, got, want.Text)
		}
		if got, want := v.Exists(), want.Kind > Null; got != want {
			t.Errorf("%s: exists %v, want %v", path, got, want)
		}
	}
	if got := d.Value("todo.null"); !got.IsNull() || got.Raw() != "null" {
		t.Errorf("null: got %v %q", got.IsNull(), got.Raw())
	}
	var ids, keys []string
	d.Value("todo.list").Each(func(v Value) bool {
		ids = append(ids, v.Get("id").Text())
		return len(ids) < 2
	})
	d.Value("todo").Keys(func(name string, _ Value) bool {
		keys = append(keys, name)
		return true
	})
	if diff := cmp.Diff([]string{"a", "b"}, ids); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"id", "n", "big", "t", "null", "empty", "obj", "list", `q"k`, "esc", "id2", "dup", "dup", "none", "last"}, keys); diff != "" {
		t.Error(diff)
	}
	if got := string(d.Raw()); !strings.HasPrefix(got, "\ufeff {") {
		t.Errorf("raw is not what was given: %q", got[:10])
	}
}

func TestDocDepth(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + "}" }
	if _, err := ParseDoc([]byte(deep(MaxDepth))); err != nil {
		t.Errorf("depth %d: %v", MaxDepth, err)
	}
	if _, err := ParseDoc([]byte(deep(MaxDepth + 1))); err == nil {
		t.Errorf("depth %d is accepted", MaxDepth+1)
	}
}

// anyJSON makes JSON texts, most of them well-formed.
func anyJSON() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var value func(depth int) string
		value = func(depth int) string {
			kind := rapid.IntRange(0, 9).Draw(t, "kind")
			if depth > 4 {
				kind %= 6
			}
			switch kind {
			case 0, 1, 2:
				b, _ := json.Marshal(rapid.String().Draw(t, "text"))
				return string(b)
			case 3:
				return rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "number")
			case 4:
				return rapid.SampledFrom([]string{"true", "false", "null", `"\ud800"`, `"\u0000"`, `""`}).Draw(t, "word")
			case 5:
				return rapid.SampledFrom([]string{"01", "tru", `"`, "", "1 2", "+1", "'x'", `"\q"`}).Draw(t, "broken")
			case 6, 7:
				parts := rapid.SliceOfN(rapid.Just(0), 0, 4).Draw(t, "elements")
				out := make([]string, len(parts))
				for i := range out {
					out[i] = value(depth + 1)
				}
				return "[" + strings.Join(out, rapid.SampledFrom([]string{",", " , "}).Draw(t, "comma")) + "]"
			}
			names := rapid.SliceOfN(rapid.StringMatching(`[a-c"\\]{0,2}`), 0, 4).Draw(t, "names")
			out := make([]string, len(names))
			for i, name := range names {
				b, _ := json.Marshal(name)
				out[i] = string(b) + rapid.SampledFrom([]string{":", " : "}).Draw(t, "colon") + value(depth+1)
			}
			return "{" + strings.Join(out, ",") + "}"
		}
		return value(0)
	})
}

func TestDocAgreesWithEncodingJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		compareWithEncodingJSON(t, `{"v":`+anyJSON().Draw(t, "json")+`}`)
	})
}

type failer interface {
	Fatalf(format string, args ...any)
}

// compareWithEncodingJSON checks that a text is accepted as package encoding/json does, and that its values are the same.
func compareWithEncodingJSON(t failer, text string) {
	d, err := ParseDoc([]byte(text))
	accepted := json.Valid([]byte(text)) && utf8.ValidString(text) && strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{")
	if accepted != (err == nil) {
		t.Fatalf("%q: got %v, encoding/json accepts it: %v", text, err, accepted)
	}
	if err != nil {
		return
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var want any
	if err := dec.Decode(&want); err != nil {
		t.Fatalf("%v", err)
	}
	if diff := cmp.Diff(want, tree(d.root())); diff != "" {
		t.Fatalf("%q: %s", text, diff)
	}
}

// tree makes of a value what encoding/json makes of it, with its rule for equal names: the last one counts.
func tree(v Value) any {
	switch v.Kind() {
	case Object:
		out := map[string]any{}
		v.Keys(func(name string, v Value) bool {
			out[name] = tree(v)
			return true
		})
		return out
	case Array:
		out := []any{}
		v.Each(func(v Value) bool {
			out = append(out, tree(v))
			return true
		})
		return out
	case String:
		return v.Text()
	case Number:
		return json.Number(v.Text())
	case Bool:
		return v.Text() == "true"
	}
	return nil
}

func TestValidPath(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"code", "todo.ext.amount", "todo.receivers.0.id", "数据.编号", "a_b-c$", "ns:code", "0", `data.a\.b.c`} {
		if err := ValidPath(path); err != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
	for _, path := range []string{
		"", ".", "a.", ".a", "a..b", "@this", "a.@keys", "a.#", "#.id", "a|b", "a*", "a?", `a\b`, `a\`, `a\\.b`, "!x", "{a,b}", "[a]", "a b", `"a"`,
		"a.#(x==1)", "..0", ":1", "a=b", "a<b", "a\n", "a\x00",
	} {
		if err := ValidPath(path); err == nil {
			t.Errorf("%q is accepted", path)
		}
	}
}
