package signon_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/text/encoding/simplifiedchinese"

	"todosync/connector"
	"todosync/web/signon"
)

// ticketOf signs on by the known link, and gives the CRM's ticket.
func (h *house) ticketOf(change func(*signon.Place)) (string, *httptest.ResponseRecorder) {
	h.t.Helper()
	key := connector.ConnectionKey{Tenant: "t1", Name: "weaver"}
	place := h.places[key]
	change(&place)
	h.places[key] = place
	w := h.get(link(linkLogin, linkStamp, linkToken))
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil {
		h.t.Fatal(err)
	}
	return to.Query().Get("ticket"), w
}

// TestEdDSATickets are signed by the newest key that signs already, bear its name, and are kept as the opaque ones are, so that they can be
// redeemed once.
func TestEdDSATickets(t *testing.T) {
	t.Parallel()
	for kid, from := range map[string]time.Duration{"ticket-1": time.Minute, "ticket-2": -time.Minute} {
		h := newHouse(t)
		h.keyFrom = h.now.Add(from)
		ticket, _ := h.ticketOf(func(p *signon.Place) { p.Ticket = connector.TicketEdDSA })
		seed := map[string]byte{"ticket-1": 1, "ticket-2": 2}[kid]
		key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32)).Public()
		claims := jwt.MapClaims{}
		got, err := jwt.NewParser(jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithTimeFunc(func() time.Time { return h.now }), jwt.WithExpirationRequired(),
			jwt.WithAudience("https://crm.example.com/in"), jwt.WithIssuer("https://todo.example.com"), jwt.WithIssuedAt()).
			ParseWithClaims(ticket, claims, func(*jwt.Token) (any, error) { return key, nil })
		if err != nil || got.Header["kid"] != kid || got.Header["typ"] != "todosync-ticket+jwt" {
			t.Fatalf("%s: %v, %v", kid, got, err)
		}
		if claims["sub"] != "crm-1" || claims["tenant"] != "t1" || claims["target"] != "/todo/Quote%20Obj/a%2Fb" || len(fmt.Sprint(claims["jti"])) != 43 {
			t.Errorf("%s: %v", kid, claims)
		}
		a := h.admitted[0]
		if !bytes.Equal(a.Ticket, signon.HashOf(ticket)) || !a.Expires.Equal(h.now.Add(time.Minute)) {
			t.Errorf("%s: kept as %+v", kid, a)
		}
		if strings.Contains(h.log.String(), ticket) {
			t.Error("the log holds the ticket")
		}
		// One second after its life it is over.
		h.now = h.now.Add(61 * time.Second)
		if _, err := jwt.NewParser(jwt.WithTimeFunc(func() time.Time { return h.now })).Parse(ticket, func(*jwt.Token) (any, error) { return key, nil }); err == nil {
			t.Error("it is good for ever")
		}
	}
}

// TestHS256Tickets want a secret as long as the hash.
func TestHS256Tickets(t *testing.T) {
	t.Parallel()
	for length, status := range map[int]int{0: http.StatusForbidden, 31: http.StatusForbidden, 32: http.StatusSeeOther} {
		h := newHouse(t)
		shared := strings.Repeat("s", length)
		ticket, w := h.ticketOf(func(p *signon.Place) { p.Ticket, p.Shared, p.Audience = connector.TicketHS256, shared, "crm" })
		if w.Code != status {
			t.Errorf("a secret of %d bytes: %d, %+v", length, w.Code, h.last())
		}
		if status != http.StatusSeeOther {
			if h.last().Outcome != "not_set_up" || h.last().User != "" {
				t.Errorf("%+v", h.last())
			}
			continue
		}
		got, err := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithTimeFunc(func() time.Time { return h.now }), jwt.WithAudience("crm")).
			Parse(ticket, func(*jwt.Token) (any, error) { return []byte(shared), nil })
		if err != nil || got.Header["kid"] != nil {
			t.Errorf("%v, %v", got, err)
		}
	}
}

// TestPublishedKeys are the public halves alone.
func TestPublishedKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := httptest.NewRecorder()
	h.gateway.ServeHTTP(w, httptest.NewRequest(http.MethodGet, signon.KeysPath, nil))
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil || w.Code != http.StatusOK || len(set.Keys) != 2 || w.Header().Get("Cache-Control") != "public, max-age=300" {
		t.Fatalf("%d %s %v", w.Code, w.Body, err)
	}
	for _, k := range set.Keys {
		if len(k) != 6 || k["d"] != "" || k["k"] != "" {
			t.Errorf("published %v", k)
		}
	}
	post := httptest.NewRecorder()
	h.gateway.ServeHTTP(post, httptest.NewRequest(http.MethodPost, signon.KeysPath, nil))
	if post.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", post.Code)
	}
	h = newHouse(t)
	h.away = &connector.Error{Kind: connector.Unavailable, Msg: "away"}
	w = httptest.NewRecorder()
	h.gateway.ServeHTTP(w, httptest.NewRequest(http.MethodGet, signon.KeysPath, nil))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("the store is away: %d", w.Code)
	}
}

// TestTwoSecrets are good while one is changed for the other, and a third is not.
func TestTwoSecrets(t *testing.T) {
	t.Parallel()
	for secret, status := range map[string]int{"the-new-secret": http.StatusSeeOther, linkSecret: http.StatusSeeOther, "another-secret": http.StatusForbidden} {
		h := newHouse(t)
		key := connector.ConnectionKey{Tenant: "t1", Name: "weaver"}
		place := h.places[key]
		place.Secrets = []string{"the-new-secret", linkSecret}
		h.places[key] = place
		if w := h.get(link(linkLogin, linkStamp, signon.LinkToken(secret, linkLogin, linkStamp))); w.Code != status {
			t.Errorf("%s: %d", secret, w.Code)
		}
	}
	// A secret that is not set is no secret: nobody signs with it.
	h := newHouse(t)
	key := connector.ConnectionKey{Tenant: "t1", Name: "weaver"}
	place := h.places[key]
	place.Secrets = []string{linkSecret, ""}
	h.places[key] = place
	if w := h.get(link(linkLogin, linkStamp, signon.LinkToken("", linkLogin, linkStamp))); w.Code == http.StatusSeeOther {
		t.Error("an empty secret signs")
	}
}

// TestGBK takes a login as an OA on a Chinese Windows signs and sends it, where the settings say so.
func TestGBK(t *testing.T) {
	t.Parallel()
	const name = "张三"
	gbk, err := simplifiedchinese.GBK.NewEncoder().String(name)
	if err != nil || hex.EncodeToString([]byte(gbk)) != "d5c5c8fd" {
		t.Fatal(gbk, err)
	}
	for _, c := range []struct {
		what, sent, signed string
		charset            connector.SignOnCharset
		good               bool
	}{
		{"UTF-8", name, name, "", true},
		{"GBK that nobody expects", gbk, gbk, "", false},
		{"signed in GBK, unexpected", name, gbk, "", false},
		{"UTF-8 where GBK may be", name, name, connector.CharsetGBK, true},
		{"signed in GBK", name, gbk, connector.CharsetGBK, true},
		{"signed and sent in GBK", gbk, gbk, connector.CharsetGBK, true},
		{"sent in GBK", gbk, name, connector.CharsetGBK, true},
		{"half a character", gbk[:3], gbk[:3], connector.CharsetGBK, false},
		{"another's signature", gbk, "李四", connector.CharsetGBK, false},
	} {
		h := newHouse(t)
		h.users[name] = "crm-3"
		key := connector.ConnectionKey{Tenant: "t1", Name: "weaver"}
		place := h.places[key]
		place.Settings.Charset = c.charset
		h.places[key] = place
		w := h.get(link(c.sent, linkStamp, signon.LinkToken(linkSecret, c.signed, linkStamp)))
		if (w.Code == http.StatusSeeOther) != c.good {
			t.Errorf("%s: %d %+v", c.what, w.Code, h.last())
		}
		if c.good && h.last().Account != name {
			t.Errorf("%s: the account is %q", c.what, h.last().Account)
		}
	}
}

// TestNoOpenRedirect sends nobody to an address that a browser brought, in whatever spelling and parameter.
func TestNoOpenRedirect(t *testing.T) {
	t.Parallel()
	evil := []string{
		"https://evil.example", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, "/%2f%2fevil.example", "/%5cevil.example", "http:evil.example",
		"https:/evil.example", "javascript:alert(1)", "data:text/html,x", "/\tevil.example", "/\r\nLocation: https://evil.example", "https://crm.example.com@evil.example",
		"https://crm.example.com.evil.example", "https://evil.example#crm.example.com", "https://evil.example?crm.example.com",
	}
	ms, _ := strconv.ParseInt(linkStamp, 10, 64)
	i := int64(0)
	visit := func(path string, more url.Values) *httptest.ResponseRecorder {
		h := newHouse(t)
		i++
		stamp := strconv.FormatInt(ms+i%1000, 10)
		more.Set("loginid", linkLogin)
		more.Set("stamp", stamp)
		more.Set("token", signon.LinkToken(linkSecret, linkLogin, stamp))
		return h.get("/oa/weaver/t1/weaver/" + path + "?" + more.Encode())
	}
	for _, to := range evil {
		for _, name := range []string{"target", "redirect", "redirect_uri", "url", "next", "service", "returnUrl", "crmLoginUrl", "baseUrl", "ticket"} {
			w := visit("home", url.Values{name: {to}})
			at, err := url.Parse(w.Header().Get("Location"))
			if err != nil || w.Code != http.StatusSeeOther || at.Scheme != "https" || at.Host != "crm.example.com" || at.Path != "/in" || at.Query().Get("target") != "/home" || len(at.Query()["target"]) != 1 {
				t.Errorf("%s=%s: %d to %v", name, to, w.Code, at)
			}
		}
		w := visit("todo/"+url.PathEscape(to)+"/1", url.Values{})
		at, err := url.Parse(w.Header().Get("Location"))
		if err != nil || w.Code == http.StatusSeeOther && (at.Host != "crm.example.com" || !strings.HasPrefix(at.Query().Get("target"), "/todo/")) {
			t.Errorf("the todo %q: %d to %v", to, w.Code, at)
		}
		// What the CRM makes of the target is a path under /todo/ with two segments, whatever stood in the address.
		if target := at.Query().Get("target"); w.Code == http.StatusSeeOther {
			u, err := url.Parse(target)
			if err != nil || u.Scheme != "" || u.Host != "" || len(strings.Split(u.EscapedPath(), "/")) != 4 {
				t.Errorf("the todo %q: target %q", to, target)
			}
		}
	}
}
