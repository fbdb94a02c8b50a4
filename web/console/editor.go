package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

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

// A rendering is with what the editor previews and tries.
type rendering struct {
	Scene    connector.Scene `json:"scene"`
	Event    string          `json:"event"` // an event id, "sample", or empty: the newest
	Receiver string          `json:"receiver"`
}

// An editor is the page that edits the file of a connection or of a tenant.
type editor struct {
	Key      connector.ConnectionKey // without a name: a tenant; without both: a connection that is not there yet
	Title    string
	Revision int64 // that the file was read as; 0: it is new
	Tab      string
	Checked  checked
	Problem  *api.Problem // the file can't be read, or was refused
	Choice   rendering
	Preview  preview
	Fields   []field
	Events   []connector.EventStory
	Review   *review
	Trial    *trial
	Notes    []string // of a draft
}

// Tenant reports whether it is a tenant's file.
func (e *editor) Tenant() bool { return isTenant(e.Key) }

// isTenant reports whether a key is that of a tenant.
func isTenant(k connector.ConnectionKey) bool { return k.Tenant != "" && k.Name == "" }

func (c *Console) editorRoutes() {
	c.page("GET /connections/{tenant}/{name}/edit", api.Integrate, c.edit)
	c.page("GET /tenants/{tenant}/edit", api.Integrate, c.editTenant)
	c.page("GET /schemas/{kind}", api.Integrate, c.schema)
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
	if e.Tenant() {
		return v.showEditor(e)
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
	return v.showEditor(e)
}

// showEditor shows the editor's page.
func (v *visit) showEditor(e *editor) error {
	e.Title = firstOf(e.Checked.said("title"), e.Title)
	v.Active, v.Title = "connections", v.T("Edit ", "编辑 ")+e.Title
	if e.Tenant() {
		v.Active = "settings"
	}
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
		Tenant  string          `json:"tenant"`
		Name    string          `json:"name"`
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
	e := editor{Choice: in.rendering, Key: connector.ConnectionKey{Tenant: in.Tenant, Name: in.Name}}
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
	if out.Valid && !e.Tenant() {
		if e.Preview, err = v.preview(out.Content, in.rendering); err != nil {
			return err
		}
	}
	if !e.Tenant() {
		if out.Preview, err = v.markup(previewPart(v, &e)); err != nil {
			return err
		}
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
