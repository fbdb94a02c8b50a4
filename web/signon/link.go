package signon

import (
	"crypto/sha1" //nolint:gosec // the scheme is the OA's
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxLogin is how long a login of a signed link may be, in characters.
const maxLogin = 64

// The forms of a signed link's parts. They are strict because the signature has no separators: of 0001 and 1634128095994 it says the
// same as of 00011 and 634128095994.
var (
	linkStamp = regexp.MustCompile(`^[0-9]{13}$`)
	linkToken = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// LinkToken signs a link: SHA1 of secret, login and stamp, in lower-case hex. The scheme is that of Weaver's signed links (query parameters
// loginid, stamp, token).
func LinkToken(secret, login, stamp string) string {
	sum := sha1.Sum([]byte(secret + login + stamp)) //nolint:gosec // the scheme is the OA's
	return hex.EncodeToString(sum[:])
}

// link proves by a signed link.
func (v *visit) link() *refusal {
	login, stamp, token := v.query.Get("loginid"), v.query.Get("stamp"), v.query.Get("token")
	secret := v.place.Secret
	if secret == "" {
		return &refusal{outcome: NotSetUp, why: "the connection has no signOn.secret"}
	}
	want := LinkToken(secret, login, stamp) // always, so that the time it takes tells nothing
	good := subtle.ConstantTimeCompare([]byte(want), []byte(token)) == 1
	formed := linkStamp.MatchString(stamp) && linkToken.MatchString(token) && login != "" && utf8.ValidString(login) &&
		utf8.RuneCountInString(login) <= maxLogin && !strings.ContainsFunc(login, unicode.IsControl)
	if !good || !formed {
		why := "the signature is wrong"
		if !formed {
			why = "loginid, stamp or token has not the form of a signed link"
		} else {
			v.entry.Account = login
		}
		return v.guessed(v.place.Key, &refusal{outcome: BadProof, why: why})
	}
	v.entry.Account = login
	ms, _ := strconv.ParseInt(stamp, 10, 64) // thirteen digits fit
	at := time.UnixMilli(ms)
	v.entry.Skew = v.entry.At.Sub(at)
	past, future := time.Duration(v.place.Settings.Skew.Past), time.Duration(v.place.Settings.Skew.Future)
	if v.entry.Skew > past || -v.entry.Skew > future {
		return &refusal{outcome: TooOld, why: fmt.Sprintf("its time is off by %s; %s back and %s ahead are let pass", v.entry.Skew.Round(time.Millisecond), past, future)}
	}
	sum := sha256.Sum256([]byte("link " + token))
	v.proof = proof{account: login, hash: sum[:], until: at.Add(past + future + time.Minute), uniform: true}
	return nil
}
