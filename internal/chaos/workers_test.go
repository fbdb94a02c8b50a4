package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"todosync/internal/natstest"
	"todosync/internal/pgtest"
)

// A fleet is several workers on one PostgreSQL and one NATS cluster, and how many of them should run.
type fleet struct {
	*world
	pg   *pgtest.Server
	nats *natstest.Cluster
	more []kill // what takes something from workers without killing them
}

// newFleet starts so many workers.
func newFleet(w *world, workers int) *fleet {
	w.t.Helper()
	f := &fleet{world: w, pg: pgtest.Start(w.t, pgtest.Options{Durable: true}), nats: natstest.Start(w.t, natstest.Config{})}
	address := f.pg.Database(w.t)
	files, key := w.files(), filepath.Join(w.dir, "key")
	for i := range workers {
		flags := []string{"--nats", f.nats.URLs(), "--stream-replicas", "3", "--key-file", key}
		if i == 0 {
			flags = append(flags, "--apply", files)
		}
		n := newNode(w.t, fmt.Sprintf("worker %d", i), filepath.Join(w.dir, fmt.Sprintf("data%d", i)), flags...)
		n.env = []string{"TODOSYNC_STORE=" + address}
		w.nodes = append(w.nodes, n)
		n.start() // the first makes the key, the schema and the stream
		if i == 0 {
			w.bind(n)
		}
	}
	w.listen(f.nats.URLs())
	return f
}

// TestWorkers kills, stops, wakes and adds workers of a cluster of three under load, and takes servers of NATS and PostgreSQL away for a
// while. No event is lost, no todo gets out of order, and who was stopped sends nothing more for what it lost.
func TestWorkers(t *testing.T) {
	if !*long {
		t.Parallel()
	}
	events, gap, pace := 360, 700*time.Millisecond, time.Duration(0)
	faults := []string{"kill", "add", "kill"}
	if *long {
		events, gap, pace = 100_000, 12*time.Second, 25*time.Millisecond // 480 events a second at most
		faults = []string{"kill", "kill", "kill", "kill", "stop", "nats", "database", "quit"}
	}
	const tenants = 12
	w := newWorld(t, 51, settings{tenants: tenants, connections: 1, people: 6, concurrency: 4, more: impatient})
	w.oas.set("", nature{latency: 6 * time.Millisecond, firm: 6, bad: map[string]int{doBusy: 10, doLost: 5, doDrop: 5}})
	ctx := w.context()
	f := newFleet(w, 3)
	spoken := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(spoken)
		w.crm.speak(ctx, events/tenants, pace)
	}()
	rnd := rand.New(rand.NewPCG(w.seed, 9))
	done := map[string]int{}
	if !*long {
		for _, fault := range faults {
			pause(ctx, gap)
			f.strike(ctx, fault, rnd)
			done[fault]++
		}
	}
	for *long { // until nine of ten events are planned and sent
		pause(ctx, gap/2+time.Duration(rnd.Int64N(int64(gap))))
		fault := faults[rnd.IntN(len(faults))]
		f.strike(ctx, fault, rnd)
		done[fault]++
		at, err := w.nodes[0].figures()
		fmt.Fprintf(os.Stderr, "%s: %v; %d events confirmed, %d planned, %d deliveries wait, %d requests %v\n", time.Since(began).Round(time.Second),
			done, len(w.crm.accepted()), at.Events, at.Waiting, len(w.oas.ledger()), err)
		if err == nil && at.Events > int64(events*9/10) && at.Waiting < int64(events/5) {
			break
		}
	}
	<-spoken
	said := time.Since(began)
	w.settle(ctx)
	for _, n := range w.nodes {
		if n.ended() {
			n.start()
		}
	}
	limit := 2 * time.Minute
	if *long {
		limit = 20 * time.Minute
	}
	w.rest(w.nodes[0], limit)
	v := w.judge(w.nodes[0], func(h *history) { h.kills = append(h.kills, f.more...) })
	t.Logf("3 workers: %d events said in %s, all at rest after %s; %v; %d of the faults hit something in flight", v.events,
		said.Round(time.Second), time.Since(began).Round(time.Second), done, v.hitting)
	for _, n := range w.nodes {
		if code := n.stop(); code != 0 {
			t.Errorf("%s exits with %d", n.name, code)
		}
	}
}

// strike does one fault, to its end.
func (f *fleet) strike(ctx context.Context, fault string, rnd *rand.Rand) {
	f.t.Helper()
	n := f.nodes[rnd.IntN(len(f.nodes))]
	if n.ended() {
		n.start()
	}
	struck := kill{at: time.Now(), until: time.Now().Add(late), node: n.name}
	switch fault {
	case "kill":
		n.kill()
		pause(ctx, time.Duration(rnd.IntN(1500))*time.Millisecond)
		n.start()
	case "quit": // as an operator would, who takes one away and adds it later
		if code := n.stop(); code != 0 {
			f.t.Errorf("%s exits with %d", n.name, code)
		}
		pause(ctx, time.Duration(rnd.IntN(3000))*time.Millisecond)
		n.start()
	case "add": // a fourth for a while
		extra := newNode(f.t, "extra worker", filepath.Join(f.dir, "extra"), "--nats", f.nats.URLs(), "--stream-replicas", "3", "--key-file", filepath.Join(f.dir, "key"))
		extra.env = n.env
		f.nodes = append(f.nodes, extra)
		extra.start()
		pause(ctx, time.Second)
		extra.kill()
		extra.start()
	case "stop": // longer than its lease
		n.signal(syscall.SIGSTOP)
		pause(ctx, 60*time.Second)
		n.signal(syscall.SIGCONT)
		f.more = append(f.more, struck)
	case "nats":
		i := rnd.IntN(natstest.Nodes)
		f.nats.Stop(i)
		pause(ctx, time.Duration(1+rnd.IntN(5))*time.Second)
		f.nats.Restart(f.t, i)
	case "database":
		f.pg.Crash(f.t)
		pause(ctx, time.Duration(1+rnd.IntN(20))*time.Second)
		f.pg.Restart(f.t)
		f.more = append(f.more, struck)
	}
}

// TestStopped stops a worker for longer than its lease and wakes it: another has taken over what it had, within 20 s, and it sends nothing
// more for that.
func TestStopped(t *testing.T) {
	t.Parallel()
	away, limit := 30*time.Second, 28*time.Second // beside other tests everything takes longer
	if *long {
		away, limit = time.Minute, 20*time.Second
	}
	w := newWorld(t, 52, settings{tenants: 8, connections: 1, people: 4, concurrency: 4, more: impatient})
	w.oas.set("", nature{latency: 10 * time.Millisecond})
	f := newFleet(w, 2)
	ctx := w.context()
	speaking, quiet := context.WithCancel(ctx)
	defer quiet()
	spoken := make(chan struct{})
	go func() {
		defer close(spoken)
		w.crm.speak(speaking, 1<<30, 50*time.Millisecond)
	}()
	until(t, time.Minute, "events pass", func() bool { return len(w.oas.ledger()) > 200 })
	stopped := w.nodes[1]
	struck := kill{at: time.Now(), until: time.Now().Add(late), node: stopped.name}
	stopped.signal(syscall.SIGSTOP)
	f.more = append(f.more, struck)
	pause(ctx, away)
	stopped.signal(syscall.SIGCONT)
	pause(ctx, 2*time.Second)
	quiet()
	<-spoken
	gap := w.longestGap(struck.at, struck.at.Add(away))
	t.Logf("the longest time in which a tenant's OA got nothing: %s", gap.Round(time.Millisecond))
	if gap > limit {
		t.Errorf("what the stopped worker had was taken over after %s", gap)
	}
	w.settle(ctx)
	w.rest(w.nodes[0], time.Minute)
	w.judge(w.nodes[0], func(h *history) { h.kills = append(h.kills, f.more...) })
}

// longestGap is the longest time between two arrivals at one connection, of all connections.
func (w *world) longestGap(from, to time.Time) time.Duration {
	last, longest := map[string]time.Time{}, time.Duration(0)
	for _, a := range w.oas.ledger() {
		if a.At.Before(from) || a.At.After(to) {
			continue
		}
		p, ok := last[a.Connection]
		if !ok {
			p = from
		}
		longest = max(longest, a.At.Sub(p))
		last[a.Connection] = a.At
	}
	for _, p := range last {
		longest = max(longest, to.Sub(p))
	}
	return longest
}
