package signon

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"todosync/connector"
	"todosync/mapping"
	"todosync/retry"
)

// maxAccount is how long an account may be that an OA names, in characters.
const maxAccount = 128

// The parameters that may bring a ticket, where no setting says which.
var ticketParams = []string{"v5ticket", "ticket", "token", "code"}

// prove finds out who the browser's owner is. done: all is said already, and nobody is to be let in.
func (v *visit) prove(ctx context.Context) (done bool, refused *refusal) {
	if v.query.Has("loginid") || v.query.Has("stamp") {
		return false, v.link()
	}
	ask, params := v.asker()
	if ask == nil {
		return false, &refusal{outcome: NotSetUp, why: "this version lets nobody in by " + string(v.place.Settings.Vendor) + " without a signed link"}
	}
	ticket := ""
	for _, name := range params {
		if ticket = v.query.Get(name); ticket != "" {
			break
		}
	}
	if ticket == "" {
		return false, &refusal{outcome: BadProof, why: "the address brings no ticket (" + strings.Join(params, ", ") + ")"}
	}
	return v.ticket(ctx, ticket, ask)
}

// An asker asks an OA about a ticket. An empty account: the OA does not know it. The error is of the way to the OA.
type asker func(ctx context.Context, ticket string) (account string, err error)

// asker is how the place's OA is asked, and the parameters that may bring its tickets.
func (v *visit) asker() (asker, []string) {
	s := &v.place.Settings
	params := ticketParams
	if s.Verify != nil && len(s.Verify.TicketParam) > 0 {
		params = s.Verify.TicketParam.Strings()
	}
	switch {
	case s.Verify != nil:
		return v.askVerifier, params
	case s.Vendor == connector.VendorSeeyon && len(v.place.Base) > 0:
		return v.askSeeyon, []string{"v5ticket", "ticket"}
	case (s.Vendor == connector.VendorCAS || s.Vendor == connector.VendorLandray) && len(v.place.Base) > 0:
		return v.askCAS, []string{"ticket"}
	}
	return nil, nil
}

// ticket proves by a ticket that the OA is asked about: once, since many OAs take a ticket for used when it was asked about. At /home an OA's
// server may bring it first, and is told in plain text whether it is good; its browser brings it after.
func (v *visit) ticket(ctx context.Context, ticket string, ask asker) (done bool, refused *refusal) {
	desk := v.cfg.Desk
	sum := sha256.Sum256([]byte("ticket " + ticket))
	account, known, err := desk.RecallProof(ctx, v.place.Conn, sum[:])
	switch {
	case err != nil:
		return false, unavailable(err)
	case account != "":
		v.proof = proof{account: account}
		return false, nil
	case known:
		return false, v.greeted(&refusal{outcome: Used, why: "the same ticket came before"})
	}
	// From here on nobody else asks about it, on whatever worker.
	fresh, err := desk.UseProof(ctx, v.place.Conn, sum[:], v.entry.At.Add(proofKept))
	switch {
	case err != nil:
		return false, unavailable(err)
	case !fresh:
		return false, v.greeted(&refusal{outcome: Used, why: "the same ticket came twice at once"})
	}
	account, err = ask(ctx, ticket)
	if err != nil {
		r := unasked(err)
		if ferr := desk.ForgetProof(context.WithoutCancel(ctx), v.place.Conn, sum[:]); ferr != nil {
			v.cfg.Log.ErrorContext(ctx, "a ticket cannot be tried again", "number", v.entry.Number, "error", ferr)
		}
		return false, v.greeted(r)
	}
	if account == "" {
		return false, v.greeted(v.guessed(v.place.Key, &refusal{outcome: BadProof, why: "the OA does not know the ticket"}))
	}
	if !v.greets() {
		v.proof = proof{account: account}
		return false, nil
	}
	return true, v.greet(ctx, sum[:], account)
}

// greets reports whether a ticket that nobody knows is brought by the OA's server.
func (v *visit) greets() bool { ok, _ := v.greeting(); return v.home && ok != "" }

// greeting is what an OA's server is told that brings a ticket; empty: none does.
func (v *visit) greeting() (good, bad string) {
	s := &v.place.Settings
	if s.Verify != nil && s.Verify.HandshakeReply.OK != "" {
		return s.Verify.HandshakeReply.OK, s.Verify.HandshakeReply.Fail
	}
	if s.Vendor == connector.VendorSeeyon {
		return "SSOOK", "SSOLogoutError"
	}
	return "", ""
}

// greeted has a refusal told as the OA's server wants to hear it.
func (v *visit) greeted(r *refusal) *refusal {
	if v.greets() {
		_, r.plain = v.greeting()
	}
	return r
}

// greet keeps for whom a ticket stands until the browser brings it, and tells the OA's server that it is good.
func (v *visit) greet(ctx context.Context, hash []byte, account string) *refusal {
	memory := ProofMemory
	if s := v.place.Settings.Verify; s != nil && s.TicketMemory > 0 {
		memory = time.Duration(s.TicketMemory)
	}
	if err := v.cfg.Desk.KeepProof(ctx, v.place.Conn, hash, account, v.entry.At.Add(memory)); err != nil {
		return unavailable(err)
	}
	v.entry.Account, v.entry.Outcome = account, string(Greeted)
	if err := v.cfg.Desk.NoteSignOn(ctx, v.entry); err != nil {
		return unavailable(err)
	}
	good, _ := v.greeting()
	v.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = v.w.Write([]byte(good))
	return nil
}

// base is the address that is asked. A browser may name one of several; what it names beside them is not asked.
func (v *visit) base() (string, bool) {
	asked := v.query.Get("baseUrl")
	if asked == "" {
		return v.place.Base[0], true
	}
	want, err := url.Parse(asked)
	if err != nil || want.User != nil {
		return "", false
	}
	i := slices.IndexFunc(v.place.Base, func(b string) bool {
		u, err := url.Parse(b)
		return err == nil && u.Scheme == want.Scheme && strings.EqualFold(u.Hostname(), want.Hostname()) && port(u) == port(want)
	})
	if i < 0 {
		return "", false
	}
	return v.place.Base[i], true
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// askVerifier asks as signOn.verify says.
func (v *visit) askVerifier(ctx context.Context, ticket string) (string, error) {
	s := v.place.Settings.Verify
	limit := 5 * time.Second
	if s.Timeout > 0 {
		limit = time.Duration(s.Timeout)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	got, err := v.cfg.OA.VerifyTicket(ctx, v.place.Conn, ticket)
	if err != nil {
		return "", refusedAnswer(err, &got)
	}
	contentType := header(got.Headers, "Content-Type")
	if s.SuccessWhen.CodeName != "" {
		code, ok := mapping.ReadValue(contentType, got.Body, s.SuccessWhen.CodeName)
		if !ok || !slices.Contains(s.SuccessWhen.SuccessCode.Strings(), code) {
			return "", nil
		}
	}
	kind, arg, _ := strings.Cut(s.AccountFrom, ":")
	account := ""
	switch kind {
	case "header":
		account = header(got.Headers, arg)
	case "text":
		account = plainAccount(contentType, got.Body)
	case "json":
		account, _ = mapping.ReadValue(contentType, got.Body, arg)
	case "xml":
		account, _ = mapping.ReadValue(contentType, got.Body, strings.ReplaceAll(arg, "/", "."))
	}
	return soundAccount(account), nil
}

// askSeeyon asks a Seeyon V5 or A8: the login stands in a header of the answer, with older releases in its body.
func (v *visit) askSeeyon(ctx context.Context, ticket string) (string, error) {
	base, ok := v.base()
	if !ok {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	got, err := v.cfg.OA.AskOA(ctx, v.place.Conn, retry.Request{
		Method: http.MethodGet, Address: base + "/seeyon/thirdpartyController.do?ticket=" + url.QueryEscape(ticket),
	})
	if err != nil {
		return "", refusedAnswer(err, &got)
	}
	if login := header(got.Headers, "LoginName"); login != "" {
		if plain, err := url.QueryUnescape(login); err == nil {
			login = plain
		}
		return soundAccount(login), nil
	}
	return plainAccount(header(got.Headers, "Content-Type"), got.Body), nil
}

// askCAS asks a CAS server, as Landray's is one.
func (v *visit) askCAS(ctx context.Context, ticket string) (string, error) {
	base, ok := v.base()
	if !ok {
		return "", nil
	}
	q := v.r.URL.Query()
	q.Del("ticket")
	service := strings.TrimRight(v.cfg.Public, "/") + v.r.URL.EscapedPath()
	if len(q) > 0 {
		service += "?" + q.Encode()
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	got, err := v.cfg.OA.AskOA(ctx, v.place.Conn, retry.Request{
		Method: http.MethodGet, Address: base + "/serviceValidate?" + url.Values{"ticket": {ticket}, "service": {service}}.Encode(),
	})
	if err != nil {
		return "", refusedAnswer(err, &got)
	}
	account, _ := mapping.ReadValue("text/xml", got.Body, "authenticationSuccess.user")
	return soundAccount(account), nil
}

// refusedAnswer tells an OA that says no from one that cannot be asked.
func refusedAnswer(err error, got *retry.Receipt) error {
	if got.Status >= 400 && got.Status < 500 && got.Status != http.StatusTooManyRequests {
		return nil
	}
	return err
}

func header(all []retry.Header, name string) string {
	for _, h := range all {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// plainAccount is an account that stands alone in an answer. A page, an error and what is too long are none.
func plainAccount(contentType string, body []byte) string {
	text, _ := mapping.ReadValue(contentType, body, "text")
	if plain, err := url.QueryUnescape(text); err == nil {
		text = plain
	}
	if strings.ContainsAny(text, "<{") || strings.Contains(strings.ToLower(text), "error") {
		return ""
	}
	return soundAccount(text)
}

func soundAccount(s string) string {
	s = strings.TrimSpace(s)
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxAccount || strings.ContainsFunc(s, unicode.IsControl) {
		return ""
	}
	return s
}
