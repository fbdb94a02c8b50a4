package retry

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestKeptProxyConnectionBreaks is TestKeptConnectionBreaks with a proxy in between: what reads the request, and breaks, is the proxy.
func TestKeptProxyConnectionBreaks(t *testing.T) {
	t.Parallel()
	for name, r := range requests() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveRaw(t, func(_ *rawServer, _ int64, c *rawConn) {
				c.request()
				c.answer("")
				c.request()
			})
			d := dispatcher(t, Config{Proxy: s.address})
			r.Address = "http://oa.example.com/" + secretPath
			if _, err := d.Post(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			receipt, e := fails(t, d, r)
			if e.Class != Network || !e.Unanswered || receipt.Status != 0 {
				t.Errorf("got %+v", e)
			}
			if n, conns := s.requests.Load(), s.connections.Load(); n != 2 || conns != 1 {
				t.Errorf("%d requests over %d connections, want 2 over one", n, conns)
			}
		})
	}
}

// TestHTTP1Only keeps to HTTP/1.1 with a server that offers HTTP/2, whose transport repeats requests by rules of its own.
func TestHTTP1Only(t *testing.T) {
	t.Parallel()
	proto := make(chan string, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { proto <- r.Proto }))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	d := dispatcher(t, Config{TLS: TLSConfig{InsecureSkipVerify: true}})
	if _, err := d.Post(t.Context(), Request{Address: s.URL}); err != nil {
		t.Fatal(err)
	}
	if got := <-proto; got != "HTTP/1.1" {
		t.Errorf("spoke %s, want HTTP/1.1", got)
	}
}
