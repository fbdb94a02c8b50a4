package retry

import (
	"bytes"
	"io"
	"net/http"
	"testing"
)

// The two loops below differ by what this package adds to net/http: the verdict, the limits, the guard against repeats.
func benchmarkServer(b *testing.B) (string, []byte) {
	s := serve(b, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"code":"0","message":"ok"}`)
	})
	return s.URL, bytes.Repeat([]byte("x"), 600)
}

func BenchmarkPost(b *testing.B) {
	address, body := benchmarkServer(b)
	d := dispatcher(b, Config{Concurrency: 64})
	r := Request{Method: "POST", Address: address, Body: body, Headers: []Header{
		{"Content-Type", "application/json"}, {"Idempotency-Key", "0192f0c1-7a5b-7000-8000-000000000000"},
	}}
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := d.Post(b.Context(), r); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkBareNetHTTP(b *testing.B) {
	address, body := benchmarkServer(b)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	b.Cleanup(client.CloseIdleConnections)
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, address, bytes.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("Content-Type", "application/json")
			res, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.ReadAll(res.Body)
			_ = res.Body.Close()
		}
	})
}
