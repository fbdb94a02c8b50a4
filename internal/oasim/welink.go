package oasim

import (
	"net/http"
	"net/url"
	"time"
)

const (
	welinkTokenLife = 7200 * time.Second
	welinkFailures  = 10               // log-ins with a wrong secret until the client is locked; the real number is not documented
	welinkLock      = 10 * time.Minute // nor for how long
)

// welink is Huawei's WeLink cloud. A todo is known by its taskId alone; to finish it is to delete it.
type welink struct {
	sim      *Sim
	failures int
	locked   time.Time // until then
}

// answer is that of all calls; a code other than "0" is a failure, with status 200.
func (v *welink) answer(code, message string, data any) reply {
	return asJSON(200, struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Data    any    `json:"data,omitempty"`
	}{code, message, data})
}

// refuse answers with a failure code and notes it in the call.
func (v *welink) refuse(c *Call, code, message string) reply {
	c.Effect = EffectRefused
	return v.answer(code, message, nil)
}

// read finds the interface by its path; each has a method of its own. What is not the log-in demands the token's header.
func (v *welink) read(c *Call) request {
	var f fields
	var err error
	var handle func(*Call, fields) reply
	method := http.MethodPost
	q, _ := url.ParseQuery(c.Query)
	switch c.Path {
	case "/api/auth/v2/tickets":
		c.Op, handle = OpToken, v.token
		f, err = readJSON(c.Body)
	case "/api/todo/v3/addtask":
		c.Op, handle = OpCreate, v.add
		f, err = readJSON(c.Body)
		if f.text("isMsg") == "1" {
			c.Op = OpMessage
		}
	case "/api/todo/v2/updatetask":
		c.Op, handle, method = OpUpdate, v.pass, http.MethodPut
		f = queryFields(q)
	case "/api/todo/v1/deltask":
		c.Op, handle, method = OpDelete, v.remove, http.MethodDelete
		f = queryFields(q)
	default:
		return plainPage(404, "Not Found")
	}
	c.Todo = f.text("taskId")
	if u := f.text("userId"); u != "" {
		c.Accounts = []string{u}
	}
	return request{
		run: func() reply {
			switch {
			case c.Method != method:
				return page(405, "Method Not Allowed")
			case c.Op != OpToken && !v.sim.tokens.valid(c.Header.Get("x-wlk-Authorization")):
				return v.refuse(c, "55000", "Authentication failed.")
			case err != nil:
				return v.refuse(c, "55006", "Invalid parameter.")
			}
			return handle(c, f)
		},
		refuse: func(code, message string) reply {
			if code == "" {
				code = "55004"
			}
			return v.refuse(c, code, message)
		},
		fault: func(message string) reply { return page(500, message) },
	}
}

// queryFields takes query parameters for members.
func queryFields(q url.Values) fields {
	f := fields{}
	for k := range q {
		f[k] = q.Get(k)
	}
	return f
}

// token logs a client in. One that fails too often is locked for a while, whatever it sends then.
func (v *welink) token(c *Call, f fields) reply {
	now := v.sim.config.Now()
	switch {
	case f.blank("client_id"):
		return v.refuse(c, "41579", "client_id is empty")
	case f.blank("client_secret"):
		return v.refuse(c, "41580", "client_secret is empty")
	case now.Before(v.locked):
		return v.refuse(c, "41403", "locked after too many failures")
	case !v.sim.admits(f.text("client_id"), f.text("client_secret")):
		if v.failures++; v.failures >= welinkFailures {
			v.failures, v.locked = 0, now.Add(welinkLock)
		}
		return v.refuse(c, "10007", "client_id or client_secret is wrong")
	}
	v.failures = 0
	token := v.sim.tokens.issue()
	return asJSON(200, map[string]any{
		"code": "0", "message": "ok", "access_token": token, "expires_in": int(v.sim.tokens.left(token).Seconds()),
	})
}

// add makes a todo. What becomes of a taskId that is there already is not documented: its own receiver's is written anew,
// another's is refused.
func (v *welink) add(c *Call, f fields) reply {
	n := f.firstBlank("taskId", "taskTitle", "userId", "userNameCn", "userNameEn", "detailsUrl", "appName", "applicantUserId",
		"applicantUserNameCn", "applicantUserNameEn")
	if n != "" {
		return v.refuse(c, "55005", "Missing parameter: "+n)
	}
	for _, flag := range []string{"isMsg", "isShowApplicantUserName"} {
		if s := f.text(flag); s != "" && s != "0" && s != "1" && s != "true" && s != "false" {
			return v.refuse(c, "55006", "Invalid parameter: "+flag)
		}
	}
	account := f.text("userId")
	if !v.sim.knows(account) {
		return v.refuse(c, "55006", "Invalid parameter: userId")
	}
	// A taskId belongs to one person at a time, for update and delete name nobody.
	for _, t := range v.sim.inbox.of("", c.Todo) {
		if t.open() && t.Account != account {
			return v.refuse(c, "55006", "Invalid parameter: taskId")
		}
	}
	t := &Todo{
		ID: c.Todo, Account: account, Message: c.Op == OpMessage, State: StateTodo, Title: f.text("taskTitle"),
		Sender: f.text("applicantUserId"), URL: f.text("detailsUrlPc"), MobileURL: f.text("detailsUrl"),
		Workflow: f.text("appName"), Node: f.text("businessCode"), Fields: f.flat(),
	}
	if t.Message {
		t.State = StateCC
	}
	c.Effect = v.sim.inbox.put(t, v.sim.config.Now())
	return v.answer("0", "新增待办任务成功!", map[string]any{"taskId": c.Todo, "uuid": "u-" + c.Todo})
}

// pass hands a todo to the next person.
func (v *welink) pass(c *Call, f fields) reply {
	if n := f.firstBlank("taskId", "userId", "userNameCn", "userNameEn"); n != "" {
		return v.refuse(c, "55005", "Missing parameter: "+n)
	}
	account := f.text("userId")
	if !v.sim.knows(account) {
		return v.refuse(c, "55006", "Invalid parameter: userId")
	}
	for _, t := range v.sim.inbox.of("", c.Todo) {
		if !t.open() {
			continue
		}
		next := *t
		next.Account = account
		if account != t.Account {
			v.sim.inbox.end(t, StateDone, v.sim.config.Now())
		}
		v.sim.inbox.put(&next, v.sim.config.Now())
		c.Effect = EffectEdited
		return v.answer("0", "Update todo task successfully.", true)
	}
	return v.refuse(c, "55008", "Update todo task failed.")
}

// remove finishes or withdraws a todo: WeLink does not tell the two apart.
func (v *welink) remove(c *Call, f fields) reply {
	if f.blank("taskId") {
		return v.refuse(c, "55005", "Missing parameter: taskId")
	}
	for _, t := range v.sim.inbox.of("", c.Todo) {
		if t.open() {
			c.Effect = v.sim.inbox.end(t, StateDeleted, v.sim.config.Now())
			return v.answer("0", "Delete todo task successfully.", true)
		}
	}
	return v.refuse(c, "55009", "Delete todo task failed.")
}
