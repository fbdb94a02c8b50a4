package oasim

import (
	"encoding/base64"
	"strings"
	"testing"
)

// landraySample is the vendor's sample of a todo.
const landraySample = `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:web="http://webservice.notify.sys.kmss.landray.com/">
 <soapenv:Header><tns:RequestSOAPHeader xmlns:tns="http://sys.webservice.client"><tns:user>crm</tns:user><tns:password>5f4dcc3b5aa765d61d8327deb882cf99</tns:password></tns:RequestSOAPHeader></soapenv:Header>
 <soapenv:Body><web:sendTodo><arg0>
  <appName>CRM</appName><createTime>2024-11-05 09:30:00</createTime><key>QuoteObj</key>
  <link>https://sso.example/oa/ekp/QuoteObj/66f1a?x=1&amp;y=2</link><modelId>66f1a</modelId><modelName>CRM审批</modelName>
  <subject>李四 提交的 报价单</subject><targets>{"LoginName":"zhangsan"}</targets><type>1</type></arg0></web:sendTodo></soapenv:Body></soapenv:Envelope>`

func landrayAnswer(op, inner string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><ns2:` + op +
		`Response xmlns:ns2="http://webservice.notify.sys.kmss.landray.com/"><return>` + inner + `</return></ns2:` + op + `Response></soap:Body></soap:Envelope>`
}

func newLandray(t *testing.T) *client {
	c := start(t, Landray, Config{Users: []string{"zhangsan", "lisi"}, User: "crm", Password: "password"})
	c.header["Content-Type"] = "text/xml;charset=UTF-8"
	return c
}

func TestLandraySOAP(t *testing.T) {
	t.Parallel()
	c := newLandray(t)
	c.want("POST", landrayService, landraySample, 200, landrayAnswer("sendTodo", "<message/><returnState>2</returnState>"))
	got := c.sim.Todos("zhangsan")
	if len(got) != 1 || got[0].ID != "66f1a" || got[0].App != "CRM|CRM审批|QuoteObj||" || got[0].URL != "https://sso.example/oa/ekp/QuoteObj/66f1a?x=1&y=2" {
		t.Fatalf("inbox: got %+v", got)
	}
	c.want("POST", landrayService, strings.Replace(landraySample, "zhangsan", "nobody", 1), 200,
		landrayAnswer("sendTodo", "<message>待办接收人不存在</message><returnState>1</returnState>"))
	done := strings.NewReplacer("sendTodo", "setTodoDone", "<type>1</type>", "<type>1</type><optType>2</optType>").Replace(landraySample)
	c.want("POST", landrayService, strings.Replace(done, "QuoteObj<", "OtherObj<", 1), 200,
		landrayAnswer("setTodoDone", "<message/><returnState>0</returnState>")) // another key is another todo
	c.want("POST", landrayService, done, 200, landrayAnswer("setTodoDone", "<message/><returnState>2</returnState>"))
	c.wantStates("zhangsan 66f1a done")
}

func TestLandrayFaults(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ old, new string }{
		"password":            {"5f4dcc3b5aa765d61d8327deb882cf99", "password"}, // plain, where the MD5 belongs
		"user":                {"<tns:user>crm<", "<tns:user>erp<"},
		"no header":           {"RequestSOAPHeader", "Other"},
		"qualified argument":  {"arg0>", "web:arg0>"},
		"operation namespace": {"webservice.notify.sys", "webservice.other.sys"},
		"operation":           {"sendTodo", "getTodo"},
		"not XML":             {"</soapenv:Envelope>", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newLandray(t)
			status, got := c.must("POST", landrayService, strings.ReplaceAll(landraySample, tt.old, tt.new))
			if status != 500 || !strings.Contains(got, "<soap:Fault><faultcode>soap:Server</faultcode>") {
				t.Errorf("got %d %s, want a fault", status, got)
			}
			c.wantStates()
		})
	}
}

func TestLandrayREST(t *testing.T) {
	t.Parallel()
	const path = "/api/sys-notify/sysNotifyTodoRestService/"
	const ok, nothing = `{"returnState":2,"message":"success"}`, `{"returnState":0,"message":""}`
	const key = `"appName":"CRM","modelName":"CRM审批","modelId":"66f1a","key":"QuoteObj"`
	todo := func(targets string) string {
		return `{` + key + `,"subject":"报价单","link":"https://crm.example.com/1","type":1,"targets":` + targets + `,"createTime":"2024-11-05 09:30:00"}`
	}
	c := newLandray(t)
	c.header["Content-Type"] = "application/json"
	if status, _ := c.must("POST", path+"sendTodo", todo(`"{\"LoginName\":\"lisi\"}"`)); status != 401 {
		t.Errorf("without credentials: got %d, want 401", status)
	}
	c.header["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte("crm:password"))
	c.want("POST", path+"sendTodo", todo(`"[{\"LoginName\":\"lisi\"},{\"PersonNo\":\"zhangsan\"}]"`), 200, ok)
	_, got := c.must("POST", path+"sendTodo", todo(`{"LoginName":"lisi"}`))
	if !strings.Contains(got, `"returnState":1`) {
		t.Errorf("targets as an object, not as text: got %s, want a refusal", got)
	}
	c.want("POST", path+"updateTodo", `{`+key+`,"subject":"报价单 改","link":"https://crm.example.com/2"}`, 200, ok)
	for _, e := range c.sim.All() {
		if e.Title != "报价单 改" || e.URL != "https://crm.example.com/2" {
			t.Errorf("after updateTodo: got %+v", e)
		}
	}
	c.want("POST", path+"setTodoDone", `{`+key+`,"optType":2,"targets":"{\"LoginName\":\"lisi\"}"}`, 200, ok)
	c.wantStates("lisi 66f1a done", "zhangsan 66f1a todo")
	c.want("POST", path+"setTodoDone", `{`+key+`,"optType":2}`, 200, `{"returnState":1,"message":"参数targets不能为空"}`)
	c.want("POST", path+"deleteTodo", `{`+key+`,"optType":1}`, 200, ok)
	c.want("POST", path+"deleteTodo", `{`+key+`,"optType":1}`, 200, nothing)
	c.wantStates("lisi 66f1a deleted", "zhangsan 66f1a deleted")
	c.want("POST", path+"updateTodo", `{`+key+`,"subject":"x","link":"y"}`, 200, nothing)
	for name, body := range map[string]string{
		"type":  strings.Replace(todo(`"{\"Id\":\"lisi\"}"`), `"type":1`, `"type":5`, 1),
		"time":  strings.Replace(todo(`"{\"Id\":\"lisi\"}"`), `09:30:00`, `09:30`, 1),
		"model": strings.Replace(todo(`"{\"Id\":\"lisi\"}"`), `66f1a`, ``, 1),
		"link":  strings.Replace(todo(`"{\"Id\":\"lisi\"}"`), `"link"`, `"lnk"`, 1),
		"empty": todo(`"[]"`),
	} {
		if _, got := c.must("POST", path+"sendTodo", body); !strings.Contains(got, `"returnState":1`) {
			t.Errorf("%s: got %s, want a refusal", name, got)
		}
	}
	c.want("POST", path+"sendTodo", strings.Replace(todo(`"{\"Id\":\"lisi\"}"`), `"type":1`, `"type":2`, 1), 200, ok)
	c.wantStates("lisi 66f1a cc", "zhangsan 66f1a deleted")
}
