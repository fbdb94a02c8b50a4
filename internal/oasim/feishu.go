package oasim

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	feishuTokenLife = 7200 * time.Second
	feishuSame      = 30 * time.Minute // a token with more to live than this is given again
	feishuTokens    = "/open-apis/auth/v3/tenant_access_token/internal"
	feishuInstances = "/open-apis/approval/v4/external_instances"
	feishuMessages  = "/open-apis/im/v1/messages"
)

// feishu is the Feishu cloud: third-party approvals, of which every push is the whole instance and the newest update_time wins, and
// messages of the app's bot. Refusals come with HTTP status 400.
type feishu struct {
	sim     *Sim
	current string           // the token in force
	newest  map[string]int64 // instance to the newest update_time
	sent    map[string]bool  // uuids of messages
}

// answer is that of all calls but tokens; a code other than 0 goes with status 400.
func (v *feishu) answer(code int, msg string, data any) reply {
	status := 200
	if code != 0 {
		status = 400
	}
	return asJSON(status, struct {
		Code int    `json:"code"`
		Msg  string `json:"msg"`
		Data any    `json:"data,omitempty"`
	}{code, msg, data})
}

// refuse answers with a failure code and notes it in the call.
func (v *feishu) refuse(c *Call, code int, msg string) reply {
	c.Effect = EffectRefused
	return v.answer(code, msg, nil)
}

// invalid is the refusal of a request that lacks something or has it wrong.
func (v *feishu) invalid(c *Call, what string) reply {
	return v.refuse(c, 1390001, "param is invalid: "+what)
}

// read finds the interface by its path. All but the token's demand the token as a bearer.
func (v *feishu) read(c *Call) request {
	f, err := readJSON(c.Body)
	var handle func(*Call, fields) reply
	switch strings.TrimSuffix(c.Path, "/") {
	case feishuTokens:
		c.Op, handle = OpToken, v.token
	case feishuInstances:
		c.Op, handle = OpCreate, v.instance
		c.App, c.Todo = f.text("approval_code"), f.text("instance_id")
		switch status := f.text("status"); {
		case status == "DELETED":
			c.Op = OpDelete
		case status != "PENDING":
			c.Op = OpDone
		}
		for _, t := range f.objects("task_list") {
			c.Accounts = append(c.Accounts, feishuUser(t))
		}
	case feishuInstances + "/check":
		c.Op, handle = OpQuery, v.check
	case feishuMessages:
		c.Op, handle = OpMessage, v.message
		c.Todo, c.Accounts = f.text("uuid"), []string{f.text("receive_id")}
	default:
		return plainPage(404, "404 page not found")
	}
	return request{
		run: func() reply {
			bearer, ok := strings.CutPrefix(c.Header.Get("Authorization"), "Bearer ")
			switch {
			case c.Method != http.MethodPost:
				return page(405, "Method Not Allowed")
			case c.Op != OpToken && (!ok || bearer == ""):
				return v.refuse(c, 99991661, "Missing access token for authorization.")
			case c.Op != OpToken && !v.sim.tokens.valid(bearer):
				return v.refuse(c, 99991663, "Invalid access token for authorization.")
			case err != nil:
				return v.invalid(c, err.Error())
			}
			return handle(c, f)
		},
		refuse: func(code, message string) reply {
			n, err := strconv.Atoi(code)
			if err != nil {
				n = 1390001
			}
			return v.refuse(c, n, message)
		},
		fault: func(message string) reply { return page(500, message) },
	}
}

// token logs an app in. Within its life the same token is given again, until it has half an hour left.
func (v *feishu) token(c *Call, f fields) reply {
	if f.blank("app_id") || f.blank("app_secret") || !v.sim.admits(f.text("app_id"), f.text("app_secret")) {
		c.Effect = EffectRefused
		return asJSON(200, map[string]any{"code": 10003, "msg": "invalid param"})
	}
	if !v.sim.tokens.valid(v.current) || v.sim.tokens.left(v.current) < min(feishuSame, v.sim.tokens.life/2) {
		v.current = v.sim.tokens.issue()
	}
	return asJSON(200, map[string]any{
		"code": 0, "msg": "ok", "tenant_access_token": v.current, "expire": int(v.sim.tokens.left(v.current).Seconds()),
	})
}

// feishuUser is the person that an instance or a task names.
func feishuUser(f fields) string {
	if u := f.text("user_id"); u != "" {
		return u
	}
	return f.text("open_id")
}

// instance takes a whole instance. Its ids must differ from each other: those of instance and tasks alike.
func (v *feishu) instance(c *Call, f fields) reply {
	if n := f.firstBlank("approval_code", "instance_id", "status", "start_time", "update_time", "end_time"); n != "" {
		return v.invalid(c, n)
	}
	links, _ := f["links"].(map[string]any)
	texts, why := feishuTexts(f)
	stamp, err := strconv.ParseInt(f.text("update_time"), 10, 64)
	switch status := f.text("status"); {
	case !v.sim.registered(c.App):
		return v.invalid(c, "approval_code")
	case !slices.Contains([]string{"PENDING", "APPROVED", "REJECTED", "CANCELED", "DELETED", "HIDDEN", "TERMINATED"}, status):
		return v.invalid(c, "status")
	case err != nil || !feishuTime(f.text("start_time")) || !feishuTime(f.text("end_time")):
		return v.invalid(c, "time")
	case !feishuLinks(links):
		return v.invalid(c, "links")
	case why != "":
		return v.invalid(c, why)
	}
	ids := map[string]bool{c.Todo: true}
	tasks := f.objects("task_list")
	for _, t := range tasks {
		if n := t.firstBlank("task_id", "title", "status", "create_time", "end_time", "update_time"); n != "" {
			return v.invalid(c, "task_list."+n)
		}
		own, _ := t["links"].(map[string]any)
		switch {
		case ids[t.text("task_id")]:
			return v.invalid(c, "task_list.task_id is not unique in the instance")
		case !slices.Contains([]string{"PENDING", "APPROVED", "REJECTED", "TRANSFERRED", "DONE"}, t.text("status")):
			return v.invalid(c, "task_list.status")
		case !v.sim.knows(feishuUser(t)) || feishuUser(t) == "":
			return v.invalid(c, "task_list.user_id")
		case !feishuLinks(own):
			return v.invalid(c, "task_list.links")
		case texts[t.text("title")] == "":
			return v.invalid(c, "task_list.title is no key of i18n_resources")
		}
		ids[t.text("task_id")] = true
	}
	if old, known := v.newest[c.Todo]; known && stamp <= old {
		c.Effect = EffectDropped // the newer one wins, and nobody is told
		return v.answer(0, "success", nil)
	}
	v.newest[c.Todo] = stamp
	v.store(c, f, tasks, texts)
	return v.answer(0, "success", map[string]any{"data": f})
}

// store brings the inboxes to what the instance says; who is no longer among its tasks has nothing of it any more.
func (v *feishu) store(c *Call, f fields, tasks []fields, texts map[string]string) {
	now := v.sim.config.Now()
	over := f.text("status")
	c.Effect = EffectSame
	named := map[string]bool{}
	for _, t := range tasks {
		account := feishuUser(t)
		named[account] = true
		links, _ := t["links"].(map[string]any)
		state := StateTodo
		switch {
		case over == "DELETED" || over == "HIDDEN":
			state = StateDeleted
		case t.text("status") != "PENDING" || over != "PENDING":
			state = StateDone
		}
		effect := v.sim.inbox.put(&Todo{
			App: c.App, ID: c.Todo, Account: account, State: state, Title: texts[t.text("title")], Sender: f.text("user_name"),
			URL: fields(links).text("pc_link"), MobileURL: fields(links).text("mobile_link"), Created: f.text("start_time"),
			Result: t.text("status"), Fields: f.flat(), Stamp: v.newest[c.Todo],
		}, now)
		switch {
		case state == StateDeleted:
			effect = EffectDeleted
		case state == StateDone:
			effect = EffectDone
		}
		c.Effect = effect
	}
	for _, t := range v.sim.inbox.of(c.App, c.Todo) {
		if !named[t.Account] && t.State != StateDeleted {
			c.Effect = v.sim.inbox.end(t, StateDeleted, now)
		}
	}
}

// feishuTexts are the texts of the default language by their keys; why says what is wrong with them.
func feishuTexts(f fields) (texts map[string]string, why string) {
	texts = map[string]string{}
	for _, r := range f.objects("i18n_resources") {
		for _, t := range r.objects("texts") {
			if !strings.HasPrefix(t.text("key"), "@i18n@") {
				return nil, "i18n_resources.texts.key"
			}
			if r.text("is_default") == "true" {
				texts[t.text("key")] = t.text("value")
			}
		}
	}
	if title := f.text("title"); title != "" && texts[title] == "" {
		return nil, "title is no key of i18n_resources"
	}
	if len(f.objects("i18n_resources")) == 0 {
		return nil, "i18n_resources"
	}
	return texts, ""
}

// feishuLinks says whether there is a link for one of the two devices, and no other text.
func feishuLinks(links map[string]any) bool {
	l := fields(links)
	for _, n := range []string{"pc_link", "mobile_link"} {
		if !l.blank(n) && !isLink(l.text(n)) {
			return false
		}
	}
	return !l.blank("pc_link") || !l.blank("mobile_link")
}

// feishuTime says whether a text is a Unix time in milliseconds, or 0.
func feishuTime(s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && (n == 0 || n > 1e11)
}

// check gives the instances whose update_time is not the one that is known.
func (v *feishu) check(_ *Call, f fields) reply {
	stale := []any{}
	for _, i := range f.objects("instances") {
		if strconv.FormatInt(v.newest[i.text("instance_id")], 10) != i.text("update_time") {
			stale = append(stale, i)
		}
	}
	return v.answer(0, "success", map[string]any{"diff_instances": stale})
}

// message takes a message of the bot; one with a uuid that was there before is not sent again.
func (v *feishu) message(c *Call, f fields) reply {
	kind := queryOf(c).Get("receive_id_type")
	content, err := readJSON(f.text("content"))
	switch {
	case !slices.Contains([]string{"open_id", "user_id", "union_id", "email", "chat_id"}, kind):
		return v.refuse(c, 99992402, "field validation failed: receive_id_type")
	case f.blank("receive_id") || f.blank("msg_type") || err != nil:
		return v.refuse(c, 230001, "Your request contains an invalid request parameter.")
	case f.text("msg_type") == "text" && content.blank("text"):
		return v.refuse(c, 230001, "Your request contains an invalid request parameter.")
	case !v.sim.knows(f.text("receive_id")):
		return v.refuse(c, 230013, "Bot has NO availability to this user.")
	}
	uuid := f.text("uuid")
	if uuid != "" && v.sent[uuid] {
		c.Effect = EffectSame
		return v.answer(0, "success", map[string]any{"message_id": "om_" + uuid})
	}
	if uuid == "" {
		uuid = strconv.Itoa(c.Seq)
	}
	v.sent[uuid] = true
	c.Effect = v.sim.inbox.put(&Todo{
		ID: "om_" + uuid, Account: f.text("receive_id"), Message: true, State: StateCC, Title: content.text("text"), Fields: f.flat(),
	}, v.sim.config.Now())
	return v.answer(0, "success", map[string]any{"message_id": "om_" + uuid})
}
