package mapping

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"text/template"
	"time"
)

// benchmarkEvent is an event of about 985 bytes.
const benchmarkEvent = `{
  "id": "01JBXA7Q3M8Z",
  "time": "2024-11-05T09:30:00+08:00",
  "todo": {
    "id": "67298f0c9b3c1a0001a2b3c4",
    "version": 3,
    "type": "approval",
    "status": "pending",
    "title": "待审批:报价单 Q-2024-118",
    "itemTitle": "报价单审批",
    "content": "金额 10,000.00 & 折扣 <5%",
    "createdAt": "2024-11-05T09:29:58+08:00",
    "dueAt": "2024-11-06T18:00:00+08:00",
    "url": "https://crm.example.com/todo/67298f0c",
    "mobileUrl": "https://m.crm.example.com/todo/67298f0c",
    "object": {"apiName": "QuoteObj", "label": "报价单", "dataId": "6729aa", "name": "Q-2024-118"},
    "workflow": {"name": "报价审批", "node": "部门经理审批", "instanceId": "wf-91"},
    "sender": {"id": "1001", "name": "李雷"},
    "receivers": [{"id": "1002", "name": "韩梅梅", "status": "pending"}],
    "ext": {"amount": 10000, "currency": "CNY"}
  }
}`

// The two templates have 12 placeholders each.
const (
	benchmarkJSON = `{"registerCode": "3004", "taskId": "#F012_#F001", "title": "#F054 #F056 #F053", "senderName": "#F054",
 "state": "0", "thirdSenderId": "#F049", "thirdReceiverId": "#F001", "creationDate": "#F009", "content": "",
 "h5url": "#F118", "url": "#F117", "noneBindingSender": "", "noneBindingReceiver": "#F001"}`
	benchmarkXML = `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:web="webservices.ofs.weaver.com.cn">
 <soapenv:Header/><soapenv:Body><web:receiveRequestInfoByJson><web:in0>{"syscode":"crm","flowid":"#F012_#F001",
 "requestname":"#F054 #F056 #F053","creator":"#F054","state":"0","thirdSenderId":"#F049","receiver":"#F001",
 "createdatetime":"#F009","appurl":"#F118","pcurl":"#F117","noneBindingReceiver":"#F001"}</web:in0>
 </web:receiveRequestInfoByJson></soapenv:Body></soapenv:Envelope>`
	jsonAnswer = `{"success":true,"errorMsgs":[],"code":"0","message":"新增待办任务成功!","data":{"taskId":"67298f0c9b3c1a0001a2b3c4","uuid":"5b3726f884ae5c69eec12310"}}`
)

// soapAnswer is an answer of 1 KB with JSON inside.
var soapAnswer = `<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Header/><soap:Body><ns1:receiveRequestInfoByJsonResponse xmlns:ns1="webservices.ofs.weaver.com.cn"><ns1:out>{&quot;message&quot;:&quot;流程数据【报价单 Q-001 审批】自动新增待办成功&quot;,&quot;operResult&quot;:&quot;1&quot;,&quot;operType&quot;:&quot;AutoNew&quot;,&quot;dataType&quot;:&quot;WfData&quot;,&quot;syscode&quot;:&quot;crm&quot;` +
	strings.Repeat(`,&quot;field&quot;:&quot;value&quot;`, 10) + `}</ns1:out></ns1:receiveRequestInfoByJsonResponse></soap:Body></soap:Envelope>`

func benchmarkScope(tb testing.TB) *Scope {
	tb.Helper()
	d, err := ParseDoc([]byte(benchmarkEvent))
	if err != nil {
		tb.Fatal(err)
	}
	return &Scope{
		Event: d, Object: "todo", Tenant: "714439", Connection: "seeyon-hq", Scene: "create", EventID: "01JBXA7Q3M8Z",
		TryTime:  time.Date(2024, 11, 5, 1, 30, 0, 0, time.UTC),
		SignOnPC: "https://sync.example.com/oa/seeyon/714439/seeyon-hq/todo/QuoteObj/6729aa", SignOnMobile: "https://sync.example.com/oa/seeyon/714439/seeyon-hq/todo/QuoteObj/6729aa?device=mobile",
		Sender: Person{ID: "1001", Name: "李雷", Account: "lilei"}, Receivers: []Person{{ID: "1002", Name: "韩梅梅", Account: "hanmeimei"}},
	}
}

func benchmarkRender(b *testing.B, src string) {
	t, err := Compile(src, Options{Place: Body})
	if err != nil {
		b.Fatal(err)
	}
	s := benchmarkScope(b)
	var dst []byte
	b.Run("mapping", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if dst, err = t.Append(dst[:0], s, Wire); err != nil {
				b.Fatal(err)
			}
		}
	})
	segments, values := plainSegments(b, t, s)
	b.Run("segments", func(b *testing.B) { // the plain segment renderer: no lookup, no escaping
		b.ReportAllocs()
		for b.Loop() {
			dst = dst[:0]
			for i, s := range segments {
				dst = append(append(dst, s...), values[i]...)
			}
		}
	})
	tt, data := goTemplate(b, src, t, s)
	b.Run("encoding/json", func(b *testing.B) { // the values as members of an object, no lookup; inside XML, escaped again
		b.ReportAllocs()
		var buf, inner bytes.Buffer
		for b.Loop() {
			buf.Reset()
			inner.Reset()
			if err := json.NewEncoder(&inner).Encode(data); err != nil {
				b.Fatal(err)
			}
			if t.Kind() != "xml" {
				continue
			}
			if err := xml.EscapeText(&buf, inner.Bytes()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("text/template", func(b *testing.B) { // no lookup in the event, no escaping
		b.ReportAllocs()
		var buf bytes.Buffer
		for b.Loop() {
			buf.Reset()
			if err := tt.Execute(&buf, data); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// goTemplate is the same template for text/template, with the values that it needs.
func goTemplate(b *testing.B, src string, t *Template, s *Scope) (*template.Template, map[string]string) {
	b.Helper()
	text := strings.ReplaceAll(src, "#F", "{{.F")
	for _, code := range t.Placeholders() {
		text = strings.ReplaceAll(text, "{{."+code, "{{."+code+"}}")
	}
	data := map[string]string{}
	for _, e := range t.Explain(s) {
		data[e.Placeholder[1:]] = e.Value
	}
	return template.Must(template.New("").Parse(text)), data
}

func plainSegments(b *testing.B, t *Template, s *Scope) (segments, values []string) {
	b.Helper()
	r := run{t: t, s: s, mode: Wire, object: s.Event.Value(s.Object)}
	for i := range t.ops {
		segments = append(segments, t.ops[i].lit)
		v := value{}
		if h := t.ops[i].hole; h != nil {
			if err := r.source(&v, h.source, 0); err != nil {
				b.Fatal(err)
			}
		}
		values = append(values, v.string())
	}
	return segments, values
}

func BenchmarkRenderJSON12(b *testing.B)        { benchmarkRender(b, benchmarkJSON) }
func BenchmarkRenderXMLWithJSON12(b *testing.B) { benchmarkRender(b, benchmarkXML) }

func BenchmarkEventToBody(b *testing.B) {
	t, err := Compile(benchmarkJSON, Options{Place: Body})
	if err != nil {
		b.Fatal(err)
	}
	s := benchmarkScope(b)
	raw := []byte(benchmarkEvent)
	var dst []byte
	b.Run("mapping", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d, err := ParseDoc(raw)
			if err != nil {
				b.Fatal(err)
			}
			s.Event = d
			if dst, err = t.Append(dst[:0], s, Wire); err != nil {
				b.Fatal(err)
			}
		}
	})
	tt, data := goTemplate(b, benchmarkJSON, t, benchmarkScope(b))
	b.Run("text/template", func(b *testing.B) { // with encoding/json; the values are not looked up in what it reads, and not escaped
		b.ReportAllocs()
		var buf bytes.Buffer
		for b.Loop() {
			var event map[string]any
			if err := json.Unmarshal(raw, &event); err != nil {
				b.Fatal(err)
			}
			buf.Reset()
			if err := tt.Execute(&buf, data); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkReadJSONAnswer(b *testing.B) {
	r, err := CompileResult(ResultRules{CodeName: "code", MsgName: "message", DataName: "data.uuid", Success: []string{"0"}})
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(jsonAnswer)
	b.Run("mapping", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if a := r.Read("application/json;charset=UTF-8", body); !a.Success {
				b.Fatal(a)
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) { // into a struct of the members that are asked for
		b.ReportAllocs()
		for b.Loop() {
			var a struct {
				Code, Message string
				Data          struct{ UUID string }
			}
			if err := json.Unmarshal(body, &a); err != nil || a.Code != "0" {
				b.Fatal(a, err)
			}
		}
	})
}

func BenchmarkReadSOAPAnswer(b *testing.B) {
	r, err := CompileResult(ResultRules{CodeName: "operResult", MsgName: "message", Success: []string{"1"}, WebService: true})
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(soapAnswer)
	b.SetBytes(int64(len(body)))
	b.Run("mapping", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if a := r.Read("text/xml;charset=UTF-8", body); !a.Success {
				b.Fatal(a)
			}
		}
	})
	b.Run("etree", func(b *testing.B) { // the tree alone
		b.ReportAllocs()
		for b.Loop() {
			if _, err := parseXML(soapAnswer); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/xml", func(b *testing.B) { // its tree by tags, then the JSON inside
		b.ReportAllocs()
		for b.Loop() {
			var e struct {
				Out string `xml:"Body>receiveRequestInfoByJsonResponse>out"`
			}
			var a struct{ OperResult, Message string }
			if err := errors.Join(xml.Unmarshal(body, &e), json.Unmarshal([]byte(e.Out), &a)); err != nil || a.OperResult != "1" {
				b.Fatal(a, err)
			}
		}
	})
	b.Run("tokens", func(b *testing.B) { // only until the element, then the JSON inside
		b.ReportAllocs()
		for b.Loop() {
			var a struct{ OperResult, Message string }
			text, err := tokensUntil(body, "out")
			if err = errors.Join(err, json.Unmarshal(text, &a)); err != nil || a.OperResult != "1" {
				b.Fatal(a, err)
			}
		}
	})
}

// tokensUntil gives the text of the first element of a name.
func tokensUntil(body []byte, name string) ([]byte, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	for inside := false; ; {
		token, err := d.RawToken()
		if err != nil {
			return nil, errors.Join(io.ErrUnexpectedEOF, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inside = token.Name.Local == name
		case xml.CharData:
			if inside {
				return token, nil
			}
		}
	}
}
