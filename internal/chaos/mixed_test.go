package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestMixed lets todos live and die at random while OAs refuse for the moment and for good, hang up and are sent to again by people: order holds,
// and a todo that fails blocks nobody.
func TestMixed(t *testing.T) {
	t.Parallel()
	span := 4 * time.Second
	if *long {
		span = 3 * time.Minute
	}
	w := newWorld(t, 91, settings{tenants: 4, connections: 2, people: 6, concurrency: 4, more: impatient})
	w.oas.set("", nature{latency: 8 * time.Millisecond, bad: map[string]int{doBusy: 60, doNo: 40, doLost: 20, doDrop: 20, doGate: 10}})
	n := w.single()
	ctx := w.context()
	speaking, quiet := context.WithTimeout(ctx, span)
	defer quiet()
	spoken := make(chan struct{})
	go func() {
		defer close(spoken)
		w.crm.speak(speaking, 1<<30, 20*time.Millisecond)
	}()
	rnd := rand.New(rand.NewPCG(w.seed, 4))
	again, refused := 0, 0
	for pause(speaking, 100*time.Millisecond) {
		var page struct{ Items []record }
		if err := n.fetch("records?state=failed&limit=20", &page); err != nil {
			t.Fatal(err)
		}
		if len(page.Items) == 0 {
			continue
		}
		if _, err := n.try("records", "retry", page.Items[rnd.IntN(len(page.Items))].ID); err != nil {
			refused++ // something newer was sent, or it is under way again
		} else {
			again++
		}
	}
	<-spoken
	w.settle(ctx)
	w.rest(n, time.Minute)
	w.judge(n, func(h *history) { h.lossy, h.byHand = true, true })
	t.Logf("%d failed deliveries were sent again by hand, %d could not be", again, refused)
	if again == 0 {
		t.Error("nothing was sent again by hand: this proves less than it should")
	}
	if code := n.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestSettings changes settings under load, pauses and resumes: each request is wholly of one revision, a record says of which, nothing is
// lost or out of order, and no more go at once than the settings of the moment allow.
func TestSettings(t *testing.T) {
	t.Parallel()
	rounds := 12
	if *long {
		rounds = 400
	}
	w := newWorld(t, 92, settings{tenants: 2, connections: 1, people: 6, concurrency: 6, more: impatient, variant: "first"})
	w.oas.set("", nature{latency: 8 * time.Millisecond, firm: 5, bad: map[string]int{doBusy: 20}})
	n := w.single()
	ctx := w.context()
	speaking, quiet := context.WithCancel(ctx)
	defer quiet()
	spoken := make(chan struct{})
	go func() {
		defer close(spoken)
		w.crm.speak(speaking, 1<<30, 10*time.Millisecond)
	}()
	rnd := rand.New(rand.NewPCG(w.seed, 6))
	variants := map[string]bool{"first": true}
	for i := range rounds {
		pause(ctx, time.Duration(50+rnd.IntN(200))*time.Millisecond)
		switch rnd.IntN(4) {
		case 0:
			n.cli("connections", "pause", "oa0", "--tenant", "t0")
			pause(ctx, 100*time.Millisecond)
			n.cli("connections", "resume", "oa0", "--tenant", "t0")
		default:
			w.settings.variant = fmt.Sprintf("variant-%d", i)
			variants[w.settings.variant] = true
			w.settings.concurrency = 1 + rnd.IntN(6)
			w.settings.more = impatient
			if rnd.IntN(3) == 0 {
				w.settings.more += "coalesce: false\nunbound: skip\n"
			}
			n.cli("apply", "-f", w.files())
		}
	}
	pause(ctx, 300*time.Millisecond)
	quiet()
	<-spoken
	w.settle(ctx)
	w.settings.concurrency = 6
	w.rest(n, time.Minute)
	w.judge(n, nil)
	seen := map[string]int{}
	for _, a := range w.oas.ledger() {
		if !variants[a.Variant] {
			t.Errorf("request %d is of variant %q, which nobody saved", a.Seq, a.Variant)
		}
		seen[a.Variant]++
	}
	b, _ := json.Marshal(seen)
	t.Logf("%d of %d variants were used: %s", len(seen), len(variants), b)
	if len(seen) < len(variants)/3 {
		t.Error("too few of the settings were ever used")
	}
	if code := n.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
