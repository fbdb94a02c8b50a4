package file

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// A jsonReader turns a JSON text into nodes, with the place of each.
type jsonReader struct {
	src  string
	dec  *json.Decoder
	end  int // of the last token, in bytes
	mark struct {
		offset int
		at     place
	}
	open  int // collections that are not closed yet
	nodes int
}

// readJSON gives each document of a JSON file to f, until f wants no more: objects one after the other, or lists of them.
func readJSON(src string, f func(*node) bool) *syntaxError {
	j := &jsonReader{src: src, dec: json.NewDecoder(strings.NewReader(src))}
	j.dec.UseNumber()
	j.mark.at = place{1, 1}
	for inList := false; ; {
		j.nodes = 0
		tok, at, fault := j.token()
		switch {
		case fault != nil:
			return fault
		case tok == nil:
			return nil
		case tok == json.Delim('[') && !inList:
			inList = true
			continue
		case tok == json.Delim(']'):
			inList = false
			continue
		}
		n, fault := j.value(tok, at, 0)
		if fault != nil {
			return fault
		}
		if !f(n) {
			return nil
		}
	}
}

// allJSON gives all documents of a JSON text.
func allJSON(src string) (docs []*node, fault *syntaxError) {
	fault = readJSON(src, func(n *node) bool {
		docs = append(docs, n)
		return true
	})
	return docs, fault
}

// next reads one value; nil without an error is the end of the file or of the collection around.
func (j *jsonReader) next(depth int) (*node, *syntaxError) {
	tok, at, fault := j.token()
	if fault != nil || tok == nil {
		return nil, fault
	}
	return j.value(tok, at, depth)
}

// value reads the value that a token begins; nil for one that ends a collection.
func (j *jsonReader) value(tok json.Token, at place, depth int) (*node, *syntaxError) {
	if j.nodes++; j.nodes > maxNodes {
		return nil, tooMany(at)
	}
	if depth > maxDepth {
		return nil, broken(at, say("more than %d levels deep", "嵌套超过 %d 层"), maxDepth)
	}
	switch v := tok.(type) {
	case json.Delim:
		switch v {
		case '{':
			return j.object(at, depth)
		case '[':
			return j.array(at, depth)
		}
		return nil, nil
	case string:
		if len(v) > maxScalar {
			return nil, broken(at, say("this value is longer than %d KiB", "该值超过 %d KiB"), maxScalar>>10)
		}
		n := &node{kind: textKind, text: v, at: at}
		if start := j.end - len(v) - 1; start > 0 && j.src[start:j.end-1] == v && j.src[start-1] == '"' {
			n.inside = place{at.line, at.column + 1}
		}
		return n, nil
	case json.Number:
		return &node{kind: numberKind, text: v.String(), at: at}, nil
	case bool:
		text := "false"
		if v {
			text = "true"
		}
		return &node{kind: boolKind, text: text, at: at}, nil
	case endOfValue:
		return &node{kind: nullKind, at: at}, nil
	}
	return nil, nil
}

func (j *jsonReader) object(at place, depth int) (*node, *syntaxError) {
	out := &node{kind: mappingKind, at: at}
	for {
		tok, key, fault := j.token()
		if fault != nil {
			return nil, fault
		}
		name, ok := tok.(string)
		if !ok {
			return out, nil // the closing brace
		}
		value, fault := j.next(depth + 1)
		if fault != nil {
			return nil, fault
		}
		out.members = append(out.members, member{name: name, at: key, value: value})
	}
}

func (j *jsonReader) array(at place, depth int) (*node, *syntaxError) {
	out := &node{kind: sequenceKind, at: at}
	for {
		value, fault := j.next(depth + 1)
		if fault != nil {
			return nil, fault
		}
		if value == nil {
			return out, nil
		}
		out.items = append(out.items, value)
	}
}

// endOfValue stands for JSON's null, so that a nil token can mean the end of the file.
type endOfValue struct{}

// token reads one token with the place where it begins; nil at the end of the file.
func (j *jsonReader) token() (json.Token, place, *syntaxError) {
	tok, err := j.dec.Token()
	if err != nil {
		var syntax *json.SyntaxError
		switch {
		case errors.Is(err, io.EOF) && j.open == 0:
			return nil, j.place(len(j.src)), nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, place{}, broken(j.place(len(j.src)), say("the file ends in the middle of a value", "文件在值的中间结束"))
		case errors.As(err, &syntax):
			return nil, place{}, broken(j.place(max(int(syntax.Offset)-1, 0)), say("this is not JSON: %s", "不是正确的 JSON:%s"), syntax)
		}
		return nil, place{}, broken(j.place(j.end), say("this is not JSON: %s", "不是正确的 JSON:%s"), err)
	}
	start := j.end
	for start < len(j.src) && strings.IndexByte(" \t\r\n,:", j.src[start]) >= 0 {
		start++
	}
	j.end = int(j.dec.InputOffset())
	at := j.place(start)
	switch tok {
	case nil:
		return endOfValue{}, at, nil
	case json.Delim('{'), json.Delim('['):
		j.open++
	case json.Delim('}'), json.Delim(']'):
		j.open--
	}
	return tok, at, nil
}

// place turns a byte offset, which never goes back, into a line and a column.
func (j *jsonReader) place(offset int) place {
	if offset < j.mark.offset {
		return j.mark.at
	}
	for _, r := range j.src[j.mark.offset:min(offset, len(j.src))] {
		if r == '\n' {
			j.mark.at = place{j.mark.at.line + 1, 1}
			continue
		}
		j.mark.at.column++
	}
	j.mark.offset = offset
	return j.mark.at
}
