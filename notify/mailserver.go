package notify

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A TLSUse says how a connection to a mail server is encrypted.
type TLSUse string

// The ways to encrypt. On smtp:// it is required by default, but where the server is this machine: there it is used if offered.
const (
	TLSFromStart TLSUse = "smtps"    // smtps://: from the first byte
	TLSRequired  TLSUse = "required" // STARTTLS, or nothing is sent
	TLSOffered   TLSUse = "offered"  // STARTTLS where the server has it
	TLSOff       TLSUse = "off"
)

// A MailServer takes mails for all tenants. It is made by ParseMail and does not change.
type MailServer struct {
	host     string
	port     uint16
	tls      TLSUse
	roots    *x509.CertPool // nil: the system's
	user     string
	password string
	from     mail.Address
	timeout  time.Duration // for one mail, from dialling to the answer
}

// mailTimeout is the longest that one mail takes: servers may take their time to scan one, but a channel is tried again in vain less often
// than it is in the way of others.
const mailTimeout = 30 * time.Second

// ParseMail reads the address of a mail server: smtp://user@host:587 or smtps://user@host:465, with ?tls=off, ?tls=offered or ?tls=required
// and ?ca=FILE where the defaults do not fit. from is the sender; without one it is the user, or todosync@ this machine. The password is
// never taken to a server in the clear, unless that is this machine.
func ParseMail(address, from, password string) (*MailServer, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		// The address itself is not told: it may hold a password.
		return nil, errors.New("want an address such as smtp://user@host:587 or smtps://user@host:465")
	}
	s := &MailServer{host: u.Hostname(), user: u.User.Username(), timeout: mailTimeout}
	inside, given := u.User.Password()
	if given && password != "" {
		return nil, errors.New("the password is given twice")
	}
	s.password = password + inside
	var problems []error
	problems = append(problems, s.readPort(u), s.readQuery(u), s.readFrom(from))
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if s.user != "" && s.password == "" {
		return nil, fmt.Errorf("there is no password for %s: give one in a file or in the environment, or leave the user out", s.user)
	}
	if s.password != "" && s.tls == TLSOff && !s.local() {
		return nil, errors.New("tls=off would show the password to everybody on the way: take the user out, or tls=off")
	}
	return s, nil
}

func (s *MailServer) readPort(u *url.URL) error {
	s.port = 587
	if u.Scheme == "smtps" {
		s.port = 465
	}
	if u.Port() == "" {
		return nil
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || n == 0 {
		return errors.New("the port is no number from 1 to 65535")
	}
	s.port = uint16(n)
	return nil
}

func (s *MailServer) readQuery(u *url.URL) error {
	s.tls = TLSRequired
	switch {
	case u.Scheme == "smtps":
		s.tls = TLSFromStart
	case s.local():
		s.tls = TLSOffered
	}
	for name, values := range u.Query() {
		switch name {
		case "tls":
			use := TLSUse(values[0])
			if u.Scheme == "smtps" || !slices.Contains([]TLSUse{TLSRequired, TLSOffered, TLSOff}, use) {
				return errors.New("?tls= is required, offered or off, for smtp:// only")
			}
			s.tls = use
		case "ca":
			pem, err := os.ReadFile(values[0])
			if err != nil {
				return fmt.Errorf("?ca=: %s cannot be read", values[0])
			}
			s.roots = x509.NewCertPool()
			if !s.roots.AppendCertsFromPEM(pem) {
				return fmt.Errorf("?ca=: there is no certificate in %s", values[0])
			}
		default:
			return fmt.Errorf("?%s= is not known; there are tls and ca", clean(name, codeMost))
		}
	}
	return nil
}

func (s *MailServer) readFrom(from string) error {
	if from == "" && strings.Contains(s.user, "@") {
		from = s.user
	}
	if from == "" {
		host, err := os.Hostname()
		if err != nil || !strings.Contains(host, ".") {
			host = "localhost"
		}
		from = "todosync@" + host
	}
	a, err := mail.ParseAddress(from)
	if err != nil {
		return fmt.Errorf("the sender %q is no mail address", clean(from, titleMost))
	}
	s.from = *a
	if s.from.Name == "" {
		s.from.Name = "todosync"
	}
	return nil
}

// local reports whether the server is this machine.
func (s *MailServer) local() bool {
	addr, err := netip.ParseAddr(s.host)
	return s.host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// Address is host and port, for messages.
func (s *MailServer) Address() string {
	return net.JoinHostPort(s.host, strconv.Itoa(int(s.port)))
}

// config is what the server's certificate is checked by.
func (s *MailServer) config() *tls.Config {
	return &tls.Config{ServerName: s.host, RootCAs: s.roots, MinVersion: tls.VersionTLS12}
}
