package retry

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// A ProbeConfig says which address is looked at, and how a connection to it is made.
type ProbeConfig struct {
	Host   string // host:port
	TLS    bool   // https
	Config TLSConfig
	Egress *Egress // nil: the default rules
	Limit  time.Duration
}

// A Probed is what a look at an address has found.
type Probed struct {
	Peer    string    // the address that answered
	Expires time.Time // of the certificate; zero without TLS
}

// Probe connects to an address as a Dispatcher would, and sends nothing: names, network, egress rules and certificate are looked at.
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
	conn, err := (&net.Dialer{Control: e.Control}).DialContext(ctx, "tcp", c.Host)
	if err != nil {
		return p, err
	}
	defer func() { _ = conn.Close() }()
	p.Peer = conn.RemoteAddr().String()
	if !c.TLS {
		return p, nil
	}
	settings, err := c.Config.build()
	if err != nil {
		return p, err
	}
	if settings.ServerName, _, err = net.SplitHostPort(c.Host); err != nil {
		return p, err
	}
	secure := tls.Client(conn, settings)
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
