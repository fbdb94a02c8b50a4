package retry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// The defaults of Config, and the limits that no setting changes.
const (
	DefaultConnect     = 15 * time.Second
	DefaultTotal       = 60 * time.Second
	DefaultConcurrency = 8
	DefaultUserAgent   = "todosync"

	// MaxAnswer is how much of an answer is read, in bytes, counted after decompression.
	MaxAnswer = 1 << 20

	maxRepeats = 2 // of what certainly was not sent, within one attempt

	// Short, because firewalls between a worker and an OA forget idle connections without a word to either side, and
	// because a connection costs memory on both.
	idleTimeout   = 30 * time.Second
	maxAnswerHead = 256 << 10
)

// A Config says how one connection's OA is reached. The zero of each member means its default.
type Config struct {
	Connect     time.Duration // for name, TCP, proxy and TLS together; DefaultConnect
	Total       time.Duration // for one attempt, to the last byte of the answer; DefaultTotal
	Concurrency int           // connections to one host, open or idle, never more; DefaultConcurrency
	TLS         TLSConfig     // the zero value checks certificates against the system's authorities
	Proxy       string        // http://user:password@host:port; none by default
	Egress      *Egress       // which addresses may be dialled; by default the built-in rules alone
	UserAgent   string        // where a request names none; DefaultUserAgent

	resolver *net.Resolver // nil: the system's; tests have their own
}

// A Dispatcher sends requests to the OA of one connection. It is safe for concurrent use and holds no goroutine while
// it has no open connection.
type Dispatcher struct {
	client    *retryablehttp.Client
	transport *http.Transport
	proxy     *url.URL // nil: none
	egress    *Egress
	total     time.Duration
	connect   time.Duration
	userAgent string
}

// A Header is one header line. Its name goes out exactly as written: some OAs compare names letter by letter.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A Request is one call to an OA, complete and with its secrets filled in.
type Request struct {
	Method  string
	Address string
	Headers []Header
	Body    []byte
	// May is asked immediately before each write of the request to the OA; an error keeps what is left of it from being written. It must
	// be fast. Nil: all may be written.
	May func() error
}

// A Receipt is what came of one attempt. It is filled as far as the attempt got, also beside an error.
type Receipt struct {
	Started  time.Time
	Duration time.Duration
	Status   int      // 0: no answer
	Headers  []Header // of the answer, sorted by name
	Body     []byte   // of the answer as received, 1 MiB at most
	Cut      bool     // the answer was longer than what was read
}

// New makes the dispatcher of one connection. All that is wrong with the settings comes back at once, each with the
// name that it has in a connection file. Certificates are read here, once.
func New(c Config) (*Dispatcher, error) {
	tlsConfig, err := c.TLS.build()
	problems := []error{err}
	proxy, err := parseProxy(c.Proxy)
	problems = append(problems, err)
	if c.Connect < 0 {
		problems = append(problems, fmt.Errorf("timeouts.connect: %s is negative; give a time such as 15s", c.Connect))
	}
	if c.Total < 0 {
		problems = append(problems, fmt.Errorf("timeouts.total: %s is negative; give a time such as 60s", c.Total))
	}
	if c.Concurrency < 0 {
		problems = append(problems, fmt.Errorf("limits.concurrency: %d is negative; give 1 or more", c.Concurrency))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if c.Connect == 0 {
		c.Connect = DefaultConnect
	}
	if c.Total == 0 {
		c.Total = DefaultTotal
	}
	if c.Concurrency == 0 {
		c.Concurrency = DefaultConcurrency
	}
	if c.UserAgent == "" {
		c.UserAgent = DefaultUserAgent
	}
	if c.Egress == nil {
		c.Egress = defaultEgress()
	}
	d := &Dispatcher{
		proxy: proxy, egress: c.Egress, total: c.Total, connect: c.Connect, userAgent: c.UserAgent,
	}
	d.transport = newTransport(c, &dialer{
		net:   net.Dialer{Control: c.Egress.Control, Resolver: c.resolver},
		limit: c.Connect,
		tls:   tlsConfig,
		proxy: proxy,
	})
	d.client = &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport:     d.transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryMax:     maxRepeats,
		CheckRetry:   certainlyNotSent,
		Backoff:      pause,
		PrepareRetry: func(*http.Request) error { d.transport.CloseIdleConnections(); return nil },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	return d, nil
}

// newTransport holds as many connections to a host as requests may be under way, and not one more: a spare one would
// only be opened when the OA is already slow. What comes on top of the limit (a try from the console) waits for a free
// connection within its own time.
func newTransport(c Config, dial *dialer) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  dial.proxyFor,
		DialContext:            dial.plain,
		DialTLSContext:         dial.secure,
		MaxConnsPerHost:        c.Concurrency,
		MaxIdleConnsPerHost:    c.Concurrency,
		IdleConnTimeout:        idleTimeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxAnswerHead,
		DisableCompression:     true, // readAnswer limits what a compressed answer grows to
		Protocols:              protocols,
	}
}

// Post sends one request and reads its answer. The error is nil after a 2xx answer, else always an *Error. A request
// with no method is a POST. It is sent once: it is repeated, at most twice and within Config.Total, only while not one
// of its bytes was written.
func (d *Dispatcher) Post(ctx context.Context, r Request) (Receipt, error) {
	receipt := Receipt{Started: time.Now()}
	failure := d.post(ctx, r, &receipt)
	receipt.Duration = time.Since(receipt.Started)
	if failure != nil {
		return receipt, failure
	}
	return receipt, nil
}

func (d *Dispatcher) post(ctx context.Context, r Request, receipt *Receipt) *Error {
	timed, cancel := context.WithTimeout(ctx, d.total)
	defer cancel()
	x := &exchange{connect: d.connect, total: d.total, may: r.May}
	req, failure := newRequest(timed, x, r, d.userAgent)
	if failure != nil {
		return failure
	}
	if failure := d.reachable(x.host, req.URL); failure != nil {
		return failure
	}
	defer x.end()
	res, err := d.client.Do(req)
	if err != nil {
		return x.unanswered(endingOf(ctx, timed), err)
	}
	if err := receipt.read(res, req.Method); err != nil {
		return x.broken(endingOf(ctx, timed), receipt, err)
	}
	return judge(x.host, res, receipt)
}

// reachable checks a literal address that a proxy would dial for us: what this process dials is checked when it dials.
func (d *Dispatcher) reachable(host string, u *url.URL) *Error {
	if d.proxy == nil {
		return nil
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return nil
	}
	if err := d.egress.Check(netip.AddrPortFrom(addr, portOf(u))); err != nil {
		return notAllowed(host, err)
	}
	return nil
}

// Close closes the idle connections. What is under way goes on, and a later Post opens new ones.
func (d *Dispatcher) Close() { d.transport.CloseIdleConnections() }

// certainlyNotSent is the whole rule of repeating within an attempt. Time that ran out is not repeated either: a host
// that swallows packets would hold the attempt's place for three times as long.
func certainlyNotSent(ctx context.Context, _ *http.Response, err error) (bool, error) {
	x := exchangeOf(ctx)
	return err != nil && x != nil && ctx.Err() == nil && x.repeatable(err), nil
}

// pause is the wait before a repeat: none before the first, since most often an idle connection was just closed.
func pause(_, _ time.Duration, repeat int, _ *http.Response) time.Duration {
	if repeat == 0 {
		return 0
	}
	return 250 * time.Millisecond
}
