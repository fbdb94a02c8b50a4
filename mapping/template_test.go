package mapping

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// testEvent holds values that are awkward somewhere.
const testEvent = `{"id":"01J","todo":{"id":"6729","title":"a\"b\\c\n<d>&']]>\u0001\t\r中😀\uffff","itemTitle":"plain","createdAt":"2024-11-05T09:29:58+08:00",
 "dueAt":"tomorrow","url":"https://crm.example.com/t?a=1&b=2","status":"approved","content":"","object":{"apiName":"Quote/Obj","dataId":"a b?"},
 "sender":{"name":"李雷"},"ext":{"amount":10000.50,"yes":true,"obj":{"a":[1,"<"]},"list":["x"],"null":null,"digits":"123","host":"oa.example.com","evil":"evil.com/x?",
 "dot":".","dots":"..","port":"8443","line":"a\r\nb","esc":"\u001bSj;;;\u001b","ref":"#F012 ${base} ##F012","brackets":"]]","end":"]","gt":">"}}}`

func testScope(tb testing.TB) *Scope {
	tb.Helper()
	return &Scope{
		Event: mustDoc(tb, testEvent), Object: "todo", Tenant: "714439", Connection: "hq", Scene: "create", EventID: "01J",
		EventTime: time.Date(2024, 11, 5, 1, 30, 0, 0, time.UTC), DeliveryID: "d1", RemoteID: "r1", ExternalID: "6729_2", Tries: 3,
		TryTime: time.Date(2024, 11, 5, 1, 30, 1, 234_000_000, time.UTC), SignOnPC: "https://s/pc", SignOnMobile: "https://s/m",
		Sender: Person{ID: "1001", Name: "李雷"}, Receivers: []Person{{ID: "1002", Name: "韩梅梅", Account: "hmm"}, {ID: "1003", Name: "Jim", Account: "j,m", AccountName: "JIM"}},
		Secret: func(name string) (string, error) {
			if name == "unset" {
				return "", fmt.Errorf("secret %s is not set", name)
			}
			return `p"<` + name, nil
		},
		UUID: func() string { return "u-1" },
	}
}

func testFields(tb testing.TB) *Fields {
	tb.Helper()
	zero := "0"
	f, err := ParseFields(map[string]Field{
		"F013": {Path: "todo.itemTitle"},
		"F201": {Path: "todo.ext.amount"}, "F202": {From: "F009", Format: "epochMillis"}, "F203": {From: "F106", Map: map[string]string{"approved": "0"}},
		"F204": {From: "F055", Max: 3}, "F205": {Value: &zero}, "F206": {Join: []string{"F054", "F056"}, With: " / "}, "F207": {Path: "todo.ext.obj"},
		"F208": {Path: "todo.ext.yes"}, "F209": {Path: "todo.ext.host"}, "F210": {Path: "todo.ext.evil"}, "F211": {Path: "todo.ext.dot"},
		"F212": {Path: "todo.ext.dots"}, "F213": {Path: "todo.ext.port"}, "F214": {Path: "todo.ext.line"}, "F215": {Path: "todo.ext.esc"},
		"F216": {Path: "todo.ext.ref"}, "F217": {Path: "todo.ext.brackets"}, "F218": {Path: "todo.ext.end"}, "F219": {Path: "todo.ext.gt"},
		"F220": {Path: "todo.ext.digits"}, "F221": {Path: "todo.ext.list"}, "F222": {Path: "todo.ext.null"}, "F223": {Join: []string{"F102", "F001"}, With: ":"},
	}, nil, "")
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func testOptions(tb testing.TB, p Place) Options {
	tb.Helper()
	return Options{
		Place: p, Fields: testFields(tb),
		Variables: map[string]string{
			"base": "https://oa.example.com:8080/s", "host": "oa.example.com:8080", "quote": `a"b<c`, "true": "true", "obj": `{"a":1}`, "empty": "", "scheme": "https:",
			"auth": "u:${secret:x}", "path": "a/b", "data": "#F012 ${base} $${base}", "head": `{"a":`, "tag": "item", "query": "https://x/y?z=", "mixed": "1${secret:x|md5}2",
		},
		Env: func(name string) (string, bool) { return "e&v", name == "GIVEN" },
	}
}

func mustCompile(tb testing.TB, src string, o Options) *Template {
	tb.Helper()
	t, err := Compile(src, o)
	if err != nil {
		tb.Fatalf("Compile(%s): %v", src, err)
	}
	return t
}

const (
	titleJSON = `a\"b\\c\n<d>&']]>\u0001\t\r中😀` + "\uffff"
	titleURL  = `a%22b%5Cc%0A%3Cd%3E%26%27%5D%5D%3E%01%09%0D%E4%B8%AD%F0%9F%98%80%EF%BF%BF`
)

func TestAppend(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		place Place
		src   string
		kind  string
		want  string
	}{
		"JSON string":          {Body, `{"a":"#F055"}`, "json", `{"a":"` + titleJSON + `"}`},
		"JSON name":            {Body, `{"#F056":1}`, "json", `{"plain":1}`},
		"JSON values":          {Body, `[#F201,#F208,#F207,#F221,#F222,#F049,{"a":#F220,"b":#F055}]`, "json", `[10000.50,true,{"a":[1,"<"]},["x"],null,null,{"a":"123","b":"` + titleJSON + `"}]`},
		"JSON values of ours":  {Body, `{"a":#F205,"b":#F203,"c":#F202,"d":#F122,"e":#F009,"f":${true},"g":${quote},"h":${obj}}`, "json", `{"a":0,"b":0,"c":1730770198000,"d":3,"e":"2024-11-05 09:29:58","f":true,"g":"a\"b<c","h":{"a":1}}`},
		"JSON value in a text": {Body, `{"a":"#F207 #F201"}`, "json", `{"a":"{\"a\":[1,\"<\"]} 10000.50"}`},
		"codes":                {Body, `#F0123 ##F012 ###F012 #F01 #f012 F012 #F12x`, "text", `67293 #F012 ##F012 #F01 #f012 F012 #F12x`},
		"own code under 100":   {Body, `#F013`, "text", `plain`},
		"dollars":              {Body, `$${base} $$${base} $ {x} ${base}`, "text", `${base} $${base} $ {x} https://oa.example.com:8080/s`},
		"values are data":      {Body, `{"a":"#F216","b":"${data}"}`, "json", `{"a":"#F012 ${base} ##F012","b":"#F012 ${base} ${base}"}`},
		"array of holes":       {Body, `[#F056]`, "text", `[plain]`},
		"array of a string":    {Body, `["#F055"]`, "json", `["` + titleJSON + `"]`},
		"XML text":             {Body, `<a>#F055</a>`, "xml", "<a>a\"b\\c\n&lt;d&gt;&amp;']]&gt;\t&#13;中😀</a>"},
		"XML attribute":        {Body, `<a b="#F055" c='#F055'/>`, "xml", `<a b="a&quot;b\c&#10;&lt;d&gt;&amp;&apos;]]&gt;&#9;&#13;中😀" c='a&quot;b\c&#10;&lt;d&gt;&amp;&apos;]]&gt;&#9;&#13;中😀'/>`},
		"CDATA":                {Body, `<a><![CDATA[#F055]]></a>`, "xml", "<a><![CDATA[a\"b\\c\n<d>&']]]]><![CDATA[>\t]]>&#13;<![CDATA[中😀]]></a>"},
		"CDATA built up":       {Body, `<a><![CDATA[#F218#F218#F219 ]#F218>]]></a>`, "xml", `<a><![CDATA[]]]]><![CDATA[> ]]]]><![CDATA[>]]></a>`},
		"text built up":        {Body, `<a>#F217> ] #F218]>x</a>`, "xml", `<a>&#93;&#93;> ] &#93;]>x</a>`},
		"built over nothing":   {Body, `<r><a>#F217#F108></a><b><![CDATA[#F217#F108>]]></b></r>`, "xml", `<r><a>&#93;&#93;></a><b><![CDATA[]]]><![CDATA[]]]><![CDATA[>]]></b></r>`},
		"array of a hole":      {Body, `{"a":"[#F055]"}`, "json", `{"a":"[` + titleJSON + `]"}`},
		"XML comment":          {Body, `<a><!-- #F009 #F055 --></a>`, "xml", "<a><!-- 2024_11_05 09:29:58 a\"b\\c\n<d>&']]>\t\r中😀 --></a>"},
		"XML declaration":      {Body, "<?xml version=\"1.0\"?>\n<a>#F012</a>\n", "xml", "<?xml version=\"1.0\"?>\n<a>6729</a>\n"},
		"variable as a name":   {Body, `<${tag}>#F055</${tag}>`, "xml", "<item>a\"b\\c\n&lt;d&gt;&amp;']]&gt;\t&#13;中😀</item>"},
		"JSON in XML":          {Body, `<a>{"k":"#F055","n":#F201}</a>`, "xml", `<a>{"k":"a\"b\\c\n&lt;d&gt;&amp;']]&gt;\u0001\t\r中😀\uffff","n":10000.50}</a>`},
		"JSON in XML escaped":  {Body, `<a>{&quot;k&quot;:&#34;#F055&#x22;}</a>`, "xml", `<a>{&quot;k&quot;:&#34;a\"b\\c\n&lt;d&gt;&amp;']]&gt;\u0001\t\r中😀\uffff&#x22;}</a>`},
		"JSON in an attribute": {Body, `<a b='{"k":"#F055"}'/>`, "xml", `<a b='{"k":"a\&quot;b\\c\n&lt;d&gt;&amp;&apos;]]&gt;\u0001\t\r中😀\uffff"}'/>`},
		"JSON in CDATA":        {Body, `<a> <![CDATA[{"k":"#F055"}]]> </a>`, "xml", `<a> <![CDATA[{"k":"a\"b\\c\n<d>&']]]]><![CDATA[>\u0001\t\r中😀\uffff"}]]> </a>`},
		"JSON in JSON":         {Body, `{"t":"{\"k\":\"#F055\",\"n\":#F201}"}`, "json", `{"t":"{\"k\":\"a\\\"b\\\\c\\n<d>&']]>\\u0001\\t\\r中😀` + "\uffff" + `\",\"n\":10000.50}"}`},
		"XML in JSON":          {Body, `{"t":"<a b=\"#F055\">#F055</a>"}`, "json", `{"t":"<a b=\"a&quot;b\\c&#10;&lt;d&gt;&amp;&apos;]]&gt;&#9;&#13;中😀\">a\"b\\c\n&lt;d&gt;&amp;']]&gt;\t&#13;中😀</a>"}`},
		"three levels":         {Body, `<a>{"j":"{\"u\":\"${base}/#F037?q=#F055\"}"}</a>`, "xml", `<a>{"j":"{\"u\":\"https://oa.example.com:8080/s/Quote%2FObj?q=` + titleURL + `\"}"}</a>`},
		"four levels":          {Body, `{"a":"<x>{\"b\":\"&lt;y z='#F055'/&gt;\"}</x>"}`, "json", `{"a":"<x>{\"b\":\"&lt;y z='a&amp;quot;b\\\\c&amp;#10;&amp;lt;d&amp;gt;&amp;amp;&amp;apos;]]&amp;gt;&amp;#9;&amp;#13;中😀'/&gt;\"}</x>"}`},
		"URL in JSON":          {Body, `{"u":"https://#F209:#F213/#F037/#F015?q=#F055#/#F055","v":"//x/#F056"}`, "json", `{"u":"https://oa.example.com:8443/Quote%2FObj/a%20b%3F?q=` + titleURL + `#/` + titleURL + `","v":"//x/plain"}`},
		"URL itself":           {Body, `{"u":"#F109","v":"#F109&x=#F037"}`, "json", `{"u":"https://crm.example.com/t?a=1&b=2","v":"https://crm.example.com/t?a=1&b=2&x=Quote/Obj"}`},
		"URL by a variable":    {Body, `{"u":"${query}#F037","v":"${empty}#F109","w":"${scheme}//${host}/${path}"}`, "json", `{"u":"https://x/y?z=Quote%2FObj","v":"https://crm.example.com/t?a=1&b=2","w":"https://oa.example.com:8080/a%2Fb"}`},
		"URL in XML":           {Body, "<a>\n https://x/?q=#F055&amp;r=#F037\n</a>", "xml", "<a>\n https://x/?q=" + titleURL + "&amp;r=Quote%2FObj\n</a>"},
		"user of a URL":        {Body, `{"u":"https://#F054:#F056@x/"}`, "json", `{"u":"https://%E6%9D%8E%E9%9B%B7:plain@x/"}`},
		"prose with a URL":     {Body, `{"u":"see http://x/#F055"}`, "json", `{"u":"see http://x/` + titleJSON + `"}`},
		"JSON by a variable":   {Body, `${head}"#F055"}`, "json", `{"a":"` + titleJSON + `"}`},
		"address":              {Address, " ${base}/#F037?q=#F055&r=中 文\n", "url", "https://oa.example.com:8080/s/Quote%2FObj?q=" + titleURL + "&r=%E4%B8%AD%20%E6%96%87"},
		"address itself":       {Address, `#F109&q=#F037`, "url", `https://crm.example.com/t?a=1&b=2&q=Quote%2FObj`},
		"address, empty value": {Address, `${base}/#F108/.#F212.`, "url", `https://oa.example.com:8080/s//....`},
		"form":                 {Form, "a=#F055&\nb=x y&#F056={\"k\":\"#F037\"}&c=中&d=https://x/#F037\n", "form", `a=a%22b%5Cc%0A%3Cd%3E%26%27%5D%5D%3E%01%09%0D%E4%B8%AD%F0%9F%98%80%EF%BF%BF&b=x%20y&plain=%7B%22k%22:%22Quote%2FObj%22%7D&c=%E4%B8%AD&d=https://x/Quote%252FObj`},
		"form, escaped JSON":   {Form, `d=%7B%22k%22%3A%22#F055%22%7D`, "form", `d=%7B%22k%22%3A%22a%5C%22b%5C%5Cc%5Cn%3Cd%3E%26%27%5D%5D%3E%5Cu0001%5Ct%5Cr%E4%B8%AD%F0%9F%98%80%EF%BF%BF%22%7D`},
		"header":               {HeaderValue, "Bearer #F056 #F054\n", "header", `Bearer plain 李雷`},
		"header of JSON":       {HeaderValue, `{"a":"#F055"}`, "header", `{"a":"` + titleJSON + `"}`},
		"plain text":           {Body, "Hi #F054, #F055", "text", "Hi 李雷, a\"b\\c\n<d>&']]>\x01\t\r中😀\uffff"},
		"escape in plain text": {Body, "#F215", "text", "\ufffdSj;;;\ufffd"},
		"now and uuid":         {Body, `{"a":"${now}","b":${now:epochMillis},"c":"${now:yyyyMMddHHmmssSSS}","d":"${uuid}","e":"${now:epochSeconds|md5}"}`, "json", `{"a":"2024-11-05 09:30:01","b":1730770201234,"c":"20241105093001234","d":"u-1","e":"05dce91ca01ffe80bb47f1dd8b9ae85e"}`},
		"secrets":              {Body, `{"a":"${secret:x}","b":"${secret:x|md5}","c":"${auth|base64}","d":"${auth}","e":"${env:GIVEN}","f":"${quote|sha256}","g":${secret:x},"h":"${mixed}"}`, "json", `{"a":"p\"<x","b":"e51b9b1f8d31e6aeca9c1fd5e8b6cb6e","c":"dTpwIjx4","d":"u:p\"<x","e":"e&v","f":"e4ab","g":"p\"<x","h":"1e51b9b1f8d31e6aeca9c1fd5e8b6cb6e2"}`},
		"scope":                {Body, `#F028 #F120 #F121 #F114 #F115 #F116 #F117 #F118 #F119 #F122 #F123 #F126 #F101 #F102 #F001 #F124 #F125`, "text", `714439 hq create 01J 2024-11-05 09:30:00 d1 https://s/pc https://s/m r1 3 6729_2 2024-11-05 09:30:01 1002 韩梅梅 hmm hmm 李雷`},
		"joined field":         {Body, `#F206|#F204`, "text", `李雷 / plain|a"b`},
		"empty":                {Body, "", "text", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tmpl := mustCompile(t, tt.src, testOptions(t, tt.place))
			got, err := tmpl.Append([]byte("before "), testScope(t), Wire)
			if err != nil {
				t.Fatal(err)
			}
			want := tt.want
			if name == "secrets" { // sums are checked against other tools in TestFilters
				want = strings.NewReplacer("e51b9b1f8d31e6aeca9c1fd5e8b6cb6e", filter(`p"<x`, []string{"md5"}), "e4ab", filter(`a"b<c`, []string{"sha256"})).Replace(want)
			}
			if name == "now and uuid" {
				want = strings.Replace(want, "05dce91ca01ffe80bb47f1dd8b9ae85e", filter("1730770201", []string{"md5"}), 1)
			}
			if diff := cmp.Diff("before "+want, string(got)); diff != "" {
				t.Error(diff)
			}
			if got := tmpl.Kind(); got != tt.kind {
				t.Errorf("kind %s, want %s", got, tt.kind)
			}
		})
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		filters []string
		want    string
	}{
		"md5":        {[]string{"md5"}, "c4ca4238a0b923820dcc509a6f75849b"}, // md5sum of "1", as a Landray test account has it
		"sha256":     {[]string{"sha256"}, "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"},
		"base64":     {[]string{"base64"}, "MQ=="},
		"md5|base64": {[]string{"md5", "base64"}, "YzRjYTQyMzhhMGI5MjM4MjBkY2M1MDlhNmY3NTg0OWI="},
	} {
		if got := filter("1", tt.filters); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

func TestPlaceholdersAndUses(t *testing.T) {
	t.Parallel()
	tmpl := mustCompile(t, `{"a":"#F012_#F223","b":"#F012","c":"${auth}${secret:b|md5}${env:GIVEN}"}`, testOptions(t, Body))
	if diff := cmp.Diff([]string{"F012", "F223"}, tmpl.Placeholders()); diff != "" {
		t.Error(diff)
	}
	for code, want := range map[string]bool{"F012": true, "F223": true, "F001": true, "F102": true, "F055": false} {
		if got := tmpl.Uses(code); got != want {
			t.Errorf("Uses(%s): %v, want %v", code, got, want)
		}
	}
	if diff := cmp.Diff([]string{"b", "env:GIVEN", "x"}, tmpl.Secrets()); diff != "" {
		t.Error(diff)
	}
}
