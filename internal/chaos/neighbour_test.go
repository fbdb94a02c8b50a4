package chaos

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestNeighbours lets one tenant push 400 events a second into an OA that hangs: the delay of the others, from JetStream's confirmation
// to the arrival at their OAs, keeps within twice what it was, memory stays flat, and what the tenant said waits on the disk.
func TestNeighbours(t *testing.T) {
	if !*long {
		t.Parallel()
	}
	phase, rate := 4*time.Second, 100
	if *long {
		phase, rate = 60*time.Second, 400
	}
	w := newWorld(t, 41, settings{
		tenants: 20, connections: 1, people: 4, concurrency: 8,
		more: "timeouts: {connect: 2s, total: 3s}\n",
	})
	w.oas.set("", nature{latency: 2 * time.Millisecond})
	ctx := w.context()
	n := w.single()
	stories := w.crm.stories
	others, loud := stories[1:], stories[0]
	w.crm.stories = others
	w.phase(ctx, phase/2, noise{}, func() bool { return true }) // warms up: the first requests open connections, the first events fill caches
	// Other programs on the machine make a p99 jump, too; but an OA that disturbs its neighbours does so every time.
	rounds := 3
	if *long {
		rounds = 1
	}
	var worse string
	for range rounds {
		if worse = w.compare(ctx, n, loud, phase, rate); worse == "" {
			break
		}
		t.Log(worse)
		w.oas.set("t0/oa0", nature{latency: time.Millisecond})
	}
	if worse != "" {
		t.Error(worse)
	}
	w.oas.set("t0/oa0", nature{latency: time.Millisecond})
	w.crm.stories = stories
	w.settle(ctx)
	w.rest(n, 3*time.Minute)
	w.judge(n, nil)
}

// compare measures the delays of the others in calm and beside an OA that hangs, and says what is worse beside it than it may be.
func (w *world) compare(ctx context.Context, n *node, loud *story, phase time.Duration, rate int) (worse string) {
	t := w.t
	t.Helper()
	began := time.Now()
	tells := func() bool { return len(w.delays(began, "t0/")) >= 100 }
	w.phase(ctx, phase, noise{}, tells)
	calm := w.delays(began, "t0/")
	w.oas.set("t0/oa0", nature{hangs: true})
	first := n.sample()
	said := w.saidBy(loud.tenant)
	want := int(phase/time.Second) * rate / 4
	began = time.Now()
	w.phase(ctx, phase, noise{loud, rate}, func() bool { return tells() && w.saidBy(loud.tenant)-said >= want })
	last := n.sample()
	storm := w.delays(began, "t0/")
	f, err := n.figures()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d requests of the 19 others in calm: p50 %s, p99 %s; %d beside the OA that hangs: p50 %s, p99 %s; %d deliveries wait; memory %d MiB, then %d MiB",
		len(calm), at(calm, 0.5), at(calm, 0.99), len(storm), at(storm, 0.5), at(storm, 0.99), f.Waiting, first.resident>>20, last.resident>>20)
	// Most of what was said is superseded by the end of its todo before anything was sent.
	if got := w.saidBy(loud.tenant) - said; f.Waiting == 0 || got < want {
		t.Errorf("%d events of the loud tenant, %d deliveries wait: the OA did not hang, or the events did not come", got, f.Waiting)
	}
	if grown := last.resident - first.resident; grown > 64<<20 && !withRace {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	if len(calm) < 100 || len(storm) < 100 {
		t.Error("too few requests to tell")
	}
	limit := 2 * at(calm, 0.99)
	if !*long {
		limit += 150 * time.Millisecond // other tests use the same processors, and the race detector takes its share
	}
	if at(storm, 0.99) > limit {
		return fmt.Sprintf("p99 of the others is %s beside an OA that hangs, %s without: more than %s", at(storm, 0.99), at(calm, 0.99), limit)
	}
	return ""
}

// A noise is a tenant that says so many events a second; none where there is no story.
type noise struct {
	story *story
	rate  int
}

// phase lets each of the others say ten events a second, and the loud one what he says, for a while: on a slow machine until there is enough to
// judge by, a minute at most.
func (w *world) phase(ctx context.Context, span time.Duration, loud noise, enough func() bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	if loud.story != nil {
		// A caller that waits for each confirmation says a hundred or two a second: so several speak, each of todos of its own.
		const voices = 8
		for v := range voices {
			own := newStory(w.seed+uint64(v), loud.story.tenant, loud.story.people)
			own.prefix = fmt.Sprintf("v%d.%d", v, len(w.crm.all()))
			wg.Go(func() { w.crm.recite(ctx, own, time.Second*voices/time.Duration(loud.rate)) })
		}
	}
	wg.Go(func() { w.crm.speak(ctx, 1<<30, 100*time.Millisecond) })
	began := time.Now()
	for pause(ctx, 50*time.Millisecond) {
		if lasted := time.Since(began); lasted >= span && enough() || lasted >= span+time.Minute {
			cancel()
		}
	}
	wg.Wait()
}

// saidBy counts a tenant's confirmed events.
func (w *world) saidBy(tenant string) (n int) {
	for _, e := range w.crm.accepted() {
		if e.tenant == tenant {
			n++
		}
	}
	return n
}

// recite is speak for one story, at a steady rate: who is late hurries.
func (c *crm) recite(ctx context.Context, s *story, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if !c.publish(ctx, s.next()) {
			return
		}
	}
}

// delays are the times from an event's confirmation to its first arrival, of all events since, but those of a tenant.
func (w *world) delays(since time.Time, but string) []time.Duration {
	stored := map[string]time.Time{}
	for _, e := range w.crm.accepted() {
		if e.stored.After(since) {
			stored[e.id] = e.stored
		}
	}
	var out []time.Duration
	lane := map[string]int{}
	for _, a := range w.oas.ledger() {
		s, ok := stored[a.Event]
		if !ok || len(a.Connection) >= len(but) && a.Connection[:len(but)] == but {
			continue
		}
		if lane[a.lane()+a.Event]++; lane[a.lane()+a.Event] == 1 {
			out = append(out, max(0, a.At.Sub(s)))
		}
	}
	slices.Sort(out)
	return out
}

// at is a quantile of sorted times.
func at(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))].Round(10 * time.Microsecond)
}
