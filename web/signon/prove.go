package signon

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
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
	switch s := &v.place.Settings; {
	case s.Verify != nil:
	case s.Vendor == connector.VendorWialon:
		return false, v.wialon(ctx)
	case s.Vendor == connector.VendorWeLink:
		return v.welink(ctx)
	case s.Vendor == connector.VendorOIDC:
		return v.oidc(ctx)
	case s.Vendor == connector.VendorWeaver && v.place.Client.ID != "":
		return v.weaver(ctx)
	case s.Vendor == connector.VendorHelpCrunch:
		return false, v.helpcrunch()
	}
	ask, params := v.asker()
	if ask == nil {
		if len(v.place.Secrets) > 0 {
			return false, v.guessed(v.place.Key, &refusal{outcome: BadProof, why: "the address brings no signed link (loginid, stamp, token)"})
		}
		return false, &refusal{outcome: NotSetUp, why: "the settings of the sign-on are not enough for " + string(v.place.Settings.Vendor) + ": secret, base or clientId is missing"}
	}
	ticket := ""
	for _, name := range params {
		if ticket = v.query.Get(name); ticket != "" {
			break
		}
	}
	if ticket == "" && v.logsIn() {
		return true, v.toCAS()
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
	case s.Vendor == connector.VendorYunzhijia && len(v.place.Base) > 0 && v.place.Client.ID != "":
		return v.askYunzhijia, []string{"ticket"}
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
	if errors.Is(err, errPage) {
		return false, v.greeted(&refusal{outcome: Unreachable, why: "the OA answers with a page, not with what is said of a ticket", status: http.StatusBadGateway})
	}
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
	if asked == "" && v.place.Settings.Vendor == connector.VendorWialon {
		asked = v.query.Get("hostUrl")
	}
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

// askSeeyon asks a Seeyon: with V5 or A8 the login stands in a header of the answer, with older releases in its body. One that has no such
// address, and so has not looked at the ticket, is of the cloud line.
func (v *visit) askSeeyon(ctx context.Context, ticket string) (string, error) {
	base, ok := v.base()
	if !ok {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	release := v.place.Settings.Release
	if release == connector.SeeyonV8 {
		return v.askSeeyonV8(ctx, base, ticket)
	}
	at := base + "/seeyon/thirdpartyController.do?" + url.Values{"ticket": {ticket}}.Encode()
	if release == connector.SeeyonOld {
		at = base + "/seeyon/login/sso?" + url.Values{"from": {"m3token"}, "token": {ticket}}.Encode()
	}
	got, err := v.cfg.OA.AskOA(ctx, v.place.Conn, retry.Request{Method: http.MethodGet, Address: at})
	if err != nil {
		if got.Status == http.StatusNotFound && release == "" && !v.query.Has("v5ticket") {
			return v.askSeeyonV8(ctx, base, ticket)
		}
		return "", refusedAnswer(err, &got)
	}
	if login := header(got.Headers, "LoginName"); login != "" {
		if plain, err := url.QueryUnescape(login); err == nil {
			login = plain
		}
		return soundAccount(login), nil
	}
	if looksLikePage(&got) {
		return "", errPage
	}
	return plainAccount(header(got.Headers, "Content-Type"), got.Body), nil
}

// logsIn reports whether whoever brings no ticket is sent to the OA's CAS for one: so does CAS, and a todo's address brings none.
func (v *visit) logsIn() bool {
	s := &v.place.Settings
	return s.Verify == nil && (s.Vendor == connector.VendorCAS || s.Vendor == connector.VendorLandray && len(v.place.Secrets) == 0) && !v.query.Has("ticket")
}

// toCAS sends the browser to the CAS server, which sends it back with a ticket.
func (v *visit) toCAS() *refusal {
	base, ok := v.base()
	if !ok {
		return v.guessed(v.place.Key, &refusal{outcome: BadProof, why: "baseUrl is none of the addresses that signOn.base names"})
	}
	v.w.Header().Set("Location", base+"/login?"+url.Values{"service": {v.here("ticket")}}.Encode())
	v.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// askCAS asks a CAS server, as Landray's is one.
func (v *visit) askCAS(ctx context.Context, ticket string) (string, error) {
	base, ok := v.base()
	if !ok {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	got, err := v.cfg.OA.AskOA(ctx, v.place.Conn, retry.Request{
		Method: http.MethodGet, Address: base + "/serviceValidate?" + url.Values{"ticket": {ticket}, "service": {v.here("ticket")}}.Encode(),
	})
	if err != nil {
		return "", refusedAnswer(err, &got)
	}
	if looksLikePage(&got) && !bytes.Contains(got.Body, []byte("serviceResponse")) {
		return "", errPage
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
	if strings.HasPrefix(s, "[") || strings.HasPrefix(s, "{") { // a list or an object where a name belongs
		return ""
	}
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxAccount || strings.ContainsFunc(s, unicode.IsControl) {
		return ""
	}
	return s
}
