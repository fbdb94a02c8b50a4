package signon

import (
	"crypto/sha1" //nolint:gosec // the scheme is the OA's
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"todosync/connector"
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

// linkLogin gives the login of a signed link and the bytes that may have been signed: an OA on a Chinese Windows signs, and perhaps sends, its
// GBK.
func linkLogin(login string, charset connector.SignOnCharset) (account string, signed []string) {
	if charset != connector.CharsetGBK {
		return login, []string{login}
	}
	if utf8.ValidString(login) {
		gbk, err := simplifiedchinese.GBK.NewEncoder().String(login)
		if err != nil {
			gbk = login // GBK lacks something of it
		}
		return login, []string{login, gbk}
	}
	plain, err := simplifiedchinese.GBK.NewDecoder().String(login)
	if err != nil || strings.ContainsRune(plain, utf8.RuneError) {
		return login, []string{login, login}
	}
	return plain, []string{login, plain}
}

// link proves by a signed link.
func (v *visit) link() *refusal {
	login, stamp, token := v.query.Get("loginid"), v.query.Get("stamp"), v.query.Get("token")
	secrets := v.place.Secrets
	if len(secrets) == 0 || slices.Contains(secrets, "") {
		return &refusal{outcome: NotSetUp, why: "the connection has no signOn.secret"}
	}
	login, signed := linkLogin(login, v.place.Settings.Charset)
	good := 0 // all are always tried, so that the time it takes tells nothing
	for _, secret := range secrets {
		for _, text := range signed {
			good |= subtle.ConstantTimeCompare([]byte(LinkToken(secret, text, stamp)), []byte(token))
		}
	}
	formed := linkStamp.MatchString(stamp) && linkToken.MatchString(token) && login != "" && utf8.ValidString(login) &&
		utf8.RuneCountInString(login) <= maxLogin && !strings.ContainsFunc(login, unicode.IsControl)
	if good != 1 || !formed {
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
