package retry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestNewNamesAllThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := New(Config{
		Connect: -1, Total: -1, Concurrency: -1, Proxy: "ftp://u:" + secretProxy + "@p",
		TLS: TLSConfig{MinVersion: "3", CAFile: "/nowhere/ca.pem", CertFile: "/nowhere/c.pem", Pin: "sha256/short"},
	})
	if err == nil {
		t.Fatal("want an error")
	}
	for _, want := range []string{
		"timeouts.connect", "timeouts.total", "limits.concurrency", "proxy:", "tls.minVersion", "tls.caFile: open /nowhere/ca.pem",
		"tls.keyFile: missing", "tls.pin",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %q in it", err, want)
		}
	}
	if strings.Contains(err.Error(), secretProxy) {
		t.Errorf("got %q with the password", err)
	}
}

func TestNewRefusesProxies(t *testing.T) {
	t.Parallel()
	for name, proxy := range map[string]string{
		"socks": "socks5://p:1080", "no host": "http://", "path": "http://p:1/x", "garbage": "http://p:" + secretProxy + "@",
		"no scheme": "p:3128",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New(Config{Proxy: proxy})
			if err == nil || strings.Contains(err.Error(), secretProxy) || !strings.Contains(err.Error(), "http://host:port") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestEveryStatus also shows that a connection serves again after each of them.
func TestEveryStatus(t *testing.T) {
	t.Parallel()
	s, opened := serveCounting(t, func(w http.ResponseWriter, r *http.Request) {
		status, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Location", "/login;"+"x?ticket="+secretQuery)
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		if status != http.StatusNoContent && status != http.StatusNotModified {
			_, _ = io.WriteString(w, secretAnswer)
		}
	})
	d := dispatcher(t, Config{})
	for status := 200; status <= 599; status++ {
		r := loaded(s.URL)
		r.Address = s.URL + "/" + strconv.Itoa(status)
		receipt, err := d.Post(t.Context(), r)
		if receipt.Status != status || receipt.Started.IsZero() || receipt.Duration <= 0 {
			t.Fatalf("%d: got receipt %+v", status, receipt)
		}
		if status != 204 && status != 304 && string(receipt.Body) != secretAnswer {
			t.Errorf("%d: got body %q", status, receipt.Body)
		}
		if status < 300 {
			if err != nil {
				t.Errorf("%d: got %v", status, err)
			}
			continue
		}
		e := asError(t, err)
		want := map[int]Class{3: HTTP3xx, 4: HTTP4xx, 5: HTTP5xx}[status/100]
		if status == 429 {
			want = HTTP429
		}
		wait := time.Duration(0)
		if want == HTTP429 || want == HTTP5xx {
			wait = 7 * time.Second
		}
		if e.Class != want || e.Status != status || e.Unanswered != (status == 502 || status == 504) || e.RetryAfter != wait {
			t.Errorf("%d: got %+v", status, e)
		}
		if want == HTTP3xx && !strings.Contains(e.Msg, s.URL+"/login") {
			t.Errorf("%d: got %q, want where to", status, e.Msg)
		}
	}
	if got := opened.Load(); got > 4 { // 1, but for a machine so busy that the transport gives one up
		t.Errorf("opened %d connections for 400 requests", got)
	}
}

func TestClassOfStatusBeyond(t *testing.T) {
	t.Parallel()
	for _, status := range []int{0, 101, 199, 600, 999} {
		if got := ClassOfStatus(status); got != BadAnswer {
			t.Errorf("%d: got %q", status, got)
		}
	}
}

func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	var under, most atomic.Int64
	s, opened := serveCounting(t, func(w http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), under.Add(1)))
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "ok")
		under.Add(-1)
	})
	const concurrency = 4
	d := dispatcher(t, Config{Concurrency: concurrency})
	var group sync.WaitGroup
	for range 16 { // more than may be at once: the rest waits
		group.Go(func() {
			for range 50 {
				if _, err := d.Post(t.Context(), loaded(s.URL)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	// On a busy machine the transport drops a connection whose writer does not report back within 50 ms: hence twice.
	if opened.Load() > 2*concurrency || most.Load() > concurrency {
		t.Errorf("opened %d connections, %d requests at once, want at most %d", opened.Load(), most.Load(), concurrency)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		play       func(c *rawConn)
		class      Class
		unanswered bool
		want       string
		status     int
	}{
		"no answer":   {func(c *rawConn) { c.request(); c.hang() }, Timeout, true, "did not answer within 150ms", 0},
		"half a head": {func(c *rawConn) { c.request(); _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX:"); c.hang() }, Timeout, true, "did not answer", 0},
		"half a body": {func(c *rawConn) {
			c.request()
			_, _ = io.WriteString(c, "HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nabc")
			c.hang()
		}, Timeout, true, "3 bytes came", 500},
		"only 1xx, often": {func(c *rawConn) { c.request(); _, _ = io.WriteString(c, "HTTP/1.1 102 Processing\r\n\r\n"); c.hang() }, Timeout, true, "did not answer", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveRaw(t, func(_ *rawServer, _ int64, c *rawConn) { test.play(c) })
			receipt, e := fails(t, dispatcher(t, Config{Total: soon}), loaded(s.address))
			if e.Class != test.class || e.Unanswered != test.unanswered || !strings.Contains(e.Msg, test.want) || e.Status != 0 {
				t.Errorf("got %+v", e)
			}
			if receipt.Status != test.status || receipt.Duration < soon || receipt.Duration > 20*soon {
				t.Errorf("got receipt %+v", receipt)
			}
			if n := s.requests.Load(); n != 1 {
				t.Errorf("%d requests arrived", n)
			}
		})
	}
}

func TestAllConnectionsInUse(t *testing.T) {
	t.Parallel()
	taken := make(chan struct{}, 1)
	s := serveRaw(t, func(_ *rawServer, _ int64, c *rawConn) { c.request(); taken <- struct{}{}; c.hang() })
	d := dispatcher(t, Config{Concurrency: 1, Total: 2 * soon})
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { _, _ = d.Post(t.Context(), loaded(s.address)) })
	<-taken
	ctx, cancel := context.WithTimeout(t.Context(), soon/2)
	defer cancel()
	_, err := d.Post(ctx, loaded(s.address))
	e := asError(t, err)
	if e.Class != Network || e.Unanswered || !strings.Contains(e.Msg, "in use") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %+v", e)
	}
	if n := s.connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestStopped(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]string{"before the head": "", "within the body": "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			s := serveRaw(t, func(_ *rawServer, _ int64, c *rawConn) {
				c.request()
				_, _ = io.WriteString(c, head)
				cancel()
				c.hang()
			})
			_, err := dispatcher(t, Config{}).Post(ctx, loaded(s.address))
			e := asError(t, err)
			if e.Class != Network || !e.Unanswered || !strings.Contains(e.Msg, "the worker stopped before the answer came") {
				t.Errorf("got %+v", e)
			}
		})
	}
	t.Run("before it began", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := dispatcher(t, Config{}).Post(ctx, loaded("http://"+refusing(t)))
		if e := asError(t, err); e.Class != Network || e.Unanswered || !errors.Is(err, context.Canceled) {
			t.Errorf("got %+v", e)
		}
	})
}

// TestLateAnswer lets the OA answer after the time is up: the next attempt must get its own answer.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	late := make(chan struct{})
	s := serveRaw(t, func(_ *rawServer, n int64, c *rawConn) {
		for {
			if _, ok := c.request(); !ok {
				return
			}
			if n == 1 {
				<-late
			}
			c.answer(fmt.Sprint("connection ", n))
		}
	})
	d := dispatcher(t, Config{Total: soon})
	if _, e := fails(t, d, loaded(s.address)); e.Class != Timeout {
		t.Errorf("got %+v", e)
	}
	close(late)
	receipt, err := d.Post(t.Context(), loaded(s.address))
	if err != nil || string(receipt.Body) != "connection 2" {
		t.Errorf("got %q, %v", receipt.Body, err)
	}
}
