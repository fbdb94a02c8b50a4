package mapping

import (
	"errors"
	"strings"
	"testing"
	"unicode"
)

// inChinese holds that each mistake is told in Chinese too, and whole: with all that it is told with in English.
func inChinese(t *testing.T, err error) {
	t.Helper()
	text := Text(err, "zh-CN")
	for line := range strings.Lines(text) {
		if !strings.ContainsFunc(line, func(r rune) bool { return unicode.Is(unicode.Han, r) }) || strings.Contains(line, "%!") {
			t.Errorf("in Chinese: %s", line)
		}
	}
	if strings.Count(text, "\n") != strings.Count(err.Error(), "\n") {
		t.Errorf("in Chinese: %s", text)
	}
}

func TestCompileMistakes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		place       Place
		contentType string
		src         string
		want        string // of all mistakes, one a line
	}{
		"unknown code":           {Body, "", "{\n \"中\":\"#F299\"}", "line 2, column 7: #F299: no such field; do you mean #F219?"},
		"the CRM's own code":     {Body, "", "#F016", "line 1, column 1: #F016: no such field here: codes up to F099 are the CRM's own, define it under fields; do you mean #F015?"},
		"unknown variable":       {Body, "", "${bsae}", "line 1, column 1: ${bsae}: no such variable; do you mean ${base}? Else define it under variables, or write $${ for the text ${"},
		"unknown filter":         {Body, "", "${secret:x|sha1}", `line 1, column 1: ${secret:x|sha1}: no such filter: "sha1"; want md5, sha256 or base64`},
		"open variable":          {Body, "", "a ${base", "line 1, column 3: ${: } is missing; the text ${ is written $${"},
		"no name of a secret":    {Body, "", "${secret:}", "line 1, column 1: ${secret:}: the name is missing after secret:"},
		"bad name of a secret":   {Body, "", "${secret:a b}", `line 1, column 1: ${secret:a b}: "a b" is no name: want letters, digits, _ . and -`},
		"environment":            {Body, "", "${env:HOME}", "line 1, column 1: ${env:HOME}: the environment variable HOME cannot be had: start the server with it set and named in --env-allow"},
		"time pattern":           {Body, "", "${now:YYYY}", `line 1, column 1: ${now:YYYY}: the time pattern "YYYY" holds the letter Y: do you mean yyyy?`},
		"all at once":            {Body, "", "{\"a\":\"#F299\",\n\"b\":${nope},}", "line 1, column 7: #F299: no such field; do you mean #F219?\nline 2, column 5: ${nope}: no such variable: define it under variables, or write $${ for the text ${\nline 2, column 13: not well-formed JSON: '}' where a member's name in quotes is wanted"},
		"JSON, two values":       {Body, "", `{"a":#F012#F013}`, "line 1, column 11: #F013: not well-formed JSON: a placeholder where a comma or } is wanted; a placeholder is a whole value or stands inside quotes"},
		"JSON, part of a number": {Body, "", `{"a":1#F012}`, "line 1, column 7: #F012: not well-formed JSON: a placeholder cannot be a part of a value; put the value in quotes"},
		"JSON, name":             {Body, "", `{#F012:1}`, "line 1, column 2: #F012: not well-formed JSON: a placeholder where a member's name in quotes is wanted; a placeholder is a whole value or stands inside quotes"},
		"JSON, line break":       {Body, "", "{\"a\":\"\n\"}", `line 1, column 7: not well-formed JSON: a bare control character U+000A in a string; write \n for a new line, \t for a tab`},
		"JSON, not closed":       {Body, "", `{"a":"#F012`, "line 1, column 12: not well-formed JSON: it ends where a closing quote is wanted"},
		"JSON, literal":          {Body, "", `{"a":##F012}`, "line 1, column 6: not well-formed JSON: '#' where a value is wanted"},
		"JSON array":             {Body, "", `[{"a":1]`, "line 1, column 8: not well-formed JSON: ']' where a comma or } is wanted"},
		"JSON wanted":            {Body, "application/json", `hello`, "line 1, column 1: not well-formed JSON: 'h' where a value is wanted"},
		"JSON, a variable":       {Body, "", "{\"a\":1,${quote}}", "line 1, column 8: ${quote}: not well-formed JSON: a placeholder where a member's name in quotes is wanted; a placeholder is a whole value or stands inside quotes"},
		"JSON in XML":            {Body, "", "<a><in0>\n {&quot;k&quot;:\"#F012\",}</in0></a>", "line 2, column 25: not well-formed JSON: '}' where a member's name in quotes is wanted"},
		"JSON in JSON":           {Body, "", `{"a":"[{\"k\":\"#F012\"]"}`, "line 1, column 24: not well-formed JSON: ']' where a comma or } is wanted"},
		"XML in JSON":            {Body, "", `{"a":"<?xml version='1.0'?><b>#F012"}`, "line 1, column 36: not well-formed XML: element <b> is not closed"},
		"XML, tags":              {Body, "", "<a>\n<b></a>", "line 2, column 4: not well-formed XML: </a> where </b> is wanted"},
		"XML, open":              {Body, "", "<a><b></b>", "line 1, column 11: not well-formed XML: element <a> is not closed"},
		"XML, entity":            {Body, "", "<a>x &nbsp;</a>", "line 1, column 6: not well-formed XML: & begins no reference that XML knows; write &amp; for the character &"},
		"XML, name":              {Body, "", "<a><#F012/></a>", "line 1, column 5: #F012: not well-formed XML: a placeholder cannot be a part of the name of an element"},
		"XML, attribute name":    {Body, "", "<a b#F012='x'/>", "line 1, column 5: #F012: not well-formed XML: a placeholder cannot be a part of the name of an attribute"},
		"XML, bare value":        {Body, "", "<a b=#F012/>", "line 1, column 6: #F012: not well-formed XML: the value of attribute b is wanted in quotes"},
		"XML, twice":             {Body, "", `<a b="" b=""/>`, "line 1, column 13: not well-formed XML: attribute b stands twice in <a>"},
		"XML, two roots":         {Body, "", "<a/><b/>", "line 1, column 6: not well-formed XML: a second root element"},
		"XML, DOCTYPE":           {Body, "", `<!DOCTYPE a [<!ENTITY x "y">]><a/>`, "line 1, column 1: not well-formed XML: a DOCTYPE or other declaration cannot stand in a body"},
		"XML, outside":           {Body, "", "<a/>#F012", "line 1, column 5: #F012: not well-formed XML: a placeholder outside of the root element"},
		"XML, instruction":       {Body, "", "<a><?x #F012?></a>", "line 1, column 8: #F012: not well-formed XML: a placeholder cannot stand between <? and ?>"},
		"XML, end of CDATA":      {Body, "", "<a>]]#F012></a>", "line 1, column 11: not well-formed XML: ]]> in text; write ]]&gt;"},
		"XML, inside CDATA":      {Body, "", "<a><![CDATA[]]#F012>]]></a>", "line 1, column 20: not well-formed XML: a placeholder between ]] and >; write the > as ]]>&gt;<![CDATA["},
		"XML, comment":           {Body, "", "<a><!-- -#F012- --></a>", "line 1, column 10: #F012: not well-formed XML: a placeholder between two - in a comment"},
		"XML wanted":             {Body, "text/xml", "hello", "line 1, column 1: the Content-Type says XML, and the body does not begin with <"},
		"less than":              {Body, "", "<a>1 < 2</a>", "line 1, column 7: not well-formed XML: the name of an element is wanted; write &lt; for the character <"},
		"address":                {Address, "", "ftp://x/", "line 1, column 1: an address begins with http:// or https://"},
		"address, no scheme":     {Address, "", "//x/", "line 1, column 1: an address begins with http:// or https://"},
		"address, empty":         {Address, "", " ", "line 1, column 1: the address is empty: want one that begins with http:// or https://"},
		"address, lines":         {Address, "", "https://x/\ny", "line 1, column 11: a line break or another control character in an address"},
		"host of a variable":     {Address, "", "https://x${path}/", `line 1, column 10: ${path}: the variable's text: "a/b" stands where a URL has its host, and is none`},
		"header":                 {HeaderValue, "", "a\nb", "line 1, column 2: a line break or another control character in a header; write it on one line"},
		"escape":                 {Body, "", "a\x1bb", "line 1, column 2: the control character U+001B cannot stand in a template"},
		"not UTF-8":              {Body, "", "a\n\xff", "line 2, column 1: a byte that is not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := testOptions(t, tt.place)
			o.ContentType = tt.contentType
			_, err := Compile(tt.src, o)
			if err == nil {
				t.Fatalf("is accepted, want %s", tt.want)
			}
			if _, ok := errors.AsType[Errors](err); !ok {
				t.Errorf("got %T, want Errors", err)
			}
			if got := err.Error(); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
			inChinese(t, err)
		})
	}
}

// TestPlainText has texts that look a little like JSON or XML and are neither: they are not mistakes.
func TestPlainText(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ contentType, src, want string }{
		"bracket":              {"", "[urgent] #F056", "[urgent] plain"},
		"declared":             {"text/plain", "{#F056}", "{plain}"},
		"text inside JSON":     {"", `{"a":"{#F056} <b>","c":"<#F056/>"}`, `{"a":"{plain} <b>","c":"<plain/>"}`},
		"JSON array, declared": {"application/json;charset=UTF-8", "[#F056]", `["plain"]`},
		"JSON value, declared": {"application/json", " #F201 ", " 10000.50 "},
	} {
		tmpl, err := Compile(tt.src, Options{Place: Body, ContentType: tt.contentType, Fields: testFields(t)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := tmpl.Append(nil, testScope(t), Wire); err != nil || string(got) != tt.want {
			t.Errorf("%s: got %s, %v; want %s", name, got, err, tt.want)
		}
	}
}

func TestAppendMistakes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		place  Place
		src    string
		change func(*Scope)
		want   string
	}{
		"no account":         {Body, "#F001", func(s *Scope) { s.Receivers[0].Account = "" }, "#F001: required (接收人的OA账号, receiver's OA account), and the receiver has none: bind the CRM user"},
		"no receiver":        {Body, "#F001", func(s *Scope) { s.Receivers = nil }, "#F001: required (接收人的OA账号, receiver's OA account), and the receiver has none: bind the CRM user"},
		"through a field":    {Body, "#F223", func(s *Scope) { s.Receivers[0].Account = "" }, "#F001: required (接收人的OA账号, receiver's OA account), and the receiver has none: bind the CRM user"},
		"no time":            {Body, "#F107", nil, `#F107: 截止时间, due time: "tomorrow" is not an RFC 3339 time such as 2024-11-05T09:30:00+08:00`},
		"host":               {Address, "https://#F210/", nil, `#F210: "evil.com/x?" stands where a URL has its host, and is none`},
		"host in a string":   {Body, `{"u":"https://#F210/"}`, nil, `#F210: "evil.com/x?" stands where a URL has its host, and is none`},
		"no host":            {Address, "https://#F108/", nil, `#F108: "" stands where a URL has its host, and is none`},
		"port":               {Address, "https://x:#F012#F012/", nil, ``},
		"no port":            {Address, "https://x:#F209/", nil, `#F209: "oa.example.com" stands where a URL has its port, and is none`},
		"dots":               {Address, "https://x/a/#F212/b", nil, `#F212: ".." would make a segment of the path . or .., which is refused`},
		"a dot":              {Address, "https://x/#F211?q", nil, `#F211: "." would make a segment of the path . or .., which is refused`},
		"dots put together":  {Address, "https://x/%2E#F211", nil, `#F211: "." would make a segment of the path . or .., which is refused`},
		"nothing put to dot": {Address, "https://x/.#F108/", nil, `#F108: "" would make a segment of the path . or .., which is refused`},
		"more than dots":     {Address, "https://x/a#F212/b?#F212", nil, ``},
		"header":             {HeaderValue, "#F214", nil, "#F214: the value holds the control character U+000D, which a header cannot"},
		"secret":             {Body, "${secret:unset}", nil, "${secret:unset}: secret unset is not set"},
		"no secrets":         {Body, "${secret:x}", func(s *Scope) { s.Secret = nil }, "${secret:x}: no secrets can be had here"},
		"address is none":    {Address, "#F056", nil, "#F056: the address does not begin with http:// or https://"},
		"no UUID":            {Body, "${uuid}", func(s *Scope) { s.UUID = nil }, "${uuid}: no UUID can be had here"},
		"no event":           {Body, `{"a":"#F012","b":#F201}`, func(s *Scope) { s.Event = nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testScope(t)
			if tt.change != nil {
				tt.change(s)
			}
			got, err := mustCompile(t, tt.src, testOptions(t, tt.place)).Append([]byte("x"), s, Wire)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got %v", err)
			case tt.want == "":
			case err == nil || err.Error() != tt.want:
				t.Errorf("got %v\nwant %s", err, tt.want)
			case string(got) != "x":
				t.Errorf("dst is %q after an error", got)
			case name != "secret": // which is not this package's word
				inChinese(t, err)
			}
			if e, ok := errors.AsType[*Error](err); err != nil && (!ok || e.Placeholder == "") {
				t.Errorf("got %T without a placeholder", err)
			}
		})
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"oa.example.com": true, "10.0.0.1": true, "oa": true, "oa_1-x": true, "oa.example.com:8080": true, "[::1]": true, "[fe80::1]:80": true,
		"": false, "a/b": false, "a@b": false, "a:b": false, "a:0": false, "a:99999": false, "a:+80": false, "a:80:80": false, "::1": false, "[::1": false,
		"[::1%25eth0]": false, "a b": false, "a?b": false, "a#b": false, "a\\b": false, "a%2fb": false, ".a": false, "a..b": false, "-a": false,
		"a\n": false, "[1.2.3.4]": false, "中.cn": false, strings.Repeat("a", 254): false,
	} {
		if got := (guard{kind: guardHostPort}).check(host) == nil; got != want {
			t.Errorf("%q: host is %v, want %v", host, got, want)
		}
	}
}
