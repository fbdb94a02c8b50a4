package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"todosync/web/api"
)

// The readable page of the API is made from its own description, so that it says what /openapi.json says and nothing else.

// A specification is what the page reads of /openapi.json.
type specification struct {
	Info struct {
		Version string `json:"version"`
	} `json:"info"`
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Schemas map[string]*schema `json:"schemas"`
	} `json:"components"`
}

type operation struct {
	ID         string      `json:"operationId"`
	Summary    string      `json:"summary"`
	Text       string      `json:"description"`
	Tags       []string    `json:"tags"`
	Parameters []parameter `json:"parameters"`
	Body       *struct {
		Required bool             `json:"required"`
		Content  map[string]media `json:"content"`
	} `json:"requestBody"`
	Responses map[string]struct {
		Text    string           `json:"description"`
		Content map[string]media `json:"content"`
	} `json:"responses"`

	Method, Path string // where it stands
	English      string // what it said before it was translated
}

type parameter struct {
	Name     string  `json:"name"`
	In       string  `json:"in"`
	Text     string  `json:"description"`
	Required bool    `json:"required"`
	Schema   *schema `json:"schema"`
}

type media struct {
	Schema *schema `json:"schema"`
}

type schema struct {
	Ref        string             `json:"$ref"`
	Type       any                `json:"type"` // a word, or several
	Format     string             `json:"format"`
	Text       string             `json:"description"`
	Enum       []any              `json:"enum"`
	Default    any                `json:"default"`
	Minimum    *float64           `json:"minimum"`
	Maximum    *float64           `json:"maximum"`
	MaxLength  *int               `json:"maxLength"`
	Items      *schema            `json:"items"`
	Properties map[string]*schema `json:"properties"`
	Required   []string           `json:"required"`
	More       json.RawMessage    `json:"additionalProperties"`
}

// A manual is the readable page of the API.
type manual struct {
	Version string
	Query   string
	Groups  []manualGroup
	Schemas []namedSchema
	Found   int
	Address string // of this server
}

type manualGroup struct {
	Name       string
	Operations []operation
}

type namedSchema struct {
	Name string
	*schema
}

func (c *Console) docsRoutes() {
	// Who builds against the API need not be somebody who may log in; the description is open as well.
	c.paths["/docs"] = true
	c.mux.HandleFunc("GET /docs", func(w http.ResponseWriter, r *http.Request) {
		v := c.visit(w, r)
		who, err := c.whose(r)
		if err == nil {
			v.Who, v.Wide = who, true
			err = c.docs(v)
		}
		if err != nil {
			v.problem(err)
		}
	})
}

func (c *Console) docs(v *visit) error {
	v.Active, v.Title = "docs", v.T("HTTP API", "HTTP 接口")
	req, err := http.NewRequestWithContext(v.ctx(), http.MethodGet, "/openapi.json", http.NoBody)
	if err != nil {
		return fmt.Errorf("ask for the description of the API: %w", err)
	}
	answer := answer{header: http.Header{}, status: http.StatusOK}
	c.API.ServeHTTP(&answer, req)
	var spec specification
	if err := json.Unmarshal(answer.body.Bytes(), &spec); err != nil {
		return fmt.Errorf("read the description of the API: status %d: %w", answer.status, err)
	}
	scheme := "http://"
	if v.r.TLS != nil {
		scheme = "https://"
	}
	spec.translate(v.Chinese)
	m := readManual(&spec, strings.TrimSpace(v.r.URL.Query().Get("q")))
	if m.Address = strings.TrimSuffix(c.PublicURL, "/"); m.Address == "" {
		m.Address = scheme + v.r.Host
	}
	return v.show(docsPage(v, m))
}

// translate puts what the description says into the reader's language. What stood there is kept: it is found by both.
func (spec *specification) translate(zh bool) {
	if !zh {
		return
	}
	said := func(text *string) { *text = api.Described(*text, zh) }
	for _, methods := range spec.Paths {
		for method, o := range methods {
			o.English = o.Summary + " " + o.Text
			said(&o.Summary)
			said(&o.Text)
			for i := range o.Parameters {
				o.English += " " + o.Parameters[i].Text
				said(&o.Parameters[i].Text)
			}
			if o.Body != nil {
				for _, m := range o.Body.Content {
					m.Schema.translate()
				}
			}
			for _, r := range o.Responses {
				for _, m := range r.Content {
					m.Schema.translate()
				}
			}
			methods[method] = o
		}
	}
	for _, s := range spec.Components.Schemas {
		s.translate()
	}
}

func (s *schema) translate() {
	if s == nil {
		return
	}
	s.Text = api.Described(s.Text, true)
	s.Items.translate()
	for _, p := range s.Properties {
		p.translate()
	}
}

// readManual sorts the operations that have all words of a query in them into groups.
func readManual(spec *specification, query string) *manual {
	m := &manual{Version: spec.Info.Version, Query: query}
	groups := map[string][]operation{}
	for path, methods := range spec.Paths {
		for method, o := range methods {
			o.Method, o.Path = strings.ToUpper(method), path
			if o.ID == "" || !o.matches(query) {
				continue
			}
			name := "other"
			if len(o.Tags) > 0 {
				name = o.Tags[0]
			}
			groups[name] = append(groups[name], o)
			m.Found++
		}
	}
	order := []string{"GET", "POST", "PUT", "PATCH", "DELETE"}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		all := groups[name]
		slices.SortFunc(all, func(a, b operation) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), slices.Index(order, a.Method)-slices.Index(order, b.Method))
		})
		m.Groups = append(m.Groups, manualGroup{Name: name, Operations: all})
	}
	used := map[string]bool{}
	for _, g := range m.Groups {
		for i := range g.Operations {
			g.Operations[i].schemas(spec, used)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		m.Schemas = append(m.Schemas, namedSchema{name, spec.Components.Schemas[name]})
	}
	return m
}

// matches reports whether all words of a query stand somewhere in the operation.
func (o *operation) matches(query string) bool {
	var text strings.Builder
	text.WriteString(strings.ToLower(strings.Join([]string{o.Method, o.Path, o.ID, o.Summary, o.Text, o.English}, " ")))
	for _, p := range o.Parameters {
		text.WriteString(" " + strings.ToLower(p.Name+" "+p.Text))
	}
	for w := range strings.FieldsSeq(strings.ToLower(query)) {
		if !strings.Contains(text.String(), w) {
			return false
		}
	}
	return true
}

// schemas notes which named schemas the operation leads to.
func (o *operation) schemas(spec *specification, used map[string]bool) {
	if o.Body != nil {
		for _, m := range o.Body.Content {
			note(spec, m.Schema, used)
		}
	}
	for _, r := range o.Responses {
		for _, m := range r.Content {
			note(spec, m.Schema, used)
		}
	}
}

func note(spec *specification, s *schema, used map[string]bool) {
	if s == nil {
		return
	}
	if name := s.name(); name != "" {
		if used[name] || spec.Components.Schemas[name] == nil {
			return
		}
		used[name] = true
		note(spec, spec.Components.Schemas[name], used)
	}
	note(spec, s.Items, used)
	for _, p := range s.Properties {
		note(spec, p, used)
	}
	note(spec, s.each(), used)
}

// name is the schema that a reference names.
func (s *schema) name() string { return strings.TrimPrefix(s.Ref, "#/components/schemas/") }

// each is the schema of the members of a map.
func (s *schema) each() *schema {
	var out schema
	if len(s.More) == 0 || s.More[0] != '{' || json.Unmarshal(s.More, &out) != nil {
		return nil
	}
	return &out
}

// kind is the type in words. link is the named schema in it.
func (s *schema) kind() (text, link string) {
	switch {
	case s == nil:
		return "", ""
	case s.Ref != "":
		return s.name(), s.name()
	case s.Items != nil:
		text, link = s.Items.kind()
		return text + "[]", link
	}
	if each := s.each(); each != nil {
		text, link = each.kind()
		return "{ …: " + text + " }", link
	}
	switch t := s.Type.(type) {
	case string:
		text = t
	case []any:
		words := make([]string, len(t))
		for i, w := range t {
			words[i] = fmt.Sprint(w)
		}
		text = strings.Join(words, " | ")
	}
	if s.Format != "" {
		text += " (" + s.Format + ")"
	}
	return text, ""
}

// bounds are what a value is held to.
func (s *schema) bounds(v *visit) string {
	if s == nil {
		return ""
	}
	var out []string
	if len(s.Enum) > 0 {
		words := make([]string, len(s.Enum))
		for i, e := range s.Enum {
			words[i] = fmt.Sprint(e)
		}
		out = append(out, v.T("one of ", "取值 ")+strings.Join(words, ", "))
	}
	if s.Minimum != nil {
		out = append(out, v.T("from ", "最小 ")+fmt.Sprint(*s.Minimum))
	}
	if s.Maximum != nil {
		out = append(out, v.T("to ", "最大 ")+fmt.Sprint(*s.Maximum))
	}
	if s.MaxLength != nil {
		out = append(out, v.T("at most ", "最长 ")+fmt.Sprint(*s.MaxLength)+v.T(" characters", " 个字符"))
	}
	if s.Default != nil {
		out = append(out, v.T("by default ", "默认 ")+fmt.Sprint(s.Default))
	}
	return strings.Join(out, "; ")
}

// fields are a schema's members, those that must be there first.
func (s *schema) fields() []string {
	names := slices.Sorted(maps.Keys(s.Properties))
	slices.SortStableFunc(names, func(a, b string) int {
		must := func(n string) int {
			if slices.Contains(s.Required, n) {
				return 0
			}
			return 1
		}
		return must(a) - must(b)
	})
	return names
}

// takes are the kinds of content that a body may be, and the schema of the first.
func takes(content map[string]media) (types []string, first *schema) {
	types = slices.Sorted(maps.Keys(content))
	if len(types) > 0 {
		first = content[types[0]].Schema
	}
	return types, first
}

// answers are the statuses that an operation answers with, in order.
func (o *operation) answers() []string { return slices.Sorted(maps.Keys(o.Responses)) }

// groupNames are the groups of routes in Chinese, by the first word of their paths.
var groupNames = map[string]string{
	"apply": "应用设置", "audit": "审计", "backup": "备份", "connections": "连接", "digests": "失败汇总", "doctor": "诊断", "draft": "草稿", "edit": "编辑", "events": "事件",
	"export": "导出设置", "fields": "占位符", "health": "健康检查", "jobs": "任务", "me": "我的账号", "metrics": "指标", "presets": "预设", "records": "同步记录", "rejected": "被拒绝的事件",
	"render": "渲染", "secrets": "密钥", "sign-on-keys": "登录签名密钥", "sign-ons": "单点登录", "stats": "统计", "tenants": "租户", "tickets": "票据", "tokens": "令牌", "try": "试用",
	"users": "用户", "validate": "检查设置",
}

// group is a group's name for people.
func (v *visit) group(name string) string {
	if zh, ok := groupNames[name]; ok && v.Chinese {
		return zh + " " + name
	}
	return name
}

func methodColour(method string) string {
	switch method {
	case http.MethodGet:
		return "good"
	case http.MethodDelete:
		return "bad"
	}
	return "busy"
}
