package mapping

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/beevik/etree"
)

// readXML reads an answer that begins with <. The usual answer of a web service, JSON inside of one element, is found by
// one scan; for all else a tree is built.
func (r *Result) readXML(text string) Answer {
	if isHTML(text) {
		if r.r.CodeName == "" {
			return Answer{Understood: true, Success: true}
		}
		return r.unclear(errHTML.Error(), text)
	}
	scan, err := scanXML(text, r.field)
	if err == nil && r.r.CodeName != "" && r.field != "" && scan.found && !scan.fault {
		if json := strings.TrimSpace(string(scan.text)); r.hasCode(json) {
			return r.readJSON(json, text)
		}
	}
	var doc *xmlAnswer
	if err == nil {
		doc, err = treeOf(text)
	}
	switch {
	case err != nil && r.r.CodeName == "":
		return Answer{Understood: true, Success: true}
	case err != nil:
		return r.unclear(err.Error(), text)
	}
	if code, message, ok := doc.fault(); ok {
		return Answer{Understood: true, Fault: true, Code: code, Message: message}
	}
	if r.r.CodeName == "" {
		return Answer{Understood: true, Success: true, Message: doc.text(r.r.MsgName), Data: doc.text(r.r.DataName)}
	}
	return r.readTree(doc, text)
}

// readTree finds the first element of the field's name that holds the code: in its children, in JSON, or in XML that was
// escaped once more. Without one, the code is an element anywhere.
func (r *Result) readTree(doc *xmlAnswer, text string) Answer {
	why := "XML without such an element"
	for _, e := range doc.elements(r.field) {
		at := &xmlAnswer{root: e}
		if len(e.ChildElements()) == 0 {
			inner := strings.TrimSpace(content(e))
			switch {
			case r.hasCode(inner):
				return r.readJSON(inner, text)
			case isJSONObject(inner):
				why = "no such member"
			}
			if at = nil; strings.HasPrefix(inner, "<") {
				at, _ = parseXML(inner) // what is no XML holds no code
			}
		}
		if a, ok := r.readElements(at); ok {
			return a
		}
	}
	if a, ok := r.readElements(doc); ok {
		return a
	}
	return r.unclear(why, text)
}

// readElements reads code and message as elements; not ok where there is no code.
func (r *Result) readElements(at *xmlAnswer) (Answer, bool) {
	if at == nil {
		return Answer{}, false
	}
	code, ok := at.find(r.r.CodeName)
	if !ok {
		return Answer{}, false
	}
	a := Answer{Code: code, Message: at.text(r.r.MsgName), Data: at.text(r.r.DataName)}
	r.judge(&a, at.accounts(r.r.PartialAccounts))
	return a, true
}

// hasCode reports whether a text is JSON that holds the code.
func (r *Result) hasCode(json string) bool {
	if !isJSONObject(json) {
		return false
	}
	_, ok := find(json, r.r.CodeName)
	return ok
}

// isHTML reports whether a text is a page for people.
func isHTML(text string) bool {
	for strings.HasPrefix(text, "<!--") || strings.HasPrefix(text, "<?") {
		_, after, found := strings.Cut(text, ">")
		if !found {
			return false
		}
		text = strings.TrimSpace(after)
	}
	return beginsWith(text, "<!doctype html") || beginsWith(text, "<html")
}

// beginsWith reports whether a text begins with an ASCII prefix, in whatever case.
func beginsWith(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}

func isJSONObject(s string) bool {
	return s != "" && (s[0] == '{' || s[0] == '[') && validJSON(s)
}

// sameCharset reads XML that is UTF-8 already, whatever its declaration says.
func sameCharset(_ string, r io.Reader) (io.Reader, error) { return r, nil }

// An xmlAnswer is a parsed XML answer, or one element of it.
type xmlAnswer struct{ root *etree.Element }

// parseXML reads a whole XML text. A DOCTYPE is refused, and with it entities of its own.
func parseXML(text string) (*xmlAnswer, error) {
	if isHTML(text) {
		return nil, errHTML
	}
	if _, err := scanXML(text, ""); err != nil {
		return nil, err
	}
	return treeOf(text)
}

// treeOf makes a tree of a text that has been scanned.
func treeOf(text string) (*xmlAnswer, error) {
	doc := etree.NewDocument()
	doc.ReadSettings.CharsetReader = sameCharset
	if err := doc.ReadFromString(text); err != nil {
		return nil, fmt.Errorf("XML that is not well-formed: %w", err)
	}
	if doc.Root() == nil {
		return nil, errors.New("XML without an element")
	}
	return &xmlAnswer{root: doc.Root()}, nil
}

// elements finds the elements of that local name, at any depth, in the order of the text.
func (x *xmlAnswer) elements(name string) []*etree.Element {
	if name == "" {
		return nil
	}
	var out []*etree.Element
	var walk func(e *etree.Element)
	walk = func(e *etree.Element) {
		if e.Tag == name {
			out = append(out, e)
		}
		for _, child := range e.ChildElements() {
			walk(child)
		}
	}
	walk(x.root)
	return out
}

func firstNamed(e *etree.Element, name string) *etree.Element {
	if e.Tag == name {
		return e
	}
	for _, child := range e.ChildElements() {
		if found := firstNamed(child, name); found != nil {
			return found
		}
	}
	return nil
}

// at finds the element at a path: its first name at any depth below, children first, the further names as children.
func (x *xmlAnswer) at(path string) *etree.Element {
	if path == "" {
		return nil
	}
	first, rest, deeper := cutPath(path)
	e := childNamed(x.root, first)
	if e == nil {
		e = firstNamed(x.root, first)
	}
	for e != nil && deeper {
		var name string
		name, rest, deeper = cutPath(rest)
		e = childNamed(e, name)
	}
	return e
}

func childNamed(e *etree.Element, name string) *etree.Element {
	for _, child := range e.ChildElements() {
		if child.Tag == name {
			return child
		}
	}
	return nil
}

// find gives the text of the element at a path.
func (x *xmlAnswer) find(path string) (string, bool) {
	e := x.at(path)
	if e == nil {
		return "", false
	}
	return strings.TrimSpace(content(e)), true
}

func (x *xmlAnswer) text(path string) string {
	s, _ := x.find(path)
	return s
}

// accounts reads the accounts at a path: the texts of its elements or of their children, each of which may join several
// by commas.
func (x *xmlAnswer) accounts(path string) []string {
	e := x.at(path)
	if e == nil {
		return nil
	}
	all := []*etree.Element{e}
	if parent := e.Parent(); parent != nil && e != x.root {
		all = parent.SelectElements(e.Tag)
	}
	var out []string
	for _, one := range all {
		children := one.ChildElements()
		if len(children) == 0 {
			children = []*etree.Element{one}
		}
		for _, child := range children {
			out = append(out, splitAccounts(content(child))...)
		}
	}
	return out
}

// content is all text in an element, CDATA sections included, without that of its children.
func content(e *etree.Element) string {
	var b strings.Builder
	for _, token := range e.Child {
		if c, ok := token.(*etree.CharData); ok {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

// fault finds the fault of a SOAP envelope, of version 1.1 or 1.2: the local name of its code, and its text.
func (x *xmlAnswer) fault() (code, message string, ok bool) {
	if x.root.Tag != "Envelope" {
		return "", "", false
	}
	body := childNamed(x.root, "Body")
	if body == nil {
		return "", "", false
	}
	e := childNamed(body, "Fault")
	if e == nil {
		return "", "", false
	}
	f := &xmlAnswer{root: e}
	code, _ = f.find("faultcode")
	message, _ = f.find("faultstring")
	if v := descend(e, "Code", "Value"); v != nil && code == "" {
		code = strings.TrimSpace(content(v))
	}
	if v := descend(e, "Reason", "Text"); v != nil && message == "" {
		message = strings.TrimSpace(content(v))
	}
	if detail := childNamed(e, "detail"); detail != nil && message == "" {
		message = allText(detail)
	}
	if detail := childNamed(e, "Detail"); detail != nil && message == "" {
		message = allText(detail)
	}
	if message == "" {
		message = "a SOAP fault without a text"
	}
	return localName(code), message, true
}

// allText is the text of an element and of all below it, put together with blanks.
func allText(e *etree.Element) string {
	texts := strings.Fields(content(e))
	for _, child := range e.ChildElements() {
		if text := allText(child); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, " ")
}

func descend(e *etree.Element, names ...string) *etree.Element {
	for _, name := range names {
		if e = childNamed(e, name); e == nil {
			return nil
		}
	}
	return e
}
