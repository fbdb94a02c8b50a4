package retry

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	gz := func(plain []byte) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(plain)
		_ = z.Close()
		return b.Bytes()
	}
	noise := make([]byte, 2<<20) // does not compress: 2 MiB that are cut while compressed
	for i := range noise {
		noise[i] = byte(Jitter("noise", i) * 256)
	}
	for name, test := range map[string]struct {
		encoding string
		body     []byte
		want     []byte
		cut      bool
		class    Class
	}{
		"empty":             {body: nil, want: []byte{}},
		"as long as may be": {body: bytes.Repeat([]byte("a"), MaxAnswer), want: bytes.Repeat([]byte("a"), MaxAnswer)},
		"one byte more":     {body: bytes.Repeat([]byte("a"), MaxAnswer+1), want: bytes.Repeat([]byte("a"), MaxAnswer), cut: true},
		"10 MB":             {body: bytes.Repeat([]byte("a"), 10<<20), want: bytes.Repeat([]byte("a"), MaxAnswer), cut: true},
		"gzip":              {encoding: "gzip", body: gz([]byte("hello")), want: []byte("hello")},
		"x-gzip":            {encoding: "X-GZIP", body: gz([]byte("hello")), want: []byte("hello")},
		"gzip of nothing":   {encoding: "gzip", body: nil, want: []byte{}},
		"gzip bomb":         {encoding: "gzip", body: gz(make([]byte, 16<<20)), want: make([]byte, MaxAnswer), cut: true},
		"long gzip":         {encoding: "gzip", body: gz(noise), want: noise[:MaxAnswer], cut: true},
		"no gzip":           {encoding: "gzip", body: []byte(secretAnswer), want: []byte(secretAnswer), class: BadAnswer},
		"half a gzip":       {encoding: "gzip", body: gz(noise[:1000])[:500], want: gz(noise[:1000])[:500], class: BadAnswer},
		"gzip, wrong sum":   {encoding: "gzip", body: append(gz([]byte("hello"))[:20], "12345678"...), class: BadAnswer},
		"unknown encoding":  {encoding: "br", body: []byte("as it is"), want: []byte("as it is")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if test.encoding != "" {
					w.Header().Set("Content-Encoding", test.encoding)
				}
				w.Header().Set("X-B", "2")
				w.Header().Add("X-A", "1")
				w.Header().Add("X-A", "0")
				_, _ = w.Write(test.body)
			})
			receipt, err := dispatcher(t, Config{}).Post(t.Context(), loaded(s.URL))
			if test.class != OK {
				if e := asError(t, err); e.Class != test.class || e.Unanswered || e.Status != 200 {
					t.Errorf("got %+v", e)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			same := bytes.Equal(receipt.Body, test.want)
			if test.cut { // what was cut while compressed gives a little less
				same = bytes.HasPrefix(test.want, receipt.Body) && len(receipt.Body) > MaxAnswer-1024
			}
			if test.want != nil && !same {
				t.Errorf("got %d bytes, want %d", len(receipt.Body), len(test.want))
			}
			if receipt.Cut != test.cut {
				t.Errorf("cut %v, want %v", receipt.Cut, test.cut)
			}
			var names []string
			for _, h := range receipt.Headers {
				if strings.HasPrefix(h.Name, "X-") {
					names = append(names, h.Name+h.Value)
				}
			}
			if diff := cmp.Diff([]string{"X-A1", "X-A0", "X-B2"}, names); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, " 3 ": 3 * time.Second, "3600": time.Hour, "3601": time.Hour,
		"99999999999999999999999": time.Hour, "9223372036854775808": time.Hour, "-5": 0, "1.5": 0, "soon": 0,
		"Fri, 02 Jan 2026 03:05:05 GMT":  time.Minute,
		"Friday, 02-Jan-26 03:05:05 GMT": time.Minute,
		"Fri, 02 Jan 2026 03:04:00 GMT":  0,
		"Fri, 02 Jan 2126 03:05:05 GMT":  time.Hour,
	} {
		if got := retryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
