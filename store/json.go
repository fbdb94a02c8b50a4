package store

import (
	"unicode/utf8"

	"todosync/connector"
	"todosync/retry"
)

// The JSON of what is written for every delivery is made here: the JSON package costs as much for it as the database does. It is
// read with the package.

// appendJSON appends a text as a JSON string.
func appendJSON(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[from:i]...), "\uFFFD"...)
				from = i + 1
			}
			i += size
			continue
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		from = i
	}
	return append(append(b, s[from:]...), '"')
}

// recipientsJSON is the JSON of a delivery's recipients.
func recipientsJSON(who []connector.Recipient) string {
	b := make([]byte, 0, 32*len(who)+2)
	b = append(b, '[')
	for i, r := range who {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendPerson(b, r.ID, r.Name), '}')
	}
	return string(append(b, ']'))
}

// appendPerson appends an object of a person that is still open at its end.
func appendPerson(b []byte, id, name string) []byte {
	b = appendJSON(append(b, `{"id":`...), id)
	if name != "" {
		b = appendJSON(append(b, `,"name":`...), name)
	}
	return b
}

// todoReceiversJSON is the JSON of a todo's receivers.
func todoReceiversJSON(who []connector.TodoReceiver) string {
	b := make([]byte, 0, 32*len(who)+2)
	b = append(b, '[')
	for i, r := range who {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendPerson(b, r.ID, r.Name)
		if r.Finished {
			b = append(b, `,"finished":true`...)
		}
		b = append(b, '}')
	}
	return string(append(b, ']'))
}

// headersJSON is the JSON of header lines.
func headersJSON(h []retry.Header) string {
	b := make([]byte, 0, 64*len(h)+2)
	b = append(b, '[')
	for i := range h {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(append(b, `{"name":`...), h[i].Name)
		b = appendJSON(append(b, `,"value":`...), h[i].Value)
		b = append(b, '}')
	}
	return string(append(b, ']'))
}
