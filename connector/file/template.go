package file

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"todosync/connector"
	"todosync/connector/preset"
	"todosync/mapping"
)

// A compiler compiles the templates of one connection and tells of their mistakes where they stand.
type compiler struct {
	d         *draft
	c         *connector.Connection
	variables map[string]string
	fields    *mapping.Fields
	codes     map[string]bool          // that a template may use, as F012
	used      map[string]bool          // names of secrets
	off       bool                     // the scene that is compiled is off, so it may name what this server lacks
	own       map[string]mapping.Field // the tenant's codes
}

// compiler prepares variables and fields. A variable that the preset asks for and the file lacks is told already; a value in its
// place lets the rest be checked.
func (d *draft) compiler(c *connector.Connection, missing []preset.Variable) *compiler {
	k := &compiler{d: d, c: c, variables: map[string]string{}, codes: maps.Clone(d.r.builtin), used: map[string]bool{}}
	for name, v := range c.Variables {
		k.variables[name] = string(v)
		if !validVariable(name) {
			d.wrong("variables."+name, say("%q can't be used as ${...}: want letters, digits, _ and -", "%q 不能用作 ${...}：应为字母、数字、_ 与 -"), excerpt(name))
		}
	}
	for _, v := range missing {
		k.variables[v.Name] = "http://oa.example.com"
	}
	if n := d.node("variables"); n != nil {
		for _, m := range n.members {
			if m.value.bad {
				k.variables[m.name] = "http://oa.example.com"
			}
		}
	}
	k.own = d.r.fieldsOf(c.Tenant)
	for code := range k.own {
		k.codes[code] = true
	}
	k.constants()
	all := map[string]mapping.Field{}
	maps.Copy(all, k.own)
	maps.Copy(all, c.Fields)
	k.fields = d.checkFields(c, all, k.codes)
	for _, name := range slices.Sorted(maps.Keys(c.Variables)) {
		k.template("variables."+name, string(c.Variables[name]), mapping.Options{Place: mapping.Body})
	}
	return k
}

// constants fills variables into what fields have as constants, where ${name} stands for a variable as everywhere else.
func (k *compiler) constants() {
	for code, f := range k.c.Fields {
		if f.Value != nil {
			text := k.constant("fields."+code+".value", *f.Value)
			f.Value = &text
		}
		if f.Default != nil {
			text := k.constant("fields."+code+".default", *f.Default)
			f.Default = &text
		}
		k.c.Fields[code] = f
	}
}

func (k *compiler) constant(path, text string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		if !found {
			b.WriteString(text)
			return b.String()
		}
		if cut, ok := strings.CutSuffix(before, "$"); ok {
			b.WriteString(cut + "${")
			text = rest
			continue
		}
		b.WriteString(before)
		name, after, _ := strings.Cut(rest, "}")
		value, known := k.variables[name]
		switch near := nearest(name, slices.Sorted(maps.Keys(k.variables))); {
		case known && !strings.Contains(value, "${"):
			b.WriteString(value)
		case known:
			k.d.wrong(path, say("${%s} holds more than plain text, which a field's constant can't", "${%s} 不是纯文本，不能用于字段常量"), name)
		case near != "":
			k.d.wrong(path, say("there is no variable %q, perhaps %q is meant", "没有变量 %q，是否想写 %q"), excerpt(name), near)
		default:
			k.d.wrong(path, say("there is no variable %q", "没有变量 %q"), excerpt(name))
		}
		text = after
	}
}

// checkFields checks a document's own codes and their definitions, together with the tenant's.
func (d *draft) checkFields(c *connector.Connection, all map[string]mapping.Field, codes map[string]bool) *mapping.Fields {
	zone := time.UTC
	if z, ok := d.zone("timeZone", c.TimeZone); ok {
		zone = z
	}
	format := c.TimeFormat
	if _, err := mapping.CompileTimeFormat(format); err != nil {
		d.wrong("timeFormat", say("%s", "%s"), err)
		format = connector.Defaults().TimeFormat
	}
	for code, f := range c.Fields {
		d.shown("fields."+code+".label", f.Label)
		if path := "fields." + code + ".max"; f.Max == 0 && d.given(path) {
			d.wrong(path, say("want a number of characters, 1 or more", "应为字符数，至少 1"))
		}
		if d.checkCode(code) {
			codes[code] = true
			continue
		}
		delete(all, code)
	}
	fields, err := mapping.ParseFields(all, zone, format)
	if err == nil {
		return fields
	}
	for _, e := range mistakesOf(err) {
		path := e.Path
		if path == "" {
			path = "fields"
		}
		d.wrong(path, say("%s", "%s"), reason(e, d.lang))
	}
	// What templates say about the codes is checked all the same, with definitions that are right.
	plain := map[string]mapping.Field{}
	empty := ""
	for code := range all {
		plain[code] = mapping.Field{Value: &empty}
	}
	fields, _ = mapping.ParseFields(plain, zone, format)
	return fields
}

// checkCode says whether a document may define a code.
func (d *draft) checkCode(code string) bool {
	path := "fields." + code
	number, err := strconv.Atoi(strings.TrimPrefix(code, "F"))
	_, at := d.lookup(path)
	switch {
	case len(code) != 4 || code[0] != 'F' || err != nil || number < 0:
		d.problem(at, path, say("want F and three digits, such as F201", "应为 F 加三位数字，如 F201"))
	case d.r.builtin[code]:
		d.problem(at, path, say("%s is built in and can't be defined again; take one from F200 to F999", "%s 是内置字段，不能重新定义；请用 F200 至 F999"), code)
	case number >= 100 && number < 200:
		d.problem(at, path, say("F100 to F199 are todosync's own; take one from F200 to F999", "F100 至 F199 为系统保留；请用 F200 至 F999"))
	default:
		return true
	}
	return false
}

// zone loads a time zone by its name.
func (d *draft) zone(path, name string) (*time.Location, bool) {
	zone, err := time.LoadLocation(name)
	if name == "" || name == "Local" || err != nil {
		d.wrong(path, say("%q is no time zone such as Asia/Shanghai or UTC", "%q 不是时区，应如 Asia/Shanghai、UTC"), excerpt(name))
		return nil, false
	}
	return zone, true
}

// template compiles one text and tells of its mistakes; nil where it has some. The options lack what the connection gives.
func (k *compiler) template(path, src string, o mapping.Options) *mapping.Template {
	n, at := k.d.lookup(path)
	if n != nil && n.bad {
		return nil
	}
	o.Variables, o.Fields, o.Env = k.variables, k.fields, k.env
	t, err := mapping.Compile(src, o)
	var last *mapping.Error
	for _, e := range mistakesOf(err) {
		// Of two mistakes at one place the second follows from the first.
		if last == nil || e.Line != last.Line || e.Column != last.Column {
			k.tell(n, at, path, e)
		}
		last = e
	}
	if err != nil {
		return nil
	}
	for _, name := range t.Secrets() {
		k.used[name] = true
	}
	k.links(t, n, at, path)
	return t
}

// links tells of addresses of this server in a template, where the server has none.
func (k *compiler) links(t *mapping.Template, n *node, at place, path string) {
	if o := k.d.r.o; o.CheckPublicURL && o.PublicURL == "" && !k.off {
		for _, code := range []string{"F117", "F118"} {
			if t.Uses(code) {
				k.d.problem(k.pointAt(n, at, "#"+code), path, say("#%s is an address of this server: start it with --public-url",
					"#%s 是本服务的地址：请用 --public-url 启动"), code)
			}
		}
	}
}

// env gives the values of ${env:...}; away from the server every name is taken as allowed.
func (k *compiler) env(name string) (string, bool) {
	if k.d.r.o.Env == nil {
		return "env-" + name, true
	}
	return k.d.r.o.Env(name)
}

// tell shows a template's mistake at its line and column in the file; where the file writes the text otherwise, at the text's
// beginning, and says where in the text.
func (k *compiler) tell(n *node, at place, path string, e *mapping.Error) {
	message := reason(e, k.d.lang)
	if n != nil && n.at.given() {
		if spot, ok := n.spot(e.Line, e.Column); ok {
			at = spot
		} else if e.Line > 1 || e.Column > 1 {
			message += say(" (line %d, column %d of the text)", "（文本第 %d 行第 %d 列）").in(k.d.lang, e.Line, e.Column)
		}
	}
	k.d.problem(at, path, say("%s", "%s"), message)
}

// pointAt gives the place of a word in a text, or that of the text.
func (k *compiler) pointAt(n *node, at place, word string) place {
	if n == nil || !n.at.given() {
		return at
	}
	before, _, found := strings.Cut(n.text, word)
	if !found {
		return at
	}
	line := strings.Count(before, "\n") + 1
	column := len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
	if spot, ok := n.spot(line, column); ok {
		return spot
	}
	return at
}

// mistakesOf gives the mistakes in an error of package mapping.
func mistakesOf(err error) []*mapping.Error {
	if err == nil {
		return nil
	}
	if many, ok := errors.AsType[mapping.Errors](err); ok {
		return many
	}
	if one, ok := errors.AsType[*mapping.Error](err); ok {
		return []*mapping.Error{one}
	}
	return []*mapping.Error{{Err: err}}
}

// reason is a mistake without its place, which is the file's here.
func reason(e *mapping.Error, lang string) string {
	text := "?"
	if e.Err != nil {
		text = mapping.Text(e.Err, lang)
	}
	if e.Placeholder != "" && !strings.Contains(text, e.Placeholder) {
		return e.Placeholder + ": " + text
	}
	return text
}

// known gives the codes that may be used.
func (k *compiler) known() []string { return slices.Sorted(maps.Keys(k.codes)) }

// secrets gives the names of the secrets that the templates use.
func (k *compiler) secrets() []string { return slices.Sorted(maps.Keys(k.used)) }

// sample renders a template with a sample event. Secrets stay marks, which are shown as ***.
func (k *compiler) sample(t *mapping.Template, scope *mapping.Scope) (string, error) {
	b, err := t.Append(nil, scope, mapping.Stored)
	if err != nil {
		return "", err
	}
	return mapping.Mask(string(b)), nil
}

// wellFormed checks a rendered sample against what the template is.
func wellFormed(kind, text string) error {
	switch kind {
	case "json":
		var v json.RawMessage
		return json.Unmarshal([]byte(text), &v)
	case "xml":
		dec := xml.NewDecoder(strings.NewReader(text))
		dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
		for {
			if _, err := dec.Token(); err != nil {
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			}
		}
	}
	return nil
}

// address compiles an address and checks that with its variables filled in it is one of http or https.
func (k *compiler) address(path, src string, o mapping.Options, scope *mapping.Scope) {
	o.Place = mapping.Address
	k.leading(src)
	t := k.template(path, src, o)
	if t == nil {
		return
	}
	text, err := k.sample(t, scope)
	if err != nil {
		k.d.wrong(path, say("can't be rendered with a sample event: %s", "无法用示例事件渲染：%s"), err)
		return
	}
	u, err := url.Parse(text)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" {
		return
	}
	k.d.wrong(path, say("%q is not an address that begins with http:// or https://", "%q 不是以 http:// 或 https:// 开头的地址"), excerpt(text))
}

// leading tells of a variable that an address begins with and that begins no address: once, where the variable stands. Another
// value takes its place, so that the rest can be checked.
func (k *compiler) leading(src string) {
	rest, ok := strings.CutPrefix(src, "${")
	if !ok {
		return
	}
	name, _, _ := strings.Cut(rest, "}")
	value, known := k.variables[name]
	if !known || strings.HasPrefix(value, "http://") || strings.HasPrefix(value, "https://") || strings.HasPrefix(value, "${") {
		return
	}
	k.d.wrong("variables."+name, say("%q begins an address: want one such as http://oa.example.com", "%q 是地址的开头：应如 http://oa.example.com"), excerpt(value))
	k.variables[name] = "http://oa.example.com"
}

func validVariable(name string) bool {
	return name != "" && all(name, func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
	})
}
