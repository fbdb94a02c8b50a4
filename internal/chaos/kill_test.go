package chaos

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"
)

// impatient are retries and probes that fit into seconds. The number of tries is never the limit: nothing may fail but by an OA's no.
const impatient = "retry: {schedule: [20ms, 50ms, 100ms, 200ms, 500ms, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s]}\n" +
	"down: {after: 5, probe: [20ms, 500ms]}\ntimeouts: {connect: 2s, total: 5s}\n"

// TestKills kills the worker at random moments, those included that lie between an OA's answer and the commit, between the
// arrival and the answer, between JetStream's confirmation and the intake, and in the middle of a start.
func TestKills(t *testing.T) {
	t.Parallel()
	kills := 12
	if *long {
		kills = 1000
	}
	if *killsOf > 0 {
		kills = *killsOf
	}
	w := newWorld(t, 1, settings{tenants: 4, connections: 2, people: 6, concurrency: 4, more: impatient})
	w.oas.set("", nature{latency: 12 * time.Millisecond, firm: 6, bad: map[string]int{doBusy: 20, doLost: 10, doDrop: 10, doGate: 5}})
	ctx := w.context()
	n := w.single()
	speaking, quiet := context.WithCancel(ctx)
	spoken := make(chan struct{})
	go func() {
		defer close(spoken)
		w.crm.speak(speaking, 1<<30, 15*time.Millisecond)
	}()
	defer quiet()
	rnd := rand.New(rand.NewPCG(w.seed, 77))
	kinds := map[string]int{}
	began := time.Now()
	for i := range kills {
		kind := w.killAtRandom(ctx, n, rnd)
		kinds[kind]++
		if kind == "start" { // dies again before it is ready
			n.launch()
			pause(ctx, time.Duration(rnd.IntN(150))*time.Millisecond)
			n.kill()
		}
		n.start()
		if i%100 == 99 {
			t.Logf("%d kills after %s, %d events confirmed, %d requests", i+1, time.Since(began).Round(time.Second), len(w.crm.accepted()), len(w.oas.ledger()))
		}
	}
	quiet()
	<-spoken
	w.settle(ctx)
	w.rest(n, time.Minute)
	v := w.judge(n, nil)
	t.Logf("%d kills in %s, %d of them hit a request that was in hand at an OA, or answered and not committed; armed: %v", len(n.struck()), time.Since(began).Round(time.Second), v.hitting, kinds)
	if v.hitting == 0 {
		t.Error("no kill hit anything in flight: this proves nothing")
	}
	if code := n.stop(); code != 0 {
		t.Errorf("the last worker exits with %d", code)
	}
}

// killAtRandom kills a worker that is at work, and says where it was aimed.
func (w *world) killAtRandom(ctx context.Context, n *node, rnd *rand.Rand) string {
	pause(ctx, time.Duration(rnd.IntN(200))*time.Millisecond)
	kind := []string{"timer", "before", "after", "after", "confirmed", "start"}[rnd.IntN(6)]
	switch kind {
	case "before":
		w.oas.catch(trap{do: n.strike})
	case "after":
		w.oas.catch(trap{after: true, delay: time.Duration(rnd.IntN(3000)) * time.Microsecond, do: n.strike})
	case "confirmed":
		w.crm.atNext(func(*said) { n.strike() })
	default:
		n.strike()
	}
	timer := time.NewTimer(3 * time.Second)
	defer timer.Stop()
	select {
	case <-n.done:
	case <-timer.C: // nothing came that could spring the trap
		w.oas.disarm()
		w.crm.atNext(nil)
		n.kill()
		return "nothing came"
	}
	return kind
}

// settle sends again what was never confirmed, as a CRM must.
func (w *world) settle(ctx context.Context) {
	w.t.Helper()
	for _, e := range w.crm.all() {
		for e.stored.IsZero() {
			if !w.crm.try(ctx, e) && !pause(ctx, 20*time.Millisecond) {
				w.t.Fatalf("event %s is never confirmed", e.id)
			}
		}
	}
}
