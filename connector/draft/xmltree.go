package draft

import (
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"strings"
)

// maxNodes bounds the elements of one document that is read as a tree.
const maxNodes = 200_000

// An element is one of an XML tree, with its names resolved.
type element struct {
	space, name string
	attrs       map[string]string // those without a namespace, by name
	prefixes    map[string]string // in scope here
	children    []*element
	text        string
	array       string // wsdl:arrayType
}

// A qname is a name in its namespace.
type qname struct{ space, name string }

// tree reads an XML document whole.
func tree(s string) (*element, error) {
	d := xml.NewDecoder(strings.NewReader(s))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	root := &element{}
	open := []*element{root}
	nodes := 0
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := d.InputPos()
		if err != nil {
			return nil, &syntaxError{line: line, msg: "not XML: " + strings.TrimPrefix(err.Error(), "XML syntax error on ")}
		}
		top := open[len(open)-1]
		switch t := t.(type) {
		case xml.StartElement:
			if nodes++; nodes > maxNodes || len(open) > maxDepth {
				return nil, &syntaxError{line: line, msg: "too large or nested too deep"}
			}
			e := newElement(t, top.prefixes)
			top.children = append(top.children, e)
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(top.text) < 1<<10 {
				top.text += string(t)
			}
		case xml.Directive:
			return nil, &syntaxError{line: line, msg: "a DTD is refused: take <!...> out"}
		}
	}
	if len(root.children) != 1 {
		return nil, &syntaxError{line: 1, msg: "not one XML element"}
	}
	return root.children[0], nil
}

func newElement(t xml.StartElement, above map[string]string) *element {
	e := &element{space: t.Name.Space, name: t.Name.Local, attrs: map[string]string{}, prefixes: above}
	copied := false
	for _, a := range t.Attr {
		prefix, declares := "", false
		switch {
		case a.Name.Space == "xmlns":
			prefix, declares = a.Name.Local, true
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			declares = true
		}
		if declares {
			if !copied {
				e.prefixes, copied = maps.Clone(above), true
				if e.prefixes == nil {
					e.prefixes = map[string]string{}
				}
			}
			e.prefixes[prefix] = a.Value
			continue
		}
		if a.Name.Space == "" {
			e.attrs[a.Name.Local] = a.Value
		} else if a.Name.Local == "arrayType" {
			e.array = a.Value
		}
	}
	return e
}

// resolve gives the name that an attribute's value such as tns:Todo stands for.
func (e *element) resolve(value string) qname {
	prefix, name, found := strings.Cut(strings.TrimSpace(value), ":")
	if !found {
		return qname{e.prefixes[""], prefix}
	}
	return qname{e.prefixes[prefix], name}
}

// all gives the children of a name.
func (e *element) all(names ...string) []*element {
	var out []*element
	for _, c := range e.children {
		for _, n := range names {
			if c.name == n {
				out = append(out, c)
			}
		}
	}
	return out
}

// first gives the first child of one of the names, nil where there is none.
func (e *element) first(names ...string) *element {
	if found := e.all(names...); len(found) > 0 {
		return found[0]
	}
	return nil
}

// documentation is what a WSDL or schema says of an element in words.
func (e *element) documentation() string {
	d := e.first("documentation")
	if a := e.first("annotation"); a != nil {
		d = a.first("documentation")
	}
	if d == nil {
		return ""
	}
	return strings.Join(strings.Fields(d.text), " ")
}
