package signon

import (
	"net/netip"
	"sync"
	"time"

	"todosync/connector"
)

// How many failures within a minute are let pass.
const (
	guessesOfAddress    = 10
	guessesOfConnection = 60
	guessSpan           = time.Minute
	guessersMost        = 20_000 // addresses, and connections, kept in memory
)

// guesses counts failures by the address that they come from and by the connection that they are tried at.
type guesses struct {
	mu          sync.Mutex // guards what follows
	addresses   map[string][]time.Time
	connections map[connector.ConnectionKey][]time.Time
	told        map[connector.ConnectionKey][]time.Time // who was slowed and stands in the log
}

func newGuesses() *guesses {
	return &guesses{addresses: map[string][]time.Time{}, connections: map[connector.ConnectionKey][]time.Time{}, told: map[connector.ConnectionKey][]time.Time{}}
}

// network is what counts as one address: of IPv6 the 64 bits that one customer gets.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Unmap().Is4() {
		return address
	}
	if p, err := a.Prefix(64); err == nil {
		return p.String()
	}
	return address
}

// over reports whether an address or a connection has failed too often.
func (g *guesses) over(address string, key connector.ConnectionKey, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return recent(g.addresses, network(address), now) >= guessesOfAddress || recent(g.connections, key, now) >= guessesOfConnection
}

// count counts one failure.
func (g *guesses) count(address string, key connector.ConnectionKey, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	note(g.addresses, network(address), now, guessesOfAddress)
	note(g.connections, key, now, guessesOfConnection)
}

// tell reports whether one more who was slowed may stand in the log, which nobody shall fill by trying.
func (g *guesses) tell(key connector.ConnectionKey, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if recent(g.told, key, now) >= guessesOfConnection {
		return false
	}
	note(g.told, key, now, guessesOfConnection)
	return true
}

// recent counts what is younger than the span, and forgets the rest.
func recent[K comparable](m map[K][]time.Time, k K, now time.Time) int {
	times := m[k]
	old := 0
	for old < len(times) && now.Sub(times[old]) >= guessSpan {
		old++
	}
	if times = times[old:]; len(times) == 0 {
		delete(m, k)
		return 0
	}
	m[k] = times
	return len(times)
}

// note keeps the newest failures, as many as count.
func note[K comparable](m map[K][]time.Time, k K, now time.Time, most int) {
	if _, known := m[k]; !known && len(m) >= guessersMost {
		for other := range m {
			recent(m, other, now)
		}
		if len(m) >= guessersMost {
			return // so many at once are no guess at one link; the connection's own count goes on
		}
	}
	times := append(m[k], now)
	m[k] = times[max(0, len(times)-most):]
}
