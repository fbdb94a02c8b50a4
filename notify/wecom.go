package notify

import "time"

// wecom are the group robots of WeCom: Markdown of 4,096 bytes, 20 messages a minute, no signature; the address holds the key.
type wecom struct{}

const wecomMost = 4096 // bytes of the Markdown

func (wecom) message(d *Digest, _ string, _ time.Time) ([]byte, error) {
	text := newView(d).markdown(dialect{
		most: wecomMost, size: func(s string) int { return len(s) },
		heading: func(s string) string { return "### " + s + "\n" }, section: func(s string) string { return "\n**" + s + "**\n" },
		item: func(s string) string { return "> " + s + "\n" }, detail: func(s string) string { return ">   " + s + "\n" },
	})
	type markdown struct {
		Content string `json:"content"`
	}
	return plainJSON(struct {
		MsgType  string   `json:"msgtype"`
		Markdown markdown `json:"markdown"`
	}{"markdown", markdown{text}})
}

func (wecom) address(address, _ string, _ time.Time) (string, error) { return address, nil }

func (wecom) judge(a robotAnswer) *Error {
	switch a.code {
	case 45009, 45033: // too many a minute; too many at once
		return &Error{After: time.Minute}
	case -1: // the system is busy
		return &Error{}
	case 93000:
		return &Error{Lasting: true, Hint: "the robot was taken out of its group, or its address is wrong: copy it again"}
	}
	return &Error{Lasting: true, Hint: "see WeCom's list of error codes"}
}
