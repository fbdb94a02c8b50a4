package retry

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const maxRetryAfter = time.Hour

// errBadEncoding is an answer that came whole and cannot be decompressed.
var errBadEncoding = errors.New("the answer is not the gzip that it says it is")

// read takes the answer as far as it comes, and closes it. An answer that ends within the limit is read to its end, so
// that the connection serves again; of a longer one the rest is thrown away with the connection.
func (r *Receipt) read(res *http.Response, method string) error {
	r.Status = res.StatusCode
	r.Headers = sortedHeaders(res.Header)
	if res.StatusCode < http.StatusOK { // 101: what follows is no answer and has no end
		return res.Body.Close()
	}
	body, more, err := readLimited(res.Body, res.ContentLength)
	r.Body, r.Cut = body, more
	closed := res.Body.Close()
	if err != nil || method == http.MethodHead {
		return err
	}
	if !more && closed != nil {
		return closed
	}
	encoding := strings.ToLower(strings.TrimSpace(res.Header.Get("Content-Encoding")))
	if (encoding != "gzip" && encoding != "x-gzip") || len(body) == 0 {
		return nil
	}
	plain, more, err := gunzip(body, r.Cut)
	if err != nil {
		return err
	}
	r.Body, r.Cut = plain, more
	return nil
}

// readLimited reads MaxAnswer bytes at most and says whether there are more.
func readLimited(body io.Reader, announced int64) ([]byte, bool, error) {
	var buffer bytes.Buffer
	if announced > 0 && announced <= MaxAnswer {
		buffer.Grow(int(min(announced, 64<<10)) + bytes.MinRead)
	}
	_, err := buffer.ReadFrom(io.LimitReader(body, MaxAnswer+1))
	if buffer.Len() > MaxAnswer {
		return buffer.Bytes()[:MaxAnswer:MaxAnswer], true, nil
	}
	return buffer.Bytes(), false, err
}

// gunzip decompresses an answer; one that was cut gives what it holds.
func gunzip(body []byte, cut bool) ([]byte, bool, error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, false, errBadEncoding
	}
	plain, more, err := readLimited(z, -1)
	if err != nil && (!cut || !errors.Is(err, io.ErrUnexpectedEOF)) {
		return nil, false, errBadEncoding
	}
	return plain, more || cut, nil
}

func sortedHeaders(h http.Header) []Header {
	all := make([]Header, 0, len(h))
	for name, values := range h {
		for _, value := range values {
			all = append(all, Header{Name: name, Value: value})
		}
	}
	slices.SortStableFunc(all, func(a, b Header) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// retryAfter reads the header in both its forms, seconds and a date. What is past, or makes no sense, is nothing.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0
	}
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(text, 10, 64); err == nil {
		wait = time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	} else if errors.Is(err, strconv.ErrRange) {
		wait = maxRetryAfter
	} else if date, err := http.ParseTime(text); err == nil {
		wait = date.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}
