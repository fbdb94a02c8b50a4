package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/jedib0t/go-pretty/v6/text"
	"pgregory.net/rapid"
)

var someColumns = []column{
	{key: "name", en: "name", zh: "名称"}, {key: "title", en: "title", zh: "标题", max: 10}, {key: "deep.er", hidden: true},
}

func someItems() []json.RawMessage {
	return []json.RawMessage{
		json.RawMessage(`{"name":"一号","title":"待审批：报价单 Q-2024-118","deep":{"er":12345678901234567890}}`),
		json.RawMessage(`{"name":"b","title":"two\nlines\u001b[31m"}`),
		json.RawMessage(`{"name":"c","title":"\u009b31m"}`),
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"table": "NAME  TITLE\n一号  待审批：…\nb     two lines…\nc     \\x9b31m\n",
		"csv":   "name,title,deep.er\n一号,待审批：报价单 Q-2024-118,12345678901234567890\nb,\"two\nlines\x1b[31m\",\nc,\u009b31m,\n",
		"yaml": "- name: 一号\n  title: 待审批：报价单 Q-2024-118\n  deep:\n    er: 12345678901234567890\n" +
			"- name: b\n  title: \"two\\nlines\\u001b[31m\"\n",
	}
	for output, want := range tests {
		t.Run(output, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			c := &cli{stdout: &out, output: output, lang: english}
			if err := c.list(someColumns, someItems()); err != nil {
				t.Fatal(err)
			}
			if output == "yaml" {
				return // the library's choice of quotes is its own; TestYAML reads it back
			}
			if diff := cmp.Diff(want, out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestJSON checks that json prints every member as the server gave it, large numbers too.
func TestJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := &cli{stdout: &out, output: "json"}
	if err := c.list(someColumns, someItems()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "12345678901234567890") || !strings.Contains(out.String(), "待审批") {
		t.Errorf("list printed %s", out.String())
	}
	out.Reset()
	if err := c.list(someColumns, nil); err != nil || strings.TrimSpace(out.String()) != "[]" {
		t.Errorf("an empty list is %q, %v", out.String(), err)
	}
}

// TestYAML reads back what is printed: nothing in it is a character that a terminal would obey, and nothing is lost.
func TestYAML(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOfN(rapid.StringMatching(`[a-z]{1,3}|"\x1b`), rapid.OneOf(
			rapid.String(), rapid.StringMatching("(\x1b|\u0085|\u009b|\x7f|\u202e|\r|\\\\|\"|'|: |a|\t|#){0,8}"), rapid.Just("two\nlines"),
		), 1, 4).Draw(t, "object")
		raw, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		c := &cli{stdout: &out, output: "yaml"}
		if err := c.list(someColumns, []json.RawMessage{raw}); err != nil {
			t.Fatal(err)
		}
		if i := strings.IndexFunc(out.String(), func(r rune) bool { return control(r) && r != '\n' && r != '\t' }); i >= 0 {
			t.Fatalf("%q has a control character at %d", out.String(), i)
		}
		var got []map[string]string
		if err := yaml.Unmarshal(out.Bytes(), &got); err != nil || len(got) != 1 {
			t.Fatalf("%q: %v", out.String(), err)
		}
		if diff := cmp.Diff(want, got[0]); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", out.String(), diff)
		}
	})
}

func TestEmptyList(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]string{"": "NAME  TITLE\n", "json": "[]\n", "yaml": "[]\n", "csv": "name,title,deep.er\n"} {
		var out bytes.Buffer
		c := &cli{stdout: &out, stderr: &out, output: output}
		if err := c.list(someColumns, nil); err != nil || out.String() != want {
			t.Errorf("-o %q prints %q, %v, want %q", output, out.String(), err, want)
		}
	}
}

// TestTell checks that what a server says does not reach the terminal as commands for it.
func TestTell(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	c := &cli{stderr: &errs, lang: english}
	c.tell(&failure{msg: "first \x1b[2J\nsecond", hint: "do \u009b1m"})
	if want := "todosync: first \\x1b[2J\nsecond\n  do \\x9b1m\n"; errs.String() != want {
		t.Errorf("told %q, want %q", errs.String(), want)
	}
}

func TestCutAndPad(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "abc", "报价单审批", "a报b价c单", "😀😀😀😀😀", "éèà"} {
		for n := 1; n <= 12; n++ {
			if got := text.StringWidthWithoutEscSequences(cut(s, n)); got > n {
				t.Errorf("cut(%q, %d) has %d columns", s, n, got)
			}
			if got := text.StringWidthWithoutEscSequences(pad(s, n)); got != n {
				t.Errorf("pad(%q, %d) has %d columns", s, n, got)
			}
		}
	}
}
