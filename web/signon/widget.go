package signon

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"todosync/connector"
)

// Of the tokens of a chat widget.
const (
	widgetLife     = 5 * time.Minute
	widgetType     = "todosync-widget+jwt"
	widgetAudience = "widget"
	comeBack       = "todosync" // the audience of who comes from the widget to us
)

// A WidgetUser is a user as a page gives him to HelpCrunch's widget. UserID and SecurityHash belong together: once the widget has seen a hash
// for a user, it shuts out whoever comes without it.
type WidgetUser struct {
	UserID       string            `json:"user_id"`
	SecurityHash string            `json:"security_hash"`
	Name         string            `json:"name,omitempty"`
	Email        string            `json:"email,omitempty"`
	Phone        string            `json:"phone,omitempty"`
	Company      string            `json:"company,omitempty"`
	CustomData   map[string]string `json:"custom_data,omitempty"`
}

// A WidgetPass is what a page needs for the widget: a user with his hash, or a token that holds the same and cannot be edited in the browser.
type WidgetPass struct {
	User    *WidgetUser
	Token   string
	Expires time.Time // of the token
}

// WidgetHash is the hash by which the widget knows a user: the same on every device, for as long as the key's version is his.
func WidgetHash(key, tenant, user string) string {
	m := hmac.New(sha256.New, []byte(key))
	_, _ = m.Write([]byte(tenant + "\x00" + user)) // never fails
	return hex.EncodeToString(m.Sum(nil))
}

// keyVersion names a key without telling it: in whatever order and number keys stand in the settings, each keeps its name. So few bits say
// nothing useful of a key to who reads the store.
func keyVersion(key string) int {
	sum := sha256.Sum256([]byte("version " + key))
	return int(binary.BigEndian.Uint32(sum[:]) >> 1)
}

// widgetKey finds the key of a version.
func widgetKey(secrets []string, version int) (string, bool) {
	for _, s := range secrets {
		if s != "" && keyVersion(s) == version {
			return s, true
		}
	}
	return "", false
}

// Widget gives a page what it needs to show the widget to a user. A user whom the widget knows keeps the version of the key that he came with
// first, whatever is newer; where that one is gone from the settings nothing is given, since the widget would shut him out.
func (g *Gateway) Widget(ctx context.Context, key connector.ConnectionKey, u WidgetUser, asToken bool) (WidgetPass, error) {
	const op = "show the chat widget"
	place, err := g.cfg.Desk.Place(ctx, key)
	if err != nil {
		return WidgetPass{}, err
	}
	forbidden := func(msg, hint string) (WidgetPass, error) {
		return WidgetPass{}, &connector.Error{Kind: connector.Forbidden, Op: op, Msg: msg, Hint: hint}
	}
	switch {
	case place.Settings.Vendor != connector.VendorHelpCrunch:
		return WidgetPass{}, &connector.Error{Kind: connector.NotFound, Op: op, Msg: "connection " + key.String() + " is no HelpCrunch"}
	case u.UserID == "":
		return WidgetPass{}, &connector.Error{Kind: connector.Invalid, Op: op, Msg: "a user id is needed"}
	case len(place.Secrets) == 0 || place.Secrets[0] == "":
		return forbidden("the connection has no signOn.secret", "a user without a hash may not be shown: anybody could claim to be him")
	}
	version, err := g.cfg.Desk.WidgetVersion(ctx, key, u.UserID, keyVersion(place.Secrets[0]))
	if err != nil {
		return WidgetPass{}, err
	}
	secret, ok := widgetKey(place.Secrets, version)
	if !ok {
		return forbidden("the secret by which the widget knows the user stands in signOn.secret no more", "put it back behind the newer ones: old ones are never taken away")
	}
	u.SecurityHash = WidgetHash(secret, key.Tenant, u.UserID)
	if !asToken {
		return WidgetPass{User: &u}, nil
	}
	newest := place.Secrets[0]
	if len(newest) < minShared {
		return forbidden("signOn.secret has fewer than 32 bytes", "a token wants a longer one")
	}
	now := g.cfg.Now()
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": g.issuer(), "aud": widgetAudience, "sub": u.UserID, "tenant": key.Tenant, "iat": now.Unix(), "exp": now.Add(widgetLife).Unix(), "jti": random(), "user": u,
	})
	t.Header["typ"], t.Header["kid"] = widgetType, fmt.Sprintf("k%08x", keyVersion(newest))
	text, err := t.SignedString([]byte(newest))
	if err != nil {
		return WidgetPass{}, &connector.Error{Kind: connector.Internal, Op: op, Msg: "the token cannot be signed", Err: err}
	}
	return WidgetPass{Token: text, Expires: now.Add(widgetLife)}, nil
}

// helpcrunch proves by a token that whoever shares the secret has signed for us: short-lived, and good once. A security_hash is no proof, since
// it never changes: who has seen it once could come for ever.
func (v *visit) helpcrunch() *refusal {
	bad := func(why string) *refusal {
		return v.guessed(v.place.Key, &refusal{outcome: BadProof, why: why, uniform: true})
	}
	text := v.query.Get("jwt")
	switch {
	case len(v.place.Secrets) == 0:
		return &refusal{outcome: NotSetUp, why: "the connection has no signOn.secret"}
	case text == "" && v.query.Has("user_id"):
		return bad("a user_id, with or without its security_hash, lets nobody in: it is the same for ever; bring a jwt")
	case text == "":
		return bad("the address brings no jwt")
	}
	var claims jwt.RegisteredClaims
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithAudience(comeBack),
		jwt.WithLeeway(time.Duration(v.place.Settings.Skew.Future)), jwt.WithTimeFunc(v.cfg.Now), jwt.WithStrictDecoding(),
	)
	set := jwt.VerificationKeySet{}
	for _, s := range v.place.Secrets {
		if len(s) < minShared {
			return &refusal{outcome: NotSetUp, why: "signOn.secret has fewer than 32 bytes"}
		}
		set.Keys = append(set.Keys, []byte(s))
	}
	_, err := parser.ParseWithClaims(text, &claims, func(*jwt.Token) (any, error) { return set, nil })
	switch {
	case err != nil:
		return bad("the token is not good: " + v.safe(err))
	case claims.IssuedAt == nil || claims.ID == "" || claims.ExpiresAt.Sub(claims.IssuedAt.Time) > widgetLife:
		return bad("the token lacks iat or jti, or is good for more than five minutes")
	}
	account := soundAccount(claims.Subject)
	if account == "" {
		return bad("the token names nobody")
	}
	sum := sha256.Sum256([]byte("jti " + claims.ID))
	v.entry.Skew = v.entry.At.Sub(claims.IssuedAt.Time)
	v.proof = proof{account: account, hash: sum[:], until: claims.ExpiresAt.Add(2 * widgetLife), uniform: true}
	return nil
}
