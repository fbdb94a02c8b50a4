package draft

import (
	"fmt"
	"slices"
	"strings"
)

// The bounds of one message.
const (
	maxElements = 1000
	maxNesting  = 20
)

// An envelope writes the message of an operation.
type envelope struct {
	s        *service
	op       operation
	skip     map[string]bool // paths of values that are left out
	prefixes []string        // namespaces in the order of their prefixes
	types    map[string]string
	optional map[string]bool
	within   []qname // types that are being written, so that one in itself ends
	count    int
	path     []string
	cut      bool
}

// message makes the sample of an operation.
func (s *service) message(op operation) *sample {
	e := &envelope{s: s, op: op, types: map[string]string{}, optional: map[string]bool{}}
	out := &sample{method: "POST", url: op.address, body: e.write(), types: e.types, optional: e.optional}
	out.again = func(skip map[string]bool) string {
		return (&envelope{s: s, op: op, skip: skip, types: map[string]string{}, optional: map[string]bool{}}).write()
	}
	if op.soap12 {
		contentType := "application/soap+xml;charset=UTF-8"
		if op.action != "" {
			contentType += `;action="` + op.action + `"`
		}
		out.headers = []header{{"Content-Type", contentType}}
	} else {
		out.headers = []header{{"Content-Type", "text/xml;charset=UTF-8"}, {"SOAPAction", `"` + op.action + `"`}}
	}
	if e.cut {
		out.notes = append(out.notes, say("the message is larger than what is drafted: its end is left out", "消息过大，末尾已略去"))
	}
	s.answer(out, op)
	return out
}

func (e *envelope) write() string {
	var head, body strings.Builder
	for _, h := range e.op.headers {
		if m := e.s.messages[h.message]; m != nil {
			for _, p := range m.all("part") {
				if p.attrs["name"] == h.part {
					e.part(&head, p, 2)
				}
			}
		}
	}
	indent := 2
	closing := ""
	if e.op.style == "rpc" {
		name := e.prefixed(e.op.space, e.op.name)
		style := ""
		if e.op.encoded {
			style = ` soapenv:encodingStyle="` + encSpace + `"`
		}
		fmt.Fprintf(&body, "    <%s%s>\n", name, style)
		closing = "    </" + name + ">\n"
		indent = 3
	}
	for _, p := range e.op.input.all("part") {
		if len(e.op.parts) > 0 && !slices.Contains(e.op.parts, p.attrs["name"]) {
			continue
		}
		if slices.ContainsFunc(e.op.headers, func(h headerPart) bool { return h.part == p.attrs["name"] && e.s.messages[h.message] == e.op.input }) {
			continue
		}
		e.part(&body, p, indent)
	}
	body.WriteString(closing)
	soap := "http://schemas.xmlsoap.org/soap/envelope/"
	if e.op.soap12 {
		soap = "http://www.w3.org/2003/05/soap-envelope"
	}
	var out strings.Builder
	fmt.Fprintf(&out, `<soapenv:Envelope xmlns:soapenv="%s"`, soap)
	for i, space := range e.prefixes {
		fmt.Fprintf(&out, ` xmlns:%s="%s"`, prefixOf(i), attributeText(space))
	}
	if e.op.encoded {
		fmt.Fprintf(&out, ` xmlns:xsi="%s-instance" xmlns:xsd="%s"`, schemaSpace, schemaSpace)
	}
	out.WriteString(">\n")
	if head.Len() > 0 {
		out.WriteString("  <soapenv:Header>\n" + head.String() + "  </soapenv:Header>\n")
	} else {
		out.WriteString("  <soapenv:Header/>\n")
	}
	out.WriteString("  <soapenv:Body>\n" + body.String() + "  </soapenv:Body>\n</soapenv:Envelope>")
	return out.String()
}

func attributeText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;").Replace(s)
}

func prefixOf(i int) string {
	if i == 0 {
		return "web"
	}
	return fmt.Sprintf("ns%d", i+1)
}

// prefixed is a name with the prefix of its namespace.
func (e *envelope) prefixed(space, name string) string {
	if space == "" {
		return name
	}
	i := slices.Index(e.prefixes, space)
	if i < 0 {
		i = len(e.prefixes)
		e.prefixes = append(e.prefixes, space)
	}
	return prefixOf(i) + ":" + name
}

// part writes one part of a message: a global element, or a value of a type under the part's name.
func (e *envelope) part(b *strings.Builder, p *element, indent int) {
	if ref := p.attrs["element"]; ref != "" {
		e.global(b, p.resolve(ref), indent, p)
		return
	}
	typ := p.resolve(p.attrs["type"])
	if e.op.style != "rpc" { // a type as the whole body has no name of its own
		e.content(b, typ, indent, &occurrence{})
		return
	}
	e.element(b, p.attrs["name"], &occurrence{name: p.attrs["name"], typ: typ, doc: p.documentation()}, indent)
}

func (e *envelope) global(b *strings.Builder, name qname, indent int, by *element) {
	d, ok := e.s.elements[name]
	if !ok {
		e.leaf(b, e.prefixed(name.space, name.name), &occurrence{name: name.name}, indent, "")
		return
	}
	o := &occurrence{name: name.name, decl: d, doc: d.documentation(), optional: by.attrs["minOccurs"] == "0"}
	e.element(b, e.prefixed(name.space, name.name), o, indent)
}

// An occurrence is an element where it stands in a message.
type occurrence struct {
	name     string
	typ      qname
	decl     declared
	doc      string
	optional bool
	attrs    string
}

// element writes an element with its content.
func (e *envelope) element(b *strings.Builder, shown string, o *occurrence, indent int) {
	if e.count++; e.count > maxElements || len(e.path) > maxNesting {
		e.cut = true
		return
	}
	e.path = append(e.path, o.name)
	defer func() { e.path = e.path[:len(e.path)-1] }()
	if o.decl.element != nil && o.typ == (qname{}) && o.decl.attrs["type"] != "" {
		o.typ = o.decl.resolve(o.decl.attrs["type"])
	}
	var inner strings.Builder
	complexOne := false
	switch {
	case o.decl.element != nil && o.decl.first("complexType") != nil:
		complexOne = e.complex(&inner, declared{o.decl.first("complexType"), o.decl.space, o.decl.qualified}, indent+1, o)
	case o.typ.space == schemaSpace || o.typ == (qname{}):
	default:
		complexOne = e.content(&inner, o.typ, indent+1, o)
	}
	if !complexOne {
		e.path = e.path[:len(e.path)-1]
		e.leaf(b, shown, o, indent, e.primitive(o))
		e.path = append(e.path, o.name)
		return
	}
	if o.optional && inner.Len() == 0 {
		return
	}
	pad := strings.Repeat("  ", indent)
	fmt.Fprintf(b, "%s<%s%s>\n%s%s</%s>\n", pad, shown, o.attrs, inner.String(), pad, shown)
}

// leaf writes an element with a value that is to be guessed.
func (e *envelope) leaf(b *strings.Builder, shown string, o *occurrence, indent int, typ string) {
	at := e.place(o.name)
	if e.skip[at] {
		return
	}
	e.types[at], e.optional[at] = typ, o.optional
	pad := strings.Repeat("  ", indent)
	if o.doc != "" {
		fmt.Fprintf(b, "%s<!-- %s -->\n", pad, strings.ReplaceAll(xmlEscaped(o.doc), "--", "- -"))
	}
	attrs := o.attrs
	if e.op.encoded && typ != "" {
		attrs += ` xsi:type="xsd:` + typ + `"`
	}
	fmt.Fprintf(b, "%s<%s%s>%s</%s>\n", pad, shown, attrs, xmlEscaped(e.value(o)), shown)
}

// place is the path by which a value is known once the message is read as a sample.
func (e *envelope) place(name string) string {
	whole := append(slices.Clone(e.path), name)
	if e.op.style != "rpc" && len(whole) > 1 {
		whole = whole[1:] // the operation's own element
	}
	return strings.Join(whole, ".")
}

// value is what a schema fixes, the first of what it lists, or a sign that something is to be filled in.
func (e *envelope) value(o *occurrence) string {
	if o.decl.element != nil {
		for _, a := range []string{"fixed", "default"} {
			if v := o.decl.attrs[a]; v != "" {
				return v
			}
		}
		if t := o.decl.first("simpleType"); t != nil {
			if v := enumerated(t); v != "" {
				return v
			}
		}
	}
	if t, ok := e.s.types[o.typ]; ok && t.name == "simpleType" {
		if v := enumerated(t.element); v != "" {
			return v
		}
	}
	return "?"
}

func enumerated(simple *element) string {
	if r := simple.first("restriction"); r != nil {
		if v := r.first("enumeration"); v != nil {
			return v.attrs["value"]
		}
	}
	return ""
}

// primitive is the name of the XML Schema type that a value has in the end.
func (e *envelope) primitive(o *occurrence) string {
	typ := o.typ
	if o.decl.element != nil {
		if t := o.decl.first("simpleType"); t != nil {
			if r := t.first("restriction"); r != nil {
				typ = r.resolve(r.attrs["base"])
			}
		}
	}
	for range maxNesting {
		if typ.space == schemaSpace {
			return typ.name
		}
		t, ok := e.s.types[typ]
		if !ok {
			return ""
		}
		r := t.first("restriction")
		if c := t.first("simpleContent"); c != nil {
			r = c.first("extension", "restriction")
		}
		if r == nil {
			return ""
		}
		typ = r.resolve(r.attrs["base"])
	}
	return ""
}

// content writes what a named type holds, and reports whether that is elements.
func (e *envelope) content(b *strings.Builder, typ qname, indent int, o *occurrence) bool {
	t, ok := e.s.types[typ]
	if !ok || t.name == "simpleType" {
		return false
	}
	if slices.Contains(e.within, typ) {
		return true // a type within itself: once is enough
	}
	e.within = append(e.within, typ)
	defer func() { e.within = e.within[:len(e.within)-1] }()
	return e.complex(b, t, indent, o)
}

func (e *envelope) complex(b *strings.Builder, t declared, indent int, o *occurrence) bool {
	if t.first("simpleContent") != nil {
		return false
	}
	if c := t.first("complexContent"); c != nil {
		x := c.first("extension", "restriction")
		if x == nil {
			return true
		}
		if base := x.resolve(x.attrs["base"]); x.name == "extension" {
			e.content(b, base, indent, o)
		} else if base.space == encSpace {
			e.array(b, x, indent)
			return true
		}
		e.model(b, declared{x, t.space, t.qualified}, indent)
		return true
	}
	o.attrs += e.attributes(t)
	e.model(b, t, indent)
	return true
}

// array writes one element of an array of the old encoding.
func (e *envelope) array(b *strings.Builder, x *element, indent int) {
	for _, a := range x.all("attribute") {
		if a.array != "" {
			name, _, _ := strings.Cut(a.array, "[")
			e.element(b, "item", &occurrence{name: "item", typ: a.resolve(name)}, indent)
		}
	}
}

// attributes writes those that must be there.
func (e *envelope) attributes(t declared) string {
	var b strings.Builder
	for _, a := range t.all("attribute") {
		if a.attrs["use"] == "required" && a.attrs["name"] != "" {
			v := a.attrs["fixed"]
			if v == "" {
				v = "?"
			}
			fmt.Fprintf(&b, ` %s="%s"`, a.attrs["name"], attributeText(v))
		}
	}
	return b.String()
}

// model writes the elements of a sequence, all, choice or group; of a choice the first.
func (e *envelope) model(b *strings.Builder, t declared, indent int) {
	for _, c := range t.children {
		switch c.name {
		case "sequence", "all":
			e.model(b, declared{c, t.space, t.qualified}, indent)
		case "choice":
			if len(c.children) > 0 {
				one := *c
				one.children = c.children[:1]
				if one.children[0].name == "annotation" && len(c.children) > 1 {
					one.children = c.children[1:2]
				}
				e.model(b, declared{&one, t.space, t.qualified}, indent)
			}
		case "group":
			if g, ok := e.s.groups[c.resolve(c.attrs["ref"])]; ok && len(e.path) <= maxNesting {
				e.path = append(e.path, "")
				e.path = e.path[:len(e.path)-1]
				if e.count++; e.count <= maxElements {
					e.model(b, g, indent)
				}
			}
		case "element":
			if c.attrs["maxOccurs"] == "0" {
				continue
			}
			if ref := c.attrs["ref"]; ref != "" {
				e.global(b, c.resolve(ref), indent, c)
				continue
			}
			name := c.attrs["name"]
			shown := name
			if form := c.attrs["form"]; form == "qualified" || form == "" && t.qualified {
				shown = e.prefixed(t.space, name)
			}
			e.element(b, shown, &occurrence{name: name, decl: declared{c, t.space, t.qualified}, doc: c.documentation(), optional: c.attrs["minOccurs"] == "0"}, indent)
		}
	}
}

// answer looks at what comes back, and says where code and message may stand.
func (s *service) answer(out *sample, op operation) {
	if op.output == nil {
		return
	}
	e := &envelope{s: s, op: op, types: map[string]string{}, optional: map[string]bool{}}
	e.op.input, e.op.headers, e.op.parts, e.op.name = op.output, nil, nil, op.name+"Response"
	c := &collector{}
	if _, err := c.xml(e.write(), nil, inBody); err != nil || len(c.leaves) == 0 {
		return
	}
	names := make([]string, len(c.leaves))
	for i, l := range c.leaves {
		names[i] = l.at()
	}
	if len(names) == 1 {
		out.element = c.leaves[0].name()
		out.notes = append(out.notes, say("the answer is one text, "+names[0]+": if it holds JSON, set result.codeName and successCode to what stands there",
			"应答为单个文本 "+names[0]+"：若其中是 JSON，请按其内容设置 result.codeName 与 successCode"))
		return
	}
	out.notes = append(out.notes, say("the answer holds "+strings.Join(names[:min(len(names), 12)], ", ")+": set result.codeName and successCode", "应答包含 "+strings.Join(names[:min(len(names), 12)], "、")+"：请设置 result.codeName 与 successCode"))
}

// stuff puts a text, such as the JSON that a manual shows, into the one text that a message takes.
func stuff(s *sample, text string) bool {
	const sign = ">?<"
	if strings.Count(s.body, sign) != 1 {
		return false
	}
	s.body = strings.Replace(s.body, sign, ">"+xmlEscaped(text)+"<", 1)
	s.again = nil
	return true
}
