package file

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"todosync/connector"
)

// A Change gives a member of a document another value. Path are the names that lead to it; a null, or no Value, takes the member out.
type Change struct {
	Path  []string
	Value json.RawMessage
}

// A Place is where the characters of a text stand in a file, counted from 1. Of a block scalar it is the first line of the value, and
// Indent is what each of its lines has in front that is not of the value.
type Place struct {
	Line   int  `json:"line"`
	Column int  `json:"column"`
	Indent int  `json:"indent,omitempty"`
	Block  bool `json:"block,omitempty"`
}

// An Edited is one document of a file after changes: as text, as the tree that it says, and where the texts in it stand by their paths
// (scenes.create.body).
type Edited struct {
	Text   string           `json:"content"`
	Source json.RawMessage  `json:"source"`
	Places map[string]Place `json:"places"`
}

// Edit changes members of a settings file of one document and leaves the rest of it as it was written, its comments too. Only where that
// can't be done (flow style, anchors, JSON) the whole is written anew. The document need not be right, only readable; an error is of
// kind Invalid, with the place of what can't be read.
func Edit(text string, lang string, changes []Change) (*Edited, error) {
	root, offset, isYAML, err := onlyDocument(text, lang)
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		value, err := nodeOf(c.Value)
		if err != nil || len(c.Path) == 0 {
			return nil, &connector.Error{Kind: connector.Invalid, Msg: say("a change needs a path and a JSON value", "修改需要路径和 JSON 值").in(lang)}
		}
		wanted := root.copied()
		if !wanted.put(c.Path, value) {
			continue
		}
		if isYAML {
			if spliced, ok := splice(text, offset, root, wanted, c.Path); ok {
				text = spliced
				if root, offset, isYAML, err = onlyDocument(text, lang); err != nil {
					return nil, err
				}
				continue
			}
		}
		var w yamlWriter
		w.mapping(wanted, 0)
		text = w.b.String()
		if root, offset, isYAML, err = onlyDocument(text, lang); err != nil {
			return nil, err
		}
	}
	out := &Edited{Text: text, Source: appendJSON(nil, root, &shape{}), Places: map[string]Place{}}
	root.places("", offset, out.Places)
	return out, nil
}

// onlyDocument reads the one document of a text; offset are the lines before it.
func onlyDocument(text, lang string) (root *node, offset int, isYAML bool, err error) {
	unread := func(offset int, fault *syntaxError) error {
		p := Problem{File: "file", Message: fault.text.in(lang, fault.args...), Line: fault.at.line + offset, Column: fault.at.column}
		return Problems{p}
	}
	clean, fault := decode([]byte(text))
	if fault != nil {
		return nil, 0, false, unread(0, fault)
	}
	several := broken(place{1, 1}, say("one document is wanted here", "这里只能有一个文档"))
	if isJSON("", clean) {
		docs, fault := allJSON(clean)
		switch {
		case fault != nil:
			return nil, 0, false, unread(0, fault)
		case len(docs) != 1 || docs[0].kind != mappingKind:
			return nil, 0, false, unread(0, several)
		}
		return docs[0], 0, false, nil
	}
	for doc := range documents(clean) {
		if len(doc.text) > maxDocument {
			return nil, 0, false, unread(doc.offset, broken(place{1, 1}, say("the document is too large to be settings", "文档过大，不像配置")))
		}
		n, fault := readYAML(doc.text)
		switch {
		case fault != nil:
			return nil, 0, false, unread(doc.offset, fault)
		case n == nil:
		case root != nil, n.kind != mappingKind:
			return nil, 0, false, unread(doc.offset, several)
		default:
			root, offset = n, doc.offset
		}
	}
	if root == nil {
		root = &node{kind: mappingKind}
	}
	return root, offset, true, nil
}

// nodeOf reads a JSON value; nil is none.
func nodeOf(raw json.RawMessage) (*node, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	docs, fault := allJSON(`{"v":` + string(raw) + `}`)
	if fault != nil || len(docs) != 1 || docs[0].value("v") == nil {
		return nil, &connector.Error{Kind: connector.Invalid, Msg: "not a JSON value"}
	}
	if v := docs[0].value("v"); v.kind != nullKind {
		return v, nil
	}
	return nil, nil
}

// put sets the value at a path, or takes it out; false where nothing changes. Mappings that become empty on the way stay.
func (n *node) put(path []string, value *node) bool {
	if n.kind != mappingKind {
		if value == nil {
			return false
		}
		*n = node{kind: mappingKind}
	}
	m := n.find(path[0])
	if len(path) == 1 {
		switch {
		case value == nil && m == nil:
			return false
		case value == nil:
			n.members = slices.DeleteFunc(n.members, func(x member) bool { return x.name == path[0] })
			n.names, n.indexed = nil, 0
		case m != nil:
			if bytes.Equal(appendJSON(nil, m.value, &shape{}), appendJSON(nil, value, &shape{})) {
				return false
			}
			m.value = value
		default:
			n.set(path[0], value)
		}
		return true
	}
	if m == nil {
		if value == nil {
			return false
		}
		n.set(path[0], &node{kind: mappingKind})
		m = n.find(path[0])
	}
	return m.value.put(path[1:], value)
}

// splice puts the change of one path into the lines of a YAML text, and checks that the text then says what is wanted. What stands for
// the path is written anew as far up as its lines are its own.
func splice(text string, offset int, root, wanted *node, path []string) (string, bool) {
	lines := strings.SplitAfter(text, "\n")
	for depth := len(path); depth > 0; depth-- {
		was, is := root.member(path[:depth]), wanted.member(path[:depth])
		var out []string
		switch {
		case was == nil && depth > 1 && root.member(path[:depth-1]) == nil:
			continue // its parent is not there either
		case was == nil:
			out = inserted(lines, offset, root.at0(path[:depth-1]), is)
		case is == nil && len(wanted.at0(path[:depth-1]).members) == 0:
			continue // the mapping that is empty now is written as {}
		default:
			out = rewritten(lines, offset, was, is)
		}
		if out == nil {
			continue
		}
		after := strings.Join(out, "")
		again, _, _, err := onlyDocument(after, "en")
		if err == nil && reflect.DeepEqual(tree(again), tree(wanted)) {
			return after, true
		}
	}
	return "", false
}

// member gives the member at a path, nil where there is none.
func (n *node) member(path []string) *member {
	for ; n != nil && len(path) > 1; path = path[1:] {
		n = n.value(path[0])
	}
	return n.find(path[0])
}

// at0 gives the mapping at a path; the empty path is the node itself.
func (n *node) at0(path []string) *node {
	for _, name := range path {
		n = n.value(name)
	}
	return n
}

// tree is what a node says, without places and styles.
func tree(n *node) any {
	switch n.kind {
	case mappingKind:
		out := map[string]any{}
		for _, m := range n.members {
			if _, there := out[m.name]; !there {
				out[m.name] = tree(m.value)
			}
		}
		return out
	case sequenceKind:
		out := make([]any, len(n.items))
		for i, item := range n.items {
			out[i] = tree(item)
		}
		return out
	case nullKind:
		return nil
	case textKind:
		return n.text
	}
	return [2]any{n.kind, n.text}
}

// rewritten gives the lines with a member written anew, or left out where is is nil; nil where the member has no lines of its own.
func rewritten(lines []string, offset int, was, is *member) []string {
	from := was.at.line + offset - 1
	if !was.at.given() || from >= len(lines) || strings.TrimSpace(prefix(lines[from], was.at.column-1)) != "" || strings.HasPrefix(strings.TrimSpace(lines[from]), "-") {
		return nil
	}
	indent := was.at.column - 1
	to := from + 1
	for i := to; i < len(lines); i++ {
		body := strings.TrimRight(lines[i], "\r\n")
		trimmed := strings.TrimLeft(body, " ")
		if trimmed == "" {
			continue
		}
		deep := len(body) - len(trimmed)
		if deep > indent || deep == indent && strings.HasPrefix(trimmed, "- ") && was.value.kind == sequenceKind {
			to = i + 1
			continue
		}
		break
	}
	var fresh []string
	if is != nil {
		text := written(is, indent)
		if to == from+1 && strings.Count(text, "\n") == 1 {
			text = strings.TrimSuffix(text, "\n") + remark(lines[from], was) + "\n"
		}
		fresh = []string{text}
	}
	return slices.Concat(lines[:from], fresh, lines[to:])
}

// remark is the comment behind a value on one line, with the blanks in front of it.
func remark(line string, m *member) string {
	runes := []rune(strings.TrimRight(line, "\r\n"))
	end := m.value.inside.column - 1 + len([]rune(m.value.text))
	if m.value.inside.line != m.at.line || end > len(runes) {
		return ""
	}
	rest := strings.TrimLeft(string(runes[end:]), `"'`)
	if strings.HasPrefix(strings.TrimLeft(rest, " "), "#") {
		return rest
	}
	return ""
}

// prefix are the first n characters of a line.
func prefix(line string, n int) string {
	for i := range line {
		if n == 0 {
			return line[:i]
		}
		n--
	}
	return line
}

// inserted gives the lines with a member more, behind the last one of a mapping; nil where the mapping has no lines of its own.
func inserted(lines []string, offset int, parent *node, is *member) []string {
	if len(parent.members) == 0 {
		return nil
	}
	last := &parent.members[len(parent.members)-1]
	kept := rewritten(lines, offset, last, nil)
	if kept == nil {
		return nil
	}
	from := last.at.line + offset - 1
	end := from + len(lines) - len(kept)
	head := slices.Clone(lines[:end])
	if n := len(head) - 1; head[n] != "" && !strings.HasSuffix(head[n], "\n") {
		head[n] += "\n"
	}
	return slices.Concat(head, []string{written(is, last.at.column-1)}, lines[end:])
}

// written is a member as lines that begin with some blanks.
func written(m *member, indent int) string {
	var w yamlWriter
	w.mapping(&node{kind: mappingKind, members: []member{*m}}, 0)
	text := w.b.String()
	if indent == 0 {
		return text
	}
	blanks := strings.Repeat(" ", indent)
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" {
			b.WriteString(blanks)
		}
		b.WriteString(line)
	}
	return b.String()
}

// places gathers where the texts of a tree stand.
func (n *node) places(at string, offset int, into map[string]Place) {
	switch n.kind {
	case mappingKind:
		for _, m := range n.members {
			m.value.places(strings.TrimPrefix(at+"."+m.name, "."), offset, into)
		}
	case sequenceKind:
	default:
		if n.inside.given() {
			into[at] = Place{Line: n.inside.line + offset, Column: n.inside.column, Indent: n.indent, Block: n.block}
		} else if n.at.given() {
			into[at] = Place{Line: n.at.line + offset, Column: n.at.column}
		}
	}
}
