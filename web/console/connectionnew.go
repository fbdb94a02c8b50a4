package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"todosync/connector"
	"todosync/web/api"
)

// A text is a text in both languages.
type text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// A presetEntry is a preset with what an integrator gives for it.
type presetEntry struct {
	Name      string `json:"name"`
	Title     text   `json:"title"`
	Variables []struct {
		Name     string `json:"name"`
		Default  string `json:"default"`
		Required bool   `json:"required"`
		About    text   `json:"about"`
	} `json:"variables"`
	Secrets []struct {
		Name  string `json:"name"`
		About text   `json:"about"`
	} `json:"secrets"`
	Readme string `json:"readme"` // of one preset
}

// A guess is what a draft puts in place of a value of the sample.
type guess struct {
	Scene  string `json:"scene"`
	Place  string `json:"place"`
	Field  string `json:"field"`
	Sample string `json:"sample"`
	Right  string `json:"right"`
	Label  string `json:"label"`
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
}

// key tells the guess from the others.
func (g *guess) key() string { return g.Scene + "|" + g.Place + "|" + g.Field }

// A drafted is a connection as it was drafted from a sample.
type drafted struct {
	Connection string   `json:"connection"`
	Vendor     string   `json:"vendor"`
	Preset     string   `json:"preset"`
	Guesses    []guess  `json:"guesses"`
	Secrets    []string `json:"secrets"`
	Decisions  []string `json:"decisions"`
}

// open are the decisions but for the secrets to be set, which have fields of their own here.
func (d *drafted) open() []string {
	return slices.DeleteFunc(slices.Clone(d.Decisions), func(s string) bool { return strings.Contains(s, "todosync secret set ") })
}

// A beginning is the page on which a connection begins.
type beginning struct {
	Presets []presetEntry
	Preset  *presetEntry // that was chosen
	Tenants []api.TenantState
	Form    url.Values // what was entered
	Problem *api.Problem
	Draft   *drafted
}

func (c *Console) newConnectionRoutes() {
	c.page("GET /connections/new", api.Integrate, func(v *visit) error { return c.begin(v, &beginning{Form: v.r.URL.Query()}) })
	c.page("POST /connections/new", api.Integrate, c.begun)
	c.page("GET /connections/new/edit", api.Integrate, c.editNew)
}

// begin shows how a connection may begin; with ?preset= the form of that preset.
func (c *Console) begin(v *visit, b *beginning) error {
	v.Active, v.Title = "connections", v.T("New connection", "新建连接")
	var presets list[presetEntry]
	if err := v.api.get(v.ctx(), "/presets", nil, &presets); err != nil {
		return err
	}
	b.Presets = presets.Items
	if name := b.Form.Get("preset"); name != "" {
		b.Preset = &presetEntry{}
		if err := v.api.get(v.ctx(), "/presets"+segments(name), nil, b.Preset); err != nil {
			return err
		}
	}
	var tenants list[api.TenantState]
	if err := v.api.get(v.ctx(), "/tenants", url.Values{"limit": {"200"}}, &tenants); err != nil {
		return err
	}
	b.Tenants = tenants.Items
	return v.show(beginPage(v, b))
}

// begun begins a connection. What was entered for a preset stands in the editor's address, which may be loaded again and gone back from;
// nothing is stored yet but secrets. A sample is too long for an address: its file is shown in the answer itself.
func (c *Console) begun(v *visit) error {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxEdit)
	if err := v.r.ParseForm(); err != nil {
		return &api.Problem{Status: http.StatusBadRequest, Detail: v.T("The form could not be read.", "无法读取表单。")}
	}
	b := beginning{Form: v.r.PostForm}
	err := v.setSecrets(b.Form)
	refused, ok := errors.AsType[*api.Problem](err)
	switch {
	case err != nil && !ok:
		return err
	case err != nil:
	case b.Form.Get("do") != "sample":
		return v.redirect("/connections/new/edit?" + entered(b.Form).Encode())
	default:
		b.Draft, err = v.fromSample(b.Form)
		if refused, ok = errors.AsType[*api.Problem](err); err != nil && !ok {
			return err
		}
		if err == nil && b.Form.Get("open") != "" {
			return c.showNew(v, b.Draft.Connection, b.Draft.open())
		}
	}
	if refused != nil {
		b.Problem, v.Status = refused, refused.Status
	}
	return c.begin(v, &b)
}

// entered is what a form of a new connection asks for, without its secrets.
func entered(f url.Values) url.Values {
	out := url.Values{}
	for name, values := range f {
		if value := strings.TrimSpace(values[0]); value != "" && name != "do" && !strings.HasPrefix(name, "secret-") {
			out.Set(name, value)
		}
	}
	return out
}

// editNew is the editor with the file of a new connection, made of what its address says.
func (c *Console) editNew(v *visit) error {
	b := beginning{Form: v.r.URL.Query()}
	if b.Form.Get("preset") == "" {
		return c.showNew(v, v.emptyFile(b.Form), nil)
	}
	content, err := v.fromPreset(b.Form)
	if p, ok := errors.AsType[*api.Problem](err); ok {
		b.Problem, v.Status = p, p.Status
		return c.begin(v, &b)
	}
	if err != nil {
		return err
	}
	return c.showNew(v, content, nil)
}

// showNew opens the editor with the file of a new connection.
func (c *Console) showNew(v *visit, content string, notes []string) error {
	e := editor{Title: v.T("New connection", "新建连接"), Choice: rendering{Scene: connector.SceneCreate}, Notes: notes}
	return c.showEditor(v, &e, content)
}

// fromPreset is the file of a preset, with what was entered.
func (v *visit) fromPreset(f url.Values) (string, error) {
	variables := map[string]string{}
	for name, values := range f {
		if variable, ok := strings.CutPrefix(name, "var-"); ok && strings.TrimSpace(values[0]) != "" {
			variables[variable] = strings.TrimSpace(values[0])
		}
	}
	var out struct {
		Connection string `json:"connection"`
	}
	body := map[string]any{"tenant": f.Get("tenant"), "name": f.Get("name"), "title": f.Get("title"), "variables": variables}
	if err := v.api.post(v.ctx(), "/presets"+segments(f.Get("preset"), "connection"), body, &out); err != nil {
		return "", err
	}
	return out.Connection, nil
}

// setSecrets sets the secrets that were entered beside a new connection.
func (v *visit) setSecrets(f url.Values) error {
	if !v.Who.May(api.Admin) {
		return nil
	}
	for name, values := range f {
		secret, ok := strings.CutPrefix(name, "secret-")
		if !ok || values[0] == "" {
			continue
		}
		body := map[string]string{"tenant": strings.TrimSpace(f.Get("tenant")), "name": secret, "value": values[0]}
		if err := v.api.do(v.ctx(), request{method: http.MethodPut, path: "/secrets", body: body}, nil); err != nil {
			return err
		}
	}
	return nil
}

// fromSample has a connection drafted, with the reader's own choices in place of guesses.
func (v *visit) fromSample(f url.Values) (*drafted, error) {
	body := map[string]any{
		"files": []map[string]string{{"name": "sample", "content": f.Get("sample")}}, "tenant": strings.TrimSpace(f.Get("tenant")), "name": strings.TrimSpace(f.Get("name")),
		"scene": f.Get("scene"), "operation": f.Get("operation"),
	}
	var choices []map[string]string
	for name, values := range f {
		parts := strings.SplitN(name, "|", 4) // right|SCENE|PLACE|FIELD
		if len(parts) == 4 && parts[0] == "right" && values[0] != f.Get("was|"+strings.Join(parts[1:], "|")) {
			choices = append(choices, map[string]string{"scene": parts[1], "place": parts[2], "field": parts[3], "right": values[0]})
		}
	}
	if len(choices) > 0 {
		body["choices"] = choices
	}
	var out drafted
	err := v.api.post(v.ctx(), "/draft", body, &out)
	return &out, err
}

// emptyFile is a file with what every connection has.
func (v *visit) emptyFile(f url.Values) string {
	word := func(s string) string {
		s = strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
				return r
			}
			return -1
		}, s)
		return s
	}
	return `apiVersion: todosync/v1
kind: Connection
tenant: "` + word(f.Get("tenant")) + `"
name: ` + firstOf(word(f.Get("name")), "oa") + `
variables:
  base: https://oa.example.com
headers:
  Content-Type: application/json;charset=UTF-8
result:
  codeName: code
  msgName: message
  successCode: "0"
scenes:
  create:
    address: ${base}/todo
    method: POST
    body: |
      {"id": "#F012", "receiver": "#F001", "title": "#F055", "created": "#F009"}
  done:
    address: ${base}/todo/done
    method: POST
    body: |
      {"id": "#F012", "receiver": "#F001"}
`
}

// needs names what a preset asks for.
func (v *visit) needs(p *presetEntry) []string {
	var names []string
	for _, x := range p.Variables {
		if x.Required {
			names = append(names, x.Name)
		}
	}
	for _, s := range p.Secrets {
		names = append(names, s.Name)
	}
	return slices.Compact(names)
}
