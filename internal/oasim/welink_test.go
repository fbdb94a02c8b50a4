package oasim

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

const welinkSample = `{"taskId":"66f1a_zhangsan","taskTitle":"待审批:报价单","userId":"zhangsan","userNameCn":"张三","userNameEn":"Zhang San",
 "detailsUrl":"https://crm.example.com/m/1","detailsUrlPc":"https://crm.example.com/1","appName":"CRM","applicantUserId":"lisi",
 "applicantUserNameCn":"李四","applicantUserNameEn":"Li Si","applicantId":"66f1a","isMsg":0,"isShowApplicantUserName":true,"businessCode":"quote"}`

func newWeLink(t *testing.T) (*client, *clock) {
	k := newClock()
	c := start(t, WeLink, Config{Users: []string{"zhangsan", "lisi"}, User: "the-client", Password: "the-secret", Now: k.now})
	c.header["Content-Type"] = "application/json"
	_, body := c.must("POST", "/api/auth/v2/tickets", `{"client_id":"the-client","client_secret":"the-secret"}`)
	var a struct {
		Code        string
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil || a.Code != "0" || a.AccessToken == "" || a.ExpiresIn != 7200 {
		t.Fatalf("token: got %s", body)
	}
	c.header["x-wlk-Authorization"] = a.AccessToken
	return c, k
}

func TestWeLinkLife(t *testing.T) {
	t.Parallel()
	c, k := newWeLink(t)
	const added = `{"code":"0","message":"新增待办任务成功!","data":{"taskId":"66f1a_zhangsan","uuid":"u-66f1a_zhangsan"}}`
	c.want("POST", "/api/todo/v3/addtask", welinkSample, 200, added)
	c.want("POST", "/api/todo/v3/addtask", strings.Replace(welinkSample, `"userId":"zhangsan"`, `"userId":"lisi"`, 1), 200, `{"code":"55006","message":"Invalid parameter: taskId"}`)
	c.want("PUT", "/api/todo/v2/updatetask?taskId=66f1a_zhangsan&userId=lisi&userNameCn=%E6%9D%8E%E5%9B%9B&userNameEn=Li", "", 200,
		`{"code":"0","message":"Update todo task successfully.","data":true}`)
	c.wantStates("zhangsan 66f1a_zhangsan done", "lisi 66f1a_zhangsan todo")
	c.want("PUT", "/api/todo/v2/updatetask?taskId=none&userId=lisi&userNameCn=a&userNameEn=b", "", 200, `{"code":"55008","message":"Update todo task failed."}`)
	c.want("DELETE", "/api/todo/v1/deltask?taskId=66f1a_zhangsan", "", 200, `{"code":"0","message":"Delete todo task successfully.","data":true}`)
	c.want("DELETE", "/api/todo/v1/deltask?taskId=66f1a_zhangsan", "", 200, `{"code":"55009","message":"Delete todo task failed."}`)
	c.want("DELETE", "/api/todo/v1/deltask", "", 200, `{"code":"55005","message":"Missing parameter: taskId"}`)
	c.want("POST", "/api/todo/v3/addtask", strings.Replace(welinkSample, `"isMsg":0`, `"isMsg":"1"`, 1), 200, added)
	if got := c.sim.Todos("zhangsan"); len(got) != 1 || !got[0].Message {
		t.Errorf("isMsg: got %+v, want a notice", got)
	}
	k.move(2 * time.Hour)
	c.want("POST", "/api/todo/v3/addtask", welinkSample, 200, `{"code":"55000","message":"Authentication failed."}`)
}

func TestWeLinkRefusals(t *testing.T) {
	t.Parallel()
	c, k := newWeLink(t)
	for _, name := range []string{"taskId", "taskTitle", "userId", "userNameCn", "userNameEn", "detailsUrl", "appName", "applicantUserId"} {
		c.want("POST", "/api/todo/v3/addtask", strings.Replace(welinkSample, `"`+name+`"`, `"x`+name+`"`, 1), 200, `{"code":"55005","message":"Missing parameter: `+name+`"}`)
	}
	c.want("POST", "/api/todo/v3/addtask", strings.Replace(welinkSample, `"isMsg":0`, `"isMsg":7`, 1), 200, `{"code":"55006","message":"Invalid parameter: isMsg"}`)
	c.want("POST", "/api/todo/v3/addtask", strings.Replace(welinkSample, `"zhangsan"`, `"nobody"`, 1), 200, `{"code":"55006","message":"Invalid parameter: userId"}`)
	c.wantStates()
	ticket := func(id, secret, code string) {
		t.Helper()
		_, got := c.must("POST", "/api/auth/v2/tickets", `{"client_id":"`+id+`","client_secret":"`+secret+`"}`)
		if !strings.Contains(got, `"code":"`+code+`"`) {
			t.Errorf("%s/%s: got %s, want code %s", id, secret, got, code)
		}
	}
	ticket("", "x", "41579")
	ticket("x", "", "41580")
	for range welinkFailures {
		ticket("the-client", "no", "10007")
	}
	ticket("the-client", "the-secret", "41403")
	k.move(welinkLock)
	ticket("the-client", "the-secret", "0")
}
