package retry

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A dialer opens connections to the hosts of one OA, with name, TCP, proxy and TLS in one time limit. It does the proxy's
// CONNECT and the handshake itself, so that each step's failure is known as such.
type dialer struct {
	net   net.Dialer
	limit time.Duration
	tls   *tls.Config
	proxy *url.URL // nil: none
}

// A step is how far connecting got.
type step string

const (
	stepDial      step = "dial"
	stepProxy     step = "proxy"
	stepHandshake step = "handshake"
)

// A connectError says at which step, and with whom, connecting failed. Nothing of the request was sent.
type connectError struct {
	step   step
	with   string // host:port
	proxy  bool   // with is the proxy
	status int    // of the proxy's answer, if it gave one
	err    error
}

func (e *connectError) Error() string { return string(e.step) + " " + e.with + ": " + e.err.Error() }

func (e *connectError) Unwrap() error { return e.err }

// proxyFor names the proxy for plain requests only: for TLS secure goes through it.
func (d *dialer) proxyFor(r *http.Request) (*url.URL, error) {
	if d.proxy == nil || r.URL.Scheme != "http" {
		return nil, nil //nolint:nilnil // what http.Transport asks for
	}
	return d.proxy, nil
}

// plain opens a connection without TLS; addr may be the proxy's.
func (d *dialer) plain(ctx context.Context, _, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.limit)
	defer cancel()
	raw, err := d.open(ctx, addr)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: raw, raw: raw}, nil
}

// secure opens a connection with TLS, through the proxy if there is one.
func (d *dialer) secure(ctx context.Context, _, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.limit)
	defer cancel()
	first := addr
	if d.proxy != nil {
		first = d.proxy.Host
	}
	raw, err := d.open(ctx, first)
	if err != nil {
		return nil, err
	}
	if d.proxy != nil {
		if err := d.tunnel(ctx, raw, addr); err != nil {
			return nil, errors.Join(err, closing(raw))
		}
	}
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, errors.Join(&connectError{step: stepHandshake, with: addr, err: err}, closing(raw))
	}
	settings := d.tls.Clone()
	settings.ServerName = name
	secured := tls.Client(raw, settings)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(&connectError{step: stepHandshake, with: addr, err: err}, closing(raw))
	}
	return &conn{Conn: secured, raw: raw}, nil
}

// open opens the TCP connection. It refuses what belongs to a request of which a byte has left.
func (d *dialer) open(ctx context.Context, addr string) (net.Conn, error) {
	if x := exchangeOf(ctx); x != nil && !x.unsent() {
		return nil, errSecondConnection
	}
	raw, err := d.net.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, &connectError{step: stepDial, with: addr, proxy: d.proxy != nil, err: err}
	}
	return raw, nil
}

// tunnel asks the proxy to connect to addr.
func (d *dialer) tunnel(ctx context.Context, raw net.Conn, addr string) error {
	failed := func(status int, err error) error {
		return &connectError{step: stepProxy, with: d.proxy.Host, proxy: true, status: status, err: err}
	}
	if until, ok := ctx.Deadline(); ok {
		if err := raw.SetDeadline(until); err != nil {
			return failed(0, err)
		}
	}
	ask := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{}}
	if u := d.proxy.User; u != nil {
		password, _ := u.Password()
		ask.Header.Set("Proxy-Authorization", basic(u.Username(), password))
	}
	if err := ask.Write(raw); err != nil {
		return failed(0, err)
	}
	// What is buffered beyond the head is nothing: a TLS server waits for the client to speak.
	res, err := http.ReadResponse(bufio.NewReader(io.LimitReader(raw, maxAnswerHead)), ask) //nolint:bodyclose // the connection goes on as the tunnel, or is closed whole
	if err != nil {
		return failed(0, err)
	}
	if res.StatusCode != http.StatusOK {
		return failed(res.StatusCode, fmt.Errorf("the proxy answered %d", res.StatusCode))
	}
	return raw.SetDeadline(time.Time{})
}

// parseProxy reads Config.Proxy. Its errors do not repeat it, as it may hold a password.
func parseProxy(s string) (*url.URL, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // no proxy is no error
	}
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Hostname() == "":
		return nil, errors.New("proxy: not an address; write http://host:port or http://user:password@host:port")
	case u.Scheme != "http":
		return nil, errors.New("proxy: only proxies spoken to in plain http are supported; write http://host:port")
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "":
		return nil, errors.New("proxy: has a path, query or fragment; write http://host:port alone")
	}
	return &url.URL{Scheme: "http", User: u.User, Host: hostPort(u)}, nil
}

// hostPort is the host of an address with its port, also where the scheme implies it.
func hostPort(u *url.URL) string {
	return net.JoinHostPort(u.Hostname(), strconv.Itoa(int(portOf(u))))
}

func portOf(u *url.URL) uint16 {
	if port, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		return uint16(port)
	}
	if u.Scheme == "https" {
		return 443
	}
	return 80
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// closing closes what could not be used; that it was closed already says nothing new.
func closing(c net.Conn) error {
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
