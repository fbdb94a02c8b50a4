package oasim

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A clock stands still until it is moved.
type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ns.Store(time.Date(2024, 11, 5, 9, 30, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time       { return time.Unix(0, c.ns.Load()) }
func (c *clock) move(d time.Duration) { c.ns.Add(int64(d)) }

// yunzhijiaClient is a client with an access token.
type yunzhijiaClient struct {
	*client
	clock *clock
	token string
}

func newYunzhijiaClient(t *testing.T) *yunzhijiaClient {
	k := newClock()
	c := &yunzhijiaClient{start(t, Yunzhijia, Config{Users: []string{"a", "b", "c"}, User: "500723908", Password: "the-secret", Now: k.now}), k, ""}
	c.header["Content-Type"] = "application/json"
	c.token = c.fetch("getAccessToken", `"secret":"the-secret"`)["accessToken"].(string)
	return c
}

// fetch asks for a token and gives the answer's data.
func (c *yunzhijiaClient) fetch(call, proof string) map[string]any {
	c.t.Helper()
	_, body := c.must("POST", "/gateway/oauth2/token/"+call, fmt.Sprintf(`{"appId":"500723908",%s,"timestamp":%d,"scope":"app"}`, proof, c.clock.now().UnixMilli()))
	var a struct {
		Data    map[string]any
		Success bool
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil || !a.Success {
		c.t.Fatalf("%s: got %s", call, body)
	}
	return a.Data
}

func (c *yunzhijiaClient) say(call, body, want string) {
	c.t.Helper()
	c.want("POST", "/gateway/newtodo/open/"+call+"?accessToken="+c.token, body, 200, want)
}

func yunzhijiaTodoOf(source string, ids ...string) string {
	var params []string
	for _, id := range ids {
		params = append(params, `{"openId":"`+id+`"}`)
	}
	return `{"content":"提交人:李雷","title":"待审批","itemtitle":"报价单审批","headImg":"https://yunzhijia.com/space/c/photo/load?id=1","appId":"500723908",
		"senderId":"a","params":[` + strings.Join(params, ",") + `],"url":"https://crm.example.com/1","sourceId":"` + source + `","sync":true}`
}

func yunzhijiaActionOf(source, kind string, ids ...string) string {
	b, _ := json.Marshal(ids)
	return `{"sourcetype":"500723908","sourceitemid":"` + source + `","openids":` + string(b) + `,"actiontype":{` + kind + `},"sync":true}`
}

const (
	yunzhijiaCreated = `{"data":{},"success":"true","errorCode":200,"error":"待办创建成功"}`
	yunzhijiaEnded   = `{"data":{},"success":"true","errorCode":200,"error":"待办转已办成功"}`
	yunzhijiaGone    = `{"data":{},"success":"true","errorCode":200,"error":"待办删除成功"}`
)

func TestYunzhijiaToken(t *testing.T) {
	t.Parallel()
	c := newYunzhijiaClient(t)
	if len(c.token) != 32 {
		t.Errorf("token: got %q, want 32 characters", c.token)
	}
	c.clock.move(time.Minute)
	again := c.fetch("getAccessToken", `"secret":"the-secret"`)
	if again["accessToken"] != c.token || again["expireIn"] != float64(6340) {
		t.Errorf("within its life: got %v, want the same token, 6340 s to go", again)
	}
	fresh := c.fetch("refreshToken", `"refreshToken":"`+again["refreshToken"].(string)+`"`)
	if fresh["accessToken"] == c.token {
		t.Error("refresh gave the old token")
	}
	for name, body := range map[string]string{
		"secret":    fmt.Sprintf(`{"appId":"500723908","secret":"no","timestamp":%d,"scope":"app"}`, c.clock.now().UnixMilli()),
		"old clock": fmt.Sprintf(`{"appId":"500723908","secret":"the-secret","timestamp":%d,"scope":"app"}`, c.clock.now().Add(-4*time.Minute).UnixMilli()),
		"seconds":   fmt.Sprintf(`{"appId":"500723908","secret":"the-secret","timestamp":%d,"scope":"app"}`, c.clock.now().Unix()),
		"scope":     fmt.Sprintf(`{"appId":"500723908","secret":"the-secret","timestamp":%d}`, c.clock.now().UnixMilli()),
		"no eid":    fmt.Sprintf(`{"appId":"500723908","secret":"the-secret","timestamp":%d,"scope":"team"}`, c.clock.now().UnixMilli()),
	} {
		if _, got := c.must("POST", "/gateway/oauth2/token/getAccessToken", body); !strings.Contains(got, `"success":false`) {
			t.Errorf("%s: got %s, want a refusal", name, got)
		}
	}
	c.clock.move(6400 * time.Second)
	if status, _ := c.must("POST", "/gateway/newtodo/open/generatetodo.json?accessToken="+c.token, yunzhijiaTodoOf("s", "a")); status != 401 {
		t.Errorf("dead token: got %d, want 401", status)
	}
}

func TestYunzhijiaLife(t *testing.T) {
	t.Parallel()
	c := newYunzhijiaClient(t)
	c.say("generatetodo.json", yunzhijiaTodoOf("s1", "a", "b"), yunzhijiaCreated)
	c.say("generatetodo.json", strings.Replace(yunzhijiaTodoOf("s1", "a"), "待审批", "新标题", 1), yunzhijiaCreated)
	if got := c.sim.Todos("a"); len(got) != 1 || got[0].Title != "待审批" {
		t.Errorf("a repeated create: got %+v, want it ignored in silence", got)
	}
	c.say("action.json", yunzhijiaActionOf("s1", `"read":1,"deal":1`, "a"), yunzhijiaEnded)
	c.say("generatetodo.json", yunzhijiaTodoOf("s1", "a"), yunzhijiaCreated)
	c.wantStates("a s1 done", "b s1 todo") // one way: done stays done
	c.say("action.json", yunzhijiaActionOf("s1", `"delete":1`, "a"), yunzhijiaGone)
	c.say("generatetodo.json", yunzhijiaTodoOf("s1", "a"), yunzhijiaCreated)
	c.wantStates("a s1 todo", "b s1 todo") // after a delete the id is free
	c.say("action.json", `{"sourcetype":"500723908","sourceitemid":"s1","actiontype":{"read":1,"deal":1},"sync":true}`, yunzhijiaEnded)
	c.wantStates("a s1 done", "b s1 done") // without openids: everyone
}

func TestYunzhijiaPartialSuccess(t *testing.T) {
	t.Parallel()
	c := newYunzhijiaClient(t)
	c.say("generatetodo.json", yunzhijiaTodoOf("s", "a", "x", "y"),
		`{"data":["x","y"],"success":"false","errorCode":501,"error":"有部分用户信息错误，该部分用户的待办生成流程失败。其余正常用户的待办流程会继续执行"}`)
	c.wantStates("a s todo")
	c.say("generatetodo.json", yunzhijiaTodoOf("s", "x"), `{"data":["x"],"success":"false","errorCode":505,"error":"用户信息全部错误，待办生成失败"}`)
	c.say("action.json", yunzhijiaActionOf("s", `"read":1,"deal":1`, "a", "b"), `{"data":["b"],"success":"false","errorCode":502,"error":"有部分用户无此待办"}`)
	c.wantStates("a s done")
	// Asynchronous: whoever is unknown is never heard of.
	c.say("generatetodo.json", strings.Replace(yunzhijiaTodoOf("t", "a", "x"), `"sync":true`, `"sync":false`, 1), `{"data":{},"success":"true","errorCode":0,"error":"success"}`)
	many := []string{"a"}
	for i := range 100 {
		many = append(many, fmt.Sprint("n", i))
	}
	c.say("generatetodo.json", yunzhijiaTodoOf("u", many...), `{"data":{},"success":"true","errorCode":0,"error":"success"}`) // forced
	c.wantStates("a s done", "a t todo", "a u todo")
}

func TestYunzhijiaEarlyActionWaitsAnHour(t *testing.T) {
	t.Parallel()
	c := newYunzhijiaClient(t)
	missing := `{"data":["a"],"success":"false","errorCode":502,"error":"有部分用户无此待办"}`
	c.say("action.json", yunzhijiaActionOf("s", `"read":1,"deal":1`, "a"), missing)
	c.say("action.json", yunzhijiaActionOf("late", `"read":1,"deal":1`, "a"), missing)
	c.clock.move(59 * time.Minute)
	c.say("generatetodo.json", yunzhijiaTodoOf("s", "a"), yunzhijiaCreated)
	c.clock.move(time.Minute)
	c.say("generatetodo.json", yunzhijiaTodoOf("late", "a"), yunzhijiaCreated)
	c.wantStates("a s done", "a late todo")
}

func TestYunzhijiaRefusalsAndQuery(t *testing.T) {
	t.Parallel()
	c := newYunzhijiaClient(t)
	wrong := func(what string) string {
		return `{"data":{},"success":"false","errorCode":1,"error":"param error:'` + what + `' is null."}`
	}
	todo := yunzhijiaTodoOf("s", "a")
	c.say("generatetodo.json", strings.Replace(todo, `"sourceId":"s"`, `"sourceId":""`, 1), wrong("sourceId"))
	c.say("generatetodo.json", strings.Replace(todo, `"headImg"`, `"head"`, 1), wrong("headImg"))
	c.say("generatetodo.json", strings.Replace(todo, `"content":"提交人:李雷"`, `"content":null`, 1), wrong("content"))
	c.say("generatetodo.json", strings.Replace(todo, `{"openId":"a"}`, ``, 1), wrong("params"))
	c.say("generatetodo.json", strings.Replace(todo, "500723908", "1", 1), `{"data":{},"success":"false","errorCode":1,"error":"param error:'appId'"}`)
	c.say("action.json", `{"sourcetype":"500723908"}`, wrong("sourceitemid"))
	c.say("action.json", `{"sourcetype":"500723908","sourceitemid":"s"}`, wrong("actiontype"))
	c.wantStates()
	query := `{"sourcetype":"500723908","sourceitemid":"s","openId":"a"}`
	count := func(check string, done, open int) string {
		return fmt.Sprintf(`{"data":{"check":%s,"dealCount":%d,"undelCount":%d},"success":"true","errorCode":0,"error":""}`, check, done, open)
	}
	c.say("checkcreatetodo.json", query, count("false", 0, 0))
	c.say("generatetodo.json", todo, yunzhijiaCreated)
	c.say("checkcreatetodo.json", query, count("true", 0, 1))
	c.say("action.json", yunzhijiaActionOf("s", `"deal":1`, "a"), yunzhijiaEnded)
	for range 3 {
		c.say("checkcreatetodo.json", query, count("true", 1, 0))
	}
	if _, got := c.must("POST", "/gateway/newtodo/open/checkcreatetodo.json?accessToken="+c.token, query); !strings.Contains(got, "Request too frequent, try later.") {
		t.Errorf("sixth query in a minute: got %s", got)
	}
	c.sim.Reply(Step{Do: DoRefuse, Code: "202", Message: "数据正在由其他进程处理,请稍候再试"})
	c.say("generatetodo.json", todo, `{"data":{},"success":"false","errorCode":202,"error":"数据正在由其他进程处理,请稍候再试"}`)
}
