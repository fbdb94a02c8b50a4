package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"todosync/connector"
	"todosync/web/api"
)

// editPath is the editor of a connection's or a tenant's file.
func editPath(k connector.ConnectionKey) string {
	if isTenant(k) {
		return "/tenants" + segments(k.Tenant, "edit")
	}
	return connectionPath(k, "edit")
}

// apiSettings is where the API has the settings of a connection or a tenant.
func apiSettings(k connector.ConnectionKey, below ...string) string {
	if isTenant(k) {
		return segments(append([]string{"tenants", k.Tenant}, below...)...)
	}
	return apiConnection(k, below...)
}

// edited does with the editor's file what its button says: save, look, try.
func (c *Console) edited(v *visit) error {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxEdit)
	if err := v.r.ParseForm(); err != nil {
		return &api.Problem{Status: http.StatusBadRequest, Detail: v.T("The form could not be read.", "无法读取表单。")}
	}
	f := v.r.PostForm
	content := strings.ReplaceAll(f.Get("content"), "\r\n", "\n")
	e := editor{
		Key: connector.ConnectionKey{Tenant: f.Get("tenant"), Name: f.Get("name")}, Tab: f.Get("tab"),
		Choice: rendering{Scene: connector.Scene(f.Get("scene")), Event: f.Get("event"), Receiver: f.Get("receiver")},
	}
	e.Revision, _ = strconv.ParseInt(f.Get("revision"), 10, 64) // what is no number is that of a new file
	e.Title = firstOf(e.Key.Name, e.Key.Tenant, v.T("New connection", "新建连接"))
	if !slices.Contains(connector.Scenes(), e.Choice.Scene) {
		e.Choice.Scene = connector.SceneCreate
	}
	do := f.Get("do")
	if over := f.Get("overwrite"); over != "" { // somebody has seen what was saved meanwhile and goes on
		e.Revision, _ = strconv.ParseInt(over, 10, 64)
		do = "save"
	}
	switch do {
	case "review":
		r, err := v.review(&e, content)
		if err != nil {
			return err
		}
		if v.partial() {
			return v.fragment(reviewPart(v, r))
		}
		e.Review = r
	case "save":
		saved, err := c.save(v, &e, content)
		if err != nil {
			return err
		}
		if saved != nil {
			return v.saved(saved, &e)
		}
		v.Status = e.Problem.Status
	case "dry", "auth", "live":
		var err error
		if e.Trial, err = v.try(content, do, f, e.Choice); err != nil {
			return err
		}
	}
	return c.showEditor(v, &e, content)
}

// saved leads to what was saved, and tells what it warns of.
func (v *visit) saved(r *api.SaveResult, e *editor) error {
	text := v.T("Saved as revision ", "已保存为版本 ") + strconv.FormatInt(r.Revision, 10) + v.T(". It is used from the next delivery on; Revisions brings the one before back.", "，从下一次推送起生效。可在“历史版本”中恢复之前的版本。")
	if !r.Changed {
		text = v.T("Nothing to save: the file says what is stored.", "无需保存：内容与已保存的相同。")
	}
	for _, w := range r.Warnings {
		text += "\n" + w
	}
	to := editPath(connector.ConnectionKey{Tenant: r.Tenant, Name: r.Name})
	if e.Tab != "" {
		to += "?tab=" + url.QueryEscape(e.Tab)
	}
	return v.done(to, text)
}

// save stores the file. nil and no error: it was refused, and e says why.
func (c *Console) save(v *visit, e *editor, content string) (*api.SaveResult, error) {
	k := e.Key
	r := request{method: http.MethodPut, contentType: "application/yaml", body: strings.NewReader(content), header: http.Header{}}
	refused := func(err error) (*api.SaveResult, error) {
		p, ok := errors.AsType[*api.Problem](err)
		if !ok {
			return nil, err
		}
		e.Problem = p
		if p.Status == http.StatusPreconditionFailed {
			var err error
			e.Review, err = v.review(e, content)
			return nil, err
		}
		return nil, nil
	}
	if e.Revision > 0 {
		r.header.Set("If-Match", `"`+strconv.FormatInt(e.Revision, 10)+`"`)
	} else if !e.Tenant() {
		looked, err := v.look(content, nil)
		if err != nil {
			return refused(err)
		}
		k = connector.ConnectionKey{Tenant: looked.said("tenant"), Name: looked.said("name")}
		if k.Tenant == "" || k.Name == "" {
			return refused(&api.Problem{
				Status: http.StatusUnprocessableEntity, Detail: v.T("The file needs a tenant and a name.", "文件需要 tenant 和 name。"),
			})
		}
		err = v.api.get(v.ctx(), apiConnection(k), nil, nil)
		switch p, ok := errors.AsType[*api.Problem](err); {
		case err == nil:
			return refused(&api.Problem{
				Status: http.StatusConflict, Detail: v.T("There is a connection "+k.String()+" already.", "连接 "+k.String()+" 已存在。"),
				Hint: v.T("Give the new one another name, or edit the one that is there.", "请换一个名称，或编辑已有的连接。"),
			})
		case !ok || p.Status != http.StatusNotFound:
			return refused(err)
		}
	}
	r.path = apiSettings(k)
	var saved api.SaveResult
	if err := v.api.do(v.ctx(), r, &saved); err != nil {
		return refused(err)
	}
	return &saved, nil
}

// A comparedFile is what a file would change of what is stored.
type comparedFile struct {
	Revision int64     `json:"revision"`
	SavedAt  time.Time `json:"savedAt"`
	SavedBy  string    `json:"savedBy"`
	How      string    `json:"how"`
	Changed  []string  `json:"changed"`
	api.ComparedTexts
}

// A review is what saving a file would do, shown before it does: what changes, and what becomes of what waits.
type review struct {
	Key      connector.ConnectionKey // as of an editor
	Checked  checked
	Problem  *api.Problem // it can't be saved
	Compared *comparedFile
	Clash    bool                 // somebody saved since the editor read the file
	Theirs   *difference          // what he changed
	State    *api.ConnectionState // of a connection that is stored
}

// review finds out what saving the editor's file would do.
func (v *visit) review(e *editor, content string) (*review, error) {
	r := &review{Key: e.Key}
	problem := func(err error) error {
		if p, ok := errors.AsType[*api.Problem](err); ok {
			r.Problem, err = p, nil
		}
		return err
	}
	var err error
	if r.Checked, err = v.look(content, nil); err != nil || !r.Checked.Valid {
		return r, problem(err)
	}
	if e.Key.Tenant == "" {
		return r, nil
	}
	var found comparedFile
	if err := v.api.post(v.ctx(), apiSettings(e.Key, "compare"), map[string]string{"content": content}, &found); err != nil {
		return r, problem(err)
	}
	r.Compared = &found
	if r.Clash = e.Revision > 0 && found.Revision != e.Revision; r.Clash {
		var theirs struct{ api.ComparedTexts }
		q := url.Values{"with": {count(e.Revision)}}
		err := v.api.get(v.ctx(), apiSettings(e.Key, "revisions", count(found.Revision), "diff"), q, &theirs)
		if _, ok := errors.AsType[*api.Problem](err); err != nil && !ok { // the revision that was begun with is kept no more
			return nil, err
		}
		if err == nil {
			r.Theirs = differenceOf(theirs.Before, theirs.After)
			r.Theirs.ID, r.Theirs.Was, r.Theirs.Is = "theirs", v.T("revision ", "版本 ")+count(e.Revision), v.T("revision ", "版本 ")+count(found.Revision)
		}
		return r, nil
	}
	if !e.Tenant() {
		if r.State, err = v.state(e.Key); err != nil {
			return r, problem(err)
		}
	}
	return r, nil
}

// difference is what the file would change of what is stored.
func (r *review) difference(v *visit) *difference {
	d := differenceOf(r.Compared.Before, r.Compared.After)
	d.ID, d.Was, d.Is = "yours", v.T("revision ", "版本 ")+count(r.Compared.Revision), v.T("your file", "您的文件")
	if r.Compared.Revision == 0 {
		d.Was = v.T("nothing", "无")
	}
	return d
}

// same reports whether the file says what is stored.
func (r *review) same() bool {
	return r.Compared != nil && r.Compared.Revision > 0 && len(r.Compared.Changed) == 0
}

// effects say what saving does, beside what changes in the file.
func (v *visit) effects(r *review) []string {
	var out []string
	say := func(en, zh string) { out = append(out, v.T(en, zh)) }
	changes := func(names ...string) bool {
		return r.Compared != nil && slices.ContainsFunc(r.Compared.Changed, func(c string) bool {
			first, _, _ := strings.Cut(c, ".")
			return slices.Contains(names, first)
		})
	}
	switch s := r.State; {
	case isTenant(r.Key):
		say("It is used at once, by all connections of the tenant.", "立即生效，对该租户的所有连接有效。")
		if changes("fields") {
			say("Its placeholders have their new values from the next request on, also for what waits.", "占位符从下一个请求起使用新的取值，等待中的推送也一样。")
		}
		if changes("notify") {
			say("Digests go the new way from the window that is open now.", "失败汇总从当前窗口起按新设置发送。")
		}
		if changes("maskBodies") {
			say("What viewers see of bodies changes at once, for records that are there already, too.", "查看者能否看到报文立即改变，对已有的记录也有效。")
		}
	case s == nil:
		say("Events that come from now on are sent to it.", "此后到达的事件会推送到该连接。")
		say("Todos that are open already are not; Backfill on its page sends them.", "已有的未办待办不会推送；可在连接页面“补推”。")
	default:
		say("What is sent from now on is made with it. What the OA has got already stays there as it is.", "此后的推送按新配置生成；OA 已收到的内容不变。")
		switch n := count(s.Waiting); {
		case s.Waiting == 1:
			say("1 delivery waits: it is made with this at its next try.", "1 条推送正在等待，下次尝试时按新配置生成。")
		case s.Waiting > 1:
			say(n+" deliveries wait: they are made with this at their next try.", n+" 条推送正在等待，下次尝试时按新配置生成。")
		}
		if s.Failed > 0 {
			say("Those that failed stay so until somebody sends them again: "+count(s.Failed)+".", "已失败的 "+count(s.Failed)+" 条保持不变，需人工重新发送。")
		}
		if s.HeldFor != "" && s.HeldFor != "broken" {
			say("It is "+v.Health(s.HeldFor)+" now: "+v.healthStory(s), "当前状况："+v.Health(s.HeldFor)+"。"+v.healthStory(s))
		}
		if changes("token", "variables") {
			say("A token is fetched anew where its request changed.", "取令牌的请求有变化时会重新获取令牌。")
		}
	}
	if m := missing(r.Checked.Secrets); len(m) > 0 {
		names := make([]string, len(m))
		for i := range m {
			names[i] = m[i].Name
		}
		all := strings.Join(names, ", ")
		say("Secrets that it names and nobody has set yet: "+all+". Until then nothing can be sent that needs them.", "引用但尚未设置的密钥："+all+"。设置之前，用到它们的请求无法发送。")
	}
	return out
}

// reviewTitle asks whether to save.
func reviewTitle(v *visit, r *review) string {
	switch {
	case isTenant(r.Key):
		return v.T("Save the settings of tenant ", "保存租户设置：") + r.Key.Tenant + v.T("?", "？")
	case r.Key.Tenant == "":
		return v.T("Save the new connection ", "保存新连接 ") + r.Checked.said("tenant") + "/" + r.Checked.said("name") + v.T("?", "？")
	}
	return v.T("Save ", "保存 ") + firstOf(r.Checked.said("title"), r.Key.Name) + v.T("?", "？")
}
