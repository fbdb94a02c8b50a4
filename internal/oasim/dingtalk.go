package oasim

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	dingtalkTokenLife = 7200 * time.Second
	dingtalkTokens    = "/v1.0/oauth2/accessToken"
	dingtalkUsers     = "/v1.0/todo/users/"
)

// dingtalk is the DingTalk cloud. A todo is known by an id that DingTalk makes; the caller's sourceId makes it unique. A success is a
// 2xx answer without any code; a refusal is HTTP status 400 with a code that is a word.
type dingtalk struct {
	sim     *Sim
	sources map[string]string // sourceId to DingTalk's id
}

// refuse answers with a failure code and notes it in the call.
func (v *dingtalk) refuse(c *Call, status int, code, message string) reply {
	c.Effect = EffectRefused
	return asJSON(status, map[string]any{"requestid": "sim-" + strconv.Itoa(c.Seq), "code": code, "message": message})
}

// queryOf gives a call's query parameters.
func queryOf(c *Call) url.Values {
	q, _ := url.ParseQuery(c.Query) // what cannot be read is not there
	return q
}

// read finds the interface by method and path.
func (v *dingtalk) read(c *Call) request {
	var f fields
	var err error
	if c.Method != http.MethodDelete && c.Method != http.MethodGet {
		f, err = readJSON(c.Body)
	}
	var handle func(*Call, fields) reply
	user, id, source, isTask := dingtalkTask(c.Path)
	method := c.Method
	switch {
	case c.Path == dingtalkTokens:
		c.Op, handle, method = OpToken, v.token, http.MethodPost
	case isTask && source != "":
		c.Op, handle, method = OpQuery, v.look, http.MethodGet
		c.Todo = source
	case isTask && id == "":
		c.Op, handle, method = OpCreate, v.create, http.MethodPost
		c.Todo, c.Accounts = f.text("sourceId"), f.texts("executorIds")
	case isTask && c.Method == http.MethodDelete:
		c.Op, handle = OpDelete, v.remove
		c.Todo, c.Accounts = id, []string{user}
	case isTask:
		c.Op, handle, method = OpUpdate, v.change, http.MethodPut
		if f.text("done") == "true" {
			c.Op = OpDone
		}
		c.Todo, c.Accounts = id, []string{user}
	default:
		return plainPage(404, "404 Not Found")
	}
	return request{
		run: func() reply {
			switch {
			case c.Method != method:
				return v.refuse(c, 405, "UnsupportedHTTPMethod", "Specified method is not supported.")
			case c.Op != OpToken && !v.sim.tokens.valid(c.Header.Get("x-acs-dingtalk-access-token")):
				return v.refuse(c, 400, "InvalidAuthentication", "不合法的access_token")
			case err != nil:
				return v.refuse(c, 400, "InvalidParameter", "the body is no JSON object")
			}
			return handle(c, f)
		},
		refuse: func(code, message string) reply {
			if code == "" {
				code = "todo.taskUpdate.paramError"
			}
			return v.refuse(c, 400, code, message)
		},
		fault: func(message string) reply {
			return v.refuse(c, 500, "todo.taskUpdate.systemError", message)
		},
	}
}

// dingtalkTask takes the path of a person's tasks, of one of them, or of the one with a sourceId, apart.
func dingtalkTask(path string) (user, id, source string, ok bool) {
	rest, ok := strings.CutPrefix(path, dingtalkUsers)
	parts := strings.Split(rest, "/")
	switch {
	case !ok || len(parts) < 2 || slices.Contains(parts, "") || parts[1] != "tasks":
		return "", "", "", false
	case len(parts) == 4 && parts[2] == "sources":
		source = parts[3]
	case len(parts) == 3:
		id = parts[2]
	case len(parts) > 3:
		return "", "", "", false
	}
	return parts[0], id, source, true
}

// look finds a task by its sourceId.
func (v *dingtalk) look(c *Call, _ fields) reply {
	found := v.standing(v.sources[c.Todo])
	if len(found) == 0 {
		return v.refuse(c, 400, "todo.taskGet.paramError", "task not exist") // the words are not documented
	}
	return asJSON(200, map[string]any{
		"id": found[0].ID, "sourceId": c.Todo, "subject": found[0].Title, "done": found[0].State == StateDone,
	})
}

// token logs an app in.
func (v *dingtalk) token(c *Call, f fields) reply {
	if f.blank("appKey") || f.blank("appSecret") || !v.sim.admits(f.text("appKey"), f.text("appSecret")) {
		return v.refuse(c, 400, "invalidClientIdOrSecret", "无效的clientId或者clientSecret")
	}
	token := v.sim.tokens.issue()
	return asJSON(200, map[string]any{"accessToken": token, "expireIn": int(v.sim.tokens.left(token).Seconds())})
}

// fits says what is wrong with the members that a create and an update share, empty for nothing.
func (v *dingtalk) fits(f fields) string {
	due := f.text("dueTime")
	_, asText := f["dueTime"].(string)
	n, err := strconv.ParseInt(due, 10, 64)
	switch {
	case utf8.RuneCountInString(f.text("subject")) > 1024:
		return "subject is oversize"
	case utf8.RuneCountInString(f.text("description")) > 4096:
		return "description is oversize"
	case due != "" && (asText || err != nil || n < 1e11):
		return "dueTime is invalid"
	case slices.ContainsFunc(f.texts("executorIds"), func(u string) bool { return !v.sim.knows(u) }):
		return "executorIds is invalid"
	}
	return ""
}

// create makes a task. A sourceId that is known is refused, whatever became of its task.
func (v *dingtalk) create(c *Call, f fields) reply {
	refuse := func(why string) reply { return v.refuse(c, 400, "todo.taskCreate.paramError", why) }
	user, _, _, _ := dingtalkTask(c.Path)
	link, _ := f["detailUrl"].(map[string]any)
	detail := fields(link)
	source := f.text("sourceId")
	switch why := v.fits(f); {
	case f.blank("subject"):
		return refuse("subject is empty")
	case why != "":
		return refuse(why)
	case !v.sim.knows(user) || queryOf(c).Get("operatorId") != "" && !v.sim.knows(queryOf(c).Get("operatorId")):
		return refuse("unionId is invalid")
	case len(f.texts("executorIds")) == 0:
		return refuse("executorIds is empty")
	case link != nil && (!isLink(detail.text("appUrl")) || !isLink(detail.text("pcUrl"))):
		return refuse("detailUrl is invalid")
	case source != "" && v.sources[source] != "":
		return refuse("task exist")
	}
	id := "task" + strconv.Itoa(c.Seq)
	if source != "" {
		v.sources[source] = id
	}
	now := v.sim.config.Now()
	for _, account := range f.texts("executorIds") {
		c.Effect = v.sim.inbox.put(&Todo{
			ID: id, Account: account, State: StateTodo, Title: f.text("subject"), Sender: f.text("creatorId"),
			URL: detail.text("pcUrl"), MobileURL: detail.text("appUrl"), Fields: f.flat(),
		}, now)
	}
	return asJSON(200, map[string]any{
		"id": id, "subject": f.text("subject"), "sourceId": source, "creatorId": f.text("creatorId"), "done": false,
		"executorIds": f.texts("executorIds"), "createdTime": now.UnixMilli(), "modifiedTime": now.UnixMilli(),
	})
}

// standing gives the entries of a task that is there.
func (v *dingtalk) standing(id string) []*Todo {
	return slices.DeleteFunc(slices.Clone(v.sim.inbox.of("", id)), func(t *Todo) bool { return t.State == StateDeleted })
}

// change writes a task anew, or marks it as done, or as not done.
func (v *dingtalk) change(c *Call, f fields) reply {
	found := v.standing(c.Todo)
	why := v.fits(f)
	if len(found) == 0 {
		why = "task not exist"
	}
	if why != "" {
		return v.refuse(c, 400, "todo.taskUpdate.paramError", why)
	}
	now := v.sim.config.Now()
	for _, t := range found {
		c.Effect = EffectEdited
		if !f.blank("subject") {
			t.Title = f.text("subject")
		}
		switch f.text("done") {
		case "true":
			c.Effect = v.sim.inbox.end(t, StateDone, now)
			continue
		case "false":
			t.State = StateTodo
		}
		t.Fields, t.ChangedAt = f.flat(), now
		t.Writes++
	}
	return asJSON(200, map[string]any{"result": true, "requestId": "sim-" + strconv.Itoa(c.Seq)})
}

// remove deletes a task. What is answered for one that is not there is not documented; it is taken to be the update's words.
func (v *dingtalk) remove(c *Call, _ fields) reply {
	found := v.standing(c.Todo)
	if len(found) == 0 {
		return v.refuse(c, 400, "todo.taskDelete.paramError", "task not exist")
	}
	for _, t := range found {
		c.Effect = v.sim.inbox.end(t, StateDeleted, v.sim.config.Now())
	}
	return asJSON(200, map[string]any{"result": true, "requestId": "sim-" + strconv.Itoa(c.Seq)})
}
