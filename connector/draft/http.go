package draft

import (
	"regexp"
	"strings"
)

var (
	requestLine = regexp.MustCompile(`^(GET|POST|PUT|DELETE|PATCH)[ \t]+(\S+)(?:[ \t]+HTTP/[0-9.]+)?(.*)$`)
	headerLine  = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*)$`)
	answerLine  = regexp.MustCompile(`^(?:---+|HTTP/[0-9.]+)[ \t]*(?:[0-9]{3})?[^{<\n]*`)
)

// http reads a request as manuals print it: request line, headers, an empty line, the body; perhaps the answer behind --- or a status
// line.
func (b *builder) http(text string) ([]*sample, error) {
	var out []*sample
	var cur *sample
	part := 0 // 0: headers, 1: body, 2: answer
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, "\r")
		if m := requestLine.FindStringSubmatch(strings.TrimSpace(line)); m != nil && (cur == nil || part > 0 && strings.TrimSpace(cur.body) != "" || part == 2) {
			cur = &sample{method: m[1], url: m[2]}
			part = 0
			out = append(out, cur)
			for pair := range strings.SplitSeq(strings.ReplaceAll(m[3], "\t", "  "), "  ") {
				cur.addLine(strings.TrimSpace(pair))
			}
			continue
		}
		if cur == nil {
			continue
		}
		trimmed := strings.TrimSpace(line)
		switch {
		case part < 2 && answerLine.MatchString(trimmed):
			part = 2
			cur.answer = strings.TrimSpace(answerLine.ReplaceAllString(trimmed, ""))
		case part == 2 && (strings.HasPrefix(trimmed, "---") || headerLine.MatchString(trimmed) && cur.answer == ""):
		case part == 2 && !complete(cur.answer):
			cur.answer += line + "\n"
		case part == 2:
		case part == 0 && (strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "<") || strings.HasPrefix(trimmed, "[")):
			part = 1
			cur.body = line + "\n"
		case part == 0 && trimmed == "":
			part = 1
		case part == 0:
			cur.addLine(trimmed)
		default:
			cur.body += line + "\n"
		}
	}
	for _, s := range out {
		s.body = strings.TrimSpace(s.body)
		if host := s.header("Host"); host != "" && strings.HasPrefix(s.url, "/") {
			s.url = "http://" + host + s.url
		}
		if name, value, ok := basicOf(s.header("Authorization")); ok {
			s.user, s.secret, s.basic = name, value, true
		}
	}
	return out, nil
}

// addLine adds a header line.
func (s *sample) addLine(line string) {
	if m := headerLine.FindStringSubmatch(line); m != nil {
		v := m[2]
		if v == `""` && !strings.EqualFold(m[1], "SOAPAction") {
			v = ""
		}
		s.headers = append(s.headers, header{m[1], v})
	}
}

// complete reports whether an answer has ended: manuals print a second one behind it.
func complete(answer string) bool {
	const most = 16 << 10
	t := strings.TrimSpace(answer)
	switch {
	case len(t) > most:
		return true
	case t == "":
		return false
	case t[0] == '{':
		return strings.Count(t, "{") == strings.Count(t, "}")
	case t[0] == '<':
		name := t[1:]
		if end := strings.IndexAny(name, " \t\r\n/>"); end >= 0 {
			name = name[:end]
		}
		return strings.HasSuffix(t, "</"+name+">")
	}
	return true
}
