package signon_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"todosync/connector"
	"todosync/internal/oasim"
	"todosync/web/signon"
)

const (
	firstKey  = "the-first-key-of-the-widget-32-bytes"
	secondKey = "the-second-key-of-the-widget-32-bytes"
)

func widgetStreet(t *testing.T, secrets ...string) *street {
	s := newStreet(t, oasim.HelpCrunch, oasim.Config{}, nil)
	s.setSecrets(secrets...)
	return s
}

func (s *street) setSecrets(secrets ...string) {
	key := connector.ConnectionKey{Tenant: "t1", Name: "oa"}
	place := s.places[key]
	place.Secrets, place.Settings.Skew = secrets, connector.DefaultSkew()
	s.places[key] = place
}

// pass is what a page gets for a user.
func (s *street) pass(user string, asToken bool) (signon.WidgetPass, error) {
	return s.gateway.Widget(s.t.Context(), connector.ConnectionKey{Tenant: "t1", Name: "oa"}, signon.WidgetUser{UserID: user, Name: "Ann"}, asToken)
}

// show gives the widget a user as a page does.
func (s *street) show(user any) int {
	s.t.Helper()
	body, err := json.Marshal(map[string]any{"appId": "1", "user": user})
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.Post(s.server.URL+"/widget/init", "application/json", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// TestWidgetHash sticks to a user across changes of the key; without it the widget shows nothing.
func TestWidgetHash(t *testing.T) {
	t.Parallel()
	s := widgetStreet(t, firstKey)
	old, err := s.pass("ann", false)
	if err != nil {
		t.Fatal(err)
	}
	m := hmac.New(sha256.New, []byte(firstKey))
	_, _ = m.Write([]byte("t1\x00ann"))
	if old.User.SecurityHash != hex.EncodeToString(m.Sum(nil)) || old.User.UserID != "ann" {
		t.Errorf("the hash is %+v", old.User)
	}
	if code := s.show(old.User); code != http.StatusOK {
		t.Errorf("at first: %d", code)
	}
	for what, user := range map[string]map[string]string{
		"without": {"user_id": "ann"}, "empty": {"user_id": "ann", "security_hash": ""}, "another": {"user_id": "ann", "security_hash": strings.Repeat("0", 64)},
	} {
		if code := s.show(user); code != http.StatusForbidden {
			t.Errorf("%s: %d", what, code)
		}
	}
	// A new key is for new users; who came with the old one stays with it.
	s.setSecrets(secondKey, firstKey)
	again, err := s.pass("ann", false)
	if err != nil || again.User.SecurityHash != old.User.SecurityHash || s.show(again.User) != http.StatusOK {
		t.Errorf("after a change of the key: %+v, %v", again.User, err)
	}
	bob, err := s.pass("bob", false)
	if err != nil || bob.User.SecurityHash != signon.WidgetHash(secondKey, "t1", "bob") || s.show(bob.User) != http.StatusOK {
		t.Errorf("a new user: %+v, %v", bob.User, err)
	}
	// Where the old key is taken away nothing is given, since the widget would shut her out. He goes on.
	s.setSecrets(secondKey)
	if got, err := s.pass("ann", false); connector.KindOf(err) != connector.Forbidden || got.User != nil {
		t.Errorf("her key is gone: %+v, %v", got, err)
	}
	s.setSecrets("a-third-key-of-the-widget-of-32-bytes", firstKey, secondKey)
	for user, key := range map[string]string{"ann": firstKey, "bob": secondKey} {
		if got, err := s.pass(user, false); err != nil || got.User.SecurityHash != signon.WidgetHash(key, "t1", user) {
			t.Errorf("%s, with the keys in another order: %+v, %v", user, got, err)
		}
	}
	s.setSecrets()
	if got, err := s.pass("carl", false); connector.KindOf(err) != connector.Forbidden || got.User != nil {
		t.Errorf("without a secret: %+v, %v", got, err)
	}
	// Two tenants' users of one id have hashes of their own.
	if signon.WidgetHash(firstKey, "t1", "ann") == signon.WidgetHash(firstKey, "t2", "ann") || signon.WidgetHash(firstKey, "t1", "1ann") == signon.WidgetHash(firstKey, "t11", "ann") {
		t.Error("two tenants share a hash")
	}
}

// TestWidgetToken holds the whole user, for five minutes.
func TestWidgetToken(t *testing.T) {
	t.Parallel()
	s := widgetStreet(t, secondKey, firstKey)
	pass, err := s.pass("ann", true)
	if err != nil || pass.User != nil || pass.Expires.Sub(s.now) != 5*time.Minute {
		t.Fatalf("%+v, %v", pass, err)
	}
	claims := jwt.MapClaims{}
	got, err := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithAudience("widget"), jwt.WithTimeFunc(func() time.Time { return s.now }), jwt.WithExpirationRequired()).
		ParseWithClaims(pass.Token, claims, func(*jwt.Token) (any, error) { return []byte(secondKey), nil })
	user, _ := claims["user"].(map[string]any)
	if err != nil || !strings.HasPrefix(fmt.Sprint(got.Header["kid"]), "k") || claims["sub"] != "ann" || user["name"] != "Ann" || user["security_hash"] == "" {
		t.Errorf("%v %v", claims, err)
	}
	// It lets nobody in here: it is for the widget.
	s.users["ann"] = "crm-ann"
	s.want("the widget's own token", s.open(s.link()+"?jwt="+url.QueryEscape(pass.Token)), http.StatusForbidden, "bad_proof")
}

// TestFromWidget lets in who brings a token of a few minutes, once. A hash that never changes lets nobody in.
func TestFromWidget(t *testing.T) {
	t.Parallel()
	s := widgetStreet(t, secondKey, firstKey)
	s.users["ann"] = "crm-ann"
	n := 0
	sign := func(key any, method jwt.SigningMethod, change func(jwt.MapClaims)) string {
		t.Helper()
		n++
		claims := jwt.MapClaims{"sub": "ann", "aud": "todosync", "iat": s.now.Unix(), "exp": s.now.Add(time.Minute).Unix(), "jti": fmt.Sprint("j", n)}
		if change != nil {
			change(claims)
		}
		text, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s.link() + "?jwt=" + url.QueryEscape(text)
	}
	good := sign([]byte(secondKey), jwt.SigningMethodHS256, nil)
	s.want("a token", s.open(good), http.StatusSeeOther, "signed_on")
	s.want("again", s.open(good), http.StatusForbidden, "used")
	s.want("by the older secret", s.open(sign([]byte(firstKey), jwt.SigningMethodHS256, nil)), http.StatusSeeOther, "signed_on")
	for what, at := range map[string]string{
		"a user_id":           s.link() + "?user_id=ann",
		"with its hash":       s.link() + "?user_id=ann&security_hash=" + signon.WidgetHash(firstKey, "t1", "ann"),
		"nothing":             s.link(),
		"another secret":      sign([]byte(strings.Repeat("x", 32)), jwt.SigningMethodHS256, nil),
		"no signature":        sign(jwt.UnsafeAllowNoneSignatureType, jwt.SigningMethodNone, nil),
		"another hash":        sign([]byte(secondKey), jwt.SigningMethodHS512, nil),
		"for somebody else":   sign([]byte(secondKey), jwt.SigningMethodHS256, func(c jwt.MapClaims) { c["aud"] = "widget" }),
		"for nobody":          sign([]byte(secondKey), jwt.SigningMethodHS256, func(c jwt.MapClaims) { delete(c, "aud") }),
		"without an end":      sign([]byte(secondKey), jwt.SigningMethodHS256, func(c jwt.MapClaims) { delete(c, "exp") }),
		"without a beginning": sign([]byte(secondKey), jwt.SigningMethodHS256, func(c jwt.MapClaims) { delete(c, "iat") }),
		"without a number":    sign([]byte(secondKey), jwt.SigningMethodHS256, func(c jwt.MapClaims) { delete(c, "jti") }),
		"run out":             sign([]byte(secondKey), jwt.SigningMethodHS256, func(c jwt.MapClaims) { c["iat"], c["exp"] = s.now.Unix()-400, s.now.Unix()-100 }),
		"not yet":             sign([]byte(secondKey), jwt.SigningMethodHS256, func(c jwt.MapClaims) { c["iat"], c["exp"] = s.now.Unix()+100, s.now.Unix()+160 }),
		"too long":            sign([]byte(secondKey), jwt.SigningMethodHS256, func(c jwt.MapClaims) { c["exp"] = s.now.Unix() + 301 }),
		"of nobody":           sign([]byte(secondKey), jwt.SigningMethodHS256, func(c jwt.MapClaims) { c["sub"] = "" }),
	} {
		s.want(what, s.open(at), http.StatusForbidden, "bad_proof")
	}
	s.want("of somebody who is not bound", s.open(sign([]byte(secondKey), jwt.SigningMethodHS256, func(c jwt.MapClaims) { c["sub"] = "nobody" })), http.StatusForbidden, "no_binding")
}
