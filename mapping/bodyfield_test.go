package mapping

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestBodyFields(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		kind, body string
		want       []BodyField
		bad        bool
	}{
		"a form":           {kind: "form", body: "b=%E4%B8%AD+x&a=1&&c", want: []BodyField{{"b", "中 x"}, {"a", "1"}, {"c", ""}}},
		"a broken form":    {kind: "form", body: "b=%zz", bad: true},
		"an object":        {kind: "json", body: ` {"b" : "a\"}\u4e2d", "n":1.50,"t":true,"z":null}`, want: []BodyField{{"b", `a"}中`}, {"n", "1.50"}, {"t", "true"}, {"z", ""}}},
		"nested":           {kind: "json", body: `{"o":{ "x" : [1, "} ]"] },"l":[ 1,2 ]}`, want: []BodyField{{"o", `{"x":[1,"} ]"]}`}, {"l", "[1,2]"}}},
		"nothing in it":    {kind: "json", body: "{}", want: []BodyField{}},
		"an array":         {kind: "json", body: "[1]", bad: true},
		"XML":              {kind: "xml", body: "<a/>", bad: true},
		"cut off":          {kind: "json", body: `{"a":`, bad: true},
		"an escaped name":  {kind: "json", body: `{"\u0061":1}`, want: []BodyField{{"a", "1"}}},
		"a value like one": {kind: "json", body: `{"a":"{\"b\":1}"}`, want: []BodyField{{"a", `{"b":1}`}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := BodyFields(tt.kind, tt.body)
			if (err != nil) != tt.bad {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestSetBodyField(t *testing.T) {
	t.Parallel()
	mark := Mark("sign")
	tests := map[string]struct {
		kind, body, name, value string
		number                  bool
		want                    string
	}{
		"a form":                {kind: "form", body: "a=1", name: "sign", value: "x&y", want: "a=1&sign=x%26y"},
		"an empty form":         {kind: "form", name: "sign", value: "x", want: "sign=x"},
		"a form that has it":    {kind: "form", body: "sign=&a=1", name: "sign", value: "x", want: "a=1&sign=x"},
		"a form, kept":          {kind: "form", body: "a=1", name: "sign", value: mark, want: "a=1&sign=" + mark},
		"an object":             {kind: "json", body: "{\"a\":{\"sign\":1}}\n", name: "sign", value: `a"b`, want: "{\"a\":{\"sign\":1},\"sign\":\"a\\\"b\"}\n"},
		"an empty object":       {kind: "json", body: "{ }", name: "sign", value: "x", want: `{"sign":"x"}`},
		"an object that has it": {kind: "json", body: `{"sign": "", "a": 1 }`, name: "sign", value: "x", want: `{"a": 1,"sign":"x"}`},
		"a number":              {kind: "json", body: `{"a":1}`, name: "ts", value: "5", number: true, want: `{"a":1,"ts":5}`},
		"kept, bare mark":       {kind: "json", body: `{"a":` + mark + `,"b":"x` + mark + `}"}`, name: "sign", value: mark, want: `{"a":` + mark + `,"b":"x` + mark + `}","sign":"` + mark + `"}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := SetBodyField(tt.kind, tt.body, BodyField{tt.name, tt.value}, tt.number)
			if err != nil || got != tt.want {
				t.Errorf("got  %q, %v\nwant %q", got, err, tt.want)
			}
		})
	}
	if _, err := SetBodyField("xml", "<a/>", BodyField{"s", "x"}, false); err == nil {
		t.Error("XML takes a field")
	}
}

// TestBodyFieldComesBack: whatever stands in an object, what is set reads back, and the rest is as it was.
func TestBodyFieldComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "object")
		name, value := rapid.String().Draw(t, "name"), rapid.String().Draw(t, "value")
		body, err := json.Marshal(before)
		if err != nil {
			t.Fatal(err)
		}
		set, err := SetBodyField("json", string(body), BodyField{name, value}, false)
		if err != nil {
			t.Fatal(err)
		}
		var after map[string]string
		if err := json.Unmarshal([]byte(set), &after); err != nil {
			t.Fatalf("%s: %v", set, err)
		}
		want := map[string]string{}
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatal(err)
		}
		want[name] = clean(value)
		if diff := cmp.Diff(want, after); diff != "" {
			t.Fatalf("-want +got\n%s", diff)
		}
	})
}
