package file

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"todosync/connector"
)

// Marshal writes a document's Source as YAML, as a person would: members in the order of the manual, bodies as blocks, lists of
// words on one line. Reading it back gives the same Source.
func Marshal(source []byte) ([]byte, error) {
	docs, fault := allJSON(string(source))
	if fault != nil || len(docs) != 1 || docs[0].kind != mappingKind {
		return nil, fmt.Errorf("write settings as YAML: the stored source is not one JSON object")
	}
	var w yamlWriter
	w.mapping(docs[0], 0)
	return w.b.Bytes(), nil
}

type yamlWriter struct {
	b bytes.Buffer
}

func (w *yamlWriter) indent(depth int) {
	for range depth {
		w.b.WriteString("  ")
	}
}

// mapping writes the members of a mapping, each on lines of its own.
func (w *yamlWriter) mapping(n *node, depth int) {
	for _, m := range n.members {
		w.indent(depth)
		w.b.WriteString(key(m.name))
		w.b.WriteByte(':')
		w.value(m.value, depth)
	}
}

// value writes what follows a name or a dash, to the end of its last line.
func (w *yamlWriter) value(n *node, depth int) {
	switch {
	case n.kind == mappingKind && len(n.members) > 0:
		w.b.WriteByte('\n')
		w.mapping(n, depth+1)
	case n.kind == sequenceKind && !plainItems(n):
		w.b.WriteByte('\n')
		for _, item := range n.items {
			w.item(item, depth+1)
		}
	case n.kind == textKind && blockText(n.text):
		w.block(n.text, depth+1)
	default:
		w.b.WriteByte(' ')
		w.b.WriteString(inline(n, false))
		w.b.WriteByte('\n')
	}
}

// item writes one item of a list that has mappings in it.
func (w *yamlWriter) item(n *node, depth int) {
	w.indent(depth)
	w.b.WriteByte('-')
	if n.kind != mappingKind || len(n.members) == 0 {
		w.value(n, depth)
		return
	}
	for i, m := range n.members {
		if i > 0 {
			w.indent(depth + 1)
		} else {
			w.b.WriteByte(' ')
		}
		w.b.WriteString(key(m.name))
		w.b.WriteByte(':')
		w.value(m.value, depth+1)
	}
}

// block writes a text of several lines as a | block.
func (w *yamlWriter) block(text string, depth int) {
	body, chomp := strings.CutSuffix(text, "\n")
	w.b.WriteString(" |")
	if !chomp {
		w.b.WriteByte('-')
	}
	w.b.WriteByte('\n')
	for line := range strings.SplitSeq(body, "\n") {
		if line != "" {
			w.indent(depth)
			w.b.WriteString(line)
		}
		w.b.WriteByte('\n')
	}
}

// blockText reports whether a text can be a | block as it is: more than one line, none of them with what a block would lose.
func blockText(s string) bool {
	body := strings.TrimSuffix(s, "\n")
	if !strings.Contains(s, "\n") || body == "" || strings.HasPrefix(body, " ") || strings.HasPrefix(body, "\n") || strings.HasSuffix(body, "\n") {
		return false
	}
	for line := range strings.SplitSeq(body, "\n") {
		if line != strings.TrimRight(line, " \t") || strings.HasPrefix(line, "\t") {
			return false
		}
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && !printable(r) })
}

// printable reports whether YAML takes a character as it is and nothing reads it as the end of a line.
func printable(r rune) bool {
	return r == '\t' || r >= ' ' && r != 0x7f && r != utf8.RuneError && !unicode.IsControl(r) &&
		r != 0x2028 && r != 0x2029 && r != 0xfeff
}

// plainItems reports whether a list can stand on one line: short words only.
func plainItems(n *node) bool {
	length := 0
	for _, item := range n.items {
		if item.kind == mappingKind || item.kind == sequenceKind {
			return false
		}
		length += len(item.text) + 4
	}
	return length < 100
}

// inline writes a value on the line where it stands.
func inline(n *node, flow bool) string {
	switch n.kind {
	case mappingKind:
		return "{}"
	case sequenceKind:
		items := make([]string, len(n.items))
		for i, item := range n.items {
			items[i] = inline(item, true)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case textKind:
		if plain(n.text, flow) && !mistaken(n.text) {
			return n.text
		}
		return inQuotes(n.text)
	case nullKind:
		return "null"
	default:
		return n.text
	}
}

// key writes a member's name.
func key(name string) string {
	if plain(name, true) {
		return name
	}
	return inQuotes(name)
}

// mistaken reports whether some reader takes a plain text for a boolean, a null or a number.
func mistaken(s string) bool {
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan":
		return true
	}
	if s[0] < '0' || s[0] > '9' {
		return false
	}
	_, err := connector.ParseDuration(s)
	if err != nil || s == "0" {
		_, err = connector.ParseRate(s)
	}
	return err != nil
}

// plain reports whether a text can stand without quotes: it begins with a letter or such, and holds nothing that ends it early.
func plain(s string, flow bool) bool {
	if s == "" || strings.TrimSpace(s) != s {
		return false
	}
	for i, r := range s {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r) && r < 0x80:
		case i == 0:
			if r != '/' && !(r == '$' && !flow) {
				return false
			}
		case strings.ContainsRune("_-./;=+", r), r == ' ' && s[i-1] != ' ':
		case !flow && strings.ContainsRune("${}@?&%", r):
		case !flow && r == ':' && i+1 < len(s) && s[i+1] != ' ':
		default:
			return false
		}
	}
	return true
}

// inQuotes writes a text on one line in whichever quotes need less.
func inQuotes(s string) string {
	if strings.ContainsAny(s, "\"\\") && !strings.Contains(s, "'") &&
		!strings.ContainsFunc(s, func(r rune) bool { return !printable(r) || r == '\t' }) {
		return "'" + s + "'"
	}
	return quoted(s)
}

// quoted writes a text in double quotes.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case printable(r) || r == utf8.RuneError:
			b.WriteRune(r)
		case r > 0xffff:
			b.WriteString(`\U` + pad(r, 8))
		default:
			b.WriteString(`\u` + pad(r, 4))
		}
	}
	b.WriteByte('"')
	return b.String()
}

func pad(r rune, width int) string {
	s := strconv.FormatInt(int64(r), 16)
	return strings.Repeat("0", max(width-len(s), 0)) + s
}
