package file

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/encoding/htmlindex"

	"todosync/connector"
	"todosync/connector/script"
	"todosync/mapping"
)

// methods are those that a request may have; bodied those that say nothing without a body.
func methods() []string { return []string{"POST", "GET", "PUT", "PATCH", "DELETE"} }

func bodied(method string) bool {
	return method == "POST" || method == "PUT" || method == "PATCH"
}

// scene checks the request of one scene. Of one that is off, only what is there is checked.
func (k *compiler) scene(s connector.Scene, settings *connector.SceneSettings) {
	d, path := k.d, "scenes."+string(s)
	k.off = !settings.Enabled
	defer func() { k.off = false }()
	mode := k.c.Receivers
	if settings.Receivers != nil {
		mode = *settings.Receivers
		d.checkReceivers(path+".receivers", mode)
	}
	if settings.Result != nil {
		d.checkResult(path+".result", settings.Result)
	}
	k.method(path+".method", settings.Method)
	r := request{
		path: path, method: settings.Method, address: settings.Address, body: settings.Body,
		receivers: mode.As, scope: d.r.sample.scope(s, k.c, mode.As),
	}
	recreated := s == connector.SceneEdit && k.c.EditAs == connector.EditAsRecreate
	if settings.Enabled && settings.Script == "" && !recreated {
		d.required(path+".address", settings.Address, say("where the OA takes this call", "OA 接口地址"))
		if bodied(settings.Method) {
			d.required(path+".body", settings.Body, say("the template of what is sent (a GET or DELETE may go without)",
				"请求体模板（GET、DELETE 可不写）"))
		}
	}
	k.script(path+".script", settings.Script, script.Send, mode.As)
	r.scripted = settings.Script != ""
	k.headers(path+".headers", settings.Headers, r)
	r.contentType = contentType(settings.Headers, contentType(k.c.Headers, ""))
	k.request(r)
}

// script compiles a script and the placeholders that it asks for.
func (k *compiler) script(path, src string, kind script.Kind, receivers mapping.Receivers) {
	n, at := k.d.lookup(path)
	if src == "" || n != nil && n.bad {
		return
	}
	p, err := script.Compile(kind, src)
	for _, e := range mistakesOf(err) {
		said := say("%w", "脚本有误：%w").in(k.d.lang) // the language's own messages are English
		k.tell(n, at, path, &mapping.Error{Line: e.Line, Column: e.Column, Err: fmt.Errorf(said, e.Err)})
	}
	if err != nil {
		return
	}
	for _, name := range p.Secrets() {
		k.used[name] = true
	}
	for _, code := range p.Codes() {
		if !k.codes[code] {
			k.d.problem(k.pointAt(n, at, code), path, say("there is no field %q", "没有字段 %q"), code)
			continue
		}
		t, err := mapping.Compile("#"+code, mapping.Options{Place: mapping.Plain, Receivers: receivers, Fields: k.fields, Variables: k.variables, Env: k.env})
		if err != nil {
			k.d.problem(k.pointAt(n, at, code), path, say("%s", "%s"), err)
			continue
		}
		k.links(t, n, at, path)
	}
}

// A request is what scenes and tokens have in common.
type request struct {
	path        string
	method      string
	address     string
	body        string
	contentType string
	receivers   mapping.Receivers
	scope       *mapping.Scope
	scripted    bool // a script may change what the templates give
}

// request compiles address and body and looks at what they render.
func (k *compiler) request(r request) {
	o := mapping.Options{Receivers: r.receivers, ContentType: r.contentType}
	if strings.TrimSpace(r.address) != "" {
		k.address(r.path+".address", r.address, o, r.scope)
	}
	if r.body == "" {
		if strings.HasPrefix(r.path, "scenes.") && r.address != "" && !r.scripted {
			k.signable(r.path, "")
		}
		return
	}
	o.Place = mapping.Body
	if strings.Contains(strings.ToLower(r.contentType), "application/x-www-form-urlencoded") {
		o.Place = mapping.Form
	}
	path := r.path + ".body"
	t := k.template(path, r.body, o)
	if t == nil {
		return
	}
	if k.c.Protocol == connector.WebService && t.Kind() != "xml" && strings.HasPrefix(path, "scenes.") {
		k.d.wrong(path, say("a web service takes XML, and this is not one XML element", "webservice 的请求体应为 XML，而此处不是一个 XML 元素"))
		return
	}
	if strings.HasPrefix(path, "scenes.") && !r.scripted {
		k.signable(path, t.Kind())
	}
	k.undeclared(path, t, r.contentType)
	text, err := k.sample(t, r.scope)
	if err == nil {
		err = wellFormed(t.Kind(), text)
	}
	if err != nil {
		k.d.wrong(path, say("rendered with a sample event it is not right: %s", "用示例事件渲染后不正确：%s"), err)
	}
}

// signable checks that what a signature adds to a body has a place there.
func (k *compiler) signable(path, kind string) {
	s := k.c.Sign
	if s == nil || k.off || kind == "form" || kind == "json" {
		return
	}
	if s.Into.Field != "" || s.Timestamp != nil && s.Timestamp.Field != "" {
		k.d.wrong(path, say("sign adds a field, which only a form or a JSON object has room for", "sign 要添加字段，而只有表单或 JSON 对象才能容纳"))
	}
}

// undeclared warns of a body with values in it that only a Content-Type could tell the OA, and us, how to read.
func (k *compiler) undeclared(path string, t *mapping.Template, contentType string) {
	if strings.TrimSpace(contentType) != "" || len(t.Placeholders())+len(t.Secrets()) == 0 {
		return
	}
	switch t.Kind() {
	case "form":
		k.d.warn(path, say("this looks like a form and its values are escaped as one, and no Content-Type says so: "+
			"write Content-Type: application/x-www-form-urlencoded under headers", "此处像表单,取值按表单转义,但没有 Content-Type:"+
			"请在 headers 中写 Content-Type: application/x-www-form-urlencoded"))
	case "text":
		k.d.warn(path, say("this is sent as plain text, in which no value is escaped: write a Content-Type under headers",
			"此处按纯文本发送，取值不转义：请在 headers 中写 Content-Type"))
	}
}

// method checks an HTTP method.
func (k *compiler) method(path, method string) {
	n, at := k.d.lookup(path)
	if n != nil && n.bad || slices.Contains(methods(), method) {
		return
	}
	k.d.problem(at, path, say("%q is not one of %s", "%q 不在 %s 之中"), excerpt(method), strings.Join(methods(), ", "))
}

// headers checks header names and compiles their values.
func (k *compiler) headers(path string, h connector.Headers, r request) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		at := path + "." + name
		value := string(h[name])
		switch lower := strings.ToLower(name); {
		case !validHeader(name):
			k.header(path, name, say("%q can't be the name of a header", "%q 不能作为请求头名称"), excerpt(name))
			continue
		case lower == "content-length" || lower == "transfer-encoding" || lower == "connection" || lower == "host" && value == "":
			k.header(path, name, say("%s is set by the program itself: take it out", "%s 由程序自动设置：请删除"), name)
			continue
		case lower == "content-type":
			k.charset(at, value)
		}
		k.template(at, value, mapping.Options{Place: mapping.HeaderValue, Receivers: r.receivers})
	}
}

// header tells of a header at its name, which may hold what a path can't.
func (k *compiler) header(path, name string, text phrase, args ...any) {
	n, at := k.d.lookup(path)
	if m := n.find(name); m != nil && m.at.given() {
		at = m.at
	}
	k.d.problem(at, path+"."+name, text, args...)
}

// charset checks that bodies can be encoded as a Content-Type says.
func (k *compiler) charset(path, value string) {
	_, name, found := strings.Cut(strings.ToLower(value), "charset=")
	if !found || strings.Contains(name, "$") || strings.Contains(name, "#") {
		return
	}
	name, _, _ = strings.Cut(name, ";")
	name = strings.Trim(strings.TrimSpace(name), `"`)
	if _, err := htmlindex.Get(name); err != nil {
		k.d.wrong(path, say("the charset %q is not known; UTF-8 and GBK are", "不认识字符集 %q；可用 UTF-8、GBK"), excerpt(name))
	}
}

// contentType gives the value of Content-Type in any case, or what holds without one.
func contentType(h connector.Headers, without string) string {
	for name, v := range h {
		if strings.EqualFold(name, "Content-Type") {
			return string(v)
		}
	}
	return without
}

// validHeader reports whether a text is a token as RFC 9110 has it.
func validHeader(name string) bool {
	return name != "" && all(name, func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
	})
}
