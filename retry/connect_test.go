package retry

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func TestRefused(t *testing.T) {
	t.Parallel()
	address := refusing(t)
	receipt, e := fails(t, dispatcher(t, Config{}), loaded("http://"+address))
	if e.Class != Network || e.Unanswered || !strings.Contains(e.Msg, address+" refused the connection") || receipt.Status != 0 {
		t.Errorf("got %+v", e)
	}
}

// TestRepeatedWhileNotSent lets the OA come back during the attempt's own repeats.
func TestRepeatedWhileNotSent(t *testing.T) {
	t.Parallel()
	var tries atomic.Int64
	s := serveRaw(t, func(_ *rawServer, _ int64, c *rawConn) { c.request(); c.answer("") })
	for name, test := range map[string]struct {
		failures int64
		class    Class
		tries    int64
	}{"two failures": {2, OK, 3}, "three failures": {3, Network, 3}} {
		tries.Store(0)
		d := dispatcher(t, Config{Egress: &Egress{}})
		d.transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if tries.Add(1) <= test.failures {
				addr = refusing(t)
			}
			return (&dialer{limit: time.Second}).plain(ctx, network, addr)
		}
		_, err := d.Post(t.Context(), loaded(s.address))
		if got := classOf(err); got != test.class || tries.Load() != test.tries {
			t.Errorf("%s: got %v after %d tries", name, err, tries.Load())
		}
	}
	if n := s.requests.Load(); n != 1 {
		t.Errorf("%d requests arrived", n)
	}
}

func classOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return OK
}

// TestConnectTime: TLS and the proxy's CONNECT belong to connecting, and are not tried twice.
func TestConnectTime(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(host string) (proxy, address string){
		"handshake": func(host string) (string, string) { return "", "https://" + host },
		"proxy": func(host string) (string, string) {
			return "http://user:" + secretProxy + "@" + host, "https://oa.example"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveRaw(t, func(_ *rawServer, _ int64, c *rawConn) { c.hang() })
			proxy, address := test(strings.TrimPrefix(s.address, "http://"))
			receipt, e := fails(t, dispatcher(t, Config{Connect: soon, Proxy: proxy}), loaded(address))
			if n := s.connections.Load(); n != 1 {
				t.Errorf("%d connections, want 1", n)
			}
			if e.Class != Network || e.Unanswered || !strings.Contains(e.Msg, "could not connect") || !strings.Contains(e.Msg, "150ms") {
				t.Errorf("got %+v", e)
			}
			if receipt.Duration > 10*soon {
				t.Errorf("took %s", receipt.Duration)
			}
		})
	}
}

// resolver answers names by a table; what is not in it does not exist, and nil does not answer well.
func resolver(t *testing.T, names map[string]*netip.Addr) *net.Resolver {
	t.Helper()
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			head := make([]byte, 2)
			for {
				if _, err := io.ReadFull(theirs, head); err != nil {
					return
				}
				packet := make([]byte, int(head[0])<<8|int(head[1]))
				if _, err := io.ReadFull(theirs, packet); err != nil {
					return
				}
				var m dnsmessage.Message
				if err := m.Unpack(packet); err != nil {
					t.Error(err)
					return
				}
				answerDNS(&m, names)
				packed, err := m.Pack()
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := theirs.Write(append([]byte{byte(len(packed) >> 8), byte(len(packed))}, packed...)); err != nil {
					return
				}
			}
		}()
		return ours, nil
	}}
}

func answerDNS(m *dnsmessage.Message, names map[string]*netip.Addr) {
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	q := m.Questions[0]
	addr, known := names[strings.TrimSuffix(q.Name.String(), ".")]
	head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}
	switch {
	case !known:
		m.RCode = dnsmessage.RCodeNameError
	case addr == nil:
		m.RCode = dnsmessage.RCodeServerFailure
	case q.Type == dnsmessage.TypeA && addr.Is4():
		m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: addr.As4()}}}
	case q.Type == dnsmessage.TypeAAAA && addr.Is6():
		m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}}}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	metadata, mapped, local := netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("::ffff:169.254.169.254"), netip.MustParseAddr("127.0.0.1")
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	d := dispatcher(t, Config{resolver: resolver(t, map[string]*netip.Addr{
		"rebound.example": &metadata, "mapped.example": &mapped, "oa.example": &local, "ill.example": nil,
	})})
	for name, test := range map[string]struct {
		host  string
		class Class
		want  string
	}{
		"known":      {"oa.example", OK, ""},
		"unknown":    {"no.example", Network, "DNS does not know the name of no.example" + port},
		"ill":        {"ill.example", Network, "DNS did not answer for the name of ill.example" + port},
		"metadata":   {"rebound.example", Mapping, "169.254.169.254" + port + " is not allowed (cloud metadata)"},
		"mapped":     {"mapped.example", Mapping, "is not allowed (cloud metadata)"},
		"literal":    {"169.254.169.254", Mapping, "is not allowed (cloud metadata)"},
		"v6 literal": {"[::ffff:a9fe:a9fe]", Mapping, "is not allowed (cloud metadata)"},
		"unspecific": {"0.0.0.0", Mapping, "is not allowed (unspecified)"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.Post(t.Context(), loaded("http://"+test.host+port))
			if test.class == OK {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if e := asError(t, err); e.Class != test.class || e.Unanswered || !strings.Contains(e.Msg, test.want) {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestOwnListenerIsNotCalled(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the server called itself") })
	own := netip.MustParseAddrPort(strings.TrimPrefix(s.URL, "http://"))
	e, err := NewEgress(EgressConfig{Allow: []string{"127.0.0.0/8"}, Own: func() []netip.AddrPort { return []netip.AddrPort{own} }})
	if err != nil {
		t.Fatal(err)
	}
	if _, e := fails(t, dispatcher(t, Config{Egress: e}), loaded(s.URL)); e.Class != Mapping || !strings.Contains(e.Msg, "(this server itself)") {
		t.Errorf("got %+v", e)
	}
}

// A proxy that connects, and forwards plain requests.
func proxy(t *testing.T, refuse int) *url.URL {
	t.Helper()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got, want := r.Header.Get("Proxy-Authorization"), basic("user", secretProxy); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		switch {
		case refuse != 0:
			w.WriteHeader(refuse)
			return
		case r.Method != http.MethodConnect:
			if !r.URL.IsAbs() {
				t.Errorf("got %s, want a whole address", r.URL)
			}
			_, _ = io.WriteString(w, "by proxy to "+r.URL.Host)
			return
		}
		out, err := net.Dial("tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer out.Close()
		in, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer in.Close()
		_, _ = io.WriteString(in, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
		_, _ = io.Copy(in, out)
	})
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("user", secretProxy)
	return u
}

func TestProxy(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "" {
			t.Error("the proxy's password went to the OA")
		}
		_, _ = io.WriteString(w, "through")
	}))
	t.Cleanup(secure.Close)
	trusting := TLSConfig{InsecureSkipVerify: true}
	for name, test := range map[string]struct {
		refuse  int
		address string
		body    string
		class   Class
		want    string
	}{
		"plain":              {0, "http://oa.example:8080", "by proxy to oa.example:8080", OK, ""},
		"TLS":                {0, secure.URL, "through", OK, ""},
		"TLS, refused":       {407, secure.URL, "", Network, "it answered 407; the proxy wants a user and a password"},
		"TLS, not reached":   {0, "https://" + refusing(t), "", Network, "it answered 502"},
		"plain, refused":     {407, "http://oa.example", "", HTTP4xx, "the proxy wants a user"},
		"plain, not reached": {504, "http://oa.example", "", HTTP5xx, "answered 504"},
		"metadata":           {0, "http://169.254.169.254", "", Mapping, "cloud metadata"},
		"metadata, TLS":      {0, "https://[fd00:ec2::254]", "", Mapping, "cloud metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := dispatcher(t, Config{Proxy: proxy(t, test.refuse).String(), TLS: trusting})
			receipt, err := d.Post(t.Context(), loaded(test.address))
			if test.class == OK {
				if err != nil || string(receipt.Body) != test.body {
					t.Errorf("got %q, %v", receipt.Body, err)
				}
				return
			}
			if e := asError(t, err); e.Class != test.class || e.Unanswered != (test.refuse == 504) || !strings.Contains(e.Msg, test.want) {
				t.Errorf("got %+v", e)
			}
		})
	}
	for _, address := range []string{"http://oa.example", "https://oa.example"} {
		gone := refusing(t)
		_, e := fails(t, dispatcher(t, Config{Proxy: "http://user:" + secretProxy + "@" + gone}), loaded(address))
		if e.Class != Network || !strings.Contains(e.Msg, "the proxy "+gone+" refused the connection") {
			t.Errorf("%s: got %+v", address, e)
		}
	}
}
