package store

import (
	"sync"
	"sync/atomic"
)

// feedMost is how many changes a watcher may be behind before it is told that it missed some.
const feedMost = 10_000

// A feed tells watchers within this process which deliveries have changed, after the commit. It never blocks a writer.
type feed struct {
	count    atomic.Int32 // watchers, so that a commit which nobody watches costs nothing
	mu       sync.Mutex   // guards watchers and what is in them
	watchers map[*watcher]bool
	relay    func(numbers []int64) // tells other processes; nil: there are none
}

// A watcher is one subscription.
type watcher struct {
	numbers []int64
	seen    map[int64]bool
	missed  bool
	signal  chan struct{} // holds one signal that there is something
}

func newFeed(relay func(numbers []int64)) *feed {
	return &feed{watchers: map[*watcher]bool{}, relay: relay}
}

// Announce tells watchers of this process of deliveries that another has changed: what the other's Config.Changed was told.
func (d *DB) Announce(numbers []int64) { d.feed.tell(numbers) }

// publish tells watchers here and elsewhere.
func (f *feed) publish(numbers []int64) {
	if len(numbers) == 0 {
		return
	}
	if f.relay != nil {
		f.relay(numbers)
	}
	f.tell(numbers)
}

// tell tells watchers here.
func (f *feed) tell(numbers []int64) {
	if len(numbers) == 0 || f.count.Load() == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := range f.watchers {
		for _, n := range numbers {
			if w.seen[n] {
				continue
			}
			if len(w.numbers) >= feedMost {
				w.missed = true
				break
			}
			w.seen[n] = true
			w.numbers = append(w.numbers, n)
		}
		select {
		case w.signal <- struct{}{}:
		default:
		}
	}
}

func (f *feed) join() *watcher {
	w := &watcher{seen: map[int64]bool{}, signal: make(chan struct{}, 1)}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers[w] = true
	f.count.Add(1)
	return w
}

func (f *feed) leave(w *watcher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watchers[w] {
		delete(f.watchers, w)
		f.count.Add(-1)
	}
}

// take gives what has changed since the last call.
func (f *feed) take(w *watcher) (numbers []int64, missed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	numbers, missed = w.numbers, w.missed
	w.numbers, w.missed, w.seen = nil, false, map[int64]bool{}
	return numbers, missed
}
