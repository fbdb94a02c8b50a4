package connector

import (
	"reflect"
	"strings"
	"testing"

	"todosync/mapping"
	"todosync/retry"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	rest := mapping.ResultRules{
		CodeName: "code", MsgName: "message", DataName: "data.id", Success: []string{"0"}, DuplicateCodes: []string{"409"},
		GoneMessages: []string{"】不存在"}, PartialCodes: []string{"501"}, PartialAccounts: "failed",
	}
	soap := mapping.ResultRules{CodeName: "operResult", MsgName: "message", Success: []string{"1"}, XMLJSONField: "out", WebService: true}
	keeps := mapping.ResultRules{
		MsgName: "msg", DataName: "id", GoneMessages: []string{"task not exist"}, Remember: map[string]string{"F301": "more.key", "F302": "none"},
	}
	const fault = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Server</faultcode>` +
		`<faultstring>库存不足</faultstring></s:Fault></s:Body></s:Envelope>`
	tests := map[string]struct {
		rules   mapping.ResultRules
		status  int
		body    string
		account string
		want    verdict
	}{
		"taken":              {rest, 200, `{"code":0,"message":"ok","data":{"id":"77"}}`, "a", verdict{code: "0", message: "ok", remoteID: "77", left: true}},
		"refused":            {rest, 200, `{"code":"7","message":"no"}`, "a", verdict{class: retry.Business, code: "7", message: "no", left: true}},
		"refused in silence": {rest, 200, `{"code":"7"}`, "a", verdict{class: retry.Business, code: "7", message: "the OA refused it without a message", left: true}},
		"already there":      {rest, 200, `{"code":409}`, "a", verdict{code: "409", duplicate: true, left: true}},
		"not there":          {rest, 200, `{"code":5,"message":"待办【x】不存在"}`, "a", verdict{code: "5", message: "待办【x】不存在", gone: true, left: true}},
		"others failed":      {rest, 200, `{"code":501,"message":"部分失败","failed":["b"]}`, "a", verdict{code: "501", message: "部分失败", left: true}},
		"he failed":          {rest, 200, `{"code":501,"message":"部分失败","failed":["a"]}`, "a", verdict{class: retry.Business, code: "501", message: "部分失败 (failed: a)", left: true}},
		"one of several":     {rest, 200, `{"code":501,"message":"部分失败","failed":["b"]}`, "a,b", verdict{code: "501", message: "部分失败", left: true, failed: []string{"b"}}},
		"all of several":     {rest, 200, `{"code":501,"message":"部分失败","failed":["b","a"]}`, "a,b", verdict{class: retry.Business, code: "501", message: "部分失败 (failed: b, a)", left: true}},
		"strangers failed":   {rest, 200, `{"code":501,"message":"部分失败","failed":["x"]}`, "a,b", verdict{class: retry.Business, code: "501", message: "部分失败 (failed: x)", left: true, unclear: true}},
		"nobody says who":    {rest, 200, `{"code":501,"message":"部分失败","failed":[]}`, "a", verdict{class: retry.Business, code: "501", message: "部分失败 (failed: )", left: true}},
		"a fault with 500":   {soap, 500, fault, "a", verdict{class: retry.Business, code: "Server", message: "库存不足", left: true}},
		"a fault with 502":   {soap, 502, fault, "a", verdict{class: retry.Business, code: "Server", message: "库存不足", left: true}},
		"a fault with 200":   {soap, 200, fault, "a", verdict{class: retry.Business, code: "Server", message: "库存不足", left: true}},
		"a page with 502":    {soap, 502, `<html>bad gateway</html>`, "a", verdict{class: retry.HTTP5xx, unanswered: true, left: true}},
		"an error in JSON":   {rest, 400, `{"code":0,"message":"ok"}`, "a", verdict{class: retry.HTTP4xx, code: "0", left: true}},
		"a status and words": {rest, 400, `{"code":1390001,"message":"param is invalid"}`, "a", verdict{class: retry.HTTP4xx, code: "1390001", message: "http_4xx: : param is invalid", left: true}},
		"busy, and words":    {rest, 503, `{"code":409,"message":"待办【x】不存在"}`, "a", verdict{class: retry.HTTP5xx, code: "409", message: "http_5xx: : 待办【x】不存在", left: true}},
		"there, with 409":    {rest, 409, `{"code":409}`, "a", verdict{code: "409", duplicate: true, left: true}},
		"not there, 404":     {rest, 404, `{"code":5,"message":"待办【x】不存在"}`, "a", verdict{code: "5", message: "待办【x】不存在", gone: true, left: true}},
		"a token, with 401":  {rest, 401, `{"code":409,"message":"no"}`, "a", verdict{class: retry.HTTP4xx, code: "409", message: "http_4xx: : no", left: true}},
		"values to remember": {keeps, 200, `{"id":"m1","more":{"key":"k1"}}`, "a", verdict{remoteID: "m1", remembered: map[string]string{"F301": "k1", "F302": ""}, left: true}},
		"words without code": {keeps, 400, `{"code":"x","msg":"task not exist"}`, "a", verdict{message: "task not exist", gone: true, left: true}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules, err := mapping.CompileResult(tt.rules)
			if err != nil {
				t.Fatal(err)
			}
			receipt := retry.Receipt{Status: tt.status, Body: []byte(tt.body)}
			var failed error
			if class := retry.ClassOfStatus(tt.status); class != "" {
				failed = &retry.Error{Class: class, Status: tt.status, Unanswered: tt.status == 502}
			}
			got := judge(rules, &receipt, failed, strings.Split(tt.account, ","))
			if tt.want.message == "" {
				got.message = "" // the words of package retry
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("judge = %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestUsableToken(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]bool{
		"9f0c7c1e-0000-4000-8000-000000000001": true, "abc": true, "<html><body>login</body></html>": false, "a\r\nb": false,
		`{"x":1}`: false, `["x"]`: false, strings.Repeat("x", 9<<10): false,
	} {
		if got := usableToken(token); got != want {
			t.Errorf("usableToken(%.40q) = %t, want %t", token, got, want)
		}
	}
}
