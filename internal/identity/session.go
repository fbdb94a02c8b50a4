package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// How long a session is good.
const (
	SessionIdle = 12 * time.Hour     // without a request
	SessionLife = 7 * 24 * time.Hour // in all
	SessionsFew = 20                 // of one user; the oldest ends where he logs in once more
	SeenEvery   = time.Minute        // how exactly the time of the last request is known
	clockMend   = 15 * time.Minute   // a clock that is put back by this logs nobody out
)

// A Session is somebody who is logged in, in one browser.
type Session struct {
	ID      string // to name it with; good for nothing else
	User    User
	Created time.Time
	Seen    time.Time // to within SeenEvery
	Expires time.Time // whatever he does; sooner where he does nothing
	Address string
	Agent   string // the browser, as it calls itself
}

// Live reports whether the session is good.
func (s *Session) Live(now time.Time) bool {
	if s.Created.After(now.Add(clockMend)) {
		return false // the clock was put back, and its end is further away than it may be
	}
	return now.Before(s.Expires) && now.Before(s.Seen.Add(SessionIdle)) && !s.User.Disabled
}

// An Opening begins a session.
type Opening struct {
	User     string // his id
	Password string // what was kept of the password that proved to be right: it must still be that; empty: he came otherwise
	Hash     []byte // of what the browser is given
	Replaces []byte // the hash of the session that the browser had before; it ends
	How      string // for the audit: "password", "link", "oidc"
	Address  string
	Agent    string
	Guess    *Guess // the attempt was counted as a failure under this; it was none
}

// A LinkKind says what a one-time link is good for.
type LinkKind string

// The kinds of links.
const (
	LinkFirstAdmin LinkKind = "first-admin" // makes the first user, as long as there is none
	LinkLogIn      LinkKind = "log-in"      // logs a user in
)

// A Link is what the store keeps of a one-time link.
type Link struct {
	Hash    []byte
	Kind    LinkKind
	User    string    // id of who is logged in
	Maker   string    // a link takes the place of an earlier one of the same maker and kind
	Expires time.Time // zero: never
}

// tokenSize is how many random bytes a session, and a link, is known by.
const tokenSize = 32

// newToken makes what a browser or link holds, and the hash of it that is kept.
func newToken() (token string, hash []byte) {
	raw := make([]byte, tokenSize)
	_, _ = rand.Read(raw) // never fails
	token = base64.RawURLEncoding.EncodeToString(raw)
	return token, HashOf(token)
}

// HashOf is what is kept of a session's token or a link. It is of 256 random bits: nothing to guess, so nothing to slow down.
func HashOf(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// tokenShape reports whether a text may be a token at all.
func tokenShape(token string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	return err == nil && len(raw) == tokenSize
}
