package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strconv"
	"time"
)

// dingtalk are the custom robots of DingTalk: a message of 20,000 bytes, 20 a minute and a pause of ten minutes after more, a signature in
// the query, with milliseconds.
type dingtalk struct{}

const (
	dingtalkMost  = 20000 // bytes of the whole message
	dingtalkPause = 10 * time.Minute
)

func (dingtalk) message(d *Digest, _ string, _ time.Time) ([]byte, error) {
	type markdown struct {
		Title string `json:"title"`
		Text  string `json:"text"`
	}
	type message struct {
		MsgType  string   `json:"msgtype"`
		Markdown markdown `json:"markdown"`
	}
	m := message{"markdown", markdown{Title: escapeMarkdown(d.Title)}}
	frame, err := plainJSON(m)
	if err != nil {
		return nil, err
	}
	m.Markdown.Text = newView(d).markdown(dialect{
		most: dingtalkMost - len(frame), size: jsonSize,
		heading: func(s string) string { return "### " + s + "\n\n" }, section: func(s string) string { return "\n**" + s + "**\n\n" },
		item: func(s string) string { return "- " + s + "\n" }, detail: func(s string) string { return "  - " + s + "\n" },
	})
	return plainJSON(m)
}

// address adds the signature: HMAC-SHA256 of the milliseconds, a line break and the key, with the key.
func (dingtalk) address(address, key string, at time.Time) (string, error) {
	u, err := url.Parse(address)
	if err != nil || key == "" {
		return address, err
	}
	ms := strconv.FormatInt(at.UnixMilli(), 10)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(ms + "\n" + key))
	signed := "timestamp=" + ms + "&sign=" + url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	if u.RawQuery != "" {
		signed = u.RawQuery + "&" + signed
	}
	u.RawQuery = signed
	return u.String(), nil
}

func (dingtalk) judge(a robotAnswer) *Error {
	switch a.code {
	case 130101, 410100: // too many a minute
		return &Error{After: dingtalkPause}
	case -1: // the system is busy
		return &Error{}
	case 310000:
		return &Error{Lasting: true, Hint: "the robot's security settings: its secret must be the channel's, this server's clock right, a keyword of it in " +
			"the title (todosync stands in each), and this server's address in its list"}
	case 300001, 400101, 400102, 400106, 400013:
		return &Error{Lasting: true, Hint: "the robot or its group is gone, or its address is wrong: copy it again"}
	}
	return &Error{Lasting: true, Hint: "see DingTalk's list of error codes"}
}
