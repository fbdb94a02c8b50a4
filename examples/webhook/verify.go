package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"
)

// ErrSignature is a digest that is not genuine, or too old.
var ErrSignature = errors.New("the signature is not good")

// Verify checks the X-Todosync-Signature of a body. A signature may be older or newer than now by tolerance; five minutes are usual.
func Verify(body []byte, signature, key string, now time.Time, tolerance time.Duration) error {
	var seconds string
	var sums []string
	for part := range strings.SplitSeq(signature, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			seconds = value
		case "v1":
			sums = append(sums, value)
		}
	}
	t, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return ErrSignature
	}
	if off := now.Sub(time.Unix(t, 0)); off > tolerance || off < -tolerance {
		return ErrSignature
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	for _, s := range sums {
		if sum, err := hex.DecodeString(s); err == nil && hmac.Equal(sum, mac.Sum(nil)) {
			return nil
		}
	}
	return ErrSignature
}
