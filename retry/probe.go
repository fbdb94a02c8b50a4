package retry

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"
)

// A ProbeConfig says which address is looked at, and how a connection to it is made.
type ProbeConfig struct {
	Host   string // host:port
	TLS    bool   // https
	Config TLSConfig
	Proxy  string  // as Config.Proxy
	Egress *Egress // nil: the default rules
	Limit  time.Duration
}

// A Probed is what a look at an address has found.
type Probed struct {
	Peer    string    // the address that answered; behind a proxy, the proxy's
	Reached bool      // with TLS: what is wrong, is so with the handshake
	Expires time.Time // of the certificate; zero without TLS
}

// Probe connects to an address as a Dispatcher would, and sends nothing: names, network, egress rules, proxy and certificate are looked at.
// What a proxy is to ask for without TLS cannot be looked at before a request goes: then the proxy alone is.
func Probe(ctx context.Context, c ProbeConfig) (p Probed, err error) {
	e := c.Egress
	if e == nil {
		e = defaultEgress()
	}
	if c.Limit <= 0 {
		c.Limit = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, c.Limit)
	defer cancel()
	d := &dialer{net: net.Dialer{Control: e.Control}, limit: c.Limit}
	if d.proxy, err = parseProxy(c.Proxy); err != nil {
		return p, err
	}
	first := c.Host
	if target, perr := netip.ParseAddrPort(c.Host); perr == nil {
		if err := e.Check(target); err != nil { // also what a proxy would be asked for
			return p, err
		}
	}
	if d.proxy != nil {
		first = d.proxy.Host
	}
	raw, err := d.open(ctx, first)
	if err != nil {
		return p, err
	}
	defer func() { _ = raw.Close() }()
	p.Peer = raw.RemoteAddr().String()
	if !c.TLS {
		return p, nil
	}
	if d.proxy != nil {
		if err := d.tunnel(ctx, raw, c.Host); err != nil {
			return p, err
		}
	}
	p.Reached = true
	settings, err := c.Config.build()
	if err != nil {
		return p, err
	}
	if settings.ServerName, _, err = net.SplitHostPort(c.Host); err != nil {
		return p, err
	}
	secure := tls.Client(raw, settings)
	if err := secure.HandshakeContext(ctx); err != nil {
		return p, err
	}
	chain := secure.ConnectionState().PeerCertificates
	if len(chain) == 0 {
		return p, errors.New("the server shows no certificate")
	}
	p.Expires = chain[0].NotAfter
	return p, nil
}
