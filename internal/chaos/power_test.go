package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestPowerCut traces what a worker writes and syncs while events pass, rebuilds its folder as power cuts at random moments
// would leave it, and lets a worker go on from each. What JetStream had confirmed is there, and the oracle finds nothing.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("NOT TESTED: strace is not installed; what survives a power cut is rebuilt from a trace of system calls (apt-get install strace)")
	}
	span, cuts := 2*time.Second, 4
	if *long {
		span, cuts = 20*time.Second, 100
	}
	w := newWorld(t, 21, settings{tenants: 3, connections: 2, people: 5, concurrency: 4, more: impatient})
	w.oas.set("", nature{latency: 5 * time.Millisecond, firm: 4, bad: map[string]int{doBusy: 20, doLost: 10}})
	ctx := w.context()
	n := newNode(t, "traced", filepath.Join(w.dir, "data"), "--apply", w.files())
	n.under = traced(filepath.Join(w.dir, "trace"))
	w.nodes = append(w.nodes, n)
	n.start()
	w.bind(n)
	w.listen("nats://" + n.nats)
	began := time.Now()
	speaking, quiet := context.WithTimeout(ctx, span)
	w.crm.speak(speaking, 1<<30, 5*time.Millisecond)
	quiet()
	ended := time.Now()
	n.killTraced()
	tr, err := readTrace(filepath.Join(w.dir, "trace"), n.dir)
	if err != nil {
		t.Fatal(err)
	}
	whole, bad := tr.faults()
	if len(bad) > 0 {
		t.Fatalf("the trace does not tell what happened to the files:\n%v", bad)
	}
	t.Logf("%d system calls, %d writes, %d syncs, %d events confirmed, %d requests", len(tr.calls), whole.writes, whole.syncs, len(w.crm.accepted()), len(w.oas.ledger()))
	rnd := rand.New(rand.NewPCG(w.seed, 5))
	for i := range cuts {
		at := began.Add(time.Duration(rnd.Int64N(int64(ended.Sub(began)))))
		w.goOn(ctx, tr, at, i, rnd)
		if t.Failed() {
			return
		}
	}
}

// goOn cuts the power at a moment and has a worker go on from what is left.
func (w *world) goOn(ctx context.Context, tr *trace, at time.Time, i int, rnd *rand.Rand) {
	w.t.Helper()
	survives := i % survivesAll
	d := tr.cut(at, survives, rnd)
	after := &world{t: w.t, seed: w.seed, dir: filepath.Join(w.dir, fmt.Sprintf("cut-%d", i)), settings: w.settings}
	if err := d.store(filepath.Join(after.dir, "data")); err != nil {
		w.t.Fatal(err)
	}
	after.oas = newOAs(w.seed)
	defer after.oas.close()
	after.oas.set("", nature{latency: 2 * time.Millisecond})
	for _, a := range w.oas.ledger() {
		if a.At.After(at) {
			continue
		}
		if a.Over.After(at) { // nobody was there any more to hear the answer
			a.Over, a.Answered = at, false
		}
		after.oas.arrivals = append(after.oas.arrivals, &a)
	}
	n := newNode(w.t, "after the cut", filepath.Join(after.dir, "data"), "--apply", after.files())
	n.kills = []kill{{at: at, until: at, node: "traced"}}
	after.nodes = append(after.nodes, n)
	defer n.end()
	n.start()
	after.listen("nats://" + n.nats)
	defer after.crm.conn.Close()
	confirmed := 0
	for _, e := range w.crm.all() {
		again := *e
		if again.stored.After(at) {
			again.stored = time.Time{}
		}
		if !again.stored.IsZero() {
			confirmed++
		}
		after.crm.events = append(after.crm.events, &again)
	}
	after.settle(ctx) // the CRM sends again what had no confirmation, as it would: it may be in the stream nevertheless
	after.rest(n, time.Minute)
	arrived := len(after.oas.ledger())
	v := after.judge(n, nil)
	w.t.Logf("cut %d, %s after the start, kind %d: %d writes lost; %d events were confirmed; %d requests after", i,
		at.Sub(tr.calls[0].begin).Round(time.Millisecond), survives, d.lost, confirmed, len(after.oas.ledger())-arrived+v.repeats)
	if len(v.wrong) == 0 {
		n.end()
		_ = os.RemoveAll(after.dir)
		return
	}
	w.t.Logf("%s said last:\n%s", n.name, n.log.end())
}
