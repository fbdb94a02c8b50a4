package oasim

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// tokens are the tokens that an OA has handed out. The Sim's lock guards them.
type tokens struct {
	life time.Duration
	idle bool // life counts from the last use, not from the issue
	now  func() time.Time
	ends map[string]time.Time
}

// issue makes a token of 32 hex digits.
func (t *tokens) issue() string {
	now := t.now()
	for k, end := range t.ends {
		if !now.Before(end) {
			delete(t.ends, k)
		}
	}
	if t.ends == nil {
		t.ends = map[string]time.Time{}
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	token := hex.EncodeToString(b[:])
	t.ends[token] = now.Add(t.life)
	return token
}

// valid says whether a token is good, and where life counts from the last use, prolongs it.
func (t *tokens) valid(token string) bool {
	end, ok := t.ends[token]
	now := t.now()
	if !ok || !now.Before(end) {
		return false
	}
	if t.idle {
		t.ends[token] = now.Add(t.life)
	}
	return true
}

// left is how long a token lives on.
func (t *tokens) left(token string) time.Duration { return t.ends[token].Sub(t.now()) }

// forget makes all tokens invalid.
func (t *tokens) forget() { t.ends = nil }
