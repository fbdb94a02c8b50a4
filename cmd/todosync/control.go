package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
)

// control reports whether a terminal would obey a character in place of showing it: it could move the cursor, change colours or
// the direction of the text.
func control(r rune) bool {
	return r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == 0x2028 || r == 0x2029 || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069)
}

// oneLine makes a text fit for one line of a terminal: line breaks and tabs become blanks, other control characters are written out.
func oneLine(s string) string {
	if !strings.ContainsFunc(s, control) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == 0x2028 || r == 0x2029:
			b.WriteByte(' ')
		case control(r):
			writeEscape(&b, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// shown makes a text of several lines fit for a terminal.
func shown(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		indent := line[:len(line)-len(strings.TrimLeft(line, "\t"))]
		lines[i] = indent + oneLine(line[len(indent):])
	}
	return strings.Join(lines, "\n")
}

func writeEscape(b *strings.Builder, r rune) {
	if r < 0x100 {
		fmt.Fprintf(b, `\x%02x`, r)
		return
	}
	fmt.Fprintf(b, `\u%04x`, r)
}

// escapeControls writes the control characters of a JSON text's strings as escapes; its own line breaks stay.
func escapeControls(text []byte) []byte {
	if !bytes.ContainsFunc(text, func(r rune) bool { return control(r) && r != '\n' }) {
		return text
	}
	var b bytes.Buffer
	for _, r := range string(text) {
		if control(r) && r != '\n' {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.Bytes()
}

// yamlOf writes JSON as YAML. The library writes control characters as they are, loses outer blanks and mistakes some signs, so that
// strings with such stand as marks while it works, and are put in afterwards between double quotes; JSON's escapes are YAML's, too.
func yamlOf(src []byte) ([]byte, error) {
	var marks []string // and what each stands for, in turn
	nonce := rand.Text()
	var b bytes.Buffer
	for len(src) > 0 {
		open := bytes.IndexByte(src, '"')
		if open < 0 {
			break
		}
		b.Write(src[:open])
		literal := src[open : open+literalLength(src[open:])]
		src = src[open+len(literal):]
		var s string
		if err := json.Unmarshal(literal, &s); err != nil {
			return nil, err
		}
		if !quotedYAML(s) {
			b.Write(literal)
			continue
		}
		quoted, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		mark := fmt.Sprintf("mark%s%dend", nonce, len(marks)/2)
		marks = append(marks, mark, string(escapeControls(quoted)))
		b.WriteString(`"` + mark + `"`)
	}
	b.Write(src)
	out, err := yaml.JSONToYAML(b.Bytes())
	if err != nil || len(marks) == 0 {
		return out, err
	}
	return []byte(strings.NewReplacer(marks...).Replace(string(out))), nil
}

// quotedYAML reports whether a string is to stand between double quotes whatever the library would do. Several lines stay readable
// as a block where they can.
func quotedYAML(s string) bool {
	if s != strings.TrimSpace(s) || strings.ContainsFunc(s, func(r rune) bool { return control(r) && r != '\n' }) {
		return true
	}
	first, _ := utf8.DecodeRuneInString(s)
	return s != "" && !strings.Contains(s, "\n") && !unicode.IsLetter(first) && !unicode.IsDigit(first)
}

// literalLength is how long the string literal is that a JSON text begins with.
func literalLength(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}
