package hash

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // some OAs want it
	"crypto/sha1" //nolint:gosec // some OAs want it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"

	"github.com/emmansun/gmsm/sm3"
)

// keyed begins the names of the hashes that need a key.
const keyed = "hmac-"

// Names are the names of all hashes, in the order in which they are shown.
func Names() []string {
	return []string{"md5", "sha1", "sha256", "sm3", "hmac-md5", "hmac-sha1", "hmac-sha256", "hmac-sm3"}
}

// Keyed reports whether the hash of that name needs a key.
func Keyed(name string) bool { return strings.HasPrefix(name, keyed) }

// Sum hashes data; of a hash without a key, key is not looked at.
func Sum(name string, key, data []byte) ([]byte, error) {
	plain, isKeyed := strings.CutPrefix(name, keyed)
	var fresh func() hash.Hash
	switch plain {
	case "md5":
		fresh = md5.New
	case "sha1":
		fresh = sha1.New
	case "sha256":
		fresh = sha256.New
	case "sm3":
		fresh = sm3.New
	default:
		return nil, fmt.Errorf("there is no hash %q; want one of %s", name, strings.Join(Names(), ", "))
	}
	h := fresh()
	if isKeyed {
		h = hmac.New(fresh, key)
	}
	_, _ = h.Write(data) // never fails
	return h.Sum(nil), nil
}

// Hex writes a hash in hexadecimal digits, lower-case ones unless upper is set.
func Hex(sum []byte, upper bool) string {
	s := hex.EncodeToString(sum)
	if upper {
		return strings.ToUpper(s)
	}
	return s
}

// Base64 writes a hash in Base64, of the standard alphabet and with padding.
func Base64(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }
