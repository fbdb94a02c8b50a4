package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"
)

func soap(inside string) string {
	return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>` + inside + `</soap:Body></soap:Envelope>`
}

func TestRead(t *testing.T) {
	t.Parallel()
	weaver := ResultRules{
		CodeName: "operResult", MsgName: "message", Success: []string{"1"}, WebService: true,
		DuplicateMessages: []string{"已存在"}, GoneMessages: []string{"】不存在"},
	}
	landray := ResultRules{CodeName: "returnState", MsgName: "message", DataName: "id", Success: []string{"2"}, XMLJSONField: "return", WebService: true}
	seeyon := ResultRules{CodeName: "success", MsgName: "errorMsgs", Success: []string{"true"}}
	yunzhijia := ResultRules{
		CodeName: "errorCode", MsgName: "error", DataName: "data", Success: []string{"200"}, DuplicateCodes: []string{"7"}, GoneCodes: []string{"8"},
		PartialCodes: []string{"501", "502"}, PartialAccounts: "data",
	}
	nested := ResultRules{CodeName: "head.result.0.code", MsgName: "head.msg", DataName: "body.id", Success: []string{"0", "200"}}
	anything := ResultRules{MsgName: "message", DataName: "id"}
	for name, tt := range map[string]struct {
		rules ResultRules
		body  string
		want  Answer
	}{
		"true":              {seeyon, `{"success":true,"errorMsgs":[]}`, Answer{Understood: true, Success: true, Code: "true", Message: "[]"}},
		"true as text":      {seeyon, ` {"success":"true"} `, Answer{Understood: true, Success: true, Code: "true"}},
		"false":             {seeyon, `{"success":false,"errorMsgs":["接收人未绑定",{"code":"\u63a5\"\u0041\ud83d\ude00\ud83d"}]}`, Answer{Understood: true, Code: "false", Message: `["接收人未绑定",{"code":"接\"\u0041😀\ud83d"}]`}},
		"number":            {yunzhijia, `{"data":{"id": 7},"errorCode":200,"error":"待办创建成功"}`, Answer{Understood: true, Success: true, Code: "200", Message: "待办创建成功", Data: `{"id": 7}`}},
		"number as text":    {yunzhijia, `{"errorCode":"200","error":null}`, Answer{Understood: true, Success: true, Code: "200"}},
		"number as it came": {yunzhijia, `{"errorCode":200.0}`, Answer{Understood: true, Code: "200.0"}},
		"duplicate code":    {yunzhijia, `{"errorCode":7}`, Answer{Understood: true, Duplicate: true, Code: "7"}},
		"gone code":         {yunzhijia, `{"errorCode":8}`, Answer{Understood: true, Gone: true, Code: "8"}},
		"partial":           {yunzhijia, `{"data":["a", 7 ,""," b"],"errorCode":501,"error":"x"}`, Answer{Understood: true, Partial: true, Code: "501", Message: "x", Data: `["a", 7 ,""," b"]`, Accounts: []string{"a", "7", "b"}}},
		"partial, joined":   {yunzhijia, `{"data":"a, b","errorCode":502}`, Answer{Understood: true, Partial: true, Code: "502", Data: "a, b", Accounts: []string{"a", "b"}}},
		"partial, nobody":   {yunzhijia, `{"data":{},"errorCode":502}`, Answer{Understood: true, Partial: true, Code: "502", Data: "{}"}},
		"big number":        {yunzhijia, `{"errorCode":200,"data":12345678901234567890}`, Answer{Understood: true, Success: true, Code: "200", Data: "12345678901234567890", Accounts: nil}},
		"failure":           {yunzhijia, `{"errorCode":202,"error":"busy"}`, Answer{Understood: true, Code: "202", Message: "busy"}},
		"nested":            {nested, `{"head":{"result":[{"code":0}],"msg":{"a":1}},"body":{"id":"x-1"}}`, Answer{Understood: true, Success: true, Code: "0", Message: `{"a":1}`, Data: "x-1"}},
		"first of equals":   {yunzhijia, `{"errorCode":200,"errorCode":1}`, Answer{Understood: true, Success: true, Code: "200"}},
		"byte order mark":   {yunzhijia, "\ufeff" + `{"errorCode":200}`, Answer{Understood: true, Success: true, Code: "200"}},
		"no rule":           {anything, `{"message":"ok","id":5}`, Answer{Understood: true, Success: true, Message: "ok", Data: "5"}},
		"no rule, no JSON":  {anything, `OK`, Answer{Understood: true, Success: true}},
		"no rule, nothing":  {anything, ``, Answer{Understood: true, Success: true}},
		"no rule, HTML":     {anything, `<html></html>`, Answer{Understood: true, Success: true}},
		"no rule, XML":      {anything, `<r><message>ok</message><id>9</id></r>`, Answer{Understood: true, Success: true, Message: "ok", Data: "9"}},
		"no rule, fault":    {anything, soap(`<soap:Fault><faultcode>soap:Client</faultcode><faultstring>bad</faultstring></soap:Fault>`), Answer{Understood: true, Fault: true, Code: "Client", Message: "bad"}},

		"JSON in XML":        {weaver, soap(`<ns1:r xmlns:ns1="w"><ns1:out>{"message":"流程数据【X】自动新增待办成功","operResult":"1"}</ns1:out></ns1:r>`), Answer{Understood: true, Success: true, Code: "1", Message: "流程数据【X】自动新增待办成功"}},
		"escaped":            {weaver, soap(`<out> {&quot;operResult&quot;:&#49;,&#x22;message&quot;:&quot;a &amp;amp; b&quot;} </out>`), Answer{Understood: true, Success: true, Code: "1", Message: "a &amp; b"}},
		"in CDATA":           {weaver, soap(`<out><![CDATA[{"operResult":"0","message":"流程数据【X】已存在"}]]></out>`), Answer{Understood: true, Duplicate: true, Code: "0", Message: "流程数据【X】已存在"}},
		"gone":               {weaver, soap(`<out>{"operResult":"0","message":"流程数据【X】不存在"}</out>`), Answer{Understood: true, Gone: true, Code: "0", Message: "流程数据【X】不存在"}},
		"other not there":    {weaver, soap(`<out>{"operResult":"0","message":"流程数据【X】检测接收人不存在"}</out>`), Answer{Understood: true, Code: "0", Message: "流程数据【X】检测接收人不存在"}},
		"no message":         {weaver, soap(`<out>{"operResult":"0"}</out>`), Answer{Understood: true, Code: "0"}},
		"no envelope":        {weaver, `<?xml version="1.0"?><!-- > --><out>{"operResult":"1"}</out>`, Answer{Understood: true, Success: true, Code: "1"}},
		"plain JSON":         {weaver, `{"operResult":"1"}`, Answer{Understood: true, Success: true, Code: "1"}},
		"children":           {landray, soap(`<n:sendTodoResponse xmlns:n="w"><return><message/><returnState>2</returnState></return></n:sendTodoResponse>`), Answer{Understood: true, Success: true, Code: "2"}},
		"children, failed":   {landray, soap(`<return><x:message xmlns:x="y"> 待办接收人不存在 </x:message><x:returnState xmlns:x="y">1</x:returnState><id>7</id></return>`), Answer{Understood: true, Code: "1", Message: "待办接收人不存在", Data: "7"}},
		"no such field":      {landray, `<r><message>m</message><a><returnState>2</returnState></a></r>`, Answer{Understood: true, Success: true, Code: "2", Message: "m"}},
		"field without it":   {landray, `<r><return>ok</return><returnState>2</returnState></r>`, Answer{Understood: true, Success: true, Code: "2"}},
		"path of elements":   {ResultRules{CodeName: "status.code", MsgName: "status.text", Success: []string{"0"}}, `<r><code>9</code><status><text>t</text><code>0</code></status></r>`, Answer{Understood: true, Success: true, Code: "0", Message: "t"}},
		"accounts":           {ResultRules{CodeName: "code", Success: []string{"0"}, PartialCodes: []string{"5"}, PartialAccounts: "failed.user"}, `<r><code>5</code><failed><user>a</user><user>b,c</user></failed></r>`, Answer{Understood: true, Partial: true, Code: "5", Accounts: []string{"a", "b", "c"}}},
		"success names some": {ResultRules{CodeName: "code", Success: []string{"0"}, PartialAccounts: "failed"}, `{"code":0,"failed":["a"]}`, Answer{Understood: true, Success: true, Partial: true, Code: "0", Accounts: []string{"a"}}},
		"fault 1.1":          {weaver, soap(`<soap:Fault><faultcode>soap:Server</faultcode><faultstring>wrong password</faultstring><detail><out>{"operResult":"1"}</out></detail></soap:Fault>`), Answer{Understood: true, Fault: true, Code: "Server", Message: "wrong password"}},
		"fault 1.2":          {weaver, `<env:Envelope xmlns:env="e"><env:Body><env:Fault><env:Code><env:Value>env:Sender</env:Value><env:Subcode><env:Value>x:Y</env:Value></env:Subcode></env:Code><env:Reason><env:Text xml:lang="en">no &lt;way&gt;</env:Text></env:Reason></env:Fault></env:Body></env:Envelope>`, Answer{Understood: true, Fault: true, Code: "Sender", Message: "no <way>"}},
		"fault of a REST OA": {seeyon, soap(`<Fault><faultcode>Client.Auth</faultcode><faultstring/></Fault>`), Answer{Understood: true, Fault: true, Code: "Client.Auth", Message: "a SOAP fault without a text"}},
		"fault, detail": {weaver, soap(`<soap:Fault><faultcode/><faultstring> </faultstring><detail><e:error xmlns:e="x"><e:code>17</e:code><e:text>no such
 user</e:text></e:error></detail></soap:Fault>`), Answer{Understood: true, Fault: true, Message: "17 no such user"}},
		"fault 1.2, detail":  {weaver, soap(`<soap:Fault><soap:Detail>bad</soap:Detail></soap:Fault>`), Answer{Understood: true, Fault: true, Message: "bad"}},
		"fault of nothing":   {weaver, soap(`<soap:Fault/>`), Answer{Understood: true, Fault: true, Message: "a SOAP fault without a text"}},
		"an empty one first": {weaver, soap(`<out/><out> </out><out><![CDATA[{"operResult":"1"}]]></out>`), Answer{Understood: true, Success: true, Code: "1"}},
		"another text first": {weaver, soap(`<out>OK</out><out>{"message":"x"}</out><out>{"operResult":"1"}</out><out>{"operResult":"0"}</out>`), Answer{Understood: true, Success: true, Code: "1"}},
		"children later":     {weaver, soap(`<out/><out><a>1</a></out><out><operResult>1</operResult></out>`), Answer{Understood: true, Success: true, Code: "1"}},
		"children first":     {weaver, soap(`<out><operResult>1</operResult></out><out>{"operResult":"0"}</out>`), Answer{Understood: true, Success: true, Code: "1"}},
		"escaped XML":        {weaver, soap(`<out>&lt;?xml version="1.0" encoding="GBK"?&gt;&lt;r&gt;&lt;operResult&gt;0&lt;/operResult&gt;&lt;message&gt;a &amp;amp; b 已存在&lt;/message&gt;&lt;/r&gt;</out>`), Answer{Understood: true, Duplicate: true, Code: "0", Message: "a & b 已存在"}},
		"XML in CDATA":       {weaver, soap(`<out><![CDATA[<r><operResult>1</operResult></r>]]></out>`), Answer{Understood: true, Success: true, Code: "1"}},
		"no fault":           {weaver, `<r><Fault/><out>{"operResult":"1"}</out></r>`, Answer{Understood: true, Success: true, Code: "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := CompileResult(tt.rules)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, r.Read("", []byte(tt.body))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNotUnderstood(t *testing.T) {
	t.Parallel()
	rest := ResultRules{CodeName: "code", Success: []string{"0"}}
	service := ResultRules{CodeName: "code", Success: []string{"0"}, WebService: true}
	for name, tt := range map[string]struct {
		rules ResultRules
		body  string
		want  string
	}{
		"empty":             {rest, " \n", "the answer is not understood: want code in JSON, and it is: an empty answer"},
		"text":              {rest, "OK", "the answer is not understood: want code in JSON, and it is: line 1, column 1: not JSON: 'O' where a value is wanted (byte 0): OK"},
		"cut off":           {rest, `{"code":0`, "the answer is not understood: want code in JSON, and it is: line 1, column 10: not JSON: it ends where a comma or } is wanted (byte 9): {\"code\":0"},
		"no member":         {rest, `{"Code":0}`, `the answer is not understood: want code in JSON, and it is: no such member: {"Code":0}`},
		"null":              {rest, `{"code":null}`, `the answer is not understood: want code in JSON, and it is: no such member: {"code":null}`},
		"log-in page":       {rest, "\n<!DOCTYPE html><html><body>登录</body></html>", "the answer is not understood: want code in JSON, and it is: an HTML page, perhaps a log-in page: <!DOCTYPE html><html><body>登录</body></html>"},
		"log-in page, XML":  {service, "<!-- x --><HTML>", "the answer is not understood: want code in element out, or an element code, and it is: an HTML page, perhaps a log-in page: <!-- x --><HTML>"},
		"no element":        {service, "<a><b/></a>", "the answer is not understood: want code in element out, or an element code, and it is: XML without such an element: <a><b/></a>"},
		"bad JSON inside":   {service, `<a><out>{"code":0</out></a>`, `the answer is not understood: want code in element out, or an element code, and it is: XML without such an element: <a><out>{"code":0</out></a>`},
		"JSON too deep":     {service, `<a><out><b>{"code":0}</b></out></a>`, `the answer is not understood: want code in element out, or an element code, and it is: XML without such an element: <a><out><b>{"code":0}</b></out></a>`},
		"DOCTYPE":           {service, `<!DOCTYPE a [<!ENTITY x "0">]><a><code>&x;</code></a>`, `the answer is not understood: want code in element out, or an element code, and it is: XML with a DOCTYPE, which is not accepted: <!DOCTYPE a [<!ENTITY x "0">]><a><code>&x;</code></a>`},
		"XML cut off":       {service, `<a><out>{"code":0}</out>`, `the answer is not understood: want code in element out, or an element code, and it is: XML that is not well-formed: element <a> is not closed; is the answer cut off? (byte 24): <a><out>{"code":0}</out>`},
		"crossed tags":      {service, `<a><code>0</a></code>`, `the answer is not understood: want code in element out, or an element code, and it is: XML that is not well-formed: </a> closes nothing (byte 10): <a><code>0</a></code>`},
		"long":              {rest, strings.Repeat("中", 600), "the answer is not understood: want code in JSON, and it is: line 1, column 1: not JSON: '中' where a value is wanted (byte 0): " + strings.Repeat("中", 600)},
		"JSON without it":   {service, `<a><out>{"a":0}</out></a>`, `the answer is not understood: want code in element out, or an element code, and it is: no such member: <a><out>{"a":0}</out></a>`},
		"escaped once more": {service, `<a><out>&lt;out&gt;&lt;&lt;</out></a>`, `the answer is not understood: want code in element out, or an element code, and it is: XML without such an element: <a><out>&lt;out&gt;&lt;&lt;</out></a>`},
	} {
		r, err := CompileResult(tt.rules)
		if err != nil {
			t.Fatal(err)
		}
		want := Answer{Why: tt.want, Excerpt: strings.TrimSpace(tt.body)}
		want.Why = strings.TrimSuffix(want.Why, ": "+want.Excerpt)
		if diff := cmp.Diff(want, r.Read("", []byte(tt.body))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for name, body := range map[string]string{
		"deep JSON":     strings.Repeat("[", 1<<20),
		"deep objects":  strings.Repeat(`{"code":`, 1<<17),
		"deep XML":      strings.Repeat("<a>", 1<<18),
		"deep, closed":  strings.Repeat("<a>", 1000) + "<code>0</code>" + strings.Repeat("</a>", 1000),
		"many elements": "<a>" + strings.Repeat("<b/>", 1<<18) + "<code>0</code></a>",
	} {
		r, _ := CompileResult(service)
		if a := r.Read("", []byte(body)); a.Understood || a.Why == "" {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func TestCompileResultMistakes(t *testing.T) {
	t.Parallel()
	_, err := CompileResult(ResultRules{CodeName: "@this", MsgName: "a..b", DataName: "x|y", XMLJSONField: "a b", PartialAccounts: "#.id"})
	if err == nil || strings.Count(err.Error(), "\n") != 5 || !strings.HasPrefix(err.Error(), `codeName: path "@this" holds '@'`) {
		t.Errorf("got %v", err)
	}
}

func TestReadValue(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body, path, want string
		ok               bool
	}{
		"member":      {`{"id":"013a-2e","bindingUser":null}`, "id", "013a-2e", true},
		"deeper":      {`{"data":{"accessToken":"t"}}`, "data.accessToken", "t", true},
		"number":      {`{"id":-1}`, "id", "-1", true},
		"null":        {`{"id":null}`, "id", "", false},
		"missing":     {`{}`, "id", "", false},
		"text":        {" 013a-2e\r\n", "text", "013a-2e", true},
		"quoted text": {`"a\"b"`, "text", `a"b`, true},
		"no text":     {" ", "text", "", false},
		"text, path":  {"013a", "id", "", false},
		"element":     {`<r xmlns:n="x"><n:token> t </n:token></r>`, "token", "t", true},
		"no element":  {`<r/>`, "token", "", false},
		"HTML":        {`<html><token>t</token></html>`, "token", "", false},
		"query":       {`{"a":[{"id":1}]}`, "a.#.id", "", false},
		"broken":      {`{"id":"x"`, "id", "", false},
	} {
		got, ok := ReadValue("application/json", []byte(tt.body), tt.path)
		if got != tt.want || ok != tt.ok {
			t.Errorf("%s: got %q, %v, want %q, %v", name, got, ok, tt.want, tt.ok)
		}
	}
}

func gbk(tb testing.TB, s string) string {
	tb.Helper()
	out, err := simplifiedchinese.GB18030.NewEncoder().String(s)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func TestDecode(t *testing.T) {
	t.Parallel()
	const text = `{"m":"登录失败，请重试"}`
	for name, tt := range map[string]struct{ contentType, body, want string }{
		"UTF-8":                  {"application/json;charset=UTF-8", text, text},
		"nothing said":           {"", text, text},
		"byte order mark":        {"text/xml; charset=gbk", "\ufeff" + text, text},
		"GBK":                    {`text/html; Charset="GBK"`, gbk(t, text), text},
		"GB2312":                 {"text/html;charset=gb2312", gbk(t, text), text},
		"GB18030":                {"text/html;charset=gb18030", gbk(t, "😀𠮷"), "😀𠮷"},
		"beyond GBK":             {"text/html;charset=GBK", gbk(t, "😀𠮷"), "😀𠮷"},
		"XML declaration":        {"text/xml", `<?xml version="1.0" encoding='GBK'?><a>` + gbk(t, "登录") + "</a>", `<?xml version="1.0" encoding='GBK'?><a>登录</a>`},
		"header first":           {"text/xml;charset=utf-8", `<?xml version="1.0" encoding="GBK"?><a>登录</a>`, `<?xml version="1.0" encoding="GBK"?><a>登录</a>`},
		"guessed":                {"text/html", gbk(t, text), text},
		"not guessed":            {"", "登录失败，请" + "\xe9\x87", "登录失败，请\ufffd"},
		"cut off":                {"", "登录\xe9\x87", "登录\ufffd"},
		"said to be UTF-8":       {"text/html;charset=utf-8", "a\xff\xfeb", "a\ufffdb"},
		"nothing at all":         {"", "a\xffb", "a\ufffdb"},
		"Latin 1, said only":     {"text/plain;charset=ISO-8859-1", text, text},
		"Latin 1":                {"text/plain;charset=ISO-8859-1", "caf\xe9", "café"},
		"GBK, said UTF-8":        {"application/json;charset=UTF-8", gbk(t, text), text},
		"GBK, said Latin 1":      {"text/html;charset=ISO-8859-1", gbk(t, text), text},
		"GBK in XML, said UTF-8": {"text/xml;charset=UTF-8", `<?xml version="1.0" encoding='GBK'?><a>` + gbk(t, "登") + "\xff</a>", `<?xml version="1.0" encoding='GBK'?><a>登` + "\ufffd</a>"},
		"GBK in XML of Latin 1":  {"text/xml;charset=ISO-8859-1", `<?xml version="1.0" encoding="gb2312"?><a>` + gbk(t, "登录") + "</a>", `<?xml version="1.0" encoding="gb2312"?><a>登录</a>`},
		"GBK in XML, both UTF-8": {"text/xml;charset=utf-8", `<?xml version="1.0" encoding="UTF-8"?><a>` + gbk(t, "登录") + "</a>", `<?xml version="1.0" encoding="UTF-8"?><a>登录</a>`},
		"GBK in XML, none said":  {"", `<?xml version="1.0" encoding="UTF-8"?><a>` + gbk(t, "登录") + "</a>", `<?xml version="1.0" encoding="UTF-8"?><a>登录</a>`},
		"Latin 1 in XML":         {"", `<?xml version="1.0" encoding="ISO-8859-1"?><a>caf` + "\xe9</a>", `<?xml version="1.0" encoding="ISO-8859-1"?><a>café</a>`},
		"Latin 1 of two letters": {"text/plain;charset=ISO-8859-1", "M\xfcller", "Müller"},
		"unknown":                {"text/plain;charset=klingon", "登录\xff", "登录\ufffd"},
		"UTF-16 with a mark":     {"", "\xff\xfe{\x00}\x00", "{}"},
		"UTF-16, big end first":  {"application/json;charset=utf-16", "\x00{\x00}", "{}"},
		"UTF-16, little end":     {"application/json;charset=utf-16", "{\x00}\x00", "{}"},
		"Big5":                   {"text/html;charset=big5", "\xb5n\xa4J", "登入"},
	} {
		if got := string(Decode(tt.contentType, []byte(tt.body))); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
	r, err := CompileResult(ResultRules{CodeName: "code", MsgName: "m", Success: []string{"0"}, WebService: true})
	if err != nil {
		t.Fatal(err)
	}
	body := `<?xml version="1.0" encoding="GBK"?><a><code>1</code><m>` + gbk(t, "登录失败") + `</m></a>`
	if diff := cmp.Diff(Answer{Understood: true, Code: "1", Message: "登录失败"}, r.Read("text/xml", []byte(body))); diff != "" {
		t.Error(diff)
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ contentType, kind, body, want string }{
		"UTF-8":         {"application/json;charset=UTF-8", "json", `{"a":"登😀"}`, `{"a":"登😀"}`},
		"nothing said":  {"application/json", "json", `{"a":"登"}`, `{"a":"登"}`},
		"GBK":           {"application/json; charset=GBK", "json", `{"a":"登录"}`, gbk(t, `{"a":"登录"}`)},
		"JSON, lacking": {"application/json;charset=gbk", "json", `{"a":"登😀é"}`, gbk(t, `{"a":"登`) + `\ud83d\ude00` + gbk(t, `é"}`)},
		"XML, lacking":  {"text/xml;charset=GBK", "xml", `<登 b="😀">𠮷<![CDATA[x😀]]><!--😀--></登>`, gbk(t, `<登 b="&#x1F600;">&#x20BB7;<![CDATA[x]]>&#x1F600;<![CDATA[]]><!--?--></登>`)},
		"GB18030":       {"text/plain;charset=GB18030", "text", "😀", gbk(t, "😀")},
		"form":          {"application/x-www-form-urlencoded;charset=GBK", "form", "a=%E7%99%BB%E5%BD%95+x%20&b=%F0%9F%98%80%", "a=%B5%C7%C2%BC+x+&b=%26%23x1F600%3B%"},
		"form, plain":   {"application/x-www-form-urlencoded;charset=GBK", "form", "a=1&b=%25", "a=1&b=%25"},
	} {
		got, err := Encode(tt.contentType, tt.kind, []byte(tt.body))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, tt.want)
		}
	}
	for name, tt := range map[string]struct{ contentType, kind, body string }{
		"text":         {"text/plain;charset=GBK", "text", "😀"},
		"element name": {"text/xml;charset=GBK", "xml", "<😀/>"},
		"unknown":      {"text/plain;charset=klingon", "text", "a"},
	} {
		if got, err := Encode(tt.contentType, tt.kind, []byte(tt.body)); err == nil {
			t.Errorf("%s: is %q", name, got)
		}
	}
}
