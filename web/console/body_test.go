package console

import (
	"strings"
	"testing"

	"todosync/retry"
)

func TestBodyOf(t *testing.T) {
	t.Parallel()
	form := []retry.Header{{Name: "content-type", Value: "application/x-www-form-urlencoded; charset=GBK"}}
	for name, c := range map[string]struct {
		text    string
		headers []retry.Header
		kind    string
		want    string
	}{
		"JSON":                  {text: `{"b":1,"a":{"x":"<&>\u4e2d"},"e":[]}`, kind: "JSON", want: "{\n  \"b\": 1,\n  \"a\": {\n    \"x\": \"<&>\\u4e2d\"\n  },\n  \"e\": []\n}"},
		"JSON that is cut":      {text: `{"a":1,"b":`, want: `{"a":1,"b":`},
		"XML":                   {text: `<?xml version="1.0" encoding="GBK"?><s:E xmlns:s="u"><s:B a='1'><t>待办 &lt;1></t><n/><e></e></s:B></s:E>`, kind: "XML", want: "<?xml version=\"1.0\" encoding=\"GBK\"?>\n<s:E xmlns:s=\"u\">\n  <s:B a='1'>\n    <t>待办 &lt;1></t>\n    <n/>\n    <e></e>\n  </s:B>\n</s:E>"},
		"XML with CDATA":        {text: `<a><b><![CDATA[<x>]]></b></a>`, kind: "XML", want: "<a>\n  <b><![CDATA[<x>]]></b>\n</a>"},
		"XML that is cut":       {text: `<a><b>1</b>`, want: `<a><b>1</b>`},
		"form":                  {text: `a=%E5%BE%85+1&b=`, headers: form, kind: "form", want: "a = 待 1\nb = "},
		"form that is none":     {text: `a=%zz`, headers: form, want: `a=%zz`},
		"text":                  {text: `OK`, want: `OK`},
		"empty":                 {text: ``, want: ``},
		"text that seems a tag": {text: `< 5`, want: `< 5`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := bodyOf(c.text, c.headers, false)
			if got.Text != c.want || got.Kind != c.kind {
				t.Errorf("want %q %s\ngot  %q %s", c.want, c.kind, got.Text, got.Kind)
			}
		})
	}
}

func TestJSONInsideXML(t *testing.T) {
	t.Parallel()
	got := bodyOf(`<a><ns:out>{&quot;code&quot;:"0",&quot;message&quot;:&quot;a&lt;b&quot;}</ns:out><c>{}{</c></a>`, nil, false)
	if len(got.Inside) != 1 || got.Inside[0] != (inside{"out", "{\n  \"code\": \"0\",\n  \"message\": \"a<b\"\n}"}) {
		t.Errorf("got %q", got.Inside)
	}
}

func TestVisible(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, p := range visible([]byte("a\x00\x1b[31m\u202eevil\u200b\xff\xfe中\n\t\uFFFD\x7f")) {
		if p.Sign {
			b.WriteString("«" + p.Text + "»")
		} else {
			b.WriteString(p.Text)
		}
	}
	if want := "a«␀␛»[31m«U+202E»evil«U+200B\\xFF\\xFE»中\n\t\uFFFD«␡»"; b.String() != want {
		t.Errorf("want %q\ngot  %q", want, b.String())
	}
}
