package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"time"

	"todosync/retry"
)

// A webhook posts digests as JSON, signed.
type webhook struct {
	outlets *Outlets
	target  Target
}

// Send implements Channel.
func (w *webhook) Send(ctx context.Context, d Digest) error {
	f, failure := w.outlets.fill(ctx, w.target)
	if failure != nil {
		return failure
	}
	if f.key == "" {
		f.key = w.target.Key
		f.secrets = append(f.secrets, f.key)
	}
	body, err := w.target.body(d)
	if err != nil {
		return err
	}
	receipt, failure := w.outlets.post(ctx, f, retry.Request{
		Address: f.address, Body: body,
		Headers: []retry.Header{
			{Name: "Content-Type", Value: "application/json; charset=utf-8"},
			{Name: "X-Todosync-Digest", Value: d.ID},
			{Name: "X-Todosync-Signature", Value: Sign(body, f.key, w.outlets.now())},
		},
	})
	switch {
	case failure == nil:
		return nil
	case receipt.Status == http.StatusGone:
		failure.Hint = "the other side wants no more: take the channel out of the tenant's settings"
	case receipt.Status == http.StatusUnauthorized, receipt.Status == http.StatusForbidden:
		failure.Hint = "the other side does not take the signature: both must have the same key, and clocks that agree"
	}
	return failure
}

// Sign is the value of X-Todosync-Signature: t=<unix seconds>,v1=<hex>, HMAC-SHA256 over the seconds, a dot and the body.
func Sign(body []byte, key string, at time.Time) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// asRetryError finds the dispatcher's own error.
func asRetryError(err error) (*retry.Error, bool) { return errors.AsType[*retry.Error](err) }
