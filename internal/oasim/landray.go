package oasim

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// landray is Landray EKP's notification service, as a web service and over REST. A todo is known by appName, modelName,
// modelId, key, param1 and param2; each target has an entry of his own. getTodo and getTodoCount are not simulated: the
// shape of their answers is not known.
type landray struct{ sim *Sim }

const (
	landrayService   = "/sys/webservice/sysNotifyTodoWebService"
	landrayREST      = "/api/sys-notify/sysNotifyTodoRestService/"
	landrayNamespace = "http://webservice.notify.sys.kmss.landray.com/"
)

// A landrayState is the answer's returnState. That 0 is "nothing was done" and 1 "failed" is general knowledge.
type landrayState int

const (
	landrayNothing landrayState = 0
	landrayFailed  landrayState = 1
	landraySuccess landrayState = 2
)

// landrayOperations are the operations that are simulated, spelt alike in both protocols.
func landrayOperations() []string {
	return []string{"sendTodo", "updateTodo", "setTodoDone", "deleteTodo"}
}

// read serves REST; the web service branches off first. Over REST the credentials are those of HTTP Basic.
func (v *landray) read(c *Call) request {
	if c.Path == landrayService {
		return v.readSOAP(c)
	}
	op, ok := strings.CutPrefix(c.Path, landrayREST)
	if !ok || !slices.Contains(landrayOperations(), op) {
		return plainPage(404, "Not Found")
	}
	f, err := readJSON(c.Body)
	v.describe(c, op, f)
	write := func(state landrayState, message string) reply {
		return asJSON(200, struct {
			ReturnState landrayState `json:"returnState"`
			Message     string       `json:"message"`
		}{state, message})
	}
	return request{
		run: func() reply {
			switch {
			case !v.basic(c):
				r := page(401, "Unauthorized")
				r.header = map[string]string{"WWW-Authenticate": `Basic realm="EKP"`}
				return r
			case c.Method != http.MethodPost:
				return page(405, "Method Not Allowed")
			case err != nil:
				return page(500, err.Error())
			}
			state, message := v.handle(c, op, f)
			if state == landraySuccess {
				message = "success"
			}
			return write(state, message)
		},
		refuse: func(_, message string) reply { return write(landrayFailed, message) },
		fault:  func(message string) reply { return page(500, message) },
	}
}

// readSOAP serves the web service. The children of an operation are in no namespace; others are not seen.
func (v *landray) readSOAP(c *Call) request {
	if c.Method == http.MethodGet && strings.EqualFold(c.Query, "wsdl") {
		c.Op = OpQuery
		r := plainPage(200, "")
		r.run = func() reply {
			return wsdl(landrayNamespace, "sysNotifyTodoWebService", landrayService, landrayOperations())
		}
		return r
	}
	e, err := readEnvelope(c.Body)
	var op string
	var f fields
	if err == nil {
		op = e.operation.name.Local
		arg := e.operation.child("", "arg0")
		switch {
		case e.operation.name.Space != landrayNamespace || !slices.Contains(landrayOperations(), op):
			err = fmt.Errorf("Message part {%s}%s was not recognized", e.operation.name.Space, op)
		case arg == nil:
			err = fmt.Errorf("%s: arg0 is missing, or is in a namespace", op)
		default:
			f = arg.fields()
		}
	}
	v.describe(c, op, f)
	write := func(state landrayState, message string) reply {
		text := "<message/>"
		if message != "" {
			text = "<message>" + escapeXML(message) + "</message>"
		}
		return e.reply(`<ns2:` + op + `Response xmlns:ns2="` + landrayNamespace + `"><return>` + text + "<returnState>" +
			strconv.Itoa(int(state)) + "</returnState></return></ns2:" + op + "Response>")
	}
	return request{
		run: func() reply {
			switch {
			case c.Method != http.MethodPost:
				return page(405, "Method Not Allowed")
			case err != nil:
				return e.fault(err.Error())
			case !v.header(e):
				return e.fault("用户名或密码错误")
			}
			return write(v.handle(c, op, f))
		},
		refuse: func(_, message string) reply { return write(landrayFailed, message) },
		fault:  e.fault,
	}
}

// header checks the credentials of the SOAP header; its namespace differs between installations and is not looked at.
func (v *landray) header(e envelope) bool {
	if v.sim.config.User == "" {
		return true
	}
	if e.header == nil {
		return false
	}
	// Landray wants the MD5 on the wire; it protects nothing, and the plain password is refused as the real one does.
	sum := md5.Sum([]byte(v.sim.config.Password))
	for _, h := range e.header.children {
		if h.name.Local != "RequestSOAPHeader" {
			continue
		}
		user := h.child(h.name.Space, "user").content()
		password := h.child(h.name.Space, "password").content()
		return user == v.sim.config.User && password == hex.EncodeToString(sum[:])
	}
	return false
}

// basic checks the HTTP Basic credentials of a REST call.
func (v *landray) basic(c *Call) bool {
	if v.sim.config.User == "" {
		return true
	}
	sent, ok := strings.CutPrefix(c.Header.Get("Authorization"), "Basic ")
	plain, err := base64.StdEncoding.DecodeString(sent)
	user, password, found := strings.Cut(string(plain), ":")
	return ok && err == nil && found && v.sim.admits(user, password)
}

// describe notes in the call what it is about.
func (v *landray) describe(c *Call, op string, f fields) {
	c.Op = map[string]Op{"sendTodo": OpCreate, "updateTodo": OpUpdate, "setTodoDone": OpDone, "deleteTodo": OpDelete}[op]
	if c.Op == OpCreate && f.text("type") == "2" {
		c.Op = OpMessage
	}
	c.App = strings.Join([]string{f.text("appName"), f.text("modelName"), f.text("key"), f.text("param1"), f.text("param2")}, "|")
	c.Todo = f.text("modelId")
	c.Accounts, _ = landrayTargets(f)
}

// landrayTargets reads the JSON text that names the receivers: an object, or an array of objects, of one member each.
func landrayTargets(f fields) ([]string, error) {
	text, ok := f["targets"].(string)
	if !ok && f["targets"] != nil {
		return nil, fmt.Errorf("targets is not a text that holds JSON")
	}
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var list []map[string]string
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		var one map[string]string
		if err := json.Unmarshal([]byte(text), &one); err != nil {
			return nil, fmt.Errorf("targets: %w", err)
		}
		list = append(list, one)
	}
	var out []string
	for _, t := range list {
		for _, kind := range []string{"LoginName", "PersonNo", "Id"} {
			if t[kind] != "" {
				out = append(out, t[kind])
			}
		}
	}
	return out, nil
}

// handle is the OA's own logic; the wording of its refusals is not documented.
func (v *landray) handle(c *Call, op string, f fields) (landrayState, string) {
	fail := func(message string) (landrayState, string) {
		c.Effect = EffectRefused
		return landrayFailed, message
	}
	if n := f.firstBlank("modelName", "modelId"); n != "" {
		return fail("参数" + n + "不能为空")
	}
	targets, err := landrayTargets(f)
	if err != nil {
		return fail("待办接收人格式错误: " + err.Error())
	}
	switch op {
	case "sendTodo":
		if n := f.firstBlank("appName", "subject", "link", "type", "targets", "createTime"); n != "" {
			return fail("参数" + n + "不能为空")
		}
		kind := f.text("type")
		switch {
		case kind != "1" && kind != "2" && kind != "3":
			return fail("参数type不正确")
		case !isTime(f.text("createTime"), time.DateTime):
			return fail("参数createTime格式不正确")
		case len(targets) == 0 || slices.ContainsFunc(targets, func(t string) bool { return !v.sim.knows(t) }):
			return fail("待办接收人不存在")
		}
		return v.send(c, f, targets)
	case "updateTodo":
		if n := f.firstBlank("subject", "link"); n != "" {
			return fail("参数" + n + "不能为空")
		}
		return v.update(c, f)
	}
	// setTodoDone and deleteTodo: 1 is for everybody who has the todo, 2 for those who are named.
	kind := f.text("optType")
	if kind != "1" && kind != "2" {
		return fail("参数optType不正确")
	}
	if kind == "2" && len(targets) == 0 {
		return fail("参数targets不能为空")
	}
	state := StateDone
	if op == "deleteTodo" {
		state = StateDeleted
	}
	matched := 0
	for _, t := range v.sim.inbox.of(c.App, c.Todo) {
		if t.State != StateDeleted && (kind == "1" || slices.Contains(targets, t.Account)) {
			c.Effect = v.sim.inbox.end(t, state, v.sim.config.Now())
			matched++
		}
	}
	if matched == 0 {
		c.Effect = EffectSame
		return landrayNothing, ""
	}
	return landraySuccess, ""
}

// send makes an entry for each target. What becomes of one that is there already is not documented: it is written anew.
func (v *landray) send(c *Call, f fields, targets []string) (landrayState, string) {
	state := StateTodo
	if f.text("type") == "2" {
		state = StateCC
	}
	for _, account := range targets {
		c.Effect = v.sim.inbox.put(&Todo{
			App: c.App, ID: c.Todo, Account: account, Message: state == StateCC, State: state, Title: f.text("subject"),
			Sender: f.text("docCreator"), URL: f.text("link"), MobileURL: f.text("mobileLink"), Created: f.text("createTime"),
			Workflow: f.text("modelName"), Fields: f.flat(),
		}, v.sim.config.Now())
	}
	return landraySuccess, ""
}

// update changes the text and the links of a todo in all inboxes where it stands.
func (v *landray) update(c *Call, f fields) (landrayState, string) {
	matched := 0
	for _, t := range v.sim.inbox.of(c.App, c.Todo) {
		if !t.open() {
			continue
		}
		matched++
		t.Title, t.URL, t.Fields = f.text("subject"), f.text("link"), f.flat()
		if !f.blank("mobileLink") {
			t.MobileURL = f.text("mobileLink")
		}
		t.Writes++
		t.ChangedAt = v.sim.config.Now()
		c.Effect = EffectEdited
	}
	if matched == 0 {
		c.Effect = EffectSame
		return landrayNothing, ""
	}
	return landraySuccess, ""
}
