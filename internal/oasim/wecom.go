package oasim

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	wecomTokenLife = 7200 * time.Second
	wecomCodeLife  = 72 * time.Hour // of a response_code
	wecomRecall    = 24 * time.Hour // how long a message can be recalled
	wecomPath      = "/cgi-bin/"
)

// wecom is the WeCom cloud: messages of an app. A card with buttons can be changed once, with the response_code that its sending was
// answered with; a message can be recalled for a day, by its msgid. All answers have HTTP status 200.
type wecom struct {
	sim   *Sim
	past  map[string]bool       // tokens that were good once
	codes map[string]*wecomCard // by response_code; nil: spent
	sent  map[string]*wecomCard // by msgid
	tasks map[string]bool       // task_ids
}

// A wecomCard is one message as it was sent.
type wecomCard struct {
	app, id string
	at      time.Time
}

// newWecom makes the cloud without any message.
func newWecom(s *Sim) *wecom {
	return &wecom{sim: s, past: map[string]bool{}, codes: map[string]*wecomCard{}, sent: map[string]*wecomCard{}, tasks: map[string]bool{}}
}

// answer is that of all calls.
func (v *wecom) answer(code int, text string, more map[string]any) reply {
	out := map[string]any{"errcode": code, "errmsg": text}
	maps.Copy(out, more)
	return asJSON(200, out)
}

// refuse answers with a failure code and notes it in the call.
func (v *wecom) refuse(c *Call, code int, text string) reply {
	c.Effect = EffectRefused
	return v.answer(code, text, nil)
}

// read finds the interface by its path. All but the token's demand the token in the query.
func (v *wecom) read(c *Call) request {
	var f fields
	var err error
	var handle func(*Call, fields) reply
	method := http.MethodPost
	name, _ := strings.CutPrefix(c.Path, wecomPath)
	if name == "gettoken" {
		f = queryFields(queryOf(c))
	} else {
		f, err = readJSON(c.Body)
	}
	switch name {
	case "gettoken":
		c.Op, handle, method = OpToken, v.token, http.MethodGet
	case "message/send":
		c.Op, handle = OpMessage, v.send
		c.App, c.Accounts = f.text("agentid"), strings.Split(f.text("touser"), "|")
		if f.text("msgtype") == "template_card" {
			c.Op = OpCreate
			card, _ := f["template_card"].(map[string]any)
			c.Todo = fields(card).text("task_id")
		}
	case "message/update_template_card":
		c.Op, handle = OpUpdate, v.update
		c.App, c.Accounts = f.text("agentid"), f.texts("userids")
		if _, ok := f["button"]; ok {
			c.Op = OpDone
		}
	case "message/recall":
		c.Op, handle = OpDelete, v.recall
		c.Todo = f.text("msgid")
	default:
		return plainPage(404, "404 Not Found")
	}
	return request{
		run: func() reply {
			token := queryOf(c).Get("access_token")
			switch {
			case c.Method != method:
				return v.refuse(c, 43002, "require POST method")
			case c.Op != OpToken && token == "":
				return v.refuse(c, 41001, "access_token missing")
			case c.Op != OpToken && !v.sim.tokens.valid(token) && v.past[token]:
				return v.refuse(c, 42001, "access_token expired")
			case c.Op != OpToken && !v.sim.tokens.valid(token):
				return v.refuse(c, 40014, "invalid access_token")
			case err != nil:
				return v.refuse(c, 47001, "data format error")
			}
			return handle(c, f)
		},
		refuse: func(code, message string) reply {
			n, err := strconv.Atoi(code)
			if err != nil {
				n = 40058
			}
			return v.refuse(c, n, message)
		},
		fault: func(message string) reply { return page(500, message) },
	}
}

// token logs a corporation's app in.
func (v *wecom) token(c *Call, f fields) reply {
	switch {
	case f.blank("corpid"):
		return v.refuse(c, 41002, "corpid missing")
	case f.blank("corpsecret"):
		return v.refuse(c, 41004, "corpsecret missing")
	case !v.sim.admits(f.text("corpid"), f.text("corpsecret")):
		return v.refuse(c, 40001, "invalid credential")
	}
	token := v.sim.tokens.issue()
	v.past[token] = true
	return v.answer(0, "ok", map[string]any{"access_token": token, "expires_in": int(v.sim.tokens.left(token).Seconds())})
}

// agent says whether the app's number is one, and not a text.
func (v *wecom) agent(c *Call, f fields) bool {
	_, asText := f["agentid"].(string)
	_, err := strconv.Atoi(c.App)
	return !asText && err == nil && v.sim.registered(c.App)
}

// send takes a message. Accounts that are not known are named in the answer; a message for nobody is refused.
func (v *wecom) send(c *Call, f fields) reply {
	if !v.agent(c, f) {
		return v.refuse(c, 40056, "invalid agentid")
	}
	known := slices.DeleteFunc(slices.Clone(c.Accounts), func(a string) bool { return a == "" || !v.sim.knows(a) })
	if len(known) == 0 {
		return v.refuse(c, 81013, "user & party & tag all invalid")
	}
	content, _ := f[f.text("msgtype")].(map[string]any)
	m := fields(content)
	t := Todo{App: c.App, Message: true, State: StateCC, Title: m.text("title"), URL: m.text("url"), MobileURL: m.text("url"), Fields: f.flat()}
	answer := map[string]any{"invaliduser": strings.Join(without(c.Accounts, known), "|"), "msgid": "msg-" + strconv.Itoa(c.Seq)}
	switch f.text("msgtype") {
	case "textcard":
		if m.blank("title") || m.blank("description") || !isLink(m.text("url")) {
			return v.refuse(c, 40058, "textcard: title, description and url are required")
		}
	case "template_card":
		if why := v.card(m); why != "" {
			return v.refuse(c, 40058, why)
		}
		if v.tasks[c.App+"|"+c.Todo] {
			return v.refuse(c, 40058, "template_card.task_id is used already")
		}
		v.tasks[c.App+"|"+c.Todo] = true
		t.Message, t.State = false, StateTodo
		v.fill(&t, m)
		answer["response_code"] = "code-" + strconv.Itoa(c.Seq)
	default:
		return v.refuse(c, 40008, "invalid message type")
	}
	t.ID = answer["msgid"].(string)
	for _, account := range known {
		one := t
		one.Account = account
		c.Effect = v.sim.inbox.put(&one, v.sim.config.Now())
	}
	card := &wecomCard{app: c.App, id: t.ID, at: v.sim.config.Now()}
	v.sent[t.ID] = card
	if code, ok := answer["response_code"].(string); ok {
		v.codes[code] = card
	}
	return v.answer(0, "ok", answer)
}

// without gives those of all that are not among some.
func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(a string) bool { return slices.Contains(some, a) })
}

// fill takes a card's text and link into a todo.
func (v *wecom) fill(t *Todo, card fields) {
	title, _ := card["main_title"].(map[string]any)
	action, _ := card["card_action"].(map[string]any)
	t.Title, t.URL, t.MobileURL = fields(title).text("title"), fields(action).text("url"), fields(action).text("url")
}

// card says what is wrong with a card, empty for nothing. Only cards with buttons are known here: the others cannot be changed.
func (v *wecom) card(m fields) string {
	title, _ := m["main_title"].(map[string]any)
	action, _ := m["card_action"].(map[string]any)
	buttons := m.objects("button_list")
	id := m.text("task_id")
	switch {
	case m.text("card_type") != "button_interaction":
		return "template_card.card_type"
	case fields(title).blank("title"):
		return "template_card.main_title.title"
	case id == "" || len(id) > 128 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-@") != "":
		return "template_card.task_id"
	case action != nil && fields(action).text("type") == "1" && !isLink(fields(action).text("url")):
		return "template_card.card_action.url"
	case len(buttons) == 0 || len(buttons) > 6:
		return "template_card.button_list"
	}
	for _, b := range buttons {
		link := b.text("type") == "1"
		if b.blank("text") || link && !isLink(b.text("url")) || !link && b.blank("key") {
			return "template_card.button_list"
		}
	}
	return ""
}

// update changes a card, with a code that is good once and for three days. The words of its refusal are not documented.
func (v *wecom) update(c *Call, f fields) reply {
	if !v.agent(c, f) {
		return v.refuse(c, 40056, "invalid agentid")
	}
	code := f.text("response_code")
	card := v.codes[code]
	now := v.sim.config.Now()
	if card == nil || card.app != c.App || now.Sub(card.at) >= wecomCodeLife {
		return v.refuse(c, 40058, "invalid response_code")
	}
	c.Todo = card.id
	anew, _ := f["template_card"].(map[string]any)
	button, _ := f["button"].(map[string]any)
	if anew != nil {
		if why := v.card(anew); why != "" {
			return v.refuse(c, 40058, why)
		}
	} else if fields(button).blank("replace_name") {
		return v.refuse(c, 40058, "button.replace_name")
	}
	v.codes[code] = nil
	var wrong []string
	for _, account := range c.Accounts {
		t := v.sim.inbox.find(card.app, card.id, account)
		switch {
		case t == nil || t.State == StateDeleted:
			wrong = append(wrong, account)
		case anew != nil:
			v.fill(t, anew)
			t.Writes++
			t.ChangedAt, t.Fields = now, f.flat()
			c.Effect = EffectEdited
		default:
			t.Result = fields(button).text("replace_name")
			c.Effect = v.sim.inbox.end(t, StateDone, now)
		}
	}
	return v.answer(0, "ok", map[string]any{"invaliduser": append([]string{}, wrong...)})
}

// recall takes a message back from all who have it.
func (v *wecom) recall(c *Call, _ fields) reply {
	card := v.sent[c.Todo]
	now := v.sim.config.Now()
	if card == nil || now.Sub(card.at) >= wecomRecall {
		return v.refuse(c, 40058, "invalid msgid") // the words are not documented
	}
	c.Effect = EffectSame
	for _, t := range v.sim.inbox.of(card.app, card.id) {
		c.Accounts = append(c.Accounts, t.Account)
		c.Effect = v.sim.inbox.end(t, StateDeleted, now)
	}
	return v.answer(0, "ok", nil)
}
