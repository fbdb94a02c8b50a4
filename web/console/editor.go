package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"todosync/connector"
	"todosync/web/api"
)

// maxEdit bounds what the editor sends, in bytes; a settings file has 1 MiB at most.
const maxEdit = 4 << 20

// A field is an entry of the catalogue of placeholders.
type field struct {
	Code    string `json:"code"`
	LabelZH string `json:"labelZh"`
	LabelEN string `json:"labelEn"`
	From    string `json:"from"`
	Example string `json:"example"`
	Own     bool   `json:"own"`
}

// A person of an event.
type person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// A preview is what a scene would send.
type preview struct {
	Requests []api.PreviewView `json:"requests"`
	Event    struct {
		ID        string          `json:"id"`
		Sample    bool            `json:"sample"`
		Payload   json.RawMessage `json:"payload"`
		Receivers []person        `json:"receivers"`
	} `json:"event"`
	Unbound []person     `json:"unbound"`
	Problem *api.Problem `json:"-"` // why there is none
}

// A trial is what came of trying a connection.
type trial struct {
	connector.TrialReport
	Mode     string            `json:"mode"`
	Requests []api.PreviewView `json:"requests"`
	Problem  *api.Problem      `json:"-"`
}

// A clash is that somebody saved while somebody else edited.
type clash struct {
	Revision int64     `json:"revision"`
	SavedAt  time.Time `json:"savedAt"`
	SavedBy  string    `json:"savedBy"`
	How      string    `json:"how"`
	api.ComparedTexts
}

// difference is what the editor's file would change of what was saved meanwhile.
func (c *clash) difference(v *visit) *difference {
	d := differenceOf(c.Before, c.After)
	d.ID, d.Was, d.Is = "clash", v.T("revision ", "版本 ")+count(c.Revision), v.T("your file", "您的文件")
	return d
}

// A rendering is with what the editor previews and tries.
type rendering struct {
	Scene    connector.Scene `json:"scene"`
	Event    string          `json:"event"` // an event id, "sample", or empty: the newest
	Receiver string          `json:"receiver"`
}

// An editor is the page that edits a connection's file.
type editor struct {
	Key      connector.ConnectionKey // its Name is empty for one that is not there yet
	Title    string
	Revision int64 // that the file was read as; 0: it is new
	Tab      string
	Checked  checked
	Problem  *api.Problem // the file can't be read, or was refused
	Choice   rendering
	Preview  preview
	Fields   []field
	Events   []connector.EventStory
	Clash    *clash
	Trial    *trial
	Notes    []string // of a draft
}

func (c *Console) editorRoutes() {
	c.page("GET /connections/{tenant}/{name}/edit", api.Integrate, c.edit)
	c.page("POST /connections/edit", api.Integrate, c.edited)
	c.page("POST /connections/assist", api.Integrate, c.assist)
}

func (c *Console) edit(v *visit) error {
	k := v.key()
	var saved savedSettings
	if err := v.api.get(v.ctx(), apiConnection(k), nil, &saved); err != nil {
		return err
	}
	e := editor{Key: k, Title: k.Name, Revision: saved.Revision, Tab: v.r.URL.Query().Get("tab"), Choice: rendering{Scene: connector.SceneCreate}}
	if s := connector.Scene(e.Tab); slices.Contains(connector.Scenes(), s) {
		e.Choice.Scene = s
	}
	e.Choice.Event = v.r.URL.Query().Get("event")
	return c.showEditor(v, &e, saved.File)
}

// showEditor looks at a file and shows the editor with it.
func (c *Console) showEditor(v *visit, e *editor, content string) error {
	e.Checked = checked{Content: content}
	looked, err := v.look(content, nil)
	switch p, ok := errors.AsType[*api.Problem](err); {
	case ok:
		if e.Problem == nil {
			e.Problem = p
		}
		e.Checked.Source, e.Checked.Settings, e.Checked.Places = json.RawMessage("null"), json.RawMessage("null"), json.RawMessage("{}")
	case err != nil:
		return err
	default:
		e.Checked = looked
	}
	k := e.Key
	if k.Tenant == "" {
		k.Tenant = e.Checked.said("tenant")
	}
	if k.Tenant != "" {
		q := url.Values{"tenant": {k.Tenant}}
		var events list[connector.EventStory]
		if err := v.api.get(v.ctx(), "/events", url.Values{"tenant": {k.Tenant}, "limit": {"25"}}, &events); err != nil {
			return err
		}
		e.Events = events.Items
		if e.Revision > 0 {
			q.Set("connection", k.Name)
		}
		var fields list[field]
		err := v.api.get(v.ctx(), "/fields", q, &fields)
		if p, ok := errors.AsType[*api.Problem](err); err != nil && (!ok || p.Status != http.StatusNotFound) {
			return err
		}
		e.Fields = fields.Items
	}
	if len(e.Fields) == 0 {
		var fields list[field]
		if err := v.api.get(v.ctx(), "/fields", nil, &fields); err != nil {
			return err
		}
		e.Fields = fields.Items
	}
	if e.Checked.Valid {
		if e.Preview, err = v.preview(e.Checked.Content, e.Choice); err != nil {
			return err
		}
	}
	e.Title = firstOf(e.Checked.said("title"), e.Title)
	v.Active, v.Title = "connections", v.T("Edit ", "编辑 ")+e.Title
	v.Scripts = append(v.Scripts, "editor.js")
	return v.show(editorPage(v, e))
}

// said is a text that the file says at its top.
func (c *checked) said(name string) string {
	var top map[string]json.RawMessage
	var text string
	if json.Unmarshal(c.Source, &top) == nil {
		_ = json.Unmarshal(top[name], &text) // what is no text is not said
	}
	return text
}

// mistakes are the problems that keep a file from being saved.
func (c *checked) mistakes() int {
	n := 0
	for _, p := range c.Problems {
		if !p.Warning {
			n++
		}
	}
	return n
}

// look has the API check a file, after changes of its members.
func (v *visit) look(content string, changes json.RawMessage) (checked, error) {
	var out checked
	body := map[string]any{"content": content}
	if len(changes) > 0 {
		body["changes"] = changes
	}
	err := v.api.post(v.ctx(), "/edit", body, &out)
	return out, err
}

// preview renders a scene of a file. What keeps it from being rendered stands in the preview.
func (v *visit) preview(content string, c rendering) (preview, error) {
	body := map[string]any{"connection": content, "scene": c.Scene, "standIns": true, "explain": true}
	switch c.Event {
	case "":
	case "sample":
		body["sample"] = true
	default:
		body["eventId"] = c.Event
	}
	if c.Receiver != "" {
		body["receiver"] = c.Receiver
	}
	var out preview
	err := v.api.post(v.ctx(), "/render", body, &out)
	if p, ok := errors.AsType[*api.Problem](err); ok {
		return preview{Problem: p}, nil
	}
	return out, err
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
	e.Title = firstOf(e.Key.Name, v.T("a new connection", "新连接"))
	if !slices.Contains(connector.Scenes(), e.Choice.Scene) {
		e.Choice.Scene = connector.SceneCreate
	}
	do := f.Get("do")
	if over := f.Get("overwrite"); over != "" { // somebody has seen what was saved meanwhile and goes on
		e.Revision, _ = strconv.ParseInt(over, 10, 64)
		do = "save"
	}
	switch do {
	case "save":
		saved, err := c.save(v, &e, content)
		if err != nil {
			return err
		}
		if saved != nil {
			return v.saved(saved, e.Tab)
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
func (v *visit) saved(r *api.SaveResult, tab string) error {
	text := v.T("Saved as revision ", "已保存为版本 ") + strconv.FormatInt(r.Revision, 10) + v.T(". It is used from the next delivery on.", "，从下一次推送起生效。")
	if !r.Changed {
		text = v.T("Nothing to save: the file says what is stored.", "无需保存：内容与已保存的相同。")
	}
	for _, w := range r.Warnings {
		text += "\n" + w
	}
	to := connectionPath(connector.ConnectionKey{Tenant: r.Tenant, Name: r.Name}, "edit")
	if tab != "" {
		to += "?tab=" + url.QueryEscape(tab)
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
			return nil, v.clash(e, content)
		}
		return nil, nil
	}
	if e.Revision > 0 {
		r.header.Set("If-Match", `"`+strconv.FormatInt(e.Revision, 10)+`"`)
	} else {
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
	r.path = apiConnection(k)
	var saved api.SaveResult
	if err := v.api.do(v.ctx(), r, &saved); err != nil {
		return refused(err)
	}
	return &saved, nil
}

// clash finds out who saved meanwhile and how that differs.
func (v *visit) clash(e *editor, content string) error {
	var found clash
	err := v.api.post(v.ctx(), apiConnection(e.Key, "compare"), map[string]string{"content": content}, &found)
	if _, ok := errors.AsType[*api.Problem](err); ok {
		return nil // the refusal itself is told
	}
	e.Clash = &found
	return err
}

// try has the connection of a file tried.
func (v *visit) try(content, mode string, f url.Values, c rendering) (*trial, error) {
	body := map[string]any{"connection": content, "mode": mode, "scene": c.Scene, "explain": mode == "dry", "keepId": f.Get("keepId") != "", "todo": f.Get("todo")}
	if f.Get("stored") != "" { // what is stored has its token and its bindings
		delete(body, "connection")
		body["tenant"], body["name"] = f.Get("tenant"), f.Get("name")
	}
	switch c.Event {
	case "", "sample":
		p, err := v.preview(content, c)
		if err != nil {
			return nil, err
		}
		if len(p.Event.Payload) > 0 {
			body["event"] = p.Event.Payload
		}
	default:
		body["eventId"] = c.Event
	}
	if c.Receiver != "" {
		body["receiver"] = c.Receiver
	}
	var out trial
	err := v.api.post(v.ctx(), "/try", body, &out)
	if p, ok := errors.AsType[*api.Problem](err); ok {
		return &trial{Mode: mode, Problem: p}, nil
	}
	return &out, err
}

// assisted is what the editor's script is told after each change.
type assisted struct {
	checked
	Error   string `json:"error,omitempty"` // the file can't be read
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Preview string `json:"preview"` // HTML
	List    string `json:"list"`    // HTML: the problems
}

// assist changes members of the file as the forms want it, checks it and renders the preview.
func (c *Console) assist(v *visit) error {
	var in struct {
		Content string          `json:"content"`
		Changes json.RawMessage `json:"changes"`
		rendering
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxEdit)
	if err := json.NewDecoder(v.r.Body).Decode(&in); err != nil {
		return &api.Problem{Status: http.StatusBadRequest, Detail: v.T("The editor's request could not be read.", "无法读取编辑器的请求。")}
	}
	if !slices.Contains(connector.Scenes(), in.Scene) {
		in.Scene = connector.SceneCreate
	}
	var out assisted
	var err error
	e := editor{Choice: in.rendering}
	out.checked, err = v.look(in.Content, in.Changes)
	if p, ok := errors.AsType[*api.Problem](err); ok {
		out.Error, e.Problem = p.Detail, p
		if len(p.Errors) > 0 {
			out.Line, out.Column = p.Errors[0].Line, p.Errors[0].Column
		}
		out.Content = in.Content
		for _, d := range p.Errors {
			out.Problems = append(out.Problems, fileProblem{Line: d.Line, Column: d.Column, Path: d.Path, Message: d.Message})
		}
	} else if err != nil {
		return err
	}
	e.Checked = out.checked
	if out.Valid {
		if e.Preview, err = v.preview(out.Content, in.rendering); err != nil {
			return err
		}
	}
	if out.Preview, err = v.markup(previewPart(v, &e)); err != nil {
		return err
	}
	if out.List, err = v.markup(problemList(v, &e)); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.Header().Set("Cache-Control", "no-store")
	return json.NewEncoder(v.w).Encode(out)
}

// markup renders a component as text.
func (v *visit) markup(c templ.Component) (string, error) {
	var b strings.Builder
	err := c.Render(v.ctx(), &b)
	return b.String(), err
}
