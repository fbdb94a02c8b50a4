package signon_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"todosync/connector"
	"todosync/retry"
	"todosync/web/signon"
)

// The known answer of the scheme of signed links.
const (
	linkSecret = "d73ec6289574d272c9cc2df5ff70488b"
	linkLogin  = "0001"
	linkStamp  = "1634128095994"
	linkToken  = "68ec2e6c1206a4a25be4dbd0aab845d0c68a0479"
)

// A house is a gateway with all that is behind it, in memory.
type house struct {
	t       *testing.T
	gateway *signon.Gateway
	now     time.Time
	log     strings.Builder
	client  string

	mu       sync.Mutex // guards what follows
	places   map[connector.ConnectionKey]signon.Place
	users    map[string]string
	kinds    map[string]connector.BindingKind
	proofs   map[string]string // "" is used up
	admitted []signon.Admission
	entries  []signon.Entry
	visits   []signon.Visit
	away     error
	asked    []string
	provider string // where else a browser may be sent: to log in
	asks     []*ask
	versions map[string]int
	keyFrom  time.Time // from when on the second key signs
	asApp    func(*retry.Request)
	send     func(context.Context, retry.Request) (retry.Receipt, error) // in place of answer
	answer   func(address string) (retry.Receipt, error)
}

func newHouse(t *testing.T) *house {
	t.Helper()
	stamp, _ := strconv.ParseInt(linkStamp, 10, 64)
	h := &house{
		t: t, now: time.UnixMilli(stamp).Add(time.Second), client: "192.0.2.1",
		places: map[connector.ConnectionKey]signon.Place{}, users: map[string]string{"0001": "crm-1", "zhangsan": "crm-2"}, proofs: map[string]string{},
	}
	skew := connector.SignOnSkew{Past: connector.Duration(5 * time.Minute), Future: connector.Duration(time.Minute)}
	for i, p := range []signon.Place{
		{Key: connector.ConnectionKey{Tenant: "t1", Name: "weaver"}, Settings: connector.SignOnSettings{Vendor: "weaver", Skew: skew}, Secrets: []string{linkSecret}},
		{Key: connector.ConnectionKey{Tenant: "t1", Name: "seeyon"}, Settings: connector.SignOnSettings{Vendor: "seeyon", Skew: skew}, Base: []string{"http://oa.example.com"}},
		{Key: connector.ConnectionKey{Tenant: "t1", Name: "cas"}, Settings: connector.SignOnSettings{Vendor: "cas"}, Base: []string{"https://cas.example.com/cas", "https://b.example.com:8443"}},
		{Key: connector.ConnectionKey{Tenant: "t1", Name: "own"}, Settings: connector.SignOnSettings{Vendor: "generic", Verify: &connector.VerifySettings{
			TicketParam: connector.Texts{"tk"}, AccountFrom: "json:data.openid",
			SuccessWhen: connector.SuccessWhen{CodeName: "code", SuccessCode: connector.Texts{"0"}},
		}}},
		{Key: connector.ConnectionKey{Tenant: "t2", Name: "weaver"}, Settings: connector.SignOnSettings{Vendor: "weaver", Skew: skew}, Secrets: []string{linkSecret}},
	} {
		p.Conn, p.Login, p.Ticket, p.Language = int64(i+1), "https://crm.example.com/in?x=1", connector.TicketOpaque, connector.English
		h.places[p.Key] = p
	}
	var err error
	h.gateway, err = signon.New(signon.Config{
		Desk: h, OA: h, Log: slog.New(slog.NewTextHandler(&h.log, nil)), Public: "https://todo.example.com",
		Client: func(*http.Request) string { return h.client }, Now: func() time.Time { return h.now },
		Note: func(v signon.Visit) { h.visits = append(h.visits, v) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) Place(_ context.Context, key connector.ConnectionKey) (signon.Place, error) {
	if h.away != nil {
		return signon.Place{}, h.away
	}
	p, ok := h.places[key]
	if !ok {
		return p, &connector.Error{Kind: connector.NotFound, Msg: "no such connection"}
	}
	return p, nil
}

func (h *house) SignOnVendors(_ context.Context, tenant string) (map[string]connector.SignOnVendor, error) {
	out := map[string]connector.SignOnVendor{}
	for key, p := range h.places {
		if key.Tenant == tenant {
			out[key.Name] = p.Settings.Vendor
		}
	}
	return out, h.away
}

func (h *house) UserOf(_ context.Context, _ int64, account string) (connector.Binding, bool, error) {
	u, ok := h.users[account]
	return connector.Binding{User: u, Account: account, Kind: h.kinds[account].Or("")}, ok, nil
}

func mark(conn int64, proof []byte) string { return fmt.Sprint(conn, hex.EncodeToString(proof)) }

func (h *house) Admit(_ context.Context, a signon.Admission) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if a.Proof != nil {
		if _, used := h.proofs[mark(a.Conn, a.Proof)]; used {
			return false, nil
		}
		h.proofs[mark(a.Conn, a.Proof)] = ""
	}
	h.admitted, h.entries = append(h.admitted, a), append(h.entries, a.Entry)
	return true, nil
}

func (h *house) NoteSignOn(_ context.Context, e signon.Entry) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries = append(h.entries, e)
	return nil
}

func (h *house) UseProof(_ context.Context, conn int64, proof []byte, _ time.Time) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, used := h.proofs[mark(conn, proof)]
	if !used {
		h.proofs[mark(conn, proof)] = ""
	}
	return !used, nil
}

func (h *house) KeepProof(_ context.Context, conn int64, proof []byte, account string, _ time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.proofs[mark(conn, proof)] = account
	return nil
}

func (h *house) RecallProof(_ context.Context, conn int64, proof []byte) (string, bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	account, known := h.proofs[mark(conn, proof)]
	if account != "" {
		h.proofs[mark(conn, proof)] = ""
	}
	return account, known, nil
}

func (h *house) ForgetProof(_ context.Context, conn int64, proof []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.proofs, mark(conn, proof))
	return nil
}

func (h *house) AskOA(ctx context.Context, _ int64, r retry.Request) (retry.Receipt, error) {
	h.mu.Lock()
	h.asked = append(h.asked, r.Address)
	h.mu.Unlock()
	if h.send != nil {
		return h.send(ctx, r)
	}
	return h.answer(r.Address)
}

func (h *house) VerifyTicket(_ context.Context, _ int64, ticket string) (retry.Receipt, error) {
	return h.answer("verify " + ticket)
}

// get visits an address.
func (h *house) get(address string, headers ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "https://todo.example.com"+address, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.gateway.ServeHTTP(w, r)
	if w.Code == http.StatusInternalServerError {
		h.t.Errorf("%s: 500", address)
	}
	if l := w.Header().Get("Location"); l != "" && !strings.HasPrefix(l, "https://crm.example.com/in?x=1&") && (h.provider == "" || !strings.HasPrefix(l, h.provider+"/")) {
		h.t.Errorf("%s leads to %s", address, l)
	}
	for name, want := range map[string]string{"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
		if got := w.Header().Get(name); got != want {
			h.t.Errorf("%s: %s is %q", address, name, got)
		}
	}
	return w
}

// last is the newest line of the log.
func (h *house) last() signon.Entry {
	if len(h.entries) == 0 {
		return signon.Entry{}
	}
	return h.entries[len(h.entries)-1]
}

func link(login, stamp, token string) string {
	return "/oa/weaver/t1/weaver/todo/Quote%20Obj/a%2Fb?" + url.Values{"loginid": {login}, "stamp": {stamp}, "token": {token}}.Encode()
}

func TestSignedLink(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if got := signon.LinkToken(linkSecret, linkLogin, linkStamp); got != linkToken {
		t.Fatalf("the known answer is %s, not %s", linkToken, got)
	}
	w := h.get(link(linkLogin, linkStamp, linkToken) + "&device=mobile")
	to, err := url.Parse(w.Header().Get("Location"))
	if w.Code != http.StatusSeeOther || err != nil || to.Query().Get("target") != "/todo/Quote%20Obj/a%2Fb?device=mobile" || to.Query().Get("x") != "1" {
		t.Fatalf("%d to %s", w.Code, to)
	}
	ticket := to.Query().Get("ticket")
	a := h.admitted[0]
	if len(ticket) != 43 || string(a.Ticket) != string(signon.HashOf(ticket)) || !a.Expires.Equal(h.now.Add(time.Minute)) || a.Entry.User != "crm-1" || a.Entry.Skew != time.Second {
		t.Errorf("admitted %+v with %s", a, ticket)
	}
	if log := h.log.String(); strings.Contains(log, ticket) || strings.Contains(log, linkToken) {
		t.Error("a ticket or a signature stands in the log")
	}
	// The same link again, also in another tenant's place with the same secret: there it is another's.
	if w := h.get(link(linkLogin, linkStamp, linkToken)); w.Code != http.StatusForbidden || h.last().Outcome != "used" {
		t.Errorf("again: %d, %+v", w.Code, h.last())
	}
	if w := h.get(strings.Replace(link(linkLogin, linkStamp, linkToken), "/t1/", "/t2/", 1)); w.Code != http.StatusSeeOther {
		t.Errorf("at another tenant: %d", w.Code)
	}
}

// TestLinkAttacks tries what gets nobody in. A wrong user, a wrong signature and a missing binding cannot be told apart.
func TestLinkAttacks(t *testing.T) {
	t.Parallel()
	sign := func(login, stamp string) string {
		return link(login, stamp, signon.LinkToken(linkSecret, login, stamp))
	}
	at := func(d time.Duration) string {
		ms, _ := strconv.ParseInt(linkStamp, 10, 64)
		return strconv.FormatInt(ms+int64((time.Second+d)/time.Millisecond), 10)
	}
	page := ""
	for _, c := range []struct{ name, address, outcome string }{
		{"another's signature", link("0002", linkStamp, linkToken), "bad_proof"},
		{"nobody is bound", sign("0009", linkStamp), "no_binding"},
		{"boundary shifted left", link("00011", "634128095994", linkToken), "bad_proof"},
		{"boundary shifted right", link("000", "11634128095994", linkToken), "bad_proof"},
		{"upper case", link(linkLogin, linkStamp, strings.ToUpper(linkToken)), "bad_proof"},
		{"short", link(linkLogin, linkStamp, linkToken[:39]), "bad_proof"},
		{"no signature", link(linkLogin, linkStamp, ""), "bad_proof"},
		{"seconds", sign(linkLogin, linkStamp[:10]), "bad_proof"},
		{"a sign", sign(linkLogin, "+"+linkStamp[:12]), "bad_proof"},
		{"nobody", sign("", linkStamp), "bad_proof"},
		{"control characters", sign("0001\n", linkStamp), "bad_proof"},
		{"too long", sign(strings.Repeat("a", 65), linkStamp), "bad_proof"},
		{"too old", sign(linkLogin, at(-5*time.Minute-time.Millisecond)), "too_old"},
		{"too early", sign(linkLogin, at(time.Minute+time.Millisecond)), "too_old"},
	} {
		h := newHouse(t)
		w := h.get(c.address)
		if w.Code != http.StatusForbidden || h.last().Outcome != c.outcome || len(h.admitted) > 0 {
			t.Errorf("%s: %d, %+v", c.name, w.Code, h.last())
		}
		if n := h.last().Number; len(n) != 8 || !strings.Contains(w.Body.String(), n) {
			t.Errorf("%s: the page does not tell the number %q", c.name, n)
		}
		if c.outcome == "too_old" {
			continue
		}
		body := strings.ReplaceAll(w.Body.String(), h.last().Number, "")
		_, body, _ = strings.Cut(body, "</style>")
		if page == "" {
			page = body
		}
		if body != page {
			t.Errorf("%s looks otherwise than another's signature", c.name)
		}
	}
	for name, d := range map[string]time.Duration{"oldest": -5 * time.Minute, "earliest": time.Minute} {
		if h := newHouse(t); h.get(sign(linkLogin, at(d))).Code != http.StatusSeeOther {
			t.Errorf("%s is refused: %+v", name, h.last())
		}
	}
}

// TestAddresses tries addresses that are none, and redirects nobody to where a browser wants.
func TestAddresses(t *testing.T) {
	t.Parallel()
	proof := "?" + url.Values{"loginid": {linkLogin}, "stamp": {linkStamp}, "token": {linkToken}}.Encode()
	for _, address := range []string{
		"/oa/", "/oa/weaver", "/oa/weaver/t1/weaver" + proof, "/oa/weaver/t1/weaver/todo/x" + proof, "/oa/weaver/t1/weaver/todo/x/y/z" + proof,
		"/oa/weaver/t1/weaver/todo/../home" + proof, "/oa/weaver/t1/weaver/todo/x/%2e%2e" + proof, "/oa/weaver/t1/weaver/todo//y" + proof,
		"/oa/weaver/t1/weaver/todo/x/%00" + proof, "/oa/weaver/t1/weaver/todo/x/%0d%0aLocation:x" + proof, "/oa/seeyon/t1/weaver/home" + proof,
		"/oa/weaver/t1/nothing/home" + proof, "/oa/weaver/none/weaver/home" + proof, "/oa/weaver/t%201/weaver/home" + proof,
		"/oa/weaver/t1/weaver/home" + proof + "&loginid=0002", "/oa/weaver/t1/weaver/home" + proof + "&x=%zz",
		"/oa/weaver/t1/weaver/todo/" + strings.Repeat("x", 300) + "/y" + proof, "/oa/weaver/t1/weaver/home?ticket=" + strings.Repeat("x", 3000),
	} {
		h := newHouse(t)
		if w := h.get(address); w.Code != http.StatusForbidden || len(h.admitted) > 0 {
			t.Errorf("%s: %d", address, w.Code)
		}
	}
	h := newHouse(t)
	for _, target := range []string{"//evil.example", "https://evil.example", `\\evil.example`} {
		w := h.get("/oa/weaver/t1/weaver/home" + proof + "&target=" + url.QueryEscape(target) + "&redirect=" + url.QueryEscape(target))
		if to, _ := url.Parse(w.Header().Get("Location")); w.Code == http.StatusSeeOther && to.Query().Get("target") != "/home" {
			t.Errorf("%s leads to %s", target, to)
		}
	}
}

// TestLookers do not use a link up: programs that look ahead, and those that only ask for the head.
func TestLookers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	address := link(linkLogin, linkStamp, linkToken)
	for _, header := range []string{"Sec-Purpose", "Purpose", "X-Moz"} {
		if w := h.get(address, header, "prefetch"); w.Code != http.StatusNoContent {
			t.Errorf("%s: %d", header, w.Code)
		}
	}
	r := httptest.NewRequest(http.MethodHead, "https://todo.example.com"+address, nil)
	w := httptest.NewRecorder()
	h.gateway.ServeHTTP(w, r)
	post := httptest.NewRecorder()
	h.gateway.ServeHTTP(post, httptest.NewRequest(http.MethodPost, "https://todo.example.com"+address, nil))
	if w.Code != http.StatusNoContent || post.Code != http.StatusMethodNotAllowed || len(h.admitted) > 0 {
		t.Errorf("HEAD %d, POST %d, %d admitted", w.Code, post.Code, len(h.admitted))
	}
	if w := h.get(address); w.Code != http.StatusSeeOther {
		t.Errorf("afterwards: %d", w.Code)
	}
}

// TestGuessing is slowed, by address and by connection; who has a good link and another address is not.
func TestGuessing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for range 10 {
		if w := h.get(link("0002", linkStamp, linkToken)); w.Code != http.StatusForbidden {
			t.Fatalf("%d before the tenth", w.Code)
		}
	}
	w := h.get(link(linkLogin, linkStamp, linkToken))
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" || h.last().Outcome != "slowed" {
		t.Errorf("the eleventh: %d, %+v", w.Code, h.last())
	}
	h.client = "192.0.2.2"
	if w := h.get(link(linkLogin, linkStamp, linkToken)); w.Code != http.StatusSeeOther {
		t.Errorf("another address: %d", w.Code)
	}
	for i := range 50 {
		h.client = fmt.Sprint("198.51.100.", i)
		h.get(link("0002", linkStamp, linkToken))
	}
	h.client = "203.0.113.1"
	if w := h.get(link(linkLogin, linkStamp, linkToken)); w.Code != http.StatusTooManyRequests {
		t.Errorf("sixty failures at the connection: %d", w.Code)
	}
	h.now = h.now.Add(time.Minute)
	if w := h.get(link(linkLogin, linkStamp, linkToken)); w.Code != http.StatusForbidden || h.last().Outcome != "used" {
		t.Errorf("a minute later: %d, %+v", w.Code, h.last())
	}
	// One IPv6 customer is one address.
	h = newHouse(t)
	for i := range 10 {
		h.client = fmt.Sprintf("2001:db8:1:1::%x", i)
		h.get(link("0002", linkStamp, linkToken))
	}
	if h.client = "2001:db8:1:1:ffff::1"; h.get(link(linkLogin, linkStamp, linkToken)).Code != http.StatusTooManyRequests {
		t.Error("another address of the same network is not slowed")
	}
}

// TestSeeyon plays both ways of a Seeyon: a ticket on a todo, and the portal's handshake. It takes a ticket for used once it was asked.
func TestSeeyon(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	good := map[string]bool{"v5-1": true, "v5-2": true, "v5-3": true}
	h.answer = func(address string) (retry.Receipt, error) {
		u, _ := url.Parse(address)
		ticket := u.Query().Get("ticket")
		if u.Path != "/seeyon/thirdpartyController.do" || !good[ticket] {
			return retry.Receipt{Status: 200, Body: []byte("error")}, nil
		}
		delete(good, ticket)
		if ticket == "v5-2" {
			return retry.Receipt{Status: 200, Body: []byte("zhangsan\r\n")}, nil
		}
		return retry.Receipt{Status: 200, Headers: []retry.Header{{Name: "LoginName", Value: "zhangsan"}}}, nil
	}
	const todo, home = "/oa/seeyon/t1/seeyon/todo/QuoteObj/66f?v5ticket=", "/oa/seeyon/t1/seeyon/home?ticket="
	for _, c := range []struct {
		address, body string
		status, asked int
	}{
		{todo + "v5-1", "", http.StatusSeeOther, 1},
		{todo + "v5-1", "", http.StatusForbidden, 1},
		{todo + "v5-2", "", http.StatusSeeOther, 2},
		{home + "v5-3", "SSOOK", http.StatusOK, 3},
		{home + "v5-3", "", http.StatusSeeOther, 3},
		{home + "v5-3", "SSOLogoutError", http.StatusOK, 3},
		{home + "wrong", "SSOLogoutError", http.StatusOK, 4},
		{todo + "wrong2", "", http.StatusForbidden, 5},
		{todo, "", http.StatusForbidden, 5},
	} {
		w := h.get(c.address)
		if w.Code != c.status || len(h.asked) != c.asked || c.body != "" && w.Body.String() != c.body {
			t.Errorf("%s: %d %.80q, asked %d times, want %d %q and %d", c.address, w.Code, w.Body.String(), len(h.asked), c.status, c.body, c.asked)
		}
	}
	// Without an answer a ticket may be tried once more.
	good["v5-4"] = true
	answer := h.answer
	h.answer = func(string) (retry.Receipt, error) {
		return retry.Receipt{}, &retry.Error{Class: retry.Timeout, Msg: "no answer"}
	}
	if w := h.get(todo + "v5-4"); w.Code != http.StatusGatewayTimeout {
		t.Errorf("an OA that is too slow: %d", w.Code)
	}
	h.answer = func(string) (retry.Receipt, error) {
		return retry.Receipt{}, &retry.Error{Class: retry.Network, Msg: "refused"}
	}
	if w := h.get(todo + "v5-4"); w.Code != http.StatusBadGateway {
		t.Errorf("an OA that is away: %d", w.Code)
	}
	h.answer = answer
	if w := h.get(todo + "v5-4"); w.Code != http.StatusSeeOther {
		t.Errorf("an OA that is back: %d", w.Code)
	}
	if strings.Contains(h.log.String(), "v5-") {
		t.Error("a ticket stands in the log")
	}
}

func TestCASAndGeneric(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.answer = func(address string) (retry.Receipt, error) {
		switch {
		case strings.HasPrefix(address, "verify tk-1"):
			return retry.Receipt{Status: 200, Body: []byte(`{"code":0,"data":{"openid":"zhangsan"}}`)}, nil
		case strings.HasPrefix(address, "verify "):
			return retry.Receipt{Status: 200, Body: []byte(`{"code":9,"data":{"openid":"zhangsan"}}`)}, nil
		case strings.Contains(address, "ST-bad"):
			return retry.Receipt{Status: 200, Body: []byte(`<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas"><cas:authenticationFailure code="INVALID_TICKET">x</cas:authenticationFailure></cas:serviceResponse>`)}, nil
		}
		return retry.Receipt{Status: 200, Body: []byte(`<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas"><cas:authenticationSuccess><cas:user>zhangsan</cas:user></cas:authenticationSuccess></cas:serviceResponse>`)}, nil
	}
	const cas, own = "/oa/cas/t1/cas/todo/QuoteObj/66f?ticket=", "/oa/generic/t1/own/home?tk="
	for _, c := range []struct {
		address string
		status  int
	}{
		{cas + "ST-1", http.StatusSeeOther},
		{cas + "ST-1", http.StatusForbidden},
		{cas + "ST-bad", http.StatusForbidden},
		{own + "tk-1", http.StatusSeeOther},
		{own + "tk-2", http.StatusForbidden},
		{"/oa/generic/t1/own/home?ticket=tk-1", http.StatusForbidden},
	} {
		if w := h.get(c.address); w.Code != c.status {
			t.Errorf("%s: %d, want %d, %+v", c.address, w.Code, c.status, h.last())
		}
	}
	if want := "https://cas.example.com/cas/serviceValidate?service=https%3A%2F%2Ftodo.example.com%2Foa%2Fcas%2Ft1%2Fcas%2Ftodo%2FQuoteObj%2F66f&ticket=ST-1"; h.asked[0] != want {
		t.Errorf("asked %s", h.asked[0])
	}
	// A browser may name one of the settings' addresses, and no other.
	h.asked = nil
	for name, status := range map[string]int{
		"https://b.example.com:8443/x": http.StatusSeeOther, "https://b.example.com": http.StatusForbidden, "http://b.example.com:8443": http.StatusForbidden,
		"https://evil.example:8443": http.StatusForbidden, "https://b.example.com:8443@evil.example": http.StatusForbidden, "//b.example.com:8443": http.StatusForbidden,
		"https://u@b.example.com:8443": http.StatusForbidden,
	} {
		if w := h.get(cas + url.QueryEscape("ST-"+name) + "&baseUrl=" + url.QueryEscape(name)); w.Code != status {
			t.Errorf("%s: %d, want %d", name, w.Code, status)
		}
	}
	if len(h.asked) != 1 || !strings.HasPrefix(h.asked[0], "https://b.example.com:8443/serviceValidate?") {
		t.Errorf("asked %v", h.asked)
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for lang, want := range map[string]string{"": "We could not tell who you are", "zh-CN,en;q=0.8": "无法确认您的身份", "fr, en": "We could not"} {
		w := h.get(link("0002", linkStamp, linkToken), "Accept-Language", lang)
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q: %s", lang, w.Body)
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("policy %s", csp)
		}
	}
	h.away = &connector.Error{Kind: connector.Unavailable, Msg: "the database is away"}
	if w := h.get(link(linkLogin, linkStamp, linkToken)); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "database") {
		t.Errorf("the store is away: %d %s", w.Code, w.Body)
	}
	h.away = nil
	for _, o := range signon.Outcomes() {
		for _, lang := range []connector.Language{connector.Chinese, connector.English} {
			if o != signon.SignedOn && o != signon.Greeted && !signon.Speaks(o, lang) {
				t.Errorf("nothing is said of %s in %s", o, lang)
			}
		}
	}
}
