package main

import (
	"bytes"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A ledger keeps what came to the fake OA: each serial number, when, and in which order within its todo.
type ledger struct {
	mu      sync.Mutex // guards what follows
	first   int        // the serial number that seen begins with
	seen    []uint8    // how often each serial number came
	at      []int64    // when it came first, in Unix nanoseconds
	newest  []int32    // by todo: the highest serial number so far, less first, plus 1
	faults  faults
	arrived atomic.Int64 // requests of this ledger; read without mu
}

// faults are what makes a run have no figure.
type faults struct {
	Missing    int `json:"missing"`
	Twice      int `json:"twice"`
	Disordered int `json:"disordered"`
	Unknown    int `json:"unknown"` // requests without a serial number of this run
}

func (f faults) any() bool { return f != faults{} }

// newLedger makes a ledger for n serial numbers from first on.
func newLedger(first, n int) *ledger {
	return &ledger{first: first, seen: make([]uint8, n), at: make([]int64, n), newest: make([]int32, n)}
}

// note enters one request.
func (l *ledger) note(body []byte, now time.Time) {
	serial, ok := number(body, serialMark)
	todo, hasTodo := number(body, todoMark)
	l.mu.Lock()
	defer l.mu.Unlock()
	i, k := serial-l.first, todo-l.first
	if !ok || i < 0 || i >= len(l.seen) {
		l.faults.Unknown++
		return
	}
	l.arrived.Add(1)
	if l.seen[i]++; l.seen[i] > 1 {
		l.faults.Twice++
		return
	}
	l.at[i] = now.UnixNano()
	if !hasTodo || k < 0 || k >= len(l.newest) {
		return
	}
	if int32(i) < l.newest[k] { //nolint:gosec // a run has fewer events than 2^31
		l.faults.Disordered++
		return
	}
	l.newest[k] = int32(i) + 1 //nolint:gosec // as above
}

// close counts what is missing and gives everything.
func (l *ledger) close() (faults, []int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.faults
	for _, n := range l.seen {
		if n == 0 {
			f.Missing++
		}
	}
	return f, slices.Clone(l.at)
}

// number reads the digits that follow a mark; where the value begins with other characters, its last serialDigits are meant.
func number(body, mark []byte) (int, bool) {
	_, rest, found := bytes.Cut(body, mark)
	if !found {
		return 0, false
	}
	end := bytes.IndexByte(rest, '"')
	if end < serialDigits {
		return 0, false
	}
	n, err := strconv.Atoi(string(rest[end-serialDigits : end]))
	return n, err == nil
}
