package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"todosync/connector"
	"todosync/retry"
)

// A robot posts digests to a chat group.
type robot struct {
	outlets *Outlets
	target  Target
	kind    robotKind
}

// A robotKind is what one vendor's robots want.
type robotKind interface {
	// message is the request's body, signed in it where the vendor wants that, within the vendor's size.
	message(d *Digest, key string, at time.Time) ([]byte, error)
	// address is where it is posted, signed in it where the vendor wants that.
	address(address, key string, at time.Time) (string, error)
	// judge says what an answer means; nil: it was taken.
	judge(a robotAnswer) *Error
}

// A robotAnswer is what all three answer, in two spellings: errcode and errmsg, or code and msg.
type robotAnswer struct {
	code int
	text string
}

// Send implements Channel.
func (r *robot) Send(ctx context.Context, d Digest) error {
	f, failure := r.outlets.fill(ctx, r.target)
	if failure != nil {
		return failure
	}
	at := r.outlets.now()
	body, err := r.kind.message(&d, f.key, at)
	if err != nil {
		return &Error{Lasting: true, Msg: "the message cannot be written", Err: err}
	}
	address, err := r.kind.address(f.address, f.key, at)
	if err != nil {
		return &Error{Lasting: true, Msg: "the address of the robot cannot be read", Hint: "copy it from the robot's page again"}
	}
	receipt, failure := r.outlets.post(ctx, f, retry.Request{
		Address: address, Body: body,
		Headers: []retry.Header{{Name: "Content-Type", Value: "application/json; charset=utf-8"}},
	})
	answer, ok := readAnswer(receipt.Body)
	switch {
	case ok && answer.code == 0 && failure == nil:
		return nil
	case ok && answer.code != 0 && (failure == nil || receipt.Status >= 400 && receipt.Status < 500):
		// The vendors say why in the body, whatever the HTTP status.
		failure = r.kind.judge(answer)
		failure.Msg = "the robot answered " + strconv.Itoa(answer.code) + ": " + clean(connector.Mask(answer.text, f.secrets...), messageMost)
	case failure == nil:
		failure = &Error{Lasting: true, Msg: "the answer is not one of a robot", Hint: "check the channel's address"}
	}
	return failure
}

// readAnswer reads the code of an answer; ok is false where there is none.
func readAnswer(body []byte) (a robotAnswer, ok bool) {
	var wire struct {
		ErrCode    *int   `json:"errcode"`
		ErrMsg     string `json:"errmsg"`
		Code       *int   `json:"code"`
		Msg        string `json:"msg"`
		StatusCode *int   `json:"StatusCode"` // Feishu's older spelling
		StatusMsg  string `json:"StatusMessage"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return a, false
	}
	switch {
	case wire.ErrCode != nil:
		return robotAnswer{*wire.ErrCode, wire.ErrMsg}, true
	case wire.Code != nil:
		return robotAnswer{*wire.Code, wire.Msg}, true
	case wire.StatusCode != nil:
		return robotAnswer{*wire.StatusCode, wire.StatusMsg}, true
	}
	return a, false
}

// plainJSON writes JSON without escaping what is special in HTML alone, which would only take room.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// jsonSize is how many bytes a text takes in JSON.
func jsonSize(s string) int {
	b, err := plainJSON(s)
	if err != nil {
		return len(s) * 6
	}
	return len(b) - len(`""`)
}

// containsAny reports whether a text holds one of some words, in any case.
func containsAny(text string, words ...string) bool {
	text = strings.ToLower(text)
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}
