package oasim

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	yunzhijiaTokenLife = 6400 * time.Second
	yunzhijiaTodo      = "/gateway/newtodo/open/"
	yunzhijiaTokens    = "/gateway/oauth2/token/"

	yunzhijiaClock   = 3 * time.Minute // how far a timestamp may be from the server's clock
	yunzhijiaCache   = time.Hour       // how long an action waits for its create
	yunzhijiaAtOnce  = 100             // openIds in one create; more make it asynchronous
	yunzhijiaQueries = 5               // queries of one item in a minute
	yunzhijiaKept    = 10_000          // early actions and queried items remembered before old ones are cleared out
)

// yunzhijia is the Yunzhijia cloud: one todo id for many receivers, states that go one way, and answers that are a success
// for some receivers only.
type yunzhijia struct {
	sim     *Sim
	current map[string]string           // appId to the token in force: within its life the same is given again
	refresh map[string]string           // appId to its refresh token
	early   map[todoKey]yunzhijiaAction // actions that came before their create; account "" is everyone
	queries map[todoKey][]time.Time     // the last queries of an item
}

// A yunzhijiaAction is what an action asks for.
type yunzhijiaAction struct {
	state State
	until time.Time
}

// newYunzhijia makes the cloud without any app logged in.
func newYunzhijia(s *Sim) *yunzhijia {
	return &yunzhijia{
		sim: s, current: map[string]string{}, refresh: map[string]string{}, early: map[todoKey]yunzhijiaAction{},
		queries: map[todoKey][]time.Time{},
	}
}

// answer is that of all calls but tokens; success is text here, as the real service often has it.
func (v *yunzhijia) answer(code int, ok bool, text string, data any) reply {
	if data == nil {
		data = struct{}{}
	}
	return asJSON(200, struct {
		Data    any    `json:"data"`
		Success string `json:"success"`
		Code    int    `json:"errorCode"`
		Error   string `json:"error"`
	}{data, strconv.FormatBool(ok), code, text})
}

// read finds the interface by its path. All but the tokens' demand the token in the query.
func (v *yunzhijia) read(c *Call) request {
	f, err := readJSON(c.Body)
	var handle func(*Call, fields) reply
	switch c.Path {
	case yunzhijiaTokens + "getAccessToken":
		c.Op, handle = OpToken, v.token
	case yunzhijiaTokens + "refreshToken":
		c.Op, handle = OpToken, v.token
	case yunzhijiaTodo + "generatetodo.json":
		c.Op, handle = OpCreate, v.create
		c.App, c.Todo, c.Accounts = f.text("appId"), f.text("sourceId"), openIDs(f)
		if f.text("todoType") == "0" {
			c.Op = OpMessage
		}
	case yunzhijiaTodo + "action.json":
		c.Op, handle = OpDone, v.action
		c.App, c.Todo, c.Accounts = f.text("sourcetype"), f.text("sourceitemid"), f.texts("openids")
		if yunzhijiaEnd(f) == StateDeleted {
			c.Op = OpDelete
		}
	case yunzhijiaTodo + "checkcreatetodo.json":
		c.Op, handle = OpQuery, v.query
		c.App, c.Todo, c.Accounts = f.text("sourcetype"), f.text("sourceitemid"), []string{f.text("openId")}
	default:
		return plainPage(404, "Not Found")
	}
	return request{
		run: func() reply {
			switch {
			case c.Method != http.MethodPost:
				return page(405, "Method Not Allowed")
			case err != nil:
				return v.wrong(c, "param error:"+err.Error())
			case c.Op != OpToken && !v.admitted(c):
				// What a dead token is answered with is not documented; 401 is what its clients look for.
				return asJSON(401, map[string]any{"data": nil, "success": false, "errorCode": 401, "error": "accessToken无效或已过期"})
			}
			return handle(c, f)
		},
		refuse: func(code, message string) reply {
			n, err := strconv.Atoi(code)
			if err != nil {
				n = 1
			}
			return v.answer(n, false, message, nil)
		},
		fault: func(message string) reply { return page(500, message) },
	}
}

// openIDs are the receivers of a create, each once.
func openIDs(f fields) []string {
	var out []string
	for _, p := range f.objects("params") {
		if id := p.text("openId"); !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// wrong is a parameter error: code 1 and no success.
func (v *yunzhijia) wrong(c *Call, text string) reply {
	c.Effect = EffectRefused
	return v.answer(1, false, text, nil)
}

// admitted looks at the query's access token.
func (v *yunzhijia) admitted(c *Call) bool {
	q, err := url.ParseQuery(c.Query)
	return err == nil && v.sim.tokens.valid(q.Get("accessToken"))
}

// token gives an access token, the same one as long as it lives, or a new one for a refresh token.
func (v *yunzhijia) token(c *Call, f fields) reply {
	refuse := func(text string) reply {
		c.Effect = EffectRefused
		return asJSON(200, map[string]any{"data": nil, "success": false, "errorCode": 1, "error": text})
	}
	scope := f.text("scope")
	ms, err := strconv.ParseInt(f.text("timestamp"), 10, 64)
	off := v.sim.config.Now().Sub(time.UnixMilli(ms))
	app := f.text("appId")
	refreshing := strings.HasSuffix(c.Path, "refreshToken")
	switch {
	case scope != "app" && scope != "team" && scope != "resGroupSecret":
		return refuse("param error:'scope'")
	case scope != "app" && f.blank("eid"):
		return refuse("param error:'eid' is null.")
	case err != nil || len(f.text("timestamp")) != 13 || off > yunzhijiaClock || off < -yunzhijiaClock:
		return refuse("timestamp已失效")
	case refreshing && (f.blank("refreshToken") || v.refresh[app] != f.text("refreshToken")):
		return refuse("refreshToken无效")
	case !refreshing && !v.sim.admits(app, f.text("secret")):
		return refuse("appId或secret错误")
	}
	// A second log-in within a token's life gives the same token with less time to go: whoever counts from his own log-in
	// is late.
	token := v.current[app]
	if refreshing || !v.sim.tokens.valid(token) {
		token = v.sim.tokens.issue()
		v.current[app] = token
		v.refresh[app] = "r" + token[1:]
	}
	return asJSON(200, map[string]any{"errorCode": 0, "success": true, "error": nil, "data": map[string]any{
		"accessToken": token, "expireIn": int(v.sim.tokens.left(token).Seconds()), "refreshToken": v.refresh[app],
	}})
}

// create makes a todo for each openId. One that is there already, in whatever state but deleted, is silently left alone.
func (v *yunzhijia) create(c *Call, f fields) reply {
	for _, n := range []string{"appId", "sourceId", "title", "itemtitle", "content", "headImg", "url"} {
		_, there := f[n].(string)
		must := n != "title" && n != "itemtitle" && n != "content" // texts may be empty, but not null
		if !there || must && f.blank(n) {
			return v.wrong(c, "param error:'"+n+"' is null.")
		}
	}
	ids := openIDs(f)
	if len(ids) == 0 || slices.Contains(ids, "") {
		return v.wrong(c, "param error:'params' is null.")
	}
	if !v.ownApp(c.App) {
		return v.wrong(c, "param error:'appId'")
	}
	// Without sync, or with too many at once, the answer says no more than that the call was received.
	sync := f.text("sync") == "true" && len(ids) <= yunzhijiaAtOnce
	var bad []string
	now := v.sim.config.Now()
	c.Effect = EffectSame
	for _, id := range ids {
		if !v.sim.knows(id) {
			bad = append(bad, id)
			continue
		}
		if old := v.sim.inbox.find(c.App, c.Todo, id); old != nil && old.State != StateDeleted {
			continue
		}
		t := &Todo{
			App: c.App, ID: c.Todo, Account: id, Message: c.Op == OpMessage, State: StateTodo, Title: f.text("title"),
			Sender: f.text("senderId"), URL: f.text("url"), Workflow: f.text("itemtitle"), Fields: f.flat(),
		}
		if t.Message {
			t.State = StateCC
		}
		c.Effect = v.sim.inbox.put(t, now)
		v.catchUp(t)
	}
	switch {
	case !sync:
		return v.answer(0, true, "success", nil) // "received", no more: who is unknown is never heard of
	case len(bad) == len(ids):
		c.Effect = EffectRefused
		return v.answer(505, false, "用户信息全部错误，待办生成失败", bad)
	case len(bad) > 0:
		c.Effect = EffectPart
		return v.answer(501, false, "有部分用户信息错误，该部分用户的待办生成流程失败。其余正常用户的待办流程会继续执行", bad)
	}
	return v.answer(200, true, "待办创建成功", nil)
}

// ownApp says whether the app may push: the one that logs in, or a further one.
func (v *yunzhijia) ownApp(app string) bool {
	c := &v.sim.config
	return app != "" && (c.User == "" || app == c.User || slices.Contains(c.Apps, app))
}

// catchUp applies to a new todo the action that came before it.
func (v *yunzhijia) catchUp(t *Todo) {
	for _, account := range []string{t.Account, ""} {
		k := todoKey{t.App, t.ID, account}
		if a, ok := v.early[k]; ok {
			if v.sim.config.Now().Before(a.until) {
				v.sim.inbox.end(t, a.state, v.sim.config.Now())
			}
			delete(v.early, k)
		}
	}
}

// yunzhijiaEnd is the state that an action asks for, empty when it asks for nothing that ends a todo.
func yunzhijiaEnd(f fields) State {
	kind, _ := f["actiontype"].(map[string]any)
	switch a := fields(kind); {
	case a.text("delete") == "1":
		return StateDeleted
	case a.text("deal") == "1":
		return StateDone
	}
	return ""
}

// action marks todos as handled or deletes them, of the given openIds or of everyone.
func (v *yunzhijia) action(c *Call, f fields) reply {
	for _, n := range []string{"sourcetype", "sourceitemid"} {
		if f.blank(n) {
			return v.wrong(c, "param error:'"+n+"' is null.")
		}
	}
	state := yunzhijiaEnd(f)
	kind, _ := f["actiontype"].(map[string]any)
	if len(kind) == 0 {
		return v.wrong(c, "param error:'actiontype' is null.")
	}
	now := v.sim.config.Now()
	accounts := c.Accounts
	// Without openids the action is for all who have the item, and for all who will get it within the hour.
	if _, named := f["openids"]; !named {
		for _, t := range v.sim.inbox.of(c.App, c.Todo) {
			accounts = append(accounts, t.Account)
		}
		if len(accounts) == 0 && state != "" {
			v.remember(todoKey{c.App, c.Todo, ""}, state)
		}
	}
	var missing []string
	c.Effect = EffectSame
	for _, account := range accounts {
		t := v.sim.inbox.find(c.App, c.Todo, account)
		switch {
		case t == nil || t.State == StateDeleted:
			missing = append(missing, account)
			if state != "" {
				v.remember(todoKey{c.App, c.Todo, account}, state)
			}
		case state != "":
			c.Effect = v.sim.inbox.end(t, state, now)
		}
	}
	text := "待办转已办成功"
	if state == StateDeleted {
		text = "待办删除成功"
	}
	switch {
	case f.text("sync") != "true":
		return v.answer(0, true, "success", nil)
	case len(missing) > 0:
		c.Effect = EffectPart
		return v.answer(502, false, "有部分用户无此待办", missing)
	}
	return v.answer(200, true, text, nil)
}

// remember keeps an action for the create that has not come yet.
func (v *yunzhijia) remember(k todoKey, state State) {
	now := v.sim.config.Now()
	if len(v.early) >= yunzhijiaKept {
		maps.DeleteFunc(v.early, func(_ todoKey, a yunzhijiaAction) bool { return !now.Before(a.until) })
	}
	v.early[k] = yunzhijiaAction{state, now.Add(yunzhijiaCache)}
}

// query counts the todos of an item and a person: 0, 0 for none, 0, 1 for one that is open, 1, 0 for one that is done.
func (v *yunzhijia) query(c *Call, f fields) reply {
	now := v.sim.config.Now()
	k := todoKey{c.App, c.Todo, f.text("openId")}
	if len(v.queries) >= yunzhijiaKept {
		clear(v.queries)
	}
	recent := slices.DeleteFunc(v.queries[k], func(t time.Time) bool { return now.Sub(t) >= time.Minute })
	if len(recent) >= yunzhijiaQueries {
		v.queries[k] = recent
		return asJSON(200, map[string]any{"data": nil, "success": false, "errorCode": 1, "errormsg": "Request too frequent, try later."})
	}
	v.queries[k] = append(recent, now)
	done, open := 0, 0
	if t := v.sim.inbox.find(k.app, k.id, k.account); t != nil {
		switch {
		case t.State == StateDone:
			done = 1
		case t.open():
			open = 1
		}
	}
	return v.answer(0, true, "", map[string]any{"check": done+open > 0, "dealCount": done, "undelCount": open})
}
