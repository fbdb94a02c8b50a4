package mapping

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFreeze holds that a frozen value is written as it was when it was frozen, in a string and outside of quotes, after a
// way through JSON.
func TestFreeze(t *testing.T) {
	t.Parallel()
	fields, err := ParseFields(map[string]Field{
		"F200": {Path: "todo.text"}, "F201": {Path: "todo.number"}, "F202": {Path: "todo.object"}, "F203": {Path: "todo.none"},
		"F204": {Path: "todo.empty"}, "F205": {Value: new("true")}, "F206": {From: "F009", Format: "epochMillis"},
		"F207": {From: "F009"}, "F208": {Path: "todo.esc"}, "F209": {Path: "todo.none", Default: new("0")},
		"F210": {Join: []string{"F200", "F201"}}, "F211": {Path: "todo.m"},
	}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	codes := []string{"F055", "F200", "F201", "F202", "F203", "F204", "F205", "F206", "F207", "F208", "F209", "F210", "F211", "F102", "F001"}
	src := `{"t":["#` + strings.Join(codes, `","#`) + `"],"v":[#` + strings.Join(codes, `,#`) + `]}`
	tmpl := mustCompile(t, src, Options{Place: Body, Fields: fields})
	s := testScope(t)
	s.Receivers = s.Receivers[:1]
	s.Event = mustDoc(t, `{"todo":{"title":"[1]","text":"{\"admin\":true}","number":10000.50,"object":{"a":[1]},"empty":"","m":"m",
		"createdAt":"2024-11-05T09:29:58+08:00","esc":"\u001bjtrue"}}`)
	want, err := tmpl.Append(nil, s, Wire)
	if err != nil {
		t.Fatal(err)
	}
	frozen := map[string]string{}
	for _, code := range codes {
		if frozen[code], err = Freeze(fields, code, s); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := json.Marshal(frozen)
	if err != nil {
		t.Fatal(err)
	}
	later := testScope(t)
	later.Receivers = []Person{{ID: "9", Name: "other", Account: "other"}}
	if err := json.Unmarshal(kept, &later.Frozen); err != nil {
		t.Fatal(err)
	}
	got, err := tmpl.Append(nil, later, Wire)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestFreezeMistakes(t *testing.T) {
	t.Parallel()
	fields, err := ParseFields(map[string]Field{"F200": {Path: "todo.x", Required: true}}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	s := testScope(t)
	for code, want := range map[string]string{
		"F200": "#F200: required, and there is no value: the event's todo.x",
		"F201": "#F201: no such field; do you mean #F200?",
		"x":    `"x" is no code: want F and three digits, such as F055`,
		"F107": `#F107: 截止时间, due time: "tomorrow" is not an RFC 3339 time such as 2024-11-05T09:30:00+08:00`,
	} {
		if got, err := Freeze(fields, code, s); err == nil || err.Error() != want || got != "" {
			t.Errorf("%s: %q, %v", code, got, err)
		}
	}
}

// TestThawDamaged holds that no kept value, whatever it holds, breaks out of its place.
func TestThawDamaged(t *testing.T) {
	t.Parallel()
	tmpl := mustCompile(t, `{"a":#F055}`, Options{Place: Body})
	for kept, want := range map[string]string{
		"":             `{"a":""}`,
		"\x1b":         `{"a":"\u001b"}`,
		"\x1bj1,\"b\"": `{"a":"1,\"b\""}`,
		"\x1bj":        `{"a":""}`,
		"\x1bm1":       `{"a":null}`,
		"\x1bz1":       `{"a":"1"}`,
		"\x1bc\xff":    "{\"a\":\"\ufffd\"}",
		"{}":           `{"a":"{}"}`,
	} {
		s := testScope(t)
		s.Frozen = map[string]string{"F055": kept}
		got, err := tmpl.Append(nil, s, Wire)
		if err != nil || string(got) != want {
			t.Errorf("%q: %s, %v", kept, got, err)
		}
	}
}
