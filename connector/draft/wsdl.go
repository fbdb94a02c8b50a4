package draft

import (
	"path"
	"slices"
	"strings"
)

// The namespaces of WSDL 1.1 and what it is made of.
const (
	wsdlSpace   = "http://schemas.xmlsoap.org/wsdl/"
	soap11Space = "http://schemas.xmlsoap.org/wsdl/soap/"
	soap12Space = "http://schemas.xmlsoap.org/wsdl/soap12/"
	schemaSpace = "http://www.w3.org/2001/XMLSchema"
	encSpace    = "http://schemas.xmlsoap.org/soap/encoding/"
)

// maxImports bounds the documents that a WSDL leads to.
const maxImports = 100

// A service is what a WSDL with its imports describes.
type service struct {
	b        *builder
	seen     map[string]bool
	missing  []string
	messages map[qname]*element
	ports    map[qname]*element
	bindings map[qname]*element
	services []*element
	elements map[qname]declared
	types    map[qname]declared
	groups   map[qname]declared
}

// A declared is a global element, type or group, with how its schema qualifies local elements.
type declared struct {
	*element
	space     string
	qualified bool
}

// An operation is one that can be called over SOAP.
type operation struct {
	name    string
	soap12  bool
	action  string
	address string
	style   string // document or rpc
	encoded bool
	space   string // of an rpc's wrapper
	input   *element
	output  *element
	headers []headerPart
	doc     string
	parts   []string // of the input that stand in the body; empty: all
}

type headerPart struct {
	message qname
	part    string
}

// wsdlLike reports whether a text is a WSDL 1.1.
func wsdlLike(text string) bool {
	const head = 16 << 10
	return strings.HasPrefix(text, "<") && strings.Contains(text[:min(len(text), head)], wsdlSpace) && strings.Contains(text[:min(len(text), head)], "definitions")
}

// wsdl drafts the messages of the wanted operations.
func (b *builder) wsdl(text string) ([]*sample, error) {
	s := &service{
		b: b, seen: map[string]bool{}, messages: map[qname]*element{}, ports: map[qname]*element{}, bindings: map[qname]*element{},
		elements: map[qname]declared{}, types: map[qname]declared{}, groups: map[qname]declared{},
	}
	if err := s.load(text, path.Base(strings.ReplaceAll(b.source, `\`, "/"))); err != nil {
		return nil, err
	}
	ops := s.operations()
	for _, m := range s.missing {
		b.note("the WSDL imports "+m+", which is not beside it: what it describes is left out", "WSDL 导入的 "+m+" 不在旁边：其内容已略过")
	}
	if len(ops) == 0 {
		return nil, b.wrong("the WSDL describes no operation over SOAP", "WSDL 中没有 SOAP 操作")
	}
	chosen, err := b.choose(ops)
	if err != nil {
		return nil, err
	}
	out := make([]*sample, len(chosen))
	for i, op := range chosen {
		out[i] = s.message(op)
	}
	return out, nil
}

// load reads a document and what it names.
func (s *service) load(text, location string) error {
	root, err := tree(strings.TrimSpace(text))
	if err != nil {
		if location != "" {
			return s.b.wrong("%s: %v", "%s：%v", location, err)
		}
		return err
	}
	switch root.name {
	case "definitions":
		return s.definitions(root, location)
	case "schema":
		return s.schema(root, location, "")
	}
	return s.b.wrong("%s is neither a WSDL nor a schema", "%s 既不是 WSDL 也不是 Schema", location)
}

// follow reads what a document names, once. What cannot be had is told and left out.
func (s *service) follow(location, from string, read func(root *element, at string) error) error {
	if location == "" {
		return nil
	}
	at := location
	if !strings.Contains(location, "://") {
		at = path.Join(path.Dir(from), location)
	}
	if s.seen[at] {
		return nil
	}
	s.seen[at] = true
	if len(s.seen) > maxImports {
		return s.b.wrong("more than %d imports", "导入超过 %d 个", maxImports)
	}
	text, err := s.b.read(at)
	if err != nil {
		s.missing = append(s.missing, at)
		return nil //nolint:nilerr // told as a decision
	}
	root, err := tree(strings.TrimSpace(text))
	if err != nil {
		return s.b.wrong("%s: %v", "%s：%v", at, err)
	}
	return read(root, at)
}

func (s *service) definitions(root *element, at string) error {
	space := root.attrs["targetNamespace"]
	for _, c := range root.children {
		name := qname{space, c.attrs["name"]}
		var err error
		switch c.name {
		case "import":
			err = s.follow(c.attrs["location"], at, func(r *element, at string) error {
				if r.name == "schema" {
					return s.schema(r, at, "")
				}
				return s.definitions(r, at)
			})
		case "types":
			for _, x := range c.all("schema") {
				if err = s.schema(x, at, ""); err != nil {
					return err
				}
			}
		case "message":
			s.messages[name] = c
		case "portType":
			s.ports[name] = c
		case "binding":
			s.bindings[name] = c
		case "service":
			s.services = append(s.services, c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// schema keeps what a schema declares. One without a namespace takes that of the schema which includes it.
func (s *service) schema(root *element, at, includer string) error {
	space := root.attrs["targetNamespace"]
	if space == "" {
		space = includer
	}
	qualified := root.attrs["elementFormDefault"] == "qualified"
	for _, c := range root.children {
		d := declared{c, space, qualified}
		name := qname{space, c.attrs["name"]}
		var err error
		switch c.name {
		case "import":
			err = s.follow(c.attrs["schemaLocation"], at, func(r *element, at string) error { return s.schema(r, at, "") })
		case "include", "redefine":
			err = s.follow(c.attrs["schemaLocation"], at, func(r *element, at string) error { return s.schema(r, at, space) })
		case "element":
			s.elements[name] = d
		case "complexType", "simpleType":
			s.types[name] = d
		case "group", "attributeGroup":
			s.groups[name] = d
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// operations lists what can be called, that of SOAP 1.1 before the same over SOAP 1.2.
func (s *service) operations() []operation {
	var out []operation
	add := func(binding *element, address string) {
		soap := binding.first("binding")
		if soap == nil || soap.space != soap11Space && soap.space != soap12Space {
			return
		}
		port := s.ports[binding.resolve(binding.attrs["type"])]
		if port == nil {
			return
		}
		for _, bound := range binding.all("operation") {
			if op, ok := s.operation(bound, soap, port); ok {
				op.address = address
				out = append(out, op)
			}
		}
	}
	used := map[*element]bool{}
	for _, sv := range s.services {
		for _, p := range sv.all("port") {
			b := s.bindings[p.resolve(p.attrs["binding"])]
			if a := p.first("address"); b != nil {
				used[b] = true
				location := ""
				if a != nil {
					location = a.attrs["location"]
				}
				add(b, location)
			}
		}
	}
	for _, b := range s.bindings {
		if len(s.services) == 0 && !used[b] {
			add(b, "")
		}
	}
	slices.SortStableFunc(out, func(a, b operation) int { return num(a.soap12) - num(b.soap12) })
	return out
}

func num(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (s *service) operation(bound, soap, port *element) (operation, bool) {
	op := operation{name: bound.attrs["name"], soap12: soap.space == soap12Space, style: soap.attrs["style"]}
	if x := bound.first("operation"); x != nil {
		op.action = x.attrs["soapAction"]
		if x.attrs["style"] != "" {
			op.style = x.attrs["style"]
		}
	}
	if op.style == "" {
		op.style = "document"
	}
	for _, p := range port.all("operation") {
		if p.attrs["name"] != op.name {
			continue
		}
		op.doc = p.documentation()
		if in := p.first("input"); in != nil {
			op.input = s.messages[in.resolve(in.attrs["message"])]
		}
		if o := p.first("output"); o != nil {
			op.output = s.messages[o.resolve(o.attrs["message"])]
		}
	}
	if in := bound.first("input"); in != nil {
		if b := in.first("body"); b != nil {
			op.encoded, op.space = b.attrs["use"] == "encoded", b.attrs["namespace"]
			op.parts = strings.Fields(b.attrs["parts"])
		}
		for _, h := range in.all("header") {
			op.headers = append(op.headers, headerPart{h.resolve(h.attrs["message"]), h.attrs["part"]})
		}
	}
	return op, op.input != nil
}

// choose finds the operations that are meant: those that are named, else the one whose name says that it makes a todo.
func (b *builder) choose(ops []operation) ([]operation, error) {
	var names []string
	byName := map[string]operation{}
	for _, op := range ops {
		if _, there := byName[op.name]; !there {
			byName[op.name] = op
			names = append(names, op.name)
		}
	}
	listed := strings.Join(names, ", ")
	if b.o.Operation != "" {
		var out []operation
		for want := range strings.SplitSeq(b.o.Operation, ",") {
			want = strings.TrimSpace(want)
			i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, want) })
			if i < 0 {
				return nil, &Error{
					Source: b.source, Msg: b.say("the WSDL has no operation %q", "WSDL 中没有操作 %q", want), Hint: b.say("operations: %s", "操作：%s", listed),
				}
			}
			out = append(out, byName[names[i]])
		}
		return out, nil
	}
	best, most, several := "", 0, false
	for _, n := range names {
		switch p := makes(n); {
		case p > most:
			best, most, several = n, p, false
		case p == most:
			several = true
		}
	}
	switch {
	case len(names) == 1:
		return []operation{byName[names[0]]}, nil
	case several || most <= 0:
		return nil, &Error{
			Source: b.source, Msg: b.say("the WSDL has several operations", "WSDL 含多个操作"),
			Hint: b.say("choose one or more with --operation: %s", "请用 --operation 选择一个或多个：%s", listed),
		}
	}
	b.note("operation "+best+" was taken for its name; the others: "+strings.Join(slices.DeleteFunc(names, func(n string) bool { return n == best }), ", "),
		"按名称选择了操作 "+best+"；其他操作："+strings.Join(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == best }), "、"))
	return []operation{byName[best]}, nil
}

// makes says how much the name of an operation sounds like making one todo.
func makes(name string) int {
	points := 0
	spelled := words(name)
	for _, w := range slices.Clone(spelled) {
		spelled = append(spelled, pieces(w)...)
	}
	has := func(list ...string) bool {
		return slices.ContainsFunc(spelled, func(w string) bool { return slices.Contains(list, w) })
	}
	if has("todo", "task", "pending", "daiban", "workitem") {
		points += 3
	} else if has("flow", "request", "message", "msg", "notify", "item") {
		points++
	}
	if has("send", "add", "create", "receive", "push", "insert", "new", "save", "generate", "xinzeng", "tuisong") {
		points += 2
	}
	if has("delete", "remove", "cancel", "update", "done", "finish", "complete", "query", "list", "count", "check", "login", "over", "batch", "test", "search", "find", "view") || strings.HasPrefix(strings.ToLower(name), "get") || strings.HasPrefix(strings.ToLower(name), "set") {
		points -= 4
	}
	if has("json") {
		points++ // of the same in several forms, the one that is written most easily
	}
	return points
}
