package mapping

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/beevik/etree"
)

// The most that an XML answer may hold, so that none can fill the memory.
const (
	maxElements = 50_000
	maxXMLDepth = 200
)

var (
	errHTML    = errors.New("an HTML page, perhaps a log-in page")
	errDoctype = errors.New("XML with a DOCTYPE, which is not accepted")
)

// readXML reads an answer that begins with <. The usual answer of a web service, JSON inside of one element, is found by
// reading tokens up to it; for all else the whole answer is read.
func (r *Result) readXML(text string) Answer {
	if isHTML(text) {
		if r.r.CodeName == "" {
			return Answer{Understood: true, Success: true}
		}
		return r.unclear(errHTML.Error(), text)
	}
	if r.r.CodeName != "" && r.field != "" {
		if json, ok := jsonInside(text, r.field); ok {
			return r.readJSON(json, text)
		}
	}
	doc, err := parseXML(text)
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
	at := *doc
	if e := doc.element(r.field); e != nil && r.field != "" {
		if json := strings.TrimSpace(content(e)); isJSONObject(json) {
			return r.readJSON(json, text)
		}
		if len(e.ChildElements()) > 0 {
			at.root = e
		}
	}
	code, ok := at.find(r.r.CodeName)
	if !ok && at.root != doc.root {
		at = *doc
		code, ok = at.find(r.r.CodeName)
	}
	if !ok {
		return r.unclear("XML without such an element", text)
	}
	a := Answer{Code: code, Message: at.text(r.r.MsgName), Data: at.text(r.r.DataName)}
	r.judge(&a, at.accounts(r.r.PartialAccounts))
	return a
}

// isHTML reports whether a text is a page for people.
func isHTML(text string) bool {
	start := strings.ToLower(text[:min(len(text), 1024)])
	for strings.HasPrefix(start, "<!--") || strings.HasPrefix(start, "<?") {
		_, after, found := strings.Cut(start, ">")
		if !found {
			return false
		}
		start = strings.TrimSpace(after)
	}
	return strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html")
}

func isJSONObject(s string) bool {
	return s != "" && (s[0] == '{' || s[0] == '[') && validJSON(s)
}

// jsonInside reads tokens up to the first element of that local name, and gives its text if it is JSON. It finds nothing
// in a fault and in anything unusual.
func jsonInside(text, field string) (string, bool) {
	d := decoder(text)
	for {
		token, err := d.RawToken()
		if err != nil {
			return "", false
		}
		switch t := token.(type) {
		case xml.Directive:
			return "", false
		case xml.StartElement:
			if t.Name.Local == "Fault" {
				return "", false
			}
			if t.Name.Local != field {
				continue
			}
			inside, ok := textInside(d)
			return inside, ok && isJSONObject(inside)
		}
	}
}

// textInside gives the text up to the end of the element that has just begun, if no element is in between.
func textInside(d *xml.Decoder) (string, bool) {
	var b strings.Builder
	for {
		token, err := d.RawToken()
		if err != nil {
			return "", false
		}
		switch t := token.(type) {
		case xml.CharData:
			b.Write(t)
		case xml.EndElement:
			return strings.TrimSpace(b.String()), true
		case xml.StartElement:
			return "", false
		}
	}
}

// decoder reads XML that has been decoded to UTF-8, whatever its declaration says.
func decoder(text string) *xml.Decoder {
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = sameCharset
	return d
}

func sameCharset(_ string, r io.Reader) (io.Reader, error) { return r, nil }

// An xmlAnswer is a parsed XML answer, or one element of it.
type xmlAnswer struct{ root *etree.Element }

// parseXML reads a whole XML text. A DOCTYPE is refused, and with it entities of its own.
func parseXML(text string) (*xmlAnswer, error) {
	if err := bounded(text); err != nil {
		return nil, err
	}
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

// bounded refuses what is not worth a tree: a DOCTYPE, too many elements, too deep a nesting.
func bounded(text string) error {
	if isHTML(text) {
		return errHTML
	}
	d := decoder(text)
	elements, depth := 0, 0
	for {
		token, err := d.RawToken()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("XML that is not well-formed: %w", err)
		}
		switch t := token.(type) {
		case xml.Directive:
			if strings.HasPrefix(strings.ToUpper(string(t)), "DOCTYPE") {
				return errDoctype
			}
		case xml.StartElement:
			elements++
			depth++
		case xml.EndElement:
			depth--
		}
		if elements > maxElements || depth > maxXMLDepth {
			return fmt.Errorf("XML with more than %d elements, or nested deeper than %d", maxElements, maxXMLDepth)
		}
	}
}

// element finds the first element of that local name, at any depth, in the order of the text.
func (x *xmlAnswer) element(name string) *etree.Element { return firstNamed(x.root, name) }

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
	first, rest, deeper := strings.Cut(path, ".")
	e := childNamed(x.root, first)
	if e == nil {
		e = firstNamed(x.root, first)
	}
	for e != nil && deeper {
		var name string
		name, rest, deeper = strings.Cut(rest, ".")
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
	return code[strings.LastIndexByte(code, ':')+1:], message, true
}

func descend(e *etree.Element, names ...string) *etree.Element {
	for _, name := range names {
		if e = childNamed(e, name); e == nil {
			return nil
		}
	}
	return e
}
