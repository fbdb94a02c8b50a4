package retry

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

var (
	errSecondConnection = errors.New("the request was already written to another connection")
	errClosedWhileIdle  = errors.New("the kept-alive connection was closed before the request was written")
	errSpeaksFirst      = errors.New("the server spoke before the request was written")
)

// ErrWithheld is in the error of a Post that Request.May has kept from being written, or from being written to its end.
var ErrWithheld = errors.New("the request was withheld")

// An exchange is what one Post does on the wire. It knows, from the connections themselves, whether a byte of the request
// may have left, which is more than the HTTP client tells; and it lets the request be written to one connection only.
//
// The second is why Go's transport cannot repeat a request that an OA may have read. The transport does so by itself,
// after a kept-alive connection broke, for each request without a body (GET, or any with an Idempotency-Key header). A
// repeat needs another connection, and that refuses the first byte.
type exchange struct {
	host    string // host:port, for messages
	connect time.Duration
	total   time.Duration
	may     func() error // Request.May

	mu    sync.Mutex // guards what follows: the connection's reader and writer are goroutines of the transport
	on    *conn      // the connection that took the first byte
	sent  int64      // bytes of the request that the connection took
	fault error      // the first thing that went wrong on the last connection
	ready bool       // a connection was given to this exchange
}

type exchangeKey struct{}

// exchangeOf finds the exchange that a request or a dial belongs to. It travels in the context because that is all that
// the hooks of net/http and retryablehttp are given.
func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// join makes the context that the request is sent with.
func (x *exchange) join(ctx context.Context) context.Context {
	ctx = context.WithValue(ctx, exchangeKey{}, x)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: x.take})
}

// take joins a connection to the exchange, before the transport writes to it.
func (x *exchange) take(info httptrace.GotConnInfo) {
	x.mu.Lock()
	x.ready = true
	if x.sent == 0 {
		x.fault = nil
	}
	x.mu.Unlock()
	c, ok := info.Conn.(*conn)
	if !ok {
		return
	}
	c.reused = info.Reused
	c.serves.Store(x) // before broke is read, as Read does it the other way round: one of the two sees the other
	if err := c.broke.Load(); err != nil {
		x.failed(c, *err)
	}
}

// end parts the connection from the exchange.
func (x *exchange) end() {
	x.mu.Lock()
	c := x.on
	x.mu.Unlock()
	if c != nil {
		c.serves.CompareAndSwap(x, nil)
	}
}

// unsent tells whether certainly no byte of the request has left.
func (x *exchange) unsent() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.sent == 0
}

// repeatable tells whether the request did not leave, for a reason that may be over in a moment.
func (x *exchange) repeatable(err error) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.sent == 0 && !isRemoteAlert(x.fault) && !errors.Is(x.fault, ErrWithheld) && passing(err)
}

// freshTLS tells whether the request was the first on a connection with TLS.
func (x *exchange) freshTLS() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.on != nil && !x.on.reused && x.on.Conn != x.on.raw
}

// enter is asked before each write. It refuses all connections but the one that took the first byte.
func (x *exchange) enter(c *conn) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.on == c {
		return x.ask()
	}
	if x.on != nil {
		return errSecondConnection
	}
	err := c.usable()
	if err == nil {
		err = x.ask()
	}
	if err != nil {
		x.blame(err)
		return err
	}
	x.on = c
	return nil
}

// ask asks the caller whether the request may still leave: this process may have stood still since it was made.
func (x *exchange) ask() error {
	if x.may == nil {
		return nil
	}
	if err := x.may(); err != nil {
		return errors.Join(ErrWithheld, err)
	}
	return nil
}

// withheld notes that the caller kept the rest of a request back, whatever else went wrong with its connection.
func (x *exchange) withheld(err error) {
	if !errors.Is(err, ErrWithheld) {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.fault = err
}

// wrote counts what a write took. A connection that took nothing at all leaves the exchange free for another.
func (x *exchange) wrote(n int, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sent += int64(n)
	if err == nil {
		return
	}
	if x.sent == 0 {
		x.on = nil
	}
	x.blame(err)
}

// holds tells whether the connection has taken a byte of the exchange's request; no exchange holds none.
func (x *exchange) holds(c *conn) bool {
	if x == nil {
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.on == c
}

// failed notes how reading from the connection ended. Before the first byte that counts too: in TLS 1.3 the OA refuses our
// certificate when the handshake is over for us.
func (x *exchange) failed(c *conn, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.on == c || x.on == nil {
		x.blame(err)
	}
}

// blame keeps the first fault; that we closed the connection ourselves is none.
func (x *exchange) blame(err error) {
	if x.fault == nil && !errors.Is(err, net.ErrClosed) {
		x.fault = err
	}
}

// A conn is a connection to an OA as the transport sees it, above TLS: what is counted here are the request's own bytes.
type conn struct {
	net.Conn
	raw    net.Conn // the TCP connection below
	serves atomic.Pointer[exchange]
	reused bool                  // set before serves is, read after
	spoke  atomic.Bool           // bytes came that no request had asked for
	broke  atomic.Pointer[error] // how reading from it ended
}

// Write writes for the exchange that holds the connection, or refuses without writing a byte.
func (c *conn) Write(p []byte) (int, error) {
	x := c.serves.Load()
	if x == nil {
		return c.Conn.Write(p)
	}
	if err := x.enter(c); err != nil {
		x.withheld(err)
		return 0, err
	}
	n, err := c.Conn.Write(p)
	x.wrote(n, err)
	return n, err
}

// Read reads for the exchange that holds the connection. What comes while none does is not asked for and may not be taken
// for the next one's answer: the connection ends there.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		broke := err // of its own, so that err costs no allocation where all is well
		c.broke.Store(&broke)
	}
	x := c.serves.Load()
	if n > 0 && !x.holds(c) {
		c.spoke.Store(true)
		return 0, errSpeaksFirst
	}
	if err != nil && x != nil {
		x.failed(c, err)
	}
	return n, err
}

// peeked is what the other side has done on a connection that nothing was asked on.
type peeked uint8

const (
	peerQuiet  peeked = iota
	peerClosed        // it closed the connection
	peerSpoke         // it sent bytes
)

// usable looks, just before the first byte of a request, whether the OA has closed the connection, or spoken, while nobody
// had asked it anything. Below TLS bytes are the protocol's own affair.
func (c *conn) usable() error {
	seen := peek(c.raw)
	if c.spoke.Load() {
		seen = peerSpoke
	} else if seen == peerSpoke && c.Conn != c.raw {
		seen = peerQuiet
	}
	switch {
	case seen == peerQuiet:
		return nil
	case seen == peerSpoke && !c.reused:
		return errSpeaksFirst
	}
	return errClosedWhileIdle
}

// brokenOff tells whether an error means that the other side, or the way to it, ended the connection.
func brokenOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isReset(err)
}
