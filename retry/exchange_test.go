package retry

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// requests are the forms that Go's transport treats differently when a connection breaks: it repeats by itself what has no
// body or bears an Idempotency-Key.
func requests() map[string]Request {
	key := []Header{{"Idempotency-Key", "d1"}}
	return map[string]Request{
		"POST":                  {Method: "POST", Body: []byte(secretBody)},
		"POST with key":         {Method: "POST", Body: []byte(secretBody), Headers: key},
		"POST with other key":   {Method: "POST", Body: []byte(secretBody), Headers: []Header{{"X-Idempotency-Key", "d1"}}},
		"empty POST with key":   {Method: "POST", Headers: key},
		"empty POST":            {Method: "POST"},
		"GET":                   {Method: "GET"},
		"GET with key":          {Method: "GET", Headers: key},
		"GET with body and key": {Method: "GET", Headers: key, Body: []byte(secretBody)},
		"HEAD":                  {Method: "HEAD"},
		"OPTIONS":               {Method: "OPTIONS"},
		"DELETE":                {Method: "DELETE"},
		"DELETE with key":       {Method: "DELETE", Headers: key},
		"PUT, big":              {Method: "PUT", Headers: key, Body: make([]byte, 100_000)},
	}
}

// TestKeptConnectionBreaks is promise 4 of the product: a kept-alive connection breaks after the OA has read the request;
// there is one arrival and one failed attempt.
func TestKeptConnectionBreaks(t *testing.T) {
	t.Parallel()
	for name, r := range requests() {
		for how, breakOff := range map[string]func(c *rawConn){
			"closed": func(*rawConn) {},
			"reset":  (*rawConn).reset,
			"closed within the head": func(c *rawConn) {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le")
			},
			"not HTTP": func(c *rawConn) { _, _ = io.WriteString(c, secretAnswer+"\r\n\r\n") },
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				// Two connections are kept, so that the transport would find another one at once.
				both := make(chan struct{})
				var once sync.Once
				s := serveRaw(t, func(s *rawServer, _ int64, c *rawConn) {
					c.request()
					if s.requests.Load() == 2 {
						once.Do(func() { close(both) })
					}
					<-both
					c.answer("")
					if _, ok := c.request(); ok {
						breakOff(c)
					}
				})
				d := dispatcher(t, Config{Concurrency: 4})
				r := r
				r.Address = s.address + "/" + secretPath
				second := make(chan error, 1)
				go func() { _, err := d.Post(t.Context(), r); second <- err }()
				if _, err := d.Post(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				if err := <-second; err != nil {
					t.Fatal(err)
				}
				receipt, e := fails(t, d, r)
				want := Network
				if how == "not HTTP" {
					want = BadAnswer
				}
				if e.Class != want || !e.Unanswered || receipt.Status != 0 {
					t.Errorf("got %+v", e)
				}
				if n := s.requests.Load(); n != 3 {
					t.Errorf("%d requests arrived, want 2 and then 1", n)
				}
				if n := s.connections.Load(); n != 2 {
					t.Errorf("%d connections, want 2", n)
				}
			})
		}
	}
}

// TestClosedWhileIdle lets the OA close each connection after its answer without having said so. Nothing of the next
// request is written, so no attempt may fail.
func TestClosedWhileIdle(t *testing.T) {
	t.Parallel()
	for name, r := range requests() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closed := make(chan struct{})
			s := serveRaw(t, func(_ *rawServer, _ int64, c *rawConn) {
				if _, ok := c.request(); ok {
					c.answer("")
					_ = c.Close()
					closed <- struct{}{}
				}
			})
			d := dispatcher(t, Config{})
			r := r
			r.Address = s.address
			const rounds = 100
			for i := range rounds {
				if _, err := d.Post(t.Context(), r); err != nil {
					t.Fatalf("round %d: %v", i, err)
				}
				<-closed
			}
			if n := s.requests.Load(); n != rounds {
				t.Errorf("%d requests arrived, want %d", n, rounds)
			}
		})
	}
}

// TestFreshConnectionBreaks: also a first request is not sent again, whatever of it arrived.
func TestFreshConnectionBreaks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		play       func(c *rawConn)
		class      Class
		unanswered bool
		arrived    int64
		connected  int64
		want       string
	}{
		"closed after the request": {func(c *rawConn) { c.request() }, Network, true, 1, 1, "closed the connection before it answered"},
		"reset after the request":  {func(c *rawConn) { c.request(); c.reset() }, Network, true, 1, 1, "closed the connection before it answered"},
		"closed within the body": {func(c *rawConn) {
			c.request()
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
		}, Network, true, 1, 1, "broke off after 2 bytes"},
		"reset within the body": {func(c *rawConn) {
			c.request()
			_, _ = io.WriteString(c, "HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
			c.reset()
		}, Network, true, 1, 1, "broke off"},
		"chunks that are none": {func(c *rawConn) {
			c.request()
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+secretAnswer+"\r\n")
			c.hang()
		}, BadAnswer, true, 1, 1, "not well-formed"},
		"a status that is none": {func(c *rawConn) {
			c.request()
			_, _ = io.WriteString(c, "HTTP/1.1 abc "+secretAnswer+"\r\n\r\n")
			c.hang()
		}, BadAnswer, true, 1, 1, "is not HTTP"},
		"a head without end": {func(c *rawConn) {
			c.request()
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for {
				if _, err := io.WriteString(c, "X-Long: "+strings.Repeat("s3cret", 1000)+"\r\n"); err != nil {
					return
				}
			}
		}, BadAnswer, true, 1, 1, "is not HTTP"},
		"another protocol": {func(c *rawConn) {
			c.request()
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
			c.hang()
		}, BadAnswer, false, 1, 1, "answered 101 Switching Protocols"},
		"SSH": {func(c *rawConn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2 "+secretAnswer+"\r\n"); c.hang() }, BadAnswer, false, 0, 1, "is not HTTP"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveRaw(t, func(_ *rawServer, _ int64, c *rawConn) { test.play(c) })
			_, e := fails(t, dispatcher(t, Config{}), loaded(s.address))
			if name == "SSH" {
				e.Unanswered = false // the request may have gone before the greeting was seen
			}
			if e.Class != test.class || e.Unanswered != test.unanswered || e.Status == 200 || !strings.Contains(e.Msg, test.want) {
				t.Errorf("got %+v", e)
			}
			if got := s.requests.Load(); got != test.arrived {
				t.Errorf("%d requests arrived, want %d", got, test.arrived)
			}
			if got := s.connections.Load(); got != test.connected {
				t.Errorf("%d connections, want %d", got, test.connected)
			}
		})
	}
}

// TestWholeAnswerBeforeClose: an OA that answers and closes at once has answered.
func TestWholeAnswerBeforeClose(t *testing.T) {
	t.Parallel()
	s := serveRaw(t, func(_ *rawServer, _ int64, c *rawConn) {
		c.request()
		_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\nall of it")
	})
	receipt, err := dispatcher(t, Config{}).Post(t.Context(), loaded(s.address))
	if err != nil || string(receipt.Body) != "all of it" {
		t.Errorf("got %q, %v", receipt.Body, err)
	}
}

// TestAnswerNobodyAskedFor: bytes that come while a connection is idle are not the next request's answer.
func TestAnswerNobodyAskedFor(t *testing.T) {
	t.Parallel()
	answered, pushed := make(chan struct{}), make(chan struct{})
	s := serveRaw(t, func(_ *rawServer, n int64, c *rawConn) {
		c.request()
		c.answer(fmt.Sprint("right ", n))
		if n == 1 {
			<-answered
			c.answer("wrong")
			close(pushed)
			c.hang()
		}
	})
	d := dispatcher(t, Config{})
	if _, err := d.Post(t.Context(), Request{Address: s.address}); err != nil {
		t.Fatal(err)
	}
	close(answered)
	<-pushed
	receipt, err := d.Post(t.Context(), Request{Address: s.address})
	if err != nil || string(receipt.Body) != "right 2" {
		t.Errorf("got %q, %v", receipt.Body, err)
	}
}

// TestEarlyAnswer: an OA that refuses a big body without reading it has answered, where the answer still gets through.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusRequestEntityTooLarge) })
	r := loaded(s.URL)
	r.Body = make([]byte, 200_000)
	if _, e := fails(t, dispatcher(t, Config{}), r); e.Class != HTTP4xx || e.Status != 413 {
		t.Errorf("got %+v", e)
	}
}

func TestOneConnectionTakesTheRequest(t *testing.T) {
	t.Parallel()
	pipe := func() *conn {
		ours, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		t.Cleanup(func() { _ = ours.Close(); _ = theirs.Close() })
		return &conn{Conn: ours, raw: ours}
	}
	first, second, third := pipe(), pipe(), pipe()
	x := &exchange{}
	for _, c := range []*conn{first, second, third} {
		c.serves.Store(x)
	}
	_ = first.Conn.Close()
	if n, err := first.Write([]byte("a")); n != 0 || err == nil || !x.unsent() {
		t.Errorf("closed: got %d, %v", n, err)
	}
	for range 2 {
		if _, err := second.Write([]byte("a")); err != nil {
			t.Errorf("got %v, want a connection that took nothing to leave room for another", err)
		}
	}
	if n, err := third.Write([]byte("a")); n != 0 || err != errSecondConnection || x.sent != 2 {
		t.Errorf("got %d, %v with %d sent", n, err, x.sent)
	}
	x.end()
	if second.serves.Load() != nil {
		t.Error("the connection still belongs to the exchange")
	}
}

func TestPeek(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, test := range map[string]struct {
		act  func(c *net.TCPConn)
		want peeked
	}{
		"open":   {func(*net.TCPConn) {}, peerQuiet},
		"spoke":  {func(c *net.TCPConn) { _, _ = c.Write([]byte("x")) }, peerSpoke},
		"closed": {func(c *net.TCPConn) { _ = c.Close() }, peerClosed},
		"reset":  {func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() }, peerClosed},
	} {
		ours, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer ours.Close()
		theirs, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer theirs.Close()
		test.act(theirs.(*net.TCPConn))
		if got := peek(ours); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
