package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"
	"time"
)

// How long who guesses has to wait: nothing for the first failures, then twice as long each time.
const (
	freeFailures = 10
	firstWait    = 30 * time.Second
	// LongestWait is the longest that anybody waits, whatever the clock does.
	LongestWait = 15 * time.Minute
)

// After how long without a failure the earlier ones are forgotten. Many people may share an address, and one of them who mistypes now
// and then must not shut the others out.
const (
	AccountMemory = 24 * time.Hour
	AddressMemory = time.Hour
)

// Wait is how long the next attempt has to wait after so many failures.
func Wait(failures int) time.Duration {
	if failures < freeFailures {
		return 0
	}
	wait := firstWait
	for range failures - freeFailures {
		if wait *= 2; wait >= LongestWait {
			return LongestWait
		}
	}
	return wait
}

// A Guess is what failures are counted under: the name that was given, as a hash, since people type passwords where names belong; and
// where from. From is the address itself.
type Guess struct {
	Account string
	Address string
	From    string
}

// Network is what is counted as one address.
func (g Guess) Network() string { return strings.TrimPrefix(g.Address, addressPrefix) }

const addressPrefix = "address "

// A Refused is the sum of the log-ins that failed from one address within an hour. Waits are those that were not even looked at, because
// too many had failed before.
type Refused struct {
	Address string // of IPv6 the /64; "others": of so many that they are not told apart
	Hour    time.Time
	Tries   int64
	Waits   int64
	Last    time.Time
}

func guessOf(name, address string) Guess {
	return Guess{Account: AccountKey(name), Address: addressPrefix + network(address), From: address}
}

// AccountKey is what a name's failures are counted under.
func AccountKey(name string) string {
	sum := sha256.Sum256([]byte(NameKey(name)))
	return "account " + hex.EncodeToString(sum[:16])
}

// network is what is counted as one address: of IPv6 the /64, which one machine has to itself.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return "unknown"
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a.String()
	}
	return p.String()
}
