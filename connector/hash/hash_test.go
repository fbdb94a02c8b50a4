package hash_test

import (
	"strings"
	"testing"

	"todosync/connector/hash"
)

// TestKnownAnswers holds the hashes to the vectors of their standards: RFC 1321, FIPS 180, GB/T 32905, RFC 2104, RFC 2202, RFC 4231.
func TestKnownAnswers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ name, key, data, want string }{
		"md5 of abc":      {"md5", "", "abc", "900150983cd24fb0d6963f7d28e17f72"},
		"md5 of nothing":  {"md5", "", "", "d41d8cd98f00b204e9800998ecf8427e"},
		"sha1 of abc":     {"sha1", "", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
		"sha256 of abc":   {"sha256", "", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		"sm3 of abc":      {"sm3", "", "abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"},
		"sm3 of 64 bytes": {"sm3", "", strings.Repeat("abcd", 16), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"},
		"hmac-md5":        {"hmac-md5", "Jefe", "what do ya want for nothing?", "750c783e6ab0b503eaa86e310a5db738"},
		"hmac-sha1":       {"hmac-sha1", "Jefe", "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
		"hmac-sha256":     {"hmac-sha256", "Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		// Of RFC 2104's construction over SM3, made with GmSSL and OpenSSL 3.
		"hmac-sm3": {"hmac-sm3", "Jefe", "what do ya want for nothing?", "2e87f1d16862e6d964b50a5200bf2b10b764faa9680a296a2405f24bec39f882"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sum, err := hash.Sum(tt.name, []byte(tt.key), []byte(tt.data))
			if got := hash.Hex(sum, false); err != nil || got != tt.want {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
		})
	}
	if _, err := hash.Sum("sha512", nil, nil); err == nil || !strings.Contains(err.Error(), "sm3") {
		t.Errorf("an unknown hash: %v", err)
	}
	if got := hash.Hex([]byte{0xab}, true) + hash.Base64([]byte{0xff}); got != "AB/w==" {
		t.Errorf("written as %s", got)
	}
}
