package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"time"

	"todosync/connector"
)

// feishu are the custom robots of Feishu: a card in a body of 20 KB, 100 messages a minute and 5 a second, a signature in the body, with
// seconds.
type feishu struct{}

const feishuMost = 20 << 10 // bytes of the body

// A feishuMessage is the body of a request.
type feishuMessage struct {
	Timestamp string     `json:"timestamp,omitempty"`
	Sign      string     `json:"sign,omitempty"`
	MsgType   string     `json:"msg_type"`
	Card      feishuCard `json:"card"`
}

// A feishuCard is a card with a coloured title and one piece of Markdown.
type feishuCard struct {
	Config struct {
		Wide bool `json:"wide_screen_mode"`
	} `json:"config"`
	Header struct {
		Template string     `json:"template"`
		Title    feishuText `json:"title"`
	} `json:"header"`
	Elements []feishuText `json:"elements"`
}

// A feishuText is a text of a card.
type feishuText struct {
	Tag     string `json:"tag"`
	Content string `json:"content"`
}

func (feishu) message(d *Digest, key string, at time.Time) ([]byte, error) {
	v := newView(d)
	m := feishuMessage{MsgType: "interactive"}
	if key != "" {
		m.Timestamp = strconv.FormatInt(at.Unix(), 10)
		// The key of the HMAC is made of both; what is hashed is nothing.
		m.Sign = base64.StdEncoding.EncodeToString(hmac.New(sha256.New, []byte(m.Timestamp+"\n"+key)).Sum(nil))
	}
	m.Card.Config.Wide = true
	m.Card.Header.Template = feishuColour(d.Severity)
	m.Card.Header.Title = feishuText{"plain_text", d.Title}
	m.Card.Elements = []feishuText{{Tag: "markdown"}}
	frame, err := plainJSON(m)
	if err != nil {
		return nil, err
	}
	m.Card.Elements[0].Content = v.markdown(dialect{
		most: feishuMost - len(frame), size: jsonSize, titled: true,
		section: func(s string) string { return "\n**" + s + "**\n" },
		item:    func(s string) string { return "- " + s + "\n" }, detail: func(s string) string { return "    - " + s + "\n" },
	})
	return plainJSON(m)
}

func feishuColour(s connector.Severity) string {
	switch s {
	case connector.SeverityCritical, connector.SeverityError:
		return "red"
	case connector.SeverityWarning:
		return "orange"
	case connector.SeverityInfo:
	}
	return "green"
}

func (feishu) address(address, _ string, _ time.Time) (string, error) { return address, nil }

func (feishu) judge(a robotAnswer) *Error {
	switch {
	case a.code == 11232, a.code == 11233, a.code == 9499 && containsAny(a.text, "too many", "frequen", "limit"):
		return &Error{After: time.Minute}
	case a.code == 19021:
		return &Error{Lasting: true, Hint: "the channel's secret must be the robot's, and this server's clock right"}
	case a.code == 19022:
		return &Error{Lasting: true, Hint: "add this server's address to the robot's list"}
	case a.code == 19024:
		return &Error{Lasting: true, Hint: "the robot wants a keyword: make it todosync, which stands in each title"}
	case a.code == 19001:
		return &Error{Lasting: true, Hint: "the robot was taken out of its group, or its address is wrong: copy it again"}
	}
	return &Error{Lasting: true, Hint: "see Feishu's list of error codes"}
}
