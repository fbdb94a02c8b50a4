package store

import (
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// feedMost is how many changes a feed remembers: so far behind may a watcher be, or have been away, before it is told that it missed some.
const feedMost = 1 << 16

// A feed tells watchers within this process which deliveries have changed, after the commit, and remembers the last changes for who was away
// for a moment. It never blocks a writer. Its places are its own: those of another process, or of this one before a restart, say nothing here.
type feed struct {
	name  string                // tells this feed's places from those of others
	relay func(numbers []int64) // tells other processes; nil: there are none

	mu       sync.Mutex // guards what follows
	ring     []int64    // the number of change s stands at s modulo its length
	first    uint64     // the oldest change that is remembered; last+1: none is
	last     uint64     // the newest change
	watchers map[*watcher]bool
}

// A watcher is one subscription. The feed's mutex guards it.
type watcher struct {
	after  uint64 // the last change that it was given
	missed bool
	signal chan struct{} // holds one signal that there is something
}

// A change is a delivery's number with the place of its change.
type change struct {
	n  int64
	at uint64
}

func newFeed(relay func(numbers []int64)) *feed {
	return &feed{name: rand.Text()[:12], relay: relay, ring: make([]int64, feedMost), first: 1, watchers: map[*watcher]bool{}}
}

// Announce tells watchers of this process of deliveries that another has changed: what the other's Config.Changed was told.
func (d *DB) Announce(numbers []int64) { d.feed.tell(numbers) }

// AnnounceLost tells watchers of this process that another may have changed deliveries of which nothing was heard.
func (d *DB) AnnounceLost() { d.feed.lose() }

// FeedAt is the place in the feed of changes at this moment. Who asks for it before he reads records, and watches from it on, misses nothing.
func (d *DB) FeedAt() string {
	d.feed.mu.Lock()
	defer d.feed.mu.Unlock()
	return d.feed.place(d.feed.last)
}

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
	if len(numbers) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	size := uint64(len(f.ring))
	for _, n := range numbers {
		f.last++
		f.ring[f.last%size] = n
	}
	if f.last-f.first >= size {
		f.first = f.last - size + 1
	}
	f.wake()
}

// lose leaves a hole behind which nothing is remembered.
func (f *feed) lose() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	f.first = f.last + 1
	f.wake()
}

func (f *feed) wake() {
	for w := range f.watchers {
		select {
		case w.signal <- struct{}{}:
		default:
		}
	}
}

// join begins a subscription: behind a place, or, where that is empty, with what changes from now on. Of a place that this feed does not know
// it can't be told what has changed since.
func (f *feed) join(after string) *watcher {
	w := &watcher{signal: make(chan struct{}, 1)}
	f.mu.Lock()
	defer f.mu.Unlock()
	w.after = f.last
	if after != "" {
		at, ok := f.number(after)
		if w.missed = !ok; ok {
			w.after = at
		}
		w.signal <- struct{}{}
	}
	f.watchers[w] = true
	return w
}

// leave ends a subscription and says whether nobody watches any more.
func (f *feed) leave(w *watcher) (last bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watchers, w)
	return len(f.watchers) == 0
}

// state is the place of the newest change, and how many watch.
func (f *feed) state() (last uint64, watching int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last, len(f.watchers)
}

// take gives what has changed since the last call, each delivery once, where it changed last; and the place up to which that is all.
func (f *feed) take(w *watcher) (changes []change, upTo uint64, missed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	missed = w.missed || w.after+1 < f.first
	seen := map[int64]bool{}
	for at := f.last; at > w.after && at >= f.first; at-- {
		if n := f.ring[at%uint64(len(f.ring))]; !seen[n] {
			seen[n] = true
			changes = append(changes, change{n, at})
		}
	}
	slices.Reverse(changes)
	w.after, w.missed = f.last, false
	return changes, f.last, missed
}

// place writes a place for who may come back with it.
func (f *feed) place(at uint64) string { return f.name + "-" + strconv.FormatUint(at, 10) }

// number reads a place of this feed. The mutex is held.
func (f *feed) number(place string) (uint64, bool) {
	text, ours := strings.CutPrefix(place, f.name+"-")
	at, err := strconv.ParseUint(text, 10, 64)
	return at, ours && err == nil && at <= f.last
}
