package oasim

import (
	"strings"
	"testing"
	"time"
)

const dingtalkSample = `{"subject":"报价单","sourceId":"s1","creatorId":"zhangsan","description":"金额","dueTime":1730887200000,"executorIds":["zhangsan"],
 "detailUrl":{"appUrl":"https://crm/m/1","pcUrl":"https://crm/1"},"isOnlyShowExecutor":true}`

func newDingTalk(t *testing.T) (*client, *clock) {
	k := newClock()
	c := start(t, DingTalk, Config{Users: []string{"zhangsan", "lisi"}, User: "the-key", Password: "the-secret", Now: k.now})
	c.header["Content-Type"] = "application/json"
	c.loginAt(dingtalkTokens, `{"appKey":"the-key","appSecret":"the-secret"}`, "accessToken", "x-acs-dingtalk-access-token", "")
	return c, k
}

func TestDingTalkLife(t *testing.T) {
	t.Parallel()
	c, k := newDingTalk(t)
	const tasks = "/v1.0/todo/users/zhangsan/tasks"
	_, body := c.must("POST", tasks+"?operatorId=zhangsan", dingtalkSample)
	id := field(t, body, "id")
	c.wantStates("zhangsan " + id + " todo")
	wantWords(c, "POST", tasks, dingtalkSample, "todo.taskCreate.paramError", "task exist")
	if _, body := c.must("GET", tasks+"/sources/s1", ""); field(t, body, "id") != id {
		t.Errorf("by its sourceId: %s", body)
	}
	wantWords(c, "GET", tasks+"/sources/s2", "", "todo.taskGet.paramError", "task not exist")
	if status, body := c.must("PUT", tasks+"/"+id, `{"subject":"报价单 2"}`); status != 200 || !strings.Contains(body, `"result":true`) {
		t.Errorf("update: %d %s", status, body)
	}
	if got := c.sim.Todos("zhangsan"); got[0].Title != "报价单 2" || got[0].State != StateTodo {
		t.Errorf("updated: %+v", got)
	}
	c.must("PUT", tasks+"/"+id, `{"done":true}`)
	c.wantStates("zhangsan " + id + " done")
	c.must("DELETE", tasks+"/"+id, "")
	c.wantStates("zhangsan " + id + " deleted")
	wantWords(c, "DELETE", tasks+"/"+id, "", "todo.taskDelete.paramError", "task not exist")
	wantWords(c, "PUT", tasks+"/"+id, `{"done":true}`, "todo.taskUpdate.paramError", "task not exist")
	k.move(2 * time.Hour)
	wantWords(c, "POST", tasks, dingtalkSample, "InvalidAuthentication", "不合法的access_token")
}

// wantWords sends a call that must be refused.
func wantWords(c *client, method, path, body, code, message string) {
	c.t.Helper()
	status, answer := c.must(method, path, body)
	if status != 400 || field(c.t, answer, "code") != code || field(c.t, answer, "message") != message {
		c.t.Errorf("%s %s: got %d %s, want 400 %s %s", method, path, status, answer, code, message)
	}
}

func TestDingTalkRefusals(t *testing.T) {
	t.Parallel()
	c, _ := newDingTalk(t)
	const tasks = "/v1.0/todo/users/zhangsan/tasks"
	for message, change := range map[string][2]string{
		"subject is empty": {`"报价单"`, `""`}, "subject is oversize": {`"报价单"`, `"` + strings.Repeat("字", 1025) + `"`},
		"description is oversize": {`"金额"`, `"` + strings.Repeat("字", 4097) + `"`}, "dueTime is invalid": {"1730887200000", `"1730887200000"`},
		"executorIds is invalid": {`["zhangsan"]`, `["nobody"]`}, "executorIds is empty": {`["zhangsan"]`, `[]`}, "detailUrl is invalid": {`"https://crm/1"`, `"crm"`},
	} {
		wantWords(c, "POST", tasks, strings.Replace(dingtalkSample, change[0], change[1], 1), "todo.taskCreate.paramError", message)
	}
	wantWords(c, "POST", "/v1.0/todo/users/nobody/tasks", dingtalkSample, "todo.taskCreate.paramError", "unionId is invalid")
	c.wantStates()
	if status, _ := c.must("PUT", tasks+"/", `{"done":true}`); status != 404 {
		t.Errorf("a task without an id: status %d, want 404", status)
	}
	wantWords(c, "POST", dingtalkTokens, `{"appKey":"the-key","appSecret":"no"}`, "invalidClientIdOrSecret", "无效的clientId或者clientSecret")
	if status, body := c.must("POST", tasks, strings.Replace(dingtalkSample, "1730887200000", "null", 1)); status != 200 {
		t.Errorf("without a due time: %d %s", status, body)
	}
}
