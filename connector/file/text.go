package file

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"
	"unicode/utf8"
)

// MaxFile is how many bytes one file may have; a document in it is bounded by maxDocument.
const MaxFile = 32 << 20

// A document is the text of one document and the number of lines before it in its file.
type document struct {
	text   string
	offset int
}

// decode makes text of a file: UTF-8 with or without a mark at its front, lines ended by \n.
func decode(src []byte) (string, *syntaxError) {
	if len(src) > MaxFile {
		return "", broken(place{}, say("larger than %d MiB: too large to be settings", "超过 %d MiB，不像配置文件"), MaxFile>>20)
	}
	if bytes.HasPrefix(src, []byte{0xff, 0xfe}) || bytes.HasPrefix(src, []byte{0xfe, 0xff}) {
		return "", broken(place{1, 1}, say("the file is UTF-16: save it as UTF-8", "文件编码为 UTF-16：请另存为 UTF-8"))
	}
	text := string(bytes.TrimPrefix(src, []byte("\xef\xbb\xbf")))
	line, column := 1, 1
	for i, r := range text {
		switch {
		case r == utf8.RuneError && strings.HasPrefix(text[i:], "\xef\xbf\xbd"):
			column++
		case r == utf8.RuneError:
			return "", broken(place{line, column}, say("these bytes are not UTF-8 (perhaps GBK): save the file as UTF-8",
				"此处不是 UTF-8（可能是 GBK）：请另存为 UTF-8"))
		case r == '\n':
			line, column = line+1, 1
		case r < ' ' && r != '\t' && r != '\r' || r == 0x7f:
			return "", broken(place{line, column}, say("a control character (U+%04X) stands here: take it out",
				"此处有控制字符（U+%04X）：请删除"), r)
		default:
			column++
		}
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), nil
}

// isJSON says how a file is read: by its name, and where that says nothing, as JSON where it is JSON.
func isJSON(name, text string) bool {
	lower := strings.ToLower(name)
	switch {
	case strings.HasSuffix(lower, ".json"):
		return true
	case strings.HasSuffix(lower, ".yaml"), strings.HasSuffix(lower, ".yml"):
		return false
	}
	head := strings.TrimLeft(text, " \t\n")
	if !strings.HasPrefix(head, "{") && !strings.HasPrefix(head, "[") {
		return false
	}
	var first json.RawMessage
	return json.NewDecoder(strings.NewReader(text)).Decode(&first) == nil
}

// documents takes a YAML file apart at its --- and ... lines, which stand at the front of a line in no other sense. One
// document that can't be read then hides nothing of the others.
func documents(text string) iter.Seq[document] {
	return func(yield func(document) bool) {
		var b strings.Builder
		start, number, blank := 0, 0, true
		flush := func(next int) bool {
			more := blank || yield(document{text: b.String(), offset: start})
			b.Reset()
			start, blank = next, true
			return more
		}
		for line := range strings.Lines(text) {
			body := strings.TrimRight(line, "\n")
			switch {
			case marks(body, "---"):
				if !flush(number) {
					return
				}
				rest := body[3:]
				if blank = strings.TrimSpace(rest) == ""; blank {
					start = number + 1
				} else {
					b.WriteString("   " + rest + "\n")
				}
			case marks(body, "..."):
				if !flush(number + 1) {
					return
				}
			case blank && strings.HasPrefix(body, "%"):
				b.WriteString("\n")
			default:
				trimmed := strings.TrimSpace(body)
				blank = blank && (trimmed == "" || trimmed[0] == '#')
				b.WriteString(line)
			}
			number++
		}
		flush(number)
	}
}

func marks(line, sign string) bool {
	rest, ok := strings.CutPrefix(line, sign)
	return ok && (rest == "" || rest[0] == ' ' || rest[0] == '\t')
}
