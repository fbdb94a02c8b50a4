package notify

import (
	"context"
	"net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// An email channel sends digests as mails with a plain and an HTML part.
type email struct {
	outlets *Outlets
	target  Target
}

// patience is how long after its window a mail waits for a recipient whom the server refuses for now, as grey-listing does. After it the
// others get it without him.
const patience = 30 * time.Minute

// Send implements Channel.
func (e *email) Send(ctx context.Context, d Digest) error {
	server := e.outlets.Mail
	if server == nil {
		return &Error{Lasting: true, Msg: "this server sends no mails", Hint: "start it with --smtp"}
	}
	m, to, err := e.compose(&d)
	if err != nil {
		return &Error{Lasting: true, Msg: "the mail cannot be written: " + err.Error(), Err: err}
	}
	now := e.outlets.now()
	failure := server.deliver(ctx, letter{from: server.from.Address, to: to, data: m, hold: now.Before(d.Window.To.Add(patience))})
	if failure == nil {
		return nil // and no *Error that is nil in an error that is not
	}
	return failure
}

// compose makes the mail. What it holds depends on the digest alone, but for its date, so that a repeat is the same mail.
func (e *email) compose(d *Digest) (*gomail.Msg, []string, error) {
	server := e.outlets.Mail
	m := gomail.NewMsg(gomail.WithCharset(gomail.CharsetUTF8), gomail.WithEncoding(gomail.EncodingQP), gomail.WithNoDefaultUserAgent())
	if err := m.FromFormat(server.from.Name, server.from.Address); err != nil {
		return nil, nil, err
	}
	to := make([]string, 0, len(e.target.Channel.To))
	for _, text := range e.target.Channel.To {
		a, err := mail.ParseAddress(string(text))
		if err != nil {
			return nil, nil, err
		}
		if err := m.AddToFormat(a.Name, a.Address); err != nil {
			return nil, nil, err
		}
		to = append(to, a.Address)
	}
	html, err := newView(d).html()
	if err != nil {
		return nil, nil, err
	}
	_, host, _ := strings.Cut(server.from.Address, "@")
	m.Subject(d.Title)
	m.SetMessageIDWithValue("digest-" + d.ID + "@" + host)
	m.SetDateWithValue(e.outlets.now())
	// Answering machines keep quiet on these.
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetGenHeader("X-Auto-Response-Suppress", "All")
	m.SetGenHeader("X-Todosync-Digest", d.ID)
	m.SetGenHeader("X-Todosync-Tenant", d.Tenant)
	m.SetBodyString(gomail.TypeTextPlain, d.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, html)
	return m, to, nil
}
