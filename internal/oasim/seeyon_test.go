package oasim

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// seeyonTodo is the vendor's sample of a todo.
const seeyonTodo = `{"registerCode":"3004","taskId":"crm-66f1a-zhangsan","title":"李四 提交的 报价单待审批","senderName":"李四",
 "state":"0","thirdSenderId":"lisi","thirdReceiverId":"zhangsan","creationDate":"2024-11-05 09:30","content":"",
 "url":"https://sso.example/oa/seeyon/QuoteObj/66f1a/7/false","h5url":"https://sso.example/oa/seeyon/QuoteObj/66f1a/7/true",
 "noneBindingSender":"","noneBindingReceiver":"zhangsan"}`

const (
	seeyonOK      = `{"success":true,"errorMsgs":[]}`
	seeyonReceive = "/seeyon/rest/thirdpartyPending/receive"
	seeyonUpdate  = "/seeyon/rest/thirdpartyPending/updatePendingState"
)

func seeyonNo(why string) string { return `{"success":false,"errorMsgs":["` + why + `"]}` }

// newSeeyon is logged in.
func newSeeyon(t *testing.T, now func() time.Time) *client {
	c := start(t, Seeyon, Config{
		Users: []string{"zhangsan", "lisi"}, User: "rest", Password: "a-password", Apps: []string{"3004", "3006"}, Now: now,
	})
	c.header["Content-Type"] = "application/json;charset=UTF-8"
	c.header["Accept"] = "application/json"
	c.header["token"] = c.login()
	return c
}

func (c *client) login() string {
	c.t.Helper()
	_, body := c.must("POST", "/seeyon/rest/token", `{"userName":"rest","password":"a-password"}`)
	id, ok := strings.CutPrefix(body, `{"id":"`)
	id, rest, _ := strings.Cut(id, `"`)
	if !ok || rest != `,"bindingUser":null}` || len(id) != 36 {
		c.t.Fatalf("token: got %s", body)
	}
	return id
}

func TestSeeyonToken(t *testing.T) {
	t.Parallel()
	c := newSeeyon(t, nil)
	c.want("POST", "/seeyon/rest/token", `{"userName":"rest","password":"wrong"}`, 200, `{"id":"-1"}`)
	delete(c.header, "Accept")
	c.want("POST", "/seeyon/rest/token", `{"userName":"rest","password":"wrong"}`, 200, "-1")
	_, bare := c.must("GET", "/seeyon/rest/token/rest/a-password", "")
	if len(bare) != 36 || strings.Contains(bare, `"`) {
		t.Fatalf("without Accept: got %s, want the token alone", bare)
	}
	delete(c.header, "token")
	c.want("POST", seeyonReceive, seeyonTodo, 401, "Invalid token,please authenticate again")
	c.want("POST", seeyonReceive+"?token="+bare, seeyonTodo, 200, seeyonOK)
	c.sim.ExpireTokens()
	c.want("POST", seeyonReceive+"?token="+bare, seeyonTodo, 401, "Invalid token,please authenticate again")
	if got := c.sim.Arrived(); got != 3 {
		t.Errorf("arrived: got %d, want 3: calls for tokens are not counted", got)
	}
}

func TestSeeyonTokenLivesFromItsLastUse(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(time.Date(2024, 11, 5, 9, 30, 0, 0, time.UTC).UnixNano())
	c := newSeeyon(t, func() time.Time { return time.Unix(0, now.Load()) })
	for range 3 {
		now.Add(int64(14 * time.Minute))
		c.want("POST", seeyonReceive, seeyonTodo, 200, seeyonOK)
	}
	now.Add(int64(15 * time.Minute))
	c.want("POST", seeyonReceive, seeyonTodo, 401, "Invalid token,please authenticate again")
}

func TestSeeyonLife(t *testing.T) {
	t.Parallel()
	c := newSeeyon(t, nil)
	c.want("POST", seeyonReceive, seeyonTodo, 200, seeyonOK)
	c.want("POST", seeyonReceive, strings.Replace(seeyonTodo, "待审批", "待复审", 1), 200, seeyonOK)
	if got := c.sim.Todos("zhangsan"); len(got) != 1 || got[0].Title != "李四 提交的 报价单待复审" || got[0].Writes != 2 {
		t.Fatalf("pushed again while open: got %+v, want it written anew", got)
	}
	c.want("POST", seeyonUpdate, `{"registerCode":"3004","taskId":"crm-66f1a-zhangsan","state":"1","subState":"3"}`, 200, seeyonOK)
	c.wantStates("zhangsan crm-66f1a-zhangsan done")
	if got := c.sim.All()[0].Result; got != "3" {
		t.Errorf("subState: got %q, want 3", got)
	}
	c.want("POST", seeyonReceive, seeyonTodo, 200, seeyonNo("待办【crm-66f1a-zhangsan】已处理，不能重复接收"))
	c.want("POST", seeyonUpdate, `{"registerCode":"3004","taskId":"crm-66f1a-zhangsan","state":"2"}`, 200, seeyonOK)
	c.wantStates("zhangsan crm-66f1a-zhangsan deleted")
	c.want("POST", seeyonUpdate, `{"registerCode":"3004","taskId":"crm-66f1a-zhangsan","state":"2"}`, 200, seeyonNo("待办【crm-66f1a-zhangsan】不存在"))
	c.want("POST", seeyonReceive, strings.Replace(seeyonTodo, "66f1a-zhangsan", "66f1a-zhangsan-2", 1), 200, seeyonOK)
	ops := map[Op]int{}
	for _, call := range c.sim.Calls() {
		ops[call.Op]++
	}
	if ops[OpCreate] != 4 || ops[OpDone] != 1 || ops[OpDelete] != 2 || ops[OpToken] != 1 {
		t.Errorf("ops: got %v", ops)
	}
}

func TestSeeyonRefusals(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ old, new, want string }{
		"no taskId":        {`"taskId":"crm-66f1a-zhangsan"`, `"taskId":""`, "参数taskId不能为空"},
		"no title":         {`"title"`, `"titel"`, "参数title不能为空"},
		"no sender name":   {`"senderName":"李四"`, `"senderName":null`, "参数senderName不能为空"},
		"no receiver":      {`"thirdReceiverId":"zhangsan"`, `"thirdReceiverId":""`, "参数thirdReceiverId不能为空"},
		"no date":          {`"2024-11-05 09:30"`, `""`, "参数creationDate不能为空"},
		"date in ISO":      {`"2024-11-05 09:30"`, `"2024-11-05T09:30:00+08:00"`, "参数creationDate格式不正确"},
		"state":            {`"state":"0"`, `"state":"2"`, "参数state不正确"},
		"subState":         {`"state":"0"`, `"state":"0","subState":"9"`, "参数subState不正确"},
		"unknown register": {`"3004"`, `"3005"`, "应用【3005】未注册"},
		"unknown person":   {`"noneBindingReceiver":"zhangsan"`, `"noneBindingReceiver":"nobody"`, "接收人未绑定"},
		"relative link":    {`https://sso.example/oa/seeyon/QuoteObj/66f1a/7/true`, `/oa/7/true`, "参数url不正确"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newSeeyon(t, nil)
			body := strings.ReplaceAll(seeyonTodo, tt.old, tt.new)
			if body == seeyonTodo {
				t.Fatal("the sample was not changed")
			}
			c.want("POST", seeyonReceive, body, 200, seeyonNo(tt.want))
			c.wantStates()
		})
	}
}

func TestSeeyonTaskBelongsToOneReceiver(t *testing.T) {
	t.Parallel()
	c := newSeeyon(t, nil)
	c.want("POST", seeyonReceive, seeyonTodo, 200, seeyonOK)
	c.want("POST", seeyonReceive, strings.ReplaceAll(seeyonTodo, `"zhangsan"`, `"lisi"`), 200, seeyonNo("待办【crm-66f1a-zhangsan】属于其他接收人"))
	c.want("POST", seeyonUpdate, `{"registerCode":"3006","taskId":"crm-66f1a-zhangsan","state":"1"}`, 200, seeyonNo("待办【crm-66f1a-zhangsan】不存在"))
	c.want("POST", seeyonReceive, strings.Replace(seeyonTodo, "3004", "3006", 1), 200, seeyonOK)
}

func TestSeeyonListsMessagesAndBinding(t *testing.T) {
	t.Parallel()
	c := newSeeyon(t, nil)
	second := strings.NewReplacer("crm-66f1a-zhangsan", "b", `"zhangsan"`, `"wangwu"`).Replace(seeyonTodo)
	c.want("POST", seeyonReceive+"/pendings", `{"pendingList":[`+seeyonTodo+`,`+second+`]}`, 200, seeyonNo("接收人未绑定"))
	c.wantStates("zhangsan crm-66f1a-zhangsan todo")
	c.want("POST", "/seeyon/rest/thirdpartyUserMapper/binding",
		`{"userlist":[{"registerCode":"3004","thirdUserId":"wangwu","thirdLoginName":"wangwu"}]}`, 200, seeyonOK)
	c.want("POST", seeyonReceive, second, 200, seeyonOK)
	message := `{"thirdpartyRegisterCode":"3004","thirdpartyMessageId":"m1","messageContent":"合同即将到期","thirdpartySenderId":"lisi",
		"thirdpartyReceiverId":"zhangsan","creation_date":"2024-11-05 09:30:00","messageURL":"https://crm.example.com/1"}`
	c.want("POST", "/seeyon/rest/thirdpartyMessage/receive/singleMessage", message, 200, seeyonOK)
	c.want("POST", "/seeyon/rest/thirdpartyMessage/receive/messageList", `{"messages":[]}`, 200, seeyonNo("参数messages不能为空"))
	c.want("POST", "/seeyon/rest/thirdpartyMessage/receive/singleMessage", strings.Replace(message, "zhangsan", "x", 1), 200, seeyonNo("接收人未绑定"))
	c.wantStates("zhangsan crm-66f1a-zhangsan todo", "wangwu b todo", "zhangsan m1 cc")
}

func TestSeeyonErrorPages(t *testing.T) {
	t.Parallel()
	c := newSeeyon(t, nil)
	for name, call := range map[string]struct {
		method, path, body, kind string
		status                   int
	}{
		"not JSON":      {"POST", seeyonReceive, `{"taskId": "a`, "application/json", 400},
		"method":        {"GET", seeyonReceive, "", "application/json", 405},
		"content type":  {"POST", seeyonReceive, seeyonTodo, "text/plain", 415},
		"unknown path":  {"POST", "/seeyon/rest/other", seeyonTodo, "application/json", 404},
		"token by PUT":  {"PUT", "/seeyon/rest/token", "{}", "application/json", 404},
		"trailing text": {"POST", seeyonReceive, seeyonTodo + "x", "application/json", 400},
	} {
		c.header["Content-Type"] = call.kind
		if status, body := c.must(call.method, call.path, call.body); status != call.status || !strings.HasPrefix(body, "<html>") {
			t.Errorf("%s: got %d %s, want %d and a page", name, status, body, call.status)
		}
	}
	c.wantStates()
}

func TestSeeyonScriptExpiresTokens(t *testing.T) {
	t.Parallel()
	c := newSeeyon(t, nil)
	c.sim.Reply(Just(DoExpire))
	c.want("POST", seeyonReceive, seeyonTodo, 401, "Invalid token,please authenticate again")
	c.header["token"] = c.login()
	c.want("POST", seeyonReceive, seeyonTodo, 200, seeyonOK)
	c.sim.Reply(Status(503)) // not for a call for a token, but for the next todo
	c.login()
	if status, _ := c.must("POST", seeyonReceive, seeyonTodo); status != 503 {
		t.Errorf("the next todo: got %d, want 503", status)
	}
	c.sim.When(func(call *Call) bool { return call.Op == OpToken }, Refuse(""), Status(503))
	c.want("POST", "/seeyon/rest/token", `{"userName":"rest","password":"a-password"}`, 200, `{"id":"-1"}`)
	if status, _ := c.must("POST", "/seeyon/rest/token", `{"userName":"rest","password":"a-password"}`); status != 503 {
		t.Errorf("got %d, want 503", status)
	}
}
