package oasim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Robots are chat robots of WeCom, DingTalk and Feishu that take messages for one group each, as far as their formats are known: keys,
// signatures, sizes, rates and the codes they refuse with. A zero Secret asks for no signature.
type Robots struct {
	Key    string // wanted in the address of each
	Secret string // wanted in the signatures of DingTalk and Feishu
	Now    func() time.Time

	mu    sync.Mutex // guards what follows
	said  []string
	times map[string][]time.Time
}

// Said are the messages that were taken: their whole JSON.
func (r *Robots) Said() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.said)
}

// ServeHTTP answers as the vendor that the path belongs to.
func (r *Robots) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(io.LimitReader(q.Body, 1<<20))
	if err != nil || q.Method != http.MethodPost {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	switch {
	case q.URL.Path == "/cgi-bin/webhook/send":
		code, text := r.wecom(q, body)
		r.answer(w, body, code, fmt.Sprintf(`{"errcode":%d,"errmsg":%q}`, code, text))
	case q.URL.Path == "/robot/send":
		code, text := r.dingtalk(q, body)
		r.answer(w, body, code, fmt.Sprintf(`{"errcode":%d,"errmsg":%q}`, code, text))
	case strings.HasPrefix(q.URL.Path, "/open-apis/bot/v2/hook/"):
		code, text := r.feishu(q, body)
		r.answer(w, body, code, fmt.Sprintf(`{"code":%d,"data":{},"msg":%q}`, code, text))
	default:
		http.NotFound(w, q)
	}
}

// answer writes an answer, always with 200 as the vendors do, and keeps what was taken.
func (r *Robots) answer(w http.ResponseWriter, body []byte, code int, text string) {
	if code == 0 {
		r.mu.Lock()
		r.said = append(r.said, string(body))
		r.mu.Unlock()
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = io.WriteString(w, text)
}

// often reports whether a vendor's rate is used up, and counts the call if not.
func (r *Robots) often(vendor string, most int) bool {
	now := r.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.times == nil {
		r.times = map[string][]time.Time{}
	}
	recent := slices.DeleteFunc(r.times[vendor], func(t time.Time) bool { return now.Sub(t) >= time.Minute })
	if len(recent) >= most {
		r.times[vendor] = recent
		return true
	}
	r.times[vendor] = append(recent, now)
	return false
}

func (r *Robots) wecom(q *http.Request, body []byte) (int, string) {
	var m struct {
		MsgType  string `json:"msgtype"`
		Markdown struct {
			Content string `json:"content"`
		} `json:"markdown"`
	}
	switch {
	case q.URL.Query().Get("key") != r.Key:
		return 93000, "invalid webhook url, hint: [" + q.URL.RawQuery + "]"
	case json.Unmarshal(body, &m) != nil || m.MsgType != "markdown" || m.Markdown.Content == "" || !utf8.Valid(body):
		return 40008, "invalid message type"
	case len(m.Markdown.Content) > 4096:
		return 40058, "markdown.content exceed max length 4096. invalid Request Parameter"
	case r.often("wecom", 20):
		return 45009, "api freq out of limit"
	}
	return 0, "ok"
}

func (r *Robots) dingtalk(q *http.Request, body []byte) (int, string) {
	var m struct {
		MsgType  string `json:"msgtype"`
		Markdown struct {
			Title string `json:"title"`
			Text  string `json:"text"`
		} `json:"markdown"`
	}
	if q.URL.Query().Get("access_token") != r.Key {
		return 300001, "token is not exist"
	}
	if r.Secret != "" {
		stamp := q.URL.Query().Get("timestamp")
		ms, err := strconv.ParseInt(stamp, 10, 64)
		if off := r.Now().Sub(time.UnixMilli(ms)); err != nil || off > time.Hour || off < -time.Hour {
			return 310000, "invalid timestamp"
		}
		mac := hmac.New(sha256.New, []byte(r.Secret))
		fmt.Fprintf(mac, "%s\n%s", stamp, r.Secret)
		if q.URL.Query().Get("sign") != base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			return 310000, "sign not match"
		}
	}
	switch {
	case len(body) > 20000:
		return 460101, "message too long, exceed 20000 bytes"
	case json.Unmarshal(body, &m) != nil || m.MsgType != "markdown" || m.Markdown.Title == "" || m.Markdown.Text == "" || !utf8.Valid(body):
		return 40035, "bad parameters"
	case !strings.Contains(m.Markdown.Text, "todosync"):
		return 310000, "keywords not in content"
	case r.often("dingtalk", 20):
		return 130101, "send too fast, exceed 20 times per minute"
	}
	return 0, "ok"
}

func (r *Robots) feishu(q *http.Request, body []byte) (int, string) {
	var m struct {
		Timestamp string `json:"timestamp"`
		Sign      string `json:"sign"`
		MsgType   string `json:"msg_type"`
		Card      struct {
			Header struct {
				Title struct {
					Tag, Content string
				}
			}
			Elements []struct{ Tag, Content string }
		} `json:"card"`
	}
	switch {
	case strings.TrimPrefix(q.URL.Path, "/open-apis/bot/v2/hook/") != r.Key:
		return 19001, "param invalid: incoming webhook access token invalid"
	case len(body) > 20<<10:
		return 9499, "Bad Request: body too large"
	case json.Unmarshal(body, &m) != nil || !utf8.Valid(body):
		return 9499, "Bad Request"
	}
	if r.Secret != "" {
		seconds, err := strconv.ParseInt(m.Timestamp, 10, 64)
		off := r.Now().Sub(time.Unix(seconds, 0))
		mac := hmac.New(sha256.New, []byte(m.Timestamp+"\n"+r.Secret))
		if err != nil || off > time.Hour || off < -time.Hour || m.Sign != base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			return 19021, "sign match fail or timestamp is not within one hour from current time"
		}
	}
	switch {
	case m.MsgType != "interactive" || m.Card.Header.Title.Tag != "plain_text" || len(m.Card.Elements) == 0 || m.Card.Elements[0].Tag != "markdown":
		return 9499, "Bad Request"
	case r.often("feishu", 100):
		return 11232, "frequency limited psm"
	}
	return 0, "success"
}
