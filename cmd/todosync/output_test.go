package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jedib0t/go-pretty/v6/text"
)

var someColumns = []column{
	{key: "name", en: "name", zh: "名称"}, {key: "title", en: "title", zh: "标题", max: 10}, {key: "deep.er", hidden: true},
}

func someItems() []json.RawMessage {
	return []json.RawMessage{
		json.RawMessage(`{"name":"一号","title":"待审批:报价单 Q-2024-118","deep":{"er":12345678901234567890}}`),
		json.RawMessage(`{"name":"b","title":"two\nlines\u001b[31m"}`),
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"table": "NAME  TITLE\n一号  待审批:报…\nb     two lines…\n",
		"csv":   "name,title,deep.er\n一号,待审批:报价单 Q-2024-118,12345678901234567890\nb,\"two\nlines\x1b[31m\",\n",
		"yaml": "- name: 一号\n  title: 待审批:报价单 Q-2024-118\n  deep:\n    er: 12345678901234567890\n" +
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
