package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"todosync/connector"
)

// How passwords are hashed: argon2id with what OWASP advises. About 50 ms of one core, and 19 MiB, so only a few at once.
const (
	hashTime     = 2
	hashMemory   = 19 << 10 // KiB
	hashThreads  = 1
	hashSize     = 32
	saltSize     = 16
	hashesAtOnce = 2
	hashesWait   = 32 // who comes when as many wait is sent away
)

// Bounds of a password, in characters and bytes.
const (
	MinPassword = 10
	maxPassword = 1024
)

// A hasher hashes passwords, a few at a time.
type hasher struct {
	running chan struct{}
	waiting chan struct{}
	blank   string // what is compared where there is nothing to compare with, so that it takes as long
}

func newHasher() *hasher {
	h := &hasher{running: make(chan struct{}, hashesAtOnce), waiting: make(chan struct{}, hashesAtOnce+hashesWait)}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	h.blank = encoded(salt, make([]byte, hashSize))
	return h
}

func encoded(salt, sum []byte) string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashThreads, b.EncodeToString(salt), b.EncodeToString(sum))
}

// enter waits for a turn; leave ends it.
func (h *hasher) enter(ctx context.Context) error {
	select {
	case h.waiting <- struct{}{}:
	default:
		return &connector.Error{Kind: connector.Unavailable, Op: "check password", Msg: "too many log in at once", Hint: "try again in some seconds"}
	}
	select {
	case h.running <- struct{}{}:
		return nil
	case <-ctx.Done():
		<-h.waiting
		return &connector.Error{Kind: connector.Unavailable, Op: "check password", Msg: "given up while others were logged in", Err: ctx.Err()}
	}
}

func (h *hasher) leave() {
	<-h.running
	<-h.waiting
}

// hash makes what is kept of a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	return encoded(salt, argon2.IDKey([]byte(password), salt, hashTime, hashMemory, hashThreads, hashSize)), nil
}

// matches compares a password with what was kept; with nothing it takes as long and is false.
func (h *hasher) matches(ctx context.Context, kept, password string) (bool, error) {
	there := kept != ""
	if !there {
		kept = h.blank
	}
	var version, memory, time uint32
	var threads uint8
	parts := strings.Split(kept, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, errHash()
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &time, &threads); err != nil || version != argon2.Version {
		return false, errHash()
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, errHash()
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) == 0 {
		return false, errHash()
	}
	if len(password) > maxPassword {
		password, there = "", false // what is too long is hashed like any other, and never right
	}
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	got := argon2.IDKey([]byte(password), salt, time, memory, threads, uint32(len(want))) //nolint:gosec // 32 bytes
	return subtle.ConstantTimeCompare(got, want) == 1 && there, nil
}

func errHash() error {
	return &connector.Error{
		Kind: connector.Internal, Op: "check password", Msg: "what is kept of the password cannot be read", Hint: "set a new one: todosync users password NAME",
	}
}

// common are passwords of which everybody's first guesses are made, as far as they are long enough.
var common = []string{
	"1234567890", "12345678910", "123456789a", "a123456789", "qwertyuiop", "1q2w3e4r5t", "q1w2e3r4t5", "password12", "password123", "password1234", "passw0rd123",
	"administrator", "admin12345", "admin123456", "woaini1314", "woaini1314520", "0123456789", "9876543210", "0987654321", "iloveyou123", "qwerty12345", "qwerty123456", "1qaz2wsx3edc", "welcome123",
	"todosync123", "changeme123", "abcdefghij", "letmein1234", "5201314520", "abc1234567", "123123123123", "aa12345678", "1234567890a", "qazwsxedcrfv", "p@ssw0rd123",
}

// CheckPassword says what speaks against a new password.
func CheckPassword(name, password string) error {
	const op = "set password"
	low := strings.ToLower(password)
	why := ""
	switch {
	case utf8.RuneCountInString(password) < MinPassword:
		why = fmt.Sprintf("want %d characters or more; several words are easy to remember", MinPassword)
	case len(password) > maxPassword || !utf8.ValidString(password):
		why = fmt.Sprintf("want %d bytes at most", maxPassword)
	case NameKey(name) != "" && strings.Contains(low, NameKey(name)) && len(low) < 2*len(NameKey(name)):
		why = "it is little more than the name"
	case kinds(low) < 4:
		why = "it has too few different characters"
	default:
		for _, c := range common {
			if low == c {
				why = "it is one of those that are guessed first"
			}
		}
	}
	if why == "" {
		return nil
	}
	return &connector.Error{
		Kind: connector.Invalid, Op: op, Msg: why, Details: []connector.Detail{{Path: "password", Message: why}},
	}
}

// kinds is how many different characters a text has.
func kinds(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}
