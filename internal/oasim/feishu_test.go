package oasim

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// field finds a text in a JSON answer.
func field(t *testing.T, body, name string) string {
	t.Helper()
	f, err := readJSON(body)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return f.text(name)
}

func newFeishu(t *testing.T) (*client, *clock) {
	k := newClock()
	c := start(t, Feishu, Config{Users: []string{"zhangsan", "lisi"}, User: "cli_1", Password: "the-secret", Apps: []string{"A-1"}, Now: k.now})
	c.header["Content-Type"] = "application/json"
	c.loginAt(feishuTokens, `{"app_id":"cli_1","app_secret":"the-secret"}`, "tenant_access_token", "Authorization", "Bearer ")
	return c, k
}

// loginAt fetches a token and puts it into the header of later calls.
func (c *client) loginAt(path, body, member, header, before string) string {
	c.t.Helper()
	_, answer := c.must("POST", path, body)
	token := field(c.t, answer, member)
	if token == "" {
		c.t.Fatalf("token: got %s", answer)
	}
	c.header[header] = before + token
	return token
}

// feishuInstance is an instance with a task for zhangsan, as the manual's sample has it.
func feishuInstance(status, task string, stamp int) string {
	return fmt.Sprintf(`{"approval_code":"A-1","instance_id":"i1","status":%q,"links":{"pc_link":"http://crm/1","mobile_link":"http://crm/m/1"},
 "title":"@i18n@1","user_name":"李四","start_time":"1657093395000","end_time":"0","update_time":"%d","update_mode":"REPLACE","task_list":[{"task_id":"t1",
 "user_id":"zhangsan","title":"@i18n@1","links":{"pc_link":"http://crm/1"},"status":%q,"create_time":"1657093395000","end_time":"0","update_time":"%d"}],
 "i18n_resources":[{"locale":"zh-CN","is_default":true,"texts":[{"key":"@i18n@1","value":"报价单"}]}]}`, status, stamp, task, stamp)
}

func TestFeishuLife(t *testing.T) {
	t.Parallel()
	c, k := newFeishu(t)
	for _, tt := range []struct {
		status, task string
		stamp        int
		want         string
	}{
		{"PENDING", "PENDING", 10, "zhangsan i1 todo"},
		{"APPROVED", "DONE", 9, "zhangsan i1 todo"}, // older than what is known
		{"APPROVED", "DONE", 11, "zhangsan i1 done"},
		{"PENDING", "PENDING", 12, "zhangsan i1 todo"},
		{"DELETED", "PENDING", 13, "zhangsan i1 deleted"},
	} {
		if status, body := c.must("POST", feishuInstances, feishuInstance(tt.status, tt.task, tt.stamp)); status != 200 || field(t, body, "code") != "0" {
			t.Errorf("%s %d: %d %s", tt.status, tt.stamp, status, body)
		}
		c.wantStates(tt.want)
	}
	c.want("POST", feishuInstances+"/check", `{"instances":[{"instance_id":"i1","update_time":"12"}]}`, 200,
		`{"code":0,"msg":"success","data":{"diff_instances":[{"instance_id":"i1","update_time":"12"}]}}`)
	said := `{"receive_id":"lisi","msg_type":"text","uuid":"u1","content":"{\"text\":\"到期\"}"}`
	for range 2 {
		c.want("POST", feishuMessages+"?receive_id_type=user_id", said, 200, `{"code":0,"msg":"success","data":{"message_id":"om_u1"}}`)
	}
	if got := c.sim.Todos("lisi"); len(got) != 1 || got[0].Title != "到期" || got[0].Writes != 1 {
		t.Errorf("a message with one uuid, sent twice: %+v", got)
	}
	k.move(2 * time.Hour)
	c.want("POST", feishuInstances, feishuInstance("PENDING", "PENDING", 14), 400, `{"code":99991663,"msg":"Invalid access token for authorization."}`)
	delete(c.header, "Authorization")
	c.want("POST", feishuInstances, feishuInstance("PENDING", "PENDING", 14), 400, `{"code":99991661,"msg":"Missing access token for authorization."}`)
}

func TestFeishuRefusals(t *testing.T) {
	t.Parallel()
	c, k := newFeishu(t)
	good := feishuInstance("PENDING", "PENDING", 10)
	for name, change := range map[string][2]string{
		"no code": {`"A-1"`, `"A-2"`}, "no status": {`"status":"PENDING","links"`, `"status":"DONE","links"`}, "no link": {`"http://crm/1","mobile`, `"crm/1","mobile`},
		"one id twice": {`"t1"`, `"i1"`}, "nobody": {`"zhangsan"`, `"nobody"`}, "a text as title": {`"@i18n@1","user_name"`, `"报价单","user_name"`},
		"seconds": {`"1657093395000","end`, `"1657093395","end`}, "no texts": {"i18n_resources", "texts"}, "no stamp": {`"update_time":"10","update_mode"`, `"x":1,"update_mode"`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if status, body := c.must("POST", feishuInstances, bad); bad == good || status != 400 || field(t, body, "code") != "1390001" {
			t.Errorf("%s: got %d %s", name, status, body)
		}
	}
	c.wantStates()
	if status, body := c.must("POST", feishuMessages, `{"receive_id":"lisi","msg_type":"text","content":"{\"text\":\"x\"}"}`); status != 400 {
		t.Errorf("a message to no kind of id: %d %s", status, body)
	}
	c.want("POST", feishuTokens, `{"app_id":"cli_1","app_secret":"no"}`, 200, `{"code":10003,"msg":"invalid param"}`)
	old := strings.TrimPrefix(c.header["Authorization"], "Bearer ")
	k.move(80 * time.Minute)
	if again := c.loginAt(feishuTokens, `{"app_id":"cli_1","app_secret":"the-secret"}`, "tenant_access_token", "Authorization", "Bearer "); again != old {
		t.Error("a token with 40 minutes to live is not given again")
	}
	k.move(15 * time.Minute)
	if again := c.loginAt(feishuTokens, `{"app_id":"cli_1","app_secret":"the-secret"}`, "tenant_access_token", "Authorization", "Bearer "); again == old {
		t.Error("a token with 25 minutes to live is given again")
	}
}
