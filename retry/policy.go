package retry

import (
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Policy says which failures of a connection are tried again, and when. It decides and does nothing: the waits stand in
// the store.
type Policy struct {
	Enabled     bool            // false: nothing is tried again
	On          []Class         // the classes that are; nil means those of DefaultOn, empty none
	Schedule    []time.Duration // the wait before each further attempt; its length is their number
	GiveUpAfter time.Duration   // from the first try; 0 or less: no limit
	Codes       []string        // OA codes of business failures that are worth another try
	Messages    []string        // the same by a part of the OA's message
}

// DefaultOn are the classes that are tried again where a connection says nothing.
func DefaultOn() []Class { return []Class{Network, Timeout, HTTP429, HTTP5xx, Token} }

// Retries tells whether a failure is worth another try. Code and message are the OA's and count for Business only.
func (p Policy) Retries(class Class, code, message string) bool {
	if !p.Enabled || class == OK {
		return false
	}
	on := p.On
	if on == nil {
		on = DefaultOn()
	}
	if slices.Contains(on, class) {
		return true
	}
	if class != Business {
		return false
	}
	return slices.Contains(p.Codes, code) ||
		slices.ContainsFunc(p.Messages, func(part string) bool { return part != "" && strings.Contains(message, part) })
}

// Next is the wait before the next attempt, after tries attempts (1 or more) and elapsed time since the first. It is the
// schedule's wait with 0 to 10 % added by jitter (0 up to 1), or hint, what the OA asked for (an hour at most), where that
// is longer. It is not ok when the schedule is used up, or when the next attempt would come after GiveUpAfter.
func (p Policy) Next(tries int, elapsed, hint time.Duration, jitter float64) (wait time.Duration, ok bool) {
	tries = max(tries, 1)
	if tries > len(p.Schedule) {
		return 0, false
	}
	wait = stretch(max(p.Schedule[tries-1], 0), jitter)
	wait = max(wait, min(hint, maxRetryAfter))
	if p.GiveUpAfter > 0 && wait > p.GiveUpAfter-max(elapsed, 0) {
		return 0, false
	}
	return wait, true
}

// stretch adds up to a tenth and stops at the longest Duration.
func stretch(wait time.Duration, jitter float64) time.Duration {
	if !(jitter > 0) { // not a number, too
		return wait
	}
	more := time.Duration(float64(wait/10) * min(jitter, 1))
	if wait > math.MaxInt64-more {
		return math.MaxInt64
	}
	return wait + more
}

// Jitter is a number from 0 up to 1, spread evenly over deliveries and attempts and always the same for the same two: a
// wait can be computed again, and tests need no dice.
func Jitter(delivery string, attempt int) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(delivery))                    // never fails
	_, _ = h.Write([]byte("/" + strconv.Itoa(attempt))) // never fails
	x := h.Sum64()                                      // its high bits hardly differ for like inputs: mix them
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return float64((x^x>>33)>>11) / (1 << 53)
}
