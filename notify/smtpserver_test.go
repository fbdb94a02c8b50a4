package notify

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// An smtpServer takes mails as a real one does, with STARTTLS, log-ins and answers that a test chooses.
type smtpServer struct {
	listener net.Listener
	tls      *tls.Config // nil: no STARTTLS
	implicit bool
	auth     []string          // mechanisms; empty: no log-in
	user     string            // with password hunter2-hunter2
	answer   map[string]string // by the beginning of a command, instead of the usual; "cut" breaks the connection off, "hang" says nothing
	hung     chan struct{}

	mu    sync.Mutex // guards what follows
	mails []taken
	lines []string
}

type taken struct {
	from, data string
	to         []string
	secure     bool
	login      string
}

func serveSMTP(t *testing.T, s *smtpServer) *smtpServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if s.implicit {
		l = tls.NewListener(l, s.tls)
	}
	s.listener, s.hung = l, make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() { s.talk(conn) })
		}
	})
	t.Cleanup(func() {
		close(s.hung)
		l.Close()
		group.Wait()
	})
	return s
}

// got gives the mails that were taken.
func (s *smtpServer) got() []taken {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// heard reports whether a line that begins so was sent in the clear.
func (s *smtpServer) heard(begin string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.lines, func(l string) bool { return strings.HasPrefix(l, begin) })
}

func (s *smtpServer) talk(conn net.Conn) {
	defer func() { conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	r := bufio.NewReader(conn)
	say := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	mail := taken{secure: s.implicit}
	if first, ok := s.answer["CONNECT"]; ok {
		if first == "hang" {
			<-s.hung
			return
		}
		say(first)
		return
	}
	say("220 mail.test ESMTP")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.mu.Lock()
		if !mail.secure {
			s.lines = append(s.lines, line)
		}
		s.mu.Unlock()
		verb := strings.ToUpper(line)
		chosen := ""
		for begin, answer := range s.answer {
			if strings.HasPrefix(verb, strings.ToUpper(begin)) {
				chosen = answer
			}
		}
		switch {
		case chosen == "cut":
			return
		case chosen == "hang":
			<-s.hung
			return
		case chosen != "":
			say(chosen)
		case strings.HasPrefix(verb, "EHLO"):
			say("250-mail.test")
			if s.tls != nil && !mail.secure {
				say("250-STARTTLS")
			}
			if len(s.auth) > 0 {
				say("250-AUTH " + strings.Join(s.auth, " "))
			}
			say("250 8BITMIME")
		case verb == "STARTTLS":
			say("220 go on")
			secure := tls.Server(conn, s.tls)
			if secure.Handshake() != nil {
				return
			}
			conn, r, mail.secure = secure, bufio.NewReader(secure), true
		case strings.HasPrefix(verb, "AUTH "):
			if !s.check(line, r, say) {
				say("535 5.7.8 bad password")
				continue
			}
			mail.login = strings.Fields(verb)[1]
			say("235 welcome")
		case strings.HasPrefix(verb, "MAIL FROM:"):
			if s.user != "" && mail.login == "" {
				say("530 5.7.0 log in first")
				continue
			}
			mail.from = line[len("MAIL FROM:"):]
			say("250 ok")
		case strings.HasPrefix(verb, "RCPT TO:"):
			mail.to = append(mail.to, strings.Trim(line[len("RCPT TO:"):], "<>"))
			say("250 ok")
		case verb == "DATA":
			say("354 go on")
			var data strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				data.WriteString(line)
			}
			mail.data = data.String()
			if end := s.answer["."]; end == "cut" {
				return
			} else if end != "" && !strings.HasPrefix(end, "2") {
				say(end)
				continue
			}
			s.mu.Lock()
			s.mails = append(s.mails, mail)
			s.mu.Unlock()
			if s.answer["QUIT"] == "cut" {
				say("250 taken")
				return
			}
			say("250 taken")
		case verb == "QUIT":
			say("221 bye")
			return
		case verb == "RSET", verb == "NOOP":
			say("250 ok")
		case verb == "*":
			say("501 ended")
		default:
			say("500 what?")
		}
	}
}

// check speaks a log-in to its end.
func (s *smtpServer) check(line string, r *bufio.Reader, say func(string)) bool {
	const password = "hunter2-hunter2"
	decode := func(s string) string {
		b, _ := base64.StdEncoding.DecodeString(s)
		return string(b)
	}
	next := func() string {
		line, _ := r.ReadString('\n')
		return strings.TrimRight(line, "\r\n")
	}
	words := strings.Fields(line)
	switch strings.ToUpper(words[1]) {
	case "PLAIN":
		return decode(words[len(words)-1]) == "\x00"+s.user+"\x00"+password
	case "LOGIN":
		say("334 " + base64.StdEncoding.EncodeToString([]byte("Username:")))
		user := decode(next())
		say("334 " + base64.StdEncoding.EncodeToString([]byte("Password:")))
		return user == s.user && decode(next()) == password
	case "CRAM-MD5":
		challenge := "<1.2@mail.test>"
		say("334 " + base64.StdEncoding.EncodeToString([]byte(challenge)))
		mac := hmac.New(md5.New, []byte(password))
		mac.Write([]byte(challenge))
		return decode(next()) == s.user+" "+hex.EncodeToString(mac.Sum(nil))
	}
	return false
}

// authority makes a certificate for 127.0.0.1 and the file of who signed it.
func authority(t *testing.T) (config *tls.Config, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "todosync test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, file
}

// at is the server's address as --smtp has it.
func (s *smtpServer) at(scheme, user, query string) string {
	if user != "" {
		user += "@"
	}
	return fmt.Sprintf("%s://%s%s%s", scheme, user, s.listener.Addr(), query)
}
