package retry

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A certificate for tests, with the files it needs.
type pair struct {
	tls.Certificate
	pool          *x509.CertPool
	cert, keyFile string
}

func certificate(t *testing.T, change func(c *x509.Certificate)) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return certify(t, key, &key.PublicKey, change)
}

func certify(t *testing.T, key, public any, change func(c *x509.Certificate)) pair {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "oa"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign | x509.KeyUsageKeyEncipherment,
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p := pair{Certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool: x509.NewCertPool()}
	p.pool.AddCert(leaf)
	p.cert, p.keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for file, block := range map[string]*pem.Block{
		p.cert: {Type: "CERTIFICATE", Bytes: der}, p.keyFile: {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func serveTLS(t *testing.T, c *tls.Config) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "safe") }))
	s.TLS = c
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func TestTLS(t *testing.T) {
	t.Parallel()
	good := certificate(t, nil)
	other := certificate(t, nil)
	expired := certificate(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	wrong := certificate(t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.example"} })
	nameless := certificate(t, func(c *x509.Certificate) { c.IPAddresses = nil })
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	old := certify(t, rsaKey, &rsaKey.PublicKey, nil)
	with := func(p pair) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{p.Certificate}} }
	wants := &tls.Config{Certificates: []tls.Certificate{good.Certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: other.pool}
	wants12 := wants.Clone()
	wants12.MaxVersion = tls.VersionTLS12
	tls10 := &tls.Config{Certificates: []tls.Certificate{old.Certificate}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10} //nolint:gosec // an old OA
	oldKeys := &tls.Config{                                                                                                            //nolint:gosec // an old OA
		Certificates: []tls.Certificate{old.Certificate}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA},
	}
	own := TLSConfig{CAFile: good.cert, CertFile: other.cert, KeyFile: other.keyFile}
	for name, test := range map[string]struct {
		server *tls.Config
		client TLSConfig
		want   string // in the message; none: it works
	}{
		"authority":                    {with(good), TLSConfig{CAFile: good.cert}, ""},
		"unknown authority":            {with(good), TLSConfig{}, "an authority that is not known here; give that authority as tls.caFile, or trust this one key: tls.pin " + pinOf(good.Leaf)},
		"other authority":              {with(good), TLSConfig{CAFile: other.cert}, "tls.caFile"},
		"wrong host":                   {with(wrong), TLSConfig{CAFile: wrong.cert}, "has the names other.example"},
		"no name":                      {with(nameless), TLSConfig{CAFile: nameless.cert}, "no name that is looked at (SAN); use the address that it was made for, or trust this one key: tls.pin " + pinOf(nameless.Leaf)},
		"expired":                      {with(expired), TLSConfig{CAFile: expired.cert}, "so not now; have it renewed"},
		"no check":                     {with(expired), TLSConfig{InsecureSkipVerify: true}, ""},
		"pin":                          {with(nameless), TLSConfig{Pin: pinOf(nameless.Leaf)}, ""},
		"two pins":                     {with(nameless), TLSConfig{Pin: pinOf(good.Leaf) + ", " + pinOf(nameless.Leaf)}, ""},
		"wrong pin":                    {with(nameless), TLSConfig{Pin: pinOf(good.Leaf)}, "not the pinned one: its key is " + pinOf(nameless.Leaf)},
		"wrong pin, no check":          {with(good), TLSConfig{Pin: pinOf(other.Leaf), InsecureSkipVerify: true}, "not the pinned one"},
		"pin of another shown":         {&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{other.Certificate.Certificate[0], good.Certificate.Certificate[0]}, PrivateKey: other.PrivateKey}}}, TLSConfig{Pin: pinOf(good.Leaf)}, "not the pinned one"},
		"pin and authority":            {with(nameless), TLSConfig{Pin: pinOf(nameless.Leaf), CAFile: nameless.cert}, ""},
		"pin and other authority":      {with(good), TLSConfig{Pin: pinOf(good.Leaf), CAFile: other.cert}, "tls.caFile"},
		"own certificate":              {wants, own, ""},
		"own certificate, TLS 1.2":     {wants12, own, ""},
		"no own certificate":           {wants, TLSConfig{CAFile: good.cert}, "wants a certificate of ours (tls.certFile)"},
		"no own certificate, TLS 1.2":  {wants12, TLSConfig{CAFile: good.cert}, "wants a certificate of ours (tls.certFile)"},
		"TLS 1.0":                      {tls10, TLSConfig{CAFile: old.cert, MinVersion: "1.0"}, ""},
		"TLS 1.0 and we want 1.2":      {tls10, TLSConfig{CAFile: old.cert}, "tls.minVersion"},
		"RSA key exchange":             {oldKeys, TLSConfig{CAFile: old.cert, LegacyCiphers: true}, ""},
		"RSA key exchange, not wanted": {oldKeys, TLSConfig{CAFile: old.cert}, "tls.legacyCiphers"},
		"we want TLS 1.3":              {wants12, TLSConfig{CAFile: good.cert, MinVersion: "1.3"}, "refused the TLS connection"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := dispatcher(t, Config{TLS: test.client})
			receipt, err := d.Post(t.Context(), loaded(serveTLS(t, test.server)))
			if test.want == "" {
				if err != nil || string(receipt.Body) != "safe" {
					t.Errorf("got %q, %v", receipt.Body, err)
				}
				return
			}
			e := asError(t, err)
			lost := name == "no own certificate" && e.Class == Network && e.Unanswered // the alert may be lost with the connection
			if (e.Class != TLS && !lost) || !strings.Contains(e.Msg, test.want) {
				t.Errorf("got %+v, want %q", e, test.want)
			}
		})
	}
}

func TestHandshakeBreaks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		play  func(c *rawConn)
		class Class
		want  string
		tries int64
	}{
		"no TLS": {func(c *rawConn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad\r\n\r\n"); c.hang() }, TLS, "does not speak TLS", 1},
		"closed": {func(c *rawConn) { _, _ = c.in.ReadByte() }, Network, "during the TLS handshake", 3},
		"reset":  {func(c *rawConn) { _, _ = c.in.ReadByte(); c.reset() }, Network, "during the TLS handshake", 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveRaw(t, func(_ *rawServer, _ int64, c *rawConn) { test.play(c) })
			_, e := fails(t, dispatcher(t, Config{}), loaded(strings.Replace(s.address, "http:", "https:", 1)))
			if e.Class != test.class || e.Unanswered || !strings.Contains(e.Msg, test.want) {
				t.Errorf("got %+v", e)
			}
			if n := s.connections.Load(); n != test.tries {
				t.Errorf("%d connections, want %d", n, test.tries)
			}
		})
	}
}

// TestKeptTLSConnectionBreaks is TestKeptConnectionBreaks with TLS between.
func TestKeptTLSConnectionBreaks(t *testing.T) {
	t.Parallel()
	good := certificate(t, nil)
	var arrived atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request) {
		if arrived.Add(1) > 1 {
			panic(http.ErrAbortHandler)
		}
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{good.Certificate}}
	s.StartTLS()
	t.Cleanup(s.Close)
	d := dispatcher(t, Config{TLS: TLSConfig{CAFile: good.cert}})
	r := Request{Method: "GET", Address: s.URL}
	if _, err := d.Post(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, e := fails(t, d, r); e.Class != Network || !e.Unanswered || arrived.Load() != 2 {
		t.Errorf("got %+v after %d arrivals", e, arrived.Load())
	}
}
