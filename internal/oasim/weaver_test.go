package oasim

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// weaverFlow is the vendor's sample of a todo as JSON, with members changed; "-" removes one.
func weaverFlow(change map[string]string) string {
	m := map[string]string{
		"syscode": "crm", "flowid": "66f1a_zhangsan", "requestname": "报价单 Q-001 审批", "workflowname": "CRM审批", "nodename": "经理审批",
		"pcurl": "/oa/weaver?id=66f1a&o=QuoteObj", "appurl": "/oa/weaver?id=66f1a&o=QuoteObj", "isremark": "0", "viewtype": "0",
		"creator": "lisi", "createdatetime": "2024-11-05 09:30:00", "receiver": "zhangsan",
		"receivedatetime": "2024-11-05 09:30:00", "receivets": "1730770200000",
	}
	maps.Copy(m, change)
	maps.DeleteFunc(m, func(_, v string) bool { return v == "-" })
	b, _ := json.Marshal(m)
	return string(b)
}

// soapBody wraps the argument of an operation as the vendor's sample does.
func soapBody(operation, in0 string) string {
	return `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:web="webservices.ofs.weaver.com.cn">
 <soapenv:Header/><soapenv:Body><web:` + operation + `><web:in0>` + in0 + `</web:in0></web:` + operation + `></soapenv:Body></soapenv:Envelope>`
}

func weaverAnswer(result, operType, message string) string {
	return `{"syscode":"crm","dataType":"WfData","operType":"` + operType + `","operResult":"` + result + `","message":"` + message + `"}`
}

func newWeaver(t *testing.T) *client {
	c := start(t, Weaver, Config{Users: []string{"zhangsan", "lisi", "wangwu"}, Apps: []string{"crm"}})
	c.header["Content-Type"] = "application/json"
	return c
}

const weaverUpsert = "/rest/ofs/ReceiveRequestInfoByJson"

func TestWeaverSampleOverSOAP(t *testing.T) {
	t.Parallel()
	const in0 = `{"syscode":"crm","flowid":"66f1a-zhangsan","requestname":"报价单 Q-001 审批","workflowname":"CRM审批","nodename":"经理审批","pcurl":"/oa/weaver?id=66f1a&amp;o=QuoteObj","appurl":"/oa/weaver?id=66f1a&amp;o=QuoteObj","isremark":"0","viewtype":"0","creator":"lisi","createdatetime":"2024-11-05 09:30:00","receiver":"zhangsan","receivedatetime":"2024-11-05 09:30:00","receivets":"1730770200000"}`
	tests := map[string]struct {
		style Style
		want  string
	}{
		"escaped": {StyleEscaped, `<ns1:out>{&quot;syscode&quot;:&quot;crm&quot;,&quot;dataType&quot;:&quot;WfData&quot;,&quot;operType&quot;:&quot;AutoNew&quot;,&quot;operResult&quot;:&quot;1&quot;,&quot;message&quot;:&quot;流程数据【报价单 Q-001 审批】自动新增待办成功&quot;}</ns1:out>`},
		"cdata":   {StyleCDATA, `<ns1:out><![CDATA[{"syscode":"crm","dataType":"WfData","operType":"AutoNew","operResult":"1","message":"流程数据【报价单 Q-001 审批】自动新增待办成功"}]]></ns1:out>`},
		"bare":    {StyleBare, `<out xmlns="webservices.ofs.weaver.com.cn">{"syscode":"crm","dataType":"WfData","operType":"AutoNew","operResult":"1","message":"流程数据【报价单 Q-001 审批】自动新增待办成功"}</out>`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, Weaver, Config{Style: tt.style})
			c.header["Content-Type"], c.header["SOAPAction"] = "text/xml;charset=UTF-8", `""`
			c.want("POST", "/services/OfsTodoDataWebService", soapBody("receiveRequestInfoByJson", in0), 200,
				`<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><ns1:receiveRequestInfoByJsonResponse xmlns:ns1="webservices.ofs.weaver.com.cn">`+
					tt.want+`</ns1:receiveRequestInfoByJsonResponse></soap:Body></soap:Envelope>`)
			got := c.sim.Todos("zhangsan")
			if len(got) != 1 || got[0].ID != "66f1a-zhangsan" || got[0].URL != "/oa/weaver?id=66f1a&o=QuoteObj" || got[0].State != StateTodo {
				t.Errorf("inbox: got %+v", got)
			}
		})
	}
}

func TestWeaverFaults(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ body, want string }{
		"not XML":           {"{}", "faultstring"},
		"no envelope":       {"<a/>", "is not a SOAP envelope"},
		"unknown operation": {soapBody("receiveEverything", "{}"), "Invalid operation"},
		"wrong namespace":   {strings.Replace(soapBody("receiveRequestInfoByJson", "{}"), "webservices.ofs", "webservice.ofs", 1), "Invalid operation"},
		"no in0":            {strings.ReplaceAll(soapBody("receiveRequestInfoByJson", "{}"), "web:in0", "web:in1"), "in0 is missing"},
		"in0 is no JSON":    {soapBody("receiveRequestInfoByJson", `{"syscode":"crm"`), "unexpected EOF"},
		"short time":        {soapBody("receiveRequestInfoByJson", weaverXML(map[string]string{"createdatetime": "2024-11-05 09:30"})), "String index out of range"},
		"document type":     {"<!DOCTYPE a [<!ENTITY b 'c'>]>" + soapBody("receiveRequestInfoByJson", "{}"), "document type"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newWeaver(t)
			status, got := c.must("POST", "/services/OfsTodoDataWebService", tt.body)
			if status != 500 || !strings.Contains(got, "<faultcode>soap:Server</faultcode>") || !strings.Contains(got, tt.want) {
				t.Errorf("got %d %s, want a fault with %q", status, got, tt.want)
			}
			c.wantStates()
		})
	}
	t.Run("SOAP 1.2", func(t *testing.T) {
		t.Parallel()
		c := newWeaver(t)
		body := strings.Replace(soapBody("nothing", ""), soap11, soap12, 1)
		if _, got := c.must("POST", "/services/OfsTodoDataWebService", body); !strings.Contains(got, "<soap:Value>soap:Receiver</soap:Value>") {
			t.Errorf("got %s, want a fault of SOAP 1.2", got)
		}
	})
}

func weaverXML(change map[string]string) string { return escapeXML(weaverFlow(change)) }

func TestWeaverRefusals(t *testing.T) {
	t.Parallel()
	const title = "报价单 Q-001 审批"
	tests := map[string]struct {
		change map[string]string
		want   string
	}{
		"syscode":          {map[string]string{"syscode": "erp"}, `{"syscode":"erp","dataType":"OtherSys","operType":"Check","operResult":"0","message":"异构系统标识【erp】未注册"}`},
		"workflow":         {map[string]string{"workflowname": " "}, `{"syscode":"crm","dataType":"WfType","operType":"Check","operResult":"0","message":"流程类型未填写"}`},
		"title":            {map[string]string{"requestname": ""}, weaverAnswer("0", "Check", "流程标题未填写")},
		"node":             {map[string]string{"nodename": "-"}, weaverAnswer("0", "Check", "流程节点未填写")},
		"creator":          {map[string]string{"creator": "nobody"}, weaverAnswer("0", "Check", "流程数据【"+title+"】检测创建人不存在")},
		"no creator":       {map[string]string{"creator": ""}, weaverAnswer("0", "Check", "流程数据【"+title+"】检测创建人不存在")},
		"receiver":         {map[string]string{"receiver": "nobody"}, weaverAnswer("0", "Check", "流程数据【"+title+"】检测接收人不存在")},
		"flowid":           {map[string]string{"flowid": "-"}, weaverAnswer("0", "Check", "流程数据标识未填写")},
		"link":             {map[string]string{"pcurl": "-"}, weaverAnswer("0", "Check", "流程链接未填写")},
		"isremark":         {map[string]string{"isremark": "9"}, weaverAnswer("0", "Check", "流程数据【"+title+"】流程处理状态不正确")},
		"viewtype":         {map[string]string{"viewtype": "-"}, weaverAnswer("0", "Check", "流程数据【"+title+"】流程查看状态不正确")},
		"link may be bare": {map[string]string{"pcurl": ""}, weaverAnswer("1", "AutoNew", "流程数据【"+title+"】自动新增待办成功")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newWeaver(t).want("POST", weaverUpsert, weaverFlow(tt.change), 200, tt.want)
		})
	}
}

func TestWeaverTimesAreOfExactLength(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"2024-11-05 09:30", "2024-11-05T09:30:00+08:00", "", "2024-13-05 09:30:00", "2024-11-05 09:30:00.5"} {
		for _, field := range []string{"createdatetime", "receivedatetime"} {
			c := newWeaver(t)
			if status, got := c.must("POST", weaverUpsert, weaverFlow(map[string]string{field: bad})); status != 500 || len(c.sim.All()) != 0 {
				t.Errorf("%s %q: got %d %s, want 500", field, bad, status, got)
			}
		}
	}
	c := newWeaver(t)
	if status, _ := c.must("POST", weaverUpsert, weaverFlow(map[string]string{"receivets": "soon"})); status != 500 {
		t.Errorf("receivets that is no number: got %d, want 500", status)
	}
}

func TestWeaverLife(t *testing.T) {
	t.Parallel()
	c := newWeaver(t)
	say := func(change map[string]string, operType, message string) {
		t.Helper()
		c.want("POST", weaverUpsert, weaverFlow(change), 200, weaverAnswer("1", operType, message))
	}
	say(nil, "AutoNew", "流程数据【报价单 Q-001 审批】自动新增待办成功")
	say(map[string]string{"requestname": "报价单 Q-001 复审", "receivets": "1730770200001"}, "AutoEdit", "流程数据【报价单 Q-001 复审】自动更新待办成功")
	say(map[string]string{"isremark": "2", "receivets": "1730770200002"}, "AutoEdit", "流程数据【报价单 Q-001 审批】自动更新已办成功")
	c.wantStates("zhangsan 66f1a_zhangsan done")
	say(map[string]string{"receivets": "1730770200001"}, "AutoEdit", "流程数据【报价单 Q-001 审批】自动更新待办成功")
	c.wantStates("zhangsan 66f1a_zhangsan done") // older than what it has: answered and dropped
	say(map[string]string{"isremark": "4", "receivets": "1730770200003"}, "AutoEdit", "流程数据【报价单 Q-001 审批】自动更新办结成功")
	say(map[string]string{"receivets": "1730770200004"}, "AutoEdit", "流程数据【报价单 Q-001 审批】自动更新待办成功") // re-opened: an upsert
	c.want("POST", "/rest/ofs/deleteUserRequestInfoByJson", `{"syscode":"crm","flowid":"66f1a_zhangsan","userid":"zhangsan"}`, 200,
		weaverAnswer("1", "Del", "流程数据【66f1a_zhangsan】删除成功"))
	c.want("POST", "/rest/ofs/deleteUserRequestInfoByJson", `{"syscode":"crm","flowid":"66f1a_zhangsan","userid":"zhangsan"}`, 200,
		weaverAnswer("0", "Del", "流程数据【66f1a_zhangsan】不存在"))
	c.wantStates("zhangsan 66f1a_zhangsan deleted")
	say(map[string]string{"isremark": "8", "receivets": "1"}, "AutoNew", "流程数据【报价单 Q-001 审批】自动新增待阅成功")
	var got []Effect
	for _, call := range c.sim.Calls() {
		got = append(got, call.Effect)
	}
	want := []Effect{
		EffectNew, EffectEdited, EffectDone, EffectDropped, EffectDone, EffectEdited, EffectDeleted, EffectRefused, EffectNew,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("effects (-want +got):\n%s", d)
	}
}

func TestWeaverDoneMatchesTitleFlowAndNode(t *testing.T) {
	t.Parallel()
	const missing, done = "流程数据【%】不存在", "流程数据【%】自动更新已办成功"
	tests := map[string]struct {
		op     string
		change map[string]string
		want   string
	}{
		"the same":         {"ProcessDoneRequestByJson", nil, done},
		"other title":      {"ProcessDoneRequestByJson", map[string]string{"requestname": "改过的标题"}, missing},
		"other flow":       {"ProcessDoneRequestByJson", map[string]string{"workflowname": "x"}, missing},
		"other node":       {"ProcessDoneRequestByJson", map[string]string{"nodename": "x"}, missing},
		"other receiver":   {"ProcessDoneRequestByJson", map[string]string{"receiver": "lisi"}, missing},
		"over, other node": {"ProcessOverRequestByJson", map[string]string{"nodename": "x"}, "流程数据【%】自动更新办结成功"},
		"no creator":       {"ProcessDoneRequestByJson", map[string]string{"creator": "-", "createdatetime": "-", "receivedatetime": "-"}, done},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newWeaver(t)
			c.want("POST", "/rest/ofs/ReceiveTodoRequestByJson", weaverFlow(nil), 200,
				weaverAnswer("1", "AutoNew", "流程数据【报价单 Q-001 审批】自动新增待办成功"))
			c.want("POST", "/rest/ofs/ReceiveTodoRequestByJson", weaverFlow(nil), 200,
				weaverAnswer("0", "Check", "流程数据【报价单 Q-001 审批】已存在"))
			title := "报价单 Q-001 审批"
			if tt.change["requestname"] != "" {
				title = tt.change["requestname"]
			}
			_, got := c.must("POST", "/rest/ofs/"+tt.op, weaverFlow(tt.change))
			if want := strings.Replace(tt.want, "%", title, 1); !strings.Contains(got, `"`+want+`"`) {
				t.Errorf("got %s, want %s", got, want)
			}
			if strings.Contains(tt.want, "不存在") {
				c.wantStates("zhangsan 66f1a_zhangsan todo")
			}
		})
	}
}

func TestWeaverOverEndsTheWholeFlow(t *testing.T) {
	t.Parallel()
	c := newWeaver(t)
	for _, who := range []string{"zhangsan", "lisi", "wangwu"} {
		c.must("POST", weaverUpsert, weaverFlow(map[string]string{"receiver": who, "flowid": "f"}))
	}
	c.must("POST", "/rest/ofs/ProcessDoneRequestByJson", weaverFlow(map[string]string{"flowid": "f"}))
	c.must("POST", "/rest/ofs/ProcessOverRequestByJson", weaverFlow(map[string]string{"flowid": "f", "receiver": "lisi"}))
	c.wantStates("zhangsan f over", "lisi f over", "wangwu f todo")
	c.must("POST", "/rest/ofs/deleteRequestInfoByJson", `{"syscode":"crm","flowid":"f"}`)
	c.wantStates("zhangsan f deleted", "lisi f deleted", "wangwu f deleted")
}

func TestWeaverOtherForms(t *testing.T) {
	t.Parallel()
	c := newWeaver(t)
	xml := "<request>"
	var m map[string]string
	if err := json.Unmarshal([]byte(weaverFlow(nil)), &m); err != nil {
		t.Fatal(err)
	}
	entries := ""
	for k, v := range m {
		xml += "<" + k + ">" + escapeXML(v) + "</" + k + ">"
		entries += "<web:entry><web:key>" + k + "</web:key><web:value>" + escapeXML(v) + "</web:value></web:entry>"
	}
	xml += "</request>"
	const info = `<ResultInfo><syscode>crm</syscode><dataType>WfData</dataType><operType>AutoNew</operType><operResult>1</operResult><message>流程数据【报价单 Q-001 审批】自动新增待办成功</message></ResultInfo>`
	c.want("POST", "/rest/ofs/ReceiveRequestInfoByXml", xml, 200, info)
	_, got := c.must("POST", weaverService, soapBody("receiveRequestInfoByXml", escapeXML(xml)))
	if want := strings.NewReplacer("AutoNew", "AutoEdit", "新增", "更新").Replace(escapeXML(info)); !strings.Contains(got, want) {
		t.Errorf("got %s, want %s in it", got, want)
	}
	if _, got = c.must("POST", weaverService, soapBody("receiveRequestInfoByMap", entries)); !strings.Contains(got, "自动更新待办成功") {
		t.Errorf("by map: got %s", got)
	}
	if status, got := c.must("GET", weaverService+"?wsdl", ""); status != 200 || !strings.Contains(got, `name="receiveRequestInfoByJson"`) {
		t.Errorf("wsdl: got %d %s", status, got)
	} else if _, err := readXML(got); err != nil {
		t.Errorf("wsdl: %v", err)
	}
	for _, path := range []string{"/rest/ofs/receiveRequestInfoByJson", "/rest/ofs/ReceiveRequestInfo", "/services/Other", "/"} {
		if status, _ := c.must("POST", path, "{}"); status != 404 {
			t.Errorf("%s: got %d, want 404", path, status)
		}
	}
	c.header["Content-Type"] = "text/plain"
	if status, _ := c.must("POST", weaverUpsert, weaverFlow(nil)); status != 415 {
		t.Errorf("text/plain: got %d, want 415", status)
	}
}
