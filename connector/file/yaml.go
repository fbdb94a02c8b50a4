package file

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The limits of one document. They bound the work of a file that was made to be slow; no settings file comes near them.
const (
	maxDocument = 1 << 20   // bytes
	maxScalar   = 256 << 10 // bytes of one value
	maxDepth    = 100       // of mappings and lists in each other
	maxTokens   = 20_000    // of the YAML scanner; its parser's time grows with their square
	maxNodes    = 20_000    // with each use of an anchor counted again
)

// A syntaxError is a document that could not be read at all. Its place counts within the document.
type syntaxError struct {
	at   place
	text phrase
	args []any
}

func broken(at place, text phrase, args ...any) *syntaxError {
	return &syntaxError{at: at, text: text, args: args}
}

// A yamlReader turns the syntax tree of one document into nodes.
type yamlReader struct {
	lines   []string // of the document, for the places inside of scalars
	anchors map[string]*node
	nodes   int

	last   place // where from was asked last, and the bytes before that
	offset int
}

// readYAML reads one document (no --- in it). A nil node without an error is an empty document.
func readYAML(src string) (n *node, fault *syntaxError) {
	// The parser is not ours, and a settings file may be anything: what breaks it is told as a mistake of the file.
	defer func() {
		if r := recover(); r != nil {
			n, fault = nil, broken(place{1, 1}, say("this is not YAML that can be read (%v)", "无法读取的 YAML(%v)"), r)
		}
	}()
	tokens := lexer.Tokenize(src)
	if fault := bounded(tokens); fault != nil {
		return nil, fault
	}
	tree, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, notYAML(err)
	}
	y := &yamlReader{lines: strings.Split(src, "\n"), anchors: map[string]*node{}}
	for _, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		if _, ok := doc.Body.(*ast.CommentGroupNode); ok {
			continue
		}
		return y.node(doc.Body)
	}
	return nil, nil
}

// notYAML turns the parser's error into one of ours.
func notYAML(err error) *syntaxError {
	at := place{1, 1}
	text := err.Error()
	if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		text = syntax.Message
		if t := syntax.Token; t != nil && t.Position != nil {
			at = place{t.Position.Line, max(t.Position.Column, 1)}
		}
	}
	return broken(at, say("this is not YAML: %s", "不是正确的 YAML:%s"), text)
}

// bounded refuses what would take the parser long: too many tokens, or collections too deep in each other. The depth of
// block collections is that of their columns.
func bounded(tokens token.Tokens) *syntaxError {
	flow := 0
	var columns []int
	for i, t := range tokens {
		at := place{t.Position.Line, t.Position.Column}
		if i >= maxTokens {
			return broken(at, say("the document is too large to be settings: more than %d words and signs",
				"文档过大，不像配置：超过 %d 个记号"), maxTokens)
		}
		if len(t.Value) > maxScalar {
			return broken(at, say("this value is longer than %d KiB", "该值超过 %d KiB"), maxScalar>>10)
		}
		column := 0
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType:
			column = at.column
		case token.MappingValueType:
			if flow == 0 && i > 0 {
				column = tokens[i-1].Position.Column
			}
		default:
		}
		if column > 0 {
			for len(columns) > 0 && columns[len(columns)-1] >= column {
				columns = columns[:len(columns)-1]
			}
			columns = append(columns, column)
		}
		if flow+len(columns) > maxDepth {
			return broken(at, say("more than %d levels deep", "嵌套超过 %d 层"), maxDepth)
		}
	}
	return nil
}

// node turns one syntax node and all below it.
func (y *yamlReader) node(n ast.Node) (*node, *syntaxError) {
	if y.nodes++; y.nodes > maxNodes {
		return nil, tooMany(placeOf(n))
	}
	at := placeOf(n)
	switch n := n.(type) {
	case *ast.MappingNode:
		return y.mapping(at, n.Values)
	case *ast.MappingValueNode:
		return y.mapping(at, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		out := &node{kind: sequenceKind, at: at}
		for _, v := range n.Values {
			item, fault := y.node(v)
			if fault != nil {
				return nil, fault
			}
			out.items = append(out.items, item)
		}
		return out, nil
	case *ast.AnchorNode:
		return y.anchor(n)
	case *ast.AliasNode:
		return y.alias(n)
	case *ast.TagNode:
		return y.tagged(n)
	case *ast.LiteralNode:
		return y.literal(n), nil
	case *ast.StringNode:
		out := &node{kind: textKind, text: n.Value, at: at}
		out.inside = y.inside(at, n.Value, n.Token.Type)
		return out, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return &node{kind: numberKind, text: strings.TrimSpace(n.GetToken().Value), at: at, inside: at}, nil
	case *ast.BoolNode:
		return &node{kind: boolKind, text: strings.TrimSpace(n.GetToken().Value), at: at, inside: at}, nil
	case *ast.NullNode, nil:
		return &node{kind: nullKind, at: at}, nil
	}
	return nil, broken(at, say("this YAML is not for settings: %s", "配置中不支持这种 YAML:%s"), n.Type())
}

// mapping turns the members of a mapping. What << brings stands behind the mapping's own members, which win.
func (y *yamlReader) mapping(at place, values []*ast.MappingValueNode) (*node, *syntaxError) {
	out := &node{kind: mappingKind, at: at}
	var merged []*node
	for _, v := range values {
		key := placeOf(v.Key)
		if _, ok := v.Key.(*ast.MergeKeyNode); ok {
			from, fault := y.node(v.Value)
			if fault != nil {
				return nil, fault
			}
			if from.kind == sequenceKind {
				merged = append(merged, from.items...)
			} else {
				merged = append(merged, from)
			}
			continue
		}
		name, ok := keyName(v.Key)
		if !ok {
			return nil, broken(key, say("a member's name must be a plain word", "成员名必须是普通文字"))
		}
		value, fault := y.node(v.Value)
		if fault != nil {
			return nil, fault
		}
		if value.kind == nullKind && value.at.line < key.line {
			value.at = key
		}
		out.members = append(out.members, member{name: name, at: key, value: value})
	}
	if len(out.members) > 0 {
		out.at = out.members[0].at
	}
	for _, from := range merged {
		if from.kind != mappingKind {
			return nil, broken(from.at, say("<< takes a mapping, or a list of them", "<< 只能合并映射或映射的列表"))
		}
		for _, m := range from.members {
			if out.find(m.name) == nil {
				out.members = append(out.members, m)
			}
		}
	}
	return out, nil
}

// keyName gives the name of a member: any scalar, as written.
func keyName(key ast.MapKeyNode) (string, bool) {
	var n ast.Node = key
	if k, ok := n.(*ast.MappingKeyNode); ok {
		n = k.Value
	}
	if a, ok := n.(*ast.AnchorNode); ok {
		n = a.Value
	}
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return strings.TrimSpace(n.GetToken().Value), true
	}
	return "", false
}

func (y *yamlReader) anchor(n *ast.AnchorNode) (*node, *syntaxError) {
	value, fault := y.node(n.Value)
	if fault != nil {
		return nil, fault
	}
	y.anchors[n.Name.GetToken().Value] = value
	return value, nil
}

// alias gives a copy of what the anchor stands for, and counts it as if it had been written out.
func (y *yamlReader) alias(n *ast.AliasNode) (*node, *syntaxError) {
	name := n.Value.GetToken().Value
	value := y.anchors[name]
	if value == nil {
		return nil, broken(placeOf(n), say("there is no anchor &%s before this", "此前没有锚点 &%s"), name)
	}
	if y.nodes += value.size(); y.nodes > maxNodes {
		return nil, tooMany(placeOf(n))
	}
	return value.copied(), nil
}

func tooMany(at place) *syntaxError {
	return broken(at, say("more than %d values, uses of anchors counted", "展开锚点后超过 %d 个值"), maxNodes)
}

// tagged reads a value with one of YAML's own tags. Only !!str changes anything: it makes text of what looks like a number.
func (y *yamlReader) tagged(n *ast.TagNode) (*node, *syntaxError) {
	value, fault := y.node(n.Value)
	if fault != nil {
		return nil, fault
	}
	switch tag := strings.TrimSpace(n.Start.Value); tag {
	case "!!str":
		if value.kind != mappingKind && value.kind != sequenceKind {
			value.kind = textKind
		}
	case "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq":
	default:
		return nil, broken(placeOf(n), say("the tag %s is not for settings", "配置中不支持标签 %s"), excerpt(tag))
	}
	return value, nil
}

// literal reads a block scalar. Of a | block every line of the value is a line of the file, less its indentation.
func (y *yamlReader) literal(n *ast.LiteralNode) *node {
	at := placeOf(n)
	out := &node{kind: textKind, text: n.Value.Value, at: at}
	if !strings.HasPrefix(n.Start.Value, "|") {
		return out
	}
	for i, line := range strings.Split(out.text, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if at.line+i < len(y.lines) {
			if source := y.lines[at.line+i]; strings.HasSuffix(source, line) {
				out.block = true
				out.inside = place{at.line + 1, 1}
				out.indent = utf8.RuneCountInString(source) - utf8.RuneCountInString(line)
			}
		}
		break
	}
	return out
}

// inside gives where the characters of a text on one line begin, the zero place where the file writes them otherwise.
func (y *yamlReader) inside(at place, text string, t token.Type) place {
	if at.line < 1 || at.line > len(y.lines) {
		return place{}
	}
	if t == token.SingleQuoteType || t == token.DoubleQuoteType {
		at.column++
	}
	if !strings.HasPrefix(y.from(at), text) {
		return place{}
	}
	return at
}

// from gives what stands on a line from a column on. It goes on from where it was asked last: a line may hold very many values.
func (y *yamlReader) from(at place) string {
	source := y.lines[at.line-1]
	if y.last.line != at.line || y.last.column > at.column {
		y.last, y.offset = place{at.line, 1}, 0
	}
	for ; y.last.column < at.column && y.offset < len(source); y.last.column++ {
		_, size := utf8.DecodeRuneInString(source[y.offset:])
		y.offset += size
	}
	return source[y.offset:]
}

// placeOf gives where a syntax node begins. A collection begins with its first key or item.
func placeOf(n ast.Node) place {
	if n == nil {
		return place{1, 1}
	}
	t := n.GetToken()
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			t = n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		t = n.Key.GetToken()
	default:
	}
	if t == nil || t.Position == nil {
		return place{1, 1}
	}
	return place{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}
