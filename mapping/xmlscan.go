package mapping

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
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

// An xmlScan goes once over an XML answer: it checks that the tags match, refuses what is not worth a tree, and picks the
// text of one element on the way. That is all that the usual answer of a web service needs.
type xmlScan struct {
	s        string
	i        int
	open     []string // names of the open elements, with prefixes
	elements int
	field    string // local name of the element whose text is wanted
	at       int    // depth of the field, once it is open; -1: it has been read or cannot be
	text     []byte
	found    bool // the field holds text and nothing else
	fault    bool // a SOAP fault is there
}

func scanXML(text, field string) (*xmlScan, error) {
	x := &xmlScan{s: text, field: field, open: make([]string, 0, 16)}
	for x.i < len(x.s) {
		n := strings.IndexByte(x.s[x.i:], '<')
		if n < 0 {
			n = len(x.s) - x.i
		}
		if err := x.chars(x.s[x.i : x.i+n]); err != nil {
			return nil, err
		}
		if x.i += n; x.i == len(x.s) {
			break
		}
		if err := x.markup(); err != nil {
			return nil, err
		}
	}
	switch {
	case len(x.open) > 0:
		return nil, x.malformed("element <" + x.open[len(x.open)-1] + "> is not closed; is the answer cut off?")
	case x.elements == 0:
		return nil, errors.New("XML without an element")
	}
	return x, nil
}

func (x *xmlScan) malformed(why string) error {
	return fmt.Errorf("XML that is not well-formed: %s (byte %d)", why, x.i)
}

// reading reports whether the text of the field is being read.
func (x *xmlScan) reading() bool { return x.at > 0 }

// chars reads text between tags.
func (x *xmlScan) chars(s string) error {
	if len(x.open) == 0 {
		if strings.TrimSpace(s) != "" {
			return x.malformed("text outside of the root element")
		}
		return nil
	}
	for x.reading() && s != "" {
		n := strings.IndexByte(s, '&')
		if n < 0 {
			x.text = append(x.text, s...)
			return nil
		}
		x.text = append(x.text, s[:n]...)
		name, rest, found := strings.Cut(s[n+1:], ";")
		r, ok := entity(name)
		if !found || !ok {
			return x.malformed("& begins no reference")
		}
		x.text = utf8.AppendRune(x.text, r)
		s = rest
	}
	return nil
}

// markup reads what begins with <.
func (x *xmlScan) markup() error {
	rest := x.s[x.i:]
	switch {
	case strings.HasPrefix(rest, "<!--"):
		return x.skip("-->")
	case strings.HasPrefix(rest, "<![CDATA["):
		start := x.i + len("<![CDATA[")
		if err := x.skip("]]>"); err != nil {
			return err
		}
		if x.reading() {
			x.text = append(x.text, x.s[start:x.i-len("]]>")]...)
		}
		return nil
	case strings.HasPrefix(rest, "<?"):
		return x.skip("?>")
	case strings.HasPrefix(rest, "<!"):
		return errDoctype
	case strings.HasPrefix(rest, "</"):
		return x.endTag()
	}
	return x.startTag()
}

func (x *xmlScan) skip(end string) error {
	n := strings.Index(x.s[x.i:], end)
	if n < 0 {
		return x.malformed(end + " is missing")
	}
	x.i += n + len(end)
	return nil
}

func (x *xmlScan) endTag() error {
	n := strings.IndexByte(x.s[x.i:], '>')
	if n < 0 {
		return x.malformed("> is missing")
	}
	name := strings.TrimRight(x.s[x.i+len("</"):x.i+n], " \t\r\n")
	if len(x.open) == 0 || x.open[len(x.open)-1] != name {
		return x.malformed("</" + shorten(name, 40) + "> closes nothing")
	}
	x.i += n + 1
	x.close()
	return nil
}

func (x *xmlScan) close() {
	if x.reading() && x.at == len(x.open) {
		x.at, x.found = -1, true
	}
	x.open = x.open[:len(x.open)-1]
}

func (x *xmlScan) startTag() error {
	end, err := x.tagEnd()
	if err != nil {
		return err
	}
	tag := x.s[x.i+1 : end]
	tag, empty := strings.CutSuffix(tag, "/")
	name := tag
	if n := strings.IndexAny(tag, " \t\r\n"); n >= 0 {
		name = tag[:n]
	}
	if x.elements++; name == "" || len(x.open) == 0 && x.elements > 1 {
		return x.malformed("a tag without a name, or a second root element")
	}
	if x.elements > maxElements || len(x.open) >= maxXMLDepth {
		return fmt.Errorf("XML with more than %d elements, or nested deeper than %d", maxElements, maxXMLDepth)
	}
	if x.reading() {
		x.at = -1 // an element, not text
	}
	x.open = append(x.open, name)
	switch local := localName(name); {
	case local == "Fault" && len(x.open) == 3 && localName(x.open[1]) == "Body" && localName(x.open[0]) == "Envelope":
		x.fault = true
	case local == x.field && x.at == 0:
		x.at = len(x.open)
	}
	x.i = end + 1
	if empty {
		x.close()
	}
	return nil
}

// tagEnd finds the > that ends a tag, beyond quoted values.
func (x *xmlScan) tagEnd() (int, error) {
	var quote byte
	for i := x.i + 1; i < len(x.s); i++ {
		switch c := x.s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"', c == '\'':
			quote = c
		case c == '>':
			return i, nil
		case c == '<':
			return 0, x.malformed("< in a tag")
		}
	}
	return 0, x.malformed("> is missing")
}

// localName is a name without its prefix.
func localName(name string) string { return name[strings.LastIndexByte(name, ':')+1:] }
