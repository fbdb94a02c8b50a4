package retry

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
)

// A TLSConfig says how an OA's certificate is checked and what certificate is shown to it. The zero value checks against
// the system's authorities and speaks TLS 1.2 or newer.
type TLSConfig struct {
	CAFile             string // authorities in PEM; they replace the system's
	CertFile, KeyFile  string // our own certificate and its key, both in PEM, or neither
	MinVersion         string // 1.0, 1.1, 1.2 or 1.3; 1.2 by default
	InsecureSkipVerify bool   // no check of the certificate at all, unless there is a pin
	LegacyCiphers      bool   // RSA key exchange, 3DES and RC4 too

	// Pin is sha256/BASE64 of the public key (SubjectPublicKeyInfo) of the OA's own certificate, several with commas. A
	// pinned certificate needs no name, no authority and no valid date; with a CAFile it must come from that too.
	Pin string
}

const pinPrefix = "sha256/"

// build reads the files and joins all that is wrong.
func (c TLSConfig) build() (*tls.Config, error) {
	settings := &tls.Config{InsecureSkipVerify: c.InsecureSkipVerify} //nolint:gosec // a setting of the integrator
	var problems []error
	version, err := tlsVersion(c.MinVersion)
	problems = append(problems, err)
	settings.MinVersion = version
	if c.LegacyCiphers {
		for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
			settings.CipherSuites = append(settings.CipherSuites, suite.ID)
		}
	}
	if c.CAFile != "" {
		pool, err := readAuthorities(c.CAFile)
		problems = append(problems, err)
		settings.RootCAs = pool
	}
	if c.CertFile != "" || c.KeyFile != "" {
		own, err := c.ownCertificate()
		problems = append(problems, err)
		settings.Certificates = []tls.Certificate{own}
		settings.Renegotiation = tls.RenegotiateOnceAsClient // how IIS asks for a certificate
	}
	if c.Pin != "" {
		pins, err := parsePins(c.Pin)
		problems = append(problems, err)
		settings.InsecureSkipVerify = true
		settings.VerifyConnection = func(s tls.ConnectionState) error {
			return checkPin(s.PeerCertificates, pins, settings.RootCAs)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return settings, nil
}

func tlsVersion(s string) (uint16, error) {
	switch s {
	case "1.0":
		return tls.VersionTLS10, nil
	case "1.1":
		return tls.VersionTLS11, nil
	case "", "1.2":
		return tls.VersionTLS12, nil
	case "1.3":
		return tls.VersionTLS13, nil
	}
	return 0, fmt.Errorf("tls.minVersion: %q is no TLS version; write 1.0, 1.1, 1.2 or 1.3", s)
}

func readAuthorities(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("tls.caFile: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls.caFile: %s holds no certificate in PEM form; convert it with openssl x509", file)
	}
	return pool, nil
}

func (c TLSConfig) ownCertificate() (tls.Certificate, error) {
	if c.CertFile == "" {
		return tls.Certificate{}, errors.New("tls.certFile: missing beside tls.keyFile; give both or neither")
	}
	if c.KeyFile == "" {
		return tls.Certificate{}, errors.New("tls.keyFile: missing beside tls.certFile; give both or neither")
	}
	own, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("tls.certFile, tls.keyFile: %w", err)
	}
	return own, nil
}

func parsePins(s string) ([][]byte, error) {
	var pins [][]byte
	for pin := range strings.SplitSeq(s, ",") {
		encoded, found := strings.CutPrefix(strings.TrimSpace(pin), pinPrefix)
		sum, err := base64.StdEncoding.DecodeString(encoded)
		if !found || err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf("tls.pin: %q is not sha256/ and the 44 characters of a SHA-256 sum in Base64", pin)
		}
		pins = append(pins, sum)
	}
	return pins, nil
}

// A pinError says which key the OA showed instead of the pinned one.
type pinError struct{ shown string }

func (e *pinError) Error() string { return "the key is " + e.shown + ", which is not pinned" }

// checkPin compares the key of the OA's own certificate. The rest of what it shows proves nothing: anyone may append the
// certificate of an authority.
func checkPin(shown []*x509.Certificate, pins [][]byte, roots *x509.CertPool) error {
	if len(shown) == 0 {
		return errors.New("no certificate was shown")
	}
	sum := sha256.Sum256(shown[0].RawSubjectPublicKeyInfo)
	if !slices.ContainsFunc(pins, func(pin []byte) bool { return bytes.Equal(pin, sum[:]) }) {
		return &pinError{shown: pinOf(shown[0])}
	}
	if roots == nil {
		return nil
	}
	between := x509.NewCertPool()
	for _, certificate := range shown[1:] {
		between.AddCert(certificate)
	}
	_, err := shown[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	return err
}

// pinOf is how the certificate's key is written as a pin.
func pinOf(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return pinPrefix + base64.StdEncoding.EncodeToString(sum[:])
}

// isRemoteAlert tells whether the other side ended TLS with an alert, as it does when it dislikes our certificate.
func isRemoteAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// tlsMessage says what is wrong with a handshake or a certificate, and which setting helps.
func tlsMessage(host string, err error) string {
	const older = "; an old OA may need tls.minVersion \"1.0\" or tls.legacyCiphers"
	pin := ""
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(e.UnverifiedCertificates) > 0 {
		pin = ", or trust this one key: tls.pin " + pinOf(e.UnverifiedCertificates[0])
	}
	if e, ok := errors.AsType[*pinError](err); ok {
		return "the certificate of " + host + " is not the pinned one: its key is " + e.shown + " (tls.pin)"
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		names := "no name that is looked at (SAN)"
		if e.Certificate != nil && len(e.Certificate.DNSNames) > 0 {
			names = "the names " + strings.Join(e.Certificate.DNSNames[:min(5, len(e.Certificate.DNSNames))], ", ")
		}
		return "the certificate of " + host + " has " + names + "; use the address that it was made for" + pin
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the certificate of " + host + " comes from an authority that is not known here; give that authority as tls.caFile" + pin
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if e.Reason == x509.Expired && e.Cert != nil {
			return "the certificate of " + host + " is valid from " + e.Cert.NotBefore.UTC().Format("2006-01-02 15:04") +
				" to " + e.Cert.NotAfter.UTC().Format("2006-01-02 15:04") + " UTC, so not now; have it renewed" + pin
		}
		return "the certificate of " + host + " is not valid: " + e.Error()
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return host + " does not speak TLS; does the address begin with http:// or have another port?"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return host + " refused the TLS connection (" + op.Err.Error() + ")" + older + ", or wants a certificate of ours (tls.certFile)"
	}
	return "TLS with " + host + " did not come about: " + err.Error() + older
}
