package store

import (
	"sync"
	"time"
)

const (
	// keptFrom is how many connections there must be.
	keptFrom = 500
	// keptQuick is how long something may take and still be done anew each time.
	keptQuick = 40 * time.Millisecond
	// keptShare is for how many times as long as it took something is kept, keptLong at most.
	keptShare = 20
	keptLong  = 15 * time.Second
	// keptSorts is how many things are kept at once.
	keptSorts = 64
)

// kept holds for a moment what takes long to find out where there are very many connections, so that those who look at it, again and again, do
// not have it done each time. What is quickly done is never kept. Nobody may change what it gives.
type kept[T any] struct {
	mu sync.Mutex // guards by
	by map[string]keptOne[T]
}

type keptOne[T any] struct {
	value T
	upTo  time.Time // of what it tells
	until time.Time
}

// get gives what make makes, or what it has made a moment ago under the same key for a time that is not later.
func (k *kept[T]) get(key string, upTo time.Time, fresh func() (T, error)) (T, error) {
	began := time.Now()
	k.mu.Lock()
	one, ok := k.by[key]
	k.mu.Unlock()
	if ok && began.Before(one.until) && !upTo.Before(one.upTo) {
		return one.value, nil
	}
	value, err := fresh()
	took := time.Since(began)
	if err != nil || took < keptQuick {
		return value, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.by == nil || len(k.by) >= keptSorts {
		k.by = map[string]keptOne[T]{}
	}
	k.by[key] = keptOne[T]{value, upTo, began.Add(min(keptShare*took, keptLong))}
	return value, nil
}
