package retry

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What must never stand in an error.
const (
	secretPath   = "s3cret-in-the-path"
	secretQuery  = "s3cret-in-the-query"
	secretHeader = "s3cret-in-a-header"
	secretBody   = "s3cret-in-the-body"
	secretProxy  = "s3cret-of-the-proxy"
	secretUser   = "s3cret-of-the-user"
	secretAnswer = "s3cret-in-the-answer"
)

// dispatcher makes one that is closed with the test. Its times are short unless given.
func dispatcher(t testing.TB, c Config) *Dispatcher {
	t.Helper()
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// loaded is a request that carries a secret wherever one can be.
func loaded(address string) Request {
	return Request{
		Method:  "POST",
		Address: strings.Replace(address, "://", "://user:"+secretUser+"@", 1) + "/" + secretPath + "?token=" + secretQuery,
		Headers: []Header{{"Idempotency-Key", "d1"}, {"X-Key", secretHeader}},
		Body:    []byte(`{"title":"` + secretBody + `"}`),
	}
}

// fails posts, wants an error, and checks that it tells no secret.
func fails(t testing.TB, d *Dispatcher, r Request) (Receipt, *Error) {
	t.Helper()
	receipt, err := d.Post(t.Context(), r)
	return receipt, asError(t, err)
}

func asError(t testing.TB, err error) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got %#v, want an *Error", err)
	}
	if e.Msg == "" || !strings.HasPrefix(e.Error(), string(e.Class)+": ") {
		t.Errorf("message %q, error %q", e.Msg, e.Error())
	}
	for _, text := range []string{e.Error(), fmt.Sprintf("%v", e.Err), fmt.Sprintf("%+v", e)} {
		if strings.Contains(text, "s3cret") {
			t.Errorf("the error tells a secret: %s", text)
		}
	}
	return e
}

func serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// serveCounting also counts the connections that are opened.
func serveCounting(t testing.TB, h http.HandlerFunc) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	opened := new(atomic.Int64)
	s := httptest.NewUnstartedServer(h)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s, opened
}

// A rawServer plays an OA byte by byte.
type rawServer struct {
	address     string // http://127.0.0.1:port
	connections atomic.Int64
	requests    atomic.Int64 // read to their end
}

// serveRaw calls play for each connection, with its number from 1; the connection is closed after it, and at the test's end.
func serveRaw(t testing.TB, play func(s *rawServer, n int64, c *rawConn)) *rawServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &rawServer{address: "http://" + l.Addr().String()}
	ctx := t.Context() // done just before the clean-up
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := s.connections.Add(1)
			go func() {
				stop := context.AfterFunc(ctx, func() { _ = c.Close() })
				defer stop()
				defer c.Close()
				play(s, n, &rawConn{Conn: c, in: bufio.NewReader(c), server: s})
			}()
		}
	}()
	return s
}

type rawConn struct {
	net.Conn
	in     *bufio.Reader
	server *rawServer
}

// request reads one request to its end; false when the connection ended before.
func (c *rawConn) request() (string, bool) {
	r, err := http.ReadRequest(c.in)
	if err != nil {
		return "", false
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", false
	}
	c.server.requests.Add(1)
	return string(body), true
}

func (c *rawConn) answer(body string) {
	_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// reset closes with RST instead of FIN.
func (c *rawConn) reset() {
	_ = c.Conn.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// hang waits for the other side to close.
func (c *rawConn) hang() { _, _ = io.Copy(io.Discard, c.in) }

// refusing is an address that nothing listens on.
func refusing(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

const soon = 150 * time.Millisecond
