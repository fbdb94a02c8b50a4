package notify

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	"todosync/connector"
)

// mailer gives the outlets with a mail server.
func mailer(t *testing.T, address, password string) *Outlets {
	t.Helper()
	server, err := ParseMail(address, "待办同步 <todosync@example.com>", password)
	if err != nil {
		t.Fatal(err)
	}
	return &Outlets{Mail: server, Now: func() time.Time { return time.Date(2026, 11, 22, 2, 11, 0, 0, time.UTC) }}
}

func mailTo(to ...connector.Text) connector.NotifyChannel {
	return connector.NotifyChannel{Type: connector.ChannelEmail, To: to}
}

// TestMail sends a mail over STARTTLS with a log-in, and reads it as a mail client does.
func TestMail(t *testing.T) {
	t.Parallel()
	config, ca := authority(t)
	s := serveSMTP(t, &smtpServer{tls: config, auth: []string{"PLAIN", "LOGIN", "CRAM-MD5"}, user: "u"})
	o := mailer(t, s.at("smtp", "u", "?tls=required&ca="+ca), "hunter2-hunter2")
	d := Summarize(told(connector.Chinese, "https://todosync.example.com"))
	for range 2 { // a repeat is the same mail
		if e := send(t, o, mailTo("运维 <ops@example.com>", "noc@example.com"), d); e != nil {
			t.Fatal(e)
		}
	}
	got := s.got()
	if len(got) != 2 || !got[0].secure || got[0].login != "PLAIN" || strings.Join(got[0].to, " ") != "ops@example.com noc@example.com" {
		t.Fatalf("%+v", got)
	}
	if s.heard("AUTH") || s.heard("MAIL") {
		t.Error("a log-in or a mail went in the clear")
	}
	m, err := mail.ReadMessage(strings.NewReader(got[0].data))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != d.Title {
		t.Errorf("subject %q, want %q (%v)", subject, d.Title, err)
	}
	for name, want := range map[string]string{
		"X-Todosync-Digest": d.ID, "Message-ID": "<digest-" + d.ID + "@example.com>", "Auto-Submitted": "auto-generated", "Date": "Sun, 22 Nov 2026 02:11:00 +0000",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if to, err := m.Header.AddressList("To"); err != nil || len(to) != 2 || to[0].Name != "运维" {
		t.Errorf("to %v (%v)", to, err)
	}
	parts := mailParts(t, m)
	if norm(parts["text/plain"]) != norm(d.Text) {
		t.Errorf("the plain part is %q", parts["text/plain"])
	}
	if !strings.Contains(parts["text/html"], "<table") || !strings.Contains(parts["text/html"], "seeyon-hq") {
		t.Error("the HTML part is none")
	}
	for line := range strings.SplitSeq(got[0].data, "\r\n") {
		if len(line) > 998 {
			t.Fatalf("a line of %d bytes", len(line))
		}
	}
	if other := s.got()[1]; strings.Count(other.data, "Message-ID: <digest-"+d.ID) != 1 {
		t.Error("the repeat has another id")
	}
}

func norm(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }

// mailParts reads the parts of a mail by their types.
func mailParts(t *testing.T, m *mail.Message) map[string]string {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s (%v)", kind, err)
	}
	out := map[string]string{}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		var body io.Reader = p
		if strings.EqualFold(p.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
			body = quotedprintable.NewReader(p)
		}
		b, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		out[kind] = string(b)
	}
}

// TestMailServers holds what becomes of a mail at servers of every kind.
func TestMailServers(t *testing.T) {
	t.Parallel()
	config, ca := authority(t)
	_, otherCA := authority(t)
	const right = "hunter2-hunter2"
	one := mailTo("a@example.com", "b@example.com")
	for name, tt := range map[string]struct {
		server              *smtpServer
		scheme, user, query string
		password            string
		late                bool // 31 minutes after the window
		lasting, taken      bool
		says                string // in the error; empty: none is wanted
		mails               int
	}{
		"plain on this machine":           {mails: 1},
		"TLS from the start":              {server: &smtpServer{tls: config, implicit: true}, scheme: "smtps", query: "?ca=" + ca, mails: 1},
		"STARTTLS is used where offered":  {server: &smtpServer{tls: config}, query: "?ca=" + ca, mails: 1},
		"STARTTLS is missing":             {query: "?tls=required", lasting: true, says: "STARTTLS"},
		"another authority":               {server: &smtpServer{tls: config}, query: "?ca=" + otherCA, lasting: true, says: "certificate"},
		"LOGIN":                           {server: &smtpServer{auth: []string{"LOGIN"}, user: "u"}, user: "u", password: right, mails: 1},
		"CRAM-MD5":                        {server: &smtpServer{auth: []string{"CRAM-MD5"}, user: "u"}, user: "u", password: right, mails: 1},
		"no log-in there":                 {user: "u", password: right, lasting: true, says: "log-in"},
		"a wrong password":                {server: &smtpServer{auth: []string{"PLAIN"}, user: "u"}, user: "u", password: "another-hunter2", lasting: true, says: "535"},
		"a log-in is wanted":              {server: &smtpServer{user: "u"}, lasting: true, says: "530"},
		"log-in not now":                  {server: &smtpServer{auth: []string{"PLAIN"}, user: "u", answer: map[string]string{"AUTH": "454 4.7.0 not now"}}, user: "u", password: right, says: "454"},
		"the sender is refused":           {server: &smtpServer{answer: map[string]string{"MAIL": "550 5.7.1 not you"}}, lasting: true, says: "550"},
		"too busy":                        {server: &smtpServer{answer: map[string]string{"CONNECT": "421 4.3.2 too busy"}}, says: "421"},
		"refused at once":                 {server: &smtpServer{answer: map[string]string{"CONNECT": "554 5.7.1 go away"}}, lasting: true, says: "554"},
		"all recipients refused":          {server: &smtpServer{answer: map[string]string{"RCPT": "550 5.1.1 who?"}}, lasting: true, says: "nobody is accepted"},
		"one refused for good":            {server: &smtpServer{answer: map[string]string{"RCPT TO:<B@": "550 5.1.1 who?"}}, taken: true, says: "b@example.com", mails: 1},
		"one refused for now":             {server: &smtpServer{answer: map[string]string{"RCPT TO:<B@": "451 4.7.1 grey-listed"}}, says: "for now"},
		"one refused for now, for long":   {server: &smtpServer{answer: map[string]string{"RCPT TO:<B@": "451 4.7.1 grey-listed"}}, late: true, taken: true, says: "b@example.com", mails: 1},
		"all refused for now":             {server: &smtpServer{answer: map[string]string{"RCPT": "451 4.7.1 grey-listed"}}, late: true, says: "for now"},
		"too large":                       {server: &smtpServer{answer: map[string]string{".": "552 5.3.4 too large"}}, lasting: true, says: "552"},
		"the disk is full":                {server: &smtpServer{answer: map[string]string{".": "452 4.3.1 no room"}}, says: "452"},
		"cut while it is given over":      {server: &smtpServer{answer: map[string]string{"DATA": "cut"}}, says: "broke"},
		"cut before the answer":           {server: &smtpServer{answer: map[string]string{".": "cut"}}, says: "broke"},
		"cut after it was taken":          {server: &smtpServer{answer: map[string]string{"QUIT": "cut"}}, mails: 1},
		"cut between recipients":          {server: &smtpServer{answer: map[string]string{"RCPT TO:<B@": "cut"}}, says: "broke"},
		"hangs at the greeting":           {server: &smtpServer{answer: map[string]string{"CONNECT": "hang"}}, says: "no answer in time"},
		"hangs in the middle":             {server: &smtpServer{answer: map[string]string{"MAIL": "hang"}}, says: "no answer in time"},
		"speaks another protocol":         {server: &smtpServer{answer: map[string]string{"CONNECT": "HTTP/1.1 400 Bad Request"}}, says: "mail server"},
		"repeats the password in refusal": {server: &smtpServer{auth: []string{"PLAIN"}, user: "u", answer: map[string]string{"AUTH": "535 no: hunter2-hunter2 aHVudGVyMi1odW50ZXIy"}}, user: "u", password: right, lasting: true, says: "535"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.server == nil {
				tt.server = &smtpServer{}
			}
			s := serveSMTP(t, tt.server)
			scheme := tt.scheme
			if scheme == "" {
				scheme = "smtp"
			}
			o := mailer(t, s.at(scheme, tt.user, tt.query), tt.password)
			if strings.HasPrefix(name, "hangs") {
				o.Mail.timeout = 200 * time.Millisecond
			}
			if tt.late {
				o.Now = func() time.Time { return time.Date(2026, 11, 22, 2, 41, 0, 0, time.UTC) }
			}
			e := send(t, o, one, Summarize(told(connector.Chinese, "")))
			if n := len(s.got()); n != tt.mails {
				t.Errorf("%d mails, want %d", n, tt.mails)
			}
			switch {
			case e == nil && tt.says != "":
				t.Errorf("taken, want %q", tt.says)
			case e == nil:
			case tt.says == "" || !strings.Contains(e.Error(), tt.says):
				t.Errorf("%v, want %q", e, tt.says)
			case e.Lasting != tt.lasting || e.Taken != tt.taken:
				t.Errorf("lasting %t, taken %t: %v", e.Lasting, e.Taken, e)
			case strings.Contains(e.Error(), "aHVudGVyMi1odW50ZXIy"):
				t.Errorf("the password stands in %v", e)
			}
		})
	}
}

// TestMailStops holds that a mail ends with its context, and that nobody there is told as what may pass.
func TestMailStops(t *testing.T) {
	t.Parallel()
	s := serveSMTP(t, &smtpServer{answer: map[string]string{"MAIL": "hang"}})
	o := mailer(t, s.at("smtp", "", ""), "")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := o.Channel(Target{Tenant: "1", Channel: mailTo("a@example.com")}).Send(ctx, Summarize(told(connector.Chinese, "")))
	if err == nil || Lasting(err) || time.Since(began) > 10*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
	s.listener.Close()
	if e := send(t, o, mailTo("a@example.com"), Summarize(told(connector.Chinese, ""))); e == nil || e.Lasting {
		t.Errorf("nobody there: %v", e)
	}
	if e := send(t, &Outlets{}, mailTo("a@example.com"), Digest{}); e == nil || !e.Lasting || !strings.Contains(e.Hint, "--smtp") {
		t.Errorf("no mail server: %v", e)
	}
}

func TestParseMail(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]TLSUse{
		"smtp://mail.example.com": TLSRequired, "smtp://127.0.0.1:25": TLSOffered, "smtp://localhost:25": TLSOffered, "smtp://[::1]:25": TLSOffered,
		"smtps://mail.example.com": TLSFromStart, "smtp://mail.example.com:25?tls=off": TLSOff, "smtp://mail.example.com?tls=offered": TLSOffered,
	} {
		s, err := ParseMail(address, "a@example.com", "")
		if err != nil || s.tls != want {
			t.Errorf("%s: %v, %+v", address, err, s)
		}
	}
	for address, says := range map[string]string{
		"mail.example.com:25": "such as", "http://mail.example.com": "such as", "smtp://": "such as", "smtp://u@mail.example.com": "no password",
		"smtp://mail.example.com?tls=maybe": "tls", "smtps://mail.example.com?tls=off": "tls", "smtp://mail.example.com?x=1": "not known",
		"smtp://mail.example.com?ca=/not/there": "ca", "smtp://u:hunter2-hunter2@mail.example.com?tls=off": "tls=off",
		"smtp://mail.example.com:0": "port", "smtp://u:hunter2-hunter2@mail.example.com:x": "such as",
	} {
		s, err := ParseMail(address, "a@example.com", "")
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, %+v", address, err, s)
		}
	}
	if s, err := ParseMail("smtp://u%40example.com:p@mail.example.com", "", ""); err != nil || s.from.Address != "u@example.com" {
		t.Errorf("%v, %+v", err, s)
	}
	if _, err := ParseMail("smtp://mail.example.com", "nobody", ""); err == nil {
		t.Error("a sender that is no address is taken")
	}
}
