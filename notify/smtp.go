package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"todosync/connector"
)

// A letter is a mail as it is handed to the server.
type letter struct {
	from string
	to   []string
	// hold: while a recipient is refused for now, the letter waits for him; else those who are accepted get it.
	hold bool
	data io.WriterTo
}

// deliver hands a letter to the server: one connection, one transaction. nil: all have it.
func (s *MailServer) deliver(ctx context.Context, l letter) *Error {
	conn, err := s.dial(ctx)
	if err != nil {
		return s.told("connect", err)
	}
	defer conn.Close()
	// The client knows deadlines but no context.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	client, failure := s.greet(conn)
	if failure != nil {
		return failure
	}
	if err := client.Mail("<" + l.from + ">"); err != nil {
		return s.told("MAIL FROM", err)
	}
	failure = s.address(client, &l)
	if failure != nil && !failure.Taken {
		return failure
	}
	w, err := client.Data()
	if err != nil {
		return s.told("DATA", err)
	}
	if _, err := l.data.WriteTo(w); err != nil {
		return s.told("DATA", err)
	}
	if err := w.Close(); err != nil {
		return s.told("DATA", err)
	}
	_ = client.Quit() // the server has it: what becomes of the connection does not matter any more
	return failure
}

// dial connects within the time for one mail, which the connection keeps as its deadline.
func (s *MailServer) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Address())
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if s.tls != TLSFromStart {
		return conn, nil
	}
	secure := tls.Client(conn, s.config())
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

// greet says hello, encrypts and logs in.
func (s *MailServer) greet(conn net.Conn) (*smtp.Client, *Error) {
	client, err := smtp.NewClient(conn, s.host)
	if err != nil {
		return nil, s.told("greeting", err)
	}
	_, name, found := strings.Cut(s.from.Address, "@")
	if !found || !validHello(name) {
		name = "localhost"
	}
	if err := client.Hello(name); err != nil {
		return nil, s.told("EHLO", err)
	}
	_, secure := conn.(*tls.Conn)
	offered, _ := client.Extension("STARTTLS")
	switch {
	case secure || s.tls == TLSOff:
	case offered:
		if err := client.StartTLS(s.config()); err != nil {
			return nil, s.told("STARTTLS", err)
		}
		secure = true
	case s.tls == TLSRequired:
		return nil, &Error{
			Lasting: true, Msg: "the mail server " + s.Address() + " offers no encryption (STARTTLS)",
			Hint: "use smtps:// with its port, or, if nobody can listen on the way, add ?tls=off to --smtp",
		}
	}
	return client, s.login(client, secure)
}

// login uses the first of PLAIN, LOGIN and CRAM-MD5 that the server has; the first two show the password, so they need encryption or this
// machine.
func (s *MailServer) login(client *smtp.Client, secure bool) *Error {
	if s.user == "" {
		return nil
	}
	_, list := client.Extension("AUTH")
	ways := strings.Fields(strings.ToUpper(strings.ReplaceAll(list, "=", " ")))
	has := func(way string) bool { return slices.Contains(ways, way) }
	clear := secure || s.local()
	var auth smtp.Auth
	switch {
	case has("PLAIN") && clear:
		auth = smtp.PlainAuth("", s.user, s.password, s.host, true)
	case has("LOGIN") && clear:
		auth = smtp.LoginAuth(s.user, s.password, s.host, true)
	case has("CRAM-MD5"):
		auth = smtp.CRAMMD5Auth(s.user, s.password)
	case len(ways) == 0:
		return &Error{Lasting: true, Msg: "the mail server " + s.Address() + " offers no log-in", Hint: "take the user out of --smtp, or use another port"}
	default:
		return &Error{
			Lasting: true, Msg: "the mail server " + s.Address() + " offers no log-in that does not show the password (" + clean(list, codeMost) + ")",
			Hint: "use encryption: smtps://, or smtp:// without ?tls=",
		}
	}
	if err := client.Auth(auth); err != nil {
		e := s.told("log-in", err)
		if e.Lasting {
			e.Hint = "check the user in --smtp and its password"
		}
		return e
	}
	return nil
}

// address names the recipients. A nil error: all were accepted. One that is Taken: some were refused for good, and the others get it.
func (s *MailServer) address(client *smtp.Client, l *letter) *Error {
	var refused []string
	var last, later *Error
	accepted := 0
	for _, to := range l.to {
		err := client.Rcpt("<" + to + ">")
		if err == nil {
			accepted++
			continue
		}
		e := s.told("RCPT TO", err)
		if _, answered := errors.AsType[*textproto.Error](err); !answered {
			return e // the connection is gone
		}
		refused, last = append(refused, to), e
		if !e.Lasting {
			later = e
		}
	}
	switch {
	case last == nil:
		return nil
	case later != nil && (l.hold || accepted == 0):
		later.Msg = "refused for now: " + strings.Join(refused, ", ") + "; " + later.Msg
		return later
	case accepted == 0:
		last.Msg = "nobody is accepted: " + strings.Join(refused, ", ") + "; " + last.Msg
		last.Hint = "check the addresses in the channel's to"
		return last
	}
	return &Error{
		Taken: true, Msg: "sent, but not to " + strings.Join(refused, ", ") + "; " + last.Msg,
		Hint: "check the addresses in the channel's to", Err: last.Err,
	}
}

// told is the Error for what a server answered, or for a connection that broke.
func (s *MailServer) told(step string, err error) *Error {
	e := &Error{Err: err}
	where := "the mail server " + s.Address()
	var certificate *tls.CertificateVerificationError
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		e.Lasting = answer.Code >= 500
		e.Msg = fmt.Sprintf("%s answered %d to %s: %s", where, answer.Code, step, clean(connector.Mask(answer.Msg, s.password), messageMost))
		return e
	}
	netErr, timeout := errors.AsType[net.Error](err)
	switch {
	case errors.As(err, &certificate):
		e.Lasting, e.Hint = true, "name its authority with ?ca=FILE in --smtp, or use the name that the certificate is for"
		e.Msg = "the certificate of " + where + " is not accepted: " + clean(certificate.Err.Error(), messageMost)
	case timeout && netErr.Timeout():
		e.Msg = where + " gave no answer in time (" + step + ")"
	case step == "connect":
		e.Msg = where + " cannot be reached: " + clean(connector.Mask(err.Error(), s.password), messageMost)
	default:
		e.Msg = where + " broke the connection off (" + step + ")"
	}
	return e
}

// validHello reports whether a name may follow EHLO.
func validHello(name string) bool {
	for _, r := range name {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return name != ""
}
