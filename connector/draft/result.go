package draft

import (
	"slices"
	"strings"
)

// The names under which answers tell their code and message, the best first.
var (
	codeNames    = []string{"errcode", "errorcode", "returncode", "resultcode", "retcode", "rtncode", "returnstate", "operresult", "code", "ret", "success", "issuccess", "status", "state", "result", "flag", "isok"}
	messageNames = []string{"errmsg", "errormsg", "errormessage", "returnmsg", "resultmsg", "retmsg", "message", "msg", "errorinfo", "error", "info", "reason", "desc", "description", "tip"}
	successes    = []string{"0", "1", "200", "2", "true", "success", "ok", "s", "y", "succeed", "0000", "00000", "000000"}
)

// readResult finds out how an answer is read: by the vendor's manual, else from the answer that the sample shows.
func (r *request) readResult(s *sample) {
	if r.vendor != nil {
		r.result = r.vendor.result
		if _, isXML := r.body.(*xmlDoc); !isXML {
			r.result.element = ""
		} else if r.result.element == "" {
			r.result.element = s.element
		}
		return
	}
	r.result.element = s.element
	answer := strings.TrimSpace(s.answer)
	if answer == "" {
		return
	}
	c := &collector{}
	if answer[0] == '{' {
		if _, err := c.json(answer, nil, inBody, false); err != nil {
			return
		}
	} else if doc, err := c.xml(answer, nil, inBody); err != nil {
		return
	} else {
		for _, e := range doc.edits {
			if e.doc != nil && e.doc.kind() == "json" {
				r.result.element = lastElement(answer[:e.begin])
			}
		}
	}
	skip := 0
	if r.result.element != "" && len(c.leaves) > 0 {
		skip = len(c.leaves[0].path) - 1
	}
	find := func(names []string, good func(*leaf) bool) string {
		for _, want := range names {
			for _, l := range c.leaves {
				if strings.ToLower(l.name()) == want && !l.listed && good(l) {
					if r.result.element == "" && strings.HasPrefix(answer, "<") {
						return l.name()
					}
					return strings.Join(l.path[min(skip, len(l.path)-1):], ".")
				}
			}
		}
		return ""
	}
	r.result.code = find(codeNames, func(l *leaf) bool {
		if !slices.Contains(successes, strings.ToLower(l.sample)) {
			return false
		}
		r.result.success = []string{l.sample}
		return true
	})
	r.result.message = find(messageNames, func(*leaf) bool { return true })
	if r.result.code != "" {
		r.notes = append(r.notes, say("result is read from the sample's answer: check that it shows a success", "result 取自样例应答：请确认该应答表示成功"))
	}
}

// lastElement is the name of the element that was opened last in a text.
func lastElement(s string) string {
	i := strings.LastIndexByte(s, '<')
	if i < 0 {
		return ""
	}
	name := s[i+1:]
	if end := strings.IndexAny(name, " \t\r\n/>"); end >= 0 {
		name = name[:end]
	}
	return local(name)
}
