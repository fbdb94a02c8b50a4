package connector

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"todosync/retry"
)

func TestFleetSharesConnections(t *testing.T) {
	t.Parallel()
	const conns = 40
	edits := func(f *fleet, lost bool) {
		for n := int64(1); n <= conns; n++ {
			f.owe(n, "t", lost, SceneCreate, SceneEdit, SceneEdit)
		}
	}
	served := func(f *fleet, from int) map[string]int {
		f.oaMu.Lock()
		defer f.oaMu.Unlock()
		out := map[string]int{}
		for _, a := range f.arrived[from:] {
			out[a.worker[:1]]++
		}
		return out
	}
	count := func(f *fleet) int { f.oaMu.Lock(); defer f.oaMu.Unlock(); return len(f.arrived) }

	t.Run("each has its part, and one that joins gets his within a minute", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, conns, nil)
			f.reply = func(int64) (time.Duration, error) { return 3 * time.Second, nil }
			f.join("a")
			f.join("b")
			time.Sleep(10 * time.Second)
			edits(f, false)
			time.Sleep(5 * time.Second)
			f.join("c") // while requests are under way
			time.Sleep(55 * time.Second)
			from := count(f)
			edits(f, false)
			time.Sleep(10 * time.Second)
			for _, name := range []string{"a", "b", "c"} {
				if n := served(f, from)[name]; n < conns/2 {
					t.Errorf("worker %s served %d of %d after a minute, want a third or so", name, n, 3*conns)
				}
			}
			f.end()
			f.inOrder()
			if n := len(f.arrived); n != 6*conns {
				t.Errorf("%d requests, want %d: to join repeats nothing", n, 6*conns)
			}
		})
	})
	t.Run("what a killed worker served goes on within 20 s", func(t *testing.T) {
		t.Parallel()
		for phase := range 10 {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, conns, nil)
				f.join("a")
				b := f.join("b")
				time.Sleep(20*time.Second + time.Duration(phase)*277*time.Millisecond)
				b.kill()
				edits(f, false)
				killed := time.Now()
				time.Sleep(20 * time.Second)
				if n := count(f); n != 3*conns {
					t.Errorf("%d of %d requests %s after the kill", n, 3*conns, time.Since(killed))
				}
				f.end()
				f.inOrder()
			})
		}
	})
	t.Run("one that leaves is followed at once", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, conns, nil)
			f.join("a")
			b := f.join("b")
			time.Sleep(20 * time.Second)
			b.stop()
			edits(f, false)
			time.Sleep(LeaseRenew)
			if n := count(f); n != 3*conns {
				t.Errorf("%d of %d requests %s after a worker left in order", n, 3*conns, LeaseRenew)
			}
			f.end()
			f.inOrder()
		})
	})
	t.Run("a wake-up that is lost costs half a minute", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, conns, nil)
			f.join("a")
			f.join("b")
			time.Sleep(20 * time.Second)
			edits(f, true)
			time.Sleep(netEvery + time.Second)
			f.end()
			f.inOrder()
		})
	})
	t.Run("a worker that stood still sends nothing more for what it lost", func(t *testing.T) {
		t.Parallel()
		for _, slow := range []time.Duration{0, time.Second} { // its lease is renewed before its senders wake
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, conns, nil)
				f.reply = func(int64) (time.Duration, error) { return 3 * time.Second, nil }
				f.join("a")
				b := f.join("b")
				b.mu.Lock()
				b.slow = slow
				b.mu.Unlock()
				time.Sleep(20 * time.Second)
				edits(f, false)
				time.Sleep(500 * time.Millisecond) // its first requests are made, and have not left
				b.pause()
				time.Sleep(time.Minute)
				if n := count(f); n != 3*conns {
					t.Errorf("%d of %d requests a minute after a worker stopped", n, 3*conns)
				}
				b.resume()
				time.Sleep(time.Minute)
				if n := count(f); n != 3*conns {
					t.Errorf("%d requests after it woke, want %d as before", n, 3*conns)
				}
				edits(f, false)
				time.Sleep(30 * time.Second)
				if n := served(f, 3*conns)["b"]; n == 0 {
					t.Error("the worker that woke serves nothing, want its share")
				}
				f.end()
				f.inOrder()
			})
		}
	})
	t.Run("a store that is away for longer than the lease", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, conns, nil)
			f.reply = func(int64) (time.Duration, error) { return 30 * time.Second, nil }
			a := f.join("a")
			b := f.join("b")
			time.Sleep(20 * time.Second)
			edits(f, false)
			time.Sleep(time.Second)
			a.mu.Lock()
			a.dead = true
			a.mu.Unlock()
			b.mu.Lock()
			b.dead = true
			b.mu.Unlock()
			time.Sleep(LeaseTrust)
			sent := count(f)
			time.Sleep(time.Hour)
			if n := count(f); n != sent {
				t.Errorf("%d requests left without a lease", n-sent)
			}
			for _, m := range []*member{a, b} {
				m.mu.Lock()
				m.dead = false
				m.mu.Unlock()
			}
			time.Sleep(5 * time.Minute)
			f.end()
			f.inOrder()
		})
	})
}

// TestFleetHistories plays random histories of workers that are killed, stopped, paused and started, of a store whose clock jumps and of
// wake-ups that are lost, and holds what the OAs got against the order of each todo.
func TestFleetHistories(t *testing.T) {
	t.Parallel()
	first, last := uint64(1), uint64(*fleetSeeds) //nolint:gosec // a small count
	if *fleetSeed != 0 {
		first, last = *fleetSeed, *fleetSeed
	}
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { playFleet(t, seed) })
		})
	}
}

func playFleet(t *testing.T, seed uint64) {
	f := newFleet(t, 8, func(c *Connection) {
		c.Retry.Schedule = slices.Repeat([]Duration{seconds(1)}, 500)
	})
	r := rand.New(rand.NewPCG(seed, 3))       //nolint:gosec // a test's dice
	answers := rand.New(rand.NewPCG(seed, 4)) //nolint:gosec // a test's dice; guarded by oaMu
	f.reply = func(int64) (time.Duration, error) {
		wait := time.Duration(answers.IntN(3000)) * time.Millisecond
		switch answers.IntN(12) {
		case 0:
			return wait, &retry.Error{Class: retry.Timeout, Unanswered: true, Msg: "no answer in time"}
		case 1:
			return wait, &retry.Error{Class: retry.HTTP5xx, Status: 503, Msg: "HTTP status 503"}
		case 2:
			return 20 * time.Second, nil
		}
		return wait, nil
	}
	var living []*member
	add := func() { living = append(living, f.join(fmt.Sprintf("w%d", len(f.workers)))) }
	add()
	add()
	for range 60 {
		for range 1 + r.IntN(3) {
			conn, todo := 1+r.Int64N(8), fmt.Sprintf("t%d", r.IntN(3))
			f.owe(conn, todo, r.IntN(5) == 0, []Scene{SceneCreate, SceneEdit, SceneEdit}[:1+r.IntN(3)]...)
		}
		time.Sleep(time.Duration(r.IntN(12_000)) * time.Millisecond)
		m := living[r.IntN(len(living))]
		switch r.IntN(9) {
		case 0:
			m.kill()
			living = slices.DeleteFunc(living, func(o *member) bool { return o == m })
		case 1:
			m.stop()
			living = slices.DeleteFunc(living, func(o *member) bool { return o == m })
		case 2, 3:
			m.mu.Lock()
			m.slow = time.Duration(r.IntN(1000)) * time.Millisecond
			m.mu.Unlock()
			m.pause()
			time.AfterFunc(time.Duration(r.IntN(60_000))*time.Millisecond, m.resume)
		case 4:
			f.mu.Lock()
			f.skew = max(f.skew-time.Duration(r.IntN(3600))*time.Second, 0)
			f.mu.Unlock()
		case 5:
			if len(living) < 4 {
				add()
			}
		}
		if len(living) == 0 {
			add()
		}
	}
	f.oaMu.Lock()
	f.reply = func(int64) (time.Duration, error) { return time.Second, nil }
	f.oaMu.Unlock()
	time.Sleep(3 * time.Hour)
	f.end()
	f.inOrder()
}

// TestPass wakes a process whose lease was renewed before anything else in it ran: what was claimed before it stood still stays.
func TestPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, nil)
		w, err := NewWorker(WorkerConfig{Ledger: &member{fleet: f}, Registry: &member{fleet: f}, Sharing: &member{fleet: f}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		s := w.share
		if s.pass()() == nil {
			t.Error("a worker without a lease may send")
		}
		renew := func() { s.renewed(t.Context(), time.Now(), []string{s.id}) }
		renew()
		early := s.pass()
		time.Sleep(LeaseTrust - time.Second)
		renew()
		if err := early(); err != nil {
			t.Errorf("renewed in time: %v, want no error", err)
		}
		time.Sleep(LeaseTrust)
		if early() == nil {
			t.Error("ten seconds after the last renewal a request may leave")
		}
		renew()
		if early() == nil {
			t.Error("what was claimed under a lease that may have run out may leave under the next")
		}
		if err := s.pass()(); err != nil {
			t.Errorf("after the renewal: %v, want no error", err)
		}
	})
}

func TestHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, nil)
		var mu sync.Mutex
		running, most := map[string]bool{}, 0
		hold := func(m *member, name string) (stop func()) {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				err := m.worker.Hold(ctx, SeatReader, func(ctx context.Context) error {
					mu.Lock()
					running[name] = true
					most = max(most, len(running))
					mu.Unlock()
					<-ctx.Done()
					mu.Lock()
					delete(running, name)
					mu.Unlock()
					return ctx.Err()
				})
				if err != nil && ctx.Err() == nil {
					t.Errorf("Hold = %v", err)
				}
			}()
			return func() { cancel(); <-ended }
		}
		holder := func() string {
			mu.Lock()
			defer mu.Unlock()
			for name := range running {
				return name
			}
			return ""
		}
		a, b := f.join("a"), f.join("b")
		stopA := hold(a, "a")
		time.Sleep(5 * time.Second)
		stopB := hold(b, "b")
		time.Sleep(time.Minute)
		if got := holder(); got != "a" {
			t.Errorf("after a minute %q reads, want a: who has a seat keeps it", got)
		}
		a.kill()
		time.Sleep(20 * time.Second)
		if got := holder(); got != "b" {
			t.Errorf("20 s after the kill %q reads, want b", got)
		}
		stopA()
		c := f.join("c")
		stopC := hold(c, "c")
		time.Sleep(time.Minute)
		stopB()
		time.Sleep(LeaseRenew)
		if got := holder(); got != "c" {
			t.Errorf("after b gave the seat up %q reads, want c", got)
		}
		f.end()
		stopC()
		if most != 1 {
			t.Errorf("%d read at once, want one", most)
		}
	})
}
