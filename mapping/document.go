package mapping

import "math"

// MaxDepth is how deep objects and arrays of an event or an answer may be nested.
const MaxDepth = 100

// A Doc is a parsed JSON object: an event, or one inside a CloudEvent. It was read in one pass, is never changed, and
// may be used by several goroutines.
type Doc struct {
	raw   []byte
	text  string
	nodes []node
}

// A node is one value of a document. Its children follow it in the list of nodes; next is the index of its next sibling,
// 0 for the last. Offsets are into the document's text.
type node struct {
	start, end         int32 // of the value as written
	keyStart, keyEnd   int32 // of the member's name, without quotes
	next               int32
	kind               Kind
	escaped, keyEscape bool // a string, or a name, that holds a backslash
}

// ParseDoc reads one JSON object, strictly as RFC 8259 has it, in UTF-8, nested 100 deep at most. A byte order mark in
// front is skipped. Of several members with one name, the first counts. An error is an *Error that says where and why.
// The document keeps raw, which must not be changed afterwards.
func ParseDoc(raw []byte) (*Doc, error) {
	if len(raw) > math.MaxInt32 {
		return nil, &Error{Err: mistake("not JSON that can be read: %d bytes are too many", "无法读取的 JSON：%d 字节过大", len(raw))}
	}
	d := &Doc{raw: raw, text: string(raw)}
	p := parser{s: d.text, nodes: make([]node, 0, len(raw)/20+8), keep: true}
	if err := p.document(true); err != nil {
		return nil, err
	}
	d.nodes = p.nodes
	return d, nil
}

// Raw is the document as it was given to ParseDoc.
func (d *Doc) Raw() []byte { return d.raw }

// Value finds the value at a plain dotted path, such as todo.receivers.0.id. What is not there is the zero Value.
func (d *Doc) Value(path string) Value { return d.root().Get(path) }

func (d *Doc) root() Value {
	if d == nil || len(d.nodes) == 0 {
		return Value{}
	}
	return Value{d: d, at: 1}
}
