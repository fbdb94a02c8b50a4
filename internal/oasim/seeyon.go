package oasim

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// seeyonTokenLife is how long a token lives without being used.
const seeyonTokenLife = 15 * time.Minute

// seeyon is Seeyon V5 (A8, G6): the todo, message and binding interfaces behind a REST token. A todo is known by register
// code and taskId alone, so a taskId belongs to one receiver.
type seeyon struct{ sim *Sim }

const (
	seeyonPending = "/seeyon/rest/thirdpartyPending/"
	seeyonMessage = "/seeyon/rest/thirdpartyMessage/receive/"
	seeyonMapper  = "/seeyon/rest/thirdpartyUserMapper/binding"
	seeyonToken   = "/seeyon/rest/token"
)

// read finds the interface by its path. All but the token's demand a token, POST and a JSON type, in that order.
func (v *seeyon) read(c *Call) request {
	if c.Path == seeyonToken || strings.HasPrefix(c.Path, seeyonToken+"/") {
		return v.readToken(c)
	}
	var handle func(fields) string // gives the refusal, empty for none
	var list string                // the member that holds several objects
	switch c.Path {
	case seeyonPending + "receive":
		c.Op, handle = OpCreate, v.receive(c)
	case seeyonPending + "receive/pendings":
		c.Op, handle, list = OpCreate, v.receive(c), "pendingList"
	case seeyonPending + "updatePendingState":
		c.Op, handle = OpDone, v.update(c)
	case seeyonMessage + "singleMessage":
		c.Op, handle = OpMessage, v.message(c)
	case seeyonMessage + "messageList":
		c.Op, handle, list = OpMessage, v.message(c), "messages"
	case seeyonMapper + "/singleUser":
		c.Op, handle = OpBind, v.bind
	case seeyonMapper:
		c.Op, handle, list = OpBind, v.bind, "userlist"
	default:
		return v.answers(c, func() reply { return page(404, "Not Found") })
	}
	// Reading comes before the token is looked at, so that the ledger says of every call what it was about.
	body, err := readJSON(c.Body)
	items := []fields{body}
	if list != "" {
		items = body.objects(list)
	}
	for _, f := range items {
		v.describe(c, f)
	}
	return v.answers(c, func() reply {
		switch {
		case !v.tokenValid(c):
			return reply{status: 401, kind: typeText, body: []byte("Invalid token,please authenticate again")}
		case c.Method != http.MethodPost:
			return page(405, "Method Not Allowed")
		case !strings.Contains(c.Header.Get("Content-Type"), "json"):
			return page(415, "Unsupported Media Type")
		case err != nil:
			return page(400, err.Error()) // the shape is not known; "a reply that is not JSON is an error page"
		case len(items) == 0:
			return v.result(c, []string{"参数" + list + "不能为空"})
		}
		// In a list each item stands for itself: those that are right are taken even where another is refused.
		var refusals []string
		for _, f := range items {
			if why := handle(f); why != "" {
				refusals = append(refusals, why)
			}
		}
		return v.result(c, refusals)
	})
}

// describe notes in the call what it is about.
func (v *seeyon) describe(c *Call, f fields) {
	c.App, c.Todo = f.text("registerCode"), f.text("taskId")
	receiver := f.text("thirdReceiverId")
	if c.Op == OpMessage {
		c.App, c.Todo, receiver = f.text("thirdpartyRegisterCode"), f.text("thirdpartyMessageId"), f.text("thirdpartyReceiverId")
	}
	if none := f.text("noneBindingReceiver"); none != "" {
		receiver = none
	}
	if receiver != "" && !slices.Contains(c.Accounts, receiver) {
		c.Accounts = append(c.Accounts, receiver)
	}
	if c.Op == OpDone && f.text("state") == "2" {
		c.Op = OpDelete
	}
}

// answers puts together how a call to any interface but the token's can be answered.
func (v *seeyon) answers(c *Call, run func() reply) request {
	return request{
		run:    run,
		refuse: func(_, message string) reply { return v.result(c, []string{message}) },
		fault:  func(message string) reply { return page(500, message) },
	}
}

// result is the answer to all but tokens. The elements of errorMsgs are not documented for todos; text is the least.
func (v *seeyon) result(c *Call, refusals []string) reply {
	if len(refusals) > 0 {
		c.Effect = EffectRefused
	}
	return asJSON(200, struct {
		Success   bool     `json:"success"`
		ErrorMsgs []string `json:"errorMsgs"`
	}{len(refusals) == 0, append([]string{}, refusals...)})
}

// tokenValid looks for the token in the header, then in the query, and counts as its use.
func (v *seeyon) tokenValid(c *Call) bool {
	token := c.Header.Get("token")
	if token == "" {
		q, _ := url.ParseQuery(c.Query)
		token = q.Get("token")
	}
	return v.sim.tokens.valid(strings.ReplaceAll(token, "-", ""))
}

// readToken serves the recommended POST and the old GET with the credentials in the path.
func (v *seeyon) readToken(c *Call) request {
	c.Op = OpToken
	answer := func(token string) reply {
		// The manual's own clients forget the header and read the bare text.
		if !strings.Contains(c.Header.Get("Accept"), "application/json") {
			return reply{status: 200, kind: typeText, body: []byte(token)}
		}
		if token == "-1" {
			return asJSON(200, map[string]any{"id": "-1"})
		}
		return asJSON(200, struct {
			ID          string  `json:"id"`
			BindingUser *string `json:"bindingUser"`
		}{ID: token})
	}
	var user, password string
	ok := false
	if rest, found := strings.CutPrefix(c.Path, seeyonToken+"/"); found && c.Method == http.MethodGet {
		user, password, ok = strings.Cut(rest, "/")
	} else if c.Path == seeyonToken && c.Method == http.MethodPost {
		f, err := readJSON(c.Body)
		user, password, ok = f.text("userName"), f.text("password"), err == nil
	}
	return request{
		run: func() reply {
			if !ok {
				return page(404, "Not Found")
			}
			if !v.sim.admits(user, password) {
				c.Effect = EffectRefused
				return answer("-1")
			}
			t := v.sim.tokens.issue() // shown with dashes, as the real ones are
			return answer(strings.Join([]string{t[:8], t[8:12], t[12:16], t[16:20], t[20:]}, "-"))
		},
		refuse: func(_, _ string) reply { return answer("-1") },
		fault:  func(message string) reply { return page(500, message) },
	}
}

// receive takes a todo. What becomes of a taskId that is pushed again is not documented: one that still stands is written
// anew, one that was handled or withdrawn is refused.
func (v *seeyon) receive(c *Call) func(fields) string {
	return func(f fields) string {
		if n := f.firstBlank("registerCode", "taskId", "title", "senderName", "thirdReceiverId", "creationDate", "state"); n != "" {
			return "参数" + n + "不能为空"
		}
		account := f.text("thirdReceiverId")
		if none := f.text("noneBindingReceiver"); none != "" {
			account = none
		}
		state := map[string]State{"0": StateTodo, "1": StateDone}[f.text("state")]
		switch id := f.text("taskId"); {
		case !v.sim.registered(f.text("registerCode")):
			return "应用【" + f.text("registerCode") + "】未注册"
		case state == "":
			return "参数state不正确"
		case !subState(f.text("subState")):
			return "参数subState不正确"
		case !isTime(f.text("creationDate"), "2006-01-02 15:04", time.DateTime):
			return "参数creationDate格式不正确"
		case !f.blank("url") && !isLink(f.text("url")), !f.blank("h5url") && !isLink(f.text("h5url")):
			return "参数url不正确"
		case !v.sim.knows(account):
			return "接收人未绑定"
		default:
			old := v.sim.inbox.of(f.text("registerCode"), id)
			if len(old) > 0 && old[0].Account != account {
				return "待办【" + id + "】属于其他接收人"
			}
			if len(old) > 0 && !old[0].open() {
				return "待办【" + id + "】已处理，不能重复接收"
			}
			c.Effect = v.sim.inbox.put(&Todo{
				App: f.text("registerCode"), ID: id, Account: account, State: state, Title: f.text("title"),
				Sender: f.text("senderName"), URL: f.text("url"), MobileURL: f.text("h5url"), Created: f.text("creationDate"),
				Result: f.text("subState"), Fields: f.flat(),
			}, v.sim.config.Now())
			return ""
		}
	}
}

// update ends a todo (state 1) or withdraws it (state 2). It names no receiver: the taskId has to be enough.
func (v *seeyon) update(c *Call) func(fields) string {
	return func(f fields) string {
		if n := f.firstBlank("registerCode", "taskId", "state"); n != "" {
			return "参数" + n + "不能为空"
		}
		app, id := f.text("registerCode"), f.text("taskId")
		found := v.sim.inbox.of(app, id)
		switch state := f.text("state"); {
		case !v.sim.registered(app):
			return "应用【" + app + "】未注册"
		case state != "1" && state != "2":
			return "参数state不正确"
		case !subState(f.text("subState")):
			return "参数subState不正确"
		case len(found) == 0 || found[0].State == StateDeleted:
			return "待办【" + id + "】不存在"
		case state == "1":
			found[0].Result = f.text("subState")
			c.Effect = v.sim.inbox.end(found[0], StateDone, v.sim.config.Now())
		default:
			c.Effect = v.sim.inbox.end(found[0], StateDeleted, v.sim.config.Now())
		}
		return ""
	}
}

// message takes a notice.
func (v *seeyon) message(c *Call) func(fields) string {
	return func(f fields) string {
		if n := f.firstBlank("thirdpartyRegisterCode", "thirdpartyMessageId", "messageContent", "creation_date"); n != "" {
			return "参数" + n + "不能为空"
		}
		account := f.text("thirdpartyReceiverId")
		if none := f.text("noneBindingReceiver"); none != "" {
			account = none
		}
		switch {
		case !v.sim.registered(f.text("thirdpartyRegisterCode")):
			return "应用【" + f.text("thirdpartyRegisterCode") + "】未注册"
		case account == "":
			return "参数thirdpartyReceiverId不能为空"
		case !isTime(f.text("creation_date"), "2006-01-02 15:04", time.DateTime):
			return "参数creation_date格式不正确"
		case !v.sim.knows(account):
			return "接收人未绑定"
		}
		c.Effect = v.sim.inbox.put(&Todo{
			App: f.text("thirdpartyRegisterCode"), ID: f.text("thirdpartyMessageId"), Account: account, Message: true,
			State: StateCC, Title: f.text("messageContent"), Sender: f.text("thirdpartySenderId"), URL: f.text("messageURL"),
			MobileURL: f.text("messageH5URL"), Created: f.text("creation_date"), Fields: f.flat(),
		}, v.sim.config.Now())
		return ""
	}
}

// bind makes a third-party user known, as the point-to-point binding does.
func (v *seeyon) bind(f fields) string {
	if n := f.firstBlank("registerCode", "thirdUserId"); n != "" {
		return "参数" + n + "不能为空"
	}
	if v.sim.users != nil {
		v.sim.users[f.text("thirdUserId")] = true
	}
	return ""
}

// subState says whether a text is one of the outcomes of handling: agreed, disagreed, cancelled, rejected, or none.
func subState(s string) bool { return s == "" || s == "0" || s == "1" || s == "2" || s == "3" }
